"""The figures as projections of the journal (``cti.storage.projections``): visits by call, times by agent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, select

from acd import figures, figures_agents
from acd.adapters.tables import AgentQuarterRow, AgentSeatRow, VisitRow, table
from acd.figures import CallVisits, Visit
from acd.figures_agents import AgentFigures, AgentTimes, Seat
from acd.figures_counts import estimate_error
from acd.figures_intervals import quarter_of
from cti.domain.events import Event
from cti.domain.ids import AgentId, CallId
from cti.ports import Recorded
from cti.storage.projection_rows import put

_MS = timedelta(milliseconds=1)
_LONGEST_MS = 2**31 - 1
"""What a column holds: 24 days."""


class VisitsProjection:
    """``cti.storage.projections.Projection`` of ``VisitRow``."""

    name = "queue_visits"
    version = 1
    table: Table = table(VisitRow)
    kinds: tuple[type[Event], ...] = figures.KINDS

    def begin(self) -> CallVisits:
        """See the protocol."""
        return CallVisits()

    def apply(self, state: CallVisits, event: Event) -> CallVisits:
        """See the protocol."""
        return figures.apply(state, event)

    def rows(self, state: CallVisits) -> Sequence[dict[str, Any]]:
        """See the protocol."""
        return [visit_row(visit, number) for number, visit in enumerate(state.visits, 1)]


def visit_row(visit: Visit, number: int) -> dict[str, Any]:
    """The row of a call's visit, without the call's id."""
    error = estimate_error(visit)
    first = visit.estimates[0] if visit.estimates else None
    return {
        "visit": number,
        "queue": visit.queue[:32],
        "quarter_at": quarter_of(visit.offered_at),
        "offered_at": visit.offered_at,
        "came_from": visit.came_from,
        "outcome": visit.outcome.value,
        "reason": visit.reason[:32],
        "ended_at": visit.ended_at,
        "wait_ms": _ms(visit.wait_time),
        "agent_id": visit.agent_id,
        "rona": visit.rona,
        "declined": visit.declined,
        "unreachable": visit.unreachable,
        "talk_ms": _ms(visit.talk_time),
        "hold_ms": _ms(visit.hold_time),
        "wrap_up_ms": _ms(visit.wrap_up_time),
        "position": first.position if first else None,
        "estimate_ms": _ms(first.estimate_time) if first else None,
        "estimates": error.count,
        "estimate_error_ms": max(-_LONGEST_MS, min(error.error_ms, _LONGEST_MS)),
        "estimate_off_ms": min(error.off_ms, _LONGEST_MS),
        "estimates_within": error.within,
    }


def _ms(time: timedelta) -> int:
    return min(time // _MS, _LONGEST_MS)


class AgentTimesProjection:
    """``cti.storage.projections.RunningProjection`` of ``AgentQuarterRow``; its memory is ``AgentSeatRow``."""

    name = "agent_times"
    version = 1
    tables: tuple[Table, ...] = (table(AgentQuarterRow), table(AgentSeatRow))
    kinds: tuple[type[Event], ...] = figures_agents.KINDS

    def load(self, connection: Connection) -> AgentTimes:
        """See the protocol."""
        return AgentTimes(seats(connection))

    def write(self, connection: Connection, memory: Any, events: Sequence[Recorded]) -> None:
        """See the protocol."""
        times: AgentTimes = memory
        for item in events:
            times.apply(item.event)
        cells, changed = times.take()
        counted = [_quarter_row(who, at, cell) for (who, at), cell in cells.items()]
        put(connection, self.tables[0], counted, sums=figures_agents.COUNTS)
        put(connection, self.tables[1], [_seat_row(seat) for seat in changed])


def seats(connection: Connection) -> list[Seat]:
    """Where the agents stand, as written last."""
    rows = connection.execute(select(table(AgentSeatRow)))
    return [
        Seat(
            AgentId(row.agent_id),
            row.state,
            row.reason,
            row.since_at,
            CallId(row.call_id) if row.call_id is not None else None,
            row.kind,
            row.is_held,
        )
        for row in rows
    ]


def _seat_row(seat: Seat) -> dict[str, Any]:
    return {
        "agent_id": seat.agent_id,
        "state": seat.state,
        "reason": seat.reason[:64],
        "since_at": seat.since_at,
        "call_id": seat.call_id,
        "kind": seat.kind,
        "is_held": seat.is_held,
    }


def _quarter_row(agent_id: AgentId, quarter_at: datetime, cell: AgentFigures) -> dict[str, Any]:
    counts = {name: getattr(cell, name) for name in figures_agents.COUNTS}
    return {"agent_id": agent_id, "quarter_at": quarter_at, **counts}
