"""What happens in the call centre, as facts: the domain events.

Every department tells the others what happened by one of these and by nothing else. They are
frozen, carry ids and instants, and are written to the journal in the order in which they were
published. A field that identifies a person (number, name, digits, free text) is declared with
``personal()``: the journal keeps it in that subject's rows, apart from the event, so that one
person can be erased while the journal's hash chain still verifies (DESIGN.md, "Storage").

Names are past participles. ``at`` is when it happened, aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain.authority_events import CompanyChanged, HandLaid
from cti.domain.call_events import (
    AgentLegLost,
    CallAnchored,
    CallConnected,
    CallEnded,
    CallEnqueued,
    CallFellBack,
    CallHeld,
    CallMerged,
    CallNotAnswered,
    CallOffered,
    CallParked,
    CallRecovered,
    CallRetrieved,
    CallTransferred,
    ConnectionMeasured,
    ConsultConnected,
    ConsultEnded,
    ConsultStarted,
    DialFailed,
    LegDialled,
    LegEnded,
    LegMoved,
    LegMuted,
    LegRang,
    PartyJoined,
    PartyLeft,
    TransferFailed,
)
from cti.domain.event import CallEvent, Event, personal
from cti.domain.ids import (
    AgentId,
    CallId,
    CustomerId,
    Endpoint,
    QueueName,
    RecordingId,
    TicketId,
)
from cti.domain.ticket_events import TicketChanged
from cti.domain.waiting_events import (
    CallLeftByKey,
    VoicemailBegun,
    VoicemailTaken,
    WaitEstimated,
    WaitingKeyPressed,
)

__all__ = [
    "AgentDidNotAnswer",
    "AgentLegLost",
    "AgentReserved",
    "AgentStateChanged",
    "AlarmChanged",
    "CallAbandoned",
    "CallAnchored",
    "CallAnswered",
    "CallAttached",
    "CallConnected",
    "CallEnded",
    "CallEnqueued",
    "CallEvent",
    "CallFellBack",
    "CallHeld",
    "CallLeftByKey",
    "CallMerged",
    "CallNotAnswered",
    # the call and its legs
    "CallOffered",
    "CallOverflowed",
    "CallParked",
    "CallRecovered",
    "CallRetrieved",
    "CallTransferred",
    "CallerIdentified",
    "CommandAccepted",
    "CompanyChanged",
    "ConnectionMeasured",
    "ConsultConnected",
    "ConsultEnded",
    "ConsultStarted",
    "DemandSet",
    "DialFailed",
    "DispositionSet",
    "Event",
    "HandLaid",
    "LegDialled",
    "LegEnded",
    "LegMoved",
    "LegMuted",
    "LegRang",
    # the departments and the system
    "MenuEntered",
    "MenuInput",
    "MenuLeft",
    "PartyJoined",
    "PartyLeft",
    "PhoneStateChanged",
    "PopPainted",
    "PopSent",
    "PopTimed",
    "QueueChanged",
    "RecordingAttached",
    "RecordingFailed",
    "RecordingPaused",
    "RecordingResumed",
    "RecordingStarted",
    "RecordingStopped",
    "RecordingStored",
    "ReservationReleased",
    "SecurityNoted",
    "SubjectErased",
    "SubjectHeld",
    "SubjectReleased",
    "SwitchLinkChanged",
    "TicketChanged",
    "TicketOpened",
    "TransferFailed",
    "VoicemailBegun",
    "VoicemailTaken",
    "WaitEstimated",
    "WaitingKeyPressed",
    "personal",
]

# ---- ivr ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuEntered(CallEvent):
    """The caller came to a node of a flow. ``label`` is what an agent reads in the menu path."""

    flow: str
    flow_version: int
    node: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuInput(CallEvent):
    """The caller answered a node. ``result`` is ``match``, ``no_match`` or ``no_input``.

    ``digits`` is empty at a sensitive node.
    """

    node: str
    result: str
    is_sensitive: bool = False
    digits: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuLeft(CallEvent):
    """The flow is over for this caller.

    ``outcome`` is ``queue``, ``hangup``, ``closed``, ``voicemail``, ``failed``, or ``gone`` (hung up or was sent elsewhere).
    """

    flow: str
    outcome: str
    queue: QueueName | None = None
    language: str = "en"


# ---- acd ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandSet(CallEvent):
    """Somebody said which skills this call needs: before it is enqueued, or while it waits.

    ``by`` is ``menu``, ``ticket``, ``supervisor`` or another source; what the others said goes on to count.
    """

    demand: str  # see cti.domain.demands; empty: this source demands nothing any more
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReserved(CallEvent):
    """The ACD chose an agent for a waiting caller."""

    agent_id: AgentId
    queue: QueueName
    endpoint: Endpoint
    wait_time: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationReleased(CallEvent):
    """A reservation ended without a conversation. ``reason`` says why."""

    agent_id: AgentId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDidNotAnswer(CallEvent):
    """RONA and its kin. ``reason`` is ``no_answer``, ``declined`` or ``unreachable``."""

    agent_id: AgentId
    queue: QueueName
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(CallEvent):
    """An agent answered a queue's call (once per call: the first agent)."""

    agent_id: AgentId
    queue: QueueName
    wait_time: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAbandoned(CallEvent):
    """The caller hung up while waiting."""

    queue: QueueName
    wait_time: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOverflowed(CallEvent):
    """A rule, or somebody's hand, took an unanswered caller out of a queue (or didn't let him in).

    ``reason`` is ``wait``, ``length``, ``estimate``, ``no_agents``, ``by_hand``, or ``closed`` and ``holiday``, which are
    counted apart. ``target_kind``: ``queue``, ``menu``, ``voicemail``, ``callback``, ``outside``, ``message``, ``agent``.
    """

    queue: QueueName  # the one that he left
    reason: str
    target_kind: str = ""
    target: str = ""
    wait_time: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStateChanged(Event):
    """An agent's state. ``state`` is an AgentState value of acd/model.py, in upper case.

    ``reason`` is the not-ready reason; ``by`` is ``agent``, ``system`` or a supervisor's id. ``next_state`` is what the
    agent asked for while busy (empty: nothing). ``until_at``: when a timed wrap-up ends. ``overrun_at``: since when he is
    longer away than his reason allows, or kept in wrap-up by an outcome that isn't named; told once for each.
    """

    agent_id: AgentId
    state: str
    previous: str
    reason: str = ""
    by: str = "system"
    call_id: CallId | None = None
    queue: QueueName | None = None
    next_state: str = ""
    next_reason: str = ""
    until_at: datetime | None = None
    endpoint: Endpoint | None = None  # the phone signed in with; none: signed out
    kind: str = ""  # of the call: queue, direct, internal, outbound, consult, transfer; empty: none
    since_at: datetime | None = None  # when state and reason began; none (older records): at
    overrun_at: datetime | None = None
    away_time: timedelta = timedelta(0)  # of a break, before a call came between
    extended: int = 0  # how often this wrap-up was extended
    outside_number: str = personal()  # of his phone outside, while he is signed in with it


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChanged(Event):
    """A queue's live figures, for the desktops; not journalled."""

    queue: QueueName
    waiting: int
    longest_since: datetime | None
    ready: int


