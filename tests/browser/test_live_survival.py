"""Real calls through what breaks in a day: a lid that is closed, a service that is killed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from cti.domain import events as ev
from sip_sim import tones
from sip_sim.farm import CALLER_TONE
from sip_sim.sipp import Party
from tests.asterisk.live import live
from tests.browser.test_live_call import agent_page, answered, caller, hears, phone_is
from tests.until import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def _parents() -> dict[int, int]:
    """Of every process its parent."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                found[int(entry.name)] = int(fields[1])
    return found


def browsers() -> list[int]:
    """The processes of the Chromium that this test has started."""
    parents, own = _parents(), {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in own} - own:
        own |= more
    chromium = []
    for pid in own:
        with contextlib.suppress(OSError):
            if b"chromium" in Path(f"/proc/{pid}/cmdline").read_bytes():
                chromium.append(pid)
    return chromium


@contextlib.contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """They stand still, as on a computer whose lid is closed: no socket is closed, nothing is answered."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


async def test_who_closes_the_lid_is_offered_nothing_and_stays_signed_in(tmp_path: Path) -> None:
    tone = tones.write_tone(tmp_path / "caller.ul", CALLER_TONE)
    async with live(simulated=1) as product, agent_page(product, tmp_path) as page:
        async with contextlib.AsyncExitStack() as lid:
            lid.enter_context(stopped(browsers()))
            await until(lambda: phone_is(product, "unavailable"), within=30)
            since = await product.last()
            async with caller(product, tone):
                await product.wait_for(ev.WaitEstimated, since=since, within=30)
                assert not await product.events(ev.AgentReserved)
                await lid.aclose()
                connected = await answered(page, product)
                await until(lambda: hears(page, CALLER_TONE), within=15)
                await page.keyboard.press("F4")
                await product.wait_for(ev.CallEnded, within=15)
        changes = [c for c in await product.events(ev.AgentStateChanged) if c.agent_id == "lina"]
        assert [c.state for c in changes if c.at < connected.at][-3:] == [
            "READY", "RESERVED", "RINGING",
        ]  # fmt: skip
        assert "unavailable" in [c.state for c in await product.events(ev.PhoneStateChanged)]


async def test_a_killed_service_cuts_nobody_off_and_the_page_finds_back(tmp_path: Path) -> None:
    tone = tones.write_tone(tmp_path / "caller.ul", CALLER_TONE)
    async with live(simulated=1) as product, agent_page(product, tmp_path) as page:
        calling: Party
        async with caller(product, tone) as calling:
            first = await answered(page, product)
            await until(lambda: hears(page, CALLER_TONE), within=15)
            await product.stop(signal.SIGKILL)
            await expect(page.get_by_text("No connection").first).to_be_visible(timeout=20_000)
            assert await until(lambda: hears(page, CALLER_TONE), within=15)
            await product.start()
            await expect(page.locator(".strip")).to_contain_text("张伟", timeout=30_000)
            await expect(page.locator("[data-action=hold]")).to_be_enabled(timeout=30_000)
            assert calling.is_running
            await page.keyboard.press("F6")
            [held] = await product.wait_for(ev.CallHeld, within=15)
            assert held.call_id == first.call_id
            await page.keyboard.press("F6")
            await product.wait_for(ev.CallRetrieved, within=15)
            await until(lambda: hears(page, CALLER_TONE), within=15)
            await page.keyboard.press("F4")
            [ended] = await product.wait_for(ev.CallEnded, within=15)
            assert ended.ended_by == "agent"
        assert len(await product.events(ev.TicketOpened)) == 1
