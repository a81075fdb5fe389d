"""The core of the ACD: ``(configuration, state, event, now) -> (state, decisions)``. Pure.

It is the single writer of who is reserved for whom. ``step`` folds one event in, lets the matcher
look for pairs, and returns the new state with decisions: what to publish, to ask of the switch, and when to
be woken. It knows no clock, no switch and no desktop; the same events give the same decisions.

Where things are: ``states.py`` the agent's transition table; ``facts.py`` the data; ``decisions.py`` what comes in and goes
out; ``callers.py`` the switch's events of a queue's callers, ``shapes.py`` those of all other shapes of calls,
``parties.py`` what both mean for one agent; ``overflow.py`` who leaves a queue by rule; ``agents.py`` commands and time;
``matching.py`` who gets whom; ``hands.py`` somebody's hand on a waiting caller; ``turn.py`` the working copy that
one step writes to.

Recovery. The service renews the heartbeat before it says ``Linked`` with the live calls. Callers in the
fallback Queue() are then asked back, and nobody is matched until all are there (at most ``recovery_timeout``), so that the
oldest are served first. What the switch doesn't know any more has ended. After we were frozen
(``Stalled``) matching waits a moment as well, since events of that time are still to be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from acd import (
    agents,
    announcing,
    breaks,
    callbacks,
    callers,
    groups,
    hands,
    leaving,
    outcomes,
    overflow,
    parties,
    reconfiguring,
    shapes,
)
from acd import decisions as d
from acd.decisions import Decision, Input
from acd.facts import (
    Agent,
    AgentLeg,
    Configuration,
    Hold,
    Limits,
    Line,
    Phase,
    Profile,
    QueueEntry,
    QueueRules,
    Shape,
    State,
    empty,
)
from acd.matching import match
from acd.seats import mirror_of
from acd.states import AGENT_TRANSITIONS, BUSY, SYSTEM_REASONS, AgentState, Trigger
from acd.strategy import Tally
from acd.tables import Table
from acd.telling import until_at
from acd.turn import Turn
from cti.domain import events as ev
from cti.domain.call import Call, CallState, Leg, LegState
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId, LegId, QueueName

__all__ = [
    "AGENT_TRANSITIONS",
    "BUSY",
    "CONCERNS",
    "SYSTEM_REASONS",
    "Agent",
    "AgentState",
    "Configuration",
    "Limits",
    "Phase",
    "Profile",
    "QueueEntry",
    "QueueRules",
    "State",
    "Trigger",
    "empty",
    "figures",
    "mirror_of",
    "position",
    "step",
    "until_at",
]


def step(
    configuration: Configuration, state: State, event: Input, now: datetime
) -> tuple[State, tuple[Decision, ...]]:
    """Fold one event in and match. Events that don't concern the ACD change nothing.

    Raises:
        CommandRefused: the event is a command that can't be carried out; nothing changed.
    """
    turn = Turn(configuration, state, now)
    react = _REACTIONS.get(type(event))
    if react is not None:
        react(turn, event)
    if isinstance(event, ev.CallEvent):
        callbacks.follow(turn, event)
    if turn.parted:
        groups.settle(turn)
    if turn.part("pauses"):
        groups.end_pauses(turn)
    overflow.at_the_door(turn)
    match(turn)
    overflow.judge(turn)
    return turn.finish()


def position(state: State, call_id: CallId) -> int | None:
    """A waiting caller's position, from 1, never worse than announced before; None: he isn't waiting."""
    entry = state.entries.get(call_id)
    if entry is None or entry.phase is Phase.CONNECTED:
        return None
    index = state.lines[entry.queue].position(entry.place)
    return min(index, entry.told_position or index)


def figures(
    state: State, queues: Collection[QueueName], at: datetime
) -> tuple[ev.QueueChanged, ...]:
    """Live figures of queues: who isn't connected yet, since when the longest, how many are ready."""
    ready = Counter(
        queue
        for agent in state.agents.values()
        if agent.state is AgentState.READY
        for queue in agent.profile.queues
    )
    found = []
    for queue in queues:
        entries = [state.entries[place[-1]] for place in state.lines.get(queue, ())]
        waiting = [entry.enqueued_at for entry in entries if not entry.is_callback]
        found.append(
            ev.QueueChanged(
                at=at,
                queue=queue,
                waiting=len(waiting),
                longest_since=min(waiting, default=None),
                ready=ready[queue],
            )
        )
    return tuple(found)


