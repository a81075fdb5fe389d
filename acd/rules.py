"""What an administrator decides: the rules of queues, what agents may do, customer groups, limits; all frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from acd.callback_rules import CallbackRules
from acd.strategy import Strategy
from cti.domain.demands import is_met, lowered, read_back
from cti.domain.ids import AgentId, Endpoint, QueueName, is_outside_phone
from cti.domain.manners import PLAIN, Manner
from cti.domain.opening import Opening
from cti.domain.targets import Target
from cti.domain.ways_out import OverflowWay

_ZERO = timedelta(0)
NO_TIER = 1_000
"""A tier that keeps nobody out."""
Slot = tuple[QueueName, str, int]
"""What waiting callers have in common for whom the same agents come into question: queue, demand, tier."""
_SLOTS_KEPT = 20_000
_OURS = ("internal", "consult")
"""Kinds of calls between people of the house, even where a queue's caller is the reason for them."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """From this wait on a caller demands less: each level ``by`` lower, or ``demand`` in place of his own."""

    after_time: timedelta
    by: int = 0
    demand: str | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """From this wait on agents with a penalty up to this one are asked as well."""

    after_time: timedelta
    penalty: int


@dataclass(frozen=True, slots=True)
class BreakLimit:
    """How long a break for one reason may last, and how long before its end the agent is warned."""

    limit_time: timedelta
    warn_time: timedelta = _ZERO


@dataclass(frozen=True, slots=True)
class WayOut:
    """Where a key leads; ``kind`` and ``to`` are what is told of it (CallLeftByKey)."""

    kind: str
    to: str
    target: Target


@dataclass(frozen=True, slots=True)
class Overflow:
    """A rule that takes callers out of a queue (``acd/ways.py``); its ``way.reason`` says by what."""

    way: OverflowWay
    after_time: timedelta = _ZERO  # of wait, or estimated
    at_least: int = 0  # others in the line

    @property
    def when(self) -> str:
        """By what."""
        return self.way.reason

    @property
    def key(self) -> tuple[str, str, str]:
        """By which ``CallOverflowed`` tells it from the queue's other rules."""
        return (self.way.reason, self.way.kind, self.way.name)


@dataclass(frozen=True, slots=True)
class QueueRules:
    """How one queue is served. ``wrap_up_time``: zero none, None until the agent is done."""

    name: QueueName
    ring_time: timedelta = timedelta(seconds=15)
    wrap_up_time: timedelta | None = timedelta(seconds=30)
    rona_after: int = 1  # unanswered calls in a row until not ready
    gap_time: timedelta = timedelta(seconds=2)  # pause between two calls of an agent
    announce_every: timedelta = timedelta(seconds=45)  # position and wait; zero: never
    offer_every: timedelta = _ZERO  # zero: never
    waits_for_paint: bool = False
    strategy: Strategy = Strategy.LONGEST_IDLE
    ring_at_most: int = 10  # agents at once, where all are rung
    demand: str = ""  # of all its callers, besides their own
    relaxations: tuple[Relaxation, ...] = ()  # by time, the last one reached counts
    tiers: tuple[Tier, ...] = ()  # by time; none: all agents from the beginning
    must_name_outcome: bool = False  # else its agents stay in wrap-up
    leave_keys: Mapping[str, WayOut] = field(default_factory=dict)
    agents_pull: bool = False  # who serves it may take a waiting caller out of turn
    callback: CallbackRules = field(default_factory=CallbackRules)
    overflow: tuple[Overflow, ...] = ()  # out of the queue, the first that applies
    opening: Opening | None = None  # none: always open
    serve_after_close_time: timedelta = _ZERO  # for those who wait then
    manner: Manner = PLAIN

    def stage(self, demand: str, wait_time: timedelta) -> tuple[str, int, timedelta | None]:
        """What a caller demands after such a wait, the highest penalty he may get, and the wait at which that changes."""
        tier = NO_TIER
        if self.tiers:
            tier = max((t.penalty for t in self.tiers if t.after_time <= wait_time), default=0)
        if not (self.relaxations or self.tiers):
            return demand, tier, None
        reached = [step for step in self.relaxations if step.after_time <= wait_time]
        relaxed = demand
        if reached:
            last = reached[-1]
            own = demand if last.demand is None else last.demand
            relaxed = str(lowered(read_back(own), last.by))
        changes = [step.after_time for step in self.relaxations]
        changes += [step.after_time for step in self.tiers]
        later = [after_time for after_time in changes if after_time > wait_time]
        return relaxed, tier, min(later, default=None)


@dataclass(frozen=True, slots=True)
class Profile:
    """What an agent may do here: the queues he serves, the phones he may sign in with, what he is able to.

    ``penalties``: by queue, 0 where nothing is said; lower is asked first. ``rank``: his place in the company's order.
    """

    agent_id: AgentId
    queues: frozenset[QueueName]
    phones: tuple[Endpoint, ...]
    skills: Mapping[str, int] = field(default_factory=dict)
    penalties: Mapping[QueueName, int] = field(default_factory=dict)
    rank: int = 0
    # Of his phone outside; none: any.
    outside_numbers: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class CustomerGroup:
    """Customers who are treated alike: their credit, what they demand, who is asked first for them."""

    credit_time: timedelta = _ZERO
    demand: str = ""
    preferred: frozenset[AgentId] = frozenset()


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
    key_time: timedelta = timedelta(seconds=3)  # pressed longer ago, a key does nothing
    doubt_time: timedelta = timedelta(seconds=3)  # a busy agent whose phone says that it isn't
    extension_time: timedelta = timedelta(minutes=1)  # of a wrap-up
    meeting_time: timedelta = timedelta(seconds=10)  # answered → connected, where something is said
    outside_time: timedelta = timedelta(seconds=40)  # of a phone outside: set-up, key asked for
    ring_limit_time: timedelta = timedelta(minutes=2)  # of a ring that is not a queue's offer

    def ring_time(self, rules: QueueRules, endpoint: Endpoint | None) -> timedelta:
        """How long it takes at most until it is known what became of a queue's ring at a phone."""
        outside_time = self.outside_time if is_outside_phone(endpoint or "") else _ZERO
        return rules.ring_time + self.ring_margin_time + outside_time


