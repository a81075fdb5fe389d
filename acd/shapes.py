"""Calls that phones begin, transfers, consultations, conferences, parking: what they mean for agents and lines.

What is told here of a caller who has an entry in a queue: sent on or parked, he is out of the line (``CONNECTED``, with
nobody) until somebody speaks with him or CallEnqueued puts him back. His entry lives until he hangs up, so that
whoever brings him back finds his place.
"""

from __future__ import annotations

from acd import callbacks, overflow, parties
from acd.callers import forget_menu, part_from_agent
from acd.facts import Agent, Phase, Shape
from acd.hands import forget_touch
from acd.leaving import left
from acd.parties import drop_line, free, leave, others_leave, over, put_shape, shape_of, take_leg
from acd.states import BUSY, AgentState
from acd.turn import Turn
from cti.domain import events as ev
from cti.domain.evolving import replace

S = AgentState


def offered(turn: Turn, event: ev.CallOffered) -> None:
    """A call began. Where a phone of ours did, its agent is busy from the dialling on."""
    callbacks.end_stray(turn, event)
    put_shape(turn, event.call_id, Shape(event.direction))
    agent = turn.agent_at(event.endpoint) if event.endpoint is not None else None
    if agent is None or event.endpoint is None:
        return
    if event.consult_of is not None and event.consult_of in agent.calls:
        return  # he is busy with the call for which he asks a queue
    kind = event.direction if event.direction in ("internal", "outbound") else "direct"
    leg = (event.leg_id, event.endpoint)
    parties.talk(turn, agent, event.call_id, leg, kind=kind, is_anchor=True)


def anchored(turn: Turn, event: ev.CallAnchored) -> None:
    """The call hangs on the customer's leg from now on."""
    for agent in turn.agents_in(event.call_id):
        line = next((x for x in agent.lines if x.call_id == event.call_id), None)
        legs = line.legs if line is not None else agent.legs
        is_anchor = event.leg_id in legs
        was_anchor = line.is_anchor if line is not None else agent.is_anchor
        if was_anchor and not is_anchor and event.agent_leg_id is None:
            leave(turn, agent, event.call_id, "leg_ended")  # nobody says that he is still there
        elif line is not None:
            moved = replace(line, is_anchor=is_anchor)
            lines = tuple(moved if x is line else x for x in agent.lines)
            turn.put_agent(replace(agent, lines=lines))
        else:
            turn.put_agent(replace(agent, is_anchor=is_anchor))


def leg_moved(turn: Turn, event: ev.LegMoved) -> None:
    """Another phone took a ring over."""
    rung, taker = turn.agent_at(event.from_endpoint), turn.agent_at(event.endpoint)
    entry = turn.entry(event.call_id)
    is_offer = entry is not None and entry.phase in (Phase.OFFERED, Phase.FALLBACK)
    kind = "queue" if is_offer else parties.kind_of(turn, event.call_id)
    queue = entry.queue if entry is not None else None
    if rung is not None and (taker is None or rung.agent_id != taker.agent_id):
        left = take_leg(turn, rung, event.call_id, event.leg_id)
        if left is not None:
            free(turn, left, "picked_up")
        if entry is not None and is_offer and entry.agent_id == rung.agent_id:
            taker_id = taker.agent_id if taker is not None else None
            turn.put_entry(replace(entry, agent_id=taker_id))
    if taker is not None and event.call_id not in taker.calls:
        leg = (event.leg_id, event.endpoint)
        parties.ring(turn, taker, event.call_id, leg, kind=kind, queue=queue)


def goes_elsewhere(event: ev.CallTransferred | ev.CallOverflowed) -> bool:
    """Whether the caller goes to another line or menu: what was said and done for this one counts no more."""
    if isinstance(event, ev.CallOverflowed):
        return event.target_kind != "outside"  # who isn't taken there waits on as he did
    # Whoever is only asked whether he wants a callback has his place until he says so.
    is_asked = event.target_kind == "flow" and event.target.startswith("_callback_")
    return event.target_kind in ("queue", "menu", "flow") and not is_asked


def transferred(turn: Turn, event: ev.CallTransferred) -> None:
    """The caller was sent on: who sent him is free, and the caller with nobody."""
    _send_on(turn, event, is_elsewhere=goes_elsewhere(event), reason="transferred")


