"""Wait for a condition with a deadline; the only place in the tests that sleeps."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


async def until(condition: Callable[[], Any], within: float = 5.0) -> Any:
    """Return the first true value of ``condition``.

    Raises:
        TimeoutError: it did not become true within so many seconds; shows the last value.
    """
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true within {within} s; last value {value!r}")
        await asyncio.sleep(0.01)
