"""The figures' tables: projections of the journal, ids only, made again at will. Durations are milliseconds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Index, Integer, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from cti.storage.base import Base, UtcDateTime


class VisitRow(Base):
    """One caller's stay in one queue (``acd.figures.Visit``); ``visit`` numbers those of a call."""

    __tablename__ = "queue_visits"

    call_id: Mapped[str] = mapped_column(String(96), primary_key=True)
    visit: Mapped[int] = mapped_column(Integer, primary_key=True)
    queue: Mapped[str] = mapped_column(String(32))
    quarter_at: Mapped[datetime] = mapped_column(UtcDateTime)
    offered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    came_from: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    wait_ms: Mapped[int] = mapped_column(Integer)
    agent_id: Mapped[str | None] = mapped_column(String(64))
    rona: Mapped[int] = mapped_column(Integer)
    declined: Mapped[int] = mapped_column(Integer)
    unreachable: Mapped[int] = mapped_column(Integer)
    talk_ms: Mapped[int] = mapped_column(Integer)
    hold_ms: Mapped[int] = mapped_column(Integer)
    wrap_up_ms: Mapped[int] = mapped_column(Integer)
    position: Mapped[int | None] = mapped_column(Integer)  # of the first estimate
    estimate_ms: Mapped[int | None] = mapped_column(Integer)  # the first estimate
    estimates: Mapped[int] = mapped_column(Integer)  # that can be compared with what came
    estimate_error_ms: Mapped[int] = mapped_column(Integer)
    estimate_off_ms: Mapped[int] = mapped_column(Integer)
    estimates_within: Mapped[int] = mapped_column(Integer)

    __table_args__ = (Index("ix_queue_visits_quarter_at", "quarter_at", "queue"),)


class AgentQuarterRow(Base):
    """What one agent did in one quarter of an hour (``acd.figures_agents.AgentFigures``)."""

    __tablename__ = "agent_quarters"

    agent_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    quarter_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True, index=True)
    answered: Mapped[int] = mapped_column(Integer)
    rona: Mapped[int] = mapped_column(Integer)
    declined: Mapped[int] = mapped_column(Integer)
    unreachable: Mapped[int] = mapped_column(Integer)
    handled: Mapped[int] = mapped_column(Integer)
    ready_ms: Mapped[int] = mapped_column(Integer)
    ring_ms: Mapped[int] = mapped_column(Integer)
    talk_ms: Mapped[int] = mapped_column(Integer)
    hold_ms: Mapped[int] = mapped_column(Integer)
    wrap_up_ms: Mapped[int] = mapped_column(Integer)
    not_ready_ms: Mapped[int] = mapped_column(Integer)


class AgentSeatRow(Base):
    """Where an agent stands; what his quarters have counted up to ``since_at``."""

    __tablename__ = "agent_seats"

    agent_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(64))
    since_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    call_id: Mapped[str | None] = mapped_column(String(96))
    kind: Mapped[str] = mapped_column(String(16))
    is_held: Mapped[bool] = mapped_column(Boolean)


def table(row: type[Base]) -> Table:
    """The table of a class of rows."""
    return Base.metadata.tables[row.__tablename__]