# ---- recovery ----------------------------------------------------------------------------------


def _linked(turn: Turn, event: d.Linked) -> None:
    now = turn.now
    turn.set(is_linked=True, hold=Hold(from_at=now, limit_at=now + turn.limits.recovery_timeout))
    turn.wake(now + turn.limits.recovery_timeout, None)
    live = {call.call_id: call for call in event.calls}
    for entry in [e for e in turn.part("entries").values() if e.call_id not in live]:
        if not entry.is_callback:
            callers.end(turn, entry, is_sure=True)
    callbacks.linked(turn, live)
    for call_id in [c for c in turn.part("busy") if c not in live]:
        parties.over(turn, call_id, is_sure=True)
    for call_id in [c for c in turn.part("shapes") if c not in live]:
        parties.put_shape(turn, call_id, None)
    waiting = turn.part("entries")
    for call_id in [c for c in turn.part("claims") if c not in live and c not in waiting]:
        turn.put_claim(call_id, None)
    _adopt_all(turn, event.calls)
    for call_id, call in live.items():
        for agent in turn.agents_in(call_id):
            if agent.state is not AgentState.RESERVED and not _is_in(call, agent):
                parties.leave(turn, agent, call_id, "not_found")
    for agent in [a for a in turn.part("agents").values() if a.state is AgentState.RESERVED]:
        entry = turn.entry(agent.call_id)
        if entry is None or not (entry.is_group or entry.agent_id == agent.agent_id):
            parties.free(turn, agent, "not_found")


def _is_in(call: Call, agent: Agent) -> bool:
    """Whether a phone of the agent is in a call as the switch knows it."""
    phones = agent.phones
    legs = [leg for leg in call.legs.values() if leg.endpoint in phones]
    if any(leg.state is not LegState.ENDED for leg in legs):
        return True
    if call.origin in phones and all(leg.role == "own" for leg in legs):
        return True  # the call hangs on his own leg
    return not call.legs and call.endpoint in phones


def _unlinked(turn: Turn, _: d.Unlinked) -> None:
    turn.set(is_linked=False)


def _drain(turn: Turn, _: d.Drain) -> None:
    turn.set(is_draining=True)


def _stalled(turn: Turn, _: d.Stalled) -> None:
    limits = turn.limits
    from_at = turn.now + limits.stall_time
    limit_at = turn.now + limits.recovery_timeout
    turn.set(hold=replace(turn.part("hold"), from_at=from_at, limit_at=limit_at))
    turn.wake(from_at, None)
    turn.wake(limit_at, None)


def _recovered(turn: Turn, event: ev.CallRecovered) -> None:
    call = Call(
        call_id=event.call_id,
        caller_leg_id=event.leg_id,
        offered_at=event.enqueued_at or event.at,
        state=CallState(event.state),
        queue=event.queue,
        enqueued_at=event.enqueued_at,
        credit_time=event.credit_time,
        attempt=event.attempt,
        endpoint=event.endpoint,
        direction=event.direction,
        origin=event.origin,
    )
    _adopt(turn, call)


def _adopt_all(turn: Turn, calls: Iterable[Call]) -> None:
    for call in sorted(calls, key=lambda c: (c.enqueued_at or c.offered_at, c.call_id)):
        _adopt(turn, call)


