"""Transfers, consultations, conferences and pick-up as Asterisk 22 tells them, in the orders that were seen."""

from __future__ import annotations

import pytest

from cti.domain import events as ev
from cti.domain.call import CallState
from cti.domain.ids import CallId, Endpoint
from tests.cti.asterisk.test_translator import (
    AGENT,
    B1,
    CALL,
    CALLER,
    DIAL,
    END_OF_CALL,
    END_OF_LEG,
    HOLD,
    LEG,
    RD_IN,
    RD_WAIT,
    ROOM,
    TALKING,
    USER,
    World,
    world,
)

__all__ = ["world"]  # the fixture
pytestmark = pytest.mark.unit

OWN_ID = CallId("pbx1-1795303770.5-99")
OWN = "Channel=PJSIP/1201-00001460 Uniqueid=pbx1-1795303770.5"
B = "Channel=PJSIP/1202-00001461 Uniqueid=pbx1-1795303770.6"
DEST_B = "DestChannel=PJSIP/1202-00001461 DestUniqueid=pbx1-1795303770.6"
B2, B3 = (f"BridgeUniqueid={b} BridgeTechnology=simple_bridge" for b in ("b2", "b3"))
SECOND_LINE = [
    f"Hold {AGENT}",
    f"UserEvent UserEvent=RdOut Call={OWN_ID} From=1201 Kind=agent To=1202 {OWN}",
    f"DialBegin {OWN} {DEST_B} DialString=1202",
    f"DialState {OWN} {DEST_B} DialStatus=RINGING",
]
B_ANSWERS = [
    f"DialEnd {OWN} {DEST_B} DialStatus=ANSWER",
    f"BridgeEnter {B2} {B}",
    f"BridgeEnter {B2} {OWN}",
]
END_OF_OWN, END_OF_B = f"Hangup {OWN} Cause=16", f"Hangup {B} Cause=16"
BY_COMMAND = [
    f"BridgeLeave {B1} {CALLER}",
    f"BridgeLeave {B1} {AGENT}",
    f"BridgeEnter {HOLD} {CALLER}",
    f"UserEvent UserEvent=RdConsult {USER} From=1201 Kind=agent To=1202 {AGENT}",
    f"DialBegin {AGENT} {DEST_B} DialString=1202",
    f"DialEnd {AGENT} {DEST_B} DialStatus=ANSWER",
    f"BridgeEnter {B2} {B}",
    f"BridgeEnter {B2} {AGENT}",
]


def state(world: World, call_id: CallId = CALL) -> tuple[CallState, str | None]:
    """Where the call is, and with which phone."""
    call = world.calls.get(call_id)
    assert call is not None
    return call.state, call.endpoint


def test_the_phone_consults_on_its_second_line_and_hands_over(world: World) -> None:
    world.see(*TALKING)
    assert world.names(*SECOND_LINE) == [
        "CallHeld", "LegDialled", "ConsultStarted", "LegDialled", "LegRang",
    ]  # fmt: skip
    assert world.names(*B_ANSWERS) == ["ConsultConnected"]
    assert state(world) == (CallState.CONSULTING, "1201")
    roles = sorted(leg.role for leg in world.calls.get(CALL).legs.values())  # type: ignore[union-attr]
    assert roles == ["agent", "consult", "own"]
    names = world.names(
        f"Unhold {AGENT}",
        f"Unhold {OWN}",
        f"BridgeLeave {B1} {CALLER}",
        f"BridgeLeave {B2} {OWN}",
        f"BridgeEnter {B2.replace('simple_bridge', 'native_rtp')} {CALLER}",
        "AttendedTransfer Result=Success OrigTransfererUniqueid=pbx1-1795303765.2"
        " SecondTransfererUniqueid=pbx1-1795303770.5 TransfereeUniqueid=pbx1-1795303765.1 DestType=Bridge",
        f"BridgeLeave {B1} {AGENT}",
        END_OF_LEG,
        END_OF_OWN,
    )
    assert names == ["CallRetrieved", "CallConnected", "ConsultEnded", "LegEnded", "LegEnded"]
    assert state(world) == (CallState.TALKING, "1202")
    assert [call.call_id for call in world.translator.take_joined()] == [CALL]
    assert world.translator.take_joined() == []
    world.see(f"BridgeLeave {B2} {CALLER}", f"BridgeLeave {B2} {B}", END_OF_B, END_OF_CALL)
    assert world.is_clean()


