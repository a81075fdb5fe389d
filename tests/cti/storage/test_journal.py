"""The journal: one suite for the one in memory and the one on a real database file; then what only a database does."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from cti.bootstrap import MainJournal
from cti.clock import SystemClock
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, LegId
from cti.ports import Recorded
from cti.storage.database import Database
from cti.storage.journal import JournalRow, SqlJournal, SubjectRow
from tests.fakes.journal import MemoryJournal, Page
from tests.until import until

pytestmark = pytest.mark.contract

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    await db.migrate()
    yield db
    await db.close()


@contextlib.asynccontextmanager
async def open_journal(database: Database) -> AsyncIterator[SqlJournal]:
    journal = SqlJournal(database)
    await journal.start()
    try:
        yield journal
    finally:
        await journal.stop()


def offered(n: int) -> ev.CallOffered:
    return ev.CallOffered(
        at=T0, call_id=CallId(f"c{n}"), leg_id=LegId("l"), ani=f"+86138001380{n:02}", dnis="4000"
    )


Opener = Callable[[], contextlib.AbstractAsyncContextManager[MainJournal]]


@pytest.fixture(params=["memory", "sql"])
def opened(request: pytest.FixtureRequest) -> Opener:
    """Opens the same journal again and again."""
    if request.param == "sql":
        database: Database = request.getfixturevalue("database")
        return lambda: open_journal(database)
    pages: list[Page] = []

    @contextlib.asynccontextmanager
    async def open_memory() -> AsyncIterator[MainJournal]:
        journal = MemoryJournal(pages, SystemClock())
        await journal.start()
        yield journal
        await journal.stop()

    return open_memory


async def everything(journal: MainJournal, **kwargs: object) -> list[Recorded]:
    return [item async for item in journal.read(**kwargs)]  # type: ignore[arg-type]


async def test_what_was_recorded_is_read_back_in_order(opened: Opener) -> None:
    async with opened() as journal:
        numbers = [journal.record(offered(n)) for n in range(5)]
        await journal.flush()
        assert numbers == [1, 2, 3, 4, 5]
        assert [r.event for r in await everything(journal)] == [offered(n) for n in range(5)]
        assert [r.sequence for r in await everything(journal, after=3)] == [4, 5]
        mine = await everything(journal, call_id=CallId("c2"))
        assert [r.event for r in mine] == [offered(2)]


async def test_events_are_committed_without_a_flush(opened: Opener) -> None:
    async with opened() as journal:
        journal.record(offered(1))
        await until(lambda: everything(journal))


async def test_numbers_go_on_after_a_restart(opened: Opener) -> None:
    async with opened() as journal:
        journal.record(offered(1))
    async with opened() as journal:
        assert journal.record(offered(2)) == 2
        await journal.flush()
        assert [r.event for r in await everything(journal)] == [offered(1), offered(2)]


async def test_numbers_and_chain_go_on_after_a_restart(database: Database) -> None:
    async with open_journal(database) as journal:
        journal.record(offered(1))
    async with open_journal(database) as journal:
        assert journal.record(offered(2)) == 2
        await journal.flush()
        assert await journal.verify() is None


async def test_erasing_a_person_leaves_the_chain_intact(database: Database) -> None:
    async with open_journal(database) as journal:
        journal.record(offered(1))
        await journal.flush()
        async with database.write() as session:
            await session.execute(delete(SubjectRow))
        [item] = await everything(journal)
        assert isinstance(item.event, ev.CallOffered)
        assert item.event.ani == ""
        assert await journal.verify() is None


async def test_a_changed_or_missing_row_breaks_the_chain(database: Database) -> None:
    async with open_journal(database) as journal:
        for n in range(4):
            journal.record(ev.RecordingStarted(at=T0, call_id=CallId(f"c{n}")))
        await journal.flush()
        async with database.write() as session:
            changed = JournalRow.data.concat(" ")
            await session.execute(
                update(JournalRow).where(JournalRow.sequence == 3).values(data=changed)
            )
        assert await journal.verify() == 3
        async with database.write() as session:
            await session.execute(delete(JournalRow).where(JournalRow.sequence == 2))
        assert await journal.verify() == 3


async def test_a_database_that_cannot_be_written_refuses_the_flush_and_loses_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with open_journal(database) as journal:
        async with database.connection() as connection:
            await connection.execute(text("PRAGMA busy_timeout=10"))
        other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            journal.record(offered(1))
            with pytest.raises(OSError, match="could not be written"):
                await journal.flush()
            failing = journal.is_failing
        finally:
            other.execute("ROLLBACK")
            other.close()
        await journal.flush()
        assert (failing, journal.is_failing) == (True, False)
        assert [r.event for r in await everything(journal)] == [offered(1)]


async def test_concurrent_flushes_commit_each_event_once(database: Database) -> None:
    async with open_journal(database) as journal:

        async def command(n: int) -> None:
            journal.record(offered(n))
            await journal.flush()

        await asyncio.gather(*(command(n) for n in range(20)))
        assert [r.sequence for r in await everything(journal)] == list(range(1, 21))
        assert await journal.verify() is None


async def test_an_agents_newest_state_is_found_however_long_ago(opened: Opener) -> None:
    def became(agent: str, state: str) -> ev.AgentStateChanged:
        return ev.AgentStateChanged(at=T0, agent_id=AgentId(agent), state=state, previous="READY")

    async with opened() as journal:
        for event in (became("lina", "TALKING"), became("tom", "READY"), became("lina", "WRAP_UP")):
            journal.record(event)
            await journal.flush()
        journal.record(offered(1))
        await journal.flush()
        newest = [became("tom", "READY"), became("lina", "WRAP_UP")]
        assert await journal.agent_states(before=journal.last) == newest
        assert await journal.agent_states(before=2) == newest[:1]
