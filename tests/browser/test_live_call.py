"""A real call in a real browser: SIPp rings in, Asterisk, our service, Chromium's WebRTC answers.

Chromium's microphone is a file of 880 Hz, the caller speaks 440 Hz. What the agent heard is measured in the page on the
receiver's track; what was said is measured in the recording.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.async_api import Page, async_playwright, expect

from cti.domain import events as ev
from cti.domain.ids import CallId
from sip_sim import tones
from sip_sim.farm import AGENT_TONE, CALLER_TONE, callers
from sip_sim.sipp import Load, Party
from tests.asterisk.live import PASSWORD, Live, live
from tests.browser.chromium import CHROMIUM, FLAGS, WATCH_CONNECTIONS
from tests.until import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

HEARD = """
async (frequency) => {
  const pc = window.connections.findLast((c) => c.connectionState === "connected");
  const track = pc && pc.getReceivers().map((r) => r.track).find((t) => t && t.kind === "audio");
  if (!track) return -200;
  const context = (window.ear ??= new AudioContext());
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 4096;
  const source = context.createMediaStreamSource(new MediaStream([track]));
  source.connect(analyser);
  await new Promise((done) => setTimeout(done, 400));
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  source.disconnect();
  const at = Math.round((frequency * analyser.fftSize) / context.sampleRate);
  return Math.max(bins[at - 1], bins[at], bins[at + 1]);
}
"""
"""How loud a tone is in what the agent hears now, in dB; the page's own measuring device."""
_TALK_S = 1.2
"""They talk on until so much of each was written; encoding may cost a little of it."""


@asynccontextmanager
async def agent_page(
    product: Live,
    tmp_path: Path,
    login: str = "lina",
    *,
    tone: float = AGENT_TONE,
    is_ready: bool = True,
    script: str = "",
) -> AsyncIterator[Page]:
    """A page of somebody who speaks a tone, signed in with the browser phone, ready or just there."""
    microphone = tmp_path / f"{login}.wav"
    soundfile.write(microphone, tones.sine(tone, 5.0), tones.RATE, subtype="PCM_16")
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
    flags.append("--disable-features=WebRtcHideLocalIpsWithMdns")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = await browser.new_context(locale="en-US", permissions=["microphone"])
        page = await context.new_page()
        await page.add_init_script(WATCH_CONNECTIONS + script)
        await page.goto(product.place.web)
        await expect(page.get_by_label("Login")).to_be_focused()
        await page.keyboard.type(login)
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Not ready").first).to_be_visible(timeout=20_000)
        await until(lambda: phone_is(product, "idle", login), within=20)
        if is_ready:
            await page.keyboard.press("F8")
            await until(lambda: agent_is(product, "READY", login), within=10)
        try:
            yield page
        finally:
            await browser.close()


async def phone_is(product: Live, state: str, login: str = "lina") -> bool:
    """Whether Asterisk says so of somebody's browser phone."""
    endpoint = f"{product.agent(login).endpoint}w"
    changes = await product.events(ev.PhoneStateChanged)
    mine = [c.state for c in changes if c.endpoint == endpoint]
    return bool(mine) and mine[-1] == state


async def agent_is(product: Live, state: str, login: str = "lina") -> bool:
    """Whether somebody's state is this now."""
    changes = await product.events(ev.AgentStateChanged)
    mine = [c.state for c in changes if c.agent_id == login]
    return bool(mine) and mine[-1] == state


def caller(product: Live, tone: Path, **options: Any) -> Any:
    """A caller who presses 2 (Chinese), 1 (sales): lina serves sales."""
    return callers(
        product.place,
        "4000",
        Load(),
        digits="21",
        tone=tone,
        menu_time=timedelta(seconds=1),
        patience=timedelta(minutes=2),
        fields=[("8613812340001", "Simulated caller")],
        **options,
    )


async def hears(page: Page, frequency: float) -> bool:
    """Whether the tone stands out in what the agent hears.

    The browser's noise suppression lowers a lasting tone, to -56 dB at times; what nobody says is below -68 dB.
    """
    level: float = await page.evaluate(HEARD, frequency)
    return level > -62


async def answered(page: Page, product: Live) -> ev.CallConnected:
    """Wait for the ring, answer by key, wait for Asterisk's word."""
    await until(lambda: agent_is(product, "RINGING"), within=30)
    answer = page.get_by_role("button", name="Answer")
    await expect(answer).to_be_enabled(timeout=10_000)
    await page.keyboard.press("F2")
    [connected] = await product.wait_for(ev.CallConnected, within=15)
    return connected


