"""What phones do by their own keys, and what is heard: pjsua2 phones that dial, transfer, hand over and speak.

The caller speaks 440 Hz, ann (1001) 880 Hz, bob (1002) 660 Hz. The service's part is played over AMI.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sip_sim.phone import Heard, SoftPhone, soft_phone
from tests.asterisk.agi_peer import agi_peer
from tests.asterisk.ami_probe import AmiProbe, Message
from tests.asterisk.house import WAIT, Talk, answered, rung, waiting_caller
from tests.asterisk.pbx import Pbx
from tests.asterisk.sipp import phone
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120),
]
CALLER, ANN, BOB = 440.0, 880.0, 660.0
HEARD, NOT_HEARD = 0.6, 0.1  # shares of the time listened


@contextlib.asynccontextmanager
async def line(pbx: Pbx, site: Path, name: str, tone: float) -> AsyncIterator[SoftPhone]:
    """A desk phone that answers by itself."""
    async with soft_phone(site, tone) as soft:
        await soft.register(_sip(pbx), name, pbx.secrets.endpoint(name))
        await soft.do("answering", status=200)
        yield soft


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lines(pbx_of_session: Pbx, site: Path) -> AsyncIterator[dict[str, SoftPhone]]:
    """The phones of ann and bob."""
    async with (
        line(pbx_of_session, site, "1001", ANN) as ann,
        line(pbx_of_session, site, "1002", BOB) as bob,
    ):
        yield {"ann": ann, "bob": bob}


@pytest.fixture
def ann(lines: dict[str, SoftPhone]) -> SoftPhone:
    """Ann's phone, which forgot what happened before."""
    lines["ann"].events.clear()
    return lines["ann"]


@pytest.fixture
def bob(lines: dict[str, SoftPhone]) -> SoftPhone:
    """Bob's phone, which forgot what happened before."""
    lines["bob"].events.clear()
    return lines["bob"]


def _sip(pbx: Pbx) -> str:
    return f"127.0.0.1:{pbx.settings.pbx.sip_port}"


async def dial(pbx: Pbx, soft: SoftPhone, number: str) -> int:
    """Dial by the phone's keys; returns the phone's number of the call."""
    call: int = await soft.do("call", uri=f"sip:{number}@{_sip(pbx)}")
    return call


async def refused(pbx: Pbx, soft: SoftPhone, number: str) -> int:
    """Dial what nobody answers; returns the SIP status."""
    call = await dial(pbx, soft, number)
    status: int = (await soft.wait_for("ended", call=call))["status"]
    return status


async def give_to(ami: AmiProbe, waiting: Message, soft: SoftPhone, name: str) -> int:
    """The waiting caller is offered to a phone that answers; returns the phone's number of the call."""
    seen = len(ami.events)
    await ami.redirect(waiting["Channel"], "rd-dial", name)
    await answered(ami, waiting["Channel"], seen)
    call: int = (await soft.wait_for("incoming"))["call"]
    await soft.wait_for("media", call=call, active=True)
    return call


# ---- dialling ----------------------------------------------------------------------------------


async def test_a_phone_dials_a_colleague_and_hears_him(pbx: Pbx, site: Path) -> None:
    async with (
        AmiProbe.connected(pbx) as ami,
        line(pbx, site, "1004", ANN) as ann,
        line(pbx, site, "1005", BOB) as bob,
    ):
        call = await dial(pbx, ann, "1005")
        told = await ami.event("RdOut", From="1004", Kind="agent", To="1005", Cmd="")
        await answered(ami, told["Channel"], 0)
        await hears(ann, BOB)
        await hears(bob, ANN)
        await ann.do("hang_up", call=call)
        await ami.event("RdEnd", Call=told["Call"])


async def test_a_phone_is_told_by_sip_why_nobody_answers(
    pbx: Pbx, ann: SoftPhone, bob: SoftPhone
) -> None:
    await bob.do("answering", status=486)
    try:
        assert await refused(pbx, ann, "1002") == 486
        assert await refused(pbx, ann, "1003") == 480
        assert await refused(pbx, ann, "9999") == 404
        async with phone(pbx, "1003", "ring"):
            await pbx.set_global("RD_CALL_TIME", "1")
            assert await refused(pbx, ann, "1003") == 480
    finally:
        await bob.do("answering", status=200)


async def test_what_a_phone_dials_cannot_reach_beyond_the_company(pbx: Pbx, ann: SoftPhone) -> None:
    async with AmiProbe.connected(pbx) as ami:
        for number in (
            "02155%26PJSIP%2F1002", "o-02155%26PJSIP%2F1002", "02155%40trunk_demo", "02155%2Cs%2C1",
            "02155%22%20%3D%20%22", "02155%24%7BRD_HB%7D", "13800138000", "o-1002", "p-1", "m-9999",
            "q-%2A", "0" * 40,
        ):  # fmt: skip
            assert await refused(pbx, ann, number) in (404, 603, 484), number
        assert rung(ami) == []
        assert "RdOut" not in ami.names()


