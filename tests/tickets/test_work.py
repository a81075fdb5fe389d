"""Work on tickets: who may, what is possible, what is journalled, who is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from cti.bus.local import LocalBus
from cti.company import parse_company
from cti.domain import events as ev
from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, TicketId
from cti.domain.numbers import DialPlan
from cti.domain.people import Role, User
from tests.fakes.people import HandClock, MemoryAccounts
from tests.tickets.conftest import CALL, WANG, World
from tickets.ports import TicketStore
from tickets.views import TicketView
from tickets.wiring import build_tickets

pytestmark = pytest.mark.unit

TWO = CallId("pbx1-2.1-1")
COMPANY = parse_company(
    f"""
people:
  - {{login: lina, name: 李娜, staff_number: "1", extension: "1001", team: day, queues: [sales]}}
  - {{login: tom, name: Tom, staff_number: "2", extension: "1002", team: day, queues: [help]}}
  - {{login: otto, name: Otto, staff_number: "3", extension: "1003", team: night}}
queues:
  - {{name: sales, label: {{en: Sales}}, dispositions: [sold, wrong number]}}
  - {{name: help, label: {{en: Help}}}}
tickets:
  opening: [{{direction: internal, when: never}}, {{queue: help, when: answered}}]
  groups:
    - {{name: billing, label: {{en: Billing}}, people: [otto], queues: [help]}}
    - {{name: second, label: {{en: Second}}, teams: [night], needs_note: true}}
  categories:
    - {{name: invoice, label: {{en: Invoice}}, menu: [Billing, Invoice]}}
    - {{name: other, label: {{en: Other}}}}
  fields:
    - {{name: contract, label: {{en: Contract}}, is_required: true, categories: [invoice]}}
    - {{name: amount, label: {{en: Amount}}, kind: number}}
    - {{name: product, label: {{en: Product}}, kind: choice, choices: [{{name: tea, label: {{en: Tea}}}}]}}
    - {{name: since, label: {{en: Since}}, kind: date}}
    - {{name: urgent, label: {{en: Urgent}}, kind: yes_no, queues: [help]}}
  texts: [{{name: hello, text: {{en: "Hello {{customer}}", zh: 您好}}}}]
  closed_by: [sold]
flows: [{{name: main, start: a, nodes: [{{name: a, kind: queue, queue: sales}}]}}]
numbers: [{{dnis: "100", flow: main}}]
default_flow: main
customers: [{{name: 王小明, company: Acme GmbH, numbers: ["{WANG}"]}}]
"""
)


def user(number: int, login: str, role: Role = Role.AGENT, team: str = "day") -> User:
    return User(
        AgentId(f"u{number}"), login, login.title(), f"{number}", f"100{number}", role, team
    )


LINA, TOM, OTTO = user(1, "lina"), user(2, "tom"), user(3, "otto", team="night")
BOSS = user(4, "boss", Role.SUPERVISOR)
NIGHT_BOSS = user(5, "night", Role.SUPERVISOR, "night")
LONELY = user(6, "lonely", Role.SUPERVISOR, "")
ADMIN = user(7, "admin", Role.ADMINISTRATOR, "")
EVERYBODY = (LINA, TOM, OTTO, BOSS, NIGHT_BOSS, LONELY, ADMIN)


@pytest.fixture
async def world(store: TicketStore) -> AsyncIterator[World]:
    bus, clock = LocalBus(), HandClock()
    plan = DialPlan("CN", "10", frozenset({"1001"}))
    tickets = build_tickets(store, bus, clock, MemoryAccounts(*EVERYBODY), COMPANY, plan)
    await tickets.start()
    world = World(tickets, bus, clock)
    bus.subscribe(world.told.append)
    yield world
    await tickets.stop()


async def ticket_of(world: World, call_id: CallId = CALL) -> TicketView:
    view = await world.tickets.office.ticket(call_id)
    assert view is not None
    return view


async def opened(world: World) -> TicketId:
    """Lina's, of a call through the queue that only she serves."""
    await world.talk(WANG)
    return (await ticket_of(world)).ticket_id


def changes(world: World) -> list[ev.TicketChanged]:
    return [event for event in world.told if isinstance(event, ev.TicketChanged)]


