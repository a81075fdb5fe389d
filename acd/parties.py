"""An agent's part in a call: on which legs, and which of several calls is the one he is busy with.

An agent is busy with one call, the *present* one, which is what his state tells. Whatever else rings or waits on hold at his
phones stands in ``Agent.lines``; when the present call ends, the next line becomes it. The call he heard last is
the present one, so a call that he answers pushes the one before into the lines.

He is in a call as long as one of his legs is, whichever of his phones it belongs to: a ring on two phones ends
with the second leg, and a conversation goes on while another phone of his has taken it over. The one exception: where a
call hangs on his own leg (``is_anchor``), its end is his.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from acd.breaks import away_time
from acd.decisions import WithdrawOffer
from acd.facts import Agent, AgentLeg, Line, Owed, Phase, QueueEntry, Shape
from acd.states import BUSY, PHONE_LOST, RONA, AgentState, Trigger
from acd.turn import Turn
from cti.domain import events as ev
from cti.domain.evolving import replace
from cti.domain.ids import CallId, Endpoint, LegId, QueueName

S, T = AgentState, Trigger
Legs = Mapping[LegId, AgentLeg]
_PLAIN = Shape()


def kind_of(turn: Turn, call_id: CallId) -> str:
    """What a call that reaches an agent outside of a queue's line is to him."""
    shape, entry = shape_of(turn, call_id), turn.entry(call_id)
    if shape.is_sent_on or (entry is not None and entry.is_answered):
        return "transfer"
    if entry is not None:
        return "queue"
    return "internal" if shape.direction == "internal" else "direct"


def shape_of(turn: Turn, call_id: CallId) -> Shape:
    """What is known of a call beside its legs."""
    found: Shape = turn.part("shapes").get(call_id, _PLAIN)
    return found


def put_shape(turn: Turn, call_id: CallId, shape: Shape | None) -> None:
    """Note what a call is; None, and a plain one: nothing needs to be known."""
    if shape_of(turn, call_id) == (shape or _PLAIN):
        return
    if shape is not None and shape != _PLAIN:
        turn.own("shapes")[call_id] = shape
    else:
        del turn.own("shapes")[call_id]


# ---- coming in ---------------------------------------------------------------------------------


def ring(
    turn: Turn,
    agent: Agent,
    call_id: CallId,
    leg: tuple[LegId, Endpoint] | None,
    *,
    kind: str,
    queue: QueueName | None = None,
    deadline_at: datetime | None = None,
) -> None:
    """A phone of the agent's is being called."""
    legs = _with(_legs(agent, call_id), leg, is_up=False)
    is_present = agent.call_id == call_id and agent.state in BUSY
    if is_present and agent.state is S.TALKING:
        turn.put_agent(replace(agent, legs=legs))
    elif is_present or agent.state not in BUSY:
        turn.move(
            agent,
            T.DIAL,
            **afterwards(turn, agent),
            call_id=call_id,
            kind=kind,
            queue=queue,
            legs=legs,
            is_leg_ended=False,
            deadline_at=deadline_at or turn.now + turn.limits.ring_limit_time,
        )
    else:
        others = tuple(x for x in agent.lines if x.call_id != call_id)
        known = _line(agent, call_id) or Line(call_id, kind, queue, {})
        line = replace(known, kind=kind, queue=queue, legs=legs)
        turn.put_agent(replace(agent, lines=(*others, line)))


def talk(
    turn: Turn,
    agent: Agent,
    call_id: CallId,
    leg: tuple[LegId, Endpoint] | None,
    *,
    kind: str,
    queue: QueueName | None = None,
    **changes: Any,
) -> None:
    """The agent speaks in this call from now on; the one before waits, if a phone of his is still in it."""
    legs = _with(_legs(agent, call_id), leg, is_up=True)
    line = _line(agent, call_id)
    if line is not None:
        changes = {"is_anchor": line.is_anchor, "is_consulting": line.is_consulting, **changes}
    lines = tuple(x for x in agent.lines if x.call_id != call_id)
    if agent.state in BUSY and agent.call_id != call_id:
        agent, waiting = _put_aside(turn, agent)
        lines = (*lines, *waiting)
        changes = {"is_anchor": False, "is_consulting": False, "is_call_over": False, **changes}
    turn.move(
        agent,
        T.CONNECT,
        **{
            **afterwards(turn, agent),
            "call_id": call_id,
            "kind": kind,
            "queue": queue,
            "legs": legs,
            "lines": lines,
            "deadline_at": None,
            "is_leg_ended": False,
            "is_leg_lost": False,
            "is_rejoining": False,
            **changes,
        },
    )


def retrieved(turn: Turn, event: ev.CallRetrieved) -> None:
    """A call that waited on hold for an agent was taken back: the one he hears is the one he is busy with.

    Who is only asked, or on hold himself in a call between two of us, hears nothing of it.
    """
    for agent in turn.agents_in(event.call_id):
        line = _line(agent, event.call_id)
        is_his = line is not None and line.is_up and line.kind not in ("consult", "internal")
        if line is not None and is_his and agent.state is S.TALKING:
            talk(turn, agent, event.call_id, None, kind=line.kind, queue=line.queue)


