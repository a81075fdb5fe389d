"""Tells the live figures of queues: not in the step that changes them, and never more often than anybody could read them.

An agent who serves fifty queues changes the figures of them all; an offer must not wait while they are counted and told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import timedelta

from cti.domain import events as ev
from cti.domain.ids import QueueName
from cti.ports import Clock, Timer

FIRST_AFTER = timedelta(milliseconds=20)
EVERY = timedelta(milliseconds=200)

Look = Callable[[Collection[QueueName]], Iterable[ev.QueueChanged]]


class QueueFigures:
    """Collects which queues are touched; ``look`` counts, ``publish`` tells what is other than before."""

    def __init__(self, clock: Clock, look: Look, publish: Callable[[ev.Event], None]) -> None:
        self._clock = clock
        self._look = look
        self._publish = publish
        self._touched: set[QueueName] = set()
        self._told: dict[QueueName, ev.QueueChanged] = {}
        self._timer: Timer | None = None

    def touch(self, queues: Iterable[QueueName]) -> None:
        """Figures of these may be other than before."""
        self._touched.update(queues)
        if self._timer is None:
            self._timer = self._clock.call_later(FIRST_AFTER, self._tell)

    def stop(self) -> None:
        """Tell nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        touched, self._touched = sorted(self._touched), set()
        self._timer = self._clock.call_later(EVERY, self._tell) if touched else None
        for figures in self._look(touched) if touched else ():
            last = self._told.get(figures.queue)
            if last is None or replace(last, at=figures.at) != figures:
                self._told[figures.queue] = figures
                self._publish(figures)
