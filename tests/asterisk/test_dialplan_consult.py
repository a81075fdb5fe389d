"""Consultations and conferences by command: whoever hangs up when, nobody is left alone and the caller is safe."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.asterisk.ami_probe import AmiProbe
from tests.asterisk.house import Talk, answered, originate, rung, talking
from tests.asterisk.pbx import Pbx
from tests.asterisk.sipp import carrier, phone
from tests.asterisk.test_dialplan_calling import talking_outside
from tests.until import until

pytestmark = pytest.mark.asterisk

NUMBER = "02155550101"


async def holding(talk: Talk, channel: str, after: int = 0) -> None:
    """Wait until this channel is in the room of the call."""
    held = await talk.ami.event(
        "BridgeEnter", after=after, Channel=channel, BridgeTechnology="holding_bridge"
    )
    assert held["BridgeName"] == talk.call


async def left(pbx: Pbx, *names: str) -> None:
    """Wait until these channels, and no others, exist."""

    async def they_are() -> bool:
        return sorted(await pbx.channels()) == sorted(names)

    await until(they_are, 10)


# ---- one is asked ------------------------------------------------------------------------------


async def test_a_consultation_is_completed(pbx: Pbx) -> None:
    async with phone(pbx, "1002"), talking(pbx) as talk:
        ami = talk.ami
        colleague = await talk.consulted("1002")
        told = await ami.event("RdConsult", Call=talk.call)
        assert [told[h] for h in ("From", "Kind", "To", "Number")] == ["1001", "agent", "1002", ""]
        asked = await ami.event("BridgeEnter", Channel=colleague)
        assert asked["RD_REF"] == talk.call
        await holding(talk, talk.caller_channel)

        seen = len(ami.events)
        await ami.setvar("RD_AGENT", "1002", talk.caller_channel)
        await ami.send("Bridge", Channel1=talk.caller_channel, Channel2=colleague)
        ended = await ami.event("RdConsultEnd", after=seen)
        assert [ended[h] for h in ("Call", "From", "Status")] == [talk.call, "1001", "ANSWER"]
        await talk.hang_up(talk.agent_channel)
        await left(pbx, talk.caller_channel, colleague)
        await talk.hang_up(colleague)
        assert (await talk.over())["Agent"] == "1002"
    assert talk.ends() == 1
    starts = [e for e in ami.events if e["Event"] == "MixMonitorStart"]
    assert len(starts) == 1, "one recording, whoever talks with him"


@pytest.mark.parametrize("takes_back", [True, False])
async def test_the_one_consulted_hangs_up(pbx: Pbx, takes_back: bool) -> None:
    async with phone(pbx, "1002", talk_ms=600), talking(pbx) as talk:
        await talk.consulted("1002")
        await talk.ami.event("RdConsultEnd", Status="ANSWER")
        await holding(talk, talk.agent_channel)
        if takes_back:
            await talk.retrieve()
            await talk.hang_up(talk.agent_channel)
        else:
            await talk.caller.hang_up()  # the agent isn't left in a silent room
            await talk.ami.event("Hangup", Channel=talk.agent_channel)
        await talk.over()
    assert talk.ends() == 1


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("busy", "BUSY"), ("ring", "NOANSWER"), ("absent", "CHANUNAVAIL"), ("nobody", "INVALID")],
)
async def test_nobody_answers_the_agent_and_he_takes_his_caller_back(
    pbx: Pbx, behaviour: str, status: str
) -> None:
    await pbx.set_global("RD_CALL_TIME", "1")
    async with contextlib.AsyncExitStack() as stack:
        if behaviour in ("busy", "ring"):
            await stack.enter_async_context(phone(pbx, "1002", behaviour))
        talk = await stack.enter_async_context(talking(pbx))
        await talk.consult("9999" if behaviour == "nobody" else "1002")
        assert (await talk.ami.event("RdConsultEnd"))["Status"] == status
        await holding(talk, talk.agent_channel)
        await talk.retrieve()
        await talk.caller.hang_up()
        await talk.over()
    assert talk.ends() == 1


async def test_a_consultation_is_cancelled(pbx: Pbx) -> None:
    async with phone(pbx, "1002", "ring"), talking(pbx) as talk:
        await talk.consult("1002")
        ringing = await talk.ami.event(
            "DialState", DialStatus="RINGING", Channel=talk.agent_channel
        )
        await talk.ami.send("Hangup", Channel=ringing["DestChannel"])
        await talk.ami.event("RdConsultEnd")
        await holding(talk, talk.agent_channel)
        await talk.retrieve()
        await talk.hang_up(talk.agent_channel)
        await talk.over()


async def test_the_caller_hangs_up_meanwhile_and_the_two_talk_on(pbx: Pbx) -> None:
    async with phone(pbx, "1002"), talking(pbx) as talk:
        colleague = await talk.consulted("1002")
        await talk.caller.hang_up()
        await talk.over()
        await left(pbx, talk.agent_channel, colleague)
        await talk.hang_up(colleague)
        await talk.ami.event("RdConsultEnd")
        await talk.ami.event("Hangup", Channel=talk.agent_channel)  # there is nobody to go back to


@pytest.mark.parametrize(("agent", "becomes"), [("1001", "RdEnd"), ("1001w", "RdLost")])
async def test_the_agent_hangs_up_meanwhile_and_the_caller_does_not_wait_for_ever(
    pbx: Pbx, agent: str, becomes: str
) -> None:
    await pbx.set_global("RD_HOLD_LOOK", "2")
    async with phone(pbx, "1002"), talking(pbx) as talk:
        await talk.ami.setvar("RD_AGENT", agent, talk.caller_channel)
        colleague = await talk.consulted("1002")
        await talk.hang_up(talk.agent_channel)
        await talk.ami.event("Hangup", Channel=colleague)
        await talk.ami.event(becomes, Call=talk.call, within=8)


async def test_the_agent_completes_while_it_rings_and_nobody_answers(pbx: Pbx) -> None:
    async with phone(pbx, "1002", "ring"), talking(pbx) as talk:
        await talk.ami.setvar("RD_RING", "1", talk.caller_channel)
        await talk.consult("1002")
        await talk.ami.event("DialState", DialStatus="RINGING", Channel=talk.agent_channel)
        await holding(talk, talk.caller_channel)
        seen = len(talk.ami.events)
        await talk.hang_up(talk.agent_channel)
        await talk.transfer("1002", "1001")
        await talk.ami.event("RdXferFail", Status="NOANSWER")
        await answered(talk.ami, talk.caller_channel, seen)  # back with who sent him
        assert rung(talk.ami, seen) == ["1002", "1001"]


async def test_somebody_outside_is_asked_by_who_called_the_customer(pbx: Pbx) -> None:
    """An outbound call's agent has the call's id too; the customer's channel stays the anchor."""
    async with talking_outside(pbx) as talk:
        asked = await talk.consulted(f"o-{NUMBER}1")
        assert (await talk.ami.event("RdConsult"))["Number"] == f"{NUMBER}1"
        await talk.hang_up(asked)
        await talk.ami.event("RdConsultEnd")
        await holding(talk, talk.agent_channel)
        await talk.retrieve()
        await talk.hang_up(talk.agent_channel)
        assert (await talk.over())["Channel"] == talk.caller_channel
    assert talk.ends() == 1


