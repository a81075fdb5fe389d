"""Menus during a call on the page: one button sends the caller and fetches him back, by mouse and by keys."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.scenes_menus import MENUS, back, in_menu
from tests.browser.stub_desktop import StubDesktop
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BUTTON = "[data-action=menu]"


async def asked(stub: StubDesktop, name: str) -> list[dict[str, Any]]:
    """What the page has commanded, when it has."""
    found: list[dict[str, Any]] = await until(lambda: stub.commands(name))
    return found


async def goes_in(page: Page, stub: StubDesktop) -> None:
    """The service says that the caller is in the menu."""
    held = scenes.call("on_hold")
    await stub.push("call", in_menu(held, scenes.ago(0)))
    await expect(page.locator(".strip[data-phase=in_menu]")).to_be_visible()


async def test_by_keys_alone_there_and_back(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    stub.silent_to |= {"call.menu", "call.fetch_back"}
    await page.keyboard.press("Shift+F9")
    await expect(page.get_by_role("menuitem").first).to_be_focused()
    await page.keyboard.press("Enter")
    assert await asked(stub, "call.menu") == [{"call_id": scenes.CALL_ID, "menu": "verify_pin"}]
    await expect(page.locator(BUTTON)).to_have_attribute("aria-busy", "true")
    await stub.answer("call.menu")
    await goes_in(page, stub)
    button = page.locator(BUTTON)
    await expect(button).to_contain_text("Fetch back")
    await expect(button).not_to_have_attribute("aria-busy", "true")
    await expect(page.locator(".strip")).to_contain_text("In menu: Verify PIN")
    await page.keyboard.press("Shift+F9")
    assert await asked(stub, "call.fetch_back") == [{"call_id": scenes.CALL_ID}]
    await stub.answer("call.fetch_back")
    await stub.push("call", scenes.call("talking", menu=back(scenes.ago(3), "cut_short")))
    await expect(page.locator(".menu-line")).to_have_text("Verify PIN: left before its end")
    await expect(button).to_contain_text("Menus")


async def test_by_the_palette_and_by_arrows(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    stub.silent_to.add("call.menu")
    await page.locator(BUTTON).click()
    items = page.get_by_role("menuitem")
    await expect(items).to_have_text(["Verify PINcomes back to you", "Surveyends your call"])
    await page.keyboard.press("ArrowDown")
    await expect(items.nth(1)).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(items).to_have_count(0)
    await expect(page.locator(BUTTON)).to_be_focused()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("caller to: surv")
    await page.keyboard.press("Enter")
    assert await asked(stub, "call.menu") == [{"call_id": scenes.CALL_ID, "menu": "survey"}]


@pytest.mark.parametrize(
    ("result", "tries", "words"),
    [
        ("verified", 1, "Verify PIN: verified"),
        ("failed", 3, "Verify PIN: failed after 3 tries"),
        ("locked", 2, "Verify PIN: PIN is locked"),
        ("no_pin", 0, "Verify PIN: no PIN on file"),
        ("no_answer", 0, "Verify PIN: gave no answer"),
        ("broken", 0, "Verify PIN: could not go on"),
        ("hung_up", 0, "Verify PIN: caller hung up"),
    ],
)
async def test_each_result_is_said(
    open_page: OpenPage, stub: StubDesktop, result: str, tries: int, words: str
) -> None:
    page = await open_page("talking")
    await stub.change("call", menu=back(scenes.ago(9), result, tries))
    await expect(page.locator(".menu-line")).to_have_text(words)


async def test_why_not_stands_on_the_button(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("in_menu")
    hold, button = page.locator("[data-action=hold]"), page.locator(BUTTON)
    await expect(hold).to_have_attribute("aria-disabled", "true")
    await expect(hold).to_have_attribute("title", "The caller is in a menu: fetch him back first.")
    await expect(button).not_to_have_attribute("aria-disabled", "true")
    await expect(page.locator("[data-action=hang_up]")).not_to_have_attribute(
        "aria-disabled", "true"
    )
    await stub.show("conference")
    await expect(button).to_have_attribute("aria-disabled", "true")
    await button.click(force=True)
    await expect(page.locator(".strip-note")).to_contain_text("conference")
    assert stub.commands("call.menu") == []
    me = scenes.scene("talking")["me"]
    await stub.show("talking")
    await stub.push("me", {**me, "call_menus": []})
    await expect(button).to_have_attribute("title", "Your company has no menus during a call")
    await stub.push("me", {**me, "call_menus": MENUS})
    await expect(button).not_to_have_attribute("aria-disabled", "true")


async def test_a_name_that_is_markup_stays_text(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    answers = [{"label": "<img src=x onerror=alert(1)>", "digits": "1"}]
    await stub.change("call", menu=back(scenes.ago(9), "answered", name="gone", answers=answers))
    await expect(page.locator(".menu-line")).to_contain_text("gone: answered · <img src=x")
    assert await page.locator(".menu-line img").count() == 0


async def test_in_chinese(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("in_menu", locale="zh-CN")
    await expect(page.locator(BUTTON)).to_contain_text("接回")
    await expect(page.locator(".menu-line")).to_have_text("菜单中：验证密码")
