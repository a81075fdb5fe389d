"""The core against the naive reference: the same pairs in the same order.

Random arrivals, answers, refusals, breaks and restarts, over all strategies, with skills, tiers, own and last agents.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase as HypothesisPhase
from hypothesis import given, settings
from hypothesis import strategies as st

from acd import decisions as d
from acd import model
from acd.model import AgentState, Configuration, Phase, Profile
from acd.restoring import gathered
from acd.rules import CustomerGroup, Limits, Overflow, Relaxation, Tier
from acd.strategy import Strategy
from cti.domain import events as ev
from cti.domain.calls import CallTable
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.domain.ways_out import OverflowWay
from tests.acd.indices import assert_kept
from tests.acd.reference import Expression, RefAgent, RefCaller, Reference, RefQueue
from tests.acd.world import World, rules, seconds
from tests.fakes.clock import START_AT

pytestmark = pytest.mark.unit

NAMES = ("ann", "ben", "cas", "dee")
QUEUES = ("x", "y")
PERSON_TIME = 20
SKILLS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 10))
WAYS: st.SearchStrategy[Expression] = st.lists(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 10)), max_size=2),
    min_size=1,
    max_size=2,
)


def text_of(demand: Expression) -> str:
    """The expression in the language of the product."""
    if any(not way for way in demand):
        return ""
    ways = [" & ".join(f"{skill}>={level}" for skill, level in way) for way in demand]
    return " | ".join(f"({way})" for way in ways)


def _relaxations(steps: dict[int, int], *, ends: bool) -> list[tuple[int, int, Expression | None]]:
    """Lower levels step by step; ``ends``: in the end nothing is demanded."""
    relax: list[tuple[int, int, Expression | None]] = []
    for after, minus in sorted(steps.items()):
        relax.append((after, minus, None))
    if relax and ends:
        relax.append((relax[-1][0] + 5, 0, [[]]))
    return relax


@st.composite
def companies(draw: st.DrawFn, strategy: str) -> tuple[Configuration, Reference]:
    """A company, for both."""
    reference = Reference({}, person_time=PERSON_TIME, is_strict=draw(st.booleans()))
    queues = {}
    for name in QUEUES:
        steps = draw(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 5)), max_size=2))
        relax = _relaxations(dict(steps), ends=draw(st.booleans()))
        opens: list[tuple[int, int]] = []
        if draw(st.booleans()):
            opens = [(0, 1)] if draw(st.booleans()) else [(5, 0), (15, 3)]
        at_most = draw(st.sampled_from([10, 2]))
        # One way only: rings are refused in the company.
        out = draw(st.sampled_from([[], [(3, "y", True)], [(12, "y", True)], [(12, "y", False)]]))
        out = out if name == "x" else []
        reference.queues[name] = RefQueue(strategy, relax, opens, at_most, out)
        queues[QueueName(name)] = rules(
            QueueName(name),
            ring_time=seconds(10_000),
            rona_after=reference.rona_after,
            strategy=Strategy(strategy),
            ring_at_most=at_most,
            relaxations=tuple(
                Relaxation(seconds(a), m, None if e is None else text_of(e)) for a, m, e in relax
            ),
            tiers=tuple(Tier(seconds(after), penalty) for after, penalty in opens),
            overflow=tuple(
                Overflow(OverflowWay("wait", "queue", target, keeps), seconds(after))
                for after, target, keeps in reference.queues[name].overflow
            ),
        )
    profiles = {}
    for rank, name in enumerate(NAMES):
        served = draw(st.sampled_from([{"x"}, {"x", "y"}, {"x", "y"}]))
        skills = draw(SKILLS)
        penalties = draw(
            st.dictionaries(st.sampled_from(sorted(served)), st.sampled_from([0, 0, 3]))
        )
        reference.agents[name] = RefAgent(name, rank, served, skills, penalties)
        profiles[AgentId(name)] = Profile(
            AgentId(name),
            frozenset(QueueName(q) for q in served),
            (Endpoint(f"{1000 + rank}"),),
            skills,
            {QueueName(q): n for q, n in penalties.items()},
            rank,
        )
    gold = CustomerGroup(seconds(7), "", frozenset({AgentId("cas")}))
    config = Configuration(
        queues,
        profiles,
        groups={"gold": gold},
        person_time=seconds(PERSON_TIME),
        is_strict=reference.is_strict,
        limits=Limits(retry_time=seconds(reference.pause), settle_time=seconds(reference.moment)),
    )
    return config, reference


class Both:
    """The core and the reference, side by side."""

    def __init__(self, config: Configuration, reference: Reference) -> None:
        self.config, self.reference = config, reference
        self.world = World(config)
        self.calls = CallTable()
        self.journal: list[ev.Event] = []
        self.seen = self.agreed = 0
        self.legs: dict[tuple[str, str], LegId] = {}
        self.own: dict[str, tuple[list[str], str | None]] = {}  # dedicated agents, the last one
        self.count = 0

    @property
    def clock(self) -> int:
        return round((self.world.now - START_AT).total_seconds())

    def phone(self, name: str) -> Endpoint:
        return self.config.profiles[AgentId(name)].phones[0]

    def tell(self, event: d.Input) -> None:
        """One input for the core, as the service gives it: the journal and the call table hear it first."""
        if isinstance(event, ev.CallEvent):
            self.calls.apply(event)
            self.journal.append(event)
        self.world.step(event)
        self.note()

    def note(self) -> None:
        """What the core published stands in the journal."""
        told = [x.event for x in self.world.log[self.seen :] if isinstance(x, d.Publish)]
        self.seen = len(self.world.log)
        self.journal += told

    def agree(self) -> None:
        """Both made the same pairs since the last time, and sent the same callers away, in the same order."""
        orders = self.agree_on_pairs()
        out = [(str(x.call_id), x.way.target, x.way.keeps_place) for x in orders]
        assert self.reference.overflow() == out
        for order in orders:
            self.overflow(order)
            assert self.agree_on_pairs() == [], "who comes there first is looked at first"
        if orders:
            self.agree()

    def agree_on_pairs(self) -> list[d.Overflow]:
        """Each new ring reaches its phone; returns who was sent away."""
        self.note()
        made: list[d.Reserve] = []
        for x in self.world.log[self.agreed :]:
            made += x.offers if isinstance(x, d.ReserveAll) else ()
            made += [x] if isinstance(x, d.Reserve) else []
        orders = [x for x in self.world.log[self.agreed :] if isinstance(x, d.Overflow)]
        self.agreed = len(self.world.log)
        pairs = [(str(x.call_id), str(x.agent_id)) for x in made]
        self.reference.now = self.clock
        assert self.reference.match(dict(pairs)) == pairs
        for caller, agent in pairs:
            self.dial(caller, agent)
        return orders

    def overflow(self, order: d.Overflow) -> None:
        """The switch does it at once."""
        way, name = order.way, str(order.call_id)
        entry = self.world.state.entries[order.call_id]
        self.call(
            ev.CallOverflowed, name, queue=entry.queue, reason=way.reason, target_kind=way.kind,
            target=way.name,
        )  # fmt: skip
        known = self.reference.callers[name]
        group = 7 if known.preferred else 0
        dedicated, last = self.own[name]
        persons = list(dedicated)
        if last is not None and way.target in self.reference.agents[last].queues:
            persons.append(last)
        self.reference.join(name, way.target, group, persons, way.keeps_place)
        keeps = way.keeps_place
        self.call(
            ev.CallEnqueued, name, queue=QueueName(way.target),
            enqueued_at=entry.enqueued_at if keeps else self.world.now,
            credit_time=entry.credit_time if keeps else way.credit_time,
        )  # fmt: skip

    def dial(self, caller: str, agent: str) -> None:
        self.count += 1
        self.legs[caller, agent] = leg = LegId(f"leg{self.count}")
        self.call(ev.LegDialled, caller, leg_id=leg, endpoint=self.phone(agent))

    def call(self, kind: type[ev.CallEvent], caller: str, **values: Any) -> None:
        self.tell(kind(at=self.world.now, call_id=CallId(caller), **values))

    # ---- what happens --------------------------------------------------------------------------

    def do(self, data: st.DataObject, what: str) -> None:
        """One thing, if it can happen now."""
        reference = self.reference
        reference.now = self.clock
        states = {
            "answer": ("ring",),
            "miss": ("ring",),
            "decline": ("ring",),
            "hang_up": ("waits", "ring", "talk"),
            "end": ("talk",),
        }
        if what in states:
            able = [c.name for c in reference.callers.values() if c.state in states[what]]
            if able:
                getattr(self, what)(data.draw(st.sampled_from(able)))
        elif what in ("ready", "away", "out"):
            getattr(self, what)(data.draw(st.sampled_from(NAMES)))
        elif what == "arrive":
            self.arrive(data)
        elif what in ("push", "move", "priority", "demand"):
            able = [c.name for c in reference.callers.values() if c.state == "waits"]
            if able:
                self.lay(data, what, data.draw(st.sampled_from(able)))
        elif what == "crash":
            self.crash()
            return
        self.agree()

    def lay(self, data: st.DataObject, what: str, name: str) -> None:
        """Somebody's hand on a waiting caller."""
        reference, caller = self.reference, self.reference.callers[name]
        hand: dict[str, Any] = {
            "call_id": CallId(name), "by": AgentId("sup"), "command_id": "1", "why": "because",
        }  # fmt: skip
        if what == "push":
            able = [a for a in reference.agents.values() if a.state in ("free", "away")]
            able = [a for a in able if a.is_reachable]
            if not able:
                return
            agent = data.draw(st.sampled_from([a.name for a in able]))
            reference.push(name, agent)
            self.tell(d.Push(**hand, agent_id=AgentId(agent), is_forced=True))
            self.note()
            pushed = [x for x in self.world.log[self.agreed :] if isinstance(x, d.Reserve)]
            assert [(x.call_id, x.agent_id) for x in pushed] == [(name, agent)]
            self.agreed = len(self.world.log)
            self.dial(name, agent)
        elif what == "move":
            place = data.draw(st.integers(1, 4))
            reference.move(name, place)
            self.tell(d.MoveTo(**hand, place=place))
        elif what == "priority":
            caller.given = data.draw(st.sampled_from([-10, 0, 10, 60]))
            self.tell(d.Prioritise(**hand, credit_time=seconds(caller.given)))
        else:
            nothing: Expression = [[]]
            caller.demanded = data.draw(st.one_of(st.none(), st.just(nothing), WAYS))
            text = None if caller.demanded is None else text_of(caller.demanded)
            self.tell(d.Demand(**hand, demand=text))

    def arrive(self, data: st.DataObject) -> None:
        self.count += 1
        name, queue = f"c{self.count}", data.draw(st.sampled_from(QUEUES))
        demand: Expression = data.draw(st.one_of(st.just([[]]), st.just([[]]), WAYS))
        credit = data.draw(st.sampled_from([0, 0, 5, 30]))
        is_gold = data.draw(st.booleans())
        has_own = data.draw(st.integers(0, 3)) == 0
        names = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
        dedicated = data.draw(names) if has_own else []
        last = data.draw(st.sampled_from([None, *NAMES])) if has_own else None
        self.call(ev.CallOffered, name, leg_id=LegId(name))
        if text_of(demand):
            self.call(ev.DemandSet, name, demand=text_of(demand), by="menu")
        group = "gold" if is_gold else ""
        ids = tuple(AgentId(a) for a in dedicated)
        self.tell(d.CallerKnown(CallId(name), group, ids, AgentId(last) if last else None))
        self.own[name] = (dedicated, last)
        persons = list(dedicated)
        if last is not None and queue in self.reference.agents[last].queues:
            persons.append(last)
        self.reference.arrive(
            RefCaller(
                name, self.count, queue, self.clock, credit + 7 * is_gold,
                [[]] if not text_of(demand) else demand, persons, {"cas"} if is_gold else set(),
            )
        )  # fmt: skip
        at = self.world.now
        self.call(
            ev.CallEnqueued,
            name,
            queue=QueueName(queue),
            enqueued_at=at,
            credit_time=seconds(credit),
        )

    def hang_up(self, caller: str) -> None:
        known = self.reference.callers[caller]
        agents = [known.agent] if known.agent else list(known.group)
        self.reference.hang_up(caller)
        self.call(ev.CallEnded, caller, cause=16, ended_by="caller")
        for agent in agents:
            self.leg_ended(caller, agent, 16)

    def leg_ended(self, caller: str, agent: str, cause: int) -> None:
        where = {"leg_id": self.legs[caller, agent], "endpoint": self.phone(agent)}
        self.call(ev.LegEnded, caller, cause=cause, **where)

    def end(self, caller: str) -> None:
        self.hang_up(caller)

    def answer(self, caller: str) -> None:
        known = self.reference.callers[caller]
        group = list(known.group)
        # Whoever it is: the draws of this day are made elsewhere.
        agent = group[self.count % len(group)] if group else known.agent
        leg_id = self.legs[caller, agent]
        self.call(ev.CallConnected, caller, leg_id=leg_id, endpoint=self.phone(agent))
        for loser in [a for a in group if a != agent]:
            self.leg_ended(caller, loser, 26)
        if group:
            self.reference.group_answer(caller, agent)
        else:
            self.reference.answer(caller)

    def decline(self, caller: str) -> None:
        """One of a group says no; where one rings alone, see ``miss``."""
        group = self.reference.callers[caller].group
        if not group:
            return
        agent = group[self.count % len(group)]
        self.leg_ended(caller, agent, 21)
        self.reference.group_decline(caller, agent)
        if not self.reference.callers[caller].group:
            self.waits_again(caller)

    def miss(self, caller: str) -> None:
        known = self.reference.callers[caller]
        group = list(known.group)
        for agent in group:
            self.leg_ended(caller, agent, 0)
        agent = group[0] if group else known.agent
        self.call(ev.CallNotAnswered, caller, endpoint=self.phone(agent), result="no_answer")
        if group:
            self.reference.group_miss(caller)
        else:
            self.leg_ended(caller, agent, 16)
            self.reference.miss(caller)
        self.waits_again(caller)

    def waits_again(self, caller: str) -> None:
        entry = self.world.state.entries[CallId(caller)]
        self.agree()
        self.reference.wait_again(caller)
        self.call(
            ev.CallEnqueued, caller, queue=entry.queue, enqueued_at=entry.enqueued_at,
            credit_time=entry.credit_time, attempt=1,
        )  # fmt: skip

    def ready(self, name: str) -> None:
        if self.reference.agents[name].state == "out":
            self.reference.sign_in(name)
            self.tell(d.SignIn(AgentId(name), self.phone(name)))
            self.tell(
                ev.PhoneStateChanged(at=self.world.now, endpoint=self.phone(name), state="idle")
            )
        self.reference.say_ready(name)
        self.tell(d.SayReady(AgentId(name)))

    def away(self, name: str) -> None:
        if self.reference.agents[name].state != "out":
            self.reference.say_away(name)
            self.tell(d.SayNotReady(AgentId(name), "lunch"))

    def out(self, name: str) -> None:
        if self.reference.agents[name].state in ("away", "free"):
            self.reference.sign_out(name)
            self.tell(d.SignOut(AgentId(name)))

    def wait(self, by: int) -> None:
        """Time passes second by second, so that both look at the same instants."""
        for _ in range(by):
            self.world.wait(1)
            self.agree()

    def crash(self) -> None:
        """The service is killed and starts again from its journal; Asterisk still has all calls."""
        states = {e.agent_id: e for e in self.journal if isinstance(e, ev.AgentStateChanged)}
        live = tuple(self.calls.live())
        restored, _ = gathered(self.journal, live)
        facts = [
            d.CallerKnown(e, c.group, c.dedicated, c.last_agent_id)
            for e, c in self.world.state.claims.items()
        ]
        self.world.state, self.world.wakes = model.empty(self.config), []
        self.tell(restored)
        reference = self.reference
        reference.last_rank.clear()
        for fact in facts:
            self.tell(fact)
        self.tell(d.Linked(live))
        for (
            call_id,
            entry,
        ) in self.world.state.entries.items():  # of one instant: as they were found
            caller = reference.callers[str(call_id)]
            caller.number = entry.sequence - 10**6
            caller.group_since = self.clock  # what it was before stands nowhere
        for agent in reference.agents.values():
            agent.is_reachable = False
            agent.pause_until = 0
            agent.missed = 0
            told = states.get(AgentId(agent.name))
            if told is not None:  # his turn counts from what was told of him last
                agent.idle_since = agent.said_ready = round((told.at - START_AT).total_seconds())
        for caller in reference.order():
            reference.settle_person(caller, 0)
        for name in NAMES:
            self.tell(
                ev.PhoneStateChanged(at=self.world.now, endpoint=self.phone(name), state="idle")
            )
            reference.agents[name].is_reachable = True
            self.agree()


