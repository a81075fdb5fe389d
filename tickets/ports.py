"""What tickets needs from the outside: a store with transactions.

The store keeps and finds; it decides nothing. Whatever must be true together is done in one
``write()``, so that both adapters are short and the rules are written once, in the service.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from cti.domain.ids import CallId, CustomerId, TicketId
from tickets.model import CallFile, Customer, Ticket


class Files(Protocol):
    """The files as one transaction sees them. ``put`` changes what exists, ``add`` makes anew."""

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """One customer."""

    async def customers_with(self, number_key: str) -> Sequence[Customer]:
        """Customers who have this number, oldest first."""

    async def customer_named(self, name: str, company: str) -> Customer | None:
        """The customer of exactly this name and company, if any."""

    async def provisional(self) -> Sequence[Customer]:
        """All provisional files that nobody touched."""

    async def ticket(self, ticket_id: TicketId) -> Ticket | None:
        """One ticket."""

    async def tickets_of(self, customer_id: CustomerId) -> Sequence[Ticket]:
        """A customer's tickets, newest first, at most 100."""

    async def call(self, call_id: CallId) -> CallFile | None:
        """One call's file."""

    async def calls_on(self, ticket_id: TicketId) -> Sequence[CallFile]:
        """The calls on a ticket, oldest first."""

    async def calls_of(self, customer_id: CustomerId, limit: int) -> Sequence[CallFile]:
        """A customer's calls, newest first."""

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
        """A new file."""

    async def add_ticket(
        self, customer_id: CustomerId, subject: str, created_at: datetime, opened_by_call: CallId
    ) -> Ticket:
        """A new ticket. A second one of the same call is a mistake of the caller's and fails."""

    async def put_customer(self, customer: Customer) -> None:
        """Change a file."""

    async def put_ticket(self, ticket: Ticket) -> None:
        """Change a ticket."""

    async def put_call(self, file: CallFile) -> None:
        """Add or change a call's file."""

    async def remove_customer(self, customer_id: CustomerId) -> None:
        """Remove a file and its numbers; its tickets and calls stay, and are nobody's."""

    async def remove_ticket(self, ticket_id: TicketId) -> None:
        """Remove a ticket; calls on it are on none then."""


class TicketStore(Protocol):
    """Where files are kept."""

    def read(self) -> AbstractAsyncContextManager[Files]:
        """Look things up."""

    def write(self) -> AbstractAsyncContextManager[Files]:
        """Change things: all of it or, on an exception, nothing. One at a time."""
