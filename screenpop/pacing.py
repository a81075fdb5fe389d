"""At once, and then not too often: what many events change is told once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from cti.ports import Clock

TOLD_EVERY = timedelta(seconds=1)
"""Each time is a message to every desktop; nobody reads faster."""


_AT_ONCE = 25
"""Desks; each costs its page a message, some 40 µs."""

_T = TypeVar("_T")


def in_turn(clock: Clock, desks: Iterable[_T], visit: Callable[[_T], None]) -> None:
    """Visit them, the first now, some more in each turn of the loop: a pop waits for these few, not for a thousand."""
    todo = list(desks)

    def go_on(begin: int) -> None:
        for desk in todo[begin : begin + _AT_ONCE]:
            visit(desk)
        if begin + _AT_ONCE < len(todo):
            clock.call_later(timedelta(0), lambda: go_on(begin + _AT_ONCE))

    go_on(0)


class Paced:
    """Tells when it was asked to: soon, but never sooner than ``TOLD_EVERY`` after it told the last time."""

    def __init__(self, clock: Clock, tell: Callable[[], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._is_asked = False
        self._is_due = False

    def ask(self) -> None:
        """Something changed."""
        self._is_asked = True
        if not self._is_due:
            self._after(timedelta(0))

    def _after(self, delay: timedelta) -> None:
        self._is_due = True
        self._clock.call_later(delay, self._run)

    def _run(self) -> None:
        is_asked, self._is_asked, self._is_due = self._is_asked, False, False
        if is_asked:
            self._after(TOLD_EVERY)
            self._tell()
