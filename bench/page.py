"""PAGE: what the agent's page weighs, how soon it works, and whether it grows in eight hours.

*Weight and time*: real Asterisk and service, a desk phone, a Chromium whose cache is empty, then one that has been here:
bytes until the sign-in can be used and until the agent is ready; from the address to the sign-in, from the press of
"Sign in" to the desk, from the desk to "ready".
*Growth*: one page takes 500 calls from a scripted service (``tests/browser/stub_desktop.py``), each offered, ringing,
talking, on hold, talking, wrap-up, with a list of tickets opened now and then; what lives in it after a collection
of garbage, every hundred calls.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from bench.chromium import FLAGS, PROGRAM
from bench.report import Figure, Part, Spoilt
from sip_sim.farm import phones
from tests.asterisk.live import live
from tests.browser import scenes
from tests.browser.stub_desktop import LOGIN, PASSWORD, StubDesktop
from tests.until import until

CALLS, QUICK_CALLS = 500, 100
VISITS, QUICK_VISITS = 5, 2
_STEPS = ("offered", "ringing", "talking", "on_hold", "talking", "wrap_up", "ready")
_WARM = 100
"""Calls before the first look: by then the browser has compiled what is used often."""
_LOOKS = 5
GOAL_GROWTH_KB = 1.0
"""A call; an eight-hour day of 200 calls then grows by 200 KB."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One browser that comes, empty or not."""

    sign_in_bytes: int
    ready_bytes: int
    sign_in_ms: float
    desk_ms: float
    ready_ms: float


@dataclass(frozen=True, slots=True)
class Lives:
    """What is in a page after so many calls."""

    calls: int
    heap_kb: float
    nodes: int
    listeners: int


def run(is_quick: bool) -> Part:
    """Measure; quick: fewer visits and calls.

    Raises:
        Spoilt: the page did not show a call.
    """
    begun = time.monotonic()
    first, again = asyncio.run(visits(QUICK_VISITS if is_quick else VISITS))
    lives = asyncio.run(many_calls(QUICK_CALLS if is_quick else CALLS))
    return describe(first, again, lives, time.monotonic() - begun)


async def visits(count: int) -> tuple[list[Visit], list[Visit]]:
    """Browsers that come for the first time, and for the second."""
    first: list[Visit] = []
    again: list[Visit] = []
    async with live() as product, async_playwright() as playwright:
        agent = product.agent("lina")
        async with phones(
            product.place, [agent], answer_after=timedelta(0), talk=timedelta(0), tone=None
        ):
            for _ in range(count):
                browser = await playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
                try:
                    context = await browser.new_context(
                        viewport={"width": 1280, "height": 720}, locale="en-GB"
                    )
                    for seen in (first, again):
                        page = await context.new_page()
                        seen.append(
                            await _visit(page, product.place.web, agent.login, agent.password)
                        )
                        await page.close()
                finally:
                    await browser.close()
    return first, again


async def _visit(page: Page, address: str, login: str, password: str) -> Visit:
    weigher = await page.context.new_cdp_session(page)
    sizes: list[int] = []
    weigher.on("Network.loadingFinished", lambda told: sizes.append(int(told["encodedDataLength"])))
    await weigher.send("Network.enable")
    begun = time.monotonic()
    await page.goto(address)
    await page.locator("input[name=login]").fill(login)
    sign_in_ms, sign_in_bytes = 1000 * (time.monotonic() - begun), sum(sizes)
    await page.locator("input[name=password]").fill(password)
    await page.locator("input[name=phone][value=desk]").check()
    begun = time.monotonic()
    await page.locator("form.sign-in button.primary").click()
    ready = page.locator(".strip [data-action=ready]")
    await ready.wait_for()
    desk_ms = 1000 * (time.monotonic() - begun)
    begun = time.monotonic()
    if await page.locator(".strip").get_attribute("data-phase") != "ready":
        await ready.click()
    await page.locator(".strip[data-phase=ready]").wait_for()
    ready_ms = 1000 * (time.monotonic() - begun)
    visit = Visit(sign_in_bytes, sum(sizes), sign_in_ms, desk_ms, ready_ms)
    # Another one signs in at the same desk next.
    await page.evaluate(
        "async () => { const csrf = (await (await fetch('/api/v1/session')).json()).csrf;"
        " await fetch('/api/v1/session', {method: 'DELETE', headers: {'X-CSRF-Token': csrf}}); }"
    )
    return visit


