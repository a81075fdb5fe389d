"""What became of callbacks, by queue, since midnight: asked, done, given up, withdrawn, and how long it took. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from cti.domain import callback_events as cb
from cti.domain.event import Event
from cti.domain.evolving import replace
from cti.domain.ids import QueueName


@dataclass(frozen=True, slots=True)
class CallbackCounts:
    """One queue's. ``done_time``: asked until they spoke, summed over those that were done."""

    requested: int = 0
    done: int = 0
    expired: int = 0
    withdrawn: int = 0
    attempts: int = 0  # calls to customers, of those that are over
    done_time: timedelta = timedelta(0)

    @property
    def average_time(self) -> timedelta | None:
        """From asking to speaking; None: nobody was called back yet."""
        return self.done_time / self.done if self.done else None


class CallbackFigures:
    """Folds the events of the present day."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._day: date | None = None
        self.since_at: datetime | None = None
        """From when on all that happened is counted; None: nothing was heard yet."""
        self.counts: dict[QueueName, CallbackCounts] = {}

    def take(self, event: Event) -> None:
        """Count an event; those of an earlier day are forgotten with the first of a later one."""
        self.turn(event.at)
        if self.since_at is None:
            self.since_at = event.at
        if not isinstance(event, cb.CallbackRequested | cb.CallbackEnded):
            return
        if self._day_of(event.at) != self._day:
            return
        counts = self.counts.get(event.queue, CallbackCounts())
        if isinstance(event, cb.CallbackRequested):
            counts = replace(counts, requested=counts.requested + 1)
        else:
            counts = _ended(counts, event)
        self.counts[event.queue] = counts

    def turn(self, at: datetime) -> None:
        """Begin anew if a later day has begun."""
        day = self._day_of(at)
        if self._day is None or day > self._day:
            if self._day is not None:
                midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone)
                self.since_at = midnight.astimezone(at.tzinfo)
            self._day = day
            self.counts.clear()

    def _day_of(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()


def _ended(counts: CallbackCounts, event: cb.CallbackEnded) -> CallbackCounts:
    counts = replace(counts, attempts=counts.attempts + event.attempts)
    match event.result:
        case "done":
            done_time = counts.done_time + event.wait_time
            return replace(counts, done=counts.done + 1, done_time=done_time)
        case "expired":
            return replace(counts, expired=counts.expired + 1)
        case _:
            return replace(counts, withdrawn=counts.withdrawn + 1)
