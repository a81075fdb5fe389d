"""The files in memory: for tests and for trying things out. Passes the contract of the SQL adapter."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from cti.domain.ids import AgentId, CallId, CustomerId, TicketId
from tickets import search
from tickets.lists import Found, TicketQuery
from tickets.model import CallFile, CannedText, Comment, Customer, StoredPin, Ticket
from tickets.ports import Files

T = TypeVar("T")


@dataclass
class _Rows:
    customers: dict[CustomerId, Customer] = field(default_factory=dict)
    numbers: set[tuple[str, CustomerId]] = field(default_factory=set)
    tickets: dict[TicketId, Ticket] = field(default_factory=dict)
    calls: dict[CallId, CallFile] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    canned: dict[tuple[AgentId, str], CannedText] = field(default_factory=dict)
    pins: dict[CustomerId, StoredPin] = field(default_factory=dict)
    last_customer: int = 0
    last_ticket: int = 0
    last_comment: int = 0

    def copy(self) -> _Rows:
        # The values are frozen, so the containers are all that a transaction must keep apart.
        return _Rows(*(copy.copy(getattr(self, name)) for name in self.__dataclass_fields__))


class _MemoryFiles:
    """``tickets.ports.Files``."""

    def __init__(self, rows: _Rows) -> None:
        self._rows = rows

    def customer(self, customer_id: CustomerId) -> Customer | None:
        return self._rows.customers.get(customer_id)

    def customers_with(self, number_key: str) -> Sequence[Customer]:
        ids = sorted(c for key, c in self._rows.numbers if key == number_key)
        return [self._rows.customers[customer_id] for customer_id in ids]

    def customer_named(self, name: str, company: str) -> Customer | None:
        found = (c for c in self._rows.customers.values() if (c.name, c.company) == (name, company))
        return next(found, None)

    def numbers_of(self, customer_id: CustomerId) -> Sequence[str]:
        return sorted(key for key, c in self._rows.numbers if c == customer_id)

    def add_number(self, customer_id: CustomerId, number_key: str) -> None:
        self._rows.numbers.add((number_key, customer_id))

    def customers_ending(self, digits: str, limit: int) -> Sequence[Customer]:
        ids = {c for key, c in self._rows.numbers if key.endswith(digits)}
        return [self._rows.customers[c] for c in sorted(ids, reverse=True)][:limit]

    def customers_like(self, terms: Sequence[str], limit: int) -> Sequence[Customer]:
        found = [c for c in self._rows.customers.values() if search.matches(c, terms)]
        return sorted(found, key=lambda c: -c.customer_id)[:limit]

    def provisional(self) -> Sequence[Customer]:
        return [c for c in self._rows.customers.values() if c.is_provisional and not c.is_touched]

    def ticket(self, ticket_id: TicketId) -> Ticket | None:
        return self._rows.tickets.get(ticket_id)

    def tickets_of(self, customer_id: CustomerId) -> Sequence[Ticket]:
        own = [t for t in self._rows.tickets.values() if t.customer_id == customer_id]
        return sorted(own, key=lambda t: (t.created_at, t.ticket_id), reverse=True)[:100]

    def ticket_opened_by(self, call_id: CallId) -> Ticket | None:
        found = (t for t in self._rows.tickets.values() if t.opened_by_call == call_id)
        return next(found, None)

    def call(self, call_id: CallId) -> CallFile | None:
        return self._rows.calls.get(call_id)

    def calls(self, call_ids: Sequence[CallId]) -> Sequence[CallFile]:
        return [file for call_id in call_ids if (file := self._rows.calls.get(call_id))]

    def calls_on(self, ticket_id: TicketId) -> Sequence[CallFile]:
        own = [c for c in self._rows.calls.values() if c.ticket_id == ticket_id]
        return sorted(own, key=lambda c: (c.offered_at, c.call_id))

    def calls_of(self, customer_id: CustomerId, limit: int) -> Sequence[CallFile]:
        own = [c for c in self._rows.calls.values() if c.customer_id == customer_id]
        return sorted(own, key=lambda c: (c.offered_at, c.call_id), reverse=True)[:limit]

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
        self._rows.last_customer += 1
        customer = Customer(
            CustomerId(self._rows.last_customer),
            name,
            created_at,
            company,
            group,
            note,
            is_provisional,
            made_by_call=made_by_call,
        )
        self._rows.customers[customer.customer_id] = customer
        self._rows.numbers |= {(key, customer.customer_id) for key in number_keys}
        return customer

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
        if any(t.opened_by_call == opened_by_call for t in self._rows.tickets.values()):
            raise ValueError("this call has opened a ticket before")
        self._rows.last_ticket += 1
        ticket_id = TicketId(self._rows.last_ticket)
        ticket = Ticket(
            ticket_id,
            customer_id,
            subject,
            created_at,
            opened_by_call,
            category=category,
            queue=queue,
            group=group,
            owner_id=owner_id,
        )
        self._rows.tickets[ticket_id] = ticket
        return ticket

    def put_customer(self, customer: Customer) -> None:
        self._rows.customers[customer.customer_id] = customer

    def put_ticket(self, ticket: Ticket) -> None:
        self._rows.tickets[ticket.ticket_id] = ticket

    def put_calls(self, files: Sequence[CallFile]) -> None:
        for file in files:
            has_ticket = file.ticket_id in self._rows.tickets
            has_customer = file.customer_id in self._rows.customers
            self._rows.calls[file.call_id] = replace(
                file,
                ticket_id=file.ticket_id if has_ticket else None,
                customer_id=file.customer_id if has_customer else None,
            )

    def pin_of(self, customer_id: CustomerId) -> StoredPin | None:
        return self._rows.pins.get(customer_id)

    def put_pin(self, customer_id: CustomerId, pin: StoredPin | None) -> None:
        self._rows.pins.pop(customer_id, None)
        if pin is not None:
            self._rows.pins[customer_id] = pin

    def remove_customer(self, customer_id: CustomerId) -> None:
        rows = self._rows
        rows.customers.pop(customer_id, None)
        rows.pins.pop(customer_id, None)
        rows.numbers = {(key, c) for key, c in rows.numbers if c != customer_id}
        for ticket in [t for t in rows.tickets.values() if t.customer_id == customer_id]:
            rows.tickets[ticket.ticket_id] = replace(ticket, customer_id=None)
        for file in [c for c in rows.calls.values() if c.customer_id == customer_id]:
            rows.calls[file.call_id] = replace(file, customer_id=None)

    def remove_ticket(self, ticket_id: TicketId) -> None:
        self._rows.tickets.pop(ticket_id, None)
        on_it = [c for c in self._rows.comments.values() if c.ticket_id == ticket_id]
        for comment in on_it:
            del self._rows.comments[comment.comment_id]
        for file in [c for c in self._rows.calls.values() if c.ticket_id == ticket_id]:
            self._rows.calls[file.call_id] = replace(file, ticket_id=None)

    def find_tickets(self, query: TicketQuery) -> Sequence[Found]:
        rows = self._rows
        found: list[Found] = []
        for ticket in rows.tickets.values():
            customer = rows.customers.get(ticket.customer_id) if ticket.customer_id else None
            numbers = tuple(key for key, c in rows.numbers if c == ticket.customer_id)
            if query.takes(ticket, customer, numbers):
                found.append(Found(ticket, customer.name if customer is not None else ""))
        if query.view == "due":
            found.sort(key=lambda f: (f.ticket.due_at, f.ticket.ticket_id))
        else:
            found.sort(key=lambda f: (f.ticket.created_at, f.ticket.ticket_id), reverse=True)
        return found[: query.limit]

    def count_tickets(self, query: TicketQuery) -> int:
        most = query.limit if query.view == "search" else len(self._rows.tickets)
        return len(self.find_tickets(replace(query, limit=most)))

    def comments_on(self, ticket_id: TicketId) -> Sequence[Comment]:
        return [c for _, c in sorted(self._rows.comments.items()) if c.ticket_id == ticket_id]

    def add_comment(
        self, ticket_id: TicketId, author_id: AgentId, written_at: datetime, text: str
    ) -> Comment:
        self._rows.last_comment += 1
        comment = Comment(self._rows.last_comment, ticket_id, author_id, written_at, text)
        self._rows.comments[comment.comment_id] = comment
        return comment

    def put_comment(self, comment: Comment) -> None:
        self._rows.comments[comment.comment_id] = comment

    def canned_of(self, owner_id: AgentId) -> Sequence[CannedText]:
        own = (c for (owner, _), c in self._rows.canned.items() if owner == owner_id)
        return sorted(own, key=lambda c: c.name)

    def put_canned(self, owner_id: AgentId, canned: CannedText) -> None:
        self._rows.canned.pop((owner_id, canned.name), None)
        if canned.text:
            self._rows.canned[owner_id, canned.name] = canned


class MemoryTicketStore:
    """``tickets.ports.TicketStore``."""

    def __init__(self) -> None:
        self._rows = _Rows()

    async def read(self, work: Callable[[Files], T]) -> T:
        """See the port."""
        return work(_MemoryFiles(self._rows))

    async def write(self, work: Callable[[Files], T], *, may_wait: bool = False) -> T:
        """See the port; nothing waits here, and nothing comes between."""
        rows = self._rows.copy()
        done = work(_MemoryFiles(rows))
        self._rows = rows
        return done
