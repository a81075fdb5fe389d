"""Recordings, who is heard in them, and their ledger."""

import sqlalchemy as sa
from alembic import op

from cti.storage.base import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the recorder's tables."""
    _make_recordings()
    _make_agents()
    _make_spans()


def _make_recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("recording_id", sa.String(64), primary_key=True),
        sa.Column("call_id", sa.String(96), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stopped_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claimed_by", sa.String(64), nullable=True),
        sa.Column("claimed_until_at", UtcDateTime, nullable=True),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=True),
        sa.Column("expected_ms", sa.Integer, nullable=True),
        sa.Column("actual_ms", sa.Integer, nullable=True),
        sa.Column("audio_key", sa.String(128), nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("caller_dbfs", sa.Float, nullable=True),
        sa.Column("agent_dbfs", sa.Float, nullable=True),
        sa.Column("silence_share", sa.Float, nullable=True),
        sa.Column("crosstalk_share", sa.Float, nullable=True),
        sa.Column("stored_at", UtcDateTime, nullable=True),
        sa.Column("ticket_id", sa.Integer, nullable=True),
        sa.Column("attached_at", UtcDateTime, nullable=True),
        sa.Column("raw_removed_at", UtcDateTime, nullable=True),
        sa.UniqueConstraint("call_id", name="uq_recordings_call_id"),
    )
    op.create_index("ix_recordings_state", "recordings", ["state"])


def _make_agents() -> None:
    op.create_table(
        "recording_agents",
        sa.Column(
            "recording_id",
            sa.String(64),
            sa.ForeignKey(
                "recordings.recording_id", name="fk_recording_agents_recording_id_recordings"
            ),
            primary_key=True,
        ),
        sa.Column("agent_id", sa.String(64), primary_key=True),
    )
    op.create_index("ix_recording_agents_agent_id", "recording_agents", ["agent_id"])


def _make_spans() -> None:
    op.create_table(
        "recording_spans",
        sa.Column(
            "recording_id",
            sa.String(64),
            sa.ForeignKey(
                "recordings.recording_id", name="fk_recording_spans_recording_id_recordings"
            ),
            primary_key=True,
        ),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=False),
        sa.Column("bridging", sa.String(16), nullable=False),
        sa.Column("offset_ms", sa.Integer, nullable=False),
        sa.Column("is_in_file", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
    )
