"""The agent's own figures of the day. Pure.

Definitions are those of DESIGN.md: talk time excludes hold; occupancy = (talk + hold + wrap-up) ÷ (that + ready).
A day is a calendar day where the company is; a state that crosses midnight counts for the new day from midnight on.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from cti.domain import events as ev
from cti.domain.ids import CallId
from screenpop.sections import TodaySection

_ZERO = timedelta(0)


class Today:
    """One agent's day so far."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._day: date | None = None
        self._state = "LOGGED_OUT"
        self._since: datetime | None = None
        self._call_id: CallId | None = None
        self._held_at: datetime | None = None
        self._clear()

    def _clear(self) -> None:
        self._calls = self._missed = 0
        self._busy = {"TALKING": _ZERO, "WRAP_UP": _ZERO, "READY": _ZERO}
        self._hold = _ZERO

    def apply(self, event: ev.Event) -> None:
        """Take an event of this agent, or of the call that he is in."""
        match event:
            case ev.AgentStateChanged():
                self._count_until(event.at)
                if event.state != "TALKING":
                    self._end_hold(event.at)
                self._state, self._call_id = event.state, event.call_id
            case ev.CallAnswered():
                self._count_until(event.at)
                self._calls += 1
            case ev.AgentDidNotAnswer():
                self._count_until(event.at)
                self._missed += 1
            case ev.CallHeld() if event.call_id == self._call_id and self._held_at is None:
                self._count_until(event.at)
                self._held_at = event.at
            case ev.CallRetrieved() if event.call_id == self._call_id:
                self._count_until(event.at)
                self._end_hold(event.at)

    def shift(self, step: timedelta) -> None:
        """The wall clock was set by so much: what goes on began so much later, too, by the new one."""
        if self._since is not None:
            self._since += step
        if self._held_at is not None:
            self._held_at += step

    def figures(self) -> TodaySection:
        """Up to the last event."""
        talking, wrap_up, ready = self._busy["TALKING"], self._busy["WRAP_UP"], self._busy["READY"]
        busy = talking + wrap_up
        occupancy = round(busy / (busy + ready), 3) if busy + ready else None
        return TodaySection(
            calls=self._calls,
            talk_s=round(max(_ZERO, talking - self._hold).total_seconds(), 1),
            wrap_up_s=round(wrap_up.total_seconds(), 1),
            missed=self._missed,
            occupancy=occupancy,
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
        self._since = at

    def _end_hold(self, at: datetime) -> None:
        if self._held_at is not None:
            self._hold += max(_ZERO, at - self._held_at)
            self._held_at = None
