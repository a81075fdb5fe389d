"""One ordered worker a call: reactions that need a database, off the bus.

A listener of the bus must not block; so it only puts the event here. Events of one call are worked on one after the other
in their order; those of different calls side by side. A worker ends when nothing is left to do, so nothing lingers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from cti.domain.events import CallEvent
from cti.domain.ids import CallId
from cti.ports import Clock

log = structlog.get_logger(__name__)

_RETRY_AFTER = (timedelta(milliseconds=200), timedelta(seconds=1), timedelta(seconds=5))
_STORE_RETRY_TIME = timedelta(seconds=2)
_MOST_AT_ONCE = 50
"""Calls worked on side by side; a burst of a thousand must not hold up everybody else's turn."""


class CallWorkers:
    """Runs ``react`` for every event put in, ordered by call."""

    def __init__(self, react: Callable[[CallEvent], Awaitable[None]], clock: Clock) -> None:
        self._react = react
        self._clock = clock
        self._waiting: dict[CallId, deque[CallEvent]] = {}
        self._in_line: deque[CallId] = deque()
        self._tasks: dict[CallId, asyncio.Task[None]] = {}
        self._is_ending = False
        self.given_up = 0
        """Reactions that failed however often they were tried; each is in the log."""

    def put(self, event: CallEvent) -> None:
        """Take an event; returns at once."""
        if event.call_id in self._waiting:
            self._waiting[event.call_id].append(event)
            return
        self._waiting[event.call_id] = deque([event])
        self._in_line.append(event.call_id)
        self._begin()

    def _begin(self) -> None:
        while self._in_line and len(self._tasks) < _MOST_AT_ONCE:
            call_id = self._in_line.popleft()
            self._tasks[call_id] = asyncio.get_running_loop().create_task(self._work(call_id))

    def end(self) -> None:
        """What fails from now on is not tried again: the next start takes it from the journal."""
        self._is_ending = True

    async def idle(self) -> None:
        """Return when everything put in so far was worked on."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _work(self, call_id: CallId) -> None:
        waiting = self._waiting[call_id]
        try:
            while waiting:
                await self._try(waiting[0])
                waiting.popleft()
        finally:
            del self._waiting[call_id]
            del self._tasks[call_id]
            self._begin()

    async def _try(self, event: CallEvent) -> None:
        pauses = list(_RETRY_AFTER)
        while True:
            try:
                await self._react(event)
            except OSError as exc:
                # The store's fault, not the event's: it waits until somebody has mended it.
                log.error("tickets: the store failed", error=str(exc), is_last_try=self._is_ending)
                wait_time = _STORE_RETRY_TIME if pauses == [] else pauses.pop(0)
                if self._is_ending:
                    break
            except Exception:  # the outermost frame of a reaction; the next events still count
                is_last = not pauses or self._is_ending
                name = type(event).__name__
                log.exception("tickets: a reaction failed", event_name=name, is_last_try=is_last)
                if is_last:
                    break
                wait_time = pauses.pop(0)
            else:
                return
            await self._clock.sleep(wait_time)
        self.given_up += 1
