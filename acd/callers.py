"""What the switch says of callers and phones, and what it means for agents and lines.

The order of events is Asterisk's, not ours: a leg's end comes before or after the caller's, before or after the reason why a
phone didn't answer. So nothing is concluded from one event alone where another may still come:

* An agent who was rung or spoke is free on his own leg's end. If the caller ends and no phone was dialled, on that.
* A leg that ended while the caller lives on may be a lost browser page: the agent stays TALKING for
  ``settle_time``, in which AgentLegLost, CallEnqueued or CallEnded tell. A desk phone's hang-up is meant, unless
  its leg ended for want of sound: then the phone has died, and its caller goes back into the line.
* A caller who wasn't answered is offered again when he says that he waits (CallEnqueued), at the latest
  after ``result_time``.

Whatever fails to come is bounded by the agent's ``deadline_at`` (``agents.py``, ``due``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from acd import callbacks, groups, overflow, parties
from acd.announcing import planned
from acd.decisions import CallerKnown, Rejoin, Requeue, TakeBack, WithdrawOffer
from acd.facts import Agent, AgentLeg, Phase, QueueEntry, is_desk_phone
from acd.parties import (
    add_own_leg,
    free,
    give_up,
    is_at,
    kind_of,
    others_leave,
    over,
    put_shape,
    rona,
    shape_of,
    take_leg,
    tell_missed,
)
from acd.states import BUSY, DECLINED, PHONE_LOST, RONA, AgentState, Trigger
from acd.turn import Turn
from cti.domain import events as ev
from cti.domain.demands import parse_demand
from cti.domain.errors import InvalidDemand
from cti.domain.evolving import replace
from cti.domain.ids import CallId, Endpoint, LegId, QueueName, is_outside_phone

S, T = AgentState, Trigger
BY_MENU = "menu"
"""``DemandSet.by`` of a menu's node."""
NO_SOUND = 44
"""The cause of a leg that ended because nothing was heard of its phone any more (rtp_timeout)."""
HUNG_UP = 16
"""The cause of a leg that had been answered and was ended by its phone."""


def enqueued(turn: Turn, event: ev.CallEnqueued) -> None:
    """The caller waits: for the first time, after an attempt, or back from elsewhere."""
    entry = turn.entry(event.call_id)
    is_new = entry is None or entry.is_sent_on or entry.queue != event.queue
    if entry is None:
        entry = new_entry(turn, event.call_id, event.queue, event)
    else:
        part_from_agent(turn, entry, "requeued")
        # A fallback caller's T0 comes only now; who was sent to another line begins there.
        is_placed = entry.take_back_at is None and not entry.is_sent_on
        is_placed = is_placed and entry.queue == event.queue
        entry = replace(
            entry,
            queue=event.queue,
            enqueued_at=entry.enqueued_at if is_placed else min(event.enqueued_at, turn.now),
            credit_time=event.credit_time,
            is_sent_on=False,
            told_position=entry.told_position if is_placed else None,
            announce_at=entry.announce_at if is_placed else None,
            offer_at=entry.offer_at if is_placed else None,
        )
    others_leave(turn, event.call_id, None, "requeued")
    put_shape(turn, event.call_id, replace(shape_of(turn, event.call_id), is_sent_on=False))
    put_waiting(turn, entry)
    if is_new:
        overflow.came(turn, entry)
    come_back(turn, entry.call_id)


def demand_set(turn: Turn, event: ev.DemandSet) -> None:
    """Somebody said which skills the call needs. A text that is none says nothing."""
    try:
        demand = str(parse_demand(event.demand))
    except InvalidDemand:
        return
    claim = turn.claim(event.call_id)
    others = tuple((by, text) for by, text in claim.demands if by != event.by)
    demands = (*others, (event.by, demand)) if demand else others
    turn.put_claim(event.call_id, replace(claim, demands=demands))


