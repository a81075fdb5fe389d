"""Which caller gets which agent: the rule, in full. ``docs/queues.md`` says it with examples.

1. Callers come in the order of their places: the longest effective wait (wait + credits) first, across all
   queues; among equals, who arrived first. Where priority is strict, more credit comes first whatever the wait.
2. Free means: READY, phone idle, gap over. A free agent comes into question who serves the queue, meets what the caller
   demands by now, and whose penalty there is in a tier that is open by now. Who waits for one agent gets that one.
3. Among those the caller gets, each rule only among the agents left by the one before: an agent who didn't miss
   this caller since he last said ready; one whom the customer group prefers; the lowest penalty; whom the queue's strategy
   chooses. (How often an agent can miss a caller is bounded by the queue's ``rona_after``.) Where the queue rings all, he
   gets them all, in one reservation (``groups.py``).
4. A caller for whom nobody is free lets the next one go ahead. Nobody else overtakes.

Cost. After each step nobody waits whom a free agent could serve (``State.is_settled``). So only two things can make a
pair: an agent who became free, with the heads of the d lines (one for each distinct queue, demand and tier that waits), and
a caller who is new in a line, with the free agents. Where a step could not match (no link, a recovery), the next one
that can looks at all.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, cast

from acd import callbacks, groups
from acd.callback_share import is_held_back
from acd.decisions import Reserve
from acd.facts import Agent, Phase, Place, QueueEntry
from acd.rules import Slot
from acd.states import Trigger
from acd.strategy import Asking, Strategy, order_of
from acd.tables import Ordered
from acd.turn import Turn
from cti.domain.demands import read_back
from cti.domain.events import AgentReserved
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, Endpoint

_MANY = 16
"""From so many free agents on the longest idle one is looked for from the top."""


def match(turn: Turn) -> None:
    """Reserve agents for callers until no free agent serves a waiting caller."""
    turn.look()
    _restand(turn)
    if not may_match(turn):
        if turn.part("is_settled") and (turn.freed or turn.arrived):
            turn.set(is_settled=False)
        return
    if turn.part("attempts"):  # callbacks give way to callers until something else changes
        turn.set(is_settled=False)
    if not turn.part("is_settled"):
        turn.freed = dict.fromkeys(turn.part("free"))
        turn.set(is_settled=True)
    if turn.part("free") and (turn.freed or turn.arrived):
        _Round(turn).run()


def may_match(turn: Turn) -> bool:
    """Whether somebody may be offered at all: the link is up, everybody back, and we go on."""
    is_open = turn.part("is_linked") and not turn.part("is_draining")
    return is_open and turn.part("hold").is_over(turn.now)


def _restand(turn: Turn) -> None:
    """Who waits for one agent goes on to the next one, or to all, when that one has gone away."""
    wanted = turn.part("wanted")
    if not wanted:
        return
    for agent_id in [a for a in turn.moved if a in wanted and a not in turn.freed]:
        for place in wanted[agent_id]:
            entry = turn.entry(place[-1])
            if entry is not None:
                turn.put_entry(entry)


class _Round:
    """One look at the lines that may have become servable, head by head in the order of places."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.freed = {a: None for a in turn.freed if turn.is_free(turn.part("agents")[a])}
        self.heads: list[tuple[Place, int, Slot | AgentId, Iterator[Place] | None]] = []

    def run(self) -> None:
        if len(self.freed) == 1 and not self.turn.arrived and self.serve_one(*self.freed):
            return
        self.heads = self.begin()
        heapq.heapify(self.heads)
        turn, heads = self.turn, self.heads
        while heads and turn.part("free") and (self.freed or turn.arrived):
            place, number, key, line = heapq.heappop(heads)
            entry = turn.entry(place[-1])
            if entry is not None and _is_waiting(turn, entry, key):
                found = self.find(key, entry)
                if found is None:
                    continue  # nobody for this line: it isn't looked at any further
                if line is None:
                    line = self.behind(key)
                for agent in found:
                    self.freed.pop(agent.agent_id, None)
                _reserve(turn, entry, found, is_group=not _is_one(turn, entry, key))
            elif line is None:
                line = self.behind(key)
            following = next(line, None)
            if following is not None:
                heapq.heappush(heads, (following, number, key, line))

    def serve_one(self, agent_id: AgentId) -> bool:
        """One agent is free and nobody new, which is the usual case; False: it isn't as simple as that.

        The first in all lines that he serves is his. Where that one can't be offered now, or rings others as well, the
        lines have to be gone through.
        """
        turn = self.turn
        waiting, wanted = turn.part("waiting"), turn.part("wanted")
        lines: list[Ordered[Place]] = waiting.some(turn.configuration.slots(agent_id, waiting))
        if agent_id in wanted:
            lines.append(wanted[agent_id])
        if not lines:
            return True
        entry = turn.entry(min([line.first for line in lines])[-1])
        key = None if entry is None else entry.slot or entry.waits_for
        if entry is None or key is None or not _is_waiting(turn, entry, key):
            return False
        if not _is_one(turn, entry, key):
            return False
        del self.freed[agent_id]
        _reserve(turn, entry, [turn.part("agents")[agent_id]], is_group=False)
        return True

    def begin(self) -> list[tuple[Place, int, Slot | AgentId, Iterator[Place] | None]]:
        """The heads of all lines in which somebody may be served now."""
        turn = self.turn
        waiting, wanted = turn.part("waiting"), turn.part("wanted")
        lines: dict[Slot | AgentId, Ordered[Place] | None] = {}
        for key in turn.arrived:
            lines[key] = (waiting if isinstance(key, tuple) else wanted).get(key)
        look_up = waiting.get
        for agent_id in self.freed:
            for slot in turn.configuration.slots(agent_id, waiting):
                if slot not in lines:
                    lines[slot] = look_up(slot)
            lines[agent_id] = wanted.get(agent_id)
        numbered = enumerate(lines.items())
        return [(line.first, number, key, None) for number, (key, line) in numbered if line]

    def behind(self, key: Slot | AgentId) -> Iterator[Place]:
        """The places of a line after its first, as the line is now."""
        line = self.turn.part("waiting" if isinstance(key, tuple) else "wanted")[key]
        places: Iterator[Place] = iter(line)
        next(places)
        return places

    def find(self, key: Slot | AgentId, entry: QueueEntry) -> list[Agent] | None:
        """The agent whom this caller gets, or all whom he gets at once; None: nobody is free for him."""
        turn = self.turn
        agents, free = turn.part("agents"), turn.part("free")
        if not isinstance(key, tuple):
            return [agents[key]] if key in free else None
        able = turn.configuration.able(key)
        if key not in turn.arrived:  # nobody was free for them before this step
            ids = [a for a in self.freed if a in able]
        elif len(free) > _MANY and _is_plain(turn, entry):
            idle = next((a for _, a in turn.idle() if a in able), None)
            return None if idle is None else [agents[idle]]
        elif len(able) < len(free):
            ids = [a for a in able if a in free]
        else:
            ids = [a for a in free if a in able]
        if not ids:
            return None
        candidates = [agents[a] for a in ids]
        if groups.rings_all(turn, entry):
            return groups.chosen(turn, entry, candidates)
        return [_choose(turn, entry, candidates)]


