"""How long a waiting caller has still to wait: a simple, stated estimate. Pure.

The line moves by hand-overs: each answered call brings everybody one place forward. The *step* is how long the first in
line waited for his turn: the time since the hand-over before, or his own wait where that was shorter (then the line had
been empty). The estimate is the caller's position times the mean step of the last twenty hand-overs of his queue, none of
them older than half an hour.

With fewer than three of them it is position × handling time ÷ agents, the pace at which so many agents, all busy, become
free. Without agents there is no estimate: none is better than a made-up one.

What a caller was told before is never exceeded (``not_worse``), and he is told whole minutes (``rounded``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_ZERO = timedelta(0)
KEPT_STEPS = 20
KEPT_TIME = timedelta(minutes=30)
FEWEST_STEPS = 3
USUAL_HANDLE_TIME = timedelta(minutes=3)
"""Of a queue that has answered nobody yet."""


@dataclass(frozen=True, slots=True)
class Step:
    """One hand-over: when, and how long the first in line had waited for it."""

    at: datetime
    step_time: timedelta


@dataclass(frozen=True, slots=True)
class WaitEstimate:
    """So much longer. ``basis``: ``rate`` or ``agents``, as in WaitEstimated."""

    position: int
    estimate_time: timedelta
    basis: str


@dataclass(slots=True)
class Pace:
    """How a queue moved lately."""

    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=KEPT_STEPS))

    def handed_over(self, at: datetime, wait_time: timedelta) -> None:
        """A caller of this queue was answered after this wait."""
        since = at - self.steps[-1].at if self.steps else wait_time
        self.steps.append(Step(at, max(min(since, wait_time), _ZERO)))

    def recent(self, now: datetime) -> list[Step]:
        """The steps that still say something."""
        return [step for step in self.steps if _ZERO <= now - step.at <= KEPT_TIME]


def estimate(
    position: int,
    recent: Iterable[Step],
    *,
    agents: int,
    handle_time: timedelta = USUAL_HANDLE_TIME,
) -> WaitEstimate | None:
    """How long the caller at this position (from 1) has still to wait; None: nothing can be said.

    ``agents``: who is signed in for the queue and not away. ``handle_time``: mean talk, hold and wrap-up of its calls.

    Raises:
        ValueError: there is no such position.
    """
    if position < 1:
        raise ValueError(f"positions begin with 1, not {position}")
    steps = [step.step_time for step in recent]
    if len(steps) >= FEWEST_STEPS:
        return WaitEstimate(position, position * sum(steps, _ZERO) / len(steps), "rate")
    if agents < 1:
        return None
    return WaitEstimate(position, position * handle_time / agents, "agents")


def not_worse(new: timedelta, told: timedelta | None) -> timedelta:
    """What may be told now: never more than was told before."""
    return new if told is None else min(new, told)


def rounded(time: timedelta, minutes: Sequence[int]) -> tuple[timedelta, bool]:
    """Up to the next of these numbers of minutes, rising; True: it is more than the last."""
    for step in minutes:
        if time <= timedelta(minutes=step):
            return timedelta(minutes=step), False
    return timedelta(minutes=minutes[-1]), True
