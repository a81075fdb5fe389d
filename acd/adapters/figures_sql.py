"""``acd.figures_book.FiguresBook`` on the tables: one statement a question, grouped by the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, case, func, select, true
from sqlalchemy.exc import SQLAlchemyError

from acd.adapters.figures_rows import seats
from acd.adapters.tables import AgentQuarterRow, VisitRow, table
from acd.figures import Outcome
from acd.figures_agents import COUNTS as AGENT_COUNTS
from acd.figures_agents import AgentFigures, stretch
from acd.figures_book import AgentCells, Period, QueueCells, VisitLine
from acd.figures_counts import QueueFigures, Slice, Thresholds
from cti.domain.ids import AgentId, CallId, QueueName
from cti.storage.database import Database

T = TypeVar("T")
_MS = timedelta(milliseconds=1)
_SUMS = (
    "rona", "declined", "unreachable", "talk_ms", "hold_ms", "wrap_up_ms",
    "estimates", "estimate_error_ms", "estimate_off_ms", "estimates_within",
)  # fmt: skip
_VISITS = table(VisitRow).c
_QUARTERS = table(AgentQuarterRow).c
_LINE = [_VISITS[name] for name in VisitLine.__dataclass_fields__]


class SqlFigures:
    """See the port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queues(
        self, period: Period, thresholds: Mapping[QueueName, Thresholds], now: datetime
    ) -> QueueCells:
        """See the port."""
        if not thresholds:
            return {}
        in_time = _limits(thresholds, lambda t: t.service_level_time)
        too_short = _limits(thresholds, lambda t: t.short_abandon_time)
        is_answered = _VISITS.outcome == Outcome.ANSWERED.value
        is_abandoned = _VISITS.outcome == Outcome.ABANDONED.value
        counts = {
            "offered": func.count(),
            **{o.value: _count(_VISITS.outcome == o.value) for o in Outcome},
            "short_abandoned": _count(and_(is_abandoned, _VISITS.wait_ms < too_short)),
            "answered_in_time": _count(and_(is_answered, _VISITS.wait_ms <= in_time)),
            "from_elsewhere": _count(_VISITS.came_from != ""),
            "wait_ms": func.sum(case((is_answered, _VISITS.wait_ms), else_=0)),
            "longest_wait_ms": func.max(_VISITS.wait_ms),
            **{name: func.sum(_VISITS[name]) for name in _SUMS},
        }
        is_waiting = _VISITS.outcome == Outcome.WAITING.value
        query = (
            select(
                _VISITS.queue,
                _VISITS.quarter_at,
                func.min(case((is_waiting, _VISITS.offered_at))).label("waiting_since"),
                *(value.label(f"n_{name}") for name, value in counts.items()),
            )
            .where(_within(_VISITS.quarter_at, period), _VISITS.queue.in_(list(thresholds)))
            .group_by(_VISITS.queue, _VISITS.quarter_at)
        )

        def read(connection: Connection) -> QueueCells:
            cells: QueueCells = {}
            for row in connection.execute(query):
                figures = QueueFigures(**{name: int(getattr(row, f"n_{name}")) for name in counts})
                if row.waiting_since is not None:
                    lasted_ms = (now - row.waiting_since) // _MS
                    figures.longest_wait_ms = max(figures.longest_wait_ms, lasted_ms)
                cells[QueueName(row.queue), row.quarter_at] = figures
            return cells

        return await self._look(read)

    async def agents(
        self, period: Period, agents: Collection[AgentId], now: datetime
    ) -> AgentCells:
        """See the port."""
        wanted = frozenset(agents)
        query = select(table(AgentQuarterRow)).where(
            _within(_QUARTERS.quarter_at, period), _QUARTERS.agent_id.in_(sorted(wanted))
        )

        def read(connection: Connection) -> AgentCells:
            cells: AgentCells = {}
            for row in connection.execute(query):
                counts = {name: getattr(row, name) for name in AGENT_COUNTS}
                cells[AgentId(row.agent_id), row.quarter_at] = AgentFigures(**counts)
            for seat in seats(connection):
                if seat.agent_id not in wanted:
                    continue
                for quarter, figures in stretch(seat, now):
                    if period.begin_at <= quarter < period.end_at:
                        cell = cells.setdefault((seat.agent_id, quarter), AgentFigures())
                        cell.add(figures)
            return cells

        return await self._look(read)

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
        query = (
            select(*_LINE)
            .where(
                _within(_VISITS.quarter_at, period),
                _VISITS.queue == queue,
                _behind(figure, thresholds),
            )
            .order_by(_VISITS.offered_at, _VISITS.call_id, _VISITS.visit)
            .offset(offset)
            .limit(limit)
        )

        def read(connection: Connection) -> list[VisitLine]:
            found = [row._mapping for row in connection.execute(query)]
            return [VisitLine(**{**row, "call_id": CallId(row["call_id"])}) for row in found]

        return await self._look(read)

    async def _look(self, work: Callable[[Connection], T]) -> T:
        try:
            return await self._database.look(work)
        except SQLAlchemyError as exc:
            raise OSError("the figures can't be read") from exc


def _behind(figure: Slice, thresholds: Thresholds) -> Any:
    """``acd.figures_counts.is_in`` as a condition."""
    is_answered = _VISITS.outcome == Outcome.ANSWERED.value
    in_time_ms = thresholds.service_level_time // _MS
    short_ms = thresholds.short_abandon_time // _MS
    special = {
        Slice.OFFERED: true(),
        Slice.SHORT_ABANDONED: and_(
            _VISITS.outcome == Outcome.ABANDONED.value, _VISITS.wait_ms < short_ms
        ),
        Slice.ANSWERED_IN_TIME: and_(is_answered, _VISITS.wait_ms <= in_time_ms),
        Slice.ANSWERED_LATE: and_(is_answered, _VISITS.wait_ms > in_time_ms),
        Slice.FROM_ELSEWHERE: _VISITS.came_from != "",
        Slice.RONA: _VISITS.rona > 0,
        Slice.DECLINED: _VISITS.declined > 0,
        Slice.UNREACHABLE: _VISITS.unreachable > 0,
        Slice.ESTIMATED: _VISITS.estimates > 0,
    }
    return special.get(figure, _VISITS.outcome == figure.value)


def _count(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _within(column: Any, period: Period) -> Any:
    return and_(column >= period.begin_at, column < period.end_at)


def _limits(
    thresholds: Mapping[QueueName, Thresholds], of: Callable[[Thresholds], timedelta]
) -> Any:
    """Each queue's own limit, in milliseconds."""
    return case({str(name): of(t) // _MS for name, t in thresholds.items()}, value=_VISITS.queue)
