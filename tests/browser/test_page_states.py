"""What the page looks like in each state: it says the state in words, nothing jumps, nothing overflows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WORDS = {
    "ready": "Waiting for a caller",
    "not_ready": "Lunch",
    "break_ending": "Your break ends soon",
    "break_late": "Your break is over",
    "outcome_missing": "Choose the outcome of this call",
    "missed": "Did not answer",
    "offered": "Coming",
    "ringing": "Ringing",
    "ringing_automatic": "answers by itself",
    "ringing_maybe": "Who is it?",
    "ringing_unknown": "Number withheld",
    "ringing_sent": "sent by Tom Becker",
    "ringing_new": "Search customers",
    "ringing_colleague": "8002",
    "withdrawn": "Tom Becker took the call",
    "talking": "Talking",
    "talking_new": "A new caller",
    "talking_next": "→ Lunch",
    "on_hold": "On hold",
    "in_menu": "In menu: Verify PIN",
    "menu_verified": "Verify PIN: verified",
    "menu_failed": "failed after 3 tries",
    "menu_survey": "Service 5",
    "dialling": "Outbound call",
    "consult_ringing": "rings",
    "consulting": "talks with you",
    "conference": "+86 574 8712 0000",
    "second_waiting": "Otto Lindqvist",
    "second_on_hold": "Take back",
    "second_consulting": "Waiting",
    "transferring": "Sent on, not answered yet",
    "parked": "Parked at place 3",
    "agent_lost": "Phone lost",
    "wrap_up": "Wrap-up",
    "alarm": "The disk is full",
    "switch_down": "Exchange not reachable",
    "signed_out": "Go to work",
}


PHASES = (
    "ready",
    "ringing",
    "talking",
    "on_hold",
    "in_menu",
    "consulting",
    "conference",
    "dialling",
    "wrap_up",
    "not_ready",
)


async def picture(page: Page, name: str, tmp_path: Path) -> None:
    """Keep a screenshot; in the folder that RINGDESK_SCREENSHOTS names, if any."""
    folder = Path(os.environ.get("RINGDESK_SCREENSHOTS", tmp_path))
    await page.screenshot(path=folder / f"{name}.png", full_page=True)


async def test_every_scene_is_looked_at() -> None:
    assert set(WORDS) == scenes.NAMES


@pytest.mark.parametrize("name", sorted(WORDS))
async def test_a_state_is_said_in_words_and_fits_the_window(
    open_page: OpenPage, name: str, tmp_path: Path
) -> None:
    page = await open_page(name)
    await expect(page.locator("body")).to_contain_text(WORDS[name])
    size = await page.evaluate(
        "[document.scrollingElement.scrollWidth, document.scrollingElement.scrollHeight]"
    )
    assert size == [1280, 720]
    await picture(page, name, tmp_path)


async def test_the_strip_and_its_buttons_keep_their_places(
    open_page: OpenPage, stub: StubDesktop
) -> None:
    page = await open_page("ready")
    places = {}
    # Muted, and the recording paused: other words on the buttons.
    others = {"talking_next": "talking", "second_waiting": "talking", "second_on_hold": "talking"}
    others["second_consulting"] = "consulting"
    for name, phase in [*zip(PHASES, PHASES, strict=True), *others.items()]:
        await stub.show(name)
        await expect(page.locator(f".strip[data-phase={phase}]")).to_be_visible()
        is_muted = str(name == "talking_next").lower()
        await expect(page.locator("[data-action=mute]")).to_have_attribute("aria-pressed", is_muted)
        places[name] = await page.evaluate(
            """[...document.querySelectorAll('.strip, .columns, .bottom-bar, .strip-buttons [data-action]')]
            .map((each) => {
              const { left, top, width, height } = each.getBoundingClientRect();
              return [each.dataset.action ?? each.className, left, top, width, height].join(' ');
            })"""
        )
    for name, place in places.items():
        assert place == places["ready"], name


@pytest.mark.parametrize(
    "name",
    [
        "ringing",
        "talking",
        "consulting",
        "conference",
        "in_menu",
        "menu_survey",
        "wrap_up",
        "signed_out",
        "talking_next",
        "outcome_missing",
        "break_late",
        "second_waiting",
        "second_consulting",
    ],
)
@pytest.mark.parametrize(
    ("theme", "locale", "width"),
    [("dark", "zh-CN", 1280), ("light", "zh-CN", 400), ("dark", "en-GB", 400)],
)
async def test_dark_chinese_and_narrow(
    open_page: OpenPage, tmp_path: Path, name: str, theme: str, locale: str, width: int
) -> None:
    page = await open_page(
        name, color_scheme=theme, locale=locale, viewport={"width": width, "height": 800}
    )
    await expect(page.locator("form, .strip").first).to_be_visible()
    assert await page.evaluate("document.scrollingElement.scrollWidth") == width
    language = "zh-CN" if locale == "zh-CN" else "en"
    assert await page.evaluate("document.documentElement.lang") == language
    await picture(page, f"{name}-{theme}-{locale}-{width}", tmp_path)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_words_stand_out_from_their_ground(
    open_page: OpenPage, stub: StubDesktop, theme: str
) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1 for text; the strip in each state, buttons that can't be pressed aside."""
    page = await open_page("ready", color_scheme=theme)
    for name in (*PHASES, "agent_lost", "second_waiting", "second_on_hold"):
        await stub.show(name)
        phase = await page.locator(".strip").get_attribute("data-phase")
        ratios = await page.evaluate(CONTRAST)
        assert min(ratios.values()) >= 4.5, (name, phase, ratios)


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => {
    const [r, g, b] = rgb(colour).map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return 'white';
  };
  const ratios = {};
  for (const each of document.querySelectorAll('.strip .name, .strip .number, .strip .why, '
      + '.second-state, .second-name, .second-kind, .second .figures, '
      + '.strip .consulted-name, .strip .consulted-state, .strip .party bdi, .strip .big, .strip .phase-word,'
      + '.strip .recording:not(.none), .top-bar .phone-word, .queue, .match, .teach, .bottom-bar span, .history time')) {
    const pair = [light(getComputedStyle(each).color), light(ground(each))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    ratios[each.className] = Math.min(ratios[each.className] ?? 99, Math.round(ratio * 10) / 10);
  }
  return ratios;
}"""
