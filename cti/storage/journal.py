"""The journal on SQL: append-only, numbered without gaps, chained by hash, committed in groups.

``record`` is called for every fact and must cost nothing, so it only numbers the event and puts
it on a list; a writer task commits what has gathered every ``GROUP_TIME``, or at once when
somebody waits in ``flush``. What identifies a person goes to ``journal_subject`` in the same transaction and is
not part of the hash: erasing it leaves the chain intact.

Disk full or database locked: what was recorded stays on the list and is tried again; ``flush``
raises, so nothing that depends on it is acknowledged; ``is_failing`` is for alarms.

There is one writer (``writer_lock.py``), since numbers and chain are kept in its memory. Another process that
has a fact to tell puts it into ``journal_inbox`` with ``hand_in``, in the transaction that makes it true, and the
writer takes it from there. Rows are never changed: triggers in the database forbid it (migration 0004).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, delete, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.events import AgentStateChanged, Event
from cti.domain.ids import CallId
from cti.domain.records import EventRecord, from_record, to_record
from cti.ports import Recorded
from cti.storage.base import Base
from cti.storage.callback_rows import SIGN, requests, story_of
from cti.storage.database import Database
from cti.storage.journal_rows import (
    GENESIS,
    InboxRow,
    JournalRow,
    LatestRow,
    SubjectRow,
    chain_hash,
    hand_in,
    json_of,
    record_of,
)
from cti.storage.prepared import Prepared
from cti.storage.writer_lock import WriterLock

__all__ = ["JournalRow", "SqlJournal", "SubjectRow", "hand_in"]

log = structlog.get_logger(__name__)

GROUP_TIME = timedelta(milliseconds=100)
INBOX_TIME = timedelta(seconds=1)
"""How often the writer looks for events that other processes handed in."""

_PAGE = 500
_ROWS = Base.metadata.tables[JournalRow.__tablename__]
_SUBJECTS = Base.metadata.tables[SubjectRow.__tablename__]
_INSERT_ROWS = Prepared(insert(_ROWS).values({c.name: bindparam(c.name) for c in _ROWS.c}))
_INSERT_SUBJECTS = Prepared(
    insert(_SUBJECTS).values({c.name: bindparam(c.name) for c in _SUBJECTS.c})
)
# Both SQLite and PostgreSQL understand this.
_KEEP_LATEST = Prepared(
    text(
        "INSERT INTO journal_latest (agent_id, sequence) VALUES (:agent_id, :sequence) "
        "ON CONFLICT (agent_id) DO UPDATE SET sequence = excluded.sequence"
    )
)


@dataclass(frozen=True, slots=True)
class _Pending:
    sequence: int
    event: Event
    record: EventRecord
    data: str
    entry: int | None = None  # of the inbox, where it came from there


class SqlJournal:
    """``cti.ports.Journal`` on a database; one writer per database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: list[_Pending] = []
        self._next = 1
        self._chain = GENESIS
        self._wake = asyncio.Event()
        self._write_lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._lock = WriterLock(database)
        self._inbox_lock = asyncio.Lock()
        self._taken = 0  # the newest entry of the inbox that is on the list or in the journal
        self.is_failing = False
        self.on_committed: Callable[[Sequence[Recorded]], None] | None = None
        """Told of each group after it was committed; must not block."""
        self.on_handed_in: Callable[[Event], object] | None = None
        """Told of an event that another process handed in, and has to record it; None: it is just recorded."""

    @property
    def last(self) -> int:
        """The newest sequence number; 0 for an empty journal."""
        return self._next - 1

    async def start(self) -> None:
        """Find the end of the journal and begin to write behind it.

        Raises:
            CommandRefused: another process writes it (``journal_in_use``).
        """
        if not await self._lock.acquire():
            raise CommandRefused(
                "journal_in_use",
                "another process writes this installation's journal: stop the service first",
            )
        newest = await self._newest()
        if newest is not None:
            self._next, self._chain = newest[0] + 1, newest[1]
        self._task = asyncio.create_task(self._write_on(), name="journal writer")

    async def stop(self) -> None:
        """Commit the rest and end; what can't be written is logged as lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        try:
            await self._commit()
        except OSError:
            log.exception("journal: events lost at shutdown", count=len(self._pending))
        await self._lock.release()

    def record(self, event: Event) -> int:
        """Number an event and put it on the list."""
        # Made plain here: an event that can't be written is its publisher's failure, and takes no number.
        record = to_record(event)
        data = json_of(record.data)
        sequence = self._next
        self._next += 1
        self._pending.append(_Pending(sequence, event, record, data))
        self._wake.set()
        return sequence

    async def flush(self) -> None:
        """Commit everything recorded so far; see the port for what is raised."""
        await self._commit()

    async def take_in(self) -> None:
        """Record what other processes handed in; the writer does it by itself every ``INBOX_TIME``.

        Raises:
            OSError: the database can't be read.
        """
        async with self._inbox_lock:
            query = select(InboxRow).where(InboxRow.entry > self._taken).order_by(InboxRow.entry)
            try:
                async with self._database.read() as session:
                    rows = (await session.scalars(query.limit(_PAGE))).all()
            except SQLAlchemyError as exc:
                raise OSError("the journal's inbox can't be read") from exc
            for row in rows:
                self._taken = row.entry
                try:
                    event = from_record(record_of(row))
                except InvalidValue:
                    log.warning("journal: an event handed in is unknown here", entry=row.entry)
                    continue
                self._take(row.entry, event)

    def _take(self, entry: int, event: Event) -> None:
        first = len(self._pending)
        (self.on_handed_in or self.record)(event)
        # Its entry goes in the transaction that writes it, so that a crash can't double it.
        for index, item in enumerate(self._pending[first:], first):
            if item.event is event:
                self._pending[index] = replace(item, entry=entry)

    async def read(
        self, *, after: int = 0, call_id: CallId | None = None
    ) -> AsyncIterator[Recorded]:
        """Read back in order; rows of unknown events (a newer version's) are skipped."""
        while True:
            page = await self._page(after, call_id)
            for sequence, record in page:
                try:
                    yield Recorded(sequence, from_record(record))
                except InvalidValue:
                    log.warning("journal: unreadable event skipped", sequence=sequence)
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    async def newest(self) -> int:
        """The newest committed sequence number, also of another process's journal; 0 for none."""
        newest = await self._newest()
        return newest[0] if newest else 0

    async def agent_states(self, *, before: int) -> list[Event]:
        """The newest state of each agent, if it was recorded up to ``before``; oldest first."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(JournalRow)
                .join(LatestRow, LatestRow.sequence == JournalRow.sequence)
                .where(JournalRow.sequence <= before, LatestRow.agent_id.not_like(f"{SIGN}%"))
                .order_by(JournalRow.sequence)
            )
            return [from_record(record_of(row)) for row in rows]

    async def open_callbacks(self, *, before: int) -> list[Event]:
        """What was recorded of the callbacks that stand, if they were asked for up to ``before``; oldest first."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(JournalRow.call_id)
                .join(LatestRow, LatestRow.sequence == JournalRow.sequence)
                .where(JournalRow.sequence <= before, LatestRow.agent_id.like(f"{SIGN}%"))
                .order_by(JournalRow.sequence)
            )
            found = [CallId(row) for row in rows if row is not None]
        stories = [await story_of(self, callback_id) for callback_id in found]
        return [event for story in stories for event in story]

    async def verify(self) -> int | None:
        """Walk the hash chain; returns the first sequence number that doesn't fit, or None."""
        chain, after = GENESIS, 0
        while True:
            async with self._database.read() as session:
                rows = (
                    await session.scalars(
                        select(JournalRow)
                        .where(JournalRow.sequence > after)
                        .order_by(JournalRow.sequence)
                        .limit(_PAGE)
                    )
                ).all()
            for row in rows:
                chain = chain_hash(chain, row.sequence, row.name, row.data)
                if row.sequence != after + 1 or row.chain != chain:
                    return row.sequence
                after = row.sequence
            if len(rows) < _PAGE:
                return None

    async def _newest(self) -> tuple[int, str] | None:
        newest = select(JournalRow.sequence, JournalRow.chain)
        async with self._database.read() as session:
            row = (
                await session.execute(newest.order_by(JournalRow.sequence.desc()).limit(1))
            ).first()
        return (row.sequence, row.chain) if row else None

    async def _page(self, after: int, call_id: CallId | None) -> list[tuple[int, EventRecord]]:
        query = select(JournalRow).where(JournalRow.sequence > after)
        if call_id is not None:
            query = query.where(JournalRow.call_id == call_id)
        async with self._database.read() as session:
            rows = (await session.scalars(query.order_by(JournalRow.sequence).limit(_PAGE))).all()
            if not rows:
                return []
            subjects = await session.scalars(
                select(SubjectRow).where(
                    SubjectRow.sequence >= rows[0].sequence,
                    SubjectRow.sequence <= rows[-1].sequence,
                )
            )
        personal: dict[int, dict[str, str]] = {}
        for subject in subjects:
            personal.setdefault(subject.sequence, {})[subject.field] = subject.value
        return [(row.sequence, record_of(row, personal.get(row.sequence))) for row in rows]

    async def _write_on(self) -> None:
        loop = asyncio.get_running_loop()
        looked_at, is_told = float("-inf"), False
        while True:
            try:
                if loop.time() - looked_at >= INBOX_TIME.total_seconds():
                    looked_at = loop.time()
                    await self._lock.keep()
                    await self.take_in()
                if not await self._is_woken():
                    continue
                await asyncio.sleep(GROUP_TIME.total_seconds())
                self._wake.clear()
                await self._commit()
            except OSError as exc:
                if not is_told:  # once, not ten times a second on a disk that is full
                    log.error(
                        "journal: cannot write, will try again", error=type(exc.__cause__).__name__
                    )
                is_told = True
                self._wake.set()
            else:
                is_told = False

    async def _is_woken(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INBOX_TIME.total_seconds()):
                await self._wake.wait()
        return self._wake.is_set()

    async def _commit(self) -> None:
        # Never broken off: it may be done already, and its rows must not be written twice.
        task = asyncio.create_task(self._commit_now())
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _commit_now(self) -> None:
        async with self._write_lock:
            batch = list(self._pending)
            if not batch:
                return
            rows, subjects, chain = self._rows(batch)
            entries = [item.entry for item in batch if item.entry is not None]

            begun, over = requests((item.sequence, item.event) for item in batch)

            def write(connection: Connection) -> None:
                _INSERT_ROWS.change_many(connection, rows)
                _INSERT_SUBJECTS.change_many(connection, subjects)
                _KEEP_LATEST.change_many(connection, [*_newest_states(batch), *_latest(begun)])
                if over:
                    connection.execute(delete(LatestRow).where(LatestRow.agent_id.in_(over)))
                if entries:
                    connection.execute(delete(InboxRow).where(InboxRow.entry.in_(entries)))

            try:
                await self._database.change(write)
            except (SQLAlchemyError, OSError) as exc:
                self.is_failing = True
                raise OSError("the journal could not be written: is the disk full?") from exc
            self.is_failing = False
            self._chain = chain
            del self._pending[: len(batch)]
            if self.on_committed is not None:
                self.on_committed([Recorded(item.sequence, item.event) for item in batch])

    def _rows(
        self, batch: list[_Pending]
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], str]:
        rows: list[dict[str, object]] = []
        subjects: list[dict[str, object]] = []
        chain = self._chain
        for item in batch:
            record, event = item.record, item.event
            chain = chain_hash(chain, item.sequence, record.name, item.data)
            rows.append(
                {
                    "sequence": item.sequence,
                    "at": event.at,
                    "name": record.name,
                    "version": record.version,
                    "call_id": getattr(event, "call_id", None),
                    "data": item.data,
                    "chain": chain,
                }
            )
            subjects.extend(
                {"sequence": item.sequence, "field": name, "value": value}
                for name, value in record.personal.items()
            )
        return rows, subjects, chain


def _newest_states(batch: list[_Pending]) -> list[dict[str, object]]:
    newest = {
        item.event.agent_id: item.sequence
        for item in batch
        if isinstance(item.event, AgentStateChanged)
    }
    return _latest(newest)


def _latest(newest: Mapping[Any, int]) -> list[dict[str, object]]:
    return [{"agent_id": key, "sequence": sequence} for key, sequence in newest.items()]