# ---- transfers by the phone's own keys ---------------------------------------------------------


@pytest.mark.usefixtures("bob")
async def test_an_agents_phone_transfers_blindly_to_a_colleague(pbx: Pbx, ann: SoftPhone) -> None:
    async with waiting_caller(pbx) as (ami, waiting, caller):
        call = await give_to(ami, waiting, ann, "1001")
        seen = len(ami.events)
        await ann.do("transfer", call=call, uri=f"sip:1002@{_sip(pbx)}")
        sent = await ami.event("RdXfer", Call=waiting["Call"], From="1001", Kind="agent", To="1002")
        assert sent["Channel"] == waiting["Channel"]
        await answered(ami, waiting["Channel"], seen)
        await caller.hang_up()
        assert (await ami.event("RdEnd"))["Agent"] == "1002"


async def test_an_agents_phone_transfers_to_somebody_busy_and_the_caller_comes_back(
    pbx: Pbx, ann: SoftPhone
) -> None:
    async with phone(pbx, "1003", "busy"), waiting_caller(pbx) as (ami, waiting, caller):
        call = await give_to(ami, waiting, ann, "1001")
        seen = len(ami.events)
        await ann.do("transfer", call=call, uri=f"sip:1003@{_sip(pbx)}")
        await ami.event("RdXferFail", Status="BUSY", Agent="1003")
        await answered(ami, waiting["Channel"], seen)
        assert rung(ami, seen) == ["1003", "1001"]
        await caller.hang_up()
        await ami.event("RdEnd")


@pytest.mark.parametrize(("dialled", "kind"), [("2001", "queue"), ("*77", "parking")])
async def test_an_agents_phone_transfers_to_a_queue_or_a_parking_place(
    pbx: Pbx, ann: SoftPhone, dialled: str, kind: str
) -> None:
    async with waiting_caller(pbx) as (ami, waiting, caller):
        call = await give_to(ami, waiting, ann, "1001")
        seen = len(ami.events)
        await ann.do("transfer", call=call, uri=f"sip:{dialled}@{_sip(pbx)}")
        await ami.event("RdXfer", From="1001", Kind=kind)
        if kind == "queue":
            assert (await ami.event("RdWait", after=seen))["T0"] > waiting["T0"]
        else:
            await ami.event("RdPark", Slot="7", From="1001")
        await caller.hang_up()
        await ami.event("RdEnd", Call=waiting["Call"])


async def test_a_phone_that_transfers_to_nowhere_keeps_its_caller(pbx: Pbx, ann: SoftPhone) -> None:
    async with waiting_caller(pbx) as (ami, waiting, caller):
        call = await give_to(ami, waiting, ann, "1001")
        await ann.do("transfer", call=call, uri=f"sip:9999@{_sip(pbx)}")
        # Told by 404; the next command finds the call as it was.
        await ann.do("hold", call=call)
        await ami.event("Hold")
        assert "RdXfer" not in ami.names()
        await caller.hang_up()
        await ami.event("RdEnd")


@pytest.mark.usefixtures("bob")
async def test_who_dialled_sends_on_who_was_called_and_the_call_hangs_on_him(
    pbx: Pbx, ann: SoftPhone
) -> None:
    async with phone(pbx, "1003"), AmiProbe.connected(pbx) as ami:
        call = await dial(pbx, ann, "1002")
        told = await ami.event("RdOut")
        bobs = await answered(ami, told["Channel"], 0)
        await ann.wait_for("media", call=call, active=True)
        seen = len(ami.events)
        await ann.do("transfer", call=call, uri=f"sip:1003@{_sip(pbx)}")
        blind = await ami.event("BlindTransfer", TransfererChannel=told["Channel"])
        assert blind["TransfereeChannel"] == bobs
        anchor = await ami.event("RdAnchor", Channel=bobs, Call=told["Call"])
        # What tells that the call goes on comes first, whatever follows.
        ends = [i for i, e in enumerate(ami.events) if e.get("UserEvent") == "RdEnd"]
        assert all(ami.events.index(blind) < i for i in ends)
        third = await answered(ami, bobs, seen)
        await ami.send("Hangup", Channel=third)
        await ami.event("RdEnd", Channel=bobs, Call=anchor["Call"])


