"""The engine, and the two ways to use it: ``read()`` and ``write()``.

SQLite in WAL mode lets readers and one writer work side by side, but a transaction that reads
first and writes after somebody else's commit fails at once with "locked", whatever the busy
timeout. So a writer says so from the start (``BEGIN IMMEDIATE``), and writers of this process queue on
a lock of their own instead of polling SQLite's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from cti.storage import postgres
from cti.storage.sqlite_driver import SqliteModule

_BUSY_TIMEOUT_MS = 5000


class Database:
    """One database, open until ``close()``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._is_sqlite = make_url(url).get_backend_name() == "sqlite"
        options: dict[str, Any] = {} if self._is_sqlite else postgres.engine_options()
        if self._is_sqlite:
            options["connect_args"] = {"timeout": _BUSY_TIMEOUT_MS / 1000}
            options["module"] = SqliteModule()
        self.engine: AsyncEngine = create_async_engine(url, **options)
        if self._is_sqlite:
            _prepare_sqlite(self.engine)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._write_lock = asyncio.Lock()

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
        """Close all connections (else aiosqlite's threads outlive the loop)."""
        await self.engine.dispose()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A bare connection, for checks."""
        async with self.engine.connect() as connection:
            yield connection


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
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
