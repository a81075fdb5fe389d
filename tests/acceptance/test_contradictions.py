"""An event of Asterisk's is lost or lies, and nothing else is wrong: what is believed is true again within five seconds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cti.domain import events as ev
from tests.acceptance.centre import Centre
from tests.acceptance.company import SALES, ZHANG

pytestmark = pytest.mark.acceptance

PROMISE = 5.0
END = {"Hangup", "HangupRequest", "BridgeLeave", "MixMonitorStop", "DeviceStateChange"}


def lose(centre: Centre, *names: str) -> None:
    centre.pbx.misbehaviour.dropped.update(names)


def lose_no_more(centre: Centre) -> None:
    centre.pbx.misbehaviour.dropped.clear()


def repairs(centre: Centre) -> list[str]:
    """The causes for which the world was read anew."""
    return [e.cause for e in centre.all(ev.SwitchLinkChanged) if not e.is_up]


async def test_an_agent_whose_callers_end_was_never_told_is_not_stuck(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina, ani=ZHANG)
    lose(centre, *END)
    caller.hang_up()
    await centre.wait(0.5)
    assert lina.state == "TALKING"
    await centre.until(lambda: lina.state == "WRAP_UP", within=PROMISE)
    lose_no_more(centre)
    assert [e.ended_by for e in centre.of(caller, ev.CallEnded)] == ["unknown"]
    assert repairs(centre) == ["contradiction"]
    await lina.do("agent.ready")
    await centre.talking(lina)  # the phone is known to be free, too


async def test_a_conversation_whose_begin_was_never_told_is_found(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = centre.pbx.call(SALES, ani=ZHANG)
    await centre.until(lambda: lina.call == "ringing")
    lose(centre, "BridgeEnter")
    centre.answer(lina)
    await centre.until(lambda: lina.state == "TALKING", within=PROMISE)
    lose_no_more(centre)
    assert len(centre.of(caller, ev.CallAnswered)) == 1
    assert caller.talks_with == "1001w"


async def test_a_caller_of_whom_nobody_told_is_served(centre: Centre) -> None:
    lose(centre, "UserEvent")
    caller = centre.pbx.call(SALES, ani=ZHANG)
    await centre.until(lambda: caller.state == "waiting")
    lose_no_more(centre)
    lina = await centre.agent("lina", answers_after=timedelta(milliseconds=50))
    await centre.until(lambda: lina.call == "talking", within=PROMISE)
    assert lina.call_id == caller.call_id


async def test_a_phone_that_is_free_again_without_a_word_rings_again(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    lose(centre, "DeviceStateChange")
    caller.hang_up()
    await centre.until(lambda: lina.state == "WRAP_UP")
    await lina.do("agent.ready")
    lose_no_more(centre)
    second = centre.pbx.call(SALES)
    await centre.until(lambda: lina.call == "ringing", within=PROMISE)
    assert lina.call_id == second.call_id


async def test_a_lie_about_the_end_of_a_conversation_is_taken_back(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    known = next(iter(centre.service.switch.registry.calls.values()))
    [leg] = known.legs.values()
    centre.pbx.tell("Hangup", [("Uniqueid", leg.leg_id), ("Cause", "16")])
    await centre.until(lambda: lina.state == "WRAP_UP")
    await centre.until(lambda: lina.state == "TALKING", within=PROMISE)
    assert caller.talks_with == "1001w"
    assert len(centre.of(caller, ev.CallAnswered)) == 1


async def test_a_second_call_on_a_channel_that_has_one_is_a_ghost_and_goes(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    told = len(centre.told)
    channel = caller.channel
    centre.pbx.tell(
        "UserEvent",
        [
            ("UserEvent", "RdIn"), ("Call", "pbx1-1.1-7"), ("Dnis", SALES),
            ("Uniqueid", channel.uniqueid), ("Channel", channel.name),
        ],
    )  # fmt: skip
    await centre.until(lambda: len(centre.service.calls) == 2)
    await centre.until(lambda: len(centre.service.calls) == 1, within=PROMISE)
    ended = [e for e in centre.told[told:] if isinstance(e, ev.CallEnded)]
    assert [(e.call_id, e.ended_by) for e in ended] == [("pbx1-1.1-7", "unknown")]
    assert (lina.state, caller.talks_with) == ("TALKING", "1001w")


async def test_a_busy_hour_is_no_contradiction(centre: Centre) -> None:
    lina = await centre.agent("lina", answers_after=timedelta(milliseconds=300))
    for _ in range(4):
        caller = centre.pbx.call(SALES)
        await centre.until(lambda: lina.call == "talking", within=20)
        await centre.wait(1.3)
        await lina.on_call("hold")
        await centre.until(lambda: lina.call == "on_hold")
        await centre.wait(3.1)
        caller.hang_up()
        await centre.until(lambda: lina.state == "WRAP_UP")
        await lina.do("agent.ready")
    assert repairs(centre) == []
