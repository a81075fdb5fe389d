"""Asterisk itself is killed while callers are everywhere, and started again.

Every conversation is lost with it, and that is told once: each call gets its end, its ticket and what was recorded of it;
no agent stays on a call that is no more; who calls next is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from cti.domain import events as ev
from tests.asterisk.cast import LATE, TALKING, everywhere
from tests.asterisk.fault_table import row_of, seeds
from tests.asterisk.invariants import until_accounted, until_consistent
from tests.asterisk.live import Live, live
from tests.asterisk.scene import Scene, fault_company, scene
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]
SEEDS = seeds(2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(fault_company(announce_every=timedelta(seconds=6)), simulated=1) as running:
        yield running


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _asterisk_is_back(product: Live) -> AsyncIterator[None]:
    """A round that failed in the middle leaves an Asterisk for the next one."""
    yield
    await asyncio.to_thread(product.pbx.process.start)
    await until(product.is_well, 30)


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_asterisk_takes_with_it_is_closed_once_and_the_next_is_served(
    product: Live, seed: int
) -> None:
    row = row_of("R5 Asterisk killed")
    row.rounds += 1
    chance = random.Random(f"asterisk {seed}")
    async with scene(product) as stage, everywhere(stage, chance) as cast:
        ids = await stage.call_ids(cast.since, cast.everybody)
        row.calls += len(ids)
        for number in cast.talking:
            await stage.until_recorded(ids[number])
        desktops = [desktop for farm in cast.farms for desktop in farm.desktops]
        pid = product.pbx.process.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        for desktop in desktops:
            await desktop.until(lambda d: d.sections["link"]["switch"] == "down", 20)
        await asyncio.to_thread(product.pbx.process.start)
        back = time.monotonic()
        for desktop in desktops:
            await desktop.until(lambda d: d.sections["link"]["switch"] == "up", 20)
            await desktop.until(lambda d: d.state in ("READY", "NOT_READY"), 10)
        await until_consistent(stage, row)
        row.truth.append(time.monotonic() - back)
        facts = await until_accounted(stage, list(ids.values()), row)
        ends = [e for e in facts if isinstance(e, ev.CallEnded) and e.call_id in ids.values()]
        assert {e.ended_by for e in ends} == {"system"}, "nobody hung up"
        await recordings_are_as_long_as_they_say(stage, facts, [ids[n] for n in cast.talking])
        stage.parties.clear()  # their calls went without a word
        await the_next_is_served(stage)
        for login in (*TALKING, LATE):
            async with stage.desktop(login) as desktop:
                await desktop.command("agent.sign_out")


async def recordings_are_as_long_as_they_say(
    stage: Scene, facts: list[ev.Event], talked: list[str]
) -> None:
    """What Asterisk had written can be heard; where that is less than was said, a flag says so."""
    stored = {e.call_id: e for e in facts if isinstance(e, ev.RecordingStored)}
    assert set(talked) <= set(stored), "two seconds at least were on the disk"
    flagged = {e.call_id for e in facts if isinstance(e, ev.RecordingFailed)}
    ends = {e.call_id: e.at for e in facts if isinstance(e, ev.CallEnded)}
    begins = {e.call_id: e.at for e in facts if isinstance(e, ev.CallConnected)}
    for call_id in talked:
        recording = stored[call_id]  # type: ignore[index]
        lasted = ends[call_id] - begins[call_id]  # type: ignore[index]
        assert recording.duration_time > timedelta(seconds=1)
        assert recording.duration_time > lasted - timedelta(seconds=1) or call_id in flagged


async def the_next_is_served(stage: Scene) -> None:
    """A new caller reaches an agent and is recorded."""
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(stage.phones("agent5"))
        since = await stage.product.last()
        number = (await stage.call(stack, 1))[0]
        await stage.until_at("talking", [number])
        call_id = (await stage.call_ids(since, [number]))[number]
        await stage.until_recorded(call_id)
        await stage.end_all([number])
        await stage.assert_calls_well()
        await stage.until_fact(ev.RecordingAttached, [call_id])
