"""REBUILD: a journal of a million events, and how long it takes to make all derived rows from it again.

The journal is written by the product itself, 16 events a call as a queue's call has them, into an SQLite file in a temporary
folder. Measured: writing it, walking its hash chain, and the rebuild of every projection, each of the whole journal. How far
it is stands on standard error, a line a tenth.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.report import Figure, Part
from cti.bootstrap import projections_of
from cti.domain import events as ev
from cti.domain.ids import (
    AgentId,
    CallId,
    CustomerId,
    Endpoint,
    LegId,
    QueueName,
    RecordingId,
    TicketId,
)
from cti.storage.call_rows import CallsProjection
from cti.storage.database import Database
from cti.storage.journal import SqlJournal

EVENTS = 1_000_000
QUICK_EVENTS = 50_000
_GROUP = 5_000
_BEGIN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
_SALES, _PHONE, _LINA = QueueName("sales"), Endpoint("1001w"), AgentId("lina")


def call_events(number: int) -> list[ev.Event]:
    """The events of one answered call, in their order."""
    call, leg = CallId(f"pbx1-1790000000.{number}-{number}"), LegId(f"1790000000.{number}")
    at = _BEGIN + timedelta(milliseconds=50 * number)

    def t(seconds: float) -> datetime:
        return at + timedelta(seconds=seconds)

    talk: dict[str, Any] = {"call_id": call, "leg_id": LegId(f"{leg}9"), "endpoint": _PHONE}
    ours: dict[str, Any] = {"call_id": call, "agent_id": _LINA}
    wait_time = timedelta(seconds=12)
    return [
        ev.CallOffered(at=t(0), call_id=call, leg_id=leg, dnis="4000", ani="+8613800138000"),
        ev.CallerIdentified(at=t(0.1), call_id=call, match="none"),
        ev.MenuEntered(at=t(0.2), call_id=call, flow="main", flow_version=1, node="start"),
        ev.MenuInput(at=t(4), call_id=call, node="start", result="match", digits="1"),
        ev.CallEnqueued(at=t(5), call_id=call, queue=_SALES, enqueued_at=t(5)),
        ev.AgentReserved(at=t(15), queue=_SALES, endpoint=_PHONE, wait_time=wait_time, **ours),
        ev.LegDialled(at=t(15.1), **talk),
        ev.LegRang(at=t(15.2), **talk),
        ev.CallConnected(at=t(17), **talk),
        ev.CallAnswered(at=t(17), queue=_SALES, wait_time=wait_time, **ours),
        ev.TicketOpened(
            at=t(17), call_id=call, ticket_id=TicketId(number), customer_id=CustomerId(number), reason="connected"
        ),
        ev.LegEnded(at=t(180), cause=16, **talk),
        ev.CallEnded(at=t(180), call_id=call, cause=16, ended_by="caller"),
        ev.AgentStateChanged(
            at=t(180), agent_id=_LINA, state="WRAP_UP", previous="TALKING", call_id=call
        ),
        ev.AgentStateChanged(
            at=t(190), agent_id=_LINA, state="READY", previous="WRAP_UP", call_id=call
        ),
        ev.RecordingStored(
            at=t(185), call_id=call, recording_id=RecordingId(f"r{number}"), duration_time=timedelta(seconds=163),
            sha256="0" * 64, size=489_000,
        ),
    ]  # fmt: skip


def interleaved(count: int) -> Iterator[ev.Event]:
    """So many events, of calls that overlap as they do."""
    lanes: list[list[ev.Event]] = []
    number = told = 0
    while told < count:
        while len(lanes) < 50:
            number += 1
            lanes.append(call_events(number))
        for lane in lanes:
            if told < count:
                yield lane.pop(0)
                told += 1
        lanes = [lane for lane in lanes if lane]


class Progress:
    """Says on standard error how far a step is, in tenths."""

    def __init__(self, step: str, count: int) -> None:
        self._step = step
        self._count = count
        self._begun = time.perf_counter()
        self._told = 0

    def __call__(self, place: int) -> None:
        """So many events are done with."""
        tenths = 10 * place // self._count
        if tenths > self._told:
            self._told = tenths
            seconds = time.perf_counter() - self._begun
            sys.stderr.write(f"  {self._step}: {place:,} of {self._count:,}, {seconds:.0f} s\n")
            sys.stderr.flush()


async def measure(folder: Path, count: int) -> tuple[dict[str, float], int]:
    """Seconds of each step, and the rows that came out."""
    database = Database(f"sqlite+aiosqlite:///{folder}/bench.db")
    await database.migrate()
    journal = SqlJournal(database)
    taken: dict[str, float] = {}
    written = Progress("written", count)
    begun = time.perf_counter()
    await journal.start()
    for index, event in enumerate(interleaved(count), 1):
        journal.record(event)
        if index % _GROUP == 0:
            await journal.flush()
            written(index)
    await journal.stop()
    taken["write"] = time.perf_counter() - begun
    begun = time.perf_counter()
    assert await journal.verify() is None
    taken["verify"] = time.perf_counter() - begun
    begun, worked, rebuilt = time.perf_counter(), time.process_time(), Progress("rebuilt", count)
    assert await projections_of(database).rebuild(rebuilt) == count
    taken["rebuild"] = time.perf_counter() - begun
    taken["work"] = time.process_time() - worked
    rows = await database.look(
        lambda c: c.execute(
            CallsProjection.table.select().with_only_columns(CallsProjection.table.c.call_id)
        ).all()
    )
    await database.close()
    return taken, len(rows)


def run(is_quick: bool) -> Part:
    """A million events; quick: fifty thousand."""
    begun, count = time.monotonic(), QUICK_EVENTS if is_quick else EVENTS
    with tempfile.TemporaryDirectory(prefix="ringdesk-bench-") as folder:
        taken, rows = asyncio.run(measure(Path(folder), count))
        size = (Path(folder) / "bench.db").stat().st_size
    return Part(
        row="REBUILD",
        title="derived rows made again from the journal",
        method=f"{count:,} events of {rows:,} calls on SQLite, {size / 2**20:.0f} MB, all of it, once",
        figures=(
            Figure("rebuild", "s", (taken["rebuild"],)),
            Figure("rebuild, CPU time of an event", "us", (taken["work"] / count * 1e6,)),
            Figure("rebuild, events a second", "/s", (count / taken["rebuild"],), better="higher"),
            Figure("check of the hash chain", "s", (taken["verify"],)),
            Figure("written, events a second", "/s", (count / taken["write"],), better="higher"),
        ),
        notes=(f"{rows:,} rows came out, one a call",),
        seconds=time.monotonic() - begun,
    )
