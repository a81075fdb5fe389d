"""The service is killed or frozen while callers are everywhere: nobody is dropped, nobody loses his place.

Callers talk, ring, wait, hear their position and sit in a menu; then the service dies (SIGKILL) or hangs
(SIGSTOP). Asterisk itself is asked where everybody is. After the service is back: order kept, conversations known
again, recordings and tickets complete. How often: ``RINGDESK_FAULT_ROUNDS``, from seed ``RINGDESK_FAULT_SEED`` on;
``RINGDESK_FREEZE_SECONDS``: how long it hangs at least (the full row: 30).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from cti.domain import events as ev
from tests.asterisk.cast import (
    PEOPLE,
    all_are_served_in_order,
    assert_same_talk,
    everybody_is_known_again,
    everywhere,
    nobody_is_dropped,
    nothing_is_lost,
    the_queue_serves,
    until_safe,
)
from tests.asterisk.fault_table import row_of, seeds
from tests.asterisk.live import Live, live
from tests.asterisk.scene import fault_company, scene

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240 + 20 * PEOPLE),
]
SEEDS = seeds(3)
FREEZE_SECONDS = float(os.environ.get("RINGDESK_FREEZE_SECONDS", "0"))
ROWS = {
    "kill": "R1 service killed",
    "freeze": "R2 service frozen",
    "stop": "R14 service stopped (SIGTERM)",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    company = fault_company(PEOPLE, announce_every=timedelta(seconds=6))
    async with live(company, simulated=1) as running:
        yield running


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _service_is_back(product: Live) -> AsyncIterator[None]:
    """A round that failed in the middle leaves the service as the next one wants it."""
    yield
    assert product.process is not None
    if product.process.returncode is None:
        product.thaw()
    else:
        await product.start()


@pytest.mark.parametrize(
    ("fault", "seed"),
    [
        *(("kill", seed) for seed in SEEDS),
        *(("freeze", seed) for seed in SEEDS),
        ("stop", SEEDS[0]),
    ],
)
async def test_nobody_is_dropped_and_nobody_loses_his_place(
    product: Live, fault: str, seed: int
) -> None:
    row = row_of(ROWS[fault])
    chance = random.Random(f"{fault} {seed}")
    async with scene(product) as stage, everywhere(stage, chance) as cast:
        await asyncio.sleep(
            chance.uniform(0, 3)
        )  # the moment of the fault: ringing, just answered, or talking
        before = await stage.callers()
        row.rounds += 1
        row.calls += len(cast.everybody)
        assert product.process is not None
        hit = time.monotonic()
        if fault == "kill":
            product.process.kill()
            await product.process.wait()
        elif fault == "stop":
            product.process.terminate()
            assert await product.process.wait() == 0, product.log_text()
            assert await is_settled(product), "a phone that rang was not waited for"
        else:
            product.freeze()
        safe = await until_safe(stage, cast)
        await nobody_is_dropped(stage, cast, row)
        assert_same_talk(before, await stage.callers(), cast.talking)
        await the_queue_serves(stage, cast, row)
        talks = {n: s for n, s in (await stage.callers()).items() if s.place == "talking"}
        if fault == "freeze":
            await asyncio.sleep(max(0.0, hit + FREEZE_SECONDS - time.monotonic()))  # its own length
        began = time.monotonic()
        if fault == "freeze":
            product.thaw()
        else:
            await product.start()
        await everybody_is_known_again(stage, cast, talks, row)
        row.truth.append(time.monotonic() - began)
        row.notes.append(f"safe {safe:.1f} s;")
        await all_are_served_in_order(stage, cast, row)
        await nothing_is_lost(stage, cast, row)


async def is_settled(product: Live) -> bool:
    """Whether the journal ends with nobody reserved or rung: who rang when the end was asked for has answered."""
    states = {e.agent_id: e.state for e in await product.events(ev.AgentStateChanged)}
    return not {"RESERVED", "RINGING"} & set(states.values())
