"""P12: one decision of the production matcher, with 100, 1,000 and 10,000 agents and as many waiting callers, 50 skills.

Measured is ``acd.model.step`` as a whole, the very function that the service calls: the event that frees an agent (the end
of his leg) and everything that it leads to, up to the reservation of the next caller. Nothing is left out but the events in
between (his phone rings, he answers, a new caller joins, so that the line keeps its length). Each agent has 10 of
50 skills, each caller demands one of 50 with a level, half of them a second one: 100 demands.

Beside it, at the same sizes: a caller who joins while nobody waits and a tenth of the agents are idle; a caller whom none of
many idle agents can serve; and the first row with each strategy. Times are of the thread's own processor time, so that
other work on the machine isn't counted; the garbage collector works as in the service (``cti/memory.py``), so that its
pauses are in the times. Each size begins with a hundred decisions that aren't counted.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

from acd import decisions as d
from acd import model
from acd.model import Configuration, Profile, QueueRules
from acd.strategy import Strategy, mixed
from bench.report import Figure, Part
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.memory import settle

SIZES = (100, 1_000, 10_000)
SKILLS = 50
_SKILLS_EACH = 10
_BEGIN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
_QUEUES = [QueueName(f"q{number}") for number in range(4)]
_STEP_TIME = timedelta(milliseconds=50)
_GOAL_US = 150.0
_GOAL_RATE = 5_000.0
_WARM = 100
_NOT_ONE_BY_ONE = frozenset({Strategy.LONGEST_IDLE, Strategy.RING_ALL})
"""Measured before the others; and nobody is chosen where all are rung."""


class Centre:
    """The core with so many agents, all signed in and ready, and nothing else."""

    def __init__(self, agents: int, strategy: Strategy = Strategy.LONGEST_IDLE) -> None:
        no_time = timedelta(0)
        self.config = Configuration(
            {
                q: QueueRules(q, wrap_up_time=no_time, gap_time=no_time, strategy=strategy)
                for q in _QUEUES
            },
            {AgentId(f"a{i}"): _profile(i) for i in range(agents)},
        )
        self.now = _BEGIN
        self.state = model.empty(self.config)
        self.calls = count()
        self.spent_us: list[float] = []
        self._met: dict[tuple[int, ...], bool] = {}
        self.step(d.Linked(()))
        for profile in self.config.profiles.values():
            self.step(d.SignIn(profile.agent_id, profile.phones[0]))
            self.phone(profile.phones[0], "idle")
            self.step(d.SayReady(profile.agent_id))

    def step(self, event: d.Input, *, is_measured: bool = False) -> tuple[d.Decision, ...]:
        """One step, and how long it took."""
        begun = time.thread_time_ns()
        self.state, decisions = model.step(self.config, self.state, event, self.now)
        if is_measured:
            self.spent_us.append((time.thread_time_ns() - begun) / 1e3)
        return decisions

    def phone(self, endpoint: Endpoint, state: str) -> None:
        """Asterisk says what a phone does."""
        self.step(ev.PhoneStateChanged(at=self.now, endpoint=endpoint, state=state))

    def arrive(
        self, skills: tuple[int, ...] | None = None, *, is_measured: bool = False
    ) -> tuple[d.Decision, ...]:
        """One caller more, with a demand of his own; one that somebody here can meet, unless it is given."""
        number = next(self.calls)
        while skills is None and not self._is_met(_skills_of(number)):
            number = next(self.calls)
        call = CallId(f"c{number}")
        asked = skills or _skills_of(number)
        demand = " & ".join(f"s{skill}>=2" for skill in asked)
        self.step(ev.DemandSet(at=self.now, call_id=call, demand=demand, by="menu"))
        joined = ev.CallEnqueued(
            at=self.now, call_id=call, queue=_QUEUES[number % 4], enqueued_at=self.now
        )
        return self.step(joined, is_measured=is_measured)

    def _is_met(self, asked: tuple[int, ...]) -> bool:
        """Whether anybody can serve such a caller; those whom nobody can would fill the line for good."""
        known = self._met.get(asked)
        if known is None:
            can = (
                all(profile.skills.get(f"s{skill}", 0) >= 2 for skill in asked)
                for profile in self.config.profiles.values()
            )
            known = self._met[asked] = any(can)
        return known

    def connect(self, agent_id: AgentId) -> None:
        """The phone of a reserved agent rings and is answered."""
        agent = self.state.agents[agent_id]
        if agent.call_id is None or agent.endpoint is None:
            return
        leg = LegId(f"leg-{agent.call_id}")
        call_id, endpoint = agent.call_id, agent.endpoint
        at = self.now
        self.step(ev.LegDialled(at=at, call_id=call_id, leg_id=leg, endpoint=endpoint))
        self.step(ev.CallConnected(at=at, call_id=call_id, leg_id=leg, endpoint=endpoint))

    def hang_up(self, agent_id: AgentId, *, is_measured: bool = False) -> tuple[d.Decision, ...]:
        """A talking agent's leg ends: he is free, and the next caller is his."""
        agent = self.state.agents[agent_id]
        call_id, endpoint, leg_id = agent.call_id, agent.endpoint, agent.leg_id
        assert call_id is not None
        assert endpoint is not None
        assert leg_id is not None
        ended = ev.LegEnded(
            at=self.now, call_id=call_id, leg_id=leg_id, endpoint=endpoint, cause=16
        )
        decisions = self.step(ended, is_measured=is_measured)
        self.step(ev.CallEnded(at=self.now, call_id=call_id, cause=16, ended_by="agent"))
        return decisions