async def test_a_ticket_begins_with_who_took_the_call_and_what_the_menu_said(world: World) -> None:
    await world.offered(WANG)
    for label in ("Main", "Billing", "Thanks"):
        await world.happen(ev.MenuEntered, flow="main", flow_version=1, node="n", label=label)
    await world.enqueued()
    await world.connected()
    ticket = await ticket_of(world)
    assert (ticket.category, ticket.owner_id, ticket.group) == ("invoice", "u1", "")
    assert [field.name for field in ticket.fields] == ["contract", "amount", "product", "since"]


async def test_rules_say_which_calls_open_one_and_a_click_opens_the_others(world: World) -> None:
    await world.happen(
        ev.CallOffered,
        leg_id=LegId("a"),
        dnis="1002",
        ani="1001",
        ani_name="",
        direction="internal",
    )
    await world.happen(ev.CallConnected, leg_id=LegId("a1"), endpoint=Endpoint("1002"))
    assert await world.tickets.office.ticket(CALL) is None
    await world.tickets.work.open(LINA, CALL)
    assert (await ticket_of(world)).owner_id == "u1"
    assert [event.reason for event in world.opened()] == ["asked"]
    with pytest.raises(CommandRefused, match="already"):
        await world.tickets.work.open(LINA, CALL)
    with pytest.raises(CommandRefused, match="no such call"):
        await world.tickets.work.open(LINA, TWO)


@pytest.mark.parametrize("who", EVERYBODY, ids=lambda user: user.login)
async def test_another_teams_ticket_is_no_such_ticket(world: World, who: User) -> None:
    number = await opened(world)
    work = world.tickets.work
    asked: list[Callable[[TicketId], Awaitable[object]]] = [
        lambda n: work.view(who, n),
        lambda n: work.change(who, n, 0, {}, {}),
        lambda n: work.comment(who, n, "x"),
        lambda n: work.hand_over(who, n, 1, group="billing", owner="", note=""),
        lambda n: work.note(who, n, "x", 0),
    ]
    if who in (LINA, BOSS, ADMIN):
        await work.view(who, number)
        await work.comment(who, number, "mine to see")
        assert (await work.listing(who, "search", str(number), 10)).rows
        return
    for ask in asked:
        for n in (number, TicketId(999)):  # nobody learns which numbers there are
            with pytest.raises(CommandRefused) as refused:
                await ask(n)
            assert (refused.value.reason, str(refused.value)) == (
                "no_such_ticket",
                "There is no such ticket.",
            )
    assert (await work.listing(who, "search", "王小明", 10)).rows == ()
    assert changes(world) == []


async def test_the_ticket_of_ones_call_is_his_to_change_whatever_the_scope(world: World) -> None:
    number = await opened(world)
    await world.tickets.work.change(OTTO, number, 0, {"priority": "high"}, {}, at_hand=True)
    assert (await ticket_of(world)).priority == "high"


async def test_changes_are_kept_and_journalled_without_what_was_written(world: World) -> None:
    number, due_at = await opened(world), world.clock.now() + timedelta(days=1)
    wanted = {
        "subject": "王小明 was charged twice",
        "status": "pending",
        "owner": "u2",
        "category": "invoice",
        "due": "x",
    }
    fields = {"contract": "K-4711 王", "amount": "12.50", "product": "tea", "since": "2026-02-28"}
    await world.tickets.work.change(LINA, number, 0, wanted, fields, due_at)
    ticket = await world.tickets.work.view(TOM, number)
    assert (ticket.subject, ticket.status, ticket.owner_name) == (
        "王小明 was charged twice",
        "pending",
        "Tom",
    )
    assert (ticket.due_at, ticket.revision) == (due_at, 1)
    assert {field.name: field.value for field in ticket.fields} == fields
    [told] = changes(world)
    assert (told.by, told.ticket_id, told.values) == (
        "u1",
        number,
        {"status": "pending", "owner": "u2"},
    )
    assert set(told.what) == {
        *wanted,
        *(f"field.{name}" for name in fields),
    }
    assert "王" not in repr(told)
    assert "4711" not in repr(told)


async def test_nothing_different_is_no_change(world: World) -> None:
    number = await opened(world)
    await world.tickets.work.change(LINA, number, 0, {"priority": "normal"}, {"amount": ""})
    assert changes(world) == []
    assert (await ticket_of(world)).revision == 0


