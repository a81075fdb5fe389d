"""One person's part of the journal: found, listed, erased. And what a deletion leaves behind in the database's file.

The journal's own rows hold ids only and never change. What is erased are rows of ``journal_subject``: of calls that the
person made or was called in, all but the numbers of others who were consulted in them; elsewhere, only what is
the person's own. All functions take a plain connection and are for ``Database.look`` and ``Database.change``.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    delete,
    exists,
    func,
    inspect,
    literal_column,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.engine import make_url

from cti.domain.ids import CallId
from cti.domain.subject import SubjectNumber, pattern_of
from cti.storage.base import Base
from cti.storage.database import Database
from cti.storage.journal_rows import InboxRow, JournalRow, SubjectRow

_JOURNAL = Base.metadata.tables[JournalRow.__tablename__]
_SUBJECTS = Base.metadata.tables[SubjectRow.__tablename__]
_AT_ONCE = 500  # values in one IN (…)
_OWN = frozenset({"ani"})  # the fields that say whose call it is
_OTHERS = frozenset({"number"})  # the fields that may name somebody else
_BEGINS = ("CallOffered", "CallRecovered")
_ENDS = ("CallEnded", "CallMerged")
_QUIET_LIMIT_S = 30.0

Field = tuple[int, str]
"""The place of a personal field: the event's number and the field's name."""


@dataclass(frozen=True, slots=True)
class Found:
    """What of the journal is the person's."""

    call_ids: frozenset[CallId]  # calls that are his
    fields: frozenset[Field]  # his fields in calls of others


def find(connection: Connection, numbers: Sequence[SubjectNumber]) -> Found:
    """Look for a person's numbers in all personal fields."""
    calls: set[CallId] = set()
    fields: set[Field] = set()
    pattern = pattern_of(numbers)
    for number in numbers:
        for row in connection.execute(_holding(number.tail)):
            is_number = row.field in _OWN | _OTHERS
            if is_number and not any(n.is_same(row.value) for n in numbers):
                continue
            if not is_number and not (pattern and pattern.search(row.value)):
                continue
            if row.field in _OWN and row.call_id is not None:
                calls.add(CallId(row.call_id))
            else:
                fields.add((row.sequence, row.field))
    return Found(frozenset(calls), frozenset(fields))


def fields_of(
    connection: Connection, call_ids: Iterable[CallId], numbers: Sequence[SubjectNumber]
) -> frozenset[Field]:
    """The personal fields of a person's own calls that are his."""
    found: set[Field] = set()
    for keys in _pieces(sorted(call_ids)):
        query = (
            select(_SUBJECTS.c.sequence, _SUBJECTS.c.field, _SUBJECTS.c.value)
            .join(_JOURNAL, _JOURNAL.c.sequence == _SUBJECTS.c.sequence)
            .where(_JOURNAL.c.call_id.in_(keys))
        )
        for row in connection.execute(query):
            if row.field not in _OTHERS or any(n.is_same(row.value) for n in numbers):
                found.add((row.sequence, row.field))
    return frozenset(found)


def export(
    connection: Connection, call_ids: Iterable[CallId], fields: Iterable[Field]
) -> list[dict[str, Any]]:
    """The events of a person's calls and those that name him elsewhere, with his own personal fields only."""
    mine = set(fields)
    sequences = {sequence for sequence, _ in mine}
    for keys in _pieces(sorted(call_ids)):
        ids = select(_JOURNAL.c.sequence).where(_JOURNAL.c.call_id.in_(keys))
        sequences.update(connection.scalars(ids))
    rows: list[dict[str, Any]] = []
    for numbers in _pieces(sorted(sequences)):
        personal: dict[int, dict[str, str]] = {}
        for row in connection.execute(select(_SUBJECTS).where(_SUBJECTS.c.sequence.in_(numbers))):
            if (row.sequence, row.field) in mine:
                personal.setdefault(row.sequence, {})[row.field] = row.value
        events = select(_JOURNAL).where(_JOURNAL.c.sequence.in_(numbers))
        for row in connection.execute(events.order_by(_JOURNAL.c.sequence)):
            rows.append(  # noqa: PERF401 - easier to read
                {
                    "sequence": row.sequence,
                    "at": row.at.isoformat(),
                    "event": row.name,
                    "data": json.loads(row.data),
                    "personal": personal.get(row.sequence, {}),
                }
            )
    return rows