def forget_menu(turn: Turn, call_id: CallId) -> None:
    """The caller goes to another line: what the menu before this one demanded counts no more."""
    claim = turn.claim(call_id)
    if any(by == BY_MENU for by, _ in claim.demands):
        demands = tuple((by, text) for by, text in claim.demands if by != BY_MENU)
        turn.put_claim(call_id, replace(claim, demands=demands))


def identified(turn: Turn, event: CallerKnown) -> None:
    """The caller's group and agents were looked up, before he was enqueued or a moment later."""
    claim = replace(
        turn.claim(event.call_id),
        group=event.group,
        dedicated=event.dedicated,
        last_agent_id=event.last_agent_id,
    )
    turn.put_claim(event.call_id, claim)


def fell_back(turn: Turn, event: ev.CallFellBack) -> None:
    """The caller is in Asterisk's own Queue(): fetch him, now that we are here."""
    entry = turn.entry(event.call_id) or new_entry(turn, event.call_id, event.queue, event)
    part_from_agent(turn, entry, "fell_back")
    others_leave(turn, event.call_id, None, "fell_back")
    put_fallback(turn, entry)


def dialled(turn: Turn, event: ev.LegDialled) -> None:
    """Asterisk calls a phone."""
    entry, agent = turn.entry(event.call_id), turn.agent_at(event.endpoint)
    leg = (event.leg_id, event.endpoint)
    if agent is None:
        return
    if event.role == "own":
        add_own_leg(turn, agent, event.call_id, *leg)
    elif event.role != "agent":
        parties.ring(turn, agent, event.call_id, leg, kind="consult")
    elif agent.call_id == event.call_id and agent.state is S.TALKING:
        if agent.is_rejoining or agent.is_leg_lost or agent.is_leg_ended:
            legs = {event.leg_id: AgentLeg(event.endpoint, is_up=False)}
            turn.move(agent, T.REJOIN, **_kept(agent), legs=legs, is_leg_ended=False)
        else:
            parties.ring(turn, agent, event.call_id, leg, kind=agent.kind, queue=agent.queue)
    elif entry is None or entry.phase is Phase.CONNECTED:
        queue = entry.queue if entry is not None else None
        kind = kind_of(turn, event.call_id)
        parties.ring(turn, agent, event.call_id, leg, kind=kind, queue=queue)
    elif agent.call_id == event.call_id and agent.state in (S.RESERVED, S.RINGING):
        ring(turn, agent, entry, leg)
    elif entry.phase is Phase.WAITING and agent.state is not S.READY:
        # An offer that we had given up, carried out late, to somebody who no longer waits for it.
        turn.decide(WithdrawOffer(entry.call_id))
    elif groups.joins(turn, entry, agent):
        grouped = replace(
            entry, phase=Phase.OFFERED, agent_id=None, group_at=entry.group_at or turn.now
        )
        ring(turn, agent, turn.put_entry(grouped), leg)
    elif entry.phase is not Phase.OFFERED and agent.state not in BUSY:
        is_fallback = entry.phase is Phase.FALLBACK
        phase = Phase.FALLBACK if is_fallback else Phase.OFFERED
        entry = turn.put_entry(replace(entry, phase=phase, agent_id=agent.agent_id))
        ring(turn, agent, entry, leg)


def ring(turn: Turn, agent: Agent, entry: QueueEntry, leg: tuple[LegId, Endpoint] | None) -> None:
    """The agent's phone is being called for this queue's caller."""
    rules = turn.configuration.rules(entry.queue)
    deadline_at = turn.now + turn.limits.ring_time(rules, agent.endpoint)
    if not rules.manner.is_plain and not is_outside_phone(agent.endpoint or ""):
        deadline_at += turn.limits.meeting_time
    parties.ring(
        turn, agent, entry.call_id, leg, kind="queue", queue=entry.queue, deadline_at=deadline_at
    )


def connected(turn: Turn, event: ev.CallConnected) -> None:
    """Caller and phone hear each other."""
    entry, agent = turn.entry(event.call_id), turn.agent_at(event.endpoint)
    leg = (event.leg_id, event.endpoint)
    if entry is not None:
        connect(turn, entry, agent, leg)
        return
    others_leave(turn, event.call_id, agent, "answered_elsewhere")
    if agent is not None:
        kind = _kind_in(turn, agent, event.call_id)
        parties.talk(turn, agent, event.call_id, leg, kind=kind)


