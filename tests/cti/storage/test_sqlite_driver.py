"""One visit to SQLite's thread a statement, and everything the stock adapter tells is still told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from cti.storage.database import Database

pytestmark = pytest.mark.contract


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    async with database.write() as session:
        await session.execute(text("CREATE TABLE things (a INTEGER PRIMARY KEY, b TEXT UNIQUE)"))
        await session.execute(
            text("INSERT INTO things VALUES (:a, :b)"), [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
        )
    yield database
    await database.close()


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every visit to the thread from here on."""
    seen: list[Any] = []
    visit: Any = aiosqlite.Connection._execute

    async def counted(self: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(fn)
        return await visit(self, fn, *args, **kwargs)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    return seen


async def test_a_read_is_one_visit(database: Database, visits: list[Any]) -> None:
    async with database.read() as session:
        rows = (await session.execute(text("SELECT a, b FROM things ORDER BY a"))).all()
    assert [tuple(row) for row in rows] == [(1, "x"), (2, "y")]
    assert len(visits) == 1


async def test_a_write_is_begin_statement_and_commit(database: Database, visits: list[Any]) -> None:
    async with database.write() as session:
        await session.execute(text("INSERT INTO things VALUES (3, 'z')"))
    assert len(visits) == 3
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM things")) == 3


async def test_row_counts_new_ids_and_returned_rows_are_told(database: Database) -> None:
    async with database.write() as session:
        connection = await session.connection()
        changed = await connection.execute(text("UPDATE things SET b = b || '!'"))
        added = await connection.execute(text("INSERT INTO things (b) VALUES ('new')"))
        returned = await connection.execute(
            text("INSERT INTO things (b) VALUES ('r') RETURNING a, b")
        )
        assert (changed.rowcount, added.lastrowid) == (2, 3)
        assert [tuple(row) for row in returned] == [(4, "r")]


async def test_an_error_is_sqlalchemys_and_undoes_the_transaction(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as session:
            await session.execute(text("DELETE FROM things WHERE a = 2"))
            await session.execute(text("INSERT INTO things VALUES (5, 'x')"))

    with pytest.raises(IntegrityError):
        await fail()
    async with database.read() as session:
        assert (await session.scalars(text("SELECT a FROM things"))).all() == [1, 2]


async def test_a_refused_statement_leaves_the_connection_well(database: Database) -> None:
    async with database.read() as session:
        with pytest.raises(OperationalError, match="no such table"):
            await session.execute(text("SELECT * FROM missing"))
        assert await session.scalar(text("SELECT count(*) FROM things")) == 2


async def test_an_exception_of_the_writer_undoes_the_transaction(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as session:
            await session.execute(text("DELETE FROM things"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.write() as session:  # nothing is left open that would refuse to begin
        assert await session.scalar(text("SELECT count(*) FROM things")) == 2


async def test_a_stream_still_reads_in_pieces(database: Database) -> None:
    async with database.connection() as connection:
        result = await connection.stream(text("SELECT a FROM things ORDER BY a"))
        assert [row.a async for row in result] == [1, 2]
