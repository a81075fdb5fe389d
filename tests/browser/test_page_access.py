"""The page for everybody: every state against axe-core's rules, for the keyboard alone, for who hears it, at every size."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser import access, scenes, scenes_day, states
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import LOGIN, PASSWORD, StubDesktop
from tests.browser.test_page_states import picture
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

DOCS = Path(__file__).resolve().parents[2] / "docs"
WIDE, PHONE = (1280, 720), (400, 800)
ZOOMED = {"1280x720 at 200 %": (640, 360), "1280 at 400 %": (320, 640)}
PARTS = 4
"""In which all states are walked through: so that what fails is found again soon."""
WALKED = (
    "ready", "talking", "second_consulting", "ringing_maybe", "sign-in", "menu-state", "phone-browser", "links",
    "transfer", "parked-list", "hand-over", "tickets", "callbacks", "messages", "comments", "caller-form",
)  # fmt: skip
"""Those whose every stop is met by the Tab key; the order of all others is read from the page."""


def size(at: tuple[int, int]) -> dict[str, int]:
    """A window's size, as Playwright wants it."""
    return {"width": at[0], "height": at[1]}


@pytest.mark.parametrize(
    ("theme", "locale", "window"), [("light", "en-GB", WIDE), ("dark", "zh-CN", PHONE)]
)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.timeout(600)
async def test_every_state_keeps_the_rules_and_its_place(
    open_page: OpenPage,
    stub: StubDesktop,
    tmp_path: Path,
    theme: str,
    locale: str,
    window: tuple[int, int],
    part: int,
) -> None:
    script = access.AXE.read_text(encoding="utf-8") + access.HELP
    page = await open_page(color_scheme=theme, locale=locale, viewport=size(window), script=script)
    found: dict[str, list[str]] = {}
    for state in states.all_states()[part::PARTS]:
        await states.arrive(page, stub, state)
        only = None if window == WIDE else access.LOOKS
        problems = await access.rule_problems(page, only) + await access.layout_problems(page)
        problems += await access.unreachable(page)
        if (
            window == WIDE
        ):  # a narrow strip has the other parties beneath its buttons, so that none moves
            problems += await access.disorder(page)
        if "RINGDESK_SCREENSHOTS" in os.environ:
            await picture(page, f"{state.name}-{theme}-{locale[:2]}-{window[0]}", tmp_path)
        if window == WIDE:
            for zoom, narrow in ZOOMED.items():
                await page.set_viewport_size(size(narrow))  # type: ignore[arg-type]
                problems += [f"{zoom}: {each}" for each in await access.layout_problems(page)]
            await page.set_viewport_size(size(window))  # type: ignore[arg-type]
        if problems:
            found[state.name] = problems
    assert found == {}


@pytest.mark.parametrize(("guide", "language"), [("desktop.md", "en"), ("desktop.zh.md", "zh")])
async def test_the_guide_shows_states_as_they_are(
    open_page: OpenPage, stub: StubDesktop, tmp_path: Path, guide: str, language: str
) -> None:
    text = (DOCS / guide).read_text(encoding="utf-8")
    shown = re.findall(r"\(screens/(\w+)\.(\w+)\.png\)", text)
    assert len(shown) > 5
    page = await open_page(locale="zh-CN" if language == "zh" else "en-GB")
    by_name = {state.name: state for state in states.all_states()}
    for name, of_language in shown:
        assert of_language == language
        kept = (DOCS / f"screens/{name}.{language}.png").read_bytes()
        assert len(kept) < 120_000
        await states.arrive(page, stub, by_name[name])
        await picture(page, f"{name}.{language}", tmp_path)
        made = (
            Path(os.environ.get("RINGDESK_SCREENSHOTS", tmp_path)) / f"{name}.{language}.png"
        ).read_bytes()
        assert kept[16:24] == made[16:24]  # of one size
    # Every key of the page stands in the guide's table.
    await page.keyboard.press("?")
    for key in await page.locator(".key-map dt kbd").all_inner_texts():
        assert f"`{key}`" in text


