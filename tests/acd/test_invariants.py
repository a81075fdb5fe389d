"""Whatever order agents, callers and the switch choose: the invariants of the queues hold.

Hypothesis plays the switch, also badly: phones don't answer, legs end late or never, offers are refused. After each
step the state is compared with what a naive reading of the decisions says.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from acd import decisions as d
from acd.model import Agent, AgentState, Phase, QueueEntry
from acd.rules import BreakLimit
from acd.strategy import Strategy
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, CustomerId, Endpoint, LegId, QueueName, TicketId
from tests.acd.indices import assert_kept
from tests.acd.world import (
    HELP,
    PHONES,
    SALES,
    World,
    configuration,
    other_phone,
    rules,
    seconds,
)
from tests.fakes.clock import START_AT

pytestmark = pytest.mark.unit

DESK = Endpoint("3001")
BUSY = (AgentState.RESERVED, AgentState.RINGING, AgentState.TALKING)
AGENTS = st.sampled_from(sorted(PHONES))


class Lines(RuleBasedStateMachine):
    """Two queues, three agents, callers who come and go."""

    STRATEGY = Strategy.LONGEST_IDLE

    def __init__(self) -> None:
        super().__init__()
        changes: dict[str, object] = {"gap_time": seconds(2), "rona_after": 2}
        queues = (
            rules(SALES, wrap_up_time=seconds(5), strategy=self.STRATEGY, **changes),
            rules(HELP, must_name_outcome=True),
        )
        self.world = World(
            replace(
                configuration(*queues),
                hot_desks=frozenset({DESK}),
                break_limits={"lunch": BreakLimit(seconds(10), seconds(3))},
            )
        )
        self.read = 0  # of the log, for what was published
        self.live: set[CallId] = set()  # callers who haven't hung up
        self.counted: set[CallId] = set()  # answered or abandoned
        self.told_at = self.world.now
        self.seen = 0
        self.number = 0

    def callers(self, *phases: Phase) -> list[QueueEntry]:
        return [e for e in self.world.state.entries.values() if e.phase in phases]

    def busy(self, *states: AgentState) -> list[Agent]:
        return [a for a in self.world.state.agents.values() if a.state in states]

    # ---- agents --------------------------------------------------------------------------------

    @rule(agent=AGENTS, command=st.sampled_from([d.SignOut, d.SayReady, d.ExtendWrapUp]))
    def command(self, agent: AgentId, command: type[d.SayReady]) -> None:
        with suppress(CommandRefused):
            self.world.step(command(agent))

    @rule(agent=AGENTS)
    def take_a_break(self, agent: AgentId) -> None:
        if self.world.agent(agent).state is not AgentState.LOGGED_OUT:
            self.world.step(d.SayNotReady(agent, "lunch"))

    @rule(agent=AGENTS)
    def begin_work(self, agent: AgentId) -> None:
        self.world.seat(agent)

    @rule(agent=AGENTS)
    def sit_down_at_the_shared_phone(self, agent: AgentId) -> None:
        with suppress(CommandRefused):
            self.world.step(d.SignIn(agent, DESK))

    @precondition(lambda self: self.live)
    @rule(data=st.data(), is_named=st.booleans())
    def ticket(self, data: st.DataObject, is_named: bool) -> None:
        call = data.draw(st.sampled_from(sorted(self.live | set(self.world.state.outcomes))))
        facts: dict[str, Any] = {"at": self.world.now, "call_id": call, "ticket_id": TicketId(1)}
        if is_named:
            self.world.step(ev.DispositionSet(disposition="sold", by="anna", **facts))
        else:
            self.world.step(ev.TicketOpened(customer_id=CustomerId(1), reason="connected", **facts))

    @rule(agent=AGENTS, state=st.sampled_from(["idle", "in_use", "unavailable"]))
    def phone(self, agent: AgentId, state: str) -> None:
        self.world.phone(agent, state)

    @rule(agent=AGENTS)
    def page_reloaded(self, agent: AgentId) -> None:
        self.world.step(d.PhoneReady(agent))

    # ---- callers and the switch ----------------------------------------------------------------

    @rule(queue=st.sampled_from([SALES, HELP]), credit=st.integers(0, 20))
    def enqueue(self, queue: QueueName, credit: int) -> None:
        self.number += 1
        self.live.add(self.world.enqueue(f"c{self.number}", queue, credit=credit))

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(sorted(self.live)))
        self.live.discard(call)
        self.world.end(call)

    @precondition(lambda self: self.busy(AgentState.RESERVED))
    @rule(data=st.data(), then=st.sampled_from(["ring", "talk", "unreachable", "refused"]))
    def offer_arrives(self, data: st.DataObject, then: str) -> None:
        agent = data.draw(st.sampled_from(self.busy(AgentState.RESERVED)))
        assert agent.call_id is not None
        match then:
            case "ring":
                self.world.dial(agent.call_id, agent.agent_id)
            case "talk":
                self.world.answer(agent.call_id, agent.agent_id)
            case "unreachable":
                self.world.refuse(agent.call_id, agent.agent_id, "unreachable")
            case _:
                entry = self.world.state.entries[agent.call_id]
                who = None if entry.is_group else agent.agent_id
                refused = d.OfferRefused(agent.call_id, who, agent.since_at, "wrong_state")
                self.world.step(refused)

    @precondition(lambda self: self.busy(AgentState.RINGING))
    @rule(data=st.data(), then=st.sampled_from(["talk", "no_answer", "declined", "leg", "busy"]))
    def ring_ends(self, data: st.DataObject, then: str) -> None:
        agent = data.draw(st.sampled_from(self.busy(AgentState.RINGING)))
        call_id = agent.call_id
        assert call_id is not None
        if call_id not in self.live or then in ("leg", "busy"):
            cause = 17 if then == "busy" else 16
            self.world.leg_ended(call_id, agent.agent_id, agent.leg_id, cause)
        elif then == "talk":
            self.world.answer(call_id, agent.agent_id)
        else:
            self.world.refuse(call_id, agent.agent_id, then)

    @precondition(lambda self: self.busy(AgentState.TALKING))
    @rule(data=st.data(), then=st.sampled_from(["leg", "lost", "requeue"]))
    def talk_ends(self, data: st.DataObject, then: str) -> None:
        agent = data.draw(st.sampled_from(self.busy(AgentState.TALKING)))
        call_id = agent.call_id
        assert call_id is not None
        if then == "leg" or call_id not in self.live:
            self.world.leg_ended(call_id, agent.agent_id, agent.leg_id)
        elif then == "lost":
            self.world.lose(call_id, agent.agent_id)
        else:
            self.world.requeue(call_id)

    @precondition(lambda self: self.callers(Phase.WAITING))
    @rule(data=st.data())
    def fall_back_and_return(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(self.callers(Phase.WAITING)))
        world = self.world
        world.step(ev.CallFellBack(at=world.now, call_id=entry.call_id, queue=entry.queue))
        assert d.TakeBack(entry.call_id) in world.last
        world.requeue(entry.call_id)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), agent=AGENTS, number=st.integers(1, 4), is_forced=st.booleans())
    def a_hand_is_laid(
        self, data: st.DataObject, agent: AgentId, number: int, is_forced: bool
    ) -> None:
        """Also on callers who can't be touched: refused, and nothing has changed."""
        call = data.draw(st.sampled_from(sorted(self.live)))
        whose: dict[str, Any] = {"call_id": call, "by": agent, "command_id": "1", "why": "so"}
        hands: list[d.Hands] = [
            d.Push(**whose, agent_id=agent, is_forced=is_forced),
            d.Pull(**whose),
            d.MoveTo(**whose, place=number),
            d.Prioritise(**whose, credit_time=seconds(10 * number - 20)),
            d.Demand(**whose, demand="billing" if is_forced else None),
        ]
        before = self.world.state
        try:
            self.world.step(data.draw(st.sampled_from(hands)))
        except CommandRefused:
            assert self.world.state is before

    @rule()
    def we_were_frozen(self) -> None:
        self.world.step(d.Stalled())

    @rule(by=st.floats(0.01, 40))
    def time_passes(self, by: float) -> None:
        self.world.wait(by)

    # ---- what must always hold -----------------------------------------------------------------

    @invariant()
    def nobody_leaves_a_call_whose_outcome_is_missing(self) -> None:
        new, self.read = self.world.log[self.read :], len(self.world.log)
        for change in (x.event for x in new if isinstance(x, d.Publish)):
            if not isinstance(change, ev.AgentStateChanged) or change.previous != "WRAP_UP":
                continue
            if change.state in ("READY", "NOT_READY") and change.call_id is not None:
                assert self.world.state.outcomes.get(change.call_id) is not False

    @invariant()
    def nobody_shares_a_phone(self) -> None:
        taken = [a.endpoint for a in self.world.state.agents.values() if a.endpoint is not None]
        assert len(taken) == len(set(taken))

    @invariant()
    def only_who_is_away_or_writes_is_over_his_time(self) -> None:
        for agent in self.world.state.agents.values():
            if agent.overrun_at is not None:
                assert agent.state in (AgentState.NOT_READY, AgentState.WRAP_UP)
                assert agent.agent_id not in self.world.state.free

    @invariant()
    def one_agent_a_caller_and_one_caller_an_agent(self) -> None:
        """Or one group: then all of them are asked, and none talks."""
        busy: dict[CallId, list[Agent]] = {}
        for agent in self.busy(*BUSY):
            assert agent.call_id is not None
            busy.setdefault(agent.call_id, []).append(agent)
        for call_id, agents in busy.items():
            if len(agents) > 1:
                assert self.STRATEGY is Strategy.RING_ALL
                assert all(a.state is not AgentState.TALKING for a in agents)
                entry = self.world.state.entries.get(call_id)
                assert entry is None or (entry.is_group and entry.phase is Phase.OFFERED)
        for entry in self.callers(Phase.OFFERED):
            asked = [a.agent_id for a in busy.get(entry.call_id, [])]
            assert asked if entry.is_group else asked == [entry.agent_id]
        for entry in self.callers(Phase.WAITING, Phase.FALLBACK, Phase.CONNECTED):
            assert not entry.is_group

    @invariant()
    def nobody_is_lost(self) -> None:
        entries = self.world.state.entries
        assert set(entries) == self.live
        in_line = [p[-1] for line in self.world.state.lines.values() for p in line]
        assert sorted(in_line) == sorted(
            e.call_id for e in entries.values() if e.phase is not Phase.CONNECTED
        )

    @invariant()
    def indices_are_what_a_look_at_everything_says(self) -> None:
        assert_kept(self.world.state)

    @invariant()
    def free_agents_are_what_a_naive_look_says(self) -> None:
        state = self.world.state
        for agent in state.agents.values():
            agrees = agent.state is AgentState.READY and (
                state.phones.get(agent.endpoint or PHONES[agent.agent_id]) == "idle"
            )
            if agent.agent_id in state.free:
                assert agrees
                assert state.now >= agent.available_at
            elif agrees:
                assert agent.available_at > self.world.state.now - seconds(0.001) or any(
                    w.subject == agent.agent_id for w in self.world.wakes
                )

    @invariant()
    def nobody_who_could_be_served_waits(self) -> None:
        state = self.world.state
        if state.free and state.hold.is_over(state.now):
            waiting = [
                e
                for e in self.callers(Phase.WAITING)
                if (e.blocked_until_at is None or e.blocked_until_at <= state.now)
                and not e.demand  # by hand, and nobody here has a skill
            ]
            assert not waiting

    @invariant()
    def nobody_overtakes(self) -> None:
        """Of two callers reserved in one step, the earlier place comes first."""
        offers = [x.offers[0] if isinstance(x, d.ReserveAll) else x for x in self.world.last]
        places = [
            self.world.state.entries[x.call_id].place
            for x in offers
            if isinstance(x, d.Reserve) and x.call_id in self.world.state.entries
        ]
        assert places == sorted(places)

    @invariant()
    def what_is_told_is_in_order_and_told_once(self) -> None:
        """Time goes forward, and a call is answered or abandoned once, never both."""
        events = [x.event for x in self.world.log[self.seen :] if isinstance(x, d.Publish)]
        self.seen = len(self.world.log)
        assert [e.at for e in events] == sorted(e.at for e in events)
        for event in events:
            assert self.told_at <= event.at <= self.world.state.now
            if isinstance(event, ev.CallAnswered | ev.CallAbandoned):
                assert event.call_id not in self.counted
                self.counted.add(event.call_id)
        self.told_at = self.world.state.now

    def teardown(self) -> None:
        """Every reservation and every ring ends by itself, and so does the wait for a leg."""
        for call in list(self.live):
            self.hang_up_one(call)
        self.world.wait(600)
        assert not self.busy(*BUSY)
        assert not self.world.state.entries

    def hang_up_one(self, call: CallId) -> None:
        self.live.discard(call)
        self.world.end(call)


