"""Who calls, said by agents: searching, giving a call to a customer, new files, notes and warnings."""

from __future__ import annotations

import pytest

from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, CustomerId
from tests.tickets.conftest import CALL, SHARED, WANG, World
from tickets.model import Customer
from tickets.office import TicketOffice
from tickets.views import CallerView

pytestmark = pytest.mark.contract

TWO = CallId("pbx1-2.1-1")
NEW = "13911112222"
NEW_KEY, WANG_KEY = "+8613911112222", "+8613800138000"


@pytest.fixture
def office(world: World) -> TicketOffice:
    return world.tickets.office


async def caller(office: TicketOffice, call_id: CallId = CALL) -> CallerView:
    view = await office.caller(call_id)
    assert view is not None
    return view


async def of_caller(office: TicketOffice, call_id: CallId = CALL) -> Customer:
    customer = (await caller(office, call_id)).customer
    assert customer is not None
    return customer


async def names(office: TicketOffice, query: str, number_key: str = "") -> list[str]:
    return [each.customer.name for each in await office.search(query, number_key)]


async def with_number(world: World, key: str) -> list[str]:
    found = await world.tickets.store.read(lambda files: files.customers_with(key))
    return [customer.name for customer in found]


async def test_searching(world: World, office: TicketOffice) -> None:
    assert await names(office, "小明") == ["王小明"]
    assert await names(office, "王") == ["王小明"]
    assert await names(office, "household") == ["Ben", "Ann"]
    assert await names(office, "household ann") == ["Ann"]
    assert await names(office, "whoever", WANG_KEY) == ["王小明"]
    assert await names(office, "8000") == ["王小明"]
    assert await names(office, "3800138") == []  # a part of a number finds nobody
    assert await names(office, "%' OR 1=1 --") == []
    (wang,) = await office.search("小明", "")
    assert (wang.number_keys, wang.last) == ((WANG_KEY,), None)
    await world.talk(WANG)
    await world.ended()
    (wang,) = await office.search("小明", "")
    assert wang.last is not None
    assert (wang.last.outcome, wang.last.agent_name) == ("answered", "李娜")


async def test_who_was_renamed_is_found_by_the_new_name_alone(
    world: World, office: TicketOffice
) -> None:
    await world.talk(WANG)
    await office.rename((await of_caller(office)).customer_id, "赵云", "Acme")
    assert await names(office, "赵云") == ["赵云"]
    assert await names(office, "小明") == []


async def test_an_unknown_caller_is_given_to_a_customer_before_he_is_answered(
    world: World, office: TicketOffice
) -> None:
    await world.offered(NEW)
    (wang,) = await office.search("小明", "")
    await office.assign(CALL, wang.customer.customer_id, True)
    view = await caller(office)
    assert (view.match, view.customer) == ("known", wang.customer)
    assert await with_number(world, NEW_KEY) == ["王小明"]
    await world.connected()
    ticket = await office.ticket(CALL)
    assert ticket is not None
    assert ticket.customer_id == wang.customer.customer_id
    await world.ended()
    await world.offered(NEW, call_id=TWO)  # the next time he is known
    assert (await of_caller(office, TWO)).name == "王小明"


async def test_a_file_that_the_call_made_gives_way(world: World, office: TicketOffice) -> None:
    await world.talk(NEW)
    made = await caller(office)
    assert made.customer is not None
    assert made.is_file_of_call
    (wang,) = await office.search("小明", "")
    await office.assign(CALL, wang.customer.customer_id, False)
    assert await with_number(world, NEW_KEY) == []
    gone = made.customer.customer_id
    assert await world.tickets.store.read(lambda files: files.customer(gone)) is None
    assert not (await caller(office)).is_file_of_call
    ticket = await office.ticket(CALL)
    assert ticket is not None
    assert ticket.customer_id == wang.customer.customer_id


async def test_a_withheld_number_is_nobodys(world: World, office: TicketOffice) -> None:
    await world.offered("anonymous")
    assert not (await caller(office)).has_number
    (wang,) = await office.search("小明", "")
    await office.assign(CALL, wang.customer.customer_id, True)
    keys = await world.tickets.store.read(lambda f: f.numbers_of(wang.customer.customer_id))
    assert list(keys) == [WANG_KEY]


