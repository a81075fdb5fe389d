"""Which rule takes a waiting caller out of his queue, and when to look again. Pure; ``acd/overflow.py`` asks it.

The rules of a queue are tried in their order, but ``closed`` and ``holiday`` before all others: who comes to a closed queue
is offered to nobody. A rule applies

* ``wait``: when he has been in this line for so long (wherever he waited before, and without credits);
* ``length``, ``estimate``: as the line was when he came;
* ``closed``, ``holiday``: who comes outside the queue's hours, at once; who was in the line when they ended, so much
  later (``serve_after_close_time``) if it is still closed;
* ``no_agents``: whenever nobody who serves the queue is signed in.

No caller goes round for ever: a rule takes him once as long as he has the same place, and all rules together take a call
``MOST`` times; then he waits where he is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from acd.facts import Claim, QueueEntry
from acd.rules import Overflow, QueueRules

MOST = 8
_MOST_ASKED = 3
"""A command that came to nothing so often isn't given again."""
DOORS = frozenset({"closed", "holiday"})
REST = frozenset({"wait", "length", "no_agents"})
BY_ESTIMATE = frozenset({"estimate"})


@dataclass(frozen=True, slots=True)
class Look:
    """What a rule may depend on. ``wall_offset``: what the wall clock shows more than ``now``."""

    now: datetime
    wall_offset: timedelta
    others: int = 0  # in the line when he came
    is_new: bool = False  # he has just come into this line
    is_deserted: bool = False  # nobody is signed in
    estimate_time: timedelta = timedelta(0)


def first(
    rules: QueueRules, entry: QueueEntry, claim: Claim, look: Look, kinds: Collection[str]
) -> Overflow | None:
    """The first rule of these kinds that takes him now."""
    if sum(taken.is_done for taken in claim.taken) >= MOST:
        return None
    for rule in rules.overflow:
        is_his = rule.when in kinds and not _is_spent(rule, entry, claim)
        if is_his and _applies(rule, rules, line_since(entry, claim), look):
            return rule
    return None


def next_look(
    rules: QueueRules, entry: QueueEntry, claim: Claim, now: datetime, wall_offset: timedelta
) -> datetime | None:
    """The first instant after ``now`` at which time alone makes a rule apply."""
    since_at = line_since(entry, claim)
    found = [since_at + rule.after_time for rule in rules.overflow if rule.when == "wait"]
    if rules.opening is not None and any(rule.when in DOORS for rule in rules.overflow):
        found.append(_shut_at(rules, since_at + wall_offset, now + wall_offset) - wall_offset)
    return min((at for at in found if at > now), default=None)


def line_since(entry: QueueEntry, claim: Claim) -> datetime:
    """Since when he is in this line: who kept his place has been in another before."""
    left = (t.at for t in claim.taken if t.is_done and t.queue != entry.queue)
    return max((entry.enqueued_at, *left))


def _applies(rule: Overflow, rules: QueueRules, since_at: datetime, look: Look) -> bool:
    match rule.when:
        case "wait":
            return look.now >= since_at + rule.after_time
        case "length":
            return look.is_new and look.others >= rule.at_least
        case "estimate":
            return look.estimate_time >= rule.after_time
        case "no_agents":
            return look.is_deserted
        case _:
            return _is_shut(rule, rules, since_at + look.wall_offset, look.now + look.wall_offset)


def _is_shut(rule: Overflow, rules: QueueRules, since_at: datetime, now: datetime) -> bool:
    opening = rules.opening
    if opening is None or opening.is_open(now):
        return False
    if rule.when == "holiday" and not opening.is_holiday(now):
        return False
    return now >= _shut_at(rules, since_at, now)


def _shut_at(rules: QueueRules, since_at: datetime, now: datetime) -> datetime:
    """From when on the queue is closed for somebody in the line since then; instants of the wall clock."""
    opening = rules.opening
    if opening is None:
        return now
    if not opening.is_open(since_at) and not opening.is_open(now):
        return since_at
    began_at = now if opening.is_open(now) else since_at
    return opening.closes_at(began_at) + rules.serve_after_close_time


def _is_spent(rule: Overflow, entry: QueueEntry, claim: Claim) -> bool:
    known = [
        t
        for t in claim.taken
        if (t.queue, t.key) == (entry.queue, rule.key) and t.at >= entry.enqueued_at
    ]
    return any(t.is_done for t in known) or len(known) >= _MOST_ASKED
