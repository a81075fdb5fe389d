"""What agents did with their time, by quarter hour."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acd.figures_agents import AgentFigures, AgentTimes, Cells, Seat, stretch
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LINA, TOM, SALES = AgentId("lina"), AgentId("tom"), QueueName("sales")
CALL, LEG, PHONE = CallId("c"), LegId("1.2"), Endpoint("1001w")


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def became(
    minutes: float,
    state: str,
    agent: AgentId = LINA,
    call: CallId | None = None,
    kind: str = "",
) -> ev.Event:
    return ev.AgentStateChanged(
        at=at(minutes), agent_id=agent, state=state, previous="", call_id=call, kind=kind
    )


def told(of: type[ev.Event], minutes: float, **values: Any) -> ev.Event:
    return of(at=at(minutes), call_id=CALL, **values)  # type: ignore[call-arg]


A_QUEUES_CALL = [
    became(0, "READY"),
    became(10, "RINGING", call=CALL, kind="queue"),
    became(11, "TALKING", call=CALL, kind="queue"),
    told(ev.CallAnswered, 11, agent_id=LINA, queue=SALES, wait_time=timedelta(seconds=9)),
    told(ev.CallHeld, 14, by="agent"),
    told(ev.CallHeld, 15, by="phone"),
    told(ev.CallRetrieved, 16, by="agent"),
    became(21, "WRAP_UP", call=CALL, kind="queue"),
    became(22, "READY", call=CALL),
    became(32, "NOT_READY"),
    became(62, "LOGGED_OUT"),
]


def counted(*events: ev.Event) -> Cells:
    times = AgentTimes()
    for event in events:
        times.apply(event)
    return times.take()[0]


def total(cells: Cells, agent: AgentId = LINA) -> AgentFigures:
    figures = AgentFigures()
    for (who, _), cell in cells.items():
        if who == agent:
            figures.add(cell)
    return figures


def minutes(number: float) -> int:
    return round(number * 60_000)


def test_a_stretch_counts_in_each_quarter_that_it_lies_in() -> None:
    cells = counted(*A_QUEUES_CALL)
    first, second = cells[LINA, T0], cells[LINA, at(15)]
    assert (first.ready_ms, first.ring_ms, first.talk_ms) == (minutes(10), minutes(1), minutes(3))
    assert (first.hold_ms, first.wrap_up_ms, first.answered, first.handled) == (minutes(1), 0, 1, 1)
    assert (second.hold_ms, second.talk_ms, second.wrap_up_ms) == (
        minutes(1),
        minutes(5),
        minutes(1),
    )
    assert cells[LINA, at(30)].not_ready_ms == minutes(13)
    assert cells[LINA, at(60)].not_ready_ms == minutes(2)
    day = total(cells)
    assert day.signed_in_ms == minutes(62)
    assert day.occupancy == 11 / (11 + 20)
    assert day.average_handle_time_s == 11 * 60


def test_each_way_to_miss_a_call_is_counted_apart() -> None:
    def missed(reason: str) -> ev.Event:
        return told(ev.AgentDidNotAnswer, 1, agent_id=LINA, queue=SALES, reason=reason)

    day = total(
        counted(missed("no_answer"), missed("no_answer"), missed("declined"), missed("unreachable"))
    )
    assert (day.rona, day.declined, day.unreachable) == (2, 1, 1)


def test_who_is_asked_by_a_colleague_holds_nobody_and_handles_nobody() -> None:
    day = counted(
        became(0, "TALKING", LINA, CALL, "queue"),
        told(ev.ConsultStarted, 2, endpoint=PHONE),
        became(3, "TALKING", TOM, CALL, "consult"),
        told(ev.CallHeld, 4, by="phone"),
        told(ev.CallConnected, 5, leg_id=LEG, endpoint=Endpoint("1002")),
        became(5, "TALKING", TOM, CALL, "transfer"),
        became(5, "READY", LINA),
        became(8, "READY", TOM),
    )
    lina, tom = total(day, LINA), total(day, TOM)
    assert (lina.talk_ms, lina.hold_ms, lina.handled) == (minutes(2), minutes(3), 1)
    assert (tom.talk_ms, tom.hold_ms, tom.handled) == (minutes(5), 0, 1)


def test_a_wish_during_a_call_is_no_second_call_and_keeps_the_hold() -> None:
    day = total(
        counted(
            became(0, "TALKING", call=CALL, kind="queue"),
            told(ev.CallHeld, 1, by="agent"),
            became(2, "TALKING", call=CALL, kind="queue"),  # asks for a break afterwards
            became(3, "NOT_READY"),
        )
    )
    assert (day.handled, day.talk_ms, day.hold_ms) == (1, minutes(1), minutes(2))


def test_a_clock_that_was_set_counts_nothing() -> None:
    back = total(counted(became(10, "READY"), became(4, "TALKING"), became(5, "READY")))
    assert (back.ready_ms, back.talk_ms) == (0, minutes(1))
    years = total(counted(became(0, "READY"), became(60 * 24 * 400, "LOGGED_OUT")))
    assert years.ready_ms == 0


def test_nobody_has_no_figures() -> None:
    assert AgentFigures().occupancy is None
    assert AgentFigures().average_handle_time_s is None
    assert stretch(Seat(LINA), at(5)) == []
    assert counted(told(ev.CallHeld, 1, by="agent"), told(ev.CallRetrieved, 2, by="agent")) == {}


@pytest.mark.parametrize("seed", range(20))
def test_cut_anywhere_the_figures_are_the_same(seed: int) -> None:
    """The seats are all that has to be kept: whoever goes on from them comes to the same sums."""
    rng = random.Random(seed)
    pool = [*A_QUEUES_CALL, became(7, "TALKING", TOM, CALL, "consult"), became(40, "READY", TOM)]
    events = sorted(rng.choices(pool, k=40), key=lambda event: event.at)
    whole = counted(*events)
    pieces: Cells = {}
    times = AgentTimes()
    for event in events:
        times.apply(event)
        if rng.random() < 0.4:
            cells, _ = times.take()
            for key, cell in cells.items():
                pieces.setdefault(key, AgentFigures()).add(cell)
            times = AgentTimes(times.seats.values())
    for key, cell in times.take()[0].items():
        pieces.setdefault(key, AgentFigures()).add(cell)
    assert pieces == whole