def _put_aside(turn: Turn, agent: Agent) -> tuple[Agent, tuple[Line, ...]]:
    """The agent speaks in another call: what becomes of the present one?"""
    entry = turn.entry(agent.call_id)
    if agent.kind == "queue" and agent.state is not S.TALKING:
        _give_back(turn, agent, entry)
        return agent, ()
    if agent.is_call_over or agent.is_leg_ended or agent.is_leg_lost or agent.is_rejoining:
        return owe(turn, agent, agent.call_id, agent.kind, agent.queue), ()
    if entry is not None and entry.agent_id == agent.agent_id and not agent.legs:
        turn.put_entry(replace(entry, agent_id=None))  # nobody would tell us how it ends
        return agent, ()
    return agent, (_as_line(agent),) if agent.call_id is not None else ()


def _give_back(turn: Turn, agent: Agent, entry: QueueEntry | None) -> None:
    """A queue's caller who was meant for this agent goes to somebody else."""
    if agent.call_id is None:
        return
    turn.publish(
        ev.ReservationReleased(
            at=turn.now, call_id=agent.call_id, agent_id=agent.agent_id, reason="answered_other"
        )
    )
    if entry is not None and entry.is_group:
        return  # the others ring on
    if entry is not None and entry.phase is Phase.OFFERED:
        give_up(turn, entry, turn.limits.result_time)
        turn.decide(WithdrawOffer(entry.call_id))
    elif entry is not None:
        turn.put_entry(replace(entry, agent_id=None))


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
            group_at=None,
            tried=tried,
            blocked_until_at=blocked_until_at,
        )
    )


def tell_missed(turn: Turn, agent: Agent, entry: QueueEntry, reason: str) -> int:
    """Say that he was offered this call and didn't take it; how many calls in a row he has missed with it.

    Only a ring that he let pass counts (RONA), no call that he declined and no phone that couldn't be reached.
    """
    turn.publish(
        ev.AgentDidNotAnswer(
            at=turn.now,
            call_id=entry.call_id,
            agent_id=agent.agent_id,
            queue=entry.queue,
            reason=reason,
        )
    )
    return agent.missed + 1 if reason == "no_answer" else agent.missed


def rona(turn: Turn, entry: QueueEntry, missed: int) -> str:
    """The reason for which he takes no more calls after so many missed ones, by the queue's rule; "": he goes on."""
    return RONA if missed >= turn.configuration.rules(entry.queue).rona_after else ""


# ---- going out ---------------------------------------------------------------------------------


def leave(turn: Turn, agent: Agent, call_id: CallId, reason: str) -> None:
    """The agent has nothing to do with this call any more, whatever he did in it."""
    line = _line(agent, call_id)
    if line is not None:
        drop_line(turn, agent, line)
    elif call_id in agent.calls:
        free(turn, agent, reason)


def free(turn: Turn, agent: Agent, reason: str) -> Agent:
    """Let an agent go from his present call, in whatever state he is busy."""
    if agent.state is not S.TALKING:
        return turn.release(agent, reason)
    if agent.is_leg_lost and turn.phone(agent.endpoint) != "idle":
        gap_time = turn.configuration.rules(agent.queue).gap_time
        return turn.rest(agent, PHONE_LOST, available_at=turn.now + gap_time)
    return turn.end_talk(agent)


def drop_line(turn: Turn, agent: Agent, line: Line) -> Agent:
    """A call that waited for the agent is gone; his notes on it come after the present one."""
    lines = tuple(x for x in agent.lines if x.call_id != line.call_id)
    if line.is_up:
        agent = owe(turn, agent, line.call_id, line.kind, line.queue)
    return turn.put_agent(replace(agent, lines=lines))


def owe(
    turn: Turn, agent: Agent, call_id: CallId | None, kind: str, queue: QueueName | None
) -> Agent:
    """Put a wrap-up off until nothing rings or speaks at the agent's phones."""
    owed = turn.wrap_up_of(call_id, kind, queue)
    return turn.owing(agent, owed) if owed is not None else agent


def others_leave(turn: Turn, call_id: CallId, but: Agent | None, reason: str) -> None:
    """Whoever spoke with the caller doesn't any more; who is only asked, or rung, stays until his leg ends."""
    for agent in turn.agents_in(call_id):
        line = _line(agent, call_id)
        part = line or _as_line(agent)
        is_talking = line.is_up if line is not None else agent.state is S.TALKING
        is_other = but is None or agent.agent_id != but.agent_id
        if is_other and is_talking and not part.is_anchor and part.kind != "consult":
            leave(turn, agent, call_id, reason)


