"""Legal holds: what may not be erased until somebody lifts it."""

import sqlalchemy as sa
from alembic import op

from cti.storage.base import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "subject_holds",
        sa.Column("hold_id", sa.Integer, primary_key=True),
        sa.Column("customer_id", sa.Integer, nullable=True),
        sa.Column("call_id", sa.String(96), nullable=True),
        sa.Column("numbers", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("set_by", sa.String(80), nullable=False),
        sa.Column("set_at", UtcDateTime, nullable=False),
        sa.Column("released_by", sa.String(80), nullable=True),
        sa.Column("released_at", UtcDateTime, nullable=True),
        sa.Column("release_reason", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