def _adopt(turn: Turn, call: Call) -> None:
    """Make agents and lines agree with what a call really is."""
    entry = turn.entry(call.call_id)
    if call.state is CallState.ENDED:
        if entry is not None:
            callers.end(turn, entry)
        return
    shape = parties.shape_of(turn, call.call_id)
    is_sent_on = shape.is_sent_on or call.state in (CallState.TRANSFERRING, CallState.PARKED)
    parties.put_shape(turn, call.call_id, Shape(call.direction, is_sent_on))
    if call.queue is not None and call.state not in (CallState.OFFERED, CallState.MENU):
        _adopt_entry(turn, call, call.queue, entry)
    _adopt_parties(turn, call)


def _adopt_entry(turn: Turn, call: Call, queue: QueueName, entry: QueueEntry | None) -> None:
    if entry is None:
        at = call.enqueued_at or call.offered_at
        origin = ev.CallEnqueued(
            at=at,
            call_id=call.call_id,
            queue=queue,
            enqueued_at=at,
            credit_time=call.credit_time,
            attempt=call.attempt,
        )
        entry = callers.new_entry(turn, call.call_id, queue, origin)
        if call.state is CallState.WAITING:
            callers.put_waiting(turn, entry)
    elif call.state is CallState.WAITING and entry.phase in (Phase.FALLBACK, Phase.CONNECTED):
        callers.part_from_agent(turn, entry, "requeued")
        callers.put_waiting(turn, entry)
    if call.state is CallState.FALLBACK:
        callers.part_from_agent(turn, entry, "fell_back")
        callers.put_fallback(turn, entry)
    elif call.state is not CallState.WAITING:
        _adopt_talk(turn, call, entry)


def _adopt_talk(turn: Turn, call: Call, entry: QueueEntry) -> None:
    agent = turn.agent_at(call.endpoint) if call.endpoint is not None else None
    # A phone that was rung before, in vain, has a leg that ended.
    alive = (g for g in call.legs.values() if g.state is not LegState.ENDED)
    leg = call.up_leg or next((g for g in alive if g.endpoint == call.endpoint), None)
    if leg is not None and leg.endpoint != call.endpoint:
        leg = None
    where = (leg.leg_id, leg.endpoint) if leg is not None else None
    is_sent_on = parties.shape_of(turn, call.call_id).is_sent_on or entry.is_answered
    if call.state in (CallState.TRANSFERRING, CallState.PARKED) or (
        call.state is CallState.RINGING and is_sent_on
    ):
        turn.put_entry(replace(entry, phase=Phase.CONNECTED, agent_id=None))
        return
    group = groups.found(turn, entry, call) if call.state is CallState.RINGING else None
    if group is not None:
        _adopt_group(turn, entry, group)
    elif call.state is CallState.RINGING:
        if agent is None:
            callers.put_waiting(turn, entry)
        elif agent.state not in BUSY or agent.call_id == call.call_id:
            entry = replace(entry, phase=Phase.OFFERED, agent_id=agent.agent_id)
            turn.put_entry(entry)
            if agent.state is not AgentState.TALKING:
                callers.ring(turn, agent, entry, where)
    if call.state is CallState.RINGING:
        return
    is_known = (
        agent is not None
        and agent.state is AgentState.TALKING
        and agent.call_id == call.call_id
        and turn.agent_of(entry) is not None
    )
    if not is_known:
        callers.connect(turn, entry, agent, where)
    if call.state is CallState.AGENT_LOST and call.endpoint is not None:
        lost = ev.AgentLegLost(at=turn.now, call_id=call.call_id, endpoint=call.endpoint)
        callers.leg_lost(turn, lost)


def _adopt_group(turn: Turn, entry: QueueEntry, rung: groups.Rung) -> None:
    if not rung and not groups.members(turn, entry):
        callers.put_waiting(turn, entry)
        return
    entry = turn.put_entry(
        replace(entry, phase=Phase.OFFERED, agent_id=None, group_at=entry.group_at or turn.now)
    )
    for agent, leg in rung:
        callers.ring(turn, agent, entry, leg)


