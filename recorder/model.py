"""The ledger: for every second of a call, whether it is in the recording, and if not, why.

MixMonitor (options ``bD``) writes 16-bit stereo at 8 kHz, and its file grows only while the caller
is bridged: talking, or on hold with music. It does not grow while a phone rings, while the caller
waits for a lost agent's phone, nor while *neither* side sends sound. A pause is silence in place. So the file's length is
not the call's length, and the ledger, a fold over the call's events, says what it must be:

    CallConnected ──▶ talking ──CallHeld──▶ on hold ──CallRetrieved──▶ talking ──▶ CallEnded
                        └───────── AgentLegLost, CallEnqueued, CallFellBack ─────────▶ apart

Each change closes a ``Span`` and opens the next. ``verify`` then compares the file with the sum of the
spans. A file that is longer than the ledger expects is no fault: we were away when the call was
connected, and Asterisk recorded on.

A message that the caller leaves (voicemail) is written by Asterisk into files of its own, one for each take, while he is
with nobody; what was told of the last one is expected besides the spans.

This module knows neither files nor sound; it is told the size.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from cti.domain import events as ev
from cti.domain.call import CallState
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName, RecordingId, TicketId

SAMPLE_RATE = 8000
CHANNELS = 2
BYTES_PER_FRAME = 4  # s16le, two channels
BYTES_PER_SECOND = SAMPLE_RATE * BYTES_PER_FRAME

SHORTEST_MESSAGE_TIME = timedelta(seconds=1)
"""With less speech in it a message is none."""

NOT_RECORDING = "not_recording"
"""Why a span is in no file: MixMonitor did not run."""

_ZERO = timedelta(0)
T = TypeVar("T")


class Bridging(enum.Enum):
    """Whether the caller is bridged, hence whether the file grows."""

    APART = "apart"
    TALKING = "talking"
    ON_HOLD = "on_hold"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch in which the caller was bridged, the same in all respects from end to end."""

    started_at: datetime
    ended_at: datetime
    bridging: Bridging
    offset_time: timedelta
    """Where it begins in the file (meaningless where ``is_in_file`` is false)."""
    is_in_file: bool = True
    reason: str = ""
    """Why there is silence (the pause's reason) or nothing (``NOT_RECORDING``); empty: sound."""

    @property
    def length_time(self) -> timedelta:
        """How long it was; never negative, even where the wall clock stepped back."""
        return max(self.ended_at - self.started_at, _ZERO)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the events of one call say about its recording."""

    spans: tuple[Span, ...] = ()
    bridging: Bridging = Bridging.APART
    since_at: datetime | None = None  # when the open span began
    is_recording: bool = False
    pause_reason: str = ""
    started_at: datetime | None = None
    stopped_at: datetime | None = None  # MixMonitor closed the file
    ended_at: datetime | None = None  # the call is over
    agent_ids: tuple[AgentId, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()  # phones that were connected
    reserved: Mapping[Endpoint, AgentId] = field(default_factory=dict)
    voicemail: QueueName | None = None  # left a message for this queue
    message_time: timedelta = _ZERO  # of it, as far as it was told

    @property
    def is_over(self) -> bool:
        """Whether the file grows no more."""
        return self.stopped_at is not None or self.ended_at is not None

    @property
    def over_at(self) -> datetime | None:
        """When the file stopped growing for good."""
        return self.stopped_at or self.ended_at

    @property
    def connected_time(self) -> timedelta:
        """How long the caller was bridged, recorded or not."""
        return sum((s.length_time for s in self.spans), _ZERO)

    @property
    def expected_time(self) -> timedelta:
        """How long the file must be."""
        spans = sum((s.length_time for s in self.spans if s.is_in_file), _ZERO)
        return spans + self.message_time


def fold(
    events: Iterable[ev.Event],
    *,
    was_recording: bool = False,
    last_written_at: datetime | None = None,
) -> Ledger:
    """Build the ledger of one call from all of its events, in order.

    ``was_recording``: a file exists although no ``RecordingStarted`` was seen (we were away), so the
    spans count as recorded from the start. ``last_written_at``: when Asterisk last wrote the file; it is
    the end of a call that ended while we were away, of which the events say only when we noticed.
    """
    ledger = Ledger(is_recording=was_recording)
    for event in _with_true_end(list(events), last_written_at):
        ledger = apply(ledger, event)
    return ledger


def _with_true_end(events: list[ev.Event], last_written_at: datetime | None) -> list[ev.Event]:
    noticed_at = next(
        (e.at for e in events if isinstance(e, ev.CallEnded) and e.ended_by == "unknown"), None
    )
    if noticed_at is None or last_written_at is None or last_written_at >= noticed_at:
        return events
    ends = (ev.CallEnded, ev.RecordingStopped)
    return [
        replace(e, at=last_written_at) if isinstance(e, ends) and e.at == noticed_at else e
        for e in events
    ]


LEDGER_KINDS: tuple[type[ev.Event], ...] = (
    ev.AgentReserved,
    ev.CallAnswered,
    ev.CallConnected,
    ev.CallRetrieved,
    ev.CallHeld,
    ev.AgentLegLost,
    ev.CallEnqueued,
    ev.CallFellBack,
    ev.CallTransferred,
    ev.TransferFailed,
    ev.CallParked,
    ev.LegDialled,
    ev.ConsultStarted,
    ev.PartyJoined,
    ev.CallRecovered,
    ev.CallEnded,
    ev.RecordingStarted,
    ev.RecordingPaused,
    ev.RecordingResumed,
    ev.RecordingStopped,
    ev.VoicemailBegun,
    ev.VoicemailTaken,
)
"""The events that change a ledger: those that ``apply`` knows."""


def apply(ledger: Ledger, event: ev.Event) -> Ledger:
    """Take one event; events that don't concern recordings change nothing."""
    match event:
        case ev.AgentReserved():
            return replace(ledger, reserved={**ledger.reserved, event.endpoint: event.agent_id})
        case ev.CallAnswered():
            return replace(ledger, agent_ids=_with(ledger.agent_ids, event.agent_id))
        case ev.CallConnected():
            return _talk(_cut(ledger, event.at, Bridging.TALKING), event.endpoint)
        case ev.CallRetrieved() | ev.PartyJoined():
            return _cut(ledger, event.at, Bridging.TALKING)
        case ev.CallHeld(by="menu"):
            return _cut(ledger, event.at, Bridging.APART)  # in no bridge: the file doesn't grow
        case ev.CallHeld() | ev.ConsultStarted() | ev.CallParked():
            return _cut(ledger, event.at, Bridging.ON_HOLD)
        case ev.LegDialled(role="agent") if ledger.bridging is Bridging.ON_HOLD:
            return _cut(
                ledger, event.at, Bridging.APART
            )  # parked, and fetched: a phone rings for him
        case (
            ev.AgentLegLost()
            | ev.CallEnqueued()
            | ev.CallFellBack()
            | ev.CallTransferred()
            | ev.TransferFailed()
        ):
            return _cut(ledger, event.at, Bridging.APART)
        case ev.CallRecovered():
            return _recover(ledger, event)
        case ev.CallEnded():
            ledger = _cut(ledger, event.at, Bridging.APART)
            return replace(ledger, ended_at=ledger.ended_at or event.at)
        case ev.RecordingStarted():
            ledger = replace(_cut(ledger, event.at), is_recording=True, pause_reason="")
            return replace(ledger, started_at=ledger.started_at or event.at, stopped_at=None)
        case ev.RecordingPaused():
            return replace(_cut(ledger, event.at), pause_reason=event.reason)
        case ev.RecordingResumed():
            return replace(_cut(ledger, event.at), pause_reason="")
        case ev.VoicemailBegun():
            return replace(ledger, voicemail=event.queue)
        case ev.VoicemailTaken() if event.length_time >= SHORTEST_MESSAGE_TIME:
            shortest = min(ledger.message_time or event.length_time, event.length_time)
            return replace(ledger, message_time=shortest)  # of several takes one is kept
        case ev.RecordingStopped():
            return replace(_cut(ledger, event.at), is_recording=False, stopped_at=event.at)
        case _:
            return ledger


