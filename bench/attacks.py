"""S10: what a thousand desktops feel of attacks on the web server.

The whole service runs in the bench's own process, 1,000 desktops in another (``bench.crowd``), the attacker in a third
(``bench.assault``) on the same cores. Each desktop is told one change a second; the delay from put to read is compared
with the same minute at peace. A browser that isn't signed in asks for the sign-in page once a second besides.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from bench.crowd import crowd, many_files
from bench.desktops import tell, with_desktops
from bench.processes import resident_mb
from bench.report import Figure, Part, Spoilt, percentile
from tests.until import until

DESKTOPS = 1_000
KINDS = ("silent", "slow", "bodies", "huge", "flood")
SECONDS, QUICK_SECONDS = 15, 6
GOAL_MS = 100.0


@dataclass(frozen=True, slots=True)
class Under:
    """What was seen during one attack; an empty kind: at peace."""

    kind: str
    p99_ms: float
    page_ms: float
    """The slowest sign-in page."""
    memory_mb: float
    answer: str
    """What the server did, in the attacker's words."""


def run(is_quick: bool) -> Part:
    """Measure; quick: each attack for six seconds.

    Raises:
        Spoilt: changes or pages did not arrive.
    """
    begun = time.monotonic()
    return describe(
        asyncio.run(measure(QUICK_SECONDS if is_quick else SECONDS)), time.monotonic() - begun
    )


async def measure(seconds: int) -> list[Under]:
    """At peace, then each attack."""
    many_files()
    async with with_desktops(DESKTOPS + 1) as (service, desks, tokens):
        port = service.settings.web.port
        seen = []
        async with crowd(port, tokens[:DESKTOPS]) as orders:
            part = desks[:DESKTOPS]
            await until(lambda: all(desk.pages for desk in part), within=60)
            for kind in ("", *KINDS):
                before_mb = resident_mb(os.getpid())
                attacking = asyncio.create_task(_attack(kind, port, tokens[-1], seconds + 2))
                pages_ms: list[float] = []
                asking = asyncio.create_task(_ask(port, pages_ms))
                if kind:
                    await asyncio.sleep(1)  # it has begun
                try:
                    _, delays = await tell(part, orders, seconds)
                    answer = await attacking
                finally:
                    attacking.cancel()
                    asking.cancel()
                    await asyncio.gather(attacking, asking, return_exceptions=True)
                if any(not desk.pages for desk in part):
                    raise Spoilt(f"{kind}: a desktop that did no harm was cut")
                grown_mb = resident_mb(os.getpid()) - before_mb
                p99_ms = percentile(delays, 0.99)
                seen.append(Under(kind, p99_ms, max(pages_ms), grown_mb, answer))
        return seen


async def _attack(kind: str, port: int, token: str, seconds: int) -> str:
    if not kind:
        return ""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.assault", kind, str(port), str(seconds),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        said, _ = await process.communicate(f"{token}\n".encode())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    counts: dict[str, int] = json.loads(said)
    return ", ".join(f"{what} {count:,}" for what, count in sorted(counts.items()))


async def _ask(port: int, took_ms: list[float]) -> None:
    """A stranger's browser, once a second, over a connection of its own."""
    while True:
        begun = time.monotonic()
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{port}/") as page,
        ):
            await page.read()
        took_ms.append(1000 * (time.monotonic() - begun))
        await asyncio.sleep(1)


def describe(seen: Sequence[Under], seconds: float) -> Part:
    """Make figures of what was measured."""
    figures = []
    for one in seen:
        name = one.kind or "at peace"
        goal = GOAL_MS if one.kind else None
        figures += [
            Figure(f"{name}: put to read by the others, p99", "ms", (one.p99_ms,), goal=goal),
            Figure(f"{name}: a sign-in page, the slowest", "ms", (one.page_ms,)),
            Figure(f"{name}: memory grown", "MB", (one.memory_mb,)),
        ]
    return Part(
        row="S10",
        title=f"Attacks on the web server, felt by {DESKTOPS:,} desktops",
        method=(
            "the service in the bench's process, desktops and attacker in processes of their own on the same cores, "
            "each desktop told a change a second"
        ),
        figures=tuple(figures),
        notes=tuple(f"{one.kind}: {one.answer or 'no answer'}" for one in seen if one.kind),
        seconds=seconds,
    )
