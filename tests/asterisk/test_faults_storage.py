"""The database is locked or its disk is full, and the disk that Asterisk records to is full: calls go on.

Nothing of a call waits for a disk, so callers are routed and talk on; everybody is told what must be mended; an agent's
command is refused with a clear word rather than half done; and what could not be written is written as soon as it can be.
``RINGDESK_LOCK_SECONDS``: how long the lock is held (the full row: 30).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from cti.config import Settings
from cti.domain import events as ev
from sip_sim.desktop import DesktopRefused, HeadlessDesktop
from tests.asterisk.fault_table import Row, row_of
from tests.asterisk.invariants import until_accounted, until_consistent
from tests.asterisk.live import Live, live
from tests.asterisk.scene import Scene, fault_company, scene
from tests.asterisk.volumes import Disk, FileLimit, small_disk
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]
LOCK_SECONDS = float(os.environ.get("RINGDESK_LOCK_SECONDS", "8"))
LOCK = """
import sqlite3, sys
link = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
link.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@dataclass
class Place:
    """The product, with its database and its recordings on disks of their own where that is possible."""

    product: Live
    database: Disk | None
    spool: Disk | None

    def database_disk(self) -> Disk | FileLimit:
        """What to fill for the database."""
        assert self.product.process is not None
        return self.database or FileLimit(self.product.process.pid)

    def spool_disk(self) -> Disk | FileLimit:
        """What to fill for the raw recordings."""
        pid = self.product.pbx.process.pid()
        assert pid is not None
        return self.spool or FileLimit(pid)


@pytest.fixture(scope="module")
def disks() -> Iterator[tuple[Disk | None, Disk | None]]:
    with small_disk(24) as database, small_disk(24) as spool:
        if database is None:
            sys.stderr.write(
                "\nno right to mount: full disks are made by limits on the processes\n"
            )
        yield database, spool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(disks: tuple[Disk | None, Disk | None]) -> AsyncIterator[Place]:
    database, spool = disks

    def move(settings: Settings) -> None:
        if database is not None:
            settings.database_file.symlink_to(database.path / "ringdesk.db")
        if spool is not None:
            settings.spool_dir.rmdir() if settings.spool_dir.exists() else None
            settings.spool_dir.symlink_to(spool.path)

    async with live(fault_company(), simulated=1, prepare=move) as product:
        yield Place(product, database, spool)


@contextlib.asynccontextmanager
async def locked(file: Path) -> AsyncIterator[None]:
    """Another process holds the database's only write lock."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOCK, str(file),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"locked\n"
        yield
    finally:
        process.stdin.close()
        await process.wait()


@contextlib.asynccontextmanager
async def full(disk: Disk | FileLimit, leave: int = 0) -> AsyncIterator[None]:
    """No room."""
    disk.fill(leave)
    try:
        yield
    finally:
        disk.free()


async def alarms(product: Live) -> dict[str, str]:
    """What the health page says must be mended."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{product.place.web}/api/v1/health") as answer,
    ):
        found: dict[str, str] = (await answer.json())["alarms"]
        return found


