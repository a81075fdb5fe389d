"""Agents whose phones contradict their state don't stay so."""

from __future__ import annotations

import pytest

from acd import decisions as d
from cti.domain import events as ev
from tests.acd.world import ANNA, CHEN, World, configuration, rules, seconds

pytestmark = pytest.mark.unit


def pulse(world: World, count: int) -> None:
    """What the service does every second."""
    for _ in range(count):
        world.wait(1)
        world.step(d.Due(None))


@pytest.mark.parametrize("phone", ["idle", "unavailable"])
def test_an_agent_who_talks_with_an_idle_phone_is_set_free(phone: str) -> None:
    world = World(configuration(rules(wrap_up_time=seconds(60))))
    world.seat(ANNA)
    call = world.enqueue("a")
    world.answer(call, ANNA)
    world.phone(ANNA, "in_use")
    pulse(world, 10)
    assert world.shows(ANNA) == "TALKING"
    world.phone(ANNA, phone)
    pulse(world, 2)
    assert world.shows(ANNA) == "TALKING", "events cross"
    pulse(world, 3)
    assert world.shows(ANNA) == "WRAP_UP"


def test_a_doubt_that_was_unfounded_is_forgotten() -> None:
    world = World()
    world.seat(ANNA)
    world.answer(world.enqueue("a"), ANNA)
    for state in ("idle", "in_use") * 5:
        world.phone(ANNA, state)
        pulse(world, 2)
    assert world.shows(ANNA) == "TALKING"


def test_a_phone_that_never_replies_is_idle_and_no_contradiction() -> None:
    world = World(configuration(rules(ring_time=seconds(15))))
    world.seat(ANNA)
    call = world.enqueue("a")
    world.dial(call, ANNA)
    pulse(world, 14)
    assert world.shows(ANNA) == "RINGING"
    world.refuse(call, ANNA, "unreachable")
    assert world.shows(ANNA) == "NOT_READY:phone_lost"


def test_an_agent_whose_phone_rings_no_more_is_set_free_and_the_caller_waits_on() -> None:
    world = World(configuration(rules(ring_time=seconds(60))))
    world.seat(ANNA)
    call = world.enqueue("a")
    world.dial(call, ANNA)
    world.phone(ANNA, "ringing")
    pulse(world, 5)
    assert world.shows(ANNA) == "RINGING"
    world.phone(ANNA, "idle")
    pulse(world, 5)
    assert world.shows(ANNA) == "READY"
    assert world.state.entries[call].agent_id is None
    [released] = world.published(ev.ReservationReleased)
    assert released.reason == "contradicted"


def test_a_lost_phone_is_waited_for_as_long_as_its_timer_says() -> None:
    world = World(configuration(rules()))
    world.seat(CHEN)
    call = world.enqueue("a")
    leg_id = world.answer(call, CHEN)
    world.phone(CHEN, "unavailable")
    world.leg_ended(call, CHEN, leg_id)
    world.lose(call, CHEN)
    pulse(world, 10)
    assert world.shows(CHEN) == "TALKING"
