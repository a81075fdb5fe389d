"""Hold, retrieve, a lost agent and transfers by the phone, on a real Asterisk without the service."""

from __future__ import annotations

import pytest

from tests.asterisk.house import talking
from tests.asterisk.pbx import Pbx

pytestmark = pytest.mark.asterisk


async def test_hold_and_retrieve_and_the_caller_hangs_up(pbx: Pbx) -> None:
    async with talking(pbx, "1001") as talk:
        await talk.hold()
        held = await talk.ami.event("BridgeEnter", BridgeTechnology="holding_bridge")
        assert held["RD_REC"] or held["RD_REF"], "the recording follows the caller's channel"
        await talk.retrieve()
        await talk.caller.hang_up()
        await talk.ami.event("RdEnd", Call=talk.call)
        await talk.ami.event("Hangup", Channel=talk.agent_channel)
    assert talk.ami.names() == ["RdIn", "RdWait", "RdEnd"]


async def test_hold_and_retrieve_and_the_desk_phone_hangs_up(pbx: Pbx) -> None:
    async with talking(pbx, "1001", talk_ms=1500) as talk:
        await talk.hold()
        await talk.retrieve()
        await talk.ami.event("RdEnd", Call=talk.call)
    assert talk.ami.names() == ["RdIn", "RdWait", "RdEnd"]


async def test_hold_and_retrieve_and_the_agents_leg_is_lost(pbx: Pbx) -> None:
    async with talking(pbx, "1001") as talk:
        await talk.ami.setvar("RD_AGENT", "1001w", talk.caller_channel)  # as if in a browser
        await talk.hold()
        await talk.retrieve()
        await talk.ami.send("Hangup", Channel=talk.agent_channel)
        assert (await talk.ami.event("RdLost"))["Call"] == talk.call


async def test_two_held_calls_have_rooms_of_their_own(pbx: Pbx) -> None:
    async with talking(pbx, "1001") as first, talking(pbx, "1002") as second:
        await first.hold()
        await second.hold()
        for talk in (first, second):
            for channel in (talk.caller_channel, talk.agent_channel):
                held = await talk.ami.event(
                    "BridgeEnter", Channel=channel, BridgeTechnology="holding_bridge"
                )
                assert held["BridgeName"] == talk.call


async def test_a_caller_who_hangs_up_on_hold_frees_the_agent(pbx: Pbx) -> None:
    async with talking(pbx, "1001") as talk:
        await talk.hold()
        await talk.caller.hang_up()
        await talk.ami.event("Hangup", Channel=talk.agent_channel)


async def test_an_agent_who_is_lost_while_the_caller_is_held_is_noticed_without_the_service(
    pbx: Pbx,
) -> None:
    await pbx.set_global("RD_HOLD_LOOK", "2")
    async with talking(pbx, "1001") as talk:
        await talk.ami.setvar("RD_AGENT", "1001w", talk.caller_channel)
        await talk.hold()
        seen = len(talk.ami.events)
        # The first look finds the agent still there: both stay.
        await talk.ami.event(
            "BridgeEnter", after=seen, Channel=talk.caller_channel, within=5,
            BridgeTechnology="holding_bridge",
        )  # fmt: skip
        assert "RdLost" not in talk.ami.names()
        await talk.ami.send("Hangup", Channel=talk.agent_channel)
        await talk.ami.event("RdLost", Call=talk.call, within=6)


async def test_a_lost_agents_caller_waits_again_with_his_place(pbx: Pbx) -> None:
    await pbx.set_global("RD_LOST_TIME", "2")
    async with talking(pbx, "1001") as talk:
        await talk.ami.setvar("RD_AGENT", "1001w", talk.caller_channel)
        seen = len(talk.ami.events)
        await talk.ami.send("Hangup", Channel=talk.agent_channel)
        lost = await talk.ami.event("RdLost", after=seen)
        assert (lost["Agent"], lost["RD_STATE"]) == ("1001w", "lost")
        again = await talk.ami.event("RdWait", after=seen, within=5)
        assert again["T0"] == talk.t0


async def test_an_agent_who_is_back_in_time_speaks_with_the_same_caller_again(pbx: Pbx) -> None:
    async with talking(pbx, "1001") as talk:
        await talk.ami.setvar("RD_AGENT", "1001w", talk.caller_channel)
        await talk.ami.send("Hangup", Channel=talk.agent_channel)
        await talk.ami.event("RdLost")
        seen = len(talk.ami.events)
        await talk.ami.redirect(talk.caller_channel, "rd-back", "1001")
        rung = await talk.ami.event("DialBegin", after=seen)
        await talk.ami.event("BridgeEnter", after=seen, Channel=talk.caller_channel)
        assert rung["DestChannel"].startswith("PJSIP/1001-")
        assert "RdWait" not in talk.ami.names(seen)


async def test_a_call_hung_up_on_purpose_loses_nobody(pbx: Pbx) -> None:
    async with talking(pbx, "1001") as talk:
        await talk.ami.setvar("RD_AGENT", "1001w", talk.caller_channel)
        await talk.ami.setvar("RD_HUNGUP", "1", talk.caller_channel)
        await talk.ami.send("Hangup", Channel=talk.agent_channel)
        await talk.ami.event("RdEnd", Call=talk.call)
    assert "RdLost" not in talk.ami.names()
