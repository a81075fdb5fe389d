"""What the other live tests leave out: every control of the page once, against the real service and Asterisk.

Keypad, menu and fetch back, pause of the recording, ticket (fields, comment, promise, handing over), parking, a second call
declined and accepted, blind transfer, the next state asked for, more wrap-up time, sign-out; an older ticket that takes
the call and gives it back, a canned text kept, somebody added and dropped. Each press is believed when the journal
says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from cti.domain import events as ev
from cti.domain.day_events import PromiseMade
from cti.domain.menu_events import CallMenuBegan
from cti.domain.ticket_events import TicketChanged
from sip_sim import tones
from sip_sim.farm import CALLER_TONE
from tests.asterisk.live import Live, live
from tests.browser.test_live_call import agent_is, agent_page, answered, caller, hears
from tests.browser.test_live_transfer import TOM_TONE, answer_at, choose_tom, is_in
from tests.until import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@dataclass
class Room:
    """Two agents at their pages."""

    product: Live
    lina: Page
    tom: Page

    async def press(self, action: str) -> None:
        """Press a button of lina's as soon as it may be pressed."""
        button = self.lina.locator(f"[data-action='{action}']:not([aria-disabled])").first
        await expect(button).to_be_visible(timeout=20_000)
        await button.click()


@asynccontextmanager
async def two_at_work(tmp_path: Path) -> AsyncIterator[Room]:
    async with (
        live(simulated=1) as product,
        agent_page(product, tmp_path, "lina") as lina,
        agent_page(product, tmp_path, "tom", tone=TOM_TONE, is_ready=False) as tom,
    ):
        yield Room(product, lina, tom)


async def test_all_that_can_be_done_with_a_caller_and_his_ticket(tmp_path: Path) -> None:
    tone = tones.write_tone(tmp_path / "caller.ul", CALLER_TONE)
    async with two_at_work(tmp_path) as room, caller(room.product, tone) as calling:
        product, lina = room.product, room.lina
        await answered(lina, product)
        await until(lambda: hears(lina, CALLER_TONE), within=20)

        await room.press("keypad")
        await lina.get_by_role("button", name="5", exact=True).first.click()
        await expect(lina.locator(".keypad-sent")).to_have_text("5")
        await lina.keyboard.press("Escape")

        await room.press("pause_recording")
        await product.wait_for(ev.RecordingPaused)
        await room.press("pause_recording")
        await product.wait_for(ev.RecordingResumed)

        await room.press("menu")
        await lina.get_by_role("menuitem", name="Verify PIN").click()
        await product.wait_for(CallMenuBegan)
        await is_in(lina, "in_menu")
        await expect(lina.locator(".strip")).to_contain_text("In menu: Verify PIN")
        await room.press("menu")  # it fetches back now
        await product.wait_for(ev.CallRetrieved)
        await is_in(lina, "talking")
        await until(lambda: hears(lina, CALLER_TONE), within=20)

        column = lina.locator(".column.ticket")
        await column.get_by_label("Category").select_option("delivery")
        await product.wait_for(TicketChanged)
        await expect(column.get_by_label("Category")).to_have_value("delivery")
        await lina.locator("[data-below=comments]").click()
        await lina.get_by_label("Comment for colleagues").fill("see the delivery note")
        await lina.keyboard.press("Control+Enter")
        await expect(lina.locator(".comments")).to_contain_text("see the delivery note")
        await column.locator("[data-action=promise]").click()
        await expect(lina.locator("#promise-due")).to_be_focused()
        await lina.get_by_role("button", name="In 1 h").click()
        await lina.locator(".promise-form button[type=submit]").click()
        [promise] = await product.wait_for(PromiseMade)
        assert promise.agent_id == "lina"

        before = await product.last()
        await lina.keyboard.press("F9")
        await room.press("park.4")
        await product.wait_for(ev.CallParked)
        await until(lambda: agent_is(product, "WRAP_UP"), within=20)
        await room.press("extend")
        await room.press("hand_over")
        dialog = lina.get_by_role("dialog", name="Hand over")
        await dialog.get_by_label("Group").select_option("accounting")
        await dialog.get_by_role("button", name="Hand over").click()
        await until(lambda: _was_changed(product, "group"), within=20)
        assert calling.is_running

        # Tom fetches him by its digit and lets him go.
        await room.tom.locator("[data-action=parked]").click()
        await room.tom.keyboard.press("4")
        await is_in(room.tom, "talking")
        await until(lambda: hears(room.tom, CALLER_TONE), within=20)
        await room.tom.keyboard.press("F4")
        await product.wait_for(ev.CallEnded, since=before)


async def _was_changed(product: Live, what: str) -> bool:
    return any(what in event.what for event in await product.events(TicketChanged))


