"""Opening hours: is it open at an instant, and until when? Pure.

Hours are local. ``mon-fri 09:00-18:00`` names days and a period in the time zone of the hours;
``24:00`` is the end of the day, a period whose end isn't later than its beginning runs past midnight,
and ``fri-mon`` runs over the end of the week. A period belongs to the day on which it begins, so the
night shift before a closed date is served to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60
_MOST_DAYS = 30


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


@dataclass(frozen=True, slots=True)
class Opening:
    """Opening hours, read."""

    zone: ZoneInfo
    periods: tuple[Period, ...]
    closed_dates: frozenset[date] = frozenset()

    def is_open(self, at: datetime) -> bool:
        """Whether ``at`` (aware) lies in one of the periods of a day that isn't closed."""
        return next(self._around(at.astimezone(self.zone)), None) is not None

    def is_holiday(self, at: datetime) -> bool:
        """Whether it isn't open, and its day is one of the closed dates."""
        return at.astimezone(self.zone).date() in self.closed_dates and not self.is_open(at)

    def closes_at(self, at: datetime) -> datetime:
        """The first instant from ``at`` on (aware) when it isn't open; where that is a month away, some instant then."""
        limit = at + timedelta(days=_MOST_DAYS)
        while at < limit:
            local = at.astimezone(self.zone)
            ends = list(self._around(local))
            if not ends:
                return at
            # Where a clock is set, local times repeat or are missing: only forward.
            at = max(ends) if max(ends) > at else at + timedelta(minutes=1)
        return at

    def _around(self, local: datetime) -> Iterator[datetime]:
        """When the periods end in which a local time lies."""
        today, minute = local.date(), local.hour * 60 + local.minute
        # Yesterday's periods may run past midnight into now.
        for day, now in (
            (today, minute),
            (today - timedelta(days=1), minute + _DAY_MINUTES),
        ):
            for period in self.periods if day not in self.closed_dates else ():
                if day.weekday() in period.days and period.start <= now < period.end:
                    days, end = divmod(period.end, _DAY_MINUTES)
                    at = time(end // 60, end % 60)
                    ended = datetime.combine(day + timedelta(days=days), at, self.zone)
                    yield ended.astimezone(UTC)


def opening_of(hours: Hours) -> Opening:
    """Read opening hours as they are written in the company.

    Raises:
        ValueError: a line or a closed date can't be read (``ivr.check`` finds it at configuration).
    """
    periods = tuple(parse_period(line) for line in hours.open)
    closed = frozenset(date.fromisoformat(text) for text in hours.closed_dates)
    return Opening(ZoneInfo(hours.time_zone), periods, closed)


def is_open(hours: Hours, now: datetime) -> bool:
    """Whether ``now`` (aware) lies in one of the periods of a day that isn't closed.

    Raises:
        ValueError: as ``opening_of``.
    """
    return opening_of(hours).is_open(now)


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    value = int(hour) * 60 + int(minute)
    if not (0 <= value <= _DAY_MINUTES and 0 <= int(minute) < 60):
        raise ValueError(f"no such time: {text}")
    return value
