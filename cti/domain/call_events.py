"""What happens to a call and its legs, as the switch tells it (published by ``cti/asterisk``); see ``events.py``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cti.domain.event import CallEvent, personal
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffered(CallEvent):
    """A caller reached our entry point, or a phone of ours began to dial: the call exists from here on."""

    leg_id: LegId
    direction: str = "inbound"  # inbound, internal, outbound
    dnis: str = ""  # the number dialled, or (outbound) shown outside; ours, hence not personal
    endpoint: Endpoint | None = None  # the phone that began it; none: a trunk
    consult_of: CallId | None = None  # the call whose agent began it, leaving his caller on hold
    # The customer's: as delivered (claimed, spoofable, perhaps hostile), or (outbound) as dialled.
    ani: str = personal()
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
    direction: str = "inbound"
    origin: Endpoint | None = None  # the phone that began it
    dnis: str = ""
    ani: str = personal()
    ani_name: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnchored(CallEvent):
    """From now on the call hangs on the customer's leg: it lives as long as that does.

    An outbound call begins on the agent's leg, which becomes one of the call's legs by this; so does a call
    whose phone began it and transferred the other side away.
    """

    leg_id: LegId  # the customer's
    agent_leg_id: LegId | None = None  # what the call hung on before
    endpoint: Endpoint | None = None  # the phone of that leg


@dataclass(frozen=True, slots=True, kw_only=True)
class LegDialled(CallEvent):
    """Asterisk began to call a phone, or a number outside, for this call.

    ``role``: ``agent`` (for the caller; also a number outside), ``consult`` (for the agent, the caller being on hold),
    ``own`` (the agent's phone opened a second line, to consult), ``party`` (to take part in the conversation).
    """

    leg_id: LegId
    endpoint: Endpoint  # a phone's name, or the trunk's
    role: str = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMoved(CallEvent):
    """Another phone took the leg over (pick-up): who rang there rings there no more."""

    leg_id: LegId
    endpoint: Endpoint
    from_endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class DialFailed(CallEvent):
    """The other side of an outbound or internal call did not take it.

    ``result`` is ``no_answer``, ``busy``, ``declined``, ``congested`` (no line, or refused on the way) or ``unreachable``.
    """

    result: str
    cause: int


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
    """The caller is on hold. ``by`` is ``agent`` (command), ``phone`` (its own key) or ``menu`` (he was sent to one)."""

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
class ConsultStarted(CallEvent):
    """The agent left the caller on hold to speak with somebody else.

    ``endpoint`` is the agent's phone. ``target_kind`` is ``agent``, ``queue``, ``menu`` or ``outside``; ``target`` the
    extension, queue or number of ours; outside it is empty and ``number`` says it. A phone that swaps between
    its two lines tells this each time.
    """

    endpoint: Endpoint
    target_kind: str = ""
    target: str = ""
    number: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultConnected(CallEvent):
    """The agent and the one he consults hear each other."""

    leg_id: LegId  # of the one consulted
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultEnded(CallEvent):
    """The consultation is over.

    ``result``: ``completed`` (the caller was handed over), ``joined`` (all are in one conference), ``cancelled`` (by the
    agent), ``ended`` (the one consulted hung up), ``busy``, ``no_answer``, ``declined``, ``congested``, ``unreachable``
    (the one consulted did not answer) or ``caller_gone``.
    """

    endpoint: Endpoint  # the agent's phone
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTransferred(CallEvent):
    """The caller was sent on and is with nobody yet; what became of it is told by the events that follow.

    ``kind`` is ``blind``, ``consult`` (handed over while the one consulted still rang) or ``away`` (out of a line, by a key
    or a rule, before anybody answered). ``endpoint`` is the phone that
    sent him; None: a command of somebody who did not talk with him. Targets as in ConsultStarted, ``parking``,
    and ``flow`` (a menu by its name).
    """

    kind: str
    target_kind: str
    target: str = ""
    endpoint: Endpoint | None = None
    number: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFailed(CallEvent):
    """Nobody took the transferred caller; he goes back to the sender, else into the queue.

    ``result`` as in DialFailed.
    """

    target_kind: str
    target: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyJoined(CallEvent):
    """One more than two are in the conversation now: a conference."""

    leg_id: LegId
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyLeft(CallEvent):
    """Somebody left the conference; CallConnected follows when two are left, the caller and one leg."""

    leg_id: LegId
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class CallParked(CallEvent):
    """The caller waits, with music, in a numbered place where any phone can fetch him."""

    slot: str
    endpoint: Endpoint | None = None  # who parked him: there the call comes back in the end


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMerged(CallEvent):
    """The two sides of two calls were joined: this one goes on as part of the other. CallEnded follows."""

    into_call_id: CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionMeasured(CallEvent):
    """How a stretch of the call sounded at an agent's browser phone, as his page measured it.

    ``lost_in`` and ``lost_out`` are percent of the packets: of those towards the agent what never came, or came too
    late to be played; of those from him what the exchange missed (None: it did not say). ``mos`` is the mean over the
    stretch and ``worst_mos`` its worst moment, estimated by the E-model (ITU-T G.107), 1 to 4.5. Figures and ids only.
    """

    agent_id: AgentId
    endpoint: Endpoint  # his phone
    measured_time: timedelta  # how long the stretch was
    lost_in: float
    jitter_time: timedelta  # mean
    mos: float
    worst_mos: float
    lost_out: float | None = None
    round_trip_time: timedelta | None = None  # mean; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnded(CallEvent):
    """A dialled leg is gone: the phone is free. ``cause`` is the Q.850 number."""

    leg_id: LegId
    endpoint: Endpoint
    cause: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(CallEvent):
    """The caller's leg is gone: the call is over.

    ``ended_by`` is ``caller``, ``agent``, ``system``, ``merged`` or ``unknown`` (a repair). Of a call that a phone of ours
    began, ``caller`` is that phone until the call is anchored on the customer.
    """

    cause: int
    ended_by: str
