"""What the desktop asks of the other departments, as Protocols; wired in ``cti/bootstrap.py``.

What they hand over is described in ``views.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from cti.domain.events import QueueChanged
from cti.domain.ids import AgentId, CallId, CustomerId, Endpoint, TicketId
from cti.domain.people import User
from screenpop.contact import Contact
from screenpop.notices import Message
from screenpop.promises import Promise
from screenpop.sections import SipValue
from screenpop.ticket_views import TicketView
from screenpop.views import AgentView, CallerView, CandidateView


class AgentDesk(Protocol):
    """The ACD, as far as an agent commands it. Refusals are ``CommandRefused``."""

    async def sign_in(self, agent_id: AgentId, endpoint: Endpoint, number: str = "") -> None:
        """Take a seat at one of the agent's phones."""

    async def sign_out(self, agent_id: AgentId) -> None:
        """Leave; in a call: after it."""

    async def ready(self, agent_id: AgentId) -> None:
        """Take calls; in a call: after it."""

    async def not_ready(self, agent_id: AgentId, reason: str) -> None:
        """Take a break; in a call: after it."""

    async def extend_wrap_up(self, agent_id: AgentId) -> None:
        """One more minute."""

    def phone_ready(self, agent_id: AgentId) -> None:
        """The browser phone is registered and has no session."""

    def agent_view(self, agent_id: AgentId) -> AgentView:
        """The agent now; ``CommandRefused`` for somebody who takes no calls."""

    def queue_views(self) -> Sequence[QueueChanged]:
        """The live figures of all queues."""


class QueueHands(Protocol):
    """Hands on waiting callers. Refusals are ``CommandRefused``; an empty reason is ``InvalidValue``.

    ``is_accepted``: the command stands in the journal already. The same command id does nothing twice.
    """

    async def pull(
        self, user: User, command_id: str, call_id: CallId, why: str, *, is_accepted: bool
    ) -> None:
        """Give a caller to oneself."""

    async def push(
        self,
        user: User,
        command_id: str,
        call_id: CallId,
        why: str,
        *,
        agent_id: AgentId,
        is_forced: bool,
        is_accepted: bool,
    ) -> None:
        """Give a caller to somebody."""

    async def move(
        self,
        user: User,
        command_id: str,
        call_id: CallId,
        why: str,
        *,
        place: int,
        is_accepted: bool,
    ) -> None:
        """Put a caller at a place of his line, from 1."""

    async def prioritise(
        self,
        user: User,
        command_id: str,
        call_id: CallId,
        why: str,
        *,
        credit_time: timedelta,
        is_accepted: bool,
    ) -> None:
        """Give a caller a credit."""

    async def demand(
        self,
        user: User,
        command_id: str,
        call_id: CallId,
        why: str,
        *,
        demand: str | None,
        is_accepted: bool,
    ) -> None:
        """Say what a caller needs; None: what was said before."""


class PinDesk(Protocol):
    """Who keeps customers' PINs (``tickets.pins.PinDesk``)."""

    async def set(self, customer_id: CustomerId, pin: str, by: AgentId) -> None:
        """Give a customer a PIN, which lifts a lock; empty: he has none any more.

        Raises:
            CommandRefused: ``no_such_customer``, ``invalid_value``.
            OSError: it can't be written.
        """


class TicketDesk(Protocol):
    """Customers and tickets. Refusals are ``CommandRefused``."""

    async def caller(self, call_id: CallId) -> CallerView | None:
        """Who calls; None while nobody has looked."""

    async def ticket(self, call_id: CallId) -> TicketView | None:
        """The call's ticket; None while it has none."""

    async def write_note(self, ticket_id: TicketId, text: str, version: int) -> None:
        """Replace the note that was read as ``version``."""

    async def set_disposition(
        self, ticket_id: TicketId, call_id: CallId, disposition: str, by: str
    ) -> None:
        """Name the outcome."""

    async def attach(self, call_id: CallId, ticket_id: TicketId, by: str) -> None:
        """Move the call to another ticket."""

    async def rename(self, customer_id: CustomerId, name: str, company: str) -> None:
        """Name a customer."""

    async def choose(self, call_id: CallId, customer_id: CustomerId) -> None:
        """Say which of the candidates calls."""

    async def search(self, query: str, number_key: str) -> Sequence[CandidateView]:
        """Customers by name and company, by a whole number, or by its last four digits."""

    async def assign(self, call_id: CallId, customer_id: CustomerId, keeps_number: bool) -> None:
        """Say that this customer calls; ``keeps_number``: he is found by it from now on."""

    async def create(self, call_id: CallId, name: str, company: str) -> None:
        """Make a file for whoever calls."""

    async def describe(self, customer_id: CustomerId, note: str) -> None:
        """Write a customer's note."""

    async def warn(self, customer_id: CustomerId, text: str, by: str) -> None:
        """Set a customer's warning, or (empty) take it away."""

    def on_change(self, listener: Callable[[CallId], None]) -> None:
        """Be told whenever a call's caller or ticket looks different."""


@dataclass(frozen=True, slots=True)
class SipAccount:
    """How a browser phone registers: the WebSocket, the address and the secret."""

    url: str
    uri: str
    user: str
    password: str = field(repr=False)
    realm: str

    @property
    def value(self) -> SipValue:
        """As the page gets it."""
        return SipValue(
            url=self.url, uri=self.uri, user=self.user, password=self.password, realm=self.realm
        )


class PhoneSecrets(Protocol):
    """Where the phones' secrets are kept."""

    def sip_account(self, endpoint: Endpoint) -> SipAccount | None:
        """The account of a browser phone; None where there is none."""


class DayBook(Protocol):
    """What the journal tells of missed calls, promises and messages, as of now. All raise ``OSError``: it can't be read."""

    async def contacts(self, since_at: datetime) -> list[tuple[Contact, str]]:
        """Calls of which something was told since then, each with its number (empty: withheld or erased)."""

    async def promises(self) -> list[Promise]:
        """Those that stand."""

    async def messages(self, since_at: datetime) -> list[Message]:
        """Those sent since then."""


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One agent's day so far, or one quarter of an hour of it, counted as docs/figures.md says. Times in seconds."""

    calls: int = 0
    missed: int = 0
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    ready_s: float = 0.0
