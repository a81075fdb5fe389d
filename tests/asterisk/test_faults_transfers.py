"""The service is killed in the middle of a transfer or a consultation, at random moments of it.

Asterisk goes on with what it was told: the caller stays with somebody or on hold, and after the start everybody is known
where he is; the call ends once, with one ticket and its recording.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from sip_sim.desktop import HeadlessDesktop
from tests.asterisk.fault_table import row_of, seeds
from tests.asterisk.invariants import until_accounted, until_consistent
from tests.asterisk.live import Live, live
from tests.asterisk.scene import Scene, fault_company, is_quiet, scene
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]
SEEDS = seeds(1)
ALL = [
    ("call.transfer", "commanded"),
    ("call.transfer", "ringing"),
    ("call.consult", "answered"),
    ("call.transfer", "answered"),
    ("call.consult", "ringing"),
    ("call.consult", "commanded"),
]
CASES = ALL if "RINGDESK_FAULT_SEED" in os.environ else ALL[:3]  # the campaign takes all
SENDER, TARGET = "agent1", "agent2"
TARGET_PHONE = "1102"
ANSWER = timedelta(seconds=2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(fault_company(3), simulated=1) as running:
        yield running


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _service_is_back(product: Live) -> AsyncIterator[None]:
    """A round that failed in the middle leaves the service as the next one wants it."""
    yield
    assert product.process is not None
    if product.process.returncode is not None:
        await product.start()


async def is_rung(stage: Scene, phone: str) -> bool:
    """Whether the phone has a channel."""
    return any(name.startswith(f"PJSIP/{phone}-") for name in await stage.product.pbx.channels())


async def until_moment(stage: Scene, moment: str, chance: random.Random) -> None:
    """Some way into it: just commanded, ringing, or just answered."""
    if moment == "commanded":
        await asyncio.sleep(chance.uniform(0, 0.03))  # the race is the test
        return
    await until(lambda: is_rung(stage, TARGET_PHONE), 15)
    late = ANSWER.total_seconds() if moment == "answered" else 0.0
    await asyncio.sleep(late + chance.uniform(0, 0.3))


async def kill(product: Live) -> None:
    assert product.process is not None
    product.process.kill()
    await product.process.wait()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("command", "moment"), CASES)
async def test_a_caller_who_is_being_handed_over_is_not_lost(
    product: Live, command: str, moment: str, seed: int
) -> None:
    row = row_of("R1 service killed in a " + command.removeprefix("call."))
    row.rounds += 1
    chance = random.Random(f"{command} {moment} {seed}")
    async with scene(product) as stage, contextlib.AsyncExitStack() as stack:
        since = await product.last()
        ready = await stack.enter_async_context(stage.phones(SENDER))
        slow = await stack.enter_async_context(stage.phones(TARGET, answer_after=ANSWER))
        await slow.desktops[0].command("agent.not_ready", reason="break")
        [number] = await stage.call(stack, 1)
        row.calls += 1
        await stage.until_at("talking", [number])
        call_id = (await stage.call_ids(since, [number]))[number]
        await stage.until_recorded(call_id)
        commanding = asyncio.create_task(give(ready.desktops[0], command, call_id))
        await until_moment(stage, moment, chance)
        await kill(product)
        commanding.cancel()
        await asyncio.gather(commanding, return_exceptions=True)
        if command == "call.transfer":
            await stage.until_at("talking", [number], 40)
        else:
            await stage.until_at(("talking", "rd-hold", "rd-consult"), [number], 40)
        back = time.monotonic()
        await product.start()
        await until_consistent(stage, row)
        row.truth.append(time.monotonic() - back)
        assert number in await stage.callers(), "dropped"
        await stage.end_all([number])
        await until(lambda: is_over(stage), 30)  # agents who still consult hang up
        await until_consistent(stage, row)
        await until_accounted(stage, [call_id], row)
        async with stage.desktop(SENDER) as one, stage.desktop(TARGET) as two:
            for desktop in (one, two):
                await desktop.until(lambda d: d.state in ("READY", "NOT_READY"), 15)
                await desktop.command("agent.sign_out")


async def give(desktop: HeadlessDesktop, command: str, call_id: str) -> None:
    """Hand the caller to the colleague, or ask him; nobody waits for the answer of a service that dies."""
    target = {"kind": "agent", "value": TARGET_PHONE}
    await desktop.command(command, call_id=call_id, target=target)


async def is_over(stage: Scene) -> bool:
    """End what is left of a consultation; whether nothing is left at all."""
    for name in await stage.product.pbx.channels():
        await stage.hang_up(name)
    return await is_quiet(stage.product)
