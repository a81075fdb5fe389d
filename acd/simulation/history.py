"""What a day in the journal teaches: when callers came, what they needed, how long was talked and waited, who was there.

Arrivals become a profile of fifteen minutes; talk and ring are drawn from what was measured; patience is exponential with
the mean that waiting and hanging up give together: all time waited / number of callers who hung up (who was answered
shows only that he would have waited longer; Mandelbaum and Zeltyn 2005, section 5). Shifts are as they were,
without breaks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from acd.simulation.callers import Interval, Traffic
from acd.simulation.centre import Shift
from acd.simulation.chance import AT_ONCE, NEVER, Draw, Exponential, Observed
from acd.states import AgentState
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, QueueName

STEP_S = 900.0
_THERE = frozenset(
    s.value for s in AgentState if s not in (AgentState.LOGGED_OUT, AgentState.NOT_READY)
)


@dataclass(frozen=True, slots=True)
class Measured:
    """The day as it was."""

    offered: int
    answered: int
    abandoned: int
    in_time: int
    answer_s: float  # mean wait of the answered

    @property
    def service_level(self) -> float:
        """Answered in time / offered."""
        return self.in_time / self.offered


@dataclass(frozen=True, slots=True)
class History:
    """A day's callers as distributions, and its shifts."""

    traffics: tuple[Traffic, ...]
    shifts: tuple[Shift, ...]
    done_s: float  # mean wrap-up where the agent ends it himself
    measured: Measured


@dataclass(slots=True)
class _Line:
    """What is learnt of one queue."""

    came_s: list[float] = field(default_factory=list)
    demands: list[str] = field(default_factory=list)
    talks: list[float] = field(default_factory=list)
    rings: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)  # of the answered
    lost: list[float] = field(default_factory=list)  # waits of those who hung up


def learn(events: Iterable[ev.Event], midnight: datetime, within_s: float = 20.0) -> History | None:
    """Fold a day's events, in their order; None: nobody called a queue, or nobody was answered."""
    reader = _Reader(midnight)
    for event in events:
        reader.read(event)
    return reader.history(within_s)


class _Reader:
    def __init__(self, midnight: datetime) -> None:
        self._midnight = midnight
        self._lines: dict[QueueName, _Line] = {}
        self._queue_of: dict[CallId, QueueName] = {}
        self._demands: dict[CallId, dict[str, str]] = {}  # by who said it, before it was enqueued
        self._reserved_s: dict[CallId, float] = {}
        self._talking: dict[CallId, tuple[AgentId, float]] = {}
        self._there: dict[AgentId, float] = {}
        self._shifts: list[Shift] = []
        self._wrapping: dict[AgentId, float] = {}
        self._wrap_ups: list[float] = []

    def read(self, event: ev.Event) -> None:
        """Learn from one event."""
        at_s = (event.at - self._midnight).total_seconds()
        match event:
            case ev.CallEnqueued() if event.call_id not in self._queue_of:
                self._queue_of[event.call_id] = event.queue
                line = self._lines.setdefault(event.queue, _Line())
                line.came_s.append((event.enqueued_at - self._midnight).total_seconds())
                said = self._demands.pop(event.call_id, {}).values()
                line.demands.append(" & ".join(f"({text})" for text in said if text))
            case ev.DemandSet() if event.call_id not in self._queue_of:
                self._demands.setdefault(event.call_id, {})[event.by] = event.demand
            case ev.AgentReserved():
                self._reserved_s[event.call_id] = at_s
            case ev.CallAnswered() if event.call_id in self._queue_of:
                line = self._lines[self._queue_of[event.call_id]]
                line.waits.append(event.wait_time.total_seconds())
                line.rings.append(at_s - self._reserved_s.get(event.call_id, at_s))
                self._talking[event.call_id] = (event.agent_id, at_s)
            case ev.CallAbandoned() if event.call_id in self._queue_of:
                line = self._lines[self._queue_of[event.call_id]]
                line.lost.append(event.wait_time.total_seconds())
            case ev.AgentStateChanged():
                self._agent(event, at_s)
            case ev.CallEnded() if event.call_id in self._talking:
                self._talk_ended(event.call_id, at_s)

    def _agent(self, event: ev.AgentStateChanged, at_s: float) -> None:
        agent_id = event.agent_id
        if event.state in _THERE:
            self._there.setdefault(agent_id, max(0.0, at_s))
        elif agent_id in self._there:
            self._shifts.append(Shift(agent_id, self._there.pop(agent_id), at_s))
        if event.state == AgentState.WRAP_UP.value:
            self._wrapping[agent_id] = at_s
        elif agent_id in self._wrapping:
            self._wrap_ups.append(at_s - self._wrapping.pop(agent_id))
        if event.state != AgentState.TALKING.value:
            for call_id in [c for c, (who, _) in self._talking.items() if who == agent_id]:
                self._talk_ended(call_id, at_s)

    def _talk_ended(self, call_id: CallId, at_s: float) -> None:
        _, since_s = self._talking.pop(call_id)
        self._lines[self._queue_of[call_id]].talks.append(at_s - since_s)

    def history(self, within_s: float) -> History | None:
        """What was learnt."""
        if not any(line.talks for line in self._lines.values()):
            return None
        everyone = [talk for line in self._lines.values() for talk in line.talks]
        waits = [wait for line in self._lines.values() for wait in line.waits]
        lost = sum(len(line.lost) for line in self._lines.values())
        still = tuple(Shift(agent_id, since_s) for agent_id, since_s in self._there.items())
        return History(
            traffics=tuple(
                _traffic(queue, line, everyone) for queue, line in sorted(self._lines.items())
            ),
            shifts=(*self._shifts, *still),
            done_s=sum(self._wrap_ups) / len(self._wrap_ups) if self._wrap_ups else 0.0,
            measured=Measured(
                offered=sum(len(line.came_s) for line in self._lines.values()),
                answered=len(waits),
                abandoned=lost,
                in_time=sum(1 for wait in waits if wait <= within_s),
                answer_s=sum(waits) / len(waits),
            ),
        )


def _traffic(queue: QueueName, line: _Line, everyone: list[float]) -> Traffic:
    steps = [int(at_s // STEP_S) for at_s in line.came_s]
    counts = {step: steps.count(step) for step in set(steps)}
    intervals = tuple(
        Interval(step * STEP_S, (step + 1) * STEP_S, count * 3600 / STEP_S)
        for step, count in sorted(counts.items())
    )
    patience: Draw = NEVER
    if line.lost:
        patience = Exponential(max(1.0, (sum(line.waits) + sum(line.lost)) / len(line.lost)))
    return Traffic(
        queue,
        intervals,
        talk=Observed(tuple(line.talks or everyone)),
        patience=patience,
        answer=Observed(tuple(line.rings)) if line.rings else AT_ONCE,
        demands=tuple(line.demands),
    )
