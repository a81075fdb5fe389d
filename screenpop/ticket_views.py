"""What the tickets' department hands over, and how it becomes sections; see ``views.py``. Pure."""

# ruff: noqa: D102 -- a field's name says what it is, its class is documented

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from cti.domain.ids import RecordingId, TicketId
from cti.domain.text import clean_name, hide_digits
from screenpop.sections import iso, iso_or_none
from screenpop.ticket_values import (
    FieldValue,
    Labels,
    OpenTicketValue,
    OptionValue,
    TicketFormSection,
    TicketSection,
    TicketsSection,
)

Words = Mapping[Any, str]  # by language


class CommentView(Protocol):
    """What a colleague said."""

    @property
    def comment_id(self) -> int: ...
    @property
    def author_name(self) -> str: ...
    @property
    def written_at(self) -> datetime: ...
    @property
    def text(self) -> str: ...


class FieldView(Protocol):
    """A field of the company's own."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> Words: ...
    @property
    def kind(self) -> str: ...
    @property
    def choices(self) -> Sequence[tuple[str, Words]]: ...
    @property
    def is_required(self) -> bool: ...
    @property
    def value(self) -> str: ...


class OpenTicketView(Protocol):
    """A ticket that the call could be attached to."""

    @property
    def ticket_id(self) -> TicketId: ...
    @property
    def subject(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


class TimelineView(Protocol):
    """A step of the journey."""

    @property
    def at(self) -> datetime: ...
    @property
    def what(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def recording_id(self) -> RecordingId | None: ...


class TicketView(OpenTicketView, Protocol):
    """The call's ticket."""

    @property
    def status(self) -> str: ...
    @property
    def customer_name(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def priority(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def owner_id(self) -> str: ...
    @property
    def owner_name(self) -> str: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def revision(self) -> int: ...
    @property
    def fields(self) -> Sequence[FieldView]: ...
    @property
    def comments(self) -> Sequence[CommentView]: ...
    @property
    def is_attached(self) -> bool: ...
    @property
    def note(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def disposition(self) -> str: ...
    @property
    def dispositions(self) -> Sequence[str]: ...
    @property
    def open_tickets(self) -> Sequence[OpenTicketView]: ...
    @property
    def timeline(self) -> Sequence[TimelineView]: ...


class ListedView(Protocol):
    """A row of a list."""

    @property
    def ticket_id(self) -> TicketId: ...
    @property
    def subject(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def priority(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def owner_id(self) -> str: ...
    @property
    def owner_name(self) -> str: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def customer_name(self) -> str: ...
    @property
    def revision(self) -> int: ...


class ListView(Protocol):
    """One list."""

    @property
    def view(self) -> str: ...
    @property
    def question(self) -> str: ...
    @property
    def rows(self) -> Sequence[ListedView]: ...
    @property
    def total(self) -> int: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def counts(self) -> Mapping[str, int]: ...


class PersonView(Protocol):
    """Somebody who can have a ticket."""

    @property
    def agent_id(self) -> str: ...
    @property
    def name(self) -> str: ...


class FormView(Protocol):
    """What is needed to show and change tickets."""

    @property
    def groups(self) -> Sequence[tuple[str, Words, bool, bool]]: ...
    @property
    def categories(self) -> Sequence[tuple[str, Words]]: ...
    @property
    def people(self) -> Sequence[PersonView]: ...
    @property
    def texts(self) -> Sequence[tuple[str, str, bool]]: ...


def ticket_section(
    view: TicketView, disposition_labels: Mapping[str, Labels] | None = None
) -> TicketSection:
    """A ticket; ``disposition_labels`` are the company's words for its outcomes."""
    labels = disposition_labels or {}
    return TicketSection(
        ticket_id=int(view.ticket_id),
        customer_name=shown_name(view.customer_name),
        subject=view.subject,
        status=view.status,
        category=view.category,
        priority=view.priority,
        group=view.group,
        owner_id=view.owner_id,
        owner=view.owner_name,
        due_at=iso_or_none(view.due_at),
        created_at=iso(view.created_at),
        note=view.note,
        version=view.version,
        revision=view.revision,
        disposition=view.disposition,
        dispositions=list(view.dispositions),
        disposition_labels={name: labels[name] for name in view.dispositions if name in labels},
        fields=[_field(each) for each in view.fields],
        comments=[
            {
                "comment_id": comment.comment_id,
                "author": comment.author_name,
                "at": iso(comment.written_at),
                "text": comment.text,
            }
            for comment in view.comments
        ],
        is_attached=view.is_attached,
        open_tickets=open_tickets(view.open_tickets),
        timeline=[
            {
                "at": iso(item.at),
                "what": item.what,
                "text": item.text,
                "recording_id": item.recording_id,
            }
            for item in view.timeline
        ],
    )


def _field(view: FieldView) -> FieldValue:
    return FieldValue(
        name=view.name,
        label=_labels(view.label),
        kind=view.kind,
        choices=[_option(name, label) for name, label in view.choices],
        is_required=view.is_required,
        value=view.value,
    )


def tickets_section(view: ListView) -> TicketsSection:
    """A list."""
    return TicketsSection(
        view=view.view,
        question=view.question,
        rows=[
            {
                "ticket_id": int(row.ticket_id),
                "subject": row.subject,
                "status": row.status,
                "priority": row.priority,
                "group": row.group,
                "owner_id": row.owner_id,
                "owner": row.owner_name,
                "due_at": iso_or_none(row.due_at),
                "created_at": iso(row.created_at),
                "customer_name": shown_name(row.customer_name),
                "revision": row.revision,
            }
            for row in view.rows
        ],
        total=view.total,
        has_more=view.has_more,
        counts=dict(view.counts),
    )


def form_section(view: FormView) -> TicketFormSection:
    """What is needed to show and change tickets."""
    return TicketFormSection(
        groups=[
            {"name": name, "label": _labels(label), "is_mine": is_mine, "needs_note": needs_note}
            for name, label, is_mine, needs_note in view.groups
        ],
        categories=[_option(name, label) for name, label in view.categories],
        people=[{"agent_id": person.agent_id, "name": person.name} for person in view.people],
        texts=[{"name": name, "text": text, "is_own": own} for name, text, own in view.texts],
    )


def _option(name: str, label: Words) -> OptionValue:
    return OptionValue(name=name, label=_labels(label))


def _labels(words: Words) -> Labels:
    return {str(language): text for language, text in words.items()}


def open_tickets(tickets: Sequence[OpenTicketView]) -> list[OpenTicketValue]:
    """A customer's other open tickets."""
    return [
        {
            "ticket_id": int(ticket.ticket_id),
            "subject": ticket.subject,
            "created_at": iso(ticket.created_at),
        }
        for ticket in tickets
    ]


def shown_name(name: str) -> str:
    """A name as it is shown: one clean line, numbers in it covered."""
    return hide_digits(clean_name(name, 100))
