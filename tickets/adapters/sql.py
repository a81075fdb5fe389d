"""The files on SQL: ``tickets.ports.TicketStore`` on a ``Database``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cti.domain.ids import AgentId, CallId, CustomerId, TicketId
from cti.domain.search import grams
from cti.storage.database import Database
from tickets import search
from tickets.adapters import finding
from tickets.adapters import statements as sql
from tickets.adapters.rows import customer_of, ticket_of
from tickets.lists import Found, TicketQuery
from tickets.model import CallFile, CannedText, Comment, Customer, StoredPin, Ticket
from tickets.ports import Files

T = TypeVar("T")

_CALL_FILES = TypeAdapter(CallFile)
_CALLS_AT_ONCE = 500


def _comment(row: Any) -> Comment:
    return Comment(
        row.comment_id, TicketId(row.ticket_id), AgentId(row.author_id), row.written_at, row.text
    )


def _call(row: Any) -> CallFile:
    # The columns win: they are what foreign keys and removals keep right.
    return replace(
        _CALL_FILES.validate_json(row.document),
        ticket_id=TicketId(row.ticket_id) if row.ticket_id is not None else None,
        customer_id=CustomerId(row.customer_id) if row.customer_id is not None else None,
    )


class _SqlFiles:
    """``tickets.ports.Files`` in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def customer(self, customer_id: CustomerId) -> Customer | None:
        row = sql.CUSTOMER.first(self._connection, {"key": customer_id})
        return customer_of(row) if row else None

    def customers_with(self, number_key: str) -> Sequence[Customer]:
        rows = sql.CUSTOMERS_WITH.rows(self._connection, {"key": number_key})
        return [customer_of(row) for row in rows]

    def customer_named(self, name: str, company: str) -> Customer | None:
        row = sql.CUSTOMER_NAMED.first(self._connection, {"name": name, "company": company})
        return customer_of(row) if row else None

    def numbers_of(self, customer_id: CustomerId) -> Sequence[str]:
        rows = sql.NUMBERS_OF.rows(self._connection, {"key": customer_id})
        return [row.number_key for row in rows]

    def add_number(self, customer_id: CustomerId, number_key: str) -> None:
        if number_key not in self.numbers_of(customer_id):
            row = {"number_key": number_key, "customer_id": customer_id}
            sql.ADD_NUMBER.change(self._connection, row)

    def customers_ending(self, digits: str, limit: int) -> Sequence[Customer]:
        values = {"pattern": f"%{digits}", "limit": limit}
        return [customer_of(row) for row in sql.CUSTOMERS_ENDING.rows(self._connection, values)]

    def customers_like(self, terms: Sequence[str], limit: int) -> Sequence[Customer]:
        grams = search.asked_grams(terms)
        values = {"grams": grams, "wanted": len(grams), "limit": limit}
        rows = self._connection.execute(sql.CUSTOMERS_WITH_GRAMS, values)
        found = [customer_of(row) for row in rows]
        return [customer for customer in found if search.matches(customer, terms)]

    def _index(self, customer: Customer) -> None:
        sql.REMOVE_CUSTOMER_GRAMS.change(self._connection, {"key": customer.customer_id})
        grams = sorted(search.grams_of(search.text_of(customer)))
        rows = [{"gram": gram, "customer_id": customer.customer_id} for gram in grams]
        sql.ADD_CUSTOMER_GRAM.change_many(self._connection, rows)

    def provisional(self) -> Sequence[Customer]:
        return [customer_of(row) for row in sql.PROVISIONAL.rows(self._connection)]

    def ticket(self, ticket_id: TicketId) -> Ticket | None:
        row = sql.TICKET.first(self._connection, {"key": ticket_id})
        return ticket_of(row) if row else None

    def tickets_of(self, customer_id: CustomerId) -> Sequence[Ticket]:
        rows = sql.TICKETS_OF.rows(self._connection, {"key": customer_id})
        return [ticket_of(row) for row in rows]

    def ticket_opened_by(self, call_id: CallId) -> Ticket | None:
        row = sql.OPENED_BY.first(self._connection, {"key": call_id})
        return self.ticket(TicketId(row.ticket_id)) if row else None

    def call(self, call_id: CallId) -> CallFile | None:
        row = sql.CALL.first(self._connection, {"key": call_id})
        return _call(row) if row else None

    def calls(self, call_ids: Sequence[CallId]) -> Sequence[CallFile]:
        found: list[CallFile] = []
        for first in range(0, len(call_ids), _CALLS_AT_ONCE):
            keys = list(call_ids[first : first + _CALLS_AT_ONCE])
            found += [_call(row) for row in self._connection.execute(sql.CALLS_IN, {"keys": keys})]
        return found

    def calls_on(self, ticket_id: TicketId) -> Sequence[CallFile]:
        return [_call(row) for row in sql.CALLS_ON.rows(self._connection, {"key": ticket_id})]

    def calls_of(self, customer_id: CustomerId, limit: int) -> Sequence[CallFile]:
        rows = sql.CALLS_OF.rows(self._connection, {"key": customer_id, "limit": limit})
        return [_call(row) for row in rows]

    def add_customer(
        self,
        name: str,
        created_at: datetime,
        *,
        company: str = "",
        group: str = "",
        note: str = "",
        number_keys: Sequence[str] = (),
        is_provisional: bool = False,
        made_by_call: CallId | None = None,
    ) -> Customer:
        customer_id = sql.ADD_CUSTOMER.first(
            self._connection,
            {
                "name": name,
                "company": company,
                "group_name": group,
                "note": note,
                "is_provisional": is_provisional,
                "is_touched": False,
                "made_by_call": made_by_call,
                "created_at": created_at,
                "warning": "",
                "warning_by": "",
                "warning_at": None,
            },
        ).customer_id
        numbers = [
            {"number_key": key, "customer_id": customer_id} for key in dict.fromkeys(number_keys)
        ]
        sql.ADD_NUMBER.change_many(self._connection, numbers)
        added = Customer(
            CustomerId(customer_id),
            name,
            created_at,
            company,
            group,
            note,
            is_provisional,
            made_by_call=made_by_call,
        )
        if name or company:
            self._index(added)
        return added

    def add_ticket(
        self,
        customer_id: CustomerId,
        subject: str,
        created_at: datetime,
        opened_by_call: CallId,
        *,
        category: str = "",
        queue: str = "",
        group: str = "",
        owner_id: AgentId | None = None,
    ) -> Ticket:
        if sql.OPENED_BY.first(self._connection, {"key": opened_by_call}) is not None:
            raise ValueError("this call has opened a ticket before")
        ticket_id = sql.ADD_TICKET.first(
            self._connection,
            {
                "customer_id": customer_id,
                "subject": subject,
                "status": "open",
                "category": category,
                "note": "",
                "version": 0,
                "disposition": "",
                "priority": "normal",
                "group_name": group,
                "owner_id": owner_id,
                "due_at": None,
                "queue": queue,
                "fields": "{}",
                "revision": 0,
                "changed_by": "",
                "opened_by_call": opened_by_call,
                "created_at": created_at,
            },
        ).ticket_id
        entries = [{"gram": gram, "ticket_id": ticket_id} for gram in sorted(grams([subject]))]
        sql.ADD_TICKET_GRAM.change_many(self._connection, entries)
        return Ticket(
            TicketId(ticket_id),
            customer_id,
            subject,
            created_at,
            opened_by_call,
            category=category,
            queue=queue,
            group=group,
            owner_id=owner_id,
        )

    def put_customer(self, customer: Customer) -> None:
        sql.PUT_CUSTOMER.change(
            self._connection,
            {
                "key": customer.customer_id,
                "new_name": customer.name,
                "new_company": customer.company,
                "new_group_name": customer.group,
                "new_note": customer.note,
                "new_is_provisional": customer.is_provisional,
                "new_is_touched": customer.is_touched,
                "new_warning": customer.warning,
                "new_warning_by": customer.warning_by,
                "new_warning_at": customer.warning_at,
            },
        )
        self._index(customer)

    def pin_of(self, customer_id: CustomerId) -> StoredPin | None:
        row = sql.PIN.first(self._connection, {"key": customer_id})
        if row is None:
            return None
        return StoredPin(bytes.fromhex(row.salt), bytes.fromhex(row.digest), row.wrong)

    def put_pin(self, customer_id: CustomerId, pin: StoredPin | None) -> None:
        sql.REMOVE_PIN.change(self._connection, {"key": customer_id})
        if pin is not None:
            values = {"salt": pin.salt.hex(), "digest": pin.digest.hex(), "wrong": pin.wrong}
            sql.ADD_PIN.change(self._connection, {"customer_id": customer_id, **values})

    def put_ticket(self, ticket: Ticket) -> None:
        sql.PUT_TICKET.change(
            self._connection,
            {
                "key": ticket.ticket_id,
                "new_customer_id": ticket.customer_id,
                "new_subject": ticket.subject,
                "new_status": ticket.status,
                "new_category": ticket.category,
                "new_note": ticket.note,
                "new_version": ticket.version,
                "new_disposition": ticket.disposition,
                "new_priority": ticket.priority,
                "new_group_name": ticket.group,
                "new_owner_id": ticket.owner_id,
                "new_due_at": ticket.due_at,
                "new_fields": json.dumps(dict(ticket.fields), ensure_ascii=False),
                "new_revision": ticket.revision,
                "new_changed_by": ticket.changed_by,
            },
        )
        key = {"key": ticket.ticket_id}
        old = {row.gram for row in sql.GRAMS_OF_TICKET.rows(self._connection, key)}
        new = grams([ticket.subject, ticket.note])
        gone = [{**key, "old_gram": gram} for gram in sorted(old - new)]
        come = [{"gram": gram, "ticket_id": ticket.ticket_id} for gram in sorted(new - old)]
        sql.REMOVE_TICKET_GRAM.change_many(self._connection, gone)
        sql.ADD_TICKET_GRAM.change_many(self._connection, come)

    def put_calls(self, files: Sequence[CallFile]) -> None:
        rows = [
            {
                "call_id": file.call_id,
                "offered_at": file.offered_at,
                "ticket_id": file.ticket_id,
                "customer_id": file.customer_id,
                "recording_id": file.recording_id,
                "document": _CALL_FILES.dump_json(file).decode(),
            }
            for file in files
        ]
        sql.PUT_CALL.change_many(self._connection, rows)

    def remove_customer(self, customer_id: CustomerId) -> None:
        for statement in (
            sql.FREE_TICKETS,
            sql.FREE_CALLS,
            sql.REMOVE_NUMBERS,
            sql.REMOVE_PIN,
            sql.REMOVE_CUSTOMER_GRAMS,
            sql.REMOVE_CUSTOMER,
        ):
            statement.change(self._connection, {"key": customer_id})

    def remove_ticket(self, ticket_id: TicketId) -> None:
        for statement in (
            sql.FREE_CALLS_ON,
            sql.REMOVE_COMMENTS,
            sql.REMOVE_TICKET_GRAMS,
            sql.REMOVE_TICKET,
        ):
            statement.change(self._connection, {"key": ticket_id})

    def find_tickets(self, query: TicketQuery) -> Sequence[Found]:
        return finding.find(self._connection, query)

    def count_tickets(self, query: TicketQuery) -> int:
        return finding.count(self._connection, query)

    def comments_on(self, ticket_id: TicketId) -> Sequence[Comment]:
        return [_comment(r) for r in sql.COMMENTS_ON.rows(self._connection, {"key": ticket_id})]

    def add_comment(
        self, ticket_id: TicketId, author_id: AgentId, written_at: datetime, text: str
    ) -> Comment:
        values = {
            "ticket_id": ticket_id,
            "author_id": author_id,
            "written_at": written_at,
            "text": text,
        }
        comment_id = sql.ADD_COMMENT.first(self._connection, values).comment_id
        return Comment(comment_id, ticket_id, author_id, written_at, text)

    def put_comment(self, comment: Comment) -> None:
        sql.PUT_COMMENT.change(
            self._connection,
            {
                "key": comment.comment_id,
                "new_ticket_id": comment.ticket_id,
                "new_text": comment.text,
            },
        )

    def canned_of(self, owner_id: AgentId) -> Sequence[CannedText]:
        rows = sql.CANNED_OF.rows(self._connection, {"key": owner_id})
        return sorted((CannedText(row.name, row.text) for row in rows), key=lambda c: c.name)

    def put_canned(self, owner_id: AgentId, canned: CannedText) -> None:
        key = {"key": owner_id, "old_name": canned.name}
        sql.REMOVE_CANNED.change(self._connection, key)
        if canned.text:
            row = {"owner_id": owner_id, "name": canned.name, "text": canned.text}
            sql.ADD_CANNED.change(self._connection, row)


def files_on(connection: Connection) -> Files:
    """The files as the transaction of this connection sees them."""
    return _SqlFiles(connection)


class SqlTicketStore:
    """``tickets.ports.TicketStore`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, work: Callable[[Files], T]) -> T:
        """See the port."""
        try:
            return await self._database.look(lambda connection: work(_SqlFiles(connection)))
        except SQLAlchemyError as exc:
            raise OSError("tickets can't be read") from exc

    async def write(self, work: Callable[[Files], T], *, may_wait: bool = False) -> T:
        """See the port."""
        try:
            return await self._database.change(
                lambda connection: work(_SqlFiles(connection)), may_wait=may_wait
            )
        except SQLAlchemyError as exc:
            raise OSError("tickets can't be written: is the disk full?") from exc
