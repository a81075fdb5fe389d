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

from dataclasses import replace
from datetime import timedelta
from typing import Any

from acd.decisions import Rejoin, Requeue, TakeBack, WithdrawOffer
from acd.facts import Agent, Phase, QueueEntry, is_desk_phone
from acd.states import BUSY, DECLINED, PHONE_LOST, RONA, AgentState, Trigger
from acd.turn import Turn
from cti.domain import events as ev
from cti.domain.ids import CallId, LegId, QueueName

S, T = AgentState, Trigger
NO_SOUND = 44
"""The cause of a leg that ended because nothing was heard of its phone any more (rtp_timeout)."""


def enqueued(turn: Turn, event: ev.CallEnqueued) -> None:
    """The caller waits: for the first time, after an attempt, or back from elsewhere."""
    entry = turn.entry(event.call_id)
    if entry is None:
        entry = new_entry(turn, event.call_id, event.queue, event)
    else:
        part_from_agent(turn, entry, "requeued")
        is_placed = entry.take_back_at is None  # a fallback caller's T0 comes only now
        entry = replace(
            entry,
            queue=event.queue,
            enqueued_at=entry.enqueued_at if is_placed else event.enqueued_at,
            credit_time=event.credit_time,
        )
    put_waiting(turn, entry)
    come_back(turn, entry.call_id)


def fell_back(turn: Turn, event: ev.CallFellBack) -> None:
    """The caller is in Asterisk's own Queue(): fetch him, now that we are here."""
    entry = turn.entry(event.call_id) or new_entry(turn, event.call_id, event.queue, event)
    part_from_agent(turn, entry, "fell_back")
    put_fallback(turn, entry)


def dialled(turn: Turn, event: ev.LegDialled) -> None:
    """Asterisk calls a phone."""
    entry, agent = turn.entry(event.call_id), turn.agent_at(event.endpoint)
    if entry is None or entry.phase is Phase.CONNECTED:
        if agent is not None and agent.state is S.TALKING and agent.call_id == event.call_id:
            turn.move(agent, T.DIAL, **_kept(agent), leg_id=event.leg_id, is_leg_ended=False)
        return
    if agent is None:
        return
    if agent.call_id == event.call_id and agent.state in (S.RESERVED, S.RINGING):
        ring(turn, agent, entry, event.leg_id)
    elif entry.phase is Phase.WAITING and agent.state is not S.READY:
        # An offer that we had given up, carried out late, to somebody who no longer waits for it.
        turn.decide(WithdrawOffer(entry.call_id))
    elif entry.phase is not Phase.OFFERED and agent.state not in BUSY:
        is_fallback = entry.phase is Phase.FALLBACK
        phase = Phase.FALLBACK if is_fallback else Phase.OFFERED
        entry = turn.put_entry(replace(entry, phase=phase, agent_id=agent.agent_id))
        ring(turn, agent, entry, event.leg_id)


def ring(turn: Turn, agent: Agent, entry: QueueEntry, leg_id: LegId | None) -> None:
    """The agent's phone is being called for this caller."""
    ring_time = turn.configuration.rules(entry.queue).ring_time
    turn.move(
        agent,
        T.DIAL,
        **_afterwards(agent),
        call_id=entry.call_id,
        queue=entry.queue,
        leg_id=leg_id,
        is_leg_ended=False,
        deadline_at=turn.now + ring_time + turn.limits.ring_margin_time,
    )


def connected(turn: Turn, event: ev.CallConnected) -> None:
    """Caller and phone hear each other."""
    entry = turn.entry(event.call_id)
    if entry is not None:
        agent = turn.agent_at(event.endpoint)
        connect(turn, entry, agent, event.leg_id)


def connect(turn: Turn, entry: QueueEntry, agent: Agent | None, leg_id: LegId | None) -> None:
    """This agent talks with the caller from now on, whoever was meant to."""
    before = turn.agent_of(entry)
    if before is not None and (agent is None or before.agent_id != agent.agent_id):
        part_from_agent(turn, entry, "answered_elsewhere")
    if agent is not None and agent.state in BUSY and agent.call_id != entry.call_id:
        _leave_other(turn, agent)
    come_back(turn, entry.call_id)
    is_first = agent is not None and not entry.is_answered
    agent_id = agent.agent_id if agent is not None else None
    entry = replace(entry, phase=Phase.CONNECTED, agent_id=agent_id, take_back_at=None)
    turn.put_entry(replace(entry, is_answered=entry.is_answered or agent is not None))
    if agent is None:
        return
    turn.move(
        agent,
        T.CONNECT,
        **_afterwards(agent),
        call_id=entry.call_id,
        queue=entry.queue,
        leg_id=leg_id,
        deadline_at=None,
        missed=0,
        is_leg_ended=False,
        is_leg_lost=False,
        is_rejoining=False,
    )
    if is_first:
        turn.publish(
            ev.CallAnswered(
                at=turn.now,
                call_id=entry.call_id,
                agent_id=agent.agent_id,
                queue=entry.queue,
                wait_time=max(turn.now - entry.enqueued_at, timedelta(0)),
            )
        )


