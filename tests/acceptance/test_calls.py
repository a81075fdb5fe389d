"""A call from the first ring to the ticket, as agents and callers live through it."""

from __future__ import annotations

import pytest

from cti.domain import events as ev
from tests.acceptance.centre import Centre
from tests.acceptance.company import (
    INVOICE,
    KRUGERS,
    MAIN,
    OFFICE,
    PIN,
    SALES,
    SECRET_MENU,
    WITHHELD,
    ZHANG,
)

pytestmark = pytest.mark.acceptance


async def test_a_known_caller_is_shown_before_the_phone_rings_and_his_ticket_tells_the_journey(
    centre: Centre,
) -> None:
    caller = centre.pbx.call(MAIN, ani=ZHANG)
    await centre.until(lambda: centre.of(caller, ev.MenuEntered))
    caller.press("1")
    await centre.until(lambda: centre.of(caller, ev.CallEnqueued))
    await centre.wait(4)
    lina = await centre.agent("lina")
    await centre.until(lambda: lina.call == "ringing")
    assert centre.shown_at_ring == [("1001w", caller.call_id)]
    assert lina.sections["customer"]["customer"]["name"] == "张伟"
    assert lina.sections["call"]["menu_path"] == ["Main menu", "Sales"]
    assert lina.sections["call"]["waited_s"] >= 4
    centre.answer(lina)
    await centre.until(lambda: lina.call == "talking")
    await centre.wait(5)
    await lina.on_call("hold")
    await centre.until(lambda: lina.call == "on_hold")
    await centre.wait(3)
    await lina.on_call("retrieve")
    await centre.until(lambda: lina.call == "talking")
    await lina.on_call("hang_up")
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert not caller.is_up
    await lina.do(
        "ticket.disposition",
        ticket_id=lina.ticket["ticket_id"],
        call_id=lina.call_id,
        disposition="order taken",
    )
    await centre.until(lambda: centre.of(caller, ev.RecordingAttached))
    await centre.until(lambda: "recording" in lina.journey)
    expected = ["menu", "digits", "menu", "queue", "talk", "hold", "retrieved", "ended"]
    assert [step for step in lina.journey if step != "recording"] == expected
    await centre.until(lambda: lina.state == "READY", within=25)
    ticket = await centre.ticket(caller)
    assert ticket is not None
    assert ticket.disposition == "order taken"
    assert len(centre.of(caller, ev.TicketOpened)) == 1
    [stored] = centre.of(caller, ev.RecordingStored)
    assert 8 <= stored.duration_time.total_seconds() <= 9


