"""What becomes of callers and agents when the service is killed or the link to Asterisk is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cti.domain import events as ev
from tests.acceptance.centre import Centre
from tests.acceptance.company import HELP, SALES, ZHANG
from tests.acceptance.desktop import Refused

pytestmark = pytest.mark.acceptance

AT_ONCE = timedelta(milliseconds=50)


async def test_after_a_kill_agents_waiting_callers_and_conversations_are_as_before(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    tom = await centre.agent("tom")
    mei = await centre.agent("mei")
    await mei.do("agent.not_ready", reason="lunch")
    talking = await centre.talking(lina, ani=ZHANG)
    await tom.do("agent.not_ready", reason="break")
    waiting = []
    for _ in range(3):
        waiting.append(await centre.waiting())
        await centre.wait(1)
    before = len(centre.told)
    await centre.kill()
    await centre.wait(2)
    assert talking.talks_with == "1001w"
    await centre.start()
    assert any(isinstance(e, ev.SwitchLinkChanged) and e.is_up for e in centre.told[before:])
    lina, tom, mei = [await centre.open_page(who) for who in ("lina", "tom", "mei")]
    assert [d.state for d in (lina, tom, mei)] == ["TALKING", "NOT_READY break", "NOT_READY lunch"]
    assert (lina.call, lina.call_id) == ("talking", talking.call_id)
    assert lina.sections["customer"]["customer"]["name"] == "张伟"
    positions = [centre.service.acd.position(c.channel.variables["RD_CALL"]) for c in waiting]  # type: ignore[arg-type]
    assert positions == [1, 2, 3]
    await tom.do("agent.ready")
    await centre.until(lambda: tom.call == "ringing")
    assert tom.call_id == waiting[0].call_id
    await lina.on_call("hang_up")
    await centre.until(lambda: lina.state == "WRAP_UP")
    await centre.until(lambda: centre.of(talking, ev.RecordingAttached))
    assert len(centre.of(talking, ev.TicketOpened)) == 1
    assert not centre.of(talking, ev.CallAbandoned)


async def test_a_killed_service_finds_its_callers_in_asterisks_own_queue_and_takes_them_back_in_order(
    centre: Centre,
) -> None:
    first = await centre.waiting()
    await centre.wait(1)
    second = await centre.waiting()
    await centre.kill()
    await centre.until(lambda: first.state == second.state == "fallback", within=12)
    newcomer = centre.pbx.call(SALES)
    await centre.wait(3)
    await centre.start()
    callers = (first, second, newcomer)
    await centre.until(lambda: all(c.state == "waiting" for c in callers), within=15)
    tom = await centre.agent("tom", answers_after=AT_ONCE)
    for caller in callers:
        await centre.until(lambda: tom.call == "talking", within=30)
        assert tom.call_id == caller.call_id
        caller.hang_up()
        await centre.until(lambda: tom.state == "WRAP_UP")
        await tom.do("agent.ready")
    assert not centre.all(ev.CallAbandoned)


async def test_a_call_answered_by_asterisks_own_queue_is_on_the_desktop_after_the_start(
    centre: Centre,
) -> None:
    await centre.agent("tom", answers_after=AT_ONCE)
    await centre.kill()
    caller = centre.pbx.call(SALES, ani=ZHANG)
    await centre.until(lambda: caller.talks_with == "1002w", within=15)
    await centre.start()
    tom = await centre.open_page("tom")
    assert (tom.state, tom.call, tom.call_id) == ("TALKING", "talking", caller.call_id)
    await centre.until(lambda: tom.ticket)
    await centre.wait(3)
    caller.hang_up()
    await centre.until(lambda: tom.state == "WRAP_UP")
    await centre.until(lambda: centre.of(caller, ev.RecordingAttached))


async def test_who_hung_up_while_the_service_was_dead_is_closed_and_counted(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    talking = await centre.talking(lina, ani=ZHANG)
    waiting = await centre.waiting()
    await centre.wait(2)
    await centre.kill()
    talking.hang_up()
    waiting.hang_up()
    await centre.wait(2)
    await centre.start()
    await centre.until(lambda: centre.is_over(talking) and centre.is_over(waiting))
    lina = await centre.open_page("lina")
    await centre.until(lambda: lina.state in ("READY", "WRAP_UP"), within=25)
    assert len(centre.of(waiting, ev.CallAbandoned)) == 1
    assert not centre.of(talking, ev.CallAbandoned)
    await centre.until(lambda: centre.of(talking, ev.RecordingAttached), within=90)
    assert (await centre.file(waiting)).outcome == "abandoned"
    assert len(centre.service.calls) == 0


async def test_a_wrap_up_goes_on_after_a_kill_and_ends_when_it_would_have(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    caller.hang_up()
    await centre.until(lambda: lina.state == "WRAP_UP")
    ends_at = lina.sections["agent"]["until"]
    await centre.wait(5)
    await centre.kill()
    await centre.wait(5)
    await centre.start()
    lina = await centre.open_page("lina")
    assert (lina.state, lina.sections["agent"]["until"]) == ("WRAP_UP", ends_at)
    await centre.until(lambda: lina.state == "READY", within=11)


async def test_a_lost_link_is_shown_and_nothing_is_sent_again_when_it_is_back(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    tom = await centre.agent("tom")
    talking = await centre.talking(lina, ani=ZHANG)
    await lina.on_call("hold")
    await centre.until(lambda: lina.call == "on_hold")
    centre.pbx.is_reachable = False
    centre.pbx.drop_links()
    await centre.until(lambda: lina.sections["link"]["switch"] == "down")
    ghost = centre.pbx.call(HELP)  # nobody tells us of him, and he is gone before the link is back
    await centre.wait(1)
    ghost.hang_up()
    sent = len(centre.pbx.actions)
    centre.pbx.is_reachable = True
    await centre.until(lambda: lina.sections["link"]["switch"] == "up")
    await centre.wait(2)
    names = {name for name, _ in centre.pbx.actions[sent:]}
    assert not names & {"redirect", "bridge", "hangup", "originate"}
    assert (lina.state, lina.call, tom.state) == ("TALKING", "on_hold", "READY")
    await lina.on_call("retrieve")
    await centre.until(lambda: talking.talks_with == "1001w")


async def test_a_caller_who_left_while_the_link_was_down_is_a_ghost_that_is_closed(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    talking = await centre.talking(lina)
    waiting = await centre.waiting()
    centre.pbx.is_reachable = False
    centre.pbx.drop_links()
    await centre.wait(1)
    talking.hang_up()
    waiting.hang_up()
    await centre.wait(1)
    centre.pbx.is_reachable = True
    await centre.until(lambda: centre.is_over(talking) and centre.is_over(waiting))
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert [e.ended_by for e in centre.of(talking, ev.CallEnded)] == ["unknown"]
    assert len(centre.of(waiting, ev.CallAbandoned)) == 1
    assert len(centre.service.calls) == 0


async def test_while_the_link_is_down_a_command_is_refused_and_not_kept_for_later(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    talking = await centre.talking(lina)
    centre.pbx.is_reachable = False
    centre.pbx.drop_links()
    await centre.until(lambda: lina.sections["link"]["switch"] == "down")
    with pytest.raises(Refused, match="switch_unavailable"):
        await lina.on_call("hang_up")
    centre.pbx.is_reachable = True
    await centre.until(lambda: lina.sections["link"]["switch"] == "up")
    await centre.wait(3)
    assert talking.talks_with == "1001w"


async def test_a_frozen_asterisk_is_noticed_and_the_world_read_anew(centre: Centre) -> None:
    lina = await centre.agent("lina")
    talking = await centre.talking(lina)
    centre.pbx.freeze()
    await centre.until(lambda: lina.sections["link"]["switch"] == "down", within=6)
    talking.hang_up()
    await centre.wait(1)
    centre.pbx.thaw()
    await centre.until(lambda: lina.sections["link"]["switch"] == "up")
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert len(centre.of(talking, ev.CallEnded)) == 1


async def test_a_service_that_stood_still_loses_no_caller_and_matches_nobody_twice(
    centre: Centre,
) -> None:
    first = await centre.waiting()
    second = await centre.waiting()
    centre.clock.freeze(timedelta(seconds=30))
    await centre.until(lambda: centre.service.switch.is_up)
    await centre.until(lambda: first.state == second.state == "waiting", within=20)
    lina = await centre.agent("lina", answers_after=AT_ONCE)
    await centre.until(lambda: lina.call == "talking", within=20)
    assert lina.call_id == first.call_id
    assert len(centre.of(first, ev.AgentReserved)) == 1


async def test_a_step_of_the_wall_clock_changes_no_place_and_no_wait(centre: Centre) -> None:
    first = await centre.waiting()
    await centre.wait(2)
    centre.clock.step_wall(timedelta(hours=-1))
    second = await centre.waiting()
    await centre.wait(3)
    lina = await centre.agent("lina", answers_after=AT_ONCE)
    await centre.until(lambda: lina.call == "talking")
    assert lina.call_id == first.call_id
    [answered] = centre.of(first, ev.CallAnswered)
    assert 5 <= answered.wait_time.total_seconds() < 6
    assert second.state == "waiting"


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_step_of_the_wall_clock_changes_no_wrap_up_and_no_day(
    centre: Centre, hours: int
) -> None:
    lina = await centre.agent("lina", answers_after=AT_ONCE)
    caller = await centre.waiting()
    await centre.until(lambda: lina.call == "talking")
    await centre.wait(5)
    centre.clock.step_wall(timedelta(hours=hours))
    await centre.wait(5)
    caller.hang_up()
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert 9 < lina.sections["today"]["talk_s"] < 12
    centre.clock.step_wall(timedelta(hours=-hours))
    began = centre.clock.monotonic()
    await centre.until(lambda: lina.state == "READY", within=30)
    assert 14 < centre.clock.monotonic() - began < 21
    assert 9 < lina.sections["today"]["talk_s"] < 12
    assert 14 < lina.sections["today"]["wrap_up_s"] < 21
