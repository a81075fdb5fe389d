"""A model of Asterisk's ``app_queue`` as a peer of our simulator: same callers, same agents, its own way to choose.

After ``apps/app_queue.c`` of Asterisk 22, with ``autofill=yes`` and ``strategy=rrmemory``, which is the best it can do:

* Each queue is on its own. Every caller looks for himself, when he comes and then each second (``RECHECK``), whether
  fewer callers stand before him than members of his queue are free (``is_our_turn``).
* Whoever finds that takes the next free member after the one whom his queue asked last (``rrmemory``).

So a freed agent serves whichever of his queues happens to look first. Left out, in its favour: ring and answer take no
time here, as in our own simulated centre, no ring is refused, and no member is asked twice.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from acd.simulation.callers import Caller
from acd.simulation.centre import Day, Outcome
from cti.domain.ids import AgentId, QueueName

RECHECK_S = 1.0
_FREED, _LEFT, _LOOKS = range(3)


@dataclass(slots=True)
class _Queue:
    members: list[AgentId]
    last: int = -1  # whom it asked last
    line: dict[int, Caller] = field(default_factory=dict)  # in the order of arrival

    def place(self, number: int, most: int) -> int:
        """How many stand before this caller, counted up to ``most``."""
        for ahead, other in enumerate(self.line):
            if other == number or ahead == most:
                return ahead
        return most


def simulate(served: Mapping[AgentId, frozenset[QueueName]], callers: Sequence[Caller]) -> Day:
    """Let one day happen; ``served`` names each agent's queues."""
    queues = {
        name: _Queue([a for a in sorted(served) if name in served[a]])
        for name in {caller.queue for caller in callers}
    }
    free = set(served)
    work_s = dict.fromkeys(served, 0.0)
    outcomes: dict[int, Outcome] = {}
    heap: list[tuple[float, int, int, Caller, AgentId | None]] = []
    for caller in callers:
        heap.append((caller.at_s, _LOOKS, caller.number, caller, None))
        if caller.patience_s < math.inf:
            left_s = caller.at_s + caller.patience_s
            heap.append((left_s, _LEFT, caller.number, caller, None))
    heapq.heapify(heap)
    now_s = 0.0
    while heap:
        now_s, what, number, caller, agent_id = heapq.heappop(heap)
        queue = queues[caller.queue]
        if agent_id is not None:
            free.add(agent_id)
        elif what == _LEFT:
            if queue.line.pop(number, None) is not None:
                outcomes[number] = Outcome(caller, caller.patience_s)
        elif number not in outcomes:
            queue.line[number] = caller
            taken = _look(queue, number, free)
            if taken is None:
                heapq.heappush(heap, (now_s + RECHECK_S, _LOOKS, number, caller, None))
                continue
            del queue.line[number]
            free.discard(taken)
            work_s[taken] += caller.talk_s
            outcomes[number] = Outcome(caller, now_s - caller.at_s, taken, now_s)
            heapq.heappush(heap, (now_s + caller.talk_s, _FREED, number, caller, taken))
    return Day(
        outcomes=[outcomes[number] for number in sorted(outcomes)],
        left=sum(len(queue.line) for queue in queues.values()),
        serves=lambda agent_id, caller: caller.queue in served[agent_id],
        work_s=work_s,
        ready_s={agent_id: now_s - worked for agent_id, worked in work_s.items()},
        steps=0,
    )


def _look(queue: _Queue, number: int, free: set[AgentId]) -> AgentId | None:
    """Whether it is this caller's turn, and then which member he gets."""
    available = sum(1 for member in queue.members if member in free)
    if not available or queue.place(number, available) >= available:
        return None
    count = len(queue.members)
    for step in range(1, count + 1):
        index = (queue.last + step) % count
        if queue.members[index] in free:
            queue.last = index
            return queue.members[index]
    return None
