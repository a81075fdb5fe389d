"""What the recorder needs from outside, as Protocols; ``cti.ports`` has the clock, the bus and the journal.

That a recording hangs on a ticket is told by an event (``RecordingAttached``), not by a port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from cti.domain.errors import RingdeskError
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName, RecordingId, TicketId
from recorder.model import Ledger, Levels, Recording, Verification


class ObjectExists(RingdeskError):
    """Something is stored under this key already; stored objects are never overwritten."""


class NoSuchObject(RingdeskError):
    """Nothing is stored under this key."""


class EncodingFailed(RingdeskError):
    """The encoder refused the file, or made something else of it than what was in it."""


class EncoderLost(RingdeskError):
    """The encoder's process died or hung; the work may be tried again."""


class RecordingStore(Protocol):
    """Keeps encoded recordings and their waveforms: a folder, or an object store.

    Keys are of the form ``YYYY/MM/<name>``. All raise:

    Raises:
        OSError: the store can't be reached or is full; nothing was changed.
    """

    async def put(self, key: str, source: Path) -> None:
        """Store a copy of a file, whole or not at all, and durably.

        Raises:
            ObjectExists: the key is taken; the older object stays.
        """

    async def size(self, key: str) -> int | None:
        """The object's size in bytes, or None where there is none."""

    def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Read an object, or ``length`` bytes of it from ``start``, piece by piece.

        Raises:
            NoSuchObject: at the first piece.
        """

    async def sha256(self, key: str) -> str:
        """Read an object through and hash it (hexadecimal).

        Raises:
            NoSuchObject: nothing is stored under this key.
        """

    async def delete(self, key: str) -> None:
        """Remove an object; harmless where there is none."""


class Spool(Protocol):
    """The folder into which Asterisk writes raw recordings."""

    async def whole(self, call_id: CallId) -> Path:
        """The raw file with both sides in it (s16le, caller left), once Asterisk has closed it.

        Raises:
            OSError: it can't be made of the two sides (``ENOSPC``); they stay.
        """

    async def size(self, call_id: CallId) -> int | None:
        """The raw sound's size in bytes, both sides together, or None where there is none."""

    async def changed_at(self, call_id: CallId) -> datetime | None:
        """When Asterisk wrote to it last."""

    async def call_ids(self) -> Sequence[CallId]:
        """The calls of which there is a raw file."""

    async def remove(self, call_id: CallId) -> None:
        """Remove a raw file for good; harmless where there is none."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What an encoded file was found to hold, by decoding all of it."""

    duration_time: timedelta
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded file that was checked, and what was learnt from the sound on the way."""

    checked: Checked
    levels: Levels


class Encoder(Protocol):
    """Makes the playable file. Works outside the event loop and outside our process.

    All raise:

    Raises:
        EncodingFailed: the file can't be encoded, or came out with another length.
        EncoderLost: the process died or hung.
        OSError: a file can't be read or written (``ENOSPC``: the disk is full).
    """

    async def start(self) -> None:
        """Find the programs that are needed.

        Raises:
            ConfigError: one is missing; names the remedy.
        """

    async def stop(self) -> None:
        """End all processes."""

    async def encode(self, raw: Path, audio: Path, peaks: Path) -> Encoded:
        """Write ``audio`` (encoded, flushed to disk, decoded again as a check) and ``peaks`` (JSON)."""

    async def check(self, audio: Path) -> Checked:
        """Decode an encoded file and measure it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A recording that this worker has claimed until its lease ends; ``token`` proves it."""

    recording_id: RecordingId
    call_id: CallId
    stopped_at: datetime
    attempts: int
    token: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the ledger said when a job was looked at; kept with the recording, for the audit."""

    ledger: Ledger
    verification: Verification
    agent_ids: tuple[AgentId, ...]


class RecordingBook(Protocol):
    """The rows: which recordings there are and how far each has come.

    A call has one recording. Methods that take a job do nothing and return False where its
    lease was lost to somebody else. All raise:

    Raises:
        OSError: the book can't be read or written; nothing was changed.
    """

    async def add(
        self, recording_id: RecordingId, call_id: CallId, stopped_at: datetime, due_at: datetime
    ) -> bool:
        """Note that a raw file waits; False where the call is in the book already."""

    async def claim(self, now: datetime, lease_until_at: datetime, token: str) -> Job | None:
        """Take the oldest job that is due and nobody's."""

    async def renew(self, job: Job, lease_until_at: datetime) -> bool:
        """Keep a job."""

    async def put_off(self, job: Job, due_at: datetime, *, is_attempt: bool) -> bool:
        """Give a job back until later; ``is_attempt`` counts it as a failed one."""

    async def store(
        self,
        job: Job,
        finding: Finding,
        encoded: Checked,
        levels: Levels | None,
        audio_key: str,
        stored_at: datetime,
    ) -> bool:
        """Note that the recording is stored; from here on it is never encoded again."""

    async def fail(self, job: Job, finding: Finding | None, reason: str) -> bool:
        """Note that there will be no recording, and why."""

    async def close(self, job: Job, finding: Finding) -> bool:
        """Note that nobody was connected, so that there is nothing to record."""

    async def reopen(self, recording_id: RecordingId, due_at: datetime) -> None:
        """Encode it again: the stored copy is damaged, and the raw file is still there."""

    async def attach(
        self, recording_id: RecordingId, ticket_id: TicketId, attached_at: datetime
    ) -> Recording | None:
        """Note that it hangs on a ticket; returns the recording as it is then, if there is one."""

    async def note_raw_removed(self, recording_id: RecordingId, removed_at: datetime) -> None:
        """Note that the stored copy is the only one from now on."""

    async def by_id(self, recording_id: RecordingId) -> Recording | None:
        """One recording."""

    async def by_call(self, call_id: CallId) -> Recording | None:
        """The recording of a call."""

    async def unattached(self) -> Sequence[Recording]:
        """Stored, on no ticket, and the raw file is still kept."""

    async def raw_to_remove(self, stored_before_at: datetime) -> Sequence[Recording]:
        """Stored with the raw file still kept, and attached, or stored before an instant."""


class Staff(Protocol):
    """Who is behind a phone."""

    async def agent_on(self, endpoint: Endpoint) -> AgentId | None:
        """The person whose phone this is."""

    async def serving(self, queue: QueueName) -> Sequence[AgentId]:
        """Who serves a queue, and may therefore hear what callers leave for it."""


class LiveCalls(Protocol):
    """What is known of the calls that go on now."""

    def is_live(self, call_id: CallId) -> bool | None:
        """Whether a call goes on; None while the switch was not asked yet."""


class Alarms(Protocol):
    """Tells people what they must mend."""

    def raise_alarm(self, name: str, text: str) -> None:
        """Something is wrong; raising it again changes nothing."""

    def clear_alarm(self, name: str) -> None:
        """It is right again; harmless where it was not raised."""
