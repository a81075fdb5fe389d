"""A time that never steps: the core's ``now``, and the way from and to the wall clock.

Waits, gaps and wrap-ups are measured on monotonic time. The wall clock is what events carry; when it is set
(an hour's step, a wrong time zone mended), the difference between both is noticed and all instants are
translated, so that nobody's place or wrap-up jumps by an hour.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cti.ports import Clock

_STEP = timedelta(seconds=0.5)
"""A smaller difference is the clock being slewed, and must not disturb the order of callers."""


class Timeline:
    """The wall clock of the start, carried on by monotonic time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start_at = clock.now()
        self._start = clock.monotonic()
        self._offset = timedelta(0)  # wall clock minus timeline

    def now(self) -> datetime:
        """The present instant; only goes forward."""
        now = self._start_at + timedelta(seconds=self._clock.monotonic() - self._start)
        offset = self._clock.now() - now
        if abs(offset - self._offset) > _STEP:
            self._offset = offset
        return now

    @property
    def is_stepped(self) -> bool:
        """Whether the wall clock was set since the start."""
        return self._offset != timedelta(0)

    def from_wall(self, at: datetime) -> datetime:
        """Where an instant of the wall clock stands on the timeline."""
        return at - self._offset

    def to_wall(self, at: datetime) -> datetime:
        """What the wall clock shows, or will show, at an instant of the timeline."""
        return at + self._offset
