"""Real desktops for the bench: pages in a Chromium without a screen, signed in with a desk phone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from playwright.async_api import Browser, Page, async_playwright

from sip_sim.farm import Place, SimAgent

PROGRAM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PATIENCE_MS = 60_000


@contextlib.asynccontextmanager
async def pages(place: Place, people: Sequence[SimAgent]) -> AsyncIterator[list[Page]]:
    """One page for each of these agents, signed in and ready; their phones must be registered.

    Raises:
        playwright.async_api.Error: Chromium is missing, or a page did not get ready in a minute.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        try:
            yield [await _ready(browser, place, person) for person in people]
        finally:
            await browser.close()


async def _ready(browser: Browser, place: Place, person: SimAgent) -> Page:
    # A context of its own has its own cookies, as another computer would.
    context = await browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-GB")
    page = await context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    await page.goto(place.web)
    await page.locator("input[name=login]").fill(person.login)
    await page.locator("input[name=password]").fill(person.password)
    await page.locator("input[name=phone][value=desk]").check()
    await page.locator("form.sign-in button.primary").click()
    strip = page.locator(".strip")
    await strip.wait_for()
    await page.locator(".strip[data-phase=ready], .strip [data-action=ready]").first.wait_for()
    if await strip.get_attribute("data-phase") != "ready":
        await page.locator(".strip [data-action=ready]").click()
    await page.locator(".strip[data-phase=ready]").wait_for()
    return page
