"""What the ACD knows: its rules, agents, queue entries and the state that holds them; all frozen.

``State`` is replaced, never changed. ``turn.py`` is the only place that makes a new one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from acd.callback_rules import Callback
from acd.rules import NO_TIER, Configuration, Limits, Profile, QueueRules, Slot, WayOut
from acd.states import BUSY, AgentState
from acd.strategy import Tally
from acd.tables import Ordered, Table
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName, is_browser_phone

__all__ = [
    "LONG_AGO",
    "NO_CALL",
    "Agent",
    "AgentLeg",
    "Claim",
    "Configuration",
    "Hold",
    "Limits",
    "Line",
    "Owed",
    "Phase",
    "Place",
    "Profile",
    "QueueEntry",
    "QueueRules",
    "Shape",
    "State",
    "Taken",
    "Touch",
    "empty",
    "is_desk_phone",
]

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_STRICT = timedelta(0)
_NO_TALLY = Tally(LONG_AGO)


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
    overrun_at: datetime | None = None  # its time was over then, and its outcome not named
    before: Owed | None = None  # an older one, whose outcome isn't named either


@dataclass(frozen=True)  # no slots: see cti/domain/evolving.py
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
    outside_number: str = field(default="", repr=False)  # of a phone outside; personal
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
    has_hung_up: bool = False  # he answered this call, and hung up before he met the caller
    lines: tuple[Line, ...] = ()  # other calls that wait for him
    tally: Tally = _NO_TALLY
    owed: Owed | None = None
    late_at: datetime | None = None  # when this break should be over
    overrun_at: datetime | None = None  # longer away, or in wrap-up, than he should be, since then
    away_time: timedelta = timedelta(0)  # of this break, before a call came between
    extended: int = 0  # how often he extended this wrap-up

    @property
    def phones(self) -> tuple[Endpoint, ...]:
        """His own, and the shared one that he sits at."""
        own = self.profile.phones
        return own if self.endpoint is None or self.endpoint in own else (*own, self.endpoint)

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


Place = tuple[timedelta, datetime, int, CallId]
"""A place in the line: strict priority, effective beginning of the wait, the order of arrival."""


@dataclass(frozen=True, slots=True)
class Touch:
    """What hands changed of a caller, in one queue and no other (``hands.py``)."""

    queue: QueueName
    credit_time: timedelta = timedelta(0)
    moved_time: timedelta = timedelta(0)
    demand: str | None = None  # None: what was said of him counts


@dataclass(frozen=True, slots=True)
class Taken:
    """A rule took a caller out of a queue, or was to (``is_done``: the switch has confirmed it)."""

    queue: QueueName
    key: tuple[str, str, str]  # the rule's
    at: datetime
    is_done: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of a caller that bears on who answers him. Told before or while he waits.

    ``demands``: who said it (``menu``, ``ticket``, …) and what; all of them count. ``dedicated``: his own agent, then that
    one's deputies. ``last_agent_id``: who spoke with him last. ``tried``: who didn't answer him before the last start.
    ``taken``: the rules that took him out of queues.
    """

    demands: tuple[tuple[str, str], ...] = ()
    group: str = ""
    dedicated: tuple[AgentId, ...] = ()
    last_agent_id: AgentId | None = None
    tried: tuple[tuple[AgentId, datetime], ...] = ()
    touch: Touch | None = None
    taken: tuple[Taken, ...] = ()