# ---- a queue is asked --------------------------------------------------------------------------


async def test_a_queue_is_asked_by_a_call_of_its_own(pbx: Pbx) -> None:
    async with phone(pbx, "1002"), talking(pbx) as talk:
        ami, agent = talk.ami, talk.agent_channel
        await talk.consult("q-help")
        own = await ami.event("RdOut", Channel=agent, Kind="queue", To="help", For=talk.call)
        waiting = await ami.event("RdWait", Channel=agent)
        assert (waiting["Call"], waiting["Queue"]) == (own["Call"], "help")
        assert own["Call"] != talk.call
        seen = len(ami.events)
        await ami.redirect(agent, "rd-dial", "1002")
        colleague = await answered(ami, agent, seen)
        await ami.setvar("RD_AGENT", "1002", talk.caller_channel)
        await ami.send("Bridge", Channel1=talk.caller_channel, Channel2=colleague)
        await ami.event("RdEnd", Call=own["Call"])
        await ami.event("RdConsultEnd", Call=talk.call)
        await talk.hang_up(agent)
        await left(pbx, talk.caller_channel, colleague)
        await talk.caller.hang_up()
        await talk.over()
    assert talk.ends() == 1
    assert ami.names().count("RdEnd") == 2


@pytest.mark.parametrize("how", ["cancelled", "agent gone", "refused by the colleague"])
async def test_a_queue_is_asked_in_vain(pbx: Pbx, how: str) -> None:
    async with phone(pbx, "1002", talk_ms=400), talking(pbx) as talk:
        ami, agent = talk.ami, talk.agent_channel
        await talk.consult("q-help")
        own = await ami.event("RdOut", Channel=agent)
        await ami.event("RdWait", Channel=agent)
        if how == "agent gone":
            await talk.hang_up(agent)
            await ami.event("RdEnd", Call=own["Call"])
        else:
            if how == "cancelled":
                await ami.redirect(agent, "rd-asked")
            else:
                await ami.redirect(agent, "rd-dial", "1002")  # who hangs up soon
            await ami.event("RdEnd", Call=own["Call"])
            await ami.event("RdConsultEnd", Call=talk.call)
            await holding(talk, agent)
            await talk.retrieve()
            await talk.hang_up(agent)
            await talk.over()
    assert [e.get("UserEvent") == "RdEnd" and e["Call"] == own["Call"] for e in ami.events].count(
        True
    ) == 1


