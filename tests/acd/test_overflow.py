"""Rules take callers out of queues: who, when, how often; in the core, with a switch that does what the test says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd import decisions as d
from acd import model
from acd.model import AgentState, Configuration, Phase, QueueEntry, QueueRules
from acd.rules import Overflow
from acd.ways import MOST
from cti.company import Hours
from cti.domain import events as ev
from cti.domain.call import Call, CallState
from cti.domain.ids import CallId, LegId, QueueName
from cti.domain.opening import opening_of
from cti.domain.ways_out import OverflowWay
from tests.acd.world import ANNA, BEN, CHEN, HELP, SALES, World, configuration, rules, seconds
from tests.fakes.clock import START_AT

pytestmark = pytest.mark.unit

LAST = QueueName("last")


def rule(
    when: str, target: str = "help", *, after: float = 0, at_least: int = 0, keeps: bool = True
) -> Overflow:
    kind = "queue" if target in ("help", "last", "sales") else "message"
    kind = "outside" if target.isdigit() else kind
    return Overflow(OverflowWay(when, kind, target, keeps), seconds(after), at_least)


def company(*overflow: Overflow, **changes: object) -> Configuration:
    """Sales has rules; everybody serves sales and help."""
    queue: QueueRules = rules(SALES, announce_every=seconds(0), overflow=overflow, **changes)
    return configuration(queue, rules(HELP, announce_every=seconds(0)))


class Centre(World):
    """A world whose switch carries overflows out at once, unless told otherwise."""

    def __init__(self, *overflow: Overflow, **changes: object) -> None:
        super().__init__(company(*overflow, **changes))
        self.done = 0

    def step(self, event: d.Input) -> tuple[d.Decision, ...]:
        """Whoever is sent away waits, and no agent is busy with him."""
        decisions = super().step(event)
        for order in (x for x in decisions if isinstance(x, d.Overflow)):
            assert self.state.entries[order.call_id].phase is Phase.WAITING
            assert order.call_id not in {a.call_id for a in self.state.agents.values()}
        return decisions

    def ordered(self) -> list[tuple[str, str, str]]:
        """Every overflow that was decided: who, why, where to."""
        return [(x.call_id, x.way.reason, x.way.target) for x in self.made(d.Overflow)]

    def confirm(self) -> None:
        """The switch does what was decided and isn't done yet."""
        orders = self.made(d.Overflow)
        while self.done < len(orders):
            order = orders[self.done]
            self.done += 1
            entry = self.state.entries.get(order.call_id)
            if entry is None or entry.phase is not Phase.WAITING:
                continue  # gone, or done already: it was given twice
            self.told(order.call_id, order.way, entry.queue)
            if order.way.kind == "queue":
                at = entry.enqueued_at if order.way.keeps_place else self.now
                self.come(order.call_id, QueueName(order.way.target), at)
            orders = self.made(d.Overflow)

    def told(self, call_id: CallId, way: OverflowWay, queue: QueueName = SALES) -> None:
        self.step(
            ev.CallOverflowed(
                at=self.now, call_id=call_id, queue=queue, reason=way.reason, target_kind=way.kind,
                target=way.name,
            )
        )  # fmt: skip

    def come(self, call_id: CallId, queue: QueueName, at: datetime | None = None) -> None:
        """The switch says that he waits."""
        enqueued_at = at or self.now
        event = ev.CallEnqueued(at=self.now, call_id=call_id, queue=queue, enqueued_at=enqueued_at)
        self.step(event)

    def entry(self, call_id: CallId) -> QueueEntry:
        return self.state.entries[call_id]


# ---- by wait -----------------------------------------------------------------------------------


def test_by_wait_to_another_queue_with_his_place() -> None:
    world = Centre(rule("wait", after=30))
    world.seat(ANNA)
    first = world.enqueue("first", HELP)
    leg = world.answer(first, ANNA)  # nobody else is there
    call = world.enqueue("late")
    world.wait(29)
    assert world.ordered() == []
    world.wait(1)
    assert world.ordered() == [("late", "wait", "help")]
    world.confirm()
    entry = world.entry(call)
    assert (entry.queue, entry.phase) == (HELP, Phase.WAITING)
    assert world.now - entry.enqueued_at == seconds(30)
    younger = world.enqueue("younger", HELP)
    assert [p[-1] for p in world.state.lines[HELP]] == [call, younger]
    world.end(first)
    world.leg_ended(first, ANNA, leg)
    assert world.pairs()[-1] == (call, ANNA)


