"""Sound in earnest: the echo test through Asterisk, and how a real call sounded, kept with it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from cti.domain import events as ev
from sip_sim import tones
from sip_sim.farm import AGENT_TONE, CALLER_TONE
from tests.asterisk.live import live
from tests.browser.test_live_call import agent_is, agent_page, answered, caller, hears, phone_is
from tests.until import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


async def test_an_agent_hears_himself_and_then_a_call_whose_sound_is_kept(tmp_path: Path) -> None:
    tone = tones.write_tone(tmp_path / "caller.ul", CALLER_TONE)
    async with (
        live(simulated=1) as product,
        agent_page(product, tmp_path, is_ready=False) as page,
    ):
        await page.keyboard.press("Control+k")
        await page.keyboard.type("hear yourself")
        await page.keyboard.press("Enter")
        await expect(page.locator(".echo[data-stage=up]")).to_be_visible(timeout=15_000)
        await until(lambda: hears(page, AGENT_TONE), within=20)
        # It is no call, in no figure: only the phone is in use.
        await until(lambda: phone_is(product, "in_use"))
        assert not await product.events(ev.CallOffered)
        await page.keyboard.press("Escape")
        await until(lambda: phone_is(product, "idle"), within=10)

        await page.keyboard.press("F8")
        await until(lambda: agent_is(product, "READY"), within=10)
        async with caller(product, tone) as calling:
            call_id = (await answered(page, product)).call_id
            await until(lambda: hears(page, CALLER_TONE), within=15)
            await expect(page.locator(".phone-status .bars")).to_be_visible(timeout=15_000)
            await page.keyboard.press("F4")
            await product.wait_for(ev.CallEnded)
            assert (await calling.finish(timedelta(seconds=20))).is_clean
        [measured] = await product.wait_for(ev.ConnectionMeasured)
        assert (measured.call_id, measured.agent_id) == (call_id, "lina")
        assert measured.endpoint == f"{product.agent('lina').endpoint}w"
        assert measured.measured_time >= timedelta(seconds=2)
        assert 1 <= measured.worst_mos <= measured.mos <= 4.5
        assert measured.round_trip_time is not None
        await expect(page.get_by_text("MOS")).to_be_visible(timeout=10_000)
        assert len(await product.events(ev.CallOffered)) == 1
