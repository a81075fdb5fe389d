"""One person's customer file, tickets and calls: found, listed, erased; for ``ringdesk subject``.

Erased means: the customer's file and numbers are removed; a call's file keeps when it was, its queue and its
agent, and loses number, name and what was typed; a ticket keeps its number and outcome and loses its note, its fields
and comments, and a subject that somebody may have written. What was written on a ticket on which calls of others hang too
stays, without this person's number. The index of the search follows by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, or_, select

from cti.domain.ids import AgentId, CallId, CustomerId, TicketId
from cti.domain.subject import SubjectNumber, redact
from cti.storage.subjects import holds_digits
from tickets.adapters import statements as sql
from tickets.adapters.sql import files_on
from tickets.model import CallFile, CannedText, Comment, Customer, Match, Ticket

_TYPED = "digits"  # the step of a journey that holds what the caller typed


@dataclass(frozen=True, slots=True)
class Person:
    """What the department knows of somebody."""

    customers: tuple[Customer, ...] = ()
    numbers: tuple[str, ...] = ()  # keys that are this customer's alone
    call_ids: frozenset[CallId] = frozenset()


def by_customer(connection: Connection, customer_id: CustomerId) -> Person:
    """The customer of this number of a file; an empty person where there is none."""
    customer = files_on(connection).customer(customer_id)
    if customer is None:
        return Person()
    keys = connection.scalars(
        select(sql.NUMBERS.c.number_key).where(sql.NUMBERS.c.customer_id == customer_id)
    )
    files = files_on(connection)
    own = tuple(key for key in sorted(keys) if len(files.customers_with(key)) == 1)
    calls = connection.scalars(
        select(sql.CALLS.c.call_id).where(sql.CALLS.c.customer_id == customer_id)
    )
    return Person((customer,), own, frozenset(CallId(call_id) for call_id in calls))


def with_number(connection: Connection, number: SubjectNumber) -> Person:
    """Who has this number, and the calls that came from it and are nobody else's."""
    files = files_on(connection)
    customers = tuple(files.customers_with(number.key))
    rows = connection.execute(
        select(sql.CALLS.c.call_id, *_DOCUMENT).where(sql.CALLS.c.document.contains(number.tail))
    )
    calls = {
        CallId(row.call_id)
        for row in rows
        if _CALL_FILES.validate_json(row.document).number_key == number.key
    }
    return Person(customers, (number.key,), frozenset(calls))


def tickets_of(
    connection: Connection, customers: Iterable[CustomerId], call_ids: Iterable[CallId]
) -> list[Ticket]:
    """The tickets of these customers and those on which these calls hang."""
    files, found = files_on(connection), dict[TicketId, Ticket]()
    ids = {call.ticket_id for call in files.calls(sorted(call_ids)) if call.ticket_id is not None}
    own = select(sql.TICKETS.c.ticket_id).where(sql.TICKETS.c.customer_id.in_(list(customers)))
    for ticket_id in sorted(ids | {TicketId(t) for t in connection.scalars(own)}):
        ticket = files.ticket(ticket_id)
        if ticket is not None:
            found[ticket_id] = ticket
    return list(found.values())


def export(
    connection: Connection, customers: Sequence[Customer], call_ids: Iterable[CallId]
) -> dict[str, Any]:
    """Everything that is kept of these customers and calls, as plain values."""
    ids = [customer.customer_id for customer in customers]
    tickets = tickets_of(connection, ids, call_ids)
    keys = select(sql.NUMBERS).where(sql.NUMBERS.c.customer_id.in_(ids))
    return {
        "customers": [_CUSTOMERS.dump_python(c, mode="json") for c in customers],
        "customer_numbers": [row.number_key for row in connection.execute(keys)],
        "tickets": [_TICKETS.dump_python(t, mode="json") for t in tickets],
        "ticket_comments": [
            _COMMENTS.dump_python(comment, mode="json")
            for ticket in tickets
            for comment in files_on(connection).comments_on(ticket.ticket_id)
        ],
        "calls": [
            _CALL_FILES.dump_python(call, mode="json")
            for call in files_on(connection).calls(sorted(call_ids))
        ],
    }


def keep(connection: Connection, customers: Iterable[Customer]) -> None:
    """See that these files aren't removed as untouched: a hold is on them."""
    files = files_on(connection)
    for customer in customers:
        files.put_customer(replace(customer, is_touched=True))


def mentions(
    connection: Connection,
    customers: Sequence[CustomerId],
    call_ids: Iterable[CallId],
    numbers: Sequence[SubjectNumber],
) -> bool:
    """Whether any of these numbers stands in what was written about these customers and calls."""
    found = [files_on(connection).customer(customer_id) for customer_id in customers]
    texts = [t for c in found if c for t in (c.note, c.name, c.warning)]
    for ticket in tickets_of(connection, customers, call_ids):
        texts += [ticket.note, ticket.subject, *(value for _, value in ticket.fields)]
        texts += [c.text for c in files_on(connection).comments_on(ticket.ticket_id)]
    return any(redact(text, numbers) != text for text in texts)