def test_with_a_new_place_he_stands_at_the_end() -> None:
    world = Centre(rule("wait", after=30, keeps=False))
    call = world.enqueue("old")
    world.wait(20)
    other = world.enqueue("other", HELP)
    world.wait(10)
    world.confirm()
    assert [p[-1] for p in world.state.lines[HELP]] == [other, call]


def test_whom_an_agent_is_free_for_does_not_overflow() -> None:
    world = Centre(rule("wait", after=30))
    world.seat(ANNA)
    call = world.enqueue("caller", waited=40)
    assert world.pairs() == [(call, ANNA)]
    assert world.ordered() == []


def test_a_running_offer_is_not_torn() -> None:
    world = Centre(rule("wait", after=10), ring_time=seconds(60))
    world.seat(ANNA)
    call = world.enqueue("caller")
    world.dial(call, ANNA)
    world.wait(40)
    assert world.ordered() == []
    assert world.entry(call).phase is Phase.OFFERED


def test_who_comes_back_from_a_ring_that_lasted_longer_than_the_rule_goes_at_once() -> None:
    world = Centre(rule("wait", after=10), ring_time=seconds(20))
    world.seat(ANNA)
    call = world.enqueue("caller")
    world.dial(call, ANNA)
    world.wait(15)
    assert world.ordered() == []
    world.refuse(call, ANNA, "declined")
    assert world.ordered() == [("caller", "wait", "help")]


def test_he_is_offered_to_nobody_until_the_switch_has_spoken() -> None:
    world = Centre(rule("wait", after=10))
    call = world.enqueue("caller")
    world.wait(10)
    world.seat(ANNA)
    assert world.pairs() == []
    world.confirm()
    assert world.pairs() == [(call, ANNA)]
    assert world.entry(call).queue == HELP


def test_a_command_that_comes_to_nothing_is_given_again_and_not_for_ever() -> None:
    world = Centre(rule("wait", after=10))
    call = world.enqueue("caller")
    world.wait(60)
    assert len(world.ordered()) == 3
    world.seat(ANNA)
    assert world.pairs() == [(call, ANNA)]  # he hasn't lost his place


def test_the_next_rule_counts_when_nobody_took_him_outside() -> None:
    world = Centre(rule("wait", "01088", after=10), rule("wait", "goodbye", after=20))
    call = world.enqueue("caller")
    world.wait(10)
    world.told(call, world.made(d.Overflow)[0].way)
    failed = ev.TransferFailed(
        at=world.now, call_id=call, target_kind="outside", target="", result="busy"
    )
    world.wait(5)
    world.step(failed)
    world.come(call, SALES, START_AT)
    assert world.entry(call).enqueued_at == START_AT
    world.wait(4)
    assert [target for *_, target in world.ordered()] == ["01088"]
    world.wait(1)
    assert [target for *_, target in world.ordered()] == ["01088", "goodbye"]


def test_the_wait_of_a_rule_is_that_in_this_line() -> None:
    config = configuration(
        rules(SALES, overflow=(rule("wait", after=30),)),
        rules(HELP, overflow=(rule("wait", "last", after=30),)),
        rules(LAST),
    )
    world = Centre()
    world.config, world.state = config, model.empty(config)
    world.step(d.Linked(()))
    call = world.enqueue("caller")
    world.wait(30)
    world.confirm()
    world.wait(29)
    assert len(world.ordered()) == 1
    world.wait(1)
    world.confirm()
    assert world.entry(call).queue == LAST
    assert world.entry(call).enqueued_at == START_AT


# ---- on arrival --------------------------------------------------------------------------------


def test_length_is_that_of_the_line_when_he_came() -> None:
    world = Centre(rule("length", at_least=2))
    world.enqueue("a")
    world.enqueue("b")
    assert world.ordered() == []
    call = world.enqueue("c")
    assert world.ordered() == [("c", "length", "help")]
    world.confirm()
    assert world.entry(call).queue == HELP
    world.end(CallId("a"))
    world.enqueue("d")
    world.enqueue("e", HELP)
    world.wait(100)
    assert world.ordered() == [("c", "length", "help")]


