"""Customers' PINs, hashed."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0010"


def upgrade() -> None:
    """Make the table, empty."""
    op.create_table(
        "customer_pins",
        sa.Column(
            "customer_id",
            sa.Integer,
            sa.ForeignKey("customers.customer_id", name="fk_customer_pins_customer_id_customers"),
            primary_key=True,
        ),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("wrong", sa.Integer, nullable=False),
    )
