"""A centre in virtual time: callers and agents around the production core, and no clock, switch or desktop.

Whatever the core decides is carried out by a switch that never fails: a reserved agent's phone rings in the same
instant and is answered after the caller's ``answer_s``; conversations last as drawn; who isn't connected when his
patience ends hangs up. Each instant the core asks to be woken at is honoured. Not simulated: lost phones and
links, agents who let it ring, transfers; a phone is idle whenever its agent is, so the look at contradictions is left out.

An event heap holds what is to come; ties go by the order in which they were put there.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from acd import decisions as d
from acd import model
from acd.model import Configuration, State
from acd.simulation.callers import Caller
from acd.states import AgentState
from acd.strategy import mixed
from cti.domain import events as ev
from cti.domain.demands import all_of, is_met, parse_demand
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
"""The instant 0 of all simulated days; a Monday."""
_QUIET_S = 3600.0
"""A day ends when for so long nothing but announcements has happened: whoever waits still waits in vain."""
_WORKING = frozenset({AgentState.TALKING.value, AgentState.WRAP_UP.value})
_AWAY = frozenset({AgentState.LOGGED_OUT.value, AgentState.NOT_READY.value})


@dataclass(frozen=True, slots=True)
class Shift:
    """When an agent is there; he ends the call he is in."""

    agent_id: AgentId
    from_s: float = 0.0
    to_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a caller."""

    caller: Caller
    wait_s: float
    agent_id: AgentId | None = None  # None: hung up
    chosen_s: float = math.nan  # when an agent was chosen, whom he may not have waited for

    @property
    def is_answered(self) -> bool:
        """Whether an agent talked with him."""
        return self.agent_id is not None


@dataclass(frozen=True, slots=True)
class Day:
    """What happened."""

    outcomes: Sequence[Outcome]  # in the order of arrival
    left: int  # callers who still waited when nothing could happen any more
    serves: Callable[[AgentId, Caller], bool]  # who may be asked for whom
    work_s: dict[AgentId, float]  # talk and wrap-up
    ready_s: dict[AgentId, float]  # also while it rings
    steps: int  # of the core


def simulate(
    configuration: Configuration,
    shifts: Iterable[Shift],
    callers: Sequence[Caller],
    done_s: float = 30.0,
) -> Day:
    """Let one day happen; ``done_s``: how long agents write where they end the wrap-up themselves."""
    return _Run(configuration, callers, done_s).day(shifts)


def _serving(configuration: Configuration) -> Callable[[AgentId, Caller], bool]:
    """Queue and skills as demanded at first; who is asked only after a while serves nobody by this."""
    known: dict[tuple[AgentId, QueueName, str], bool] = {}

    def serves(agent_id: AgentId, caller: Caller) -> bool:
        key = (agent_id, caller.queue, caller.demand)
        if key not in known:
            profile = configuration.profiles[agent_id]
            texts = (configuration.rules(caller.queue).demand, caller.demand)
            demand = all_of(parse_demand(text) for text in texts)
            known[key] = caller.queue in profile.queues and is_met(demand, profile.skills)
        return known[key]

    return serves


@dataclass(slots=True)
class _Live:
    """A caller who is in the centre."""

    caller: Caller
    chosen_s: float = math.nan
    leg_id: LegId | None = None
    endpoint: Endpoint | None = None
    agent_id: AgentId | None = None
    others: tuple[tuple[LegId, Endpoint], ...] = ()  # rung as well
    is_connected: bool = False


Action = Callable[[], None]