def test_length_lets_him_through_for_whom_an_agent_is_free() -> None:
    """Nobody who waits can use her; he can."""
    config = company(rule("length", at_least=1))
    anna = replace(config.profiles[ANNA], skills={"zh": 5})
    config = replace(config, profiles={ANNA: anna})
    world = Centre()
    world.config, world.state = config, model.empty(config)
    world.step(d.Linked(()))
    world.seat(ANNA)
    world.step(ev.DemandSet(at=world.now, call_id=CallId("a"), demand="fr", by="menu"))
    world.enqueue("a")
    call = world.enqueue("b")
    assert world.pairs() == [(call, ANNA)]
    assert world.ordered() == []


def test_who_comes_back_from_an_attempt_has_not_come_anew() -> None:
    world = Centre(rule("length", at_least=1))
    world.seat(ANNA)
    call = world.enqueue("a")
    world.dial(call, ANNA)
    world.enqueue("b", HELP)
    world.step(ev.CallNotAnswered(at=world.now, call_id=call, endpoint=world.agent(ANNA).endpoint or "", result="declined"))  # type: ignore[arg-type]  # fmt: skip
    world.requeue(call)
    assert world.ordered() == []


def test_by_what_was_estimated_when_he_came() -> None:
    world = Centre(rule("estimate", after=120))
    call = world.enqueue("caller")

    def estimated(time: float, *, is_told: bool = False) -> None:
        world.step(
            ev.WaitEstimated(
                at=world.now, call_id=call, queue=SALES, position=1,
                estimate_time=seconds(time), basis="rate", is_told=is_told,
            )
        )  # fmt: skip

    estimated(119)
    estimated(500, is_told=True)
    assert world.ordered() == []
    estimated(120)
    assert world.ordered() == [("caller", "estimate", "help")]
    world.confirm()
    estimated(120)
    assert len(world.ordered()) == 1  # he isn't in that line any more


# ---- nobody there ------------------------------------------------------------------------------


def test_nobody_signed_in() -> None:
    world = Centre(rule("no_agents", "goodbye"))
    world.enqueue("early")
    assert world.ordered() == [("early", "no_agents", "goodbye")]
    world.seat(ANNA)
    world.step(d.SayNotReady(ANNA, "lunch"))
    world.enqueue("later")
    world.wait(60)
    waits = [("early", "no_agents", "goodbye")] * 3  # nobody did it
    assert world.ordered() == waits[:1]  # she is signed in by now
    world.step(d.SignOut(ANNA))
    assert [x for x in world.ordered()[1:] if x[0] == "later"] == [
        ("later", "no_agents", "goodbye")
    ]


def test_agents_of_other_queues_do_not_count() -> None:
    config = company(rule("no_agents"))
    ben = replace(config.profiles[BEN], queues=frozenset({HELP}))
    config = replace(config, profiles={**config.profiles, BEN: ben})
    world = Centre()
    world.config, world.state = config, model.empty(config)
    world.step(d.Linked(()))
    world.seat(BEN)
    world.phone(BEN, "in_use")
    world.enqueue("caller")
    assert world.ordered() == [("caller", "no_agents", "help")]


# ---- opening hours -----------------------------------------------------------------------------

