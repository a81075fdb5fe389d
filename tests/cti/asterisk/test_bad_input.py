"""What no Asterisk should say, and some do: each is counted, logged once where it is news, and survived."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from cti.asterisk.protocol import AmiProtocol
from cti.domain import events as ev
from cti.domain.errors import SwitchUnavailable
from cti.domain.ids import Endpoint
from cti.wire.ami import Message, encode_action
from tests.contracts.switch_rig import FakeRig
from tests.cti.asterisk.conftest import SECOND, up, whole_call
from tests.cti.asterisk.test_transfers import B_ANSWERS, END_OF_B, END_OF_OWN, SECOND_LINE
from tests.cti.asterisk.test_translator import (
    B1,
    CALLER,
    END_OF_CALL,
    END_OF_LEG,
    RD_IN,
    TALKING,
    USER,
    World,
)
from tests.fakes.asterisk_channels import FakeCaller
from tests.fakes.clock import settle

pytestmark = pytest.mark.unit
Logs = list[MutableMapping[str, Any]]


@pytest.fixture
def logs() -> Iterator[Logs]:
    with capture_logs() as lines:
        yield lines


# ---- events ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "what", "name"),
    [
        ("TestEvent", "ami_event_unknown", "TestEvent"),
        ("UserEvent UserEvent=RdOther", "ami_event_unknown", "RdOther"),
        ("X" * 500, "ami_event_unknown", "X" * 40),
        ("Hangup", "ami_event_malformed", "Hangup"),
        ("UserEvent UserEvent=RdWait", "ami_event_malformed", "RdWait"),
    ],
)
def test_what_is_counted_is_logged_once(logs: Logs, line: str, what: str, name: str) -> None:
    world = World()
    for _ in range(3):
        assert world.see(line) == []
    counter = {**world.translator.unknown, **world.translator.malformed}
    assert counter == {name: 3}
    assert [(entry["event"], entry["event_name"]) for entry in logs] == [(what, name)]


def test_an_event_of_a_call_that_is_over_is_logged_once(logs: Logs) -> None:
    world = World()
    world.see(*TALKING, END_OF_LEG, END_OF_CALL)
    assert world.see(RD_IN, RD_IN, RD_IN) == []
    assert world.translator.late == {"RdIn": 3}
    assert [entry["event"] for entry in logs] == ["ami_event_late"]


@pytest.mark.parametrize(
    "trunk", ["PJSIP/张伟-00001454", "PJSIP/zoë-00001454", "PJSIP/😀-00001454"]
)
def test_a_channel_name_may_hold_any_letters(trunk: str) -> None:
    plain, strange = World(), World()
    story = [*TALKING, END_OF_LEG, END_OF_CALL]
    told = plain.see(*story)
    lines = [line.replace("PJSIP/trunk_demo-00001454", trunk) for line in story]
    assert strange.see(*lines) == told
    assert strange.is_clean()
    sent = encode_action("Redirect", {"Channel": trunk})
    assert Message(sent.strip(), "").get("Channel") == trunk


@pytest.mark.parametrize("kind", ["Bridge", "App"])
def test_who_hangs_up_while_he_is_handed_over_was_handed_to_nobody(kind: str) -> None:
    world = World()
    world.see(*TALKING, *SECOND_LINE, *B_ANSWERS)
    assert world.names(END_OF_CALL) == ["ConsultEnded", "CallEnded"]
    names = world.names(
        "AttendedTransfer Result=Success OrigTransfererUniqueid=pbx1-1795303765.2"
        " SecondTransfererUniqueid=pbx1-1795303770.5"
        f" TransfereeUniqueid=pbx1-1795303765.1 DestType={kind}",
        END_OF_LEG,
        END_OF_B,
        END_OF_OWN,
    )
    assert names == ["LegEnded"] * 3
    assert world.is_clean()


@pytest.mark.parametrize(
    "told",
    [
        f"UserEvent UserEvent=RdXfer {USER} From=1201 Kind=agent To=1202 {CALLER}",
        f"UserEvent UserEvent=RdPark {USER} From=1201 Slot=701 {CALLER}",
        f"UserEvent UserEvent=RdLost {USER} Agent=1201 {CALLER}",
        f"UserEvent UserEvent=RdWait {USER} T0=1795303765500 Queue=sales {CALLER}",
    ],
)
def test_what_the_dialplan_still_tells_of_a_caller_who_hung_up_does_not_hide_that(
    told: str,
) -> None:
    world = World()
    world.see(*TALKING, f"HangupRequest {CALLER}", told, f"BridgeLeave {B1} {CALLER}", END_OF_LEG)
    [ended] = [e for e in world.see(END_OF_CALL) if isinstance(e, ev.CallEnded)]
    assert ended.ended_by == "caller"


# ---- answers -----------------------------------------------------------------------------------


class Nobody:
    """A receiver that remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[Message] = []
        self.ended: list[str] = []

    def data_came(self) -> None: ...

    def event_came(self, event: Message) -> None:
        self.events.append(event)

    def logged_in(self, answer: Message | None) -> None: ...

    def connection_ended(self, cause: str) -> None:
        self.ended.append(cause)


