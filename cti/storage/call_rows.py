"""The projection ``calls``: one row a call, for lists and reports. Ids only; whose call it was stands elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from cti.domain import call_record
from cti.domain import events as ev
from cti.domain.call_record import CallRecord
from cti.domain.events import AgentStateChanged, CallEvent, Event
from cti.domain.records import EVENT_CLASSES
from cti.domain.segments import SegmentKind as K
from cti.storage.base import Base, UtcDateTime

_MS = timedelta(milliseconds=1)
_NOT_COUNTED = (
    ev.PopSent,
    ev.PopPainted,
    ev.PopTimed,
    ev.CallerIdentified,
    ev.MenuInput,
    ev.WaitEstimated,
)


class CallRow(Base):
    """One call. Durations are whole milliseconds, of the caller's time; see ``cti.domain.call_record``."""

    __tablename__ = "calls"

    call_id: Mapped[str] = mapped_column(String(96), primary_key=True)
    direction: Mapped[str] = mapped_column(String(16))
    dnis: Mapped[str] = mapped_column(String(64))
    offered_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    queue: Mapped[str | None] = mapped_column(String(32))
    enqueued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agent_id: Mapped[str | None] = mapped_column(String(64))
    endpoint: Mapped[str | None] = mapped_column(String(16))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str] = mapped_column(String(16))
    cause: Mapped[int | None] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(String(16))
    merged_into: Mapped[str | None] = mapped_column(String(96))
    menu_ms: Mapped[int] = mapped_column(Integer)
    wait_ms: Mapped[int] = mapped_column(Integer)
    talk_ms: Mapped[int] = mapped_column(Integer)
    hold_ms: Mapped[int] = mapped_column(Integer)
    consult_ms: Mapped[int] = mapped_column(Integer)
    wrap_up_ms: Mapped[int] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer)
    transfers: Mapped[int] = mapped_column(Integer)
    holds: Mapped[int] = mapped_column(Integer)
    repairs: Mapped[int] = mapped_column(Integer)
    recording_id: Mapped[str | None] = mapped_column(String(64))
    ticket_id: Mapped[int | None] = mapped_column(Integer)
    disposition: Mapped[str] = mapped_column(String(64))


class CallsProjection:
    """``cti.storage.projections.Projection`` of ``CallRow``."""

    name = "calls"
    version = 1
    table: Table = Base.metadata.tables[CallRow.__tablename__]
    kinds: tuple[type[Event], ...] = (
        AgentStateChanged,
        *(
            cls
            for cls in EVENT_CLASSES.values()
            if issubclass(cls, CallEvent) and cls is not CallEvent and cls not in _NOT_COUNTED
        ),
    )

    def begin(self) -> CallRecord:
        """See the protocol."""
        return CallRecord()

    def apply(self, state: CallRecord, event: Event) -> CallRecord:
        """See the protocol."""
        return call_record.apply(state, event)

    def rows(self, state: CallRecord) -> list[dict[str, Any]]:
        """See the protocol; there is none before the call was offered (or found)."""
        call = state.life.call
        if call is None:
            return []
        row = {
            "direction": call.direction,
            "dnis": call.dnis[:64],
            "offered_at": call.offered_at,
            "queue": state.queue,
            "enqueued_at": state.enqueued_at,
            "answered_at": state.answered_at,
            "agent_id": state.agent_id,
            "endpoint": state.endpoint,
            "ended_at": state.ended_at,
            "ended_by": state.ended_by,
            "cause": state.cause,
            "outcome": state.outcome if state.ended_at is not None else "",
            "merged_into": state.merged_into,
            "menu_ms": state.time_in(K.MENU) // _MS,
            "wait_ms": state.wait_time // _MS,
            "talk_ms": state.time_in(K.TALKING, K.CONFERENCE) // _MS,
            "hold_ms": state.time_in(K.ON_HOLD, K.PARKED) // _MS,
            "consult_ms": state.time_in(K.CONSULTING) // _MS,
            "wrap_up_ms": state.time_in(K.WRAP_UP) // _MS,
            "attempts": state.attempts,
            "transfers": state.transfers,
            "holds": state.holds,
            "repairs": state.repairs,
            "recording_id": state.recording_id,
            "ticket_id": state.ticket_id,
            "disposition": state.disposition[:64],
        }
        return [row]
