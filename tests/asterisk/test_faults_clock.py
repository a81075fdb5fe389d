"""The wall clock of the service is set by an hour, forth and back, with callers talking, waiting and an agent in wrap-up.

libfaketime changes the clock of the running process (not the monotonic one, and not Asterisk's). Nobody is thrown around:
the order of the line, waits, wrap-ups and recordings are as if nothing had been set.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from cti.domain import events as ev
from tests.asterisk.fault_table import row_of, seeds
from tests.asterisk.invariants import until_accounted, until_consistent
from tests.asterisk.live import Live, live
from tests.asterisk.scene import fault_company, scene

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]
[LIBRARY, *_] = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
WRAP_UP = timedelta(seconds=6)
LONG = timedelta(minutes=5)  # more than anything here takes, less than the step


@pytest.fixture(scope="module")
def clock_file() -> Iterator[Path]:
    """What libfaketime reads the offset from."""
    with tempfile.TemporaryDirectory(prefix="rdclock-") as folder:
        path = Path(folder) / "offset"
        path.write_text("+0")
        yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(clock_file: Path) -> AsyncIterator[Live]:
    environment = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(clock_file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    company = fault_company(3, wrap_up_time=WRAP_UP)
    async with live(company, simulated=1, environment=environment) as running:
        yield running


def set_clock(file: Path, hours: int) -> None:
    """By so many hours from the true time."""
    other = file.with_suffix(".new")
    other.write_text(f"{hours * 3600:+d}")
    other.replace(file)


@pytest.mark.parametrize("seed", seeds(1))
@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_is_set_moves_nobody(
    product: Live, clock_file: Path, hours: int, seed: int
) -> None:
    row = row_of(f"R11 clock {hours:+d} h")
    row.rounds += 1
    async with scene(product) as stage, contextlib.AsyncExitStack() as stack:
        since = await product.last()
        farm = await stack.enter_async_context(stage.phones("agent1"))
        desktop = farm.desktops[0]
        [first] = await stage.call(stack, 1)
        await stage.until_at("talking", [first])
        [second] = await stage.call(stack, 1)
        await stage.until_at("waiting", [second])
        set_clock(clock_file, hours)
        [third] = await stage.call(stack, 1)
        await stage.until_at("waiting", [third])
        row.calls += 3
        served = []
        for number in (first, second, third):
            await stage.until_at("talking", [number], 30)
            served.append(number)
            assert not {second, third} - set(served) - set(await stage.callers()), "dropped"
            ids = await stage.call_ids(since, [number])
            await stage.until_recorded(ids[number])
            await stage.end_all([number])
            await desktop.until(lambda d: d.state == "WRAP_UP", 15)
            await desktop.until(lambda d: d.state != "WRAP_UP", 30)
            if number == second:
                set_clock(clock_file, 0)
        await until_consistent(stage, row)
        calls = list((await stage.call_ids(since, [first, second, third])).values())
        facts = await until_accounted(stage, calls, row)
        row.places += sum(s != n for s, n in zip(served, (first, second, third), strict=True))
        assert not [e for e in facts if isinstance(e, ev.RecordingFailed) and e.call_id in calls]
        answered = [e for e in facts if isinstance(e, ev.CallAnswered) and e.call_id in calls]
        assert [e.call_id for e in answered] == calls
        assert all(timedelta(0) <= e.wait_time < LONG for e in answered)
        stored = [e for e in facts if isinstance(e, ev.RecordingStored) and e.call_id in calls]
        assert all(timedelta(0) < e.duration_time < LONG for e in stored)
        today = desktop.sections["today"]
        assert 0 <= today["talk_s"] + today["wrap_up_s"] < LONG.total_seconds()
