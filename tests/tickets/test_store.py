"""All stores keep the same promises: in memory, on SQLite, on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cti.domain.ids import AgentId, CallId, CustomerId, RecordingId, TicketId
from tickets.model import CallFile, Customer, Match, Ticket, TimelineItem
from tickets.ports import Files, TicketStore

pytestmark = [
    pytest.mark.contract,
    pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"], indirect=True),
]

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
    changed = replace(FULL, outcome="abandoned")
    await store.write(lambda files: files.put_calls([FULL, changed]))
    assert await store.read(lambda files: files.call(CALL)) == changed
    assert await store.read(lambda files: files.call(CallId("other"))) is None
    assert await store.read(lambda files: files.calls([CALL, CallId("other")])) == [changed]


async def test_a_call_that_was_read_is_seen_as_it_was_put_since(store: TicketStore) -> None:
    def put_twice(files: Files) -> list[CallFile | None]:
        files.put_calls([FULL])
        first = files.call(CALL)
        files.put_calls([replace(FULL, outcome="abandoned")])
        return [first, files.call(CALL)]

    assert await store.write(put_twice) == [FULL, replace(FULL, outcome="abandoned")]


async def test_customers_and_their_numbers(store: TicketStore) -> None:
    def add(files: Files) -> tuple[Customer, Customer]:
        one = files.add_customer("One", T0, company="C", number_keys=["+1", "+2", "+1"])
        return one, files.add_customer("Two", T0, number_keys=["+2"], is_provisional=True)

    one, two = await store.write(add)
    touched = replace(two, name="Second", is_touched=True)

    def look_and_touch(files: Files) -> None:
        assert files.customers_with("+1") == [one]
        assert files.customers_with("+2") == [one, two]
        assert files.customers_with("") == []
        assert files.customer_named("One", "C") == one
        assert files.customer_named("One", "") is None
        assert files.provisional() == [two]
        files.put_customer(touched)

    await store.write(look_and_touch)
    assert await store.read(lambda files: files.provisional()) == []
    assert await store.read(lambda files: files.customer(two.customer_id)) == touched


def add_customer_and_ticket(files: Files) -> tuple[Customer, Ticket]:
    customer = files.add_customer("One", T0, number_keys=["+1"])
    return customer, files.add_ticket(customer.customer_id, "Billing", T0, CALL)


async def test_a_call_opens_one_ticket_only(store: TicketStore) -> None:
    customer, ticket = await store.write(add_customer_and_ticket)
    with pytest.raises(ValueError, match="before"):
        await store.write(lambda files: files.add_ticket(customer.customer_id, "Again", T0, CALL))
    assert await store.read(lambda files: files.tickets_of(customer.customer_id)) == [ticket]


async def test_a_failed_transaction_leaves_nothing(store: TicketStore) -> None:
    def fail(files: Files) -> None:
        add_customer_and_ticket(files)
        files.put_calls([FULL])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.write(fail)
    assert await store.read(lambda files: files.customers_with("+1")) == []
    assert await store.read(lambda files: files.ticket(TicketId(1))) is None
    assert await store.read(lambda files: files.call(CALL)) is None


async def test_of_changes_made_together_one_may_fail(store: TicketStore) -> None:
    def fail(files: Files) -> None:
        add_customer_and_ticket(files)
        raise RuntimeError

    failing = asyncio.create_task(store.write(fail, may_wait=True))
    (customer, ticket), _ = await asyncio.gather(
        store.write(add_customer_and_ticket, may_wait=True),
        store.write(lambda files: files.put_calls([FULL])),
    )
    with pytest.raises(RuntimeError):
        await failing
    assert await store.read(lambda files: files.customers_with("+1")) == [customer]
    assert await store.read(lambda files: files.ticket(ticket.ticket_id)) == ticket
    assert await store.read(lambda files: files.call(CALL)) == FULL


async def test_changes_are_made_in_the_order_in_which_they_were_asked_for(
    store: TicketStore,
) -> None:
    versions = [replace(FULL, outcome=f"{n}") for n in range(20)]

    async def put(version: CallFile, may_wait: bool) -> CallFile | None:
        def put_and_look_back(files: Files) -> CallFile | None:
            before = files.call(CALL)
            files.put_calls([version])
            return before

        return await store.write(put_and_look_back, may_wait=may_wait)

    seen = await asyncio.gather(*(put(v, n % 3 > 0) for n, v in enumerate(versions)))
    assert seen == [None, *versions[:-1]]


async def test_removed_customers_leave_calls_and_tickets_to_nobody(store: TicketStore) -> None:
    customer, ticket = await store.write(add_customer_and_ticket)
    file = replace(FULL, customer_id=customer.customer_id, ticket_id=ticket.ticket_id)
    await store.write(lambda files: files.put_calls([file]))
    await store.write(lambda files: files.remove_customer(customer.customer_id))
    assert await store.read(lambda files: files.customers_with("+1")) == []
    assert await store.read(lambda files: files.ticket(ticket.ticket_id)) == replace(
        ticket, customer_id=None
    )
    nobodys = replace(FULL, ticket_id=ticket.ticket_id)
    assert await store.read(lambda files: files.call(CALL)) == nobodys
    # A file that is written only now and still names him is nobody's, too.
    await store.write(lambda files: files.put_calls([file]))
    assert await store.read(lambda files: files.call(CALL)) == nobodys


async def test_numbers_of_removed_tickets_are_not_given_again(store: TicketStore) -> None:
    def add_remove_add(files: Files) -> tuple[Ticket, Ticket]:
        customer, first = add_customer_and_ticket(files)
        files.put_calls([replace(FULL, ticket_id=first.ticket_id)])
        files.remove_ticket(first.ticket_id)
        return first, files.add_ticket(customer.customer_id, "b", T0, CallId("c2"))

    first, second = await store.write(add_remove_add)
    assert second.ticket_id > first.ticket_id
    assert await store.read(lambda files: files.ticket(first.ticket_id)) is None
    assert await store.read(lambda files: files.call(CALL)) == FULL


async def test_order_of_calls_and_tickets(store: TicketStore) -> None:
    def add(files: Files) -> tuple[CustomerId, list[TicketId]]:
        customer_id = files.add_customer("One", T0).customer_id
        tickets = []
        for n in range(4):
            at, call_id = T0 + timedelta(minutes=n), CallId(f"c{n}")
            tickets.append(files.add_ticket(customer_id, "", at, call_id).ticket_id)
            files.put_calls([CallFile(call_id, at, customer_id=customer_id, ticket_id=tickets[0])])
        return customer_id, tickets

    customer_id, tickets = await store.write(add)
    calls = await store.read(lambda files: files.calls_of(customer_id, 3))
    assert [c.call_id for c in calls] == ["c3", "c2", "c1"]
    calls = await store.read(lambda files: files.calls_on(tickets[0]))
    assert [c.call_id for c in calls] == ["c0", "c1", "c2", "c3"]
    newest = (await store.read(lambda files: files.tickets_of(customer_id)))[0]
    assert newest.ticket_id == tickets[-1]


async def test_customers_are_found_by_what_they_are_called_now(store: TicketStore) -> None:
    def add(files: Files) -> tuple[Customer, Customer]:
        one = files.add_customer("王小明", T0, company="Acme GmbH", number_keys=["+8613800138000"])
        return one, files.add_customer("O'Brien 100%", T0, company="acme", number_keys=["+1"])

    wang, brien = await store.write(add)
    renamed = replace(brien, name="李娜", warning="pays late", warning_by="Tom", warning_at=T0)

    def look(files: Files) -> None:
        assert files.customers_like(["小明"], 10) == [wang]
        assert files.customers_like(["明"], 10) == [wang]
        assert files.customers_like(["acme"], 10) == [brien, wang]
        assert files.customers_like(["acme"], 1) == [brien]
        assert files.customers_like(["acme", "gmbh"], 10) == [wang]
        assert files.customers_like(["0%"], 10) == [brien]
        assert files.customers_like(["%%"], 10) == []
        assert files.customers_ending("8000", 10) == [wang]
        assert files.customers_ending("0013", 10) == []

    await store.read(look)

    def change(files: Files) -> None:
        files.put_customer(renamed)
        files.add_number(brien.customer_id, "+2")
        files.add_number(brien.customer_id, "+1")
        assert files.numbers_of(brien.customer_id) == ["+1", "+2"]
        assert files.customers_like(["o'b"], 10) == []
        assert files.customers_like(["李"], 10) == [renamed]
        files.remove_customer(brien.customer_id)
        assert files.customers_like(["acme"], 10) == [wang]

    await store.write(change)
