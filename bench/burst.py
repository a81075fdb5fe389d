"""P6: 20,000 events of Asterisk in one second, and three seconds in which nobody else keeps up.

An AMI server in a process of its own (``bench.replay``) sends the events to the whole real service: link, parser,
translator, bus, ACD, desktops, tickets, journal on a database file. *Burst*: callers come, wait and hang up, a thousand
of them, a hundred at a time, among phones that change their states; fifty agents are free to be offered to. *Stall*: the
same at a tenth of the rate for three seconds, while a writer holds the database, the tickets' store hangs and a desktop
doesn't read.

The matcher's time is that of each step of the ACD's model in which an agent was chosen, and of all steps beside; a round
in which nobody was chosen, or no offer reached the server, measured nothing and fails. The loop's lateness is seen by a
task that wants to run every 5 ms. The peer is the same bytes to panoramisk with one callback, in a process of its own,
counted by its CPU seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from panoramisk.ami_protocol import AMIProtocol

from acd import model as acd_model
from acd.decisions import Reserve
from bench.replay import FREE, PER_CALL, Player, burst, extension, playing
from bench.report import Figure, Part, Spoilt, percentile
from bench.whole import service_on
from cti.bootstrap import Service
from cti.builtin import sim_login
from cti.domain import events as ev
from cti.domain.ids import AgentId, Endpoint
from screenpop.connection import Connection
from tests.until import until

EVENTS = 20_000
STALL_EVENTS = 2_000
STALL_S = 3.0
READY_AGENTS = FREE
GOAL_MS = 20.0


@dataclass(slots=True)
class Watch:
    """What is measured while a burst runs."""

    step_ms: list[float] = field(default_factory=list)
    decide_ms: list[float] = field(default_factory=list)
    """Of the steps in which an agent was chosen."""
    late_ms: list[float] = field(default_factory=list)
    most_waiting: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """One burst, or one stall."""

    watch: Watch
    sent_s: float
    done_s: float
    """From the first event to the last call closed in the service's own books and in the journal."""
    cpu_s: float
    events: int
    disconnects: int
    snapshots: int
    """Of the service's own accord: a look at the world, or because it found that it had stood still."""
    calls: int
    known: int
    """Calls that the journal has with beginning and end."""
    tickets: int
    offers: int


def run(is_quick: bool) -> Part:
    """Measure: three bursts and two stalls; quick: one each.

    Raises:
        Spoilt: the service did not come up, or never caught up.
    """
    begun = time.monotonic()
    bursts, stalls, peer = asyncio.run(_measure(1 if is_quick else 3, 1 if is_quick else 2))
    return describe(bursts, stalls, peer, time.monotonic() - begun)


async def _measure(bursts: int, stalls: int) -> tuple[list[Round], list[Round], list[float]]:
    async with playing() as player, service_on(player.port) as service:
        await _sign_in(service)
        done = [await _round(service, player, number, EVENTS, 1) for number in range(bursts)]
        stalled = []
        for number in range(bursts, bursts + stalls):
            async with _stall(service):
                stalled.append(await _round(service, player, number, STALL_EVENTS, 3))
    peer = [await _panoramisk() for _ in range(bursts)]
    return done, stalled, peer


async def _sign_in(service: Service) -> None:
    for number in range(READY_AGENTS):
        agent = AgentId(sim_login(number))
        await service.acd.sign_in(agent, Endpoint(extension(number)))
        await service.acd.ready(agent)