# ---- a call between two phones of ours ---------------------------------------------------------


@asynccontextmanager
async def two_phones(pbx: Pbx) -> AsyncIterator[tuple[AmiProbe, str, str, str]]:
    """1001 has called 1002; yields AMI, the call and both channels."""
    async with phone(pbx, "1001"), phone(pbx, "1002"), AmiProbe.connected(pbx) as ami:
        await originate(ami, "1001", "1002")
        told = await ami.event("RdOut")
        yield ami, told["Call"], told["Channel"], await answered(ami, told["Channel"], 0)


async def test_either_phone_holds_the_other_who_is_the_customer_then(pbx: Pbx) -> None:
    async with two_phones(pbx) as (ami, call, ann, bob):
        for held, holder in ((bob, ann), (ann, bob)):
            seen = len(ami.events)
            talk = Talk(ami, call, held, holder)
            await talk.hold()
            await ami.event("RdAnchor", after=seen, Channel=held, Call=call)
            await talk.retrieve()
        await talk.hang_up(bob)
        await ami.event("RdEnd", Channel=ann, Call=call)
    assert ami.names().count("RdEnd") == 1


async def test_a_held_colleague_who_hangs_up_frees_the_other(pbx: Pbx) -> None:
    async with two_phones(pbx) as (ami, call, ann, bob):
        talk = Talk(ami, call, bob, ann)
        await talk.hold()
        await talk.hang_up(bob)
        await ami.event("Hangup", Channel=ann)
        await ami.event("RdEnd", Channel=bob)
    assert ami.names().count("RdEnd") == 1


async def test_who_was_called_asks_a_third_and_hands_over_who_called_him(pbx: Pbx) -> None:
    async with phone(pbx, "1003"), two_phones(pbx) as (ami, call, ann, bob):
        talk = Talk(ami, call, ann, bob)
        third = await talk.consulted("1003")
        await ami.send("Bridge", Channel1=ann, Channel2=third)
        await ami.event("RdConsultEnd", Call=call)
        await talk.hang_up(bob)
        await left(pbx, ann, third)
        await talk.hang_up(third)
        await ami.event("RdEnd", Channel=ann, Call=call)
    assert ami.names().count("RdEnd") == 1


# ---- conferences -------------------------------------------------------------------------------

ORDERS = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]


@pytest.mark.parametrize("order", ORDERS, ids=lambda o: "".join("cat"[i] for i in o))
async def test_a_conference_goes_on_with_two_and_ends_with_one(
    pbx: Pbx, order: tuple[int, int]
) -> None:
    """c: caller, a: agent, t: third; who leaves first and second."""
    async with phone(pbx, "1002"), talking(pbx) as talk:
        third = await talk.consulted("1002")
        await talk.join()
        three = [talk.caller_channel, talk.agent_channel, third]
        first, second = (three[i] for i in order)
        await talk.hang_up(first)
        await left(pbx, *(name for name in three if name != first))
        await talk.hang_up(second)
        await left(pbx)
    assert talk.ends() == 1


async def test_a_party_is_added_to_a_conversation_and_leaves_again(pbx: Pbx) -> None:
    async with carrier(pbx), talking(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.ami.send(
            "Originate",
            Channel=f"PJSIP/{NUMBER}@trunk_carrier", Context="rd-join", Exten="s", Priority="1",
            Async="true", Variable=f"RD_JOIN={talk.caller_channel},RD_REF={talk.call}",
        )  # fmt: skip
        joined = await talk.ami.event("BridgeEnter", after=seen, BridgeNumChannels="3")
        await talk.hang_up(joined["Channel"])
        await left(pbx, talk.caller_channel, talk.agent_channel)
        await talk.hang_up(talk.agent_channel)
        await talk.over()
    assert talk.ends() == 1


async def test_who_is_to_be_joined_is_gone_and_the_caller_stays_on_hold(pbx: Pbx) -> None:
    async with talking(pbx) as talk:
        await talk.hold()
        seen = len(talk.ami.events)
        await talk.ami.setvar("RD_JOIN", "PJSIP/1002-deadbeef", talk.caller_channel)
        await talk.ami.redirect(talk.caller_channel, "rd-join")
        await holding(talk, talk.caller_channel, seen)
        await talk.retrieve()
        await talk.hang_up(talk.agent_channel)
        await talk.over()
