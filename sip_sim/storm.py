"""A storm: more callers than the agents can take, and what became of each, from the journal alone. Pure.

``lost`` are callers of whom the journal has neither an answer nor an abandonment, callers of whom it knows nothing at all,
and calls that failed in SIP. An
``inversion`` is a reservation for a caller while another one who could have had the agent had waited longer: judged by the
order of the journal, in which a caller who waits again was enqueued before the next choice was made, and not by when phones
were answered, which is the phones' own affair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeGuard

from cti.domain import events as ev
from cti.domain.ids import CallId
from sip_sim.sipp import Outcome
from sip_sim.summary import spread


@dataclass(frozen=True, slots=True)
class Fate:
    """One caller who was enqueued, in seconds from the first event of the run."""

    enqueued_s: float
    wait_s: float
    is_answered: bool


@dataclass(frozen=True, slots=True)
class Storm:
    """What happened."""

    offered: int
    answered: int
    abandoned: int
    left_in_menu: int  # hung up before they were enqueued
    lost: int
    inversions: int
    load: float  # arrivals ÷ what the agents could take
    fates: tuple[Fate, ...]
    fell_back: int = 0  # whom Asterisk's own queue took for a while, the service being late
    cut_short: int = 0  # hung up in the moment in which they were answered (sip_sim.patience)
    not_ready: Mapping[str, int] = field(default_factory=dict)
    """How often the system made an agent not ready, by reason."""

    @property
    def is_well(self) -> bool:
        """Nobody lost, order kept."""
        return self.lost == 0 and self.inversions == 0

    def as_json(self) -> dict[str, Any]:
        """Plain values, without the single callers."""
        return {
            "offered": self.offered,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "left_in_menu": self.left_in_menu,
            "lost": self.lost,
            "inversions": self.inversions,
            "load": self.load,
            "longest_line": max(line_length(self.fates), default=0),
            "wait_of_answered_s": spread([f.wait_s for f in self.fates if f.is_answered]),
            "wait_of_abandoned_s": spread([f.wait_s for f in self.fates if not f.is_answered]),
            "fell_back": self.fell_back,
            "cut_short": self.cut_short,
            "agents_made_not_ready": dict(self.not_ready),
        }


_MOMENT = timedelta(seconds=1)


def judge(events: Iterable[ev.Event], calls: Outcome, load: float) -> Storm:
    """Fold the events of one run, of its calls and its agents; ``calls``: the other end's own count of them."""
    everything = list(events)
    away = Counter(e.reason for e in everything if _is_sent_away(e))
    facts = [e for e in everything if isinstance(e, ev.CallEvent)]
    first_at = min((e.at for e in facts), default=None)
    offered = {e.call_id for e in facts if isinstance(e, ev.CallOffered | ev.CallRecovered)}
    enqueued, answered = _first(facts, _enqueued_at), _first(facts, _answered_at)
    abandoned = _first(facts, lambda e: e.at if isinstance(e, ev.CallAbandoned) else None)
    ended = {e.call_id for e in facts if isinstance(e, ev.CallEnded)}
    in_menu = {c for c in ended if c in offered and c not in enqueued}
    known = {*answered, *abandoned, *in_menu}
    fates = [
        Fate(
            enqueued_s=(at - first_at).total_seconds(),
            wait_s=max(0.0, (end_at - at).total_seconds()),
            is_answered=call_id in answered,
        )
        for call_id, at in enqueued.items()
        if (end_at := answered.get(call_id, abandoned.get(call_id))) is not None
        and first_at is not None
    ]
    return Storm(
        offered=len(offered),
        answered=len(answered),
        abandoned=len(set(abandoned) - set(answered)),
        left_in_menu=len(in_menu),
        lost=len(offered - known) + calls.failed + max(0, calls.succeeded - len(offered)),
        inversions=inversions(facts),
        load=load,
        fates=tuple(sorted(fates, key=lambda f: f.enqueued_s)),
        fell_back=len({e.call_id for e in facts if isinstance(e, ev.CallFellBack)}),
        cut_short=len(cut_short(facts)),
        not_ready=away,
    )


def cut_short(events: Iterable[ev.Event]) -> set[CallId]:
    """The calls whose callers hung up within a second of being answered."""
    facts = [e for e in events if isinstance(e, ev.CallEvent)]
    answered = _first(facts, _answered_at)
    left = [e for e in facts if isinstance(e, ev.CallEnded) and e.ended_by == "caller"]
    return {
        e.call_id for e in left if e.call_id in answered and e.at - answered[e.call_id] < _MOMENT
    }


def _is_sent_away(event: ev.Event) -> TypeGuard[ev.AgentStateChanged]:
    if not isinstance(event, ev.AgentStateChanged):
        return False
    return event.state == "NOT_READY" and event.by == "system" and event.previous != event.state


def inversions(events: Iterable[ev.Event]) -> int:
    """Reservations while somebody in the same queue waited who had come before."""
    waiting: dict[CallId, ev.CallEnqueued] = {}
    count = 0
    for event in events:
        match event:
            case ev.CallEnqueued():
                waiting[event.call_id] = event
            case ev.AgentReserved():
                chosen = waiting.pop(event.call_id, None)
                count += chosen is not None and any(_is_before(w, chosen) for w in waiting.values())
            case ev.CallEnded() | ev.CallFellBack() | ev.CallTransferred():
                waiting.pop(event.call_id, None)
    return count