async def test_two_who_change_the_same_ticket_notice_each_other(world: World) -> None:
    number = await opened(world)
    await world.tickets.work.change(BOSS, number, 0, {"priority": "high"}, {})
    with pytest.raises(CommandRefused, match="Boss has changed this ticket meanwhile") as refused:
        await world.tickets.work.change(LINA, number, 0, {"priority": "low"}, {})
    assert (refused.value.reason, refused.value.values) == ("ticket_changed", {"name": "Boss"})
    assert (await ticket_of(world)).priority == "high"


@pytest.mark.parametrize(
    ("wanted", "fields", "reason"),
    [
        ({"status": "lost"}, {}, "no_such_value"),
        ({"priority": ""}, {}, "no_such_value"),
        ({"group": "nobody"}, {}, "no_such_value"),
        ({"group": "second"}, {}, "note_missing"),
        ({"category": "made up"}, {}, "no_such_value"),
        ({"owner": "u99"}, {}, "no_such_agent"),
        ({"subject": " \u202e"}, {}, "subject_missing"),
        ({}, {"amount": "1e9"}, "invalid_field"),
        ({}, {"amount": "12,5"}, "invalid_field"),
        ({}, {"product": "coffee"}, "invalid_field"),
        ({}, {"since": "2026-02-30"}, "invalid_field"),
        ({}, {"since": "20260228"}, "invalid_field"),
        ({}, {"urgent": "yes"}, "invalid_field"),  # not of this queue
        ({}, {"contract": "x"}, "invalid_field"),  # not of this category
        ({"category": "invoice"}, {"contract": "a\nb"}, "invalid_field"),
        ({"category": "invoice", "status": "closed"}, {}, "field_missing"),
    ],
)
async def test_what_is_no_value_is_refused_and_changes_nothing(
    world: World, wanted: dict[str, str], fields: dict[str, str], reason: str
) -> None:
    number = await opened(world)
    before = await ticket_of(world)
    with pytest.raises(CommandRefused) as refused:
        await world.tickets.work.change(LINA, number, 0, wanted, fields)
    assert refused.value.reason == reason
    assert await ticket_of(world) == before
    assert changes(world) == []


async def test_an_outcome_may_close_the_ticket_and_it_is_opened_again(world: World) -> None:
    number = await opened(world)
    await world.tickets.office.set_disposition(number, CALL, "sold", "u1")
    assert (await ticket_of(world)).status == "closed"
    assert (await world.tickets.work.listing(LINA, "mine", "", 10)).rows == ()
    await world.tickets.work.change(LINA, number, 0, {"status": "open"}, {})
    assert [row.ticket_id for row in (await world.tickets.work.listing(LINA, "mine", "", 10)).rows]


async def test_comments_stand_apart_from_the_note_with_author_and_time(world: World) -> None:
    number = await opened(world)
    await world.tickets.work.comment(LINA, number, "  <b>look</b>\u0000\nhere ")
    await world.tickets.work.comment(BOSS, number, "二")
    ticket = await ticket_of(world)
    assert [(c.author_name, c.text) for c in ticket.comments] == [
        ("Lina", "<b>look</b>\nhere"),
        ("Boss", "二"),
    ]
    assert ticket.note == ""
    assert [event.what for event in changes(world)] == [("comment",), ("comment",)]
    for text, reason in ((" \n", "comment_missing"), ("x" * 5_001, "too_long")):
        with pytest.raises(CommandRefused) as refused:
            await world.tickets.work.comment(LINA, number, text)
        assert refused.value.reason == reason


async def test_a_group_has_it_at_once_and_its_people_are_told(world: World) -> None:
    number = await opened(world)
    heard: list[tuple[TicketId, frozenset[AgentId], frozenset[str]]] = []
    world.tickets.work.on_ticket(lambda *told: heard.append(told))
    give = world.tickets.work.hand_over
    with pytest.raises(CommandRefused) as refused:
        await give(LINA, number, 0, group="second", owner="", note=" ")
    assert refused.value.reason == "note_missing"
    await give(LINA, number, 0, group="second", owner="", note="needs an engineer")
    assert heard == [(number, frozenset({LINA.user_id}), frozenset({"second"}))]
    listed = await world.tickets.work.listing(OTTO, "group", "", 10)
    assert [row.ticket_id for row in listed.rows] == [number]
    assert listed.counts == {"mine": 0, "group": 1, "due": 0}
    ticket = await world.tickets.work.view(OTTO, number)
    assert (ticket.owner_id, [c.text for c in ticket.comments]) == ("", ["needs an engineer"])
    [told] = changes(world)
    assert told.values == {"owner": "", "group": "second"}
    assert told.what[-1] == "comment"
    with pytest.raises(CommandRefused) as refused:
        await give(OTTO, number, 1, group="", owner="", note="")
    assert refused.value.reason == "no_such_value"
    await give(OTTO, number, 1, group="", owner="u2", note="")
    assert (await world.tickets.work.view(TOM, number)).owner_name == "Tom"


