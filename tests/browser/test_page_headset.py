"""Headset buttons by WebHID: what a report descriptor says, and the page with a scripted ``navigator.hid``.

The descriptors are made after the HID usage tables (telephony page 0x0B, LED page 0x08): no real headset was at hand.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import scenes
from tests.browser.open_page import OpenPage
from tests.browser.stub_desktop import StubDesktop
from tests.browser.stub_sip import StubSip
from tests.browser.test_page_phone import registered
from tests.browser.test_page_sound import becomes
from tests.until import until

pytest_plugins = ["tests.browser.page_plugin"]
pytestmark = pytest.mark.browser
ON_A_PAGE = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).resolve().parents[2]
HOOK, FLASH, MUTE = 0x0B0020, 0x0B0021, 0x0B002F
MUTE_LAMP, OFF_HOOK_LAMP, RING_LAMP = 0x080009, 0x080017, 0x080018


def bits(*usages: int, **fields: Any) -> dict[str, Any]:
    """A row of one-bit buttons or lamps."""
    return {"usages": list(usages), "reportSize": 1, "reportCount": len(usages), "isAbsolute": True, **fields}  # fmt: skip


def telephone(inputs: list[Any], outputs: list[Any] = (), report_id: int = 2) -> list[Any]:  # type: ignore[assignment]
    """A headset's collections: the sound buttons of the consumer page first, then the telephone."""
    volume = {"reportId": 1, "items": [bits(0x0C00E9, 0x0C00EA)]}
    return [
        {"usagePage": 0x0C, "usage": 1, "children": [], "inputReports": [volume], "outputReports": []},
        {
            "usagePage": 0x0B,
            "usage": 5,
            "children": [],
            "inputReports": [{"reportId": report_id, "items": inputs}],
            "outputReports": [{"reportId": report_id, "items": list(outputs)}],
        },
    ]  # fmt: skip


PAD = {"isConstant": True, "reportSize": 5, "reportCount": 1, "usages": []}
LAMPS = [bits(OFF_HOOK_LAMP, RING_LAMP), PAD, bits(MUTE_LAMP)]
PLAIN = telephone([bits(HOOK), bits(MUTE, isAbsolute=False)], LAMPS)
"""An absolute hook switch, a mute button that says each press, lamps with a gap."""
ARRAY = telephone(
    [
        {"isArray": True, "isRange": True, "usageMinimum": 0x0B0020, "usageMaximum": 0x0B002F,
         "logicalMinimum": 1, "reportSize": 8, "reportCount": 2, "isAbsolute": True}
    ]
)  # fmt: skip
"""An array field: two bytes that name what is pressed, the hook switch as 1."""
MOMENTARY = telephone([bits(FLASH), bits(HOOK, isAbsolute=False), bits(MUTE)])

_RUN = """
import * as esbuild from "esbuild";
const { outputFiles } = await esbuild.build({ entryPoints: ["src/headset.ts"], bundle: true, format: "esm", write: false });
const { readLayout, lampReports, Buttons } = await import("data:text/javascript," + encodeURIComponent(outputFiles[0].text));
const answers = JSON.parse(process.argv[1]).map(({ collections, reports, lamps }) => {
  const layout = readLayout(collections);
  if (!layout) return null;
  const buttons = new Buttons(layout);
  const deeds = reports.map(([id, bytes, isOffHook, isMuted]) =>
    buttons.take(id, new DataView(new Uint8Array(bytes).buffer), isOffHook, isMuted).join());
  return { deeds, lamps: lamps.map((lit) => [...lampReports(layout, lit)].map(([id, data]) => [id, ...data])) };
});
console.log(JSON.stringify(answers));
"""


def read(collections: Any, reports: list[Any] = (), lamps: list[Any] = ()) -> Any:  # type: ignore[assignment]
    """What ``headset.ts`` makes of a device and its reports."""
    asked = [{"collections": collections, "reports": list(reports), "lamps": list(lamps)}]
    done = subprocess.run(
        [str(ROOT / ".venv/bin/node"), "--input-type=module", "-e", _RUN, json.dumps(asked)],
        cwd=ROOT / "pages", capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)[0]


def test_an_absolute_hook_switch_says_lifted_and_laid_down() -> None:
    reports = [
        [1, [3], False, False],  # louder: another report
        [2, [0], False, False],  # how it is: no press
        [2, [1], False, False],
        [2, [1], True, False],  # said again
        [2, [0], True, False],
        [2, [1], True, False],  # the call was answered on the page: the headset only follows
        [2, [], True, False],  # too short: as if nothing were pressed
    ]
    assert read(PLAIN, reports)["deeds"] == ["", "", "answer", "", "hang_up", "", "hang_up"]


def test_a_mute_button_that_says_each_press_and_one_that_says_how_it_is() -> None:
    presses = [[2, [2], True, False], [2, [0], True, True], [2, [2], True, True]]
    assert [d.replace("hang_up", "").strip(",") for d in read(PLAIN, presses)["deeds"]] == [
        "mute",
        "",
        "mute",
    ]
    states = [[2, [4], True, False], [2, [4], True, True], [2, [0], True, True], [2, [4], True, True]]  # fmt: skip
    assert read(MOMENTARY, states)["deeds"] == ["mute", "", "mute", ""]


def test_a_momentary_hook_switch_toggles() -> None:
    reports = [[2, [2], False, False], [2, [0], True, False], [2, [2], True, False]]
    assert read(MOMENTARY, reports)["deeds"] == ["answer", "", "hang_up"]


