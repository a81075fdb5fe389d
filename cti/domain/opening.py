"""Opening hours: is the company open at an instant?

Hours are local. ``mon-fri 09:00-18:00`` names days and a period in the time zone of the hours;
``24:00`` is the end of the day, a period whose end isn't later than its beginning runs past midnight,
and ``fri-mon`` runs over the end of the week. A period belongs to the day on which it begins, so the
night shift before a closed date is served to its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60


class Hours(Protocol):
    """Opening hours as a company describes them (``cti.company.Hours``)."""

    @property
    def time_zone(self) -> str:
        """Where they are local."""

    @property
    def open(self) -> tuple[str, ...]:
        """The periods, a line each."""

    @property
    def closed_dates(self) -> tuple[str, ...]:
        """ISO dates on which no period begins."""


@dataclass(frozen=True, slots=True)
class Period:
    """One line of opening hours; minutes since local midnight, ``end`` beyond 1440 is tomorrow."""

    days: frozenset[int]  # 0: Monday, as date.weekday()
    start: int
    end: int


def parse_period(line: str) -> Period:
    """Read a line such as ``mon-fri 09:00-18:00``.

    Raises:
        ValueError: it isn't of that form, or names a time after 24:00.
    """
    try:
        days, _, times = line.partition(" ")
        first, _, last = days.partition("-")
        from_day = _DAYS.index(first)
        to_day = _DAYS.index(last or first)
        begin, _, until = times.partition("-")
        start, end = _minutes(begin), _minutes(until)
    except ValueError as exc:
        raise ValueError(f"not opening hours: '{line}' ({exc})") from exc
    count = (to_day - from_day) % 7 + 1
    if end <= start:
        end += _DAY_MINUTES
    return Period(frozenset((from_day + n) % 7 for n in range(count)), start, end)


def is_open(hours: Hours, now: datetime) -> bool:
    """Whether ``now`` (aware) lies in one of the periods of a day that isn't closed.

    Raises:
        ValueError: a line or a closed date can't be read (``ivr.check`` finds it at configuration).
    """
    local = now.astimezone(ZoneInfo(hours.time_zone))
    closed = {date.fromisoformat(text) for text in hours.closed_dates}
    today = local.date()
    minute = local.hour * 60 + local.minute
    periods = [parse_period(line) for line in hours.open]
    # Yesterday's periods may run past midnight into now.
    for day, at in ((today, minute), (today - timedelta(days=1), minute + _DAY_MINUTES)):
        if day in closed:
            continue
        if any(day.weekday() in p.days and p.start <= at < p.end for p in periods):
            return True
    return False


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    value = int(hour) * 60 + int(minute)
    if not (0 <= value <= _DAY_MINUTES and 0 <= int(minute) < 60):
        raise ValueError(f"no such time: {text}")
    return value
