"""The files on SQL: ``tickets.ports.TicketStore`` on a ``Database``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.util import identity_key

from cti.domain.ids import CallId, CustomerId, TicketId
from cti.storage.base import UtcDateTime
from cti.storage.database import Database
from tickets.adapters.tables import CustomerNumberRow, CustomerRow, TicketCallRow, TicketRow
from tickets.model import CallFile, Customer, Ticket
from tickets.ports import Files

_CALL_FILES = TypeAdapter(CallFile)
# Both SQLite and PostgreSQL understand this.
_PUT_CALL = text(
    "INSERT INTO ticket_calls (call_id, offered_at, ticket_id, customer_id, recording_id, document)"
    " VALUES (:call_id, :offered_at, :ticket_id, :customer_id, :recording_id, :document)"
    " ON CONFLICT (call_id) DO UPDATE SET ticket_id = excluded.ticket_id,"
    " customer_id = excluded.customer_id, recording_id = excluded.recording_id,"
    " document = excluded.document"
).bindparams(bindparam("offered_at", type_=UtcDateTime()))


def _customer(row: CustomerRow) -> Customer:
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


def _ticket(row: TicketRow) -> Ticket:
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


def _call(row: TicketCallRow) -> CallFile:
    # The columns win: they are what foreign keys and removals keep right.
    return replace(
        _CALL_FILES.validate_json(row.document),
        ticket_id=TicketId(row.ticket_id) if row.ticket_id is not None else None,
        customer_id=CustomerId(row.customer_id) if row.customer_id is not None else None,
    )


class _SqlFiles:
    """``tickets.ports.Files`` in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        row = await self._session.get(CustomerRow, customer_id)
        return _customer(row) if row else None

    async def customers_with(self, number_key: str) -> Sequence[Customer]:
        query = (
            select(CustomerRow)
            .join(CustomerNumberRow, CustomerNumberRow.customer_id == CustomerRow.customer_id)
            .where(CustomerNumberRow.number_key == number_key)
            .order_by(CustomerRow.customer_id)
        )
        return [_customer(row) for row in await self._session.scalars(query)]

    async def customer_named(self, name: str, company: str) -> Customer | None:
        query = select(CustomerRow).where(CustomerRow.name == name, CustomerRow.company == company)
        row = (await self._session.scalars(query.limit(1))).first()
        return _customer(row) if row else None

    async def provisional(self) -> Sequence[Customer]:
        query = select(CustomerRow).where(
            CustomerRow.is_provisional.is_(True), CustomerRow.is_touched.is_(False)
        )
        return [_customer(row) for row in await self._session.scalars(query)]

    async def ticket(self, ticket_id: TicketId) -> Ticket | None:
        row = await self._session.get(TicketRow, ticket_id)
        return _ticket(row) if row else None

    async def tickets_of(self, customer_id: CustomerId) -> Sequence[Ticket]:
        query = (
            select(TicketRow)
            .where(TicketRow.customer_id == customer_id)
            .order_by(TicketRow.created_at.desc(), TicketRow.ticket_id.desc())
            .limit(100)
        )
        return [_ticket(row) for row in await self._session.scalars(query)]

    async def call(self, call_id: CallId) -> CallFile | None:
        row = await self._session.get(TicketCallRow, call_id)
        return _call(row) if row else None

    async def calls_on(self, ticket_id: TicketId) -> Sequence[CallFile]:
        query = (
            select(TicketCallRow)
            .where(TicketCallRow.ticket_id == ticket_id)
            .order_by(TicketCallRow.offered_at, TicketCallRow.call_id)
        )
        return [_call(row) for row in await self._session.scalars(query)]

    async def calls_of(self, customer_id: CustomerId, limit: int) -> Sequence[CallFile]:
        query = (
            select(TicketCallRow)
            .where(TicketCallRow.customer_id == customer_id)
            .order_by(TicketCallRow.offered_at.desc(), TicketCallRow.call_id.desc())
            .limit(limit)
        )
        return [_call(row) for row in await self._session.scalars(query)]

    async def add_customer(
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
        row = CustomerRow(
            name=name,
            company=company,
            group_name=group,
            note=note,
            is_provisional=is_provisional,
            is_touched=False,
            made_by_call=made_by_call,
            created_at=created_at,
        )
        self._session.add(row)
        await self._session.flush()
        for key in dict.fromkeys(number_keys):
            self._session.add(CustomerNumberRow(number_key=key, customer_id=row.customer_id))
        await self._session.flush()
        return _customer(row)

    async def add_ticket(
        self, customer_id: CustomerId, subject: str, created_at: datetime, opened_by_call: CallId
    ) -> Ticket:
        query = select(TicketRow.ticket_id).where(TicketRow.opened_by_call == opened_by_call)
        if await self._session.scalar(query) is not None:
            raise ValueError("this call has opened a ticket before")
        row = TicketRow(
            customer_id=customer_id,
            subject=subject,
            status="open",
            category="",
            note="",
            version=0,
            disposition="",
            opened_by_call=opened_by_call,
            created_at=created_at,
        )
        self._session.add(row)
        await self._session.flush()
        return _ticket(row)

    async def put_customer(self, customer: Customer) -> None:
        await self._session.execute(
            update(CustomerRow)
            .where(CustomerRow.customer_id == customer.customer_id)
            .values(
                name=customer.name,
                company=customer.company,
                group_name=customer.group,
                note=customer.note,
                is_provisional=customer.is_provisional,
                is_touched=customer.is_touched,
            )
        )

    async def put_ticket(self, ticket: Ticket) -> None:
        await self._session.execute(
            update(TicketRow)
            .where(TicketRow.ticket_id == ticket.ticket_id)
            .values(
                customer_id=ticket.customer_id,
                subject=ticket.subject,
                status=ticket.status,
                category=ticket.category,
                note=ticket.note,
                version=ticket.version,
                disposition=ticket.disposition,
            )
        )

    async def put_call(self, file: CallFile) -> None:
        known = self._session.sync_session.identity_map.get(
            identity_key(TicketCallRow, file.call_id)
        )
        if known is not None:
            self._session.expunge(
                known
            )  # else the next read in this session would see it as it was
        # Written at most events of a call: one statement, nothing read before it.
        connection = await self._session.connection()
        await connection.execute(
            _PUT_CALL,
            {
                "call_id": file.call_id,
                "offered_at": file.offered_at,
                "ticket_id": file.ticket_id,
                "customer_id": file.customer_id,
                "recording_id": file.recording_id,
                "document": _CALL_FILES.dump_json(file).decode(),
            },
        )

    async def remove_customer(self, customer_id: CustomerId) -> None:
        for table in (TicketRow, TicketCallRow):
            await self._session.execute(
                update(table).where(table.customer_id == customer_id).values(customer_id=None)
            )
        await self._session.execute(
            delete(CustomerNumberRow).where(CustomerNumberRow.customer_id == customer_id)
        )
        await self._session.execute(
            delete(CustomerRow).where(CustomerRow.customer_id == customer_id)
        )

    async def remove_ticket(self, ticket_id: TicketId) -> None:
        await self._session.execute(
            update(TicketCallRow).where(TicketCallRow.ticket_id == ticket_id).values(ticket_id=None)
        )
        await self._session.execute(delete(TicketRow).where(TicketRow.ticket_id == ticket_id))


class SqlTicketStore:
    """``tickets.ports.TicketStore`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Files]:
        """See the port."""
        async with self._database.read() as session:
            yield _SqlFiles(session)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Files]:
        """See the port."""
        async with self._database.write() as session:
            yield _SqlFiles(session)