class Written(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += bytes(data)

    def abort(self) -> None: ...


async def test_an_answer_that_comes_twice_or_to_nobody_is_dropped() -> None:
    receiver, transport = Nobody(), Written()
    protocol = AmiProtocol(receiver, None, lambda: 0.0)
    protocol.connection_made(transport)
    protocol.data_received(b"Asterisk Call Manager/11.0.0\r\n")
    first, second = protocol.submit("Ping", {}), protocol.submit("Ping", {})
    ids = [line.split(b": ")[1] for line in transport.data.split(b"\r\n") if b"ActionID" in line]
    answer = b"Response: Success\r\nActionID: %b\r\nMessage: %b\r\n\r\n"
    protocol.data_received(answer % (ids[0], b"one") + answer % (ids[0], b"two"))
    protocol.data_received(answer % (b"nobody", b"asked") + answer % (ids[1], b"three"))
    assert [m.get("Message") for m in await first] == ["one"]
    assert [m.get("Message") for m in await second] == ["three"]
    assert not protocol.pending
    assert not receiver.events
    assert not receiver.ended


async def test_every_action_answered_twice_changes_nothing(rig: FakeRig) -> None:
    rig.pbx.misbehaviour.answers = 2
    await up(rig)
    await whole_call(rig)
    assert [rig.bus.names().count(n) for n in ("LegDialled", "CallConnected", "CallEnded")] == [
        1
    ] * 3
    assert rig.bus.illegal == []
    assert rig.switch.link.connects == 1


async def test_an_action_that_is_never_answered_is_given_up_and_not_sent_again(
    rig: FakeRig,
) -> None:
    await up(rig)
    rig.pbx.misbehaviour.answers = 0
    asking = asyncio.ensure_future(
        rig.switch.link.action("Setvar", {"Variable": "A", "Value": "1"})
    )
    await rig.until(lambda: asking.done())
    with pytest.raises(SwitchUnavailable):
        await asking
    rig.pbx.misbehaviour.answers = 1
    await rig.until(lambda: rig.switch.is_up)
    await settle()
    sent = [headers for name, headers in rig.pbx.actions if headers.get("variable") == "A"]
    assert len(sent) == 1


# ---- a Uniqueid that is given again ------------------------------------------------------------


async def test_a_uniqueid_given_again_after_a_restart_is_another_call(rig: FakeRig) -> None:
    await up(rig)
    rig.pbx.phone("1001", answers_after=SECOND)
    caller, first = await talk(rig, 0)
    rig.pbx.is_reachable = False
    rig.pbx.misbehaviour.dropped = {"Hangup", "HangupRequest", "UserEvent", "BridgeLeave"}
    rig.pbx.drop_links()
    await rig.until(lambda: not rig.switch.is_up)
    caller.hang_up()
    rig.pbx.start_anew()
    rig.pbx.misbehaviour.dropped = set()
    rig.pbx.is_reachable = True
    assert (await rig.event(ev.CallEnded)).call_id == first.call_id
    start = len(rig.bus.seen)
    caller, second = await talk(rig, start)
    assert second.leg_id == first.leg_id, "the same Uniqueid"
    assert second.call_id != first.call_id
    caller.hang_up()
    await rig.gone(second.call_id)
    names = rig.bus.names(start)
    for once in (
        "CallOffered",
        "CallEnqueued",
        "LegDialled",
        "CallConnected",
        "LegEnded",
        "CallEnded",
    ):
        assert names.count(once) == 1, names
    assert rig.bus.illegal == []
    assert len(rig.switch.registry) == 0


async def talk(rig: FakeRig, after: int) -> tuple[FakeCaller, ev.CallOffered]:
    """A caller comes and speaks with phone 1001."""
    caller = rig.pbx.call("4000")
    offered = await rig.event(ev.CallOffered, after=after)
    enqueued = await rig.event(ev.CallEnqueued, after=after)
    await rig.switch.control.offer(enqueued.call_id, Endpoint("1001"), 5 * SECOND)
    await rig.event(ev.CallConnected, after=after)
    return caller, offered
