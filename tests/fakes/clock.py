"""A clock that a test owns: time passes when the test says so, and timers ring in order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sized
from datetime import UTC, datetime, timedelta
from itertools import count

START_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class VirtualTimer:
    """``cti.ports.Timer`` of a virtual clock."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Call it off."""
        self.callback = None


class VirtualClock:
    """``cti.ports.Clock`` whose time stands still between two calls of ``advance``."""

    def __init__(self, start_at: datetime = START_AT) -> None:
        self._elapsed = timedelta(0)
        self._wall_at = start_at
        self._timers: list[tuple[timedelta, int, VirtualTimer]] = []
        self._order = count()

    def now(self) -> datetime:
        """The wall clock."""
        return self._wall_at + self._elapsed

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._elapsed.total_seconds()

    def call_later(self, delay: timedelta, callback: Callable[[], None]) -> VirtualTimer:
        """Ring when ``advance`` or ``tick`` comes by."""
        timer = VirtualTimer(callback)
        at = self._elapsed + max(delay, timedelta(0))
        heapq.heappush(self._timers, (at, next(self._order), timer))
        return timer

    async def sleep(self, delay: timedelta) -> None:
        """Wait for virtual time to pass."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(delay, lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            timer.cancel()

    def step_wall(self, by: timedelta) -> None:
        """Set the wall clock without time passing, as an administrator or NTP does."""
        self._wall_at += by

    def tick(self, delay: timedelta) -> None:
        """Let time pass and ring the timers, each at its instant; no task runs in between."""
        end = self._elapsed + delay
        while self._ring_next(end):
            pass
        self._elapsed = end

    async def advance(self, delay: timedelta) -> None:
        """Let time pass; after each timer all tasks run as far as they can."""
        end = self._elapsed + delay
        await settle()
        while self._ring_next(end):
            await settle()
        self._elapsed = end
        await settle()

    def freeze(self, delay: timedelta) -> None:
        """Let time pass without any timer ringing, as for a process that was stopped (SIGSTOP)."""
        self._elapsed += delay

    def _ring_next(self, end: timedelta) -> bool:
        while self._timers and self._timers[0][0] <= end:
            at, _, timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                self._elapsed = max(self._elapsed, at)
                callback, timer.callback = timer.callback, None
                callback()
                return True
        return False


async def settle(rounds: int = 1000) -> None:
    """Let all tasks that are ready run until they wait for something."""
    # The loop has no public word for "nothing is ready"; a fixed number of rounds is either too few or too slow.
    ready: Sized = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(rounds):
        await asyncio.sleep(0)
        if not ready:
            return
