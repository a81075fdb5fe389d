"""The recorder's ports: store, spool and book, each in memory and real."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cti.domain.errors import InvalidValue
from cti.domain.ids import AgentId, CallId, RecordingId, TicketId
from cti.storage.database import Database
from recorder.adapters.folder import FolderStore
from recorder.adapters.spool import FolderSpool
from recorder.adapters.sql import SqlBook
from recorder.model import Levels, RecordingState, Verdict, fold, verify
from recorder.ports import (
    Checked,
    Finding,
    Job,
    NoSuchObject,
    ObjectExists,
    RecordingBook,
    RecordingStore,
    Spool,
)
from tests.fakes.recordings import HandSpool, MemoryBook, MemoryStore
from tests.recorder.stories import CALL, LINA, T0, at, plain_call
from tests.servers import Postgres

pytestmark = pytest.mark.contract

KEY = "2026/11/abcdefghijklmnopqrstuv.opus"
OTHER = CallId("pbx1-1790000000.2-1")
ONE = RecordingId("abcdefghijklmnopqrstuv")
TWO = RecordingId("vutsrqponmlkjihgfedcba")
LEASE = timedelta(seconds=30)
FIRST = "t1"


# ---- the store ---------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RecordingStore:
    return MemoryStore() if request.param == "memory" else FolderStore(tmp_path / "store")


CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


async def read(store: RecordingStore, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([piece async for piece in store.open(KEY, start, length)])


async def test_what_was_put_can_be_read_whole_and_in_ranges(
    store: RecordingStore, source: Path
) -> None:
    whole = CONTENT
    await store.put(KEY, source)
    assert await store.size(KEY) == len(whole)
    assert await read(store) == whole
    assert await read(store, 65_530, 20) == whole[65_530:65_550]
    assert await read(store, 255_990) == whole[255_990:]
    assert await read(store, 255_990, 1000) == whole[255_990:]
    assert await read(store, 10, 0) == b""
    assert await read(store, 300_000, 5) == b""


async def test_an_object_is_never_overwritten(
    store: RecordingStore, source: Path, tmp_path: Path
) -> None:
    await store.put(KEY, source)
    other = tmp_path / "other"
    other.write_bytes(b"other")
    with pytest.raises(ObjectExists):
        await store.put(KEY, other)
    assert await read(store) == CONTENT


async def test_what_was_deleted_is_gone_and_may_be_deleted_again(
    store: RecordingStore, source: Path
) -> None:
    await store.put(KEY, source)
    await store.delete(KEY)
    await store.delete(KEY)
    assert await store.size(KEY) is None
    with pytest.raises(NoSuchObject):
        await read(store)
    await store.put(KEY, source)


@pytest.mark.parametrize(
    "key",
    ["../../etc/passwd", "/etc/passwd", "2026/11/../../x", "2026/11/a\0b", "2026/11/short.opus"],
)
async def test_a_folder_takes_no_key_that_is_not_ours(
    key: str, tmp_path: Path, source: Path
) -> None:
    store = FolderStore(tmp_path / "store")
    with pytest.raises(InvalidValue):
        await store.put(key, source)
    assert not (tmp_path / "store").exists()


async def test_a_folder_leaves_no_half_object_and_lets_nobody_else_read(
    tmp_path: Path, source: Path
) -> None:
    store = FolderStore(tmp_path / "store")
    with pytest.raises(OSError, match="No such file"):
        await store.put(KEY, tmp_path / "no such source")
    assert await store.size(KEY) is None
    await store.put(KEY, source)
    assert list((tmp_path / "store" / ".incoming").iterdir()) == []
    assert (tmp_path / "store" / "2026").stat().st_mode & 0o077 == 0


# ---- the spool ---------------------------------------------------------------------------------


@pytest.fixture(params=["hand", "folder"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    return HandSpool(tmp_path) if request.param == "hand" else FolderSpool(tmp_path)


async def test_the_spool_knows_its_raw_files(spool: Spool, tmp_path: Path) -> None:
    assert list(await spool.call_ids()) == []
    assert await spool.size(CALL) is None
    assert await spool.changed_at(CALL) is None
    (tmp_path / f"{CALL}.raw").write_bytes(b"12345678")
    (tmp_path / f"{OTHER}.raw").write_bytes(b"")
    assert set(await spool.call_ids()) == {CALL, OTHER}
    assert (await spool.size(CALL), await spool.size(OTHER)) == (8, 0)
    changed_at = await spool.changed_at(CALL)
    assert changed_at is not None
    assert changed_at.tzinfo is not None
    await spool.remove(CALL)
    await spool.remove(CALL)
    assert await spool.size(CALL) is None


async def test_the_folder_spool_tells_when_a_file_was_written_and_ignores_strangers(
    tmp_path: Path,
) -> None:
    spool = FolderSpool(tmp_path)
    spool.path(CALL).write_bytes(b"1234")
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    os.utime(spool.path(CALL), (moment.timestamp(), moment.timestamp()))
    (tmp_path / "holiday.raw").write_bytes(b"1")
    (tmp_path / f"{OTHER}.wav").write_bytes(b"1")
    assert await spool.changed_at(CALL) == moment
    assert list(await spool.call_ids()) == [CALL]
    with pytest.raises(InvalidValue):
        spool.path(CallId("../../etc/passwd"))
    assert list(await FolderSpool(tmp_path / "not there yet").call_ids()) == []


async def test_the_folder_spool_joins_the_two_sides_in_step(tmp_path: Path) -> None:
    spool = FolderSpool(tmp_path)
    caller, agent = tmp_path / f"{CALL}.caller.raw", tmp_path / f"{CALL}.agent.raw"
    caller.write_bytes(bytes([1, 0, 2, 0, 3, 0]))
    agent.write_bytes(bytes([9, 0, 8, 0, 7]))  # cut off in the middle of a sample
    assert list(await spool.call_ids()) == [CALL]
    assert await spool.size(CALL) == 12
    whole = await spool.whole(CALL)
    assert whole.read_bytes() == bytes([1, 0, 9, 0, 2, 0, 8, 0, 3, 0, 0, 0])
    assert not caller.exists()
    assert not agent.exists()
    assert await spool.size(CALL) == 12
    assert await spool.whole(CALL) == whole
    await spool.remove(CALL)
    assert list(await spool.call_ids()) == []


async def test_a_join_that_was_cut_short_is_done_again_and_loses_nothing(tmp_path: Path) -> None:
    spool = FolderSpool(tmp_path)
    (tmp_path / f"{CALL}.caller.raw").write_bytes(b"\x01\x00")
    (tmp_path / f"{CALL}.part").write_bytes(b"half a join")
    assert (await spool.whole(CALL)).read_bytes() == b"\x01\x00\x00\x00"
    # Killed between the rename and the removal of the sides: the joined file counts.
    (tmp_path / f"{CALL}.caller.raw").write_bytes(b"\x01\x00")
    assert (await spool.whole(CALL)).read_bytes() == b"\x01\x00\x00\x00"
    assert await spool.size(CALL) == 4
    left = await asyncio.to_thread(lambda: sorted(p.name for p in tmp_path.iterdir()))
    assert left == [f"{CALL}.raw"]


# ---- the book ----------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def book(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RecordingBook]:
    if request.param == "memory":
        yield MemoryBook()
        return
    url = f"sqlite+aiosqlite:///{tmp_path}/book.db"
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.new_database()
    database = Database(url)
    await database.migrate()
    yield SqlBook(database)
    await database.close()


def finding(agent_ids: tuple[AgentId, ...] = (LINA,)) -> Finding:
    ledger = fold(plain_call())
    return Finding(ledger, verify(ledger, 64_000), agent_ids)


CHECKED = Checked(timedelta(seconds=2), hashlib.sha256(b"x").hexdigest(), 1234)
LOUD = Levels(-20.0, -30.5, 0.25, 0.125)


async def claimed(book: RecordingBook, token: str = FIRST, now: datetime = T0) -> Job:
    job = await book.claim(now, now + LEASE, token)
    assert job is not None
    return job


async def test_a_call_has_one_recording(book: RecordingBook) -> None:
    assert await book.add(ONE, CALL, at(5), T0)
    assert not await book.add(TWO, CALL, at(6), T0)
    assert await book.by_id(TWO) is None
    found = await book.by_call(CALL)
    assert found is not None
    assert (found.recording_id, found.state, found.stopped_at) == (
        ONE,
        RecordingState.WAITING,
        at(5),
    )


async def test_a_job_is_claimed_by_one_when_it_is_due_the_oldest_first(
    book: RecordingBook,
) -> None:
    await book.add(ONE, CALL, at(0), at(10))
    await book.add(TWO, OTHER, at(0), at(5))
    assert await book.claim(T0, T0 + LEASE, "t1") is None
    assert (await claimed(book, "t1", at(20))).recording_id == TWO
    assert (await claimed(book, "t2", at(20))).recording_id == ONE
    assert await book.claim(at(20), at(50), "t3") is None


async def test_a_lease_that_ran_out_goes_to_the_next_and_the_first_can_do_nothing_more(
    book: RecordingBook,
) -> None:
    await book.add(ONE, CALL, T0, T0)
    first = await claimed(book, "t1")
    assert await book.renew(first, at(40))
    assert await book.claim(at(39), at(70), "t2") is None
    second = await claimed(book, "t2", at(40))
    assert not await book.renew(first, at(90))
    assert not await book.put_off(first, at(41), is_attempt=True)
    assert not await book.store(first, finding(), CHECKED, LOUD, KEY, at(41))
    assert not await book.fail(first, None, "encode")
    assert not await book.close(first, finding())
    assert await book.store(second, finding(), CHECKED, LOUD, KEY, at(42))
    assert not await book.store(second, finding(), CHECKED, LOUD, KEY, at(43))


async def test_putting_off_counts_attempts_only_where_it_is_the_files_fault(
    book: RecordingBook,
) -> None:
    await book.add(ONE, CALL, T0, T0)
    assert await book.put_off(await claimed(book), at(1), is_attempt=False)
    assert await book.claim(T0, at(9), "t") is None
    assert await book.put_off(await claimed(book, "t2", at(1)), at(2), is_attempt=True)
    assert (await claimed(book, "t3", at(2))).attempts == 1


async def test_the_way_of_a_recording_to_its_ticket(book: RecordingBook) -> None:
    await book.add(ONE, CALL, T0, T0)
    assert await book.store(
        await claimed(book), finding((AgentId("u2"), LINA)), CHECKED, LOUD, KEY, at(7)
    )
    [stored] = await book.unattached()
    assert (stored.state, stored.verdict) == (RecordingState.STORED, Verdict.COMPLETE)
    assert (stored.duration_time, stored.sha256, stored.size, stored.audio_key) == (
        timedelta(seconds=2),
        CHECKED.sha256,
        1234,
        KEY,
    )
    assert set(stored.agent_ids) == {LINA, AgentId("u2")}
    assert await book.claim(at(1000), at(1030), "t9") is None
    assert list(await book.raw_to_remove(at(7))) == []
    assert [r.recording_id for r in await book.raw_to_remove(at(8))] == [ONE]
    await book.attach(ONE, TicketId(12), at(9))
    await book.attach(TWO, TicketId(12), at(9))  # of another installation's life: nothing
    assert list(await book.unattached()) == []
    [attached] = await book.raw_to_remove(at(0))
    assert (attached.ticket_id, attached.attached_at) == (12, at(9))
    await book.note_raw_removed(ONE, at(10))
    assert list(await book.raw_to_remove(at(99))) == []


async def test_a_damaged_one_is_opened_again_with_a_new_ledger(book: RecordingBook) -> None:
    await book.add(ONE, CALL, T0, T0)
    assert await book.store(await claimed(book), finding(), CHECKED, LOUD, KEY, at(7))
    await book.attach(ONE, TicketId(12), at(9))
    await book.reopen(ONE, at(20))
    assert await book.store(
        await claimed(book, "t2", at(20)), finding(), CHECKED, None, KEY, at(21)
    )
    found = await book.by_id(ONE)
    assert found is not None
    assert (found.agent_ids, found.ticket_id) == ((LINA,), 12)


async def test_failures_and_calls_without_words_are_kept_with_their_reason(
    book: RecordingBook,
) -> None:
    await book.add(ONE, CALL, T0, T0)
    await book.add(TWO, OTHER, T0, at(1))
    assert await book.fail(await claimed(book, "t1", at(2)), finding(), "missing")
    assert await book.close(await claimed(book, "t2", at(2)), finding(()))
    failed, silent = await book.by_id(ONE), await book.by_id(TWO)
    assert failed is not None
    assert silent is not None
    assert (failed.state, failed.reason) == (RecordingState.FAILED, "missing")
    assert silent.state is RecordingState.NOTHING_SAID
    assert list(await book.raw_to_remove(at(99))) == []
