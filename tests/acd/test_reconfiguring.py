"""The company changes while agents work and callers wait: nobody is interrupted, nobody is lost."""

from __future__ import annotations

import pytest

from acd import decisions as d
from acd.model import Configuration, Phase
from acd.reconfiguring import with_leavers
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId
from tests.acd.world import ANNA, BEN, HELP, PHONES, SALES, World, configuration, rules, seconds

pytestmark = pytest.mark.unit


def change(world: World, config: Configuration) -> None:
    """As the service does it."""
    world.config = with_leavers(config, world.state)
    world.step(d.Reconfigured(frozenset(config.profiles)))


def without(config: Configuration, agent: AgentId) -> Configuration:
    left = {who: profile for who, profile in config.profiles.items() if who != agent}
    return replace(config, profiles=left)


def test_who_waits_is_served_by_somebody_new_as_soon_as_he_is_there() -> None:
    world = World(configuration(rules(SALES), agents=1))
    world.enqueue("a", waited=30)
    change(world, configuration(rules(SALES), agents=2))
    world.seat(BEN)
    assert world.pairs() == [("a", BEN)]


def test_a_new_skill_or_an_easier_demand_counts_for_who_waits_already() -> None:
    hard = configuration(rules(SALES, demand="vip"), agents=1)
    world = World(hard)
    world.seat(ANNA)
    world.enqueue("a")
    assert world.pairs() == []
    able = {ANNA: replace(hard.profiles[ANNA], skills={"vip": 3})}
    change(world, replace(hard, profiles=able))
    assert world.pairs() == [("a", ANNA)]
    world.enqueue("b")
    world.answer(CallId("a"), ANNA)
    change(world, configuration(rules(SALES), agents=1))
    assert world.state.entries[CallId("b")].demand == ""


def test_another_order_counts_at_once_and_waits_are_kept() -> None:
    world = World(configuration(rules(SALES), agents=1))
    world.enqueue("long", waited=60)
    world.enqueue("gold", credit=20, waited=1)
    change(world, replace(world.config, is_strict=True))
    world.seat(ANNA)
    assert world.pairs() == [("gold", ANNA)]
    [reserved] = world.published(ev.AgentReserved)
    assert seconds(1) <= reserved.wait_time <= seconds(3)


def test_a_queue_that_is_no_more_keeps_its_callers_and_anybody_serves_them() -> None:
    both = configuration(rules(SALES), rules(HELP), agents=1)
    world = World(both)
    world.enqueue("a", HELP)
    change(world, configuration(rules(SALES), agents=1))
    assert world.state.entries[CallId("a")].phase is Phase.WAITING
    world.enqueue("late", HELP)  # his menu was the old one
    world.seat(ANNA)
    assert world.pairs() == [("a", ANNA)]
    world.answer(CallId("a"), ANNA)
    world.leg_ended(CallId("a"), ANNA)
    world.end(CallId("a"))
    world.wait(60)
    assert world.pairs()[-1] == ("late", ANNA)


@pytest.mark.parametrize("is_talking", [False, True])
def test_who_left_is_signed_out_after_his_call_and_the_mirror_forgets_him(
    *, is_talking: bool
) -> None:
    config = configuration(rules(SALES), agents=2)
    world = World(config)
    world.seat(ANNA)
    if is_talking:
        world.enqueue("a")
        world.answer(CallId("a"), ANNA)
    change(world, without(config, ANNA))
    if is_talking:
        assert world.shows(ANNA) == "TALKING"
        world.enqueue("b")
        world.leg_ended(CallId("a"), ANNA)
        world.end(CallId("a"))
    assert world.shows(ANNA) == "LOGGED_OUT"
    assert len(world.pairs()) == is_talking
    mirrors = [x.mirror for x in world.made(d.Mirror) if x.mirror.endpoint == PHONES[ANNA]]
    assert mirrors[-1].queues == ()
    change(world, without(config, ANNA))
    assert ANNA not in world.state.agents
    with pytest.raises(CommandRefused):
        world.step(d.SignIn(ANNA, PHONES[ANNA]))


def test_the_mirror_hears_of_other_queues_without_anybody_moving() -> None:
    world = World(configuration(rules(SALES), agents=1))
    world.seat(ANNA)
    change(world, configuration(rules(SALES), rules(HELP), agents=1))
    [mirror] = [x.mirror for x in world.last if isinstance(x, d.Mirror)]
    assert mirror.queues == (HELP, SALES)
    changed = [x.queues for x in world.last if isinstance(x, d.FiguresChanged)]
    assert frozenset({HELP, SALES}) in changed


def test_a_reservation_and_a_conversation_go_on() -> None:
    world = World(configuration(rules(SALES), agents=2))
    world.seat(ANNA, BEN)
    for name in ("a", "b"):
        world.enqueue(name)
    world.answer(CallId("a"), ANNA)
    change(world, configuration(rules(SALES, ring_time=seconds(30)), agents=2))
    assert (world.shows(ANNA), world.shows(BEN)) == ("TALKING", "RESERVED")
    world.answer(CallId("b"), BEN)
    assert world.state.entries[CallId("b")].phase is Phase.CONNECTED