def _is_waiting(turn: Turn, entry: QueueEntry, key: Slot | AgentId) -> bool:
    is_blocked = entry.is_blocked(turn.now)
    if entry.phase is not Phase.WAITING or is_blocked or key not in (entry.slot, entry.wants):
        return False
    return not (entry.is_callback and is_held_back(turn, entry))


def _is_one(turn: Turn, entry: QueueEntry, key: Slot | AgentId) -> bool:
    """Whether this caller gets one agent; else a group, though it may have one member only."""
    return not isinstance(key, tuple) or not groups.rings_all(turn, entry)


def _is_plain(turn: Turn, entry: QueueEntry) -> bool:
    """Whether the choice is the longest idle agent and nothing else counts."""
    configuration = turn.configuration
    return (
        not entry.tried
        and configuration.rules(entry.queue).strategy is Strategy.LONGEST_IDLE
        and entry.queue not in configuration.ranked
        and not configuration.group(turn.claim(entry.call_id).group).preferred
    )


def _choose(turn: Turn, entry: QueueEntry, candidates: list[Agent]) -> Agent:
    if len(candidates) == 1:
        return candidates[0]
    if entry.tried:
        candidates = [a for a in candidates if not _has_missed(a, entry)] or candidates
    preferred = turn.configuration.group(turn.claim(entry.call_id).group).preferred
    if preferred:
        candidates = [a for a in candidates if a.agent_id in preferred] or candidates
    queue = entry.queue
    if queue in turn.configuration.ranked:
        least = min(a.profile.penalties.get(queue, 0) for a in candidates)
        candidates = [a for a in candidates if a.profile.penalties.get(queue, 0) == least]
    strategy = turn.configuration.rules(queue).strategy
    asking = Asking(turn.now)
    if strategy is Strategy.ROUND_ROBIN:
        asking = Asking(turn.now, last_rank=turn.part("rounds").get(queue, -1))
    elif strategy is Strategy.MOST_SKILLED:
        asking = Asking(turn.now, demand=read_back(entry.demand))
    elif strategy is Strategy.RANDOM:
        draws = turn.part("draws") + 1
        turn.set(draws=draws)
        asking = Asking(turn.now, draw=turn.configuration.seed + draws)
    order = order_of(strategy)
    return min(candidates, key=lambda agent: order(agent, asking))


