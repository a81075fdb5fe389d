"""The fold of a call's events into its file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.domain import events as ev
from cti.domain.ids import (
    CallId,
    CustomerId,
    Endpoint,
    LegId,
    QueueName,
    RecordingId,
    TicketId,
)
from tickets.model import (
    MAX_TIMELINE,
    CallFile,
    Customer,
    OpeningRule,
    Ticket,
    TicketRules,
    fold,
    is_removable,
    why_open,
)

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL = CallId("pbx1-1.1-1")
FILE = CallFile(CALL, T0)
CONNECTED = ev.CallConnected(at=T0, call_id=CALL, leg_id=LegId("a"), endpoint=Endpoint("1001"))
ABANDONED = ev.CallAbandoned(
    at=T0, call_id=CALL, queue=QueueName("sales"), wait_time=timedelta(seconds=3)
)
NEVER = TicketRules((OpeningRule("never"),))
ANSWERED = TicketRules((OpeningRule("always", queue="help"), OpeningRule("answered")))


@pytest.mark.parametrize(
    ("event", "rules", "reason"),
    [
        (CONNECTED, TicketRules(), "connected"),
        (CONNECTED, ANSWERED, "connected"),
        (CONNECTED, TicketRules((OpeningRule("never", kind="queue"),)), "connected"),
        (ABANDONED, TicketRules(), "abandoned"),
        (CONNECTED, NEVER, None),
        (ABANDONED, ANSWERED, None),
        (CONNECTED, TicketRules(directions=frozenset({"outbound"})), None),
        (ev.RecordingStarted(at=T0, call_id=CALL), TicketRules(), None),
    ],
)
def test_when_a_ticket_opens(event: ev.CallEvent, rules: TicketRules, reason: str | None) -> None:
    assert why_open(FILE, event, rules) == reason
    with_ticket = CallFile(CALL, T0, ticket_id=TicketId(1))
    assert why_open(with_ticket, event, rules) is None


def test_a_message_opens_a_ticket_when_it_is_stored() -> None:
    stored = ev.RecordingStored(
        at=T0, call_id=CALL, recording_id=RecordingId("r"), duration_time=timedelta(seconds=3), sha256="", size=1
    )  # fmt: skip
    begun = ev.VoicemailBegun(at=T0, call_id=CALL, queue=QueueName("sales"))
    assert why_open(FILE, stored, TicketRules()) is None
    left = fold(FILE, begun)
    assert (left.outcome, left.queue, left.timeline[-1].what) == ("voicemail", "sales", "voicemail")
    assert why_open(left, begun, TicketRules()) is None
    again = ev.VoicemailBegun(at=T0, call_id=CALL, queue=QueueName("sales"), take=2)
    over = fold(fold(left, again), ev.CallEnded(at=T0, call_id=CALL, cause=16, ended_by="caller"))
    assert (over.outcome, len(over.timeline)) == ("voicemail", 2)
    assert why_open(over, stored, TicketRules()) == "voicemail"
    talked = fold(fold(FILE, CONNECTED), begun)
    assert talked.outcome == "answered"  # it has its ticket


def test_a_sensitive_nodes_digits_stand_nowhere() -> None:
    event = ev.MenuInput(
        at=T0, call_id=CALL, node="pin", result="match", is_sensitive=True, digits="4711"
    )
    assert fold(FILE, event) == FILE


def test_a_caller_in_a_circle_fills_no_disk() -> None:
    file = FILE
    for n in range(3 * MAX_TIMELINE):
        label = f"menu {n % 2}"
        entered = ev.MenuEntered(
            at=T0, call_id=CALL, flow="f", flow_version=1, node="n", label=label
        )
        file = fold(file, entered)
    assert len(file.timeline) == MAX_TIMELINE
    assert len(file.menu_path) == 12


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from(["hold", "retrieve", "connect", "end"])),
        max_size=25,
    )
)
@settings(max_examples=60)
def test_hold_never_exceeds_the_conversation(steps: list[tuple[int, str]]) -> None:
    file, at = fold(FILE, CONNECTED), T0
    for seconds, step in steps:
        at += timedelta(seconds=seconds)
        if file.ended_at is not None:
            break
        event: ev.CallEvent = {
            "hold": ev.CallHeld(at=at, call_id=CALL, by="agent"),
            "retrieve": ev.CallRetrieved(at=at, call_id=CALL, by="agent"),
            "connect": ev.CallConnected(
                at=at, call_id=CALL, leg_id=LegId("a"), endpoint=Endpoint("1001")
            ),
            "end": ev.CallEnded(at=at, call_id=CALL, cause=16, ended_by="caller"),
        }[step]
        file = fold(file, event)
    assert timedelta(0) <= file.hold_time <= at - T0
    if file.ended_at is not None:
        assert file.hold_time <= file.duration_time
        assert file.held_at is None
        assert file.outcome == "answered"


def test_only_untouched_provisional_files_are_removable() -> None:
    file = Customer(CustomerId(1), "", T0, is_provisional=True)
    ticket = Ticket(TicketId(1), CustomerId(1), "", T0, CALL)
    written = Ticket(TicketId(1), CustomerId(1), "", T0, CALL, note="x", version=1)
    assert is_removable(file, (ticket,))
    assert not is_removable(file, (ticket, written))
    assert not is_removable(Customer(CustomerId(1), "", T0), ())
    assert not is_removable(
        Customer(CustomerId(1), "x", T0, is_provisional=True, is_touched=True), ()
    )


def test_calls_between_our_phones_are_no_cases() -> None:
    internal = replace(FILE, direction="internal")
    assert why_open(internal, CONNECTED, TicketRules()) is None
    assert why_open(replace(FILE, direction="outbound"), CONNECTED, TicketRules()) == "connected"


def test_the_journey_through_other_hands_is_told() -> None:
    def at(seconds: int) -> dict[str, Any]:
        return {"at": T0 + timedelta(seconds=seconds), "call_id": CALL}

    desk = Endpoint("1001")
    other: dict[str, Any] = {"leg_id": LegId("b"), "endpoint": Endpoint("1002w")}
    file = replace(FILE, agent_name="Lina")
    for event in (
        ev.CallTransferred(kind="away", target_kind="queue", target="help", **at(0)),
        ev.CallOverflowed(
            queue=QueueName("sales"), reason="wait", target_kind="queue", target="help", **at(0)
        ),
        ev.CallLeftByKey(queue=QueueName("help"), target_kind="voicemail", target="help", **at(1)),
        CONNECTED,
        ev.CallHeld(by="agent", **at(5)),
        ev.ConsultStarted(endpoint=desk, target_kind="agent", target="1002", **at(10)),
        ev.ConsultStarted(endpoint=desk, target_kind="agent", target="1002", **at(11)),
        ev.PartyJoined(**other, **at(20)),
        ev.CallParked(slot="3", **at(30)),
        ev.CallConnected(**other, **at(40)),
        ev.CallTransferred(kind="blind", target_kind="outside", number="0139", **at(50)),
        ev.CallConnected(leg_id=LegId("t"), endpoint=Endpoint("trunk_carrier"), **at(60)),
        ev.CallEnded(cause=16, ended_by="caller", **at(70)),
    ):
        file = fold(file, event)
    assert [(item.what, item.text) for item in file.timeline] == [
        ("overflowed", "wait"),
        ("left_by_key", "voicemail"),
        ("talk", "Lina"),
        ("hold", ""),
        ("consult", "1002"),
        ("conference", ""),
        ("parked", "3"),
        ("talk", "Lina"),
        ("transferred", ""),
        ("talk", ""),
        ("ended", "caller"),
    ]
    assert file.hold_time == timedelta(seconds=15)
