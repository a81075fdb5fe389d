"""The pop on the page: who calls and how one finds out, what goes with it, what calls from the background, outside pages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, expect

from tests.browser import scenes
from tests.browser import scenes_pop as pop
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.browser.stub_sip import StubSip
from tests.browser.test_page_phone import registered
from tests.browser.test_page_states import picture
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CALL = {"call_id": scenes.CALL_ID}
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202egnp.exe'
ENDLESS = HOSTILE + "王" * 10_000
FOUND = {
    "id": 77,
    "name": "王小红",
    "company": "蓝海",
    "group": "",
    "numbers": ["139****2222"],
    "last": {"at": scenes.ago(90_000), "outcome": "answered", "agent": "李娜"},
}
# A desktop that shows nothing by itself: notes what the page asks it to show. And a window that can lose the focus.
DESKTOP = """
window.shown = []; window.asked = 0; window.front = 0;
window.Notification = class {
  static permission = window.granted === false ? "default" : "granted";
  static async requestPermission() { window.asked += 1; this.permission = "granted"; return "granted"; }
  constructor(title, options) {
    Object.assign(this, { title, body: options.body, tag: options.tag, isOpen: true });
    window.shown.push(this);
  }
  close() { this.isOpen = false; }
};
window.focus = () => { window.front += 1; };
window.leave = (away) => {
  document.hasFocus = () => !away;
  window.dispatchEvent(new Event(away ? "blur" : "focus"));
};
"""
OPEN = "window.shown.filter((each) => each.isOpen).map((each) => [each.title, each.body])"


def column(page: Page) -> Any:
    """The first column."""
    return page.locator(".column.caller")


async def harmless(page: Page) -> None:
    """Nothing that came as data became a part of the page."""
    assert await page.evaluate("window.hacked") is None
    assert await page.locator("main img, main script").count() == 0
    assert "\u202e" not in await page.locator("body").inner_text()
    width = await page.evaluate("document.scrollingElement.scrollWidth")
    assert page.viewport_size is not None
    assert width == page.viewport_size["width"]


# ---- who calls ------------------------------------------------------------------------------------


async def test_whoever_is_found_gets_the_call(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ringing_new")
    stub.customers = [FOUND]
    await column(page).get_by_label("Search customers").fill("小红")
    row = column(page).get_by_role("button", name=re.compile("王小红"))
    await expect(row).to_contain_text("蓝海 · 139****2222")
    await expect(row).to_contain_text("answered 李娜")
    assert stub.searched[-1] == "小红"
    await row.focus()
    await page.keyboard.press("Enter")
    give = {**CALL, "customer_id": 77, "keep_number": True}
    await until(lambda: stub.commands("customer.assign") == [give])
    known = scenes.known()
    known["customer"] = {**known["customer"], "id": 77, "name": "王小红"}
    await stub.push("customer", known)
    await expect(column(page).locator(".file-name")).to_contain_text("王小红")
    await expect(page.locator(".strip .name")).to_have_text("王小红")


async def test_the_number_is_kept_only_where_the_agent_says_so_and_there_is_one(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ringing_new")
    stub.customers = [FOUND]
    keep = column(page).get_by_role("checkbox")
    await keep.uncheck()
    await column(page).get_by_role("searchbox").fill("x1")
    await column(page).get_by_role("button", name=re.compile("王小红")).click()
    await until(lambda: [c["keep_number"] for c in stub.commands("customer.assign")] == [False])
    await stub.show("ringing_unknown")
    await expect(column(page)).to_contain_text("The number is withheld")
    await expect(column(page).get_by_role("checkbox")).to_be_disabled()
    await expect(column(page)).to_contain_text("There is no number to keep")


async def test_nobody_found_and_a_search_that_fails_are_said(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ringing_new")
    field = column(page).get_by_role("searchbox")
    await field.fill("nobody")
    await expect(column(page).locator(".search-state")).to_have_text("Nobody is found.")
    await page.route("**/customers/search", lambda route: route.abort())
    await field.fill("nobody else")
    await expect(column(page).locator(".search-state")).to_have_text(
        "The search failed. Try again."
    )


async def test_a_new_file_is_made_while_it_rings(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ringing_new")
    await column(page).get_by_label("Name").fill("李 雷")
    await column(page).get_by_label("Company").fill("Acme")
    await page.keyboard.press("Enter")
    made = {**CALL, "name": "李 雷", "company": "Acme"}
    await until(lambda: stub.commands("customer.create") == [made])


async def test_of_several_one_sees_company_and_last_contact(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ringing_maybe")
    first = column(page).locator(".choice").first
    await expect(first).to_contain_text("Acme GmbH")
    await expect(first).to_contain_text("answered 李娜")
    await expect(column(page).locator(".choice").nth(1)).to_contain_text("No call before this one")
    stub.customers = [FOUND]
    await column(page).get_by_role("button", name="Somebody else…").click()
    await column(page).get_by_role("searchbox").fill("小红")
    await column(page).get_by_role("button", name=re.compile("王小红")).click()
    await until(lambda: [c["customer_id"] for c in stub.commands("customer.assign")] == [77])


async def test_warning_contacts_and_tickets_are_seen_before_the_ring(open_page: OpenPage) -> None:
    page = await open_page("ringing_sent")
    warning = column(page).get_by_role("note")
    await expect(warning).to_contain_text("Legal dispute: promise nothing")
    await expect(warning).to_contain_text("Sofia Marques")
    contacts = column(page).locator(".contacts").first.locator("li")
    await expect(contacts).to_have_count(3)
    await expect(contacts.first).to_contain_text("Solved · Billing 李娜")
    await expect(column(page)).to_contain_text(re.compile("#4650.*Invoice charged twice"))
    await expect(page.locator(".strip .why")).to_contain_text("sent by Tom Becker")


async def test_warning_and_note_are_written(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    await column(page).get_by_role("button", name="Change name, warning and note").click()
    await column(page).get_by_label(re.compile("Warning")).fill("pays late")
    await column(page).get_by_label("Note").fill("likes tea\nand rice")
    await column(page).get_by_role("button", name="Save").click()
    await until(
        lambda: stub.commands("customer.warn") == [{"customer_id": 12, "text": "pays late"}]
    )
    note = {"customer_id": 12, "text": "likes tea\nand rice"}
    await until(lambda: stub.commands("customer.note") == [note])
    assert stub.commands("customer.rename") == []


async def test_a_colleague_is_shown_by_his_card(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ringing_colleague")
    for text in ("Tom Becker", "8002", "1002", "day", "Ringing"):
        await expect(column(page)).to_contain_text(text)
    await expect(column(page).get_by_role("searchbox")).to_have_count(0)
    await stub.change("colleague", state="NOT_READY")
    await expect(column(page)).to_contain_text("Not ready")


async def test_a_queue_says_what_shows_and_in_which_order(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ringing")
    why = page.locator(".strip .why > *")
    assert await why.all_inner_texts() == [
        "Main menu › Billing › Invoice",
        "Billing",
        "keys 2",
        "waited 0:38",
    ]
    await stub.change("call", fields=["wait", "menu_path", "tickets", "company"])
    await expect(why.first).to_have_text("waited 0:38")
    assert await why.all_inner_texts() == ["waited 0:38", "Main menu › Billing › Invoice"]
    await expect(page.locator(".strip .number")).to_have_count(0)
    heads = (
        await column(page).locator(".file > *").evaluate_all("(all) => all.map((e) => e.className)")
    )
    assert heads == ["file-name", "contacts", "file-row", "another"]


# ---- withdrawn ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("why", "who", "line"),
    [
        ("taken", "Tom Becker", "Tom Becker took the call."),
        ("hung_up", "", "The caller hung up."),
        ("elsewhere", "", "The call went elsewhere."),
        ("missed", "", "The call rang here in vain and goes to a colleague."),
    ],
)
async def test_a_pop_that_goes_leaves_one_quiet_line(
    open_page: OpenPage, stub: StubDesktop, why: str, who: str, line: str
) -> None:
    page = await open_page("ringing_sent")
    await expect(column(page)).to_contain_text("王小明")
    await stub.show("ready")
    await stub.push("gone", pop.gone(scenes.CALL_ID, scenes.ago(0), why, who))
    await expect(page.locator(".strip .why")).to_have_text(line)
    for trace in ("王小明", "Acme", "Legal dispute", "+86 138"):
        await expect(page.locator("body")).not_to_contain_text(trace)
    await expect(page).to_have_title("ringdesk")
    await stub.push("gone", None)
    await expect(page.locator(".strip .why")).not_to_contain_text(line)


async def test_an_old_one_is_not_told_again(open_page: OpenPage) -> None:
    gone = {"gone": pop.gone(scenes.CALL_ID, scenes.ago(300), "taken", "Tom Becker")}
    page = await open_page("ready", sections=gone)
    await expect(page.locator(".strip .why")).not_to_contain_text("Tom Becker")


# ---- in the background ----------------------------------------------------------------------------


async def test_notifications_are_asked_for_by_a_press_alone(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready", script="window.granted = false;" + DESKTOP)
    await page.evaluate("leave(true)")
    await stub.show("ringing")
    await expect(page.locator(".strip[data-phase=ringing]")).to_be_visible()
    assert await page.evaluate("[window.asked, window.shown.length]") == [0, 0]
    await page.locator(".phone-status").click()
    await page.get_by_role("button", name="Allow notifications").click()
    await until(lambda: page.evaluate("window.asked === 1 && window.shown.length === 1"))
    await expect(page.locator(".notifications")).to_contain_text("Allowed")


async def test_a_page_in_the_background_calls_its_agent(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready", script=DESKTOP)
    await stub.show("ringing")
    await expect(page.locator(".strip[data-phase=ringing]")).to_be_visible()
    assert await page.evaluate("window.shown.length") == 0  # it is looked at
    await page.evaluate("leave(true)")
    await until(lambda: page.evaluate("window.shown.length === 1"))
    assert await page.evaluate(OPEN) == [["☎ 王小明", "Acme GmbH · +86 138 0013 8000 · Billing"]]
    titles: set[str] = set()

    async def both() -> bool:
        titles.add(await page.title())
        return titles == {"☎ Wang Xiaoming · ringdesk", "ringdesk"}

    await until(both)
    await page.evaluate("window.shown[0].onclick()")
    assert await page.evaluate("window.front") == 1
    await page.evaluate("leave(false)")
    await expect(page).to_have_title("☎ Wang Xiaoming · ringdesk")
    await page.evaluate("leave(true)")
    await until(lambda: page.evaluate(f"{OPEN}.length === 1"))
    await stub.show("ready")
    await until(lambda: page.evaluate(f"{OPEN}.length === 0"))
    await expect(page).to_have_title("ringdesk")


async def test_a_notification_shows_no_more_than_the_page(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready", script=DESKTOP)
    await page.evaluate("leave(true)")
    masked = scenes.call("ringing", caller_name="", number="138****8000", number_masked=True)
    await stub.push("call", masked)
    await until(lambda: page.evaluate("window.shown.length === 1"))
    assert await page.evaluate(OPEN) == [["☎ 138****8000", "Billing"]]
    await stub.push("customer", scenes.known())
    await until(lambda: page.evaluate("window.shown.length === 2"))
    await page.locator(".phone-status").click()
    await page.get_by_label("Name nobody (others see this screen)").check()
    await until(lambda: page.evaluate("window.shown.length === 3"))
    last = await page.evaluate("((each) => [each.title, each.body])(window.shown.at(-1))")
    assert last == ["A call for you", "Billing"]


@pytest.mark.parametrize("mute", ["ring", "all"])
async def test_a_queue_may_be_silent(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop, mute: str
) -> None:
    count = """
    window.rings = 0;
    const start = AudioBufferSourceNode.prototype.start;
    AudioBufferSourceNode.prototype.start = function (...args) { window.rings += 1; return start.apply(this, args); };
    """
    page = await registered(open_page, sip, stub, script=DESKTOP + count)
    await page.evaluate("leave(true)")
    await stub.push("call", scenes.call("ringing", mute=mute))
    await sip.call(call_id=scenes.CALL_ID)
    await until(lambda: "180 INVITE" in sip.seen)
    await expect(page.locator(".strip[data-phase=ringing]")).to_be_visible()
    shown = 1 if mute == "ring" else 0
    assert await page.evaluate("[window.rings, window.shown.length]") == [0, shown]
    await stub.change("call", mute="none")  # the same call, were it not for the rule
    await until(lambda: page.evaluate("window.rings === 1 && window.shown.length === 1"))


# ---- outside pages --------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere() -> AsyncIterator[str]:
    """Another program, on another origin; it tries what it shouldn't."""

    async def page(request: web.Request) -> web.Response:
        script = "try { window.top.hacked = 1 } catch (e) { document.title = 'kept out' }"
        text = f"<p>customer {request.query.get('c', '')}</p><script>{script}</script>"
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def outside(page: Page) -> Any:
    """The tab's panel."""
    return page.locator("#beside-panel-outside")


