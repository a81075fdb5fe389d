"""The tables of customers and tickets.

A call's file is one row: what is searched by stands in columns, the whole of it in ``document`` (JSON). All
of these are rows of the subject (numbers, names, notes, digits): they are exported and erased with him.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cti.storage.base import Base, UtcDateTime


class CustomerRow(Base):
    """Somebody who calls."""

    __tablename__ = "customers"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 -- SQLAlchemy's own form

    customer_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    company: Mapped[str] = mapped_column(String(200))
    group_name: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text)
    is_provisional: Mapped[bool] = mapped_column(Boolean)
    is_touched: Mapped[bool] = mapped_column(Boolean)
    made_by_call: Mapped[str | None] = mapped_column(String(96))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    warning: Mapped[str] = mapped_column(Text, server_default="")
    warning_by: Mapped[str] = mapped_column(String(100), server_default="")
    warning_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CustomerGramRow(Base):
    """Two neighbouring characters, or one, of a customer's name or company (``tickets/search.py``)."""

    __tablename__ = "customer_grams"

    gram: Mapped[str] = mapped_column(String(2), primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        Integer,
        ForeignKey("customers.customer_id", name="fk_customer_grams_customer_id_customers"),
        primary_key=True,
        index=True,
    )


class CustomerNumberRow(Base):
    """A number by which a customer is found; several customers may share one."""

    __tablename__ = "customer_numbers"

    number_key: Mapped[str] = mapped_column(String(32), primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        Integer,
        ForeignKey("customers.customer_id", name="fk_customer_numbers_customer_id_customers"),
        primary_key=True,
        index=True,
    )


class CustomerPinRow(Base):
    """A customer's PIN, hashed (``tickets/pins.py``); salt and digest in hexadecimal digits."""

    __tablename__ = "customer_pins"

    customer_id: Mapped[int] = mapped_column(
        Integer,
        ForeignKey("customers.customer_id", name="fk_customer_pins_customer_id_customers"),
        primary_key=True,
        autoincrement=False,
    )
    salt: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(128))
    wrong: Mapped[int] = mapped_column(Integer)


class TicketRow(Base):
    """A case."""

    __tablename__ = "tickets"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 -- SQLAlchemy's own form

    ticket_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(
        Integer,
        ForeignKey("customers.customer_id", name="fk_tickets_customer_id_customers"),
        index=True,
    )
    subject: Mapped[str] = mapped_column(String(500))
    status: Mapped[str] = mapped_column(String(16))
    category: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    disposition: Mapped[str] = mapped_column(String(64))
    priority: Mapped[str] = mapped_column(String(16))
    group_name: Mapped[str] = mapped_column(String(64), index=True)
    owner_id: Mapped[str | None] = mapped_column(String(64), index=True)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    queue: Mapped[str] = mapped_column(String(64))
    fields: Mapped[str] = mapped_column(Text)  # the company's own: JSON, names to values
    revision: Mapped[int] = mapped_column(Integer)
    changed_by: Mapped[str] = mapped_column(String(64))
    opened_by_call: Mapped[str] = mapped_column(String(96), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TicketCallRow(Base):
    """A call's file."""

    __tablename__ = "ticket_calls"

    call_id: Mapped[str] = mapped_column(String(96), primary_key=True)
    ticket_id: Mapped[int | None] = mapped_column(
        Integer,
        ForeignKey("tickets.ticket_id", name="fk_ticket_calls_ticket_id_tickets"),
        index=True,
    )
    customer_id: Mapped[int | None] = mapped_column(
        Integer,
        ForeignKey("customers.customer_id", name="fk_ticket_calls_customer_id_customers"),
        index=True,
    )
    offered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recording_id: Mapped[str | None] = mapped_column(String(64), index=True)
    document: Mapped[str] = mapped_column(Text)


class TicketCommentRow(Base):
    """What a colleague said about a ticket."""

    __tablename__ = "ticket_comments"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 -- SQLAlchemy's own form

    comment_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(
        Integer,
        ForeignKey("tickets.ticket_id", name="fk_ticket_comments_ticket_id_tickets"),
        index=True,
    )
    author_id: Mapped[str] = mapped_column(String(64))
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)
    text: Mapped[str] = mapped_column(Text)


class TicketGramRow(Base):
    """Where two neighbouring characters stand: in which ticket's subject or note (``cti.domain.search``)."""

    __tablename__ = "ticket_grams"

    gram: Mapped[str] = mapped_column(String(8), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(
        Integer,
        ForeignKey("tickets.ticket_id", name="fk_ticket_grams_ticket_id_tickets"),
        primary_key=True,
        index=True,
    )


class CannedTextRow(Base):
    """A text that somebody writes often."""

    __tablename__ = "canned_texts"

    owner_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