async def test_an_unknown_caller_gets_a_file_and_a_ticket_by_himself(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    assert lina.sections["customer"]["match"] == "none"
    await centre.until(lambda: lina.ticket)
    customer = lina.sections["customer"]["customer"]
    assert not customer["is_provisional"]
    await lina.do("customer.rename", customer_id=customer["id"], name="Eva Novak", company="")
    caller.hang_up()
    await centre.until(lambda: lina.state == "READY", within=25)
    again = await centre.talking(lina)
    assert lina.sections["customer"]["customer"]["name"] == "Eva Novak"
    assert [past["call_id"] for past in lina.sections["customer"]["history"]] == [caller.call_id]
    await centre.until(lambda: lina.ticket)
    assert [t["subject"] for t in lina.ticket["open_tickets"]] == ["Sales line"]
    again.hang_up()


async def test_a_shared_number_is_a_maybe_until_the_agent_chooses(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina, ani=KRUGERS)
    shown = lina.sections["customer"]
    assert (shown["match"], shown["customer"]) == ("maybe", None)
    jonas = next(c for c in shown["candidates"] if c["name"] == "Jonas Krüger")
    await lina.do("customer.choose", call_id=lina.call_id, customer_id=jonas["id"])
    assert lina.sections["customer"]["customer"]["name"] == "Jonas Krüger"
    customer = await centre.customer(caller)
    ticket = await centre.ticket(caller)
    assert customer is not None
    assert ticket is not None
    assert customer.name == "Jonas Krüger"
    assert ticket.customer_id == jonas["id"]


async def test_a_call_attached_to_an_older_ticket_takes_its_note_and_recording_along(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    first = await centre.talking(lina, ani=ZHANG)
    await centre.until(lambda: lina.ticket)
    first.hang_up()
    await centre.until(lambda: lina.state == "READY", within=25)
    second = await centre.talking(lina, ani=ZHANG)
    await centre.until(lambda: lina.ticket)
    own = lina.ticket["ticket_id"]
    [older] = lina.ticket["open_tickets"]
    await lina.do("ticket.note", ticket_id=own, text="Wants it on Friday.", version=0)
    await lina.do("ticket.attach", call_id=lina.call_id, ticket_id=older["ticket_id"])
    await centre.wait(3)
    second.hang_up()
    await centre.until(lambda: centre.of(second, ev.RecordingAttached))
    [attached] = centre.of(second, ev.RecordingAttached)
    ticket = await centre.ticket(second)
    assert ticket is not None
    assert attached.ticket_id == ticket.ticket_id == older["ticket_id"]
    assert ticket.note == "Wants it on Friday."
    assert await centre.tickets.read(lambda files: files.ticket(own)) is None


async def test_a_withheld_number_leaves_no_file_behind_if_nobody_wrote_into_it(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina, ani=WITHHELD)
    await centre.until(lambda: lina.ticket)
    assert lina.sections["customer"]["customer"]["is_provisional"]
    caller.hang_up()
    await centre.until(lambda: lina.state == "READY", within=25)
    assert await centre.customer(caller) is not None
    await centre.wait(15 * 60)
    assert await centre.customer(caller) is None


async def test_a_withheld_number_keeps_its_file_once_the_caller_was_named(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina, ani=WITHHELD)
    await centre.until(lambda: lina.ticket)
    customer_id = lina.sections["customer"]["customer"]["id"]
    await lina.do("customer.rename", customer_id=customer_id, name="Ivo", company="")
    caller.hang_up()
    await centre.wait(16 * 60)
    customer = await centre.customer(caller)
    assert customer is not None
    assert customer.name == "Ivo"


async def test_who_hangs_up_while_waiting_has_abandoned_and_gets_a_ticket(centre: Centre) -> None:
    caller = await centre.waiting(ani=ZHANG)
    await centre.wait(7)
    caller.hang_up()
    await centre.until(lambda: centre.of(caller, ev.TicketOpened))
    [abandoned] = centre.of(caller, ev.CallAbandoned)
    assert 7 <= abandoned.wait_time.total_seconds() < 7.5
    [opened] = centre.of(caller, ev.TicketOpened)
    assert opened.reason == "abandoned"
    assert (await centre.file(caller)).outcome == "abandoned"
    await centre.wait(30)
    assert centre.book.entries == {}
    assert not centre.of(caller, ev.RecordingFailed)


async def test_who_hangs_up_in_the_menu_has_abandoned_no_queue(centre: Centre) -> None:
    caller = centre.pbx.call(MAIN)
    await centre.until(lambda: centre.of(caller, ev.MenuEntered))
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    await centre.wait(2)
    assert not centre.of(caller, ev.CallAbandoned)
    assert await centre.ticket(caller) is None
    assert (await centre.file(caller)).outcome == "menu"


async def test_who_hangs_up_while_the_phone_rings_has_abandoned_and_the_agent_is_free(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    caller = centre.pbx.call(SALES)
    await centre.until(lambda: lina.call == "ringing")
    caller.hang_up()
    await centre.until(lambda: lina.state == "READY")
    assert lina.call == ""
    assert len(centre.of(caller, ev.CallAbandoned)) == 1
    assert len(centre.of(caller, ev.ReservationReleased)) == 1


async def test_outside_business_hours_the_caller_hears_so_and_is_let_go(centre: Centre) -> None:
    await centre.agent("lina")
    caller = centre.pbx.call(OFFICE)
    await centre.until(lambda: not caller.is_up)
    await centre.until(lambda: centre.is_over(caller))
    [left] = centre.of(caller, ev.MenuLeft)
    assert left.outcome == "closed"
    assert centre.pbx.played == [(caller.channel.uniqueid, "ringdesk/office-goodbye")]
    assert not centre.of(caller, ev.CallEnqueued)


async def test_digits_of_a_sensitive_node_stand_nowhere(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = centre.pbx.call(SECRET_MENU, ani=ZHANG)
    await centre.until(lambda: centre.of(caller, ev.MenuEntered))
    caller.press(f"{PIN}#")
    await centre.until(lambda: lina.call == "ringing")
    [entered] = centre.of(caller, ev.MenuInput)
    assert (entered.result, entered.digits) == ("match", "")
    centre.answer(lina)
    await centre.until(lambda: lina.call == "talking")
    await centre.until(lambda: lina.ticket)
    await centre.wait(3)
    caller.hang_up()
    await centre.until(lambda: centre.of(caller, ev.RecordingAttached))
    written = [page.data + page.personal for page in centre.pages]
    kept = [repr(await centre.file(caller)), repr(await centre.ticket(caller))]
    kept += [item.text for item in (await centre.file(caller)).timeline]
    for text in [*written, *lina.texts, *kept]:
        assert PIN not in text


async def test_digits_of_an_open_question_are_on_the_desktop_and_in_the_journal(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    caller = centre.pbx.call(INVOICE, ani=ZHANG)
    await centre.until(lambda: centre.of(caller, ev.MenuEntered))
    caller.press("20260017#")
    await centre.until(lambda: lina.call == "ringing")
    assert lina.sections["call"]["digits"] == "20260017"
    await centre.wait(1)
    assert any("20260017" in page.personal for page in centre.pages)
    assert not any("20260017" in page.data for page in centre.pages)


async def test_a_paused_recording_is_as_long_as_the_call_and_says_where_it_is_silent(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    await centre.wait(2)
    await lina.on_call("pause_recording", paused=True)
    await centre.until(lambda: lina.sections["call"]["recording"] == "paused")
    await centre.wait(3)
    await lina.on_call("pause_recording", paused=False)
    await centre.until(lambda: lina.sections["call"]["recording"] == "on")
    await lina.on_call("hang_up")
    await centre.until(lambda: centre.of(caller, ev.RecordingStored))
    [entry] = centre.book.entries.values()
    assert entry.finding is not None
    silent = [s.length_time.total_seconds() for s in entry.finding.ledger.spans if s.reason]
    assert sum(silent) == pytest.approx(3, abs=0.2)
    assert entry.recording.duration_time.total_seconds() == pytest.approx(5, abs=0.3)