async def test_an_outside_page_opens_in_a_frame_and_goes_with_the_call(
    open_page: OpenPage, stub: StubDesktop, elsewhere: str, tmp_path: Path
) -> None:
    stub.frames = [elsewhere]
    page = await open_page("talking")
    await page.locator("[data-tab=outside]").click()
    await expect(outside(page)).to_contain_text("Another program's page")
    await stub.push("outside_page", pop.outside_page(scenes.CALL_ID, f"{elsewhere}/?c=12"))
    assert await page.locator("iframe").count() == 0  # by a press
    await outside(page).get_by_role("button", name="Open here").click()
    frame = outside(page).locator("iframe")
    await expect(frame.content_frame.locator("p")).to_have_text("customer 12")
    sandbox = "allow-scripts allow-forms allow-same-origin allow-popups"
    await expect(frame).to_have_attribute("sandbox", sandbox)
    await expect(frame).to_have_attribute("title", "CRM")
    await harmless(page)
    await picture(page, "outside-page", tmp_path)
    await page.locator("[data-tab=history]").click()
    await expect(frame).to_have_count(1)  # kept, and not loaded again
    await stub.show("ready")
    await expect(page.locator("iframe")).to_have_count(0)
    next_page = pop.outside_page("another-call", f"{elsewhere}/?c=31")
    await stub.push("outside_page", next_page)
    await expect(page.locator("iframe")).to_have_count(0)  # nothing was pressed for this caller


