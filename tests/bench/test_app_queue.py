"""The model of ``app_queue``: one-second looks, queues on their own, who comes to his turn and who overtakes."""

from __future__ import annotations

import math

import pytest

from acd.simulation.callers import Caller, numbered
from acd.simulation.centre import Day
from acd.simulation.figures import overtakers
from bench.app_queue import simulate
from cti.domain.ids import AgentId, QueueName

pytestmark = pytest.mark.unit

A, B = QueueName("a"), QueueName("b")


def caller(at: float, talk: float = 10, patience: float = math.inf, queue: QueueName = A) -> Caller:
    return Caller(0, queue, at, talk, patience)


def day(served: dict[str, set[QueueName]], *callers: Caller) -> Day:
    return simulate({AgentId(a): frozenset(q) for a, q in served.items()}, numbered(callers))


def waits(told: Day) -> list[float]:
    return [round(o.wait_s, 6) for o in told.outcomes]


def test_a_freed_agent_waits_until_somebody_looks() -> None:
    # Free again at 10; the caller of 0.3 looks at 10.3.
    assert waits(day({"x": {A}}, caller(0), caller(0.3))) == [0, 10]
    assert waits(day({"x": {A}}, caller(0, talk=10.5), caller(0.3))) == [0, 11]


def test_only_who_is_near_enough_to_the_head_may_go() -> None:
    # At 10.1 the third looks first, but one agent is free and he is the second of the line.
    told = day({"x": {A}}, caller(0), caller(0.5), caller(1.1))
    assert waits(told) == [0, 10, 20]
    # With two free he may, before the one in front of him has looked.
    told = day({"x": {A}, "y": {A}}, caller(0), caller(0), caller(0.5), caller(1.1))
    assert waits(told) == [0, 0, 10, 9]
    assert [o.caller.number for o in overtakers(told)] == [3]


def test_queues_know_nothing_of_each_other() -> None:
    # Who came last looks first after the agent is free.
    told = day({"x": {A, B}}, caller(0), caller(1.5), caller(2.2, queue=B))
    assert waits(told) == [0, 19, 8]
    assert [o.caller.queue for o in overtakers(told)] == [B]


def test_members_take_turns() -> None:
    told = day({"x": {A}, "y": {A}}, *(caller(20.0 * n) for n in range(4)))
    assert [o.agent_id for o in told.outcomes] == ["x", "y", "x", "y"]


def test_who_loses_patience_is_gone() -> None:
    told = day({"x": {A}}, caller(0), caller(0.5, patience=3), caller(1.2))
    assert [o.is_answered for o in told.outcomes] == [True, False, True]
    assert waits(told) == [0, 3, 9]  # and the next one is the first of the line