def overflowed(turn: Turn, event: ev.CallOverflowed) -> None:
    """A rule has taken the caller out of his queue: he is with nobody, and nobody's, until he is enqueued again."""
    call_id, entry = event.call_id, turn.entry(event.call_id)
    overflow.note(turn, event)
    put_shape(turn, call_id, replace(shape_of(turn, call_id), is_sent_on=True))
    if entry is None:
        return
    part_from_agent(turn, entry, "overflowed")  # a command that was long on its way
    if goes_elsewhere(event):
        forget_menu(turn, call_id)
        forget_touch(turn, call_id)
    left = replace(turn.part("entries")[call_id], phase=Phase.CONNECTED, agent_id=None)
    is_sent_on = not overflow.keeps_place(turn, event)
    turn.put_entry(
        replace(
            left, take_back_at=None, announce_at=None, told_position=None, is_sent_on=is_sent_on
        )
    )


def parked(turn: Turn, event: ev.CallParked) -> None:
    """The caller waits where any phone can fetch him."""
    _send_on(turn, event, is_elsewhere=False, reason="parked")


def _send_on(
    turn: Turn, event: ev.CallTransferred | ev.CallParked, *, is_elsewhere: bool, reason: str
) -> None:
    call_id, entry = event.call_id, turn.entry(event.call_id)
    sender = turn.agent_at(event.endpoint) if event.endpoint is not None else None
    if sender is not None:
        leave(turn, sender, call_id, reason)
    others_leave(turn, call_id, None, reason)
    put_shape(turn, call_id, replace(shape_of(turn, call_id), is_sent_on=True))
    if entry is None:
        return
    part_from_agent(turn, entry, reason)  # who was rung, or about to be
    if getattr(event, "kind", "") == "away":
        entry = left(turn, entry)
    if is_elsewhere:  # what the menu before that line demanded
        forget_menu(turn, call_id)
        forget_touch(turn, call_id)
    is_sent_on = is_elsewhere or entry.is_sent_on
    sent = replace(entry, phase=Phase.CONNECTED, agent_id=None, group_at=None, take_back_at=None)
    turn.put_entry(replace(sent, is_sent_on=is_sent_on))


def transfer_failed(turn: Turn, event: ev.TransferFailed) -> None:
    """Nobody took the caller: he goes back to the sender, else into his own line, with his place."""
    entry = turn.entry(event.call_id)
    if entry is not None and entry.is_sent_on:
        turn.put_entry(replace(entry, is_sent_on=False))


def consulting(turn: Turn, event: ev.ConsultStarted) -> None:
    """The agent left his caller on hold to speak with somebody else."""
    agent = turn.agent_at(event.endpoint)
    if agent is not None:
        _mark_consulting(turn, agent, event, is_consulting=True)


def consult_ended(turn: Turn, event: ev.ConsultEnded) -> None:
    """The consultation is over; where the caller has gone, agent and colleague talk on."""
    agent = turn.agent_at(event.endpoint)
    if agent is not None and event.result != "caller_gone":
        _mark_consulting(turn, agent, event, is_consulting=False)


def _mark_consulting(
    turn: Turn, agent: Agent, event: ev.ConsultStarted | ev.ConsultEnded, *, is_consulting: bool
) -> None:
    if agent.call_id == event.call_id and agent.state is S.TALKING:
        turn.put_agent(replace(agent, is_consulting=is_consulting))


def party_talks(turn: Turn, event: ev.ConsultConnected | ev.PartyJoined) -> None:
    """Somebody who was called to help hears them; whoever speaks with the caller already goes on."""
    agent = turn.agent_at(event.endpoint)
    if agent is None:
        return
    leg = (event.leg_id, event.endpoint)
    if event.call_id in agent.calls and agent.call_id != event.call_id:
        line = next(x for x in agent.lines if x.call_id == event.call_id)
        parties.talk(turn, agent, event.call_id, leg, kind=line.kind, queue=line.queue)
    elif agent.call_id == event.call_id and agent.state in BUSY:
        parties.talk(turn, agent, event.call_id, leg, kind=agent.kind, queue=agent.queue)
    else:
        parties.talk(turn, agent, event.call_id, leg, kind="consult")


def merged(turn: Turn, event: ev.CallMerged) -> None:
    """The queue's agent who was consulted goes on in the call that he was asked about."""
    entry, into = turn.entry(event.call_id), event.into_call_id
    for agent in turn.agents_in(event.call_id):
        line = next((x for x in agent.lines if x.call_id == event.call_id), None)
        if into in agent.calls:
            if line is not None:
                drop_line(turn, agent, line)
        elif line is not None:
            lines = tuple(replace(x, call_id=into) if x is line else x for x in agent.lines)
            turn.put_agent(replace(agent, lines=lines))
        elif agent.state is S.TALKING:
            turn.put_agent(replace(agent, call_id=into, kind="transfer", is_anchor=False))
        else:
            free(turn, agent, "merged")
    if entry is not None:
        turn.drop_entry(entry)
    over(turn, event.call_id, is_sure=True)