def test_handed_over_on_the_second_line(world: World) -> None:
    """The one consulted comes to the caller, instead of the other way round."""
    world.see(*TALKING, *SECOND_LINE, *B_ANSWERS)
    names = world.names(
        f"Unhold {OWN}",
        f"BridgeLeave {B2} {B}",
        f"BridgeLeave {B1} {AGENT}",
        f"BridgeEnter {B1} {B}",
        "AttendedTransfer Result=Success OrigTransfererUniqueid=pbx1-1795303770.5"
        " SecondTransfererUniqueid=pbx1-1795303765.2 TransfereeUniqueid=pbx1-1795303770.6 DestType=Bridge",
        END_OF_OWN,
        END_OF_LEG,
    )
    assert names == ["CallConnected", "ConsultEnded", "LegEnded", "LegEnded"]
    assert [call.call_id for call in world.translator.take_joined()] == [CALL]
    world.see(END_OF_B, END_OF_CALL)
    assert world.is_clean()


def test_whose_sound_begins_anew_is_not_on_hold(world: World) -> None:
    world.see(*TALKING)
    call = world.registry.call(CALL)
    assert call is not None
    call.is_renewed = True
    assert world.names(*ROOM, f"BridgeEnter {B2} {CALLER}", f"BridgeEnter {B2} {AGENT}") == []
    assert state(world) == (CallState.TALKING, "1201")
    call.is_renewed = False
    assert world.names(*ROOM) == ["CallHeld"]


def test_handed_over_while_the_one_consulted_still_rings(world: World) -> None:
    world.see(*TALKING, *SECOND_LINE)
    names = world.names(
        f"Unhold {AGENT}",
        f"BridgeLeave {B1} {CALLER}",
        "AttendedTransfer Result=Success OrigTransfererUniqueid=pbx1-1795303765.2"
        " SecondTransfererUniqueid=pbx1-1795303770.5 TransfereeUniqueid=pbx1-1795303765.1 DestType=App",
        f"BridgeLeave {B1} {AGENT}",
        END_OF_LEG,
        END_OF_OWN,
    )
    assert names == ["CallRetrieved", "CallTransferred", "LegEnded", "LegEnded"]
    assert state(world) == (CallState.TRANSFERRING, None)
    assert world.translator.take_joined() == []  # whoever answers hears him from the beginning
    names = world.names(
        f"DialEnd {CALLER} {DEST_B} DialStatus=ANSWER",
        f"BridgeEnter {B3} {B}",
        f"BridgeEnter {B3} {CALLER}",
    )
    assert names == ["CallConnected"]
    assert state(world) == (CallState.TALKING, "1202")


def test_the_one_consulted_hangs_up_and_the_caller_is_taken_back(world: World) -> None:
    world.see(*TALKING, *SECOND_LINE, *B_ANSWERS)
    events = world.see(f"BridgeLeave {B2} {B}", f"BridgeLeave {B2} {OWN}", END_OF_B, END_OF_OWN)
    assert [type(e).__name__ for e in events] == ["ConsultEnded", "LegEnded", "LegEnded"]
    assert isinstance(events[0], ev.ConsultEnded)
    assert events[0].result == "ended"
    assert state(world) == (CallState.ON_HOLD, "1201")
    assert world.names(f"Unhold {AGENT}") == ["CallRetrieved"]