def connect(
    turn: Turn, entry: QueueEntry, agent: Agent | None, leg: tuple[LegId, Endpoint] | None
) -> None:
    """This agent talks with the caller from now on, whoever was meant to."""
    before = turn.agent_of(entry)
    if before is not None and (agent is None or before.agent_id != agent.agent_id):
        part_from_agent(turn, entry, "answered_elsewhere")
    groups.answered(turn, entry, agent)
    others_leave(turn, entry.call_id, agent, "answered_elsewhere")
    come_back(turn, entry.call_id)
    is_first = agent is not None and not entry.is_answered
    is_queues = entry.phase is not Phase.CONNECTED or is_first
    agent_id = agent.agent_id if agent is not None else None
    answered = replace(
        entry, phase=Phase.CONNECTED, agent_id=agent_id, group_at=None, take_back_at=None
    )
    if agent is not None:
        kind = "queue" if is_queues else _kind_in(turn, agent, entry.call_id)
        answered = replace(answered, is_answered=True)
        turn.put_entry(answered)
        if is_first:
            tally = replace(agent.tally, taken=agent.tally.taken + 1)
            agent = turn.put_agent(replace(agent, tally=tally))
        parties.talk(turn, agent, entry.call_id, leg, kind=kind, queue=entry.queue, missed=0)
    else:
        turn.put_entry(answered)
    if is_first and agent is not None:
        turn.publish(
            ev.CallAnswered(
                at=turn.now,
                call_id=entry.call_id,
                agent_id=agent.agent_id,
                queue=entry.queue,
                wait_time=max(turn.now - entry.enqueued_at, timedelta(0)),
            )
        )


def _kind_in(turn: Turn, agent: Agent, call_id: CallId) -> str:
    """What a call is to the agent who speaks in it: who was only asked has taken it over."""
    lines = [x.kind for x in agent.lines if x.call_id == call_id]
    kind = agent.kind if agent.call_id == call_id else next(iter(lines), "")
    return "transfer" if kind == "consult" else kind or kind_of(turn, call_id)


def not_answered(turn: Turn, event: ev.CallNotAnswered) -> None:
    """The phone didn't take the call: the caller goes to somebody else, the agent may be away."""
    entry = turn.entry(event.call_id)
    if entry is not None and entry.is_group:
        groups.not_answered(turn, entry, event)
        return
    agent = turn.agent_of(entry) if entry is not None else None
    if entry is None or agent is None or agent.endpoint != event.endpoint:
        return
    if agent.state is S.TALKING:  # a rejoin that failed; the dialplan holds or requeues the caller
        turn.put_agent(replace(agent, is_rejoining=False, is_leg_lost=True))
        return
    if entry.phase is Phase.FALLBACK:  # Asterisk's own ring, by its own rules
        turn.put_entry(replace(entry, agent_id=None))
        turn.release(agent, event.result)
        return
    entry = give_up(turn, entry, turn.limits.result_time)
    turn.put_entry(replace(entry, attempts=entry.attempts + 1))
    result = _verdict(turn, agent, event.result)
    missed = tell_missed(turn, agent, entry, result)
    penalty = _penalty(turn, agent, entry, result, missed)
    turn.release(agent, event.result, penalty, missed=0 if penalty == RONA else missed)


def _verdict(turn: Turn, agent: Agent, result: str) -> str:
    """What a phone's answer counts as: where nobody may decline, who does has let it ring."""
    if result != "declined" or turn.configuration.rules(agent.queue).manner.may_decline:
        return result
    return result if _is_engaged(turn, agent) else "no_answer"


def _is_engaged(turn: Turn, agent: Agent) -> bool:
    """Busy with a call of his own is no refusal.

    His phone may be shown in use by the call that he has just hung up in before he met the caller: that was no other one.
    """
    return not agent.has_hung_up and turn.phone(agent.endpoint) in ("in_use", "on_hold")


