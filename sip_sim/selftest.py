"""``ringdesk selftest``: one real call through the running system, each step checked with a figure.

A simulated caller speaks 440 Hz, presses 1 in the self-test's menu, waits; a simulated agent (headless desktop, SIPp
desk phone) is chosen, sees the pop, answers, speaks 880 Hz, hangs up. Then the recording is fetched as an agent
would, decoded, and both tones are looked for, each in its own channel.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import numpy as np
import soundfile

from cti.domain import events as ev
from cti.domain.events import Event
from cti.domain.ids import CallId
from sip_sim import tones
from sip_sim.desktop import HeadlessDesktop
from sip_sim.farm import AGENT_TONE, CALLER_TONE, Place, SimAgent, agents, callers
from sip_sim.ports import FactReader
from sip_sim.sipp import Load, Party

E = TypeVar("E", bound=Event)

TALK = timedelta(seconds=4)
RING = timedelta(milliseconds=500)
_SEPARATION_DB = 20.0  # below: the channels are mixed


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    is_ok: bool
    figure: str = ""
    detail: str = ""


@dataclass(slots=True)
class Report:
    """All lines; ``is_ok`` decides the exit status."""

    checks: list[Check] = field(default_factory=list)
    tell: Callable[[Check], None] = lambda _check: None

    @property
    def is_ok(self) -> bool:
        """Whether every check passed."""
        return bool(self.checks) and all(check.is_ok for check in self.checks)

    def add(self, name: str, is_ok: bool, figure: str = "", detail: str = "") -> None:
        """Note one check and tell it."""
        check = Check(name, bool(is_ok), figure, "" if is_ok else detail)
        self.checks.append(check)
        self.tell(check)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"ok": self.is_ok, "checks": [asdict(check) for check in self.checks]}


async def run(
    place: Place, agent: SimAgent, number: str, facts: FactReader, tell: Callable[[Check], None]
) -> Report:
    """Place the call; a step that fails is a line, and what depends on it is not tried."""
    report = Report(tell=tell)
    try:
        await _run(place, agent, number, facts, report)
    except Exception as exc:  # noqa: BLE001 - a self-test reports whatever goes wrong, as a line
        text = str(exc) or "not in time"
        report.add("test ran to its end", False, detail=f"{type(exc).__name__}: {text}")
    return report


async def _run(
    place: Place, agent: SimAgent, number: str, facts: FactReader, report: Report
) -> None:
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{place.web}/api/v1/health") as answer,
    ):
        report.add("service answers", answer.status == 200, f"HTTP {answer.status}")
    start = await facts.last()
    async with _tone_files() as (caller_tone, agent_tone):
        began = time.monotonic()
        async with agents(
            place, [agent], answer_after=RING, talk=TALK, tone=agent_tone, keeps_ready=False
        ) as farm:
            took = time.monotonic() - began
            report.add("agent signs in, phone registers, ready", True, f"{took:.1f} s")
            desktop = farm.desktops[0]
            async with callers(
                place, number, Load(), digits="1", tone=caller_tone, menu_time=timedelta(seconds=1)
            ) as caller:
                call_id = await _follow_call(desktop, caller, report)
            await _check_facts(facts, start, call_id, report)
            await _check_recording(place, desktop, facts, start, call_id, report)


async def _follow_call(desktop: HeadlessDesktop, caller: Party, report: Report) -> CallId:
    call = await desktop.until(lambda d: d.call, within=20)
    call_id = CallId(call["call_id"])
    known = await desktop.until(lambda d: d.sections.get("customer"), within=5)
    report.add("pop shows who calls", bool(known), f"match {known['match']}")
    report.add(
        "menu heard the key", call["digits"] == "1", f"digits {call['digits'] or 'none'}",
        "the key pressed in the menu did not reach the pop: look at dtmf_mode of the trunk",
    )  # fmt: skip
    await desktop.until(lambda d: d.state == "TALKING", within=15)
    connected = time.monotonic()
    report.add("agent and caller are connected", True)
    await desktop.until(lambda d: d.state != "TALKING", within=TALK.total_seconds() + 10)
    talked = time.monotonic() - connected
    report.add("agent is free after the call", True, f"talked {talked:.1f} s")
    outcome = await caller.finish(timedelta(seconds=15))
    report.add(
        "caller's call ended well", outcome.is_clean, f"{outcome.succeeded} of 1",
        "; ".join(outcome.errors)[-300:],
    )  # fmt: skip
    return call_id


async def _check_facts(facts: FactReader, start: int, call_id: CallId, report: Report) -> None:
    timed = await _fact(facts, start, call_id, ev.PopTimed)
    socket_ms = _ms(timed.socket_time)
    ring = f"{_ms(timed.ring_time):.1f} ms" if timed.ring_time else "not seen"
    paint = f"{_ms(timed.paint_time):.1f} ms" if timed.paint_time else "not seen"
    report.add(
        "pop comes before the ring",
        timed.ring_time is not None and timed.socket_time < timed.ring_time,
        f"socket {socket_ms:.1f} ms, acknowledged {paint}, ring {ring}",
        "the phone rang before the pop was on the agent's socket",
    )
    ticket = await _fact(facts, start, call_id, ev.TicketOpened)
    report.add("ticket opened by itself", True, f"#{ticket.ticket_id}")


async def _check_recording(
    place: Place,
    desktop: HeadlessDesktop,
    facts: FactReader,
    start: int,
    call_id: CallId,
    report: Report,
) -> None:
    attached = await _fact(facts, start, call_id, ev.RecordingAttached, within=30)
    stored = await _fact(facts, start, call_id, ev.RecordingStored)
    length = stored.duration_time.total_seconds()
    report.add(
        "recording hangs on the ticket",
        abs(length - TALK.total_seconds()) < 1.5,  # answer and hang-up are not sharp
        f"{length:.1f} s, {stored.size} bytes, sha256 {stored.sha256[:12]}…",
        f"talked {TALK.total_seconds():.0f} s, but the recording has {length:.1f} s",
    )
    samples, rate = await _download(place, desktop, attached.recording_id)
    left, right = samples[:, 0], samples[:, 1]
    caller_s = tones.seconds_heard(left, CALLER_TONE, rate)
    agent_s = tones.seconds_heard(right, AGENT_TONE, rate)
    report.add(
        "both voices are in the recording",
        min(caller_s, agent_s) > 0.8 * TALK.total_seconds(),
        f"caller left {caller_s:.1f} s, agent right {agent_s:.1f} s",
        "a voice is missing: look at the recording in the page",
    )
    middle = slice(len(left) // 4, 3 * len(left) // 4)
    separation = min(
        tones.level_db(left[middle], CALLER_TONE, rate)
        - tones.level_db(right[middle], CALLER_TONE, rate),
        tones.level_db(right[middle], AGENT_TONE, rate)
        - tones.level_db(left[middle], AGENT_TONE, rate),
    )
    report.add("channels are apart", separation > _SEPARATION_DB, f"{separation:.0f} dB")


async def _download(
    place: Place, desktop: HeadlessDesktop, recording_id: str
) -> tuple[tones.Samples, int]:
    url = f"{place.web}/api/v1/recordings/{recording_id}/audio"
    async with desktop.client.get(url) as answer:
        answer.raise_for_status()
        body = await answer.read()
    samples, rate = await asyncio.to_thread(
        soundfile.read, io.BytesIO(body), dtype="float64", always_2d=True
    )
    return np.asarray(samples), int(rate)


async def _fact(
    facts: FactReader, start: int, call_id: CallId, kind: type[E], within: float = 10
) -> E:
    deadline = time.monotonic() + within
    while True:
        for event in await facts.since(start, call_id):
            if isinstance(event, kind):
                return event
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {kind.__name__} in the journal within {within:.0f} s")
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _tone_files() -> AsyncIterator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory(prefix="rdtone-") as folder:
        yield (
            tones.write_tone(Path(folder) / "caller.ul", CALLER_TONE),
            tones.write_tone(Path(folder) / "agent.ul", AGENT_TONE),
        )


def _ms(time_: timedelta) -> float:
    return time_.total_seconds() * 1000
