"""The third column's tabs, and tickets beside the call."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop

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
    panel = page.get_by_role("tabpanel")
    await expect(panel).to_have_attribute("aria-labelledby", "beside-tab-tickets")
    await expect(panel).to_contain_text("#4650")
    await expect(page.locator("[role=tab][tabindex='0']")).to_have_count(1)
    await page.keyboard.press("Home")
    await expect(page.locator(HISTORY)).to_be_focused()
    await page.keyboard.press("End")
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
    await expect(page.locator(f"{TICKETS} .count")).to_have_text("0")
    assert await page.locator(TICKETS).bounding_box() == place  # nothing jumps
    await page.reload()
    await expect(page.locator(TICKETS)).to_have_attribute("aria-selected", "true")


async def test_the_palette_opens_a_tab(open_page: OpenPage) -> None:
    page = await open_page("talking")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("beside: tickets")
    await page.keyboard.press("Enter")
    await expect(page.locator(TICKETS)).to_be_focused()
