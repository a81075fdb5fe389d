"""P3 and P4: from joining a queue to the phone's ring with idle agents, and what a call costs as memberships grow.

A hundred agents serve one queue, then fifty; calls without sound, 2 s of talk, an agent is always free. The peer is
``Queue()`` on the same Asterisk with the same phones as members of the same queues. Join and ring are Asterisk's own times.
The rate is one that this machine carries with SIPp beside it: ours records each call, opens a ticket and pops at a desktop,
which the peer doesn't.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

from bench import hall
from bench.report import Figure, Part, Spoilt, percentile
from sip_sim.sipp import Load
from tests.asterisk.live import live

AGENTS = 100
MANY = 50
PER_SECOND = 4.0
TALK = hall.Talk(timedelta(seconds=2))
GOAL_P50_MS, GOAL_P99_MS = 4.0, 10.0
GOAL_ONE, GOAL_MANY = 2.5, 1.0
"""Ours as a multiple of the peer's p99, with one queue and with many."""
GOAL_GROWTH = 1.1
GOAL_KIB = 5.0


@dataclass(frozen=True, slots=True)
class Cell:
    """Ours or the peer's with so many queues, a run each repetition."""

    runs: tuple[hall.Run, ...]

    def ring(self, share: float) -> tuple[float, ...]:
        """A percentile of join to ring in milliseconds."""
        return tuple(percentile(run.ring_ms(), share) for run in self.runs)

    def cpu(self) -> tuple[float, ...]:
        """Milliseconds of CPU a call, the service's own process and Asterisk together."""
        used = ((r.service.own_s + r.asterisk.own_s, r.calls) for r in self.runs)
        return tuple(1000 * seconds / calls for seconds, calls in used)

    def kib(self) -> tuple[float, ...]:
        """KiB of events a call that the service received."""
        return tuple(run.ami_bytes / run.calls / 1024 for run in self.runs)


def run(is_quick: bool) -> Part:
    """Measure: five repetitions of 200 calls; quick: one of 60.

    Raises:
        Spoilt: a call failed.
    """
    begun = time.monotonic()
    calls, repetitions = (60, 1) if is_quick else (200, 5)
    one = asyncio.run(measure(1, calls, repetitions))
    many = asyncio.run(measure(MANY, calls, repetitions))
    return describe(one, many, calls, time.monotonic() - begun)


async def measure(queues: int, calls: int, repetitions: int) -> tuple[Cell, Cell]:
    """Ours and the peer's, alternating."""
    company = hall.company(AGENTS, [hall.queue(f"line{i}") for i in range(queues)])
    load, lines = Load(calls, AGENTS, PER_SECOND), range(queues)
    async with live(company, simulated=1) as product:
        await hall.ours(product, TALK, Load(10, 10, PER_SECOND), lines)  # loads code and prompts
        ours, peers = [], []
        for _ in range(repetitions):
            ours.append(_checked(await hall.ours(product, TALK, load, lines)))
            peers.append(_checked(await hall.peer(product, TALK, load, lines)))
    return Cell(tuple(ours)), Cell(tuple(peers))


def _checked(run: hall.Run) -> hall.Run:
    if run.outcome.succeeded != run.calls or len(run.ring_ms()) != run.calls:
        raise Spoilt(
            f"{run.outcome.succeeded} of {run.calls} calls well, {len(run.ring_ms())} rang: {run.outcome.errors}"
        )
    return run


def describe(one: tuple[Cell, Cell], many: tuple[Cell, Cell], calls: int, seconds: float) -> Part:
    """Make figures of the repetitions."""
    (ours, peers), (ours_many, peers_many) = one, many
    return Part(
        row="P3 P4",
        title="join to ring with idle agents, and the cost of a call as memberships grow",
        method=(
            f"{AGENTS} agents who all serve 1 queue, then {MANY}; {calls} calls at {PER_SECOND:g}/s, 2 s of talk, no sound; "
            "alternating with Queue() on the same Asterisk; paint not waited for; ours with pop, recording and ticket"
        ),
        figures=(
            Figure("join to ring, 1 queue, p50", "ms", ours.ring(0.5), goal=GOAL_P50_MS),
            Figure("join to ring, 1 queue, p99", "ms", ours.ring(0.99), goal=GOAL_P99_MS),
            Figure("app_queue's, 1 queue, p50", "ms", peers.ring(0.5)),
            Figure("app_queue's, 1 queue, p99", "ms", peers.ring(0.99)),
            Figure("p99, ours / app_queue's, 1 queue", "x", ratios(ours.ring(0.99), peers.ring(0.99)), goal=GOAL_ONE),
            Figure(f"join to ring, {MANY} queues, p99", "ms", ours_many.ring(0.99)),
            Figure(f"app_queue's, {MANY} queues, p99", "ms", peers_many.ring(0.99)),
            Figure(f"p99, ours / app_queue's, {MANY} queues", "x",
                   ratios(ours_many.ring(0.99), peers_many.ring(0.99)), goal=GOAL_MANY),
            Figure("service and Asterisk, 1 queue", "ms/call", ours.cpu()),
            Figure(f"service and Asterisk, {MANY} queues", "ms/call", ours_many.cpu()),
            Figure(f"growth from 1 to {MANY} queues", "x", ratios(ours_many.cpu(), ours.cpu()), goal=GOAL_GROWTH),
            Figure("app_queue's growth", "x", ratios(peers_many.cpu(), peers.cpu())),
            Figure(f"events received, {MANY} queues", "KiB/call", ours_many.kib(), goal=GOAL_KIB),
            Figure("events received, 1 queue", "KiB/call", ours.kib(), goal=GOAL_KIB),
        ),
        seconds=seconds,
    )  # fmt: skip


def ratios(these: tuple[float, ...], those: tuple[float, ...]) -> tuple[float, ...]:
    """One by the other, repetition by repetition."""
    return tuple(a / b for a, b in zip(these, those, strict=True))