def over(turn: Turn, call_id: CallId, *, is_sure: bool = False) -> None:
    """The call has ended: each agent in it is free when his legs are; ``is_sure``: nothing is left of it."""
    put_shape(turn, call_id, None)
    there = turn.agents_in(call_id)
    speaking = [a for a in there if a.state is S.TALKING and a.call_id == call_id]
    are_several = sum(not agent.is_anchor for agent in speaking) > 1
    for agent in there:
        line = _line(agent, call_id)
        if line is not None:
            drop_line(turn, agent, line)
            continue
        is_gone = is_sure or agent.is_anchor or agent.state is S.RESERVED or not agent.legs
        if is_gone or agent.is_leg_ended or agent.is_leg_lost:
            free(turn, agent, "caller_gone")
        else:
            # Agent and colleague may speak on when the caller is gone.
            is_asked = agent.is_consulting or agent.kind == "consult" or are_several
            is_tail = agent.state is S.TALKING and is_asked
            deadline_at = None if is_tail else turn.now + turn.limits.leg_time
            turn.put_agent(replace(agent, is_call_over=True, deadline_at=deadline_at))


# ---- legs --------------------------------------------------------------------------------------


def add_own_leg(turn: Turn, agent: Agent, call_id: CallId, leg_id: LegId, phone: Endpoint) -> None:
    """The agent opened a second line, to consult: he is in the call until both are closed."""
    if agent.call_id == call_id and agent.state is S.TALKING and agent.legs:
        turn.put_agent(replace(agent, legs=_with(agent.legs, (leg_id, phone), is_up=True)))


def take_leg(turn: Turn, agent: Agent, call_id: CallId, leg_id: LegId) -> Agent | None:
    """One of the agent's legs is gone. None: he is in the call by another one, or it wasn't his; else he as he is now."""
    for line in agent.lines:
        if leg_id in line.legs or (line.call_id == call_id and not line.legs):
            agent = _line_without(turn, agent, line, leg_id)
    if agent.state not in (S.RINGING, S.TALKING):
        return None
    is_his = leg_id in agent.legs or (agent.call_id == call_id and not agent.legs)
    if not is_his:
        return None
    legs = _without(agent.legs, leg_id)
    is_up = any(leg.is_up for leg in legs.values())
    if legs and (is_up or agent.state is S.RINGING):
        turn.put_agent(replace(agent, legs=legs))
        return None
    # Where none is left they stay as they were, so that it is known where he was.
    return turn.put_agent(replace(agent, legs=legs)) if is_up else agent


def _line_without(turn: Turn, agent: Agent, line: Line, leg_id: LegId) -> Agent:
    left = replace(line, legs=_without(line.legs, leg_id))
    if not left.legs or (line.is_up and not left.is_up):
        return drop_line(turn, agent, line)
    lines = tuple(left if x is line else x for x in agent.lines)
    return turn.put_agent(replace(agent, lines=lines))


def is_at(agent: Agent, endpoint: Endpoint | None) -> bool:
    """Whether the agent speaks on this very phone, or it isn't known on which."""
    up = {leg.endpoint for leg in agent.legs.values() if leg.is_up}
    return not up or endpoint in up


def _legs(agent: Agent, call_id: CallId) -> Legs:
    if call_id not in agent.calls:
        return {}
    line = _line(agent, call_id)
    return line.legs if line is not None else agent.legs


def _with(legs: Legs, leg: tuple[LegId, Endpoint] | None, *, is_up: bool) -> Legs:
    if leg is None:
        return legs
    leg_id, endpoint = leg
    was_up = leg_id in legs and legs[leg_id].is_up
    return {**legs, leg_id: AgentLeg(endpoint, is_up or was_up)}


def _without(legs: Legs, leg_id: LegId) -> Legs:
    return {k: leg for k, leg in legs.items() if k != leg_id}


def _line(agent: Agent, call_id: CallId) -> Line | None:
    return next((x for x in agent.lines if x.call_id == call_id), None)


def _as_line(agent: Agent) -> Line:
    return Line(
        call_id=agent.call_id or CallId(""),
        kind=agent.kind,
        queue=agent.queue,
        legs=agent.legs,
        is_anchor=agent.is_anchor,
        is_consulting=agent.is_consulting,
    )


def afterwards(turn: Turn, agent: Agent) -> dict[str, Any]:
    """Who is called, or dials, while away or in his notes goes back to them afterwards."""
    kept: dict[str, Any] = {"next_state": agent.next_state, "next_reason": agent.next_reason}
    kept["away_time"] = away_time(agent, turn.now)
    if agent.state is S.NOT_READY and agent.next_state is None:
        kept.update(next_state=S.NOT_READY, next_reason=agent.reason)
    if agent.state is S.WRAP_UP and agent.call_id is not None:
        kept["owed"] = Owed(
            agent.call_id,
            agent.queue,
            agent.kind,
            agent.deadline_at,
            overrun_at=agent.overrun_at,
            before=agent.owed,
        )
    else:
        kept["owed"] = agent.owed
    return kept
