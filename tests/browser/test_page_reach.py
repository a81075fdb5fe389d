"""Reaching people from the page: dial, transfer, consult, conference, park, fetch, keys of a telephone, other phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.browser.stub_sip import StubSip
from tests.browser.test_page_phone import registered
from tests.browser.test_page_states import CONTRAST, picture
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CALL = {"call_id": scenes.CALL_ID}
TOM = {"kind": "agent", "value": "1002"}


def button(page: Page, action: str) -> Any:
    """A button of the strip by its action."""
    return page.locator(f".strip [data-action='{action}']")


def busy(locator: Any) -> Any:
    """Expect a button to be pending."""
    return expect(locator).to_have_attribute("aria-busy", "true")


def idle(locator: Any) -> Any:
    """Expect a button not to be pending."""
    return expect(locator).not_to_have_attribute("aria-busy", "true")


async def rows(page: Page) -> list[str]:
    """The targets that the panel offers, in order."""
    found: list[str] = await page.locator("[data-target]").evaluate_all(
        "(each) => each.map((one) => one.dataset.target)"
    )
    return found


async def find_tom(page: Page, key: str) -> None:
    """Open a panel by its key and type until one colleague is left."""
    await page.keyboard.press(key)
    await page.keyboard.type("tom")
    await expect(page.locator("[data-target='agent:1002'][aria-selected=true]")).to_be_visible()


async def test_a_number_is_dialled_by_keyboard_alone(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready")
    await page.keyboard.press("F3")
    await page.keyboard.type("0574 8712-0000")
    await page.keyboard.press("Enter")
    wanted = {"target": {"kind": "outside", "value": "057487120000"}}
    await until(lambda: stub.commands("call.dial") == [wanted])
    await busy(button(page, "dial"))
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await stub.show("dialling")
    await expect(page.locator(".strip[data-phase=dialling]")).to_contain_text("Outbound call")
    await idle(button(page, "dial"))


async def test_what_was_dialled_is_offered_again_until_the_agent_goes(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready")
    await page.keyboard.press("F3")
    await page.keyboard.type("95588")
    await page.keyboard.press("Enter")
    await until(lambda: stub.commands("call.dial"))
    await page.reload()
    await page.locator(".strip").wait_for()
    await page.keyboard.press("F3")
    await expect(page.locator("[data-target='outside:95588']")).to_be_visible()
    assert (await rows(page))[0] == "outside:95588"
    stub.is_signed_in = False
    await stub.drop(4001)
    await expect(page.get_by_label("Password")).to_be_visible()
    assert await page.evaluate("sessionStorage.getItem('ringdesk.recent')") is None


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", ["agent:1002", "agent:1003", "agent:1004", "agent:1010", "agent:1011"]),
        ("tom", ["agent:1002"]),
        ("陈", ["agent:1003"]),
        ("wei zhang", ["agent:1011"]),
        ("1004", ["agent:1004"]),
        ("100", ["outside:100", "agent:1002", "agent:1003", "agent:1004"]),
        ("+86 (574) 8712.0000", ["outside:+8657487120000"]),
        ("１３８００１３８０００", ["outside:13800138000"]),
        ("bill", ["queue:billing"]),
        ("nobody", []),
    ],
)
async def test_people_queues_and_numbers_are_found(
    open_page: OpenPage, typed: str, wanted: list[str]
) -> None:
    page = await open_page("ready")
    await page.keyboard.press("F3")
    await expect(page.locator("[data-target]").first).to_be_visible()
    await page.keyboard.insert_text(typed)
    await expect(page.locator(".reach input")).to_have_value(typed)
    assert [row for row in await rows(page) if typed or row.startswith("agent")] == wanted


async def test_the_directory_is_asked_for_while_somebody_looks(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready")
    assert stub.of_type("watch") == []
    await page.keyboard.press("F3")
    await until(lambda: stub.of_type("watch") == [{"type": "watch", "directory": True}])
    await page.keyboard.press("Escape")
    await until(lambda: stub.of_type("watch")[-1] == {"type": "watch", "directory": False})


async def test_live_states_change_in_their_places(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    await page.keyboard.press("F9")
    tom = page.locator("[data-target='agent:1002']")
    await expect(tom).to_contain_text("Ready")
    before = await rows(page)
    colleagues = [
        {**each, "state": "TALKING"} if each["extension"] == "1002" else each
        for each in stub.directory["colleagues"]
    ]
    await stub.push("directory", scenes.directory(colleagues=colleagues))
    await expect(tom).to_contain_text("Talking")
    assert await rows(page) == before
    consult = page.locator("[data-way=consult]")
    await expect(consult).to_have_attribute("aria-disabled", "true")
    await expect(consult).to_have_attribute("title", "Tom Becker is in a call")
    await page.keyboard.press("Enter")  # says why, and calls nobody
    await page.keyboard.press("Escape")
    await until(lambda: stub.of_type("watch")[-1] == {"type": "watch", "directory": False})
    assert stub.of_type("command") == []


@pytest.mark.parametrize(
    ("keys", "name"), [("Enter", "call.consult"), ("Control+Enter", "call.transfer")]
)
async def test_a_caller_is_sent_on_by_keyboard_and_the_focus_kept(
    open_page: OpenPage, stub: StubDesktop, keys: str, name: str
) -> None:
    page = await open_page("talking")
    await expect(page.locator("#notes")).to_be_focused()
    await find_tom(page, "F9")
    await page.keyboard.press(keys)
    await until(lambda: stub.commands(name) == [{**CALL, "target": TOM}])
    await expect(page.locator("#notes")).to_be_focused()
    await busy(button(page, "transfer"))
    await stub.show("consult_ringing" if name == "call.consult" else "transferring")
    await idle(button(page, "transfer"))


async def test_a_queue_is_picked_with_the_mouse(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    await button(page, "transfer").click()
    await page.locator("[data-target='queue:help']").click()
    await page.locator("[data-way=transfer_now]").click()
    wanted = {**CALL, "target": {"kind": "queue", "value": "help"}}
    await until(lambda: stub.commands("call.transfer") == [wanted])


async def test_a_key_of_an_input_method_chooses_nobody(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await find_tom(page, "F9")
    await page.evaluate(
        """document.activeElement.dispatchEvent(
            new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))"""
    )
    await expect(page.locator(".reach input")).to_be_focused()
    assert stub.of_type("command") == []


async def test_a_refusal_stands_beside_the_buttons(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    words = "Your company's rules don't allow this number; ask a supervisor."
    stub.refuse = lambda _command: {"id": "number_not_allowed", "message": "not allowed"}
    await page.keyboard.press("F3")
    await page.keyboard.type("+1 900 555 0100")
    await page.keyboard.press("Enter")
    await expect(page.locator(".strip-note")).to_have_text(words)
    await idle(button(page, "dial"))


async def test_who_is_consulted_and_whether_it_rings(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("consult_ringing")
    line = page.get_by_role("group", name="Consult")
    await expect(line).to_contain_text("Tom Becker")
    await expect(line.get_by_role("status")).to_contain_text("rings")
    await expect(button(page, "conference")).to_have_attribute(
        "title", "The one you called has not answered yet."
    )
    await expect(button(page, "hang_up")).to_have_attribute(
        "title", "First hand the caller over, or end the consultation."
    )
    await stub.show("consulting")
    await expect(line.get_by_role("status")).to_contain_text("talks with you")
    await expect(button(page, "conference")).not_to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize(
    ("key", "name", "after"),
    [
        ("F9", "complete", "wrap_up"),
        ("F6", "cancel", "talking"),
        ("F10", "conference", "conference"),
    ],
)
async def test_a_consultation_ends_in_three_ways(
    open_page: OpenPage, stub: StubDesktop, key: str, name: str, after: str
) -> None:
    page = await open_page("consulting")
    await page.keyboard.press(key)
    await until(lambda: stub.commands(f"call.{name}") == [CALL])
    await busy(button(page, name))
    await page.keyboard.press(key)  # a second press says nothing new
    await stub.show(after)
    await expect(page.locator(f".strip[data-phase={after}]")).to_be_visible()
    assert len(stub.of_type("command")) == 1


async def test_the_focus_survives_its_button(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("consulting")
    await button(page, "cancel").click()
    await stub.show("talking")
    await expect(page.locator(".others")).to_have_count(0)
    await expect(page.locator("#notes")).to_be_focused()


async def test_a_party_is_dropped_and_another_added(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("conference")
    drop = page.get_by_role("button", name="Drop Tom Becker")
    await drop.click()
    await until(lambda: stub.commands("call.drop_party") == [{**CALL, "endpoint": "1002w"}])
    await busy(drop)
    await stub.change("call", parties=scenes.parties()[1:])
    await expect(page.locator("[data-party]")).to_have_count(1)
    await expect(page.get_by_role("button", name="Drop +86 574 8712 0000")).to_be_focused()
    await page.keyboard.press("F10")
    await expect(page.locator("[data-target='agent:1002']")).to_be_visible()
    assert not [row for row in await rows(page) if row.startswith("queue")]
    await page.keyboard.press("Enter")
    await until(lambda: stub.commands("call.add_party") == [{**CALL, "target": TOM}])
    await busy(button(page, "add_party"))
    await stub.change("call", parties=scenes.parties())
    await idle(button(page, "add_party"))


async def test_its_button_opens_and_closes_the_panel(open_page: OpenPage) -> None:
    page = await open_page("conference")
    await button(page, "add_party").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await button(page, "add_party").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_conference_begins_without_a_consultation(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await expect(page.locator("#notes")).to_be_focused()
    await find_tom(page, "F10")
    await page.keyboard.press("Enter")
    await until(lambda: stub.commands("call.add_party") == [{**CALL, "target": TOM}])


async def test_a_caller_is_parked_where_there_is_room(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await page.keyboard.press("F9")
    await expect(page.locator("[data-action='park.3']")).to_have_attribute(
        "title", "Somebody is parked there"
    )
    await page.locator("[data-action='park.4']").click()
    await until(lambda: stub.commands("call.park") == [{**CALL, "slot": "4"}])
    await stub.show("parked")
    await expect(page.locator(".strip .why")).to_contain_text("Parked at place 3")


async def test_a_parked_caller_is_fetched(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    await page.get_by_role("button", name="Parked callers").click()
    fetch = page.get_by_role("button", name="Fetch")
    await expect(fetch).to_have_count(1)
    await fetch.click()
    await until(lambda: stub.commands("call.fetch") == [{"slot": "3"}])
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_keys_are_sent_in_order_and_shown(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    await button(page, "keypad").click()
    await page.keyboard.type("12*#")
    await page.get_by_role("button", name="9", exact=True).click()
    await expect(page.get_by_label("Keys sent")).to_have_text("12*#9")

    def sent() -> str:
        return "".join(each["digits"] for each in stub.commands("call.send_digits"))

    await until(lambda: sent() == "12*#9")


async def test_the_call_is_taken_to_the_other_phone(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    await page.locator(".phone-status").click()
    await page.get_by_role("button", name="Take the call to the browser").click()
    await until(lambda: stub.commands("call.move") == [{**CALL, "phone": "browser"}])


@pytest.mark.parametrize("scene", ["ready", "talking", "on_hold", "consulting", "conference"])
async def test_every_button_says_why_it_cannot(open_page: OpenPage, scene: str) -> None:
    page = await open_page(scene)
    for each in await page.locator(".strip [aria-disabled=true]").all():
        assert await each.get_attribute("title")
        assert ": " in (await each.get_attribute("aria-label") or "")


async def test_the_map_of_keys_names_them(open_page: OpenPage) -> None:
    page = await open_page("ready")
    await page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    for key in ("F3", "F9", "F10"):
        await expect(keys.get_by_text(key, exact=True)).to_be_visible()


# The phone answers by itself when, and only when, this page has asked for the ring.


async def dialled(open_page: OpenPage, sip: StubSip, stub: StubDesktop) -> Page:
    """A page with a browser phone that has just asked for a call."""
    page = await registered(open_page, sip, stub)
    await page.keyboard.press("F3")
    await page.keyboard.type("95588")
    await page.keyboard.press("Enter")
    await until(lambda: stub.commands("call.dial"))
    return page


async def test_the_own_phone_answers_the_call_that_was_dialled(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    await dialled(open_page, sip, stub)
    await sip.call(answer_now=True)
    await until(lambda: "200 INVITE" in sip.seen)


async def test_a_caller_who_comes_instead_is_not_answered(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await dialled(open_page, sip, stub)
    await sip.call()
    await expect(page.locator(".strip")).to_contain_text("13800138000")
    await until(lambda: "180 INVITE" in sip.seen)
    assert "200 INVITE" not in sip.seen


async def test_nothing_is_answered_that_was_not_asked_for(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub)
    await sip.call(answer_now=True)
    await expect(page.locator(".strip")).to_contain_text("13800138000")
    await until(lambda: "180 INVITE" in sip.seen)
    assert "200 INVITE" not in sip.seen


async def test_who_is_parked_stands_in_the_list(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    opener = page.locator("[data-action=parked]")
    await expect(opener).to_contain_text("1")
    await opener.click()
    row = page.locator("[data-slot='3']")
    await expect(row).to_contain_text("王小明")
    await expect(row).to_contain_text("138****8000")
    await expect(row).to_contain_text("by Tom Becker")
    await expect(row).to_contain_text("goes back in 1:")
    await expect(row.locator(".parked-since")).to_have_text(re.compile(r"^0:\d\d$"))
    # Somebody else fetches him, and his time is over: told on every desk, whatever is open there.
    await stub.push("parked", [scenes.parked("3", rings_at="Li Na")])
    await expect(row).to_contain_text("rings at Li Na")
    await expect(row.get_by_role("button")).to_be_disabled()
    await stub.push("parked", [scenes.parked("3", 120, rings_at="Tom Becker", is_over=True)])
    await expect(row).to_contain_text("time is over: rings at Tom Becker")
    await stub.push("parked", [])
    await expect(page.get_by_text("Nobody is parked.")).to_be_visible()
    await expect(opener.locator(".count")).to_have_count(0)


async def test_a_parked_caller_is_fetched_by_his_places_number(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready")
    await page.locator("[data-action=parked]").click()
    await page.keyboard.press("4")
    await expect(page.locator(".strip-note")).to_have_text("Nobody is parked there (any more).")
    await page.keyboard.press("3")
    await until(lambda: stub.commands("call.fetch") == [{"slot": "3"}])
    await stub.push("parked", [scenes.parked("5")])
    await page.keyboard.press("F3")
    await page.locator(".reach input").fill("*75")
    await expect(page.get_by_role("option")).to_contain_text("王小明")
    await page.keyboard.press("Enter")
    await until(lambda: stub.commands("call.fetch") == [{"slot": "3"}, {"slot": "5"}])


async def test_the_number_shown_outside_is_chosen_where_one_dials(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready")
    await page.keyboard.press("F3")
    shown = page.get_by_label("Shown outside")
    await expect(page.get_by_role("option").first).to_be_visible()
    await expect(shown).to_have_count(0)  # there is nothing to choose
    await stub.push("directory", scenes.directory(caller_ids=scenes.CALLER_IDS))
    await expect(shown).to_have_value("+864001234567")
    await expect(shown.locator("option").first).to_have_text("+864001234567 · default")
    await shown.select_option("+862155550100")
    await page.locator(".reach input").fill("01012345678")
    await page.keyboard.press("Enter")
    outside = {"kind": "outside", "value": "01012345678", "caller_id": "+862155550100"}
    await until(lambda: stub.commands("call.dial") == [{"target": outside}])


async def test_a_refused_dial_answers_nothing_afterwards(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    values = {"name": "Tom"}
    stub.refuse = lambda _command: {"id": "busy_target", "message": "Busy.", "values": values}
    page = await dialled(open_page, sip, stub)
    await expect(page.locator(".strip-note")).to_have_text("Tom is in a call at the moment.")
    await sip.call(answer_now=True)
    await until(lambda: "180 INVITE" in sip.seen)
    await expect(page.locator(".strip")).to_contain_text("13800138000")
    assert "200 INVITE" not in sip.seen


async def test_a_fetched_caller_is_answered(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub)
    await page.get_by_role("button", name="Parked callers").click()
    await page.get_by_role("button", name="Fetch").click()
    await until(lambda: stub.commands("call.fetch"))
    await stub.push("call", scenes.call("ringing", slot="3"))
    await sip.call(call_id=scenes.CALL_ID)
    await until(lambda: "200 INVITE" in sip.seen)


# What it looks like.


@pytest.mark.parametrize(
    ("theme", "locale", "width"),
    [("light", "en-GB", 1280), ("dark", "zh-CN", 1280), ("light", "zh-CN", 400)],
)
@pytest.mark.parametrize(
    ("scene", "key", "name"),
    [("ready", "F3", "dial"), ("talking", "F9", "transfer"), ("conference", "F10", "add")],
)
async def test_the_panels_fit_and_can_be_read(
    open_page: OpenPage,
    tmp_path: Path,
    scene: str,
    key: str,
    name: str,
    theme: str,
    locale: str,
    width: int,
) -> None:
    page = await open_page(
        scene, color_scheme=theme, locale=locale, viewport={"width": width, "height": 720}
    )
    await page.keyboard.press(key)
    await expect(page.locator("[data-target]").first).to_be_visible()
    box = await page.locator(".reach").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert await page.evaluate("document.scrollingElement.scrollWidth") == width
    ratios = await page.evaluate(
        CONTRAST.replace(".strip .name,", ".reach [role=option] :not(.dot),")
    )
    assert min(ratios.values()) >= 4.5, ratios
    await picture(page, f"panel-{name}-{theme}-{locale}-{width}", tmp_path)
