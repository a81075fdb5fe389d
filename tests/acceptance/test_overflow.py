"""Callers are taken out of queues by rule: what they hear, where they end, and what is counted; also over a kill."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acd.figures_counts import QueueFigures
from cti.domain import events as ev
from cti.domain.ids import QueueName
from tests.acceptance.centre import Centre
from tests.acceptance.company import ABROAD, DAY, NIGHT, RUSH, ZHANG
from tests.acceptance.test_figures import figures
from tests.fakes.asterisk import FakeQueue
from tests.fakes.asterisk_channels import FakeCaller

pytestmark = pytest.mark.acceptance

A_MOMENT = timedelta(milliseconds=300)


def overflows(centre: Centre, caller: FakeCaller) -> list[tuple[str, str, str, str]]:
    """Each of a caller's: out of which queue, why, to what."""
    told = centre.of(caller, ev.CallOverflowed)
    return [(e.queue, e.reason, e.target_kind, e.target) for e in told]


async def counts(centre: Centre, queue: str) -> tuple[int, int, int, int]:
    """Offered, answered, overflowed, closed."""
    found: QueueFigures = await figures(centre, QueueName(queue))
    return found.offered, found.answered, found.overflowed, found.closed


async def test_by_wait_he_is_served_in_another_queue_with_his_old_place(centre: Centre) -> None:
    caller = await centre.waiting(RUSH, ani=ZHANG)
    await centre.wait(29)
    assert overflows(centre, caller) == []
    young = await centre.waiting("4002")
    await centre.until(lambda: overflows(centre, caller))
    assert overflows(centre, caller) == [("rush", "wait", "queue", "help")]
    first, then = centre.of(caller, ev.CallEnqueued)
    assert (then.queue, then.enqueued_at) == ("help", first.enqueued_at)
    mei = await centre.agent("mei", answers_after=timedelta(seconds=1))
    await centre.until(lambda: mei.call == "talking")
    assert mei.call_id == caller.call_id  # he has waited longer than the one who came before him
    [answered] = centre.of(caller, ev.CallAnswered)
    assert (answered.queue, answered.wait_time > timedelta(seconds=30)) == ("help", True)
    assert await counts(centre, "rush") == (1, 0, 1, 0)
    assert await counts(centre, "help") == (2, 1, 0, 0)
    found = await figures(centre, QueueName("help"))
    assert found.wait_ms < 10_000  # what he waited before counts there
    assert found.calls == 1
    young.hang_up()
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    assert not centre.of(caller, ev.CallAbandoned)


async def test_a_long_line_leads_into_a_menu_where_he_chooses(centre: Centre) -> None:
    waiting = [await centre.waiting(RUSH) for _ in range(2)]
    caller = centre.pbx.call(RUSH)
    await centre.until(lambda: overflows(centre, caller))
    assert overflows(centre, caller) == [("rush", "length", "menu", "main")]
    assert not any(overflows(centre, other) for other in waiting)
    await centre.until(lambda: centre.of(caller, ev.MenuEntered)[1:])
    caller.press("2")
    await centre.until(lambda: centre.of(caller, ev.CallEnqueued)[1:])
    first, then = centre.of(caller, ev.CallEnqueued)
    assert (then.queue, then.enqueued_at) == ("help", first.enqueued_at)
    assert (await centre.file(caller)).menu_path == ("Main menu", "Help")


async def test_nobody_signed_in_he_hears_so_and_it_says_goodbye(centre: Centre) -> None:
    caller = centre.pbx.call(NIGHT)
    await centre.until(lambda: centre.is_over(caller))
    assert overflows(centre, caller) == [("night", "no_agents", "message", "_message_night_1")]
    assert any("_message_night_1-goodbye" in said for said in centre.pbx.agi_commands)
    assert not centre.of(caller, ev.CallAbandoned)
    assert await counts(centre, "night") == (1, 0, 1, 0)


async def test_outside_he_talks_with_whoever_answers(centre: Centre) -> None:
    centre.pbx.outside["01088"] = "ANSWER"
    caller = await centre.waiting(ABROAD)
    await centre.until(lambda: centre.of(caller, ev.CallConnected), within=15)
    assert overflows(centre, caller) == [("abroad", "wait", "outside", "")]
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    assert await counts(centre, "abroad") == (1, 0, 1, 0)