async def _round(service: Service, player: Player, kind: int, events: int, seconds: int) -> Round:
    seen: Any = await player.order("seen")
    start, snapshots = service.journal.last, service.switch.snapshots
    told: list[ev.Event] = []
    unsubscribe = service.bus.subscribe(told.append, ev.CallEnded, ev.TicketOpened)
    calls = seconds * (events // PER_CALL)
    begun, used, sent_s = time.monotonic(), _cpu(), 0.0
    with watching(service) as watch:
        for turn in range(seconds):
            # Other calls each time: a set of its own.
            sent: Any = await player.order("burst", events, 1000 * (kind + 1) + turn)
            sent_s += sent
        # All were sent; after a standstill the service drops what is older than its snapshot, so
        # not every call need have been seen.
        await until(lambda: _is_done(service), within=120)
        await service.tickets.service.idle()
        await service.journal.flush()
        done_s, cpu_s = time.monotonic() - begun, _cpu() - used
    unsubscribe()
    now: Any = await player.order("seen")
    journal = [item.event async for item in service.journal.read(after=start)]
    begins = {e.call_id for e in journal if isinstance(e, ev.CallOffered)}
    ends = {e.call_id for e in journal if isinstance(e, ev.CallEnded)}
    return Round(
        watch,
        sent_s,
        done_s,
        cpu_s,
        events * seconds,
        now["connections"] - seen["connections"],
        service.switch.snapshots - snapshots,
        calls,
        len(begins & ends),
        sum(isinstance(e, ev.TicketOpened) for e in told),
        len(now["offers"]) - len(seen["offers"]),
    )


def _is_done(service: Service) -> bool:
    return service.switch.is_up and not service.switch._messages and len(service.calls) == 0


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def watching(service: Service) -> Iterator[Watch]:
    """Time each step of the ACD's model, and how late the loop is."""
    watch, step = Watch(), acd_model.step

    def timed(*arguments: Any) -> Any:
        begun = time.perf_counter()
        decided: tuple[Any, ...] = ()
        try:
            state, decided = step(*arguments)
            return state, decided
        finally:
            took_ms = 1000 * (time.perf_counter() - begun)
            watch.step_ms.append(took_ms)
            if any(isinstance(decision, Reserve) for decision in decided):
                watch.decide_ms.append(took_ms)

    async def look() -> None:
        while True:
            wanted = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            watch.late_ms.append(1000 * (time.perf_counter() - wanted))
            watch.most_waiting = max(watch.most_waiting, len(service.switch._messages))

    task = asyncio.create_task(look())
    acd_model.step = timed  # type: ignore[assignment]
    try:
        yield watch
    finally:
        acd_model.step = step
        task.cancel()


@contextlib.asynccontextmanager
async def _stall(service: Service) -> AsyncIterator[None]:
    """For three seconds from now nobody keeps up: database, tickets, a desktop."""
    store: Any = service.tickets.store
    read, write = store.read, store.write
    over = asyncio.Event()

    def hanging(real: Callable[..., Any]) -> Callable[..., Any]:
        async def wait(*arguments: Any, **options: Any) -> Any:
            await over.wait()
            return await real(*arguments, **options)

        return wait

    store.read, store.write = hanging(read), hanging(write)
    lock = sqlite3.connect(service.settings.database_file, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    # Its messages are never taken: the line towards it is bounded and ends by itself.
    deaf = Connection()
    desk = service.screenpop.pop.open(service.agents[-1], deaf, None, 0, "en")

    def end() -> None:
        lock.execute("ROLLBACK")
        lock.close()
        store.read, store.write = read, write
        over.set()

    asyncio.get_running_loop().call_later(STALL_S, end)
    try:
        yield
        await over.wait()
    finally:
        desk.detach(deaf)


async def _panoramisk() -> float:
    """CPU seconds that panoramisk needs for the bytes of one burst."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.burst", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = await process.stdout.readline()
    await process.wait()
    return float(line)


def describe(bursts: list[Round], stalls: list[Round], peer: list[float], seconds: float) -> Part:
    """Make figures of the rounds."""
    everything = [*bursts, *stalls]
    if any(not r.offers or not r.watch.decide_ms for r in everything):
        made = [(len(r.watch.decide_ms), r.offers) for r in everything]
        raise Spoilt(f"nobody was chosen or offered in a round (chosen, offered): {made}")
    if any(r.known < r.calls and not r.snapshots for r in everything):
        raise Spoilt(f"calls are missing: {[(r.known, r.calls) for r in everything]}")

    def each(what: str, unit: str, values: list[float], goal: float | None = None) -> Figure:
        return Figure(what, unit, tuple(values), goal=goal)

    return Part(
        row="P6",
        title=f"{EVENTS:,} events in one second; three seconds of everybody's stall",
        method=(
            f"replay server in a process of its own, the whole service beside it; {EVENTS // PER_CALL} callers a burst; "
            f"stall: {STALL_EVENTS} events/s while the database is locked, the tickets' store hangs, a desktop is deaf"
        ),
        figures=(
            each("burst: disconnects", "", [r.disconnects for r in bursts], 0.0),
            each("burst: the matcher's decisions, p99", "ms", [_p99(r) for r in bursts], GOAL_MS),
            each("burst: all of its steps, p99", "ms", [percentile(r.watch.step_ms, 0.99) for r in bursts]),
            each("burst: offers that reached the server", "", [float(r.offers) for r in bursts]),
            each("burst: the loop was late, p99", "ms", [percentile(r.watch.late_ms, 0.99) for r in bursts]),
            each("burst: snapshots taken meanwhile", "", [r.snapshots for r in bursts]),
            each("burst: sent in", "s", [r.sent_s for r in bursts]),
            each("burst: all of it worked on, journal committed", "s", [r.done_s for r in bursts]),
            each("burst: service's CPU", "us/event", [1e6 * r.cpu_s / r.events for r in bursts]),
            each("panoramisk, parsing only", "us/event", [1e6 * s / EVENTS for s in peer]),
            each("burst: most messages that waited", "", [r.watch.most_waiting for r in bursts]),
            each("stall: disconnects", "", [r.disconnects for r in stalls], 0.0),
            each("stall: the matcher's decisions, p99", "ms", [_p99(r) for r in stalls], GOAL_MS),
            each("stall: offers that reached the server", "", [float(r.offers) for r in stalls]),
            each("stall: the loop was late, p99", "ms", [percentile(r.watch.late_ms, 0.99) for r in stalls]),
            each("stall: all of it worked on", "s", [r.done_s for r in stalls]),
            each("stall: snapshots taken meanwhile", "", [r.snapshots for r in stalls]),
            each("stall: known calls without a ticket", "", [float(r.known - r.tickets) for r in stalls], 0.0),
            each("calls that came and went unseen", "", [float(r.calls - r.known) for r in everything], 0.0),
        ),
        notes=(
            f"{sum(r.known for r in everything)} of {sum(r.calls for r in everything)} calls whole in the journal",
            f"{sum(len(r.watch.decide_ms) for r in everything)} times an agent was chosen",
        ),
        seconds=seconds,
    )  # fmt: skip


def _p99(one: Round) -> float:
    return percentile(one.watch.decide_ms, 0.99)


def _feed_panoramisk() -> float:
    """CPU seconds of panoramisk's protocol class for the bytes of a burst; in a process of its own."""
    data = b"".join(burst(EVENTS, 7))
    count = 0

    def see(_: Any) -> None:
        nonlocal count
        count += 1

    protocol = AMIProtocol()
    protocol.connection_made(None)
    protocol.encoding = "utf8"
    protocol.factory = SimpleNamespace(save_stream=None, dispatch=see)
    protocol.data_received(b"Asterisk Call Manager/11.0.0\r\n")
    before = _cpu()
    for at in range(0, len(data), 65_536):
        protocol.data_received(data[at : at + 65_536])
    assert count >= EVENTS, count
    return _cpu() - before


if __name__ == "__main__":
    print(_feed_panoramisk(), flush=True)
