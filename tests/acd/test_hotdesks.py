"""Shared desk phones: who may sit down, who is signed out, whose calls ring there, and the fallback knows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acd import decisions as d
from acd.model import mirror_of
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, Endpoint, LegId
from tests.acd.world import ANNA, BEN, PHONES, World, configuration

pytestmark = pytest.mark.unit

DESK = Endpoint("3001")


def world_with_desk() -> World:
    return World(replace(configuration(), hot_desks=frozenset({DESK})))


def sit(world: World, agent: AgentId, *, is_ready: bool = True) -> None:
    world.step(d.SignIn(agent, DESK))
    world.step(ev.PhoneStateChanged(at=world.now, endpoint=DESK, state="idle"))
    if is_ready:
        world.step(d.SayReady(agent))
    world.wait(1)


def ring(world: World, call: CallId, phone: Endpoint = DESK) -> LegId:
    leg = LegId(f"leg-{call}")
    world.step(ev.LegDialled(at=world.now, call_id=call, leg_id=leg, endpoint=phone))
    return leg


def answer(world: World, call: CallId) -> LegId:
    leg = ring(world, call)
    world.step(ev.CallConnected(at=world.now, call_id=call, leg_id=leg, endpoint=DESK))
    return leg


def mirrors(world: World) -> list[tuple[str, int, str, bool]]:
    made = [x.mirror for x in world.made(d.Mirror)]
    return [(m.endpoint, len(m.queues), m.guest, m.is_seated) for m in made]


def test_the_queues_calls_ring_where_he_sits() -> None:
    world = world_with_desk()
    sit(world, ANNA)
    call = world.enqueue("a")
    [reserve] = world.made(d.Reserve)
    assert (reserve.agent_id, reserve.endpoint) == (ANNA, DESK)
    leg = answer(world, call)
    assert world.shows(ANNA) == "TALKING"
    world.step(ev.LegEnded(at=world.now, call_id=call, leg_id=leg, endpoint=DESK, cause=16))
    world.end(call)
    assert world.shows(ANNA) == "READY"


def test_a_direct_call_there_is_his() -> None:
    world = world_with_desk()
    sit(world, ANNA)
    call = CallId("x")
    world.step(ev.CallOffered(at=world.now, call_id=call, leg_id=LegId("caller")))
    answer(world, call)
    assert (world.shows(ANNA), world.agent(ANNA).kind) == ("TALKING", "direct")


def test_a_phone_that_is_nobodys_and_not_shared_is_refused() -> None:
    world = world_with_desk()
    for phone in (PHONES[BEN], Endpoint("3002")):
        with pytest.raises(CommandRefused) as refused:
            world.step(d.SignIn(ANNA, phone))
        assert refused.value.reason == "not_your_phone"


def test_who_sat_there_before_is_signed_out() -> None:
    world = world_with_desk()
    sit(world, ANNA)
    sit(world, BEN)
    assert (world.shows(ANNA), world.agent(ANNA).endpoint) == ("LOGGED_OUT", None)
    assert (world.shows(BEN), world.agent(BEN).endpoint) == ("READY", DESK)
    assert mirrors(world)[-2:] == [("3001", 1, "1002", True), ("3001", 1, "1002", True)]
    assert ("3001", 0, "1001", False) in mirrors(world)
    world.enqueue("a")
    assert world.pairs() == [("a", BEN)]


def test_nobody_is_torn_out_of_a_call_and_no_call_moves_with_its_agent() -> None:
    world = world_with_desk()
    sit(world, ANNA)
    answer(world, world.enqueue("a"))
    with pytest.raises(CommandRefused) as refused:
        world.step(d.SignIn(BEN, DESK))
    assert refused.value.reason == "desk_taken"
    assert world.shows(BEN) == "LOGGED_OUT"
    with pytest.raises(CommandRefused) as refused:
        world.step(d.SignIn(ANNA, PHONES[ANNA]))
    assert refused.value.reason == "busy"


def test_in_a_call_elsewhere_nobody_is_evicted_for_nothing() -> None:
    world = world_with_desk()
    sit(world, BEN)
    world.seat(ANNA)
    world.step(d.SayNotReady(BEN, "lunch"))
    world.answer(world.enqueue("a"), ANNA)
    with pytest.raises(CommandRefused):
        world.step(d.SignIn(ANNA, DESK))
    assert world.shows(BEN) == "NOT_READY:lunch"


def test_whoever_goes_back_to_his_own_phone_leaves_the_desk() -> None:
    world = world_with_desk()
    sit(world, ANNA)
    world.step(d.SignIn(ANNA, PHONES[ANNA]))
    assert mirrors(world)[-2:] == [("3001", 0, "1001", False), ("1001", 1, "", True)]
    sit(world, BEN)
    assert world.shows(ANNA) == "READY"


def test_after_a_restart_he_sits_there_still() -> None:
    world = world_with_desk()
    sit(world, ANNA)
    said = world.published(ev.AgentStateChanged)[-1]
    after = World(world.config)
    after.now = world.now
    after.step(d.Restored((said,), frozenset()))
    after.step(ev.PhoneStateChanged(at=after.now, endpoint=DESK, state="idle"))
    mirror = mirror_of(after.config, after.agent(ANNA))
    assert mirror is not None
    assert (mirror.endpoint, mirror.guest) == (DESK, "1001")
    call = after.enqueue("a")
    assert after.pairs() == [("a", ANNA)]
    answer(after, call)
    assert after.shows(ANNA) == "TALKING"