def not_answered(turn: Turn, event: ev.CallNotAnswered) -> None:
    """The phone didn't take the call: the caller goes to somebody else, the agent may be away."""
    entry = turn.entry(event.call_id)
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
    turn.publish(
        ev.AgentDidNotAnswer(
            at=turn.now,
            call_id=entry.call_id,
            agent_id=agent.agent_id,
            queue=entry.queue,
            reason=event.result,
        )
    )
    missed = agent.missed + 1 if event.result == "no_answer" else agent.missed
    penalty = _penalty(turn, agent, event.result, missed)
    turn.release(agent, event.result, penalty, missed=0 if penalty == RONA else missed)


def _penalty(turn: Turn, agent: Agent, result: str, missed: int) -> str:
    if result == "unreachable":
        return PHONE_LOST
    if result == "declined":
        # Busy with a call of his own is no refusal: READY, and free when the phone is idle again.
        return "" if turn.phone(agent.endpoint) in ("in_use", "on_hold") else DECLINED
    return RONA if missed >= turn.configuration.rules(agent.queue).rona_after else ""


def leg_ended(turn: Turn, event: ev.LegEnded) -> None:
    """A phone is free again."""
    agent = turn.agent_at(event.endpoint)
    if agent is None or agent.call_id != event.call_id or agent.state not in (S.RINGING, S.TALKING):
        return
    if agent.leg_id not in (None, event.leg_id):
        return  # the leg before a rejoin
    if agent.is_call_over:
        free(turn, agent, "caller_gone")
    elif agent.state is S.RINGING:
        _wait_for_reason(turn, agent, turn.limits.result_time)
    elif agent.is_rejoining or agent.is_leg_lost:
        turn.put_agent(replace(agent, is_leg_ended=True))
    elif is_desk_phone(agent.endpoint):
        if event.cause == NO_SOUND:
            _phone_died(turn, agent, event.call_id)
        else:
            free(turn, agent, "leg_ended")
    else:
        _wait_for_reason(turn, agent, turn.limits.settle_time)


def _phone_died(turn: Turn, agent: Agent, call_id: CallId) -> None:
    """Nobody hung up: the caller waits again, with his place; the phone gets no call until somebody looks."""
    gap_time = turn.configuration.rules(agent.queue).gap_time
    turn.rest(agent, PHONE_LOST, available_at=turn.now + gap_time)
    turn.decide(Requeue(call_id))


def _wait_for_reason(turn: Turn, agent: Agent, limit: timedelta) -> None:
    turn.put_agent(replace(agent, is_leg_ended=True, deadline_at=turn.now + limit))


def call_ended(turn: Turn, event: ev.CallEnded) -> None:
    """The caller is gone."""
    entry = turn.entry(event.call_id)
    if entry is not None:
        end(turn, entry)


def end(turn: Turn, entry: QueueEntry) -> None:
    """Forget a caller; his agent is free when his leg is."""
    agent = turn.agent_of(entry)
    if not entry.is_answered and entry.phase is not Phase.CONNECTED:
        turn.publish(
            ev.CallAbandoned(
                at=turn.now,
                call_id=entry.call_id,
                queue=entry.queue,
                wait_time=max(turn.now - entry.enqueued_at, timedelta(0)),
            )
        )
    turn.drop_entry(entry)
    come_back(turn, entry.call_id)
    if agent is None:
        return
    is_leg_gone = agent.state is S.RESERVED or agent.leg_id is None
    if is_leg_gone or agent.is_leg_ended or agent.is_leg_lost:
        free(turn, agent, "caller_gone")
    else:
        deadline_at = turn.now + turn.limits.leg_time
        turn.put_agent(replace(agent, is_call_over=True, deadline_at=deadline_at))


