"""Keys that lead out of a queue: a waiting caller presses one, and goes where the queue's rules say.

An offer and a key can come at the same moment; whichever the core hears first has it, since it is the single
writer:

* A caller who is being offered to an agent stays: the key does nothing, and he may press it again should nobody answer.
* A caller whose key was taken is offered to nobody until the switch says where he is. It says CallTransferred: he has
  left (``CallLeftByKey``, once). Or CallEnqueued, a refusal, or nothing for ``retry_time``: he waits on, in his place.

A key is only as good as what we know of the caller. While we aren't linked, while callers are on their way back, and for
a key that is older than ``key_time`` (we stood still, and he may be in Asterisk's own Queue() by now), it does nothing.
"""

from __future__ import annotations

from datetime import timedelta

from acd.decisions import LeaveRefused, SendAway
from acd.facts import Phase, QueueEntry
from acd.turn import Turn
from cti.domain import events as ev
from cti.domain.evolving import replace


def key_pressed(turn: Turn, event: ev.WaitingKeyPressed) -> None:
    """A waiting caller pressed a key."""
    entry = turn.entry(event.call_id)
    if entry is None or not _may_leave(turn, entry, event):
        return
    way = turn.configuration.rules(entry.queue).leave_keys.get(event.key)
    if way is None:
        return
    blocked_until_at = turn.now + turn.limits.retry_time
    turn.wake(blocked_until_at, entry.call_id)
    turn.put_entry(replace(entry, leaving=way, blocked_until_at=blocked_until_at))
    turn.decide(SendAway(entry.call_id, way.target))


def _may_leave(turn: Turn, entry: QueueEntry, event: ev.WaitingKeyPressed) -> bool:
    is_sure = not entry.is_blocked(turn.now)
    is_ours = turn.part("is_linked") and not turn.part("is_draining")
    is_fresh = turn.now - event.at <= turn.limits.key_time
    is_over = turn.part("hold").is_over(turn.now)
    return entry.phase is Phase.WAITING and is_sure and is_ours and is_fresh and is_over


def refused(turn: Turn, event: LeaveRefused) -> None:
    """The switch didn't take it: he waits on, in his place."""
    entry = turn.entry(event.call_id)
    if entry is not None and entry.leaving is not None:
        turn.put_entry(replace(entry, leaving=None, blocked_until_at=None))


def left(turn: Turn, entry: QueueEntry) -> QueueEntry:
    """The switch says that he is on his way: he has left by his key, if there was one."""
    way = entry.leaving
    if way is None:
        return entry
    turn.publish(
        ev.CallLeftByKey(
            at=turn.now,
            call_id=entry.call_id,
            queue=entry.queue,
            target_kind=way.kind,
            target=way.to,
            wait_time=max(turn.now - entry.enqueued_at, timedelta(0)),
        )
    )
    return replace(entry, leaving=None)
