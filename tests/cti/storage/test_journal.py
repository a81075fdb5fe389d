"""What only a journal on a database does: the chain, append-only rows, one writer, trouble with the disk."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cti.domain import events as ev
from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.ids import CallId, LegId
from cti.domain.records import EventRecord, from_record
from cti.storage.database import Database
from cti.storage.journal import SqlJournal, hand_in
from cti.storage.journal_rows import InboxRow, JournalRow, SubjectRow, json_of
from tests.cti.storage.write_golden import golden_records
from tests.servers import Postgres, sqlite_url
from tests.until import until

pytestmark = pytest.mark.contract

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@contextlib.asynccontextmanager
async def open_journal(database: Database) -> AsyncIterator[SqlJournal]:
    journal = SqlJournal(database)
    await journal.start()
    try:
        yield journal
    finally:
        await journal.stop()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(sqlite_url(tmp_path))
    yield database
    await database.close()


def offered(n: int) -> ev.CallOffered:
    return ev.CallOffered(
        at=T0, call_id=CallId(f"c{n}"), leg_id=LegId("l"), ani=f"+86138001380{n:02}", dnis="4000"
    )


async def events_of(journal: SqlJournal) -> list[ev.Event]:
    return [item.event async for item in journal.read()]


# ---- the chain ---------------------------------------------------------------------------------


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
        journal.record(offered(2))
        await journal.flush()
        async with database.write() as session:
            await session.execute(delete(SubjectRow).where(SubjectRow.sequence == 1))
            await session.execute(update(SubjectRow).values(value=""))
        for event in await events_of(journal):
            assert isinstance(event, ev.CallOffered)
            assert event.ani == ""
        assert await journal.verify() is None


async def without_guard(database: Database) -> None:
    """What somebody with the database's password can do, and the chain then shows."""
    async with database.write() as session:
        if database.engine.dialect.name == "sqlite":
            await session.execute(text("DROP TRIGGER journal_no_update"))
            await session.execute(text("DROP TRIGGER journal_no_delete"))
        else:
            await session.execute(text("DROP TRIGGER journal_append_only ON journal"))


async def test_a_changed_or_missing_row_breaks_the_chain(database: Database) -> None:
    async with open_journal(database) as journal:
        for n in range(4):
            journal.record(ev.RecordingStarted(at=T0, call_id=CallId(f"c{n}")))
        await journal.flush()
        await without_guard(database)
        async with database.write() as session:
            changed = JournalRow.data.concat(" ")
            await session.execute(
                update(JournalRow).where(JournalRow.sequence == 3).values(data=changed)
            )
        assert await journal.verify() == 3
        async with database.write() as session:
            await session.execute(delete(JournalRow).where(JournalRow.sequence == 2))
        assert await journal.verify() == 3


# ---- append-only -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE journal SET name = 'x'", "append-only"),
        ("UPDATE journal SET data = data WHERE sequence = 1", "append-only"),
        ("DELETE FROM journal WHERE sequence = 1", "append-only"),
        ("UPDATE journal_subject SET value = 'somebody else'", "only be erased"),
        ("UPDATE journal_subject SET value = '', sequence = sequence + 1", "only be erased"),
        ("UPDATE journal_subject SET value = '', field = 'x'", "only be erased"),
    ],
)
async def test_the_database_refuses_to_change_what_was_written(
    database: Database, statement: str, says: str
) -> None:
    async def change() -> None:
        async with database.write() as session:
            await session.execute(text(statement))

    async with open_journal(database) as journal:
        event = offered(1)
        journal.record(event)
        await journal.flush()
        with pytest.raises(DBAPIError, match=says):
            await change()
        assert await events_of(journal) == [event]


