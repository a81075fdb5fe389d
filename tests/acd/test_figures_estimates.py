"""Estimates at work: who gets one, what may be told, and what outlives a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from acd.figures_board import Member
from acd.figures_estimates import WaitEstimates
from cti.bus.local import LocalBus
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, QueueName
from tests.fakes.people import HandClock

pytestmark = pytest.mark.unit

SALES, HELP, LINA = QueueName("sales"), QueueName("help"), AgentId("lina")
MEMBERS = [Member(LINA, "Lina", "", frozenset({SALES})), Member(AgentId("x"), "X", "", frozenset())]


class Line:
    """Callers in the order in which they came."""

    def __init__(self) -> None:
        self.places: dict[CallId, int] = {}

    def position(self, call_id: CallId) -> int | None:
        return self.places.get(call_id)


class Desk:
    """Estimates with a line and a clock of the test's own."""

    def __init__(self) -> None:
        self.clock, self.bus, self.line = HandClock(), LocalBus(), Line()
        self.told: list[ev.Event] = []
        self.bus.subscribe(self.told.append)
        self.handle_time: timedelta | None = None
        self.estimates = self.made()
        self.estimates.start()

    def made(self) -> WaitEstimates:
        return WaitEstimates(
            self.bus, self.clock, self.line, lambda: MEMBERS, lambda _: self.handle_time
        )

    def tell(self, of: type[ev.Event], call: str, **values: Any) -> None:
        self.bus.publish(of(at=self.clock.now(), call_id=CallId(call), **values))  # type: ignore[call-arg]

    def waits(self, call: str, position: int, queue: QueueName = SALES) -> None:
        self.line.places[CallId(call)] = position
        self.tell(ev.CallEnqueued, call, queue=queue, enqueued_at=self.clock.now())

    def answered(self, call: str, wait: float) -> None:
        self.line.places.pop(CallId(call), None)
        self.tell(
            ev.CallAnswered, call, agent_id=LINA, queue=SALES, wait_time=timedelta(seconds=wait)
        )

    def lina(self, state: str) -> None:
        self.bus.publish(
            ev.AgentStateChanged(at=self.clock.now(), agent_id=LINA, state=state, previous="")
        )

    @property
    def made_so_far(self) -> list[tuple[str, int, float, bool]]:
        return [
            (e.call_id, e.position, e.estimate_time.total_seconds(), e.is_told)
            for e in self.told
            if isinstance(e, ev.WaitEstimated)
        ]


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.lina("READY")
    return desk


def test_who_still_waits_after_a_second_is_estimated_once(desk: Desk) -> None:
    begin = desk.clock.now()
    desk.waits("c1", 2)
    desk.clock.advance(2)
    desk.tell(ev.CallEnqueued, "c1", queue=SALES, enqueued_at=begin)  # back from an announcement
    desk.clock.advance(5)
    assert desk.made_so_far == [("c1", 2, 360, False)]
    desk.waits("c2", 1)
    desk.answered("c2", 0.5)
    desk.clock.advance(5)
    assert len(desk.made_so_far) == 1


def test_without_anybody_there_is_no_estimate(desk: Desk) -> None:
    desk.lina("NOT_READY")
    desk.waits("c1", 1)
    desk.clock.advance(3)
    assert desk.made_so_far == []
    assert desk.estimates.tell(CallId("c1")) is None
    assert desk.estimates.tell(CallId("nobody")) is None


def test_what_is_told_never_grows_also_after_a_restart(desk: Desk) -> None:
    desk.handle_time = timedelta(seconds=60)
    desk.waits("c1", 3)
    assert _told(desk.estimates, "c1") == 180
    desk.handle_time = timedelta(seconds=600)
    assert _told(desk.estimates, "c1") == 180
    desk.line.places[CallId("c1")] = 1
    desk.handle_time = timedelta(seconds=60)
    assert _told(desk.estimates, "c1") == 60
    desk.estimates.stop()
    again = desk.made()
    again.restore(desk.told)
    desk.handle_time = timedelta(seconds=600)
    assert _told(again, "c1") == 60
    assert [told for *_, told in desk.made_so_far] == [True] * 4


def test_another_line_is_another_wait(desk: Desk) -> None:
    desk.handle_time = timedelta(seconds=60)
    desk.waits("c1", 1)
    assert _told(desk.estimates, "c1") == 60
    desk.waits("c1", 5, HELP)
    assert desk.estimates.tell(CallId("c1")) is None  # nobody serves it
    desk.waits("c1", 5)
    assert _told(desk.estimates, "c1") == 300


def test_the_pace_of_the_queue_is_what_counts_once_it_is_known(desk: Desk) -> None:
    for number in range(3):
        desk.clock.advance(20)
        desk.answered(f"a{number}", 90)
    desk.waits("c1", 4)
    desk.clock.advance(1)
    [(_, _, seconds, _)] = desk.made_so_far
    assert seconds == pytest.approx(4 * (90 + 20 + 20) / 3)
    assert [e.basis for e in desk.told if isinstance(e, ev.WaitEstimated)] == ["rate"]


def test_after_the_end_nothing_rings_any_more(desk: Desk) -> None:
    desk.waits("c1", 1)
    desk.estimates.stop()
    desk.waits("c2", 1)
    desk.clock.advance(5)
    assert desk.made_so_far == []


def _told(estimates: WaitEstimates, call: str) -> float:
    found = estimates.tell(CallId(call))
    assert found is not None
    return found.estimate_time.total_seconds()