def _is_before(other: ev.CallEnqueued, chosen: ev.CallEnqueued) -> bool:
    mine = chosen.enqueued_at - chosen.credit_time
    return other.queue == chosen.queue and other.enqueued_at - other.credit_time < mine


def _first(
    events: Iterable[ev.CallEvent], when: Callable[[ev.CallEvent], datetime | None]
) -> dict[CallId, datetime]:
    found: dict[CallId, datetime] = {}
    for event in events:
        if (at := when(event)) is not None:
            found.setdefault(event.call_id, at)
    return found


def _enqueued_at(event: ev.CallEvent) -> datetime | None:
    return event.enqueued_at if isinstance(event, ev.CallEnqueued | ev.CallRecovered) else None


def _answered_at(event: ev.CallEvent) -> datetime | None:
    """Also where it was seen only afterwards, the service being late."""
    is_seen = isinstance(event, ev.CallRecovered) and event.endpoint is not None
    return event.at if is_seen or isinstance(event, ev.CallAnswered) else None


def line_length(fates: Sequence[Fate]) -> list[int]:
    """How many waited at each second."""
    last = max((f.enqueued_s + f.wait_s for f in fates), default=0.0)
    return [
        sum(1 for f in fates if f.enqueued_s <= second < f.enqueued_s + f.wait_s)
        for second in range(int(last) + 2)
    ]


def capacity(agents: int, talk: timedelta, ring: timedelta) -> float:
    """Calls a second that so many agents can take who ring and talk and have no wrap-up."""
    return agents / (talk + ring).total_seconds()


# ---- the picture -------------------------------------------------------------------------------

_WIDTH, _PANEL, _LEFT, _GAP = 860, 170, 56, 46
_LINE, _ANSWERED, _ABANDONED, _INK = "#b45309", "#1d4ed8", "#be123c", "#334155"


def picture(storm: Storm, title: str) -> str:
    """Three panels over the same seconds, as an SVG drawing: the line, each caller's wait, arrivals and service."""
    lengths = line_length(storm.fates)
    right = max(1, len(lengths) - 1)
    waits = [f.wait_s for f in storm.fates]
    panels = [
        _panel(0, "callers in the line", max(lengths, default=1), right),
        _steps(0, list(enumerate(lengths)), _LINE, max(lengths, default=1), right),
        _panel(1, "wait of each caller, at his arrival (s)", max(waits, default=1), right),
        *_dots(1, storm.fates, max(waits, default=1), right),
        _panel(2, "callers so far", len(storm.fates), right),
        *_sums(2, storm.fates, right),
        _legend(),
    ]
    height = 40 + 3 * (_PANEL + _GAP)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12" fill="{_INK}">'
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>'
        f'<text x="{_LEFT}" y="22" font-size="14">{title}</text>'
    )
    return head + "".join(panels) + "</svg>\n"


def _x(second: float, right: int) -> float:
    return _LEFT + second / right * (_WIDTH - _LEFT - 20)


def _y(panel: int, value: float, top: float) -> float:
    base = 40 + panel * (_PANEL + _GAP) + _PANEL
    return base - value / (top or 1) * (_PANEL - 24)


def _panel(panel: int, name: str, top: float, right: int) -> str:
    base, left = _y(panel, 0, 1), _LEFT
    labels = "".join(
        f'<text x="{_x(second, right):.0f}" y="{base + 15:.0f}" text-anchor="middle">{second}</text>'
        for second in range(0, right + 1, max(10, right // 100 * 10))
    )
    return (
        f'<path d="M{left} {_y(panel, 1, 1):.0f}V{base:.0f}H{_WIDTH - 20}" fill="none" stroke="#94a3b8"/>'
        f'<text x="{left + 6}" y="{_y(panel, 1, 1) - 6:.0f}">{name}</text>'
        f'<text x="{left - 6}" y="{_y(panel, 1, 1) + 4:.0f}" text-anchor="end">{top:.0f}</text>'
        f'<text x="{left - 6}" y="{base + 4:.0f}" text-anchor="end">0</text>{labels}'
        f'<text x="{_WIDTH - 20}" y="{base + 28:.0f}" text-anchor="end">seconds</text>'
    )


def _steps(
    panel: int, points: Sequence[tuple[float, float]], colour: str, top: float, right: int
) -> str:
    drawn = " ".join(f"{_x(s, right):.1f},{_y(panel, v, top):.1f}" for s, v in points)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{drawn}"/>'


def _dots(panel: int, fates: Sequence[Fate], top: float, right: int) -> Iterable[str]:
    for fate in fates:
        colour = _ANSWERED if fate.is_answered else _ABANDONED
        x, y = _x(fate.enqueued_s, right), _y(panel, fate.wait_s, top)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>'


def _sums(panel: int, fates: Sequence[Fate], right: int) -> Iterable[str]:
    ends = {
        _INK: [f.enqueued_s for f in fates],
        _ANSWERED: [f.enqueued_s + f.wait_s for f in fates if f.is_answered],
        _ABANDONED: [f.enqueued_s + f.wait_s for f in fates if not f.is_answered],
    }
    for colour, seconds in ends.items():
        points = [(second, n) for n, second in enumerate(sorted(seconds), start=1)]
        yield _steps(panel, [(0, 0), *points], colour, len(fates), right)


def _legend() -> str:
    names = {_INK: "arrived", _ANSWERED: "answered", _ABANDONED: "gave up"}
    return "".join(
        f'<text x="{_WIDTH - 260 + 90 * i}" y="22" fill="{colour}">{name}</text>'
        for i, (colour, name) in enumerate(names.items())
    )
