"""What is counted of a call, event by event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.call_record import CallRecord, apply
from cti.domain.ids import AgentId, CallId, CustomerId, Endpoint, LegId, QueueName, TicketId
from cti.domain.segments import SegmentKind

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL = CallId("pbx1-1.1-1")
SALES, LINA, PHONE = QueueName("sales"), AgentId("lina"), Endpoint("1001w")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def fold(*events: tuple[type[ev.Event], float, dict[str, Any]]) -> CallRecord:
    record = CallRecord()
    for kind, seconds, values in events:
        record = apply(record, kind(at=at(seconds), call_id=CALL, **values))  # type: ignore[call-arg]
    return record


Told = tuple[type[ev.Event], float, dict[str, Any]]
OFFERED: Told = (ev.CallOffered, 0, {"leg_id": LegId("1")})
DIALLED_OUT: Told = (ev.CallOffered, 0, {"leg_id": LegId("1"), "direction": "outbound"})
ENQUEUED: Told = (ev.CallEnqueued, 5, {"queue": SALES, "enqueued_at": at(5)})
AGAIN: Told = (ev.CallEnqueued, 60, {"queue": QueueName("billing"), "enqueued_at": at(60)})
RINGS: Told = (ev.LegDialled, 10, {"leg_id": LegId("2"), "endpoint": PHONE})
TALKS: Told = (ev.CallConnected, 12, {"leg_id": LegId("2"), "endpoint": PHONE})
ENDED: Told = (ev.CallEnded, 100, {"cause": 16, "ended_by": "caller"})


def test_the_first_queue_agent_and_conversation_count() -> None:
    answered = {"agent_id": LINA, "queue": SALES, "wait_time": timedelta(seconds=7)}
    record = fold(
        OFFERED,
        ENQUEUED,
        (ev.AgentDidNotAnswer, 9, {"agent_id": AgentId("tom"), "queue": SALES, "reason": "x"}),
        RINGS,
        TALKS,
        (ev.CallAnswered, 12, answered),
        AGAIN,
        (ev.LegDialled, 61, {"leg_id": LegId("3"), "endpoint": Endpoint("1002")}),
        (ev.CallConnected, 62, {"leg_id": LegId("3"), "endpoint": Endpoint("1002")}),
        (ev.CallAnswered, 62, answered | {"agent_id": AgentId("mei")}),
        ENDED,
        (ev.CallEnded, 200, {"cause": 1, "ended_by": "system"}),  # told twice: the first counts
    )
    assert (record.queue, record.agent_id, record.endpoint) == (SALES, LINA, PHONE)
    assert (record.enqueued_at, record.answered_at, record.ended_at) == (at(5), at(12), at(100))
    assert (record.attempts, record.outcome, record.cause) == (1, "answered", 16)
    assert record.wait_time == timedelta(seconds=7)
    assert record.time_in(SegmentKind.TALKING) == timedelta(seconds=48 + 38)


def test_holds_transfers_and_what_others_add() -> None:
    transferred = {"kind": "blind", "target_kind": "queue", "target": "billing", "endpoint": PHONE}
    record = fold(
        OFFERED,
        ENQUEUED,
        RINGS,
        TALKS,
        (ev.CallHeld, 20, {"by": "phone"}),
        (ev.CallRetrieved, 25, {"by": "phone"}),
        (ev.ConsultEnded, 26, {"endpoint": PHONE, "result": "cancelled"}),
        (ev.ConsultEnded, 27, {"endpoint": PHONE, "result": "completed"}),
        (ev.CallTransferred, 30, transferred),
        (ev.TicketOpened, 31, {"ticket_id": TicketId(1), "customer_id": CustomerId(1), "reason": "x"}),
        (ev.CallAttached, 32, {"ticket_id": TicketId(2), "from_ticket_id": TicketId(1), "by": "lina"}),
        (ev.DispositionSet, 33, {"ticket_id": TicketId(2), "disposition": "sold", "by": "lina"}),
    )  # fmt: skip
    assert (record.holds, record.transfers) == (1, 2)
    assert (record.ticket_id, record.disposition, record.outcome) == (2, "sold", "")
    assert record.time_in(SegmentKind.ON_HOLD) == timedelta(seconds=5)


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([OFFERED, ENDED], "menu"),
        ([OFFERED, ENQUEUED, ENDED], "unanswered"),
        ([OFFERED, (ev.CallFellBack, 6, {"queue": SALES}), ENDED], "unanswered"),
        ([DIALLED_OUT, ENDED], "unanswered"),
        (
            [
                OFFERED,
                ENQUEUED,
                (ev.CallAbandoned, 99, {"queue": SALES, "wait_time": timedelta(seconds=94)}),
                ENDED,
            ],
            "abandoned",
        ),
        (
            [
                OFFERED,
                ENQUEUED,
                RINGS,
                TALKS,
                AGAIN,
                (ev.CallAbandoned, 99, {"queue": SALES, "wait_time": timedelta(0)}),
                ENDED,
            ],
            "answered",  # he was talked to, and left when he waited a second time
        ),
        ([OFFERED, (ev.CallMerged, 50, {"into_call_id": CallId("other")}), ENDED], "merged"),
    ],
)
def test_outcomes(events: list[Told], outcome: str) -> None:
    assert fold(*events).outcome == outcome


def test_a_call_that_was_found_is_counted_from_what_is_known() -> None:
    record = fold(
        (
            ev.CallRecovered,
            40,
            {"leg_id": LegId("1"), "state": "talking", "queue": SALES, "enqueued_at": at(5), "endpoint": PHONE},
        ),
        (ev.CallRecovered, 50, {"leg_id": LegId("1"), "state": "waiting", "queue": SALES}),
        ENDED,
    )  # fmt: skip
    assert (record.repairs, record.queue, record.enqueued_at) == (2, SALES, at(5))
    assert (record.answered_at, record.endpoint, record.outcome) == (at(40), PHONE, "answered")
    assert record.wait_time == timedelta(seconds=35)


def test_nothing_is_waited_for_where_nothing_is_known() -> None:
    assert fold(OFFERED).wait_time == timedelta(0)
    assert fold(OFFERED, ENQUEUED).wait_time == timedelta(0)
    assert fold(ENDED).life.call is None
