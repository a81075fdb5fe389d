"""What agents did with their time, by quarter hour: a fold over the journal that needs little memory. Pure.

An agent's state goes on until the next one. Each stretch is shared out over the quarters that it lies in, so that a
talk over the hour counts on both sides. Hold is the part of TALKING in which his caller was on hold or he consulted
somebody; only what he holds as the caller's own agent counts, not the colleague who is being asked.

The memory is one ``Seat`` an agent and can be written down: whoever goes on from it comes to the same figures as whoever
begins with the first event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from acd.figures_intervals import quarter_of, split
from cti.domain import events as ev
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId

_ZERO = timedelta(0)
_MS = timedelta(milliseconds=1)
_LONGEST = timedelta(days=2)
"""A state that lasted longer is a clock that was set, or years without a service: it counts for nothing."""

_COLUMN = {
    "READY": "ready_ms",
    "RESERVED": "ring_ms",
    "RINGING": "ring_ms",
    "TALKING": "talk_ms",
    "WRAP_UP": "wrap_up_ms",
    "NOT_READY": "not_ready_ms",
}
_MISSED = {"no_answer": "rona", "declined": "declined", "unreachable": "unreachable"}


@dataclass(slots=True)
class AgentFigures:
    """Counts and milliseconds of one agent in one quarter, or of any sum of them."""

    answered: int = 0  # queues' calls
    rona: int = 0
    declined: int = 0
    unreachable: int = 0
    handled: int = 0  # conversations of any kind with a customer
    ready_ms: int = 0
    ring_ms: int = 0  # reserved, ringing
    talk_ms: int = 0
    hold_ms: int = 0
    wrap_up_ms: int = 0
    not_ready_ms: int = 0

    def add(self, other: AgentFigures) -> None:
        """Take another's in."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def signed_in_ms(self) -> int:
        """All his time here."""
        return self.busy_ms + self.ready_ms + self.ring_ms + self.not_ready_ms

    @property
    def busy_ms(self) -> int:
        """Talk, hold and wrap-up."""
        return self.talk_ms + self.hold_ms + self.wrap_up_ms

    @property
    def occupancy(self) -> float | None:
        """(talk + hold + wrap-up) ÷ (that + ready)."""
        both = self.busy_ms + self.ready_ms
        return self.busy_ms / both if both else None

    @property
    def average_handle_time_s(self) -> float | None:
        """(talk + hold + wrap-up) ÷ conversations with customers."""
        return self.busy_ms / self.handled / 1000 if self.handled else None


COUNTS = tuple(spec.name for spec in fields(AgentFigures))
"""The names of all counts and sums."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where an agent stands: what he has been doing, counted up to ``since_at``."""

    agent_id: AgentId
    state: str = "LOGGED_OUT"
    reason: str = ""
    since_at: datetime | None = None
    call_id: CallId | None = None
    kind: str = ""
    is_held: bool = False


Cells = dict[tuple[AgentId, datetime], AgentFigures]
"""What is to be added to the quarters, by agent and beginning of the quarter."""

KINDS: tuple[type[ev.Event], ...] = (
    ev.AgentStateChanged,
    ev.AgentDidNotAnswer,
    ev.CallAnswered,
    ev.CallHeld,
    ev.CallRetrieved,
    ev.CallConnected,
    ev.ConsultStarted,
    ev.PartyJoined,
    ev.AgentLegLost,
)
"""The events that the fold is made of."""


