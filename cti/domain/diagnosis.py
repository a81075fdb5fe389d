"""What the doctor found out about one thing: well, or in words what is wrong and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

CLOCKS_APART_S = 2.0
"""Seconds between a server's clock and ours that somebody has to look at."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at."""

    what: str
    problem: str = ""  # with its remedy; empty: all well
    stops_start: bool = True  # whether the service can't begin to work with this problem


def causes_of(exc: BaseException) -> list[BaseException]:
    """A failure and what it came from, the first cause last."""
    causes: list[BaseException] = []
    found: BaseException | None = exc
    while found is not None and found not in causes:
        causes.append(found)
        found = found.__cause__ or found.__context__
    return causes


def reason_of(exc: BaseException) -> str:
    """Why a server could not be reached, in a word or two, without anything secret."""
    causes = causes_of(exc)
    if any(type(cause).__name__ == "gaierror" for cause in causes):
        return "the host's name is unknown"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "no answer in time"
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.errno and cause.strerror:
            return cause.strerror
    return type(causes[-1]).__name__


def clocks(whose: str, told_at: datetime, asked_at: datetime, answered_at: datetime) -> str:
    """What is wrong with a clock that told this time when asked for it; empty: nothing."""
    way_time = (answered_at - asked_at) / 2
    apart_s = (told_at - (asked_at + way_time)).total_seconds()
    if abs(apart_s) < CLOCKS_APART_S + way_time.total_seconds():
        return ""
    way = "ahead of" if apart_s > 0 else "behind"
    return f"{whose} clock is {abs(apart_s):.0f} s {way} ours: let both follow NTP"