async def test_nobody_takes_him_outside_so_he_waits_on_and_the_next_rule_counts(
    centre: Centre,
) -> None:
    centre.pbx.outside["01088"] = "BUSY"
    caller = await centre.waiting(ABROAD)
    await centre.until(lambda: centre.of(caller, ev.CallEnqueued)[1:], within=15)
    first, again = centre.of(caller, ev.CallEnqueued)
    assert (again.queue, again.enqueued_at) == ("abroad", first.enqueued_at)
    await centre.until(lambda: overflows(centre, caller)[1:], within=20)
    assert overflows(centre, caller)[1] == ("abroad", "wait", "voicemail", "_voicemail_abroad")
    second = centre.of(caller, ev.CallOverflowed)[1]
    assert second.at - first.enqueued_at < timedelta(seconds=25) + A_MOMENT
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    assert await counts(centre, "abroad") == (2, 0, 2, 0)


async def test_who_waits_at_closing_time_is_served_for_a_while(centre: Centre) -> None:
    """The day ends at 17:01 in Shanghai; the tests begin at 17:00 there."""
    early = await centre.waiting(DAY)
    await centre.wait(70)
    late = centre.pbx.call(DAY)
    await centre.until(lambda: centre.is_over(late))
    assert overflows(centre, late) == [("day", "closed", "message", "_message_day_1")]
    assert await counts(centre, "day") == (2, 0, 0, 1)
    await centre.wait(10)
    assert overflows(centre, early) == []
    await centre.until(lambda: centre.is_over(early), within=20)
    assert overflows(centre, early) == [("day", "closed", "message", "_message_day_1")]
    assert await counts(centre, "day") == (2, 0, 0, 2)


async def test_after_a_kill_the_rule_counts_from_the_old_place(centre: Centre) -> None:
    caller = await centre.waiting(RUSH)
    await centre.wait(20)
    await centre.kill()
    await centre.wait(1)
    await centre.start()
    await centre.wait(5)
    assert overflows(centre, caller) == []
    await centre.until(lambda: overflows(centre, caller))
    told = centre.of(caller, ev.CallOverflowed)
    begun_at = centre.of(caller, ev.CallEnqueued)[0].enqueued_at
    assert timedelta(seconds=30) <= told[0].at - begun_at <= timedelta(seconds=30) + A_MOMENT


async def test_after_a_kill_in_the_fallback_he_overflows_when_he_is_back(centre: Centre) -> None:
    centre.pbx.queues["rush"] = FakeQueue()
    caller = await centre.waiting(RUSH)
    await centre.wait(5)
    await centre.kill()
    await centre.until(lambda: caller.state == "fallback", within=15)
    await centre.wait(30)
    assert caller.is_up
    await centre.start()
    await centre.until(lambda: overflows(centre, caller), within=20)
    await centre.until(lambda: centre.service.acd.position(caller.call_id) == 1)  # type: ignore[arg-type]
    begun_at = centre.of(caller, ev.CallEnqueued)[0].enqueued_at
    assert {e.enqueued_at for e in centre.of(caller, ev.CallEnqueued)} == {begun_at}
    assert await counts(centre, "rush") == (1, 0, 1, 0)


async def test_a_kill_in_the_middle_of_the_menu_costs_him_neither_call_nor_place(
    centre: Centre,
) -> None:
    centre.pbx.queues["rush"] = FakeQueue()
    others = [await centre.waiting(RUSH) for _ in range(2)]
    caller = centre.pbx.call(RUSH)
    await centre.until(lambda: len(centre.of(caller, ev.MenuEntered)) > 1)
    await centre.kill()
    await centre.until(lambda: caller.state == "fallback", within=15)
    await centre.start()
    await centre.until(lambda: caller.state == "waiting", within=20)
    await centre.wait(2)
    assert len(overflows(centre, caller)) == 1  # the length of the line was looked at when he came
    begun_at = centre.of(caller, ev.CallEnqueued)[0].enqueued_at
    assert {e.enqueued_at for e in centre.of(caller, ev.CallEnqueued)} == {begun_at}
    assert all(other.is_up for other in others)


async def test_nobody_is_taken_out_while_his_agent_is_rung(centre: Centre) -> None:
    caller = await centre.waiting(RUSH)
    await centre.wait(25)
    nora = await centre.agent("nora")
    await centre.until(lambda: nora.call == "ringing")
    await centre.wait(10)
    assert nora.call == "ringing"
    assert overflows(centre, caller) == []
    await centre.until(lambda: nora.state == "NOT_READY rona", within=20)
    await centre.until(lambda: overflows(centre, caller))  # nobody else is there, and he has waited
    assert await counts(centre, "rush") == (1, 0, 1, 0)