def _adopt_parties(turn: Turn, call: Call) -> None:
    """Whoever else has a phone in the call: who began it, who is rung, asked or takes part."""
    by_agent: dict[AgentId, list[Leg]] = {}
    for leg in call.legs.values():
        agent = turn.agent_at(leg.endpoint)
        if agent is not None and leg.state is not LegState.ENDED:
            by_agent.setdefault(agent.agent_id, []).append(leg)
    for agent_id, legs in by_agent.items():
        agent = turn.agent(agent_id)
        if agent is not None and call.call_id in agent.calls:
            _know_legs(turn, agent, call.call_id, legs)
        elif agent is not None:
            _enter(turn, agent, call, legs)
    beginner = turn.agent_at(call.origin) if call.origin is not None else None
    if beginner is None or beginner.state in BUSY or beginner.agent_id in by_agent:
        return
    if _is_in(call, beginner) and call.consult_of is None and call.origin is not None:
        leg_id = (call.caller_leg_id, call.origin)
        parties.talk(turn, beginner, call.call_id, leg_id, kind=call.direction, is_anchor=True)


def _legs(legs: list[Leg]) -> dict[LegId, AgentLeg]:
    return {g.leg_id: AgentLeg(g.endpoint, g.state is LegState.UP or g.role == "own") for g in legs}


def _know_legs(turn: Turn, agent: Agent, call_id: CallId, legs: list[Leg]) -> None:
    known = _legs(legs)
    if agent.call_id == call_id and agent.state is not AgentState.RESERVED and not agent.legs:
        turn.put_agent(replace(agent, legs=known))


def _enter(turn: Turn, agent: Agent, call: Call, legs: list[Leg]) -> None:
    leg = next((g for g in legs if g.state is LegState.UP), legs[0])
    kind = "consult" if leg.role in ("consult", "party") else parties.kind_of(turn, call.call_id)
    entry = turn.entry(call.call_id)
    if entry is not None and entry.phase is not Phase.CONNECTED and leg.role == "agent":
        return  # the line's business
    enter = parties.talk if leg.state is LegState.UP else parties.ring
    queue = entry.queue if entry is not None and kind != "consult" else None
    if agent.state in BUSY:  # with another call: this one waits for him
        line = Line(call.call_id, kind, queue, _legs(legs))
        turn.put_agent(replace(agent, lines=(*agent.lines, line)))
        return
    enter(turn, agent, call.call_id, (leg.leg_id, leg.endpoint), kind=kind, queue=queue)


def _restored(turn: Turn, event: d.Restored) -> None:
    """Put agents into the state that the journal says; a state that began is not announced again."""
    known = dict(turn.part("agents"))
    for change in event.agents:
        agent = known.get(change.agent_id)
        state = AgentState(change.state)
        if agent is None or (state is not AgentState.LOGGED_OUT and change.endpoint is None):
            continue
        is_away = state in (AgentState.READY, AgentState.NOT_READY, AgentState.LOGGED_OUT)
        deadline_at = change.until_at
        known[agent.agent_id] = replace(
            agent,
            state=state,
            reason=change.reason,
            by=change.by,
            since_at=change.since_at or change.at,
            idle_since_at=change.at,
            ready_said_at=change.at,
            endpoint=change.endpoint,
            outside_number=change.outside_number,
            call_id=None if is_away else change.call_id,
            queue=None if is_away else change.queue,
            kind="" if is_away else change.kind or "queue",
            deadline_at=deadline_at,
            next_state=AgentState(change.next_state) if change.next_state else None,
            next_reason=change.next_reason,
            tally=event.tallies.get(agent.agent_id, Tally(change.at)),
            overrun_at=change.overrun_at,
            away_time=change.away_time,
            extended=change.extended,
        )
        agent = known[agent.agent_id] = breaks.resumed(turn.configuration, known[agent.agent_id])
        for at in (deadline_at, agent.late_at):
            if at is not None:
                turn.wake(at, agent.agent_id)
    busy: dict[CallId, tuple[AgentId, ...]] = {}
    for agent in known.values():
        for call_id in agent.calls:
            busy[call_id] = (*busy.get(call_id, ()), agent.agent_id)
    turn.set(agents=Table(known), busy=Table(busy), answered=event.answered)
    for demand in event.demands:
        callers.demand_set(turn, demand)
    for hand in event.hands:
        hands.restored(turn, hand)
    callbacks.restored(turn, event.callbacks)
    for miss in event.missed:
        claim = turn.claim(miss.call_id)
        tried = (*claim.tried, (miss.agent_id, miss.at))
        turn.put_claim(miss.call_id, replace(claim, tried=tried))
    for overflowed in event.overflowed:
        overflow.note(turn, overflowed)
    # Known before the switch tells how they went on: who has hung up meanwhile has abandoned.
    _adopt_all(turn, event.calls)
    announcing.restore(turn, event.places)
    outcomes.restore(turn, event.outcomes)


