"""What the desktop asks of the tickets' department besides a call's caller and ticket; see ``ports.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from cti.domain.ids import AgentId, CallId, TicketId
from cti.domain.people import User
from screenpop.ticket_views import FormView, ListView, TicketView


class TicketWorkDesk(Protocol):
    """Work on tickets. Refusals are ``CommandRefused``; ``at_hand``: it is the ticket of the call before him."""

    def on_ticket(
        self, listener: Callable[[TicketId, frozenset[AgentId], frozenset[str]], None]
    ) -> None:
        """Be told of every ticket that looks different: whose lists it stood or stands in, people and groups."""

    def groups_of(self, user: User) -> frozenset[str]:
        """The groups that somebody is in."""

    async def form(self, user: User, language: str) -> FormView:
        """What is needed to show and change tickets."""

    async def listing(self, user: User, view: str, question: str, limit: int) -> ListView:
        """One list, with the counts of all."""

    async def view(self, user: User, ticket_id: TicketId, *, at_hand: bool = False) -> TicketView:
        """A ticket with everything on it."""

    async def change(
        self,
        user: User,
        ticket_id: TicketId,
        revision: int,
        changes: Mapping[str, str],
        fields: Mapping[str, str],
        due_at: datetime | None = None,
        *,
        at_hand: bool = False,
    ) -> None:
        """Change what was read as ``revision``."""

    async def comment(
        self, user: User, ticket_id: TicketId, text: str, *, at_hand: bool = False
    ) -> None:
        """Say something to the colleagues."""

    async def hand_over(
        self,
        user: User,
        ticket_id: TicketId,
        revision: int,
        *,
        group: str,
        owner: str,
        note: str,
        at_hand: bool = False,
    ) -> None:
        """Give it to a group or a colleague."""

    async def note(self, user: User, ticket_id: TicketId, text: str, version: int) -> None:
        """Replace the note of a ticket that was opened from a list."""

    async def open(self, user: User, call_id: CallId) -> None:
        """Open a ticket for a call that has none."""

    async def detach(self, user: User, call_id: CallId) -> None:
        """Take a call off the ticket that it was attached to."""

    async def keep_text(self, user: User, name: str, text: str) -> None:
        """Add, replace or (empty) remove a canned text of one's own."""