ACTS = (
    ["arrive"] * 5
    + ["answer"] * 3
    + ["ready"] * 4
    + ["miss", "decline", "hang_up", "end", "end", "away", "out", "crash"]
    + ["push", "move", "move", "priority", "demand"]
)


@pytest.mark.parametrize("strategy", [s.value for s in Strategy])
@settings(
    max_examples=6,
    # Making a failing day shorter takes minutes; its steps are told as they are.
    phases=[HypothesisPhase.explicit, HypothesisPhase.reuse, HypothesisPhase.generate],
)
@given(data=st.data())
def test_the_core_does_what_the_naive_reference_does(strategy: str, data: st.DataObject) -> None:
    both = Both(*data.draw(companies(strategy)))
    for name in NAMES:
        both.ready(name)
        both.wait(1)
    for _ in range(data.draw(st.integers(10, 30))):
        if data.draw(st.integers(0, 4)) == 0:
            both.wait(data.draw(st.integers(1, 15)))
        else:
            both.do(data, data.draw(st.sampled_from(ACTS)))
        assert_kept(both.world.state)
        entries = both.world.state.entries.values()
        in_core = {str(e.call_id) for e in entries if e.phase is Phase.WAITING}
        assert in_core == {c.name for c in both.reference.callers.values() if c.state == "waits"}
        agents = both.world.state.agents.values()
        ready = {str(a.agent_id) for a in agents if a.state is AgentState.READY}
        assert ready == {a.name for a in both.reference.agents.values() if a.state == "free"}
