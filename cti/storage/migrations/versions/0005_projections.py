"""Tables derived from the journal, and how far each has come."""

import sqlalchemy as sa
from alembic import op

from cti.storage.base import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make them, empty: they are filled from the journal."""
    op.create_table(
        "journal_projections",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
    )
    op.create_table(
        "calls",
        sa.Column("call_id", sa.String(96), primary_key=True),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("dnis", sa.String(64), nullable=False),
        sa.Column("offered_at", UtcDateTime, nullable=False),
        sa.Column("queue", sa.String(32), nullable=True),
        sa.Column("enqueued_at", UtcDateTime, nullable=True),
        sa.Column("answered_at", UtcDateTime, nullable=True),
        sa.Column("agent_id", sa.String(64), nullable=True),
        sa.Column("endpoint", sa.String(16), nullable=True),
        sa.Column("ended_at", UtcDateTime, nullable=True),
        sa.Column("ended_by", sa.String(16), nullable=False),
        sa.Column("cause", sa.Integer, nullable=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("merged_into", sa.String(96), nullable=True),
        *(
            sa.Column(f"{kind}_ms", sa.Integer, nullable=False)
            for kind in ("menu", "wait", "talk", "hold", "consult", "wrap_up")
        ),
        *(
            sa.Column(count, sa.Integer, nullable=False)
            for count in ("attempts", "transfers", "holds", "repairs")
        ),
        sa.Column("recording_id", sa.String(64), nullable=True),
        sa.Column("ticket_id", sa.Integer, nullable=True),
        sa.Column("disposition", sa.String(64), nullable=False),
    )
    op.create_index("ix_calls_offered_at", "calls", ["offered_at"])
