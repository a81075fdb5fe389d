"""Who sends a caller on, and what becomes of him when nobody takes him; parking, pick-up, moving."""

from __future__ import annotations

import contextlib

import pytest

from tests.asterisk.ami_probe import AmiProbe
from tests.asterisk.house import Talk, answered, originate, rung, talking, waiting_caller
from tests.asterisk.pbx import Pbx
from tests.asterisk.sipp import calling, carrier, phone
from tests.asterisk.test_dialplan_calling import talking_outside

pytestmark = pytest.mark.asterisk

NUMBER = "02155550101"


async def back_with(talk: Talk, endpoint: str, after: int) -> None:
    """The caller rings at ``endpoint`` again, which takes him; then he hangs up."""
    leg = await answered(talk.ami, talk.caller_channel, after)
    assert leg.startswith(f"PJSIP/{endpoint}-")
    await talk.caller.hang_up()
    await talk.over()
    assert talk.ends() == 1


# ---- to a person -------------------------------------------------------------------------------


async def test_a_colleague_takes_the_caller(pbx: Pbx) -> None:
    async with phone(pbx, "1002"), talking(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.transfer("1002", "1001")
        sent = await talk.ami.event("RdXfer", Call=talk.call)
        assert [sent[h] for h in ("From", "Kind", "To", "Number", "How")] == [
            "1001", "agent", "1002", "", "blind",
        ]  # fmt: skip
        await talk.ami.event("Hangup", Channel=talk.agent_channel)
        leg = await answered(talk.ami, talk.caller_channel, seen)
        await talk.hang_up(leg)
        assert (await talk.over())["Agent"] == "1002"
    assert talk.ami.names() == ["RdIn", "RdWait", "RdXfer", "RdEnd"]


@pytest.mark.parametrize(
    ("behaviour", "status"), [("busy", "BUSY"), ("ring", "NOANSWER"), ("absent", "CHANUNAVAIL")]
)
async def test_nobody_takes_the_caller_and_he_comes_back_to_the_sender(
    pbx: Pbx, behaviour: str, status: str
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if behaviour != "absent":
            await stack.enter_async_context(phone(pbx, "1002", behaviour))
        talk = await stack.enter_async_context(talking(pbx))
        await talk.ami.setvar("RD_RING", "1", talk.caller_channel)
        seen = len(talk.ami.events)
        await talk.transfer("1002", "1001")
        failed = await talk.ami.event("RdXferFail", Call=talk.call)
        assert [failed[h] for h in ("Agent", "Status", "Kind", "To")] == [
            "1002", status, "agent", "1002",
        ]  # fmt: skip
        back = await talk.ami.event("DialEnd", after=seen, DialStatus="ANSWER")
        await back_with(talk, "1001", talk.ami.events.index(back))


async def test_not_even_the_sender_takes_him_and_he_waits_with_his_place(pbx: Pbx) -> None:
    async with talking(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.transfer("1002", "1003")  # neither is there
        again = await talk.ami.event("RdWait", after=seen)
        assert (again["T0"], again["Queue"]) == (talk.t0, "sales")
        fails = [e for e in talk.ami.events if e.get("UserEvent") == "RdXferFail"]
        assert [e["Agent"] for e in fails] == ["1002", "1003"]


async def test_a_customer_who_never_had_a_queue_waits_in_the_first_one(pbx: Pbx) -> None:
    await pbx.set_global("RD_STALE", "9999")
    async with talking_outside(pbx) as talk:
        await talk.transfer("1002")
        assert (await talk.ami.event("RdWait", Call=talk.call))["Queue"] == "sales"
        await talk.ami.event("Hangup", Channel=talk.agent_channel)
        await talk.hang_up(talk.caller_channel)
    assert talk.ends() == 1


async def test_a_customer_whom_we_called_is_sent_on_like_a_caller(pbx: Pbx) -> None:
    async with phone(pbx, "1002"), talking_outside(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.transfer("1002", "1001")
        leg = await answered(talk.ami, talk.caller_channel, seen)
        await talk.hang_up(leg)
        assert (await talk.over())["Agent"] == "1002"
    assert talk.ends() == 1
    assert talk.ami.names() == ["RdOut", "RdAnchor", "RdXfer", "RdEnd"]


async def test_of_two_phones_of_ours_one_is_sent_on(pbx: Pbx) -> None:
    async with (
        phone(pbx, "1001"),
        phone(pbx, "1002"),
        phone(pbx, "1003"),
        AmiProbe.connected(pbx) as ami,
    ):
        await originate(ami, "1001", "1002")
        told = await ami.event("RdOut")
        bob = await answered(ami, told["Channel"], 0)
        seen = len(ami.events)
        await ami.setvar("RD_FROM", "1001", bob)
        await ami.redirect(bob, "rd-xfer", "1003")
        anchor = await ami.event("RdAnchor", Channel=bob)
        assert (anchor["Call"], anchor["RD_CALL"]) == (told["Call"], told["Call"])
        await ami.event("Hangup", Channel=told["Channel"])
        cai = await answered(ami, bob, seen)
        await ami.send("Hangup", Channel=cai)
        await ami.event("RdEnd", Channel=bob, Call=told["Call"], Agent="1003")
    assert not [e for e in ami.events if e["Event"] == "MixMonitorStart"]


async def test_of_two_phones_of_ours_one_is_sent_to_nobody_and_the_call_ends(pbx: Pbx) -> None:
    async with phone(pbx, "1001"), phone(pbx, "1002"), AmiProbe.connected(pbx) as ami:
        await originate(ami, "1001", "1002")
        bob = await answered(ami, (await ami.event("RdOut"))["Channel"], 0)
        await ami.setvar("RD_FROM", "", bob)
        await ami.redirect(bob, "rd-xfer", "1003")
        await ami.event("RdXferFail", Status="CHANUNAVAIL")
        await ami.event("RdEnd", Channel=bob)
    assert "RdWait" not in ami.names()


# ---- to a queue, a menu, the outside -----------------------------------------------------------


async def test_in_another_queue_he_has_a_new_place(pbx: Pbx) -> None:
    async with talking(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.transfer("q-help", "1001")
        waiting = await talk.ami.event("RdWait", after=seen)
        assert (waiting["Queue"], waiting["Try"]) == ("help", "0")
        assert waiting["T0"] > talk.t0
        assert (await talk.ami.event("RdXfer"))["Kind"] == "queue"


async def test_a_menu_speaks_to_him_again(pbx: Pbx) -> None:
    async with talking(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.transfer("m-4000", "1001")
        await talk.ami.event("RdXfer", Kind="menu", To="4000")
        waiting = await talk.ami.event("RdWait", after=seen)
        assert (waiting["Call"], waiting["Queue"]) == (talk.call, "sales")


async def test_outside_nobody_of_ours_is_recorded_any_more(pbx: Pbx) -> None:
    async with carrier(pbx) as outside, talking(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.transfer(f"o-{NUMBER}", "1001")
        await talk.ami.event("RdXfer", Kind="outside", To="", Number=NUMBER)
        await talk.ami.event("MixMonitorStop", after=seen)
        leg = await answered(talk.ami, talk.caller_channel, seen)
        assert leg.startswith("PJSIP/trunk_carrier-")
        assert "From: <sip:+864001234567@" in outside.messages()
        assert "13800138000" not in outside.messages(), "the caller's own number stays here"
        await talk.hang_up(leg)
        await talk.over()
    assert talk.ends() == 1


async def test_outside_nobody_answers_and_he_is_recorded_with_the_sender_again(pbx: Pbx) -> None:
    async with carrier(pbx, "busy"), talking(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.transfer(f"o-{NUMBER}", "1001")
        failed = await talk.ami.event("RdXferFail", Status="BUSY")
        assert (failed["Kind"], failed["To"]) == ("outside", "")
        await talk.ami.event("MixMonitorStart", after=seen)
        await back_with(talk, "1001", talk.ami.events.index(failed))


@pytest.mark.parametrize("target", ["9999", "o-1002", "o-02155&PJSIP/1002", "1002w", "p-0", "*43"])
async def test_what_is_no_target_gives_the_caller_back(pbx: Pbx, target: str) -> None:
    async with phone(pbx, "1002"), talking(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.transfer(target, "1001")
        await talk.ami.event("RdXferFail", Status="INVALID")
        await answered(talk.ami, talk.caller_channel, seen)
        assert rung(talk.ami, seen) == ["1001"]


async def test_a_caller_who_hangs_up_on_his_way_leaves_nothing(pbx: Pbx) -> None:
    async with phone(pbx, "1002", "ring"), talking(pbx) as talk:
        await talk.transfer("1002", "1001")
        ringing = await talk.ami.event(
            "DialState", DialStatus="RINGING", Channel=talk.caller_channel
        )
        await talk.caller.hang_up()
        await talk.ami.event("Hangup", Channel=ringing["DestChannel"])
        await talk.over()
    assert talk.ends() == 1


# ---- parking -----------------------------------------------------------------------------------


async def test_a_parked_caller_is_fetched_by_the_page_and_his_place_is_free_again(pbx: Pbx) -> None:
    async with phone(pbx, "1002"), talking(pbx) as talk:
        await talk.park("3", "1001")
        parked = await talk.ami.event("RdPark", Call=talk.call, Slot="3", From="1001")
        await talk.ami.event("BridgeEnter", Channel=talk.caller_channel, RD_STATE="parked")
        await talk.ami.event("Hangup", Channel=talk.agent_channel)
        seen = talk.ami.events.index(parked)
        await talk.ami.redirect(talk.caller_channel, "rd-dial", "1002")
        await answered(talk.ami, talk.caller_channel, seen)
        async with calling(pbx):
            other = await talk.ami.event("RdWait", after=seen)
            await talk.ami.redirect(other["Channel"], "rd-park", "3")
            await talk.ami.event("RdPark", Call=other["Call"], Slot="3")
        await talk.ami.event("RdEnd", Call=other["Call"])


async def test_a_taken_place_takes_nobody_else(pbx: Pbx) -> None:
    async with talking(pbx) as talk:
        await talk.park("4", "1001")
        await talk.ami.event("RdPark", Call=talk.call)
        seen = len(talk.ami.events)
        async with calling(pbx):
            other = await talk.ami.event("RdWait", after=seen)
            await talk.ami.setvar("RD_FROM", "1001", other["Channel"])
            await talk.ami.redirect(other["Channel"], "rd-park", "4")
            refused = await talk.ami.event("RdXferFail", Call=other["Call"])
            assert [refused[h] for h in ("Status", "Kind", "To")] == ["BUSY", "parking", "4"]
            await answered(talk.ami, other["Channel"], seen)  # back with who sent him


async def test_a_parked_caller_whom_nobody_fetches_comes_back_to_who_parked_him(pbx: Pbx) -> None:
    await pbx.set_global("RD_PARK_TIME", "1")
    async with talking(pbx) as talk:
        await talk.park("5", "1001")
        over = await talk.ami.event("RdXferFail", Status="NOANSWER", Kind="parking", To="5")
        await back_with(talk, "1001", talk.ami.events.index(over))


async def test_who_parked_him_is_gone_and_he_waits_with_his_place(pbx: Pbx) -> None:
    await pbx.set_global("RD_PARK_TIME", "1")
    async with talking(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.park("6", "1003")
        assert (await talk.ami.event("RdWait", after=seen))["T0"] == talk.t0


# ---- another phone takes part ------------------------------------------------------------------


async def test_a_call_moves_to_another_phone(pbx: Pbx) -> None:
    async with phone(pbx, "1002"), talking(pbx) as talk:
        seen = len(talk.ami.events)
        await talk.ami.send(
            "Originate",
            Channel="PJSIP/1002", Context="rd-join", Exten="s", Priority="1", Async="true",
            Variable=f"RD_JOIN={talk.caller_channel},RD_REF={talk.call}",
        )  # fmt: skip
        joined = await talk.ami.event("BridgeEnter", after=seen, BridgeNumChannels="3")
        assert joined["RD_REF"] == talk.call
        await talk.hang_up(talk.agent_channel)
        assert len(await pbx.channels()) == 2
        await talk.caller.hang_up()
        await talk.ami.event("Hangup", Channel=joined["Channel"])
    assert talk.ends() == 1


async def test_a_caller_behind_a_local_channel_ends_all_of_it(pbx: Pbx) -> None:
    """A hop as a ring group of the house may bring it; without sound it isn't optimised away."""
    for line in ("5000,1,Dial(Local/5001@test-hop)", "5001,1,Dial(PJSIP/1001)"):
        await pbx.rx(f"dialplan add extension {line} into test-hop")
    try:
        async with phone(pbx, "1001"), waiting_caller(pbx) as (ami, waiting, caller):
            await ami.redirect(waiting["Channel"], "test-hop", "5000")
            met = await ami.event("BridgeEnter", Channel=waiting["Channel"])
            assert met["RD_CALL"] == waiting["Call"]
            await ami.event("DialEnd", DestChannel=_leg(ami), DialStatus="ANSWER")
            await caller.hang_up()
            await ami.event("RdEnd", Call=waiting["Call"])
            await ami.event("Hangup", Channel=_leg(ami))
    finally:
        await pbx.rx("dialplan remove context test-hop")


def _leg(ami: AmiProbe) -> str:
    legs = [e["DestChannel"] for e in ami.events if e["Event"] == "DialBegin"]
    return next((name for name in legs if name.startswith("PJSIP/1001-")), "")
