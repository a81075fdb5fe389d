"""Customers are found by name and company; warnings in their files."""

import unicodedata

import sqlalchemy as sa
from alembic import op

from cti.storage.base import UtcDateTime

revision = "0009"
down_revision = "0011"


def upgrade() -> None:
    """Make columns and table, and index the customers that there are."""
    for column in (
        sa.Column("warning", sa.Text, nullable=False, server_default=""),
        sa.Column("warning_by", sa.String(100), nullable=False, server_default=""),
        sa.Column("warning_at", UtcDateTime, nullable=True),
    ):
        op.add_column("customers", column)
    op.create_table(
        "customer_grams",
        sa.Column("gram", sa.String(2), primary_key=True),
        sa.Column(
            "customer_id",
            sa.Integer,
            sa.ForeignKey("customers.customer_id", name="fk_customer_grams_customer_id_customers"),
            primary_key=True,
        ),
    )
    op.create_index("ix_customer_grams_customer_id", "customer_grams", ["customer_id"])
    _index_customers()


def _index_customers() -> None:
    # As tickets/search.py did when this was written: a migration must not change with the code.
    connection = op.get_bind()
    customers = sa.table(
        "customers", sa.column("customer_id"), sa.column("name"), sa.column("company")
    )
    grams = sa.table("customer_grams", sa.column("gram"), sa.column("customer_id"))
    for row in connection.execute(sa.select(customers)).all():
        text = unicodedata.normalize("NFKC", f"{row.name} {row.company}").casefold()
        found = set[str]()
        for word in text.split():
            found.update(word[i : i + 2] for i in range(len(word) - 1))
            found.update(char for char in word if not char.isascii())
        if found:
            values = [{"gram": gram, "customer_id": row.customer_id} for gram in sorted(found)]
            connection.execute(sa.insert(grams), values)
