"""Statements of the calls' paths, compiled once.

SQLAlchemy's way from a statement to the driver costs several times what SQLite needs to run it. On SQLite a ``Prepared``
goes to the driver itself, with the SQL and the conversions of types that SQLAlchemy made of it at its first use; on
any other database it goes the usual way. Written, like all of them, with tables and columns, so both mean the same.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError, OperationalError

_SQLITE = sqlite.dialect()

Values = Mapping[str, Any]


class Prepared:
    """One statement with named parameters; all of them must be given, defaults of columns don't apply."""

    def __init__(self, statement: Any) -> None:
        self.statement = statement
        self._compiled: _Compiled | None = None

    def rows(self, connection: Connection, values: Values | None = None) -> Sequence[Any]:
        """Run it; its rows, whose columns are attributes.

        Raises:
            SQLAlchemyError: as from any statement.
        """
        driver = _driver(connection)
        if driver is None:
            return connection.execute(self.statement, values or {}).all()
        compiled = self._prepare()
        return compiled.read(_run(driver, compiled.sql, compiled.bind(values or {})))

    def first(self, connection: Connection, values: Values | None = None) -> Any:
        """The first row, or None."""
        rows = self.rows(connection, values)
        return rows[0] if rows else None

    def change(self, connection: Connection, values: Values | None = None) -> int:
        """Run it for what it changes; in how many rows."""
        driver = _driver(connection)
        if driver is None:
            return connection.execute(self.statement, values or {}).rowcount
        compiled = self._prepare()
        return _run(driver, compiled.sql, compiled.bind(values or {})).rowcount

    def change_many(self, connection: Connection, values: Sequence[Values]) -> None:
        """Run it once for each of these, which may be none."""
        if not values:
            return
        driver = _driver(connection)
        if driver is None:
            connection.execute(self.statement, list(values))
            return
        compiled = self._prepare()
        _run(driver, compiled.sql, [compiled.bind(each) for each in values], is_many=True)

    def _prepare(self) -> _Compiled:
        if self._compiled is None:
            self._compiled = _Compiled(self.statement)
        return self._compiled


class _Compiled:
    """A statement as SQLite's driver takes it."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled: Any = statement.compile(dialect=_SQLITE)
        self.sql = str(compiled)
        self._fixed: dict[str, Any] = dict(compiled.params)
        self._binds: list[tuple[str, Callable[[Any], Any] | None]] = [
            (name, compiled.binds[name].type.dialect_impl(_SQLITE).bind_processor(_SQLITE))
            for name in compiled.positiontup or ()
        ]
        columns = list(getattr(statement, "exported_columns", ()))
        self._row: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]
        processors = [
            column.type.dialect_impl(_SQLITE).result_processor(_SQLITE, None) for column in columns
        ]
        self._processors = [(i, p) for i, p in enumerate(processors) if p is not None]

    def bind(self, values: Values) -> list[Any]:
        """The parameters in their places."""
        known = self._fixed | dict(values)
        return [
            known[name] if convert is None else convert(known[name])
            for name, convert in self._binds
        ]

    def read(self, cursor: sqlite3.Cursor) -> list[Any]:
        """All rows, converted."""
        rows = []
        for raw in cursor:
            row = list(raw)
            for index, convert in self._processors:
                row[index] = convert(row[index])
            rows.append(self._row._make(row))
        return rows


def run_raw(connection: Connection, words: str) -> None:
    """Run a word of transaction control (SAVEPOINT …), which all databases understand."""
    driver = _driver(connection)
    if driver is None:
        connection.exec_driver_sql(words)
    else:
        _run(driver, words, [])


def in_transaction(connection: Connection) -> bool:
    """Whether SQLite is in one: it ends some by itself (disk full). Elsewhere: what SQLAlchemy believes."""
    driver = _driver(connection)
    return connection.in_transaction() if driver is None else driver.in_transaction


def _driver(connection: Connection) -> sqlite3.Connection | None:
    driver = connection.connection.driver_connection
    return driver if isinstance(driver, sqlite3.Connection) else None


def _run(
    driver: sqlite3.Connection, words: str, values: Any, *, is_many: bool = False
) -> sqlite3.Cursor:
    try:
        return driver.executemany(words, values) if is_many else driver.execute(words, values)
    except sqlite3.IntegrityError as exc:
        raise IntegrityError(words, None, exc) from exc
    except sqlite3.DatabaseError as exc:
        raise OperationalError(words, None, exc) from exc
