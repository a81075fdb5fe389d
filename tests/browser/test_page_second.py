"""A second call on the page: it waits beside the first, is accepted when that one is on hold, or declined."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.browser.stub_sip import StubSip
from tests.browser.test_page_phone import in_a_call
from tests.browser.test_page_sound import becomes
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TRACKS = "window.connections.map((each) => each.getSenders()[0]?.track?.enabled)"
COUNT_TONES = """
window.tones = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) { window.tones.push(this.frequency.value); return start.call(this, at); };
const startBuffer = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...at) {
  if (this.loop) window.tones.push("ring");
  return startBuffer.apply(this, at);
};
"""


async def waits(page: Page, stub: StubDesktop, sip: StubSip, **fields: Any) -> None:
    """A colleague's call waits: the phone rings on its other line, and the service says who it is."""
    rung = sip.seen.count("180 INVITE")
    await sip.call("Otto")
    await until(lambda: sip.seen.count("180 INVITE") == rung + 1)
    await stub.push("second", scenes.second(**fields))
    await expect(page.get_by_role("group", name="Second call")).to_be_visible()


async def accepted(page: Page, stub: StubDesktop, sip: StubSip) -> None:
    """F2, the first on hold, the second answered: what the service says meanwhile."""
    stub.silent_to.add("call.accept")
    answered = sip.seen.count("200 INVITE")

    async def asked() -> bool:
        await page.keyboard.press("F2")  # deaf for a moment: it may be meant for the call before
        return bool(stub.commands("call.accept"))

    await until(asked)
    assert stub.commands("call.accept") == [{"call_id": scenes.SECOND_ID}]
    await expect(page.locator("[data-action=accept]")).to_have_attribute("aria-busy", "true")
    await stub.change("call", state="on_hold", held_at=scenes.ago(0))
    await expect(page.locator(".strip[data-phase=on_hold]")).to_be_visible()
    assert sip.seen.count("200 INVITE") == answered  # not before the service has said so
    await stub.answer("call.accept")
    await until(lambda: sip.seen.count("200 INVITE") == answered + 1)
    first = stub.sections["call"]
    await stub.push(
        "call", scenes.call("talking", call_id=scenes.SECOND_ID, token="two", direction="internal")
    )
    held = scenes.second("on_hold", call_id=first["call_id"], name="Wang Xiaoming")
    await stub.push("second", held)
    await expect(page.locator("[data-action=accept]")).not_to_have_attribute("aria-busy", "true")


async def test_it_stands_beside_the_first_beeps_and_rings_not(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub, script=COUNT_TONES)
    await page.evaluate("window.tones.length = 0")
    before = await page.locator(".strip .big").bounding_box()
    await waits(page, stub, sip)
    box = page.get_by_role("group", name="Second call")
    await expect(box).to_contain_text("Otto Lindqvist")
    await expect(box).to_contain_text("colleague")
    await expect(page.locator(".strip[data-phase=talking]")).to_contain_text("王小明")
    assert await page.locator(".strip .big").bounding_box() == before
    await becomes(page, "window.tones.length >= 2")
    assert set(await page.evaluate("window.tones")) == {880}  # the ring begins with another note
    await until(lambda: len(stub.of_type("phone")[-1]["sessions"]) == 2)
    await expect(page.locator("#notes")).to_be_focused()


async def test_f2_accepts_when_the_first_is_on_hold(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    await waits(page, stub, sip)
    await accepted(page, stub, sip)
    await expect(page.get_by_role("group", name="Second call")).to_contain_text("Wang Xiaoming")
    await expect(page.locator("[data-action=accept]")).to_contain_text("Take back")
    assert "BYE" not in sip.seen
    # The second ends: the first is there, on hold, on the line that is left.
    await sip.hang_up(2)
    await stub.push("call", scenes.call("on_hold"))
    await stub.push("second", None)
    await until(lambda: stub.of_type("phone")[-1]["sessions"] == [scenes.CALL_ID])
    await expect(page.locator("[data-action=hold]")).to_contain_text("Retrieve")


async def test_muted_is_the_call_and_not_the_phone(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    await page.keyboard.press("F7")
    await stub.change("call", muted=True)
    await becomes(page, f"{TRACKS}.every((each) => each === false)")
    await waits(page, stub, sip)
    await accepted(page, stub, sip)
    await becomes(page, f"{TRACKS}.every((each) => each === true)")
    await sip.hang_up(2)
    await stub.push("call", scenes.call("on_hold", muted=True))
    await stub.push("second", None)
    await becomes(page, f"{TRACKS}[0] === false")


async def test_declining_asks_the_service(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    await waits(page, stub, sip)

    async def asked() -> bool:
        await page.keyboard.press("Shift+F2")
        return bool(stub.commands("call.decline"))

    await until(asked)
    assert stub.commands("call.decline") == [{"call_id": scenes.SECOND_ID}]
    assert "486 INVITE" not in sip.seen
    await stub.push("second", None)
    await expect(page.get_by_role("group", name="Second call")).to_have_count(0)


async def test_without_the_service_the_phone_itself_says_busy(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    await waits(page, stub, sip)
    stub.is_away = True
    await stub.drop()
    await expect(page.locator("[data-action=accept]")).to_have_attribute("aria-disabled", "true")
    await page.locator("[data-action=decline_second]").click()
    await until(lambda: "486 INVITE" in sip.seen)
    assert "BYE" not in sip.seen


async def test_who_gives_up_leaves_no_trace_and_a_third_is_busy(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    await waits(page, stub, sip)
    await sip.call("Third")
    await until(lambda: sip.seen.count("486 INVITE") == 1)
    await sip.give_up(2)
    await until(lambda: "487 INVITE" in sip.seen)
    await stub.push("second", None)
    await expect(page.get_by_role("group", name="Second call")).to_have_count(0)
    await until(lambda: stub.of_type("phone")[-1]["sessions"] == [scenes.CALL_ID])


async def test_when_the_first_ends_the_one_that_waited_rings(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub, script=COUNT_TONES)
    await waits(page, stub, sip)
    await page.evaluate("window.tones.length = 0")
    await sip.hang_up(1)
    await stub.push("call", scenes.call("ringing", call_id=scenes.SECOND_ID, token="two"))
    await stub.push("second", None)
    await expect(page.locator(".strip[data-phase=ringing]")).to_be_visible()
    await becomes(page, "window.tones.includes('ring')")
    answered = sip.seen.count("200 INVITE")
    await page.keyboard.press("F2")
    await until(lambda: sip.seen.count("200 INVITE") == answered + 1)
    assert stub.commands("call.accept") == []


async def test_what_cannot_be_accepted_says_why(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("second_consulting")
    button = page.locator("[data-action=accept]")
    await expect(button).to_have_attribute("aria-disabled", "true")
    await page.keyboard.press("F2")
    await expect(page.locator(".strip-note")).to_contain_text("end the consultation")
    assert stub.commands("call.accept") == []


async def test_on_a_desk_phone_the_page_asks_and_the_phone_answers(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("second_waiting")
    button = page.locator("[data-action=accept]")
    await expect(button).to_contain_text("Accept")
    stub.silent_to.add("call.accept")

    async def asked() -> bool:
        await button.click()
        return bool(stub.commands("call.accept"))

    await until(asked)
    await stub.push(
        "call", scenes.call("talking", call_id=scenes.SECOND_ID, token="two", direction="internal")
    )
    await stub.push("second", scenes.second("on_hold", call_id=scenes.CALL_ID))
    await expect(button).to_contain_text("Take back")
