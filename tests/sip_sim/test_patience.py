"""Simulated callers give up while they wait, and never while they talk."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from sip_sim.patience import Line, drawn
from sip_sim.sipp import Load, free_port, party
from sip_sim.steps import Answer, Invite, Ring, Step, WaitForHangup, WaitForWord
from tests.until import until

BEGAN_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
PATIENCE = timedelta(seconds=60)
QUEUE = QueueName("sim")
SECOND = timedelta(seconds=1)


def at(seconds: float) -> datetime:
    return BEGAN_AT + timedelta(seconds=seconds)


def offered(name: str) -> ev.CallOffered:
    return ev.CallOffered(at=at(0), call_id=CallId(name), leg_id=LegId(name), ani=f"+86{name}")


def waits(name: str, seconds: float, since: float | None = None) -> ev.CallEnqueued:
    enqueued_at = at(seconds if since is None else since)
    return ev.CallEnqueued(
        at=at(seconds), call_id=CallId(name), queue=QUEUE, enqueued_at=enqueued_at
    )


def answered(name: str, seconds: float) -> ev.CallAnswered:
    who = AgentId("a")
    return ev.CallAnswered(
        at=at(seconds), call_id=CallId(name), agent_id=who, queue=QUEUE, wait_time=SECOND
    )


@pytest.fixture
def line() -> Line:
    return Line({"+86a": PATIENCE, "+86b": PATIENCE})


@pytest.mark.unit
def test_patience_counts_from_the_queue_and_each_is_told_once(line: Line) -> None:
    line.take([offered("a"), offered("b"), waits("a", 5), waits("b", 10)])
    assert line.leave(at(64)) == []
    assert line.leave(at(65)) == ["+86a"]
    assert line.leave(at(75)) == ["+86b"]
    line.take([waits("a", 76, since=5)])  # it was rung for as he gave up
    assert line.leave(at(200)) == []


@pytest.mark.unit
def test_who_talks_has_all_the_time_of_the_world_and_waits_anew_afterwards(line: Line) -> None:
    line.take([offered("a"), waits("a", 5), answered("a", 50)])
    assert line.leave(at(1000)) == []
    line.take([waits("a", 1000, since=5)])  # sent back to the queue with his place
    assert line.leave(at(1059)) == []
    assert line.leave(at(1060)) == ["+86a"]


@pytest.mark.unit
def test_who_is_rung_for_in_vain_waits_on(line: Line) -> None:
    line.take([offered("a"), waits("a", 5), waits("a", 30, since=5)])
    assert line.leave(at(65)) == ["+86a"]


@pytest.mark.unit
def test_whom_the_service_noticed_late_has_waited_all_the_time(line: Line) -> None:
    for name in "ab":
        seen = ev.CallRecovered(
            at=at(50), call_id=CallId(name), leg_id=LegId(name), state="fallback",
            ani=f"+86{name}", enqueued_at=at(5),
        )  # fmt: skip
        line.take([seen])
    line.take([replace(seen, endpoint=Endpoint("1001"))])
    assert line.leave(at(65)) == ["+86a"], "b talks"


@pytest.mark.unit
def test_who_is_gone_or_is_none_of_ours_is_not_told(line: Line) -> None:
    line.take([offered("a"), offered("c"), waits("a", 5), waits("c", 5)])
    line.take([ev.CallEnded(at=at(6), call_id=CallId("a"), cause=16, ended_by="caller")])
    assert line.leave(at(1000)) == []


@pytest.mark.unit
def test_each_has_a_patience_of_his_own_the_same_in_each_run() -> None:
    numbers = [str(n) for n in range(1000)]
    patience = drawn(numbers, PATIENCE, seed=1)
    assert list(patience) == numbers
    assert all(PATIENCE / 2 <= each <= PATIENCE * 1.5 for each in patience.values())
    assert abs(sum(patience.values(), timedelta(0)) / 1000 - PATIENCE) < SECOND * 3
    assert patience == drawn(numbers, PATIENCE, seed=1) != drawn(numbers, PATIENCE, seed=2)


@pytest.mark.asterisk
async def test_only_the_caller_who_is_told_hangs_up() -> None:
    port, long = free_port(), 60 * SECOND
    called = party(
        "called", [Ring(), Answer(), WaitForHangup(long)], f"127.0.0.1:{free_port()}", port=port
    )
    steps: list[Step] = [Invite("1"), WaitForWord(long)]
    async with (
        called,
        party("calling", steps, f"127.0.0.1:{port}", load=Load(3, 3), trace=True) as callers,
    ):
        await until(lambda: callers.outcome().messages.count("\nACK ") >= 3, 10)
        callers.tell(2)
        await until(lambda: callers.outcome().messages.count("\nBYE ") >= 1, 10)
        callers.tell(2)  # he is gone: nobody hears it
        callers.tell(1)
        await until(lambda: callers.outcome().succeeded == 2, 10)
        assert callers.is_running, "the third still waits"
        callers.tell(3)
        outcome = await callers.finish(10 * SECOND)
    assert (outcome.succeeded, outcome.failed) == (3, 0), outcome.errors
