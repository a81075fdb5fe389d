"""CPU: what a recorded call costs the service, beside what it costs Asterisk. Same calls, same run.

Each call goes the whole way: menu, key, queue, pop, ring, sound from both sides, two-channel recording, ticket.
The seconds are read from ``/proc`` before the first call and after the last recording hangs on its ticket; signing in
lies outside.
The encoder's process is niced and may lag behind, so it stands apart; its check and the ticket are the service's.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.processes import CpuTime, cpu_time
from bench.product import asterisk_pid, service_pid
from bench.report import Figure, Part, Spoilt
from cti.builtin import SIM_NUMBER, sim_login
from cti.domain import events as ev
from sip_sim import tones
from sip_sim.farm import AGENT_TONE, CALLER_TONE, agents, callers
from sip_sim.sipp import Load
from tests.asterisk.live import Live, live
from tests.until import until

AGENTS = 24
PER_SECOND = 4.0
TALK = timedelta(seconds=3)
RING = timedelta(milliseconds=300)
IDLE_S = 5.0
GOAL_MS = 3.0
_SHORT = "truncated"  # stored and attached all the same
_LEAST_SHARE = 0.97  # of the calls must have been recorded: on a busy machine one may stay mute


@dataclass(frozen=True, slots=True)
class Round:
    """One repetition."""

    calls: int
    recorded: int
    short: int
    """Recorded, but the file is shorter than the conversation: sound came late or not at all."""
    service: CpuTime
    asterisk: CpuTime
    seconds: float
    idle: CpuTime
    """What the service used in a second without calls, agents signed in."""

    def service_ms(self) -> float:
        """CPU milliseconds of the service's own process a call."""
        return 1000 * self.service.own_s / self.calls

    def net_ms(self) -> float:
        """The same without what the service uses for nothing."""
        return 1000 * (self.service.own_s - self.idle.own_s * self.seconds) / self.calls

    def encoder_ms(self) -> float:
        """CPU milliseconds of the recorder's workers a call."""
        return 1000 * self.service.children_s / self.calls

    def asterisk_ms(self) -> float:
        """CPU milliseconds of Asterisk a call."""
        return 1000 * self.asterisk.own_s / self.calls


def run(is_quick: bool) -> Part:
    """Measure: five repetitions of 100 calls; quick: two of 20.

    Raises:
        Spoilt: a call failed, or more than a few were not recorded: a cost of fewer calls would look too small.
    """
    begun = time.monotonic()
    rounds = asyncio.run(measure(20 if is_quick else 100, 2 if is_quick else 5))
    return describe(rounds, time.monotonic() - begun)


async def measure(calls: int, repetitions: int) -> list[Round]:
    """Start everything once and repeat the calls."""
    async with live(simulated=AGENTS) as product:
        people = [product.agent(sim_login(i)) for i in range(AGENTS)]
        with tempfile.TemporaryDirectory(prefix="rdtone-") as folder:
            caller_tone = tones.write_tone(Path(folder) / "caller.ul", CALLER_TONE)
            agent_tone = tones.write_tone(Path(folder) / "agent.ul", AGENT_TONE)
            async with agents(product.place, people, answer_after=RING, talk=TALK, tone=agent_tone):
                # The first calls load code, prompts and the encoder.
                await _calls(product, 4, caller_tone)
                return [await _round(product, calls, caller_tone) for _ in range(repetitions)]


async def _round(product: Live, calls: int, tone: Path) -> Round:
    service, asterisk = service_pid(product), asterisk_pid(product.pbx)
    quiet = cpu_time(service)
    await asyncio.sleep(IDLE_S)
    before = cpu_time(service)
    idle = before.since(quiet)
    asterisk_before, begun = cpu_time(asterisk), time.monotonic()
    recorded, short = await _calls(product, calls, tone)
    return Round(
        calls=calls,
        recorded=recorded,
        short=short,
        service=cpu_time(service).since(before),
        asterisk=cpu_time(asterisk).since(asterisk_before),
        seconds=time.monotonic() - begun,
        idle=CpuTime(idle.own_s / IDLE_S, idle.children_s / IDLE_S),
    )


async def _calls(product: Live, calls: int, tone: Path) -> tuple[int, int]:
    """Place calls; returns how many have their recording on a ticket, and how many of these are short."""
    start = await product.last()
    fields = [(f"8613900{n:06}", f"Simulated caller {n}") for n in range(calls)]
    load = Load(calls, AGENTS - 4, PER_SECOND)
    async with callers(
        product.place, SIM_NUMBER, load, digits="1", tone=tone, fields=fields
    ) as calling:
        outcome = await calling.finish(timedelta(seconds=60 + 3 * calls / PER_SECOND))
    if outcome.succeeded != calls:
        raise Spoilt(f"{calls - outcome.succeeded} of {calls} calls failed: {outcome.errors}")

    async def settled() -> bool:
        await asyncio.sleep(0.5)  # looking costs CPU, though not the service's
        attached = {e.call_id for e in await product.events(ev.RecordingAttached, start)}
        failed = await product.events(ev.RecordingFailed, start)
        lost = {e.call_id for e in failed if e.reason != _SHORT}
        return len(attached | lost) >= calls

    await until(settled, within=60 + calls)
    recorded = len({e.call_id for e in await product.events(ev.RecordingAttached, start)})
    failed = Counter(e.reason for e in await product.events(ev.RecordingFailed, start))
    if recorded < _LEAST_SHARE * calls:
        raise Spoilt(f"{calls - recorded} of {calls} calls have no recording: {dict(failed)}")
    return recorded, failed[_SHORT]


def describe(rounds: list[Round], seconds: float) -> Part:
    """Make figures of the repetitions."""
    cost = tuple(r.service_ms() for r in rounds)
    return Part(
        row="CPU",
        title="CPU time of a recorded call: the service beside Asterisk",
        method=(
            f"{rounds[0].calls} calls of {TALK.total_seconds():.0f} s with sound both ways at {PER_SECOND:.0f}/s to "
            f"{AGENTS} desktops, menu to ticket; utime + stime from /proc until the last recording is attached"
        ),
        figures=(
            Figure("service, its own process", "ms/call", cost, goal=GOAL_MS),
            Figure("the same without its idle use", "ms/call", tuple(r.net_ms() for r in rounds)),
            Figure("recorder's workers (niced)", "ms/call", tuple(r.encoder_ms() for r in rounds)),
            Figure("Asterisk", "ms/call", tuple(r.asterisk_ms() for r in rounds)),
            Figure(
                "service / Asterisk", "x", tuple(r.service_ms() / r.asterisk_ms() for r in rounds)
            ),
            Figure(
                "service with workers / Asterisk",
                "x",
                tuple((r.service_ms() + r.encoder_ms()) / r.asterisk_ms() for r in rounds),
            ),
        ),
        notes=(
            f"{sum(r.recorded for r in rounds)} of {sum(r.calls for r in rounds)} recorded",
            f"{sum(r.short for r in rounds)} of them short: sound came late or not at all",
        ),
        seconds=seconds,
    )