@dataclass(frozen=True)
class Configuration:
    """Everything that an administrator decides. ``reasons`` empty: any word is a reason."""

    queues: Mapping[QueueName, QueueRules]
    profiles: Mapping[AgentId, Profile]
    reasons: frozenset[str] = frozenset()
    limits: Limits = Limits()
    wrap_up_time: timedelta | None = timedelta(0)  # after a customer's call that was no queue's
    wrap_up_times: Mapping[str, timedelta | None] = field(default_factory=dict)  # by kind of call
    extensions: int | None = None  # how often a wrap-up may be extended; None: always
    break_limits: Mapping[str, BreakLimit] = field(default_factory=dict)  # by reason
    hot_desks: frozenset[Endpoint] = frozenset()  # phones at which anybody may sit down
    groups: Mapping[str, CustomerGroup] = field(default_factory=dict)
    person_time: timedelta = timedelta(seconds=60)  # to wait for the last or dedicated agent
    last_agent_time: timedelta = _ZERO  # so long ago he may have been the last; zero: not sought
    dedicated: Mapping[str, tuple[AgentId, ...]] = field(default_factory=dict)  # by number's key
    is_strict: bool = False  # more credit always goes first, however long others wait
    seed: int = 0  # of the strategy "random"

    @cached_property
    def owners(self) -> Mapping[Endpoint, AgentId]:
        """Whose phone it is, whether or not he is signed in with it."""
        return {phone: who for who, profile in self.profiles.items() for phone in profile.phones}

    def rules(self, queue: QueueName | None) -> QueueRules:
        """The queue's rules; a queue that is no longer configured is served by the usual ones."""
        known = self.queues.get(queue) if queue is not None else None
        return known or QueueRules(queue or QueueName("none"))

    def wrap_up(self, kind: str, queue: QueueName | None) -> timedelta | None:
        """How long an agent may write after a call: zero not at all, None until he is done."""
        if queue is not None and kind not in _OURS:
            return self.rules(queue).wrap_up_time
        return self.wrap_up_times.get(kind, _ZERO if kind in _OURS else self.wrap_up_time)

    def group(self, name: str) -> CustomerGroup:
        """A customer group; one that isn't configured is nothing special."""
        return self.groups.get(name, _NO_GROUP)

    @cached_property
    def ranked(self) -> frozenset[QueueName]:
        """Queues in which some agent has a penalty."""
        return frozenset(q for p in self.profiles.values() for q, n in p.penalties.items() if n)

    @cached_property
    def overflowing(self) -> frozenset[QueueName]:
        """Queues out of which a rule may take somebody."""
        return frozenset(name for name, rules in self.queues.items() if rules.overflow)

    @cached_property
    def asking_for_agents(self) -> frozenset[QueueName]:
        """Queues that are left when nobody is signed in."""
        return frozenset(
            name
            for name in self.overflowing
            if any(rule.when == "no_agents" for rule in self.queues[name].overflow)
        )

    def serving(self, queue: QueueName) -> frozenset[AgentId]:
        """Everybody who serves a queue."""
        return self.able((queue, "", NO_TIER))

    def able(self, slot: Slot) -> frozenset[AgentId]:
        """Who may be asked for callers of a slot: serves the queue, has the skills, is in the tier.

        A queue that is no longer configured is served by whoever takes calls, so that nobody waits there for ever.
        """
        found = self._able.get(slot)
        if found is None:
            queue, text, tier = slot
            demand = read_back(text)
            found = frozenset(
                who
                for who, profile in self.profiles.items()
                if (queue in profile.queues or queue not in self.queues)
                and profile.penalties.get(queue, 0) <= tier
                and is_met(demand, profile.skills)
            )
            self._note(slot, found)
        return found

    def slots(self, agent_id: AgentId, waiting: Mapping[Slot, Any]) -> Iterable[Slot]:
        """The slots for which an agent comes into question, and perhaps others, in a fixed order; not all of them wait.

        ``able`` was asked for each that waits when its line began.
        """
        known = self._slots.get(agent_id, {})
        if len(self._able) >= _SLOTS_KEPT or len(known) > len(waiting):  # or some weren't kept
            return [slot for slot in waiting if agent_id in self.able(slot)]
        return known

    def _note(self, slot: Slot, found: frozenset[AgentId]) -> None:
        if len(self._able) < _SLOTS_KEPT:
            self._able[slot] = found
            for who in sorted(found):
                self._slots.setdefault(who, {})[slot] = None

    # Answers of ``able``, which nothing can change, and the same by agent.

    @cached_property
    def _able(self) -> dict[Slot, frozenset[AgentId]]:
        return {}

    @cached_property
    def _slots(self) -> dict[AgentId, dict[Slot, None]]:
        return {}


_NO_GROUP = CustomerGroup()
