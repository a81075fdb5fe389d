"""When a waiting caller is spoken to: his place and wait every so often, an offer every so often. Pure.

Each of the two has its own clock, which begins when he comes into the line and goes on through attempts and visits. What is
due at the same moment is said in one visit. Somebody who is being offered to an agent, or isn't surely there, is left in
peace; his turn comes again after the usual time. So does that of somebody who is being spoken to already: another visit
would begin from the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from acd.decisions import Announce, Visit
from acd.facts import Phase, QueueEntry
from acd.turn import Turn
from cti.domain.evolving import replace
from cti.domain.ids import CallId, QueueName

PLACE, OFFER = "place", "offer"
"""What is said: his place and how long it may take; what he may do instead of waiting."""
LONGEST_VISIT_TIME = timedelta(minutes=1)
_ZERO = timedelta(0)


def planned(turn: Turn, entry: QueueEntry) -> QueueEntry:
    """He waits (again): when is he spoken to?"""
    rules = turn.configuration.rules(entry.queue)
    announce_at = _next(turn, entry, entry.announce_at, rules.announce_every)
    offer_at = _next(turn, entry, entry.offer_at, rules.offer_every)
    return replace(entry, announce_at=announce_at, offer_at=offer_at)


def _next(turn: Turn, entry: QueueEntry, at: datetime | None, every: timedelta) -> datetime | None:
    if every <= _ZERO:
        return None
    soonest_at = turn.now + min(every, turn.limits.retry_time)
    at = max(at or entry.enqueued_at + every, soonest_at)
    turn.wake(at, entry.call_id)
    return at


def due(turn: Turn, entry: QueueEntry) -> None:
    """Speak to him, if it is time."""
    if entry.phase is Phase.CONNECTED:
        return
    rules, says = turn.configuration.rules(entry.queue), []
    if entry.announce_at is not None and turn.now >= entry.announce_at:
        says.append(PLACE)
        entry = replace(entry, announce_at=_again(turn, entry, rules.announce_every))
    if entry.offer_at is not None and turn.now >= entry.offer_at:
        says.append(OFFER)
        entry = replace(entry, offer_at=_again(turn, entry, rules.offer_every))
    if not says:
        return
    is_visited = entry.visit_until_at is not None and turn.now < entry.visit_until_at
    is_sure = not entry.is_blocked(turn.now) and not is_visited
    if entry.phase is Phase.WAITING and is_sure and turn.part("is_linked"):
        if PLACE in says:
            entry = replace(entry, told_position=position_of(turn, entry))
        entry = replace(entry, says=frozenset(says))
        turn.decide(Announce(entry.call_id))
    turn.put_entry(entry)


def visit(turn: Turn, event: Visit) -> None:
    """Somebody speaks to him, or has done so."""
    entry = turn.entry(event.call_id)
    if entry is not None:
        until_at = turn.now + LONGEST_VISIT_TIME if event.is_on else None
        turn.put_entry(replace(entry, visit_until_at=until_at))


def _again(turn: Turn, entry: QueueEntry, every: timedelta) -> datetime | None:
    if every <= _ZERO:
        return None
    turn.wake(turn.now + every, entry.call_id)
    return turn.now + every


def position_of(turn: Turn, entry: QueueEntry) -> int:
    """The caller's position in his line, from 1; never worse than he was told before."""
    position: int = turn.part("lines")[entry.queue].position(entry.place)
    return min(position, entry.told_position or position)


def restore(turn: Turn, places: Mapping[CallId, tuple[QueueName, int]]) -> None:
    """After a start: nobody is told a worse position than before it."""
    for call_id, (queue, position) in places.items():
        entry = turn.entry(call_id)
        if entry is not None and entry.queue == queue:
            turn.put_entry(replace(entry, told_position=position))
