"""What the customers' files say about who should answer: the group, and who spoke with the customer last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cti.domain.ids import AgentId, CustomerId
from tickets.ports import Files, TicketStore

_CALLS = 20
"""Calls looked at, newest first: who was not reached in so many has no last agent."""


@dataclass(frozen=True, slots=True)
class CustomerRelation:
    """A customer's group, and his last agent."""

    group: str = ""
    last_agent_id: AgentId | None = None


class CustomerRelations:
    """``acd.ports.Customers`` over the files."""

    def __init__(self, store: TicketStore) -> None:
        self._store = store

    async def relation(self, customer_id: CustomerId, since_at: datetime) -> CustomerRelation:
        """A customer's group, and who spoke with him last, not before ``since_at``.

        Raises:
            OSError: the files can't be read.
        """

        def read(files: Files) -> CustomerRelation:
            customer = files.customer(customer_id)
            spoken = [
                file.agent_id
                for file in files.calls_of(customer_id, _CALLS)
                if file.connected_at is not None and file.connected_at >= since_at
            ]
            last = next((agent_id for agent_id in spoken if agent_id is not None), None)
            return CustomerRelation(customer.group if customer is not None else "", last)

        return await self._store.read(read)
