"""A caller hangs up within milliseconds of the ring, the answer, a transfer or the joining of two calls.

Whatever comes first: no phone rings for nobody, each agent is free, the call has one end and one ticket, its segments have
no gap, Asterisk's own records agree with the journal, and no channel is left. ``RINGDESK_RACES`` offsets (the full row:
1,000), from seed ``RINGDESK_FAULT_SEED`` on, ``RINGDESK_RACE_LANES`` of them at a time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from cti.domain import events as ev
from cti.domain.ids import CallId
from cti.domain.segments import concerns, is_gapless, life_of
from tests.asterisk.fault_table import SEED_VARIABLE, row_of
from tests.asterisk.invariants import until_accounted, until_consistent
from tests.asterisk.live import Live, live
from tests.asterisk.races import WINDOWS, Plan, lanes, race_company, run_races
from tests.asterisk.scene import Scene, is_quiet
from tests.asterisk.witness import no_difference
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(3600),
]
RACES = int(os.environ.get("RINGDESK_RACES", "24"))
FIRST = int(os.environ.get(SEED_VARIABLE, "0"))
LANES = int(os.environ.get("RINGDESK_RACE_LANES", "6"))
ZOMBIE_SECONDS = float(os.environ.get("RINGDESK_ZOMBIE_SECONDS", "10"))
"""A phone that rings longer for somebody who is gone rings for nobody; the full row says 1."""
ROW = "R13 hang-up around "


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(race_company(LANES), simulated=1) as running:
        yield running


async def test_a_hang_up_at_any_moment_leaves_nothing_behind(stage: Scene) -> None:
    whole = row_of("R13 all of them")
    began_at, since = datetime.now(UTC), await stage.product.last()
    async with lanes(stage, LANES) as made:
        done, wrong = await run_races(made, range(FIRST, FIRST + RACES))
        await until(lambda: is_quiet(stage.product), 30)
        await until_consistent(stage, whole)
        longest = max(lane.longest_ring for lane in made)
        refused = Counter(reason for lane in made for reason in lane.refusals)
    for plan in done.values():
        row_of(f"{ROW}{plan.window}").calls += 1
    for window in WINDOWS:
        row_of(f"{ROW}{window}").rounds += 1
    whole.rounds += 1
    whole.calls += len(done)
    whole.stuck += len(wrong)
    whole.ghosts += longest > ZOMBIE_SECONDS
    whole.notes.append(
        f"seeds {FIRST} to {FIRST + RACES - 1}, rang on {longest:.2f} s at most, too late: {dict(refused)};"
    )
    assert not wrong, "\n".join(f"{plan}: {what}" for plan, what in wrong.items())
    assert longest <= ZOMBIE_SECONDS, f"a phone rang {longest:.1f} s for nobody"
    ids = await stage.call_ids(since, list(done))
    assert len(ids) == len(done)
    facts = await until_accounted(stage, list(ids.values()), whole, within=90)
    judge(facts, {ids[number]: plan for number, plan in done.items()}, since)
    try:
        await no_difference(stage.product, began_at, within=60)
    except AssertionError as exc:
        plans = {ids[number]: plan for number, plan in done.items()}
        named = [call_id for call_id in plans if call_id in str(exc)]
        rows = [f"{plans[i]}\n" + "\n".join(map(str, await stage.facts(i))) for i in named]
        raise AssertionError("\n".join([str(exc), *rows])) from None


def judge(facts: Sequence[ev.Event], plans: dict[CallId, Plan], since: int) -> None:
    """Every call since then, those that phones began among them, is whole; every caller has one outcome."""
    stories: dict[CallId, list[ev.Event]] = {}
    for event in facts[since:]:
        if call_id := concerns(event):
            stories.setdefault(call_id, []).append(event)
    wrong = {}
    for call_id, story in stories.items():
        life = life_of(story)
        kinds = Counter(type(e) for e in story)
        is_inbound = call_id in plans
        found = {
            "refused events": life.refused,
            "gaps": not is_gapless(life.segments),
            "ends": kinds[ev.CallEnded] - 1,
            "tickets": max(0, kinds[ev.TicketOpened] - is_inbound),
            "outcomes": is_inbound * (kinds[ev.CallAbandoned] + (kinds[ev.CallAnswered] > 0) - 1),
        }
        if any(found.values()):
            rows = "\n".join(map(str, story))
            wrong[call_id] = f"{plans.get(call_id, 'a call by phone')} {found}\n{rows}"
    assert not wrong, f"{len(wrong)} calls\n" + "\n".join(wrong.values())
    answered = sum(any(isinstance(e, ev.CallAnswered) for e in stories[c]) for c in plans)
    assert 0 < answered < len(plans), "the moments lie on both sides of the answer"
