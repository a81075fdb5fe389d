"""One attempt at one job: ledger, verdict, encoding, store, book.

The order is what makes it safe to be cut off anywhere: the waveform first, then the sound, then
the row. An object that is found under the key already is what an earlier attempt left between
its last two steps; it is decoded, and taken if it is whole.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId
from cti.ports import Clock, Journal
from recorder import model
from recorder.heard import Heard
from recorder.model import Ledger, Verdict
from recorder.ports import (
    Checked,
    Encoder,
    EncoderLost,
    EncodingFailed,
    Finding,
    Job,
    NoSuchObject,
    ObjectExists,
    RecordingBook,
    RecordingStore,
    Spool,
    Staff,
)
from recorder.rules import RecorderRules

log = structlog.get_logger(__name__)

_LENGTH_TOLERANCE_TIME = timedelta(milliseconds=150)


class Outcome(enum.Enum):
    """What became of an attempt."""

    STORED = "stored"
    FAILED = "failed"  # for good
    NOTHING_SAID = "nothing_said"
    PUT_OFF = "put_off"  # to be tried again
    STORAGE_TROUBLE = "storage_trouble"  # to be tried again, and somebody must mend something
    LEASE_LOST = "lease_lost"  # somebody else has the job now


@dataclass(frozen=True, slots=True)
class Done:
    """The outcome, and what the others are to be told."""

    outcome: Outcome
    events: Sequence[ev.Event] = ()
    detail: str = ""


class Processor:
    """Does jobs. ``work_dir`` is for unfinished files; what is left in it at start is removed."""

    def __init__(
        self,
        *,
        rules: RecorderRules,
        clock: Clock,
        journal: Journal,
        book: RecordingBook,
        store: RecordingStore,
        spool: Spool,
        encoder: Encoder,
        staff: Staff,
        work_dir: Path,
    ) -> None:
        self.heard = Heard()
        self._rules = rules
        self._clock = clock
        self._journal = journal
        self._book = book
        self._store = store
        self._spool = spool
        self._encoder = encoder
        self._staff = staff
        self._work_dir = work_dir

    async def start(self) -> None:
        """Make ready.

        Raises:
            ConfigError: the encoder misses a program.
        """
        await self._encoder.start()
        await asyncio.to_thread(_empty_folder, self._work_dir)

    async def stop(self) -> None:
        """End the encoder's processes."""
        await self._encoder.stop()

    async def ledger(self, call_id: CallId, *, has_file: bool = False) -> Ledger:
        """The ledger of a call, from all that was heard of it, or else that the journal holds.

        Raises:
            OSError: the journal can't be written or read.
        """
        events = self.heard.story(call_id)
        if events is None:
            events = await self._events(call_id)
        was_told = any(isinstance(e, ev.RecordingStarted) for e in events)
        last_written_at = await self._spool.changed_at(call_id) if has_file else None
        return model.fold(
            events, was_recording=has_file and not was_told, last_written_at=last_written_at
        )

    async def attached_event(self, call_id: CallId) -> ev.RecordingAttached | None:
        """The last word of the tickets on a call's recording, from the journal."""
        attached = [e for e in await self._events(call_id) if isinstance(e, ev.RecordingAttached)]
        return attached[-1] if attached else None

    async def _events(self, call_id: CallId) -> list[ev.Event]:
        await self._journal.flush()
        return [recorded.event async for recorded in self._journal.read(call_id=call_id)]

    # ---- one job -------------------------------------------------------------------------------

    async def process(self, job: Job) -> Done:
        """Make one attempt, keeping the lease meanwhile.

        Raises:
            OSError: the book can't be written; the lease runs out by itself.
        """
        work = asyncio.create_task(self._attempt(job), name="recorder attempt")
        keeper = asyncio.create_task(self._keep(job, work), name="recorder lease")
        try:
            return await work
        except asyncio.CancelledError:
            if keeper.done() and not keeper.cancelled():
                return Done(Outcome.LEASE_LOST)
            # We are being stopped: whoever starts next need not wait for the lease to end.
            await asyncio.gather(work, return_exceptions=True)
            await self._book.put_off(job, self._clock.now(), is_attempt=False)
            raise
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep(self, job: Job, work: asyncio.Task[Done]) -> None:
        """Renew the lease until it is lost, and then stop the work."""
        while True:
            await self._clock.sleep(self._rules.lease_time / 3)
            try:
                is_ours = await self._book.renew(job, self._clock.now() + self._rules.lease_time)
            except OSError:
                log.warning("recorder: a lease could not be renewed")
                continue
            if not is_ours:
                work.cancel()
                return

    async def _attempt(self, job: Job) -> Done:
        audio = self._work_dir / f"{job.recording_id}.{job.token[:8]}.audio"
        peaks = audio.with_suffix(".peaks")
        try:
            return await self._record(job, audio, peaks)
        except OSError as exc:
            due_at = self._clock.now() + self._rules.storage_retry_time
            log.error("recorder: storage failed, the raw file stays", error=str(exc))
            await self._book.put_off(job, due_at, is_attempt=False)
            return Done(Outcome.STORAGE_TROUBLE, detail=str(exc))
        except (EncodingFailed, EncoderLost) as exc:
            log.warning("recorder: encoding failed", error=str(exc), attempt=job.attempts + 1)
            return await self._count(job)
        except Exception:  # the outermost frame of a job: one bad file must not stop the others
            log.exception("recorder: a job failed unexpectedly", attempt=job.attempts + 1)
            return await self._count(job)
        finally:
            await asyncio.to_thread(_remove, audio, peaks)

    async def _count(self, job: Job) -> Done:
        """Count an attempt against the file; after the last one the recording has failed."""
        if job.attempts + 1 >= self._rules.max_attempts:
            return await self._fail(job, None, "encode")
        pause_time = min(self._rules.retry_time * 2**job.attempts, self._rules.retry_time_limit)
        await self._book.put_off(job, self._clock.now() + pause_time, is_attempt=True)
        return Done(Outcome.PUT_OFF)

    async def _record(self, job: Job, audio: Path, peaks: Path) -> Done:
        size = await self._spool.size(job.call_id)
        ledger = await self.ledger(job.call_id, has_file=size is not None)
        verification = model.verify(ledger, size, self._rules.tolerance)
        finding = Finding(ledger, verification, await self._agents(ledger))
        match verification.verdict:
            case Verdict.NOTHING_SAID:
                if not await self._book.close(job, finding):
                    return Done(Outcome.LEASE_LOST)
                await self._spool.remove(job.call_id)  # an empty file, if any
                return Done(Outcome.NOTHING_SAID)
            case Verdict.MISSING:
                now = self._clock.now()
                if now < job.stopped_at + self._rules.missing_timeout:
                    await self._book.put_off(job, now + self._rules.settle_time, is_attempt=False)
                    return Done(Outcome.PUT_OFF)
                return await self._fail(job, finding, "missing")
            case Verdict.EMPTY:
                return await self._fail(job, finding, "empty")
            case Verdict.COMPLETE | Verdict.TRUNCATED:
                return await self._make(job, finding, audio, peaks)

    async def _make(self, job: Job, finding: Finding, audio: Path, peaks: Path) -> Done:
        raw = await self._spool.whole(job.call_id)
        encoded = await self._encoder.encode(raw, audio, peaks)
        key = model.audio_key(job.recording_id, job.stopped_at, self._rules.audio_format)
        await self._put(model.peaks_key(job.recording_id, job.stopped_at), peaks)
        checked = await self._put_audio(key, audio, encoded.checked)
        now = self._clock.now()
        if not await self._book.store(job, finding, checked, encoded.levels, key, now):
            return Done(Outcome.LEASE_LOST)
        stored = ev.RecordingStored(
            at=now,
            call_id=job.call_id,
            recording_id=job.recording_id,
            duration_time=checked.duration_time,
            sha256=checked.sha256,
            size=checked.size,
        )
        if finding.verification.verdict is not Verdict.TRUNCATED:
            return Done(Outcome.STORED, [stored])
        log.warning(
            "recorder: a recording is shorter than its call",
            shortfall_s=finding.verification.shortfall_time.total_seconds(),
        )
        failed = ev.RecordingFailed(at=now, call_id=job.call_id, reason="truncated")
        return Done(Outcome.STORED, [failed, stored])

    async def _fail(self, job: Job, finding: Finding | None, reason: str) -> Done:
        if not await self._book.fail(job, finding, reason):
            return Done(Outcome.LEASE_LOST)
        log.error("recorder: there will be no recording of a call", reason=reason)
        failed = ev.RecordingFailed(at=self._clock.now(), call_id=job.call_id, reason=reason)
        return Done(Outcome.FAILED, [failed])

    async def _agents(self, ledger: Ledger) -> tuple[AgentId, ...]:
        """Who can be heard: the reservations say it, or else whose phone it was. For whom a message was left."""
        found = set(ledger.agent_ids)
        for endpoint in ledger.endpoints:
            agent_id = await self._staff.agent_on(endpoint)
            if agent_id is not None:
                found.add(agent_id)
        if ledger.voicemail is not None:
            found.update(await self._staff.serving(ledger.voicemail))
        return tuple(sorted(found))

    # ---- the store -----------------------------------------------------------------------------

    async def _put(self, key: str, source: Path) -> None:
        try:
            await self._store.put(key, source)
        except ObjectExists:
            # A waveform of the same raw file, hence the same.
            log.info("recorder: a waveform was stored by an earlier attempt")

    async def _put_audio(self, key: str, audio: Path, ours: Checked) -> Checked:
        """Store the sound; returns what the stored object holds, ours or an earlier attempt's."""
        try:
            await self._store.put(key, audio)
        except ObjectExists:
            theirs = await self._check_stored(key, audio.with_suffix(".stored"))
            if theirs and abs(theirs.duration_time - ours.duration_time) < _LENGTH_TOLERANCE_TIME:
                return theirs
            log.warning("recorder: a stored copy is damaged and is replaced")
            await self._store.delete(key)
            await self._store.put(key, audio)
        return ours

    async def _check_stored(self, key: str, copy: Path) -> Checked | None:
        try:
            with copy.open("wb") as file:
                async for piece in self._store.open(key):
                    await asyncio.to_thread(file.write, piece)
            return await self._encoder.check(copy)
        except (EncodingFailed, NoSuchObject):
            return None
        finally:
            await asyncio.to_thread(_remove, copy)


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _empty_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in folder.iterdir():
        if path.is_file():
            path.unlink(missing_ok=True)
