"""What others read of customers and tickets: plain values, nothing to change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain.ids import CallId, CustomerId, RecordingId, TicketId
from tickets.model import CallFile, Customer, Ticket, TimelineItem


@dataclass(frozen=True, slots=True)
class HistoryCall:
    """One earlier call."""

    call_id: CallId
    at: datetime
    direction: str
    queue: str
    outcome: str
    duration_time: timedelta
    agent_name: str
    recording_id: RecordingId | None
    disposition: str = ""  # what its agent named as the outcome


@dataclass(frozen=True, slots=True)
class CandidateView:
    """Somebody who may be meant: one of several who share a number, or who was found."""

    customer: Customer
    last: HistoryCall | None = None
    number_keys: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class CallerView:
    """Who calls, how sure that is, and what was before."""

    match: str
    customer: Customer | None
    candidates: tuple[CandidateView, ...] = ()
    history: tuple[HistoryCall, ...] = ()
    open_tickets: tuple[Ticket, ...] = ()  # the call's own aside
    is_file_of_call: bool = False  # the file was made for this call, and may be another's
    has_number: bool = False  # a customer can be found by the number of this call


@dataclass(frozen=True, slots=True)
class TicketView:
    """A call's ticket, and the customer's other open ones that it could be attached to."""

    ticket_id: TicketId
    customer_id: CustomerId | None
    subject: str
    status: str
    category: str
    created_at: datetime
    note: str = field(repr=False)
    version: int
    disposition: str
    dispositions: tuple[str, ...]
    open_tickets: tuple[Ticket, ...]
    timeline: tuple[TimelineItem, ...] = field(repr=False)


def history_call(file: CallFile, disposition: str = "") -> HistoryCall:
    """A call as the history shows it."""
    return HistoryCall(
        call_id=file.call_id,
        at=file.offered_at,
        direction=file.direction,
        queue=file.queue,
        outcome=file.outcome,
        duration_time=file.duration_time,
        agent_name=file.agent_name,
        recording_id=file.recording_id,
        disposition=disposition,
    )
