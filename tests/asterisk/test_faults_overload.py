"""Three times as many callers as the installation is made for: the excess is told "busy", nobody who is in notices."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from sip_sim.farm import callers
from sip_sim.sipp import Load
from tests.asterisk.fault_table import row_of, seeds
from tests.asterisk.invariants import until_accounted, until_consistent, watched
from tests.asterisk.live import Live, live
from tests.asterisk.scene import FOREVER, LINE, Scene, fault_company, scene
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]
SEEDS = seeds(1)
CAPACITY = 8


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(fault_company(3), simulated=1, max_calls=CAPACITY) as running:
        yield running


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_excess_hears_busy_and_who_is_in_is_served(product: Live, seed: int) -> None:
    row = row_of("R17 overload, 3 x capacity")
    row.rounds += 1
    chance = random.Random(f"overload {seed}")
    async with scene(product) as stage, contextlib.AsyncExitStack() as stack:
        since = await product.last()
        await stack.enter_async_context(stage.phones("agent1", "agent2"))
        inside = await stage.call(stack, CAPACITY)
        await stage.until_at(("talking", "waiting"), inside, 30)
        before = await stage.callers()
        excess = Load(2 * CAPACITY, 2 * CAPACITY, chance.uniform(10, 40))
        async with (
            watched(stage, row),
            callers(product.place, LINE, excess, patience=FOREVER, menu_time=timedelta(0)) as crowd,
        ):
            outcome = await crowd.finish(timedelta(seconds=60))
        row.calls += CAPACITY + 2 * CAPACITY
        assert (outcome.succeeded, outcome.failed) == (0, 2 * CAPACITY)
        assert set(await stage.callers()) == set(before), "who was in stayed in, and nobody else"
        row.notes.append(f"{outcome.failed} of {2 * CAPACITY} told busy;")
        # Whoever goes makes room at once: for the line inside, and for one more from outside.
        talking = [n for n, s in before.items() if s.place == "talking"]
        await stage.end_all(talking)
        served = [n for n in inside if n not in talking][: len(talking)]
        await stage.until_at("talking", served, 30)
        late = await stage.call(stack, 1)
        await stage.until_at("waiting", late, 20)
        await until(lambda: is_empty(stage), 60)
        calls = list((await stage.call_ids(since, [*inside, *late])).values())
        assert len(calls) == CAPACITY + 1, "the excess was no call of ours"
        await until_consistent(stage, row)
        await until_accounted(stage, calls, row)


async def is_empty(stage: Scene) -> bool:
    """End whatever conversations there are, so that the next are served; whether nobody is left."""
    seen = await stage.callers()
    await stage.end_all([n for n, s in seen.items() if s.place == "talking"])
    return not seen
