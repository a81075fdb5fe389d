"""Customers, tickets, and the calls on them."""

import sqlalchemy as sa
from alembic import op

from cti.storage.base import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of the department ``tickets``."""
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("company", sa.String(200), nullable=False),
        sa.Column("group_name", sa.String(64), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("is_provisional", sa.Boolean, nullable=False),
        sa.Column("is_touched", sa.Boolean, nullable=False),
        sa.Column("made_by_call", sa.String(96), nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sqlite_autoincrement=True,  # the number of a removed file is never given again
    )
    op.create_index("ix_customers_name", "customers", ["name"])
    op.create_table(
        "customer_numbers",
        sa.Column("number_key", sa.String(32), primary_key=True),
        sa.Column("customer_id", sa.Integer, _to_customer("customer_numbers"), primary_key=True),
    )
    op.create_index("ix_customer_numbers_customer_id", "customer_numbers", ["customer_id"])
    op.create_table(
        "tickets",
        sa.Column("ticket_id", sa.Integer, primary_key=True),
        sa.Column("customer_id", sa.Integer, _to_customer("tickets"), nullable=True),
        sa.Column("subject", sa.String(500), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("category", sa.String(64), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("disposition", sa.String(64), nullable=False),
        sa.Column("opened_by_call", sa.String(96), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("opened_by_call", name="uq_tickets_opened_by_call"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tickets_customer_id", "tickets", ["customer_id"])
    op.create_table(
        "ticket_calls",
        sa.Column("call_id", sa.String(96), primary_key=True),
        sa.Column(
            "ticket_id",
            sa.Integer,
            sa.ForeignKey("tickets.ticket_id", name="fk_ticket_calls_ticket_id_tickets"),
            nullable=True,
        ),
        sa.Column("customer_id", sa.Integer, _to_customer("ticket_calls"), nullable=True),
        sa.Column("offered_at", UtcDateTime, nullable=False),
        sa.Column("recording_id", sa.String(64), nullable=True),
        sa.Column("document", sa.Text, nullable=False),
    )
    for column in ("ticket_id", "customer_id", "recording_id"):
        op.create_index(f"ix_ticket_calls_{column}", "ticket_calls", [column])


def _to_customer(table: str) -> sa.ForeignKey:
    return sa.ForeignKey(
        "customers.customer_id", name=f"fk_{table}_customer_id_customers", ondelete=None
    )
