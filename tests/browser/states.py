"""Every state of the page that an agent can bring about, and how to get there: what its looks and its reach are tried in.

A state is a scene (``scenes.py``) and, for what opens by a press, a few steps. Each begins with a fresh page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Page, expect

from tests.browser import scenes, scenes_day
from tests.browser import scenes_pop as pop
from tests.browser.stub_desktop import LOGIN, StubDesktop
from tests.until import until

Json = dict[str, Any]
Steps = Callable[[Page, StubDesktop], Awaitable[None]]


PATIENCE_MS = 30_000
"""For a page that loads on a busy machine; no state takes a second by itself."""


@dataclass(frozen=True)
class State:
    """A scene, sections that differ from it, what the stub does, what is pressed, and what proves that it is there."""

    name: str
    scene: str = "ready"
    shows: str = ".strip"
    sections: Mapping[str, Any] = field(default_factory=dict)
    enter: Steps | None = None
    path: str = ""
    is_signed_in: bool = True
    refuses: Json | None = None
    customers: tuple[Json, ...] = ()
    is_away: bool = False


def pressing(*keys: str) -> Steps:
    """Keys, one after the other."""

    async def enter(page: Page, _stub: StubDesktop) -> None:
        for key in keys:
            await page.keyboard.press(key)

    return enter


def clicking(*selectors: str) -> Steps:
    """Places, one after the other."""

    async def enter(page: Page, _stub: StubDesktop) -> None:
        for selector in selectors:
            await page.locator(selector).first.click()

    return enter


def typing(first: str, text: str) -> Steps:
    """Opens something by a key and types into it."""

    async def enter(page: Page, _stub: StubDesktop) -> None:
        await page.keyboard.press(first)
        await expect(page.locator("input[role=combobox]")).to_be_focused()
        await page.keyboard.type(text)

    return enter


async def _cut(_page: Page, stub: StubDesktop) -> None:
    await until(lambda: stub.is_linked)
    stub.is_away = True
    await stub.drop()


async def _replaced(_page: Page, stub: StubDesktop) -> None:
    await until(lambda: stub.is_linked)
    await stub.drop(code=4005)


async def _wrong_password(page: Page, _stub: StubDesktop) -> None:
    await page.locator("[name=login]").fill(LOGIN)
    await page.locator("[name=password]").fill("wrong")
    await page.keyboard.press("Enter")


async def _conflict(page: Page, stub: StubDesktop) -> None:
    await page.locator("#notes").fill("Mine")
    await page.locator(".notes-state.conflict").wait_for()
    await stub.change("ticket", note="Theirs", version=7)


async def _searched(page: Page, _stub: StubDesktop) -> None:
    await page.locator(".another .text-button").click()
    await page.locator("[data-customer-search]").fill("Wang")


async def _canned(page: Page, _stub: StubDesktop) -> None:
    await page.locator("#notes").fill("")
    await page.locator("#notes").press("/")


async def _promising(page: Page, stub: StubDesktop) -> None:
    await clicking("[data-action=promise]")(page, stub)


async def _tokens(page: Page, stub: StubDesktop) -> None:
    stub.tokens = []
    await clicking(".me", ".menu [role=menuitem]:nth-of-type(2)")(page, stub)
    await page.locator(".token-new input").fill("Invoices")
    await page.keyboard.press("Enter")


async def _framed(page: Page, _stub: StubDesktop) -> None:
    await page.locator("[data-tab=outside]").click()
    await until(lambda: page.locator(".outside").count())


def _around() -> Json:
    waiting = {
        "call_id": "w1", "number": "137****1111", "queue": "billing", "stage": "waiting", "attempts": 1,
        "queue_label": {"en": "Billing", "zh": "账单"}, "requested_at": scenes.ago(900),
        "due_at": scenes.ago(-900), "expires_at": scenes.ago(-9_000),
    }  # fmt: skip
    entries = [
        scenes_day.missed(),
        scenes_day.missed("m2", count=3, name="王小明", last_try="busy", last_try_at=scenes.ago(60),
                          last_try_by="Tom Becker", tries=1, agents=["u7"], voicemail=True),
        scenes_day.missed("m3", taken_by="u9", taken_name="Tom Becker"),
    ]  # fmt: skip
    closed = [
        scenes_day.missed("m4", closed_at=scenes.ago(5), how="called_back", closed_by="Tom Becker",
                          result="sold", result_label={"en": "Sold", "zh": "已售"}),
        scenes_day.missed("m5", closed_at=scenes.ago(5), how="by_hand", closed_by="Li Na", result="no_need"),
    ]  # fmt: skip
    mine = [scenes_day.promised(due_s=-60), scenes_day.promised("p2")]
    team = [
        scenes_day.promised(
            "p3", due_s=-900, keeper="Tom Becker", keeper_id="u8", is_signed_out=True
        )
    ]
    return {
        "missed": {"open": entries, "closed": closed, "more": 2},
        "callbacks": {"mine": mine, "team": team, "queue": [waiting], "due": 2},
    }


_DUE: Json = {"mine": [scenes_day.promised(due_s=-60)], "team": [], "queue": [], "due": 1}
_BROWSER_PHONE: Json = {"kind": "browser", "endpoint": "1001w", "state": "unavailable", "sip": None}


def _supervisor() -> Json:
    return {
        "received": [scenes_day.received(), scenes_day.received("00000000000000a2", is_read=True)],
        "sent": [
            {
                "message_id": "00000000000000b1", "at": scenes.ago(300), "audience": "team", "to": "day",
                "text": "Line 2 is closed until three", "recipients": 3, "read": 2,
                "unread_by": ["Tom Becker"],
            }
        ],
        "unread": 1, "teams": ["day", "late"], "may_send": True,
    }  # fmt: skip


def _panels() -> list[State]:
    return [
        State("menu-state", shows=".menu[role=menu]", enter=pressing("F8")),
        State("menu-user", shows=".menu[role=menu]", enter=clicking(".me")),
        State("phone-desk", shows=".menu.wide", enter=clicking(".phone-status")),
        State("phone-browser", shows=".menu.wide .echo", sections={"phone": _BROWSER_PHONE},
              enter=clicking(".phone-status")),
        State("palette", "talking", ".palette", enter=pressing("Control+k")),
        State("palette-found", "ready", "#palette-list [role=option]", enter=typing("Control+k", "tom")),
        State("palette-nothing", "ready", ".palette", enter=typing("Control+k", "zzzz")),
        State("key-map", shows=".key-map", enter=pressing("?")),
        State("links", shows=".links [role=status]", enter=_tokens),
        State("keypad", "talking", ".keypad", enter=clicking("[data-action=keypad]")),
        State("transfer", "talking", "#reach-list [role=option]", enter=pressing("F9")),
        State("transfer-nobody", "talking", ".reach-none", enter=typing("F9", "zzzz")),
        State("menus", "talking", ".menu[role=menu]", enter=pressing("Shift+F9")),
        State("add", "conference", "#reach-list [role=option]", enter=pressing("F10")),
        State("dial", shows="#reach-list [role=option]", enter=pressing("F3")),
        State("parked-list", shows=".parked-menu", enter=clicking("[data-action=parked]")),
        State("day", shows=".day-plot", enter=clicking("[data-action=day]")),
        State("hand-over", "talking", ".hand-over-menu", enter=clicking("[data-action=hand_over]")),
        State("strip-note", "talking", ".strip-note:not(:empty)", refuses={"id": "no_such_call", "message": "x"},
              enter=pressing("F6")),
    ]  # fmt: skip


def _columns() -> list[State]:
    opened = scenes.ticket(ticket_id=4650, subject="Invoice charged twice", open_tickets=[])
    outside = pop.outside_page(scenes.CALL_ID, "http://127.0.0.1:9/?c=12")
    someone: Json = {
        "id": 31,
        "name": "Wang Fang",
        "company": "Acme GmbH",
        "numbers": ["138****0000"],
        "last": None,
    }
    return [
        State("tickets", "ready", ".ticket-row", enter=clicking("[data-tab=tickets]")),
        State("tickets-search", "talking", ".tickets-search", enter=clicking("[data-tab=tickets]", "[data-list=search]")),
        State("tickets-customer", "talking", ".ticket-rows", enter=clicking("[data-tab=tickets]", "[data-list=customer]")),
        State("ticket-opened", "talking", ".opened", {"opened": opened}, clicking("[data-tab=tickets]")),
        State("ticket-alone", "ready", ".column.ticket .notes", {"opened": opened}),
        State("callbacks", "ready", ".day-list", _around(), clicking("[data-tab=callbacks]")),
        State("promise", "talking", "#promise-due", enter=_promising),
        State("messages", "ready", ".message", {"messages": _supervisor()}, clicking("[data-tab=messages]")),
        State("outside", "talking", ".outside", {"outside_page": outside}, _framed),
        State("due", "ready", ".due-reminder", {"callbacks": _DUE}),
        State("player", "talking", ".player", enter=clicking(".history .play")),
        State("comments", "talking", ".comments", enter=clicking("[data-below=comments]")),
        State("canned", "talking", ".canned", enter=_canned),
        State("notes-conflict", "talking", ".notes-state.conflict", refuses={"id": "note_changed", "message": "x"},
              enter=_conflict),
        State("caller-form", "talking", ".caller .form", enter=clicking(".file-name .icon-button")),
        State("caller-search", "talking", ".choices .choice", enter=_searched, customers=(someone,)),
        State("no-connection", "talking", ".link-status.bad", enter=_cut),
    ]  # fmt: skip


async def _deaf(page: Page, stub: StubDesktop) -> None:
    await page.evaluate(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError')); 0"
    )
    await clicking(".sound-check .button")(page, stub)


def _cards() -> list[State]:
    return [
        State("sign-in", shows=".sign-in", is_signed_in=False),
        State("sign-in-wrong", shows=".card-problem:not(:empty)", is_signed_in=False, enter=_wrong_password),
        State("sign-in-sound", "signed_out", ".meter", enter=clicking(".sound-check .button")),
        State("sign-in-no-microphone", "signed_out", ".sound-check .problem", enter=_deaf),
        State("dial-link", shows=".card-buttons", path="dial?number=tel:%2B8657487120000"),
        State("dial-link-none", shows=".card", path="dial?number=nothing"),
        State("replaced", shows=".card", enter=_replaced),
        State("connecting", shows=".card", is_away=True),
    ]  # fmt: skip


def all_states() -> list[State]:
    """Every state, each with a name of its own."""
    whole = [
        State(name, name, ".sign-in" if name == "signed_out" else ".strip")
        for name in sorted(scenes.NAMES)
    ]
    return [*whole, *_panels(), *_columns(), *_cards()]


async def arrive(page: Page, stub: StubDesktop, state: State) -> None:
    """Bring a page into a state, from whatever it showed before."""
    page.set_default_timeout(PATIENCE_MS)
    stub.is_away = state.is_away
    stub.is_signed_in = state.is_signed_in
    stub.refuse = lambda _command: state.refuses
    stub.customers = list(state.customers)
    stub.sections = {**scenes.scene(state.scene), **state.sections}
    await page.evaluate("() => { try { sessionStorage.clear(); localStorage.clear(); } catch {} }")
    await page.goto("about:blank")
    await until(lambda: not stub.is_linked, within=20)  # the page before has said goodbye
    await page.goto(stub.url + state.path)
    await page.locator(".desktop, .card").first.wait_for()
    if state.enter:
        await state.enter(page, stub)
    await page.locator(state.shows).first.wait_for()
