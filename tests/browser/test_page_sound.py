"""The sound of the browser phone: devices chosen, gone and back, the echo test, how the line is, what is said of it."""

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
from tests.browser.test_page_phone import in_a_call, registered
from tests.browser.test_page_states import picture
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# What Chromium plugs in for tests: two of each besides the default.
MICROPHONE, SPEAKER, RING = "Fake Audio Input 2", "Fake Audio Output 1", "Fake Audio Output 2"

# Lets a test pull plugs, see where sound is sent, and say what a connection counts.
HANDS = """
window.unplugged = [];
window.sinks = {};
const all = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
navigator.mediaDevices.enumerateDevices = async () => (await all()).filter((each) => !window.unplugged.includes(each.label));
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (window.refused) throw new DOMException("no", window.refused);
  return ask(wanted);
};
window.plug = (names) => {
  window.unplugged = names;
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
};
for (const [name, kind] of [["element", HTMLMediaElement], ["context", AudioContext]]) {
  const set = kind.prototype.setSinkId;
  kind.prototype.setSinkId = async function (id) {
    await set.call(this, id);
    const device = (await all()).find((each) => each.kind === "audiooutput" && each.deviceId === id);
    (window.sinks[name] ??= new Map()).set(this, device?.label ?? "");
  };
}
window.sinksOf = (name) => [...(window.sinks[name] ?? new Map()).values()];
const counts = { packets: 0, lost: 0 };
RTCPeerConnection.prototype.getStats = async () => {
  const line = window.line ?? { lost: 0, out: 0, trip: 0.02, buffer: 0.04, silent: false };
  if (!line.silent) {
    counts.lost += line.lost;
    counts.packets += 100 - line.lost;
  }
  return new Map(Object.entries({
    in: { type: "inbound-rtp", packetsReceived: counts.packets, packetsLost: counts.lost, packetsDiscarded: 0, jitter: 0.004,
          jitterBufferDelay: counts.packets * line.buffer, jitterBufferEmittedCount: counts.packets },
    remote: { type: "remote-inbound-rtp", fractionLost: line.out / 100, roundTripTime: line.trip },
  }));
};
"""
SPOKEN_INTO = "window.connections.at(-1)?.getSenders()[0]?.track?.label"


async def settings(page: Page) -> None:
    """Open the phone's settings by keys alone."""
    await page.keyboard.press("Control+k")
    await page.keyboard.type("loudspeaker")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Phone settings")).to_be_visible()


async def becomes(page: Page, expression: str, arg: Any = None) -> None:
    """Wait for what a script says; the page's own policy lets none of it be polled inside."""
    await until(lambda: page.evaluate(expression, arg))


def device(page: Page, kind: str) -> Any:
    """The list of one kind of device."""
    return page.locator(f"select[data-device={kind}]")


async def test_devices_are_chosen_by_keys_and_kept_in_this_browser(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub, script=HANDS)
    await settings(page)
    await expect(device(page, "microphone")).to_be_focused()
    await expect(device(page, "microphone").locator("option")).to_have_count(3)
    await page.keyboard.type(MICROPHONE)
    await page.keyboard.press("Tab")
    await expect(device(page, "speaker")).to_be_focused()
    await page.keyboard.type(SPEAKER)
    await device(page, "ring").select_option(label=RING)
    await expect(page.get_by_role("meter", name="Loudness")).to_be_visible()
    # The fake microphone beeps: the level moves.
    await becomes(page, "Number(document.querySelector('[role=meter]')?.ariaValueNow) > 20")
    await page.get_by_role("button", name="Test ring").click()
    await page.get_by_role("button", name="Test sound").click()
    await becomes(page, f"sinksOf('element').includes('{SPEAKER}')")
    await becomes(
        page, f"sinksOf('context').includes('{SPEAKER}') && sinksOf('context').includes('{RING}')"
    )
    await page.reload()
    await expect(page.locator(".desktop")).to_be_visible()
    await settings(page)
    for kind, name in (("microphone", MICROPHONE), ("speaker", SPEAKER), ("ring", RING)):
        await expect(device(page, kind).locator("option:checked")).to_have_text(name)
    await becomes(page, f"sinksOf('element').includes('{SPEAKER}')")


async def test_the_ring_sounds_at_its_own_device_while_the_voice_stays_in_the_headset(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub, script=HANDS)
    await settings(page)
    await device(page, "speaker").select_option(label=SPEAKER)
    await device(page, "ring").select_option(label=RING)
    await page.keyboard.press("Escape")
    await stub.push("call", scenes.call("ringing"))
    await sip.call(call_id=scenes.CALL_ID)
    await until(lambda: "180 INVITE" in sip.seen)
    await becomes(page, f"sinksOf('context').includes('{RING}')")
    assert await page.evaluate("sinksOf('context')") == [RING]
    assert set(await page.evaluate("sinksOf('element')")) == {SPEAKER}  # each of the two lines


