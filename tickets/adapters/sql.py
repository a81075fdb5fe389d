"""The files on SQL: ``tickets.ports.TicketStore`` on a ``Database``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cti.domain.ids import CallId, CustomerId, TicketId
from cti.storage.database import Database
from tickets.adapters import statements as sql
from tickets.model import CallFile, Customer, Ticket
from tickets.ports import Files

T = TypeVar("T")

_CALL_FILES = TypeAdapter(CallFile)
_CALLS_AT_ONCE = 500


def _customer(row: Any) -> Customer:
    return Customer(
        customer_id=CustomerId(row.customer_id),
        name=row.name,
        created_at=row.created_at,
        company=row.company,
        group=row.group_name,
        note=row.note,
        is_provisional=row.is_provisional,
        is_touched=row.is_touched,
        made_by_call=CallId(row.made_by_call) if row.made_by_call else None,
    )


def _ticket(row: Any) -> Ticket:
    return Ticket(
        ticket_id=TicketId(row.ticket_id),
        customer_id=CustomerId(row.customer_id) if row.customer_id is not None else None,
        subject=row.subject,
        created_at=row.created_at,
        opened_by_call=CallId(row.opened_by_call),
        status=row.status,
        category=row.category,
        note=row.note,
        version=row.version,
        disposition=row.disposition,
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
        row = self._connection.execute(sql.CUSTOMER, {"key": customer_id}).first()
        return _customer(row) if row else None

    def customers_with(self, number_key: str) -> Sequence[Customer]:
        return [
            _customer(row)
            for row in self._connection.execute(sql.CUSTOMERS_WITH, {"key": number_key})
        ]

    def customer_named(self, name: str, company: str) -> Customer | None:
        row = self._connection.execute(
            sql.CUSTOMER_NAMED, {"name": name, "company": company}
        ).first()
        return _customer(row) if row else None

    def provisional(self) -> Sequence[Customer]:
        return [_customer(row) for row in self._connection.execute(sql.PROVISIONAL)]

    def ticket(self, ticket_id: TicketId) -> Ticket | None:
        row = self._connection.execute(sql.TICKET, {"key": ticket_id}).first()
        return _ticket(row) if row else None

    def tickets_of(self, customer_id: CustomerId) -> Sequence[Ticket]:
        rows = self._connection.execute(sql.TICKETS_OF, {"key": customer_id})
        return [_ticket(row) for row in rows]

    def call(self, call_id: CallId) -> CallFile | None:
        row = self._connection.execute(sql.CALL, {"key": call_id}).first()
        return _call(row) if row else None

    def calls(self, call_ids: Sequence[CallId]) -> Sequence[CallFile]:
        found: list[CallFile] = []
        for first in range(0, len(call_ids), _CALLS_AT_ONCE):
            keys = list(call_ids[first : first + _CALLS_AT_ONCE])
            found += [_call(row) for row in self._connection.execute(sql.CALLS_IN, {"keys": keys})]
        return found

    def calls_on(self, ticket_id: TicketId) -> Sequence[CallFile]:
        return [_call(row) for row in self._connection.execute(sql.CALLS_ON, {"key": ticket_id})]

    def calls_of(self, customer_id: CustomerId, limit: int) -> Sequence[CallFile]:
        rows = self._connection.execute(sql.CALLS_OF, {"key": customer_id, "limit": limit})
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
        customer_id = self._connection.execute(
            sql.ADD_CUSTOMER,
            {
                "name": name,
                "company": company,
                "group_name": group,
                "note": note,
                "is_provisional": is_provisional,
                "is_touched": False,
                "made_by_call": made_by_call,
                "created_at": created_at,
            },
        ).scalar_one()
        numbers = [
            {"number_key": key, "customer_id": customer_id} for key in dict.fromkeys(number_keys)
        ]
        if numbers:
            self._connection.execute(sql.ADD_NUMBER, numbers)
        return Customer(
            CustomerId(customer_id),
            name,
            created_at,
            company,
            group,
            note,
            is_provisional,
            made_by_call=made_by_call,
        )

    def add_ticket(
        self, customer_id: CustomerId, subject: str, created_at: datetime, opened_by_call: CallId
    ) -> Ticket:
        before = self._connection.execute(sql.OPENED_BY, {"key": opened_by_call})
        if before.first() is not None:
            raise ValueError("this call has opened a ticket before")
        ticket_id = self._connection.execute(
            sql.ADD_TICKET,
            {
                "customer_id": customer_id,
                "subject": subject,
                "status": "open",
                "category": "",
                "note": "",
                "version": 0,
                "disposition": "",
                "opened_by_call": opened_by_call,
                "created_at": created_at,
            },
        ).scalar_one()
        return Ticket(TicketId(ticket_id), customer_id, subject, created_at, opened_by_call)

    def put_customer(self, customer: Customer) -> None:
        self._connection.execute(
            sql.PUT_CUSTOMER,
            {
                "key": customer.customer_id,
                "new_name": customer.name,
                "new_company": customer.company,
                "new_group_name": customer.group,
                "new_note": customer.note,
                "new_is_provisional": customer.is_provisional,
                "new_is_touched": customer.is_touched,
            },
        )

    def put_ticket(self, ticket: Ticket) -> None:
        self._connection.execute(
            sql.PUT_TICKET,
            {
                "key": ticket.ticket_id,
                "new_customer_id": ticket.customer_id,
                "new_subject": ticket.subject,
                "new_status": ticket.status,
                "new_category": ticket.category,
                "new_note": ticket.note,
                "new_version": ticket.version,
                "new_disposition": ticket.disposition,
            },
        )

    def put_calls(self, files: Sequence[CallFile]) -> None:
        if not files:
            return
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
        self._connection.execute(sql.PUT_CALL, rows)

    def remove_customer(self, customer_id: CustomerId) -> None:
        for statement in (
            sql.FREE_TICKETS,
            sql.FREE_CALLS,
            sql.REMOVE_NUMBERS,
            sql.REMOVE_CUSTOMER,
        ):
            self._connection.execute(statement, {"key": customer_id})

    def remove_ticket(self, ticket_id: TicketId) -> None:
        self._connection.execute(sql.FREE_CALLS_ON, {"key": ticket_id})
        self._connection.execute(sql.REMOVE_TICKET, {"key": ticket_id})


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
