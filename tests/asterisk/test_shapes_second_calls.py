"""Shapes of calls that reach somebody who talks: they wait, are accepted, declined, or find him busy; docs/shapes.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from cti.company import Company
from cti.domain import events as ev
from cti.domain.ids import CallId
from sip_sim.desktop import DesktopRefused
from tests.asterisk.desk import DEADLINE, Desk, eventually, to
from tests.asterisk.shapes import (
    ASKED,
    BEGIN,
    BY,
    DIALLED,
    DIRECT,
    LINE,
    MARKS,
    SERVED,
    Centre,
    centre,
    company,
)

pytestmark = MARKS
RINGS, BUSY = 180, 486
ANSWERED = "RINGING TALKING NOT_READY"


def _people() -> tuple[Any, ...]:
    """As ever, but calls don't wait for dee."""
    plain: Company = company(1)
    return tuple(
        p.model_copy(update={"call_waiting": False}) if p.login == "dee" else p
        for p in plain.people
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live_centre() -> AsyncIterator[Centre]:
    async with centre(people=_people()) as running:
        yield running


async def second(desk: Desk, state: str, call_id: CallId | None = None) -> dict[str, Any]:
    """Wait until his desktop shows a second call in this state."""

    def shown(d: Any) -> Any:
        value = d.sections["second"]
        is_it = value is not None and value["state"] == state
        return value if is_it and call_id in (None, value["call_id"]) else None

    found: dict[str, Any] = await eventually(
        desk.desktop.until(shown, DEADLINE),
        lambda: f"{desk.login}'s second call is {desk.desktop.sections['second']}",
    )
    return found


async def no_second(desk: Desk) -> None:
    """Wait until there is none (any more)."""
    await desk.desktop.until(lambda d: d.sections["second"] is None, DEADLINE)


async def shows(desk: Desk, call_id: CallId, state: str) -> None:
    """Wait until this call stands on his desktop."""
    await eventually(
        desk.desktop.until(
            lambda d: d.call and (d.call["call_id"], d.call["state"]) == (call_id, state), DEADLINE
        ),
        lambda: f"{desk.login}'s desktop shows {desk.desktop.call}",
    )


async def accept(at: Centre, desk: Desk, first: CallId, call_id: CallId, line: int) -> None:
    """The page accepts; the desk phone, which is asked then, is lifted when the first caller is on hold."""
    accepting = asyncio.create_task(desk.desktop.command("call.accept", call_id=call_id))
    await at.reaches(first, "on_hold")
    await desk.phone.do("answer", call=line)
    await accepting
    await shows(desk, call_id, "talking")
    held = await second(desk, "on_hold", first)
    # Who is only asked can't put his colleague on hold.
    assert bool(held["accept"]) is (desk.desktop.sections["agent"]["kind"] == "consult")


async def busy_with(at: Centre, login: str, number: str) -> CallId:
    """Somebody talks, and lets the next call ring."""
    call_id = await at.talking(login, number)
    phone = at.desks[login].phone
    phone.events.clear()
    await phone.do("answering", status=RINGS)
    return call_id


@BY
async def test_a_colleagues_call_waits_and_is_accepted(at: Centre, by: str) -> None:
    """No caller of a queue is offered to who talks, holds or is rung; afterwards he is."""
    (ann,) = await at.begin("ann")
    first = await busy_with(at, "ann", LINE)
    waiting = await at.call(LINE, "dan")
    await at.desks["bob"].begin_call(by, "agent", "1001")
    line = await ann.line()
    shown = await second(ann, "waiting")
    assert (shown["kind"], shown["name"], shown["accept"]) == ("internal", "Bob", "")
    call_id = CallId(shown["call_id"])
    await shows(ann, first, "talking")
    await accept(at, ann, first, call_id, line)
    await at.desks["bob"].phone.do("hang_up")
    await shows(ann, first, "on_hold")
    await no_second(ann)
    reserved = await at.product.events(ev.AgentReserved, at.since)
    assert {e.call_id for e in reserved} == {first}
    await ann.do("retrieve")
    await at.reaches(first, "talking", "ann")
    await ann.phone.do("answering", status=200)
    await at.callers["cal"].do("hang_up")
    await at.reaches(waiting, "talking", "ann")
    await at.recorded(waiting)
    await at.callers["dan"].do("hang_up")
    twice = {"ann": f"{SERVED} {SERVED}", "bob": DIALLED}
    await at.told(
        first, f"{BEGIN}on_hold talking", ended_by="caller", agents=twice, calls=3, wrap_ups=1
    )
    await at.told(waiting, BEGIN.strip(), ended_by="caller", agents=twice, calls=3, wrap_ups=1)
    await at.told(
        call_id, "ringing talking", ended_by="agent|caller", has_ticket=False, recordings=0,
        agents=twice, calls=3,
    )  # fmt: skip


async def test_a_direct_call_is_declined(at: Centre) -> None:
    """Its caller goes where nobody's answer sends him; the first caller hears nothing of it."""
    await at.begin("ann")
    bob = at.desks["bob"]
    first = await busy_with(at, "bob", DIRECT)
    call_id = await at.call(DIRECT, "dan")
    shown = await second(bob, "waiting", call_id)
    assert (shown["kind"], shown["decline"]) == ("direct", "")
    await bob.line()
    await bob.desktop.command("call.decline", call_id=call_id)
    await no_second(bob)
    await at.reaches(call_id, "talking", "ann")
    await at.recorded(call_id)
    await shows(bob, first, "talking")
    for who in ("dan", "cal"):
        await at.callers[who].do("hang_up")
    agents = {"bob": ANSWERED, "ann": SERVED}
    await at.told(
        call_id, "menu ringing queue ringing talking", ended_by="caller", agents=agents, calls=2
    )
    await at.told(first, "menu ringing talking", ended_by="caller", agents=agents, calls=2)


@BY
async def test_a_transfer_waits_and_is_accepted(at: Centre, by: str) -> None:
    (ann,) = await at.begin("ann")
    bob = at.desks["bob"]
    first = await busy_with(at, "bob", DIRECT)
    call_id = await at.talking("ann", LINE, "dan")
    await ann.send_on(by, "agent", "1002")
    line = await bob.line()
    assert (await second(bob, "waiting", call_id))["kind"] == "transfer"
    await accept(at, bob, first, call_id, line)
    await at.callers["dan"].do("hang_up")
    await shows(bob, first, "on_hold")
    await bob.do("retrieve")
    await at.reaches(first, "talking", "bob")
    await at.callers["cal"].do("hang_up")
    agents = {"ann": SERVED, "bob": f"{ANSWERED}|RINGING TALKING WRAP_UP NOT_READY"}
    await at.told(
        call_id, f"{BEGIN}transferring ringing talking", ended_by="caller", agents=agents, calls=2
    )
    await at.told(
        first, "menu ringing talking on_hold talking", ended_by="caller", agents=agents, calls=2
    )


async def test_a_transfer_is_declined_and_goes_back(at: Centre) -> None:
    (ann,) = await at.begin("ann")
    bob = at.desks["bob"]
    first = await busy_with(at, "bob", DIRECT)
    call_id = await at.talking("ann", LINE, "dan")
    await ann.send_on("page", "agent", "1002")
    await second(bob, "waiting", call_id)
    await bob.desktop.command("call.decline", call_id=call_id)
    await at.reaches(call_id, "talking", "ann")
    await no_second(bob)
    for who in ("dan", "cal"):
        await at.callers[who].do("hang_up")
    agents = {
        "ann": f"{SERVED} RINGING TALKING WRAP_UP READY|{SERVED[:-6]} RINGING TALKING WRAP_UP READY",
        "bob": ANSWERED,
    }
    await at.told(
        call_id, f"{BEGIN}transferring ringing talking", ended_by="caller", agents=agents, calls=2
    )
    await at.told(first, "menu ringing talking", ended_by="caller", agents=agents, calls=2)


async def test_a_consultation_waits_and_the_caller_is_handed_over(at: Centre) -> None:
    (ann,) = await at.begin("ann")
    bob = at.desks["bob"]
    first = await busy_with(at, "bob", DIRECT)
    call_id = await at.talking("ann", LINE, "dan")
    await ann.do("consult", target=to("agent", "1002"))
    line = await bob.line()
    shown = await second(bob, "waiting", call_id)
    assert (shown["kind"], shown["name"]) == ("consult", "Ann")
    await accept(at, bob, first, call_id, line)
    await at.reaches(call_id, "consulting")
    await ann.do("complete")
    await at.reaches(call_id, "talking", "bob")
    await second(bob, "on_hold", first)
    await bob.do("hang_up")
    await shows(bob, first, "on_hold")
    await bob.do("hang_up")
    agents = {"ann": SERVED, "bob": f"{ANSWERED}|RINGING TALKING WRAP_UP NOT_READY"}
    await at.told(call_id, f"{BEGIN}consulting talking", ended_by="agent", agents=agents, calls=2)
    await at.told(first, "menu ringing talking on_hold", ended_by="agent", agents=agents, calls=2)


async def test_the_one_who_waits_gives_up_and_a_third_finds_him_busy(at: Centre) -> None:
    await at.begin()
    bob, cai, dee = (at.desks[name] for name in ("bob", "cai", "dee"))
    first = await busy_with(at, "bob", DIRECT)
    call_id = await at.call(DIRECT, "dan")
    await second(bob, "waiting", call_id)
    with pytest.raises(DesktopRefused, match="busy_target"):
        await cai.desktop.command("call.dial", target=to("agent", "1002"))
    await dee.dial("1002")
    third = await at.begun(3)
    assert (await at.fact(ev.DialFailed)).result == "busy"
    assert not [e for e in await at.facts(third) if isinstance(e, ev.LegDialled)]
    await second(bob, "waiting", call_id)
    await at.callers["dan"].do("hang_up")
    await no_second(bob)
    await shows(bob, first, "talking")
    await at.callers["cal"].do("hang_up")
    agents = {"bob": ANSWERED, "dee": "TALKING NOT_READY"}
    await at.told(
        call_id, "menu ringing", ended_by="caller", has_ticket=False, recordings=0, agents=agents,
        calls=3,
    )  # fmt: skip
    await at.told(first, "menu ringing talking", ended_by="caller", agents=agents, calls=3)


async def test_the_first_call_ends_and_the_one_that_waited_rings(at: Centre) -> None:
    await at.begin()
    bob = at.desks["bob"]
    first = await busy_with(at, "bob", DIRECT)
    await at.desks["cai"].dial("1002")
    line = await bob.line()
    call_id = CallId((await second(bob, "waiting"))["call_id"])
    await at.callers["cal"].do("hang_up")
    await shows(bob, call_id, "ringing")
    await no_second(bob)
    await bob.phone.do("answer", call=line)
    await shows(bob, call_id, "talking")
    await bob.phone.do("hang_up")
    agents = {"bob": "RINGING TALKING RINGING TALKING NOT_READY", "cai": DIALLED}
    await at.told(first, "menu ringing talking", ended_by="caller", agents=agents, calls=2)
    await at.told(
        call_id, "ringing talking", ended_by="agent", has_ticket=False, recordings=0, agents=agents,
        calls=2,
    )  # fmt: skip


async def test_by_the_keys_of_a_phone_with_two_lines(at: Centre) -> None:
    """Hold, answer the second, swap, end it: the desktop shows the one that he hears."""
    await at.begin()
    bob = at.desks["bob"]
    first = await at.talking("bob", DIRECT)
    one = await bob.line()
    bob.phone.events.clear()
    await bob.phone.do("answering", status=RINGS)
    await at.desks["cai"].dial("1002")
    two = await bob.line()
    call_id = CallId((await second(bob, "waiting"))["call_id"])
    await bob.phone.do("hold", call=one)
    await at.reaches(first, "on_hold")
    await bob.phone.do("answer", call=two)
    await shows(bob, call_id, "talking")
    assert (await second(bob, "on_hold", first))["accept"] != ""  # only the phone can
    await bob.phone.do("hold", call=two)
    await at.reaches(call_id, "on_hold")
    await bob.phone.do("retrieve", call=one)
    await shows(bob, first, "talking")
    await second(bob, "on_hold", call_id)
    await at.desks["cai"].phone.do("hang_up")
    await no_second(bob)
    await bob.phone.do("hang_up", call=one)
    agents = {"bob": ANSWERED, "cai": DIALLED}
    await at.told(
        first, "menu ringing talking on_hold talking", ended_by="agent", agents=agents, calls=2
    )
    await at.told(
        call_id, "ringing talking on_hold", ended_by="caller|agent", has_ticket=False, recordings=0,
        agents=agents, calls=2,
    )  # fmt: skip


async def test_for_whom_calls_do_not_wait_is_busy(at: Centre) -> None:
    await at.begin()
    dee, cai = at.desks["dee"], at.desks["cai"]
    await at.desks["bob"].dial("1004")
    call_id = await at.begun()
    await at.reaches(call_id, "talking", "dee")
    with pytest.raises(DesktopRefused, match="busy_target"):
        await cai.desktop.command("call.dial", target=to("agent", "1004"))
    await cai.dial("1004")
    assert (await at.fact(ev.DialFailed)).result == "busy"
    assert dee.desktop.sections["second"] is None
    await dee.phone.do("hang_up")
    await at.told(
        call_id, "ringing talking", ended_by="agent", has_ticket=False, recordings=0, calls=2,
        agents={"bob": DIALLED, "dee": ASKED, "cai": "TALKING NOT_READY"},
    )  # fmt: skip
