"""The sections of a desktop's document, exactly as ``docs/desktop-protocol.md`` names them. Pure.

Values are JSON values: instants are ISO 8601 UTC text, durations whole or decimal seconds (``…_s``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypedDict

from screenpop.day_values import CallbacksSection, MessagesSection, MissedSection, TeamValue
from screenpop.ticket_values import (
    OpenTicketValue,
    TicketFormSection,
    TicketSection,
    TicketsSection,
)

SectionName = Literal[
    "me",
    "phone",
    "agent",
    "call",
    "customer",
    "ticket",
    "queues",
    "today",
    "link",
    "parked",
    "directory",
    "missed",
    "callbacks",
    "messages",
    "colleague",
    "outside_page",
    "gone",
    "tickets",
    "opened",
    "ticket_form",
    "second",
]
Labels = dict[str, str]


class SharedPhoneValue(TypedDict):
    """A desk phone at which anybody may sign in."""

    extension: str
    label: Labels


class OutsidePhoneValue(TypedDict):
    """The agent's own phone outside: the numbers that he may choose from; none: any that he may call."""

    numbers: list[str]


class MeSection(TypedDict):
    """Who sits here."""

    user_id: str
    name: str
    staff_number: str
    extension: str
    role: str
    language: str
    server_time: str
    permissions: list[str]
    shared_phones: list[SharedPhoneValue]
    outside_phone: OutsidePhoneValue | None  # none: he may not take calls outside
    queue_labels: dict[str, Labels]  # of all queues: the history names those of other agents too
    call_menus: list[OfferedMenuValue]
    time_zone: str  # the company's: a callback is promised for a time there


class SipValue(TypedDict):
    """How the browser phone registers."""

    url: str
    uri: str
    user: str
    password: str
    realm: str


class PhoneSection(TypedDict):
    """The phone signed in with. ``sip`` for a browser phone only."""

    kind: str | None
    endpoint: str | None
    state: str
    sip: SipValue | None


class ReasonValue(TypedDict):
    """A reason to be away."""

    name: str
    label: Labels
    paid: bool


class AgentSection(TypedDict):
    """The agent's state, and the next one where one was asked for."""

    state: str
    reason: str
    kind: str  # of the call: queue, direct, internal, outbound, consult, transfer
    since: str
    next_state: str
    next_reason: str
    until: str | None
    reasons: list[ReasonValue]
    queues: list[str]
    notice: str
    warn_at: str | None  # from when on he is warned that his break ends; None: it has no limit
    late_at: str | None  # when it should be over
    overrun_at: str | None  # since when he is late, or kept in wrap-up by an outcome not named
    extensions_left: int | None  # of his wrap-up; None: no limit


class ConsultValue(TypedDict):
    """Whom the agent asks while his caller is on hold; ``state`` is ``ringing``, ``waiting`` (in a queue) or ``talking``."""

    state: str
    target: str
    label: str


class PartyValue(TypedDict):
    """Who else is in the conference."""

    endpoint: str
    label: str


class CallbackValue(TypedDict):
    """The call is made for somebody who asked for it."""

    requested_at: str
    attempt: int  # from 1


class SentByValue(TypedDict):
    """Which colleague brought the caller here.

    ``how``: ``transfer``, ``parked``, ``consult`` (he asks, or has handed over), ``added`` (to a conference).
    """

    name: str
    how: str


class MenuAnswerValue(TypedDict):
    """What the caller answered to a question that isn't sensitive."""

    label: str
    digits: str


class CallMenuValue(TypedDict):
    """The menu into which the agent sent the caller last.

    ``result`` is empty while he is in it, else as in ``CallMenuEnded``, ``hung_up`` or ``cut_short``.
    """

    name: str
    since: str
    waiting: bool  # the agent waits for him
    result: str
    tries: int
    answers: list[MenuAnswerValue]


class OfferedMenuValue(TypedDict):
    """A menu to which a caller can be sent; one from which he doesn't ``comes_back`` ends the agent's part."""

    name: str
    label: Labels
    comes_back: bool


class CallSection(TypedDict):
    """The call that rings at, or has as a part, this agent."""

    call_id: str
    token: str
    state: str
    direction: str
    queue: str
    queue_label: Labels
    number: str
    number_place: str
    number_masked: bool
    can_reveal: bool
    caller_name: str
    menu_path: list[str]
    digits: str
    waited_s: float
    chosen_at: str
    ringing_since: str | None
    connected_at: str | None
    held_at: str | None
    ended_at: str | None
    muted: bool
    recording: str
    auto_answer: bool
    callback: CallbackValue | None
    consult: ConsultValue | None
    parties: list[PartyValue]
    slot: str
    sent_by: SentByValue | None
    menu: CallMenuValue | None
    fields: list[str]  # what the pop shows, in this order
    mute: str  # none, ring (no sound), all (nor a notification)
    can: dict[str, str]  # action → empty, or why it can't be done


class WarningValue(TypedDict):
    """What whoever answers must know first."""

    text: str
    by: str
    at: str | None