@pytest.mark.parametrize(
    ("status", "cause", "result"),
    [
        ("BUSY", "17", "busy"),
        ("NOANSWER", "0", "no_answer"),
        ("CHANUNAVAIL", "3", "unreachable"),
        ("CONGESTION", "34", "congested"),
        ("BUSY", "21", "declined"),
    ],
)
def test_why_the_one_consulted_did_not_answer(
    world: World, status: str, cause: str, result: str
) -> None:
    world.see(*TALKING, *SECOND_LINE)
    failed = f"UserEvent UserEvent=RdDialFail Call={OWN_ID} Status={status} Cause={cause} {OWN}"
    (ended, *_) = world.see(failed, END_OF_B, END_OF_OWN)
    assert isinstance(ended, ev.ConsultEnded)
    assert (ended.result, ended.call_id) == (result, CALL)
    assert world.names(f"Unhold {AGENT}") == ["CallRetrieved"]


@pytest.mark.parametrize("own_first", [True, False])
@pytest.mark.parametrize(("who", "result"), [(OWN, "cancelled"), (B, "ended")])
def test_who_ended_the_consultation_whosever_channel_goes_first(
    world: World, who: str, result: str, own_first: bool
) -> None:
    world.see(*TALKING, *SECOND_LINE, *B_ANSWERS)
    ends = [END_OF_OWN, END_OF_B] if own_first else [END_OF_B, END_OF_OWN]
    ended = next(e for e in world.see(f"HangupRequest {who} Cause=16", *ends))
    assert isinstance(ended, ev.ConsultEnded)
    assert ended.result == result


def test_the_caller_hangs_up_while_he_is_on_hold(world: World) -> None:
    world.see(*TALKING, *SECOND_LINE, *B_ANSWERS)
    assert world.names(f"HangupRequest {CALLER}", END_OF_CALL) == ["ConsultEnded", "CallEnded"]
    assert world.names(END_OF_LEG, END_OF_OWN, END_OF_B) == ["LegEnded"] * 3
    assert world.is_clean()


def test_the_caller_hangs_up_and_the_line_on_which_he_was_held_is_gone_first(world: World) -> None:
    world.see(*TALKING, *SECOND_LINE, *B_ANSWERS)
    leg, ended, over = world.see(f"HangupRequest {CALLER}", END_OF_LEG, END_OF_CALL)
    assert (type(leg), type(over)) == (ev.LegEnded, ev.CallEnded)
    assert isinstance(ended, ev.ConsultEnded)
    assert ended.result == "caller_gone"
    assert world.names(END_OF_OWN, END_OF_B) == ["LegEnded"] * 2
    assert world.is_clean()


def test_a_phone_swaps_between_its_two_lines(world: World) -> None:
    world.see(*TALKING, *SECOND_LINE, *B_ANSWERS)
    assert world.names(f"Hold {OWN}", f"Unhold {AGENT}") == ["CallRetrieved"]
    assert state(world) == (CallState.TALKING, "1201")
    assert world.names(f"Hold {AGENT}", f"Unhold {OWN}") == ["CallHeld", "ConsultStarted"]
    assert state(world) == (CallState.CONSULTING, "1201")


def test_consulting_by_command_and_coming_back(world: World) -> None:
    world.see(*TALKING)
    assert world.names(*BY_COMMAND) == ["ConsultStarted", "LegDialled", "ConsultConnected"]
    ended = f"UserEvent UserEvent=RdConsultEnd {USER} From=1201 Status=ANSWER {AGENT}"
    names = world.names(f"BridgeLeave {B2} {B}", END_OF_B, ended, f"BridgeEnter {HOLD} {AGENT}")
    assert names == ["ConsultEnded", "LegEnded"]
    assert state(world) == (CallState.ON_HOLD, "1201")
    back = [f"BridgeEnter {B3} {CALLER}", f"BridgeEnter {B3} {AGENT}"]
    assert world.names(*back) == ["CallRetrieved"]
    assert state(world) == (CallState.TALKING, "1201")