def erase(
    connection: Connection,
    customers: Sequence[CustomerId],
    call_ids: Iterable[CallId],
    numbers: Sequence[SubjectNumber],
) -> dict[str, int]:
    """Erase them; returns how many customers, tickets and calls were changed."""
    files = files_on(connection)
    call_ids = frozenset(call_ids)
    changed = {"customers": 0, "tickets": 0, "calls": 0}
    for ticket in tickets_of(connection, customers, call_ids):
        is_own = ticket.customer_id in customers or (
            all(call.call_id in call_ids for call in files.calls_on(ticket.ticket_id))
        )
        clean = _without_text(ticket) if is_own else _redacted(ticket, numbers)
        if clean != ticket:
            files.put_ticket(clean)
            changed["tickets"] += 1
        for comment in files.comments_on(ticket.ticket_id):
            text = "" if is_own else redact(comment.text, numbers)
            if text != comment.text:
                files.put_comment(replace(comment, text=text))
    calls = files.calls(sorted(call_ids))
    erased = [_without_person(call, numbers) for call in calls]
    files.put_calls(erased)
    changed["calls"] = sum(a != b for a, b in zip(calls, erased, strict=True))
    for customer_id in customers:
        changed["customers"] += files.customer(customer_id) is not None
        files.remove_customer(customer_id)
    return changed


def redact_elsewhere(connection: Connection, numbers: Sequence[SubjectNumber]) -> int:
    """Take a person's numbers out of what was written about others; returns how many rows changed."""
    changed = 0
    files = files_on(connection)
    for number in numbers:
        texts = (sql.TICKETS.c.note, sql.TICKETS.c.subject, sql.TICKETS.c.fields)
        near = or_(*(holds_digits(text, number.tail) for text in texts))
        for row in connection.execute(select(sql.TICKETS.c.ticket_id).where(near)).all():
            ticket = files.ticket(TicketId(row.ticket_id))
            assert ticket is not None  # noqa: S101 - of the same transaction
            clean_ticket = _redacted(ticket, numbers)
            if clean_ticket != ticket:
                files.put_ticket(clean_ticket)
                changed += 1
        changed += _redact_comments(connection, number, numbers)
        changed += _redact_canned(connection, number, numbers)
        customers = sql.CUSTOMERS.c
        written = (customers.note, customers.name, customers.warning)
        near = or_(*(holds_digits(text, number.tail) for text in written))
        for row in connection.execute(select(customers.customer_id).where(near)).all():
            customer = files.customer(CustomerId(row.customer_id))
            assert customer is not None  # noqa: S101 - of the same transaction
            clean = replace(
                customer,
                note=redact(customer.note, numbers),
                name=redact(customer.name, numbers),
                warning=redact(customer.warning, numbers),
            )
            if clean != customer:
                files.put_customer(clean)
                changed += 1
    return changed


def _redact_comments(
    connection: Connection, number: SubjectNumber, numbers: Sequence[SubjectNumber]
) -> int:
    changed, files, columns = 0, files_on(connection), sql.COMMENTS.c
    near = select(columns.ticket_id).where(holds_digits(columns.text, number.tail)).distinct()
    for row in connection.execute(near).all():
        for comment in files.comments_on(TicketId(row.ticket_id)):
            text = redact(comment.text, numbers)
            if text != comment.text:
                files.put_comment(replace(comment, text=text))
                changed += 1
    return changed


def _redact_canned(
    connection: Connection, number: SubjectNumber, numbers: Sequence[SubjectNumber]
) -> int:
    changed, columns = 0, sql.CANNED.c
    near = or_(*(holds_digits(text, number.tail) for text in (columns.name, columns.text)))
    for row in connection.execute(select(sql.CANNED).where(near)).all():
        clean = CannedText(redact(row.name, numbers), redact(row.text, numbers))
        if clean != CannedText(row.name, row.text):
            files = files_on(connection)
            files.put_canned(AgentId(row.owner_id), CannedText(row.name, ""))
            files.put_canned(AgentId(row.owner_id), clean)
            changed += 1
    return changed


def _without_text(ticket: Ticket) -> Ticket:
    """Nothing that people wrote stays; of the subject, only what the menu said is no person's."""
    is_written = ticket.revision > 0
    return replace(ticket, note="", fields=(), subject="" if is_written else ticket.subject)


def _redacted(ticket: Ticket, numbers: Sequence[SubjectNumber]) -> Ticket:
    fields = tuple((name, redact(value, numbers)) for name, value in ticket.fields)
    return replace(
        ticket,
        note=redact(ticket.note, numbers),
        subject=redact(ticket.subject, numbers),
        fields=fields,
    )


def _without_person(call: CallFile, numbers: Sequence[SubjectNumber]) -> CallFile:
    timeline = tuple(
        replace(item, text="" if item.what == _TYPED else redact(item.text, numbers))
        for item in call.timeline
    )
    return replace(
        call,
        number_key="",
        caller_name="",
        match=Match.NONE,
        customer_id=None,
        candidates=(),
        recording_id=None,
        timeline=tuple(replace(item, recording_id=None) for item in timeline),
    )


_CALL_FILES = TypeAdapter(CallFile)
_CUSTOMERS = TypeAdapter(Customer)
_TICKETS = TypeAdapter(Ticket)
_COMMENTS = TypeAdapter(Comment)
_DOCUMENT = (sql.CALLS.c.document,)
