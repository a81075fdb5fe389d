"""The figures of a simulation, from events."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, CustomerId, LegId, QueueName, TicketId
from sip_sim.simulate import of_calls_to
from sip_sim.summary import picture, sparkline, spread, summarise

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SALES = QueueName("sales")
LINA = AgentId("lina")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def life(
    name: str, begin: float, answer: float | None, end: float, dnis: str = ""
) -> list[ev.Event]:
    call_id = CallId(name)
    events: list[ev.Event] = [
        ev.CallOffered(at=at(begin), call_id=call_id, leg_id=LegId("l"), dnis=dnis),
        ev.CallEnqueued(at=at(begin), call_id=call_id, queue=SALES, enqueued_at=at(begin)),
    ]
    if answer is not None:
        wait = timedelta(seconds=answer - begin)
        events += [
            ev.PopTimed(
                at=at(answer), call_id=call_id, agent_id=LINA, socket_time=timedelta(milliseconds=2),
                paint_time=None, ring_time=timedelta(milliseconds=9),
            ),
            ev.CallAnswered(at=at(answer), call_id=call_id, agent_id=LINA, queue=SALES, wait_time=wait),
        ]  # fmt: skip
    else:
        events.append(
            ev.CallAbandoned(
                at=at(end), call_id=call_id, queue=SALES, wait_time=timedelta(seconds=end - begin)
            )
        )
    return [*events, ev.CallEnded(at=at(end), call_id=call_id, cause=16, ended_by="caller")]


def test_answered_abandoned_and_service_level() -> None:
    events = [
        *life("a", 0, 10, 20),
        *life("b", 1, 31, 40),
        *life("c", 2, None, 60),
        *life("d", 3, None, 5),
    ]
    summary = summarise(events)
    assert (summary.offered, summary.answered, summary.abandoned) == (4, 2, 2)
    assert sorted(summary.waits) == [10, 30]
    # One of the two abandoned within 5 s and is left out: 1 in time of 3.
    assert summary.service_level == pytest.approx(1 / 3)
    assert summary.pops_before_ring == (2, 2)
    assert summary.unfinished == 0


def test_an_overtaking_is_counted() -> None:
    in_order = [*life("a", 0, 10, 20), *life("b", 1, 11, 20)]
    assert summarise(in_order).overtakings == 0
    passed_over = [*life("a", 0, 11, 20), *life("b", 1, 10, 20)]
    assert summarise(passed_over).overtakings == 1


def test_a_call_without_an_end_is_told() -> None:
    assert summarise(life("a", 0, 10, 20)[:-1]).unfinished == 1


def test_the_time_line_counts_who_waits_and_talks() -> None:
    moments = summarise([*life("a", 0, 2, 5), *life("b", 1, 3, 6)]).moments
    assert [(m.waiting, m.talking) for m in moments] == [
        (1, 0), (2, 0), (1, 1), (0, 2), (0, 2), (0, 1), (0, 0),
    ]  # fmt: skip


def test_drawings_hold_together() -> None:
    summary = summarise([*life("a", 0, 2, 5), *life("b", 1, 3, 6)])
    root = ET.fromstring(picture(summary))  # noqa: S314 - our own text
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 2
    assert sparkline([0, 4, 8]) == " ▄█"
    assert len(sparkline(list(range(1000)), width=72)) <= 72
    assert sparkline([]) == ""
    assert summarise([]).moments == ()
    ET.fromstring(picture(summarise([])))  # noqa: S314 - our own text


def test_percentiles() -> None:
    assert spread([]) is None
    assert spread([1.0, 2.0, 3.0]) == {"p50": 2.0, "p95": 3.0, "p99": 3.0, "max": 3.0}


def test_recordings_and_tickets_are_counted() -> None:
    call_id = CallId("a")
    opened = ev.TicketOpened(
        at=at(3),
        call_id=call_id,
        ticket_id=TicketId(1),
        customer_id=CustomerId(1),
        reason="connected",
    )
    summary = summarise([*life("a", 0, 2, 5), opened])
    assert (summary.tickets, summary.recordings) == (1, 0)


def test_calls_of_the_company_itself_do_not_count() -> None:
    ours, others = life("c1", 0, 1, 5, dnis="99000"), life("c2", 0, None, 3, dnis="4000")
    assert of_calls_to("99000", [*others, *ours]) == ours