async def test_tab_comes_to_everything_in_order_and_is_seen(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page(script=access.HELP)
    found = {}
    by_name = {state.name: state for state in states.all_states()}
    for name in WALKED:
        await states.arrive(page, stub, by_name[name])
        if problems := await access.tab_problems(page):
            found[name] = problems
    assert found == {}


async def test_the_map_shows_every_key_that_acts(open_page: OpenPage) -> None:
    page = await open_page("ready")
    await page.keyboard.press("?")
    shown = set(await page.locator(".key-map dt kbd").all_inner_texts())
    # What the page takes for itself, whatever is pressed; with the map open, so that Escape has something to close.
    taken = await page.evaluate(
        """() => {
          const keys = [...Array(12).keys()].map((n) => `F${n + 1}`);
          for (let code = 33; code < 127; code += 1) keys.push(String.fromCharCode(code));
          keys.push('Enter', ' ', 'ArrowDown', 'ArrowUp', 'Delete', 'Backspace', 'Insert', 'Home', 'End', 'Escape');
          const found = [];
          const held = { '': {}, 'Shift ': { shiftKey: true }, 'Ctrl ': { ctrlKey: true }, 'Alt ': { altKey: true } };
          for (const [word, flags] of Object.entries(held)) {
            for (const key of keys) {
              if (word === 'Shift ' && key.length === 1) continue;
              const event = new KeyboardEvent('keydown', { key, ...flags, bubbles: true, cancelable: true });
              document.body.dispatchEvent(event);
              const shown = key === 'Escape' ? 'Esc' : word === 'Ctrl ' ? key.toUpperCase() : key;
              if (event.defaultPrevented) found.push(word + shown);
            }
          }
          return found;
        }"""
    )
    assert set(taken) == shown


async def test_no_key_acts_while_an_input_method_composes(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    fields = {"#notes": "", ".palette input": "Control+k", ".reach input": "F9"}
    for field, key in fields.items():
        if key:
            await page.keyboard.press(key)
        await expect(page.locator(field)).to_be_focused()
        await page.evaluate(
            """() => {
              const keys = ['F2', 'F4', 'F6', 'F7', 'F8', 'F9', 'F10', 'Enter', 'Escape', 'k', '/', '?', 'm', 'c', 'Tab'];
              for (const key of keys) {
                for (const more of [{}, { ctrlKey: true }]) {
                  document.activeElement.dispatchEvent(new KeyboardEvent('keydown',
                    { key, ...more, isComposing: true, keyCode: 229, bubbles: true, cancelable: true }));
                }
              }
            }"""
        )
        await expect(page.locator(field)).to_be_focused()
        assert stub.of_type("command") == []


async def test_a_dialog_keeps_the_focus_and_gives_it_back(open_page: OpenPage) -> None:
    page = await open_page("talking")
    for opener, key, dialog in [
        ("#notes", "Control+k", ".palette"),
        ("[data-tab=history]", "?", ".key-map"),
        (".me", "Control+k", ".palette"),
    ]:
        await page.locator(opener).focus()
        await page.keyboard.press(key)
        await expect(page.locator(dialog)).to_be_visible()
        for step in ("Tab", "Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab"):
            await page.keyboard.press(step)
            assert await page.evaluate(
                "document.querySelector('[aria-modal]').contains(document.activeElement)"
            )
        await page.keyboard.press("Escape")
        await expect(page.locator(dialog)).to_have_count(0)
        await expect(page.locator(opener)).to_be_focused()


async def test_a_menu_moves_by_arrows_and_closes_behind_who_leaves(open_page: OpenPage) -> None:
    page = await open_page("ready")
    await page.locator(".state-button").press("Enter")
    items = page.get_by_role("menuitem")
    await expect(items.first).to_be_focused()
    await page.keyboard.press("End")
    await expect(items.last).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(items.first).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("menu")).to_have_count(0)
    await expect(page.locator(".phone-status")).to_be_focused()
    # A panel that isn't modal is left the same way, and gives the focus back to its button by Escape.
    await page.keyboard.press("F3")
    await expect(page.locator(".reach input")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator(".phone-status")).to_be_focused()


@pytest.mark.parametrize(
    ("question", "entry", "proof"),
    [
        ("tom b", "Call Tom Becker", ("call.dial", {"target": {"kind": "agent", "value": "1002"}})),
        ("help", "Call Help", ("call.dial", {"target": {"kind": "queue", "value": "help"}})),
        (
            "0574 8712 0000",
            "Call 057487120000",
            ("call.dial", {"target": {"kind": "outside", "value": "057487120000"}}),
        ),
        ("#4602", "Open ticket #4602 Change of address", ("ticket.open", {"ticket_id": 4602})),
        ("change of", "Open ticket #4602 Change of address", ("ticket.open", {"ticket_id": 4602})),
        ("#98765", "Open ticket #98765", ("ticket.open", {"ticket_id": 98765})),
        ("lunch", "Not ready: Lunch", ("agent.not_ready", {"reason": "lunch"})),
    ],
)
async def test_the_palette_finds_people_queues_numbers_tickets_actions(
    open_page: OpenPage, stub: StubDesktop, question: str, entry: str, proof: tuple[str, object]
) -> None:
    page = await open_page("ready")
    await page.keyboard.press("Control+k")
    await page.keyboard.type(question)
    await expect(page.locator("#palette-list [aria-selected=true] bdi")).to_have_text(entry)
    await page.keyboard.press("Enter")
    await until(lambda: stub.commands(proof[0]) == [proof[1]])


async def test_in_a_call_the_palette_leads_to_the_transfer(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("tom b")
    await expect(page.locator("#palette-list [aria-selected=true] bdi")).to_have_text(
        "Transfer to Tom Becker…"
    )
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-target='agent:1002'][aria-selected=true]")).to_be_visible()
    assert stub.of_type("command") == []  # nothing is done before he has seen where it leads
    await page.keyboard.press("Enter")
    target = {"kind": "agent", "value": "1002"}
    await until(
        lambda: stub.commands("call.consult") == [{"call_id": scenes.CALL_ID, "target": target}]
    )


async def test_a_ticket_nobody_listed_is_searched_for(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("espresso")
    await page.keyboard.press("Enter")
    await expect(page.locator(".tickets-search")).to_have_value("espresso")
    await until(lambda: any(m["question"] == "espresso" for m in stub.of_type("tickets")))


async def test_the_palettes_chosen_line_is_always_seen(open_page: OpenPage) -> None:
    page = await open_page("talking")
    await page.keyboard.press("Control+k")
    for _ in range(20):
        await page.keyboard.press("ArrowDown")
        await expect(page.locator("#palette-list [aria-selected=true]")).to_be_in_viewport(ratio=1)


async def test_a_whole_call_by_keyboard_alone(open_page: OpenPage, stub: StubDesktop) -> None:
    stub.is_signed_in = False
    page = await open_page("signed_out")
    keys = page.keyboard
    await expect(page.locator("[name=login]")).to_be_focused()
    await keys.type(LOGIN)
    await keys.press("Tab")
    await keys.type(PASSWORD)
    await keys.press("Tab")  # the phone: of two, the arrows choose
    await keys.press("ArrowDown")
    await keys.press("Tab")
    await keys.press("Enter")
    await until(lambda: stub.commands("agent.sign_in") == [{"phone": "desk"}])
    await stub.show("not_ready")
    await expect(page.locator(".strip")).to_be_visible()
    await keys.press("F8")
    await until(lambda: stub.commands("agent.ready"))
    await stub.show("ready")

    await stub.show("ringing")
    await expect(page.locator("[data-action=answer]:not([aria-disabled])")).to_be_visible()
    await keys.press("Enter")  # of an input method, or of who writes: nothing
    await keys.press("F2")
    await until(lambda: stub.commands("call.answer") == [{"call_id": scenes.CALL_ID}])
    await stub.show("talking")
    await expect(page.locator("#notes")).to_be_focused()
    await keys.press("Control+End")
    await keys.type(" Wants a new invoice? /no")
    await until(lambda: "Wants a new invoice? /no" in stub.sections["ticket"]["note"])
    await keys.press("F6")
    await until(lambda: stub.commands("call.hold"))
    await stub.show("on_hold")
    await expect(page.locator("[data-action=hold]")).to_have_text(re.compile("Retrieve"))
    await keys.press("F6")
    await until(lambda: stub.commands("call.retrieve"))
    await stub.show("talking")
    await expect(page.locator(".strip[data-phase=talking]")).to_be_visible()
    await expect(page.locator("#notes")).to_be_focused()
    await keys.press("F9")
    await keys.type("Tom")
    await expect(page.locator("[data-target='agent:1002'][aria-selected=true]")).to_be_visible()
    await keys.press("Enter")
    await until(lambda: stub.commands("call.consult"))
    await stub.show("consulting")
    await expect(page.locator(".consulted-state.talking")).to_be_visible()
    await keys.press("F6")
    await until(lambda: stub.commands("call.cancel"))
    await stub.show("talking")
    await expect(page.locator(".strip[data-phase=talking]")).to_be_visible()
    await expect(page.locator("#notes")).to_be_focused()
    await keys.press("F4")
    await until(lambda: stub.commands("call.hang_up"))
    await stub.show("wrap_up")
    await stub.change("ticket", disposition="")
    await stub.show("outcome_missing")
    await expect(page.get_by_role("button", name="Solved")).to_be_focused()
    await keys.press("Tab")
    await keys.press("Enter")
    await until(
        lambda: [c["disposition"] for c in stub.commands("ticket.disposition")] == ["Call back"]
    )
    await stub.show("wrap_up")
    await keys.press("F8")
    await until(lambda: len(stub.commands("agent.ready")) == 2)


async def test_who_writes_is_left_to_write(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("ready")
    # A pop takes no focus, whatever has it.
    await page.locator("[data-tab=history]").focus()
    for scene in ("offered", "ringing", "withdrawn", "ringing_new"):
        await stub.show(scene)
        await expect(page.locator("body")).to_contain_text(
            {"offered": "Coming", "withdrawn": "Tom Becker took the call"}.get(scene, "Ringing")
        )
        await expect(page.locator("[data-tab=history]")).to_be_focused()
    await page.locator("[data-customer-search]").press_sequentially("Wang")
    await stub.show("talking")
    await expect(page.locator("#notes")).to_be_visible()
    await page.locator("#notes").press_sequentially("Still at it")
    # The caller hangs up in the middle of a line.
    await stub.show("outcome_missing")
    await expect(page.locator(".strip[data-phase=wrap_up]")).to_be_visible()
    await expect(page.locator("#notes")).to_be_focused()


async def test_the_focus_never_falls_out_of_the_page(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    rows = [scenes_day.missed(f"m{n}", number=f"13{n}****4567") for n in range(3)]
    page = await open_page("ready", sections={"missed": {"open": rows, "closed": [], "more": 0}})
    await page.locator("[data-opens=callbacks]").press("Enter")
    await page.locator("[data-action='missed.close.m1']").press("Enter")
    await stub.push("missed", {"open": [rows[0], rows[2]], "closed": [], "more": 0})
    await expect(page.locator("[data-missed]")).to_have_count(2)
    await expect(page.locator("[data-missed=m2] button").first).to_be_focused()
    # A form that closes gives it back to what opened it.
    await stub.show("talking")
    edit = page.get_by_role("button", name="Change name, warning and note")
    await edit.press("Enter")
    await expect(page.get_by_label("Name", exact=True)).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(edit).to_be_focused()


LISTEN = """
window.said = [];
const LIVE = '[role=status], [role=alert], [aria-live]:not([aria-live=off])';
const heard = new WeakMap();
window.addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
  for (const each of document.querySelectorAll(LIVE)) {
    if (each.getAttribute('aria-live') === 'off') continue;
    const words = each.innerText.trim();
    if (words && heard.get(each) !== words) window.said.push(words);
    heard.set(each, words);
  }
}).observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true }));
"""
"""Keeps what a screen reader would be told."""


async def said(page: Page, words: str) -> None:
    """Wait until it was said, exactly once, and forget what was said so far."""
    await until(lambda: page.evaluate("words => window.said.some((s) => s.includes(words))", words))
    heard = await page.evaluate("window.said.splice(0)")
    assert len([each for each in heard if words in each]) == 1, heard


async def test_changes_are_said_once_and_timers_never(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready", script=LISTEN, has_clock=True)
    await said(page, "Ready")
    for scene, words in {
        "ringing": "Ringing: 王小明",
        "talking": "Talking: 王小明",
        "on_hold": "On hold: 王小明",
        "second_waiting": "Otto Lindqvist",
        "consult_ringing": "Caller on hold: 王小明",
        "wrap_up": "Wrap-up: 王小明",
        "outcome_missing": "Outcome missing",
        "break_late": "Your break is over",
        "ready": "Ready",
    }.items():
        await stub.show(scene)
        await said(page, words)
    for scene in ("talking", "on_hold", "outcome_missing", "break_late", "second_waiting"):
        await stub.show(scene)
        await expect(page.locator(".desktop")).to_be_visible()
        await until(lambda: page.evaluate("window.said.length"))
        await page.clock.run_for(2_000)
        await page.evaluate("window.said.length = 0")
        await page.clock.run_for(20_000)  # half a minute of running timers
        assert await page.evaluate("window.said") == []
    stub.is_away = True
    await stub.drop()
    await until(lambda: page.evaluate("window.said.some((s) => s.includes('No connection'))"))
    await page.evaluate("window.said.length = 0")
    await page.clock.run_for(5_000)  # it counts down to the next attempt
    assert not [each for each in await page.evaluate("window.said") if "No connection" in each]
    stub.is_away = False
    await page.get_by_role("button", name="Now").click()
    await until(lambda: stub.is_linked)
    await expect(page.locator(".link-status.search")).to_be_visible()
    await page.clock.run_for(2_000)
    await said(page, "The connection was gone for")


async def test_title_language_and_landmarks_say_where_one_is(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready")
    await stub.show("ringing")
    await expect(page).to_have_title(re.compile("Wang Xiaoming"))
    for landmark in ("banner", "main", "contentinfo"):
        await expect(page.get_by_role(landmark)).to_have_count(1)
    for name in ("Call", "Caller", "Ticket", "Beside the call"):
        await expect(page.get_by_role("region", name=name, exact=True)).to_have_count(1)
    await expect(page.get_by_role("heading", level=1)).to_have_text("ringdesk")
    await page.get_by_role("button", name="中文").press("Enter")
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await page.get_by_role("button", name="EN", exact=True).press("Enter")
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_nothing_moves_for_who_wants_it_still(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page("talking", reduced_motion="reduce")
    stub.silent_to = {"call.hold"}
    await page.keyboard.press("F6")
    await expect(page.locator("[data-action=hold]")).to_have_attribute("aria-busy", "true")
    assert await page.evaluate("document.getAnimations().length") == 0


async def test_the_users_own_colours_leave_state_and_choice_to_be_seen(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("talking", forced_colors="active")
    style = "each => { const s = getComputedStyle(each); return [s.borderLeftWidth, s.borderLeftStyle]; }"
    assert await page.locator(".strip").evaluate(style) == ["8px", "solid"]
    # Grounds are the user's: what is chosen or pressed has an outline instead.
    marked = "each => parseFloat(getComputedStyle(each).outlineWidth) > 0 && getComputedStyle(each).outlineStyle !== 'none'"
    assert await page.locator("[data-tab=history]").evaluate(marked)
    await stub.change("call", muted=True)
    await expect(page.locator("[data-action=mute]")).to_have_attribute("aria-pressed", "true")
    assert await page.locator("[data-action=mute]").evaluate(marked)
    await page.keyboard.press("F9")
    await expect(page.locator("#reach-list [aria-selected=true]")).to_be_visible()
    assert await page.locator("#reach-list [aria-selected=true]").evaluate(marked)
    assert (
        await page.evaluate(
            "getComputedStyle(document.querySelector('.phase-name'), '::before').forcedColorAdjust"
        )
        == "none"
    )
