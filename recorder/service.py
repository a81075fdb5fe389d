"""The life of a recording, from the raw file to the ticket.

    RecordingStopped, CallEnded, or a file found in the spool
        ▼ intake            a row in the book (one per call); from here on a crash loses nothing
      WAITING
        ▼ a worker          claims the row with a lease, reads the ledger from the journal, verifies,
        │                   encodes (which also checks, by decoding), puts waveform and sound into the store
      STORED                RecordingStored is published
        ▼ RecordingAttached by the tickets, or the grace time is over
      without raw file      and only after the stored copy was read back and its hash was right

Every step may be cut off by a crash and is then done again: the book knows the last finished one,
``put`` never replaces an object (a copy that is there already is checked and taken), and the
raw file goes last. Hence a recording is at every moment raw, or stored, or both.
RecordingStored may be told twice (after a crash), always with the same recording id.

What goes wrong is sorted by whose fault it is. The file's: after ``max_attempts`` the
recording has failed (``encode``), and the raw file stays for somebody to look at. The
disk's or the store's: the job waits, an alarm stands, nothing is counted against the file.

Events are taken in synchronously and worked on by tasks of this class: intake (book
rows, in order), ``workers`` encoders, and the sweeper, which looks for what was left behind.
"""

from __future__ import annotations

import asyncio
import enum
import secrets
from collections import deque
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import structlog

from cti.domain import events as ev
from cti.domain.ids import CallId, RecordingId
from cti.ports import Clock, EventBus, Unsubscribe
from recorder import heard
from recorder.model import Recording
from recorder.ports import (
    Alarms,
    LiveCalls,
    NoSuchObject,
    RecordingBook,
    RecordingStore,
    Spool,
)
from recorder.processing import Outcome, Processor
from recorder.rules import RecorderRules

log = structlog.get_logger(__name__)

STORAGE_ALARM = "recordings_storage"
"""A recording could not be encoded or stored; cleared by the next one that was."""
BOOK_ALARM = "recordings_book"
"""Spool, book or journal can't be used; cleared by the next event or round that could."""
DAMAGED_ALARM = "recording_damaged"
"""A stored copy is not what was stored; cleared when a copy was found whole."""


_INTAKE = 100  # events dealt with at a time


class _Step(enum.Enum):
    """How a piece of work went."""

    DONE = "done"
    IDLE = "idle"  # there was nothing to do
    STORAGE = "storage"  # worth another try
    DEFECT = "defect"  # logged; trying again would not help


_FINAL = frozenset({Outcome.STORED, Outcome.FAILED, Outcome.NOTHING_SAID})


def new_recording_id() -> RecordingId:
    """An id that can't be guessed; it is part of addresses and file names."""
    return RecordingId(secrets.token_urlsafe(16))


