"""P11: what connected desktops cost the service, and what one that doesn't read costs the others.

The whole service runs in the bench's own process, its desktops are plain WebSocket clients in another one
(``bench.crowd``). *Cost*: with 100, 1,000 and 5,000 desktops open, each is told one change a second; the process's CPU time
and memory, less those with nobody connected, divided by the desktops. *Deaf*: of 1,000 desktops one stops reading while
each is told a change a second; the delay from put to read of the others, beside the same run without a deaf one. It is
told more than it may let gather, so it is cut (4004) meanwhile. *Board*: one change told to 1,000 at once; until the last
one has it. *Back* (R10): 1,000 lose their connections and come back in one instant, without the jitter by which pages
spread it out.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.crowd import LOGIN, Orders, crowd, many_files, signed_in, with_crowd
from bench.processes import cpu_time, resident_mb
from bench.replay import playing
from bench.report import Figure, Part, Spoilt, percentile
from bench.whole import service_on
from cti.bootstrap import Service
from cti.builtin import with_simulators
from cti.cli.deployment import sample_company
from cti.company import parse_company
from cti.servers import open_database
from screenpop.connection import MAX_CHARACTERS
from screenpop.desks import Desk
from tests.until import until

SIZES = (100, 1_000, 5_000)
BOARD = 1_000
SECONDS = 10
QUICK_SECONDS = 4
_SLICES = 50
GOAL_DEAF_MS = 1.0
GOAL_BOARD_MS = 100.0
GOAL_BACK_S = 5.0
_LEAST_SHARE = 0.99
"""Of the changes must have been read, else nothing was measured."""


@dataclass(frozen=True, slots=True)
class Cost:
    """With so many desktops."""

    desktops: int
    memory_kb: float
    cpu_ms: float
    """Of the service a desktop and second, one change each."""
    delay_p99_ms: float
    opened_s: float


@dataclass(slots=True)
class Measured:
    """All of it; delays in milliseconds."""

    costs: list[Cost] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    """Of 1,000, nobody deaf."""
    deaf: list[float] = field(default_factory=list)
    """Of the same without one, who is deaf."""
    board: list[float] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)


def run(is_quick: bool) -> Part:
    """Measure; quick: without the largest crowd, and shorter.

    Raises:
        Spoilt: changes did not arrive.
    """
    begun = time.monotonic()
    sizes = SIZES[:-1] if is_quick else SIZES
    measured = asyncio.run(measure(sizes, QUICK_SECONDS if is_quick else SECONDS))
    return describe(measured, time.monotonic() - begun)


@contextlib.asynccontextmanager
async def with_desktops(people: int) -> AsyncIterator[tuple[Service, list[Desk], list[str]]]:
    """The service with so many agents: their desks and the tokens of their sessions."""
    base = with_simulators(parse_company(sample_company()), 1)
    async with (
        playing() as player,
        service_on(player.port, with_crowd(base, people)) as service,
    ):
        desks = [d for d in service.screenpop.pop.desks if d.user.login.startswith(LOGIN)]
        database = await open_database(service.settings)
        try:
            tokens = await signed_in(
                database, [desk.user for desk in desks], service.clock.now(),
                service.settings.web.session_idle_time,
            )  # fmt: skip
        finally:
            await database.close()
        yield service, desks, tokens


async def measure(sizes: Sequence[int], seconds: int) -> Measured:
    """Open crowds of these sizes, one after the other."""
    many_files()
    async with with_desktops(max(sizes)) as (service, desks, tokens):
        port = service.settings.web.port
        idle = await _idle(seconds)
        seen = Measured()
        for size in sizes:
            part = desks[:size]
            gc.collect()
            before_mb, begun = resident_mb(os.getpid()), time.monotonic()
            async with crowd(port, tokens[:size]) as orders:
                await until(partial(_are_open, part), within=60)
                opened_s = time.monotonic() - begun
                memory_kb = 1024 * (resident_mb(os.getpid()) - before_mb) / size
                cpu_s, delays = await tell(part, orders, seconds)
                cpu_ms = 1000 * (cpu_s - idle * seconds) / size / seconds
                seen.costs.append(Cost(size, memory_kb, cpu_ms, percentile(delays, 0.99), opened_s))
                if size == BOARD:
                    seen.plain = (await tell(part, orders, seconds))[1]
                    seen.board = await _board(part, orders)
                    seen.back_s = [(await orders.say("again"))["seconds"] for _ in range(3)]
                    await until(partial(_are_open, part), within=60)
                    await orders.say("deaf 1")
                    seen.deaf = (await tell(part[:-1], orders, seconds, also=part[-1]))[1]
                    if part[-1].pages:
                        raise Spoilt("the desktop that reads nothing was not cut")
            await until(partial(_are_shut, part), within=60)
    return seen


def _are_open(desks: Sequence[Desk]) -> bool:
    return all(desk.pages for desk in desks)


def _are_shut(desks: Sequence[Desk]) -> bool:
    return not any(desk.pages for desk in desks)


async def _idle(seconds: int) -> float:
    """What the service uses in a second for nothing."""
    before = cpu_time(os.getpid()).own_s
    await asyncio.sleep(seconds)
    return (cpu_time(os.getpid()).own_s - before) / seconds


async def tell(
    desks: Sequence[Desk], orders: Orders, seconds: int, also: Desk | None = None
) -> tuple[float, list[float]]:
    """Tell each a change a second, spread over it; ``also`` one that doesn't read, more than it may let gather.

    Returns the CPU seconds that the service used, and the delays of those who read.

    Raises:
        Spoilt: too many changes did not arrive.
    """
    await orders.say("told")
    before, begun = cpu_time(os.getpid()).own_s, time.monotonic()
    size = -(-len(desks) // _SLICES)
    heavy = "x" * (MAX_CHARACTERS * 4 // 5)
    for step in range(seconds * _SLICES):
        part = step % _SLICES
        for desk in desks[part * size : (part + 1) * size]:
            _put(desk, step)
        if also is not None and part % 10 == 0:
            also.put("link", {"switch": "up", "text": f"{step}{heavy}"})
        await asyncio.sleep(max(0.0, begun + (step + 1) / _SLICES - time.monotonic()))
    used_s = cpu_time(os.getpid()).own_s - before
    read: list[float] = []

    async def is_read() -> bool:
        told: dict[str, Any] = await orders.say("told")
        read.extend(told["delays_ms"])
        return len(read) >= len(desks) * seconds

    try:
        await until(is_read, within=20)
    except TimeoutError:
        if len(read) < _LEAST_SHARE * len(desks) * seconds:
            raise Spoilt(f"{len(read)} of {len(desks) * seconds} changes were read") from None
    return used_s, read


def _put(desk: Desk, step: int) -> None:
    desk.put("today", {"calls": step, "sent": time.monotonic()})


async def _board(desks: Sequence[Desk], orders: Orders) -> list[float]:
    """One change told to all at once, ten times; until the last one had it."""
    slowest = []
    for step in range(10):
        await orders.say("told")
        value = {"calls": step, "sent": time.monotonic()}
        for desk in desks:
            desk.put("today", value)
        delays: list[float] = []

        async def all_read(delays: list[float] = delays) -> bool:
            delays.extend((await orders.say("told"))["delays_ms"])
            return len(delays) == len(desks)

        await until(all_read, within=20)
        slowest.append(max(delays))
    return slowest


def describe(seen: Measured, seconds: float) -> Part:
    """Make figures of what was measured."""
    figures = []
    for cost in seen.costs:
        size = f"{cost.desktops:,} desktops"
        figures += [
            Figure(f"{size}: memory", "KiB/desktop", (cost.memory_kb,)),
            Figure(f"{size}: CPU at 1 change a second", "ms/s each", (cost.cpu_ms,)),
            Figure(f"{size}: put to read, p99", "ms", (cost.delay_p99_ms,)),
        ]
    without, with_deaf = percentile(seen.plain, 0.99), percentile(seen.deaf, 0.99)
    figures += [
        Figure("1,000 again, nobody deaf: put to read, p99", "ms", (without,)),
        Figure("the same, one of them deaf", "ms", (with_deaf,)),
        Figure("what it costs the others", "ms", (with_deaf - without,), goal=GOAL_DEAF_MS),
        Figure(
            "told to 1,000 at once: the last one has it",
            "ms",
            tuple(seen.board),
            goal=GOAL_BOARD_MS,
        ),
        Figure(
            "1,000 back at once: the last one has all", "s", tuple(seen.back_s), goal=GOAL_BACK_S
        ),
    ]
    return Part(
        row="P11",
        title="Desktops that are open, and one that doesn't read",
        method="the service in the bench's process, the desktops plain WebSocket clients in another on the same cores",
        figures=tuple(figures),
        notes=tuple(f"{c.desktops:,} desktops opened in {c.opened_s:.1f} s" for c in seen.costs),
        seconds=seconds,
    )