def test_an_array_field_names_what_is_pressed() -> None:
    reports = [
        [2, [0, 0], False, False],
        [2, [0, 1], False, False],
        [2, [1, 16], True, False],
        [2, [16, 0], True, True],
    ]
    assert read(ARRAY, reports)["deeds"] == ["", "answer", "mute", "hang_up"]


def test_lamps_stand_where_the_descriptor_says() -> None:
    lit = [
        {"mute": False, "off_hook": False, "ring": False},
        {"mute": False, "off_hook": False, "ring": True},
        {"mute": True, "off_hook": True, "ring": False},
    ]
    assert read(PLAIN, lamps=lit)["lamps"] == [[[2, 0]], [[2, 2]], [[2, 0x81]]]
    assert read(ARRAY, lamps=lit)["lamps"] == [[], [], []]


def test_what_is_no_telephone_is_none() -> None:
    assert read([{"usagePage": 0x0C, "usage": 1, "inputReports": [], "children": []}]) is None
    assert read(telephone([bits(FLASH)])) is None
    assert read([{}]) is None


SCRIPTED = """
class Device extends EventTarget {
  constructor() { super(); this.opened = false; this.productName = 'Plain Headset'; this.collections = COLLECTIONS; }
  async open() { this.opened = true; }
  async close() { this.opened = false; }
  async sendReport(id, data) { window.lamps.push([id, ...new Uint8Array(data.buffer ?? data)]); }
  says(...bytes) {
    const event = new Event('inputreport');
    Object.assign(event, { reportId: 2, data: new DataView(new Uint8Array(bytes).buffer) });
    this.dispatchEvent(event);
  }
}
class Hid extends EventTarget {
  async getDevices() { return localStorage.getItem('granted') ? [window.headset] : []; }
  async requestDevice(options) { window.asked = options; localStorage.setItem('granted', '1'); return [window.headset]; }
  tells(name) { const event = new Event(name); event.device = window.headset; this.dispatchEvent(event); }
}
window.lamps = [];
window.headset = new Device();
Object.defineProperty(navigator, 'hid', { value: new Hid() });
""".replace("COLLECTIONS", json.dumps(PLAIN))


async def rings(page: Page, sip: StubSip, stub: StubDesktop) -> None:
    """A caller rings at the page's phone."""
    for section in ("agent", "call", "customer"):
        await stub.push(section, scenes.scene("ringing")[section])
    await sip.call(call_id=scenes.CALL_ID)
    await expect(page.locator("[data-action=answer]")).not_to_have_attribute(
        "aria-disabled", "true"
    )


@ON_A_PAGE
async def test_chosen_once_it_answers_mutes_hangs_up_and_lights(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(open_page, sip, stub, script=SCRIPTED)
    await page.locator(".phone-status").click()
    await page.locator("[data-action=headset]").click()
    await expect(page.get_by_role("group", name="Headset buttons")).to_contain_text("Plain Headset")
    assert await page.evaluate("window.asked") == {"filters": [{"usagePage": 0x0B}]}
    await page.keyboard.press("Escape")
    await rings(page, sip, stub)
    await becomes(page, "window.lamps.at(-1)?.join() === '2,2'")
    await page.evaluate("window.headset.says(1)")
    await until(lambda: "200 INVITE" in sip.seen)
    for section in ("agent", "call", "ticket"):
        await stub.push(section, scenes.scene("talking")[section])
    await becomes(page, "window.lamps.at(-1)?.join() === '2,1'")
    await page.evaluate("window.headset.says(3)")
    await until(lambda: stub.commands("call.mute") == [{"call_id": scenes.CALL_ID, "muted": True}])
    await stub.change("call", muted=True)
    await becomes(page, f"window.lamps.at(-1)?.join() === '2,{0x81}'")
    await page.evaluate("window.headset.says(1)")
    await page.evaluate("window.headset.says(0)")
    await until(lambda: stub.commands("call.hang_up") == [{"call_id": scenes.CALL_ID}])


@ON_A_PAGE
async def test_it_is_known_at_the_next_visit_and_unplugged_it_says_so(
    open_page: OpenPage, sip: StubSip, stub: StubDesktop
) -> None:
    page = await registered(
        open_page, sip, stub, script=SCRIPTED + "localStorage.setItem('granted', '1');"
    )
    await rings(page, sip, stub)
    await becomes(page, "window.lamps.at(-1)?.join() === '2,2'")
    await page.evaluate("navigator.hid.tells('disconnect')")
    await expect(page.locator(".strip-note")).to_contain_text("Plain Headset was unplugged")
    await page.evaluate("window.headset.says(1)")
    await page.evaluate("window.headset.says(0)")
    await page.evaluate("navigator.hid.tells('connect')")
    await expect(page.locator(".strip-note")).to_contain_text("back")
    assert "200 INVITE" not in sip.seen
    await page.evaluate("window.headset.says(1)")
    await until(lambda: "200 INVITE" in sip.seen)


@ON_A_PAGE
async def test_a_browser_without_it_says_so(open_page: OpenPage, stub: StubDesktop) -> None:
    page = await open_page(
        "ready",
        script="delete Navigator.prototype.hid;",
        sections={"phone": {"kind": "browser", "endpoint": "1001w", "state": "idle", "sip": None}},
    )
    await page.locator(".phone-status").click()
    box = page.get_by_role("group", name="Headset buttons")
    await expect(box).to_contain_text("can't read headset buttons")
    await expect(box.get_by_role("button")).to_have_attribute("aria-disabled", "true")