class Groups(Lines):
    """The same where one of the queues rings all."""

    STRATEGY = Strategy.RING_ALL


Lines.TestCase.settings = Groups.TestCase.settings = settings(
    max_examples=6,
    stateful_step_count=25,
)
TestLines = Lines.TestCase
TestGroups = Groups.TestCase


# ---- whatever shape a call takes ---------------------------------------------------------------

CALLS = [CallId(f"c{number}") for number in range(3)]
LEGS = [
    (LegId(f"{endpoint}-{number}"), endpoint)
    for phone in sorted(PHONES.values())
    for endpoint in (phone, other_phone(phone))
    for number in range(2)
]
TRUNK = (LegId("trunk"), Endpoint("trunk_demo"))
_on_a_leg: list[type[Any]] = [ev.CallConnected, ev.ConsultConnected, ev.PartyJoined, ev.PartyLeft]
_results = st.sampled_from(["completed", "cancelled", "ended", "caller_gone", "joined"])


@st.composite
def anything(draw: st.DrawFn) -> tuple[type[Any], dict[str, Any]]:
    """Something that the switch could tell, true or not."""
    call, other = draw(st.sampled_from(CALLS)), draw(st.sampled_from(CALLS))
    leg, endpoint = draw(st.sampled_from([*LEGS, TRUNK]))
    phone = draw(st.sampled_from([None, *(e for _, e in LEGS)]))
    queue, at_leg = draw(st.sampled_from([SALES, HELP])), {"leg_id": leg, "endpoint": endpoint}
    roles = st.sampled_from(["agent", "agent", "consult", "own", "party"])
    directions = st.sampled_from(["internal", "outbound", "inbound"])
    kinds = st.sampled_from(["agent", "queue", "menu", "outside"])
    choices: list[tuple[type[Any], dict[str, Any]]] = [
        (ev.CallOffered, {"leg_id": leg, "endpoint": phone, "direction": directions}),
        (ev.CallEnqueued, {"queue": queue, "enqueued_at": START_AT}),
        (ev.CallFellBack, {"queue": queue}),
        (ev.LegDialled, {**at_leg, "role": roles}),
        (ev.LegDialled, {**at_leg, "role": roles}),
        *[(what, at_leg) for what in _on_a_leg],
        (ev.LegEnded, {**at_leg, "cause": 16}),
        (ev.CallNotAnswered, {"endpoint": endpoint, "result": "no_answer"}),
        (ev.AgentLegLost, {"endpoint": endpoint}),
        (ev.CallAnchored, {"leg_id": leg, "endpoint": phone, "agent_leg_id": None}),
        (ev.LegMoved, {**at_leg, "from_endpoint": draw(st.sampled_from(LEGS))[1]}),
        (ev.ConsultStarted, {"endpoint": endpoint}),
        (ev.ConsultEnded, {"endpoint": endpoint, "result": _results}),
        (ev.CallTransferred, {"kind": "blind", "target_kind": kinds, "endpoint": phone}),
        (ev.TransferFailed, {"target_kind": "agent", "target": "1", "result": "busy"}),
        (ev.CallParked, {"slot": "1", "endpoint": phone}),
        (ev.CallMerged, {"into_call_id": other}),
        (ev.CallEnded, {"cause": 16, "ended_by": "caller"}),
    ]
    kind, values = draw(st.sampled_from(choices))
    chosen = {k: draw(v) if isinstance(v, st.SearchStrategy) else v for k, v in values.items()}
    return kind, {"call_id": call, **chosen}