def _cut(ledger: Ledger, at: datetime, bridging: Bridging | None = None) -> Ledger:
    """Close the open span and open the next, with another bridging or the same."""
    following = ledger.bridging if bridging is None else bridging
    spans = ledger.spans
    if ledger.bridging is not Bridging.APART and ledger.since_at is not None:
        span = Span(
            started_at=ledger.since_at,
            ended_at=at,
            bridging=ledger.bridging,
            offset_time=ledger.expected_time - ledger.message_time,
            is_in_file=ledger.is_recording,
            reason=ledger.pause_reason if ledger.is_recording else NOT_RECORDING,
        )
        spans = (*spans, span) if span.length_time else spans
    since_at = None if following is Bridging.APART else at
    return replace(ledger, spans=spans, bridging=following, since_at=since_at)


def _talk(ledger: Ledger, endpoint: Endpoint) -> Ledger:
    agent_id = ledger.reserved.get(endpoint)
    return replace(
        ledger,
        endpoints=_with(ledger.endpoints, endpoint),
        agent_ids=_with(ledger.agent_ids, agent_id) if agent_id else ledger.agent_ids,
    )


def _recover(ledger: Ledger, event: ev.CallRecovered) -> Ledger:
    bridging = {
        CallState.TALKING.value: Bridging.TALKING,
        CallState.ON_HOLD.value: Bridging.ON_HOLD,
    }.get(event.state, Bridging.APART)
    ledger = _cut(ledger, event.at, bridging)
    if bridging is Bridging.APART or event.endpoint is None:
        return ledger
    return _talk(ledger, event.endpoint)