def leg_lost(turn: Turn, event: ev.AgentLegLost) -> None:
    """The agent's leg ended and nobody meant it: the caller is held for him."""
    entry, agent = turn.entry(event.call_id), turn.agent_at(event.endpoint)
    if entry is None or agent is None or agent.call_id != event.call_id:
        return
    if agent.state is S.TALKING:
        deadline_at = turn.now + turn.limits.lost_time
        turn.put_agent(replace(agent, is_leg_lost=True, is_leg_ended=True, deadline_at=deadline_at))
    elif agent.state is S.WRAP_UP and entry.phase is Phase.CONNECTED:
        # The news came later than settle_time.
        connect(turn, entry, agent, None)
        leg_lost(turn, event)


def phone_changed(turn: Turn, event: ev.PhoneStateChanged) -> None:
    """Asterisk says what a phone does."""
    before = turn.phone(event.endpoint)
    turn.put_phone(event.endpoint, event.state)
    agent = turn.agent_at(event.endpoint)
    if agent is None or event.state != "idle":
        return
    if agent.is_leg_lost and before == "unavailable":
        rejoin(turn, agent)
    elif agent.is_call_over:
        free(turn, agent, "caller_gone")


def rejoin(turn: Turn, agent: Agent) -> None:
    """The phone is back, without the call: call it again."""
    if agent.state is not S.TALKING or agent.is_rejoining or agent.call_id is None:
        return
    if agent.endpoint is None or agent.is_call_over:
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
        **known,
    )


def put_waiting(turn: Turn, entry: QueueEntry) -> None:
    """The caller waits and may be offered."""
    every = turn.configuration.rules(entry.queue).announce_every
    announce_at = entry.announce_at
    if every > timedelta(0):
        soonest_at = turn.now + min(every, turn.limits.retry_time)
        announce_at = max(entry.announce_at or entry.enqueued_at + every, soonest_at)
        turn.wake(announce_at, entry.call_id)
    turn.put_entry(
        replace(
            entry,
            phase=Phase.WAITING,
            agent_id=None,
            blocked_until_at=None,
            take_back_at=None,
            refusals=0,
            announce_at=announce_at,
        )
    )


def put_fallback(turn: Turn, entry: QueueEntry) -> None:
    """The caller stands in the fallback Queue(); ask for him, and again if he doesn't come."""
    take_back_at = turn.now + turn.limits.retry_time
    turn.put_entry(replace(entry, phase=Phase.FALLBACK, agent_id=None, take_back_at=take_back_at))
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


def give_up(turn: Turn, entry: QueueEntry, block_time: timedelta) -> QueueEntry:
    """An attempt led to nothing: the caller waits on, once his state is sure."""
    tried = dict(entry.tried)
    if entry.agent_id is not None:
        tried[entry.agent_id] = turn.now
    blocked_until_at = turn.now + block_time
    turn.wake(blocked_until_at, entry.call_id)
    return turn.put_entry(
        replace(
            entry,
            phase=Phase.WAITING,
            agent_id=None,
            tried=tried,
            blocked_until_at=blocked_until_at,
        )
    )


def part_from_agent(turn: Turn, entry: QueueEntry, reason: str) -> None:
    """The caller went elsewhere; whoever was busy with him is free."""
    agent = turn.agent_of(entry)
    if agent is not None:
        free(turn, agent, reason)


def free(turn: Turn, agent: Agent, reason: str) -> Agent:
    """Let an agent go from his caller, in whatever state he is busy."""
    if agent.state is not S.TALKING:
        return turn.release(agent, reason)
    if agent.is_leg_lost and turn.phone(agent.endpoint) != "idle":
        gap_time = turn.configuration.rules(agent.queue).gap_time
        return turn.rest(agent, PHONE_LOST, available_at=turn.now + gap_time)
    return turn.end_talk(agent)


def _leave_other(turn: Turn, agent: Agent) -> None:
    """The agent speaks with somebody else than we had meant: let that one go to another."""
    other = turn.entry(agent.call_id)
    if other is not None and agent.state is not S.TALKING:
        turn.publish(
            ev.ReservationReleased(
                at=turn.now,
                call_id=other.call_id,
                agent_id=agent.agent_id,
                reason="answered_other",
            )
        )
    if other is not None and other.phase is Phase.OFFERED:
        give_up(turn, other, turn.limits.result_time)
        turn.decide(WithdrawOffer(other.call_id))
    elif other is not None:
        turn.put_entry(replace(other, agent_id=None))


def _afterwards(agent: Agent) -> dict[str, Any]:
    """Who is called while away goes back to the same reason afterwards."""
    kept = _kept(agent)
    if agent.state is S.NOT_READY and agent.next_state is None:
        kept.update(next_state=S.NOT_READY, next_reason=agent.reason)
    return kept


def _kept(agent: Agent) -> dict[str, Any]:
    return {"next_state": agent.next_state, "next_reason": agent.next_reason}
