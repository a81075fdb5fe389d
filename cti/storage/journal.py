"""The journal on SQL: append-only, numbered without gaps, chained by hash, committed in groups.

``record`` is called for every fact and must cost nothing, so it only numbers the event and puts
it on a list; a writer task commits what has gathered every ``GROUP_TIME``, or at once when
somebody waits in ``flush``. What identifies a person goes to ``journal_subject`` in the same transaction and is
not part of the hash: erasing it leaves the chain intact.

Disk full or database locked: what was recorded stays on the list and is tried again; ``flush``
raises, so nothing that depends on it is acknowledged; ``is_failing`` is for alarms.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import ForeignKey, Integer, String, Text, insert, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from cti.domain.errors import InvalidValue
from cti.domain.events import AgentStateChanged, CallEvent, Event
from cti.domain.ids import CallId
from cti.domain.records import SCHEMA_VERSION, EventRecord, from_record, to_record
from cti.ports import Recorded
from cti.storage.base import Base, UtcDateTime
from cti.storage.database import Database

log = structlog.get_logger(__name__)

GROUP_TIME = timedelta(milliseconds=100)
_PAGE = 500
_GENESIS = "0" * 64


class JournalRow(Base):
    """One event, without what identifies a person."""

    __tablename__ = "journal"

    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at = mapped_column(UtcDateTime, nullable=False)
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer)
    call_id: Mapped[str | None] = mapped_column(String(96), index=True)
    data: Mapped[str] = mapped_column(Text)
    chain: Mapped[str] = mapped_column(String(64))


class SubjectRow(Base):
    """One personal field of an event; source data, erasable."""

    __tablename__ = "journal_subject"

    sequence: Mapped[int] = mapped_column(
        Integer,
        ForeignKey("journal.sequence", name="fk_journal_subject_sequence_journal"),
        primary_key=True,
    )
    field: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class LatestRow(Base):
    """Where an agent's newest state stands, however long ago: a start needn't read the whole journal."""

    __tablename__ = "journal_latest"

    agent_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer)


_INSERT_ROWS = insert(JournalRow)
_INSERT_SUBJECTS = insert(SubjectRow)
# Both SQLite and PostgreSQL understand this.
_KEEP_LATEST = text(
    "INSERT INTO journal_latest (agent_id, sequence) VALUES (:agent_id, :sequence) "
    "ON CONFLICT (agent_id) DO UPDATE SET sequence = excluded.sequence"
)


@dataclass(frozen=True, slots=True)
class _Pending:
    sequence: int
    event: Event


def chain_hash(previous: str, sequence: int, name: str, data: str) -> str:
    """The link of the hash chain: covers the event's place, name and data, not the person."""
    return hashlib.sha256(f"{previous}\n{sequence}\n{name}\n{data}".encode()).hexdigest()


class SqlJournal:
    """``cti.ports.Journal`` on a database; one writer per database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: list[_Pending] = []
        self._next = 1
        self._chain = _GENESIS
        self._wake = asyncio.Event()
        self._write_lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.is_failing = False

    @property
    def last(self) -> int:
        """The newest sequence number; 0 for an empty journal."""
        return self._next - 1

    async def start(self) -> None:
        """Find the end of the journal and begin to write behind it."""
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

    def record(self, event: Event) -> int:
        """Number an event and put it on the list."""
        sequence = self._next
        self._next += 1
        self._pending.append(_Pending(sequence, event))
        self._wake.set()
        return sequence

    async def flush(self) -> None:
        """Commit everything recorded so far; see the port for what is raised."""
        await self._commit()

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

    async def _newest(self) -> tuple[int, str] | None:
        async with self._database.read() as session:
            row = (
                await session.execute(
                    select(JournalRow.sequence, JournalRow.chain)
                    .order_by(JournalRow.sequence.desc())
                    .limit(1)
                )
            ).first()
        return (row.sequence, row.chain) if row else None

    async def agent_states(self, *, before: int) -> list[Event]:
        """The newest state of each agent, if it was recorded up to ``before``; oldest first."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(JournalRow)
                .join(LatestRow, LatestRow.sequence == JournalRow.sequence)
                .where(JournalRow.sequence <= before)
                .order_by(JournalRow.sequence)
            )
            return [from_record(EventRecord(r.name, json.loads(r.data), {})) for r in rows]

    async def verify(self) -> int | None:
        """Walk the hash chain; returns the first sequence number that doesn't fit, or None."""
        chain, after = _GENESIS, 0
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
        return [
            (r.sequence, EventRecord(r.name, json.loads(r.data), personal.get(r.sequence, {})))
            for r in rows
        ]

    async def _write_on(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GROUP_TIME.total_seconds())
            self._wake.clear()
            try:
                await self._commit()
            except OSError as exc:
                log.error(
                    "journal: cannot write, will try again", error=type(exc.__cause__).__name__
                )
                self._wake.set()

    async def _commit(self) -> None:
        async with self._write_lock:
            batch = list(self._pending)
            if not batch:
                return
            rows, subjects, chain = self._rows(batch)
            try:
                async with self._database.write() as session:
                    # On the connection: through the ORM rows with and without a call would be told
                    # apart and go one by one, and this runs ten times a second.
                    connection = await session.connection()
                    await connection.execute(_INSERT_ROWS, rows)
                    if subjects:
                        await connection.execute(_INSERT_SUBJECTS, subjects)
                    if newest := _newest_states(batch):
                        await connection.execute(_KEEP_LATEST, newest)
            except (SQLAlchemyError, OSError) as exc:
                self.is_failing = True
                raise OSError("the journal could not be written: is the disk full?") from exc
            self.is_failing = False
            self._chain = chain
            del self._pending[: len(batch)]

    def _rows(
        self, batch: list[_Pending]
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], str]:
        rows: list[dict[str, object]] = []
        subjects: list[dict[str, object]] = []
        chain = self._chain
        for item in batch:
            record = to_record(item.event)
            data = json.dumps(record.data, ensure_ascii=False, sort_keys=True)
            chain = chain_hash(chain, item.sequence, record.name, data)
            is_call = isinstance(item.event, CallEvent)
            rows.append(
                {
                    "sequence": item.sequence,
                    "at": item.event.at,
                    "name": record.name,
                    "version": SCHEMA_VERSION,
                    "call_id": item.event.call_id if is_call else None,  # type: ignore[attr-defined]
                    "data": data,
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
    return [{"agent_id": agent, "sequence": sequence} for agent, sequence in newest.items()]
