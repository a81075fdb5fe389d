"""Click to call: links of other pages lead to a question, and the desktop that is open makes the call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.browser.test_page_states import CONTRAST, picture
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LINK = "tel:+86-574-8712-0000;ext=1"
DIALLED = {"target": {"kind": "outside", "value": "+8657487120000"}}


async def press(card: Page, name: str) -> None:
    """Enter, where the focus stands by itself."""
    await expect(card.get_by_role("button", name=name)).to_be_focused()
    await card.keyboard.press("Enter")


async def linked(page: Page, stub: StubDesktop, number: str = LINK) -> Page:
    """What a link of another page opens, in the browser of this one."""
    card = await page.context.new_page()
    await card.goto(f"{stub.url}dial?number={quote(number, safe='')}")
    return card


@pytest_asyncio.fixture(loop_scope="session")
async def foreign(stub: StubDesktop) -> AsyncIterator[str]:
    """Somebody else's page, with our script and numbers on it."""
    html = f"""<!doctype html><title>CRM</title>
      <a href="{LINK}">call</a> <span data-ringdesk-number="1002&amp;x=1"><b>Tom</b></span>
      <a href="#here">no number</a>
      <script src="{stub.url}click-to-call.js"></script>"""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://localhost:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_it_asks_and_the_open_desktop_calls(
    open_page: OpenPage, stub: StubDesktop, tmp_path: Path
) -> None:
    desktop = await open_page("ready")
    card = await linked(desktop, stub)
    await expect(card.get_by_role("heading")).to_have_text("Call +8657487120000?")
    assert card.url == f"{stub.url}dial"  # a reload asks nothing again
    assert stub.commands("call.dial") == []
    await picture(card, "dial_link", tmp_path)
    await press(card, "Call")
    await until(lambda: stub.commands("call.dial") == [DIALLED])
    await expect(card.get_by_role("heading")).to_have_text("Calling +8657487120000")
    await expect(desktop.locator(".strip [data-action=dial]")).to_have_attribute(
        "aria-busy", "true"
    )


async def test_in_a_call_it_says_why_not(open_page: OpenPage, stub: StubDesktop) -> None:
    desktop = await open_page("talking")
    card = await linked(desktop, stub)
    await card.get_by_role("button", name="Call").click()
    await expect(card.locator(".card-problem")).not_to_be_empty()
    assert stub.commands("call.dial") == []


async def test_without_a_desktop_this_tab_becomes_it(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready")
    await page.goto("about:blank")
    card = await linked(page, stub)
    await press(card, "Call")
    await expect(card.get_by_role("alert").first).to_contain_text("No desktop is open")
    await press(card, "Open the desktop here")
    await expect(card.get_by_role("combobox")).to_have_value("+8657487120000")
    await card.keyboard.press("Enter")
    await until(lambda: stub.commands("call.dial") == [DIALLED])
    await card.keyboard.press("F3")
    await expect(card.get_by_role("combobox")).to_have_value("")


async def test_a_desktop_where_nobody_has_signed_in_calls_nobody(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    agent = {**scenes.scene("ready")["agent"], "state": "LOGGED_OUT"}
    desktop = await open_page("ready", sections={"agent": agent})
    card = await linked(desktop, stub)
    await press(card, "Call")
    await expect(card.get_by_role("button", name="Open the desktop here")).to_be_visible()
    assert stub.commands("call.dial") == []


@pytest.mark.parametrize(
    "number",
    ["", "<img src=x onerror=alert(1)>", "1002&3", "tel:%E0%A4%A", "javascript:1", "9" * 500],
)
async def test_what_is_no_number_is_not_called(
    open_page: OpenPage, stub: StubDesktop, number: str
) -> None:
    card = await linked(await open_page("ready"), stub, number)
    await expect(card.get_by_role("heading")).to_have_text("No telephone number")
    await expect(card.get_by_role("button", name="Call")).to_have_count(0)
    assert await card.locator("img").count() == 0


async def test_a_foreign_pages_links_open_the_question(
    open_page: OpenPage, stub: StubDesktop, foreign: str
) -> None:
    page = await open_page("ready")
    other = await page.context.new_page()
    await other.goto(foreign)
    async with page.context.expect_page() as opened:
        await other.get_by_text("call", exact=True).click()
    card = await opened.value
    await expect(card.get_by_role("heading")).to_have_text("Call +8657487120000?")
    await expect(card.get_by_role("button", name="Call")).to_be_focused()
    await card.keyboard.down("Enter")
    await until(lambda: stub.commands("call.dial") == [DIALLED])
    await until(card.is_closed)  # a window of a script's closes itself: the key goes up elsewhere
    async with page.context.expect_page() as opened:
        await other.get_by_text("Tom").click()
    await expect((await opened.value).get_by_role("heading")).to_have_text("No telephone number")
    await other.get_by_text("no number").click()
    assert other.url.endswith("#here")


HANDLER = "navigator.registerProtocolHandler = (...all) => (window.registered = all);"


async def test_what_other_pages_and_programs_need(
    open_page: OpenPage, stub: StubDesktop, tmp_path: Path
) -> None:
    page = await open_page("ready", script=HANDLER)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("elsewhere")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Open tel: links here").click()
    assert await page.evaluate("registered") == ["tel", f"{stub.url}dial?number=%s"]
    script = await dialog.get_by_label("Numbers on other pages").input_value()
    assert script == f'<script src="{stub.url}click-to-call.js" defer></script>'
    label = dialog.get_by_role("textbox", name="What it is for")
    for name in ("CRM <b>", "Script", "One more"):
        await label.fill(name)
        await label.press("Enter")
        await expect(dialog.locator(".token-list li").last).to_be_visible()
        if name != "One more":
            await expect(label).to_have_value("")
    await expect(dialog.get_by_role("alert")).to_have_text("Revoke one first: 2 are the most.")
    await expect(dialog.get_by_label("Token", exact=True)).to_have_value("rdt_t2")
    assert min((await page.evaluate(CONTRAST)).values()) >= 4.5
    await picture(page, "links", tmp_path)
    await dialog.get_by_role("button", name="Revoke the token CRM <b>").click()
    await expect(dialog.locator(".token-label")).to_have_text(["Script"])
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("elsewhere")
    await page.keyboard.press("Enter")
    await expect(dialog.locator(".token-label")).to_have_text(["Script"])
    await expect(dialog.get_by_label("Token", exact=True)).to_have_count(0)  # shown once
