"""Calls that phones of ours begin: to a colleague, a queue, a menu, the outside; what is refused, and who ends."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from sip_sim import farm
from tests.asterisk.agi_peer import agi_peer
from tests.asterisk.ami_probe import AmiProbe, Message
from tests.asterisk.house import WAIT, Talk, answered, originate, rung
from tests.asterisk.pbx import OUTSIDE_PORT, Pbx
from tests.asterisk.sipp import Sipp, carrier, phone
from tests.until import until

pytestmark = pytest.mark.asterisk

NUMBER = "02155550101"


@asynccontextmanager
async def ann_dials(pbx: Pbx, target: str) -> AsyncIterator[tuple[AmiProbe, Sipp]]:
    """Phone 1001 was called by the service and goes on to ``target``."""
    await pbx.set_global("RD_TONE_TIME", "1")
    async with AmiProbe.connected(pbx) as ami, phone(pbx, "1001") as ann:
        assert (await originate(ami, "1001", target))["Response"] == "Success"
        yield ami, ann


@asynccontextmanager
async def talking_outside(pbx: Pbx, *, talk_ms: int = 0) -> AsyncIterator[Talk]:
    """A customer whom phone 1001 called and speaks with."""
    async with carrier(pbx, talk_ms=talk_ms) as customer, ann_dials(pbx, f"o-{NUMBER}") as (ami, _):
        anchor = await ami.event("RdAnchor")
        began = await ami.event("RdOut", Call=anchor["Call"])
        await ami.event("BridgeEnter", Channel=began["Channel"])
        yield Talk(ami, anchor["Call"], anchor["Channel"], began["Channel"], other=customer)


def began(ami: AmiProbe) -> Message:
    """What was told of the call's begin."""
    return next(e for e in ami.events if e.get("UserEvent") == "RdOut")


# ---- to a colleague ----------------------------------------------------------------------------


async def test_a_colleague_answers_and_nothing_is_recorded(pbx: Pbx) -> None:
    async with phone(pbx, "1002"), ann_dials(pbx, "1002") as (ami, _):
        told = await ami.event("RdOut")
        assert [told[h] for h in ("From", "Kind", "To", "Number", "Cmd")] == [
            "1001", "agent", "1002", "", "c-1",
        ]  # fmt: skip
        assert told["Call"].startswith(f"{told['Uniqueid']}-")
        assert (told["RD_OUT"], told["RD_DIR"], told["RD_CMD"]) == ("1", "internal", "c-1")
        colleague = await answered(ami, told["Channel"], 0)
        entered = await ami.event("BridgeEnter", Channel=colleague)
        assert (entered["RD_REF"], entered.get("RD_CALL", "")) == (told["Call"], "")
        await ami.send("Hangup", Channel=colleague)
        await ami.event("RdEnd", Call=told["Call"], Status="ANSWER")
        await ami.event("Hangup", Channel=told["Channel"])
    assert ami.names() == ["RdOut", "RdEnd"]
    assert not [e for e in ami.events if e["Event"] == "MixMonitorStart"]


async def test_both_phones_of_a_colleague_ring(pbx: Pbx) -> None:
    await pbx.set_global("RD_CALL_TIME", "2")
    async with (
        phone(pbx, "1002", "ring"),
        phone(pbx, "1002w", "ring"),
        ann_dials(pbx, "1002") as (ami, _),
    ):
        await ami.event("RdDialFail", Status="NOANSWER")
        await ami.event("RdEnd")
    assert rung(ami) == ["1001", "1002", "1002w"]


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("busy", "BUSY"), ("ring", "NOANSWER"), ("absent", "CHANUNAVAIL"), ("move", "BUSY")],
)
async def test_a_colleague_who_does_not_answer(pbx: Pbx, behaviour: str, status: str) -> None:
    await pbx.set_global("RD_CALL_TIME", "1")
    async with contextlib.AsyncExitStack() as stack:
        if behaviour != "absent":
            await stack.enter_async_context(phone(pbx, "1002", behaviour))
        ami, _ = await stack.enter_async_context(ann_dials(pbx, "1002"))
        failed = await ami.event("RdDialFail")
        assert (failed["Status"], failed["Call"]) == (status, began(ami)["Call"])
        await ami.event("Hangup", Channel=began(ami)["Channel"])  # after the tone
    assert ami.names() == ["RdOut", "RdDialFail", "RdEnd"]
    assert set(rung(ami)) <= {"1001", "1002"}  # who sends his calls elsewhere (302) reaches nobody


