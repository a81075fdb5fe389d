"""A time that never steps: the core's ``now``, and the way from and to the wall clock.

Waits, gaps and wrap-ups are measured on monotonic time. The wall clock is what events carry; when it is set
(an hour's step, a wrong time zone mended), the difference between both is noticed and all instants are
translated, so that nobody's place or wrap-up jumps by an hour.

Asterisk says when somebody was enqueued by its own wall clock, which is ours unless one of the two was set and the other
wasn't. What it tells as just happened shows how far the two are apart.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cti.ports import Clock

_FOREIGN = timedelta(minutes=1)
"""What Asterisk tells may be late by less than this; what seems later, or earlier, is another clock."""
_STEP = timedelta(seconds=0.5)
"""A smaller difference is the clock being slewed, and must not disturb the order of callers."""


class Timeline:
    """The wall clock of the start, carried on by monotonic time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start_at = clock.now()
        self._start = clock.monotonic()
        self._offset = timedelta(0)  # wall clock minus timeline
        self._foreign: timedelta | None = (
            None  # Asterisk's wall clock minus timeline, where it isn't ours
        )

    def now(self) -> datetime:
        """The present instant; only goes forward."""
        now = self._start_at + timedelta(seconds=self._clock.monotonic() - self._start)
        offset = self._clock.now() - now
        if abs(offset - self._offset) > _STEP:
            self._offset = offset
        return now

    @property
    def is_stepped(self) -> bool:
        """Whether a wall clock was set since the start."""
        return self._offset != timedelta(0) or self._foreign is not None

    @property
    def wall_offset(self) -> timedelta:
        """What the wall clock shows more than ``now``."""
        return self._offset

    def note_told(self, at: datetime) -> None:
        """Asterisk says that something has just happened, at this instant of its wall clock."""
        offset = at - self.now()
        self._foreign = offset if abs(offset - self._offset) > _FOREIGN else None

    def from_asterisk(self, at: datetime) -> datetime:
        """Where an instant of Asterisk's wall clock stands on the timeline."""
        return at - (self._offset if self._foreign is None else self._foreign)

    def just_now(self, at: datetime) -> datetime:
        """Where something that has just happened stands, whichever clock told when."""
        mine = self.from_wall(at)
        return mine if abs(mine - self.now()) <= _FOREIGN else self.now()

    def from_wall(self, at: datetime) -> datetime:
        """Where an instant of the wall clock stands on the timeline."""
        return at - self._offset

    def to_wall(self, at: datetime) -> datetime:
        """What the wall clock shows, or will show, at an instant of the timeline."""
        return at + self._offset

    def to_wall_or_none(self, at: datetime | None) -> datetime | None:
        """The same of an instant that there may not be."""
        return None if at is None else self.to_wall(at)
