"""What a waiting caller is told, as prompts' names. Pure."""

from __future__ import annotations

from cti.company import Company

POSITION_MANY = "ivr-position-many"
MAX_POSITION = 20
"""The last position that has a sentence of its own."""


def position_prompt(position: int) -> str:
    """The sound file that tells a caller which place he has (1: next)."""
    return f"ivr-position-{position}" if 1 <= position <= MAX_POSITION else POSITION_MANY


def wait_prompt(minutes: int, *, is_more: bool) -> str:
    """The sound file that tells how long it takes: about so many minutes, or more."""
    return f"ivr-wait-more-{minutes}" if is_more else f"ivr-wait-{minutes}"


def offer_prompt(queue: str) -> str:
    """The sound file of what a queue's callers may do instead of waiting."""
    return f"ivr-offer-{queue}"


def minutes_told(company: Company) -> tuple[set[int], set[int]]:
    """All numbers of minutes that some caller can be told; and those beyond which it is "more than"."""
    rules = [q for q in company.queues if q.is_announcing and q.announce_wait]
    return {n for q in rules for n in q.wait_minutes}, {q.wait_minutes[-1] for q in rules}