async def test_the_phone_that_began_hangs_up_while_it_rings(pbx: Pbx) -> None:
    async with phone(pbx, "1002", "ring"), ann_dials(pbx, "1002") as (ami, _):
        told = await ami.event("RdOut")
        ringing = await ami.event("DialState", DialStatus="RINGING", Channel=told["Channel"])
        await ami.send("Hangup", Channel=told["Channel"])
        await ami.event("Hangup", Channel=ringing["DestChannel"])
        assert (await ami.event("RdEnd"))["Status"] == "CANCEL"


# ---- to a queue, to a menu ---------------------------------------------------------------------


@pytest.mark.parametrize("target", ["q-sales", "2001"])
async def test_a_phone_calls_a_queue_and_waits_there(pbx: Pbx, target: str) -> None:
    await pbx.set_global("RD_STALE", "9999")
    async with phone(pbx, "1002"), ann_dials(pbx, target) as (ami, _):
        waiting = await ami.event("RdWait")
        told = began(ami)
        assert (told["Kind"], told["To"], waiting["Queue"]) == ("queue", "sales", "sales")
        assert waiting["Call"] == told["Call"]
        await ami.redirect(waiting["Channel"], "rd-dial", "1002")
        colleague = await answered(ami, waiting["Channel"], 0)
        await ami.send("Hangup", Channel=colleague)
        await ami.event("RdEnd", Call=told["Call"], Agent="1002")
    assert ami.names() == ["RdOut", "RdWait", "RdEnd"]


@pytest.mark.parametrize("target", ["m-4000", "4000"])
async def test_a_phone_calls_a_number_of_ours_and_hears_its_menu(pbx: Pbx, target: str) -> None:
    scripts: list[str] = []
    await pbx.set_global("RD_STALE", "9999")
    async with (
        agi_peer(pbx.settings.pbx.agi_port, WAIT, scripts),
        ann_dials(pbx, target) as (ami, _),
    ):
        waiting = await ami.event("RdWait")
        assert (began(ami)["Kind"], began(ami)["To"]) == ("menu", "4000")
        assert waiting["Call"] == began(ami)["Call"]
        await ami.send("Hangup", Channel=waiting["Channel"])
    assert scripts == ["ivr"]
    assert ami.names() == ["RdOut", "RdWait", "RdEnd"]


# ---- to the outside ----------------------------------------------------------------------------


async def test_a_customer_outside_answers_and_the_call_hangs_on_him(pbx: Pbx) -> None:
    async with talking_outside(pbx, talk_ms=800) as talk:
        ami = talk.ami
        told = began(ami)
        assert (told["Kind"], told["To"], told["Number"]) == ("outside", "", NUMBER)
        assert (told["RD_DIR"], told["Call"]) == ("outbound", talk.call)
        assert talk.caller_channel.startswith("PJSIP/trunk_carrier-")
        anchor = await ami.event("RdAnchor", Call=talk.call, Agent="1001")
        assert (anchor["RD_CALL"], anchor["RD_AGENT"]) == (talk.call, "1001")
        await ami.event("MixMonitorStart", Channel=talk.caller_channel)
        await talk.over()  # the customer hangs up
        await ami.event("Hangup", Channel=talk.agent_channel)
        sent = talk.caller.messages()
        assert "From: <sip:+864001234567@" in sent, "the company's number, and no name"
        assert f"INVITE sip:{NUMBER}@" in sent
    assert ami.names() == ["RdOut", "RdAnchor", "RdEnd"]
    assert (pbx.settings.spool_dir / f"{talk.call}.caller.raw").exists()


async def test_the_demonstrations_carrier_takes_whatever_is_dialled(pbx: Pbx) -> None:
    place = farm.Place(sip=f"127.0.0.1:{pbx.settings.pbx.sip_port}", web="")
    async with (
        farm.carrier(place, OUTSIDE_PORT, answer_after=timedelta(seconds=0.5)),
        ann_dials(pbx, "+8613800138000") as (ami, _),
    ):
        told = await ami.event("RdOut")
        customer = await answered(ami, told["Channel"], 0)
        await ami.send("Hangup", Channel=told["Channel"])
        await ami.event("RdEnd", Channel=customer)


async def test_the_agent_hangs_up_on_a_customer_whom_he_called(pbx: Pbx) -> None:
    async with talking_outside(pbx) as talk:
        await talk.hang_up(talk.agent_channel)
        end = await talk.over()
        assert (end["Channel"], end["Agent"]) == (talk.caller_channel, "1001")
        await talk.ami.event("Hangup", Channel=talk.caller_channel)
    assert talk.ends() == 1


