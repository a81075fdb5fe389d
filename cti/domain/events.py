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
from typing import Any

from cti.domain.ids import (
    AgentId,
    CallId,
    CustomerId,
    Endpoint,
    LegId,
    QueueName,
    RecordingId,
    TicketId,
)


def personal(default: str = "") -> Any:
    """Declare a field that identifies a person; it never stands in the event's journal row."""
    return field(default=default, metadata={"personal": True}, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(Event):
    """Something that happened to one call."""

    call_id: CallId


# ---- the call and its legs (published by cti/asterisk) -----------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffered(CallEvent):
    """A caller reached our entry point: the call exists from here on."""

    leg_id: LegId
    direction: str = "inbound"  # inbound, internal, outbound
    dnis: str = ""  # the number dialled; ours, hence not personal
    ani: str = personal()  # as delivered: claimed, spoofable, perhaps hostile
    ani_name: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnqueued(CallEvent):
    """The caller waits in a queue; ``enqueued_at`` is kept through every further attempt."""

    queue: QueueName
    enqueued_at: datetime
    credit_time: timedelta = timedelta(0)  # priority, in seconds of wait
    attempt: int = 0  # agents tried so far


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFellBack(CallEvent):
    """The dialplan took the call into Asterisk's own Queue(), since our heartbeat had stopped."""

    queue: QueueName


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecovered(CallEvent):
    """A snapshot showed a call that the journal didn't know in this state: it was repaired.

    ``state`` is a CallState value. ``endpoint`` is the agent's phone where one is connected.
    """

    leg_id: LegId
    state: str
    queue: QueueName | None = None
    enqueued_at: datetime | None = None
    credit_time: timedelta = timedelta(0)
    attempt: int = 0
    endpoint: Endpoint | None = None
    dnis: str = ""
    ani: str = personal()
    ani_name: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class LegDialled(CallEvent):
    """Asterisk began to call a phone for this call."""

    leg_id: LegId
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRang(CallEvent):
    """The phone said that it rings (SIP 180)."""

    leg_id: LegId
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class CallConnected(CallEvent):
    """Caller and phone hear each other."""

    leg_id: LegId
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNotAnswered(CallEvent):
    """The phone that was dialled did not take the call; the caller waits on.

    ``result`` is ``no_answer`` (let ring), ``declined`` (busy or rejected) or ``unreachable`` (not registered,
    no reply to SIP).
    """

    endpoint: Endpoint
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHeld(CallEvent):
    """The caller is on hold. ``by`` is ``agent`` (command) or ``phone`` (its own key)."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRetrieved(CallEvent):
    """The caller is back from hold."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMuted(CallEvent):
    """A party's microphone was muted or opened by command."""

    leg_id: LegId
    is_muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLegLost(CallEvent):
    """The agent's leg ended although nobody hung up on purpose; the caller is held for him."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnded(CallEvent):
    """A dialled leg is gone: the phone is free. ``cause`` is the Q.850 number."""

    leg_id: LegId
    endpoint: Endpoint
    cause: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(CallEvent):
    """The caller's leg is gone: the call is over.

    ``ended_by`` is ``caller``, ``agent``, ``system`` or ``unknown`` (a repair).
    """

    cause: int
    ended_by: str


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

    ``outcome`` is ``queue``, ``hangup``, ``closed``, ``failed``, or ``gone`` (hung up or was sent elsewhere).
    """

    flow: str
    outcome: str
    queue: QueueName | None = None
    language: str = "en"


# ---- acd ---------------------------------------------------------------------------------------


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
class AgentStateChanged(Event):
    """An agent's state. ``state`` is an AgentState value of acd/model.py, in upper case.

    ``reason`` is the not-ready reason; ``by`` is ``agent``, ``system`` or a supervisor's id. ``next_state`` is what the
    agent asked for while busy (empty: nothing). ``until_at``: when a timed wrap-up ends.
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
    """A ticket opened by itself for this call. ``reason`` is ``connected`` or ``abandoned``."""

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
