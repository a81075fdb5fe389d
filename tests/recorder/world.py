"""The recorder on memory and a clock that the test moves; a crash leaves what a disk would keep."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cti.bus.local import LocalBus
from cti.domain import events as ev
from cti.domain.ids import CallId, TicketId
from recorder.adapters.outside import LoggedAlarms
from recorder.model import Recording
from recorder.processing import Processor
from recorder.rules import RecorderRules
from recorder.service import Recorder
from tests.fakes.people import HandClock
from tests.fakes.recordings import (
    ContainerEncoder,
    FixedStaff,
    HandSpool,
    MemoryBook,
    MemoryJournal,
    MemoryStore,
)
from tests.recorder.stories import CALL, DESK, LINA, T0, raw_bytes

TICKET = TicketId(7)


@dataclass
class Calls:
    """``LiveCalls`` as a test wants it."""

    live: set[CallId] = field(default_factory=set)
    is_known: bool = True

    def is_live(self, call_id: CallId) -> bool | None:
        if call_id in self.live:
            return True
        return False if self.is_known else None


class World:
    """What outlives a crash (disk, database, journal), and the service that may be started on it."""

    def __init__(self, tmp_path: Path, rules: RecorderRules | None = None) -> None:
        self.rules = rules or RecorderRules()
        self.clock = HandClock(T0)
        self.journal = MemoryJournal()
        self.book: Any = MemoryBook()
        self.store: Any = MemoryStore()
        self.encoder: Any = ContainerEncoder()
        self.calls = Calls()
        self.staff = FixedStaff({DESK: LINA})
        self.alarms = LoggedAlarms()
        self.has_tickets = True
        self.false_words = 0
        """RecordingStored told of an object that was not in the store, or was another one."""
        spool_dir = tmp_path / "spool"
        spool_dir.mkdir(parents=True)
        self.spool: Any = HandSpool(spool_dir)
        self._work_dir = tmp_path / "work"
        self.bus = LocalBus()
        self.recorder: Recorder | None = None

    async def start(self) -> None:
        """Start the service, as after a boot: new bus, new tasks."""
        self.bus = LocalBus()
        self.bus.subscribe(self._write_down)
        self.bus.subscribe(self._attach, ev.RecordingStored)
        processor = Processor(
            rules=self.rules,
            clock=self.clock,
            journal=self.journal,
            book=self.book,
            store=self.store,
            spool=self.spool,
            encoder=self.encoder,
            staff=self.staff,
            work_dir=self._work_dir,
        )
        self.recorder = Recorder(
            rules=self.rules,
            clock=self.clock,
            bus=self.bus,
            book=self.book,
            store=self.store,
            spool=self.spool,
            processor=processor,
            live_calls=self.calls,
            alarms=self.alarms,
        )
        await self.recorder.start()

    async def stop(self) -> None:
        """Stop the service."""
        if self.recorder is not None:
            await self.recorder.stop()
            self.recorder = None

    def write_raw(self, seconds: float, call_id: CallId = CALL) -> None:
        """What MixMonitor wrote."""
        self.spool.path(call_id).write_bytes(raw_bytes(seconds))

    def has_raw(self, call_id: CallId = CALL) -> bool:
        """Whether the raw file is still there."""
        return bool(self.spool.path(call_id).exists())

    def tell(self, events: list[ev.Event]) -> None:
        """Let these things happen."""
        for event in events:
            self.bus.publish(event)

    def heard(self, kind: type[ev.Event]) -> list[Any]:
        """The events of a kind that were told so far."""
        return [e for e in self.journal.events if isinstance(e, kind)]

    async def recording(self, call_id: CallId = CALL) -> Recording | None:
        """The book's word on a call."""
        found = [e.recording for e in self.book.entries.values()]
        return next((r for r in found if r.call_id == call_id), None)

    async def pass_until(self, condition: Callable[[], Any], seconds: float = 60) -> None:
        """Let virtual time pass until something is so.

        Raises:
            TimeoutError: it is not so after so many virtual seconds.
        """
        end = self.clock.monotonic() + seconds
        while not condition():
            if self.clock.monotonic() > end:
                raise TimeoutError(f"not so after {seconds} s of virtual time")
            await self._step(min(1.0, max(0.25, seconds / 100)))

    async def pass_time(self, seconds: float) -> None:
        """Let virtual time pass in steps, and whatever it wakes run."""
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            await self._step(min(left, max(0.25, seconds / 40)))

    async def _step(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.run_ready()

    async def run_ready(self) -> None:
        """Let everything run that needs no time; file work on threads is waited for."""
        for _ in range(4):
            for _ in range(25):
                await asyncio.sleep(0)
            await asyncio.to_thread(lambda: None)

    def _write_down(self, event: ev.Event) -> None:
        self.journal.record(event)

    def _attach(self, event: ev.Event) -> None:
        """The tickets: a recording is attached each time it is told of, which is harmless."""
        assert isinstance(event, ev.RecordingStored)
        hashes = {hashlib.sha256(o).hexdigest() for o in self.store.objects.values()}
        self.false_words += event.sha256 not in hashes
        if self.has_tickets:
            self.bus.publish(
                ev.RecordingAttached(
                    at=self.clock.now(),
                    call_id=event.call_id,
                    recording_id=event.recording_id,
                    ticket_id=TICKET,
                )
            )
