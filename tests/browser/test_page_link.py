"""The page's link to the service: cursor, gaps, reconnects, the painted word, and what each close code shows."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NO_FRAMES = "window.requestAnimationFrame = () => 0;"


async def test_the_first_hello_has_no_cursor(open_page: OpenPage, stub: StubDesktop) -> None:
    await open_page()
    [hello] = stub.hellos
    assert hello.pop("page")
    assert hello == {"type": "hello", "boot": None, "seq": 0, "language": "en"}


@pytest.mark.parametrize("script", ["", NO_FRAMES], ids=["shown", "without frames"])
async def test_a_pop_is_acknowledged_once_when_painted(
    open_page: OpenPage, stub: StubDesktop, script: str
) -> None:
    page = await open_page(script=script)
    await stub.show("ringing")
    await until(lambda: stub.of_type("painted"))
    await expect(page.locator(".strip .name")).to_have_text("王小明")
    await stub.change("call", digits="25")
    await expect(page.locator(".strip")).to_contain_text("keys 25")
    assert stub.of_type("painted") == [
        {"type": "painted", "call_id": scenes.CALL_ID, "token": "token-1"}
    ]


async def test_a_new_token_is_acknowledged_anew(open_page: OpenPage, stub: StubDesktop) -> None:
    await open_page("ringing")
    await until(lambda: stub.of_type("painted"))
    await stub.change("call", token="token-2")
    await until(lambda: [m["token"] for m in stub.of_type("painted")] == ["token-1", "token-2"])


async def test_a_gap_makes_the_page_ask_again(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page()
    await stub.push("agent", scenes.scene("not_ready")["agent"], skip=1)
    await until(lambda: len(stub.hellos) > 1)
    assert (stub.hellos[1]["boot"], stub.hellos[1]["seq"]) == ("boot-1", 40)
    await expect(page.locator(".state-word")).to_have_text("Lunch")


async def test_what_was_missed_is_caught_up_by_the_cursor(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page()
    await stub.change("today", calls=24)
    await expect(page.locator(".bottom-bar")).to_contain_text("calls 24")
    stub.is_away = True
    await stub.drop()
    await expect(page.locator(".link-status")).to_contain_text("No connection")
    await expect(page.locator(".desktop")).to_have_class("desktop cut ")
    await stub.change("today", calls=25)
    stub.is_away = False
    await expect(page.locator(".bottom-bar")).to_contain_text("calls 25", timeout=10_000)
    assert (stub.hellos[-1]["boot"], stub.hellos[-1]["seq"]) == ("boot-1", 41)
    await expect(page.locator(".desktop")).not_to_have_class("desktop cut ")


async def test_a_restarted_service_sends_everything_anew(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    stub.boot, stub.seq, stub.sections = "boot-2", 3, scenes.scene("on_hold")
    await stub.drop()
    await expect(page.locator(".strip[data-phase=on_hold]")).to_be_visible(timeout=10_000)
    await stub.change("today", calls=24)
    await expect(page.locator(".bottom-bar")).to_contain_text("calls 24")


async def test_an_ended_session_asks_for_the_sign_in(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page()
    stub.is_signed_in = False
    await stub.drop(4001)
    await expect(page.locator(".hint")).to_contain_text("Your session ended")
    await expect(page.locator("input[name=login]")).to_be_focused()


async def test_a_desk_opened_elsewhere_can_be_taken_over(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page()
    await stub.drop(4005)
    await expect(page.locator("h1")).to_have_text("Opened elsewhere")
    assert len(stub.hellos) == 1
    await page.get_by_role("button", name="Use it here").click()
    await expect(page.locator(".strip")).to_be_visible()
    assert stub.hellos[1]["boot"] is None


async def test_a_page_that_is_not_understood_says_so_and_stays_away(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page()
    await stub.drop(4003)
    await expect(page.get_by_role("button", name="Load again")).to_be_visible()
    assert len(stub.hellos) == 1


async def test_another_language_asks_for_everything_in_it(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page()
    await page.locator(".language").click()
    await expect(page.locator(".state-word")).to_have_text("空闲")
    await until(lambda: len(stub.hellos) == 2)
    assert (stub.hellos[1]["language"], stub.hellos[1]["boot"]) == ("zh", None)


async def test_pings_are_answered(open_page: OpenPage, stub: StubDesktop) -> None:
    await open_page()
    for socket in stub._sockets:
        await socket.send_json({"type": "ping", "t": 12.5})
    await until(lambda: stub.of_type("pong") == [{"type": "pong", "t": 12.5}])