def _penalty(turn: Turn, agent: Agent, entry: QueueEntry, result: str, missed: int) -> str:
    if result == "unreachable":
        return PHONE_LOST
    if result == "declined":
        # Engaged: READY, and free when the phone is idle again.
        return "" if _is_engaged(turn, agent) else DECLINED
    return rona(turn, entry, missed)


def leg_ended(turn: Turn, event: ev.LegEnded) -> None:
    """A phone is free again."""
    found = turn.agent_at(event.endpoint)
    agent = take_leg(turn, found, event.call_id, event.leg_id) if found is not None else None
    if agent is None:
        return
    is_held = agent.kind not in ("internal", "consult")  # a customer may be held for him
    if agent.is_call_over:
        free(turn, agent, "caller_gone")
    elif agent.state is S.RINGING:
        if agent.kind != "queue":
            free(turn, agent, "leg_ended")
        elif not groups.declined(turn, agent, turn.entry(event.call_id), event.cause):
            agent = replace(agent, has_hung_up=event.cause == HUNG_UP)
            _wait_for_reason(turn, agent, turn.limits.result_time)
    elif agent.is_rejoining or agent.is_leg_lost:
        turn.put_agent(replace(agent, is_leg_ended=True))
    elif not is_held:
        free(turn, agent, "leg_ended")
    elif is_desk_phone(event.endpoint):
        if event.cause == NO_SOUND:
            _phone_died(turn, agent)
        else:
            free(turn, agent, "leg_ended")
    else:
        _wait_for_reason(turn, agent, turn.limits.settle_time)


def _phone_died(turn: Turn, agent: Agent) -> None:
    """Nobody hung up: the caller waits again, with his place; the phone gets no call until somebody looks."""
    gap_time = turn.configuration.rules(agent.queue).gap_time
    call_id = agent.call_id
    turn.rest(agent, PHONE_LOST, available_at=turn.now + gap_time)
    if call_id is not None and not turn.agents_in(call_id):  # else the others speak on
        turn.decide(Requeue(call_id))


def _wait_for_reason(turn: Turn, agent: Agent, limit: timedelta) -> None:
    turn.put_agent(replace(agent, is_leg_ended=True, deadline_at=turn.now + limit))


def call_ended(turn: Turn, event: ev.CallEnded) -> None:
    """The caller is gone."""
    entry = turn.entry(event.call_id)
    if entry is not None:
        end(turn, entry)
    else:
        over(turn, event.call_id)
    turn.put_claim(event.call_id, None)


def end(turn: Turn, entry: QueueEntry, *, is_sure: bool = False) -> None:
    """Forget a caller; his agents are free when their legs are (``is_sure``: at once)."""
    if not entry.is_answered and entry.phase is not Phase.CONNECTED:
        turn.publish(
            ev.CallAbandoned(
                at=turn.now,
                call_id=entry.call_id,
                queue=entry.queue,
                wait_time=max(turn.now - entry.enqueued_at, timedelta(0)),
            )
        )
    groups.ended(turn, entry)
    turn.drop_entry(entry)
    come_back(turn, entry.call_id)
    over(turn, entry.call_id, is_sure=is_sure)


def leg_lost(turn: Turn, event: ev.AgentLegLost) -> None:
    """The agent's leg ended and nobody meant it: the caller is held for him."""
    entry, agent = turn.entry(event.call_id), turn.agent_at(event.endpoint)
    if agent is None or agent.call_id != event.call_id:
        return
    if agent.state is S.TALKING:
        deadline_at = turn.now + turn.limits.lost_time
        turn.put_agent(replace(agent, is_leg_lost=True, is_leg_ended=True, deadline_at=deadline_at))
    elif entry is not None and agent.state is S.WRAP_UP and entry.phase is Phase.CONNECTED:
        # The news came later than settle_time.
        connect(turn, entry, agent, None)
        leg_lost(turn, event)