class Recorder:
    """Turns raw files into recordings on tickets."""

    def __init__(
        self,
        *,
        rules: RecorderRules,
        clock: Clock,
        bus: EventBus,
        book: RecordingBook,
        store: RecordingStore,
        spool: Spool,
        processor: Processor,
        live_calls: LiveCalls,
        alarms: Alarms,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._bus = bus
        self._book = book
        self._store = store
        self._spool = spool
        self._processor = processor
        self._live_calls = live_calls
        self._alarms = alarms
        self._inbox: deque[ev.CallEvent] = deque()
        self._added: deque[CallId] = deque(maxlen=_INTAKE)  # the latest rows: needn't be asked for
        self._stopped: deque[CallId] = deque(
            maxlen=_INTAKE
        )  # there is something to take in at their end
        self._bell = asyncio.Event()
        self._work_bell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Unsubscribe | None = None

    # ---- start and stop ------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin: take in events, and pick up what a crash left.

        Raises:
            ConfigError: the encoder misses a program; names the remedy.
        """
        await self._processor.start()
        stories = self._processor.heard
        unsubscribe_heard = self._bus.subscribe(stories.take, *heard.KINDS)
        unsubscribe_intake = self._bus.subscribe(
            self._take_in, ev.RecordingStopped, ev.CallEnded, ev.RecordingAttached
        )

        def unsubscribe() -> None:
            unsubscribe_heard()
            unsubscribe_intake()

        self._unsubscribe = unsubscribe
        self._spawn(self._intake_forever(), "recorder intake")
        for number in range(self._rules.workers):
            self._spawn(self._work_forever(), f"recorder worker {number}")
        self._spawn(self._sweep_forever(), "recorder sweeper")

    async def stop(self) -> None:
        """End; jobs under way are given back."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._processor.stop()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    # ---- intake --------------------------------------------------------------------------------

    def _take_in(self, event: ev.Event) -> None:
        assert isinstance(event, ev.CallEvent)  # noqa: S101 - subscribed to these kinds only
        self._inbox.append(event)
        self._bell.set()

    async def _intake_forever(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            while self._inbox:
                # An event leaves the inbox only when it was dealt with: a full disk delays it. Those of one
                # moment go together, so that their rows are one transaction.
                batch = list(self._inbox)[:_INTAKE]
                steps = await asyncio.gather(*(self._guarded(self._deal_with(e)) for e in batch))
                for _ in batch:
                    self._inbox.popleft()
                left = [e for e, s in zip(batch, steps, strict=True) if s is _Step.STORAGE]
                if left:
                    self._inbox.extendleft(reversed(left))
                    await self._clock.sleep(self._rules.storage_retry_time)
                elif _Step.DONE in steps:
                    self._alarms.clear_alarm(BOOK_ALARM)

    async def _deal_with(self, event: ev.CallEvent) -> _Step:
        if isinstance(event, ev.RecordingAttached):
            recording = await self._book.attach(event.recording_id, event.ticket_id, event.at)
            if recording is not None and recording.raw_removed_at is None:
                await self._remove_raw(recording)
            return _Step.DONE
        if isinstance(event, ev.RecordingStopped):
            # Not yet: a caller who was sent outside may come back and be recorded on, into the same files.
            self._stopped.append(event.call_id)
            return _Step.DONE
        if event.call_id in self._added:
            return _Step.DONE
        is_wanted = event.call_id in self._stopped
        if not is_wanted and await self._book.by_call(event.call_id) is None:
            # The call is over and no RecordingStopped came: is there, or should there be, a file?
            ledger = await self._processor.ledger(event.call_id)
            has_file = await self._spool.size(event.call_id) is not None
            is_wanted = has_file or bool(ledger.connected_time)
        if is_wanted:
            await self._add(event.call_id, event.at)
        else:
            self._processor.heard.forget(event.call_id)
        return _Step.DONE

    async def _add(self, call_id: CallId, stopped_at: datetime) -> None:
        due_at = self._clock.now() + self._rules.settle_time
        if await self._book.add(new_recording_id(), call_id, stopped_at, due_at):
            self._clock.call_later(self._rules.settle_time, self._work_bell.set)
        self._added.append(call_id)

    # ---- work ----------------------------------------------------------------------------------

    async def _work_forever(self) -> None:
        while True:
            if await self._guarded(self._work_once()) is not _Step.DONE:
                await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        timer = self._clock.call_later(self._rules.idle_time, self._work_bell.set)
        await self._work_bell.wait()
        self._work_bell.clear()
        timer.cancel()

    async def _work_once(self) -> _Step:
        now = self._clock.now()
        job = await self._book.claim(now, now + self._rules.lease_time, secrets.token_hex(16))
        if job is None:
            return _Step.IDLE
        done = await self._processor.process(job)
        match done.outcome:
            case Outcome.STORAGE_TROUBLE:
                self._alarms.raise_alarm(STORAGE_ALARM, done.detail)
            case Outcome.STORED:
                self._alarms.clear_alarm(STORAGE_ALARM)
            case _:
                pass  # says nothing of the store
        if done.outcome in _FINAL:
            self._processor.heard.forget(job.call_id)
        for event in done.events:
            self._bus.publish(event)
        return _Step.DONE

    # ---- what was left behind ------------------------------------------------------------------

    async def _sweep_forever(self) -> None:
        while await self._guarded(self._resume()) is _Step.STORAGE:
            await self._clock.sleep(self._rules.storage_retry_time)
        while True:
            await self._guarded(self.sweep())
            await self._clock.sleep(self._rules.sweep_time)

    async def _resume(self) -> _Step:
        """After a start: stored recordings whose ticket we know nothing of are told again."""
        for recording in await self._book.unattached():
            attached = await self._processor.attached_event(recording.call_id)
            if attached is not None and attached.recording_id == recording.recording_id:
                await self._book.attach(recording.recording_id, attached.ticket_id, attached.at)
            else:
                self._bus.publish(stored_event(recording, self._clock.now()))
        return _Step.DONE

    async def sweep(self) -> _Step:
        """Look for raw files without a row, and for raw files that may go.

        Raises:
            OSError: spool, book, store or journal can't be used.
        """
        for call_id in await self._spool.call_ids():
            if await self._book.by_call(call_id) is None:
                await self._adopt(call_id)
        before_at = self._clock.now() - self._rules.grace_time
        for recording in await self._book.raw_to_remove(before_at):
            await self._remove_raw(recording)
        self._alarms.clear_alarm(BOOK_ALARM)
        return _Step.DONE

    async def _adopt(self, call_id: CallId) -> None:
        """Add a raw file that nobody told us of, once it is certain that it grows no more."""
        is_live = self._live_calls.is_live(call_id)
        if is_live:
            return
        ledger = await self._processor.ledger(call_id)
        if ledger.over_at is not None:
            await self._add(call_id, ledger.over_at)
            return
        changed_at = await self._spool.changed_at(call_id)
        if is_live is None or changed_at is None:
            return  # the switch wasn't asked yet
        if self._clock.now() - changed_at >= self._rules.orphan_time:
            log.warning("recorder: a raw file of an unknown call is taken in")
            await self._add(call_id, changed_at)

    async def _remove_raw(self, recording: Recording) -> None:
        """Remove the raw file, if the stored copy is whole; else encode again."""
        if await self._is_stored_well(recording):
            await self._spool.remove(recording.call_id)
            await self._book.note_raw_removed(recording.recording_id, self._clock.now())
            self._alarms.clear_alarm(DAMAGED_ALARM)
            return
        log.error("recorder: a stored recording is damaged", recording=recording.recording_id)
        self._alarms.raise_alarm(DAMAGED_ALARM, "A stored recording was damaged.")
        if await self._spool.size(recording.call_id):
            await self._store.delete(recording.audio_key)
            await self._book.reopen(recording.recording_id, self._clock.now())
            self._work_bell.set()

    async def _is_stored_well(self, recording: Recording) -> bool:
        try:
            return await self._store.sha256(recording.audio_key) == recording.sha256
        except NoSuchObject:
            return False

    async def _guarded(self, work: Coroutine[Any, Any, _Step]) -> _Step:
        """Do something; a failure is logged, and raises the alarm where somebody can mend it."""
        try:
            return await work
        except OSError as exc:
            log.error("recorder: storage failed, will try again", error=str(exc))
            self._alarms.raise_alarm(BOOK_ALARM, str(exc))
            return _Step.STORAGE
        except Exception:  # a task's outermost frame: a defect in one recording must not stop all
            log.exception("recorder: unexpected failure")
            return _Step.DEFECT


def stored_event(recording: Recording, at: datetime) -> ev.RecordingStored:
    """What is told of a stored recording."""
    return ev.RecordingStored(
        at=at,
        call_id=recording.call_id,
        recording_id=recording.recording_id,
        duration_time=recording.duration_time,
        sha256=recording.sha256,
        size=recording.size,
    )
