"""Journal, people, sessions."""

import sqlalchemy as sa
from alembic import op

from cti.storage.base import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the core tables."""
    op.create_table(
        "journal",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("call_id", sa.String(96), nullable=True),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
    )
    op.create_index("ix_journal_call_id", "journal", ["call_id"])
    op.create_table(
        "journal_subject",
        sa.Column(
            "sequence",
            sa.Integer,
            sa.ForeignKey("journal.sequence", name="fk_journal_subject_sequence_journal"),
            primary_key=True,
        ),
        sa.Column("field", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "journal_latest",
        sa.Column("agent_id", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("login", sa.String(64), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("staff_number", sa.String(16), nullable=False),
        sa.Column("extension", sa.String(5), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("password_hash", sa.String(256), nullable=True),
        sa.UniqueConstraint("login", name="uq_users_login"),
        sa.UniqueConstraint("staff_number", name="uq_users_staff_number"),
        sa.UniqueConstraint("extension", name="uq_users_extension"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("csrf_token", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("last_seen_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
