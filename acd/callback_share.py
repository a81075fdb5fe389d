"""Callbacks beside live callers: which stands for whom, where in the line, and when it must let others go first."""

from __future__ import annotations

from collections.abc import Iterable

from acd.callback_rules import LATER, Callback, CallbackRules
from acd.facts import Phase, QueueEntry
from acd.states import AgentState
from acd.turn import Turn
from cti.domain.ids import CallId, QueueName

_AWAY = (AgentState.LOGGED_OUT, AgentState.NOT_READY)


def of_call(turn: Turn, call_id: CallId | None) -> Callback | None:
    """The callback for which a call is made, or was."""
    found: Callback | None = turn.part("callbacks").get(turn.part("attempts").get(call_id))
    return found


def open_for(callbacks: Iterable[Callback], queue: QueueName, key: str) -> Callback | None:
    """The callback that already stands for a number in a queue."""
    same = (c for c in callbacks if c.queue == queue and c.key == key and c.is_open)
    return next(same, None)


def place_of(turn: Turn, callback: Callback) -> int:
    """Where it stands in its line, from 1; as if it stood there if its time hasn't come."""
    line = turn.part("lines").get(callback.queue)
    entry = entry_for(callback)
    if line is None:
        return 1
    own = turn.entry(callback.next_id)
    position: int = line.position((own or entry).place)
    return position if own is not None else position + 1


def is_held_back(turn: Turn, entry: QueueEntry) -> bool:
    """Whether a callback whose turn it is must let live callers go first, or its customer waits himself."""
    callback = of_call(turn, entry.call_id)
    live = turn.entry(callback.live_id) if callback is not None else None
    if live is not None and live.phase is not Phase.CONNECTED:
        return True
    rules, queue = rules_of(turn, entry.queue), entry.queue
    left = turn.shares.get(queue)
    if left is None:  # in this step
        agents, callbacks = turn.part("agents").values(), turn.part("callbacks").values()
        there = sum(queue in a.profile.queues and a.state not in _AWAY for a in agents)
        limit = there * rules.share // 100
        limit = limit or (0 if _is_live_caller_waiting(turn, queue) else 1)
        left = limit - sum(c.is_under_way and c.queue == queue for c in callbacks)
        turn.shares[queue] = left
    return left <= 0


def _is_live_caller_waiting(turn: Turn, queue: QueueName) -> bool:
    entries = (turn.entry(place[-1]) for place in turn.part("lines").get(queue, ()))
    return any(entry is not None and not entry.is_callback for entry in entries)


def rules_of(turn: Turn, queue: QueueName) -> CallbackRules:
    """How this queue calls back."""
    return turn.configuration.rules(queue).callback


def entry_for(callback: Callback) -> QueueEntry:
    """What stands for it in the line when its turn comes next."""
    return QueueEntry(
        call_id=callback.next_id,
        queue=callback.queue,
        enqueued_at=callback.enqueued_at,
        credit_time=callback.credit_time,
        sequence=LATER + callback.sequence,
        tried=dict(callback.tried),
        is_callback=True,
    )
