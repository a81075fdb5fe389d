"""The day on the page: missed calls, callbacks, messages, own figures; by mouse and by keys, in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import scenes, scenes_day
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CALLBACKS, MESSAGES = "[data-tab=callbacks]", "[data-tab=messages]"
NOTHING: dict[str, Any] = {"mine": [], "team": [], "queue": [], "due": 0}


async def sent(stub: StubDesktop, name: str) -> dict[str, Any]:
    """The arguments of the first command of a name."""
    await until(lambda: stub.commands(name), 10)
    return dict(stub.commands(name)[0])


async def test_the_bar_counts_and_opens_the_list(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    count = page.locator("[data-opens=callbacks] .count")
    await expect(count).to_have_text("1")
    entries = [scenes_day.missed(), scenes_day.missed("pbx1-1.2-2", count=3, name="王小明")]
    await stub.push("missed", {"open": entries, "closed": [], "more": 0})
    due = [scenes_day.promised(due_s=-60)]
    await stub.push("callbacks", {**NOTHING, "mine": due, "due": 1})
    await expect(count).to_have_text("3")
    await page.locator("[data-opens=callbacks]").click()
    await expect(page.locator(CALLBACKS)).to_be_focused()
    await expect(page.locator("[data-missed]")).to_have_count(2)
    await expect(page.locator("[data-missed='pbx1-1.2-2']")).to_contain_text("3 times, last")


async def test_one_press_calls_a_missed_caller(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    await page.locator("[data-opens=callbacks]").click()
    entry = scenes_day.missed()
    await page.locator(f"[data-action='missed.call.{entry['call_id']}']").click()
    assert (await sent(stub, "missed.call")) == {"call_id": entry["call_id"]}
    taken = {**entry, "taken_by": "u9", "taken_name": "Tom Becker"}
    await stub.push("missed", {"open": [taken], "closed": [], "more": 0})
    button = page.locator(f"[data-action='missed.call.{entry['call_id']}']")
    await expect(button).to_have_attribute("aria-disabled", "true")
    await expect(button).to_have_attribute("title", "Tom Becker is calling")


async def test_what_closed_itself_says_how(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    await page.locator("[data-opens=callbacks]").click()
    closed = scenes_day.missed(
        closed_at=scenes.ago(5), how="called_back", closed_by="Tom Becker", result="sold",
        result_label={"en": "Sold", "zh": "已售"},
    )  # fmt: skip
    await stub.push("missed", {"open": [], "closed": [closed], "more": 0})
    row = page.locator("[data-closed]")
    await expect(row).to_contain_text("Called back by Tom Becker")
    await expect(row).to_contain_text("Sold")


async def test_a_callback_is_promised_from_the_call(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("promise this")
    await page.keyboard.press("Enter")
    await expect(page.locator("#promise-due")).to_be_focused()
    await page.locator("#promise-due").fill("2026-11-23T10:15")
    await page.get_by_label("What for").fill("The invoice")
    await page.keyboard.press("Enter")
    args = await sent(stub, "promise.make")
    assert args == {"call_id": scenes.CALL_ID, "due": "2026-11-23T10:15", "text": "The invoice"}


async def test_a_due_callback_reminds_quietly_and_not_in_a_call(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    row = scenes_day.promised(due_s=-60)
    await stub.push("callbacks", {**NOTHING, "mine": [row], "due": 1})
    await expect(page.locator("[data-opens=callbacks] .count")).to_have_text("2")
    reminder = page.locator(".due-reminder")
    await expect(reminder).to_have_count(0)
    await stub.show("ready")
    await stub.push("callbacks", {**NOTHING, "mine": [row], "due": 1})
    await expect(reminder).to_contain_text("Invoice 2026-118")
    await reminder.locator("[data-action^='promise.snooze']").click()
    assert (await sent(stub, "promise.snooze")) == {"call_id": row["call_id"]}
    await stub.push("callbacks", {**NOTHING, "mine": [scenes_day.promised(due_s=600)]})
    await expect(reminder).to_have_count(0)


async def test_a_promise_is_handed_to_a_queue(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    row = scenes_day.promised()
    await stub.push("callbacks", {**NOTHING, "mine": [row]})
    await page.locator("[data-opens=callbacks]").click()
    await page.locator("[data-promise]").get_by_role("button", name="Hand over").click()
    await page.locator("[data-promise] select").select_option("billing")
    args = await sent(stub, "promise.hand")
    assert args == {"call_id": row["call_id"], "kind": "queue", "value": "billing"}


async def test_a_message_arrives_beside_what_is_typed(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await page.locator("#notes").click()
    await page.keyboard.type("He asks ")
    text = "<img src=x onerror=alert(1)> \u202eLine 2"
    one = scenes_day.received(text=text)
    await stub.change("messages", received=[one], unread=1)
    await expect(page.locator("[data-opens=messages] .count")).to_have_text("1")
    await expect(page.locator(".newest")).to_contain_text("<img src=x")
    await expect(page.locator("#notes")).to_be_focused()
    await page.keyboard.type("for it")
    await expect(page.locator("#notes")).to_have_value(re.compile("He asks for it$"))
    assert await page.locator(".newest img").count() == 0
    await page.locator("[data-opens=messages]").click()
    await page.get_by_role("button", name="Read", exact=True).click()
    assert (await sent(stub, "message.read")) == {"message_id": one["message_id"]}


async def test_a_supervisor_writes_by_keys_alone(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    await expect(page.locator("[data-tab=messages]")).to_be_visible()
    await stub.change("messages", may_send=True, teams=["day"])
    await page.keyboard.press("Control+k")
    await page.keyboard.type("beside: messages")
    await page.keyboard.press("Enter")
    await expect(page.locator(MESSAGES)).to_be_focused()
    await page.get_by_label("To", exact=True).select_option("team:day")
    await page.get_by_label("Message", exact=True).fill("Line 2 is closed")
    await page.keyboard.press("Enter")
    args = await sent(stub, "message.send")
    assert args == {"audience": "team", "target": "day", "text": "Line 2 is closed"}


async def test_own_figures_stand_beside_the_teams(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    bar = page.locator(".bottom-bar")
    await expect(bar).to_contain_text("74 % (team 71 %)")
    await page.locator("[data-action=day]").click()
    panel = page.locator(".day-panel")
    await expect(panel).to_contain_text("19.5")
    await expect(panel.locator("svg[role=img]")).to_have_attribute(
        "aria-label", re.compile("^Your day by quarter hour")
    )
    await stub.change("today", team=None)
    await expect(panel).to_contain_text("at least three")
    await page.keyboard.press("Escape")
    await expect(page.locator("[data-action=day]")).to_be_focused()


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_all_of_it_fits_at_both_widths(
    open_page: OpenPage, stub: StubDesktop, language: str
) -> None:
    page = await open_page("talking")
    if language == "zh":
        await page.evaluate("localStorage.setItem('ringdesk.language', 'zh')")
        await page.reload()
    long = "很长的名字" * 10
    entries = [scenes_day.missed(f"pbx1-{n}.1-1", name=long, count=9, tries=2) for n in range(9)]
    await stub.push("missed", {"open": entries, "closed": [], "more": 4})
    await stub.push(
        "callbacks", {**NOTHING, "mine": [scenes_day.promised(text="x" * 500)], "due": 0}
    )
    await stub.change("messages", received=[scenes_day.received(text="y" * 500)], unread=1)
    for tab in (CALLBACKS, MESSAGES):
        await page.locator(tab).click()
        await _fits(page)
        await page.set_viewport_size({"width": 400, "height": 800})
        await _fits(page)
        await page.set_viewport_size({"width": 1280, "height": 720})


async def _fits(page: Page) -> None:
    wide = await page.evaluate(
        "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
    )
    assert wide <= 0
    panel = page.locator(".beside-panel").first
    assert await panel.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