async def test_a_new_file(world: World, office: TicketOffice) -> None:
    await world.offered(NEW)
    with pytest.raises(CommandRefused) as refused:
        await office.create(CALL, " \u200b ", "")
    assert refused.value.reason == "name_missing"
    await office.create(CALL, " Zhang\u202e Wei ", "x" * 500)
    customer = await of_caller(office)
    assert (customer.name, len(customer.company)) == ("Zhang Wei", 100)
    assert (customer.is_provisional, customer.is_touched) == (False, True)
    assert await with_number(world, NEW_KEY) == ["Zhang Wei"]
    await world.connected()
    await world.ended()
    world.clock.advance(3600)
    await world.tickets.service.idle()
    assert await with_number(world, NEW_KEY)


async def test_the_file_that_the_call_made_becomes_the_new_one(
    world: World, office: TicketOffice
) -> None:
    await world.talk(NEW)
    made = await of_caller(office)
    await office.create(CALL, "Zhang Wei", "")
    named = await of_caller(office)
    assert (named.customer_id, named.name) == (made.customer_id, "Zhang Wei")
    assert await names(office, "zhang") == ["Zhang Wei"]


async def test_of_several_it_may_be_somebody_else(world: World, office: TicketOffice) -> None:
    await world.talk(SHARED)
    await world.ended()
    ann = (await caller(office)).candidates[0].customer
    await office.choose(CALL, ann.customer_id)
    await world.offered(SHARED, call_id=TWO)
    view = await caller(office, TWO)
    last = {each.customer.name: each.last and each.last.outcome for each in view.candidates}
    assert last == {"Ann": "answered", "Ben": None}
    (wang,) = await office.search("小明", "")
    await office.assign(TWO, wang.customer.customer_id, True)
    assert (await of_caller(office, TWO)).name == "王小明"


async def test_what_can_not_be(world: World, office: TicketOffice) -> None:
    await world.offered(NEW)
    for call_id, customer_id, reason in [
        (CALL, CustomerId(999), "no_such_customer"),
        (CallId("pbx1-9.9-9"), CustomerId(1), "no_such_call"),
    ]:
        with pytest.raises(CommandRefused) as refused:
            await office.assign(call_id, customer_id, True)
        assert refused.value.reason == reason
    assert await with_number(world, NEW_KEY) == []


async def test_warning_and_note(world: World, office: TicketOffice) -> None:
    await world.offered(WANG)
    wang = await of_caller(office)
    await office.warn(wang.customer_id, "Legal\u202e dispute:\nno promises", "李娜")
    await office.describe(wang.customer_id, "likes tea\nand rice")
    warned = await of_caller(office)
    assert (warned.warning, warned.warning_by) == ("Legal dispute: no promises", "李娜")
    assert warned.warning_at == world.clock.now()
    assert warned.note == "likes tea\nand rice"
    await office.warn(wang.customer_id, "", "Tom")
    cleared = await of_caller(office)
    assert (cleared.warning, cleared.warning_by, cleared.warning_at) == ("", "", None)
    assert cleared.note == "likes tea\nand rice"
    for asked in (
        office.warn(wang.customer_id, "x" * 201, "Tom"),
        office.describe(wang.customer_id, "x" * 2_001),
    ):
        with pytest.raises(CommandRefused) as refused:
            await asked
        assert refused.value.reason == "too_long"


async def test_what_was_before_is_there_before_the_ring(world: World, office: TicketOffice) -> None:
    await world.talk(WANG)
    first = await office.ticket(CALL)
    assert first is not None
    await office.set_disposition(first.ticket_id, CALL, "sold", "u1")
    await world.ended()
    await world.offered(WANG, call_id=TWO)
    view = await caller(office, TWO)
    assert [t.ticket_id for t in view.open_tickets] == [first.ticket_id]
    assert [(c.outcome, c.disposition) for c in view.history] == [("answered", "sold")]
    await world.enqueued(TWO)
    await world.connected(TWO)
    assert [t.ticket_id for t in (await caller(office, TWO)).open_tickets] == [first.ticket_id]
