"""What others read of customers and tickets: plain values, nothing to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain.ids import AgentId, CallId, CustomerId, RecordingId, TicketId
from tickets.forms import Labels, TicketForm
from tickets.model import MAX_TIMELINE, CallFile, Comment, Customer, Ticket, TimelineItem


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
class CommentView:
    """What a colleague said about a ticket."""

    comment_id: int
    author_name: str
    written_at: datetime
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field of the company's own on a ticket, and what stands in it; choices by name."""

    name: str
    label: Labels
    kind: str
    choices: tuple[tuple[str, Labels], ...]
    is_required: bool
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketView:
    """A ticket; where it is a call's, with the customer's other open ones that the call could be attached to."""

    ticket_id: TicketId
    customer_id: CustomerId | None
    customer_name: str = field(default="", repr=False)
    subject: str
    status: str
    category: str
    priority: str
    group: str
    owner_id: str
    owner_name: str
    due_at: datetime | None
    created_at: datetime
    note: str = field(repr=False)
    version: int
    revision: int
    disposition: str
    dispositions: tuple[str, ...]
    fields: tuple[FieldView, ...]
    comments: tuple[CommentView, ...]
    is_attached: bool = False  # the call came to it by attaching: it can be taken off again
    open_tickets: tuple[Ticket, ...] = ()
    timeline: tuple[TimelineItem, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PersonView:
    """Somebody who can have a ticket."""

    agent_id: str
    name: str


@dataclass(frozen=True, slots=True)
class FormView:
    """What a page must know to show and change tickets."""

    groups: tuple[
        tuple[str, Labels, bool, bool], ...
    ]  # name, label, whether one is in it, needs a note
    categories: tuple[tuple[str, Labels], ...]
    people: tuple[PersonView, ...]
    texts: tuple[tuple[str, str, bool], ...] = field(repr=False)  # name, text, whether one's own


@dataclass(frozen=True, slots=True)
class ListedView:
    """A row of a list."""

    ticket_id: TicketId
    subject: str
    status: str
    priority: str
    group: str
    owner_id: str
    owner_name: str
    due_at: datetime | None
    created_at: datetime
    customer_name: str = field(repr=False)
    revision: int = 0


@dataclass(frozen=True, slots=True)
class ListView:
    """One list, as far as it was asked for, and how many stand in each."""

    view: str
    question: str = field(repr=False)
    rows: tuple[ListedView, ...]
    total: int
    has_more: bool
    counts: Mapping[str, int]


def ticket_view(
    ticket: Ticket,
    calls: Sequence[CallFile],
    comments: Sequence[Comment],
    *,
    form: TicketForm,
    name_of: Callable[[AgentId | str | None], str],
    dispositions: tuple[str, ...],
    customer_name: str = "",
    open_tickets: tuple[Ticket, ...] = (),
    is_attached: bool = False,
) -> TicketView:
    """A ticket with everything on it, the calls' journeys as one."""
    steps = sorted((item for call in calls for item in call.timeline), key=lambda item: item.at)
    values = dict(ticket.fields)
    return TicketView(
        ticket_id=ticket.ticket_id,
        customer_id=ticket.customer_id,
        customer_name=customer_name,
        subject=ticket.subject,
        status=ticket.status,
        category=ticket.category,
        priority=ticket.priority,
        group=ticket.group,
        owner_id=ticket.owner_id or "",
        owner_name=name_of(ticket.owner_id),
        due_at=ticket.due_at,
        created_at=ticket.created_at,
        note=ticket.note,
        version=ticket.version,
        revision=ticket.revision,
        disposition=ticket.disposition,
        dispositions=dispositions,
        fields=tuple(
            FieldView(
                rule.name,
                rule.label,
                rule.kind,
                tuple((choice.name, choice.label) for choice in rule.choices),
                rule.is_required,
                values.get(rule.name, ""),
            )
            for rule in form.fields_of(ticket)
        ),
        comments=tuple(
            CommentView(c.comment_id, name_of(c.author_id), c.written_at, c.text) for c in comments
        ),
        is_attached=is_attached,
        open_tickets=open_tickets,
        timeline=tuple(steps[-MAX_TIMELINE:]),
    )


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
