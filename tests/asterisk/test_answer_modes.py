"""How calls are handed over: automatic answer, whispered name, staff number; at shared phones, too. What each side hears.

The two announcements are recorded tones here, so that who hears which can be measured: the queue's name 1,000 Hz, the
staff number 1,300 Hz. The caller speaks 440 Hz, the agent 880 Hz, as in ``test_phones.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from cti.company import Company, Flow, Node, Number, Person, Queue
from cti.company_agents import DeskPhone
from cti.config import Settings
from cti.domain import events as ev
from sip_sim.desktop import DesktopRefused, HeadlessDesktop, signed_in
from sip_sim.phone import Heard, SoftPhone, soft_phone
from tests.asterisk.live import PASSWORD, Live, live, record_prompt
from tests.asterisk.test_phones import (
    AGENT,
    HEARD,
    LINE,
    LOUD,
    NOT_HEARD,
    Desk,
    Stage,
    assert_talking,
    hear_until,
)
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]
NAME, NUMBER = 1000.0, 1300.0
NAME_TIME, NUMBER_TIME = 9.0, 4.0
"""Seconds; both sides are heard a second at a time, and who hangs up in the whisper must be in it yet."""
ZERO = timedelta(0)
ANNS, SHARED = "4100", "3001"
"""A number that rings Ann wherever she sits, and a desk phone that is everybody's."""


def company() -> Company:
    """Two agents, and a queue that hands over with everything there is."""
    return Company(
        name="Manners",
        people=tuple(
            Person(
                login=login, name=login.title(), staff_number=f"80{i}", extension=str(1000 + i),
                queues=("line",),
            )
            for i, login in enumerate(("ann", "bob"), start=1)
        ),
        queues=(
            Queue(
                name="line", label={"en": "Line"}, ring_time=timedelta(seconds=10), wrap_up_time=ZERO,
                gap_time=ZERO, announce_every=ZERO, answer="automatic", whispers_name=True,
                says_staff_number=True, may_decline=False,
            ),
        ),
        flows=(Flow(name="straight", start="wait", nodes=(Node(name="wait", kind="queue", queue="line"),)),),
        numbers=(
            Number(dnis=LINE, flow="straight"), Number(dnis=ANNS, extension="1001", label="Ann"),
        ),
        desk_phones=(DeskPhone(extension=SHARED, label={"en": "Window"}),),
        default_flow="straight",
    )  # fmt: skip


def record_prompts(settings: Settings) -> None:
    """Tones in place of what would be spoken."""
    number = (NUMBER, NUMBER_TIME)
    names = {
        "meet-queue-line": (NAME, NAME_TIME), "meet-staff-1001": number, "meet-staff-1002": number,
    }  # fmt: skip
    for name, (frequency, length) in names.items():
        record_prompt(settings, name, frequency, length)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(company(), simulated=1, prepare=record_prompts) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lines(product: Live, site: Path) -> AsyncIterator[dict[str, SoftPhone]]:
    """The desk phones of ann and bob."""
    stage = Stage(product, site, {})
    async with stage.line("ann") as ann, stage.line("bob") as bob:
        yield {"ann": ann, "bob": bob}


@pytest_asyncio.fixture(loop_scope="module")
async def stage(product: Live, site: Path, lines: dict[str, SoftPhone]) -> AsyncIterator[Stage]:
    """Everything, clean before and after."""
    yield Stage(product, site, lines)
    await until(lambda: asyncio.to_thread(lambda: not product.pbx.leftovers()), 10)


def is_whispered(at_caller: Heard, at_agent: Heard) -> bool:
    """The agent hears the queue's name, and the caller his music and nothing of it."""
    return (
        at_agent.share(NAME, LOUD) > HEARD > NOT_HEARD > at_caller.share(NAME, LOUD)
        and at_caller.sound > HEARD
    )


async def assert_whispered(caller: SoftPhone, agent: SoftPhone) -> None:
    """The phone answers, and the name is whispered."""
    await agent.wait_for("media", active=True)
    await hear_until(caller, agent, is_whispered)


def is_numbered(at_caller: Heard, at_agent: Heard) -> bool:
    """The caller hears the staff number, and the agent nothing of it."""
    return at_caller.share(NUMBER, LOUD) > HEARD > NOT_HEARD > at_agent.share(NUMBER, LOUD)


@contextlib.asynccontextmanager
async def obeying(stage: Stage, login: str) -> AsyncIterator[Desk]:
    """An agent whose phone rings, unless it is asked to answer by itself."""
    phone = stage.lines[login]
    async with stage.desk(login, phone, answer_with=180, is_ready=False) as desk:
        await phone.do("answering", status=180, obeys=True)
        await desk.desktop.command("agent.ready")
        yield desk