class AgentTimes:
    """The fold. ``seats`` is its memory; ``take`` gives out what has been counted since the last time."""

    def __init__(self, seats: Iterable[Seat] = ()) -> None:
        self.seats: dict[AgentId, Seat] = {seat.agent_id: seat for seat in seats}
        self._by_call: dict[CallId, set[AgentId]] = {}
        self._cells: Cells = {}
        self._changed: set[AgentId] = set()
        for seat in self.seats.values():
            self._index(seat)

    def apply(self, event: ev.Event) -> None:
        """Fold one event in; the order is the journal's."""
        match event:
            case ev.AgentStateChanged():
                self._moved(event)
            case ev.AgentDidNotAnswer() if event.reason in _MISSED:
                self._count(event.agent_id, event.at, _MISSED[event.reason])
            case ev.CallAnswered():
                self._count(event.agent_id, event.at, "answered")
            case ev.CallHeld() | ev.ConsultStarted() | ev.AgentLegLost():
                self._hold(event.call_id, event.at, is_held=True)
            case ev.CallRetrieved() | ev.CallConnected() | ev.PartyJoined():
                self._hold(event.call_id, event.at, is_held=False)
            case _:
                pass

    def take(self) -> tuple[Cells, list[Seat]]:
        """What is to be added to the quarters, and the seats that changed; both are then forgotten as news."""
        cells, self._cells = self._cells, {}
        seats = [self.seats[agent_id] for agent_id in sorted(self._changed)]
        self._changed = set()
        return cells, seats

    def _moved(self, event: ev.AgentStateChanged) -> None:
        agent_id = event.agent_id
        old = self._settle(agent_id, event.at)
        is_same_talk = (
            old.state == event.state == "TALKING"
            and old.call_id == event.call_id
            and old.kind == event.kind
        )
        new = Seat(
            agent_id,
            event.state,
            event.reason,
            event.at,
            event.call_id,
            event.kind,
            is_held=old.is_held and is_same_talk,
        )
        self._put(new)
        is_customers = event.kind not in ("internal", "consult")
        if event.state == "TALKING" and not is_same_talk and is_customers:
            self._count(agent_id, event.at, "handled")

    def _hold(self, call_id: CallId, at: datetime, *, is_held: bool) -> None:
        for agent_id in sorted(self._by_call.get(call_id, ())):
            seat = self.seats[agent_id]
            is_his = seat.state == "TALKING" and seat.kind not in ("internal", "consult")
            if is_his and seat.is_held is not is_held:
                self._put(replace(self._settle(agent_id, at), is_held=is_held, since_at=at))

    def _settle(self, agent_id: AgentId, at: datetime) -> Seat:
        """Count what the agent did until now."""
        seat = self.seats.get(agent_id) or Seat(agent_id)
        for quarter, figures in stretch(seat, at):
            self._cell(agent_id, quarter).add(figures)
        return seat

    def _count(self, agent_id: AgentId, at: datetime, name: str) -> None:
        cell = self._cell(agent_id, quarter_of(at))
        setattr(cell, name, getattr(cell, name) + 1)

    def _cell(self, agent_id: AgentId, quarter: datetime) -> AgentFigures:
        return self._cells.setdefault((agent_id, quarter), AgentFigures())

    def _put(self, seat: Seat) -> None:
        old = self.seats.get(seat.agent_id)
        if old is not None and old.call_id is not None:
            self._by_call.get(old.call_id, set()).discard(seat.agent_id)
            if not self._by_call.get(old.call_id):
                self._by_call.pop(old.call_id, None)
        self.seats[seat.agent_id] = seat
        self._changed.add(seat.agent_id)
        self._index(seat)

    def _index(self, seat: Seat) -> None:
        if seat.call_id is not None:
            self._by_call.setdefault(seat.call_id, set()).add(seat.agent_id)


def stretch(seat: Seat, until_at: datetime) -> list[tuple[datetime, AgentFigures]]:
    """What an agent's present state comes to by an instant, by quarter; a clock that was set back counts nothing."""
    column = "hold_ms" if seat.is_held else _COLUMN.get(seat.state)
    if column is None or seat.since_at is None or until_at - seat.since_at > _LONGEST:
        return []
    make: Callable[..., Any] = AgentFigures
    return [
        (quarter, make(**{column: spent // _MS}))
        for quarter, spent in split(seat.since_at, until_at)
    ]
