"""The translator on sequences as Asterisk 22 wrote them (docs/dialplan.md names the events)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.asterisk.channels import ChannelRegistry, endpoint_of
from cti.asterisk.translator import Translator
from cti.domain import events as ev
from cti.domain.calls import CallTable
from cti.domain.ids import CallId, Endpoint, LegId, QueueName
from cti.wire.ami import Message

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL = CallId("pbx1-1795303765.1-77")
CALLER = "Channel=PJSIP/trunk_demo-00001454 Uniqueid=pbx1-1795303765.1"
LEG = "PJSIP/1201-00001455"
DEST = f"DestChannel={LEG} DestUniqueid=pbx1-1795303765.2"
AGENT = f"Channel={LEG} Uniqueid=pbx1-1795303765.2"
B1, B2, HOLD = (
    "BridgeUniqueid=b1 BridgeTechnology=simple_bridge",
    "BridgeUniqueid=b2 BridgeTechnology=simple_bridge",
    "BridgeUniqueid=h1 BridgeTechnology=holding_bridge",
)
USER = f"Call={CALL}"
RD_IN = f"UserEvent UserEvent=RdIn {USER} Dnis=4000 CallerIDNum=13800138000 {CALLER}"
RD_WAIT = f"UserEvent UserEvent=RdWait {USER} T0=1795303765500 Queue=sales Credit=30 Try=0 {CALLER}"
DIAL = f"DialBegin {CALLER} {DEST} DialString=1201"
RINGING = f"DialState {CALLER} {DEST} DialStatus=RINGING"
ANSWER = [
    f"DialEnd {CALLER} {DEST} DialStatus=ANSWER",
    f"BridgeEnter {B1} {AGENT}",
    f"BridgeEnter {B1} {CALLER}",
]
ROOM = [f"BridgeEnter {HOLD} {CALLER}", f"BridgeEnter {HOLD} {AGENT}"]
END_OF_LEG = f"Hangup {AGENT} Cause=16"
END_OF_CALL = f"Hangup {CALLER} Cause=16"
TALKING = [RD_IN, RD_WAIT, f"MixMonitorStart {CALLER}", DIAL, RINGING, *ANSWER]


def message(line: str) -> Message:
    """``Name Key=Value Key=Value…`` as a message."""
    name, *pairs = line.split(" ")
    lines = [f"Event: {name}", *(pair.replace("=", ": ", 1) for pair in pairs)]
    return Message("\r\n".join(lines).encode(), name)


class World:
    """A translator and the fold of what it said."""

    def __init__(self) -> None:
        self.registry = ChannelRegistry()
        self.translator = Translator(self.registry, QueueName("help"))
        self.calls = CallTable()
        self.illegal = 0

    def see(self, *lines: str) -> list[ev.Event]:
        out: list[ev.Event] = []
        for line in lines:
            for event in self.translator.translate(message(line), NOW):
                self.illegal += self.calls.apply(event) is not None
                out.append(event)
        return out

    def names(self, *lines: str) -> list[str]:
        return [type(e).__name__ for e in self.see(*lines)]

    def is_clean(self) -> bool:
        faults = self.translator.unknown or self.translator.malformed or self.translator.late
        return not faults and not self.illegal and len(self.registry) == 0


@pytest.fixture
def world() -> World:
    return World()


def test_a_call_in_a_queue(world: World) -> None:
    offered, enqueued = world.see(RD_IN, RD_WAIT)
    assert offered == ev.CallOffered(
        at=NOW,
        call_id=CALL,
        leg_id=LegId("pbx1-1795303765.1"),
        dnis="4000",
        ani="13800138000",
    )
    assert isinstance(enqueued, ev.CallEnqueued)
    assert enqueued.enqueued_at == datetime.fromtimestamp(1795303765.5, UTC)
    assert (enqueued.queue, enqueued.credit_time.seconds, enqueued.attempt) == ("sales", 30, 0)
    assert world.names(RD_IN) == []  # once is enough


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("O\\'Neil", "O'Neil"),
        (r"a\tb\\c", "a\tb\\c"),
        (r"\\n", r"\n"),
        (r"\q", r"\q"),
        ("<unknown>", ""),
    ],
)
def test_a_name_is_read_as_asterisk_escapes_it(world: World, written: str, name: str) -> None:
    (offered,) = world.see(f"{RD_IN} CallerIDName={written}")
    assert isinstance(offered, ev.CallOffered)
    assert offered.ani_name == name


def test_the_events_own_time_counts(world: World) -> None:
    (offered,) = world.see(RD_IN + " Timestamp=1795303765.25")
    assert offered.at == datetime.fromtimestamp(1795303765.25, UTC)
    assert world.see(RD_WAIT + " Timestamp=nonsense")[0].at == NOW
    assert world.see(RD_WAIT + " Timestamp=1e300")[0].at == NOW


@pytest.mark.parametrize("caller_first", [True, False])
def test_a_whole_call_whichever_side_is_told_first(world: World, caller_first: bool) -> None:
    assert world.names(*TALKING) == [
        "CallOffered", "CallEnqueued", "RecordingStarted", "LegDialled", "LegRang", "CallConnected",
    ]  # fmt: skip
    ends = [END_OF_CALL, END_OF_LEG] if caller_first else [END_OF_LEG, END_OF_CALL]
    names = world.names(
        f"HangupRequest {CALLER} Cause=16",
        f"BridgeLeave {B1} {CALLER}",
        f"BridgeLeave {B1} {AGENT}",
        f"MixMonitorStop {CALLER}",
        f"UserEvent UserEvent=RdEnd {USER} Agent=1201 Status=ANSWER Cause=16 {CALLER}",
        *ends,
    )
    assert sorted(names) == ["CallEnded", "LegEnded", "RecordingStopped"]
    ended = world.calls.get(CALL)
    assert ended is not None
    assert not ended.is_live
    assert world.is_clean()


@pytest.mark.parametrize(
    ("who", "by"), [(CALLER, "caller"), (AGENT, "agent"), ("Channel=x Uniqueid=x", "system")]
)
def test_who_ended_the_call(world: World, who: str, by: str) -> None:
    world.see(*TALKING, f"HangupRequest {who}", f"HangupRequest {CALLER}" if by == "agent" else "")
    (ended,) = world.see(END_OF_CALL)
    assert isinstance(ended, ev.CallEnded)
    assert ended.ended_by == by


def no_answer(status: str, cause: int) -> str:
    return f"UserEvent UserEvent=RdNoAnswer {USER} Agent=1201 Status={status} Cause={cause} Try=1 {CALLER}"


@pytest.mark.parametrize(
    ("before", "told", "result"),
    [
        ([DIAL, RINGING, f"HangupRequest {AGENT} Cause=17"], no_answer("BUSY", 17), "declined"),
        ([DIAL, RINGING], no_answer("CHANUNAVAIL", 21), "declined"),  # 603
        ([DIAL, RINGING], no_answer("NOANSWER", 0), "no_answer"),
        ([DIAL, RINGING, END_OF_LEG], no_answer("NOANSWER", 0), "no_answer"),
        ([DIAL], no_answer("NOANSWER", 0), "unreachable"),  # no SIP reply at all
        ([], no_answer("CHANUNAVAIL", 3), "unreachable"),  # not registered: never dialled
        ([], no_answer("CONGESTION", 34), "unreachable"),
    ],
)
def test_a_phone_that_does_not_take_the_call(
    world: World, before: list[str], told: str, result: str
) -> None:
    world.see(RD_IN, RD_WAIT, *before)
    (refused, enqueued) = world.see(told, RD_WAIT)
    assert isinstance(refused, ev.CallNotAnswered)
    assert (refused.endpoint, refused.result) == ("1201", result)
    assert isinstance(enqueued, ev.CallEnqueued)
    world.see(END_OF_LEG, END_OF_CALL)  # the leg's Hangup may come after RdWait
    assert world.is_clean()


def test_a_phone_rings_anew_at_each_dial(world: World) -> None:
    world.see(RD_IN, RD_WAIT, DIAL, RINGING, END_OF_LEG, no_answer("NOANSWER", 0), RD_WAIT)
    assert world.names(DIAL) == ["LegDialled"]
    (refused,) = world.see(no_answer("NOANSWER", 0))
    assert isinstance(refused, ev.CallNotAnswered)
    assert refused.result == "unreachable"


def test_hold_by_command_and_by_the_phone(world: World) -> None:
    world.see(*TALKING)
    leave = [f"BridgeLeave {B1} {AGENT}", f"BridgeLeave {B1} {CALLER}"]
    (held,) = world.see(*leave, *ROOM, f"BridgeEnter {HOLD} {CALLER}")
    assert held == ev.CallHeld(at=NOW, call_id=CALL, by="agent")
    assert world.names(f"Hold {AGENT}", f"Unhold {AGENT}") == []  # the phone's own key: not now
    (back,) = world.see(f"BridgeEnter {B2} {CALLER}", f"BridgeEnter {B2} {AGENT}")
    assert back == ev.CallRetrieved(at=NOW, call_id=CALL, by="agent")
    assert world.names(f"Unhold {AGENT}") == []  # what a REFER sends
    held, back = world.see(f"Hold {AGENT}", f"Hold {AGENT}", f"Unhold {AGENT}")
    assert (held, back) == (
        ev.CallHeld(at=NOW, call_id=CALL, by="phone"),
        ev.CallRetrieved(at=NOW, call_id=CALL, by="phone"),
    )
    assert world.names(f"Hold {CALLER}", f"Unhold {CALLER}") == []
    # Another party in the same bridge leaves a phone's hold as it is.
    world.see(f"Hold {AGENT}")
    assert world.names(f"BridgeEnter {B2} Channel=Local/x Uniqueid=9") == []
    assert world.calls.get(CALL).held_at is not None  # type: ignore[union-attr]


@pytest.mark.parametrize("order", [1, -1])
def test_on_hold_is_who_can_be_retrieved(world: World, order: int) -> None:
    """Both must be in the room: Bridge fails, and drops the caller, while one is on his way."""
    world.see(*TALKING)
    first, second = ROOM[::order]
    assert world.names(first) == []
    assert world.names(second) == ["CallHeld"]


def test_a_caller_who_leaves_while_on_hold_leaves_an_orphan(world: World) -> None:
    world.see(*TALKING, *ROOM, END_OF_CALL)
    (leg,) = world.translator.take_orphans()
    assert leg.channel == LEG
    assert world.translator.take_orphans() == []


@pytest.mark.parametrize(
    ("request_", "cause", "is_left"),
    [
        (f"HangupRequest {AGENT} Cause=16", 16, True),
        (f"HangupRequest {AGENT} Cause=44", 44, False),  # the phone died: its caller waits again
        (f"HangupRequest {CALLER} Cause=16", 16, False),  # the caller goes himself
    ],
)
def test_an_agent_who_hangs_up_on_hold_leaves_a_caller(
    world: World, request_: str, cause: int, is_left: bool
) -> None:
    world.see(*TALKING, *ROOM, request_, f"Hangup {AGENT} Cause={cause}")
    assert [o.channel for o in world.translator.take_orphans()] == [
        "PJSIP/trunk_demo-00001454"
    ] * is_left
    (ended,) = world.see(END_OF_CALL)
    assert isinstance(ended, ev.CallEnded)
    assert world.translator.take_orphans() == []


def test_an_agent_who_hangs_up_while_talking_leaves_nobody(world: World) -> None:
    world.see(*TALKING, f"HangupRequest {AGENT} Cause=16", END_OF_LEG)
    assert world.translator.take_orphans() == []


def test_an_agent_who_is_lost_and_called_back(world: World) -> None:
    lost = f"UserEvent UserEvent=RdLost {USER} Agent=1201w {CALLER}"
    world.see(*TALKING, f"HangupRequest {AGENT}")
    assert world.names(END_OF_LEG, lost) == ["LegEnded", "AgentLegLost"]
    again = [line.replace("1795303765.2", "1795303765.3") for line in [DIAL, RINGING, *ANSWER]]
    assert world.names(*again) == ["LegDialled", "LegRang", "CallConnected"]
    (ended,) = world.see(END_OF_CALL)
    assert isinstance(ended, ev.CallEnded)
    assert ended.ended_by == "system"  # the lost leg ended no call


def test_the_fallback_queue(world: World) -> None:
    world.see(RD_IN)
    fall = f"UserEvent UserEvent=RdFallback {USER} Queue=sales {CALLER}"
    assert world.names(fall, DIAL, RINGING) == ["CallFellBack", "LegDialled", "LegRang"]
    (refused,) = world.see(f"DialEnd {CALLER} {DEST} DialStatus=NOANSWER")
    assert refused == ev.CallNotAnswered(
        at=NOW, call_id=CALL, endpoint=Endpoint("1201"), result="no_answer"
    )
    assert world.names(f"DialEnd {CALLER} {DEST} DialStatus=CANCEL", END_OF_LEG) == ["LegEnded"]
    assert world.names(DIAL, *ANSWER) == ["LegDialled", "CallConnected"]
    left = f"UserEvent UserEvent=RdQueueLeft {USER} Status=WITHDRAW {CALLER}"
    # Whose queue was never chosen keeps the one of the fallback, then the default.
    (back,) = world.see(left, RD_WAIT.replace("Queue=sales", "Queue="))
    assert isinstance(back, ev.CallEnqueued)
    assert back.queue == "sales"
    assert world.names(f"DialEnd {CALLER} {DEST} DialStatus=BUSY") == []
    other = RD_WAIT.replace("-77", "-78").replace("Queue=sales", "Queue=")
    _, enqueued = world.see(other)
    assert isinstance(enqueued, ev.CallEnqueued)
    assert enqueued.queue == "help"
    assert world.illegal == 0


def test_a_blind_transfer_by_the_phone(world: World) -> None:
    other = "DestChannel=PJSIP/1902-00001630 DestUniqueid=pbx1-1795303765.8"
    world.see(*TALKING)
    assert world.names(
        f"Unhold {AGENT}",
        f"BridgeLeave {B1} {AGENT}",
        f"BridgeLeave {B1} {CALLER}",
        f"BlindTransfer TransfererChannel={LEG}",
        END_OF_LEG,
        f"DialBegin {CALLER} {other}",
        f"BridgeEnter {B2} Channel=PJSIP/1902-00001630 Uniqueid=pbx1-1795303765.8",
        f"BridgeEnter {B2} {CALLER}",
    ) == ["LegEnded", "LegDialled", "CallConnected"]
    assert world.calls.get(CALL).endpoint == "1902"  # type: ignore[union-attr]


def test_an_attended_transfer_by_the_phone(world: World) -> None:
    consult = "Channel=PJSIP/1201-00001647 Uniqueid=pbx1-1795303765.6"
    target = "Channel=PJSIP/1902-00001648 Uniqueid=pbx1-1795303765.7"
    world.see(*TALKING)
    assert world.names(
        f"Hold {AGENT}",
        f"DialBegin {consult} DestChannel=PJSIP/1902-00001648 DestUniqueid=pbx1-1795303765.7",
        f"BridgeEnter {B2} {target}",
        f"BridgeEnter {B2} {consult}",
        f"Unhold {AGENT}",
        f"BridgeLeave {B1} {CALLER}",
        f"BridgeLeave {B2} {consult}",
        f"BridgeEnter {B2} {CALLER}",
        f"AttendedTransfer TransfereeChannel={LEG}",
        f"BridgeLeave {B1} {AGENT}",
        END_OF_LEG,
    ) == ["CallHeld", "CallRetrieved", "LegDialled", "CallConnected", "LegEnded"]
    call = world.calls.get(CALL)
    assert call is not None
    assert (call.endpoint, call.up_leg and call.up_leg.endpoint) == ("1902", "1902")


def test_recording(world: World) -> None:
    world.see(RD_IN)
    start, stop = f"MixMonitorStart {CALLER}", f"MixMonitorStop {CALLER}"
    mute = f"MixMonitorMute {CALLER} Direction=both State="
    assert world.names(start, start, f"{mute}1", f"{mute}0", stop, stop) == [
        "RecordingStarted", "RecordingPaused", "RecordingResumed", "RecordingStopped",
    ]  # fmt: skip
    stranger = "Channel=PJSIP/x-00000001 Uniqueid=9"
    lines = [f"MixMonitorStart {stranger}", f"MixMonitorMute {stranger} State=1"]
    assert world.names(*lines) == []


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("UNAVAILABLE", "unavailable"), ("INVALID", "unavailable"), ("NOT_INUSE", "idle"),
        ("RINGING", "ringing"), ("RINGINUSE", "ringing"), ("INUSE", "in_use"), ("BUSY", "in_use"),
        ("ONHOLD", "on_hold"), ("UNKNOWN", "unknown"),
    ],
)  # fmt: skip
def test_phones(world: World, told: str, state: str) -> None:
    line = f"DeviceStateChange Device=PJSIP/1001w State={told}"
    assert world.see(line, line) == [
        ev.PhoneStateChanged(at=NOW, endpoint=Endpoint("1001w"), state=state)
    ]
    for other in ("PJSIP/trunk_demo", "PJSIP/anonymous", "Queue:rd_sales", "SIP/1001"):
        assert world.see(f"DeviceStateChange Device={other} State={told}") == []


def test_calls_of_strangers_are_none_of_our_business(world: World) -> None:
    stranger = "Channel=PJSIP/1001-00000001 Uniqueid=9"
    assert world.names(
        f"OriginateResponse {stranger}",
        f"DialBegin {stranger} {DEST}",
        f"DialBegin {DEST}",  # an Originate names no caller
        f"DialState {stranger} {DEST} DialStatus=RINGING",
        f"DialEnd {stranger} {DEST} DialStatus=BUSY",
        f"BridgeEnter {B1} {stranger}",
        f"BridgeEnter {HOLD} {stranger}",
        f"BridgeLeave {B1} {stranger}",
        f"BridgeLeave {B2} {stranger}",
        f"Hold {stranger}",
        f"Unhold {stranger}",
        f"HangupRequest {stranger}",
        f"Hangup {stranger} Cause=16",
    ) == []  # fmt: skip
    assert world.is_clean()


def test_a_dial_to_something_that_is_no_phone(world: World) -> None:
    world.see(RD_IN)
    assert world.names(f"DialBegin {CALLER} DestChannel=Local/5@x-1;1 DestUniqueid=5") == []
    assert endpoint_of("PJSIP/1001w-0000002a") == "1001w"
    assert endpoint_of("PJSIP/1001w") is None


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("UserEvent UserEvent=RdIn Call=../../x Uniqueid=1 Channel=a", "RdIn"),
        ("UserEvent UserEvent=RdIn", "RdIn"),
        (RD_WAIT.replace("T0=1795303765500", "T0=soon"), "RdWait"),
        (RD_WAIT.replace("T0=1795303765500", "T0=" + "9" * 400), "RdWait"),
        (RD_WAIT.replace("Queue=sales", "Queue=${EVIL}"), "RdWait"),
        (no_answer("BUSY", 17).replace("Agent=1201", "Agent=1201&x"), "RdNoAnswer"),
        ("BridgeEnter BridgeUniqueid=b1", "BridgeEnter"),
        ("Hangup Uniqueid=1 Cause=many", "Hangup"),
        ("DeviceStateChange Device=PJSIP/1001 State=NEW", "DeviceStateChange"),
    ],
)
def test_what_can_not_be_is_counted_and_survived(world: World, line: str, name: str) -> None:
    assert world.see(line, line) == []
    assert world.translator.malformed == {name: 2}
    assert world.names(RD_IN) == ["CallOffered"]


def test_what_is_told_again_of_a_call_that_is_over_revives_nobody(world: World) -> None:
    world.see(*TALKING, END_OF_LEG, END_OF_CALL)
    assert world.see(RD_IN, RD_WAIT, RD_IN) == []
    assert world.translator.late == {"RdIn": 2, "RdWait": 1}
    assert len(world.registry) == 0


def test_unknown_events_are_counted(world: World) -> None:
    assert world.see("TestEvent", "UserEvent UserEvent=Other", "TestEvent") == []
    assert world.translator.unknown == {"TestEvent": 2, "Other": 1}


@pytest.mark.parametrize("line", [RD_WAIT, no_answer("BUSY", 17)])
def test_a_call_never_heard_of_is_repaired(world: World, line: str) -> None:
    recovered, _ = world.see(line)
    assert isinstance(recovered, ev.CallRecovered)
    assert recovered.state == "waiting"
    assert world.calls.get(CALL) is not None


ALL = [
    *TALKING,
    END_OF_LEG,
    END_OF_CALL,
    f"Hold {AGENT}",
    f"Unhold {AGENT}",
    f"BridgeEnter {HOLD} {CALLER}",
]


@settings(max_examples=25)
@given(st.lists(st.sampled_from(ALL), max_size=25))
def test_any_order_is_survived(lines: list[str]) -> None:
    world = World()
    world.see(*lines)
    assert not world.translator.malformed
    world.see(END_OF_LEG, END_OF_CALL)
    assert len(world.registry) == 0


def test_a_waiting_callers_key_is_told_and_nothing_that_is_none() -> None:
    world = World()
    key = f"UserEvent UserEvent=RdKey {USER} {CALLER}"
    told = world.see(RD_IN, RD_WAIT, f"{key} Key=*")
    assert isinstance(told[-1], ev.WaitingKeyPressed)
    assert (told[-1].call_id, told[-1].key) == (CALL, "*")
    assert world.see(*(f"{key} Key={wrong}" for wrong in ("", "12", "A"))) == []
    assert world.translator.malformed == {"RdKey": 3}


def test_who_leaves_a_line_is_told_to_be_away() -> None:
    world = World()
    sent = f"UserEvent UserEvent=RdXfer {USER} {CALLER} From= Kind=flow To=_voicemail_sales Number= How="
    told = world.see(RD_IN, RD_WAIT, f"{sent}away", f"{sent}nonsense")
    kinds = [e.kind for e in told if isinstance(e, ev.CallTransferred)]
    assert kinds == ["away", "blind"]
