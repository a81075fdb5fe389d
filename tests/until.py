"""Wait for a condition with a deadline; the only place in the tests that sleeps."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(condition: Callable[[], T | Awaitable[T]], within: float = 5.0) -> T:
    """Return the first true value of ``condition``.

    Raises:
        TimeoutError: it did not become true within so many seconds; shows the last value.
    """
    deadline = time.monotonic() + within
    while True:
        got = condition()
        value: T = await got if inspect.isawaitable(got) else got
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true within {within} s; last value {value!r}")
        await asyncio.sleep(0.01)
