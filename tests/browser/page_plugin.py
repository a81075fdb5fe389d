"""Fixtures of the page's own tests: a browser, a scripted service, a page that is watched for errors."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser import scenes
from tests.browser.chromium import CHROMIUM, FLAGS, WATCH_CONNECTIONS
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import STATIC, StubDesktop
from tests.browser.stub_sip import StubSip

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def built_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages built from the sources as they are now; the installed build where no node is."""
    node = ROOT / ".venv/bin/node"
    if not (node.exists() and (ROOT / "pages/node_modules").is_dir()):
        if not (STATIC / "index.html").is_file():
            pytest.fail("the pages are not built: run make setup")
        return STATIC
    out = tmp_path_factory.mktemp("pages")
    subprocess.run(
        [str(node), "build.mjs"],
        cwd=ROOT / "pages",
        env={**os.environ, "RINGDESK_PAGES_OUT": str(out)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    return out


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a screen, with a made-up microphone."""
    if not shutil.which(CHROMIUM):
        pytest.fail(f"{CHROMIUM} is missing: run make setup")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def stub(built_pages: Path) -> AsyncIterator[StubDesktop]:
    """The scripted service."""
    desktop = StubDesktop(built_pages)
    await desktop.start()
    yield desktop
    await desktop.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def sip() -> AsyncIterator[StubSip]:
    """The scripted exchange."""
    exchange = StubSip()
    await exchange.start()
    yield exchange
    await exchange.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser, stub: StubDesktop) -> AsyncIterator[OpenPage]:
    """Opens the page in a scene; fails the test when the page threw or its policy was broken."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    async def opener(
        scene: str = "ready", *, script: str = "", has_clock: bool = False, **options: Any
    ) -> Page:
        stub.sections = {**scenes.scene(scene), **options.pop("sections", {})}
        settings = {
            "viewport": {"width": 1280, "height": 720},
            "locale": "en-GB",
            "permissions": ["microphone"],
            **options,
        }
        context = await chromium.new_context(**settings)
        contexts.append(context)
        if has_clock:  # now: in a page that runs already the time would jump to 1970 for a moment
            await context.clock.install()
        page = await context.new_page()
        page.set_default_timeout(5_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text) if "Content Security Policy" in message.text else None
            ),
        )
        await page.add_init_script(WATCH_CONNECTIONS + script)
        await page.goto(stub.url)
        await page.locator(".desktop, form.sign-in").wait_for()
        return page

    yield opener
    for context in contexts:
        await context.close()
    assert not errors
