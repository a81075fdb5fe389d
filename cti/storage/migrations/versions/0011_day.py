"""Missed calls, agents' own callbacks, messages from supervisors; all derived from the journal."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from cti.storage.base import UtcDateTime

revision = "0011"
down_revision = "0008"


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _id(name: str, length: int = 64) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=True)


def _instants(*names: str) -> list[sa.Column[datetime]]:
    return [sa.Column(name, UtcDateTime, nullable=True) for name in names]


def upgrade() -> None:
    """Make them, empty: they are filled from the journal."""
    op.create_table(
        "contacts",
        sa.Column("call_id", sa.String(96), primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        _text("direction", 16),
        *_instants("offered_at"),
        _id("queue", 32),
        sa.Column("agents", sa.Text, nullable=False),
        sa.Column("phones", sa.Text, nullable=False),
        _text("origin", 16),
        *_instants("spoke_at"),
        _id("agent_id"),
        _text("result", 32),
        _text("disposition", 64),
        sa.Column("has_voicemail", sa.Boolean, nullable=False),
        sa.Column("has_callback", sa.Boolean, nullable=False),
        sa.Column("is_aside", sa.Boolean, nullable=False),
        *_instants("ended_at"),
        _id("taken_by"),
        *_instants("taken_at", "taken_until_at"),
        _id("closed_by"),
        *_instants("closed_at"),
        _text("closed_result", 32),
    )
    op.create_index("ix_contacts_at", "contacts", ["at"])
    op.create_table(
        "promises",
        sa.Column("call_id", sa.String(96), primary_key=True),
        _text("made_by", 64),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        _id("agent_id"),
        _id("queue", 32),
        *_instants("ended_at"),
        _id("ended_by"),
        _text("result", 32),
    )
    op.create_index("ix_promises_ended_at", "promises", ["ended_at"])
    op.create_table(
        "desk_messages",
        sa.Column("message_id", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        _text("by", 64),
        _text("audience", 16),
        _text("target", 64),
        sa.Column("recipients", sa.Text, nullable=False),
    )
    op.create_index("ix_desk_messages_at", "desk_messages", ["at"])
    op.create_table(
        "desk_message_reads",
        sa.Column("message_id", sa.String(64), primary_key=True),
        sa.Column("agent_id", sa.String(64), primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
    )
