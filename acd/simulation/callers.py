"""Who calls: all callers of a day, drawn before the day begins.

Arrivals are a Poisson process whose rate may change by interval. They are unit arrivals bent by the profile: with ten
percent more calls the same callers come, a little closer to each other, and a few more at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from acd.simulation.chance import AT_ONCE, Draw, stream
from cti.domain.ids import QueueName


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller and what he brings; seconds count from the beginning of the day."""

    number: int  # in the order of arrival
    queue: QueueName
    at_s: float
    talk_s: float
    patience_s: float
    answer_s: float = 0.0  # how long an agent lets him ring
    credit_s: float = 0.0
    demand: str = ""  # skills that he needs, as the menu would say it


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of the day with a steady rate."""

    from_s: float
    to_s: float
    calls_per_hour: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one queue's callers are like."""

    queue: QueueName
    intervals: tuple[Interval, ...]  # in order, not overlapping
    talk: Draw
    patience: Draw
    answer: Draw = AT_ONCE
    credit_s: float = 0.0
    demands: tuple[str, ...] = ("",)  # one of these, each as likely

    def scaled(self, factor: float) -> Traffic:
        """The same with so many times the calls."""
        intervals = tuple(
            replace(i, calls_per_hour=i.calls_per_hour * factor) for i in self.intervals
        )
        return replace(self, intervals=intervals)

    @property
    def calls(self) -> float:
        """Calls to be expected."""
        return sum(i.calls_per_hour * (i.to_s - i.from_s) / 3600 for i in self.intervals)


def steady(calls_per_hour: float, hours: float, from_s: float = 0.0) -> tuple[Interval, ...]:
    """One rate all day."""
    return (Interval(from_s, from_s + hours * 3600, calls_per_hour),)


def day_of(traffics: Iterable[Traffic], seed: int) -> list[Caller]:
    """All callers of one day, in the order of arrival."""
    drawn = [caller for traffic in traffics for caller in _callers(traffic, seed)]
    return numbered(drawn)


def numbered(callers: Iterable[Caller]) -> list[Caller]:
    """In the order of arrival, and numbered by it."""
    ordered = sorted(callers, key=lambda caller: (caller.at_s, caller.queue))
    return [replace(caller, number=number) for number, caller in enumerate(ordered)]


def _callers(traffic: Traffic, seed: int) -> Iterator[Caller]:
    talk, patience, answer, need = (
        stream(seed, traffic.queue, purpose) for purpose in ("talk", "patience", "answer", "demand")
    )
    for at_s in _arrivals(traffic.intervals, seed, traffic.queue):
        yield Caller(
            number=0,
            queue=traffic.queue,
            at_s=at_s,
            talk_s=traffic.talk.draw(talk),
            patience_s=traffic.patience.draw(patience),
            answer_s=traffic.answer.draw(answer),
            credit_s=traffic.credit_s,
            demand=traffic.demands[int(need.random() * len(traffic.demands))],
        )


def _arrivals(intervals: Sequence[Interval], seed: int, queue: str) -> Iterator[float]:
    chance = stream(seed, queue, "arrivals")
    unit = -math.log(1.0 - chance.random())  # the next arrival of a process with rate 1
    passed = 0.0  # expected calls up to the interval's beginning
    for interval in intervals:
        expected = interval.calls_per_hour * (interval.to_s - interval.from_s) / 3600
        while unit < passed + expected:
            yield interval.from_s + (unit - passed) * 3600 / interval.calls_per_hour
            unit -= math.log(1.0 - chance.random())
        passed += expected