async def test_by_rule_it_opens_by_itself(
    open_page: OpenPage, stub: StubDesktop, elsewhere: str
) -> None:
    stub.frames = [elsewhere]
    page = await open_page("ringing")
    at_answer = pop.outside_page(scenes.CALL_ID, f"{elsewhere}/?c=1", opens="answer")
    await stub.push("outside_page", at_answer)
    assert await page.locator("iframe").count() == 0
    await stub.push("call", scenes.call("talking"))
    await expect(outside(page).locator("iframe")).to_be_visible()
    await expect(page.locator("[data-tab=outside]")).to_have_attribute("aria-selected", "true")
    await expect(page.locator("#notes, .desktop").first).to_be_visible()
    focused = await page.evaluate("document.activeElement.closest('.beside') === null")
    assert focused  # the keyboard stays where the agent has it


async def test_a_tab_is_opened_without_a_way_back(
    open_page: OpenPage, stub: StubDesktop, elsewhere: str
) -> None:
    page = await open_page("talking")
    rule = pop.outside_page(scenes.CALL_ID, f"{elsewhere}/?c=12", place="tab")
    await stub.push("outside_page", rule)
    await page.locator("[data-tab=outside]").click()
    async with page.context.expect_page() as opening:
        await outside(page).get_by_role("button", name="Open in a tab").click()
    opened = await opening.value
    await opened.wait_for_load_state()
    assert await opened.evaluate("[window.opener, document.referrer]") == [None, ""]
    await expect(opened.locator("p")).to_have_text("customer 12")