@pytest.mark.usefixtures("bob")
async def test_two_lines_of_a_phone_are_joined(pbx: Pbx, ann: SoftPhone) -> None:
    async with waiting_caller(pbx) as (ami, waiting, _):
        first = await give_to(ami, waiting, ann, "1001")
        await ann.do("hold", call=first)
        await ami.event("Hold")
        second = await dial(pbx, ann, "1002")
        own = await ami.event("RdOut", From="1001")
        colleague = await answered(ami, own["Channel"], 0)
        await ann.wait_for("media", call=second, active=True)
        await ann.do("hand_over", call=first, to=second)
        joined = await ami.event("AttendedTransfer", DestType="Bridge")
        assert joined["TransfereeUniqueid"] == waiting["Uniqueid"]
        await ami.event("RdEnd", Call=own["Call"])
        await ami.event("BridgeEnter", Channel=waiting["Channel"], RD_CALL=waiting["Call"])
        await ami.send("Hangup", Channel=colleague)
        await ami.event("RdEnd", Call=waiting["Call"])


@pytest.mark.parametrize("behaviour", ["slow", "ring"])
async def test_a_caller_is_handed_over_while_it_rings(
    pbx: Pbx, ann: SoftPhone, behaviour: str
) -> None:
    await pbx.set_global("RD_CALL_TIME", "4")
    async with phone(pbx, "1003", behaviour), waiting_caller(pbx) as (ami, waiting, caller):
        first = await give_to(ami, waiting, ann, "1001")
        await ann.do("hold", call=first)
        await ami.event("Hold")
        second = await dial(pbx, ann, "1003")
        own = await ami.event("RdOut")
        await ami.event("DialState", DialStatus="RINGING", Channel=own["Channel"])
        await until(lambda: _rings(ann, second))
        seen = len(ami.events)
        await ann.do("hand_over", call=first, to=second)
        await ami.event("AttendedTransfer", DestType="App", TransfereeUniqueid=waiting["Uniqueid"])
        if behaviour == "slow":
            leg = await answered(ami, waiting["Channel"], seen)
            await ami.send("Hangup", Channel=leg)
            assert (await ami.event("RdEnd", Call=waiting["Call"]))["Agent"] == "1003"
        else:
            failed = await ami.event("RdXferFail", Call=waiting["Call"], Status="NOANSWER")
            assert (failed["Agent"], failed["Kind"]) == ("1003", "agent")
            await answered(ami, waiting["Channel"], ami.events.index(failed))  # ann again
            await caller.hang_up()
            assert (await ami.event("RdEnd", Call=waiting["Call"]))["Agent"] == "1001"
        assert _ends(ami, waiting["Call"]) == 1
        assert _ends(ami, own["Call"]) == 1


def _rings(soft: SoftPhone, call: int) -> bool:
    return any(
        e["event"] == "state" and e["call"] == call and e["status"] == 180 for e in soft.events
    )


def _ends(ami: AmiProbe, call: str) -> int:
    return sum(e.get("UserEvent") == "RdEnd" and e["Call"] == call for e in ami.events)


async def test_a_caller_takes_the_place_of_the_phone_that_waited_in_a_queue(
    pbx: Pbx, ann: SoftPhone
) -> None:
    async with waiting_caller(pbx) as (ami, waiting, caller):
        first = await give_to(ami, waiting, ann, "1001")
        await ann.do("hold", call=first)
        await ami.event("Hold")
        second = await dial(pbx, ann, "2001")
        own = await ami.event("RdOut", Kind="queue")
        line_ = await ami.event("RdWait", Call=own["Call"])
        await ann.wait_for("media", call=second, active=True)
        seen = len(ami.events)
        await ann.do("hand_over", call=first, to=second)
        again = await ami.event("RdWait", after=seen, Channel=waiting["Channel"])
        assert (again["Call"], again["T0"]) == (waiting["Call"], line_["T0"])
        await caller.hang_up()
        await ami.event("RdEnd", Call=waiting["Call"])
        assert _ends(ami, own["Call"]) == 1


# ---- parked, picked up -------------------------------------------------------------------------


async def test_a_phone_fetches_a_parked_caller_and_the_place_is_empty_then(
    pbx: Pbx, ann: SoftPhone, bob: SoftPhone
) -> None:
    async with waiting_caller(pbx) as (ami, waiting, _):
        await give_to(ami, waiting, ann, "1001")
        assert await refused(pbx, bob, "*72") == 404
        await ami.redirect(waiting["Channel"], "rd-park", "2")
        await ami.event("RdPark", Slot="2")
        seen = len(ami.events)
        call = await dial(pbx, bob, "*72")
        fetched = await ami.event("BridgeEnter", after=seen, BridgeNumChannels="2")
        assert fetched["Channel"].startswith("PJSIP/1002-")
        assert (fetched["RD_REF"], fetched["RD_STATE"]) == (waiting["Call"], "fetching")
        assert await refused(pbx, ann, "*72") == 404
        await bob.do("hang_up", call=call)
        assert (await ami.event("RdEnd", Call=waiting["Call"]))["Agent"] == "1002"


