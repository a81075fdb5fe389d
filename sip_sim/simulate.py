"""``ringdesk simulate``: many real calls through the running system; what happened is read from the journal."""

from __future__ import annotations

import asyncio
import contextlib
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cti.domain import events as ev
from sip_sim import tones
from sip_sim.deeds import Tally, doing
from sip_sim.farm import AGENT_TONE, CALLER_TONE, Place, SimAgent, agents, callers
from sip_sim.patience import Follower, Line, drawn, give_up
from sip_sim.ports import FactReader
from sip_sim.sipp import Load, Outcome, Party
from sip_sim.storm import Storm, capacity, cut_short, judge
from sip_sim.summary import Summary, summarise

_RING = timedelta(milliseconds=300)
_MENU_MOST = timedelta(seconds=30)  # on a machine that is very slow
_FIRST_DIGITS = "8613900"  # of the simulated callers' numbers


@dataclass(frozen=True, slots=True)
class Plan:
    """How much, how fast, how long."""

    total: int
    concurrent: int
    per_second: float = 5.0
    talk: timedelta = timedelta(seconds=3)
    ring: timedelta = _RING
    has_sound: bool = True
    transfers_to: str = ""  # the queue; empty: agents only talk
    seed: int = 1
    patience: timedelta | None = None  # in the mean, sip_sim.patience; none: till all is over
    load: float = 0.0  # arrivals ÷ capacity, where that is the point

    @classmethod
    def of_storm(
        cls, agents: int, times: float, span: timedelta, talk: timedelta, patience: timedelta
    ) -> Plan:
        """Arrivals at so many times what the agents can take, for so long; who waits too long hangs up."""
        per_second = times * capacity(agents, talk, _RING)
        total = max(1, round(per_second * span.total_seconds()))
        # The most patient wait for half as long again, and none stays away since the line is long.
        stay = 1.5 * patience + talk + _MENU_MOST
        at_once = min(total, agents + math.ceil(per_second * stay.total_seconds()))
        return cls(total, at_once, per_second, talk, patience=patience, load=times)


@dataclass(frozen=True, slots=True)
class Result:
    """The journal's view and SIPp's own count."""

    summary: Summary
    callers: Outcome
    deeds: Tally | None = None  # what agents did besides talking
    storm: Storm | None = None


async def run(
    place: Place,
    people: Sequence[SimAgent],
    number: str,
    plan: Plan,
    facts: FactReader,
    tell: Callable[[str], None],
) -> Result:
    """Place ``plan.total`` calls with these agents; ``tell`` hears of the progress each second.

    Raises:
        SimulatorError: SIPp is missing, a phone can't register, a desktop can't sign in.
        TimeoutError: the calls did not end in time.
    """
    journal = Follower(facts, await facts.last())
    rounds = plan.total / max(1, len(people))
    limit = timedelta(seconds=60) + 2 * rounds * (plan.talk + plan.ring + timedelta(seconds=3))
    limit += timedelta(seconds=plan.total / plan.per_second)
    limit *= 3 if plan.transfers_to else 1  # two and more agents for one caller
    fields = _people(plan.total)
    tally: Tally | None = None
    with tempfile.TemporaryDirectory(prefix="rdtone-") as folder:
        caller_tone = tones.write_tone(Path(folder) / "caller.ul", CALLER_TONE)
        agent_tone = tones.write_tone(Path(folder) / "agent.ul", AGENT_TONE)
        async with (
            agents(
                place, people, answer_after=plan.ring, talk=plan.talk,
                tone=agent_tone if plan.has_sound else None,
                helpers=max(1, len(people) // 4) if plan.transfers_to and len(people) > 1 else 0,
            ) as farm,
            contextlib.AsyncExitStack() as stack,
            callers(
                place, number, Load(plan.total, plan.concurrent, plan.per_second), digits="1",
                tone=caller_tone, patience=limit, hears_words=plan.patience is not None,
                fields=fields, limit=limit,
            ) as calling,
        ):  # fmt: skip
            tell(f"{len(people)} agents ready; calling")
            if plan.transfers_to:
                busy = doing(farm.desktops, plan.transfers_to, plan.seed)
                tally = await stack.enter_async_context(busy)
            beside = [asyncio.create_task(_watch(calling, plan.total, tell))]
            if plan.patience is not None:
                calls = {row[0]: index for index, row in enumerate(fields, start=1)}
                line = Line(drawn(list(calls), plan.patience, plan.seed))
                beside.append(asyncio.create_task(give_up(journal, line, calls, calling.tell)))
            try:
                outcome = await calling.finish(limit)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
            await _settled(journal, number, tell)
    events = of_calls_to(number, journal.events)
    logins = {person.login for person in people}
    states = [
        e for e in journal.events if isinstance(e, ev.AgentStateChanged) and e.agent_id in logins
    ]
    storm = judge([*events, *states], outcome, plan.load) if plan.load else None
    return Result(summarise(events), outcome, tally, storm)


def of_calls_to(number: str, events: Sequence[ev.Event]) -> list[ev.CallEvent]:
    """The events of the calls that dialled ``number``: the company's own calls go on meanwhile.

    Where the service learnt of a caller late, nothing says what he dialled: a simulated one is known by his own number.
    """
    ours = {
        e.call_id
        for e in events
        if (isinstance(e, ev.CallOffered) and e.dnis == number)
        or (isinstance(e, ev.CallRecovered) and e.ani.startswith(_FIRST_DIGITS))
    }
    return [e for e in events if isinstance(e, ev.CallEvent) and e.call_id in ours]


def _people(count: int) -> list[tuple[str, str]]:
    # A row of numbers that nobody could take for real customers, one for each.
    return [(f"{_FIRST_DIGITS}{n:06}", f"Simulated caller {n}") for n in range(count)]


async def _watch(party: Party, total: int, tell: Callable[[str], None]) -> None:
    last = -1
    while True:
        await asyncio.sleep(1)
        outcome = party.outcome()
        done = outcome.succeeded + outcome.failed
        if done != last:
            tell(f"{done} of {total} calls over, {outcome.failed} failed")
            last = done


async def _settled(journal: Follower, number: str, tell: Callable[[str], None]) -> None:
    """Wait until the last recordings hang on their tickets, at most a minute."""
    for second in range(60):
        await journal.more()
        events = of_calls_to(number, journal.events)
        # Not those that were seen to stop: the last one's end may not be in the journal yet.
        # Of whom hung up as he was answered there may be nothing to keep.
        talked = {e.call_id for e in events if isinstance(e, ev.CallAnswered)} - cut_short(events)
        stopped = talked & {e.call_id for e in events if isinstance(e, ev.RecordingStarted)}
        done = {
            e.call_id for e in events if isinstance(e, ev.RecordingAttached | ev.RecordingFailed)
        }
        if stopped <= done:
            return
        if second % 5 == 0:
            tell(f"{len(stopped - done)} recordings are being encoded")
        await asyncio.sleep(1)
