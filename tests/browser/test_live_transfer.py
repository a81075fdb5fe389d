"""Two agents at two browsers, a caller, Asterisk, our service: dial, consult, complete, conference, with real sound.

The caller speaks 440 Hz, lina 880 Hz, tom 1320 Hz; who hears whom is measured in each page on what its phone plays.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from cti.domain import events as ev
from sip_sim import tones
from sip_sim.farm import AGENT_TONE, CALLER_TONE
from tests.asterisk.live import Live, live
from tests.browser.test_live_call import agent_is, agent_page, answered, caller, hears, phone_is
from tests.until import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

TOM_TONE = 1320.0


async def choose_tom(page: Page, key: str) -> None:
    """Open a panel by its key and type until tom is chosen."""
    await page.keyboard.press(key)
    await page.keyboard.type("Tom")
    await expect(page.locator("[data-target='agent:1002'][aria-selected=true]")).to_be_visible()


async def answer_at(page: Page) -> None:
    """Answer by key when the phone of this page rings."""
    await expect(page.locator(".strip[data-phase=ringing]")).to_be_visible(timeout=20_000)
    answer = page.locator("[data-action=answer]:not([aria-disabled])")
    await expect(answer).to_be_visible(timeout=10_000)
    await page.keyboard.press("F2")


async def is_in(page: Page, phase: str) -> None:
    """Wait for what the strip says."""
    await expect(page.locator(f".strip[data-phase={phase}]")).to_be_visible(timeout=20_000)


async def consulted(lina: Page, tom: Page, product: Live) -> ev.CallConnected:
    """A caller with lina; she asks tom, and the two speak."""
    connected = await answered(lina, product)
    await until(lambda: hears(lina, CALLER_TONE), within=20)
    await choose_tom(lina, "F9")
    await lina.keyboard.press("Enter")
    await is_in(lina, "consulting")
    # Before he answers he sees who it is about.
    await expect(tom.get_by_text("张伟").first).to_be_visible(timeout=20_000)
    await answer_at(tom)
    await expect(lina.locator(".consulted-state.talking")).to_be_visible(timeout=20_000)
    await until(lambda: hears(lina, TOM_TONE), within=20)
    await until(lambda: hears(tom, AGENT_TONE), within=20)
    assert not await hears(tom, CALLER_TONE)
    return connected


async def test_a_colleague_is_dialled_and_a_caller_handed_over(tmp_path: Path) -> None:
    tone = tones.write_tone(tmp_path / "caller.ul", CALLER_TONE)
    async with (
        live(simulated=1) as product,
        agent_page(product, tmp_path, "lina") as lina,
        agent_page(product, tmp_path, "tom", tone=TOM_TONE, is_ready=False) as tom,
    ):
        # Her own phone answers by itself, his rings.
        await choose_tom(lina, "F3")
        await lina.keyboard.press("Enter")
        await answer_at(tom)
        await is_in(lina, "talking")
        await until(lambda: hears(lina, TOM_TONE), within=20)
        await until(lambda: hears(tom, AGENT_TONE), within=20)
        await lina.keyboard.press("F4")
        await product.wait_for(ev.CallEnded)
        await until(lambda: phone_is(product, "idle", "tom"))
        if not await agent_is(product, "READY"):
            await lina.locator("[data-action=ready]").click()
        await until(lambda: agent_is(product, "READY"))

        before = await product.last()
        async with caller(product, tone) as calling:
            await consulted(lina, tom, product)
            await lina.keyboard.press("F9")
            await product.wait_for(ev.ConsultEnded, since=before)
            await is_in(tom, "talking")
            await until(lambda: hears(tom, CALLER_TONE), within=20)
            await until(lambda: agent_is(product, "WRAP_UP"), within=20)
            assert await agent_is(product, "TALKING", "tom")
            assert calling.is_running
            await tom.keyboard.press("F4")
            await product.wait_for(ev.CallEnded, since=before)
        [opened] = await product.events(ev.TicketOpened)
        assert opened.call_id


async def test_three_talk_and_two_go_on(tmp_path: Path) -> None:
    tone = tones.write_tone(tmp_path / "caller.ul", CALLER_TONE)
    async with (
        live(simulated=1) as product,
        agent_page(product, tmp_path, "lina") as lina,
        agent_page(product, tmp_path, "tom", tone=TOM_TONE, is_ready=False) as tom,
        caller(product, tone) as calling,
    ):
        await consulted(lina, tom, product)
        await lina.keyboard.press("F10")
        await is_in(lina, "conference")
        await expect(lina.locator("[data-party]")).to_have_count(1)
        for frequency in (CALLER_TONE, TOM_TONE):
            await until(partial(hears, lina, frequency), within=20)
        for frequency in (CALLER_TONE, AGENT_TONE):
            await until(partial(hears, tom, frequency), within=20)
        await lina.keyboard.press("F4")
        await until(lambda: agent_is(product, "WRAP_UP"), within=20)
        assert await hears(tom, CALLER_TONE)
        assert calling.is_running
        await tom.keyboard.press("F4")
        await product.wait_for(ev.CallEnded)
