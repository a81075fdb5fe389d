"""Several tabs of one browser: one has the phone, all show the desk, and what is pressed in any of them happens once."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.browser.stub_sip import StubSip
from tests.browser.test_page_phone import in_a_call, registered
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def beside(page: Page, stub: StubDesktop) -> Page:
    """Another tab of the same browser, which follows."""
    second = await page.context.new_page()
    await second.goto(stub.url)
    await expect(second.locator(".phone-status")).to_contain_text("in another tab")
    return second


async def ring(sip: StubSip, stub: StubDesktop) -> None:
    """A caller at the agent's phone."""
    for section in ("agent", "call", "customer"):
        await stub.push(section, scenes.scene("ringing")[section])
    await sip.call(call_id=scenes.CALL_ID)
    await until(lambda: "180 INVITE" in sip.seen)


async def test_each_tab_has_a_name_of_its_own(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    second = await page.context.new_page()
    await second.goto(stub.url)
    await expect(second.locator(".strip")).to_be_visible()
    first, other = (hello["page"] for hello in stub.hellos)
    assert first
    assert first != other
    await stub.drop()
    await until(lambda: len(stub.hellos) == 4)
    assert {hello["page"] for hello in stub.hellos[2:]} == {first, other}


async def test_both_show_the_call_and_the_second_answers_it(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub)
    second = await beside(page, stub)
    await ring(sip, stub)
    for tab in (page, second):
        await expect(tab.locator(".strip")).to_contain_text("王小明")
    await second.keyboard.press("F2")
    await until(lambda: "200 INVITE" in sip.seen)
    await until(lambda: stub.commands("call.answer") == [{"call_id": scenes.CALL_ID}])


async def test_an_answer_pressed_beside_before_the_invitation_came_is_kept(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub)
    second = await beside(page, stub)
    for section in ("agent", "call", "customer"):
        await stub.push(section, scenes.scene("ringing")[section])
    await expect(second.locator("[data-action=answer]")).not_to_have_attribute(
        "aria-disabled", "true"
    )
    await second.keyboard.press("F2")
    await until(lambda: stub.commands("call.answer"))
    await sip.call(call_id=scenes.CALL_ID)
    await until(lambda: "200 INVITE" in sip.seen)


async def test_the_second_declines(open_page: OpenPage, sip: StubSip, stub: StubDesktop) -> None:
    page = await registered(open_page, sip, stub)
    second = await beside(page, stub)
    await ring(sip, stub)

    async def declined() -> bool:
        await second.keyboard.press("F4")  # deaf for a moment after the call came
        return "486 INVITE" in sip.seen

    await until(declined)
    assert stub.commands("call.hang_up") == []


async def test_a_call_dialled_beside_is_answered_by_the_tab_with_the_phone(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub)
    second = await beside(page, stub)
    await second.keyboard.press("F3")
    await second.keyboard.type("95588")
    await second.keyboard.press("Enter")
    await until(lambda: stub.commands("call.dial"))
    await sip.call(answer_now=True)
    await until(lambda: "200 INVITE" in sip.seen)


async def test_a_link_is_called_once(open_page: OpenPage, sip: StubSip, stub: StubDesktop) -> None:
    page = await registered(open_page, sip, stub)
    await beside(page, stub)
    card = await page.context.new_page()
    await card.goto(f"{stub.url}dial?number=95588")
    await card.get_by_role("button", name="Call").click()
    await expect(card.get_by_role("heading")).to_have_text("Calling 95588")
    await stub.push("today", {**stub.sections["today"], "calls": 77})
    for tab in page.context.pages[:2]:  # both have read what came before this
        await expect(tab.locator(".bottom-bar")).to_contain_text("77")
    assert len(stub.commands("call.dial")) == 1


async def test_the_tab_with_the_phone_is_closed_and_the_other_takes_it(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub)
    second = await beside(page, stub)
    registrations = sip.seen.count("REGISTER")
    await page.close()
    await until(lambda: sip.seen.count("REGISTER") > registrations)
    await expect(second.locator(".phone-status")).to_contain_text("ready")
    assert "BYE" not in sip.seen
    await until(lambda: stub.of_type("phone")[-1]["sessions"] == [])
    await stub.change("call", auto_answer=True)
    answers = sip.seen.count("200 INVITE")
    await sip.call(call_id=scenes.CALL_ID)
    await until(lambda: sip.seen.count("200 INVITE") > answers)
