"""SQLite's thread is visited once a statement, and not at all to end a transaction that never began.

aiosqlite runs SQLite on a thread of its own; each call to it costs two thread switches, dearer than most of our
statements. SQLAlchemy's adapter visits it four times a statement (cursor, execute, fetch, close) and once more to roll back
after every read. This one does the same work in one visit: a quarter of the CPU time of a call was that.

Built on the adapter's own classes, which reach into aiosqlite in the same way; both packages are pinned to a minor version.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util.concurrency import await_


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """Everything of a statement in one visit; what it left is kept here."""

    __slots__ = ("_description", "_lastrowid", "_rowcount", "arraysize")

    def __init__(self, adapt_connection: Any) -> None:
        # Not the base's: it would visit the thread for a cursor that nobody has used yet.
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._rows = deque()
        self._description: Any = None
        self._rowcount = -1
        self._lastrowid: Any = None
        self.arraysize = 1

    @property
    def description(self) -> Any:
        """The columns (PEP 249); None where the statement returns no rows."""
        return self._description

    @property
    def rowcount(self) -> int:
        """How many rows were changed (PEP 249); -1: not said."""
        return self._rowcount

    @property
    def lastrowid(self) -> Any:
        """The row id of the last insert."""
        return self._lastrowid

    def execute(self, operation: Any, parameters: Any = None) -> None:
        """Run one statement and take all its rows."""
        self._visit(lambda cursor: cursor.execute(operation, parameters or ()))

    def executemany(self, operation: Any, seq_of_parameters: Any) -> None:
        """Run one statement for each of the parameters."""
        self._visit(lambda cursor: cursor.executemany(operation, seq_of_parameters))

    def close(self) -> None:
        """Drop the rows; the driver's cursor was closed when they were taken."""
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        """Nothing is open any more."""

    def _visit(self, work: Any) -> None:
        connection: sqlite3.Connection = self._connection._conn

        def on_the_thread() -> tuple[Any, int, Any, list[Any]]:
            cursor = connection.cursor()
            try:
                work(cursor)
                rows = cursor.fetchall() if cursor.description else []
                return cursor.description, cursor.rowcount, cursor.lastrowid, rows
            finally:
                cursor.close()

        try:
            left = await_(self._connection._execute(on_the_thread))
        except Exception as error:  # noqa: BLE001 - the adapter turns each into SQLAlchemy's
            self._adapt_connection._handle_exception(error)
        self._description, self._rowcount, self._lastrowid, rows = left
        self._rows = deque(rows)


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()

    _cursor_cls = _Cursor

    def rollback(self) -> None:
        """Roll back, where there is something to."""
        if self._is_in_transaction():
            super().rollback()

    def commit(self) -> None:
        """Commit, where there is something to."""
        if self._is_in_transaction():
            super().commit()

    def _is_in_transaction(self) -> bool:
        # A flag of SQLite's in memory; nothing runs on this connection while its owner asks.
        connection = self._connection._connection
        return connection is not None and bool(connection.in_transaction)


class SqliteModule(AsyncAdapt_aiosqlite_dbapi):
    """What ``create_async_engine(module=…)`` takes."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arg: Any, **kw: Any) -> AsyncAdapt_aiosqlite_connection:
        """Connect; see the module's text."""
        connection = super().connect(*arg, **kw)
        return _Connection(self, connection._connection)
