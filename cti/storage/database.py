"""The engine, and the ways to use it: ``look`` and ``change`` on every call's path, sessions elsewhere.

SQLite in WAL mode lets readers and one writer work side by side, but a transaction that reads
first and writes after somebody else's commit fails at once with "locked", whatever the busy
timeout. So a writer says so from the start (``BEGIN IMMEDIATE``), and writers of this process queue on
a lock of their own instead of polling SQLite's.

A session costs a visit to a thread for every statement, dearer than the statements (``read``, ``write``: rows
of people, long lists). ``look`` and ``change`` take a function and run all of it in one visit;
what several parts of the service want changed at about the same time becomes one transaction (``grouped.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from cti.storage import postgres
from cti.storage.grouped import Changes, Seat
from cti.storage.sqlite_driver import SqliteModule

_BUSY_TIMEOUT_MS = 5000

T = TypeVar("T")


class Database:
    """One database, open until ``close()``. ``url`` is told to people; the password is not in it."""

    def __init__(self, url: str, password: str | None = None) -> None:
        self.url = url
        address = make_url(url) if password is None else make_url(url).set(password=password)
        self._is_sqlite = address.get_backend_name() == "sqlite"
        options: dict[str, Any] = {} if self._is_sqlite else postgres.engine_options()
        if self._is_sqlite:
            options["connect_args"] = {"timeout": _BUSY_TIMEOUT_MS / 1000}
            options["module"] = SqliteModule()
        self.engine: AsyncEngine = create_async_engine(address, **options)
        if self._is_sqlite:
            _prepare_sqlite(self.engine.sync_engine)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._write_lock = asyncio.Lock()
        self._reader: Seat | None = None
        self._writer: Seat | None = None
        if self._is_sqlite and make_url(url).database not in {None, "", ":memory:"}:
            sync_url = make_url(url).set(drivername="sqlite")
            self._reader = Seat("database reader", sync_url, _prepare_sqlite)
            self._writer = Seat("database writer", sync_url, _prepare_sqlite)
        self._changes = Changes(self._change_all)

    async def look(self, work: Callable[[Connection], T]) -> T:
        """Read: ``work`` runs in one visit to a thread; it must touch nothing but the connection.

        Raises:
            SQLAlchemyError: the database can't be read.
        """
        if self._reader is not None:
            return await self._reader.run(work)
        async with self.engine.connect() as connection:
            return await connection.run_sync(work)

    async def change(self, work: Callable[[Connection], T], *, may_wait: bool = False) -> T:
        """Write: returns when what ``work`` changed is committed.

        Changes are made in the order of these calls, each whole or not at all, mostly several in one
        transaction. ``may_wait``: this one may wait for others, ``grouped.GROUP_TIME`` at most.

        Raises:
            SQLAlchemyError: nothing was changed (disk full, locked).
            Exception: whatever ``work`` raised; what it had changed is undone.
        """
        return await self._changes.add(work, may_wait=may_wait)

    async def _change_all(self, work: Callable[[Connection], T]) -> T:
        async with self._write_lock:
            if self._writer is not None:
                return await self._writer.run(work, begin="BEGIN IMMEDIATE")
            async with self.engine.connect() as connection:
                begin = "BEGIN IMMEDIATE" if self._is_sqlite else postgres.TAKE_TURN
                await connection.execute(text(begin))
                done = await connection.run_sync(work)
                await connection.commit()
                return done

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session that only reads."""
        async with self._sessions() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session in a transaction: committed at the end, rolled back on an exception."""
        async with self._write_lock, self._sessions() as session, session.begin():
            if self._is_sqlite:
                # The driver's own BEGIN is switched off below, so this is the transaction's start.
                await session.execute(text("BEGIN IMMEDIATE"))
            else:
                await session.execute(text(postgres.TAKE_TURN))
            yield session

    async def migrate(self) -> None:
        """Bring the schema to the newest version; harmless when it is there already."""
        async with self.engine.connect() as connection:
            await connection.run_sync(_upgrade)
            await connection.commit()

    async def close(self) -> None:
        """Close all connections (else their threads outlive the loop)."""
        await self._changes.close()
        for seat in (self._reader, self._writer):
            if seat is not None:
                await seat.close()
        await self.engine.dispose()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A bare connection, for checks."""
        async with self.engine.connect() as connection:
            yield connection


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # No implicit BEGIN: write() begins by itself, read() runs statement by statement.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _upgrade(connection: Any) -> None:
    # Alembic is slow to import and only needed here.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