def _holds(world: World, before: dict[AgentId, set[CallId]], told_of: CallId) -> None:
    """What is true after each event, whatever it was."""
    state = world.state
    for agent in state.agents.values():
        assert (agent.call_id is not None) == (agent.state in (*BUSY, AgentState.WRAP_UP))
        assert len(set(agent.calls)) == len(agent.calls)  # one place in a call, one present call
        assert agent.state in BUSY or not (agent.lines or agent.legs)
        assert agent.kind != "" or agent.state not in BUSY
        assert agent.agent_id not in state.free or agent.state is AgentState.READY
    assert_kept(state)
    for entry in state.entries.values():
        assert not entry.is_group or (entry.phase is Phase.OFFERED and entry.agent_id is None)
    offers = [e.agent_id for e in state.entries.values() if e.phase is Phase.OFFERED and e.agent_id]
    assert len(set(offers)) == len(offers)
    reserves = [x for x in world.last if isinstance(x, d.Reserve)]
    all_offers = [x.offers for x in world.last if isinstance(x, d.ReserveAll)]
    for reserve in (
        *reserves,
        *(x for offers_of in all_offers for x in offers_of),
    ):  # to nobody who is in a call that this event didn't end
        assert before[reserve.agent_id] <= {reserve.call_id, told_of}
    places = [state.entries[x.call_id].place for x in reserves]
    assert places == sorted(places)