def _profile(number: int) -> Profile:
    own = {
        f"s{mixed(number, k) % SKILLS}": 1 + mixed(number, 100 + k) % 10
        for k in range(_SKILLS_EACH)
    }
    return Profile(
        AgentId(f"a{number}"),
        frozenset(_QUEUES),
        (Endpoint(f"{10_000 + number}"),),
        own,
        rank=number,
    )


def _skills_of(number: int) -> tuple[int, ...]:
    first = mixed(number, 1) % SKILLS
    return (first,) if mixed(number, 2) % 2 else (first, (first + 7) % SKILLS)


def saturated(
    agents: int, decisions: int, strategy: Strategy = Strategy.LONGEST_IDLE
) -> list[float]:
    """Everybody talks, as many callers wait; one agent after the other becomes free. Microseconds of each decision."""
    centre = Centre(agents, strategy)
    free: Callable[[], int] = lambda: len(centre.state.free)  # noqa: E731 - a word for the loop below
    while free() > agents // 50:  # the last few meet hardly any demand
        for made in centre.arrive():
            if isinstance(made, d.Reserve):
                centre.connect(made.agent_id)
    while sum(map(len, centre.state.lines.values())) < agents:
        for made in centre.arrive():
            if isinstance(made, d.Reserve):
                centre.connect(made.agent_id)
    talking = iter(_in_turn(centre))
    while len(centre.spent_us) < decisions + _WARM:
        centre.now += _STEP_TIME
        made_now = centre.hang_up(next(talking), is_measured=True)
        for made in made_now:
            if isinstance(made, d.Reserve):
                centre.connect(made.agent_id)
        if not any(isinstance(made, d.Reserve) for made in made_now):
            centre.spent_us.pop()  # nobody for him: no decision
        for made in centre.arrive():
            if isinstance(made, d.Reserve):
                centre.connect(made.agent_id)
    return centre.spent_us[_WARM:]


def _in_turn(centre: Centre) -> Iterator[AgentId]:
    while True:
        for agent_id in list(centre.config.profiles):
            if centre.state.agents[agent_id].state is model.AgentState.TALKING:
                yield agent_id


def idle(agents: int, decisions: int) -> list[float]:
    """Nobody waits, everybody is idle; callers join and are given somebody, who is free again at once."""
    centre = Centre(agents)
    while len(centre.spent_us) < decisions + _WARM:
        centre.now += _STEP_TIME
        made_now = centre.arrive(is_measured=True)
        for made in made_now:
            if isinstance(made, d.Reserve):
                centre.connect(made.agent_id)
                centre.hang_up(made.agent_id)
    return centre.spent_us[_WARM:]


def hopeless(agents: int, decisions: int) -> list[float]:
    """Everybody is idle, and callers join whom nobody can serve: each is looked for in vain."""
    centre = Centre(agents)
    nobody = (0, 1, 2, 3, 4, 5, 6)
    while len(centre.spent_us) < decisions + _WARM:
        centre.now += _STEP_TIME
        centre.arrive(nobody, is_measured=True)
    return centre.spent_us[_WARM:]


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _figures(name: str, spent: list[float], *, is_judged: bool) -> Iterator[Figure]:
    rate = 1e6 / (sum(spent) / len(spent))
    yield Figure(f"{name}: median", "us", (_quantile(spent, 0.5),))
    goal, rate_goal = (_GOAL_US, _GOAL_RATE) if is_judged else (None, None)
    yield Figure(f"{name}: 99th percentile", "us", (_quantile(spent, 0.99),), goal=goal)
    yield Figure(f"{name}: decisions a second", "/s", (rate,), better="higher", goal=rate_goal)


def run(is_quick: bool) -> Part:
    """All sizes; quick: fewer decisions, and no 10,000 agents."""
    begun = time.monotonic()
    settle()
    decisions = 500 if is_quick else 3_000
    figures: list[Figure] = []
    medians: list[str] = []
    for size in SIZES[:2] if is_quick else SIZES:
        spent = saturated(size, decisions)
        medians.append(f"{size:,}: {_quantile(spent, 0.5):.0f} us")
        figures += _figures(f"{size:,} agents, {size:,} waiting", spent, is_judged=size == 1_000)
        figures.append(
            Figure(
                f"{size:,} idle, one joins: 99th percentile",
                "us",
                (_quantile(idle(size, decisions), 0.99),),
            )
        )
        vain = hopeless(size, decisions)
        figures.append(
            Figure(f"{size:,} idle, nobody able: 99th percentile", "us", (_quantile(vain, 0.99),))
        )
        gc.collect()
    size = 100 if is_quick else 1_000
    for strategy in Strategy:
        if strategy not in _NOT_ONE_BY_ONE:
            spent = saturated(size, decisions // 3, strategy)
            figures.append(
                Figure(
                    f"{size:,} and {size:,}, {strategy.value}: 99th percentile",
                    "us",
                    (_quantile(spent, 0.99),),
                )
            )
    return Part(
        row="P12",
        title="who gets whom, decided by the production matcher",
        method=f"{decisions:,} decisions a size, {SKILLS} skills, {_SKILLS_EACH} an agent, 4 queues; whole steps",
        figures=tuple(figures),
        notes=(f"growth of the median: {', '.join(medians)}",),
        seconds=time.monotonic() - begun,
    )