# ---- phones ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneStateChanged(Event):
    """What Asterisk says of a phone: ``unavailable``, ``idle``, ``ringing``, ``in_use``, ``on_hold``, ``unknown``."""

    endpoint: Endpoint
    state: str


# ---- screenpop ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PopSent(CallEvent):
    """The pop was written to the agent's desktop's socket (``at``)."""

    agent_id: AgentId
    chosen_at: datetime
    is_on_desktop: bool = True  # False: no desktop was connected


@dataclass(frozen=True, slots=True, kw_only=True)
class PopPainted(CallEvent):
    """The desktop painted the pop, ``paint_time`` after it was chosen."""

    agent_id: AgentId
    paint_time: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class PopTimed(CallEvent):
    """The three delays of a pop: chosen to socket, to paint and to the phone's 180 (None: not seen)."""

    agent_id: AgentId
    socket_time: timedelta
    paint_time: timedelta | None
    ring_time: timedelta | None


# ---- recorder ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted(CallEvent):
    """MixMonitor writes this call's file (named by the call id, nothing else)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPaused(CallEvent):
    """Silence is written in place. ``reason`` is ``agent``, ``field``, ``sensitive_node`` or ``policy``."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResumed(CallEvent):
    """Sound is written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStopped(CallEvent):
    """MixMonitor closed the raw file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStored(CallEvent):
    """The encoded recording was checked, hashed and stored; only now the raw file may go."""

    recording_id: RecordingId
    duration_time: timedelta
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailed(CallEvent):
    """There will be no (complete) recording. ``reason``: ``missing``, ``empty``, ``truncated``, ``encode``."""

    reason: str


# ---- tickets -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerIdentified(CallEvent):
    """The caller's number was looked up. ``match`` is ``known``, ``maybe`` or ``none``."""

    match: str
    customer_ids: tuple[CustomerId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketOpened(CallEvent):
    """A ticket opened by itself for this call. ``reason`` is ``connected``, ``abandoned`` or ``voicemail``."""

    ticket_id: TicketId
    customer_id: CustomerId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAttached(CallEvent):
    """The call with its notes and recording was moved to another ticket."""

    ticket_id: TicketId
    from_ticket_id: TicketId
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DispositionSet(CallEvent):
    """The agent named the outcome of the call."""

    ticket_id: TicketId
    disposition: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingAttached(CallEvent):
    """The stored recording hangs on the call's ticket."""

    ticket_id: TicketId
    recording_id: RecordingId


# ---- the system --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchLinkChanged(Event):
    """The link to Asterisk came up or went. ``is_up`` only after the snapshot was taken."""

    is_up: bool
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAccepted(Event):
    """What a user commanded; committed before it is acknowledged. ``arguments`` hold ids only."""

    command_id: str
    name: str
    by: str
    call_id: CallId | None = None
    arguments: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityNoted(Event):
    """Something a security officer wants to read: a refused sign-in, a foreign Origin, hostile input."""

    what: str
    by: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectErased(Event):
    """What identified one person was erased from rows, recordings and logs. Whoever holds some of it in memory drops it."""

    by: str
    customer_id: CustomerId | None = None
    call_ids: tuple[CallId, ...] = ()
    fields: int = 0  # personal fields of the journal
    recordings: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectHeld(Event):
    """A legal hold was put on a person or on a call: nothing of it may be erased. The reason stands in its own row."""

    by: str
    hold_id: int
    customer_id: CustomerId | None = None
    call_id: CallId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectReleased(Event):
    """A legal hold was lifted."""

    by: str
    hold_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChanged(Event):
    """Something must be mended, or was. ``name`` is stable, for programs; ``detail`` is for people."""

    name: str
    is_on: bool
    detail: str = ""
