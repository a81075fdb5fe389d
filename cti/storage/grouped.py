"""Many small changes, one transaction; and a thread that keeps one connection.

A commit of its own for every change of every call would be most of what the service does. ``Changes`` takes
functions on a connection, waits a moment for company, and has them run one after the other in a single
transaction, each behind a savepoint of its own: one that fails undoes its own part only. Their order is that in which
they were given, so whoever changes the same row twice needs no lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine

from cti.storage.errand import Errands
from cti.storage.prepared import in_transaction, run_raw

T = TypeVar("T")
Work = Callable[[Connection], Any]

GROUP_TIME = timedelta(milliseconds=50)
"""How long a change that may wait does wait for others."""


class Seat:
    """A thread with one connection to SQLite, opened at the first use."""

    def __init__(self, name: str, url: URL, prepare: Callable[[Engine], None]) -> None:
        self._name = name
        self._thread: Errands | None = None
        self._engine = create_engine(
            url, poolclass=NullPool, connect_args={"check_same_thread": False}
        )
        prepare(self._engine)
        self._connection: Connection | None = None

    async def run(self, work: Callable[[Connection], T], begin: str = "") -> T:
        """Run ``work`` on the thread; with ``begin`` as a transaction, else as single statements."""
        if self._thread is None:
            self._thread = Errands(self._name)
        return await self._thread.run(lambda: self._run(work, begin))

    async def close(self) -> None:
        """End connection and thread, after what was asked for is done; the next use begins anew."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await thread.run(self._disconnect)
            thread.end()

    def _run(self, work: Callable[[Connection], T], begin: str) -> T:
        if self._connection is None:
            self._connection = self._engine.connect()
        connection = self._connection
        try:
            if begin:
                run_raw(connection, begin)
            done = work(connection)
            if begin:
                run_raw(connection, "COMMIT")
            if connection.in_transaction():
                # SQLAlchemy's own notion of one, which begins with any statement that is its own.
                connection.commit()
        except BaseException:
            self._undo(connection)
            raise
        return done

    def _undo(self, connection: Connection) -> None:
        try:
            if in_transaction(connection):
                run_raw(connection, "ROLLBACK")
            connection.rollback()
        except Exception:  # noqa: BLE001 - a connection that can't even go back is not used again
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # rolls back what is open


@dataclass(slots=True)
class _Wish:
    work: Work
    done: asyncio.Future[Any]


class Changes:
    """Gathers changes and hands them over as one; ``run`` makes a transaction of a function."""

    def __init__(self, run: Callable[[Work], Awaitable[Any]]) -> None:
        self._run = run
        self._wishes: list[_Wish] = []
        self._urgent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def add(self, work: Callable[[Connection], T], *, may_wait: bool) -> T:
        """Have ``work`` done with the next group; see ``Database.change``."""
        wish = _Wish(work, asyncio.get_running_loop().create_future())
        self._wishes.append(wish)
        if not may_wait:
            self._urgent.set()
        if self._task is None:
            self._task = asyncio.create_task(self._drain(), name="database changes")
        done: T = await wish.done
        return done

    async def close(self) -> None:
        """Return when all that was asked for is done."""
        self._urgent.set()
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        try:
            while self._wishes:
                await self._gather_company()
                wishes, self._wishes = self._wishes, []
                # Whoever was called off meanwhile still gets his change: he may have been just too late.
                await self._commit(wishes)
        finally:
            self._task = None

    async def _gather_company(self) -> None:
        try:
            async with asyncio.timeout(GROUP_TIME.total_seconds()):
                await self._urgent.wait()
        except TimeoutError:
            pass
        self._urgent.clear()

    async def _commit(self, wishes: Sequence[_Wish]) -> None:
        works = [wish.work for wish in wishes]
        try:
            results = await self._run(lambda connection: _all(connection, works))
        except Exception as exc:  # noqa: BLE001 - it is everybody's who waits for the transaction
            results = [(None, exc)] * len(works)
        for wish, (value, error) in zip(wishes, results, strict=True):
            if wish.done.done():
                continue  # nobody waits any more
            if error is None:
                wish.done.set_result(value)
            else:
                wish.done.set_exception(error)


def _all(connection: Connection, works: Sequence[Work]) -> list[tuple[Any, Exception | None]]:
    """Run them one after the other; each one's value, or what it failed with."""
    if len(works) == 1:
        return [(works[0](connection), None)]
    results: list[tuple[Any, Exception | None]] = []
    for work in works:
        run_raw(connection, "SAVEPOINT one")
        try:
            results.append((work(connection), None))
        except Exception as exc:  # noqa: BLE001 - handed to whoever asked for it
            # Fails where the database has undone everything (disk full): then all have failed.
            run_raw(connection, "ROLLBACK TO SAVEPOINT one")
            results.append((None, exc))
        run_raw(connection, "RELEASE SAVEPOINT one")
    return results
