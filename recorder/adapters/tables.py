"""The recorder's tables; the migration is ``cti/storage/migrations/versions/0003_recorder.py``."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Float, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cti.storage.base import Base, UtcDateTime


class RecordingRow(Base):
    """One call's recording. Durations are whole milliseconds."""

    __tablename__ = "recordings"
    __table_args__ = (UniqueConstraint("call_id"),)

    recording_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(96))
    state: Mapped[str] = mapped_column(String(16), index=True)
    stopped_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    claimed_until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(32), default="")
    verdict: Mapped[str | None] = mapped_column(String(16))
    expected_ms: Mapped[int | None] = mapped_column(Integer)
    actual_ms: Mapped[int | None] = mapped_column(Integer)
    audio_key: Mapped[str] = mapped_column(String(128), default="")
    duration_ms: Mapped[int] = mapped_column(Integer, default=0)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    size: Mapped[int] = mapped_column(Integer, default=0)
    caller_dbfs: Mapped[float | None] = mapped_column(Float)
    agent_dbfs: Mapped[float | None] = mapped_column(Float)
    silence_share: Mapped[float | None] = mapped_column(Float)
    crosstalk_share: Mapped[float | None] = mapped_column(Float)
    stored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ticket_id: Mapped[int | None] = mapped_column(Integer)
    attached_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    raw_removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RecordingAgentRow(Base):
    """Somebody who can be heard in a recording."""

    __tablename__ = "recording_agents"

    recording_id: Mapped[str] = mapped_column(
        String(64),
        ForeignKey("recordings.recording_id", name="fk_recording_agents_recording_id_recordings"),
        primary_key=True,
    )
    agent_id: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)


class RecordingSpanRow(Base):
    """A line of the ledger: a stretch of the call, and where it is in the file or why it isn't."""

    __tablename__ = "recording_spans"

    recording_id: Mapped[str] = mapped_column(
        String(64),
        ForeignKey("recordings.recording_id", name="fk_recording_spans_recording_id_recordings"),
        primary_key=True,
    )
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    bridging: Mapped[str] = mapped_column(String(16))
    offset_ms: Mapped[int] = mapped_column(Integer)
    is_in_file: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str] = mapped_column(String(32))