@pytest.mark.parametrize("ends", [[END_OF_LEG, END_OF_B], [END_OF_B, END_OF_LEG]])
def test_an_agent_who_hangs_up_while_he_consults_leaves_the_caller_to_the_queue(
    world: World, ends: list[str]
) -> None:
    world.see(*TALKING, *BY_COMMAND, f"HangupRequest {AGENT}", f"BridgeLeave {B2} {AGENT}")
    assert world.names(*ends) == ["ConsultEnded", "LegEnded", "LegEnded"]
    assert world.translator.take_strays() == [CALL]
    assert world.translator.take_orphans() == []


@pytest.mark.parametrize("who_leaves", ["agent", "party", "caller"])
def test_a_conference_is_left_in_every_order(world: World, who_leaves: str) -> None:
    world.see(*TALKING, *BY_COMMAND)
    names = world.names(f"BridgeLeave {HOLD} {CALLER}", f"BridgeEnter {B2} {CALLER}")
    assert names == ["PartyJoined", "ConsultEnded"]
    assert state(world) == (CallState.CONFERENCE, "1201")
    match who_leaves:
        case "agent":
            names = world.names(f"BridgeLeave {B2} {AGENT}", END_OF_LEG)
            assert names == ["PartyLeft", "CallConnected", "LegEnded"]
            assert state(world) == (CallState.TALKING, "1202")
            world.see(f"BridgeLeave {B2} {B}", END_OF_B, END_OF_CALL)
        case "party":
            names = world.names(f"BridgeLeave {B2} {B}", END_OF_B)
            assert names == ["PartyLeft", "CallConnected", "LegEnded"]
            assert state(world) == (CallState.TALKING, "1201")
            world.see(f"BridgeLeave {B2} {AGENT}", END_OF_LEG, END_OF_CALL)
        case _:
            assert world.names(f"BridgeLeave {B2} {CALLER}", END_OF_CALL) == ["CallEnded"]
            world.see(END_OF_LEG, END_OF_B)
    assert world.is_clean()


def test_a_fourth_party_comes_by_originate_and_the_agent_goes(world: World) -> None:
    world.see(*TALKING, *BY_COMMAND, f"BridgeEnter {B2} {CALLER}")
    fourth = "Channel=PJSIP/1203-00001470 Uniqueid=pbx1-1795303780.9"
    begin = (
        "DialBegin DestChannel=PJSIP/1203-00001470 DestUniqueid=pbx1-1795303780.9"
        f" DialString=1203 DestChanVariable=RD_REF={CALL}"
    )
    dialled, joined = world.see(begin, f"BridgeEnter {B2} {fourth}")
    assert isinstance(dialled, ev.LegDialled)
    assert (dialled.role, dialled.endpoint) == ("party", "1203")
    assert isinstance(joined, ev.PartyJoined)
    assert world.names(f"BridgeLeave {B2} {AGENT}", END_OF_LEG) == ["PartyLeft", "LegEnded"]
    assert world.names(f"BridgeLeave {B2} {fourth}") == ["PartyLeft", "CallConnected"]
    assert state(world) == (CallState.TALKING, "1202")


def test_another_phone_picks_up_what_rings(world: World) -> None:
    picked = "Channel=PJSIP/1209-00001480 Uniqueid=pbx1-1795303765.2"
    world.see(
        RD_IN, RD_WAIT, f"DialBegin {CALLER} DestChannel={LEG} DestUniqueid=pbx1-1795303765.2"
    )
    moved, connected = world.see(f"BridgeEnter {B1} {picked}", f"BridgeEnter {B1} {CALLER}")
    assert isinstance(moved, ev.LegMoved)
    assert (moved.from_endpoint, moved.endpoint) == ("1201", "1209")
    assert isinstance(connected, ev.CallConnected)
    assert connected.endpoint == Endpoint("1209")


