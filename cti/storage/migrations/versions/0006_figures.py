"""Figures of queues and agents, derived from the journal."""

import sqlalchemy as sa
from alembic import op

from cti.storage.base import UtcDateTime

revision = "0006"
down_revision = "0005"


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def upgrade() -> None:
    """Make them, empty: they are filled from the journal."""
    op.create_table(
        "queue_visits",
        sa.Column("call_id", sa.String(96), primary_key=True),
        sa.Column("visit", sa.Integer, primary_key=True),
        sa.Column("queue", sa.String(32), nullable=False),
        sa.Column("quarter_at", UtcDateTime, nullable=False),
        sa.Column("offered_at", UtcDateTime, nullable=False),
        sa.Column("came_from", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=True),
        *_counts("wait_ms"),
        sa.Column("agent_id", sa.String(64), nullable=True),
        *_counts("rona", "declined", "unreachable", "talk_ms", "hold_ms", "wrap_up_ms"),
        sa.Column("position", sa.Integer, nullable=True),
        sa.Column("estimate_ms", sa.Integer, nullable=True),
        *_counts("estimates", "estimate_error_ms", "estimate_off_ms", "estimates_within"),
    )
    op.create_index("ix_queue_visits_quarter_at", "queue_visits", ["quarter_at", "queue"])
    op.create_table(
        "agent_quarters",
        sa.Column("agent_id", sa.String(64), primary_key=True),
        sa.Column("quarter_at", UtcDateTime, primary_key=True),
        *_counts("answered", "rona", "declined", "unreachable", "handled"),
        *_counts("ready_ms", "ring_ms", "talk_ms", "hold_ms", "wrap_up_ms", "not_ready_ms"),
    )
    op.create_index("ix_agent_quarters_quarter_at", "agent_quarters", ["quarter_at"])
    op.create_table(
        "agent_seats",
        sa.Column("agent_id", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("since_at", UtcDateTime, nullable=True),
        sa.Column("call_id", sa.String(96), nullable=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("is_held", sa.Boolean, nullable=False),
    )