async def test_a_phone_picks_up_what_rings_at_a_colleague(pbx: Pbx, ann: SoftPhone) -> None:
    async with phone(pbx, "1003", "ring"), waiting_caller(pbx) as (ami, waiting, caller):
        assert await refused(pbx, ann, "*81003") == 404
        await ami.redirect(waiting["Channel"], "rd-dial", "1003")
        ringing = await ami.event("DialState", DialStatus="RINGING")
        await dial(pbx, ann, "*81003")
        taken = await ami.event("DialEnd", DialStatus="ANSWER", Channel=waiting["Channel"])
        assert taken["DestChannel"].startswith("PJSIP/1001-")
        entered = await ami.event("BridgeEnter", Channel=taken["DestChannel"])
        assert entered["RD_REF"] == waiting["Call"]
        await ami.event("Hangup", Uniqueid=ringing["DestUniqueid"])
        await caller.hang_up()
        await ami.event("RdEnd", Call=waiting["Call"])


# ---- what is heard -----------------------------------------------------------------------------


async def hears(soft: SoftPhone, *tones: float) -> None:
    """Listen, a second at a time, until just these tones are heard."""
    heard: list[Heard] = []

    async def so() -> bool:
        heard[:] = [await soft.hear()]
        return all(
            (heard[0].share(tone) > HEARD) if tone in tones else (heard[0].share(tone) < NOT_HEARD)
            for tone in (CALLER, ANN, BOB)
        )

    try:
        await until(so, 15)
    except TimeoutError:
        shares = {tone: round(heard[0].share(tone), 2) for tone in (CALLER, ANN, BOB)}
        raise AssertionError(f"wanted {tones}, heard {shares}") from None


async def test_three_hear_each_other_in_a_conference_and_two_after_it(pbx: Pbx, site: Path) -> None:
    await pbx.set_global("RD_STALE", "9999")
    async with (
        agi_peer(pbx.settings.pbx.agi_port, WAIT),
        AmiProbe.connected(pbx) as ami,
        soft_phone(site, CALLER) as caller,
        line(pbx, site, "1004", ANN) as ann,
        line(pbx, site, "1005", BOB) as bob,
    ):
        await caller.do("outside", server=_sip(pbx), number="13800138000")
        call = await dial(pbx, caller, "4000")
        waiting = await ami.event("RdWait")
        await give_to(ami, waiting, ann, "1004")
        agent = (await ami.event("DialBegin", Channel=waiting["Channel"]))["DestChannel"]
        talk = Talk(ami, waiting["Call"], waiting["Channel"], agent)
        await talk.consulted("1005")
        await asyncio.gather(hears(ann, BOB), hears(bob, ANN))
        await talk.join()
        await asyncio.gather(
            hears(caller, ANN, BOB), hears(ann, CALLER, BOB), hears(bob, CALLER, ANN)
        )
        await ami.send("PlayDTMF", Channel=talk.caller_channel, Digit="7", Duration="120")
        await caller.wait_for("digit", digit="7")
        await talk.hang_up(agent)
        await asyncio.gather(hears(caller, BOB), hears(bob, CALLER))
        await caller.do("hang_up", call=call)
        await talk.over()


async def test_with_sound_a_local_channel_is_optimised_away(pbx: Pbx, site: Path) -> None:
    for step in ("5000,1,Dial(Local/5001@test-hop)", "5001,1,Dial(PJSIP/1004)"):
        await pbx.rx(f"dialplan add extension {step} into test-hop")
    await pbx.set_global("RD_STALE", "9999")
    try:
        async with (
            agi_peer(pbx.settings.pbx.agi_port, WAIT),
            AmiProbe.connected(pbx) as ami,
            soft_phone(site, CALLER) as caller,
            line(pbx, site, "1004", ANN) as ann,
        ):
            await caller.do("outside", server=_sip(pbx), number="13800138000")
            await dial(pbx, caller, "4000")
            waiting = await ami.event("RdWait")
            await ami.redirect(waiting["Channel"], "test-hop", "5000")
            await ann.wait_for("media", active=True)
            await asyncio.gather(hears(caller, ANN), hears(ann, CALLER))
            halves = [
                e["Channel"]
                for e in ami.events
                if e["Event"] == "Newchannel" and e["Channel"].startswith("Local/")
            ]
            assert len(halves) == 2
            for half in halves:
                await ami.event("Hangup", Channel=half)
            assert len(await pbx.channels()) == 2
            await ami.send("Hangup", Channel=waiting["Channel"])
            await ami.event("RdEnd", Call=waiting["Call"])
    finally:
        await pbx.rx("dialplan remove context test-hop")
