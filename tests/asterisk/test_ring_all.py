"""Ring all on a real Asterisk: three phones on the wire, three desktops, callers who are counted."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TypeVar

import pytest
import pytest_asyncio

from cti.domain import events as ev
from cti.domain.ids import CallId
from tests.asterisk.invariants import until_consistent
from tests.asterisk.live import Live, live
from tests.asterisk.races import Seat, seated
from tests.asterisk.scene import LINE, Scene, fault_company
from tests.asterisk.wire_phone import wire_phone
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]
E = TypeVar("E", bound=ev.CallEvent)
LOGINS = ("agent1", "agent2", "agent3")
RING_TIME = timedelta(seconds=3)
DEADLINE = 30.0
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    company = fault_company(3, ring_time=RING_TIME, strategy="ring_all")
    # Phones on the wire send no sound, and a start may take long.
    async with live(company, simulated=1, rtp_timeout=600) as running:
        yield running


class Floor:
    """Three agents at their desks, and whoever calls."""

    def __init__(self, stage: Scene, seats: list[Seat], stack: contextlib.AsyncExitStack) -> None:
        self.stage, self.seats, self.stack = stage, seats, stack

    async def call(self) -> CallId:
        """One more caller; returns his call as soon as the journal knows it."""
        number = self.stage.number()
        opened = wire_phone(self.stage.product.place.sip, number)
        phone = await self.stack.enter_async_context(opened)
        phone.call(LINE)

        async def known() -> CallId | None:
            return (await self.stage.call_ids(0, [number])).get(number)

        found: CallId = await until(known, DEADLINE)
        return found

    async def rung(self, call_id: CallId) -> None:
        """All three phones ring, each with the caller on its agent's page."""
        await until(lambda: all(seat.is_ringing for seat in self.seats), DEADLINE)
        for seat in self.seats:
            await seat.desktop.until(lambda d: d.call and d.call["call_id"] == call_id, DEADLINE)

    async def clear(self, *seats: Seat) -> None:
        """Nothing of the call is left with these agents: page, phone, state."""
        for seat in seats:
            await seat.desktop.until(lambda d: d.call is None and d.state == "READY", DEADLINE)
            assert seat.is_over

    async def facts(self, call_id: CallId, kind: type[E], count: int) -> list[E]:
        """The call's events of a kind, when so many are in the journal."""

        async def enough() -> list[E]:
            found = [e for e in await self.stage.facts(call_id) if isinstance(e, kind)]
            return found if len(found) >= count else []

        found: list[E] = await until(enough, DEADLINE)
        return found

    async def released(self, call_id: CallId, count: int) -> dict[str, str]:
        """By agent, why his reservation ended."""
        found = await self.facts(call_id, ev.ReservationReleased, count)
        assert len(found) == count
        return {e.agent_id: e.reason for e in found}

    async def done(self) -> None:
        """All callers hang up; agents and Asterisk agree about what is left."""
        await self.stage.end_all(list(await self.stage.callers()))
        for seat in self.seats:
            await seat.until_ready()
        await until_consistent(self.stage)


@pytest_asyncio.fixture(loop_scope="module")
async def floor(stage: Scene) -> AsyncIterator[Floor]:
    async with contextlib.AsyncExitStack() as stack:
        seats = [await stack.enter_async_context(seated(stage, login)) for login in LOGINS]
        for seat in seats:
            seat.phone.status = 180  # lets it ring
        yield Floor(stage, seats, stack)


