"""Wait for a condition with a deadline; the only place in the tests that sleeps."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

_NOT_YET = (LookupError, TypeError, AttributeError)


async def until(condition: Callable[[], Any], within: float = 5.0) -> Any:
    """Return the first true value of ``condition``.

    A condition that asks for a part of what isn't there yet (a section, an item, a key) isn't true yet.

    Raises:
        TimeoutError: it did not become true within so many seconds; shows the last value.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
        except _NOT_YET as exc:
            value = None
            last: object = exc
        else:
            last = value
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true within {within} s; last value {last!r}")
        await asyncio.sleep(0.01)