ONE, TWO = "Local/1202@rd-ring-00000001;1", "Local/1202@rd-ring-00000001;2"
DIAL_ONE = f"DialBegin {CALLER} DestChannel={ONE} DestUniqueid=l.1 DialString=1202@rd-ring"
DIAL_TWO = [
    f"DialBegin Channel={TWO} Uniqueid=l.2 {DEST_B} DialString=1202",
    f"DialState Channel={TWO} Uniqueid=l.2 {DEST_B} DialStatus=RINGING",
]
MEET_ONE = [f"BridgeEnter {B1} Channel={ONE} Uniqueid=l.1", f"BridgeEnter {B1} {CALLER}"]
MEET_TWO = [f"BridgeEnter {B2} {B}", f"BridgeEnter {B2} Channel={TWO} Uniqueid=l.2"]
END_OF_HALVES = [
    f"Hangup Channel={ONE} Uniqueid=l.1 Cause=16",
    f"Hangup Channel={TWO} Uniqueid=l.2 Cause=16",
]


@pytest.mark.parametrize("dials", [[DIAL_ONE, *DIAL_TWO], [*DIAL_TWO, DIAL_ONE]])
@pytest.mark.parametrize(
    "meets",
    [
        [*MEET_ONE, *MEET_TWO],
        [*MEET_TWO, *MEET_ONE],
        [MEET_ONE[0], MEET_TWO[0], MEET_ONE[1], MEET_TWO[1]],
        [MEET_TWO[1], MEET_ONE[1], MEET_TWO[0], MEET_ONE[0]],
    ],
)
def test_a_local_channel_stays_between(world: World, dials: list[str], meets: list[str]) -> None:
    """Whichever half is told of first."""
    world.see(RD_IN, RD_WAIT)
    assert world.names(*dials) == ["LegDialled", "LegRang"]
    assert world.names(*meets) == ["CallConnected"]
    assert state(world) == (CallState.TALKING, "1202")
    assert world.names(f"HangupRequest {B}", END_OF_B, *END_OF_HALVES) == ["LegEnded"]
    (ended,) = world.see(END_OF_CALL)
    assert isinstance(ended, ev.CallEnded)
    assert ended.ended_by == "agent"
    assert world.is_clean()


def test_a_caller_who_is_a_local_channel_himself_is_one_party(world: World) -> None:
    """Whoever is at its other end is the caller, not somebody else."""
    anchor, far = f"Channel={TWO} Uniqueid=l.2", f"Channel={ONE} Uniqueid=l.1"
    trunk = "Channel=PJSIP/trunk_demo-00000009 Uniqueid=t.9"
    world.see(
        RD_IN.replace(CALLER, anchor), RD_WAIT.replace(CALLER, anchor),
        f"BridgeEnter {B1} {far}", f"BridgeEnter {B1} {trunk}",
    )  # fmt: skip
    names = world.names(
        DIAL.replace(CALLER, anchor), f"BridgeEnter {B2} {anchor}", f"BridgeEnter {B2} {AGENT}"
    )
    assert names == ["LegDialled", "CallConnected"]
    assert world.names(f"BridgeLeave {B1} {trunk}", f"BridgeEnter {B1} {trunk}") == []
    world.see(END_OF_LEG, f"Hangup {anchor} Cause=16", f"Hangup {far} Cause=16")
    world.see(f"Hangup {trunk} Cause=16")
    assert world.is_clean()


def test_a_local_channel_lies_between_until_it_is_optimised_away(world: World) -> None:
    world.see(RD_IN, RD_WAIT)
    one, two = ONE, TWO
    names = world.names(
        DIAL_ONE,
        *DIAL_TWO,
        f"BridgeEnter {B2} {B}",
        f"BridgeEnter {B2} Channel={two} Uniqueid=l.2",
        f"BridgeEnter {B1} Channel={one} Uniqueid=l.1",
        f"BridgeEnter {B1} {CALLER}",
        f"BridgeLeave {B1} Channel={one} Uniqueid=l.1",
        f"BridgeLeave {B2} {B}",
        f"BridgeEnter {B1} {B}",
        "Hangup Channel=x Uniqueid=l.1 Cause=16",
        "Hangup Channel=x Uniqueid=l.2 Cause=16",
    )
    assert names == ["LegDialled", "LegRang", "CallConnected"]
    assert state(world) == (CallState.TALKING, "1202")
    world.see(END_OF_B, END_OF_CALL)
    assert world.is_clean()


