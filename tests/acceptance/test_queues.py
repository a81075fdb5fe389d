"""Who is rung when, and what becomes of a caller whom somebody doesn't take."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cti.domain import events as ev
from tests.acceptance.centre import Centre
from tests.acceptance.company import HELP, SALES, ZHANG
from tests.acceptance.desktop import Refused
from tests.fakes.asterisk_channels import FakeCaller

pytestmark = pytest.mark.acceptance

AT_ONCE = timedelta(milliseconds=50)


def chosen(centre: Centre, caller: FakeCaller) -> list[str]:
    """The agents who were chosen for a caller, in order."""
    return [reserved.agent_id for reserved in centre.of(caller, ev.AgentReserved)]


async def test_who_lets_it_ring_is_set_not_ready_and_the_next_agent_rings_at_once(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    caller = centre.pbx.call(SALES, ani=ZHANG)
    await centre.until(lambda: lina.call == "ringing")
    tom = await centre.agent("tom", answers_after=timedelta(seconds=1))
    await centre.until(lambda: tom.call == "talking", within=20)
    assert chosen(centre, caller) == ["lina", "tom"]
    assert lina.state == "NOT_READY rona"
    assert lina.call == ""
    [missed] = centre.of(caller, ev.AgentDidNotAnswer)
    assert missed.reason == "no_answer"
    first, second = centre.of(caller, ev.AgentReserved)
    assert second.at - missed.at < timedelta(milliseconds=200)
    assert second.wait_time >= timedelta(seconds=15)
    assert {e.enqueued_at for e in centre.of(caller, ev.CallEnqueued)} == {first.at}
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    assert len(centre.of(caller, ev.TicketOpened)) == 1
    await lina.do("agent.ready")
    assert lina.state == "READY"


async def test_who_declines_is_set_not_ready_and_the_caller_keeps_his_place(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina", declines_after=timedelta(seconds=1))
    first = await centre.waiting()
    second = await centre.waiting()
    await centre.until(lambda: lina.state == "NOT_READY declined")
    tom = await centre.agent("tom", answers_after=timedelta(seconds=1))
    await centre.until(lambda: tom.call == "talking")
    assert tom.call_id == first.call_id
    assert centre.service.acd.position(second.channel.variables["RD_CALL"]) == 1  # type: ignore[arg-type]


async def test_an_unreachable_phone_is_noticed_and_the_caller_goes_to_somebody_else(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    del centre.pbx.phones["1001w"]  # gone, and Asterisk hasn't noticed
    caller = centre.pbx.call(SALES)
    await centre.until(lambda: lina.state == "NOT_READY phone_lost")
    tom = await centre.agent("tom")
    await centre.until(lambda: tom.call == "ringing")
    [missed] = centre.of(caller, ev.AgentDidNotAnswer)
    assert missed.reason == "unreachable"


async def test_a_ready_agent_whose_phone_is_not_there_is_offered_nothing_and_told_why(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina", is_registered=False)
    caller = await centre.waiting()
    await centre.wait(5)
    assert chosen(centre, caller) == []
    assert lina.sections["agent"]["notice"] == "No calls come: your phone is not registered."
    centre.pbx.phones["1001w"].register()
    await centre.until(lambda: lina.call == "ringing")


async def test_a_break_asked_for_in_a_call_is_shown_and_begins_after_it(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    waiting = await centre.waiting()
    await lina.do("agent.not_ready", reason="lunch")
    await centre.until(lambda: lina.sections["agent"]["next_state"] == "NOT_READY")
    assert lina.sections["agent"]["next_reason"] == "lunch"
    assert lina.state == "TALKING"
    caller.hang_up()
    await centre.until(lambda: lina.state == "NOT_READY lunch")
    await centre.wait(5)
    assert chosen(centre, waiting) == []


async def test_who_signs_out_in_a_call_leaves_after_it(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    await lina.do("agent.sign_out")
    assert caller.talks_with == "1001w"
    caller.hang_up()
    await centre.until(lambda: lina.state == "LOGGED_OUT")
    assert centre.pbx.queues["sales"].members == {}


async def test_an_agent_may_sign_out_with_a_call_waiting_and_the_caller_waits_on(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    await lina.do("agent.not_ready", reason="break")
    caller = await centre.waiting()
    await lina.do("agent.sign_out")
    await centre.wait(3)
    assert caller.state == "waiting"
    await lina.do("agent.sign_in", phone="browser")
    await lina.do("agent.ready")
    await centre.until(lambda: lina.call == "ringing")
    assert lina.call_id == caller.call_id


async def test_of_two_queues_the_longest_effective_wait_comes_first(centre: Centre) -> None:
    first = await centre.waiting(SALES)
    await centre.wait(5)
    second = await centre.waiting(SALES)
    await centre.wait(7)
    helped = await centre.waiting(HELP)  # ten seconds of credit: between the two
    lina = await centre.agent("lina", answers_after=AT_ONCE)
    for caller in (first, helped, second):
        await centre.until(lambda: lina.call == "talking", within=30)
        assert lina.call_id == caller.call_id
        caller.hang_up()
        await centre.until(lambda: lina.call != "talking")
        if lina.state == "WRAP_UP":
            await lina.do("agent.ready")


async def test_two_agents_who_become_free_take_the_two_oldest_callers(centre: Centre) -> None:
    callers = []
    for _ in range(4):
        callers.append(await centre.waiting())
        await centre.wait(1)
    lina, tom = await centre.agent("lina"), await centre.agent("tom")
    await centre.until(lambda: lina.call == tom.call == "ringing")
    assert {lina.call_id, tom.call_id} == {callers[0].call_id, callers[1].call_id}
    positions = [centre.service.acd.position(c.channel.variables["RD_CALL"]) for c in callers[2:]]  # type: ignore[arg-type]
    assert positions == [3, 4]


async def test_a_waiting_caller_is_told_his_position_and_never_a_worse_one(
    centre: Centre,
) -> None:
    first = await centre.waiting()
    second = await centre.waiting()
    await centre.wait(11)

    def heard(caller: FakeCaller) -> list[str]:
        mine = [name for who, name in centre.pbx.played if who == caller.channel.uniqueid]
        return [name.removeprefix("ringdesk/ivr-") for name in mine]

    await centre.until(lambda: heard(first) and heard(second))
    assert (heard(first)[-1], heard(second)[-1]) == ("position-1", "position-2")
    await centre.waiting(HELP)  # another queue, with more credit
    first.hang_up()
    await centre.until(lambda: len(heard(second)) == 2, within=12)
    assert heard(second)[-1] == "position-1"
    lina = await centre.agent("lina")
    await centre.until(lambda: lina.call == "ringing")
    assert second.state in ("dialing", "waiting")


async def test_a_hung_desktop_delays_the_ring_by_no_more_than_its_limit(centre: Centre) -> None:
    lina = await centre.agent("lina")
    lina.hang()
    caller = centre.pbx.call(SALES)
    await centre.until(lambda: centre.of(caller, ev.LegDialled))
    [reserved], [dialled] = centre.of(caller, ev.AgentReserved), centre.of(caller, ev.LegDialled)
    assert timedelta(milliseconds=300) <= dialled.at - reserved.at <= timedelta(milliseconds=350)
    assert not centre.of(caller, ev.PopSent)
    centre.answer(lina)
    await centre.until(lambda: caller.talks_with == "1001w")


async def test_a_slow_desktop_is_waited_for_before_the_phone_rings(centre: Centre) -> None:
    lina = await centre.agent("lina")
    lina.be_slow(timedelta(milliseconds=30))
    caller = centre.pbx.call(SALES)
    await centre.until(lambda: centre.of(caller, ev.LegDialled))
    assert centre.shown_at_ring == [("1001w", caller.call_id)]
    [reserved], [dialled] = centre.of(caller, ev.AgentReserved), centre.of(caller, ev.LegDialled)
    assert dialled.at - reserved.at >= timedelta(milliseconds=30)
    [sent] = centre.of(caller, ev.PopSent)
    assert reserved.at < sent.at <= dialled.at


async def test_an_agent_without_a_page_is_rung_at_once_and_the_journal_says_so(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    lina.leave()
    caller = centre.pbx.call(SALES)
    await centre.until(lambda: centre.of(caller, ev.LegDialled))
    [reserved], [dialled] = centre.of(caller, ev.AgentReserved), centre.of(caller, ev.LegDialled)
    assert dialled.at - reserved.at < timedelta(milliseconds=10)
    [sent] = centre.of(caller, ev.PopSent)
    assert not sent.is_on_desktop


async def test_two_desktops_of_one_agent_the_newer_wins_and_he_is_one_agent(
    centre: Centre,
) -> None:
    old = await centre.agent("lina")
    new = await centre.open_page("lina")
    assert old.closed_with is not None
    assert old.closed_with.name == "REPLACED"
    assert new.state == "READY"
    await new.do("agent.sign_in", phone="browser")
    assert new.state == "READY"
    one, two = centre.pbx.call(SALES), centre.pbx.call(SALES)
    await centre.until(lambda: new.call == "ringing")
    await centre.wait(2)
    assert sorted([len(chosen(centre, one)), len(chosen(centre, two))]) == [0, 1]
    assert old.call == ""


async def test_a_command_that_comes_twice_is_carried_out_once(centre: Centre) -> None:
    lina = await centre.agent("lina")
    await centre.talking(lina)
    for _ in range(2):
        await lina.on_call("hold", command_id="the-same")
    await centre.until(lambda: lina.call == "on_hold")
    assert len([a for a in centre.actions("redirect") if a["context"] == "rd-hold"]) == 1
    accepted = [e for e in centre.all(ev.CommandAccepted) if e.command_id == "the-same"]
    assert len(accepted) == 1
    with pytest.raises(Refused, match="wrong_state"):
        await lina.on_call("hold")


async def test_what_is_not_his_call_an_agent_can_not_end(centre: Centre) -> None:
    lina, tom = await centre.agent("lina"), await centre.agent("tom")
    caller = centre.pbx.call(HELP)
    await centre.until(lambda: lina.call == "ringing")
    centre.answer(lina)
    await centre.until(lambda: lina.call == "talking")
    with pytest.raises(Refused, match="not_your_call"):
        await tom.do("call.hang_up", call_id=caller.call_id)
    assert caller.is_up


async def test_a_browser_phone_that_is_lost_in_a_call_is_called_again_for_its_caller(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    centre.pbx.phones["1001w"].lose()
    await centre.until(lambda: lina.call == "agent_lost")
    assert caller.is_up
    centre.pbx.phone("1001w", answers_after=AT_ONCE)
    lina.phone_reloaded()
    await centre.until(lambda: caller.talks_with == "1001w")
    await centre.until(lambda: lina.call == "talking")
    assert len(centre.of(caller, ev.CallAnswered)) == 1


async def test_a_caller_whose_agent_stays_lost_goes_back_to_the_queue_with_his_place(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    centre.pbx.phones["1001w"].lose()
    tom = await centre.agent("tom", answers_after=AT_ONCE)
    await centre.until(lambda: tom.call == "talking", within=30)
    assert tom.call_id == caller.call_id
    assert lina.state == "NOT_READY phone_lost"
    assert len(centre.of(caller, ev.TicketOpened)) == 1
    assert not centre.of(caller, ev.CallAbandoned)


async def test_what_cannot_be_journalled_is_not_done(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    centre.journal.error = OSError("disk full")
    with pytest.raises(Refused, match="not_journalled"):
        await lina.on_call("hang_up")
    assert caller.is_up
    centre.journal.error = None
    await lina.on_call("hang_up")
    await centre.until(lambda: not caller.is_up)
    centre.expected_errors.add("screenpop: a command could not be journalled")
