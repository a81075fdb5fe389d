"""P8: the whole flow at a steady rate, beside the same calls through a bare dialplan with ``Queue()``.

Each call goes the whole way: menu, key, queue, pop, ring, talk with the caller's sound, two-channel recording, ticket. SIPp
plays callers and phones on the same cores; only the callers send sound, since every packet of theirs is paid twice. The
peer is the same Asterisk without the service: answer, a key, MixMonitor, ``Queue()`` with the same phones.

Join to ring is told by one witness for both: Asterisk's own timestamps of the caller's entry and of the phone's 180, read
over an AMI connection of the bench's own. Whether nothing is missing is read from the journal's rows: every call must
have each of its events, exactly one ticket, and after the drain its recording on it.

Full: rates are tried for a minute each up to 20 a second, until one isn't sustained: a call failed, something is missing in
the journal, or join to ring took too long. The highest sustained one is then run for ten minutes, and at its rate the
peer. Quick: one rate for half a minute. A rate that wasn't sustained is printed as such and never left out. With a rate
given (``python -m bench P8 --rate 12 --minutes 10``) that one alone is run, for so long, and the peer for a minute. Long
runs say every ten seconds how far they are.

The guards against self-deception (GOALS.md) are printed too: how much the service's memory grew, and its CPU time a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bench.processes import CpuTime, cpu_time, resident_mb
from bench.product import asterisk_pid, recording, service_pid
from bench.report import Figure, Part, Spoilt, percentile
from cti.builtin import SIM_NUMBER, SIM_QUEUE, sim_login
from sip_sim import tones
from sip_sim.farm import CALLER_TONE, agents, callers, phones
from sip_sim.sipp import Load, Outcome
from tests.asterisk.ami_probe import AmiProbe, Message
from tests.asterisk.live import Live, live
from tests.until import until

GOAL_PER_SECOND = 20.0
RATES = (4.0, 6.0, 8.0, 12.0, 16.0, 20.0)
TALK = timedelta(seconds=2)
RING = timedelta(milliseconds=100)
MENU = timedelta(seconds=1)
GOAL_RING_MS = 15.0
GUARD_CPU_MS = 3.0
GUARD_GROWTH_MB = 50.0
"""Of the service's memory, over 100,000 calls."""
PEER_NUMBER = "7001"
_EACH_CALL = (
    "CallOffered", "MenuEntered", "MenuInput", "CallEnqueued", "AgentReserved", "PopSent", "LegDialled",
    "LegRang", "CallConnected", "CallAnswered", "TicketOpened", "RecordingStarted", "RecordingStopped",
    "CallEnded",
)  # fmt: skip
_RECORDED = ("RecordingStored", "RecordingAttached")
_TELL_S = 10.0
_TOLD = ("Event", "UserEvent", "Uniqueid", "Timestamp", "DialStatus")


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What AMI saw of one run."""

    ring_ms: tuple[float, ...]
    """From joining the queue to the phone's 180, each call that rang."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One run at one rate."""

    per_second: float
    outcome: Outcome
    calls: int
    witnessed: Witnessed
    service: CpuTime
    asterisk: CpuTime
    simulators: CpuTime
    missing: dict[str, int] = field(default_factory=dict)
    """Kinds of events that some calls lack, and how many calls."""
    backlog: int = 0
    drain_s: float = 0.0
    events: int = 0
    short: int = 0
    memory_mb: float = 0.0
    """The service's own, before the calls."""
    growth_mb: float = 0.0

    @property
    def is_clean(self) -> bool:
        """No call failed, and nothing is missing in the journal."""
        return self.outcome.succeeded == self.calls and not self.missing

    @property
    def is_sustained(self) -> bool:
        """Clean, and phones rang in time."""
        return self.is_clean and self.ring(0.99) <= GOAL_RING_MS

    def ring(self, share: float) -> float:
        """A percentile of join to ring, in milliseconds."""
        return percentile(self.witnessed.ring_ms, share)

    def said(self) -> str:
        """One line for the notes."""
        words = [f"{self.per_second:.0f}/s: {self.outcome.succeeded} of {self.calls} calls well"]
        words.append(f"join to ring p99 {self.ring(0.99):.1f} ms")
        words.append(
            f"{self.backlog} recordings waited at the end, drained in {self.drain_s:.0f} s"
        )
        if self.missing:
            words.append(f"missing: {self.missing}")
        if not self.is_sustained:
            words.append("not sustained")
        if self.short:
            words.append(f"{self.short} recordings short")
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: rates are tried a minute each until one isn't sustained, then the best of them; or one rate alone."""

    rates: tuple[float, ...] = RATES
    longest_time: timedelta = timedelta(minutes=10)

    @property
    def is_search(self) -> bool:
        """Whether the highest rate is looked for."""
        return len(self.rates) > 1