@pytest.mark.parametrize(
    "url",
    ["javascript:window.hacked=1", "data:text/html,x", "OWN", "no address", "file:///etc/passwd"],
)
async def test_what_is_no_page_of_somebody_elses_is_not_opened(
    open_page: OpenPage, stub: StubDesktop, url: str
) -> None:
    page = await open_page("talking")
    url = stub.url if url == "OWN" else url
    await stub.push("outside_page", pop.outside_page(scenes.CALL_ID, url, opens="offer"))
    await page.locator("[data-tab=outside]").click()
    await expect(outside(page)).to_contain_text("Another program's page")
    assert await page.locator("iframe").count() == 0
    await harmless(page)


async def test_a_host_that_was_not_allowed_is_kept_out_by_the_policy(
    built_pages: Path, stub: StubDesktop, chromium: Any, elsewhere: str
) -> None:
    stub.sections = scenes.scene("talking")
    context = await chromium.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(stub.url)
    await page.locator("[data-tab=outside]").click()
    await stub.push("outside_page", pop.outside_page(scenes.CALL_ID, f"{elsewhere}/?c=12"))
    await outside(page).get_by_role("button", name="Open here").click()
    await expect(outside(page).get_by_role("status")).to_contain_text("load it again (F5)")
    there = outside(page).locator("iframe").content_frame.locator("body")
    await expect(there).not_to_contain_text("customer 12")  # the browser's own words
    await context.close()