OUT = "Channel=PJSIP/1201-00001490 Uniqueid=pbx1-1795303790.1"
CUSTOMER = "Channel=PJSIP/trunk_carrier-00001491 Uniqueid=pbx1-1795303790.2"
OUT_ID = CallId("pbx1-1795303790.1-5")
OUTBOUND = [
    f"UserEvent UserEvent=RdOut Call={OUT_ID} From=1201 Kind=outside To= Number=13800138000 {OUT}",
    f"DialBegin {OUT} DestChannel=PJSIP/trunk_carrier-00001491 DestUniqueid=pbx1-1795303790.2",
    f"MixMonitorStart {CUSTOMER}",
    f"UserEvent UserEvent=RdAnchor Call={OUT_ID} Agent=1201 {CUSTOMER}",
    f"BridgeEnter {B1} {CUSTOMER}",
    f"BridgeEnter {B1} {OUT}",
]


def test_an_outbound_call_hangs_on_the_customer_once_he_answered(world: World) -> None:
    offered, _, anchored, recording, connected = world.see(*OUTBOUND)
    assert isinstance(offered, ev.CallOffered)
    assert (offered.direction, offered.endpoint, offered.ani) == ("outbound", "1201", "13800138000")
    assert isinstance(anchored, ev.CallAnchored)
    assert (anchored.leg_id, anchored.endpoint) == ("pbx1-1795303790.2", "1201")
    assert isinstance(recording, ev.RecordingStarted)
    assert isinstance(connected, ev.CallConnected)
    assert connected.endpoint == "1201"
    assert world.names(f"Hangup {OUT} Cause=16") == ["LegEnded"]
    assert world.names(f"Hangup {CUSTOMER} Cause=16") == ["CallEnded"]
    assert world.is_clean()


def test_an_outbound_call_that_fails(world: World) -> None:
    fail = f"UserEvent UserEvent=RdDialFail Call={OUT_ID} Status=CONGESTION Cause=34 {OUT}"
    names = world.names(
        *OUTBOUND[:2], f"Hangup {CUSTOMER} Cause=34", fail, f"Hangup {OUT} Cause=34"
    )
    assert names == ["CallOffered", "LegDialled", "LegEnded", "DialFailed", "CallEnded"]
    assert world.is_clean()


def test_who_began_an_internal_call_sends_the_other_side_on(world: World) -> None:
    inner = f"UserEvent UserEvent=RdOut Call={OUT_ID} From=1201 Kind=agent To=1202 {OUT}"
    world.see(
        inner, f"DialBegin {OUT} {DEST_B}", f"BridgeEnter {B1} {B}", f"BridgeEnter {B1} {OUT}"
    )
    assert state(world, OUT_ID) == (CallState.TALKING, "1202")
    names = world.names(
        "BlindTransfer TransfererUniqueid=pbx1-1795303790.1 TransfereeUniqueid=pbx1-1795303770.6 Extension=1203",
        f"Hangup {OUT} Cause=16",
        f"UserEvent UserEvent=RdAnchor Call={OUT_ID} Agent=1202 {B}",
        f"UserEvent UserEvent=RdXfer Call={OUT_ID} From=1201 Kind=agent To=1203 How=blind {B}",
    )
    assert names == ["CallAnchored", "LegEnded", "CallTransferred"]
    assert state(world, OUT_ID) == (CallState.TRANSFERRING, None)
    assert world.names(END_OF_B) == ["CallEnded"]
    assert world.is_clean()