QUICK = Plan((6.0,), timedelta(seconds=30))


def run(is_quick: bool) -> Part:
    """Measure.

    Raises:
        Spoilt: not even the lowest rate could be measured.
    """
    return run_plan(QUICK if is_quick else Plan())


def run_at(per_second: float, longest_time: timedelta) -> Part:
    """Measure one rate for so long.

    Raises:
        Spoilt: it could not be measured.
    """
    return run_plan(Plan((per_second,), longest_time))


def run_plan(plan: Plan) -> Part:
    """Measure what is planned.

    Raises:
        Spoilt: it could not be measured.
    """
    begun = time.monotonic()
    flows, peer = asyncio.run(measure(plan))
    return describe(flows, peer, time.monotonic() - begun)


async def measure(plan: Plan) -> tuple[list[Flow], Flow]:
    """All runs, the last one being the one that counts; and the peer's at its rate."""
    people = desks_for(max(plan.rates))
    with tempfile.TemporaryDirectory(prefix="rdtone-") as folder:
        tone = tones.write_tone(Path(folder) / "caller.ul", CALLER_TONE)
        async with live(simulated=people, rtp_start=30000, rtp_end=33999) as product:
            flows = await _ours(product, people, tone, plan)
            await product.stop()
            peer_time = min(plan.longest_time, timedelta(minutes=1))
            peer = await _peer(product, people, tone, flows[-1].per_second, peer_time)
    return flows, peer


def desks_for(per_second: float) -> int:
    """Agents enough that a caller finds one free, nearly always."""
    busy_s = (TALK + RING).total_seconds() + 0.6
    return int(per_second * busy_s * 1.3) + 8


async def _ours(product: Live, people: int, tone: Path, plan: Plan) -> list[Flow]:
    sims = [product.agent(sim_login(i)) for i in range(people)]
    async with agents(product.place, sims, answer_after=RING, talk=TALK, tone=None):
        await _flow(product, 4, 2.0, tone)  # the first calls load code, prompts and the encoder
        longest_s = plan.longest_time.total_seconds()
        if not plan.is_search:
            [rate] = plan.rates
            return [await _flow(product, max(1, int(longest_s * rate)), rate, tone)]
        flows: list[Flow] = []
        for per_second in plan.rates:
            flows.append(await _flow(product, int(60 * per_second), per_second, tone))
            if not flows[-1].is_sustained:
                break
        rate = highest(flows)
        if rate:
            flows.append(await _flow(product, int(longest_s * rate), rate, tone))
        return flows


def highest(flows: Sequence[Flow]) -> float:
    """The highest rate that was sustained whenever it was tried; 0 for none."""
    not_sustained = {flow.per_second for flow in flows if not flow.is_sustained}
    return max((f.per_second for f in flows if f.per_second not in not_sustained), default=0.0)


async def _flow(product: Live, calls: int, per_second: float, tone: Path) -> Flow:
    service, asterisk = service_pid(product), asterisk_pid(product.pbx)
    start = await product.last()
    before, asterisk_before, ours = cpu_time(service), cpu_time(asterisk), cpu_time(os.getpid())
    memory_mb = resident_mb(service)
    tally = Tally(product.settings.database_file, start)
    async with AmiProbe.connected(product.pbx) as probe, _telling(tally, calls, per_second):
        probe.events = Needed()
        outcome = await _call(product, SIM_NUMBER, calls, per_second, tone)
    simulators = cpu_time(os.getpid()).since(ours)
    book = Book(product.settings.database_file, start)
    ended_at = time.monotonic()
    await _until(lambda: tally.look().ended >= outcome.succeeded, within=60)
    backlog = tally.backlog
    async with _telling(tally, calls, per_second):
        await _until(lambda: not tally.look().backlog, within=120 + calls)
    return Flow(
        per_second,
        outcome,
        calls,
        witness(probe, "RdWait"),
        cpu_time(service).since(before),
        cpu_time(asterisk).since(asterisk_before),
        simulators,
        book.missing(calls),
        backlog,
        time.monotonic() - ended_at,
        book.events(),
        book.short(),
        memory_mb,
        resident_mb(service) - memory_mb,
    )