def has_said(product: Live, call_id: CallId, side: str, frequency: float) -> bool:
    """Whether more than a second of somebody's tone is in what Asterisk has written of the call so far."""
    written = (product.settings.spool_dir / f"{call_id}.{side}.raw").read_bytes()
    samples = np.frombuffer(written[: len(written) // 2 * 2], dtype="<i2") / 32768
    return tones.seconds_heard(samples, frequency) > _TALK_S


async def recorded(page: Page, product: Live) -> tuple[tones.Samples, int]:
    """The recording that hangs on the ticket, fetched with the agent's own session."""
    [attached] = await product.wait_for(ev.RecordingAttached, within=30)
    address = f"{product.place.web}/api/v1/recordings/{attached.recording_id}/audio"
    answer = await page.request.get(address)
    assert answer.ok
    samples, rate = soundfile.read(io.BytesIO(await answer.body()), dtype="float64")
    return np.asarray(samples), rate


async def test_a_whole_call_by_keyboard(tmp_path: Path) -> None:
    tone = tones.write_tone(tmp_path / "caller.ul", CALLER_TONE)
    async with live(simulated=1) as product, agent_page(product, tmp_path) as page:
        calling: Party
        async with caller(product, tone) as calling:
            call_id = (await answered(page, product)).call_id
            # The pop: who, why; and it was painted before the phone rang.
            await expect(page.get_by_text("张伟").first).to_be_visible()
            await expect(page.get_by_text("宁波蓝海进出口").first).to_be_visible()
            [timed] = await product.events(ev.PopTimed)
            assert timed.ring_time is not None
            assert timed.socket_time < timed.ring_time
            assert timed.paint_time is not None
            await until(lambda: hears(page, CALLER_TONE), within=15)

            await expect(page.locator("#notes")).to_be_focused()
            await page.keyboard.type("asked for an invoice")
            await expect(page.locator(".notes-state")).to_contain_text("Saved", timeout=10_000)
            await page.keyboard.press("F6")
            await product.wait_for(ev.CallHeld)
            await page.keyboard.press("F6")
            await product.wait_for(ev.CallRetrieved)
            await until(lambda: hears(page, CALLER_TONE), within=15)

            await page.keyboard.press("F7")
            await product.wait_for(ev.LegMuted)
            await page.keyboard.press("F7")
            await product.wait_for(ev.LegMuted, count=2)

            # A colleague is looked for, and left alone.
            await page.keyboard.press("F9")
            await page.keyboard.type("Tom")
            tom = page.locator("[data-target='agent:1002'][aria-selected=true]")
            await expect(tom).to_be_visible(timeout=10_000)
            await page.keyboard.press("Escape")
            await expect(page.locator("#notes")).to_be_focused()

            await until(lambda: has_said(product, call_id, "caller", CALLER_TONE), within=60)
            await until(lambda: has_said(product, call_id, "agent", AGENT_TONE), within=60)
            await page.keyboard.press("F4")
            [ended] = await product.wait_for(ev.CallEnded)
            assert ended.ended_by == "agent"
            assert (await calling.finish(timedelta(seconds=20))).is_clean
        await until(lambda: agent_is(product, "WRAP_UP"))
        outcome = page.get_by_role("button", name="order taken")
        await expect(page.locator(".dispositions button").first).to_be_focused(timeout=10_000)
        for _ in range(await page.locator(".dispositions button").count()):
            if await outcome.evaluate("each => each === document.activeElement"):
                break
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        [disposition] = await product.wait_for(ev.DispositionSet)
        assert disposition.disposition == "order taken"

        samples, rate = await recorded(page, product)
        assert tones.seconds_heard(samples[:, 0], CALLER_TONE, rate) > 1
        assert tones.seconds_heard(samples[:, 1], AGENT_TONE, rate) > 1
        assert tones.seconds_heard(samples[:, 0], AGENT_TONE, rate) < 0.2
        play = page.get_by_role("button", name="Play").first
        await play.press("Enter")
        # It plays: the button has become Pause.
        await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        await page.keyboard.press("F8")
        await until(lambda: agent_is(product, "READY"))


async def test_a_reload_during_a_call_brings_page_and_call_back(tmp_path: Path) -> None:
    tone = tones.write_tone(tmp_path / "caller.ul", CALLER_TONE)
    async with live(simulated=1) as product, agent_page(product, tmp_path) as page:
        calling: Party
        async with caller(product, tone) as calling:
            first = await answered(page, product)
            await until(lambda: hears(page, CALLER_TONE), within=15)
            await page.reload()
            await product.wait_for(ev.CallConnected, count=2, within=30)
            again = (await product.events(ev.CallConnected))[1]
            assert again.call_id == first.call_id
            assert again.leg_id != first.leg_id
            await expect(page.get_by_text("张伟").first).to_be_visible()
            await until(lambda: hears(page, CALLER_TONE), within=15)
            assert calling.is_running
            assert not await product.events(ev.CallEnded)
            await until(lambda: has_said(product, first.call_id, "agent", AGENT_TONE), within=60)
            await page.keyboard.press("F4")
            await product.wait_for(ev.CallEnded)
            assert (await calling.finish(timedelta(seconds=20))).is_clean
        assert len(await product.events(ev.TicketOpened)) == 1
        samples, rate = await recorded(page, product)
        # One file, and the agent is heard in it before and after the reload.
        assert tones.seconds_heard(samples[:, 1], AGENT_TONE, rate) > 1