async def test_a_second_call_is_declined_and_accepted_and_the_first_sent_on(tmp_path: Path) -> None:
    tone = tones.write_tone(tmp_path / "caller.ul", CALLER_TONE)
    async with two_at_work(tmp_path) as room, caller(room.product, tone):
        product, lina, tom = room.product, room.lina, room.tom
        first = await answered(lina, product)
        await until(lambda: hears(lina, CALLER_TONE), within=20)

        await _call_lina(tom)
        await expect(lina.get_by_role("group", name="Second call")).to_contain_text("Tom")
        await until(lambda: _is_declined(lina), within=20)
        await expect(tom.locator(".strip[data-phase=dialling]")).to_have_count(0, timeout=20_000)
        assert await hears(lina, CALLER_TONE)

        await _call_lina(tom)
        await expect(lina.get_by_role("group", name="Second call")).to_contain_text("Tom")
        await until(lambda: _is_accepted(lina), within=20)
        await is_in(tom, "talking")
        await until(lambda: hears(lina, TOM_TONE), within=20)
        assert not await hears(tom, CALLER_TONE)
        await tom.keyboard.press("F4")
        await is_in(lina, "on_hold")
        await lina.keyboard.press("F6")
        await until(lambda: hears(lina, CALLER_TONE), within=30)
        await is_in(lina, "talking")

        # What comes after the call is asked for in it; then he goes to tom without a question.
        await lina.keyboard.press("F8")
        await lina.get_by_role("menuitem", name="Lunch").click()
        await expect(lina.locator(".next-state")).to_contain_text("Lunch")
        await choose_tom(lina, "F9")
        await lina.keyboard.press("Control+Enter")
        await answer_at(tom)
        await until(lambda: hears(tom, CALLER_TONE), within=20)
        [moved] = await product.wait_for(ev.CallTransferred)
        assert moved.call_id == first.call_id
        await tom.keyboard.press("F4")
        await product.wait_for(ev.CallEnded)
        # Her wrap-up ends by itself, and she is at lunch.
        await until(lambda: agent_is(product, "NOT_READY"), within=60)
        await lina.locator(".state-button").click()
        await lina.locator("[data-action=sign_out]").click()
        await until(lambda: agent_is(product, "LOGGED_OUT"), within=20)


async def _is_declined(page: Page) -> bool:
    # In its first moment a call takes no press, which may be meant for the one before.
    await page.keyboard.press("Shift+F2")
    return await page.locator(".second").count() == 0


async def _is_accepted(page: Page) -> bool:
    if await page.locator(".second[data-state=waiting]").count() == 0:
        return True
    await page.keyboard.press("F2")
    return False


async def test_a_known_customers_ticket_takes_the_call_and_a_colleague_comes_and_goes(
    tmp_path: Path,
) -> None:
    tone = tones.write_tone(tmp_path / "caller.ul", CALLER_TONE)
    async with two_at_work(tmp_path) as room:
        product, lina, tom = room.product, room.lina, room.tom
        async with caller(product, tone):
            await answered(lina, product)
            [opened] = await product.wait_for(ev.TicketOpened)
            await lina.keyboard.press("F4")
            await product.wait_for(ev.CallEnded)
        await room.press("ready")
        await until(lambda: agent_is(product, "READY"), within=20)

        async with caller(product, tone):
            await until(lambda: agent_is(product, "RINGING"), within=30)
            await answer_at(lina)
            await until(lambda: hears(lina, CALLER_TONE), within=20)
            await lina.locator(f"[data-attach='{opened.ticket_id}']").click()
            await product.wait_for(ev.CallAttached)
            await expect(lina.locator(".ticket h2")).to_contain_text(f"#{opened.ticket_id}")
            await room.press("ticket.detach")  # it was another matter after all
            await expect(lina.locator(".ticket h2")).not_to_contain_text(f"#{opened.ticket_id}")

            await lina.locator("#notes").click()
            await lina.keyboard.type("Called about the invoice. /invoice")
            await lina.locator("#canned-list [role=option]").last.click()  # kept for the next time
            await expect(lina.locator(".notes-state")).to_contain_text("Saved", timeout=10_000)

            await choose_tom(lina, "F10")
            await lina.keyboard.press("Enter")
            await answer_at(tom)
            await is_in(lina, "conference")
            await until(lambda: hears(tom, CALLER_TONE), within=20)
            await lina.locator("[data-party] button").click()
            await product.wait_for(ev.PartyLeft)
            await is_in(lina, "talking")
            assert await hears(lina, CALLER_TONE)
            await lina.keyboard.press("F4")
            await product.wait_for(ev.CallEnded, count=2)


async def _call_lina(page: Page) -> None:
    await expect(page.locator("[data-action=dial]:not([aria-disabled])").first).to_be_visible(
        timeout=30_000
    )
    await page.keyboard.press("F3")
    await page.keyboard.type("1001")
    await expect(page.locator("[data-target='agent:1001'][aria-selected=true]")).to_be_visible()
    await page.keyboard.press("Enter")