@contextlib.asynccontextmanager
async def _telling(tally: Tally, calls: int, per_second: float) -> AsyncIterator[None]:
    """Say every ten seconds how far it is."""
    begun = time.monotonic()

    async def tell_on() -> None:
        while True:
            await asyncio.sleep(_TELL_S)
            tally.look()
            print(
                f"     {per_second:g}/s, after {time.monotonic() - begun:.0f} s: {tally.ended} of {calls} calls"
                f" over, {tally.backlog} recordings wait",
                flush=True,
            )

    task = asyncio.create_task(tell_on())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until(condition: Callable[[], bool], within: float) -> None:
    async def look() -> bool:
        await asyncio.sleep(0.5)  # looking costs CPU, though not the service's
        return condition()

    await until(look, within)


async def _call(product: Live, number: str, calls: int, per_second: float, tone: Path) -> Outcome:
    fields = [(f"8613{n % 10}{n:08}", f"Simulated caller {n}") for n in range(calls)]
    load = Load(calls, int(per_second * 20) + 10, per_second)
    limit = timedelta(seconds=120 + 2 * calls / per_second)
    async with callers(
        product.place,
        number,
        load,
        digits="1",
        tone=tone,
        menu_time=MENU,
        fields=fields,
        limit=limit,
    ) as calling:
        return await calling.finish(limit)


async def _peer(
    product: Live, people: int, tone: Path, per_second: float, peer_time: timedelta
) -> Flow:
    """The same calls without the service."""
    pbx, sims = product.pbx, [product.agent(sim_login(i)) for i in range(people)]
    record = recording(product)
    for place in (
        f"{PEER_NUMBER},1,Answer into rd-trunk",
        f'{PEER_NUMBER},2,"Goto(rd-peer,s,1)" into rd-trunk',
        's,1,"WaitExten(10)" into rd-peer',
        '1,1,"UserEvent(PeerWait)" into rd-peer',
        f'1,2,"{record}" into rd-peer',
        f'1,3,"Queue(rd_{SIM_QUEUE})" into rd-peer',
        "1,4,Hangup into rd-peer",
    ):
        await pbx.rx(f"dialplan add extension {place}")
    asterisk = asterisk_pid(pbx)
    calls = max(1, int(peer_time.total_seconds() * per_second))
    async with phones(product.place, sims, answer_after=RING, talk=TALK, tone=None):
        for person in sims:
            await pbx.rx(f"queue add member PJSIP/{person.endpoint} to rd_{SIM_QUEUE}")
            await pbx.rx(f"queue unpause member PJSIP/{person.endpoint}")
        ours = cpu_time(os.getpid())
        before = cpu_time(asterisk)
        async with AmiProbe.connected(pbx) as probe:
            probe.events = Needed()
            outcome = await _call(product, PEER_NUMBER, calls, per_second, tone)
        return Flow(
            per_second,
            outcome,
            calls,
            witness(probe, "PeerWait"),
            CpuTime(0.0, 0.0),
            cpu_time(asterisk).since(before),
            cpu_time(os.getpid()).since(ours),
        )


def witness(probe: AmiProbe, join: str) -> Witnessed:
    """Join to ring of every caller, by Asterisk's own timestamps."""
    joined: dict[str, float] = {}
    ring_ms: list[float] = []
    for event in probe.events:
        caller = event.get("Uniqueid", "")
        if event.get("UserEvent") == join:
            joined.setdefault(caller, float(event["Timestamp"]))
        elif event.get("DialStatus", "").upper() == "RINGING" and caller in joined:
            ring_ms.append(1000 * (float(event["Timestamp"]) - joined.pop(caller)))
    if not ring_ms:
        raise Spoilt(f"no phone rang: {Counter(probe.names()).most_common(5)}")
    return Witnessed(tuple(ring_ms))


class Book:
    """The journal's rows behind a number, read by a connection of our own that costs the service nothing."""

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self._start = start

    def _rows(self, rest: str, *values: str) -> list[tuple[str, ...]]:
        with contextlib.closing(_reader(self._path)) as connection:
            return connection.execute(f"SELECT {rest}", (self._start, *values)).fetchall()

    def events(self) -> int:
        """How many there are."""
        return int(self._rows("COUNT(*) FROM journal WHERE sequence > ?")[0][0])

    def short(self) -> int:
        """Recordings shorter than their call."""
        rows = self._rows(
            "COUNT(*) FROM journal WHERE sequence > ? AND name = 'RecordingFailed'"
            " AND data LIKE '%truncated%'"
        )
        return int(rows[0][0])

    def missing(self, calls: int) -> dict[str, int]:
        """Which kinds of events calls lack, of all that were placed; and what came twice."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for call_id, name in self._rows(
            "call_id, name FROM journal WHERE sequence > ? AND call_id IS NOT NULL"
        ):
            found[call_id][name] += 1
        lacking = Counter(
            name
            for names in found.values()
            for name in (*_EACH_CALL, *_RECORDED)
            if not names[name]
        )
        lacking["calls"] = max(0, calls - len(found))
        lacking["second ticket"] = sum(names["TicketOpened"] > 1 for names in found.values())
        return {name: count for name, count in lacking.items() if count}


class Needed(list[Message]):
    """Of the witness's events what tells of joining and ringing: a long run has millions."""

    def append(self, event: Message) -> None:
        """Keep one, or not."""
        if "UserEvent" in event or "DialStatus" in event:
            super().append({name: event[name] for name in _TOLD if name in event})


