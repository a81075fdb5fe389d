"""One writer of the journal at a time, whatever process it is in: numbers and hash chain are kept in its memory.

On SQLite a lock on a file beside the database, which ends with the process that holds it, however that ends; on
PostgreSQL an advisory lock of a connection kept for nothing else. Should PostgreSQL restart or cut that connection, the
lock is gone: ``keep`` takes it again. Two writers in between can't harm each other: the second to use a number is refused
by the primary key.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from cti.storage.database import Database

_held: set[str] = set()
"""Files that this process holds: a POSIX lock is no obstacle to the process that has it."""
_KEY = 7205759404  # ours, and means nothing


class WriterLock:
    """The right to write a database's journal."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file: int | None = None
        self._path = ""
        self._connection: AsyncConnection | None = None
        self._is_lost = False

    async def acquire(self) -> bool:
        """Take it; False where somebody else has it."""
        url = make_url(self._database.url)
        if url.get_backend_name() != "sqlite":
            return await self._acquire_advisory()
        # A database in memory is seen by its own process alone.
        return not url.database or self._acquire_file(Path(f"{url.database}.writer"))

    async def keep(self) -> None:
        """See that it is still held; take it again where its connection was cut.

        Raises:
            OSError: it is lost for now: the database is away, or another process was quicker.
        """
        try:
            if self._connection is not None:
                await self._connection.execute(text("SELECT 1"))
            elif self._is_lost:
                await self._take_again()
        except SQLAlchemyError as exc:
            await self._lose()
            raise OSError("the journal's lock is lost") from exc
        except OSError:
            await self._lose()
            raise

    async def _take_again(self) -> None:
        if not await self._acquire_advisory():
            raise OSError("another process has taken the journal")
        self._is_lost = False

    async def _lose(self) -> None:
        self._is_lost = True
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(SQLAlchemyError, OSError):
                await connection.invalidate()
                await connection.close()

    async def release(self) -> None:
        """Give it back; harmless where it isn't held."""
        self._is_lost = False
        if self._file is not None:
            os.close(self._file)
            self._file = None
            _held.discard(self._path)
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.invalidate()  # the session ends, and the lock with it
            await connection.close()

    def _acquire_file(self, path: Path) -> bool:
        self._path = str(path.resolve())
        # Not even opened: closing it would give the lock away.
        if self._path in _held:
            return False
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # A POSIX lock: unlike flock's, it isn't inherited by a child that outlives us.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        _held.add(self._path)
        return True

    async def _acquire_advisory(self) -> bool:
        connection = await self._database.engine.connect()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        query = text("SELECT pg_try_advisory_lock(:key)")
        if not await connection.scalar(query, {"key": _KEY}):
            await connection.close()
            return False
        self._connection = connection
        return True
