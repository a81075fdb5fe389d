"""A naive ACD, written from ``docs/queues.md`` and not from the code: who gets whom, looking at everybody each time.

It knows agents, callers and the rules, nothing of phones, legs, events, indices or timers. All times are whole seconds.
Where the order is left to chance it takes what it is told was drawn, if that was allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

FAR = 10**9
Expression = list[list[tuple[str, int]]]
"""A demand as alternatives of (skill, level) pairs that are all needed; ``[[]]`` demands nothing."""


@dataclass
class RefQueue:
    strategy: str = "longest_idle"
    relax: list[tuple[int, int, Expression | None]] = field(default_factory=list)
    tiers: list[tuple[int, int]] = field(default_factory=list)
    ring_at_most: int = 10
    overflow: list[tuple[int, str, bool]] = field(default_factory=list)  # after, to, keeps place


@dataclass
class RefAgent:
    name: str
    rank: int
    queues: set[str]
    skills: dict[str, int]
    penalties: dict[str, int]
    state: str = "out"  # out, away, free, ring, talk
    will_be_away: bool = False
    is_reachable: bool = True  # his phone is known to be idle
    idle_since: int = 0
    said_ready: int = 0
    changed: int = 0  # when his state changed last
    taken: int = 0
    busy: int = 0
    ready: int = 0
    missed: int = 0  # callers in a row
    pause_until: int = 0  # he rang with others, in vain or slower

    def become(self, state: str, now: int) -> None:
        if self.state == "talk":
            self.busy += now - self.changed
        elif self.state in ("free", "ring"):
            self.ready += now - self.changed
        if self.state == "out":
            self.taken = self.busy = self.ready = 0
        self.state, self.changed = state, now

    def occupancy(self, now: int) -> Fraction:
        ready = self.ready + now - self.changed
        return Fraction(self.busy, self.busy + ready) if self.busy + ready else Fraction(0)


@dataclass
class RefCaller:
    name: str
    number: int  # order of arrival
    queue: str
    enqueued: int
    credit: int
    demand: Expression
    persons: list[str]
    preferred: set[str]
    state: str = "waits"  # waits, ring, talk; unsure: where he is, just now
    agent: str = ""  # whom he rings or talks with
    group: list[str] = field(default_factory=list)  # all at whose phones he rings at once
    group_since: int = 0
    tried: dict[str, int] = field(default_factory=dict)
    person: int | None = None  # index of the one whom he waits for
    given: int = 0  # the credit that somebody's hand gave him
    moved: Fraction = Fraction(0)  # by how much somebody's hand set the beginning of his wait back
    demanded: Expression | None = None  # what somebody's hand said in place of the rest
    in_line: int = 0  # since when in this line
    left: set[str] = field(default_factory=set)  # queues that a rule took him out of


class Reference:
    """The rule, word for word."""

    def __init__(
        self, queues: dict[str, RefQueue], *, person_time: int, is_strict: bool, rona_after: int = 2
    ) -> None:
        self.queues = queues
        self.rona_after = rona_after
        self.person_time = person_time
        self.is_strict = is_strict
        self.agents: dict[str, RefAgent] = {}
        self.callers: dict[str, RefCaller] = {}
        self.last_rank: dict[str, int] = {}
        self.now = 0
        self.pause, self.moment = 5, 1

    # ---- the line ------------------------------------------------------------------------------

    def order(self) -> list[RefCaller]:
        """Everybody who waits, the longest effective wait first."""

        return sorted((c for c in self.callers.values() if c.state == "waits"), key=self.place)

    def place(self, caller: RefCaller) -> tuple[int, Fraction, int]:
        credit, begun = caller.credit + caller.given, caller.enqueued - caller.moved
        if self.is_strict:
            return (-credit, begun, caller.number)
        return (0, begun - credit, caller.number)

    def move(self, name: str, place: int) -> None:
        """A hair before the one who stands there; behind the last one, if nobody does."""
        caller, hair = self.callers[name], Fraction(1, 10**6)
        line = [c for c in self.callers.values() if c.queue == caller.queue and c is not caller]
        line = sorted((c for c in line if c.state != "talk"), key=self.place)
        if not line:
            return
        other = line[min(place, len(line)) - 1]
        caller.moved += self.place(caller)[1] - self.place(other)[1]
        caller.moved += hair if place <= len(line) else -hair
        if self.is_strict:
            caller.given = other.credit + other.given - caller.credit

    def settle_person(self, caller: RefCaller, start: int) -> None:
        """From ``start`` on, the first person who is free, or busy and still worth waiting for."""
        caller.person = None
        in_time = self.now < caller.enqueued + self.person_time
        for index in range(start, len(caller.persons)):
            agent = self.agents[caller.persons[index]]
            if agent.name in caller.tried:
                continue
            is_busy = agent.state in ("ring", "talk") and not agent.will_be_away
            is_busy = is_busy or (agent.state == "free" and self.now < agent.pause_until)
            if self.is_free(agent) or (is_busy and in_time):
                caller.person = index
                return

    def keep_persons(self) -> None:
        """Who waits for somebody who is gone, or for too long, goes on to the next."""
        for caller in self.order():
            if caller.person is None:
                continue
            self.settle_person(caller, caller.person)

    def is_free(self, agent: RefAgent) -> bool:
        return agent.state == "free" and agent.is_reachable and self.now >= agent.pause_until

    # ---- who gets whom -------------------------------------------------------------------------

    def candidates(self, caller: RefCaller) -> list[RefAgent]:
        if caller.person is not None:
            agent = self.agents[caller.persons[caller.person]]
            return [agent] if self.is_free(agent) else []
        wait, rules = self.now - caller.enqueued, self.queues[caller.queue]
        demand = self.demanded(caller)
        tier = FAR
        if rules.tiers:
            tier = max([penalty for after, penalty in rules.tiers if wait >= after] or [0])
        return [
            a
            for a in self.agents.values()
            if self.is_free(a)
            and caller.queue in a.queues
            and a.penalties.get(caller.queue, 0) <= tier
            and any(all(a.skills.get(s, 0) >= level for s, level in way) for way in demand)
        ]

    def demanded(self, caller: RefCaller) -> Expression:
        rules, wait = self.queues[caller.queue], self.now - caller.enqueued
        said = caller.demand if caller.demanded is None else caller.demanded
        demand = said
        for after, minus, other in rules.relax:
            if wait >= after:
                demand = other if other is not None else said
                demand = [[(s, max(1, level - minus)) for s, level in way] for way in demand]
        return demand

    def best(self, caller: RefCaller, found: list[RefAgent], drawn: str | None) -> RefAgent:
        fresh = [a for a in found if caller.tried.get(a.name, -1) < a.said_ready]
        found = fresh or found
        found = [a for a in found if a.name in caller.preferred] or found
        least = min(a.penalties.get(caller.queue, 0) for a in found)
        found = [a for a in found if a.penalties.get(caller.queue, 0) == least]
        strategy = self.queues[caller.queue].strategy
        if strategy == "random":
            return next((a for a in found if a.name == drawn), found[0])
        return min(found, key=self.keys(caller)[strategy])

    def keys(self, caller: RefCaller) -> dict[str, Callable[[RefAgent], tuple[object, ...]]]:
        last = self.last_rank.get(caller.queue, -1)
        count = len(self.agents)

        def skilled(a: RefAgent) -> int:
            ways = [
                sum(a.skills[s] for s, _ in way)
                for way in self.demanded(caller)
                if all(a.skills.get(s, 0) >= level for s, level in way)
            ]
            return max(ways, default=0)

        return {
            "longest_idle": lambda a: (a.idle_since, a.name),
            "round_robin": lambda a: ((a.rank - last - 1) % count,),
            "fewest_calls": lambda a: (a.taken, a.idle_since, a.name),
            "least_occupied": lambda a: (a.occupancy(self.now), a.idle_since, a.name),
            "most_skilled": lambda a: (-skilled(a), a.idle_since, a.name),
            "linear": lambda a: (a.rank,),
            "ring_all": lambda a: (a.idle_since, a.name),  # only for an agent of his own
            "least_flexible": lambda a: (len(a.queues), len(a.skills), a.idle_since, a.name),
        }

    def match(self, drawn: dict[str, str]) -> list[tuple[str, str]]:
        """All pairs that come to be now, in order."""
        self.keep_persons()
        pairs = []
        for caller in self.order():
            found = self.candidates(caller)
            if found and caller.person is None and self.rings_all(caller):
                pairs += [(caller.name, name) for name in self.ring_all(caller, found)]
            elif found:
                agent = self.best(caller, found, drawn.get(caller.name))
                agent.become("ring", self.now)
                caller.state, caller.agent, caller.person = "ring", agent.name, None
                self.last_rank[caller.queue] = agent.rank
                pairs.append((caller.name, agent.name))
        return pairs

    # ---- all at once ---------------------------------------------------------------------------

    def rings_all(self, caller: RefCaller) -> bool:
        return self.queues[caller.queue].strategy == "ring_all"

    def ring_all(self, caller: RefCaller, found: list[RefAgent]) -> list[str]:
        """One reservation: as many as may ring at once, the best of them if they are more."""

        def key(a: RefAgent) -> tuple[object, ...]:
            has_missed = caller.tried.get(a.name, -1) >= a.said_ready
            penalty = a.penalties.get(caller.queue, 0)
            is_other = bool(caller.preferred) and a.name not in caller.preferred
            return (has_missed, is_other, penalty, a.idle_since, a.name)

        group = sorted(found, key=key)[: self.queues[caller.queue].ring_at_most]
        for agent in group:
            agent.become("ring", self.now)
        caller.group, caller.group_since = [agent.name for agent in group], self.now
        caller.state, caller.person = "ring", None
        return caller.group

    def group_answer(self, name: str, winner: str) -> None:
        """One has him; for the others nothing has happened, but for a moment's silence."""
        caller = self.callers[name]
        losers = [a for a in caller.group if a != winner]
        caller.group, caller.agent = [], winner
        self.answer(name)
        for loser in losers:
            self.let_go(loser, self.moment)

    def group_miss(self, name: str) -> None:
        """Nobody is to blame, but all pause; the caller keeps his place."""
        caller = self.callers[name]
        for member in caller.group:
            caller.tried[member] = self.now
            self.let_go(member, self.pause)
        self.group_failed(caller)

    def group_decline(self, name: str, agent: str) -> None:
        """One leaves the group; the others ring on, if there are any."""
        caller = self.callers[name]
        caller.group.remove(agent)
        caller.tried[agent] = self.now
        self.let_go(agent, self.pause)
        if not caller.group:
            self.group_failed(caller)

    def group_failed(self, caller: RefCaller) -> None:
        """Nobody took him: all who were asked pause together, whenever they left."""
        caller.state, caller.group = "unsure", []
        for agent in self.agents.values():
            was_asked = caller.tried.get(agent.name, -1) >= caller.group_since
            if was_asked and agent.state == "free":
                agent.pause_until = self.now + self.pause

    def let_go(self, name: str, pause: int) -> None:
        agent = self.agents[name]
        agent.pause_until = max(agent.pause_until, self.now + pause)
        self.release(name, is_new_turn=False)

    # ---- out by rule ---------------------------------------------------------------------------

    def overflow(self) -> list[tuple[str, str, bool]]:
        """Who leaves his queue now: nobody was free for him, and he has been in this line for long enough."""
        found = []
        for caller in self.order():
            for after, target, keeps in self.queues[caller.queue].overflow:
                if self.now >= caller.in_line + after and caller.queue not in caller.left:
                    found.append((caller.name, target, keeps))
                    break
        return found

    def join(self, name: str, target: str, credit: int, persons: list[str], keeps: bool) -> None:
        """He joins another line, with his place or at the end."""
        caller = self.callers[name]
        caller.left = {*caller.left, caller.queue} if keeps else set()
        caller.queue, caller.in_line, caller.demand = target, self.now, [[]]
        caller.given, caller.moved, caller.demanded = 0, Fraction(0), None
        if not keeps:
            caller.enqueued, caller.credit = self.now, credit
        caller.persons = persons
        self.settle_person(caller, 0)

    # ---- what happens --------------------------------------------------------------------------

    def sign_in(self, name: str) -> None:
        agent = self.agents[name]
        agent.become("away", self.now)

    def say_ready(self, name: str) -> None:
        agent = self.agents[name]
        if agent.state in ("ring", "talk"):
            agent.will_be_away = False
            agent.said_ready = self.now
        elif agent.state == "away":
            agent.become("free", self.now)
            agent.idle_since = agent.said_ready = self.now
            agent.missed = 0

    def say_away(self, name: str) -> None:
        agent = self.agents[name]
        if agent.state in ("ring", "talk"):
            agent.will_be_away = True
        elif agent.state == "free":
            agent.become("away", self.now)

    def sign_out(self, name: str) -> None:
        self.agents[name].become("out", self.now)

    def arrive(self, caller: RefCaller) -> None:
        self.callers[caller.name] = caller
        caller.in_line = caller.enqueued
        self.settle_person(caller, 0)

    def hang_up(self, name: str) -> None:
        """A caller leaves; who rang for him keeps his turn, who spoke with him begins a new one."""
        caller = self.callers.pop(name)
        if caller.agent:
            self.release(caller.agent, is_new_turn=caller.state == "talk")
        for member in caller.group:
            self.let_go(member, self.moment)

    def answer(self, name: str) -> None:
        caller = self.callers[name]
        agent = self.agents[caller.agent]
        caller.state = "talk"
        agent.become("talk", self.now)
        agent.taken += 1
        agent.missed = 0

    def miss(self, name: str) -> None:
        """The agent let it ring, once too often and he is away; the caller keeps his place."""
        caller = self.callers[name]
        agent = self.agents[caller.agent]
        agent.missed += 1
        if agent.missed >= self.rona_after:
            agent.will_be_away, agent.missed = True, 0
        self.release(agent.name, is_new_turn=False)
        caller.tried[agent.name] = self.now
        caller.state, caller.agent = "unsure", ""

    def push(self, name: str, to: str) -> None:
        """Somebody gives a caller to an agent whose phone is free, whatever the rules say."""
        caller, agent = self.callers[name], self.agents[to]
        agent.will_be_away = agent.state == "away"
        agent.become("ring", self.now)
        caller.state, caller.agent, caller.person = "ring", to, None

    def wait_again(self, name: str) -> None:
        """The switch says that he waits: only now can he be offered again."""
        caller = self.callers[name]
        caller.state = "waits"
        self.settle_person(caller, 0)

    def release(self, name: str, *, is_new_turn: bool) -> None:
        agent = self.agents[name]
        agent.become("away" if agent.will_be_away else "free", self.now)
        agent.will_be_away = False
        if is_new_turn:
            agent.idle_since = self.now
