"""What the ACD asks of other departments, as Protocols; wired in ``cti/bootstrap.py``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Protocol

from cti.domain.call import Call
from cti.domain.ids import AgentId, CallId, CustomerId, Endpoint, QueueName
from cti.domain.targets import Target
from cti.ports import Recorded


class Pop(Protocol):
    """The agent's screen."""

    async def show(
        self,
        call_id: CallId,
        agent_id: AgentId,
        queue: QueueName,
        chosen_at: datetime,
        wait_for_paint: bool,
    ) -> None:
        """Show the caller to the agent before his phone rings.

        Returns when the pop is written to the desktop's socket, at once when there is no desktop; with ``wait_for_paint``
        when it was painted, or after 60 ms. Is cancelled if it takes longer than the ring may wait.
        """


class Calls(Protocol):
    """All live calls, as the switch knows them (``cti.domain.calls.CallTable``)."""

    def live(self) -> Iterator[Call]:
        """The calls that haven't ended, each in its present state."""

    def get(self, call_id: CallId) -> Call | None:
        """A call, if it is known."""


class CallbackLine(Protocol):
    """The switch, as far as callbacks need it (``cti.asterisk.callback_control.CallbackControl``).

    Raises:
        CommandRefused: the switch refused.
        SwitchUnavailable: no link; nothing was sent and nothing will be.
    """

    async def call_back(
        self,
        call_id: CallId,
        callback_id: CallId,
        endpoint: Endpoint,
        target: Target,
        ring_timeout: timedelta,
    ) -> None:
        """Call an agent's phone and then the customer, as a call of this id. Confirmed by CallOffered.

        The customer is called only if no other call was made, and nothing dropped, for this callback in between.
        """

    async def drop_callback(self, callback_id: CallId | None, call_id: CallId | None) -> None:
        """Let no call of this callback reach the customer any more, and end that call."""

    async def was_answered(self, callback_id: CallId) -> bool:
        """Whether the customer answered a call of this callback; none that hasn't reached him does so afterwards."""


class OutsideNumbers(Protocol):
    """The rules of calls to the outside."""

    def __call__(self, number: str) -> Target:
        """The number as it may be dialled.

        Raises:
            CommandRefused: the company's rules don't allow it, or it is none.
        """


class Committing(Protocol):
    """The journal, as far as something must be on disk before it is told (``cti.ports.Journal``)."""

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to commit failed."""

    async def flush(self) -> None:
        """Return when everything published so far is committed.

        Raises:
            OSError: it could not be written.
        """

    def read(self, *, after: int = 0, call_id: CallId | None = None) -> AsyncIterator[Recorded]:
        """Read back what names one call, in order."""


class Relation(Protocol):
    """What a customer and the company have in common (``tickets.relations.CustomerRelation``)."""

    @property
    def group(self) -> str:
        """His customer group; empty: none."""

    @property
    def last_agent_id(self) -> AgentId | None:
        """Who spoke with him last, of those who were asked for."""


class Customers(Protocol):
    """The customers' files, as far as they bear on who answers."""

    async def relation(self, customer_id: CustomerId, since_at: datetime) -> Relation:
        """A customer's group, and who spoke with him last, not before ``since_at``.

        Raises:
            OSError: the files can't be read.
        """
