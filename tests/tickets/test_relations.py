"""The files say a customer's group, and who spoke with him last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cti.domain.ids import AgentId, CallId, CustomerId
from tickets.adapters.memory import MemoryTicketStore
from tickets.model import CallFile
from tickets.ports import Files
from tickets.relations import CustomerRelation, CustomerRelations

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def test_the_last_one_who_spoke_counts_and_not_the_last_call() -> None:
    store = MemoryTicketStore()

    def fill(files: Files) -> CustomerId:
        customer = files.add_customer("Greta", NOW, group="gold", number_keys=("+491",))
        for days, agent in ((9, "ann"), (3, "ben"), (1, None)):
            at = NOW - timedelta(days=days)
            files.put_calls(
                [
                    CallFile(
                        CallId(f"c{days}"),
                        at,
                        customer_id=customer.customer_id,
                        connected_at=at if agent else None,
                        agent_id=AgentId(agent) if agent else None,
                    )
                ]
            )
        return customer.customer_id

    customer = await store.write(fill)
    relations = CustomerRelations(store)
    week = NOW - timedelta(days=7)
    assert await relations.relation(customer, week) == CustomerRelation("gold", AgentId("ben"))
    yesterday = NOW - timedelta(days=2)
    assert await relations.relation(customer, yesterday) == CustomerRelation("gold", None)
    assert await relations.relation(CustomerId(99), week) == CustomerRelation()
