"""Ring all: one caller, several agents at once; the first who answers has him.

A group is one reservation: all its agents are reserved for the same caller in the same step, each has his pop, and
their phones are rung by one command. It has no list of its own: its members are the agents who are reserved for the
caller or rung (``members``), so whoever goes for whatever reason (he declines, takes another call, his phone dies)
has left it, and the others ring on. Where nobody is left, the caller waits again (``settle``).

Nobody in a group is to blame that he didn't answer: no RONA, nothing missed. Who loses to another keeps his turn and
has no gap, but for the moment in which the phones fall silent (``settle_time``). Where all rang in vain they have a pause
of ``retry_time``, not the caller: he keeps his place and is offered at once to whoever else is free, and nobody behind
him is rung by them before he is rung again. Pauses that begin together end together (``State.pauses``), so that the next
caller rings all. Who becomes free while a group rings isn't added to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from acd.decisions import Reserve, ReserveAll
from acd.facts import Agent, Phase, QueueEntry
from acd.parties import give_up, tell_missed
from acd.states import BUSY, AgentState
from acd.strategy import Asking, Strategy, order_of
from acd.turn import Turn
from cti.domain import events as ev
from cti.domain.call import Call, LegState
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, Endpoint, LegId

S = AgentState
ANSWERED_ELSEWHERE = "answered_elsewhere"
"""Why a reservation ended: another agent of the group was faster."""
IN_VAIN = frozenset({"no_answer", "declined", "unreachable", "busy", "leg_ended", "not_dialled"})
"""Why a reservation ended of which its agent is known to have missed the caller; in a group nothing else tells of it."""
_DECLINED = (17, 21)
"""Causes of a leg whose phone was made to say no: busy (486), rejected (603)."""
_IN_A_CALL = ("in_use", "on_hold")


def rings_all(turn: Turn, entry: QueueEntry) -> bool:
    """Whether this caller's queue rings several agents at once; who is called back gets one."""
    if entry.is_callback:
        return False
    return turn.configuration.rules(entry.queue).strategy is Strategy.RING_ALL


def members(turn: Turn, entry: QueueEntry) -> list[Agent]:
    """The agents who are reserved for this caller together, or rung."""
    there = turn.agents_in(entry.call_id) if entry.is_group else []
    return [a for a in there if a.call_id == entry.call_id and a.state in (S.RESERVED, S.RINGING)]


# ---- who is asked ------------------------------------------------------------------------------


def chosen(turn: Turn, entry: QueueEntry, candidates: Iterable[Agent]) -> list[Agent]:
    """The agents to be rung together: all who are free for the caller, at most ``ring_at_most``.

    Where they are too many, left out are first who missed this caller, then whom his group doesn't prefer, who has
    the higher penalty, who has been free for a shorter time.
    """
    configuration, queue = turn.configuration, entry.queue
    preferred = configuration.group(turn.claim(entry.call_id).group).preferred
    idle, asking = order_of(Strategy.RING_ALL), Asking(turn.now)

    def order(agent: Agent) -> tuple[object, ...]:
        tried_at = entry.tried.get(agent.agent_id)
        has_missed = tried_at is not None and tried_at >= agent.ready_said_at
        is_other = bool(preferred) and agent.agent_id not in preferred
        penalty = agent.profile.penalties.get(queue, 0)
        return (has_missed, is_other, penalty, *idle(agent, asking))

    return sorted(candidates, key=order)[: configuration.rules(queue).ring_at_most]


def offer(turn: Turn, entry: QueueEntry, offers: Iterable[Reserve]) -> None:
    """The agents of these offers are reserved: show him to all and ring them."""
    offered = replace(entry, phase=Phase.OFFERED, agent_id=None, group_at=turn.now)
    turn.put_entry(replace(offered, blocked_until_at=None, leaving=None))
    turn.decide(ReserveAll(tuple(offers)))


# ---- what becomes of it ------------------------------------------------------------------------


def answered(turn: Turn, entry: QueueEntry, winner: Agent | None) -> None:
    """Somebody has the caller: the others are free at once, as if nothing had been."""
    winner_id = winner.agent_id if winner is not None else None
    losers = [agent for agent in members(turn, entry) if agent.agent_id != winner_id]
    moment_at = _together(turn, losers, turn.limits.settle_time)
    for agent in losers:
        turn.release(agent, ANSWERED_ELSEWHERE, available_at=moment_at)


def ended(turn: Turn, entry: QueueEntry) -> None:
    """The caller hung up: all are free together, when their legs have ended."""
    there = members(turn, entry)
    gap_time = turn.configuration.rules(entry.queue).gap_time
    pause_at = _together(turn, there, max(gap_time, turn.limits.settle_time))
    for agent in there:
        if agent.state is S.RINGING:
            turn.put_agent(replace(agent, available_at=pause_at))


