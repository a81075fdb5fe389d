"""The figures of a queue: counts and sums over visits, and what is worked out from them. Pure.

``QueueFigures`` holds counts, adds up, and knows each definition once; whoever shows a figure asks here. The threshold
of the service level and that of short abandons are the queue's rules of today and stand beside every figure.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from acd.figures import Outcome, Visit

_MS = timedelta(milliseconds=1)
WITHIN_SHARE = 0.3
"""An estimate is counted as good if it was off by no more than this share of what really came."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a queue promises."""

    service_level_time: timedelta = timedelta(seconds=20)
    short_abandon_time: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class EstimateError:
    """How far a visit's estimates were off, all in all; milliseconds. Only an answered visit shows it."""

    count: int = 0
    error_ms: int = 0  # estimated minus real: positive, it went faster
    off_ms: int = 0  # without the sign
    within: int = 0


def estimate_error(visit: Visit) -> EstimateError:
    """Compare what was estimated with what came; nothing unless the visit was answered."""
    if visit.outcome is not Outcome.ANSWERED:
        return EstimateError()
    answered_at = visit.offered_at + visit.wait_time
    count = error = off = within = 0
    for estimate in visit.estimates:
        real = max((answered_at - estimate.at) // _MS, 0)
        difference = estimate.estimate_time // _MS - real
        count += 1
        error += difference
        off += abs(difference)
        within += abs(difference) <= WITHIN_SHARE * real
    return EstimateError(count, error, off, within)


@dataclass(slots=True)
class QueueFigures:
    """Counts and sums (milliseconds) over any number of visits."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    overflowed: int = 0
    left_by_key: int = 0
    closed: int = 0
    waiting: int = 0
    short_abandoned: int = 0
    answered_in_time: int = 0
    from_elsewhere: int = 0
    rona: int = 0
    declined: int = 0
    unreachable: int = 0
    wait_ms: int = 0  # of the answered
    longest_wait_ms: int = 0  # of all, those who still wait included
    talk_ms: int = 0
    hold_ms: int = 0
    wrap_up_ms: int = 0
    estimates: int = 0
    estimate_error_ms: int = 0
    estimate_off_ms: int = 0
    estimates_within: int = 0

    def add(self, other: QueueFigures) -> None:
        """Take another's counts in."""
        longest = max(self.longest_wait_ms, other.longest_wait_ms)
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest_wait_ms = longest

    @property
    def is_whole(self) -> bool:
        """Whether everybody who was offered has exactly one outcome, or still waits."""
        ended = self.answered + self.abandoned + self.overflowed + self.left_by_key + self.closed
        return self.offered == ended + self.waiting

    @property
    def calls(self) -> int:
        """Offered for the first time: a call that went through several queues counts once."""
        return self.offered - self.from_elsewhere

    @property
    def service_level(self) -> float | None:
        """Answered within T ÷ (offered − short abandons); None: there is nothing to divide by."""
        return _share(self.answered_in_time, self.offered - self.short_abandoned)

    @property
    def average_speed_of_answer_s(self) -> float | None:
        """Mean wait of the answered."""
        return _mean_s(self.wait_ms, self.answered)

    @property
    def average_handle_time_s(self) -> float | None:
        """Mean of talk + hold + wrap-up of the answered."""
        return _mean_s(self.talk_ms + self.hold_ms + self.wrap_up_ms, self.answered)

    @property
    def average_talk_time_s(self) -> float | None:
        """The part of it in which they spoke."""
        return _mean_s(self.talk_ms, self.answered)

    @property
    def average_hold_time_s(self) -> float | None:
        """The part of it in which the caller was on hold."""
        return _mean_s(self.hold_ms, self.answered)

    @property
    def average_wrap_up_time_s(self) -> float | None:
        """The part of it after the call."""
        return _mean_s(self.wrap_up_ms, self.answered)

    @property
    def estimate_mean_off_s(self) -> float | None:
        """Mean absolute error of the estimates."""
        return _mean_s(self.estimate_off_ms, self.estimates)

    @property
    def estimate_bias_s(self) -> float | None:
        """Mean error; positive: it went faster than foreseen."""
        return _mean_s(self.estimate_error_ms, self.estimates)

    @property
    def estimate_share_within(self) -> float | None:
        """Share of the estimates that were off by no more than 30 % of what came."""
        return _share(self.estimates_within, self.estimates)


COUNTS = tuple(spec.name for spec in fields(QueueFigures))
"""The names of all counts and sums."""


def figures_of(visit: Visit, thresholds: Thresholds, now: datetime) -> QueueFigures:
    """One visit as figures."""
    outcome, wait = visit.outcome, visit.wait_time
    is_answered = outcome is Outcome.ANSWERED
    lasted = max(now - visit.offered_at, timedelta(0)) if outcome is Outcome.WAITING else wait
    error = estimate_error(visit)
    return QueueFigures(
        offered=1,
        answered=is_answered,
        abandoned=outcome is Outcome.ABANDONED,
        overflowed=outcome is Outcome.OVERFLOWED,
        left_by_key=outcome is Outcome.LEFT_BY_KEY,
        closed=outcome is Outcome.CLOSED,
        waiting=outcome is Outcome.WAITING,
        short_abandoned=is_in(Slice.SHORT_ABANDONED, visit, thresholds),
        answered_in_time=is_in(Slice.ANSWERED_IN_TIME, visit, thresholds),
        from_elsewhere=bool(visit.came_from),
        rona=visit.rona,
        declined=visit.declined,
        unreachable=visit.unreachable,
        wait_ms=wait // _MS if is_answered else 0,
        longest_wait_ms=lasted // _MS,
        talk_ms=visit.talk_time // _MS,
        hold_ms=visit.hold_time // _MS,
        wrap_up_ms=visit.wrap_up_time // _MS,
        estimates=error.count,
        estimate_error_ms=error.error_ms,
        estimate_off_ms=error.off_ms,
        estimates_within=error.within,
    )


def tally(visits: Iterable[Visit], thresholds: Thresholds, now: datetime) -> QueueFigures:
    """All these visits as figures."""
    figures = QueueFigures()
    for visit in visits:
        figures.add(figures_of(visit, thresholds, now))
    return figures


class Slice(enum.Enum):
    """A figure that opens to the calls behind it. The value is the API's ``outcome``."""

    OFFERED = "offered"
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    OVERFLOWED = "overflowed"
    LEFT_BY_KEY = "left_by_key"
    CLOSED = "closed"
    WAITING = "waiting"
    SHORT_ABANDONED = "short_abandoned"
    ANSWERED_IN_TIME = "answered_in_time"
    ANSWERED_LATE = "answered_late"
    FROM_ELSEWHERE = "from_elsewhere"
    RONA = "rona"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    ESTIMATED = "estimated"


def is_in(figure: Slice, visit: Visit, thresholds: Thresholds) -> bool:
    """Whether a visit is one of those that a figure counts."""
    outcome, waited = visit.outcome, visit.wait_time // _MS
    is_soon = waited < thresholds.short_abandon_time // _MS
    is_in_time = waited <= thresholds.service_level_time // _MS
    is_answered = outcome is Outcome.ANSWERED
    wanted: Mapping[Slice, bool] = {
        Slice.OFFERED: True,
        Slice.SHORT_ABANDONED: outcome is Outcome.ABANDONED and is_soon,
        Slice.ANSWERED_IN_TIME: is_answered and is_in_time,
        Slice.ANSWERED_LATE: is_answered and not is_in_time,
        Slice.FROM_ELSEWHERE: bool(visit.came_from),
        Slice.RONA: visit.rona > 0,
        Slice.DECLINED: visit.declined > 0,
        Slice.UNREACHABLE: visit.unreachable > 0,
        Slice.ESTIMATED: is_answered and bool(visit.estimates),
    }
    return wanted.get(figure, outcome.value == figure.value)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


def _mean_s(total_ms: int, count: int) -> float | None:
    return total_ms / count / 1000 if count else None
