"""The real clock, on the running event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cti.ports import Timer


class SystemClock:
    """``cti.ports.Clock`` as the machine has it."""

    def now(self) -> datetime:
        """The wall clock."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    def call_later(self, delay: timedelta, callback: Callable[[], None]) -> Timer:
        """Call back on the loop."""
        return asyncio.get_running_loop().call_later(delay.total_seconds(), callback)

    async def sleep(self, delay: timedelta) -> None:
        """Wait."""
        await asyncio.sleep(delay.total_seconds())