async def figures(product: Live) -> str:
    """The metrics."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(
            f"{product.place.web}/metrics",
            headers={"Authorization": f"Bearer {product.pbx.secrets.metrics_token}"},
        ) as page,
    ):
        return await page.text()


async def routing_goes_on(stage: Scene, desktop: HeadlessDesktop, row: Row, keep: float) -> None:
    """An alarm stands; nobody is dropped; a new caller is served; a command is refused in words."""
    async with contextlib.AsyncExitStack() as stack:
        began = time.monotonic()
        before = await stage.callers()
        new = await stage.call(stack, 2)  # something must want to be written
        await until(lambda: has_alarm(stage.product, "journal"), 20)
        assert 'ringdesk_alarm{name="journal"} 1' in await figures(stage.product)
        await desktop.until(lambda d: d.sections["link"]["text"], 10)
        assert desktop.sections["link"]["switch"] == "up"
        await stage.until_at("talking", new[:1])
        await stage.until_at("waiting", new[1:])
        with pytest.raises(DesktopRefused, match="not_journalled"):
            await desktop.command("agent.not_ready", reason="break")
        await stage.end_all(list(before))
        await stage.until_at("talking", new)
        await asyncio.sleep(max(0.0, began + keep - time.monotonic()))  # the fault's own length
        await stage.end_all(new)
        row.calls += len(before) + len(new)


@pytest.mark.parametrize("fault", ["locked", "full"])
async def test_a_database_that_cannot_be_written_stops_no_call(place: Place, fault: str) -> None:
    product = place.product
    row = row_of({"locked": "R8 database locked", "full": "R9 database's disk full"}[fault])
    row.rounds += 1
    async with scene(product) as stage, contextlib.AsyncExitStack() as stack:
        since = await product.last()
        farm = await stack.enter_async_context(stage.phones("agent1", "agent2"))
        numbers = await stage.call(stack, 1)
        await stage.until_at("talking", numbers)
        file = product.settings.database_file
        async with locked(file) if fault == "locked" else full(place.database_disk()):
            await routing_goes_on(stage, farm.desktops[0], row, LOCK_SECONDS)
        back = time.monotonic()
        await until(lambda: no_alarm(product), 30)
        row.truth.append(time.monotonic() - back)
        await farm.desktops[0].until(lambda d: not d.sections["link"]["text"], 10)
        await farm.desktops[0].command("agent.not_ready", reason="break")
        await until_consistent(stage, row)
        offered = [e for e in await product.since(since) if isinstance(e, ev.CallOffered)]
        assert len(offered) == 3
        await until_accounted(stage, [e.call_id for e in offered], row)
        changes = [e for e in await product.events(ev.AlarmChanged, since) if e.name == "journal"]
        assert [e.is_on for e in changes] == [True, False]


async def has_alarm(product: Live, name: str) -> bool:
    return name in await alarms(product)


async def no_alarm(product: Live) -> bool:
    return not await alarms(product)


async def test_a_full_disk_under_the_recordings_drops_nobody_and_is_told(place: Place) -> None:
    product, row = place.product, row_of("R9 recordings' disk full")
    row.rounds += 1
    async with scene(product) as stage, contextlib.AsyncExitStack() as stack:
        since = await product.last()
        await stack.enter_async_context(stage.phones("agent3", "agent4"))
        numbers = await stage.call(stack, 2)
        row.calls += len(numbers)
        await stage.until_at("talking", numbers)
        ids = await stage.call_ids(since, numbers)
        for call_id in ids.values():
            await stage.until_recorded(call_id)
        before = await stage.callers()
        async with full(place.spool_disk(), 0 if place.spool else 48_000):
            if place.spool is not None:
                await until(lambda: has_alarm(product, "disk_spool"), 20)
            await asyncio.sleep(4)  # of the conversation, which nobody can keep
            assert await stage.callers() == before
            await stage.end_all(numbers)
            await stage.until_fact(ev.CallEnded, list(ids.values()))
        facts = await until_accounted(stage, list(ids.values()), row)
        await until(lambda: no_alarm(product), 30)
        await until_consistent(stage, row)
    flagged = {e.call_id: e.reason for e in facts if isinstance(e, ev.RecordingFailed)}
    stored = {e.call_id: e.duration_time for e in facts if isinstance(e, ev.RecordingStored)}
    begun = {e.call_id: e.at for e in facts if isinstance(e, ev.CallConnected)}
    ended = {e.call_id: e.at for e in facts if isinstance(e, ev.CallEnded)}
    for call_id in ids.values():
        assert flagged[call_id] == "truncated"
        lasted = ended[call_id] - begun[call_id]
        assert timedelta(seconds=1) < stored[call_id] < lasted - timedelta(seconds=2)
