"""A snapshot against what was believed, row by row as Asterisk's lists have them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cti.asterisk.ami_actions import check as _check
from cti.asterisk.channels import ChannelRegistry
from cti.asterisk.reconcile import reconcile
from cti.asterisk.snapshot import Snapshot, read_snapshot
from cti.domain import events as ev
from cti.domain.calls import CallTable
from cti.domain.errors import CommandRefused
from cti.wire.ami import Message

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL = "pbx1-1795303765.1-77"


def row(event: str, *headers: str) -> Message:
    return Message("\r\n".join([f"Event: {event}", *headers]).encode(), event)


def caller(state: str, bridge: str = "", *more: str) -> Message:
    variables = (f"RD_CALL={CALL}", f"RD_REF={CALL}", f"RD_STATE={state}", "RD_T0=1795303765500")
    return row(
        "Status",
        "Channel: PJSIP/trunk_demo-00000001",
        "Uniqueid: 1.1",
        "ChannelStateDesc: Up",
        f"BridgeID: {bridge}",
        "Variable: RD_OUT=(null)",
        *(f"Variable: {v}" for v in (*variables, "RD_QUEUE=sales", "RD_TRY=1", *more)),
    )


def leg(desc: str, bridge: str = "", ref: str = CALL) -> Message:
    return row(
        "Status",
        "Channel: PJSIP/1001-00000002",
        "Uniqueid: 1.2",
        f"ChannelStateDesc: {desc}",
        f"BridgeID: {bridge}",
        "Variable: RD_CALL=(null)",  # as Asterisk prints what a channel hasn't
        "Variable: RD_OUT=(null)",
        f"Variable: RD_REF={ref}",
    )


def local(near: str, far: str) -> tuple[Message, ...]:
    """The halves of a Local channel, each in a bridge or in none."""
    return tuple(
        row(
            "Status",
            f"Channel: Local/1001@house-00000001;{half}",
            f"Uniqueid: 1.{half}0",
            "ChannelStateDesc: Up",
            f"BridgeID: {bridge}",
        )
        for half, bridge in (("1", near), ("2", far))
    )


def seen(*channels: Message, holding: str = "") -> Snapshot:
    bridges = [
        row("BridgeListItem", f"BridgeUniqueid: {holding}", "BridgeTechnology: holding_bridge")
    ]
    devices = [
        row("DeviceStateChange", "Device: PJSIP/1001", "State: INUSE"),
        row("DeviceStateChange", "Device: PJSIP/1002", "State: NEW"),
    ]
    queues = [
        row("QueueMember", "Queue: rd_sales", "Location: PJSIP/1001"),
        row("QueueMember", "Queue: rd_sales", "Location: Local/x"),
    ]
    return read_snapshot(NOW, channels, bridges if holding else [], devices, queues)


def fold(calls: CallTable, events: list[ev.Event]) -> list[str]:
    for event in events:
        assert calls.apply(event) is None
    return [type(e).__name__ for e in events if isinstance(e, ev.CallEvent)]


@pytest.mark.parametrize(
    ("snapshot", "state", "names"),
    [
        (seen(caller("menu")), "menu", ["CallRecovered"]),
        (seen(caller("visiting")), "waiting", ["CallRecovered"]),
        (seen(caller("fallback")), "fallback", ["CallRecovered"]),
        (seen(caller("lost")), "agent_lost", ["CallRecovered"]),
        (seen(caller("talking")), "ringing", ["CallRecovered"]),  # but nobody is with him
        (seen(caller("dialing"), leg("Ringing")), "ringing", ["CallRecovered", "LegDialled", "LegRang"]),
        (seen(caller("dialing", "b"), leg("Up", "b")), "talking", ["CallRecovered", "LegDialled", "CallConnected"]),
        # Queue() sets no RD_REF: the bridge tells whose the leg is.
        (seen(caller("fallback", "b"), leg("Up", "b", "")), "talking", ["CallRecovered", "LegDialled", "CallConnected"]),
        (
            seen(caller("holding", "h"), leg("Up", "h"), holding="h"),
            "on_hold", ["CallRecovered", "LegDialled", "CallConnected", "CallHeld"],
        ),
        # Retrieved: the dialplan still says holding, the bridge knows better.
        (seen(caller("holding", "b"), leg("Up", "b")), "talking", ["CallRecovered", "LegDialled", "CallConnected"]),
        # A Local channel lies between: a phone that it rings is known by its RD_REF, one that talks by the bridges.
        (seen(caller("waiting"), *local("", ""), leg("Ringing")), "ringing", ["CallRecovered", "LegDialled", "LegRang"]),
        (
            seen(caller("waiting", "b"), *local("b", "c"), leg("Up", "c", "")),
            "talking", ["CallRecovered", "LegDialled", "CallConnected"],
        ),
        # Of two bridges that it doesn't join, one is somebody else's.
        (seen(caller("waiting", "b"), *local("b", ""), leg("Up", "c", "")), "waiting", ["CallRecovered"]),
        (seen(caller("waiting", "", "RD_REC=0x1")), "waiting", ["CallRecovered", "RecordingStarted"]),
    ],
)  # fmt: skip
def test_a_service_that_knows_nothing_learns_all(
    snapshot: Snapshot, state: str, names: list[str]
) -> None:
    registry, calls = ChannelRegistry(), CallTable()
    assert fold(calls, reconcile(registry, snapshot, calls.live())) == names
    (call,) = calls.live()
    assert call.state.value == state
    # Once learnt, the same snapshot tells nothing new, phones included.
    assert reconcile(registry, snapshot, calls.live()) == []


def test_what_is_gone_is_closed() -> None:
    registry, calls = ChannelRegistry(), CallTable()
    talking = seen(caller("dialing", "b", "RD_REC=0x1"), leg("Up", "b"))
    fold(calls, reconcile(registry, talking, calls.live()))
    # The leg alone: the caller waits on, without a recording any more.
    waiting = seen(caller("waiting"))
    names = fold(calls, reconcile(registry, waiting, calls.live()))
    assert names == ["CallRecovered", "LegEnded", "RecordingStopped"]
    assert fold(calls, reconcile(registry, seen(), calls.live())) == ["CallEnded"]
    assert len(registry) == 0


def test_a_hold_by_the_phones_own_key_is_no_difference() -> None:
    registry, calls = ChannelRegistry(), CallTable()
    talking = seen(caller("dialing", "b"), leg("Up", "b"))
    fold(calls, reconcile(registry, talking, calls.live()))
    (call,) = registry.calls.values()
    call.held_by = "phone"
    calls.apply(ev.CallHeld(at=NOW, call_id=call.call_id, by="phone"))
    assert reconcile(registry, talking, calls.live()) == []


def test_rows_that_can_not_be_ours_are_left_out() -> None:
    strange = [
        row("Status", "Channel: PJSIP/1001-00000009", "Uniqueid: 9"),
        row("Status", "Channel: x", "Uniqueid: 9", "Variable: RD_CALL=../../etc"),
        caller("menu", "", "RD_CREDIT=many"),
        row("StatusComplete"),
    ]
    snapshot = seen(*strange)
    assert snapshot.calls == {}
    assert snapshot.members == {"1001": frozenset({"sales"})}
    assert [p.state for p in snapshot.phones] == ["in_use"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("No such channel", "no_such_call"),
        ("Channel does not exist: PJSIP/x", "no_such_call"),
        ("Redirect failed, channel not up.", "wrong_state"),
        ("Permission denied", "refused"),
    ],
)
def test_what_an_error_of_asterisk_means(text: str, reason: str) -> None:
    answer = Message(f"Response: Error\r\nMessage: {text}".encode())
    with pytest.raises(CommandRefused) as refusal:
        _check(answer)
    assert refusal.value.reason == reason
    _check(answer, harmless=text.lower())


def test_one_who_was_handed_over_is_known_by_the_callers_bridge() -> None:
    """His channel bears the name of the second line on which he was consulted."""
    snapshot = seen(caller("dialing", "b"), leg("Up", "b", "pbx1-1795303770.5-99"))
    registry, calls = ChannelRegistry(), CallTable()
    names = fold(calls, reconcile(registry, snapshot, calls.live()))
    assert names == ["CallRecovered", "LegDialled", "CallConnected"]