_REACTIONS: Mapping[type[Any], Callable[[Turn, Any], None]] = {
    ev.DemandSet: callers.demand_set,
    ev.TicketOpened: outcomes.opened,
    ev.DispositionSet: outcomes.named,
    ev.CallEnqueued: callers.enqueued,
    ev.WaitingKeyPressed: leaving.key_pressed,
    ev.CallFellBack: callers.fell_back,
    ev.CallRecovered: _recovered,
    ev.LegDialled: callers.dialled,
    ev.CallConnected: callers.connected,
    ev.CallRetrieved: parties.retrieved,
    ev.CallNotAnswered: callers.not_answered,
    ev.LegEnded: callers.leg_ended,
    ev.CallOffered: shapes.offered,
    ev.CallAnchored: shapes.anchored,
    ev.LegMoved: shapes.leg_moved,
    ev.CallTransferred: shapes.transferred,
    ev.CallOverflowed: shapes.overflowed,
    ev.WaitEstimated: overflow.estimated,
    ev.TransferFailed: shapes.transfer_failed,
    ev.CallParked: shapes.parked,
    ev.ConsultStarted: shapes.consulting,
    ev.ConsultConnected: shapes.party_talks,
    ev.ConsultEnded: shapes.consult_ended,
    ev.PartyJoined: shapes.party_talks,
    ev.CallMerged: shapes.merged,
    ev.CallEnded: callers.call_ended,
    ev.AgentLegLost: callers.leg_lost,
    ev.PhoneStateChanged: callers.phone_changed,
    d.SignIn: agents.sign_in,
    d.SignOut: agents.sign_out,
    d.SayReady: agents.say_ready,
    d.SayNotReady: agents.say_not_ready,
    d.ExtendWrapUp: agents.extend_wrap_up,
    d.Push: hands.push,
    d.Pull: hands.pull,
    d.MoveTo: hands.move_to,
    d.Prioritise: hands.prioritise,
    d.Demand: hands.demand,
    d.PhoneReady: agents.phone_ready,
    d.OfferRefused: agents.offer_refused,
    d.RejoinRefused: agents.rejoin_refused,
    d.CallerKnown: callers.identified,
    d.LeaveRefused: leaving.refused,
    d.AskCallback: callbacks.ask,
    d.CallerCameIn: callbacks.came_in,
    d.WithdrawCallback: callbacks.withdraw,
    d.CallbackFound: callbacks.found,
    d.Visit: announcing.visit,
    d.Due: agents.due,
    d.Linked: _linked,
    d.Reconfigured: reconfiguring.reconfigured,
    d.Unlinked: _unlinked,
    d.Stalled: _stalled,
    d.ClockSet: overflow.clock_set,
    d.Drain: _drain,
    d.Restored: _restored,
}
"""What each event does; all others concern somebody else."""
CONCERNS = frozenset(_REACTIONS) | {ev.DialFailed}
"""The events that the core reacts to."""
