"""Stretches of time, and what one set of them has more than another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class Span:
    """From one instant to another; ``ended_at`` None: it goes on, or nobody knows."""

    started_at: datetime
    ended_at: datetime | None = None


def closed(spans: Iterable[Span], at: datetime) -> list[tuple[datetime, datetime]]:
    """Beginnings and ends, oldest first, with what goes on ended at ``at``; overlapping ones are one."""
    rows = sorted((s.started_at, max(s.ended_at or at, s.started_at)) for s in spans)
    merged: list[tuple[datetime, datetime]] = []
    for start, end in rows:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def minus(
    these: Sequence[tuple[datetime, datetime]], those: Sequence[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    """What of ``these`` lies in none of ``those``; both as `closed` gives them."""
    left: list[tuple[datetime, datetime]] = []
    for start, end in these:
        for other_start, other_end in those:
            if other_end <= start:
                continue
            if other_start >= end:
                break
            if other_start > start:
                left.append((start, other_start))
            start = other_end
            if start >= end:
                break
        if start < end:
            left.append((start, end))
    return left


def length(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """How long they are, all in all."""
    return sum((end - start for start, end in spans), timedelta(0))