async def many_calls(count: int) -> list[Lives]:
    """One page, so many calls; looked at after the first few and then at equal distances."""
    stub, lives = StubDesktop(), []
    await stub.start()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
            page, probe = await _opened(browser, stub)
            for number in range(1, count + _WARM + 1):
                await _one_call(page, stub, number)
                if (number - _WARM) % (count // _LOOKS) == 0 and number >= _WARM:
                    lives.append(await _look(probe, number - _WARM))
            await browser.close()
    finally:
        await stub.stop()
    return lives


async def _opened(browser: Browser, stub: StubDesktop) -> tuple[Page, CDPSession]:
    context = await browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-GB")
    page = await context.new_page()
    await page.goto(stub.url)
    if await page.locator("form.sign-in").count():
        await page.locator("input[name=login]").fill(LOGIN)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.locator("form.sign-in button.primary").click()
    await page.locator(".strip").wait_for()
    await until(lambda: stub.is_linked, within=30)
    probe = await context.new_cdp_session(page)
    await probe.send("Performance.enable")
    return page, probe


async def _one_call(page: Page, stub: StubDesktop, number: int) -> None:
    call_id = f"{scenes.CALL_ID}-{number}"
    for step in _STEPS:
        told = scenes.scene(step)
        if told["call"] is not None:
            told["call"]["call_id"] = call_id
        if told["customer"] is not None:
            told["customer"]["customer"]["name"] = f"Caller {number}"
        if told["ticket"] is not None:
            told["ticket"]["ticket_id"] = number
        for section, value in told.items():
            if stub.sections[section] != value:
                await stub.push(section, value)
        if step == "talking":
            await page.locator(".strip", has_text=f"Caller {number}").wait_for(timeout=10_000)
    del stub.received[:]
    await until(partial(_is_ready, page), within=10)


async def _is_ready(page: Page) -> bool:
    return await page.locator(".strip[data-phase=ready]").count() == 1


async def _look(probe: CDPSession, calls: int) -> Lives:
    for _ in range(3):  # what one collection lets go may hold something that the next finds
        await probe.send("HeapProfiler.collectGarbage")
    told = await probe.send("Performance.getMetrics")
    value = {metric["name"]: float(metric["value"]) for metric in told["metrics"]}
    return Lives(
        calls, value["JSHeapUsedSize"] / 1024, int(value["Nodes"]), int(value["JSEventListeners"])
    )


def describe(first: list[Visit], again: list[Visit], lives: list[Lives], seconds: float) -> Part:
    """Make figures of what was measured.

    Raises:
        Spoilt: the page was looked at too seldom to say whether it grows.
    """
    if len(lives) < 2:
        raise Spoilt(f"looked at {len(lives)} times")
    begin, end = lives[0], lives[-1]
    calls = end.calls - begin.calls
    figures = []
    for name, seen in (("first visit", first), ("second visit", again)):
        figures += [
            Figure(
                f"{name}: until the sign-in can be used",
                "kB",
                tuple(v.sign_in_bytes / 1000 for v in seen),
            ),
            Figure(f"{name}: until ready", "kB", tuple(v.ready_bytes / 1000 for v in seen)),
            Figure(
                f"{name}: from the address to the sign-in",
                "ms",
                tuple(v.sign_in_ms for v in seen),
            ),
            Figure(f"{name}: from sign-in to the desk", "ms", tuple(v.desk_ms for v in seen)),
            Figure(f"{name}: from Ready to ready", "ms", tuple(v.ready_ms for v in seen)),
        ]
    figures += [
        Figure(
            f"heap grown in {calls} calls",
            "kB/call",
            ((end.heap_kb - begin.heap_kb) / calls,),
            goal=GOAL_GROWTH_KB,
        ),
        Figure("DOM nodes grown", "per call", ((end.nodes - begin.nodes) / calls,), goal=0.1),
        Figure(
            "listeners grown", "per call", ((end.listeners - begin.listeners) / calls,), goal=0.1
        ),
    ]
    return Part(
        row="PAGE",
        title="The agent's page: weight, time to work, growth",
        method=(
            "Chromium without a screen on the service's machine; bytes as they came over the network; growth by a "
            "scripted service, after garbage collection"
        ),
        figures=tuple(figures),
        notes=tuple(
            f"after {one.calls} calls: {one.heap_kb:,.0f} kB heap, {one.nodes:,} nodes, {one.listeners} listeners"
            for one in lives
        ),
        seconds=seconds,
    )
