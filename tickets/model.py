"""What stands in a call's file, and when a ticket opens. Pure.

Theory of operation. From ``CallOffered`` to its recording a call has one ``CallFile``: the fold
of its events into what people read later (the journey: menu path, queue, wait, who, holds, recording). A ticket opens once
per call, the call's id being the key: at the first connection or at abandonment; a call that rang at three
agents still has one. The file names the customer where the number is known to be one customer's;
where several share it, the match is a *maybe*, and nobody is taken for granted.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain import callback_events as cb
from cti.domain import events as ev
from cti.domain import menu_events as menus
from cti.domain.callbacks import is_attempt
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId, CustomerId, RecordingId, TicketId, is_phone

WRONG_NUMBER = "wrong number"
"""The disposition that marks a file made for this call as made in vain."""

STATUSES = ("open", "pending", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")

MAX_NOTE_LENGTH = 20_000
MAX_COMMENT_LENGTH = 5_000
MAX_TIMELINE = 200
"""Entries of one call; a caller who goes round in a menu for ever fills no disk."""


class Match(enum.Enum):
    """How sure we are who calls."""

    KNOWN = "known"
    MAYBE = "maybe"  # several customers have this number: a choice, never a certainty
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who calls. A provisional file stands in for a caller whom nobody has named yet."""

    customer_id: CustomerId
    name: str = field(repr=False)
    created_at: datetime
    company: str = field(default="", repr=False)
    group: str = ""
    note: str = field(default="", repr=False)
    is_provisional: bool = False
    is_touched: bool = False  # somebody wrote into it: it is never removed by itself
    made_by_call: CallId | None = None
    warning: str = field(default="", repr=False)  # what whoever answers must know first
    warning_by: str = ""  # the name of who set it
    warning_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A case. ``version`` counts changes of the note, so that two writers notice each other.

    ``revision`` counts the changes of everything else, and ``changed_by`` made the last of them; ``queue`` is the
    one through which the call came that opened it. ``fields`` are the company's own, by name.
    """

    ticket_id: TicketId
    customer_id: CustomerId | None
    subject: str
    created_at: datetime
    opened_by_call: CallId
    status: str = "open"
    category: str = ""
    note: str = field(default="", repr=False)
    version: int = 0
    disposition: str = ""
    priority: str = "normal"
    group: str = ""
    owner_id: AgentId | None = None
    due_at: datetime | None = None
    queue: str = ""
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    revision: int = 0
    changed_by: str = ""

    @property
    def is_untouched(self) -> bool:
        """Nobody wrote into it."""
        return self.version + self.revision == 0 and self.disposition in {"", WRONG_NUMBER}


@dataclass(frozen=True, slots=True)
class Comment:
    """What colleagues say to each other about a ticket; the customer never hears of it."""

    comment_id: int
    ticket_id: TicketId
    author_id: AgentId
    written_at: datetime
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CannedText:
    """A text that is written often, found by its name; a person's own."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class StoredPin:
    """What is kept of a customer's PIN; ``wrong`` counts the wrong ones in a row."""

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One step of the journey. ``what`` is a word for programs, ``text`` names the thing (a queue, a person)."""

    at: datetime
    what: str
    text: str = field(default="", repr=False)
    recording_id: RecordingId | None = None


@dataclass(frozen=True, slots=True)
class CallFile:
    """Everything that is kept of one call."""

    call_id: CallId
    offered_at: datetime
    direction: str = "inbound"
    dnis: str = ""
    number_key: str = field(default="", repr=False)
    caller_name: str = field(default="", repr=False)  # cleaned
    match: Match = Match.NONE
    customer_id: CustomerId | None = None
    candidates: tuple[CustomerId, ...] = ()
    ticket_id: TicketId | None = None
    queue: str = ""
    menu_path: tuple[str, ...] = ()
    enqueued_at: datetime | None = None
    connected_at: datetime | None = None
    held_at: datetime | None = None
    ended_at: datetime | None = None
    hold_time: timedelta = timedelta(0)
    agent_id: AgentId | None = None
    agent_name: str = ""
    # answered, abandoned, voicemail, callback (asked for), menu (hung up before a queue), unanswered; empty: live
    outcome: str = ""
    recording_id: RecordingId | None = None
    timeline: tuple[TimelineItem, ...] = ()

    @property
    def duration_time(self) -> timedelta:
        """Connected to ended; zero for a call that nobody answered."""
        if self.connected_at is None or self.ended_at is None:
            return timedelta(0)
        return max(timedelta(0), self.ended_at - self.connected_at)

    @property
    def subject(self) -> str:
        """What its ticket is called: our own words only, nothing that the caller sent."""
        return " › ".join(self.menu_path) or self.queue or "Call"


@dataclass(frozen=True, slots=True)
class OpeningRule:
    """Which calls open a ticket by themselves: ``always``, only when ``answered``, ``never``. Empty: any.

    ``kind`` is ``queue``, ``direct`` (without a queue), ``voicemail`` or ``callback``.
    """

    when: str
    queue: str = ""
    direction: str = ""
    kind: str = ""

    def fits(self, file: CallFile, kind: str) -> bool:
        """Whether it speaks of this call."""
        return (
            self.queue in ("", file.queue)
            and self.direction in ("", file.direction)
            and self.kind in ("", kind)
        )


@dataclass(frozen=True, slots=True)
class TicketRules:
    """When a ticket opens by itself: the first rule that fits says it."""

    opening: tuple[OpeningRule, ...] = ()
    directions: frozenset[str] = frozenset({"inbound", "outbound"})
    """Where no rule fits: internal calls are no cases."""

    def when(self, file: CallFile, kind: str) -> str:
        """``always``, ``answered`` or ``never``."""
        for rule in self.opening:
            if rule.fits(file, kind):
                return rule.when
        return "always" if file.direction in self.directions else "never"


def why_open(file: CallFile, event: ev.Event, rules: TicketRules) -> str | None:
    """The reason to open a ticket now (``connected``, ``abandoned``, ``voicemail``, ``callback``), or None.

    A message opens one when its recording is stored: only then it is certain that something was said. A message and
    a wish to be called back are answered as far as the rules go: somebody said something.
    """
    if file.ticket_id is not None:
        return None
    kind = "queue" if file.queue else "direct"
    match event:
        case ev.CallConnected() | ev.CallAnswered() | ev.CallRecovered(endpoint=str()):
            reason = "connected"
        case ev.CallAbandoned():
            reason = "abandoned"
        case ev.RecordingStored() if file.outcome == "voicemail":
            reason = kind = "voicemail"
        case cb.CallbackRequested():
            reason = kind = "callback"
        case _:
            return None
    when = rules.when(file, kind)
    opens = when == "always" or (when == "answered" and reason != "abandoned")
    return reason if opens else None


def is_removable(customer: Customer, tickets: tuple[Ticket, ...]) -> bool:
    """Whether a file was made in vain: provisional, and nobody wrote into it or its tickets."""
    return (
        customer.is_provisional
        and not customer.is_touched
        and all(ticket.is_untouched for ticket in tickets)
    )


def note(file: CallFile, at: datetime, what: str, text: str = "") -> CallFile:
    """Add a step to the journey."""
    if len(file.timeline) >= MAX_TIMELINE:
        return file
    return replace(file, timeline=(*file.timeline, TimelineItem(at, what, text)))


def fold(file: CallFile, event: ev.CallEvent) -> CallFile:
    """Take one event of this call into its file; unknown events change nothing."""
    match event:
        case ev.MenuEntered() | ev.MenuInput():
            return _fold_menu(file, event)
        case menus.CallMenuBegan() | menus.CallMenuAnswered() | menus.CallMenuEnded():
            return _fold_call_menu(file, event)
        case ev.CallEnqueued():
            if file.queue == event.queue and file.enqueued_at == event.enqueued_at:
                return file  # back from a visit or an attempt: he never left
            file = replace(file, queue=event.queue, enqueued_at=event.enqueued_at)
            return note(file, event.at, "queue", event.queue)
        case ev.CallFellBack():
            file = replace(file, queue=event.queue, enqueued_at=file.enqueued_at or event.at)
            return note(file, event.at, "fallback", event.queue)
        case ev.AgentDidNotAnswer():
            return note(file, event.at, "missed", event.reason)
        case ev.CallAnswered():
            return replace(file, agent_id=event.agent_id)
        case ev.CallAbandoned():
            return note(replace(file, outcome="abandoned"), event.at, "abandoned", event.queue)
        case ev.CallOverflowed():
            return note(file, event.at, "overflowed", event.reason)
        case ev.CallLeftByKey():
            return note(file, event.at, "left_by_key", event.target_kind)
        case ev.RecordingStored():
            if file.recording_id == event.recording_id:
                return file  # told again after a crash
            item = TimelineItem(event.at, "recording", "", event.recording_id)
            return replace(file, recording_id=event.recording_id, timeline=(*file.timeline, item))
        case ev.VoicemailBegun() if event.take == 1:
            if not file.connected_at:
                file = replace(file, outcome="voicemail")
            return note(replace(file, queue=event.queue), event.at, "voicemail", event.queue)
        case ev.RecordingFailed():
            return note(file, event.at, "recording_failed", event.reason)
        case ev.CallAttached():
            return note(file, event.at, "attached", f"#{event.from_ticket_id}")
        case ev.ReservationReleased() if is_attempt(file.call_id) and file.ended_at is None:
            # The agent's phone didn't take it: the customer was never called.
            return replace(file, ended_at=event.at, outcome="unanswered")
        case cb.CallbackRequested() | cb.CallbackPostponed() | cb.CallbackEnded():
            return _fold_callback(file, event)
        case _:
            return _fold_talk(file, event)


def _fold_callback(
    file: CallFile, event: cb.CallbackRequested | cb.CallbackPostponed | cb.CallbackEnded
) -> CallFile:
    match event:
        case cb.CallbackRequested():
            asked = replace(file, queue=file.queue or event.queue, outcome="callback")
            return note(asked, event.at, "callback", event.queue)
        case cb.CallbackPostponed() if event.reason not in ("agent", "not_sent"):
            return note(file, event.at, "callback_in_vain", event.reason)
        case cb.CallbackEnded() if event.result != "done":
            return note(file, event.at, f"callback_{event.result}", event.reason)
        case _:
            return file


def _fold_call_menu(
    file: CallFile, event: menus.CallMenuBegan | menus.CallMenuAnswered | menus.CallMenuEnded
) -> CallFile:
    """A menu during the call: its name, what he answered, and what came of it (``verified 1``: with so many tries)."""
    match event:
        case menus.CallMenuBegan():
            return note(file, event.at, "call_menu", event.menu)
        case menus.CallMenuAnswered():
            return note(
                file, event.at, "menu_answer", f"{event.label or event.node}: {event.digits}"
            )
        case menus.CallMenuEnded():
            return note(file, event.at, "menu_result", f"{event.result} {event.tries}")


def _fold_menu(file: CallFile, event: ev.MenuEntered | ev.MenuInput) -> CallFile:
    if isinstance(event, ev.MenuEntered):
        if not event.label or (file.menu_path and file.menu_path[-1] == event.label):
            return file
        file = replace(file, menu_path=(*file.menu_path, event.label)[-12:])
        return note(file, event.at, "menu", event.label)
    if event.is_sensitive or event.result != "match" or not event.digits:
        return file  # a sensitive node's digits stand nowhere, whatever the event carries
    return note(file, event.at, "digits", event.digits)


def _fold_talk(file: CallFile, event: ev.CallEvent) -> CallFile:
    match event:
        case ev.CallConnected():
            file = _end_hold(file, event.at)
            file = replace(file, connected_at=file.connected_at or event.at, outcome="answered")
            is_ours = is_phone(event.endpoint)  # else he was sent outside
            return note(file, event.at, "talk", file.agent_name if is_ours else "")
        case ev.CallRecovered(endpoint=str()):
            return replace(file, connected_at=file.connected_at or event.at, outcome="answered")
        case ev.CallHeld():
            if file.held_at is not None:
                return file
            file = replace(file, held_at=event.at)
            return file if event.by == "menu" else note(file, event.at, "hold")
        case ev.CallRetrieved():
            return note(_end_hold(file, event.at), event.at, "retrieved")
        case ev.AgentLegLost():
            return note(file, event.at, "agent_lost", file.agent_name)
        case ev.ConnectionMeasured():
            return _fold_sound(file, event)
        case ev.CallTransferred() | ev.CallParked() | ev.ConsultStarted() | ev.PartyJoined():
            return _fold_others(file, event)
        case ev.CallEnded() if file.ended_at is None:
            outcome = file.outcome or ("unanswered" if file.enqueued_at else "menu")
            file = replace(_end_hold(file, event.at), ended_at=event.at, outcome=outcome)
            return note(file, event.at, "ended", event.ended_by)
        case _:
            return file


def _fold_sound(file: CallFile, event: ev.ConnectionMeasured) -> CallFile:
    """One step for the whole call: how its worst stretch sounded."""
    known = next((item for item in file.timeline if item.what == "sound"), None)
    if known is None:
        return note(file, event.at, "sound", f"{event.mos:.1f}")
    worse = replace(known, text=min(known.text, f"{event.mos:.1f}"))
    return replace(file, timeline=tuple(worse if i is known else i for i in file.timeline))


def _fold_others(
    file: CallFile,
    event: ev.CallTransferred | ev.CallParked | ev.ConsultStarted | ev.PartyJoined,
) -> CallFile:
    """Others come in, or the caller goes to them; of a number outside the target is empty."""
    match event:
        case ev.ConsultStarted():
            if (
                file.held_at is not None
                and file.timeline[-1:]
                and file.timeline[-1].what == "consult"
            ):
                return file  # a phone that swaps between its two lines says it each time
            file = replace(file, held_at=file.held_at or event.at)
            return note(file, event.at, "consult", event.target)
        case ev.CallTransferred(target_kind="flow") | ev.CallTransferred(kind="away"):
            return _end_hold(file, event.at)  # where he came to, and why, is told by what follows
        case ev.CallTransferred():
            return note(_end_hold(file, event.at), event.at, "transferred", event.target)
        case ev.CallParked():
            return note(_end_hold(file, event.at), event.at, "parked", event.slot)
        case ev.PartyJoined():
            return note(_end_hold(file, event.at), event.at, "conference")


def _end_hold(file: CallFile, at: datetime) -> CallFile:
    if file.held_at is None:
        return file
    held = max(timedelta(0), at - file.held_at)
    return replace(file, held_at=None, hold_time=file.hold_time + held)
