"""The bus inside one process: ordered, synchronous, and no listener can hurt another.

An event that a listener publishes while it is told of one is delivered after the first has reached everybody,
so that all listeners see all events in the same order.
"""

from __future__ import annotations

from collections import deque

import structlog

from cti.domain.events import Event
from cti.ports import Listener, Unsubscribe

log = structlog.get_logger(__name__)


class LocalBus:
    """``cti.ports.EventBus`` without I/O."""

    def __init__(self) -> None:
        self._listeners: list[tuple[Listener, tuple[type[Event], ...]]] = []
        self._told: dict[type[Event], tuple[Listener, ...]] = {}  # who hears of a kind
        self._waiting: deque[Event] = deque()
        self._is_delivering = False

    def subscribe(self, listener: Listener, *kinds: type[Event]) -> Unsubscribe:
        """See the port; listeners are told in the order in which they subscribed."""
        entry = (listener, kinds or (Event,))
        self._listeners.append(entry)
        self._told.clear()

        def unsubscribe() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)
                self._told.clear()

        return unsubscribe

    def publish(self, event: Event) -> None:
        """See the port."""
        self._waiting.append(event)
        if self._is_delivering:
            return
        self._is_delivering = True
        try:
            while self._waiting:
                self._deliver(self._waiting.popleft())
        finally:
            self._is_delivering = False

    def _deliver(self, event: Event) -> None:
        for listener in self._told.get(type(event)) or self._find(type(event)):
            try:
                listener(event)
            except Exception:  # one failing listener must not stop the others
                log.exception("bus: a listener failed", event_name=type(event).__name__)

    def _find(self, kind: type[Event]) -> tuple[Listener, ...]:
        told = tuple(listener for listener, kinds in self._listeners if issubclass(kind, kinds))
        self._told[kind] = told
        return told
