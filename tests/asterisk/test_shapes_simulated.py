"""``ringdesk simulate --transfers``: every shape at once, many calls at a time, and the witness finds no difference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cti.builtin import SIM_NUMBER, SIM_QUEUE, sim_login
from cti.cli.check import JournalFile
from sip_sim.simulate import Plan, run
from tests.asterisk.live import live
from tests.asterisk.witness import no_difference

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio, pytest.mark.timeout(300)]


async def test_many_calls_are_transferred_at_a_time() -> None:
    async with live(simulated=6) as product:
        began_at = datetime.now(UTC)
        people = [product.agent(sim_login(i)) for i in range(6)]
        plan = Plan(24, 5, per_second=3, talk=timedelta(seconds=3), transfers_to=SIM_QUEUE, seed=7)
        words: list[str] = []
        facts = JournalFile(product.database)
        result = await run(product.place, people, SIM_NUMBER, plan, facts, words.append)
        assert result.deeds is not None
        story = f"{result.deeds.as_json()}\n{words}\n{product.log_text()}"
        assert (result.callers.succeeded, result.callers.failed) == (24, 0), story
        assert (result.summary.answered, result.summary.unfinished) == (24, 0), story
        assert (result.summary.tickets, result.summary.recordings) == (24, 24), story
        assert sum(result.deeds.done.values()) >= 5, story
        await no_difference(product, began_at, within=40)
