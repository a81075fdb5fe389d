"""An agent at work on the page: keys, pending and confirmed, notes, tickets, customers, recordings, hostile names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import LOGIN, PASSWORD, StubDesktop
from tests.browser.test_page_states import picture
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CALL = {"call_id": scenes.CALL_ID}
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202egnp.exe'


def button(page: Page, action: str) -> Any:
    """A button of the strip."""
    return page.locator(f".strip [data-action={action}]")


@pytest.mark.parametrize(
    ("key", "name", "args"),
    [
        ("F4", "call.hang_up", CALL),
        ("F6", "call.hold", CALL),
        ("F7", "call.mute", {**CALL, "muted": True}),
    ],
)
async def test_keys_of_a_talk(
    open_page: OpenPage, stub: StubDesktop, key: str, name: str, args: dict[str, Any]
) -> None:
    page = await open_page("talking")
    await expect(page.locator("#notes")).to_be_focused()
    await page.keyboard.press(key)
    await until(lambda: stub.commands(name) == [args])


async def test_a_held_caller_is_retrieved_by_the_same_key(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("on_hold")
    await expect(button(page, "hold")).to_contain_text("Retrieve")
    await page.keyboard.press("F6")
    await until(lambda: stub.commands("call.retrieve") == [CALL])


async def test_a_press_is_pending_until_the_service_confirms(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await button(page, "hold").click()
    await expect(button(page, "hold")).to_have_attribute("aria-busy", "true")
    await expect(page.locator(".strip")).to_have_attribute("data-phase", "talking")
    await page.keyboard.press("F6")  # a second press says nothing new
    await stub.change("call", state="on_hold", held_at=scenes.ago(0))
    await expect(page.locator(".strip")).to_have_attribute("data-phase", "on_hold")
    await expect(button(page, "hold")).not_to_have_attribute("aria-busy", "true")
    assert len(stub.commands("call.hold")) == 1


async def test_a_refusal_is_said_beside_the_buttons(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    stub.refuse = lambda _command: {"id": "no_such_call", "message": "gone"}
    await page.keyboard.press("F6")
    await expect(page.locator(".strip-note")).to_have_text("The call is over.")
    await expect(button(page, "hold")).not_to_have_attribute("aria-busy", "true")


async def test_a_refusal_speaks_the_pages_language(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking", locale="zh-CN")
    note = page.locator(".strip-note")
    values = {"name": "李娜"}
    stub.refuse = lambda _command: {"id": "busy_target", "message": "in a call", "values": values}
    await page.keyboard.press("F6")
    await expect(note).to_have_text("李娜 正在通话中。")
    # The switch has no words of its own; and what a newer service says is better than nothing.
    stub.refuse = lambda _command: {"id": "wrong_state", "message": "no", "values": {"why": ""}}
    await page.keyboard.press("F6")
    await expect(note).to_have_text("通话当前状态下无法执行此操作。")
    stub.refuse = lambda _command: {"id": "of_tomorrow", "message": "Try tomorrow."}
    await page.keyboard.press("F6")
    await expect(note).to_have_text("Try tomorrow.")


async def test_a_key_that_can_do_nothing_says_why(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    await page.keyboard.press("F4")
    await expect(page.locator(".strip-note")).to_have_text("There is no call")
    await expect(button(page, "hang_up")).to_have_attribute("title", "There is no call")
    assert stub.of_type("command") == []


async def test_a_desk_phone_is_asked_to_go_off_the_hook(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ringing")
    words = "Your desk phone can't be answered from here: lift the receiver."
    stub.refuse = lambda _command: {"id": "lift_receiver", "message": "lift it"}
    await page.keyboard.press("F2")
    await until(lambda: stub.commands("call.answer") == [CALL])
    await expect(page.locator(".strip-note")).to_have_text(words)


async def test_enter_and_keys_of_an_input_method_do_nothing(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await page.keyboard.press("Enter")
    await page.evaluate(
        """for (const key of ['F4', 'F6']) document.activeElement.dispatchEvent(
            new KeyboardEvent('keydown', { key, isComposing: true, bubbles: true, cancelable: true }))"""
    )
    await page.keyboard.press("F7")  # a word that does arrive, after which nothing else can
    await until(lambda: stub.commands("call.mute"))
    assert len(stub.of_type("command")) == 1


async def test_bare_letters_belong_to_the_field(open_page: OpenPage) -> None:
    page = await open_page("talking")
    await page.locator("#notes").press("End")
    await page.keyboard.type(" really? /yes")
    await expect(page.locator("#notes")).to_have_value(
        "Invoice 2026-10 was charged twice. Promised a correction by Friday. really? /yes"
    )
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_f8_goes_back_to_work_or_asks_for_the_reason(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("not_ready")
    await page.keyboard.press("F8")
    await until(lambda: stub.commands("agent.ready") == [{}])
    await stub.show("ready")
    await expect(page.locator(".state-word")).to_have_text("Ready")
    await page.keyboard.press("F8")
    await page.get_by_role("menuitem", name="Lunch").click()
    await until(lambda: stub.commands("agent.not_ready") == [{"reason": "lunch"}])
    await expect(page.locator(".state-button")).to_have_attribute("aria-busy", "true")


async def test_a_next_state_can_be_asked_for_in_a_call(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await page.keyboard.press("F8")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await until(lambda: stub.commands("agent.not_ready") == [{"reason": "lunch"}])
    await stub.change("agent", next_state="NOT_READY", next_reason="lunch")
    await expect(page.locator(".next-state")).to_have_text("→ Lunch")


async def test_wrap_up_is_extended(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("wrap_up")
    await page.get_by_role("button", name="+1 min").click()
    await until(lambda: stub.commands("agent.extend_wrap_up") == [{}])
    await stub.change("agent", until=scenes.ago(-81))
    await expect(button(page, "extend")).not_to_have_attribute("aria-busy", "true")


async def test_the_palette_finds_and_does(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    # A call that is there puts the focus into its notes; the palette gives it back there.
    await expect(page.locator("#notes")).to_be_focused()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("4650")
    # What belongs to the call comes first; the number may be meant otherwise, too.
    assert await page.locator("#palette-list [role=option] bdi").all_inner_texts() == [
        "Attach to #4650 Invoice charged twice",
        "Transfer to 4650…",
        "Open ticket #4650 Invoice charged twice",
        "Search tickets: 4650",
    ]
    await page.keyboard.press("Enter")
    await until(lambda: stub.commands("ticket.attach") == [{**CALL, "ticket_id": 4650}])
    await expect(page.locator("#notes")).to_be_focused()


async def test_the_map_of_keys(open_page: OpenPage) -> None:
    page = await open_page("ready")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Hang up")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_one_click_attaches_and_saves_the_notes_before(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await page.locator("#notes").fill("Charged twice again")
    await page.locator("[data-attach='4650']").click()
    await until(lambda: stub.commands("ticket.attach"))
    names = [message["name"] for message in stub.of_type("command")]
    assert names == ["ticket.note", "ticket.attach"]
    await stub.push("ticket", scenes.ticket(ticket_id=4650, subject="Invoice charged twice"))
    await expect(page.locator(".ticket h2")).to_contain_text("#4650")


async def test_notes_are_saved_while_typing(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking")
    await page.locator("#notes").fill("One")
    await until(lambda: stub.commands("ticket.note"))
    assert stub.commands("ticket.note") == [{"ticket_id": 4711, "text": "One", "version": 3}]
    await expect(page.locator(".notes-state")).to_contain_text("Saved")
    await page.locator("#notes").fill("One two")
    await until(lambda: len(stub.commands("ticket.note")) == 2)
    assert stub.commands("ticket.note")[1]["version"] == 4


async def test_a_note_changed_by_somebody_else_is_never_overwritten_unasked(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    stub.refuse = lambda _command: {"id": "note_changed", "message": "Changed meanwhile."}
    await page.locator("#notes").fill("Mine")
    await expect(page.locator(".notes-state")).to_contain_text("Somebody else changed this note")
    await stub.change("ticket", note="Theirs", version=7)
    await expect(page.locator("#notes")).to_have_value("Mine")
    await page.get_by_role("button", name="Take theirs").click()
    await expect(page.locator("#notes")).to_have_value("Theirs")


async def test_what_could_not_be_saved_survives_a_reload_and_is_saved_after(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    stub.refuse = lambda _command: {"id": "storage_busy", "message": "The store is busy."}
    await page.locator("#notes").fill("Promised Friday")
    await expect(page.locator(".notes-state")).to_contain_text("The store is busy.")
    await page.reload()
    await expect(page.locator("#notes")).to_have_value("Promised Friday")
    stub.refuse = lambda _command: None
    await until(lambda: stub.sections["ticket"]["note"] == "Promised Friday", within=10)
    await expect(page.locator(".notes-state")).to_contain_text("Saved")


async def test_an_outcome_is_picked(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("wrap_up")
    await page.get_by_role("button", name="Solved").click()
    wanted = {**CALL, "ticket_id": 4711, "disposition": "Solved"}
    await until(lambda: stub.commands("ticket.disposition") == [wanted])
    await stub.change("ticket", disposition="Solved")
    await expect(page.get_by_role("button", name="Solved")).to_have_attribute(
        "aria-pressed", "true"
    )


async def test_one_of_several_people_is_chosen(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ringing_maybe")
    await expect(page.locator(".strip .name")).to_have_text("Wang Xiaoming")
    await page.get_by_role("button", name="Liu Fang").click()
    await until(lambda: stub.commands("customer.choose") == [{**CALL, "customer_id": 31}])


async def test_a_new_caller_is_named(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking_new")
    await page.get_by_label("Name").fill("赵敏")
    await page.get_by_role("button", name="Save").click()
    wanted = {"customer_id": 90, "name": "赵敏", "company": ""}
    await until(lambda: stub.commands("customer.rename") == [wanted])


async def test_a_masked_number_is_shown_only_to_who_may(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking_new")
    eye = page.get_by_role("button", name="Show the whole number")
    await expect(eye).to_have_attribute("aria-disabled", "true")
    await stub.change("call", can_reveal=True)
    await eye.click()
    await until(lambda: stub.commands("number.reveal") == [CALL])


async def test_hostile_names_stay_text(open_page: OpenPage, stub: StubDesktop) -> None:
    customer = scenes.known()
    customer["customer"] |= {"name": HOSTILE, "company": HOSTILE, "note": HOSTILE}
    sections = {
        "call": scenes.call("talking", caller_name=HOSTILE, number=HOSTILE, menu_path=[HOSTILE]),
        "customer": customer,
        "ticket": scenes.ticket(subject=HOSTILE, note=HOSTILE),
    }
    page = await open_page("talking", sections=sections)
    await expect(page.locator(".strip .name")).to_contain_text("<script>window.hacked=1</script>")
    assert await page.locator("#app script, #app img").count() == 0
    assert await page.evaluate("window.hacked") is None
    assert "\u202e" not in await page.locator(".strip").inner_text()
    box = await page.locator(".strip").bounding_box()
    assert box is not None
    assert box["height"] == 124


async def test_focus_is_not_taken_from_who_types(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ringing")
    await stub.push("customer", scenes.new_caller())
    await page.get_by_label("Name").fill("赵")
    await stub.push("ticket", scenes.ticket())
    await stub.push("call", scenes.call("talking"))
    await expect(page.locator(".strip[data-phase=talking]")).to_be_visible()
    await expect(page.get_by_label("Name")).to_be_focused()


async def test_a_recording_plays_by_ranges_and_stops_for_a_call(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("wrap_up")
    await page.locator("[data-recording=r9]").click()
    await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    await until(lambda: stub.ranges)
    assert all(asked.startswith("bytes=") for asked in stub.ranges)
    await expect(page.locator(".player")).to_contain_text("/ 00:06")
    height = await page.locator(".player-wave > div").bounding_box()
    assert height is not None
    assert height["height"] == 56
    await stub.show("ringing")
    play = page.locator(".player").get_by_role("button", name="Play recording")
    await expect(play).to_be_visible()


async def test_a_recording_that_is_gone_says_so(open_page: OpenPage) -> None:
    page = await open_page("talking")
    await page.locator("[data-recording=gone]").click()
    await expect(page.locator(".player")).to_contain_text("This recording is not there")


async def test_signing_in(open_page: OpenPage, stub: StubDesktop) -> None:
    stub.is_signed_in = False
    page = await open_page("signed_out")
    await page.get_by_label("Login").fill(LOGIN)
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Go to work").click()
    await expect(page.locator(".card-problem")).to_have_text("Login or password is wrong.")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_text("Desk phone").click()
    await page.get_by_role("button", name="Go to work").click()
    await until(lambda: stub.commands("agent.sign_in") == [{"phone": "desk"}])
    await stub.show("ready")
    await expect(page.locator(".strip")).to_be_visible()


@pytest.mark.parametrize("numbers", [["013900001111", "057487120000"], []], ids=["chosen", "any"])
async def test_a_phone_outside_or_of_the_room_is_chosen_at_the_sign_in(
    open_page: OpenPage, stub: StubDesktop, tmp_path: Path, numbers: list[str]
) -> None:
    shared = [{"extension": "1090", "label": {"en": "Hot desk 1", "zh": "共享工位1"}}]
    more = {"shared_phones": shared, "outside_phone": {"numbers": numbers}}
    scene = scenes.scene("ready")
    page = await open_page(
        sections={"me": {**scene["me"], **more}, "agent": {**scene["agent"], "state": "LOGGED_OUT"}}
    )
    await expect(page.get_by_label("Hot desk 1")).to_be_visible()
    await page.get_by_label("A phone outside").check()
    field = page.locator("[name=outside_number]")
    if numbers:
        await field.select_option("057487120000")
    else:
        await field.fill("0574 8712 0000")
    await picture(page, f"sign_in_outside_{len(numbers)}", tmp_path)
    await page.get_by_role("button", name="Go to work").click()
    await until(lambda: stub.commands("agent.sign_in") != [])
    sent = stub.commands("agent.sign_in")[0]
    assert sent == {"phone": "outside", "number": "057487120000" if numbers else "0574 8712 0000"}


async def test_the_microphone_is_tried_in_two_clicks(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("signed_out")
    await page.get_by_role("button", name="Check microphone").click()
    await expect(page.get_by_text("You are heard.")).to_be_visible()  # Chromium's device beeps
    await page.get_by_role("button", name="Sounds good").click()
    await expect(page.get_by_text("Your microphone is good.")).to_be_visible()


async def test_a_blocked_microphone_is_said_with_its_cure(open_page: OpenPage) -> None:
    refuse = """navigator.mediaDevices.getUserMedia = async () => {
        if (!window.allowed) throw new DOMException('no', 'NotAllowedError');
        return new MediaStream();
    };"""
    page = await open_page("signed_out", script=refuse)
    await page.get_by_role("button", name="Check microphone").click()
    await expect(page.get_by_role("alert").first).to_contain_text("click the lock beside")
    await page.evaluate(
        "window.allowed = true; navigator.mediaDevices.getUserMedia = "
        "() => Promise.resolve(new AudioContext().createMediaStreamDestination().stream)"
    )
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text("Say something")).to_be_visible()


async def test_signing_out_ends_the_session(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    await page.locator(".me").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await until(lambda: stub.commands("agent.sign_out") == [{}])
    await until(lambda: stub.of_type("sign_out") == [{"type": "sign_out", "csrf": "csrf-1"}])
    await expect(page.get_by_label("Password")).to_be_visible()


async def test_the_journey_is_short_and_in_words(open_page: OpenPage) -> None:
    rows = [
        ("menu", "Billing", None),
        ("digits", "2", None),
        ("menu", "Invoice", None),
        ("queue", "billing", None),
        ("overflowed", "wait", None),
        ("queue", "sales", None),
        ("left_by_key", "voicemail", None),
        ("voicemail", "sales", None),
        ("callback", "sales", None),
        ("callback_in_vain", "busy", None),
        ("callback_withdrawn", "got_through", None),
        ("missed", "no_answer", None),
        ("talk", "Li Na", None),
        ("hold", "", None),
        ("retrieved", "", None),
        ("talk", "Li Na", None),
        ("consult", "1002", None),
        ("conference", "", None),
        ("transferred", "billing", None),
        ("parked", "3", None),
        ("talk", "Li Na", None),
        ("transferred", "", None),
        ("ended", "caller", None),
        ("recording_failed", "truncated", None),
        ("recording", "", "r1"),
    ]
    start = 200
    timeline = [
        {"at": scenes.ago(start - 4 * i), "what": what, "text": text, "recording_id": recording}
        for i, (what, text, recording) in enumerate(rows)
    ]
    page = await open_page("talking", sections={"ticket": scenes.ticket(timeline=timeline)})
    assert await page.locator(".timeline-text").all_inner_texts() == [
        "Menu Billing › Invoice · keys 2",
        "Queue Billing",
        "Sent on by rule waited too long",
        "Queue sales",
        "Left by key to leave a message",
        "Voicemail sales",
        "Asked to be called back sales",
        "Called back in vain busy",
        "Callback withdrawn got through another way",
        "Not answered rang too long",
        "Talk Li Na",
        "Hold 0:04",
        "Consulted 1002",
        "Conference",
        "Sent on Billing",
        "Parked Place 3",
        "Talk Li Na",
        "Sent on somebody outside",
        "Ended by the caller",
        "Recording incomplete",
        "Recording",
    ]
    await expect(page.locator(".timeline [data-recording=r1]")).to_be_visible()


async def test_a_state_that_moved_on_at_once_is_confirmed(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("not_ready")
    await page.keyboard.press("F8")
    await until(lambda: stub.commands("agent.ready") != [])
    await stub.push("agent", scenes.scene("ringing")["agent"])  # a caller was waiting
    await expect(page.locator(".state-button")).not_to_have_attribute("aria-busy", "true")


async def test_recordings_of_others_say_why_they_are_silent(open_page: OpenPage) -> None:
    me = {**scenes.scene("talking")["me"], "name": "李娜", "permissions": ["hear_own_recordings"]}
    page = await open_page("talking", sections={"me": me})
    own, other = page.locator("[data-recording=r1]"), page.locator("[data-recording=r2]")
    await expect(own).not_to_have_attribute("aria-disabled", "true")
    await expect(other).to_have_attribute("aria-disabled", "true")
    await expect(other).to_have_attribute("title", re.compile("supervisors may hear"))
    await other.click(force=True)
    await expect(page.locator(".player")).to_have_count(0)
