"""One call's record: what reports count. A fold over its events, nothing else, so that it can be made again at any time.

Times are those of the caller: ``wait_time`` from the first queue to the first conversation (or to the end, where there
was none), the others are sums over the segments (``segments.py``) of their kind. A call that was merged into another
ends there, and its talk goes on in the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain import events as ev
from cti.domain import segments
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName, RecordingId, TicketId
from cti.domain.segments import CallLife, SegmentKind

K = SegmentKind


@dataclass(slots=True)
class CallRecord:
    """What is counted of one call; ``outcome`` is empty while it goes on.

    ``outcome``: ``answered``, ``abandoned`` (hung up while waiting), ``unanswered`` (waited or was dialled, and
    nobody took it), ``menu`` (ended before any queue), ``merged`` (went on as part of another).
    """

    life: CallLife = field(default_factory=CallLife)
    queue: QueueName | None = None  # the first
    enqueued_at: datetime | None = None
    answered_at: datetime | None = None  # the first conversation
    agent_id: AgentId | None = None  # the first
    endpoint: Endpoint | None = None  # the first that answered
    ended_at: datetime | None = None
    ended_by: str = ""
    cause: int | None = None
    outcome: str = ""
    attempts: int = 0  # agents who let it ring
    transfers: int = 0
    holds: int = 0
    repairs: int = 0  # facts that were read back from Asterisk
    merged_into: CallId | None = None
    recording_id: RecordingId | None = None
    ticket_id: TicketId | None = None
    disposition: str = ""

    @property
    def wait_time(self) -> timedelta:
        """First queue to first conversation, or to the end; zero for a call that never waited or still waits."""
        until_at = self.answered_at or self.ended_at
        if self.enqueued_at is None or until_at is None:
            return timedelta(0)
        return max(timedelta(0), until_at - self.enqueued_at)

    def time_in(self, *kinds: SegmentKind) -> timedelta:
        """How long the caller was in these kinds of segments."""
        return self.life.time_in(*kinds)


def apply(record: CallRecord, event: ev.Event) -> CallRecord:
    """Fold one event into the record (which is changed) and return it.

    The order is the journal's; repetitions and strangers change nothing.
    """
    record.life = segments.apply(record.life, event)
    match event:
        case ev.CallEnqueued() | ev.CallFellBack():
            at = event.enqueued_at if isinstance(event, ev.CallEnqueued) else event.at
            record.queue = record.queue or event.queue
            record.enqueued_at = record.enqueued_at or at
        case ev.CallConnected():
            _answer(record, event.at, event.endpoint)
        case ev.CallAnswered():
            record.agent_id = record.agent_id or event.agent_id
        case ev.AgentDidNotAnswer():
            record.attempts += 1
        case ev.CallHeld() if event.by != "menu":
            record.holds += 1
        case ev.CallTransferred():
            record.transfers += 1
        case ev.ConsultEnded() if event.result == "completed":
            record.transfers += 1
        case ev.CallRecovered():
            record.repairs += 1
            record.queue = record.queue or event.queue
            record.enqueued_at = record.enqueued_at or event.enqueued_at
            if event.endpoint is not None:
                _answer(record, event.at, event.endpoint)
        case _:
            _finish(record, event)
    return record


def _answer(record: CallRecord, at: datetime, endpoint: Endpoint | None) -> None:
    record.answered_at = record.answered_at or at
    record.endpoint = record.endpoint or endpoint


def _finish(record: CallRecord, event: ev.Event) -> None:
    match event:
        case ev.CallAbandoned() if not record.outcome:
            record.outcome = "abandoned"
        case ev.CallMerged():
            record.outcome, record.merged_into = "merged", event.into_call_id
        case ev.CallEnded() if record.ended_at is None:
            record.ended_at, record.ended_by, record.cause = event.at, event.ended_by, event.cause
            record.outcome = _outcome(record)
        case ev.RecordingStored():
            record.recording_id = event.recording_id
        case ev.TicketOpened() | ev.CallAttached():
            record.ticket_id = event.ticket_id
        case ev.DispositionSet():
            record.disposition = event.disposition
        case _:
            pass


def _outcome(record: CallRecord) -> str:
    if record.outcome == "merged":
        return record.outcome
    if record.answered_at is not None:
        return "answered"
    if record.outcome:
        return record.outcome
    call = record.life.call
    was_dialled = call is not None and call.direction != "inbound"
    return "unanswered" if record.enqueued_at is not None or was_dialled else "menu"
