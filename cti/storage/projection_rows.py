"""Statements of the projections: where one stands, its rows, and the events that it is made of. On plain connections."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from cti.domain.errors import InvalidValue
from cti.domain.ids import CallId
from cti.domain.records import from_record
from cti.ports import Recorded
from cti.storage.base import Base
from cti.storage.journal_rows import JournalRow, record_of
from cti.storage.prepared import Prepared

_JOURNAL = Base.metadata.tables[JournalRow.__tablename__]
_COLUMNS = (_JOURNAL.c.sequence, _JOURNAL.c.name, _JOURNAL.c.version, _JOURNAL.c.data)
_AT_ONCE = 500


class ProjectionRow(Base):
    """How far a projection has come."""

    __tablename__ = "journal_projections"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    sequence: Mapped[int] = mapped_column(Integer)


_NEXT = (
    select(*_COLUMNS)
    .where(_JOURNAL.c.sequence > bindparam("after"))
    .order_by(_JOURNAL.c.sequence)
    .limit(bindparam("count", type_=Integer))
)
_OF_CALLS = (
    select(*_COLUMNS, _JOURNAL.c.call_id)
    .where(
        _JOURNAL.c.call_id.in_(bindparam("call_ids", expanding=True)),
        _JOURNAL.c.sequence <= bindparam("upto"),
    )
    .order_by(_JOURNAL.c.sequence)
)


_MOVE = Prepared(
    update(ProjectionRow)
    .where(
        ProjectionRow.name == bindparam("of_name"),
        ProjectionRow.version == bindparam("of_version"),
        ProjectionRow.sequence == bindparam("old"),
    )
    .values(sequence=bindparam("place"))
)


class Moved(Exception):
    """Somebody else has moved the projection's place: what is in memory doesn't fit any more."""


def place_of(connection: Connection, name: str, version: int, tables: Iterable[Table]) -> int:
    """How far the rows have come; 0 after a reset, which rows of another version bring."""
    row = connection.execute(
        select(ProjectionRow.version, ProjectionRow.sequence).where(ProjectionRow.name == name)
    ).first()
    if row is not None and row.version == version:
        return int(row.sequence)
    reset(connection, name, version, tables)
    return 0


def reset(connection: Connection, name: str, version: int, tables: Iterable[Table]) -> None:
    """Drop all rows and stand at the beginning."""
    for table in tables:
        connection.execute(delete(table))
    connection.execute(delete(ProjectionRow).where(ProjectionRow.name == name))
    connection.execute(insert(ProjectionRow).values(name=name, version=version, sequence=0))


def move(connection: Connection, name: str, version: int, old: int, place: int) -> None:
    """Go on from one place to another.

    Raises:
        Moved: it doesn't stand there any more.
    """
    values = {"of_name": name, "of_version": version, "old": old, "place": place}
    if _MOVE.change(connection, values) != 1:
        raise Moved


def put(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    sums: Collection[str] = (),
) -> None:
    """Add rows or change them, whole; what stands in ``sums`` is added to what is there."""
    if rows:
        is_sqlite = connection.dialect.name == "sqlite"
        _putting(table, is_sqlite, frozenset(sums)).change_many(connection, rows)


@cache
def _putting(table: Table, is_sqlite: bool, sums: frozenset[str]) -> Prepared:
    # Made once: to write such a statement down costs more than to run it.
    dialect: Any = sqlite if is_sqlite else postgresql
    adding = dialect.insert(table).values({c.name: bindparam(c.name) for c in table.columns})
    new = adding.excluded
    values = {
        c.name: table.c[c.name] + new[c.name] if c.name in sums else new[c.name]
        for c in table.columns
        if not c.primary_key
    }
    keys = [column.name for column in table.primary_key]
    return Prepared(adding.on_conflict_do_update(index_elements=keys, set_=values))


def page(
    connection: Connection, after: int, count: int, names: Collection[str]
) -> tuple[list[Recorded], int]:
    """The events of these names among the next rows of the journal, and the number of the last row."""
    rows = connection.execute(_NEXT, {"after": after, "count": count}).all()
    last = rows[-1].sequence if rows else after
    return [event for row in rows if (event := _event_of(row, names)) is not None], last


def events_of(
    connection: Connection, call_ids: Sequence[CallId], upto: int, names: Collection[str]
) -> dict[CallId, list[Recorded]]:
    """The events of these names of each of these calls, up to a number."""
    found: dict[CallId, list[Recorded]] = {}
    for first in range(0, len(call_ids), _AT_ONCE):
        some = list(call_ids[first : first + _AT_ONCE])
        for row in connection.execute(_OF_CALLS, {"call_ids": some, "upto": upto}):
            if (event := _event_of(row, names)) is not None:
                found.setdefault(CallId(row.call_id), []).append(event)
    return found


def _event_of(row: Any, names: Collection[str]) -> Recorded | None:
    if row.name not in names:
        return None
    try:
        return Recorded(row.sequence, from_record(record_of(row)))
    except InvalidValue:  # another version's: the next one's rows will tell it
        return None