# ---- hostile input --------------------------------------------------------------------------------


async def test_no_word_of_a_caller_becomes_a_part_of_the_page(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    """S2 in the page: markup, ten thousand characters, marks that turn the reading direction, everywhere."""
    page = await open_page("ready", script=DESKTOP)
    await page.evaluate("leave(true)")
    call = scenes.call("ringing", caller_name=ENDLESS, number=ENDLESS, digits=ENDLESS)
    call |= {"menu_path": [ENDLESS], "number_place": ENDLESS}
    call |= {"sent_by": {"name": ENDLESS, "how": "transfer"}}
    known = scenes.known()
    known["customer"] |= {"name": ENDLESS, "company": ENDLESS, "group": ENDLESS, "note": ENDLESS}
    known["customer"]["warning"] = pop.warning(scenes.ago(9), ENDLESS) | {"by": ENDLESS}
    known["history"][0] |= {"agent": ENDLESS, "disposition": ENDLESS, "disposition_label": {}}
    subject = {"ticket_id": 1, "subject": ENDLESS, "created_at": scenes.ago(9)}
    known["open_tickets"] = [subject]
    await stub.push("call", call)
    await stub.push("customer", known)
    await expect(column(page)).to_contain_text("<img src=x")
    await until(lambda: page.evaluate("window.shown.length > 0"))
    said = await page.evaluate("window.shown.map((each) => each.title + each.body).join()")
    assert "\u202e" not in said
    assert len(said) < 5_000
    await harmless(page)

    maybe = scenes.maybe()
    last = {"at": scenes.ago(9), "outcome": ENDLESS[:200], "agent": ENDLESS}
    maybe["candidates"] = [{"id": 1, "name": ENDLESS, "company": ENDLESS, "last": last}]
    await stub.push("customer", maybe)
    await expect(column(page).locator(".choice")).to_contain_text("<img src=x")
    stub.customers = [{**FOUND, "name": ENDLESS, "company": ENDLESS, "numbers": [ENDLESS]}]
    await column(page).get_by_role("button", name="Somebody else…").click()
    await column(page).get_by_role("searchbox").fill(HOSTILE)
    await expect(column(page).locator(".customer-search .choice")).to_contain_text("<img src=x")
    await harmless(page)

    card = {**pop.CARD, "name": ENDLESS, "team": ENDLESS, "extension": ENDLESS}
    await stub.push("colleague", card)
    await stub.change("call", direction="internal")
    await expect(column(page).locator(".colleague")).to_contain_text("<img src=x")
    await harmless(page)
    await stub.show("ready")
    await stub.push("gone", pop.gone(scenes.CALL_ID, scenes.ago(0), "taken", ENDLESS))
    await expect(page.locator(".strip .why")).to_contain_text("<img src=x")
    await harmless(page)
