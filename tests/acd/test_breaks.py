"""How long a break may last: warned before, late after, told once, and not by force."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from acd import decisions as d
from acd import model
from acd.breaks import warn_at
from acd.rules import BreakLimit
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, LegId
from tests.acd.world import ANNA, PHONES, World, configuration, seconds

pytestmark = pytest.mark.unit

MINUTE = timedelta(minutes=1)
LUNCH = BreakLimit(45 * MINUTE, 5 * MINUTE)


def world_with_lunch(**limits: BreakLimit) -> World:
    limited = replace(
        configuration(reasons="lunch coffee"), break_limits=limits or {"lunch": LUNCH}
    )
    world = World(limited)
    world.seat(ANNA)
    return world


def told_late(world: World, agent_id: AgentId = ANNA) -> list[ev.AgentStateChanged]:
    changes = world.published(ev.AgentStateChanged)
    return [e for e in changes if e.agent_id == agent_id and e.overrun_at is not None]


def call_him(world: World, call_id: str = "x") -> CallId:
    """Somebody dials his extension, and he answers."""
    call, leg = CallId(call_id), LegId(f"leg-{call_id}")
    world.step(ev.CallOffered(at=world.now, call_id=call, leg_id=LegId("caller")))
    world.step(ev.LegDialled(at=world.now, call_id=call, leg_id=leg, endpoint=PHONES[ANNA]))
    world.step(ev.CallConnected(at=world.now, call_id=call, leg_id=leg, endpoint=PHONES[ANNA]))
    assert world.shows(ANNA) == "TALKING"
    return call


def hang_up(world: World, call: CallId) -> None:
    leg = LegId(f"leg-{call}")
    world.step(ev.LegEnded(at=world.now, call_id=call, leg_id=leg, endpoint=PHONES[ANNA], cause=16))
    world.end(call)


def test_whoever_stays_away_too_long_is_late_and_it_is_told_once() -> None:
    world = world_with_lunch()
    began_at = world.now
    world.step(d.SayNotReady(ANNA, "lunch"))
    anna = world.agent(ANNA)
    assert anna.late_at == began_at + 45 * MINUTE
    assert warn_at(world.config, anna) == began_at + 40 * MINUTE
    world.wait(45 * MINUTE - seconds(1))
    assert told_late(world) == []
    world.wait(90 * MINUTE)
    [late] = told_late(world)
    assert (late.state, late.reason, late.by) == ("NOT_READY", "lunch", "agent")
    assert (late.since_at, late.overrun_at) == (began_at, began_at + 45 * MINUTE)
    assert world.shows(ANNA) == "NOT_READY:lunch"  # nobody is brought back by force
    world.step(d.SayReady(ANNA))
    assert (world.shows(ANNA), world.agent(ANNA).overrun_at) == ("READY", None)


def test_a_reason_without_a_limit_and_one_of_the_system_may_last() -> None:
    world = world_with_lunch()
    world.step(d.SayNotReady(ANNA, "coffee"))
    assert warn_at(world.config, world.agent(ANNA)) is None
    world.wait(600 * MINUTE)
    assert told_late(world) == []


def test_a_limit_shorter_than_its_warning_warns_from_the_beginning() -> None:
    world = world_with_lunch(lunch=BreakLimit(2 * MINUTE, 5 * MINUTE))
    world.step(d.SayNotReady(ANNA, "lunch"))
    assert warn_at(world.config, world.agent(ANNA)) == world.now


def test_another_reason_begins_its_own_break() -> None:
    world = world_with_lunch(lunch=LUNCH, coffee=BreakLimit(10 * MINUTE))
    world.step(d.SayNotReady(ANNA, "lunch"))
    world.wait(44 * MINUTE)
    world.step(d.SayNotReady(ANNA, "coffee"))
    world.wait(9 * MINUTE)
    assert told_late(world) == []
    world.wait(1 * MINUTE)
    assert [e.reason for e in told_late(world)] == ["coffee"]


def test_a_call_in_between_stops_the_clock_of_a_break() -> None:
    world = world_with_lunch()
    world.step(d.SayNotReady(ANNA, "lunch"))
    world.wait(30 * MINUTE)
    call = call_him(world)
    world.wait(20 * MINUTE)
    hang_up(world, call)
    assert world.shows(ANNA) == "NOT_READY:lunch"
    world.wait(14 * MINUTE)
    again = call_him(world, "y")
    hang_up(world, again)
    assert told_late(world) == []
    world.wait(1 * MINUTE)
    assert len(told_late(world)) == 1


def test_a_break_that_was_over_before_the_call_is_so_after_it() -> None:
    world = world_with_lunch()
    world.step(d.SayNotReady(ANNA, "lunch"))
    world.wait(50 * MINUTE)
    call = call_him(world)
    assert world.agent(ANNA).overrun_at is None  # he works
    hang_up(world, call)
    assert world.agent(ANNA).overrun_at == world.now


def test_what_is_asked_for_in_a_call_is_a_new_break() -> None:
    world = world_with_lunch()
    world.step(d.SayNotReady(ANNA, "lunch"))
    world.wait(30 * MINUTE)
    call = call_him(world)
    world.step(d.SayNotReady(ANNA, "lunch"))
    hang_up(world, call)
    world.wait(44 * MINUTE)
    assert told_late(world) == []


@pytest.mark.parametrize("minutes_down", [1, 30])
def test_a_restart_neither_forgets_the_limit_nor_tells_it_twice(minutes_down: int) -> None:
    world = world_with_lunch()
    world.step(d.SayNotReady(ANNA, "lunch"))
    world.wait(20 * MINUTE)
    call = call_him(world)
    hang_up(world, call)
    changes = {e.agent_id: e for e in world.published(ev.AgentStateChanged)}
    late_at = world.agent(ANNA).late_at
    assert late_at is not None
    after = World(world.config)
    after.now = world.now + minutes_down * MINUTE
    after.step(d.Restored(tuple(changes.values()), frozenset()))
    after.wait(40 * MINUTE)
    [late] = told_late(after)
    assert late.overrun_at == max(late_at, world.now + minutes_down * MINUTE)
    assert late.since_at == changes[ANNA].since_at
    third = World(world.config)
    third.now = after.now
    third.step(d.Restored((late,), frozenset()))
    third.wait(10 * MINUTE)
    assert told_late(third) == []
    assert third.agent(ANNA).overrun_at == late.overrun_at


def test_the_fallback_is_not_told_twice_of_somebody_late() -> None:
    world = world_with_lunch()
    world.step(d.SayNotReady(ANNA, "lunch"))
    before = len(world.made(d.Mirror))
    world.wait(60 * MINUTE)
    assert len(world.made(d.Mirror)) == before
    mirror = model.mirror_of(world.config, world.agent(ANNA))
    assert mirror is not None
    assert mirror.is_paused
