"""Where figures are read: a port, and what is asked of it. The service keeps it up to date, half a second behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from acd.figures_agents import AgentFigures
from acd.figures_counts import QueueFigures, Slice, Thresholds
from cti.domain.ids import AgentId, CallId, QueueName

QueueCells = dict[tuple[QueueName, datetime], QueueFigures]
AgentCells = dict[tuple[AgentId, datetime], AgentFigures]
"""By queue (agent) and beginning of the quarter, UTC; quarters without anything are left out."""


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of one quarter to that of another, UTC."""

    begin_at: datetime
    end_at: datetime


@dataclass(frozen=True, slots=True)
class VisitLine:
    """One of the calls behind a figure. Durations in milliseconds; nothing in it identifies the caller."""

    call_id: CallId
    visit: int  # from 1, of this call
    queue: QueueName
    offered_at: datetime
    outcome: str
    ended_at: datetime | None
    wait_ms: int
    agent_id: AgentId | None
    came_from: str
    reason: str
    rona: int
    declined: int
    unreachable: int
    talk_ms: int
    hold_ms: int
    wrap_up_ms: int
    position: int | None
    estimate_ms: int | None


class FiguresBook(Protocol):
    """What has been counted."""

    async def queues(
        self, period: Period, thresholds: Mapping[QueueName, Thresholds], now: datetime
    ) -> QueueCells:
        """The figures of these queues, by quarter.

        Raises:
            OSError: they can't be read now.
        """

    async def agents(
        self, period: Period, agents: Collection[AgentId], now: datetime
    ) -> AgentCells:
        """The figures of these agents, by quarter, with what goes on at this moment counted up to ``now``.

        Raises:
            OSError: they can't be read now.
        """

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
        """The calls behind a queue's figure, in the order in which they were offered.

        Raises:
            OSError: they can't be read now.
        """