def test_who_sends_the_other_side_on_by_command_may_be_gone_first(world: World) -> None:
    inner = f"UserEvent UserEvent=RdOut Call={OUT_ID} From=1201 Kind=agent To=1202 {OUT}"
    world.see(
        inner, f"DialBegin {OUT} {DEST_B}", f"BridgeEnter {B1} {B}", f"BridgeEnter {B1} {OUT}"
    )
    call = world.registry.calls[OUT_ID]
    call.heir = call.connected  # what the command leaves behind
    names = world.names(
        f"BridgeLeave {B1} {OUT}",
        f"Hangup {OUT} Cause=16",
        f"UserEvent UserEvent=RdAnchor Call={OUT_ID} Agent=1202 {B}",
        f"UserEvent UserEvent=RdXfer Call={OUT_ID} From=1201 Kind=agent To=1203 How=blind {B}",
    )
    assert names == ["CallAnchored", "LegEnded", "CallTransferred"]
    assert world.names(END_OF_B) == ["CallEnded"]
    assert world.is_clean()


def test_a_queue_is_consulted_and_the_two_calls_become_one(world: World) -> None:
    world.see(*TALKING, f"Hold {AGENT}")
    out = f"UserEvent UserEvent=RdOut Call={OWN_ID} From=1201 Kind=queue To=sales {OWN}"
    offered, started = world.see(out)
    assert isinstance(offered, ev.CallOffered)
    assert offered.consult_of == CALL
    assert isinstance(started, ev.ConsultStarted)
    wait = f"UserEvent UserEvent=RdWait Call={OWN_ID} T0=1795303770500 Queue=sales Try=0 {OWN}"
    names = world.names(wait, f"DialBegin {OWN} {DEST_B}", *B_ANSWERS)
    assert names == ["CallEnqueued", "LegDialled", "CallConnected"]
    assert state(world, OWN_ID) == (CallState.TALKING, "1202")
    names = world.names(
        f"BridgeLeave {B1} {CALLER}",
        f"BridgeLeave {B2} {OWN}",
        f"BridgeEnter {B2} {CALLER}",
        "AttendedTransfer OrigTransfererUniqueid=pbx1-1795303765.2 TransfereeUniqueid=pbx1-1795303765.1 DestType=Bridge",
        END_OF_LEG,
        END_OF_OWN,
    )
    assert names == [
        "CallMerged", "ConsultEnded", "LegDialled", "CallConnected", "LegEnded", "CallEnded",
    ]  # fmt: skip
    assert state(world) == (CallState.TALKING, "1202")
    ended = world.calls.get(OWN_ID)
    assert ended is not None
    assert ended.merged_into == CALL
    world.see(END_OF_B, END_OF_CALL)
    assert world.is_clean()


def test_a_parked_caller_is_fetched_by_any_phone(world: World) -> None:
    world.see(*TALKING)
    park = f"UserEvent UserEvent=RdPark {USER} Slot=3 From=1201 {CALLER}"
    names = world.names(f"BridgeLeave {B1} {CALLER}", park, f"BridgeLeave {B1} {AGENT}", END_OF_LEG)
    assert names == ["CallParked", "LegEnded"]
    assert state(world) == (CallState.PARKED, None)
    assert world.names(f"BridgeEnter {B3} {B}", f"BridgeEnter {B3} {CALLER}") == [
        "LegDialled",
        "CallConnected",
    ]
    assert state(world) == (CallState.TALKING, "1202")


def test_a_held_caller_is_sent_on_and_his_agents_room_is_cleared(world: World) -> None:
    world.see(*TALKING, f"BridgeEnter {HOLD} {CALLER}", f"BridgeEnter {HOLD} {AGENT}")
    xfer = f"UserEvent UserEvent=RdXfer {USER} From=1201 Kind=queue To=help How=blind {CALLER}"
    assert world.names(xfer) == ["CallTransferred"]
    (orphan,) = world.translator.take_orphans()
    assert orphan.leg_id == "pbx1-1795303765.2"