async def test_postgres_refuses_to_empty_the_table(database: Database) -> None:
    statement = "TRUNCATE journal CASCADE"  # SQLite has no such word: another error, the same end

    async def empty() -> None:
        async with database.write() as session:
            await session.execute(text(statement))

    async with open_journal(database) as journal:
        journal.record(offered(1))
        await journal.flush()
        with pytest.raises(DBAPIError):
            await empty()
        assert await events_of(journal) == [offered(1)]


# ---- one writer --------------------------------------------------------------------------------

_HOLD = """
import asyncio, sys
from cti.storage.database import Database
from cti.storage.journal import SqlJournal
async def main():
    journal = SqlJournal(Database(sys.argv[1]))
    await journal.start()
    print("writes", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_a_second_process_may_not_write_until_the_first_is_dead(database: Database) -> None:
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _HOLD, database.url),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    try:
        assert other.stdout is not None
        async with asyncio.timeout(60):
            assert await other.stdout.readline() == b"writes\n"
        with pytest.raises(CommandRefused, match="stop the service first"):
            await SqlJournal(database).start()
    finally:
        other.kill()
        await other.wait()

    async def begin() -> bool:
        with contextlib.suppress(CommandRefused):  # PostgreSQL sees the death a moment later
            async with open_journal(database) as journal:
                journal.record(offered(1))
            return True
        return False

    await until(begin, within=30)


async def test_a_writer_that_has_ended_makes_room(database: Database) -> None:
    for n in range(3):
        async with open_journal(database) as journal:
            journal.record(offered(n))
            assert journal.last == n + 1


# ---- events of other processes -----------------------------------------------------------------

NOTED = ev.SecurityNoted(at=T0, what="told from outside")


async def tell(database: Database, event: ev.Event = NOTED) -> None:
    """What another process does."""
    await database.change(lambda connection: hand_in(connection, event))


async def test_what_another_process_hands_in_is_recorded_once(database: Database) -> None:
    await tell(database)
    async with open_journal(database) as journal:
        journal.record(offered(1))
        await until(lambda: journal.last == 2, within=30)  # found at the start
        await tell(database)
        await until(lambda: journal.last == 3, within=30)  # and while it runs
        await journal.take_in()
        await journal.flush()
        await journal.take_in()
        assert (await events_of(journal)).count(NOTED) == 2
        async with database.read() as session:
            assert (await session.scalars(select(InboxRow))).all() == []
        assert await journal.verify() is None
    async with open_journal(database) as journal:
        await journal.take_in()
        assert journal.last == 3


async def test_an_inbox_whose_event_was_not_committed_is_read_again(database: Database) -> None:
    """The process that took it in dies before its group is written."""
    await tell(database)
    dead = SqlJournal(database)
    await dead.take_in()
    assert dead.last == 1
    async with open_journal(database) as journal:
        await journal.take_in()
        await journal.flush()
        assert await events_of(journal) == [NOTED]


async def test_who_wants_to_publish_what_was_handed_in_records_it(database: Database) -> None:
    async with open_journal(database) as journal:
        told: list[ev.Event] = []

        def publish(event: ev.Event) -> None:
            told.append(event)
            journal.record(event)
            journal.record(offered(1))  # what somebody published in answer

        journal.on_handed_in = publish
        await tell(database)
        await journal.take_in()
        await journal.flush()
        assert told == [NOTED]
        assert await events_of(journal) == [NOTED, offered(1)]
        async with database.read() as session:
            assert (await session.scalars(select(InboxRow))).all() == []


async def test_no_personal_field_is_handed_in_and_an_unknown_event_stops_nothing(
    database: Database,
) -> None:
    with pytest.raises(InvalidValue):
        await tell(database, offered(1))
    async with database.write() as session:
        session.add(InboxRow(name="OfTheFuture", version=9, data="{}"))
    await tell(database)
    async with open_journal(database) as journal:
        await journal.take_in()
        await journal.flush()
        assert await events_of(journal) == [NOTED]


# ---- trouble -----------------------------------------------------------------------------------


async def on_all_connections(database: Database, pragma: str) -> None:
    """Set something that SQLite keeps by connection on each that the pool may give out."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            connection = await stack.enter_async_context(database.connection())
            await connection.execute(text(f"PRAGMA {pragma}"))
    # And on the writer's own.
    await database.change(lambda c: c.exec_driver_sql(f"PRAGMA {pragma}").all())


