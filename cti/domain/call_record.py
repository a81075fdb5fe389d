"""One call's record: what reports count. A fold over its events, nothing else, so that it can be made again at any time.

Times are those of the caller: ``wait_time`` from the first queue to the first conversation (or to the end, where there
was none), the others are sums over the segments (``segments.py``) of their kind. A call that was merged into another
ends there, and its talk goes on in the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cti.domain import events as ev
from cti.domain import segments
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName, RecordingId, TicketId
from cti.domain.segments import CallLife, SegmentKind

K = SegmentKind


@dataclass(frozen=True, slots=True)
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
    """Fold one event in; the order is the journal's, repetitions and strangers change nothing."""
    record = replace(record, life=segments.apply(record.life, event))
    match event:
        case ev.CallEnqueued() | ev.CallFellBack():
            return _wait(record, event)
        case ev.CallConnected():
            return _answer(record, event.at, event.endpoint)
        case ev.CallAnswered():
            return replace(record, agent_id=record.agent_id or event.agent_id)
        case ev.AgentDidNotAnswer():
            return replace(record, attempts=record.attempts + 1)
        case ev.CallHeld():
            return replace(record, holds=record.holds + 1)
        case ev.CallTransferred():
            return replace(record, transfers=record.transfers + 1)
        case ev.ConsultEnded() if event.result == "completed":
            return replace(record, transfers=record.transfers + 1)
        case ev.CallRecovered():
            return _recover(record, event)
        case _:
            return _finish(record, event)


def _wait(record: CallRecord, event: ev.CallEnqueued | ev.CallFellBack) -> CallRecord:
    at = event.enqueued_at if isinstance(event, ev.CallEnqueued) else event.at
    return replace(record, queue=record.queue or event.queue, enqueued_at=record.enqueued_at or at)


def _answer(record: CallRecord, at: datetime, endpoint: Endpoint | None) -> CallRecord:
    return replace(
        record, answered_at=record.answered_at or at, endpoint=record.endpoint or endpoint
    )


def _recover(record: CallRecord, event: ev.CallRecovered) -> CallRecord:
    record = replace(
        record,
        repairs=record.repairs + 1,
        queue=record.queue or event.queue,
        enqueued_at=record.enqueued_at or event.enqueued_at,
    )
    return _answer(record, event.at, event.endpoint) if event.endpoint is not None else record


def _finish(record: CallRecord, event: ev.Event) -> CallRecord:
    match event:
        case ev.CallAbandoned() if not record.outcome:
            return replace(record, outcome="abandoned")
        case ev.CallMerged():
            return replace(record, outcome="merged", merged_into=event.into_call_id)
        case ev.CallEnded() if record.ended_at is None:
            return replace(
                record,
                ended_at=event.at,
                ended_by=event.ended_by,
                cause=event.cause,
                outcome=_outcome(record),
            )
        case ev.RecordingStored():
            return replace(record, recording_id=event.recording_id)
        case ev.TicketOpened() | ev.CallAttached():
            return replace(record, ticket_id=event.ticket_id)
        case ev.DispositionSet():
            return replace(record, disposition=event.disposition)
        case _:
            return record


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