class SecondSection(TypedDict):
    """Another call at this agent's phones: it waits (rings), or he has put it aside.

    ``state``: ``waiting``, ``on_hold``, ``talking`` (on another line of his phone). ``name``: who is at its other end, or
    who asks; empty: not known. ``accept`` and ``decline``: empty, or why it can't be done now.
    """

    call_id: str
    state: str
    kind: str  # direct, internal, consult, transfer, queue, outbound
    since: str
    name: str
    number: str  # masked
    queue: str
    queue_label: Labels
    accept: str
    decline: str


class CustomerValue(TypedDict):
    """A customer's file."""

    id: int
    name: str
    company: str
    group: str
    note: str
    is_provisional: bool
    warning: WarningValue | None


class LastContactValue(TypedDict):
    """When somebody called last, and what came of it."""

    at: str
    outcome: str
    agent: str


class CandidateValue(TypedDict):
    """One of several who share the number."""

    id: int
    name: str
    company: str
    last: LastContactValue | None


class HistoryValue(TypedDict):
    """An earlier call."""

    call_id: str
    at: str
    direction: str
    queue: str
    outcome: str
    duration_s: float
    agent: str
    recording_id: str | None
    disposition: str
    disposition_label: Labels


class CustomerSection(TypedDict):
    """Who calls, how sure that is, and what was before.

    ``is_file_of_call``: the file was made for this call, so it may as well be given to another customer's;
    ``has_number``: a customer can be found by this call's number.
    """

    match: str
    customer: CustomerValue | None
    candidates: list[CandidateValue]
    history: list[HistoryValue]
    open_tickets: list[OpenTicketValue]
    is_file_of_call: bool
    has_number: bool


class QueueValue(TypedDict):
    """A queue's live figures."""

    name: str
    label: Labels
    waiting: int
    longest_since: str | None
    ready: int


class TodaySection(TypedDict):
    """The agent's own day. Talk time excludes hold; occupancy is None before there is a measure."""

    calls: int
    talk_s: float
    hold_s: float
    wrap_up_s: float
    missed: int
    occupancy: float | None
    team: TeamValue | None  # None: fewer than three, with whom nobody is compared


class ColleagueValue(TypedDict):
    """A person to whom a call can be sent."""

    name: str
    extension: str
    state: str
    kind: str
    since: str
    waits: bool  # a call for him waits while he talks


class LineValue(TypedDict):
    """A queue into which a call can be sent."""

    name: str
    label: Labels
    waiting: int
    ready: int


class ParkedValue(TypedDict):
    """A caller in a parking place. ``rings_at``: where he rings, fetched or (``is_over``) going back; empty: nowhere."""

    slot: str
    name: str
    number: str  # masked
    since: str
    parked_by: str  # a colleague's name; empty: nobody to go back to, so he will go to a queue
    returns_at: str
    rings_at: str
    is_over: bool


class CallerIdValue(TypedDict):
    """A number that somebody may show outside."""

    number: str
    label: Labels


class DirectorySection(TypedDict):
    """Whom to call and where to send a caller, live; ``outside``: numbers outside may be dialled.

    ``caller_ids``: what this agent may show there, his default first.
    """

    colleagues: list[ColleagueValue]
    queues: list[LineValue]
    outside: bool
    caller_ids: list[CallerIdValue]


class LinkSection(TypedDict):
    """Whether Asterisk hears us. ``text``: why not; or, while it does, what somebody must mend."""

    switch: str
    text: str


class ColleagueCard(TypedDict):
    """The colleague at the other end of an internal call; ``state`` empty: he takes no calls."""

    user_id: str
    name: str
    staff_number: str
    extension: str
    team: str
    state: str
    kind: str
    since: str


class OutsidePageSection(TypedDict):
    """Another program's page for the call. ``place``: frame, tab; ``opens``: click, offer, answer."""

    call_id: str
    url: str
    label: Labels
    place: str
    opens: str


class GoneSection(TypedDict):
    """The pop that was withdrawn last. ``why``: taken (by ``who``), hung_up, missed, elsewhere."""

    call_id: str
    at: str
    why: str
    who: str


class Sections(TypedDict):
    """The whole document."""

    me: MeSection
    phone: PhoneSection
    agent: AgentSection
    call: CallSection | None
    customer: CustomerSection | None
    ticket: TicketSection | None
    queues: list[QueueValue]
    today: TodaySection
    link: LinkSection
    parked: list[ParkedValue]
    directory: DirectorySection | None  # None: not asked for
    missed: MissedSection
    callbacks: CallbacksSection
    messages: MessagesSection
    colleague: ColleagueCard | None
    outside_page: OutsidePageSection | None
    gone: GoneSection | None  # None: the last one was answered
    tickets: TicketsSection | None  # None: not asked for
    opened: TicketSection | None  # from a list
    ticket_form: TicketFormSection | None
    second: SecondSection | None


def iso(at: datetime) -> str:
    """An instant as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(at: datetime | None) -> str | None:
    """An instant, or nothing, as text."""
    return iso(at) if at is not None else None
