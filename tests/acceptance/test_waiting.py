"""What waiting callers hear, keys that lead out of a queue, and the message that somebody leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cti.domain import events as ev
from tests.acceptance.centre import Centre
from tests.acceptance.test_figures import figures

pytestmark = pytest.mark.acceptance


async def test_place_and_wait_are_told_every_so_often_and_never_get_worse(centre: Centre) -> None:
    tom = await centre.agent("tom")
    talking = await centre.talking(tom)
    caller = await centre.waiting()
    await centre.until(lambda: len(centre.pbx.played) >= 4, within=40)
    heard = [name for who, name in centre.pbx.played if who == caller.channel.uniqueid]
    assert heard[:4] == ["ringdesk/ivr-position-1", "ringdesk/ivr-wait-3"] * 2
    told = [e for e in centre.of(caller, ev.WaitEstimated) if e.is_told]
    assert [(e.position, e.estimate_time) for e in told[:2]] == [(1, timedelta(minutes=3))] * 2
    talking.hang_up()
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller) and centre.is_over(talking))


async def test_a_key_leads_to_voicemail_and_counts_as_left_by_key(centre: Centre) -> None:
    caller = await centre.waiting()
    caller.press("1")
    await centre.until(lambda: centre.of(caller, ev.VoicemailTaken), within=30)
    await centre.until(lambda: centre.is_over(caller), within=30)
    [left] = centre.of(caller, ev.CallLeftByKey)
    assert (left.queue, left.target_kind) == ("sales", "voicemail")
    [taken] = centre.of(caller, ev.VoicemailTaken)
    assert taken.length_time == centre.pbx.message_time
    [(_, path)] = centre.pbx.recorded
    assert path.endswith(f"/{caller.call_id}.voicemail1.raw")
    assert centre.of(caller, ev.CallAbandoned) == []
    assert (await centre.file(caller)).outcome == "voicemail"
    sales = await figures(centre)
    assert (sales.offered, sales.left_by_key, sales.abandoned) == (1, 1, 0)


async def test_a_key_during_an_announcement_counts(centre: Centre) -> None:
    caller = await centre.waiting()
    await centre.until(lambda: centre.pbx.played, within=20)
    assert caller.channel.variables["RD_STATE"] == "visiting"
    caller.press("2")
    await centre.until(lambda: len(centre.of(caller, ev.CallEnqueued)) > 1, within=20)
    assert centre.of(caller, ev.CallEnqueued)[-1].queue == "help"
    [left] = centre.of(caller, ev.CallLeftByKey)
    assert (left.target_kind, left.target) == ("queue", "help")
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    assert len(centre.of(caller, ev.CallAbandoned)) == 1  # of that queue


@pytest.mark.parametrize("offset_ms", [0, 5, 20, 100, 400, 900])
async def test_a_key_and_an_agent_in_the_same_moment_give_him_to_one_of_them(
    centre: Centre, offset_ms: int
) -> None:
    caller = await centre.waiting()
    centre.clock.call_later(timedelta(milliseconds=offset_ms), lambda: caller.press("2"))
    tom = await centre.agent("tom", answers_after=timedelta(seconds=1))
    await centre.until(
        lambda: tom.call == "talking" or len(centre.of(caller, ev.CallEnqueued)) > 1, within=20
    )
    left, answered = centre.of(caller, ev.CallLeftByKey), centre.of(caller, ev.CallAnswered)
    assert len(left) + len(answered) == 1
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller), within=30)