async def test_the_phone_answers_by_itself_and_each_side_hears_what_is_for_him(
    stage: Stage,
) -> None:
    async with obeying(stage, "ann") as ann, stage.caller() as caller:
        await assert_whispered(caller, ann.phone)
        assert ann.desktop.call is not None
        assert ann.desktop.call["state"] in (
            "offered",
            "ringing",
        )  # this phone answers without a 180
        assert ann.desktop.call["auto_answer"]
        assert ann.desktop.call["can"]["decline"]  # why not
        await hear_until(caller, ann.phone, is_numbered)
        await assert_talking(caller, ann.phone)
        await ann.until("TALKING")
        assert not await stage.facts(ev.CallNotAnswered)


async def test_who_hangs_up_in_the_whisper_loses_no_caller(stage: Stage) -> None:
    async with obeying(stage, "ann") as ann, stage.caller() as caller:
        await assert_whispered(caller, ann.phone)
        await ann.phone.do("hang_up")
        await ann.until("NOT_READY")
        assert ann.desktop.sections["agent"]["reason"] == "rona"  # nobody may decline here
        async with obeying(stage, "bob") as bob:
            await assert_whispered(caller, bob.phone)
            await hear_until(caller, bob.phone, is_numbered)
            await assert_talking(caller, bob.phone)
            missed = await stage.fact(ev.AgentDidNotAnswer)
            assert (missed.agent_id, missed.reason) == ("ann", "no_answer")
            assert len(await stage.enqueued()) == 1
            assert not await stage.facts(ev.CallAbandoned)


async def test_a_service_that_dies_in_the_whisper_keeps_nobody_apart(stage: Stage) -> None:
    is_proven = False
    with contextlib.suppress(aiohttp.ClientError):  # the desktop of before can't sign out any more
        async with obeying(stage, "ann") as ann, stage.caller() as caller:
            await assert_whispered(caller, ann.phone)
            await stage.product.stop(signal.SIGKILL)
            try:
                await hear_until(caller, ann.phone, is_numbered)
                await assert_talking(caller, ann.phone)
            finally:
                await stage.product.start()
            await until(lambda: is_talking(stage, "ann"), 15)
            await assert_talking(caller, ann.phone)
            is_proven = True
    assert is_proven
    async with page(stage, "ann") as again:  # she is there yet, by the journal
        await again.command("agent.sign_out")
        await again.until(lambda d: d.state == "LOGGED_OUT")


@contextlib.asynccontextmanager
async def page(stage: Stage, login: str) -> AsyncIterator[HeadlessDesktop]:
    """Somebody's desktop, and nothing done there."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
        signed_in(client, stage.product.place.web, login, PASSWORD) as desktop,
    ):
        yield desktop


async def test_whose_calls_ring_at_a_shared_phone(stage: Stage) -> None:
    secret = stage.product.pbx.secrets.endpoint(SHARED)
    async with soft_phone(stage.site, AGENT, ("PCMA",)) as phone:
        await phone.register(stage.product.place.sip, SHARED, secret)
        async with page(stage, "ann") as ann:
            offered = ann.sections["me"]["shared_phones"]
            assert [each["extension"] for each in offered] == [SHARED]
            await ann.command("agent.sign_in", phone="shared", extension=SHARED)
        await phone.do("answering", status=200)
        async with stage.caller(ANNS) as caller:  # to her own extension
            await phone.wait_for("media", active=True)
            await assert_talking(caller, phone)
            assert (await stage.fact(ev.CallConnected)).endpoint == SHARED
            await until(lambda: is_talking(stage, "ann"), 15)
            async with page(stage, "bob") as bob:
                with pytest.raises(DesktopRefused, match="desk_taken"):
                    await bob.command("agent.sign_in", phone="shared", extension=SHARED)
        await stage.product.stop(signal.SIGKILL)
        await stage.product.start()
        async with page(stage, "ann") as ann, page(stage, "bob") as bob:
            await ann.until(lambda d: d.state == "NOT_READY")
            assert ann.sections["phone"]["endpoint"] == SHARED  # she sits there still
            await bob.command("agent.sign_in", phone="shared", extension=SHARED)
            await ann.until(lambda d: d.state == "LOGGED_OUT")
            await bob.until(lambda d: d.sections["phone"]["state"] == "idle")
            phone.events.clear()
            await bob.command("agent.ready")
            async with stage.caller() as caller:
                await assert_whispered(caller, phone)
                await hear_until(caller, phone, is_numbered)  # Bob's, not the phone's
                await assert_talking(caller, phone)
            await bob.until(lambda d: d.state == "READY")
            await bob.command("agent.sign_out")


async def is_talking(stage: Stage, login: str) -> bool:
    """Whether the journal says so at last."""
    found = await stage.product.events(ev.AgentStateChanged, stage.since)
    return [e.state for e in found if e.agent_id == login][-1] == "TALKING"
