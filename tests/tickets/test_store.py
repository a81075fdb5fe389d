"""Both stores keep the same promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cti.domain.ids import AgentId, CallId, CustomerId, RecordingId, TicketId
from tickets.model import CallFile, Match, TimelineItem
from tickets.ports import TicketStore

pytestmark = pytest.mark.contract

T0 = datetime(2026, 11, 22, 9, 0, 0, 123456, tzinfo=UTC)
CALL = CallId("pbx1-1.1-1")
FULL = CallFile(
    call_id=CALL,
    offered_at=T0,
    dnis="100",
    number_key="+8613800138000",
    caller_name="<b>王\u0000😀",
    match=Match.MAYBE,
    candidates=(CustomerId(1), CustomerId(2)),
    queue="sales",
    menu_path=("Billing", "Invoice"),
    enqueued_at=T0,
    connected_at=T0 + timedelta(seconds=1.5),
    hold_time=timedelta(seconds=2.25),
    agent_id=AgentId("u1"),
    agent_name="李娜",
    outcome="answered",
    recording_id=RecordingId("r"),
    timeline=(TimelineItem(T0, "recording", "x", RecordingId("r")),),
)


async def test_a_call_comes_back_as_it_was(store: TicketStore) -> None:
    async with store.write() as files:
        await files.put_call(FULL)
        await files.put_call(replace(FULL, outcome="abandoned"))
    async with store.read() as files:
        assert await files.call(CALL) == replace(FULL, outcome="abandoned")
        assert await files.call(CallId("other")) is None


async def test_a_call_that_was_read_is_seen_as_it_was_put_since(store: TicketStore) -> None:
    async with store.write() as files:
        await files.put_call(FULL)
    async with store.write() as files:
        assert await files.call(CALL) == FULL
        await files.put_call(replace(FULL, outcome="abandoned"))
        assert await files.call(CALL) == replace(FULL, outcome="abandoned")


async def test_customers_and_their_numbers(store: TicketStore) -> None:
    async with store.write() as files:
        one = await files.add_customer("One", T0, company="C", number_keys=["+1", "+2", "+1"])
        two = await files.add_customer("Two", T0, number_keys=["+2"], is_provisional=True)
    async with store.write() as files:
        assert await files.customers_with("+1") == [one]
        assert await files.customers_with("+2") == [one, two]
        assert await files.customers_with("") == []
        assert await files.customer_named("One", "C") == one
        assert await files.customer_named("One", "") is None
        assert await files.provisional() == [two]
        await files.put_customer(replace(two, name="Second", is_touched=True))
    async with store.read() as files:
        assert await files.provisional() == []
        changed = await files.customer(two.customer_id)
        assert changed == replace(two, name="Second", is_touched=True)


async def test_a_call_opens_one_ticket_only(store: TicketStore) -> None:
    async with store.write() as files:
        customer = await files.add_customer("One", T0)
        ticket = await files.add_ticket(customer.customer_id, "Billing", T0, CALL)
    with pytest.raises(ValueError, match="before"):
        async with store.write() as files:
            await files.add_ticket(customer.customer_id, "Again", T0, CALL)
    async with store.read() as files:
        assert await files.tickets_of(customer.customer_id) == [ticket]


async def test_a_failed_transaction_leaves_nothing(store: TicketStore) -> None:
    async def fail() -> None:
        async with store.write() as files:
            customer = await files.add_customer("One", T0, number_keys=["+1"])
            await files.add_ticket(customer.customer_id, "Billing", T0, CALL)
            await files.put_call(FULL)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with store.read() as files:
        assert await files.customers_with("+1") == []
        assert await files.ticket(TicketId(1)) is None
        assert await files.call(CALL) is None


async def test_removed_customers_leave_calls_and_tickets_to_nobody(store: TicketStore) -> None:
    async with store.write() as files:
        customer = await files.add_customer("One", T0, number_keys=["+1"])
        ticket = await files.add_ticket(customer.customer_id, "Billing", T0, CALL)
        await files.put_call(
            replace(FULL, customer_id=customer.customer_id, ticket_id=ticket.ticket_id)
        )
    async with store.write() as files:
        await files.remove_customer(customer.customer_id)
    async with store.read() as files:
        assert await files.customers_with("+1") == []
        assert await files.ticket(ticket.ticket_id) == replace(ticket, customer_id=None)
        assert await files.call(CALL) == replace(FULL, ticket_id=ticket.ticket_id)


async def test_numbers_of_removed_tickets_are_not_given_again(store: TicketStore) -> None:
    async with store.write() as files:
        customer = await files.add_customer("One", T0)
        first = await files.add_ticket(customer.customer_id, "a", T0, CALL)
        await files.put_call(replace(FULL, ticket_id=first.ticket_id))
        await files.remove_ticket(first.ticket_id)
        second = await files.add_ticket(customer.customer_id, "b", T0, CallId("c2"))
    assert second.ticket_id > first.ticket_id
    async with store.read() as files:
        assert await files.ticket(first.ticket_id) is None
        assert await files.call(CALL) == FULL


async def test_order_of_calls_and_tickets(store: TicketStore) -> None:
    async with store.write() as files:
        customer = await files.add_customer("One", T0)
        for n in range(4):
            at = T0 + timedelta(minutes=n)
            ticket = await files.add_ticket(customer.customer_id, "", at, CallId(f"c{n}"))
            file = CallFile(CallId(f"c{n}"), at, customer_id=customer.customer_id)
            await files.put_call(replace(file, ticket_id=TicketId(1)))
    async with store.read() as files:
        calls = await files.calls_of(customer.customer_id, 3)
        assert [c.call_id for c in calls] == ["c3", "c2", "c1"]
        assert [c.call_id for c in await files.calls_on(TicketId(1))] == ["c0", "c1", "c2", "c3"]
        assert (await files.tickets_of(customer.customer_id))[0].ticket_id == ticket.ticket_id
