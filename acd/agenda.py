"""What is to be looked at again, and when: the core's wakes behind one timer."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from acd.timeline import Timeline
from cti.domain.ids import AgentId, CallId
from cti.ports import Clock, Timer

Subject = AgentId | CallId | None


class Agenda:
    """Calls ``wake`` with each subject at its instant or just after it, in the order of the instants."""

    def __init__(self, clock: Clock, timeline: Timeline, wake: Callable[[Subject], None]) -> None:
        self._clock = clock
        self._timeline = timeline
        self._wake = wake
        self._heap: list[tuple[datetime, int, Subject]] = []
        self._known: set[tuple[datetime, Subject]] = set()
        self._order = count()
        self._timer: Timer | None = None
        self._timer_at: datetime | None = None

    def add(self, at: datetime, subject: Subject) -> None:
        """Note a wake; the same one twice is one."""
        if (at, subject) in self._known:
            return
        self._known.add((at, subject))
        heapq.heappush(self._heap, (at, next(self._order), subject))
        if self._timer_at is None or at < self._timer_at:
            self._arm()

    def stop(self) -> None:
        """Forget everything."""
        self._heap.clear()
        self._known.clear()
        self._disarm()

    def _arm(self) -> None:
        self._disarm()
        if self._heap:
            self._timer_at = self._heap[0][0]
            delay = max(self._timer_at - self._timeline.now(), timedelta(0))
            self._timer = self._clock.call_later(delay, self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timer_at = None

    def _ring(self) -> None:
        self._timer = self._timer_at = None
        try:
            if self._heap and self._heap[0][0] <= self._timeline.now():
                at, _, subject = heapq.heappop(self._heap)
                self._known.discard((at, subject))
                self._wake(subject)
        finally:
            self._arm()  # one at a time, so that a failure costs no other subject its wake
