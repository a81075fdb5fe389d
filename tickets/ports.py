"""What tickets needs from the outside: a store with transactions.

The store keeps and finds; it decides nothing. Whatever must be true together is done in one
``write()``, so that both adapters are short and the rules are written once, in the service. What is handed to
``read()`` and ``write()`` is a plain function: it runs in one visit to wherever the database is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from cti.domain.ids import AgentId, CallId, CustomerId, TicketId
from tickets.lists import Found, TicketQuery
from tickets.model import CallFile, CannedText, Comment, Customer, StoredPin, Ticket

T = TypeVar("T")


class Files(Protocol):
    """The files as one transaction sees them. ``put`` changes what exists, ``add`` makes anew."""

    def customer(self, customer_id: CustomerId) -> Customer | None:
        """One customer."""

    def customers_with(self, number_key: str) -> Sequence[Customer]:
        """Customers who have this number, oldest first."""

    def customer_named(self, name: str, company: str) -> Customer | None:
        """The customer of exactly this name and company, if any."""

    def numbers_of(self, customer_id: CustomerId) -> Sequence[str]:
        """The numbers by which a customer is found, in the order of their digits."""

    def add_number(self, customer_id: CustomerId, number_key: str) -> None:
        """One more number of a customer's; one that he has already changes nothing."""

    def customers_ending(self, digits: str, limit: int) -> Sequence[Customer]:
        """Customers of whom a number ends in these digits, the newest first."""

    def customers_like(self, terms: Sequence[str], limit: int) -> Sequence[Customer]:
        """Customers in whose name or company all these terms stand (``tickets.search``), the newest first."""

    def provisional(self) -> Sequence[Customer]:
        """All provisional files that nobody touched."""

    def ticket(self, ticket_id: TicketId) -> Ticket | None:
        """One ticket."""

    def tickets_of(self, customer_id: CustomerId) -> Sequence[Ticket]:
        """A customer's tickets, newest first, at most 100."""

    def ticket_opened_by(self, call_id: CallId) -> Ticket | None:
        """The ticket that was opened for a call, whether the call still hangs on it or not."""

    def call(self, call_id: CallId) -> CallFile | None:
        """One call's file."""

    def calls(self, call_ids: Sequence[CallId]) -> Sequence[CallFile]:
        """Those of these calls that have a file, in any order."""

    def calls_on(self, ticket_id: TicketId) -> Sequence[CallFile]:
        """The calls on a ticket, oldest first."""

    def calls_of(self, customer_id: CustomerId, limit: int) -> Sequence[CallFile]:
        """A customer's calls, newest first."""

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
        """A new file."""

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
        """A new ticket. A second one of the same call is a mistake of the caller's and fails."""

    def put_customer(self, customer: Customer) -> None:
        """Change a file."""

    def put_ticket(self, ticket: Ticket) -> None:
        """Change a ticket."""

    def pin_of(self, customer_id: CustomerId) -> StoredPin | None:
        """A customer's PIN, hashed; None: he has none."""

    def put_pin(self, customer_id: CustomerId, pin: StoredPin | None) -> None:
        """Keep a PIN of a customer's in place of the one before; None: none any more."""

    def put_calls(self, files: Sequence[CallFile]) -> None:
        """Add or change files of calls. A ticket or customer that is gone by now is left out of them."""

    def remove_customer(self, customer_id: CustomerId) -> None:
        """Remove a file and its numbers; its tickets and calls stay, and are nobody's."""

    def remove_ticket(self, ticket_id: TicketId) -> None:
        """Remove a ticket and its comments; calls on it are on none then."""

    def find_tickets(self, query: TicketQuery) -> Sequence[Found]:
        """What a list shows, in its order, at most ``query.limit``."""

    def count_tickets(self, query: TicketQuery) -> int:
        """How many a list has; of a search, never more than its limit."""

    def comments_on(self, ticket_id: TicketId) -> Sequence[Comment]:
        """The comments on a ticket, oldest first."""

    def add_comment(
        self, ticket_id: TicketId, author_id: AgentId, written_at: datetime, text: str
    ) -> Comment:
        """A new comment."""

    def put_comment(self, comment: Comment) -> None:
        """Change a comment's text or ticket."""

    def canned_of(self, owner_id: AgentId) -> Sequence[CannedText]:
        """Somebody's own canned texts, by name."""

    def put_canned(self, owner_id: AgentId, canned: CannedText) -> None:
        """Add one, or replace that of the same name; an empty text removes it."""


class TicketStore(Protocol):
    """Where files are kept. Both methods run a function that touches nothing but what it is given.

    Raises:
        OSError: the store can't be reached; nothing was changed.
    """

    async def read(self, work: Callable[[Files], T]) -> T:
        """Look things up."""

    async def write(self, work: Callable[[Files], T], *, may_wait: bool = False) -> T:
        """Change things: all of it or, on an exception, nothing.

        Changes are made in the order in which they were asked for, one at a time, and are durable on return.
        ``may_wait`` lets a change wait a moment for others, which makes all of them cheaper.
        """
