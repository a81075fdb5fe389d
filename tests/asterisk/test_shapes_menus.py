"""Shapes with a menu during the call: to the PIN check and back, whoever hangs up or dies meanwhile; docs/shapes.md."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest_asyncio

from cti.company import Flow, Node
from cti.company_menus import CallMenu, SampleCustomer
from cti.domain import events as ev
from cti.domain import menu_events as menus
from cti.domain.ids import CallId
from sip_sim.desktop import signed_in
from sip_sim.farm import AGENT_TONE
from tests.asterisk.desk import DEADLINE
from tests.asterisk.live import PASSWORD
from tests.asterisk.shapes import BEGIN, CALLERS, MARKS, SERVED, Centre, centre, company
from tests.asterisk.test_callbacks import types
from tests.until import until

pytestmark = MARKS
PIN, WRONG = "73519462", "26491537"
_LONG = timedelta(seconds=20)
_SHORT = timedelta(seconds=3)
"""A caller of a frozen service is free again when so long for each key, and a margin, has passed."""


def flows() -> tuple[Flow, ...]:
    """The centre's own, a check, a survey of one question; nobody waits for long where he is not to."""
    check = (
        Node(
            name="pin", kind="pin", label="Customer PIN", text={"en": "Your PIN."}, max_digits=8,
            retries=5, input_timeout=_SHORT, next="done", no_match="done", closed="done",
        ),
        Node(name="done", kind="hangup"),
    )  # fmt: skip
    survey = (
        Node(
            name="friendly", kind="menu", label="Friendly", text={"en": "One to two."},
            keys={"1": "done", "2": "done"}, retries=0, input_timeout=_LONG, no_match="done",
        ),
        Node(name="done", kind="hangup"),
    )  # fmt: skip
    question = (
        Node(
            name="once", kind="menu", text={"en": "Press one."}, keys={"1": "done"},
            retries=5, input_timeout=_SHORT, no_match="done",
        ),
        Node(name="done", kind="hangup"),
    )  # fmt: skip
    return (
        *company(1).flows,
        Flow(name="pin_check", start="pin", nodes=check),
        Flow(name="survey", start="friendly", nodes=survey),
        Flow(name="question", start="once", nodes=question),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live_centre() -> AsyncIterator[Centre]:
    menus_ = (
        CallMenu(name="verify_pin", label={"en": "Verify PIN"}, flow="pin_check"),
        CallMenu(name="question", label={"en": "Question"}, flow="question"),
        CallMenu(name="survey", label={"en": "Survey"}, flow="survey", comes_back=False),
    )
    customer = SampleCustomer(name="Cal", numbers=(CALLERS["cal"],), pin=PIN)
    async with centre(flows=flows(), call_menus=menus_, customers=(customer,)) as running:
        yield running


async def asked(at: Centre, menu: str = "verify_pin") -> CallId:
    """Ann has sent her caller to the check, and he is asked; or to another menu."""
    await at.begin("ann")
    call_id = await at.talking("ann")
    await at.desks["ann"].do("menu", menu=menu)
    await at.reaches(call_id, "on_hold", "ann")
    if menu == "verify_pin":
        await at.fact(ev.RecordingPaused)
    return call_id


async def hears_ann(at: Centre) -> None:
    """The caller hears his agent, not only that a bridge was made."""

    async def is_heard() -> bool:
        return (await at.callers["cal"].hear()).share(AGENT_TONE) > 0.5

    await until(is_heard, 60)


async def test_checked_and_back_with_the_result(at: Centre) -> None:
    call_id = await asked(at)
    await types(at, "cal", f"{WRONG}#", menus.PinChecked)
    await types(at, "cal", f"{PIN}#", menus.PinChecked, 2)
    await at.reaches(call_id, "talking", "ann")
    ended = await at.fact(menus.CallMenuEnded)
    assert ended.result == "verified"
    assert ended.tries >= 2  # on a loaded machine the wrong one is typed more than once
    await hears_ann(at)
    ann = at.desks["ann"]
    call = await ann.desktop.until(
        lambda d: d.call if d.call and d.call["menu"]["result"] else None
    )
    assert (call["menu"]["result"], call["menu"]["waiting"]) == ("verified", False)
    # What follows a menu is as ever: hold, and the agent's own end.
    await ann.do("hold")
    await at.reaches(call_id, "on_hold", "ann")
    await ann.do("retrieve")
    await at.reaches(call_id, "talking", "ann")
    await at.callers["cal"].do("hang_up")
    facts = await at.told(
        call_id,
        f"{BEGIN}on_hold talking on_hold talking",
        ended_by="caller",
        agents={"ann": SERVED},
    )
    # The looks at the world (cti/asterisk/audit.py) see nothing wrong while he is in the menu.
    assert not [e for e in facts if isinstance(e, ev.CallRecovered)]
    assert _found_in_files(at, PIN, WRONG) == []


def _found_in_files(at: Centre, *digits: str) -> list[str]:
    """Where anybody could read what he typed: database, logs, Asterisk's own files; not the company's samples."""
    home = at.product.settings.home
    places = {home, at.product.settings.asterisk_dir}
    found = []
    for path in (p for place in places for p in place.rglob("*")):
        if not path.is_file() or path.suffix in (".yaml", ".raw", ".opus", ".wav"):
            continue
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            found += [f"{path}: {d}" for d in digits if d.encode() in data]
    return found


async def test_fetched_back_and_sent_to_the_survey_for_good(at: Centre) -> None:
    call_id = await asked(at)
    ann = at.desks["ann"]
    await ann.do("fetch_back")
    await at.reaches(call_id, "talking", "ann")
    await hears_ann(at)
    await ann.do("menu", menu="survey")
    await ann.until("READY")  # her part is over; his isn't
    await types(at, "cal", "2", menus.CallMenuAnswered)
    facts = await at.told(
        call_id,
        f"{BEGIN}on_hold talking transferring menu|{BEGIN}on_hold talking menu",
        ended_by="system",
        agents={"ann": SERVED},
    )
    answers = [(e.label, e.digits) for e in facts if isinstance(e, menus.CallMenuAnswered)]
    assert answers == [("Friendly", "2")]


async def test_the_caller_hangs_up_in_the_menu(at: Centre) -> None:
    call_id = await asked(at)
    await at.callers["cal"].do("hang_up")
    await at.told(call_id, f"{BEGIN}on_hold", ended_by="caller", agents={"ann": SERVED})


async def test_the_agent_hangs_up_and_he_waits_in_his_place(at: Centre) -> None:
    call_id = await asked(at)
    first = await at.fact(ev.CallEnqueued)
    await at.desks["ann"].phone.do("hang_up")
    await at.fact(ev.LegEnded)
    await types(at, "cal", f"{PIN}#", menus.CallMenuEnded)
    again = await at.fact(ev.CallEnqueued, 2)
    assert (again.call_id, again.enqueued_at) == (call_id, first.enqueued_at)
    await at.reaches(call_id, "talking", "ann")  # who is free again
    await hears_ann(at)
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        f"{BEGIN}on_hold queue ringing talking",
        ended_by="caller",
        agents={"ann": f"{SERVED} RESERVED RINGING TALKING WRAP_UP READY"},
    )


