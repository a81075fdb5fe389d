"""What people do with tickets: group, owner, due, fields; comments, canned texts, and words to search by."""

import json
import unicodedata

import sqlalchemy as sa
from alembic import op

from cti.storage.base import UtcDateTime

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Widen the tickets, make the tables, index what is there."""
    for name, kind, default in (
        ("priority", sa.String(16), "normal"),
        ("group_name", sa.String(64), ""),
        ("queue", sa.String(64), ""),
        ("fields", sa.Text, "{}"),
        ("changed_by", sa.String(64), ""),
    ):
        column = sa.Column(name, kind, nullable=False, server_default=sa.text(f"'{default}'"))
        op.add_column("tickets", column)
    revision_column = sa.Column("revision", sa.Integer, nullable=False, server_default=sa.text("0"))
    op.add_column("tickets", revision_column)
    op.add_column("tickets", sa.Column("owner_id", sa.String(64), nullable=True))
    op.add_column("tickets", sa.Column("due_at", UtcDateTime, nullable=True))
    for name in ("group_name", "owner_id", "due_at"):
        op.create_index(f"ix_tickets_{name}", "tickets", [name])
    op.create_table(
        "ticket_comments",
        sa.Column("comment_id", sa.Integer, primary_key=True),
        sa.Column("ticket_id", sa.Integer, _to("ticket_comments", "ticket"), nullable=False),
        sa.Column("author_id", sa.String(64), nullable=False),
        sa.Column("written_at", UtcDateTime, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ticket_comments_ticket_id", "ticket_comments", ["ticket_id"])
    op.create_table(
        "ticket_grams",
        sa.Column("gram", sa.String(8), primary_key=True),
        sa.Column("ticket_id", sa.Integer, _to("ticket_grams", "ticket"), primary_key=True),
    )
    op.create_index("ix_ticket_grams_ticket_id", "ticket_grams", ["ticket_id"])
    op.create_table(
        "canned_texts",
        sa.Column("owner_id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    _queues_of_old_tickets()
    _index_tickets()


def _to(table: str, of: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{of}s.{of}_id", name=f"fk_{table}_{of}_id_{of}s")


def _queues_of_old_tickets() -> None:
    """Through which queue the call came that opened them: it says who may see them."""
    connection = op.get_bind()
    query = "SELECT t.ticket_id, c.document FROM tickets t JOIN ticket_calls c ON c.call_id = t.opened_by_call"
    found = [
        {"id": ticket_id, "queue": queue, "owner": agent}
        for ticket_id, document in connection.execute(sa.text(query)).all()
        for call in [json.loads(document)]
        for queue, agent in [(call.get("queue") or "", call.get("agent_id"))]
        if queue or agent
    ]
    if found:
        change = "UPDATE tickets SET queue = :queue, owner_id = :owner WHERE ticket_id = :id"
        connection.execute(sa.text(change), found)


def _index_tickets() -> None:
    # As cti/domain/search.py did when this was written: a migration must not change with the code.
    connection = op.get_bind()
    query = "SELECT ticket_id, subject, note FROM tickets"
    insert = "INSERT INTO ticket_grams (gram, ticket_id) VALUES (:gram, :ticket_id)"
    for row in connection.execute(sa.text(query)).all():
        found = set[str]()
        for text in (row.subject, row.note):
            folded = unicodedata.normalize("NFKC", text).casefold()
            for run in "".join(c if c.isalnum() else " " for c in folded).split():
                found.update(run[i : i + 2] for i in range(len(run)))
        if found:
            entries = [{"gram": gram, "ticket_id": row.ticket_id} for gram in sorted(found)]
            connection.execute(sa.text(insert), entries)
