"""Quarters of an hour, and a company's days. Pure.

Figures are kept by quarter hour of UTC. Every time zone of today stands a whole number of quarters off UTC, also in its
daylight saving time, so each local quarter is one of them, and a local day is a run of them: 96, or 92 and 100 when clocks
are set. A quarter is named by its local beginning with the offset, which tells the two 02:15 of an autumn night apart.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

QUARTER = timedelta(minutes=15)
_SECONDS = int(QUARTER.total_seconds())


def quarter_of(at: datetime) -> datetime:
    """The beginning of the quarter hour (UTC) that an instant lies in."""
    return datetime.fromtimestamp(int(at.timestamp()) // _SECONDS * _SECONDS, UTC)


def day_of(at: datetime, zone: tzinfo) -> date:
    """The company's day that an instant lies in."""
    return at.astimezone(zone).date()


def bounds_of(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Where a company's day begins and ends, in UTC; the end is the next day's beginning."""
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    """The first instant of a day: where 00:00 is twice it is the earlier one, where it is left out the next that is."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def split(began_at: datetime, ended_at: datetime) -> list[tuple[datetime, timedelta]]:
    """How much of a stretch of time lies in each quarter; nothing where it doesn't go forward."""
    parts = []
    while began_at < ended_at:
        quarter = quarter_of(began_at)
        until_at = min(quarter + QUARTER, ended_at)
        parts.append((quarter, until_at - began_at))
        began_at = until_at
    return parts
