"""What a day in the journal teaches."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from acd.simulation.chance import NEVER, Exponential, Observed
from acd.simulation.history import History, learn
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName
from tests.fakes.clock import START_AT

pytestmark = pytest.mark.unit

MIDNIGHT = START_AT.replace(hour=0, minute=0, second=0, microsecond=0)
SALES, HELP, ANNA, PHONE = QueueName("sales"), QueueName("help"), AgentId("anna"), Endpoint("1001")


def agent(at: float, state: str, previous: str, call: str | None = None) -> ev.Event:
    call_id = CallId(call) if call else None
    return ev.AgentStateChanged(
        at=MIDNIGHT + timedelta(seconds=at),
        agent_id=ANNA,
        state=state,
        previous=previous,
        call_id=call_id,
    )


def answered(
    name: str, came: float, chosen: float, taken: float, ended: float, queue: QueueName = SALES
) -> list[ev.Event]:
    def at(seconds: float) -> dict[str, Any]:
        return {"at": MIDNIGHT + timedelta(seconds=seconds), "call_id": CallId(name)}

    wait_time = timedelta(seconds=taken - came)
    return [
        ev.CallEnqueued(**at(came), queue=queue, enqueued_at=MIDNIGHT + timedelta(seconds=came)),
        ev.AgentReserved(
            **at(chosen), agent_id=ANNA, queue=queue, endpoint=PHONE, wait_time=wait_time
        ),
        ev.CallAnswered(**at(taken), agent_id=ANNA, queue=queue, wait_time=wait_time),
        agent(taken, "TALKING", "RINGING", name),
        agent(ended, "WRAP_UP", "TALKING", name),
    ]


def abandoned(name: str, came: float, wait: float, queue: QueueName = SALES) -> list[ev.Event]:
    call_id, at = CallId(name), MIDNIGHT + timedelta(seconds=came)
    wait_time = timedelta(seconds=wait)
    return [
        ev.CallEnqueued(at=at, call_id=call_id, queue=queue, enqueued_at=at),
        ev.CallAbandoned(at=at + wait_time, call_id=call_id, queue=queue, wait_time=wait_time),
    ]


def day() -> History:
    events = [
        agent(30_000, "READY", "NOT_READY"),
        *answered("c1", 32_400, 32_402, 32_405, 32_505),
        agent(32_525, "READY", "WRAP_UP", "c1"),
        *answered("c2", 33_000, 33_030, 33_032, 33_232),
        ev.DemandSet(at=MIDNIGHT, call_id=CallId("c3"), demand="lang=zh", by="menu"),
        ev.DemandSet(at=MIDNIGHT, call_id=CallId("c3"), demand="billing>=3", by="ticket"),
        *abandoned("c3", 33_310, 43),
        agent(33_400, "READY", "WRAP_UP", "c2"),
        agent(60_000, "LOGGED_OUT", "READY"),
        agent(61_000, "READY", "NOT_READY"),
        *abandoned("c4", 61_200, 10, HELP),
    ]
    found = learn(events, MIDNIGHT)
    assert found is not None
    return found


def test_the_profile_is_by_the_quarter_of_an_hour() -> None:
    queue_help, sales = day().traffics
    assert [(i.from_s, i.to_s, i.calls_per_hour) for i in sales.intervals] == [
        (32_400, 33_300, 8),
        (33_300, 34_200, 4),
    ]
    assert (sales.calls, queue_help.calls) == (3, 1)


def test_talk_and_ring_are_those_that_were() -> None:
    queue_help, sales = day().traffics
    assert sales.talk == Observed((100, 200))
    assert sales.answer == Observed((3, 2))
    assert queue_help.talk == Observed((100, 200))  # nobody was answered there: as everywhere
    assert day().done_s == pytest.approx((20 + 168) / 2)


def test_skills_are_demanded_as_often() -> None:
    queue_help, sales = day().traffics
    assert sales.demands == ("", "", "(lang=zh) & (billing>=3)")
    assert queue_help.demands == ("",)


def test_patience_counts_those_who_were_answered() -> None:
    queue_help, sales = day().traffics
    assert sales.patience == Exponential(5 + 32 + 43)
    assert queue_help.patience == Exponential(10)
    only = learn(answered("c1", 32_400, 32_402, 32_405, 32_505), MIDNIGHT)
    assert only is not None
    assert only.traffics[0].patience == NEVER


def test_shifts_are_as_they_were() -> None:
    assert [(s.from_s, s.to_s) for s in day().shifts] == [(30_000, 60_000), (61_000, math.inf)]


def test_what_was_measured() -> None:
    told = day().measured
    assert (told.offered, told.answered, told.abandoned, told.in_time) == (4, 2, 2, 1)
    assert told.service_level == 0.25
    assert told.answer_s == pytest.approx((5 + 32) / 2)


def test_a_day_without_an_answer_teaches_nothing() -> None:
    assert learn([], MIDNIGHT) is None
    assert learn(abandoned("c1", 1, 1), MIDNIGHT) is None
