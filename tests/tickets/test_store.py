"""All stores keep the same promises: in memory, on SQLite, on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cti.domain.ids import AgentId, CallId, CustomerId, RecordingId, TicketId
from cti.domain.search import words_of
from tickets.lists import Scope, TicketQuery
from tickets.model import CallFile, CannedText, Customer, Match, Ticket, TimelineItem
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


LINA, TOM = AgentId("u1"), AgentId("u2")
BILLING = frozenset({"billing"})
EVERYTHING = Scope(is_everything=True)


def query(
    view: str, question: str = "", *, scope: Scope = EVERYTHING, limit: int = 10
) -> TicketQuery:
    return TicketQuery(view, LINA, BILLING, scope, words_of(question), limit)


def some_tickets(files: Files) -> dict[str, Ticket]:
    wang = files.add_customer("王小明", T0, company="Acme GmbH", number_keys=["+8613800138000"])
    ann = files.add_customer("Ann Straße", T0, number_keys=["+49301234567"])
    rows = {
        "invoice": (wang, {"status": "open", "owner_id": LINA, "subject": "Invoice 发票问题"}),
        "due": (wang, {"group": "billing", "due_at": T0 + timedelta(days=1)}),
        "overdue": (ann, {"owner_id": LINA, "group": "help", "due_at": T0 - timedelta(days=1)}),
        "closed": (ann, {"owner_id": LINA, "status": "closed", "due_at": T0}),
        "toms": (ann, {"owner_id": TOM, "note": "please call 010 6234", "version": 1}),
        "queued": (ann, {"group": "help", "note": "ﬁnal offer_1", "version": 1}),
    }
    made: dict[str, Ticket] = {}
    for n, (name, (customer, fields)) in enumerate(rows.items()):
        at, call_id = T0 + timedelta(minutes=n), CallId(f"t{n}")
        new = files.add_ticket(customer.customer_id, "Billing", at, call_id, queue="sales")
        made[name] = replace(new, **fields)  # type: ignore[arg-type]  # values of each field's own type
        files.put_ticket(made[name])
    return made


async def names(store: TicketStore, made: dict[str, Ticket], wanted: TicketQuery) -> list[str]:
    by_id = {ticket.ticket_id: name for name, ticket in made.items()}
    found = await store.read(lambda files: files.find_tickets(wanted))
    assert await store.read(lambda files: files.count_tickets(wanted)) >= len(found)
    return [by_id[row.ticket.ticket_id] for row in found]


async def test_a_ticket_comes_back_with_all_that_was_changed(store: TicketStore) -> None:
    _, ticket = await store.write(add_customer_and_ticket)
    changed = replace(
        ticket,
        priority="urgent",
        group="billing",
        owner_id=LINA,
        due_at=T0,
        fields=(("contract", "é'\"<x>"), ("paid", "yes")),
        revision=3,
        changed_by="u1",
        category="invoice",
    )
    await store.write(lambda files: files.put_ticket(changed))
    assert await store.read(lambda files: files.ticket(ticket.ticket_id)) == changed


async def test_lists_hold_what_is_theirs_in_their_order(store: TicketStore) -> None:
    made = await store.write(some_tickets)
    assert await names(store, made, query("mine")) == ["overdue", "invoice"]
    assert await names(store, made, query("group")) == ["due"]
    assert await names(store, made, query("due")) == ["overdue", "due"]
    assert await names(store, made, query("mine", limit=1)) == ["overdue"]
    rows = await store.read(lambda files: files.find_tickets(query("group")))
    assert [row.customer_name for row in rows] == ["王小明"]
    everything = query("search", limit=100)
    assert await store.read(lambda files: files.count_tickets(everything)) == len(made)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("发票", ["invoice"]),
        ("票", ["invoice"]),
        ("题", ["invoice"]),  # the last of its run
        ("票发", []),
        ("小明", ["due", "invoice"]),
        ("INVOICE 王", ["invoice"]),
        ("invoice ann", []),
        ("strasse", ["queued", "toms", "closed", "overdue"]),
        ("final", ["queued"]),
        ("offer_1", ["queued"]),
        ("13800138000", ["due", "invoice"]),
        ("138", []),  # too few digits to be a number
        ("6234", ["toms"]),
        ("%", ["queued", "toms", "closed", "overdue", "due", "invoice"]),  # no word at all
        ("nothing of the kind", []),
        ("99999999999999999999", []),
    ],
)
async def test_a_search_finds_parts_of_words(
    store: TicketStore, question: str, found: list[str]
) -> None:
    made = await store.write(some_tickets)
    assert await names(store, made, query("search", question)) == found


@pytest.mark.parametrize(
    ("question", "is_found"),
    [
        ("明", True),
        ("李", False),
        ("émile", True),
        ("EMI\u0301LE", False),  # another letter has the accent
        ("E\u0301MILE", True),  # written in two
        ("emile", False),  # another letter
        ("é", True),
        ("ñ", True),
        ("l", True),  # in the midst
        ("K", True),  # a word by itself
        ("w", True),  # the first of one of full width
        ("z", True),  # the last of its word
        ("q", False),
        ("'", True),  # no word: nothing is asked for
    ],
)
async def test_one_character_and_accents_are_enough_to_find_a_customers_ticket(
    store: TicketStore, question: str, is_found: bool
) -> None:
    def add(files: Files) -> TicketId:
        customer = files.add_customer("Émile Núñez 小明", T0, company="K Ｗ1 ﬀ")
        ticket = files.add_ticket(customer.customer_id, "", T0, CallId("c1"))
        return ticket.ticket_id

    ticket_id = await store.write(add)
    found = await store.read(lambda files: files.find_tickets(query("search", question)))
    assert [row.ticket.ticket_id for row in found] == ([ticket_id] if is_found else [])


async def test_a_search_finds_the_tickets_number(store: TicketStore) -> None:
    made = await store.write(some_tickets)
    number = str(made["toms"].ticket_id)
    assert "toms" in await names(store, made, query("search", f"#{number}"))


async def test_what_was_written_over_is_found_no_more(store: TicketStore) -> None:
    made = await store.write(some_tickets)
    toms = replace(made["toms"], note="", subject="Billing")
    await store.write(lambda files: files.put_ticket(toms))
    assert await names(store, made, query("search", "6234")) == []
    ann = toms.customer_id
    assert ann is not None

    def rename(files: Files) -> None:
        customer = files.customer(ann)
        assert customer is not None
        files.put_customer(replace(customer, name="Otto"))

    await store.write(rename)
    assert await names(store, made, query("search", "strasse")) == []
    assert "toms" in await names(store, made, query("search", "otto"))
    await store.write(lambda files: files.remove_customer(ann))
    assert await names(store, made, query("search", "otto")) == []


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (Scope(), []),
        (Scope(owners=frozenset({TOM})), ["toms"]),
        (Scope(groups=frozenset({"help", ""})), ["queued", "overdue"]),
        (Scope(queues=frozenset({"", "other"})), []),
        (Scope(queues=frozenset({"sales"}), owners=frozenset({TOM})), None),
    ],
)
async def test_a_search_shows_what_one_may_see(
    store: TicketStore, scope: Scope, found: list[str] | None
) -> None:
    made = await store.write(some_tickets)
    expected = list(reversed(made)) if found is None else found
    assert await names(store, made, query("search", scope=scope)) == expected


async def test_comments_stand_in_their_order_and_go_with_their_ticket(store: TicketStore) -> None:
    _, ticket = await store.write(add_customer_and_ticket)
    number = ticket.ticket_id
    first = await store.write(lambda files: files.add_comment(number, LINA, T0, "<b>一</b>"))
    second = await store.write(lambda files: files.add_comment(number, TOM, T0, "two"))
    assert await store.read(lambda files: files.comments_on(number)) == [first, second]
    redacted = replace(first, text="x")
    await store.write(lambda files: files.put_comment(redacted))
    assert await store.read(lambda files: files.comments_on(number)) == [redacted, second]
    await store.write(lambda files: files.remove_ticket(number))
    assert await store.read(lambda files: files.comments_on(number)) == []


async def test_canned_texts_are_ones_own(store: TicketStore) -> None:
    def put(files: Files) -> None:
        files.put_canned(LINA, CannedText("b", "one"))
        files.put_canned(LINA, CannedText("b", "two"))
        files.put_canned(LINA, CannedText("a", "three"))
        files.put_canned(TOM, CannedText("b", "his"))

    await store.write(put)
    own = [CannedText("a", "three"), CannedText("b", "two")]
    assert await store.read(lambda files: files.canned_of(LINA)) == own
    await store.write(lambda files: files.put_canned(LINA, CannedText("a", "")))
    assert await store.read(lambda files: files.canned_of(LINA)) == own[1:]
    assert await store.read(lambda files: files.canned_of(TOM)) == [CannedText("b", "his")]