def not_answered(turn: Turn, entry: QueueEntry, event: ev.CallNotAnswered) -> None:
    """Nobody took the call: all are released, the caller waits on."""
    there = members(turn, entry)
    rung = [agent for agent in there if agent.state is S.RINGING]
    if not rung and event.endpoint not in {agent.endpoint for agent in there}:
        return  # of an offer before this one
    tried = {**entry.tried, **{agent.agent_id: turn.now for agent in rung}}
    entry = replace(entry, tried=tried, attempts=entry.attempts + 1)
    for agent in there:
        turn.release(agent, event.result, available_at=turn.now + _pause_time(turn, entry))
    _fail(turn, entry)


def declined(turn: Turn, agent: Agent, entry: QueueEntry | None, cause: int) -> bool:
    """Whether the end of his leg tells that this agent of a group said no; then he has left it."""
    if entry is None or not entry.is_group or cause not in _DECLINED:
        return False
    if turn.phone(agent.endpoint) in _IN_A_CALL:  # busy with a call of his own is no refusal
        leave(turn, agent, entry, "busy")
        return True
    tell_missed(turn, agent, entry, "declined")
    leave(turn, agent, entry, "declined")
    return True


def leave(turn: Turn, agent: Agent, entry: QueueEntry, reason: str) -> None:
    """One agent leaves the group; the others ring on."""
    turn.put_entry(replace(entry, tried={**entry.tried, agent.agent_id: turn.now}))
    turn.release(agent, reason, available_at=turn.now + _pause_time(turn, entry))


def settle(turn: Turn) -> None:
    """Callers whose last agent has left them in this step wait again, once the switch has said so."""
    for call_id in turn.parted:
        entry = turn.entry(call_id)
        is_offered = entry is not None and entry.is_group and entry.phase is Phase.OFFERED
        if entry is not None and is_offered and not members(turn, entry):
            _fail(turn, entry)


def _fail(turn: Turn, entry: QueueEntry) -> None:
    """Nobody of the group took him: all pause together, those as well who had left it before the others."""
    asked = [turn.agent(who) for who, at in entry.tried.items() if at >= (entry.group_at or at)]
    left = [a for a in asked if a is not None and a.state is S.READY]
    pause_at = _together(turn, left, _pause_time(turn, entry))
    for agent in left:
        turn.put_agent(replace(agent, available_at=pause_at))
    give_up(turn, entry, turn.limits.result_time)


def end_pauses(turn: Turn) -> None:
    """Whose pauses are over are free, all of them in this step, whoever of them was woken first."""
    over = [agents for at, agents in turn.part("pauses") if at <= turn.now]
    if over:
        turn.set(pauses=tuple(p for p in turn.part("pauses") if p[0] > turn.now))
    for agent_id in (a for agents in over for a in agents):
        agent = turn.agent(agent_id)
        if agent is not None:
            turn.weigh(agent)


def _together(turn: Turn, agents: list[Agent], pause_time: timedelta) -> datetime:
    """The end of a pause that these agents have from now on."""
    until_at = turn.now + pause_time
    if agents:
        pause = (until_at, tuple(agent.agent_id for agent in agents))
        turn.set(pauses=(*turn.part("pauses"), pause))
    return until_at


def _pause_time(turn: Turn, entry: QueueEntry) -> timedelta:
    gap_time = turn.configuration.rules(entry.queue).gap_time
    return max(gap_time, turn.limits.retry_time)


# ---- a group that is found ---------------------------------------------------------------------


def joins(turn: Turn, entry: QueueEntry, agent: Agent) -> bool:
    """Whether an agent whose phone is rung for the caller, by an offer that we had given up, makes or joins a group."""
    is_open = entry.phase is Phase.WAITING or (entry.phase is Phase.OFFERED and entry.is_group)
    return is_open and agent.state not in BUSY and rings_all(turn, entry)


Rung = list[tuple[Agent, tuple[LegId, Endpoint]]]
"""Agents and their legs that ring."""


def found(turn: Turn, entry: QueueEntry, call: Call) -> Rung | None:
    """Whose phones ring for a caller whom the switch shows as ringing; None: he isn't offered to a group."""
    if entry.agent_id is not None or not rings_all(turn, entry):
        return None
    rung: dict[AgentId, tuple[Agent, tuple[LegId, Endpoint]]] = {}
    for leg in call.legs.values():
        agent = turn.agent_at(leg.endpoint)
        if agent is None or leg.state is LegState.ENDED or leg.role != "agent":
            continue
        is_his = agent.call_id == call.call_id and agent.state is not S.TALKING
        if is_his or agent.state not in BUSY:
            rung[agent.agent_id] = (agent, (leg.leg_id, leg.endpoint))
    return list(rung.values())