def _has_missed(agent: Agent, entry: QueueEntry) -> bool:
    tried_at = entry.tried.get(agent.agent_id)
    return tried_at is not None and tried_at >= agent.ready_said_at


def _reserve(turn: Turn, entry: QueueEntry, found: list[Agent], *, is_group: bool) -> None:
    if is_group:
        groups.offer(turn, entry, [_reserve_agent(turn, entry, agent) for agent in found])
        return
    [agent] = found
    if turn.configuration.rules(entry.queue).strategy is Strategy.ROUND_ROBIN:
        turn.own("rounds")[entry.queue] = agent.profile.rank
    reserve(turn, entry, agent)


def reserve(turn: Turn, entry: QueueEntry, agent: Agent, **afterwards: Any) -> None:
    """Take this signed-in agent for this waiting caller; ``afterwards``: what he goes back to."""
    turn.put_entry(
        replace(
            entry,
            phase=Phase.OFFERED,
            agent_id=agent.agent_id,
            blocked_until_at=None,
            leaving=None,
        )
    )
    offer = _reserve_agent(turn, entry, agent, **afterwards)
    if entry.is_callback:
        callbacks.reserved(turn, entry, agent, offer)
    else:
        turn.decide(offer)


def _reserve_agent(turn: Turn, entry: QueueEntry, agent: Agent, **afterwards: Any) -> Reserve:
    rules = turn.configuration.rules(entry.queue)
    endpoint = cast(Endpoint, agent.endpoint)  # sign-in sets it
    turn.publish(
        AgentReserved(
            at=turn.now,
            call_id=entry.call_id,
            agent_id=agent.agent_id,
            queue=entry.queue,
            endpoint=endpoint,
            wait_time=turn.now - entry.enqueued_at,
        )
    )
    timeout = turn.limits.reservation_timeout
    if entry.is_callback:  # his phone is called while he is reserved
        timeout = turn.limits.ring_time(rules, endpoint)
    turn.move(
        agent,
        Trigger.RESERVE,
        **afterwards,
        call_id=entry.call_id,
        queue=entry.queue,
        kind="queue",
        deadline_at=turn.now + timeout,
    )
    return Reserve(
        call_id=entry.call_id,
        agent_id=agent.agent_id,
        queue=entry.queue,
        endpoint=endpoint,
        chosen_at=turn.now,
        ring_time=rules.ring_time,
        waits_for_paint=rules.waits_for_paint,
        manner=rules.manner,
    )
