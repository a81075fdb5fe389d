"""P1 and P2: how soon a freed agent's phone is asked again, in which order callers are served, and the makespan.

Five agents; 200 calls at 8 a second, so that a line forms; talk is drawn evenly from 1 to 3 s; the agent hangs up. Ours and
``app_queue``'s runs alternate on the same Asterisk. Freed and asked again are the phone's own BYE and INVITE, from SIPp's
trace. Gap between calls 0, the pop isn't waited for to be painted; printed also at the shipped gap of 2 s.
Two more runs have half of the callers in a second queue with the same agents: there, too, who joined first is to be first.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

from bench import hall
from bench.reaction_times import gaps_ms, ideal_s, inversions, makespan_s, served
from bench.report import Figure, Part, Spoilt, percentile
from cti.company import Queue
from sip_sim.sipp import Load
from tests.asterisk.live import live

AGENTS = 5
PER_SECOND = 8.0
TALK = hall.Talk(timedelta(seconds=1), timedelta(seconds=3))
GOAL_P99_MS = 20.0
GOAL_TIMES = 30.0
GOAL_MAKESPAN = 1.01
_ONE, _BOTH, _SHIPPED = (0,), (0, 1), (2,)


@dataclass(frozen=True, slots=True)
class Round:
    """What one run says."""

    gaps_ms: list[float]
    inversions: int
    makespan: float
    """As a multiple of the ideal."""

    def gap(self, share: float) -> float:
        """A percentile of freed to asked again."""
        return percentile(self.gaps_ms, share)


@dataclass(frozen=True, slots=True)
class Rounds:
    """All of them, ours and the peer's."""

    ours: list[Round]
    peers: list[Round]
    ours_across: Round
    peers_across: Round
    shipped: Round


def run(is_quick: bool) -> Part:
    """Measure: five repetitions of 200 calls; quick: one of 60.

    Raises:
        Spoilt: a call failed or was asked twice.
    """
    begun = time.monotonic()
    calls, repetitions = (60, 1) if is_quick else (200, 5)
    return describe(asyncio.run(measure(calls, repetitions)), calls, time.monotonic() - begun)


async def measure(calls: int, repetitions: int) -> Rounds:
    """Start everything once and repeat."""
    shipped = hall.queue("shipped", Queue.model_fields["gap_time"].default)
    company = hall.company(AGENTS, [hall.queue("one"), hall.queue("two"), shipped])
    load = Load(calls, calls, PER_SECOND)
    async with live(company, simulated=1) as product:
        await hall.ours(product, TALK, Load(10, 10, PER_SECOND), _BOTH)  # loads code and prompts
        ours, peers = [], []
        for _ in range(repetitions):
            ours.append(_round(await hall.ours(product, TALK, load, _ONE)))
            peers.append(_round(await hall.peer(product, TALK, load, _ONE)))
        return Rounds(
            ours,
            peers,
            _round(await hall.ours(product, TALK, load, _BOTH)),
            _round(await hall.peer(product, TALK, load, _BOTH)),
            _round(await hall.ours(product, TALK, Load(calls // 2, calls, PER_SECOND), _SHIPPED)),
        )


def _round(run: hall.Run) -> Round:
    found = served(run.phones)
    callers = {one.caller for one in found}
    if len(found) != run.calls or callers != set(run.joined):
        raise Spoilt(
            f"{run.calls} calls, {len(run.joined)} joined, {len(found)} served: {run.outcome.errors}"
        )
    return Round(
        gaps_ms(found, run.joined),
        inversions(found, run.joined),
        makespan_s(found, run.joined) / ideal_s(found, run.joined),
    )


def describe(rounds: Rounds, calls: int, seconds: float) -> Part:
    """Make figures of the repetitions."""
    ours, peers = rounds.ours, rounds.peers
    times = tuple(p.gap(0.5) / o.gap(0.5) for o, p in zip(ours, peers, strict=True))
    return Part(
        row="P1 P2",
        title="a freed agent's next caller, the order and the makespan, beside app_queue",
        method=(
            f"{AGENTS} agents, {calls} calls at {PER_SECOND:g}/s, talk 1-3 s, alternating with Queue() on the same "
            "Asterisk; BYE to next INVITE from the phones' own trace; gap between calls 0, paint not waited for"
        ),
        figures=(
            Figure("freed to asked again, p50", "ms", tuple(r.gap(0.5) for r in ours)),
            Figure("freed to asked again, p99", "ms", tuple(r.gap(0.99) for r in ours), goal=GOAL_P99_MS),
            Figure("app_queue's, p50", "ms", tuple(r.gap(0.5) for r in peers)),
            Figure("app_queue's, p99", "ms", tuple(r.gap(0.99) for r in peers)),
            Figure("app_queue's p50 / ours", "x", times, "higher", GOAL_TIMES),
            Figure("callers overtaken", "", tuple(float(r.inversions) for r in ours), goal=0.0),
            Figure("app_queue's", "", tuple(float(r.inversions) for r in peers)),
            Figure("overtaken across two queues", "", (float(rounds.ours_across.inversions),), goal=0.0),
            Figure("app_queue's, across two queues", "", (float(rounds.peers_across.inversions),)),
            Figure("makespan / ideal", "x", tuple(r.makespan for r in ours), goal=GOAL_MAKESPAN),
            Figure("app_queue's makespan / ideal", "x", tuple(r.makespan for r in peers)),
            Figure("freed to asked again at the shipped gap, p50", "ms", (rounds.shipped.gap(0.5),)),
            Figure("makespan / ideal at the shipped gap", "x", (rounds.shipped.makespan,)),
        ),
        notes=("the shipped gap between two calls of an agent is 2 s",),
        seconds=seconds,
    )  # fmt: skip
