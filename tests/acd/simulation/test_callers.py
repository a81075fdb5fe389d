"""The callers of a day: right on the average, and the same whatever they are compared under."""

from __future__ import annotations

import math

import pytest

from acd.simulation.callers import Interval, Traffic, day_of, steady
from acd.simulation.chance import (
    NEVER,
    Constant,
    Draw,
    Exponential,
    LogNormal,
    Observed,
    spread_of,
    stream,
)
from cti.domain.ids import QueueName

pytestmark = pytest.mark.unit

SALES, HELP = QueueName("sales"), QueueName("help")
MORNING = (Interval(8 * 3600, 9 * 3600, 60), Interval(9 * 3600, 10 * 3600, 600))


def traffic(queue: QueueName = SALES, intervals: tuple[Interval, ...] = MORNING) -> Traffic:
    return Traffic(queue, intervals, Exponential(180), Exponential(60))


def test_callers_come_at_the_profiles_rate() -> None:
    per_hour = [0, 0]
    for seed in range(5):
        for caller in day_of([traffic()], seed):
            per_hour[int(caller.at_s // 3600) - 8] += 1
    # Poisson: 5 hours at 60 and at 600, within four deviations.
    assert per_hour[0] == pytest.approx(300, abs=4 * math.sqrt(300))
    assert per_hour[1] == pytest.approx(3000, abs=4 * math.sqrt(3000))
    assert traffic().calls == 660


def test_the_same_seed_is_the_same_day() -> None:
    day = day_of([traffic()], 7)
    assert day == day_of([traffic()], 7)
    assert day != day_of([traffic()], 8)
    assert [c.number for c in day] == list(range(len(day)))
    assert [c.at_s for c in day] == sorted(c.at_s for c in day)


def test_another_queue_changes_nobody() -> None:
    alone = day_of([traffic()], 3)
    both = [c for c in day_of([traffic(), traffic(HELP)], 3) if c.queue == SALES]
    assert [(c.at_s, c.talk_s, c.patience_s) for c in both] == [
        (c.at_s, c.talk_s, c.patience_s) for c in alone
    ]


def test_more_calls_are_the_same_callers_and_some_more() -> None:
    usual, more = day_of([traffic()], 3), day_of([traffic().scaled(1.2)], 3)
    assert len(more) > len(usual)
    pairs = list(zip(usual, more, strict=False))
    assert all(a.talk_s == b.talk_s and a.patience_s == b.patience_s for a, b in pairs)
    assert all(b.at_s <= a.at_s for a, b in pairs)


@pytest.mark.parametrize(
    ("draw", "deviation"),
    [
        (Exponential(180), 180),
        (LogNormal(180, 0.8), 144),
        (Constant(180), 0),
        (Observed((90, 180, 270)), 73.5),
    ],
)
def test_draws_have_the_mean_they_say(draw: Draw, deviation: float) -> None:
    chance = stream(1, "test")
    values = [draw.draw(chance) for _ in range(4000)]
    assert draw.mean_s == 180
    assert sum(values) / len(values) == pytest.approx(180, abs=4 * deviation / math.sqrt(4000))
    assert min(values) >= 0


def test_endless_patience() -> None:
    day = day_of([Traffic(SALES, steady(100, 1), Constant(1), NEVER)], 1)
    assert all(c.patience_s == math.inf for c in day)


def test_the_standard_error() -> None:
    assert spread_of([1.0, 3.0]) == (2.0, 1.0)
    assert math.isnan(spread_of([1.0])[1])