async def test_the_service_is_frozen_then_killed_while_he_is_in_the_menu(at: Centre) -> None:
    call_id = await asked(at, "question")  # one key: the lease on his time is short
    product = at.product
    product.freeze()
    try:
        await hears_ann(at)  # the lease ran out, and the dialplan brought him back
    finally:
        product.thaw()
    await at.reaches(call_id, "talking", "ann")
    ann = at.desks["ann"]
    await ann.desktop.until(lambda d: d.call and d.call["state"] == "talking", DEADLINE)
    await ann.do("menu", menu="verify_pin")
    await at.fact(ev.RecordingPaused)
    await product.stop(signal.SIGKILL)
    try:
        await hears_ann(at)
    finally:
        await product.start()
    await at.reaches(call_id, "talking", "ann")
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as client,
        signed_in(client, product.place.web, "ann", PASSWORD) as again,
    ):
        call = await again.until(lambda d: d.call)
        assert (call["call_id"], call["state"]) == (call_id, "talking")
        assert (call["menu"]["result"], call["menu"]["waiting"]) == ("cut_short", False)
        assert call["can"]["menu"] == ""
        await at.callers["cal"].do("hang_up")
        await again.until(lambda d: d.state == "READY", DEADLINE)
    ends = [e.ended_by for e in await at.over(call_id) if isinstance(e, ev.CallEnded)]
    assert ends == ["caller"]
    assert len(await product.events(ev.TicketOpened, at.since)) == 1
