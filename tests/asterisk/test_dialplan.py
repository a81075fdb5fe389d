"""The dialplan on a real Asterisk: waiting, ringing, the fallback; the service is absent or a dummy."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.asterisk.agi_peer import agi_peer
from tests.asterisk.ami_probe import AmiProbe
from tests.asterisk.house import WAIT, waiting_caller
from tests.asterisk.pbx import Pbx, free_port
from tests.asterisk.sipp import calling, is_refused, phone
from tests.until import until

pytestmark = pytest.mark.asterisk


async def test_a_caller_finds_no_service_and_reaches_a_member_of_the_fallback_queue(
    pbx: Pbx,
) -> None:
    await pbx.rx("queue add member PJSIP/1001 to rd_sales")
    async with AmiProbe.connected(pbx) as ami, phone(pbx, "1001"), calling(pbx):
        arrived = await ami.event("RdIn")
        fallback = await ami.event("RdFallback", Call=arrived["Call"])
        assert fallback["Queue"] == "sales"
        await ami.event("AgentConnect", Interface="PJSIP/1001")
        await ami.event("MixMonitorStart", Channel=arrived["Channel"])
    assert ami.names() == ["RdIn", "RdFallback", "RdEnd"]


async def test_whom_nobody_could_ask_falls_back_to_the_queue_of_the_number_that_he_dialled(
    pbx: Pbx,
) -> None:
    await pbx.rx("queue add member PJSIP/1003 to rd_help")
    async with AmiProbe.connected(pbx) as ami, phone(pbx, "1003"), calling(pbx, "4001"):
        assert (await ami.event("RdFallback"))["Queue"] == "help"
        await ami.event("AgentConnect", Interface="PJSIP/1003")


async def test_a_call_id_has_the_form_the_service_expects(pbx: Pbx) -> None:
    async with waiting_caller(pbx) as (ami, waiting, _):
        arrived = await ami.event("RdIn")
        assert arrived["Dnis"] == "4000"
        call, uniqueid = arrived["Call"], arrived["Uniqueid"]
        assert call.startswith(f"{uniqueid}-")
        assert uniqueid.startswith("pbx1-")
        assert waiting["Call"] == call
        assert (waiting["Queue"], waiting["Credit"], waiting["Try"]) == ("sales", "0", "0")
        assert len(waiting["T0"]) == 13


async def test_a_hung_service_loses_the_caller_to_the_fallback(pbx: Pbx) -> None:
    await pbx.set_global("RD_LEASE", "2")
    async with (
        agi_peer(pbx.settings.pbx.agi_port, None),
        AmiProbe.connected(pbx) as ami,
        calling(pbx),
    ):
        await ami.event("RdFallback", within=6)


async def test_a_hung_service_at_an_announcement_gives_the_caller_back_to_his_place(
    pbx: Pbx,
) -> None:
    scripts: list[str] = []
    async with waiting_caller(pbx) as (ami, waiting, _):
        await pbx.set_global("RD_LEASE", "2")
        # The dummy service ends and another, hung one takes its port.
        async with another_service(pbx, None, scripts):
            await ami.redirect(waiting["Channel"], "rd-visit")
            await ami.event("RdBack", within=6, Call=waiting["Call"])
        assert ami.names() == ["RdIn", "RdWait", "RdBack"]
    assert scripts == ["announce"]


@pytest.mark.parametrize("beats", [0, 1, 1000], ids=["never", "once", "on and on"])
async def test_a_visit_that_hangs_while_the_heart_stands_still_ends_in_the_fallback(
    pbx: Pbx, beats: int
) -> None:
    scripts: list[str] = []

    async def beat() -> None:
        for count in range(beats):
            await pbx.set_global("RD_HB", f"boot.{count}")
            await asyncio.sleep(0.2)  # five times as often as the service

    async with waiting_caller(pbx, stale=60) as (ami, waiting, _):
        await pbx.set_global("RD_LEASE", "2")
        async with another_service(pbx, None, scripts):
            await ami.redirect(waiting["Channel"], "rd-visit")
            await until(lambda: scripts)
            await pbx.set_global("RD_LEASE", "60")  # so many loops is the lease that runs out worth
            beating = asyncio.create_task(beat())
            await ami.event("RdBack", within=10, Call=waiting["Call"])
            if beats > 1:
                with pytest.raises(AssertionError, match="no RdFallback"):
                    await ami.event("RdFallback", within=2)
            else:
                await ami.event("RdFallback", within=10, Call=waiting["Call"])
            beating.cancel()


@asynccontextmanager
async def another_service(
    pbx: Pbx, variables: dict[str, str] | None, scripts: list[str], command: str = ""
) -> AsyncIterator[None]:
    """A FastAGI peer on another port, to which the dialplan is pointed for a while."""
    port = free_port()
    await pbx.set_global("RD_AGI", f"agi://127.0.0.1:{port}")
    try:
        async with agi_peer(port, variables, scripts, command=command):
            yield
    finally:
        await pbx.set_global("RD_AGI", f"agi://127.0.0.1:{pbx.settings.pbx.agi_port}")


async def test_a_heartbeat_that_stops_sends_the_caller_to_the_fallback_after_five_loops(
    pbx: Pbx,
) -> None:
    loop = asyncio.get_running_loop()
    async with waiting_caller(pbx, stale=5) as (ami, waiting, _):
        for count in range(8):  # kept for longer than the five loops, as long as it beats
            await ami.setvar("RD_HB", f"a.{count}")
            with contextlib.suppress(AssertionError):
                await ami.event("RdFallback", within=1.0)
                pytest.fail("the heartbeat went on, yet the caller left")
        stopped = loop.time()
        event = await ami.event("RdFallback", within=9)
        assert 3.5 < loop.time() - stopped < 8
        assert event["Call"] == waiting["Call"]
        assert event["RD_T0"] == waiting["T0"]


async def test_a_new_caller_goes_to_the_fallback_at_once_when_the_service_is_known_to_be_gone(
    pbx: Pbx,
) -> None:
    scripts: list[str] = []
    await pbx.set_global("RD_HB", "a.7")
    await pbx.set_global("RD_DOWN", "a.7")
    async with agi_peer(pbx.settings.pbx.agi_port, WAIT, scripts), AmiProbe.connected(pbx) as ami:
        async with calling(pbx):
            await ami.event("RdFallback")
        assert scripts == []
        await ami.setvar("RD_HB", "b.1")  # the service is back
        seen = len(ami.events)
        async with calling(pbx):
            await ami.event("RdWait", after=seen)
        assert scripts == ["ivr"]


async def test_keys_of_a_waiting_caller_are_told_and_he_waits_on(pbx: Pbx) -> None:
    async with waiting_caller(pbx, keys="1#9") as (ami, waiting, _):
        for key in "1#9":
            await ami.event("RdKey", Call=waiting["Call"], Key=key)
    assert ami.names() == ["RdIn", "RdWait", "RdKey", "RdKey", "RdKey", "RdEnd"]


async def test_redirect_to_dial_rings_the_agent_and_connects(pbx: Pbx) -> None:
    async with phone(pbx, "1001"), waiting_caller(pbx) as (ami, waiting, caller):
        assert (await ami.redirect(waiting["Channel"], "rd-dial", "1001"))["Response"] == "Success"
        rung = await ami.event("DialBegin", Channel=waiting["Channel"])
        await ami.event("DialEnd", DialStatus="ANSWER")
        for uniqueid in (waiting["Uniqueid"], rung["DestUniqueid"]):
            await ami.event("BridgeEnter", Uniqueid=uniqueid)
        left = await ami.event("BridgeEnter", Uniqueid=rung["DestUniqueid"])
        assert left["RD_REF"] == waiting["Call"]
        await caller.hang_up()
        end = await ami.event("RdEnd", Call=waiting["Call"], Agent="1001", Status="ANSWER")
        assert end["RD_REC"]
        await ami.event("Hangup", Uniqueid=rung["DestUniqueid"])
    assert (pbx.settings.spool_dir / f"{waiting['Call']}.caller.raw").exists()


async def test_a_desk_phone_that_hangs_up_ends_the_call(pbx: Pbx) -> None:
    async with phone(pbx, "1001", talk_ms=300), waiting_caller(pbx) as (ami, waiting, caller):
        await ami.redirect(waiting["Channel"], "rd-dial", "1001")
        await ami.event("RdEnd", Status="ANSWER")
        assert await caller.finished() == 0, caller.complaint()
    assert "RdLost" not in ami.names()


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("busy", "BUSY"), ("ring", "NOANSWER"), ("absent", "CHANUNAVAIL"), ("move", "BUSY")],
)
async def test_a_phone_that_does_not_take_the_call_gives_the_caller_back_his_place(
    pbx: Pbx, behaviour: str, status: str
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if behaviour != "absent":
            await stack.enter_async_context(phone(pbx, "1002", behaviour))
        ami, waiting, _ = await stack.enter_async_context(waiting_caller(pbx))
        await ami.setvar("RD_RING", "2", waiting["Channel"])
        seen = len(ami.events)
        await ami.redirect(waiting["Channel"], "rd-dial", "1002")
        refused = await ami.event("RdNoAnswer", Call=waiting["Call"])
        assert (refused["Agent"], refused["Status"], refused["Try"]) == ("1002", status, "1")
        again = await ami.event("RdWait", after=seen)
        assert (again["T0"], again["Try"]) == (waiting["T0"], "1")
        # A phone that sends its calls elsewhere (302) reaches nobody by it.
        rung = {e["DestChannel"][:10] for e in ami.events if e["Event"] == "DialBegin"}
        assert rung <= {"PJSIP/1002"}


async def test_a_phone_that_has_a_caller_is_given_no_other(pbx: Pbx) -> None:
    async with (
        phone(pbx, "1001", "ring"),
        waiting_caller(pbx) as (ami, waiting, _),
        calling(pbx),
    ):
        second = await ami.event("RdWait", within=15, after=ami.events.index(waiting) + 1)
        await ami.redirect(waiting["Channel"], "rd-dial", "1001")
        await ami.event("DialState", DialStatus="RINGING")
        await ami.redirect(second["Channel"], "rd-dial", "1001")
        refused = await ami.event("RdNoAnswer", Call=second["Call"])
        assert (refused["Status"], refused["Try"]) == ("BUSY", "1")
        assert len([event for event in ami.events if event["Event"] == "DialBegin"]) == 1


@pytest.mark.parametrize("exten", ["1001&PJSIP/trunk_demo", "1001@trunk_demo", "x", "1001w^,g"])
async def test_an_exten_that_is_no_phone_rings_nobody(pbx: Pbx, exten: str) -> None:
    async with phone(pbx, "1001"), waiting_caller(pbx) as (ami, waiting, _):
        await ami.redirect(waiting["Channel"], "rd-dial", exten)
        assert (await ami.event("RdNoAnswer"))["Status"] == "INVALID"
        assert not [event for event in ami.events if event["Event"] == "DialBegin"]


async def test_a_lease_of_a_visit_does_not_end_a_conversation(pbx: Pbx) -> None:
    async with phone(pbx, "1001"), waiting_caller(pbx) as (ami, waiting, _):
        await pbx.set_global("RD_LEASE", "2")
        scripts: list[str] = []
        async with another_service(pbx, WAIT, scripts, "WAIT FOR DIGIT 9000"):
            await ami.redirect(waiting["Channel"], "rd-visit")
            await until(lambda: scripts)
            seen = len(ami.events)
            await ami.redirect(waiting["Channel"], "rd-dial", "1001")
            await ami.event("BridgeEnter", Channel=waiting["Channel"])
            with pytest.raises(AssertionError, match="no Hangup"):
                await ami.event("Hangup", after=seen, within=3)


@pytest.mark.parametrize(
    ("dnis", "digits"),
    [
        ("4000&PJSIP/1001", "40001001"),
        ("4000,s,1", "40001"),
        ("4000%24%7BRD_HB%7D", "4000"),
        ("+864000", "+864000"),
        ("4" * 300, "4" * 32),
    ],
)
async def test_a_dialled_number_is_digits_whatever_was_dialled(
    pbx: Pbx, dnis: str, digits: str
) -> None:
    async with AmiProbe.connected(pbx) as ami, calling(pbx, dnis):
        assert (await ami.event("RdIn"))["Dnis"] == digits
        await ami.event("RdFallback")
        assert not [event for event in ami.events if event["Event"] == "DialBegin"]


async def test_a_callers_name_adds_nothing_to_an_event(pbx: Pbx) -> None:
    name = "x,Call: evil,Dnis: 666\\, ${RD_HB} &lt;script&gt; 蔡"
    async with AmiProbe.connected(pbx) as ami, calling(pbx, display=name):
        arrived = await ami.event("RdIn")
        await ami.event("RdFallback", Call=arrived["Call"])
    assert arrived["Dnis"] == "4000"
    assert arrived["Call"].startswith(arrived["Uniqueid"])
    assert "evil" in arrived["CallerIDName"]


async def test_a_stranger_from_an_unknown_address_is_refused(pbx: Pbx) -> None:
    """The trunk is known by 127.0.0.1; who calls from 127.0.0.2 gets 401 and no channel."""
    async with AmiProbe.connected(pbx) as ami:
        assert await is_refused(pbx, source="127.0.0.2")
        # So does who calls himself an agent, wherever he calls from.
        assert await is_refused(pbx, source="127.0.0.1", ani="1001")
        assert not [event for event in ami.events if event["Event"] == "Newchannel"]


async def test_fallback_keeps_the_order_in_which_callers_came(pbx: Pbx) -> None:
    async with agi_peer(pbx.settings.pbx.agi_port, WAIT), AmiProbe.connected(pbx) as ami:
        await pbx.set_global("RD_STALE", "9999")
        async with calling(pbx):
            first = await ami.event("RdWait")
            seen = len(ami.events)
            async with calling(pbx):
                second = await ami.event("RdWait", after=seen)
                # The younger one reaches the queue first.
                for waiting in (second, first):
                    await ami.redirect(waiting["Channel"], "rd-fallback")
                    await ami.event("QueueCallerJoin", Uniqueid=waiting["Uniqueid"])
                await pbx.rx("queue add member PJSIP/1003 to rd_sales")
                async with phone(pbx, "1003"):
                    taken = await ami.event("AgentConnect")
                    assert taken["Uniqueid"] == first["Uniqueid"]


async def test_a_caller_withdrawn_from_the_fallback_waits_with_his_place(pbx: Pbx) -> None:
    async with waiting_caller(pbx) as (ami, waiting, _):
        await ami.redirect(waiting["Channel"], "rd-fallback")
        await ami.event("QueueCallerJoin")
        seen = len(ami.events)
        await ami.send("QueueWithdrawCaller", Queue="rd_sales", Caller=waiting["Channel"])
        left = await ami.event("RdQueueLeft", within=5)
        assert left["Status"] == "WITHDRAW"
        assert (await ami.event("RdWait", after=seen))["T0"] == waiting["T0"]


async def test_an_announcement_that_comes_late_finds_the_caller_in_the_fallback(pbx: Pbx) -> None:
    async with waiting_caller(pbx) as (ami, waiting, _):
        await ami.redirect(waiting["Channel"], "rd-fallback")
        await ami.event("QueueCallerJoin", Channel=waiting["Channel"])
        seen = len(ami.events)
        await ami.redirect(waiting["Channel"], "rd-visit")
        again = await ami.event("RdWait", after=seen, Call=waiting["Call"])
        assert again["T0"] == waiting["T0"]
        assert "RdBack" not in ami.names()[seen:]
