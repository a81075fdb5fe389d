"""What the ACD asks of other departments, as Protocols; wired in ``cti/bootstrap.py``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from cti.domain.call import Call
from cti.domain.ids import AgentId, CallId, CustomerId, QueueName


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