async def test_a_locked_database_refuses_the_flush_and_loses_nothing(
    sqlite: Database, tmp_path: Path
) -> None:
    async with open_journal(sqlite) as journal:
        await on_all_connections(sqlite, "busy_timeout=10")
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
        assert await events_of(journal) == [offered(1)]


async def test_a_full_disk_refuses_the_flush_and_loses_nothing(
    sqlite: Database, tmp_path: Path
) -> None:
    """SQLite's own limit of pages gives the error of a full disk (SQLITE_FULL)."""
    async with open_journal(sqlite) as journal:
        journal.record(offered(1))
        await journal.flush()
        async with sqlite.connection() as connection:
            pages = await connection.scalar(text("PRAGMA page_count"))
        await on_all_connections(sqlite, f"max_page_count={pages}")
        for n in range(2, 1000):
            journal.record(offered(n))
        with pytest.raises(OSError, match="is the disk full"):
            await journal.flush()
        states = [journal.is_failing]
        assert await events_of(journal) == [offered(1)]
        await on_all_connections(sqlite, "max_page_count=1000000")
        await journal.flush()
        states.append(journal.is_failing)
        assert states == [True, False]
        assert len(await events_of(journal)) == 999
        assert await journal.verify() is None


async def test_a_database_that_restarts_refuses_meanwhile_and_loses_nothing(
    postgres_server: Postgres,
) -> None:
    """Its connections are cut in the middle, as by a restart."""
    # Only PostgreSQL has something between us and the file.
    database = Database(postgres_server.new_database())
    async with open_journal(database) as journal:
        for n in range(5):
            journal.record(offered(n))
            other = Database(database.url)
            async with other.write() as session:
                await session.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
            await other.close()
            with contextlib.suppress(OSError):
                await journal.flush()
        await journal.flush()
        assert await events_of(journal) == [offered(n) for n in range(5)]
        assert await journal.verify() is None
    await database.close()


async def test_an_unreachable_database_is_told_as_such(database: Database, tmp_path: Path) -> None:
    name = database.engine.dialect.name
    url = f"sqlite+aiosqlite:///{tmp_path}/none/x.db"
    if name != "sqlite":
        url = f"postgresql+asyncpg://ringdesk@/x?host={tmp_path}"
    before = set(threading.enumerate())
    nowhere = Database(url)
    with pytest.raises((OSError, SQLAlchemyError)):
        await SqlJournal(nowhere).newest()
    await nowhere.close()
    # aiosqlite's thread has a last word for the loop.
    await until(lambda: set(threading.enumerate()) <= before)


# ---- rows of other versions --------------------------------------------------------------------


async def test_rows_of_other_versions_are_read_and_unknown_ones_skipped(
    database: Database,
) -> None:
    rows = golden_records()
    strange = EventRecord("OfTheYear2031", {"at": T0.isoformat()}, {}, 99)
    async with database.write() as session:
        for sequence, record in enumerate([*rows[:5], strange, *rows[5:]], 1):
            session.add(
                JournalRow(
                    sequence=sequence,
                    at=T0,
                    name=record.name,
                    version=record.version,
                    call_id=None,
                    data=json_of(record.data),
                    chain="",
                )
            )
            await session.flush()
            session.add_all(
                SubjectRow(sequence=sequence, field=k, value=v) for k, v in record.personal.items()
            )
    found = [item async for item in SqlJournal(database).read()]
    assert [item.event for item in found] == [from_record(record) for record in rows]
    assert [item.sequence for item in found] == [n for n in range(1, len(rows) + 2) if n != 6]
