"""What the ACD knows: its rules, agents, queue entries and the state that holds them; all frozen.

``State`` is replaced, never changed. ``turn.py`` is the only place that makes a new one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

from acd.states import BUSY, AgentState
from acd.strategy import LongestIdle, Strategy
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName, is_browser_phone

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class QueueRules:
    """How one queue is served. ``wrap_up_time``: zero none, None until the agent is done."""

    name: QueueName
    ring_time: timedelta = timedelta(seconds=15)
    wrap_up_time: timedelta | None = timedelta(seconds=30)
    rona_after: int = 1  # unanswered calls in a row until not ready
    gap_time: timedelta = timedelta(seconds=2)  # pause between two calls of an agent
    announce_every: timedelta = timedelta(seconds=45)  # position; zero: never
    waits_for_paint: bool = False
    strategy: Strategy = field(default_factory=LongestIdle)


@dataclass(frozen=True, slots=True)
class Profile:
    """What an agent may do here: the queues he serves and the phones he may sign in with."""

    agent_id: AgentId
    queues: frozenset[QueueName]
    phones: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the ACD waits for what should come, before it goes on without."""

    reservation_timeout: timedelta = timedelta(seconds=3)  # chosen → LegDialled
    ring_margin_time: timedelta = timedelta(seconds=5)  # beyond ring_time → some result
    settle_time: timedelta = timedelta(milliseconds=250)  # leg ended → why
    result_time: timedelta = timedelta(seconds=1)  # leg or attempt ended → its result
    leg_time: timedelta = timedelta(seconds=2)  # caller gone → his agent's leg gone
    retry_time: timedelta = timedelta(seconds=5)  # after an offer that led to nothing
    lost_time: timedelta = timedelta(seconds=30)  # the dialplan holds a caller 20 s
    recovery_timeout: timedelta = timedelta(seconds=2)  # callers back from the fallback
    stall_time: timedelta = timedelta(seconds=1)  # to read what came while we were frozen
    doubt_time: timedelta = timedelta(seconds=3)  # a busy agent whose phone says that it isn't
    extension_time: timedelta = timedelta(minutes=1)  # of a wrap-up
    ring_limit_time: timedelta = timedelta(minutes=2)  # of a ring that is not a queue's offer


@dataclass(frozen=True)
class Configuration:
    """Everything that an administrator decides. ``reasons`` empty: any word is a reason."""

    queues: Mapping[QueueName, QueueRules]
    profiles: Mapping[AgentId, Profile]
    reasons: frozenset[str] = frozenset()
    limits: Limits = Limits()
    wrap_up_time: timedelta | None = timedelta(0)  # after a customer's call that was no queue's

    @cached_property
    def owners(self) -> Mapping[Endpoint, AgentId]:
        """Whose phone it is, whether or not he is signed in with it."""
        return {phone: who for who, profile in self.profiles.items() for phone in profile.phones}

    def rules(self, queue: QueueName | None) -> QueueRules:
        """The queue's rules; a queue that is no longer configured is served by the usual ones."""
        known = self.queues.get(queue) if queue is not None else None
        return known or QueueRules(queue or QueueName("none"))


@dataclass(frozen=True, slots=True)
class AgentLeg:
    """One of an agent's phones in a call."""

    endpoint: Endpoint
    is_up: bool  # False: it rings


@dataclass(frozen=True, slots=True)
class Line:
    """A call that an agent's phone is in besides the one he is busy with: it rings, or is on hold."""

    call_id: CallId
    kind: str
    queue: QueueName | None
    legs: Mapping[LegId, AgentLeg]
    is_anchor: bool = False
    is_consulting: bool = False

    @property
    def is_up(self) -> bool:
        """Whether he speaks there; False: it rings."""
        return self.is_anchor or any(leg.is_up for leg in self.legs.values())


@dataclass(frozen=True, slots=True)
class Owed:
    """A wrap-up that another call put off; ``until_at`` None: until the agent is done."""

    call_id: CallId
    queue: QueueName | None
    kind: str
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class Agent:
    """A person, as the ACD sees him.

    ``kind`` is what the call is to him: ``queue``; ``direct`` (to his extension); ``internal``; ``outbound``; ``consult`` (a
    colleague asks him, or lets him take part); ``transfer`` (somebody handed it to him).
    """

    profile: Profile
    state: AgentState = AgentState.LOGGED_OUT
    reason: str = ""
    since_at: datetime = LONG_AGO  # of state and reason
    by: str = "system"
    endpoint: Endpoint | None = None
    call_id: CallId | None = None  # reserved, ringing, talking; in wrap-up the last one
    queue: QueueName | None = None  # of that call
    kind: str = ""  # of that call
    legs: Mapping[LegId, AgentLeg] = field(
        default_factory=dict
    )  # his phones in it; empty: not known
    idle_since_at: datetime = LONG_AGO
    ready_said_at: datetime = LONG_AGO  # forgives callers whom he didn't answer before
    available_at: datetime = LONG_AGO  # end of the gap after a call
    deadline_at: datetime | None = None  # when this state ends by itself
    missed: int = 0  # unanswered calls in a row
    next_state: AgentState | None = None  # asked for while busy
    next_reason: str = ""
    is_leg_ended: bool = False  # his phone is free again, the reason isn't known yet
    is_call_over: bool = False  # the caller is gone, his leg isn't yet
    is_leg_lost: bool = False  # the caller is held for him
    is_rejoining: bool = False  # his phone is being called again
    is_anchor: bool = False  # the call hangs on his leg: he began it, and no customer has answered
    is_consulting: bool = False  # his caller is on hold while he speaks with somebody else
    has_rung: bool = False  # a phone of his said so, for this call
    lines: tuple[Line, ...] = ()  # other calls that wait for him
    owed: Owed | None = None

    @property
    def calls(self) -> tuple[CallId, ...]:
        """All calls that he is busy with, the present one first."""
        if self.state not in BUSY or self.call_id is None:
            return ()
        return (self.call_id, *(line.call_id for line in self.lines))

    @property
    def leg_id(self) -> LegId | None:
        """The leg he speaks on, else one that rings."""
        up = next((leg_id for leg_id, leg in self.legs.items() if leg.is_up), None)
        return up or next(iter(self.legs), None)

    @property
    def agent_id(self) -> AgentId:
        """Who."""
        return self.profile.agent_id


