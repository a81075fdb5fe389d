"""The agent's own figures of the day. Pure.

Definitions are those of DESIGN.md: talk time excludes hold; occupancy = (talk + hold + wrap-up) ÷ (that + ready).
A day is a calendar day where the company is; a state that crosses midnight counts for the new day from midnight on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta, tzinfo

from cti.domain import events as ev
from cti.domain.ids import CallId
from screenpop.day_values import TeamValue
from screenpop.ports import DayFigures
from screenpop.sections import TodaySection

FEWEST_MEMBERS = 3
"""With fewer, a mean would say what single colleagues did."""

_ZERO = timedelta(0)
_INNER = frozenset({"internal", "consult"})

HOLDING = (
    ev.CallHeld,
    ev.ConsultStarted,
    ev.AgentLegLost,
    ev.CallRetrieved,
    ev.CallConnected,
    ev.PartyJoined,
)
"""What begins and ends a caller's hold, as docs/figures.md counts it."""


class Today:
    """One agent's day so far."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._day: date | None = None
        self._state = "LOGGED_OUT"
        self._since: datetime | None = None
        self._call_id: CallId | None = None
        self._kind = ""
        self._held_at: datetime | None = None
        self._clear()

    def _clear(self) -> None:
        self._calls = self._missed = 0
        self._busy = {"TALKING": _ZERO, "WRAP_UP": _ZERO, "READY": _ZERO}
        self._hold = _ZERO
        self._is_here = False

    def apply(self, event: ev.Event) -> None:
        """Take an event of this agent, or of the call that he is in."""
        match event:
            case ev.AgentStateChanged():
                self._count_until(event.at)
                self._move(event)
            case ev.AgentDidNotAnswer():
                self._count_until(event.at)
                self._missed += 1
            case ev.CallHeld() | ev.ConsultStarted() | ev.AgentLegLost():
                if event.call_id == self._call_id and self._held_at is None and self._is_his:
                    self._count_until(event.at)
                    self._held_at = event.at
            case ev.CallRetrieved() | ev.CallConnected() | ev.PartyJoined():
                if event.call_id == self._call_id:
                    self._count_until(event.at)
                    self._end_hold(event.at)

    @property
    def _is_his(self) -> bool:
        """Whether he speaks as the caller's own agent: only then is it he who holds."""
        return self._state == "TALKING" and self._kind not in _INNER

    def _move(self, event: ev.AgentStateChanged) -> None:
        now = event.state, event.call_id, event.kind
        is_new = now != (self._state, self._call_id, self._kind)
        if is_new or event.state != "TALKING":
            self._end_hold(event.at)
        if is_new and event.state == "TALKING" and event.kind not in _INNER:
            self._calls += 1
        self._state, self._call_id, self._kind = now

    def seed(self, counted: DayFigures, at: datetime) -> None:
        """Take what was counted elsewhere up to ``at`` (the tables, at a start); what goes on is counted from there."""
        self._count_until(at)
        self._clear()
        seconds = timedelta(seconds=1)
        self._calls, self._missed = counted.calls, counted.missed
        self._hold = counted.hold_s * seconds
        self._busy = {
            "TALKING": (counted.talk_s + counted.hold_s) * seconds,
            "WRAP_UP": counted.wrap_up_s * seconds,
            "READY": counted.ready_s * seconds,
        }
        self._is_here = bool(self._busy["TALKING"] or self._busy["READY"] or counted.missed)
        if self._held_at is not None:
            self._held_at = at

    def shift(self, step: timedelta) -> None:
        """The wall clock was set by so much: what goes on began so much later, too, by the new one."""
        if self._since is not None:
            self._since += step
        if self._held_at is not None:
            self._held_at += step

    def counted(self, now: datetime | None = None) -> DayFigures:
        """The day up to ``now``; none: up to the last event."""
        busy, hold = dict(self._busy), self._hold
        if now is not None and self._since is not None and now > self._since:
            if now.astimezone(self._zone).date() != self._day:
                return DayFigures()
            if self._state in busy:
                busy[self._state] += now - self._since
            if self._held_at is not None:
                hold += max(_ZERO, now - self._held_at)
        return DayFigures(
            calls=self._calls,
            missed=self._missed,
            talk_s=max(_ZERO, busy["TALKING"] - hold).total_seconds(),
            hold_s=hold.total_seconds(),
            wrap_up_s=busy["WRAP_UP"].total_seconds(),
            ready_s=busy["READY"].total_seconds(),
        )

    def was_here(self, now: datetime) -> bool:
        """Whether he has worked today."""
        is_today = now.astimezone(self._zone).date() == self._day
        return is_today and (self._is_here or self._state != "LOGGED_OUT")

    def figures(self, now: datetime | None = None, team: TeamValue | None = None) -> TodaySection:
        """For the page: up to ``now``; none: up to the last event."""
        counted = self.counted(now)
        occupancy = occupancy_of(counted)
        return TodaySection(
            calls=counted.calls,
            talk_s=round(counted.talk_s, 1),
            hold_s=round(counted.hold_s, 1),
            wrap_up_s=round(counted.wrap_up_s, 1),
            missed=counted.missed,
            occupancy=occupancy,
            team=team,
        )

    def _count_until(self, at: datetime) -> None:
        local = at.astimezone(self._zone)
        since = self._since
        if self._day != local.date():
            self._day = local.date()
            self._clear()
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
            since = max(since, midnight) if since is not None else None
            if self._held_at is not None:
                self._held_at = max(self._held_at, midnight)
        # A clock that was set back counts nothing.
        if since is not None and at > since and self._state in self._busy:
            self._busy[self._state] += at - since
        self._is_here = self._is_here or self._state != "LOGGED_OUT"
        self._since = at

    def _end_hold(self, at: datetime) -> None:
        if self._held_at is not None:
            self._hold += max(_ZERO, at - self._held_at)
            self._held_at = None


def occupancy_of(counted: DayFigures) -> float | None:
    """(talk + hold + wrap-up) ÷ (that + ready); None before there is a measure."""
    busy = counted.talk_s + counted.hold_s + counted.wrap_up_s
    both = busy + counted.ready_s
    return round(busy / both, 3) if both else None


def mean_of(members: Sequence[DayFigures]) -> TeamValue | None:
    """The team's day, a head; None where so few worked that it would tell of single colleagues.

    Occupancy is that of the whole team: its busy time by its time.
    """
    if len(members) < FEWEST_MEMBERS:
        return None
    total = DayFigures(
        **{f.name: sum(getattr(m, f.name) for m in members) for f in fields(DayFigures)}
    )
    count = len(members)
    return TeamValue(
        members=count,
        calls=round(total.calls / count, 1),
        talk_s=round(total.talk_s / count, 1),
        hold_s=round(total.hold_s / count, 1),
        wrap_up_s=round(total.wrap_up_s / count, 1),
        occupancy=occupancy_of(total),
    )