async def test_lists_tell_what_is_due_and_how_much_there_is(world: World) -> None:
    number = await opened(world)
    listing = world.tickets.work.listing
    assert (await listing(LINA, "mine", "", 10)).counts == {"mine": 1, "group": 0, "due": 0}
    yesterday = world.clock.now() - timedelta(days=1)
    await world.tickets.work.change(LINA, number, 0, {"due": "x"}, {}, yesterday)
    due = await listing(LINA, "due", "", 10)
    assert [(row.ticket_id, row.due_at, row.customer_name) for row in due.rows] == [
        (number, yesterday, "王小明")
    ]
    only_counts = await listing(LINA, "mine", "", 0)
    assert (only_counts.rows, only_counts.total) == ((), 1)
    assert (await listing(LINA, "search", " - ", 10)).rows == ()  # nothing was asked
    with pytest.raises(InvalidValue):
        await listing(LINA, "all", "", 10)


async def test_an_attached_call_can_be_taken_off_again(world: World) -> None:
    first = await opened(world)
    await world.ended()
    await world.talk(WANG, TWO)
    own = (await ticket_of(world, TWO)).ticket_id
    await world.tickets.work.comment(LINA, own, "from the second call")
    with pytest.raises(CommandRefused) as refused:
        await world.tickets.work.detach(LINA, TWO)
    assert refused.value.reason == "own_ticket"
    await world.tickets.office.attach(TWO, first, "u1")
    attached = await ticket_of(world, TWO)
    assert (attached.ticket_id, attached.is_attached) == (first, True)
    assert [c.text for c in attached.comments] == ["from the second call"]
    await world.tickets.work.detach(LINA, TWO)
    parted = await ticket_of(world, TWO)
    assert parted.ticket_id not in (first, own)  # its own, left empty, had been removed
    assert (parted.is_attached, parted.customer_id) == (False, attached.customer_id)
    assert [item.what for item in (await ticket_of(world)).timeline].count("queue") == 1
    moved = [(e.from_ticket_id, e.ticket_id) for e in world.told if isinstance(e, ev.CallAttached)]
    assert moved == [(own, first), (first, parted.ticket_id)]


async def test_canned_texts_of_the_company_and_ones_own(world: World) -> None:
    work = world.tickets.work
    await work.keep_text(LINA, "bye", "Good bye, {customer}")
    assert (await work.form(LINA, "zh")).texts == (
        ("bye", "Good bye, {customer}", True),
        ("hello", "您好", False),
    )
    assert [name for name, _, _ in (await work.form(TOM, "en")).texts] == ["hello"]
    await work.keep_text(LINA, "bye", " ")
    assert [name for name, _, _ in (await work.form(LINA, "en")).texts] == ["hello"]
    for name, text, reason in (("\u0000", "x", "name_missing"), ("x", "y" * 5_001, "too_long")):
        with pytest.raises(CommandRefused) as refused:
            await work.keep_text(LINA, name, text)
        assert refused.value.reason == reason


async def test_another_company_changes_groups_and_fields(world: World) -> None:
    number = await opened(world)
    parts = COMPANY.tickets.model_copy(update={"fields": (), "groups": ()})
    plain = COMPANY.model_copy(update={"tickets": parts})
    world.tickets.configure(plain, DialPlan("CN", "10", frozenset({"1001"})))
    assert (await world.tickets.work.view(LINA, number)).fields == ()
    assert (await world.tickets.work.form(OTTO, "en")).groups == ()


async def test_whoever_may_not_read_customers_sees_none(world: World) -> None:
    number = await opened(world)
    closed = replace(LINA, is_active=False)
    with pytest.raises(CommandRefused, match="no such ticket"):
        await world.tickets.work.view(closed, number, at_hand=True)