async def test_a_lost_browser_phone_keeps_the_customer_whom_it_called(pbx: Pbx) -> None:
    await pbx.set_global("RD_LOST_TIME", "1")
    await pbx.set_global("RD_STALE", "9999")
    async with talking_outside(pbx) as talk:
        await talk.ami.setvar("RD_AGENT", "1001w", talk.caller_channel)  # as if in a browser
        await talk.ami.send("Hangup", Channel=talk.agent_channel)
        assert (await talk.ami.event("RdLost"))["Call"] == talk.call
        waiting = await talk.ami.event("RdWait")
        assert (waiting["Call"], waiting["Queue"]) == (talk.call, "sales")  # the first queue
        await talk.ami.redirect(talk.caller_channel, "rd-dial", "1001")
        again = await answered(talk.ami, talk.caller_channel, 0)
        await talk.hang_up(again)
        await talk.over()
    assert talk.ends() == 1


@pytest.mark.parametrize(
    ("behaviour", "status"), [("busy", "BUSY"), ("full", "CONGESTION"), ("ring", "NOANSWER")]
)
async def test_nobody_answers_outside(pbx: Pbx, behaviour: str, status: str) -> None:
    await pbx.set_global("RD_OUT_TIME", "1")
    async with carrier(pbx, behaviour), ann_dials(pbx, f"o-{NUMBER}") as (ami, _):
        assert (await ami.event("RdDialFail"))["Status"] == status
        await ami.event("Hangup", Channel=began(ami)["Channel"])
    assert ami.names() == ["RdOut", "RdDialFail", "RdEnd"]
    assert not [e for e in ami.events if e["Event"] == "MixMonitorStart"]


ALLOWED = {
    f"o-{NUMBER}": NUMBER,
    NUMBER: NUMBER,
    "+8613800138000": "+8613800138000",
    "110": "110",
    "0" * 20: "0" * 20,
}


async def test_what_the_company_allows_can_be_dialled(pbx: Pbx) -> None:
    await pbx.set_global("RD_TONE_TIME", "1")
    async with carrier(pbx, "full"), phone(pbx, "1001"), AmiProbe.connected(pbx) as ami:
        for dialled, number in ALLOWED.items():
            seen = len(ami.events)
            await originate(ami, "1001", dialled)
            told = await ami.event("RdOut", after=seen, Kind="outside", Number=number)
            await ami.event("RdDialFail", after=seen, Status="CONGESTION")
            await ami.event("Hangup", Channel=told["Channel"])


REFUSED = (
    "9999", "o-1001", "o-13800138000", "o-+4420794601", "+4420794601", "o-0", "o-", "o-" + "0" * 21,
    "0" * 21, "o-02155&PJSIP/1002", "02155&PJSIP/1002", "02155@trunk_carrier", 'o-02155"=""',
    "02155)(${RD_HB}", "q-nosuch", "q-sales,1", "p-3", "*70", "*81099",
)  # fmt: skip


async def test_what_is_no_target_reaches_nobody(pbx: Pbx) -> None:
    async with phone(pbx, "1001"), phone(pbx, "1002"), AmiProbe.connected(pbx) as ami:
        for target in REFUSED:
            seen = len(ami.events)
            answer = await originate(ami, "1001", target)
            if answer["Response"] == "Success":  # such a place exists, and it hangs up
                await ami.event("OriginateResponse", after=seen)
                await ami.event("Hangup", after=seen)
            assert set(rung(ami, seen)) <= {"1001"}, target
    assert ami.names() == []


async def test_a_desk_phone_is_asked_to_answer(pbx: Pbx) -> None:
    async with phone(pbx, "1003", "told") as desk:
        await pbx.rx("pjsip send notify rd-answer endpoint 1003")
        await until(lambda: "SIP/2.0 200 OK" in desk.messages(), 10)
        assert "NOTIFY sip:" in desk.messages()
        assert "Event: talk" in desk.messages()


@pytest.mark.parametrize("meant", ["", "cb2_pbx1-1.1-1"], ids=["given up", "another call"])
async def test_a_callbacks_customer_is_called_by_its_present_call_only(
    pbx: Pbx, meant: str
) -> None:
    """The agent lifts too late: what he was called for has been given up, or is done by another call."""
    await pbx.set_global("RD_CB_mark", meant or "x")
    variables = "RD_CALL=cb1_pbx1-1.1-1,__RD_CB=mark"
    async with carrier(pbx) as customer, AmiProbe.connected(pbx) as ami, phone(pbx, "1001"):
        sent = await ami.send(
            "Originate",
            Channel="PJSIP/1001", Context="rd-agents", Exten=f"o-{NUMBER}", Priority="1",
            Async="true", Timeout="10000", Variable=variables,
        )  # fmt: skip
        assert sent["Response"] == "Success"
        began = await ami.event("RdOut")
        assert began["Call"] == "cb1_pbx1-1.1-1"
        await ami.event("RdEnd", Call=began["Call"])
        await ami.event("Hangup", Channel=began["Channel"])
        assert "INVITE" not in customer.messages()
    assert ami.names() == ["RdOut", "RdEnd"]
