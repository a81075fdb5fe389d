"""Lists of tickets: whose they are, what somebody may see, what a question finds. Pure.

``TicketQuery.takes`` is the rule; the store in memory asks it of every ticket, the one on SQL says the same in its own words
and asks it again of what a search proposes. Tests hold the two against each other.

What somebody may see (``Scope``): an agent what is his, his groups' or came through a queue that he serves; a
supervisor what is so for anybody of the team; an administrator everything. A ticket that stands beside a call on
one's desktop is seen with it, whatever the scope.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cti.domain.ids import AgentId
from cti.domain.search import matches
from tickets.model import Customer, Ticket

VIEWS = ("mine", "group", "due", "search")
LEAST_DIGITS = 4
"""Digits of a customer's number by which he is found; fewer are anybody's."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which tickets somebody may see."""

    is_everything: bool = False
    owners: frozenset[AgentId] = frozenset()
    groups: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()

    def sees(self, ticket: Ticket) -> bool:
        """Whether this ticket is one of them."""
        return (
            self.is_everything
            or ticket.owner_id in self.owners
            or (ticket.group != "" and ticket.group in self.groups)
            or (ticket.queue != "" and ticket.queue in self.queues)
        )


@dataclass(frozen=True, slots=True)
class TicketQuery:
    """One list: ``mine``, ``group`` (my groups'), ``due`` (overdue first; mine and my groups'), ``search``."""

    view: str
    me: AgentId
    groups: frozenset[str]  # mine
    scope: Scope
    words: tuple[str, ...] = field(default=(), repr=False)  # of a search; all must be found
    limit: int = 100

    def takes(self, ticket: Ticket, customer: Customer | None, numbers: tuple[str, ...]) -> bool:
        """Whether a ticket stands in the list; ``numbers`` are its customer's."""
        if self.view == "search":
            return self.scope.sees(ticket) and self.answers(ticket, customer, numbers)
        is_mine, is_groups = ticket.owner_id == self.me, ticket.group in self.groups
        if ticket.status == "closed":
            return False
        if self.view == "due":
            return ticket.due_at is not None and (is_mine or is_groups)
        return is_mine if self.view == "mine" else is_groups

    def answers(self, ticket: Ticket, customer: Customer | None, numbers: tuple[str, ...]) -> bool:
        """Whether each word stands in the subject, the note, the customer's name, or is a number of either."""
        texts = [ticket.subject, ticket.note]
        if customer is not None:
            texts += [customer.name, customer.company]
        return all(
            matches(word, texts) or word == str(ticket.ticket_id) or _is_in(word, numbers)
            for word in self.words
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a list."""

    ticket: Ticket
    customer_name: str = field(default="", repr=False)


def _is_in(word: str, numbers: tuple[str, ...]) -> bool:
    is_number = word.isascii() and word.isdigit() and len(word) >= LEAST_DIGITS
    return is_number and any(word in number for number in numbers)
