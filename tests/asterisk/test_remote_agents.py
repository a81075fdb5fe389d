"""An agent's phone outside: called through the trunk, asked for a key, and joined with the caller by nothing else.

What is asked is a recorded tone of 1,000 Hz here, so that who hears it can be measured. The caller speaks 440 Hz, the
agent's mobile phone, which a stand-in for the carrier plays, 880 Hz.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from cti.company import Company, Flow, Node, Number, Outbound, Person, Queue
from cti.company_agents import OutsidePhone
from cti.config import Settings
from cti.domain import events as ev
from cti.domain.records import to_record
from sip_sim.desktop import DesktopRefused, HeadlessDesktop, signed_in
from sip_sim.phone import Heard, SoftPhone, soft_phone
from tests.asterisk.live import PASSWORD, Live, live, record_prompt
from tests.asterisk.pbx import OUTSIDE_PORT
from tests.asterisk.test_phones import (
    AGENT,
    HEARD,
    LINE,
    LOUD,
    NOT_HEARD,
    RECORDED,
    Stage,
    assert_on_hold,
    assert_talking,
    hear_until,
)
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]
ASKED = 1000.0
ASKED_TIME = 4.0  # seconds; it is heard a second at a time
MOBILE, ANN = "13800138000", "1001r"
ZERO = timedelta(0)


def company() -> Company:
    """Ann, who may take calls wherever she can be called."""
    return Company(
        name="Remote",
        people=(
            Person(
                login="ann", name="Ann", staff_number="801", extension="1001", queues=("line",),
                outside_phone=OutsidePhone(),
            ),
        ),
        queues=(
            Queue(
                name="line", label={"en": "Line"}, ring_time=timedelta(seconds=10),
                wrap_up_time=ZERO, gap_time=ZERO, announce_every=ZERO,
            ),
        ),
        flows=(Flow(name="straight", start="wait", nodes=(Node(name="wait", kind="queue", queue="line"),)),),
        numbers=(Number(dnis=LINE, flow="straight"),),
        default_flow="straight",
        outbound=Outbound(
            address=f"127.0.0.1:{OUTSIDE_PORT}", caller_id="+864001234567", allowed=("13",),
            emergency=("120",),
        ),
    )  # fmt: skip


def record_prompts(settings: Settings) -> None:
    """A tone in place of what would be asked."""
    for name in ("remote-queue-line", "remote-any"):
        record_prompt(settings, name, ASKED, ASKED_TIME)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(company(), simulated=1, prepare=record_prompts) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def stage(product: Live, site: Path) -> AsyncIterator[Stage]:
    """Everything, clean before and after."""
    yield Stage(product, site, {})
    await until(lambda: asyncio.to_thread(lambda: not product.pbx.leftovers()), 10)


@pytest_asyncio.fixture(loop_scope="module")
async def mobile(site: Path, product: Live) -> AsyncIterator[SoftPhone]:
    """What the carrier reaches, whatever number is called."""
    async with soft_phone(site, AGENT, ("PCMA",), OUTSIDE_PORT) as phone:
        await phone.do("outside", server=product.place.sip, number=MOBILE, name="")
        yield phone


@contextlib.asynccontextmanager
async def page(stage: Stage) -> AsyncIterator[HeadlessDesktop]:
    """Ann's desktop, and nothing done there."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
        signed_in(client, stage.product.place.web, "ann", PASSWORD) as desktop,
    ):
        yield desktop


@contextlib.asynccontextmanager
async def outside(stage: Stage) -> AsyncIterator[HeadlessDesktop]:
    """Ann, signed in with her mobile phone and ready."""
    async with page(stage) as ann:
        assert ann.sections["me"]["outside_phone"] == {"numbers": []}
        await ann.command("agent.sign_in", phone="outside", number="138 0013 8000")
        await ann.until(lambda d: d.sections["phone"]["state"] == "idle")
        assert (ann.sections["phone"]["kind"], ann.sections["phone"]["endpoint"]) == (
            "outside",
            ANN,
        )
        await ann.command("agent.ready")
        try:
            yield ann
        finally:
            await ann.command("agent.sign_out")


async def is_away(ann: HeadlessDesktop, reason: str) -> None:
    await ann.until(lambda d: d.state == "NOT_READY" and d.sections["agent"]["reason"] == reason)