async def test_a_device_that_is_gone_is_said_and_the_default_used_until_it_is_back(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop, tmp_path: Path
) -> None:
    page = await registered(open_page, sip, stub, script=HANDS)
    await settings(page)
    await device(page, "speaker").select_option(label=SPEAKER)
    await becomes(page, f"sinksOf('element').includes('{SPEAKER}')")
    await page.evaluate("name => plug([name])", SPEAKER)
    note = page.locator(".strip-note")
    await expect(note).to_have_text(
        f"{SPEAKER} was unplugged: the system's default is used until it is back."
    )
    await expect(device(page, "speaker").locator("option:checked")).to_have_text(
        f"{SPEAKER} (not plugged in)"
    )
    await expect(page.locator("#device-speaker")).to_contain_text("isn't plugged in")
    await becomes(page, "sinksOf('element')[0] === ''")
    await picture(page, "sound-device-gone", tmp_path)
    await page.evaluate("plug([])")
    await expect(note).to_have_text(f"{SPEAKER} is plugged in again and is used.")
    await becomes(page, f"sinksOf('element')[0] === '{SPEAKER}'")
    await expect(page.locator("#device-speaker")).to_have_count(0)


async def test_another_microphone_is_taken_without_a_word_of_sip(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub, script=HANDS)
    await settings(page)
    heard = list(sip.seen)
    await device(page, "microphone").select_option(label=MICROPHONE)
    await becomes(page, f"{SPOKEN_INTO} === '{MICROPHONE}'")
    # Its plug is pulled: the default takes over.
    await page.evaluate("name => plug([name])", MICROPHONE)
    await becomes(page, f"{SPOKEN_INTO}?.startsWith('Fake Default')")
    assert sip.seen == heard


async def test_muted_stays_muted_at_another_microphone(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub, script=HANDS)
    await page.keyboard.press("F7")
    await until(lambda: stub.commands("call.mute") != [])
    await stub.change("call", muted=True)
    await settings(page)
    await device(page, "microphone").select_option(label=MICROPHONE)
    await becomes(page, f"{SPOKEN_INTO} === '{MICROPHONE}'")
    await becomes(page, "window.connections.at(-1).getSenders()[0].track.enabled === false")


async def test_a_microphone_unplugged_in_a_call_is_said_at_once_and_mended_by_the_plug(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop, tmp_path: Path
) -> None:
    page = await in_a_call(open_page, sip, stub, script=HANDS)
    before = await page.evaluate(
        """() => {
          const track = window.connections.at(-1).getSenders()[0].track;
          window.refused = 'NotFoundError';
          track.stop();
          track.dispatchEvent(new Event('ended'));
          return track.id;
        }"""
    )
    why = page.locator(".strip").get_by_role("alert").filter(has_text="nobody hears you")
    await expect(why).to_be_visible()
    await expect(page.locator(".phone-status")).to_contain_text("no microphone")
    await until(lambda: stub.of_type("phone")[-1]["mic"] == "missing")
    await picture(page, "sound-unplugged", tmp_path)
    await page.evaluate("window.refused = ''; plug([])")
    await expect(why).to_have_count(0)
    await becomes(
        page,
        "id => { const track = window.connections.at(-1).getSenders()[0].track;"
        " return track.id !== id && track.readyState === 'live'; }",
        arg=before,
    )
    assert "BYE" not in sip.seen


@pytest.mark.parametrize(
    ("theme", "locale", "width"),
    [("dark", "zh-CN", 1280), ("light", "zh-CN", 400), ("dark", "en-GB", 400)],
)
async def test_what_is_said_in_a_call_fits(
    open_page: OpenPage,
    sip: StubSip,
    stub: StubDesktop,
    tmp_path: Path,
    theme: str,
    locale: str,
    width: int,
) -> None:
    look = {"color_scheme": theme, "locale": locale, "viewport": {"width": width, "height": 720}}
    page = await in_a_call(open_page, sip, stub, script=HANDS, **look)
    await page.evaluate(
        """() => {
          window.refused = 'NotFoundError';
          window.connections.at(-1).getSenders()[0].track.dispatchEvent(new Event('ended'));
        }"""
    )
    await expect(page.locator(".strip .sound-note")).to_be_visible()
    assert await page.evaluate("document.scrollingElement.scrollWidth") == width
    await picture(page, f"sound-unplugged-{theme}-{locale}-{width}", tmp_path)