class Tally:
    """How far a run is; reads only what the journal has got since the last look."""

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self._last = start
        self._ended: set[str] = set()
        self._stopped: set[str] = set()
        self._settled: set[str] = set()

    @property
    def ended(self) -> int:
        """Calls that are over."""
        return len(self._ended)

    @property
    def backlog(self) -> int:
        """Calls whose recording neither hangs on its ticket yet, nor never will."""
        return len(self._stopped - self._settled)

    def look(self) -> Tally:
        """Read on."""
        with contextlib.closing(_reader(self._path)) as connection:
            rows = connection.execute(
                "SELECT sequence, call_id, name, data FROM journal WHERE sequence > ? ORDER BY sequence",
                (self._last,),
            ).fetchall()
        for sequence, call_id, name, data in rows:
            self._last = sequence
            if name == "CallEnded":
                self._ended.add(call_id)
            elif name == "RecordingStopped":
                self._stopped.add(call_id)
            elif name == "RecordingAttached" or (
                name == "RecordingFailed" and "truncated" not in data
            ):
                self._settled.add(call_id)
        return self


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def describe(flows: Sequence[Flow], peer: Flow, seconds: float) -> Part:
    """Make figures of the last run; the others are notes."""
    last = flows[-1]
    ms = 1000 / last.calls
    theirs = 1000 * peer.asterisk.own_s / peer.calls
    whole = (last.service.own_s + last.asterisk.own_s) * ms
    failed = last.calls - last.outcome.succeeded
    # One rate, as a quick run tries, says nothing of the highest.
    rate_goal = GOAL_PER_SECOND if len(flows) > 1 else None
    return Part(
        row="P8",
        title="the whole flow at a steady rate, beside a bare dialplan with Queue()",
        method=(
            f"{last.calls} calls at {last.per_second:g}/s, {TALK.total_seconds():.0f} s of talk, menu to ticket, "
            "SIPp on the same cores, sound from the callers only; peer: Answer, a key, MixMonitor, Queue(), same phones"
        ),
        figures=(
            Figure("highest sustained rate", "calls/s", (highest(flows),), "higher", rate_goal),
            Figure("calls that failed", "", (float(failed),), goal=0.0),
            Figure("kinds of events missing", "", (float(len(last.missing)),), goal=0.0),
            Figure("join to ring, p50", "ms", (last.ring(0.5),)),
            Figure("join to ring, p99", "ms", (last.ring(0.99),), goal=GOAL_RING_MS),
            Figure("the peer's, p50", "ms", (peer.ring(0.5),)),
            Figure("the peer's, p99", "ms", (peer.ring(0.99),)),
            Figure("join to ring p50, ours / peer's", "x", (last.ring(0.5) / peer.ring(0.5),)),
            Figure("service, its own process", "ms/call", (last.service.own_s * ms,), goal=GUARD_CPU_MS),
            Figure("service's memory before", "MB", (last.memory_mb,)),
            Figure("service's memory grew by", "MB", (last.growth_mb,), goal=GUARD_GROWTH_MB),
            Figure("recorder's workers (niced)", "ms/call", (last.service.children_s * ms,)),
            Figure("Asterisk", "ms/call", (last.asterisk.own_s * ms,)),
            Figure("the peer's Asterisk", "ms/call", (theirs,)),
            Figure("service and Asterisk / the peer's Asterisk", "x", (whole / theirs,)),
            Figure("SIPp and the desktops", "ms/call", (_both(last.simulators) * ms,)),
            Figure("recordings that waited at the end", "", (float(last.backlog),)),
            Figure("until all hung on their tickets", "s", (last.drain_s,)),
        ),
        notes=(
            *(flow.said() for flow in flows),
            f"the peer: {peer.outcome.succeeded} of {peer.calls} calls well",
            f"{last.events / last.calls:.0f} events a call in the journal",
        ),
        seconds=seconds,
    )  # fmt: skip


def _both(used: CpuTime) -> float:
    return used.own_s + used.children_s