def is_asked(at_caller: Heard, at_agent: Heard) -> bool:
    """Whoever answered is asked for the key; the caller hears his music, and nothing of it."""
    return (
        at_agent.share(ASKED, LOUD) > HEARD > NOT_HEARD > at_caller.share(ASKED, LOUD)
        and at_caller.share(AGENT, LOUD) < NOT_HEARD
        and at_caller.sound > HEARD
    )


async def assert_asked(caller: SoftPhone, mobile: SoftPhone) -> None:
    await mobile.wait_for("media", within=30, active=True)
    await hear_until(caller, mobile, is_asked)


async def test_only_a_key_joins_the_two(stage: Stage, mobile: SoftPhone) -> None:
    await mobile.do("answering", status=200)
    async with outside(stage) as ann:
        async with stage.caller() as caller:
            await assert_asked(caller, mobile)
            assert ann.call is not None
            assert ann.call["state"] in ("offered", "ringing")
            await mobile.do("hang_up")  # as a voicemail box does at its end
            await is_away(ann, "rona")
            missed = await stage.fact(ev.AgentDidNotAnswer)
            assert missed.reason == "no_answer"
            await ann.command("agent.ready")
            await assert_asked(caller, mobile)
            await mobile.do("digits", digits="2")
            await is_away(ann, "declined")
            assert not await stage.facts(ev.CallConnected)
            await ann.command("agent.ready")
            await assert_asked(caller, mobile)
            await mobile.do("digits", digits="1")
            await ann.until(lambda d: d.state == "TALKING")
            await assert_talking(caller, mobile)
            assert (await stage.fact(ev.CallConnected)).endpoint == ANN
            assert len(await stage.enqueued()) == 1
            assert ann.call is not None
            await ann.command("call.hold", call_id=ann.call["call_id"])
            await assert_on_hold(caller, mobile)
            await ann.command("call.retrieve", call_id=ann.call["call_id"])
            await assert_talking(caller, mobile)
            await ann.command("call.hang_up", call_id=ann.call["call_id"])
            await ann.until(lambda d: d.state == "READY")
        await stage.fact(ev.RecordingAttached, within=90)  # whoever makes it is nice to calls
        heard = await stage.recording(ann)
        spoken = Heard(heard.samples[:, 1], heard.rate)
        assert spoken.share(ASKED, LOUD) < NOT_HEARD < RECORDED < spoken.share(AGENT)
    with_number = [
        e for e in await stage.product.since(0) if MOBILE in json.dumps(to_record(e).data)
    ]
    assert not with_number
    assert MOBILE not in stage.product.log_text()


async def test_what_may_not_be_called_is_refused_and_a_busy_phone_isnt_a_lost_one(
    stage: Stage, mobile: SoftPhone
) -> None:
    async with page(stage) as ann:
        for number in ("120", "90012345678", LINE, "1001"):
            with pytest.raises(DesktopRefused, match="number_not_allowed"):
                await ann.command("agent.sign_in", phone="outside", number=number)
        assert ann.state == "LOGGED_OUT"
    async with outside(stage) as ann:
        await mobile.do("answering", status=486)
        async with stage.caller():
            await is_away(ann, "declined")
            await mobile.do("answering", status=503)
            await ann.command("agent.ready")
            await is_away(ann, "phone_lost")
            assert len(await stage.enqueued()) == 1


async def test_a_dead_service_asks_for_the_key_too(stage: Stage, mobile: SoftPhone) -> None:
    await mobile.do("answering", status=200)
    with contextlib.suppress(aiohttp.ClientError):  # the desktop of before is gone with the service
        async with outside(stage):
            await stage.product.stop(signal.SIGKILL)
    try:
        async with stage.caller() as caller:
            await assert_asked(caller, mobile)
            await mobile.do("digits", digits="1")
            await assert_talking(caller, mobile)
            await stage.product.start()
            async with page(stage) as ann:
                await ann.until(lambda d: d.state == "TALKING")
                assert ann.sections["phone"]["endpoint"] == ANN
                await assert_talking(caller, mobile)
                await mobile.do("hang_up")
                await ann.until(lambda d: d.state == "READY")
                await ann.command("agent.sign_out")
    finally:
        if stage.product.process is None or stage.product.process.returncode is not None:
            await stage.product.start()