class Phase(enum.Enum):
    """Where a queue's caller is."""

    WAITING = "waiting"
    OFFERED = "offered"  # an agent is reserved or rings
    FALLBACK = "fallback"  # in Asterisk's own Queue()
    CONNECTED = "connected"


Place = tuple[datetime, int, CallId]
"""A place in the line: effective beginning of the wait, then the order of arrival."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A caller of a queue; kept until he hangs up, so that no attempt costs him his place."""

    call_id: CallId
    queue: QueueName
    enqueued_at: datetime
    credit_time: timedelta
    sequence: int
    phase: Phase = Phase.WAITING
    agent_id: AgentId | None = None
    attempts: int = 0
    tried: Mapping[AgentId, datetime] = field(default_factory=dict)  # who didn't answer, when
    refusals: int = 0
    is_answered: bool = False  # an agent has spoken with him
    is_sent_on: bool = False  # somebody sends him to another queue or menu: a new place
    blocked_until_at: datetime | None = None  # not offered before: his state isn't sure
    announce_at: datetime | None = None
    take_back_at: datetime | None = None
    told_position: int | None = None

    @property
    def place(self) -> Place:
        """The key that orders the line: longest effective wait first."""
        return (self.enqueued_at - self.credit_time, self.sequence, self.call_id)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is to be known of a call that is no plain caller of ours."""

    direction: str = "inbound"
    is_sent_on: bool = False  # transferred or parked


@dataclass(frozen=True, slots=True)
class Hold:
    """Why matching waits: callers are on their way back, or we were frozen."""

    since_at: datetime = LONG_AGO
    from_at: datetime = LONG_AGO  # never before
    limit_at: datetime = LONG_AGO  # never longer
    pending: frozenset[CallId] = frozenset()

    def is_over(self, now: datetime) -> bool:
        """Whether the matcher may go on."""
        return now >= self.from_at and (not self.pending or now >= self.limit_at)


@dataclass(frozen=True, slots=True)
class State:
    """The whole department at one instant."""

    agents: Mapping[AgentId, Agent]
    now: datetime = LONG_AGO
    entries: Mapping[CallId, QueueEntry] = field(default_factory=dict)
    lines: Mapping[QueueName, tuple[Place, ...]] = field(default_factory=dict)  # not connected
    busy: Mapping[CallId, tuple[AgentId, ...]] = field(default_factory=dict)  # who is in a call
    shapes: Mapping[CallId, Shape] = field(default_factory=dict)
    phones: Mapping[Endpoint, str] = field(default_factory=dict)  # as Asterisk says
    free: Mapping[AgentId, None] = field(default_factory=dict)  # may be offered a call
    answered: frozenset[CallId] = frozenset()  # by the journal, before the last start
    sequence: int = 0
    doubts: Mapping[AgentId, datetime] = field(default_factory=dict)  # contradicted since
    is_linked: bool = False
    is_draining: bool = False  # nobody is matched any more
    hold: Hold = Hold()


def empty(configuration: Configuration) -> State:
    """Nobody signed in, nobody waiting."""
    return State(agents={i: Agent(profile) for i, profile in configuration.profiles.items()})


def is_desk_phone(endpoint: Endpoint | None) -> bool:
    """A desk phone's hang-up is meant; a browser phone's may be a lost page (see ``Endpoint``)."""
    return endpoint is not None and not is_browser_phone(endpoint)


NO_CALL: Mapping[str, Any] = MappingProxyType(
    {
        "call_id": None,
        "queue": None,
        "kind": "",
        "legs": MappingProxyType({}),
        "deadline_at": None,
        "is_leg_ended": False,
        "is_call_over": False,
        "is_leg_lost": False,
        "is_rejoining": False,
        "is_anchor": False,
        "is_consulting": False,
        "has_rung": False,
    }
)
"""The fields of an agent with nothing left of a call."""
