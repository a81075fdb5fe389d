"""Which caller gets which agent: the rule, in full.

1. Callers come in the order of their places: the longest effective wait (wait + credit) first, across all
   queues; among equals, who arrived first.
2. The caller gets the agent whom his queue's strategy chooses among the free agents who serve the queue. Free
   means: READY, phone idle, gap over.
3. An agent who didn't take this caller before is asked again only if no other is free, unless he has said
   ready since. (How often that can happen is bounded by the queue's ``rona_after``.)
4. A caller for whom nobody is free lets the next one go ahead. Nobody else overtakes.

Cost: with d queues that have callers, at most d + (reservations made) scans of the free agents.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import cast

from acd.decisions import Reserve
from acd.facts import Agent, Phase, QueueEntry
from acd.states import Trigger
from acd.turn import Turn
from cti.domain.events import AgentReserved
from cti.domain.ids import Endpoint, QueueName


def match(turn: Turn) -> None:
    """Reserve agents for callers until no free agent serves a waiting caller."""
    if not turn.part("is_linked") or turn.part("is_draining") or not turn.part("free"):
        return
    if not turn.part("hold").is_over(turn.now):
        return
    lines = {queue: line for queue, line in turn.part("lines").items() if line}
    heads = [(line[0], queue, 0) for queue, line in lines.items()]
    heapq.heapify(heads)
    while heads and turn.part("free"):
        place, queue, index = heapq.heappop(heads)
        entry = turn.entry(place[2])
        if entry is not None and _is_waiting(turn, entry):
            candidates = _serving(turn, queue)
            if not candidates:
                continue  # nobody for this queue: its line isn't looked at any further
            _reserve(turn, entry, _choose(turn, entry, candidates))
        if index + 1 < len(lines[queue]):
            heapq.heappush(heads, (lines[queue][index + 1], queue, index + 1))


def _is_waiting(turn: Turn, entry: QueueEntry) -> bool:
    is_blocked = entry.blocked_until_at is not None and turn.now < entry.blocked_until_at
    return entry.phase is Phase.WAITING and not is_blocked


def _serving(turn: Turn, queue: QueueName) -> list[Agent]:
    agents = turn.part("agents")
    return [a for a in map(agents.__getitem__, turn.part("free")) if queue in a.profile.queues]


def _choose(turn: Turn, entry: QueueEntry, candidates: list[Agent]) -> Agent:
    fresh = [a for a in candidates if not _has_missed(a, entry)] if entry.tried else candidates
    return turn.configuration.rules(entry.queue).strategy.choose(fresh or candidates)


def _has_missed(agent: Agent, entry: QueueEntry) -> bool:
    tried_at = entry.tried.get(agent.agent_id)
    return tried_at is not None and tried_at >= agent.ready_said_at


def _reserve(turn: Turn, entry: QueueEntry, agent: Agent) -> None:
    rules = turn.configuration.rules(entry.queue)
    endpoint = cast(Endpoint, agent.endpoint)  # sign-in sets it, and only who signed in is READY
    turn.put_entry(
        replace(
            entry,
            phase=Phase.OFFERED,
            agent_id=agent.agent_id,
            blocked_until_at=None,
        )
    )
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
    turn.move(
        agent,
        Trigger.RESERVE,
        call_id=entry.call_id,
        queue=entry.queue,
        kind="queue",
        deadline_at=turn.now + turn.limits.reservation_timeout,
    )
    turn.decide(
        Reserve(
            call_id=entry.call_id,
            agent_id=agent.agent_id,
            queue=entry.queue,
            endpoint=endpoint,
            chosen_at=turn.now,
            ring_time=rules.ring_time,
            waits_for_paint=rules.waits_for_paint,
        )
    )
