"""The estimate of a wait: what it is made of, and that it never grows worse for the one who was told."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.figures_estimate import KEPT_STEPS, Pace, Step, estimate, not_worse

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def s(number: float) -> timedelta:
    return timedelta(seconds=number)


def pace_of(*handed_over: tuple[float, float]) -> Pace:
    pace = Pace()
    for when, waited in handed_over:
        pace.handed_over(at(when), s(waited))
    return pace


def test_a_step_is_how_long_the_first_in_line_waited_for_his_turn() -> None:
    pace = pace_of((0, 50), (30, 60), (50, 40), (200, 10))
    assert [step.step_time for step in pace.steps] == [s(50), s(30), s(20), s(10)]


def test_the_estimate_is_position_times_the_mean_step() -> None:
    pace = pace_of((0, 30), (30, 60), (60, 60))
    found = estimate(4, pace.recent(at(60)), agents=0)
    assert found is not None
    assert (found.position, found.estimate_time, found.basis) == (4, s(120), "rate")


def test_old_steps_and_too_many_are_forgotten() -> None:
    pace = pace_of(*((n, 1) for n in range(100)))
    assert len(pace.recent(at(100))) == KEPT_STEPS
    assert pace.recent(at(100 + 1801)) == []
    assert pace.recent(at(-50)) == []  # the clock was set back: they say nothing


def test_without_a_pace_it_is_handling_time_by_agents() -> None:
    pace = pace_of((0, 30), (30, 60))
    found = estimate(3, pace.recent(at(30)), agents=2, handle_time=s(120))
    assert found is not None
    assert (found.estimate_time, found.basis) == (s(180), "agents")
    assert estimate(3, pace.recent(at(30)), agents=0) is None


@pytest.mark.parametrize("position", [0, -1])
def test_there_is_no_position_before_the_first(position: int) -> None:
    with pytest.raises(ValueError, match="positions begin with 1"):
        estimate(position, [], agents=1)


@settings(max_examples=30)
@given(st.lists(st.timedeltas(s(0), s(3600)), min_size=1, max_size=20))
def test_what_is_told_never_grows(estimates: list[timedelta]) -> None:
    told: timedelta | None = None
    for new in estimates:
        now = not_worse(new, told)
        assert now <= new
        assert told is None or now <= told
        told = now


@settings(max_examples=30)
@given(st.lists(st.timedeltas(s(0), s(600)), max_size=20), st.integers(1, 50), st.integers(0, 20))
def test_further_back_waits_longer(steps: list[timedelta], position: int, agents: int) -> None:
    recent = [Step(T0, step) for step in steps]
    here = estimate(position, recent, agents=agents)
    behind = estimate(position + 1, recent, agents=agents)
    assert (here is None) == (behind is None)
    if here is not None and behind is not None:
        assert s(0) <= here.estimate_time <= behind.estimate_time


def test_in_a_steady_queue_it_is_nearly_right() -> None:
    """Eight agents, exponential calls of three minutes, always a dozen waiting: within 30 % for most."""
    rng = random.Random(7)
    pace, now = Pace(), 0.0
    turns: list[float] = []
    foreseen: list[tuple[int, float, float]] = []
    for n in range(600):
        now += rng.expovariate(8 / 180)
        turns.append(now)
        pace.handed_over(at(now), s(12 * 22.5))
        found = estimate(12, pace.recent(at(now)), agents=8)
        if n > 50 and found is not None:
            foreseen.append((n, now, found.estimate_time.total_seconds()))
    errors = [(guess, turns[n + 12] - when) for n, when, guess in foreseen if n + 12 < len(turns)]
    within = sum(abs(guess - real) <= 0.3 * real for guess, real in errors) / len(errors)
    bias = sum(guess - real for guess, real in errors) / len(errors)
    assert within > 0.5
    assert abs(bias) < 0.15 * 270
