"""Somebody's hand on a waiting caller: what it does, what it refuses, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from acd import decisions as d
from acd import model
from acd.facts import Profile
from acd.model import AgentState, Configuration, Phase
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId
from tests.acd.world import ANNA, BEN, HELP, PHONES, SALES, World, configuration, rules, seconds

pytestmark = pytest.mark.unit

SUP = AgentId("sofia")


def hand(call: CallId, **more: Any) -> dict[str, Any]:
    return {"call_id": call, "by": SUP, "command_id": "c1", "why": "she is a witness", **more}


def push(call: CallId, agent: AgentId = ANNA, *, is_forced: bool = False) -> d.Push:
    return d.Push(**hand(call), agent_id=agent, is_forced=is_forced)


def line(world: World) -> list[str]:
    """Who waits in sales, in order."""
    return [place[-1] for place in world.state.lines.get(SALES, ())]


def three(world: World) -> list[CallId]:
    """Callers who joined ten seconds apart."""
    return [world.enqueue(name, waited=30 - 10 * i) for i, name in enumerate(("a", "b", "c"))]


def refused(world: World, event: d.Hands) -> str:
    before = world.state
    with pytest.raises(CommandRefused) as caught:
        world.step(event)
    assert world.state is before
    return caught.value.reason


# ---- push and pull -----------------------------------------------------------------------------


@pytest.mark.parametrize("is_in_notes", [False, True])
def test_a_push_rings_by_force_who_is_away_and_he_goes_back_to_it(*, is_in_notes: bool) -> None:
    world = World(configuration(rules(SALES, wrap_up_time=seconds(60))))
    world.seat(ANNA)
    if is_in_notes:
        before = world.enqueue("before")
        world.answer(before, ANNA)
        world.leg_ended(before, ANNA)
        world.end(before)
    else:
        world.step(d.SayNotReady(ANNA, "lunch"))
    call = world.enqueue("a")
    assert refused(world, push(call)) == ("agent_wraps_up" if is_in_notes else "agent_away")
    was = world.shows(ANNA)
    world.step(push(call, is_forced=True))
    assert world.pairs()[-1] == ("a", ANNA)
    assert world.shows(ANNA) == "RESERVED"
    world.step(d.OfferRefused(call, ANNA, world.now, "wrong_state"))
    assert world.shows(ANNA) == was
    assert world.state.entries[call].phase is Phase.WAITING
    assert line(world) == ["a"]
    world.wait(6)
    world.step(push(call, is_forced=True))
    world.dial(call, ANNA)
    world.end(call)
    world.leg_ended(call, ANNA)
    assert world.shows(ANNA) == was
    assert line(world) == []


def test_a_push_finds_the_agent_past_queue_and_skill_only_by_force() -> None:
    base = configuration(rules(SALES), rules(HELP), agents=2)
    profiles = {**base.profiles, BEN: Profile(BEN, frozenset({HELP}), (PHONES[BEN],))}
    profiles[ANNA] = replace(base.profiles[ANNA], skills={"billing": 2})
    world = World(Configuration(base.queues, profiles))
    world.seat(ANNA, BEN)
    for demand, agent, cause in (
        ("vip", ANNA, "agent_lacks_skill"),
        ("vip", BEN, "agent_not_serving"),
    ):
        call = CallId(f"for {agent}")
        world.step(ev.DemandSet(at=world.now, call_id=call, demand=demand, by="menu"))
        world.enqueue(call)
        assert refused(world, push(call, agent)) == cause
        world.step(push(call, agent, is_forced=True))
        assert world.pairs()[-1] == (call, agent)


@pytest.mark.parametrize("is_forced", [False, True])
def test_not_even_force_interrupts_a_call_or_finds_a_phone_that_is_away(*, is_forced: bool) -> None:
    world = World()
    world.seat(ANNA)
    first = world.enqueue("first")
    second = world.enqueue("second")
    assert refused(world, push(second, is_forced=is_forced)) == "agent_rung"
    world.dial(first, ANNA)
    assert refused(world, push(second, is_forced=is_forced)) == "agent_rung"
    world.answer(first, ANNA)
    assert refused(world, push(second, is_forced=is_forced)) == "agent_talks"
    assert refused(world, push(second, BEN, is_forced=is_forced)) == "agent_signed_out"
    assert refused(world, push(second, SUP, is_forced=is_forced)) == "no_such_agent"
    world.seat(BEN)
    world.refuse(second, BEN, "unreachable")
    world.phone(BEN, "unavailable")
    world.wait(5)
    assert refused(world, push(second, BEN, is_forced=is_forced)) == "agent_phone_away"


def test_who_is_being_offered_talks_or_is_gone_can_not_be_touched() -> None:
    world = World()
    world.seat(ANNA, BEN)
    call = world.enqueue("a")
    every: list[d.Hands] = [
        push(call, BEN, is_forced=True), d.Pull(**hand(call)), d.MoveTo(**hand(call), place=1),
        d.Prioritise(**hand(call), credit_time=seconds(5)), d.Demand(**hand(call), demand=""),
    ]  # fmt: skip
    assert {refused(world, event) for event in every} == {"being_offered"}
    world.answer(call, ANNA)
    assert {refused(world, event) for event in every} == {"no_such_call"}
    world.end(call)
    assert {refused(world, event) for event in every} == {"no_such_call"}
    other = world.enqueue("b")
    assert len(world.pairs()) == 2
    world.step(ev.CallFellBack(at=world.now, call_id=other, queue=SALES))
    assert refused(world, push(other, ANNA, is_forced=True)) == "switch_unavailable"


def test_nobody_is_pushed_while_nothing_can_be_sent() -> None:
    world = World()
    world.seat(ANNA)
    world.step(d.SayNotReady(ANNA, "lunch"))
    call = world.enqueue("a")
    world.step(d.Unlinked())
    assert refused(world, push(call, is_forced=True)) == "switch_unavailable"
    world.step(d.MoveTo(**hand(call), place=1))  # needs nobody


def test_a_pull_interrupts_ones_own_break_and_keeps_the_callers_of_others() -> None:
    world = World(configuration(rules(SALES), agents=2))
    world.seat(ANNA)
    world.step(d.SayNotReady(ANNA, "lunch"))
    _, second, _ = three(world)
    world.step(d.Pull(**hand(second, by=ANNA)))
    assert world.pairs() == [("b", ANNA)]
    world.answer(second, ANNA)
    assert line(world) == ["a", "c"]
    world.leg_ended(second, ANNA)
    world.end(second)
    assert world.shows(ANNA) == "NOT_READY:lunch"
    [laid] = world.published(ev.HandLaid)
    assert (laid.what, laid.by, laid.agent_id, laid.place) == ("pull", ANNA, ANNA, 2)
    assert laid.why == "she is a witness"
    assert "witness" not in repr(laid)


# ---- the order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize(("place", "expected"), [(1, "cab"), (2, "acb"), (3, "abc"), (9, "abc")])
def test_a_move_puts_him_where_it_says(place: int, expected: str, *, is_strict: bool) -> None:
    world = World(replace(configuration(rules(SALES)), is_strict=is_strict))
    *_, last = three(world)
    world.step(d.MoveTo(**hand(last), place=place))
    assert "".join(line(world)) == expected
    [laid] = world.published(ev.HandLaid)
    assert laid.place == expected.index("c") + 1
    world.step(d.MoveTo(**hand(last), place=3))
    assert line(world) == ["a", "b", "c"]


def test_a_move_back_and_a_move_among_equals() -> None:
    world = World()
    first, *_ = three(world)
    world.step(d.MoveTo(**hand(first), place=99))
    assert line(world) == ["b", "c", "a"]
    twins = [world.enqueue(f"twin{i}", waited=5) for i in range(3)]
    world.step(d.MoveTo(**hand(twins[2]), place=5))
    assert line(world) == ["b", "c", "a", "twin2", "twin0", "twin1"]
    assert refused(world, d.MoveTo(**hand(first), place=0)) == "no_such_place"


def test_priority_and_demand_are_given_and_taken_back() -> None:
    base = configuration(rules(SALES), agents=1)
    world = World(base)
    *_, last = three(world)
    world.step(d.Prioritise(**hand(last), credit_time=seconds(25)))
    assert line(world) == ["c", "a", "b"]
    world.step(d.Demand(**hand(last), demand=" vip "))
    assert world.state.entries[last].demand == "vip"
    world.seat(ANNA)
    assert world.pairs() == [("a", ANNA)]  # c demands what nobody can
    world.step(d.Prioritise(**hand(last), credit_time=seconds(0)))
    world.step(d.Demand(**hand(last), demand=None))
    assert line(world) == ["a", "b", "c"]
    assert world.state.entries[last].demand == ""
    told = world.published(ev.HandLaid)
    assert [(e.what, e.credit_time, e.demand) for e in told] == [
        ("priority", seconds(25), None),
        ("demand", seconds(25), "vip"),
        ("priority", seconds(0), "vip"),
        ("demand", seconds(0), None),
    ]
    assert refused(world, d.Demand(**hand(last), demand="billing >")) == "no_such_demand"
    far = d.Prioritise(**hand(last), credit_time=seconds(86_401))
    assert refused(world, far) == "too_much_credit"


def test_what_a_hand_gave_outlives_a_restart_and_not_another_queue() -> None:
    world = World(configuration(rules(SALES), rules(HELP)))
    *_, last = three(world)
    world.step(d.MoveTo(**hand(last), place=1))
    world.step(d.Demand(**hand(last), demand="vip"))
    told = world.published(ev.HandLaid)
    again = World(world.config)
    again.step(d.Restored((), frozenset(), hands=(told[-1],)))
    three(again)
    assert line(again) == ["c", "a", "b"]
    assert again.state.entries[last].demand == "vip"
    sent = {"kind": "blind", "target_kind": "queue", "endpoint": None}
    again.step(ev.CallTransferred(at=again.now, call_id=last, **sent))  # type: ignore[arg-type]
    again.enqueue("c", HELP)
    entry = again.state.entries[last]
    assert (entry.demand, entry.moved_time) == ("", seconds(0))
    again.step(ev.CallTransferred(at=again.now, call_id=last, **sent))  # type: ignore[arg-type]
    again.enqueue("c", waited=1)
    assert line(again) == ["a", "b", "c"]
    assert model.position(again.state, last) == 3


def test_a_call_that_is_over_leaves_nothing_of_a_hand() -> None:
    world = World()
    call = world.enqueue("a")
    world.step(d.Prioritise(**hand(call), credit_time=seconds(25)))
    world.end(call)
    assert not world.state.claims
    assert world.state.agents[ANNA].state is AgentState.LOGGED_OUT
