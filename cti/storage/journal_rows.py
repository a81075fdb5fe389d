"""The journal's tables, and how an event becomes rows.

An event is one row of ``journal`` without what identifies a person, chained to the row before it by a hash; each personal
field is a row of ``journal_subject``, outside the hash. ``hand_in`` is for processes that don't write the journal.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection, ForeignKey, Integer, String, Text, insert
from sqlalchemy.orm import Mapped, mapped_column

from cti.domain.errors import InvalidValue
from cti.domain.events import Event
from cti.domain.records import EventRecord, to_record
from cti.storage.base import Base, UtcDateTime

GENESIS = "0" * 64
"""What the first row is chained to."""


class JournalRow(Base):
    """One event, without what identifies a person."""

    __tablename__ = "journal"

    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
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


class InboxRow(Base):
    """An event that another process handed in and that isn't in the journal yet; never a personal one."""

    __tablename__ = "journal_inbox"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 -- SQLAlchemy's own form

    entry: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer)
    data: Mapped[str] = mapped_column(Text)


def json_of(data: dict[str, Any]) -> str:
    """The text of an event's data, as it is hashed and stored."""
    # In the fields' own order: what was written is what is hashed, so no other is needed.
    return to_json(data).decode()


def record_of(row: JournalRow | InboxRow, personal: dict[str, str] | None = None) -> EventRecord:
    """A row as a plain record."""
    return EventRecord(row.name, json.loads(row.data), personal or {}, row.version)


def chain_hash(previous: str, sequence: int, name: str, data: str) -> str:
    """The link of the hash chain: covers the event's place, name and data, not the person."""
    return hashlib.sha256(f"{previous}\n{sequence}\n{name}\n{data}".encode()).hexdigest()


def hand_in(connection: Connection, event: Event) -> None:
    """Leave an event for the journal's writer, in the caller's transaction.

    Raises:
        InvalidValue: it has personal fields, and those have no place outside their subject's rows.
    """
    record = to_record(event)
    if record.personal:
        raise InvalidValue("event to hand in", record.name)
    connection.execute(
        insert(InboxRow).values(name=record.name, version=record.version, data=json_of(record.data))
    )