def phone_changed(turn: Turn, event: ev.PhoneStateChanged) -> None:
    """Asterisk says what a phone does."""
    before = turn.phone(event.endpoint)
    turn.put_phone(event.endpoint, event.state)
    agent = turn.agent_at(event.endpoint)
    if agent is not None:
        callbacks.phone_back(turn, agent, event.state)
        agent = turn.agent_at(event.endpoint)
    if agent is not None and agent.state is S.RINGING and event.state == "ringing":
        turn.put_agent(replace(agent, has_rung=True))
    if agent is None or event.state != "idle":
        return
    if agent.is_leg_lost and before == "unavailable":
        rejoin(turn, agent)
    elif agent.is_call_over and not turn.has_phone_in_use(agent):
        free(turn, agent, "caller_gone")


def rejoin(turn: Turn, agent: Agent) -> None:
    """The phone is back, without the call: call it again."""
    if agent.state is not S.TALKING or agent.is_rejoining or agent.call_id is None:
        return
    if agent.endpoint is None or agent.is_call_over or agent.is_anchor:
        return
    if agent.kind in ("internal", "consult") or not is_at(agent, agent.endpoint):
        return
    deadline_at = turn.now + turn.limits.lost_time
    turn.put_agent(replace(agent, is_rejoining=True, deadline_at=deadline_at))
    turn.decide(Rejoin(agent.call_id, agent.agent_id, agent.endpoint))


# ---- shared ------------------------------------------------------------------------------------


def new_entry(
    turn: Turn, call_id: CallId, queue: QueueName, event: ev.Event, **known: Any
) -> QueueEntry:
    """A caller who is new to us; ``event`` may tell when he was enqueued, and his credit."""
    sequence = turn.part("sequence") + 1
    turn.set(sequence=sequence)
    enqueued_at = getattr(event, "enqueued_at", None) or event.at
    return QueueEntry(
        call_id=call_id,
        queue=queue,
        enqueued_at=min(enqueued_at, turn.now),
        credit_time=getattr(event, "credit_time", timedelta(0)),
        sequence=sequence,
        attempts=getattr(event, "attempt", 0),
        is_answered=call_id in turn.part("answered"),
        is_strict=turn.configuration.is_strict,
        tried=dict(turn.claim(call_id).tried),
        **known,
    )


def put_waiting(turn: Turn, entry: QueueEntry) -> None:
    """The caller waits and may be offered."""
    entry = planned(turn, entry)
    turn.put_entry(
        replace(
            entry,
            phase=Phase.WAITING,
            agent_id=None,
            group_at=None,
            blocked_until_at=None,
            leaving=None,
            take_back_at=None,
            refusals=0,
        )
    )


def put_fallback(turn: Turn, entry: QueueEntry) -> None:
    """The caller stands in the fallback Queue(); ask for him, and again if he doesn't come."""
    take_back_at = turn.now + turn.limits.retry_time
    fallen = replace(entry, phase=Phase.FALLBACK, agent_id=None, group_at=None, leaving=None)
    turn.put_entry(replace(fallen, take_back_at=take_back_at))
    hold = turn.part("hold")
    if turn.now < hold.limit_at:
        turn.set(hold=replace(hold, pending=hold.pending | {entry.call_id}))
    if turn.part("is_linked"):
        turn.decide(TakeBack(entry.call_id))
        turn.wake(take_back_at, entry.call_id)


def come_back(turn: Turn, call_id: CallId) -> None:
    """One caller less to wait for before matching."""
    hold = turn.part("hold")
    if call_id in hold.pending:
        turn.set(hold=replace(hold, pending=hold.pending - {call_id}))


def part_from_agent(turn: Turn, entry: QueueEntry, reason: str) -> None:
    """The caller went elsewhere; whoever was busy with him is free."""
    agent = turn.agent_of(entry)
    for one in groups.members(turn, entry) if agent is None else [agent]:
        free(turn, one, reason)


def _kept(agent: Agent) -> dict[str, Any]:
    return {"next_state": agent.next_state, "next_reason": agent.next_reason}