class _Run:
    def __init__(
        self, configuration: Configuration, callers: Sequence[Caller], done_s: float
    ) -> None:
        self._configuration = configuration
        self._done_s = done_s
        self._callers = callers
        self._state: State = model.empty(configuration)
        self._now_s = 0.0
        self._now = MIDNIGHT
        self._heap: list[tuple[float, int, Action]] = []
        self._pushed = 0
        self._last_s = 0.0  # the last thing that is to come by itself
        self._steps = 0
        self._live: dict[CallId, _Live] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._wakes: set[tuple[datetime, AgentId | CallId]] = set()
        self._since: dict[AgentId, tuple[str, float]] = {}
        self._work_s: dict[AgentId, float] = {}
        self._ready_s: dict[AgentId, float] = {}

    def day(self, shifts: Iterable[Shift]) -> Day:
        self._step(d.Linked(()))
        for shift in shifts:
            self._at(shift.from_s, lambda a=shift.agent_id: self._come(a))  # type: ignore[misc]
            if shift.to_s < math.inf:
                self._at(shift.to_s, lambda a=shift.agent_id: self._go(a))  # type: ignore[misc]
        self._next_caller(0)
        while self._heap and self._heap[0][0] <= self._last_s + _QUIET_S:
            self._now_s, _, act = heapq.heappop(self._heap)
            self._now = MIDNIGHT + timedelta(seconds=self._now_s)
            act()
        for agent_id in self._since:
            self._count(agent_id, "")
        return Day(
            outcomes=[self._outcomes[n] for n in sorted(self._outcomes)],
            left=len(self._live),
            serves=_serving(self._configuration),
            work_s=self._work_s,
            ready_s=self._ready_s,
            steps=self._steps,
        )

    def _at(self, at_s: float, act: Action, *, is_wake: bool = False) -> None:
        self._pushed += 1
        if not is_wake:
            self._last_s = max(self._last_s, at_s)
        heapq.heappush(self._heap, (at_s, self._pushed, act))

    # ---- the core ------------------------------------------------------------------------------

    def _step(self, event: d.Input) -> None:
        self._steps += 1
        self._state, decisions = model.step(self._configuration, self._state, event, self._now)
        for decision in decisions:
            if isinstance(decision, d.Publish):
                self._note(decision.event)
            elif isinstance(decision, d.Wake):
                self._wake(decision)
        for decision in decisions:
            if isinstance(decision, d.Reserve):
                self._ring((decision,))
            elif isinstance(decision, d.ReserveAll):
                self._ring(decision.offers)

    def _wake(self, wake: d.Wake) -> None:
        subject = wake.subject
        if subject is None or (wake.at, subject) in self._wakes:
            return
        self._wakes.add((wake.at, subject))

        def due() -> None:
            self._wakes.discard((wake.at, subject))
            self._step(d.Due(subject))

        self._at(max(self._now_s, (wake.at - MIDNIGHT).total_seconds()), due, is_wake=True)

    def _note(self, event: ev.Event) -> None:
        match event:
            case ev.CallAnswered():
                live = self._live[event.call_id]
                wait_s = event.wait_time.total_seconds()
                outcome = Outcome(live.caller, wait_s, event.agent_id, live.chosen_s)
                self._outcomes[live.caller.number] = outcome
            case ev.CallAbandoned():
                live = self._live[event.call_id]
                wait_s = event.wait_time.total_seconds()
                outcome = Outcome(live.caller, wait_s, None, live.chosen_s)
                self._outcomes[live.caller.number] = outcome
            case ev.AgentStateChanged():
                self._count(event.agent_id, event.state)
                if event.state == AgentState.WRAP_UP.value and event.until_at is None:
                    who, since = event.agent_id, self._now
                    self._at(self._now_s + self._done_s, lambda: self._done(who, since))

    def _count(self, agent_id: AgentId, state: str) -> None:
        before, since_s = self._since.get(agent_id, (AgentState.LOGGED_OUT.value, 0.0))
        if before in _WORKING:
            self._work_s[agent_id] = self._work_s.get(agent_id, 0.0) + self._now_s - since_s
        elif before not in _AWAY:
            self._ready_s[agent_id] = self._ready_s.get(agent_id, 0.0) + self._now_s - since_s
        self._since[agent_id] = (state, self._now_s)

    # ---- agents --------------------------------------------------------------------------------

    def _come(self, agent_id: AgentId) -> None:
        endpoint = self._configuration.profiles[agent_id].phones[0]
        if self._state.agents[agent_id].state is AgentState.LOGGED_OUT:
            self._step(d.SignIn(agent_id, endpoint))
            self._step(ev.PhoneStateChanged(at=self._now, endpoint=endpoint, state="idle"))
        self._step(d.SayReady(agent_id))

    def _done(self, agent_id: AgentId, since_at: datetime) -> None:
        agent = self._state.agents[agent_id]
        if agent.state is AgentState.WRAP_UP and agent.since_at == since_at:
            self._step(d.SayReady(agent_id))

    def _go(self, agent_id: AgentId) -> None:
        self._step(d.SignOut(agent_id))

    # ---- callers -------------------------------------------------------------------------------

    def _next_caller(self, index: int) -> None:
        if index < len(self._callers):
            self._at(self._callers[index].at_s, lambda: self._arrive(index))

    def _arrive(self, index: int) -> None:
        self._next_caller(index + 1)
        caller = self._callers[index]
        call_id = CallId(f"c{caller.number}")
        self._live[call_id] = _Live(caller)
        if caller.patience_s < math.inf:
            self._at(caller.at_s + caller.patience_s, lambda: self._lose_patience(call_id))
        if caller.demand:
            demand = ev.DemandSet(at=self._now, call_id=call_id, demand=caller.demand, by="menu")
            self._step(demand)
        self._step(
            ev.CallEnqueued(
                at=self._now,
                call_id=call_id,
                queue=caller.queue,
                enqueued_at=self._now,
                credit_time=timedelta(seconds=caller.credit_s),
            )
        )

    def _ring(self, offers: Sequence[d.Reserve]) -> None:
        call_id = offers[0].call_id
        live, profiles = self._live[call_id], self._configuration.profiles
        number = live.caller.number
        # Of several who ring at once each is as likely to be the first.
        first = min(offers, key=lambda offer: mixed(number, profiles[offer.agent_id].rank))
        legs = {offer: LegId(f"l{self._steps}-{i}") for i, offer in enumerate(offers)}
        live.leg_id = leg_id = legs[first]
        live.endpoint, live.agent_id, live.chosen_s = first.endpoint, first.agent_id, self._now_s
        live.others = tuple((legs[o], o.endpoint) for o in offers if o is not first)
        for leg, endpoint in ((leg_id, first.endpoint), *live.others):
            self._step(ev.LegDialled(at=self._now, call_id=call_id, leg_id=leg, endpoint=endpoint))
        if live.caller.answer_s > 0:
            self._at(self._now_s + live.caller.answer_s, lambda: self._answer(call_id, leg_id))
        else:
            self._answer(call_id, leg_id)

    def _answer(self, call_id: CallId, leg_id: LegId) -> None:
        live = self._live.get(call_id)
        if live is None or live.leg_id != leg_id or live.endpoint is None:
            return  # the caller has hung up meanwhile
        live.is_connected = True
        at, endpoint = self._now, live.endpoint
        self._step(ev.CallConnected(at=at, call_id=call_id, leg_id=leg_id, endpoint=endpoint))
        for leg, other in live.others:
            self._leg_ended(call_id, leg, other, cause=26)
        live.others = ()
        self._at(self._now_s + live.caller.talk_s, lambda: self._end(call_id))

    def _lose_patience(self, call_id: CallId) -> None:
        live = self._live.get(call_id)
        if live is not None and not live.is_connected:
            self._end(call_id)

    def _end(self, call_id: CallId) -> None:
        """The caller hangs up, and then the leg of the agent he was with ends."""
        live = self._live[call_id]
        self._step(ev.CallEnded(at=self._now, call_id=call_id, cause=16, ended_by="caller"))
        del self._live[call_id]
        if live.leg_id is not None and live.endpoint is not None:
            for leg_id, endpoint in ((live.leg_id, live.endpoint), *live.others):
                self._leg_ended(call_id, leg_id, endpoint, cause=16)

    def _leg_ended(self, call_id: CallId, leg_id: LegId, endpoint: Endpoint, *, cause: int) -> None:
        at = self._now
        self._step(
            ev.LegEnded(at=at, call_id=call_id, leg_id=leg_id, endpoint=endpoint, cause=cause)
        )
