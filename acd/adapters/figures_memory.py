"""``acd.figures_book.FiguresBook`` in memory: for tests, and for whoever reads a journal without a database.

It passes the same contract tests as the tables do, and counts by the pure definitions alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from acd import figures
from acd.adapters.figures_rows import visit_row
from acd.figures import CallVisits, Visit
from acd.figures_agents import AgentFigures, AgentTimes, Seat, stretch
from acd.figures_book import AgentCells, Period, QueueCells, VisitLine
from acd.figures_counts import QueueFigures, Slice, Thresholds, figures_of, is_in
from acd.figures_intervals import quarter_of
from cti.domain.events import Event
from cti.domain.ids import AgentId, CallId, QueueName
from cti.domain.segments import concerns

_KINDS = frozenset(figures.KINDS)


class MemoryFigures:
    """See the port; ``take`` is a listener of the bus."""

    def __init__(self) -> None:
        self._calls: dict[CallId, CallVisits] = {}
        self._times = AgentTimes()
        self._cells: AgentCells = {}

    def take(self, event: Event) -> None:
        """Count an event."""
        call_id = concerns(event)
        if call_id is not None and type(event) in _KINDS:
            call = self._calls.setdefault(call_id, CallVisits())
            self._calls[call_id] = figures.apply(call, event)
        self._times.apply(event)

    @property
    def every(self) -> list[Visit]:
        """All visits, of all queues."""
        return [visit for call in self._calls.values() for visit in call.visits]

    async def queues(
        self, period: Period, thresholds: Mapping[QueueName, Thresholds], now: datetime
    ) -> QueueCells:
        """See the port."""
        cells: QueueCells = {}
        for visit in self.every:
            quarter = quarter_of(visit.offered_at)
            if visit.queue in thresholds and period.begin_at <= quarter < period.end_at:
                cell = cells.setdefault((visit.queue, quarter), QueueFigures())
                cell.add(figures_of(visit, thresholds[visit.queue], now))
        return cells

    async def agents(
        self, period: Period, agents: Collection[AgentId], now: datetime
    ) -> AgentCells:
        """See the port."""
        counted, _ = self._times.take()
        for key, figure in counted.items():
            self._cells.setdefault(key, AgentFigures()).add(figure)
        cells: AgentCells = {}
        present: list[tuple[Seat, datetime, AgentFigures]] = [
            (seat, quarter, figure)
            for seat in self._times.seats.values()
            for quarter, figure in stretch(seat, now)
        ]
        every = [*self._cells.items(), *(((s.agent_id, quarter), f) for s, quarter, f in present)]
        for (agent_id, quarter), figure in every:
            if agent_id in agents and period.begin_at <= quarter < period.end_at:
                cells.setdefault((agent_id, quarter), AgentFigures()).add(figure)
        return cells

    async def visits(
        self,
        period: Period,
        queue: QueueName,
        figure: Slice,
        thresholds: Thresholds,
        *,
        offset: int = 0,
        limit: int = 100,
    ) -> list[VisitLine]:
        """See the port."""
        found = [
            (visit.offered_at, call_id, number, visit)
            for call_id, call in self._calls.items()
            for number, visit in enumerate(call.visits, 1)
            if visit.queue == queue
            and period.begin_at <= quarter_of(visit.offered_at) < period.end_at
            and is_in(figure, visit, thresholds)
        ]
        found.sort(key=lambda item: item[:3])
        return [
            _line(call_id, number, visit)
            for _, call_id, number, visit in found[offset : offset + limit]
        ]


def _line(call_id: CallId, number: int, visit: Visit) -> VisitLine:
    row = visit_row(visit, number)
    names = VisitLine.__dataclass_fields__.keys() - {"call_id"}
    return VisitLine(call_id=call_id, **{name: row[name] for name in names})
