"""At once, and then not too often; a thousand in turn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from screenpop.pacing import Paced, in_turn
from tests.fakes.people import HandClock

pytestmark = pytest.mark.unit


def test_what_comes_meanwhile_waits_for_a_few_and_not_for_all() -> None:
    clock, seen = HandClock(), list[int | str]()
    in_turn(clock, range(1_000), seen.append)
    before = len(seen)
    clock.call_later(timedelta(0), lambda: seen.append("pop"))
    assert 0 < before <= 50
    clock.advance(0)
    assert [n for n in seen if n != "pop"] == list(range(1_000))
    assert seen.index("pop") <= 2 * before


@pytest.mark.parametrize("count", [0, 1, 25, 26, 50, 51])
def test_everybody_is_visited_once(count: int) -> None:
    clock, seen = HandClock(), list[int]()
    in_turn(clock, range(count), seen.append)
    clock.advance(0)
    assert seen == list(range(count))


def test_many_changes_are_told_at_once_and_then_once_a_second() -> None:
    clock, told = HandClock(), list[float]()
    pacing = Paced(clock, lambda: told.append(clock.monotonic()))
    for _ in range(40):
        pacing.ask()
        clock.advance(0.1)
    clock.advance(10)
    assert told == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0])
