"""What a simulation did, from the journal alone: figures, a time line, and a picture of it. Pure.

Definitions are DESIGN.md's: wait is enqueued to connected; service level is answered within T over
offered less short abandons (here: abandoned within 5 s).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cti.domain import events as ev
from cti.domain.events import Event
from cti.domain.ids import CallId

SHORT_ABANDON = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Moment:
    """One second of the run."""

    second: int
    waiting: int
    talking: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole run."""

    offered: int
    answered: int
    abandoned: int
    unfinished: int
    waits: tuple[float, ...]  # seconds, of the answered calls
    service_level: float | None
    not_answered: int  # rings that no agent took
    fell_back: int  # calls that the fallback Queue() took
    overtakings: int  # answered before somebody who had waited longer in the same queue
    pops_before_ring: tuple[int, int]  # so many of so many
    socket_ms: tuple[float, ...]
    recordings: int
    tickets: int
    span: timedelta
    moments: tuple[Moment, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, without the single calls."""
        return {
            "offered": self.offered,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "unfinished": self.unfinished,
            "wait_s": spread(self.waits),
            "service_level": self.service_level,
            "rings_not_answered": self.not_answered,
            "fell_back": self.fell_back,
            "overtakings": self.overtakings,
            "pops_before_ring": list(self.pops_before_ring),
            "pop_to_socket_ms": spread(self.socket_ms),
            "recordings": self.recordings,
            "tickets": self.tickets,
            "span_s": self.span.total_seconds(),
            "timeline": [[m.second, m.waiting, m.talking] for m in self.moments],
        }


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Median, 95th and 99th percentile and maximum; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.95, 0.99)]
    median = statistics.median(ordered)
    return {"p50": median, "p95": at[0], "p99": at[1], "max": ordered[-1]}


def summarise(events: Iterable[Event], threshold: timedelta = timedelta(seconds=20)) -> Summary:
    """Fold the events of one run."""
    facts = list(events)
    enqueued: dict[CallId, datetime] = {}
    answered: dict[CallId, ev.CallAnswered] = {}
    abandoned: dict[CallId, ev.CallAbandoned] = {}
    ended: dict[CallId, datetime] = {}
    offered: set[CallId] = set()
    for event in facts:
        match event:
            case ev.CallOffered():
                offered.add(event.call_id)
            case ev.CallEnqueued():
                enqueued.setdefault(event.call_id, event.enqueued_at)
            case ev.CallAnswered():
                answered.setdefault(event.call_id, event)
            case ev.CallAbandoned():
                abandoned[event.call_id] = event
            case ev.CallEnded():
                ended[event.call_id] = event.at
    timed = [e for e in facts if isinstance(e, ev.PopTimed)]
    rung = [e for e in timed if e.ring_time is not None]
    early = [e for e in rung if e.ring_time is not None and e.socket_time < e.ring_time]
    waits = [a.wait_time for a in answered.values()]
    short = sum(1 for a in abandoned.values() if a.wait_time < SHORT_ABANDON)
    base = len(offered) - short
    first = min((e.at for e in facts), default=None)
    last = max((e.at for e in facts), default=None)
    return Summary(
        offered=len(offered),
        answered=len(answered),
        abandoned=len(abandoned),
        unfinished=len(offered - set(ended)),
        waits=tuple(w.total_seconds() for w in waits),
        service_level=sum(1 for w in waits if w <= threshold) / base if base > 0 else None,
        not_answered=sum(1 for e in facts if isinstance(e, ev.CallNotAnswered)),
        fell_back=len({e.call_id for e in facts if isinstance(e, ev.CallFellBack)}),
        overtakings=_overtakings(answered.values(), enqueued),
        pops_before_ring=(len(early), len(rung)),
        socket_ms=tuple(e.socket_time.total_seconds() * 1000 for e in timed),
        recordings=sum(1 for e in facts if isinstance(e, ev.RecordingAttached)),
        tickets=sum(1 for e in facts if isinstance(e, ev.TicketOpened)),
        span=last - first if first and last else timedelta(0),
        moments=_moments(first, last, enqueued, answered, abandoned, ended),
    )


def _overtakings(answered: Iterable[ev.CallAnswered], enqueued: dict[CallId, datetime]) -> int:
    count = 0
    by_time = sorted(answered, key=lambda a: a.at)
    for i, call in enumerate(by_time):
        mine = enqueued.get(call.call_id)
        # Somebody answered after this one although he had come before: passed over.
        count += any(
            mine is not None
            and other.queue == call.queue
            and (theirs := enqueued.get(other.call_id)) is not None
            and theirs < mine
            for other in by_time[i + 1 :]
        )
    return count


def _moments(
    first: datetime | None,
    last: datetime | None,
    enqueued: dict[CallId, datetime],
    answered: dict[CallId, ev.CallAnswered],
    abandoned: dict[CallId, ev.CallAbandoned],
    ended: dict[CallId, datetime],
) -> tuple[Moment, ...]:
    if first is None or last is None:
        return ()
    waits = [
        (
            begin,
            answered[c].at
            if c in answered
            else abandoned[c].at
            if c in abandoned
            else ended.get(c, last),
        )
        for c, begin in enqueued.items()
    ]
    talks = [(a.at, ended.get(c, last)) for c, a in answered.items()]
    moments = []
    for second in range(int((last - first).total_seconds()) + 1):
        at = first + timedelta(seconds=second)
        waiting = sum(1 for begin, end in waits if begin <= at < end)
        talking = sum(1 for begin, end in talks if begin <= at < end)
        moments.append(Moment(second, waiting, talking))
    return tuple(moments)


_BARS = " ▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int], width: int = 72) -> str:
    """A row of bars; the largest value is a full one."""
    if not values:
        return ""
    step = max(1, -(-len(values) // width))
    peaks = [max(values[i : i + step]) for i in range(0, len(values), step)]
    top = max(peaks) or 1
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in peaks)


def picture(summary: Summary) -> str:
    """The time line as an SVG drawing: waiting callers and conversations over the seconds."""
    width, height, margin = 800, 240, 40
    moments = summary.moments or (Moment(0, 0, 0),)
    top = max(max(m.waiting, m.talking) for m in moments) or 1
    right = max(1, moments[-1].second)

    def line(values: Sequence[int], colour: str) -> str:
        points = " ".join(
            f"{margin + m.second / right * (width - 2 * margin):.1f},"
            f"{height - margin - value / top * (height - 2 * margin):.1f}"
            for m, value in zip(moments, values, strict=True)
        )
        return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>'

    waiting = line([m.waiting for m in moments], "#b45309")
    talking = line([m.talking for m in moments], "#1d4ed8")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="white"/>'
        f'<text x="{margin}" y="24" fill="#b45309">waiting callers</text>'
        f'<text x="{margin + 120}" y="24" fill="#1d4ed8">conversations</text>'
        f'<text x="8" y="{margin + 4}">{top}</text><text x="8" y="{height - margin}">0</text>'
        f'<text x="{width - margin - 30}" y="{height - 14}">{right} s</text>{waiting}{talking}</svg>\n'
    )
