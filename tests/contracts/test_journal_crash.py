"""kill -9 of the process that writes the journal, at random moments: what was flushed is there, and no number is missing."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cti.domain import events as ev
from cti.storage.database import Database
from cti.storage.journal import GROUP_TIME, SqlJournal

pytestmark = pytest.mark.contract

KILLS = 3


async def live_and_die(url: str, delay: float) -> tuple[int, int, dict[int, float], float]:
    """One life: the newest event known to be flushed, and said to be committed; when each was recorded; when it died."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.contracts.journal_victim", url),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    lines: list[list[str]] = []
    try:
        async with asyncio.timeout(60):
            while not lines or lines[-1][0] != "f":  # until it is well under way
                lines.append((await process.stdout.readline()).decode().split())
        await asyncio.sleep(delay)
    finally:
        process.kill()
        died_at = time.monotonic()
        rest = (await process.stdout.read()).decode()
        await process.wait()
    lines += [line.split() for line in rest.splitlines()]
    recorded = {int(line[1]): float(line[2]) for line in lines if line[0] == "r"}
    flushed = max(int(line[1]) for line in lines if line[0] == "f")
    committed = max(int(line[1]) for line in lines if line[0] == "c")
    return flushed, committed, recorded, died_at


@pytest.mark.timeout(400)
async def test_a_killed_writer_loses_the_last_moment_at_most(
    database: Database, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(7)
    journal = SqlJournal(database)
    oldest_lost: list[float] = []
    for life in range(KILLS):
        flushed, committed, recorded, died_at = await live_and_die(database.url, rng.random() / 3)
        found = [item async for item in journal.read()]
        assert [item.sequence for item in found] == list(range(1, len(found) + 1)), f"life {life}"
        assert len(found) >= flushed
        assert len(found) >= committed
        assert await journal.verify() is None
        # A personal field is never there without its event, nor an event without it.
        assert all(isinstance(i.event, ev.CallOffered) and i.event.ani for i in found)
        lost = [at for sequence, at in recorded.items() if sequence > len(found)]
        oldest_lost.append(died_at - min(lost, default=died_at))
        # A group's time, its commit, and what a loaded machine adds.
        assert oldest_lost[-1] < GROUP_TIME.total_seconds() + 5

    record_property("oldest lost event, s", max(oldest_lost))
