"""The whole service on a real PostgreSQL and a real Redis; Asterisk and the callers are fakes.

Asterisk's time and the departments' is virtual and runs by itself, some times faster than ours, so that a ring takes no
15 s; databases answer in real time. Tests wait for conditions, never for times.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from cti.bootstrap import build, keep_in_database
from cti.config import Settings
from cti.domain import events as ev
from tests.acceptance.centre import Centre, SilentPrompts
from tests.acceptance.company import COMPANY, SECRETS
from tests.fakes.asterisk_channels import FakeCaller
from tests.fakes.recordings import ContainerEncoder, HandSpool, MemoryStore
from tests.until import until

_STEP = timedelta(milliseconds=50)
_PAUSE_S = 0.01
_LATEST_S = 60.0


class ServedCentre(Centre):
    """A ``Centre`` whose journal, accounts, tickets and recordings' book are in the installation's database."""

    def __init__(self, home: Path, settings: Settings) -> None:
        super().__init__(home)
        self.settings = settings
        self._sounds = MemoryStore()
        self._raw = HandSpool(settings.spool_dir)
        self._time: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, or begin again after ``stop``."""
        if self._time is None:
            self._time = asyncio.create_task(self._let_time_pass(), name="virtual time")
        kept = await keep_in_database(self.settings)
        self.tickets = kept.tickets  # type: ignore[assignment]
        self._accounts = kept.accounts  # type: ignore[assignment]
        kept = replace(
            kept,
            spool=self._raw,
            store=self._sounds,
            encoder=ContainerEncoder(),
            prompts=SilentPrompts(self._home),
        )
        self.service = await build(
            self.settings,
            COMPANY,
            SECRETS,
            clock=self.clock,
            keeping=kept,
            connect=self.pbx.connect,
        )
        self.service.bus.subscribe(self.told.append)
        await self.service.start(has_sockets=False)
        self.pbx.agi = self.service.agi.make_connection
        await self.until(lambda: self.service.switch.is_up)

    async def stop(self) -> None:
        """SIGTERM, without draining: callers stay in Asterisk."""
        self.leave()
        self.pbx.agi = None
        await self.service.stop()

    async def end(self) -> None:
        """No more."""
        if self._time is not None:
            self._time.cancel()
            await asyncio.gather(self._time, return_exceptions=True)

    async def until(self, condition: Callable[[], Any], within: float = _LATEST_S) -> Any:
        """Wait until something is true; ``within`` is real time, and generous."""
        try:
            return await until(condition, max(within, _LATEST_S))
        except TimeoutError as exc:
            raise TimeoutError(f"{exc}; told: {self.names()[-25:]}") from exc

    async def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        end = self.clock.monotonic() + seconds
        await self.until(lambda: self.clock.monotonic() >= end)

    async def is_all_journalled(self) -> bool:
        """Whether the journal holds all that was ever told, in this order, and nothing else."""
        await self.service.journal.flush()
        rows = [item async for item in self.service.journal.read()]
        facts = [event for event in self.told if not isinstance(event, ev.QueueChanged)]
        numbers = [item.sequence for item in rows]
        return (numbers, [item.event for item in rows]) == ([*range(1, len(facts) + 1)], facts)

    async def over(self, *callers: FakeCaller) -> None:
        """Wait until calls are over, and everything about them is in the database."""
        for caller in callers:
            await self.until(lambda c=caller: self.is_over(c))  # type: ignore[misc]
        await self.service.tickets.service.idle()
        await self.service.journal.flush()

    async def _let_time_pass(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE_S)
            await self.clock.advance(_STEP)


@asynccontextmanager
async def running(home: Path, settings: Settings) -> AsyncIterator[ServedCentre]:
    """A centre that is open; nothing may have gone wrong in it but what the test names."""
    with capture_logs() as logs:
        centre = ServedCentre(home, settings)
        try:
            await centre.start()
            yield centre
            assert centre.service.calls.illegal == 0
        finally:
            with contextlib.suppress(AttributeError):  # it never began
                await centre.stop()
            await centre.pbx.close()
            await centre.end()
    errors = [line for line in logs if line["log_level"] in ("error", "critical")]
    assert [line for line in errors if line["event"] not in centre.expected_errors] == []
