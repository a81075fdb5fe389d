"""The browser phone of the page against a scripted exchange: register, ring, answer, decline, rejoin, hang up."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.browser.stub_sip import StubSip
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TRACK_IS_ON = "window.connections.at(-1)?.getSenders()[0]?.track?.enabled"


def browser_phone(sip: StubSip, state: str = "idle") -> dict[str, Any]:
    """The phone section of somebody with a browser phone."""
    return {"phone": {"kind": "browser", "endpoint": "1001w", "state": state, "sip": sip.account}}


async def registered(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop, scene: str = "ready", **options: Any
) -> Page:
    """A page whose phone is registered, and which has told the service so."""
    page = await open_page(scene, sections=browser_phone(sip), **options)
    await until(lambda: "REGISTER" in sip.seen)
    await until(lambda: stub.of_type("phone"))
    return page


async def in_a_call(open_page: OpenPage, sip: StubSip, stub: StubDesktop, **options: Any) -> Page:
    """A page that has answered a call."""
    page = await registered(open_page, sip, stub, **options)
    for section in ("agent", "call", "customer"):
        await stub.push(section, scenes.scene("ringing")[section])
    await sip.call(call_id=scenes.CALL_ID)
    await until(lambda: "180 INVITE" in sip.seen)
    await expect(page.locator("[data-action=answer]")).not_to_have_attribute(
        "aria-disabled", "true"
    )
    await page.keyboard.press("F2")
    await until(lambda: "200 INVITE" in sip.seen)
    for section in ("agent", "call", "ticket"):
        await stub.push(section, scenes.scene("talking")[section])
    await expect(page.locator(".strip[data-phase=talking]")).to_be_visible()
    return page


async def test_the_service_learns_of_the_registration(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub)
    assert stub.of_type("phone") == [
        {"type": "phone", "registered": True, "sessions": [], "mic": "ok"}
    ]
    await expect(page.locator(".phone-status")).to_contain_text("1001")
    await expect(page.locator(".phone-status")).to_contain_text("ready")


async def test_f2_answers_and_the_service_is_told(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    await until(lambda: stub.commands("call.answer") == [{"call_id": scenes.CALL_ID}])
    await until(lambda: stub.of_type("phone")[-1]["sessions"] == [scenes.CALL_ID])
    await expect(page.locator("#notes")).to_be_focused()
    await expect(page).to_have_title("● Wang Xiaoming · ringdesk")


async def test_declining_refuses_the_invitation_and_hangs_nobody_up(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub)
    for section in ("agent", "call", "customer"):
        await stub.push(section, scenes.scene("ringing")[section])
    await sip.call()
    await expect(page.locator("[data-action=hang_up]")).to_contain_text("Decline")
    await expect(page.locator("[data-action=hang_up]")).not_to_have_attribute(
        "aria-disabled", "true"
    )

    async def declined() -> bool:
        await page.keyboard.press(
            "F4"
        )  # deaf for a moment: the key may be meant for the call before
        return "486 INVITE" in sip.seen

    await until(declined)
    assert stub.commands("call.hang_up") == []


async def test_a_key_meant_for_the_call_before_declines_nothing(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub)
    await sip.call(call_id="next-call")
    await until(lambda: "180 INVITE" in sip.seen)
    ringing = scenes.scene("ringing")
    await stub.push("call", {**ringing["call"], "call_id": "next-call", "token": "next"})
    await expect(page.locator("[data-pop=next]")).to_be_visible()
    await page.keyboard.press("F4")
    await page.keyboard.press("F2")
    await until(lambda: "200 INVITE" in sip.seen)
    assert "486 INVITE" not in sip.seen


async def test_the_answer_pressed_before_the_invitation_came_is_kept(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub)
    await stub.push("call", scenes.call("offered"))
    await expect(page.locator(".strip[data-phase=offered]")).to_be_visible()
    await page.keyboard.press("F2")
    await sip.call(call_id=scenes.CALL_ID)
    await until(lambda: "200 INVITE" in sip.seen)


async def test_a_reload_sends_no_bye_and_the_rejoin_answers_by_itself(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    stub.received.clear()
    await stub.change("call", state="agent_lost", auto_answer=True)
    await page.reload()
    await until(lambda: stub.of_type("phone"))
    assert stub.of_type("phone")[0]["sessions"] == []
    assert "BYE" not in sip.seen
    answered = sip.seen.count("200 INVITE")
    await sip.call(call_id=scenes.CALL_ID)
    await until(lambda: sip.seen.count("200 INVITE") == answered + 1)


async def test_hanging_up_goes_through_the_service(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    await page.keyboard.press("F4")
    await until(lambda: stub.commands("call.hang_up") == [{"call_id": scenes.CALL_ID}])
    await stub.change("call", state="ended", ended_at=scenes.ago(0))
    await expect(page.locator("[data-action=hang_up]")).not_to_have_attribute("aria-busy", "true")
    assert "BYE" not in sip.seen


async def test_without_the_service_the_page_still_answers_and_hangs_up(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub)
    stub.is_away = True
    await stub.drop()
    await expect(page.locator(".link-status")).to_contain_text("No connection")
    await sip.call(name="<b>Li</b>")
    await expect(page.locator(".strip[data-phase=ringing]")).to_contain_text("<b>Li</b>")
    await page.keyboard.press("F2")
    await until(lambda: "200 INVITE" in sip.seen)
    await expect(page.locator(".strip[data-phase=talking]")).to_contain_text("13800138000")
    await page.keyboard.press("F4")
    await until(lambda: "BYE" in sip.seen)


async def test_mute_silences_here_at_once_and_asks_the_exchange_too(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    assert await page.evaluate(TRACK_IS_ON) is True
    stub.silent_to.add("call.mute")
    await page.keyboard.press("F7")
    await page.wait_for_function(f"{TRACK_IS_ON} === false")
    await until(lambda: stub.commands("call.mute") == [{"call_id": scenes.CALL_ID, "muted": True}])
    await expect(page.locator(".muted-word")).to_be_visible()


async def test_a_second_tab_leaves_the_phone_where_it_is(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    registrations = sip.seen.count("REGISTER")
    second = await page.context.new_page()
    await second.goto(stub.url)
    await expect(second.locator(".phone-status")).to_contain_text("in another tab")
    assert sip.seen.count("REGISTER") == registrations


async def test_a_microphone_that_is_blocked_is_reported_and_explained(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    refuse = """navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException('no', 'NotAllowedError'); };"""
    page = await registered(open_page, sip, stub, script=refuse)
    assert stub.of_type("phone")[-1]["mic"] == "blocked"
    await expect(page.locator(".strip .why")).to_contain_text("click the lock beside the address")
