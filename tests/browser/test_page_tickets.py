"""The third column's tabs, and tickets beside the call."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HISTORY, TICKETS = "[data-tab=history]", "[data-tab=tickets]"


async def test_tabs_are_one_stop_and_move_by_arrows(open_page: OpenPage) -> None:
    page = await open_page("talking")
    await expect(page.locator(HISTORY)).to_have_attribute("aria-selected", "true")
    await page.locator(HISTORY).focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator(TICKETS)).to_be_focused()
    await expect(page.locator(TICKETS)).to_have_attribute("aria-selected", "true")
    panel = page.locator(".beside-panel")
    await expect(panel).to_have_attribute("aria-labelledby", "beside-tab-tickets")
    await expect(panel).to_contain_text("Change of address")
    await expect(page.locator(".column.beside [role=tab][tabindex='0']")).to_have_count(1)
    await page.keyboard.press("Home")
    await expect(page.locator(HISTORY)).to_be_focused()
    await page.keyboard.press("End")
    await expect(page.locator(HISTORY)).not_to_be_focused()
    await page.keyboard.press("ArrowRight")  # round the corner
    await expect(page.locator(HISTORY)).to_be_focused()


async def test_a_tab_stays_open_over_calls_and_a_reload(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await expect(page.locator(f"{TICKETS} .count")).to_have_text("2")
    place = await page.locator(TICKETS).bounding_box()
    await page.locator(TICKETS).click()
    await stub.show("ready")
    counts = {"mine": 4, "group": 0, "due": 0}
    await stub.push("tickets", scenes.tickets(counts=counts))
    await expect(page.locator(f"{TICKETS} .count")).to_have_text("0")
    assert await page.locator(TICKETS).bounding_box() == place  # nothing jumps
    await page.reload()
    await expect(page.locator(TICKETS)).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("width", [1280, 400])
async def test_every_tab_is_seen_whole_whatever_it_counts(
    open_page: OpenPage, stub: StubDesktop, locale: str, width: int
) -> None:
    page = await open_page("talking", locale=locale, viewport={"width": width, "height": 720})
    counts = {"mine": 4, "group": 0, "due": 99}
    await stub.push("tickets", scenes.tickets(counts=counts))
    await stub.push("callbacks", {"mine": [], "team": [], "queue": [], "due": 11})
    messages = {"received": [], "sent": [], "unread": 12, "teams": [], "may_send": False}
    await stub.push("messages", messages)
    tabs = page.locator(".column.beside [role=tablist]").first
    await expect(tabs.locator(f"{TICKETS} .count")).to_have_text("99")
    await expect(tabs.locator("[role=tab]")).to_have_count(5)
    wide, room = await tabs.evaluate("(each) => [each.scrollWidth, each.clientWidth]")
    assert wide <= room
    await page.locator(HISTORY).focus()
    for name in ("tickets", "callbacks", "messages", "outside"):
        await page.keyboard.press("ArrowRight")
        await expect(page.locator(f"[data-tab={name}]")).to_be_focused()
        await expect(page.locator(".beside-panel:visible")).to_have_attribute(
            "aria-labelledby", f"beside-tab-{name}"
        )


async def test_the_palette_opens_a_tab(open_page: OpenPage) -> None:
    page = await open_page("talking")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("beside: tickets")
    await page.keyboard.press("Enter")
    await expect(page.locator(TICKETS)).to_be_focused()


async def test_a_list_is_worked_by_keys(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    await page.locator(TICKETS).click()
    row = page.locator("[data-ticket='4711']")
    await row.focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("[data-ticket='4650']")).to_be_focused()
    await page.keyboard.press("m")
    await page.keyboard.press("c")
    await page.keyboard.press("Enter")
    await until(lambda: stub.commands("ticket.open") == [{"ticket_id": 4650}])
    assert [(c["changes"], c["revision"]) for c in stub.commands("ticket.change")] == [
        ({"owner": "u7"}, 1),
        ({"status": "closed"}, 1),
    ]
    # Without a call it stands in the ticket column, and its notes can be written.
    await stub.push("opened", scenes.ticket(ticket_id=4650, subject="Twice", customer_name="Otto"))
    column = page.locator(".column.ticket")
    await expect(column).to_contain_text("#4650")
    await page.locator("#notes").fill("called back")
    await until(lambda: stub.commands("ticket.note"))
    assert stub.commands("ticket.note")[0]["ticket_id"] == 4650


async def test_during_a_call_an_opened_ticket_stands_beside_it(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await page.locator(TICKETS).click()
    await page.locator("[data-ticket='4602'] .ticket-row-subject").click()
    await until(lambda: stub.commands("ticket.open") == [{"ticket_id": 4602}])
    await stub.push("opened", scenes.ticket(ticket_id=4602, subject="Change of address"))
    opened = page.locator(".opened")
    await expect(page.locator(TICKETS)).to_be_focused()
    await expect(opened).to_contain_text("#4602")
    await expect(page.locator(".column.ticket h2")).to_contain_text("#4711")
    await opened.get_by_label("Priority").select_option("high")
    await until(lambda: stub.commands("ticket.change"))
    assert stub.commands("ticket.change")[0]["ticket_id"] == 4602
    await page.locator("#notes").fill("of this call")
    await opened.get_by_label("Notes").fill("moved to Hafenstraße")
    await until(lambda: len(stub.commands("ticket.note")) == 2)
    written = {(note["ticket_id"], note["text"]) for note in stub.commands("ticket.note")}
    assert written == {(4711, "of this call"), (4602, "moved to Hafenstraße")}
    await opened.get_by_role("button", name="Put this ticket away").click()
    await until(lambda: stub.commands("ticket.close"))
    await expect(page.locator(TICKETS)).to_be_focused()
    await stub.push("opened", None)
    await expect(page.locator(".ticket-row[data-ticket='4602']")).to_be_visible()  # the list again


async def test_a_callback_is_promised_from_the_ticket(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    button = page.locator(".column.ticket").get_by_role("button", name="Promise a callback")
    await button.press("Enter")
    await expect(page.locator("#promise-due")).to_be_focused()
    await stub.show("ready")
    await expect(
        page.locator(".column.ticket [data-action=promise]:not([aria-disabled])")
    ).to_have_count(0)


async def test_a_long_list_draws_only_what_is_seen(open_page: OpenPage, stub: StubDesktop) -> None:
    rows = [scenes.listed(n, subject=f"Ticket {n}") for n in range(1000, 1100)]
    page = await open_page(
        "ready", sections={"tickets": scenes.tickets(rows=rows, total=900, has_more=True)}
    )
    await page.locator(TICKETS).click()
    await expect(page.locator("[data-ticket='1000']")).to_be_visible()
    assert await page.locator(".ticket-row").count() < 30
    await page.locator("[data-ticket='1000']").focus()
    await page.keyboard.press("End")
    await expect(page.locator("[data-ticket='1099']")).to_be_focused()
    assert await page.locator(".ticket-row").count() < 30
    await until(lambda: [m["limit"] for m in stub.of_type("tickets")][-1:] == [200])


async def test_a_search_is_sent_when_the_typing_pauses(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready")
    await page.locator(TICKETS).click()
    await page.locator("[data-list=search]").click()
    await page.get_by_role("searchbox").fill("发票")
    await until(lambda: [m["question"] for m in stub.of_type("tickets")][-1:] == ["发票"])
    rows = [scenes.listed(4511, subject="发票抬头")]
    await stub.push("tickets", scenes.tickets("search", question="发票", rows=rows))
    await expect(page.locator(".ticket-row")).to_have_count(1)


async def test_the_tabs_of_a_browser_look_at_one_list(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready", script="document.hasFocus = () => false;")
    await page.locator(TICKETS).click()
    await until(lambda: [m["view"] for m in stub.of_type("tickets")] == ["mine"])
    rows = [scenes.listed(4511, subject="发票抬头")]
    await stub.push("tickets", scenes.tickets("search", question="发票", rows=rows))
    await expect(page.locator("[data-list=search]")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_role("searchbox")).to_have_value("发票")
    await expect(page.locator(".ticket-row")).to_have_count(1)
    # Somebody turns to this one: what he presses is asked for, and nothing was before.
    await page.evaluate("document.hasFocus = () => true")
    await page.locator("[data-list=due]").click()
    await until(lambda: [m["view"] for m in stub.of_type("tickets")] == ["mine", "due"])
    await stub.push("tickets", scenes.tickets("group"))
    await expect(page.locator("[data-list=due]")).to_have_attribute("aria-pressed", "true")
    await page.evaluate("window.dispatchEvent(new Event('focus'))")
    await until(lambda: [m["view"] for m in stub.of_type("tickets")] == ["mine", "due", "due"])


async def test_fields_go_at_once_and_show_what_was_confirmed(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    column = page.locator(".column.ticket")
    await column.get_by_label("Category").select_option("delivery")
    await expect(column.get_by_label("Category")).to_have_value("invoice")  # not confirmed yet
    await stub.push("ticket", scenes.ticket(category="delivery", revision=3))
    await expect(column.get_by_label("Category")).to_have_value("delivery")
    await column.get_by_label("Contract").fill("K-1")
    await page.keyboard.press("Enter")
    await column.get_by_label("Subject").fill("Charged twice")
    await page.keyboard.press("Enter")
    await until(lambda: len(stub.commands("ticket.change")) == 3)
    asked = [(c["changes"], c["fields"], c["revision"]) for c in stub.commands("ticket.change")]
    assert asked == [
        ({"category": "delivery"}, {}, 2),
        ({}, {"contract": "K-1"}, 3),
        ({"subject": "Charged twice"}, {}, 3),
    ]


async def test_who_was_faster_is_said_in_words(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    values = {"name": "Tom Becker"}
    stub.refuse = lambda _: {"id": "ticket_changed", "message": "", "values": values}
    await page.locator(".column.ticket").get_by_label("Priority").select_option("urgent")
    await expect(page.locator(".strip")).to_contain_text("Tom Becker has changed this ticket")


async def test_comments_come_live_and_are_sent_by_key(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await page.locator("[data-below=comments]").click()
    await expect(page.locator(".comments")).to_contain_text("The same as #4650")
    field = page.get_by_label("Comment for colleagues")
    await field.fill("Not the same")
    await page.keyboard.press("Control+Enter")
    await until(lambda: stub.commands("ticket.comment"))
    assert stub.commands("ticket.comment") == [{"ticket_id": 4711, "text": "Not the same"}]
    await expect(field).to_have_value("")
    hostile = {"comment_id": 2, "author": "T", "at": scenes.ago(1), "text": "<img src=x>\n二"}
    comments = [*scenes.ticket()["comments"], hostile]
    await stub.push("ticket", scenes.ticket(comments=comments, revision=3))
    await expect(page.locator(".comments")).to_contain_text("<img src=x>")


async def test_a_ticket_is_handed_over_with_the_note_that_the_group_wants(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await page.locator("[data-action=hand_over]").click()
    dialog = page.get_by_role("dialog", name="Hand over")
    give = dialog.get_by_role("button")
    await expect(give).to_have_attribute("aria-disabled", "true")
    await dialog.get_by_label("Group").select_option("second")
    await expect(dialog).to_contain_text("say why it gets the ticket")
    await dialog.get_by_label("Note").fill("needs an engineer")
    await give.click()
    await until(lambda: stub.commands("ticket.hand_over"))
    assert stub.commands("ticket.hand_over") == [
        {
            "ticket_id": 4711,
            "revision": 2,
            "group": "second",
            "owner": "",
            "note": "needs an engineer",
        }
    ]


async def test_a_slash_finds_a_canned_text_and_fills_it(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    notes = page.locator("#notes")
    await notes.fill("")
    await notes.press_sequentially("see a/b /gre")
    texts = page.locator("#canned-list [role=option]:has(b)")
    await expect(texts).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(notes).to_have_value("see a/b Dear 王小明, Li Na here.")
    await notes.press_sequentially(" /")
    await expect(texts).to_have_count(3)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await expect(notes).to_have_value(
        "see a/b Dear 王小明, Li Na here. Refund promised, see #4711."
    )
    await expect(notes).to_be_focused()
    await notes.press_sequentially(" /mine")
    keep = page.get_by_role("option", name="Keep these notes")
    await expect(keep).to_have_attribute("aria-selected", "false")  # no Enter meets it unawares
    await page.keyboard.press("ArrowDown")
    await expect(keep).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await until(lambda: stub.commands("text.keep"))
    assert stub.commands("text.keep")[0]["name"] == "mine"
    await page.keyboard.press("Escape")
    await expect(page.locator(".canned")).to_have_count(0)
    # One's own goes by a key, too; the company's stay.
    await notes.fill("")
    await notes.press_sequentially("/")
    await page.keyboard.press("Shift+Delete")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Shift+Delete")
    await until(lambda: len(stub.commands("text.keep")) == 2)
    assert stub.commands("text.keep")[1] == {"name": "refund", "text": ""}
    await page.keyboard.press("Escape")
    await expect(page.locator(".canned")).to_have_count(0)


async def test_keys_of_an_input_method_are_left_to_it(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    notes = page.locator("#notes")
    await notes.fill("")
    await notes.press_sequentially("/")
    await expect(page.locator("#canned-list [role=option]")).to_have_count(3)
    await notes.evaluate(
        """field => field.dispatchEvent(
            new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true }))"""
    )
    await expect(notes).to_have_value("/")
    await expect(page.locator("#canned-list [role=option]")).to_have_count(3)


async def test_a_call_without_a_ticket_gets_one_by_a_press(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking", sections={"ticket": None})
    await page.locator("[data-action='ticket.new']").click()
    await until(lambda: stub.commands("ticket.new") == [{"call_id": scenes.CALL_ID}])
    await stub.push("ticket", scenes.ticket(is_attached=True))
    await page.locator("[data-action='ticket.detach']").click()
    await until(lambda: stub.commands("ticket.detach") == [{"call_id": scenes.CALL_ID}])
    await stub.show("ready")
    await expect(page.locator("[data-action='ticket.new']")).to_have_attribute(
        "title", "There is no call"
    )