async def test_all_ring_one_answers_and_the_others_are_as_if_nothing_had_been(floor: Floor) -> None:
    first, second, third = floor.seats
    second.phone.status, second.phone.answers_after = 200, timedelta(seconds=1)
    call = await floor.call()
    await floor.rung(call)
    await second.desktop.until(lambda d: d.state == "TALKING", DEADLINE)
    await until(lambda: first.is_over and third.is_over, DEADLINE)
    assert {line.reason for seat in (first, third) for line in seat.phone.lines} == {ELSEWHERE}
    await floor.clear(first, third)
    released = await floor.released(call, 2)
    assert released == dict.fromkeys(LOGINS[::2], "answered_elsewhere")
    facts = await floor.stage.facts(call)
    kinds = [type(e) for e in facts]
    assert kinds.count(ev.AgentReserved) == kinds.count(ev.PopSent) == 3
    # Each had the caller on his screen before any phone was told to ring.
    last_pop = max(i for i, kind in enumerate(kinds) if kind is ev.PopSent)
    assert last_pop < kinds.index(ev.LegDialled)
    assert [e.agent_id for e in facts if isinstance(e, ev.CallAnswered)] == ["agent2"]
    assert ev.AgentDidNotAnswer not in kinds
    # The next caller rings those two, together.
    later = await floor.call()
    await until(lambda: first.is_ringing and third.is_ringing, DEADLINE)
    chosen = await floor.facts(later, ev.AgentReserved, 2)
    assert {e.agent_id for e in chosen} == {"agent1", "agent3"}
    assert len({e.at for e in chosen}) == 1
    await floor.done()


async def test_nobody_answers_and_the_caller_keeps_his_place(floor: Floor) -> None:
    call = await floor.call()
    await floor.rung(call)
    behind = await floor.call()
    await until(lambda: all(len(seat.phone.lines) == 2 for seat in floor.seats), DEADLINE)
    await floor.rung(call)  # again, and not who came after him
    assert len(await floor.facts(call, ev.AgentReserved, 6)) == 6
    assert await floor.released(call, 3) == dict.fromkeys(LOGINS, "no_answer")
    facts = await floor.stage.facts(call)
    assert not [e for e in facts if isinstance(e, ev.AgentDidNotAnswer)]
    assert not [e for e in await floor.stage.facts(behind) if isinstance(e, ev.AgentReserved)]
    await floor.stage.places([call, behind])
    states = await floor.stage.product.events(ev.AgentStateChanged)
    assert not [e for e in states if e.reason == "rona"]
    await floor.done()


async def test_the_caller_hangs_up_and_all_phones_are_silent(floor: Floor) -> None:
    call = await floor.call()
    await floor.rung(call)
    await floor.stage.end_all(list(await floor.stage.callers()))
    await until(lambda: all(seat.is_over for seat in floor.seats), DEADLINE)
    await floor.clear(*floor.seats)
    assert await floor.released(call, 3) == dict.fromkeys(LOGINS, "caller_gone")
    await floor.done()


async def test_somebody_answers_while_the_service_is_dead(floor: Floor) -> None:
    """He has the caller, and the others are free; their reservation wasn't their fault."""
    product, second = floor.stage.product, floor.seats[1]
    call = await floor.call()
    await floor.rung(call)
    await product.stop(signal.SIGKILL)
    ringing = next(line for line in second.phone.lines if line.state == "ringing")
    second.phone.answer(ringing)
    await until(lambda: ringing.state == "talking", DEADLINE)
    await product.start()
    async with contextlib.AsyncExitStack() as stack:
        for seat, login in zip(floor.seats, LOGINS, strict=True):
            seat.desktop = await stack.enter_async_context(floor.stage.desktop(login))
        await second.desktop.until(lambda d: d.state == "TALKING", DEADLINE)
        await floor.clear(floor.seats[0], floor.seats[2])
        [answered] = await floor.facts(call, ev.CallAnswered, 1)
        assert answered.agent_id == "agent2"
        assert not [e for e in await floor.stage.facts(call) if isinstance(e, ev.AgentDidNotAnswer)]
        await floor.done()
        for seat in floor.seats:
            await seat.desktop.command("agent.sign_out")


async def test_who_declines_is_left_alone_and_the_others_ring_on(floor: Floor) -> None:
    """The last of this module: who declined has a pause."""
    first, second, third = floor.seats
    third.phone.status = 486
    second.phone.status, second.phone.answers_after = 200, timedelta(seconds=1)
    call = await floor.call()
    await second.desktop.until(lambda d: d.state == "TALKING", DEADLINE)
    await floor.clear(first, third)
    released = await floor.released(call, 2)
    assert released == {"agent1": "answered_elsewhere", "agent3": "declined"}
    missed = await floor.facts(call, ev.AgentDidNotAnswer, 1)
    assert [(e.agent_id, e.reason) for e in missed] == [("agent3", "declined")]
    assert len(third.phone.lines) == 1, "not rung again by this ring"
    await floor.done()
