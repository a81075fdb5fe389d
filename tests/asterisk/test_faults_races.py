"""A caller hangs up within milliseconds of the ring or of the answer, at random offsets around both.

Whatever comes first: he has one end, the phone stops ringing, the agent is free, and no channel is left.
``RINGDESK_RACES`` offsets (the full row: 1,000), from seed ``RINGDESK_FAULT_SEED`` on.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from cti.domain import events as ev
from cti.domain.ids import CallId
from sip_sim.desktop import HeadlessDesktop
from tests.asterisk.fault_table import Row, row_of
from tests.asterisk.invariants import until_accounted, until_consistent, watched
from tests.asterisk.live import Live, live
from tests.asterisk.raw_sip import raw_caller
from tests.asterisk.scene import LINE, Scene, fault_company, is_quiet, scene
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(3600),
]
RACES = int(os.environ.get("RINGDESK_RACES", "30"))
SEED = int(os.environ.get("RINGDESK_FAULT_SEED", "0"))
ANSWER = timedelta(milliseconds=60)
AGENT = "agent1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(fault_company(2), simulated=1) as running:
        yield running


async def race(stage: Scene, desktop: HeadlessDesktop, chance: random.Random, row: Row) -> CallId:
    """One caller; he goes at some moment from the reservation to a little after the answer."""
    number = stage.number()
    before = await stage.product.last()
    moment = chance.choice(["RESERVED", "RINGING", "TALKING"])
    offset = chance.choice(
        [chance.uniform(0, 0.005), chance.uniform(0, ANSWER.total_seconds() + 0.03)]
    )
    seen = len(desktop.states)

    def has_come(_: HeadlessDesktop) -> bool:
        states = [state for _, state in desktop.states[seen:]]
        return moment in states or "TALKING" in states

    async with raw_caller(stage.product.place.sip) as caller:
        assert await caller.call(LINE.encode(), f"<sip:{number}@127.0.0.1>".encode()) == 200
        await desktop.until(has_come, 20)
        await asyncio.sleep(offset)  # the race is the test
        caller.hang_up()
        [call_id] = (await until(lambda: stage.call_ids(before, [number]), 20)).values()
        await desktop.until(lambda d: d.state == "READY", 20)
    await until_nothing_rings(stage, row)
    row.calls += 1
    return CallId(call_id)


async def until_nothing_rings(stage: Scene, row: Row) -> None:
    """No phone rings and no channel is left for a caller who is gone."""
    try:
        await until(lambda: is_quiet(stage.product), 10)
    except TimeoutError:
        row.ghosts += 1
        raise


async def test_a_hang_up_at_any_moment_leaves_nothing_behind(product: Live) -> None:
    row = row_of("R13 hang-up around ring and answer")
    row.rounds += 1
    chance = random.Random(f"races {SEED}")
    async with scene(product) as stage:
        async with stage.phones(AGENT, answer_after=ANSWER) as farm, watched(stage, row):
            calls = [await race(stage, farm.desktops[0], chance, row) for _ in range(RACES)]
        await until_consistent(stage, row)
        facts = await until_accounted(stage, calls, row, within=90)
    outcomes = {
        call_id: {type(e) for e in facts if getattr(e, "call_id", "") == call_id}
        & {ev.CallAbandoned, ev.CallAnswered}
        for call_id in calls
    }
    assert all(len(kinds) == 1 for kinds in outcomes.values()), outcomes
    answered = sum(kinds == {ev.CallAnswered} for kinds in outcomes.values())
    assert 0 < answered < len(calls), "the moments lie on both sides of the answer"