@settings(max_examples=15)
@given(
    st.sampled_from([Strategy.LONGEST_IDLE, Strategy.RING_ALL]),
    st.lists(st.one_of(anything(), st.floats(0.01, 20)), max_size=30),
    st.permutations(LEGS),
    st.booleans(),
)
def test_whatever_the_switch_tells_nobody_is_stuck(
    strategy: Strategy, steps: list[Any], endings: list[tuple[LegId, Endpoint]], legs_first: bool
) -> None:
    sales = rules(SALES, wrap_up_time=seconds(5), strategy=strategy)
    world = World(configuration(sales, rules(HELP)))
    world.seat(*PHONES)
    for step in steps:
        before = {a.agent_id: set(a.calls) for a in world.state.agents.values()}
        if isinstance(step, float):
            world.wait(step)
        else:
            kind, values = step
            world.step(kind(at=world.now, **values))
            _holds(world, before, values["call_id"])
    tells: list[Callable[[], object]] = [
        lambda: [
            world.step(ev.LegEnded(at=world.now, call_id=c, leg_id=g, endpoint=e, cause=16))
            for g, e in endings
            for c in CALLS
        ],
        lambda: list(map(world.end, CALLS)),
    ]
    for tell in tells if legs_first else reversed(tells):
        tell()
    world.wait(3)  # a leg whose end is told of another phone ends by time
    rest = (AgentState.READY, AgentState.NOT_READY, AgentState.WRAP_UP)
    waiting = [f"{a.agent_id} {a.state} {a.kind}" for a in world.state.agents.values()]
    assert all(a.state in rest for a in world.state.agents.values()), waiting
    assert not world.state.entries
    assert not world.state.busy
    assert not world.state.shapes
    world.wait(200)
    assert not any(a.legs or a.lines or a.owed for a in world.state.agents.values())
