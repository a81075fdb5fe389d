"""A page that was cut off, or whose computer slept: it mends itself, keeps its call, and says what happened."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.browser.stub_sip import StubSip
from tests.browser.test_page_phone import TRACK_IS_ON, in_a_call, registered
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ONLINE = "window.dispatchEvent(new Event('online'))"


async def connected_anew(sip: StubSip, registrations: int) -> None:
    """The phone has registered over a new socket."""
    await until(lambda: sip.seen.count("REGISTER") > registrations, within=20)


async def test_after_an_hours_sleep_all_is_renewed_and_said(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub, has_clock=True)
    registrations, hellos = sip.seen.count("REGISTER"), len(stub.hellos)
    await page.clock.fast_forward("01:00:00")
    await connected_anew(sip, registrations)
    await until(lambda: len(stub.hellos) > hellos, within=20)
    assert stub.hellos[-1]["boot"] == stub.boot  # by its cursor: nothing is sent twice
    await expect(page.locator(".strip")).to_contain_text(
        "This computer slept for 1:00:", timeout=20_000
    )
    assert stub.commands("agent.sign_out") == []


async def test_a_break_of_the_link_is_said_when_it_is_over(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready", has_clock=True)
    stub.is_away = True
    await stub.drop()
    await expect(page.get_by_text("No connection").first).to_be_visible()
    await page.clock.fast_forward("00:06")
    stub.is_away = False
    await page.evaluate(ONLINE)
    await expect(page.locator(".strip")).to_contain_text(
        "The connection was gone for 0:", timeout=20_000
    )


async def test_a_dead_line_to_the_exchange_is_renewed_in_a_call(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub, has_clock=True)
    await sip.ask()
    await until(lambda: "200 OPTIONS" in sip.seen)
    registrations = sip.seen.count("REGISTER")
    await page.clock.fast_forward("00:16")  # and nobody asks any more
    await connected_anew(sip, registrations)
    await sip.ask()
    await until(lambda: sip.seen.count("200 OPTIONS") == 2, within=20)
    assert "BYE" not in sip.seen
    assert await page.evaluate(TRACK_IS_ON) is True
    await expect(page.locator(".strip[data-phase=talking]")).to_be_visible()


async def test_another_network_renews_link_and_phone(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub, has_clock=True)
    registrations, hellos = sip.seen.count("REGISTER"), len(stub.hellos)
    await page.evaluate(ONLINE)
    await connected_anew(sip, registrations)
    await until(lambda: len(stub.hellos) > hellos, within=20)
    assert "BYE" not in sip.seen
    await until(lambda: stub.is_linked)
    await page.keyboard.press("F7")
    await until(lambda: stub.commands("call.mute"))


async def test_what_is_said_to_nobody_waits_until_somebody_looks(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    hide = """
      window.isHidden = true;
      Object.defineProperty(document, "hidden", { get: () => window.isHidden });
    """
    page = await open_page("ready", script=hide, has_clock=True)
    stub.is_away = True
    await stub.drop()
    await expect(page.get_by_text("No connection").first).to_be_visible()
    await page.clock.fast_forward("00:30")
    stub.is_away = False
    await page.evaluate(ONLINE)
    said = page.get_by_text("The connection was gone for")
    await expect(said.first).to_be_visible(timeout=20_000)
    await page.clock.fast_forward("00:30")
    await expect(said.first).to_be_visible()
    await page.evaluate("isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    await page.clock.fast_forward("00:09")
    await expect(said).to_have_count(0)
