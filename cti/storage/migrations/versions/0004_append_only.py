"""The journal can only grow, and other processes hand it events."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_SQLITE = (
    (
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal"
        " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    ),
    (
        "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal"
        " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    ),
    (
        "CREATE TRIGGER journal_subject_only_blank BEFORE UPDATE ON journal_subject"
        " WHEN NEW.value <> '' OR NEW.sequence <> OLD.sequence OR NEW.field <> OLD.field"
        " BEGIN SELECT RAISE(ABORT, 'a personal field can only be erased'); END"
    ),
)
_POSTGRES = (
    (
        "CREATE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$"
    ),
    (
        "CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal"
        " FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse()"
    ),
    (
        "CREATE FUNCTION journal_subject_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'a personal field can only be erased'; END $$"
    ),
    (
        "CREATE TRIGGER journal_subject_only_blank BEFORE UPDATE ON journal_subject FOR EACH ROW"
        " WHEN (NEW.value <> '' OR NEW.sequence <> OLD.sequence OR NEW.field <> OLD.field)"
        " EXECUTE FUNCTION journal_subject_refuse()"
    ),
)


def upgrade() -> None:
    """Forbid changes of the journal's rows; make the table of events handed in."""
    op.create_table(
        "journal_inbox",
        sa.Column("entry", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sqlite_autoincrement=True,  # an entry's number is never given again
    )
    # Agents' states and commands stand among their call's events too; the hash doesn't cover this column.
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    call_id = "json_extract(data, '$.call_id')" if is_sqlite else "(data::json ->> 'call_id')"
    op.execute(
        f"UPDATE journal SET call_id = {call_id} WHERE call_id IS NULL"  # noqa: S608 - one of the two above
        " AND name IN ('AgentStateChanged', 'CommandAccepted')"
    )
    for statement in _SQLITE if is_sqlite else _POSTGRES:
        op.execute(statement)