def _with(known: tuple[T, ...], item: T) -> tuple[T, ...]:
    return known if item in known else (*known, item)


class Verdict(enum.Enum):
    """How the file compares with the ledger."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    """Shorter than the ledger says, beyond the tolerance: a full disk, a killed Asterisk, or
    long stretches in which neither side sent sound (the file alone can't tell these apart)."""
    EMPTY = "empty"
    MISSING = "missing"
    NOTHING_SAID = "nothing_said"
    """Nobody was connected, hence there is no recording, and that is no failure."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how much a file may be shorter than the ledger.

    Asterisk's events and its audio thread are some milliseconds apart (40 ms seen), and each
    time two parties are connected the file waits for the first sound of either (0.1 s seen).
    """

    base_time: timedelta = timedelta(milliseconds=300)
    per_span_time: timedelta = timedelta(milliseconds=200)

    def of(self, ledger: Ledger) -> timedelta:
        """For a call with so many spans."""
        return self.base_time + self.per_span_time * len(ledger.spans)


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict and the figures behind it."""

    verdict: Verdict
    expected_time: timedelta
    actual_time: timedelta

    @property
    def shortfall_time(self) -> timedelta:
        """How much of what the ledger expects is not in the file."""
        return max(self.expected_time - self.actual_time, _ZERO)


def verify(ledger: Ledger, size: int | None, tolerance: Tolerance | None = None) -> Verification:
    """Compare the raw file's size in bytes (None: there is no file) with the ledger."""
    allowed_time = (tolerance or Tolerance()).of(ledger)
    frames = (size or 0) // BYTES_PER_FRAME
    actual_time = timedelta(seconds=frames / SAMPLE_RATE)
    if frames == 0:
        if ledger.connected_time <= allowed_time:
            verdict = Verdict.NOTHING_SAID
        else:
            verdict = Verdict.MISSING if size is None else Verdict.EMPTY
        return Verification(verdict, ledger.connected_time, actual_time)
    is_short = ledger.expected_time - actual_time > allowed_time
    verdict = Verdict.TRUNCATED if is_short else Verdict.COMPLETE
    return Verification(verdict, ledger.expected_time, actual_time)


class RecordingState(enum.Enum):
    """How far a recording has come.

    WAITING ──▶ STORED (then attached, then without its raw file)
       ├──────▶ FAILED (``reason``: missing, empty, encode; what raw file there is stays)
       └──────▶ NOTHING_SAID
    """

    WAITING = "waiting"
    STORED = "stored"
    FAILED = "failed"
    NOTHING_SAID = "nothing_said"


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud it was. Decibels are relative to full scale (RMS; -96 is digital silence)."""

    caller_dbfs: float
    agent_dbfs: float
    silence_share: float  # of the time, neither spoke
    crosstalk_share: float  # of the time, both spoke


@dataclass(frozen=True, slots=True)
class Recording:
    """One call's recording, as the book has it."""

    recording_id: RecordingId
    call_id: CallId
    state: RecordingState
    stopped_at: datetime
    attempts: int = 0
    reason: str = ""
    verdict: Verdict | None = None
    audio_key: str = ""
    duration_time: timedelta = _ZERO
    sha256: str = ""
    size: int = 0
    agent_ids: tuple[AgentId, ...] = ()
    stored_at: datetime | None = None
    ticket_id: TicketId | None = None
    attached_at: datetime | None = None
    raw_removed_at: datetime | None = None

    @property
    def peaks_key(self) -> str:
        """Where the waveform is kept, beside the sound."""
        return peaks_key(self.recording_id, self.stopped_at)


EXTENSIONS = {"opus": "opus", "mp3": "mp3"}


def audio_key(recording_id: RecordingId, at: datetime, audio_format: str) -> str:
    """The name of the stored sound: ``YYYY/MM/<recording id>.opus``. Nothing of the caller is in it."""
    return f"{at:%Y/%m}/{recording_id}.{EXTENSIONS[audio_format]}"


def peaks_key(recording_id: RecordingId, at: datetime) -> str:
    """The name of the stored waveform."""
    return f"{at:%Y/%m}/{recording_id}.peaks.json"
