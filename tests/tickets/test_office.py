"""What agents do with tickets: notes, outcome, attaching, choosing, naming."""

from __future__ import annotations

import pytest

from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, CustomerId, TicketId
from tests.tickets.conftest import CALL, SHARED, WANG, World
from tickets.office import TicketOffice
from tickets.views import CallerView, TicketView

pytestmark = pytest.mark.contract

TWO = CallId("pbx1-2.1-1")


@pytest.fixture
def office(world: World) -> TicketOffice:
    return world.tickets.office


async def _ticket(office: TicketOffice, call_id: CallId = CALL) -> TicketView:
    view = await office.ticket(call_id)
    assert view is not None
    return view


async def _caller(office: TicketOffice, call_id: CallId = CALL) -> CallerView:
    view = await office.caller(call_id)
    assert view is not None
    return view


async def test_two_writers_notice_each_other(world: World, office: TicketOffice) -> None:
    await world.talk(WANG)
    ticket = await _ticket(office)
    await office.write_note(ticket.ticket_id, "first", 0)
    with pytest.raises(CommandRefused) as refused:
        await office.write_note(ticket.ticket_id, "second", 0)
    assert refused.value.reason == "note_changed"
    await office.write_note(ticket.ticket_id, "=cmd()|<script>", 1)
    ticket = await _ticket(office)
    assert (ticket.note, ticket.version) == ("=cmd()|<script>", 2)


async def test_outcome_is_one_of_the_queues(world: World, office: TicketOffice) -> None:
    await world.talk(WANG)
    ticket = await _ticket(office)
    await office.set_disposition(ticket.ticket_id, CALL, "sold", "u1")
    assert (await _ticket(office)).disposition == "sold"
    assert [e.by for e in world.told if isinstance(e, ev.DispositionSet)] == ["u1"]
    with pytest.raises(CommandRefused) as refused:
        await office.set_disposition(ticket.ticket_id, CALL, "stolen", "u1")
    assert refused.value.reason == "no_such_disposition"


async def test_attaching_moves_call_note_and_recording(world: World, office: TicketOffice) -> None:
    await world.talk(WANG)
    await world.ended()
    old = await _ticket(office)
    await office.write_note(old.ticket_id, "old note", 0)
    await world.talk(WANG, TWO)
    new = await _ticket(office, TWO)
    assert [t.ticket_id for t in new.open_tickets] == [old.ticket_id]
    await office.write_note(new.ticket_id, "new note", 0)

    await office.attach(TWO, old.ticket_id, "u1")

    merged = await _ticket(office, TWO)
    assert merged.ticket_id == old.ticket_id
    assert (merged.note, merged.version) == ("old note\n\nnew note", 2)
    assert merged.open_tickets == ()
    assert [item.what for item in merged.timeline].count("talk") == 2
    (moved,) = [e for e in world.told if isinstance(e, ev.CallAttached)]
    assert (moved.ticket_id, moved.from_ticket_id, moved.by) == (
        old.ticket_id,
        new.ticket_id,
        "u1",
    )
    with pytest.raises(CommandRefused) as refused:
        await office.write_note(new.ticket_id, "late", 1)
    assert refused.value.reason == "no_such_ticket"
    await world.ended(TWO)
    await world.recorded(TWO)
    attached = [e for e in world.told if isinstance(e, ev.RecordingAttached)]
    assert [e.ticket_id for e in attached] == [old.ticket_id]


async def test_a_ticket_with_another_call_on_it_stays(world: World, office: TicketOffice) -> None:
    await world.talk(WANG)
    await world.talk(WANG, TWO)
    first, second = await _ticket(office), await _ticket(office, TWO)
    await office.attach(TWO, first.ticket_id, "u1")
    three = CallId("pbx1-3.1-1")
    await world.talk(WANG, three)
    third = await _ticket(office, three)
    await office.write_note(first.ticket_id, "of both", 0)
    await office.attach(CALL, third.ticket_id, "u1")
    assert (await _ticket(office, TWO)).note == "of both"
    assert (await _ticket(office)).note == ""
    assert second.ticket_id not in {t.ticket_id for t in (await _ticket(office)).open_tickets}


async def test_attaching_a_nameless_call_removes_its_provisional_file(
    world: World, office: TicketOffice
) -> None:
    await world.talk(WANG)
    await world.talk("anonymous", TWO)
    provisional = (await _caller(office, TWO)).customer
    assert provisional is not None
    await office.attach(TWO, (await _ticket(office)).ticket_id, "u1")
    known = (await _caller(office, TWO)).customer
    assert known is not None
    assert known.name == "王小明"
    gone = provisional.customer_id
    assert await world.tickets.store.read(lambda files: files.customer(gone)) is None


async def test_attaching_is_refused_with_its_cause(world: World, office: TicketOffice) -> None:
    await world.offered(WANG)
    for call_id, ticket_id, reason in [
        (CallId("pbx1-9.9-9"), TicketId(1), "no_such_call"),
        (CALL, TicketId(1), "no_ticket_yet"),
    ]:
        with pytest.raises(CommandRefused) as refused:
            await office.attach(call_id, ticket_id, "u1")
        assert refused.value.reason == reason
    await world.connected()
    before = await _ticket(office)
    with pytest.raises(CommandRefused) as refused:
        await office.attach(CALL, TicketId(999), "u1")
    assert refused.value.reason == "no_such_ticket"
    await office.attach(CALL, before.ticket_id, "u1")  # where it is already: nothing to do
    assert await _ticket(office) == before


async def test_choosing_one_of_several(world: World, office: TicketOffice) -> None:
    await world.talk(SHARED)
    view = await _caller(office)
    assert view.customer is None
    assert [candidate.last for candidate in view.candidates] == [None, None]
    with pytest.raises(CommandRefused):
        await office.choose(CALL, CustomerId(1))  # exists, but isn't one of the choices
    ann, ben = (candidate.customer for candidate in view.candidates)
    await office.choose(CALL, ben.customer_id)
    view = await _caller(office)
    assert (view.match, view.candidates) == ("known", ())
    assert view.customer == ben
    assert (await _ticket(office)).customer_id == ben.customer_id
    assert await world.tickets.store.read(lambda files: files.provisional()) == []
    # Chosen wrongly: the other choice is still open.
    await office.choose(CALL, ann.customer_id)
    assert (await _caller(office)).customer == ann


async def test_naming_a_provisional_customer_makes_him_real(
    world: World, office: TicketOffice
) -> None:
    await world.talk("anonymous")
    customer = (await _caller(office)).customer
    assert customer is not None
    with pytest.raises(CommandRefused) as refused:
        await office.rename(customer.customer_id, " \u200b", "")
    assert refused.value.reason == "name_missing"
    await office.rename(customer.customer_id, " Zhang\u202e Wei ", "x" * 500)
    named = (await _caller(office)).customer
    assert named is not None
    assert (named.name, len(named.company), named.is_provisional) == ("Zhang Wei", 100, False)
    await world.ended()
    world.clock.advance(3600)
    await world.tickets.service.idle()
    assert (await _caller(office)).customer == named