@dataclass(frozen=True)  # no slots: see cti/domain/evolving.py
class QueueEntry:
    """A caller of a queue; kept until he hangs up, so that no attempt costs him his place."""

    call_id: CallId
    queue: QueueName
    enqueued_at: datetime
    credit_time: timedelta  # as the switch says: of the call and of the queue
    sequence: int
    phase: Phase = Phase.WAITING
    agent_id: AgentId | None = None
    group_at: datetime | None = None  # offered to several at once (``groups.py``), since when
    attempts: int = 0
    tried: Mapping[AgentId, datetime] = field(default_factory=dict)  # who didn't answer, when
    refusals: int = 0
    is_answered: bool = False  # an agent has spoken with him
    is_sent_on: bool = False  # somebody sends him to another queue or menu: a new place
    blocked_until_at: datetime | None = None  # not offered before: his state isn't sure
    leaving: WayOut | None = None  # pressed a key, and is on his way out
    announce_at: datetime | None = None
    offer_at: datetime | None = None
    says: frozenset[str] = frozenset()  # what he is told in the visit that goes on, or went on last
    visit_until_at: datetime | None = None  # he is spoken to, at the longest until then
    take_back_at: datetime | None = None
    told_position: int | None = None
    is_strict: bool = False  # more credit goes before any wait
    group_time: timedelta = timedelta(0)  # the credit of his customer group
    hand_time: timedelta = timedelta(0)  # the credit that somebody's hand gave him
    moved_time: timedelta = timedelta(0)  # by which he was moved in the line
    demand: str = ""  # at this point of his wait
    tier: int = NO_TIER  # the highest penalty he may get, at this point of his wait
    wants: AgentId | None = None  # the one agent whom he waits for
    look_at: datetime | None = None  # when time alone changes how he stands
    is_callback: bool = False  # no caller: somebody who is to be called back

    @property
    def place(self) -> Place:
        """The key that orders the line: longest effective wait first, or strictly by credit."""
        credit_time = self.credit_time + self.group_time + self.hand_time
        begun_at = self.enqueued_at - self.moved_time
        if self.is_strict:
            return (-credit_time, begun_at, self.sequence, self.call_id)
        return (_NOT_STRICT, begun_at - credit_time, self.sequence, self.call_id)

    def is_blocked(self, now: datetime) -> bool:
        """Whether something is under way with him, so that he may neither be offered nor sent anywhere."""
        return self.blocked_until_at is not None and now < self.blocked_until_at

    @property
    def is_group(self) -> bool:
        """Whether he is offered to several at once: to all who are busy with him."""
        return self.group_at is not None

    @property
    def slot(self) -> Slot | None:
        """What he has in common with other waiting callers; None: he isn't in the general line."""
        is_general = self.phase is Phase.WAITING and self.wants is None
        return (self.queue, self.demand, self.tier) if is_general else None

    @property
    def waits_for(self) -> AgentId | None:
        """The one agent for whom he waits now."""
        return self.wants if self.phase is Phase.WAITING else None


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


@dataclass(frozen=True)  # no slots: see cti/domain/evolving.py
class State:
    """The whole department at one instant.

    ``is_settled``: no free agent can serve anybody who waits, so that only what a step changes has to be looked at.
    """

    agents: Table[AgentId, Agent]
    now: datetime = LONG_AGO
    entries: Table[CallId, QueueEntry] = field(default_factory=Table)
    claims: Table[CallId, Claim] = field(default_factory=Table)
    callbacks: Table[CallId, Callback] = field(default_factory=Table)  # by the call of the request
    callback_claims: Table[CallId, Claim] = field(default_factory=Table)  # the same way
    attempts: Table[CallId, CallId] = field(default_factory=Table)  # a callback's call → callback
    lines: Table[QueueName, Ordered[Place]] = field(default_factory=Table)  # not connected
    waiting: Table[Slot, Ordered[Place]] = field(default_factory=Table)  # for anybody
    wanted: Table[AgentId, Ordered[Place]] = field(default_factory=Table)  # who waits for him alone
    looks: Ordered[tuple[datetime, CallId]] = field(default_factory=Ordered)  # when to look again
    busy: Table[CallId, tuple[AgentId, ...]] = field(default_factory=Table)  # who is in a call
    shapes: Table[CallId, Shape] = field(default_factory=Table)
    phones: Table[Endpoint, str] = field(default_factory=Table)  # as Asterisk says
    free: Table[AgentId, datetime] = field(default_factory=Table)  # may be offered; idle since
    idle: Ordered[tuple[datetime, AgentId]] = field(default_factory=Ordered)  # those, by that
    answered: frozenset[CallId] = frozenset()  # by the journal, before the last start
    outcomes: Table[CallId, bool] = field(default_factory=Table)  # to be named; whether they are
    sequence: int = 0
    draws: int = 0  # choices by chance so far
    rounds: Table[QueueName, int] = field(default_factory=Table)  # rank of who was asked last
    pauses: tuple[tuple[datetime, tuple[AgentId, ...]], ...] = ()  # who is free together, and when
    doubts: Mapping[AgentId, datetime] = field(default_factory=dict)  # contradicted since
    unjudged: Table[CallId, bool] = field(default_factory=Table)  # may overflow; True: just came
    wall_offset: timedelta = timedelta(0)  # what the wall clock shows more than ``now``
    is_linked: bool = False
    is_draining: bool = False  # nobody is matched any more
    is_settled: bool = False
    hold: Hold = Hold()


def empty(configuration: Configuration) -> State:
    """Nobody signed in, nobody waiting."""
    return State(agents=Table({i: Agent(profile) for i, profile in configuration.profiles.items()}))


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
        "has_hung_up": False,
    }
)
"""The fields of an agent with nothing left of a call."""
