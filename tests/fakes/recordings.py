"""The recorder's ports in memory; book, store and spool pass the same contract tests as the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cti.domain.events import CallEvent, Event
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName, RecordingId, TicketId
from cti.ports import Recorded
from recorder.model import BYTES_PER_FRAME, SAMPLE_RATE, Levels, Recording, RecordingState
from recorder.ports import (
    Checked,
    Encoded,
    EncodingFailed,
    Finding,
    Job,
    NoSuchObject,
    ObjectExists,
)


class MemoryJournal:
    """``cti.ports.Journal`` in memory."""

    is_failing = False

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> int:
        self.events.append(event)
        return len(self.events)

    async def flush(self) -> None:
        pass

    async def read(
        self, *, after: int = 0, call_id: CallId | None = None
    ) -> AsyncIterator[Recorded]:
        for sequence, event in enumerate(list(self.events), start=1):
            is_wanted = call_id is None or (
                isinstance(event, CallEvent) and event.call_id == call_id
            )
            if sequence > after and is_wanted:
                yield Recorded(sequence, event)


@dataclass
class _Entry:
    recording: Recording
    due_at: datetime
    claimed_by: str | None = None
    claimed_until_at: datetime | None = None
    finding: Finding | None = None
    levels: Levels | None = None


class MemoryBook:
    """``RecordingBook`` in memory."""

    def __init__(self) -> None:
        self.entries: dict[RecordingId, _Entry] = {}

    async def add(
        self, recording_id: RecordingId, call_id: CallId, stopped_at: datetime, due_at: datetime
    ) -> bool:
        if await self.by_call(call_id) is not None:
            return False
        recording = Recording(recording_id, call_id, RecordingState.WAITING, stopped_at)
        self.entries[recording_id] = _Entry(recording, due_at)
        return True

    async def claim(self, now: datetime, lease_until_at: datetime, token: str) -> Job | None:
        due = [
            e
            for e in self.entries.values()
            if e.recording.state is RecordingState.WAITING
            and e.due_at <= now
            and (e.claimed_until_at is None or e.claimed_until_at <= now)
        ]
        if not due:
            return None
        entry = min(due, key=lambda e: e.due_at)
        entry.claimed_by, entry.claimed_until_at = token, lease_until_at
        found = entry.recording
        return Job(found.recording_id, found.call_id, found.stopped_at, found.attempts, token)

    async def renew(self, job: Job, lease_until_at: datetime) -> bool:
        entry = self._claimed(job)
        if entry is not None:
            entry.claimed_until_at = lease_until_at
        return entry is not None

    async def put_off(self, job: Job, due_at: datetime, *, is_attempt: bool) -> bool:
        entry = self._claimed(job)
        if entry is None:
            return False
        entry.due_at, entry.claimed_by, entry.claimed_until_at = due_at, None, None
        if is_attempt:
            entry.recording = replace(entry.recording, attempts=job.attempts + 1)
        return True

    async def store(
        self,
        job: Job,
        finding: Finding,
        encoded: Checked,
        levels: Levels | None,
        audio_key: str,
        stored_at: datetime,
    ) -> bool:
        entry = self._claimed(job)
        if entry is None:
            return False
        entry.levels = levels
        self._finish(entry, RecordingState.STORED, finding)
        entry.recording = replace(
            entry.recording,
            audio_key=audio_key,
            duration_time=encoded.duration_time,
            sha256=encoded.sha256,
            size=encoded.size,
            stored_at=stored_at,
        )
        return True

    async def fail(self, job: Job, finding: Finding | None, reason: str) -> bool:
        entry = self._claimed(job)
        if entry is None:
            return False
        self._finish(entry, RecordingState.FAILED, finding)
        entry.recording = replace(entry.recording, reason=reason)
        return True

    async def close(self, job: Job, finding: Finding) -> bool:
        entry = self._claimed(job)
        if entry is None:
            return False
        self._finish(entry, RecordingState.NOTHING_SAID, finding)
        return True

    async def reopen(self, recording_id: RecordingId, due_at: datetime) -> None:
        entry = self.entries[recording_id]
        entry.recording = replace(entry.recording, state=RecordingState.WAITING)
        entry.due_at, entry.claimed_by, entry.claimed_until_at = due_at, None, None

    async def attach(
        self, recording_id: RecordingId, ticket_id: TicketId, attached_at: datetime
    ) -> Recording | None:
        if (entry := self.entries.get(recording_id)) is None:
            return None
        entry.recording = replace(entry.recording, ticket_id=ticket_id, attached_at=attached_at)
        return entry.recording

    async def note_raw_removed(self, recording_id: RecordingId, removed_at: datetime) -> None:
        entry = self.entries[recording_id]
        entry.recording = replace(entry.recording, raw_removed_at=removed_at)

    async def by_id(self, recording_id: RecordingId) -> Recording | None:
        entry = self.entries.get(recording_id)
        return entry.recording if entry else None

    async def by_call(self, call_id: CallId) -> Recording | None:
        found = (e.recording for e in self.entries.values())
        return next((r for r in found if r.call_id == call_id), None)

    async def unattached(self) -> Sequence[Recording]:
        return [r for r in self._with_raw() if r.attached_at is None]

    async def raw_to_remove(self, stored_before_at: datetime) -> Sequence[Recording]:
        return [
            r
            for r in self._with_raw()
            if r.attached_at is not None or (r.stored_at and r.stored_at < stored_before_at)
        ]

    def _with_raw(self) -> list[Recording]:
        found = (e.recording for e in self.entries.values())
        return [r for r in found if r.state is RecordingState.STORED and not r.raw_removed_at]

    def _claimed(self, job: Job) -> _Entry | None:
        entry = self.entries.get(job.recording_id)
        if entry is None or entry.recording.state is not RecordingState.WAITING:
            return None
        return entry if entry.claimed_by == job.token else None

    @staticmethod
    def _finish(entry: _Entry, state: RecordingState, finding: Finding | None) -> None:
        entry.claimed_by, entry.claimed_until_at = None, None
        entry.finding = finding
        entry.recording = replace(
            entry.recording,
            state=state,
            verdict=finding.verification.verdict if finding else None,
            agent_ids=finding.agent_ids if finding else (),
        )


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


class MemoryStore:
    """``RecordingStore`` in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def put(self, key: str, source: Path) -> None:
        if key in self.objects:
            raise ObjectExists(key)
        self.objects[key] = _read(source)

    async def size(self, key: str) -> int | None:
        found = self.objects.get(key)
        return None if found is None else len(found)

    async def open(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        if key not in self.objects:
            raise NoSuchObject(key)
        whole = self.objects[key]
        yield whole[start:] if length is None else whole[start : start + length]

    async def sha256(self, key: str) -> str:
        if key not in self.objects:
            raise NoSuchObject(key)
        return hashlib.sha256(self.objects[key]).hexdigest()

    async def delete(self, key: str) -> None:
        self.objects.pop(key, None)


class ContainerEncoder:
    """``Encoder`` that wraps the raw samples in a small container: quick, and it can be checked."""

    _MAGIC = b"FAKE AUDIO\n"

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.encoded = 0

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def encode(self, raw: Path, audio: Path, peaks: Path) -> Encoded:
        if self.failures:
            raise self.failures.pop(0)
        self.encoded += 1
        # Like the real ones, no two encodings are the same byte by byte.
        _write(audio, self._MAGIC + bytes([self.encoded]) + _read(raw))
        _write(peaks, b"{}")
        return Encoded(await self.check(audio), Levels(-20.0, -20.0, 0.0, 0.0))

    async def check(self, audio: Path) -> Checked:
        whole = _read(audio)
        if not whole.startswith(self._MAGIC):
            raise EncodingFailed("not our container")
        frames = (len(whole) - len(self._MAGIC) - 1) // BYTES_PER_FRAME
        return Checked(
            timedelta(seconds=frames / SAMPLE_RATE), hashlib.sha256(whole).hexdigest(), len(whole)
        )


class FixedStaff:
    """``Staff`` with a table."""

    def __init__(self, phones: dict[Endpoint, AgentId] | None = None) -> None:
        self.phones = phones or {}
        self.queues: dict[QueueName, list[AgentId]] = {}

    async def serving(self, queue: QueueName) -> Sequence[AgentId]:
        return self.queues.get(queue, [])

    async def agent_on(self, endpoint: Endpoint) -> AgentId | None:
        return self.phones.get(endpoint)


class HandSpool:
    """``Spool`` on a folder, with times that a test sets."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.changed: dict[CallId, datetime] = {}

    def path(self, call_id: CallId) -> Path:
        return self._root / f"{call_id}.raw"

    async def whole(self, call_id: CallId) -> Path:
        return self.path(call_id)

    async def size(self, call_id: CallId) -> int | None:
        path = self.path(call_id)
        return path.stat().st_size if path.exists() else None

    async def changed_at(self, call_id: CallId) -> datetime | None:
        if not self.path(call_id).exists():
            return None
        return self.changed.get(call_id, datetime(2026, 1, 1, tzinfo=UTC))

    async def call_ids(self) -> Sequence[CallId]:
        return sorted(CallId(path.stem) for path in self._root.glob("*.raw"))

    async def remove(self, call_id: CallId) -> None:
        self.path(call_id).unlink(missing_ok=True)
