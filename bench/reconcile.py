"""RECON: how long until the truth is whole again with 500 live calls, and what a live call weighs.

The AMI server of ``bench.replay`` holds 500 bridged conversations (1,000 channels). The link is cut; when it is back the
service takes the snapshot, compares it with its fold, and repairs: once with the same calls (nothing to repair), once with
500 others (500 ended, 500 recovered). The time runs from the cut to ``SwitchLinkChanged(is_up=True)``, the service's
own pause before it connects again included and named. Memory is the process's RSS with 500 calls less without any.
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

from bench.replay import Player, playing
from bench.report import Figure, Part, Spoilt
from bench.whole import service_on
from cti.bootstrap import Service
from cti.domain import events as ev
from tests.until import until

CALLS = 500
GOAL_S = 3.0
"""R1: the view equals Asterisk's three seconds after the restart at the latest."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut of the link."""

    whole_s: float
    snapshot_ms: float
    """Of it, from the login to the end: lists, comparison, repairs told to everybody."""
    repairs: int


def run(is_quick: bool) -> Part:
    """Measure: five cuts of each kind; quick: two.

    Raises:
        Spoilt: the service did not know all calls afterwards.
    """
    begun = time.monotonic()
    return asyncio.run(_measure(2 if is_quick else 5, begun))


async def _measure(repetitions: int, begun: float) -> Part:
    async with playing() as player, service_on(player.port) as service:
        gc.collect()
        empty = rss_kib()
        others = [await _cut(service, player, 1)]
        gc.collect()
        first_kib = (rss_kib() - empty) / CALLS
        same = []
        for kind in range(1, repetitions + 1):
            same.append(await _cut(service, player, kind))
            others.append(await _cut(service, player, kind + 1))
        traced = await _traced(service, player, repetitions + 2)
    return describe(others[1:], same, first_kib, traced, time.monotonic() - begun)


async def _cut(service: Service, player: Player, kind: int) -> Cut:
    logins: list[float] = []
    link_up = service.switch.link_up

    def noted() -> None:
        logins.append(time.monotonic())
        link_up()

    service.switch.link_up = noted  # type: ignore[method-assign]
    ups: list[float] = []
    repaired: list[ev.Event] = []

    def up(event: ev.Event) -> None:
        if isinstance(event, ev.SwitchLinkChanged) and event.is_up:
            ups.append(time.monotonic())

    forget = [
        service.bus.subscribe(up, ev.SwitchLinkChanged),
        service.bus.subscribe(repaired.append, ev.CallRecovered, ev.CallEnded),
    ]
    await player.order("world", CALLS, kind)
    begun = time.monotonic()
    await player.order("cut")
    try:
        await until(lambda: ups, within=60)
    finally:
        service.switch.link_up = link_up  # type: ignore[method-assign]
        for unsubscribe in forget:
            unsubscribe()
    known = sum(call.endpoint is not None for call in service.calls.live())
    if known != CALLS:
        raise Spoilt(f"{known} of {CALLS} conversations are known after the cut")
    await service.tickets.service.idle()
    await service.journal.flush()
    return Cut(ups[0] - begun, 1000 * (ups[0] - logins[-1]), len(repaired))


async def _traced(service: Service, player: Player, kind: int) -> float:
    """KiB that Python holds for each call of a new set, by its own count."""
    await player.order("world", 0, kind)
    await player.order("cut")
    await until(lambda: len(service.calls) == 0 and service.switch.is_up, within=60)
    await service.tickets.service.idle()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    await _cut(service, player, kind)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / 1024 / CALLS


def rss_kib() -> int:
    """Resident memory of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise Spoilt("no VmRSS in /proc/self/status")


def describe(others: list[Cut], same: list[Cut], rss: float, traced: float, seconds: float) -> Part:
    """Make figures of the cuts."""
    return Part(
        row="RECON",
        title=f"the truth read back with {CALLS} live calls, and what a live call weighs",
        method=(
            f"replay server with {CALLS} conversations ({2 * CALLS} channels); {len(same) + len(others)} cuts of the link; "
            "whole service with journal, tickets and desktops in one process"
        ),
        figures=(
            Figure("other calls: from the cut until whole", "s", tuple(c.whole_s for c in others), goal=GOAL_S),
            Figure("of it from the login on", "ms", tuple(c.snapshot_ms for c in others)),
            Figure("same calls: from the cut until whole", "s", tuple(c.whole_s for c in same), goal=GOAL_S),
            Figure("of it from the login on", "ms", tuple(c.snapshot_ms for c in same)),
            Figure("resident memory a live call, the first 500", "KiB", (rss,)),
            Figure("Python's own count of a live call", "KiB", (traced,)),
        ),
        notes=(
            f"repairs at a cut: {others[0].repairs} with other calls, {same[0].repairs} with the same",
            "the rest of the time is the link's own pause before it connects again",
        ),
        seconds=seconds,
    )  # fmt: skip