def erase(connection: Connection, fields: Iterable[Field]) -> int:
    """Remove personal fields; returns how many there were."""
    erased = 0
    for keys in _pieces(sorted(fields)):
        same = [and_(_SUBJECTS.c.sequence == s, _SUBJECTS.c.field == f) for s, f in keys]
        erased += connection.execute(delete(_SUBJECTS).where(or_(*same))).rowcount
    return erased


def calls_of(connection: Connection, fields: Iterable[Field]) -> frozenset[CallId]:
    """The calls in whose events these fields stand."""
    calls: set[CallId] = set()
    for keys in _pieces(sorted({sequence for sequence, _ in fields})):
        query = select(_JOURNAL.c.call_id).where(_JOURNAL.c.sequence.in_(keys))
        calls |= {CallId(call_id) for call_id in connection.scalars(query) if call_id is not None}
    return frozenset(calls)


def unfinished(connection: Connection, call_ids: Iterable[CallId]) -> list[CallId]:
    """Those of these calls that the journal hasn't seen the end of."""
    live: list[CallId] = []
    for keys in _pieces(sorted(call_ids)):
        # What was only about to be called (for a callback) has no end.
        has_begun = (_JOURNAL.c.call_id.in_(keys), _JOURNAL.c.name.in_(_BEGINS))
        begun = select(_JOURNAL.c.call_id).where(*has_begun).distinct()
        end = _JOURNAL.alias()
        is_over = exists().where(end.c.call_id == _JOURNAL.c.call_id, end.c.name.in_(_ENDS))
        live += [CallId(call_id) for call_id in connection.scalars(begun.where(~is_over))]
    return live


def is_known(connection: Connection, call_id: CallId) -> bool:
    """Whether the journal knows of a call."""
    known = select(_JOURNAL.c.sequence).where(_JOURNAL.c.call_id == call_id).limit(1)
    return connection.execute(known).first() is not None


def is_handed_over(connection: Connection) -> bool:
    """Whether the journal's writer has taken everything that was handed in."""
    return connection.execute(select(InboxRow.entry).limit(1)).first() is None


def tables_with(connection: Connection, numbers: Sequence[SubjectNumber]) -> list[str]:
    """The tables, of whatever department, in which any of these numbers can still be found."""
    pattern = pattern_of(numbers)
    found: set[str] = set()
    for name in inspect(connection).get_table_names():
        columns = [
            column["name"]
            for column in inspect(connection).get_columns(name)
            if isinstance(column["type"], Text) or hasattr(column["type"], "length")
        ]
        for column in columns:
            value: ColumnElement[str] = literal_column(f'"{column}"')
            for number in numbers:
                query = (
                    select(value).select_from(table(name)).where(holds_digits(value, number.tail))
                )
                if pattern and any(pattern.search(v) for v in connection.scalars(query) if v):
                    found.add(name)
    return sorted(found)


async def scrub(database: Database) -> None:
    """Write the database anew, so that nothing deleted lingers in its free space or its log.

    Raises:
        OSError: somebody kept it busy for 30 s; nothing is lost, but what was deleted may still be read by experts.
    """
    url = make_url(database.url)
    if url.get_backend_name() != "sqlite":
        async with database.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM"))
        return
    await asyncio.to_thread(_patiently, lambda: _scrub_sqlite(str(url.database)))


def _scrub_sqlite(path: str) -> bool:
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        connection.execute("VACUUM")
        left = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as exc:
        if "locked" in str(exc) or "busy" in str(exc):
            return False
        raise OSError("the database could not be written anew: is the disk full?") from exc
    else:
        return bool(left[0] == 0)  # 1: a reader still needs the log
    finally:
        connection.close()


def _patiently(attempt: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _QUIET_LIMIT_S
    while not attempt():
        if time.monotonic() > deadline:
            raise OSError("the database is busy, deleted data may linger in it: run this again")
        time.sleep(0.1)


def _holding(tail: str) -> Any:
    return (
        select(_SUBJECTS, _JOURNAL.c.call_id)
        .join(_JOURNAL, _JOURNAL.c.sequence == _SUBJECTS.c.sequence)
        .where(holds_digits(_SUBJECTS.c.value, tail))
    )


def holds_digits(value: Any, tail: str) -> Any:
    """A condition, cheap and wide: these digits stand in a column one after the other, separators left out."""
    for separator in " -.()/":
        value = func.replace(value, separator, "")
    return value.like(f"%{tail}%")


def _pieces(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[first : first + _AT_ONCE] for first in range(0, len(values), _AT_ONCE))