OFFICE = opening_of(
    Hours(
        name="office", time_zone="UTC", open=("mon-fri 09:00-18:00",), closed_dates=("2026-12-25",)
    )
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")


def open_centre(begin: str, *overflow: Overflow, serve_after: float = 600) -> Centre:
    centre = Centre(*overflow, opening=OFFICE, serve_after_close_time=seconds(serve_after))
    centre.now = at(begin)
    return centre


def test_who_comes_to_a_closed_queue_is_offered_to_nobody() -> None:
    world = open_centre("2026-11-24T18:00", rule("closed", "goodbye"))
    world.seat(ANNA)
    call = world.enqueue("caller")
    assert world.ordered() == [("caller", "closed", "goodbye")]
    assert world.pairs() == []
    world.confirm()
    world.end(call)
    assert world.published(ev.CallAbandoned) == []


def test_who_waits_at_closing_time_is_served_until_a_set_time() -> None:
    world = open_centre("2026-11-24T17:55", rule("closed", "goodbye"))
    call = world.enqueue("caller")
    world.wait(timedelta(minutes=6))
    late = world.enqueue("late")  # a minute after closing
    assert world.ordered() == [("late", "closed", "goodbye")]
    world.end(late)
    world.wait(timedelta(minutes=9) - seconds(1))
    assert world.ordered()[1:] == []
    world.wait(1)  # 18:10
    assert world.ordered()[1:] == [("caller", "closed", "goodbye")]
    assert world.entry(call).phase is Phase.WAITING


def test_a_holiday_is_told_apart_from_closing_time() -> None:
    both = (rule("holiday", "merry"), rule("closed", "goodbye"))
    world = open_centre("2026-12-25T10:00", *both)
    world.enqueue("caller")
    assert world.ordered() == [("caller", "holiday", "merry")]
    world = open_centre("2026-12-24T19:00", *both)
    world.enqueue("caller")
    assert world.ordered() == [("caller", "closed", "goodbye")]


def test_another_clock_opens_and_closes_the_queue() -> None:
    world = open_centre("2026-11-24T17:00", rule("closed", "goodbye"), serve_after=0)
    world.enqueue("caller")
    world.step(d.ClockSet(timedelta(minutes=59)))
    world.wait(59)
    assert world.ordered() == []
    world.wait(1)
    assert world.ordered() == [("caller", "closed", "goodbye")]
    world = open_centre("2026-11-24T17:00", rule("closed", "goodbye"), serve_after=0)
    world.step(d.ClockSet(timedelta(hours=1)))
    world.enqueue("caller")
    assert world.ordered() == [("caller", "closed", "goodbye")]


# ---- bounds, restarts, colleagues --------------------------------------------------------------


def test_nobody_goes_round_for_ever() -> None:
    """A menu lets him choose the same queue again and again: in the end he waits there."""
    world = Centre(rule("no_agents", "goodbye"))
    call = world.enqueue("caller")
    for _ in range(20):
        world.wait(1)
        orders = world.made(d.Overflow)
        if len(orders) > world.done:
            world.confirm()
            world.step(ev.MenuEntered(at=world.now, call_id=call, flow="f", flow_version=1, node="n", label=""))  # fmt: skip
            world.come(call, HELP)
            world.wait(1)
            world.step(
                ev.CallTransferred(
                    at=world.now, call_id=call, kind="blind", target_kind="queue", target="sales"
                )
            )
            world.come(call, SALES)
    assert len(world.ordered()) == MOST
    assert world.entry(call).phase is Phase.WAITING


def test_with_the_same_place_a_rule_takes_him_once() -> None:
    world = Centre(rule("no_agents", "goodbye"))
    call = world.enqueue("caller")
    world.confirm()
    world.come(call, SALES, world.entry(call).enqueued_at)
    world.wait(60)
    assert len(world.ordered()) == 1


def restarted(world: Centre, *overflowed: ev.CallOverflowed) -> Centre:
    """The service is killed and starts again; Asterisk holds its callers."""
    live = tuple(
        Call(
            call_id=entry.call_id, caller_leg_id=LegId(str(entry.call_id)),
            offered_at=entry.enqueued_at, state=CallState.WAITING, queue=entry.queue,
            enqueued_at=entry.enqueued_at,
        )
        for entry in world.state.entries.values()
        if entry.phase is Phase.WAITING
    )  # fmt: skip
    again = Centre()
    again.config, again.state, again.now = world.config, model.empty(world.config), world.now
    again.log, again.wakes = [], []
    states = tuple(world.published(ev.AgentStateChanged))
    again.step(d.Restored(states, frozenset(), live, overflowed=overflowed))
    again.step(d.Linked(live))
    return again


def test_a_restart_forgets_no_rule_and_no_overflow() -> None:
    world = Centre(rule("wait", "01088", after=10), rule("wait", after=30))
    call = world.enqueue("caller")
    world.wait(10)
    way = world.made(d.Overflow)[0].way
    world.told(call, way)
    told = ev.CallOverflowed(
        at=world.now, call_id=call, queue=SALES, reason="wait", target_kind="outside"
    )
    world.come(call, SALES, START_AT)
    again = restarted(world, told)
    again.wait(19)
    assert again.ordered() == []  # the first rule has taken him already
    again.wait(1)
    assert again.ordered() == [("caller", "wait", "help")]


def test_while_callers_come_back_nobody_is_taken() -> None:
    world = Centre(rule("wait", after=10))
    world.seat(ANNA)
    world.phone(ANNA, "in_use")
    world.enqueue("caller")
    world.enqueue("other")
    world.step(d.Unlinked())
    world.wait(60)
    assert world.ordered() == []
    calls = restarted(world)
    assert calls.ordered() == [("caller", "wait", "help"), ("other", "wait", "help")]


def test_who_is_to_be_served_at_the_restart_does_not_overflow() -> None:
    world = Centre(rule("wait", after=10))
    world.seat(ANNA)
    world.phone(ANNA, "in_use")
    world.enqueue("caller")
    world.step(d.Unlinked())
    world.wait(60)
    world.step(d.Linked(tuple(_live(world))))
    assert len(world.ordered()) == 1
    world = Centre(rule("wait", after=10))
    world.seat(ANNA)
    world.phone(ANNA, "in_use")
    call = world.enqueue("caller")
    world.step(d.Unlinked())
    world.wait(60)
    world.phone(ANNA, "idle")
    world.step(d.Linked(tuple(_live(world))))
    assert world.pairs() == [(call, ANNA)]
    assert world.ordered() == []


def _live(world: Centre) -> list[Call]:
    return [
        Call(
            call_id=e.call_id, caller_leg_id=LegId(str(e.call_id)), offered_at=e.enqueued_at,
            state=CallState.WAITING, queue=e.queue, enqueued_at=e.enqueued_at,
        )
        for e in world.state.entries.values()
    ]  # fmt: skip


def test_a_colleague_who_asks_a_queue_is_no_rules_business() -> None:
    world = Centre(rule("no_agents", "goodbye"))
    call = CallId("asks")
    offered = ev.CallOffered(at=world.now, call_id=call, leg_id=LegId("l"), direction="internal")
    world.step(offered)
    world.come(call, SALES)
    world.wait(30)
    assert world.ordered() == []


def test_a_late_confirmation_frees_the_agent() -> None:
    world = Centre(rule("wait", after=10))
    call = world.enqueue("caller")
    world.wait(10)
    world.wait(5)  # nothing came: he may be offered again, and the command is given again
    world.seat(ANNA)
    world.wait(4)
    assert world.pairs() == [(call, ANNA)]
    world.told(call, world.made(d.Overflow)[0].way)
    assert world.agent(ANNA).state is AgentState.READY
    assert world.entry(call).phase is Phase.CONNECTED


@given(
    st.lists(st.tuples(st.sampled_from(["come", "go", "wait", "sit", "leave"]), st.integers(0, 3)), max_size=40)
)  # fmt: skip
def test_whatever_happens_nobody_is_lost_or_taken_twice_for_one_place(
    acts: list[tuple[str, int]],
) -> None:
    world = Centre(
        rule("length", at_least=2), rule("no_agents", "last"), rule("wait", "01088", after=7),
        rule("wait", after=15),
    )  # fmt: skip
    live: list[CallId] = []
    agents = (ANNA, BEN, CHEN)
    for number, (what, which) in enumerate(acts):
        match what:
            case "come":
                live.append(world.enqueue(f"c{number}"))
            case "go" if live:
                world.end(live.pop(which % len(live)))
            case "wait":
                world.wait(1 + 4 * which)
            case "sit":
                world.seat(agents[which % 3])
            case "leave" if world.agent(agents[which % 3]).state in (
                AgentState.READY, AgentState.NOT_READY,
            ):  # fmt: skip
                world.step(d.SignOut(agents[which % 3]))
        world.confirm()
        assert set(world.state.entries) == set(live)
    done = [
        (t.queue, t.key, call_id)
        for call_id, claim in world.state.claims.items()
        for t in claim.taken
        if t.is_done
    ]
    assert len(done) == len(set(done))