async def test_how_the_line_sounds_is_said_with_what_mends_it(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop, tmp_path: Path
) -> None:
    page = await in_a_call(open_page, sip, stub, script=HANDS)
    status, hint = page.locator(".phone-status"), page.locator(".sound-note")
    patient: dict[str, Any] = {"timeout": 20_000}
    await expect(status).to_contain_text("good", **patient)
    await expect(status.get_by_role("img", name="good")).to_be_visible()
    await expect(status).to_have_attribute(
        "title", "MOS 4.4, 0.0 % lost (0.0 % from you), jitter 4 ms, round trip 20 ms"
    )
    await expect(hint).to_have_count(0)
    await picture(page, "sound-good", tmp_path)

    await page.evaluate("window.line = { lost: 30, out: 0, trip: 0.02, buffer: 0.04 }")
    await expect(hint).to_contain_text("breaks up: use the network cable", **patient)
    await expect(status).to_contain_text("bad", **patient)
    await picture(page, "sound-bad", tmp_path)
    await page.evaluate("window.line = { lost: 0, out: 30, trip: 0.02, buffer: 0.04 }")
    await expect(hint).to_contain_text("hears you badly", **patient)
    await page.evaluate("window.line = { lost: 0, out: 0, trip: 1.2, buffer: 0.04 }")
    await expect(hint).to_contain_text("come late", **patient)
    await page.evaluate("window.line = { lost: 0, out: 0, trip: 0.02, buffer: 0.04, silent: true }")
    await expect(hint).to_contain_text("Nothing is heard", **patient)
    await expect(status).to_contain_text("no sound", **patient)


async def echoing(page: Page, sip: StubSip) -> None:
    """The echo test, called by keys."""
    await page.keyboard.press("Control+k")
    await page.keyboard.type("hear yourself")
    await page.keyboard.press("Enter")
    await until(lambda: sip.called)
    await expect(page.locator(".echo[data-stage=up]")).to_be_visible()


async def test_the_echo_test_is_called_by_keys_and_ends_with_its_panel(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop, tmp_path: Path
) -> None:
    page = await registered(open_page, sip, stub, script=HANDS)
    await echoing(page, sip)
    assert sip.called == ["sip:*43@ringdesk.invalid"]
    await expect(page.locator(".echo")).to_contain_text("Speak: you hear yourself")
    await picture(page, "sound-echo", tmp_path)
    # It is no call: nobody is told of a session, and nothing is reported of it.
    assert all(said["sessions"] == [] for said in stub.of_type("phone"))
    await page.keyboard.press("Escape")
    await until(lambda: "BYE" in sip.seen)
    assert stub.commands("phone.quality") == []


async def test_a_call_that_comes_ends_the_echo_test(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub, script=HANDS)
    await echoing(page, sip)
    await stub.push("call", scenes.call("ringing"))
    await sip.call(call_id=scenes.CALL_ID)
    await until(lambda: {"BYE", "180 INVITE"} <= set(sip.seen))
    await page.keyboard.press("F2")
    await until(lambda: "200 INVITE" in sip.seen)
    assert "486 INVITE" not in sip.seen


async def test_no_echo_test_in_a_call_nor_without_the_browser_phone(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await in_a_call(open_page, sip, stub, script=HANDS)
    await settings(page)
    button = page.locator("[data-action=echo]")
    await expect(button).to_have_attribute("aria-disabled", "true")
    await expect(button).to_have_attribute("title", re.compile("Finish|call"))
    await button.click(force=True)
    await expect(page.locator(".echo[data-stage=off]")).to_be_visible()
    assert sip.called == []


@pytest.mark.parametrize(
    ("theme", "locale", "width"),
    [
        ("light", "zh-CN", 1280),
        ("dark", "en-GB", 1280),
        ("dark", "zh-CN", 400),
        ("light", "en-GB", 400),
    ],
)
async def test_the_settings_fit(
    open_page: OpenPage,
    sip: StubSip,
    stub: StubDesktop,
    tmp_path: Path,
    theme: str,
    locale: str,
    width: int,
) -> None:
    page = await registered(
        open_page, sip, stub, script=HANDS,
        color_scheme=theme, locale=locale, viewport={"width": width, "height": 720},
    )  # fmt: skip
    await page.locator(".phone-status").click()
    panel = page.locator(".menu.wide")
    await expect(panel.locator("[role=meter]")).to_be_visible()
    box = await panel.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= 720
    assert await page.evaluate("document.scrollingElement.scrollWidth") == width
    await picture(page, f"sound-{theme}-{locale}-{width}", tmp_path)
