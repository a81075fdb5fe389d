"""A phone that doesn't take the call: lets it ring, refuses, never replies, isn't registered, is busy.

The caller is offered again at once and keeps his place; the agent is not ready after as many calls as the queue says, is not
rung in a loop, and what he missed is counted. ``RINGDESK_REOFFER_SECONDS``: how long the next offer may take after the ring
(the full row: 1).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio

from cti.domain import events as ev
from cti.domain.ids import CallId
from tests.asterisk.fault_table import Row, row_of, seeds
from tests.asterisk.invariants import until_accounted, until_consistent
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
SEEDS = seeds(1)
REOFFER_SECONDS = float(os.environ.get("RINGDESK_REOFFER_SECONDS", "15"))
RING_TIME = timedelta(seconds=2)
RONA_AFTER = 2
ODD, GOOD = "agent1", "agent2"
WAITS = ("waiting", "visiting")


@dataclass(frozen=True, slots=True)
class Way:
    """How a phone doesn't take a call."""

    status: int
    told: str
    away: str
    """Why the agent isn't ready then."""
    after: int = 1
    """After so many calls."""


WAYS = {
    "lets it ring": Way(180, "no_answer", "rona", RONA_AFTER),
    "says busy": Way(486, "declined", "declined"),
    "refuses": Way(603, "declined", "declined"),
    "never replies": Way(0, "unreachable", "phone_lost"),
}
EACH = pytest.mark.parametrize("how", WAYS)
AGAIN = pytest.mark.parametrize("seed", SEEDS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    company = fault_company(2, ring_time=RING_TIME, rona_after=RONA_AFTER)
    async with live(company, simulated=1) as running:
        yield running


class Callers:
    """Whoever calls in a test."""

    def __init__(self, stage: Scene, stack: contextlib.AsyncExitStack) -> None:
        self._stage, self._stack = stage, stack
        self.numbers: list[str] = []

    async def call(self) -> str:
        """One more; returns his number as soon as he is in."""
        number = self._stage.number()
        opened = wire_phone(self._stage.product.place.sip, number)
        phone = await self._stack.enter_async_context(opened)
        phone.call(LINE)
        await self._stage.until_at((*WAITS, "ringing", "talking"), [number])
        self.numbers.append(number)
        return number

    async def ids(self) -> list[CallId]:
        """Their calls, in the order in which they called."""
        found = await until(self._all_known, 20)
        return [found[number] for number in self.numbers]

    async def _all_known(self) -> dict[str, CallId] | None:
        found = await self._stage.call_ids(0, self.numbers)
        return found if len(found) == len(self.numbers) else None


async def served(stage: Scene, seat: Seat, number: str) -> None:
    """The caller speaks with this agent, and hangs up."""
    await stage.until_at("talking", [number])
    await until(lambda: any(line.state == "talking" for line in seat.phone.lines), 15)
    await stage.end_all([number])
    await seat.until_ready()


async def missed(stage: Scene, call_id: CallId) -> list[tuple[str, str]]:
    """Whose phone didn't take the call, and why."""
    facts = await stage.facts(call_id)
    return [(e.agent_id, e.reason) for e in facts if isinstance(e, ev.AgentDidNotAnswer)]


def offered_again(facts: Sequence[ev.Event]) -> list[float]:
    """Seconds from each ring that was over to the next offer of the same call."""
    over_at, found = None, []
    for event in facts:
        if isinstance(event, ev.AgentDidNotAnswer):
            over_at = event.at
        elif isinstance(event, ev.AgentReserved) and over_at is not None:
            found.append((event.at - over_at).total_seconds())
            over_at = None
    return found


async def all_is_told(stage: Scene, callers: Callers, row: Row) -> None:
    """Places kept, one end and one ticket a call, nobody stuck."""
    ids = await callers.ids()
    await until_consistent(stage, row)
    await until_accounted(stage, ids, row)
    await stage.places(ids)
    row.calls += len(ids)


@EACH
@AGAIN
async def test_the_caller_goes_to_the_other_agent_at_once(
    stage: Scene, how: str, seed: int
) -> None:
    way, row = WAYS[how], row_of(f"R12 phone {how}")
    row.rounds += 1
    async with (
        seated(stage, ODD) as odd,  # ready first, hence chosen first
        seated(stage, GOOD) as good,
        contextlib.AsyncExitStack() as stack,
    ):
        odd.phone.status = way.status
        callers = Callers(stage, stack)
        number = await callers.call()
        await served(stage, good, number)
        [call_id] = await callers.ids()
        facts = await stage.facts(call_id)
        chosen = [e.agent_id for e in facts if isinstance(e, ev.AgentReserved)]
        assert chosen == [ODD, GOOD], "asked again though another was free"
        assert await missed(stage, call_id) == [(ODD, way.told)]
        state = "NOT_READY" if way.after == 1 else "READY"
        await odd.desktop.until(lambda d: d.state == state)
        await stage.until_counted(odd.desktop)
        [seconds] = offered_again(facts)
        row.notes.append(f"offered again after {seconds:.2f} s;")
        assert seconds <= REOFFER_SECONDS
        await all_is_told(stage, callers, row)


@EACH
@AGAIN
async def test_where_nobody_else_is_free_he_keeps_his_place_and_the_agent_is_not_rung_for_ever(
    stage: Scene, how: str, seed: int
) -> None:
    way, row = WAYS[how], row_of(f"R12 phone {how}, nobody else")
    row.rounds += 1
    async with seated(stage, ODD) as odd, contextlib.AsyncExitStack() as stack:
        odd.phone.status = way.status
        callers = Callers(stage, stack)
        first = await callers.call()
        rung = 0
        for _ in range(2):  # he says ready again, and the same happens again
            rung += way.after
            await odd.desktop.until(lambda d: d.state == "NOT_READY", 30)
            assert odd.desktop.sections["agent"]["reason"] == way.away
            await stage.until_at(WAITS, [first])
            [call_id] = await callers.ids()
            assert await until_missed(stage, call_id, rung) == [(ODD, way.told)] * rung
            await stage.until_counted(odd.desktop)
            if rung == way.after:
                await odd.desktop.command("agent.ready")
                await odd.desktop.until(lambda d: d.state != "NOT_READY")
        second = await callers.call()
        async with seated(stage, GOOD) as good:
            await stage.until_at("talking", [first])
            is_passed = (await stage.callers())[second].place not in WAITS
            row.places += is_passed
            assert not is_passed, "the one who came later was served first"
            await stage.end_all([first])
            await served(stage, good, second)
        ids = await callers.ids()
        times = offered_again(await stage.facts(ids[0]))
        assert len(times) == rung, "offered once after each ring, and then to the other"
        await all_is_told(stage, callers, row)


async def until_missed(stage: Scene, call_id: CallId, count: int) -> list[tuple[str, str]]:
    """Wait until so many rings are in the journal; returns all."""

    async def enough() -> list[tuple[str, str]] | None:
        found = await missed(stage, call_id)
        return found if len(found) >= count else None

    found: list[tuple[str, str]] = await until(enough, 15)
    return found


@pytest.mark.parametrize("how", ["is not registered", "is busy with a call of its own"])
@AGAIN
async def test_a_phone_that_cannot_be_rung_is_never_tried(
    stage: Scene, how: str, seed: int
) -> None:
    row = row_of(f"R12 phone {how}")
    row.rounds += 1
    async with (
        seated(stage, ODD) as odd,
        seated(stage, GOOD) as good,
        contextlib.AsyncExitStack() as stack,
    ):
        echo = None
        if how == "is not registered":
            await odd.phone.register(0)
        else:
            echo = odd.phone.call("*43")
        await odd.desktop.until(lambda d: d.sections["phone"]["state"] != "idle", 15)
        callers = Callers(stage, stack)
        for _ in range(3):
            await served(stage, good, await callers.call())
        for call_id in await callers.ids():
            facts = await stage.facts(call_id)
            assert [e.agent_id for e in facts if isinstance(e, ev.AgentReserved)] == [GOOD]
        assert not [line for line in odd.phone.lines if line.caller], "it was rung"
        if echo is not None:
            odd.phone.hang_up(echo)
            await odd.desktop.until(lambda d: d.sections["phone"]["state"] == "idle", 15)
        await all_is_told(stage, callers, row)
