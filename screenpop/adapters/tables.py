"""The day's tables: projections of the journal, ids only, made again at will. Numbers and texts stand in subjects' rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Integer, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from cti.storage.base import Base, UtcDateTime


class ContactRow(Base):
    """A call with an outcome for the list of missed calls (``screenpop.contact.Contact``)."""

    __tablename__ = "contacts"

    call_id: Mapped[str] = mapped_column(String(96), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)  # of the last thing told of it
    direction: Mapped[str] = mapped_column(String(16))
    offered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    queue: Mapped[str | None] = mapped_column(String(32))
    agents: Mapped[str] = mapped_column(Text)  # ids, with blanks between
    phones: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(String(16))
    spoke_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agent_id: Mapped[str | None] = mapped_column(String(64))
    result: Mapped[str] = mapped_column(String(32))
    disposition: Mapped[str] = mapped_column(String(64))
    has_voicemail: Mapped[bool] = mapped_column(Boolean)
    has_callback: Mapped[bool] = mapped_column(Boolean)
    is_aside: Mapped[bool] = mapped_column(Boolean)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    taken_by: Mapped[str | None] = mapped_column(String(64))
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    taken_until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(String(64))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_result: Mapped[str] = mapped_column(String(32))


class PromiseRow(Base):
    """A callback that an agent promised (``screenpop.promises.Promise``)."""

    __tablename__ = "promises"

    call_id: Mapped[str] = mapped_column(String(96), primary_key=True)
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    agent_id: Mapped[str | None] = mapped_column(String(64))
    queue: Mapped[str | None] = mapped_column(String(32))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    ended_by: Mapped[str | None] = mapped_column(String(64))
    result: Mapped[str] = mapped_column(String(32))


class MessageRow(Base):
    """A supervisor's message; ``sequence`` is that of its event, beside which the text stands."""

    __tablename__ = "desk_messages"

    message_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    by: Mapped[str] = mapped_column(String(64))
    audience: Mapped[str] = mapped_column(String(16))
    target: Mapped[str] = mapped_column(String(64))
    recipients: Mapped[str] = mapped_column(Text)  # ids, with blanks between


class MessageReadRow(Base):
    """Who has seen which message, and when."""

    __tablename__ = "desk_message_reads"

    message_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def table(row: type[Base]) -> Table:
    """The table of a class of rows."""
    return Base.metadata.tables[row.__tablename__]
