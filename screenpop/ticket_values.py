"""The sections of tickets, exactly as ``docs/desktop-protocol.md`` names them; see ``sections.py``. Pure."""

from __future__ import annotations

from typing import TypedDict

Labels = dict[str, str]


class OpenTicketValue(TypedDict):
    """A ticket that the call could be attached to."""

    ticket_id: int
    subject: str
    created_at: str


class TimelineValue(TypedDict):
    """A step of the journey."""

    at: str
    what: str
    text: str
    recording_id: str | None


class CommentValue(TypedDict):
    """What a colleague said about a ticket."""

    comment_id: int
    author: str
    at: str
    text: str


class FieldValue(TypedDict):
    """A field of the company's own, and what stands in it."""

    name: str
    label: Labels
    kind: str
    choices: list[OptionValue]
    is_required: bool
    value: str


class OptionValue(TypedDict):
    """Something to choose."""

    name: str
    label: Labels


class TicketSection(TypedDict):
    """The call's ticket, or one that was opened from a list."""

    ticket_id: int
    customer_name: str
    subject: str
    status: str
    category: str
    priority: str
    group: str
    owner_id: str
    owner: str
    due_at: str | None
    created_at: str
    note: str
    version: int  # of the note
    revision: int  # of everything else
    disposition: str
    dispositions: list[str]
    disposition_labels: dict[str, Labels]
    fields: list[FieldValue]
    comments: list[CommentValue]
    is_attached: bool  # the call came here by attaching: it can be taken off again
    open_tickets: list[OpenTicketValue]
    timeline: list[TimelineValue]


class ListedValue(TypedDict):
    """A row of a list of tickets."""

    ticket_id: int
    subject: str
    status: str
    priority: str
    group: str
    owner_id: str
    owner: str
    due_at: str | None
    created_at: str
    customer_name: str
    revision: int


class TicketsSection(TypedDict):
    """The list that the page looks at, as far as it asked, and how many stand in each."""

    view: str
    question: str
    rows: list[ListedValue]
    total: int
    has_more: bool
    counts: dict[str, int]  # mine, group, due


class GroupValue(TypedDict):
    """People who work on tickets together."""

    name: str
    label: Labels
    is_mine: bool
    needs_note: bool


class PersonValue(TypedDict):
    """Somebody who can have a ticket."""

    agent_id: str
    name: str


class TextValue(TypedDict):
    """A canned text."""

    name: str
    text: str
    is_own: bool


class TicketFormSection(TypedDict):
    """What is needed to show and change tickets."""

    groups: list[GroupValue]
    categories: list[OptionValue]
    people: list[PersonValue]
    texts: list[TextValue]
