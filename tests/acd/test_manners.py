"""How a queue hands its callers over, as far as the core decides: what the switch is asked for, how long, declining."""

from __future__ import annotations

import pytest

from acd import decisions as d
from cti.domain import events as ev
from cti.domain.manners import PLAIN, Manner
from tests.acd.world import ANNA, BEN, PHONES, SALES, World, configuration, rules, seconds

pytestmark = pytest.mark.unit

ALL = Manner(is_automatic=True, whispers_name=True, says_staff_number=True)
MUST_TAKE = Manner(may_decline=False)


def world_of(manner: Manner, **queue: object) -> World:
    world = World(configuration(rules(SALES, manner=manner, **queue)))
    world.seat(ANNA)
    return world


@pytest.mark.parametrize("manner", [PLAIN, ALL])
def test_the_offer_says_how(manner: Manner) -> None:
    world = world_of(manner)
    world.enqueue("a")
    [reserve] = world.made(d.Reserve)
    assert reserve.manner == manner


@pytest.mark.parametrize(("manner", "patience"), [(PLAIN, 5), (MUST_TAKE, 5), (ALL, 15)])
def test_what_is_said_before_they_meet_is_no_ring_without_a_result(
    manner: Manner, patience: int
) -> None:
    world = world_of(manner, ring_time=seconds(10))
    call = world.enqueue("a")
    world.dial(call, ANNA)
    world.wait(10 + patience - 1)
    assert not world.made(d.WithdrawOffer)
    world.wait(1)
    assert [w.call_id for w in world.made(d.WithdrawOffer)] == [call]


def test_who_declines_where_nobody_may_has_let_it_ring() -> None:
    world = world_of(MUST_TAKE, rona_after=2)
    call = world.enqueue("a")
    for shown in ("RESERVED", "NOT_READY:rona"):  # at first he is asked again
        world.dial(call, ANNA)
        world.refuse(call, ANNA, "declined")
        assert world.shows(ANNA) == shown
    assert [e.reason for e in world.published(ev.AgentDidNotAnswer)] == ["no_answer", "no_answer"]
    world.step(d.SayReady(ANNA))
    assert world.pairs()[-1] == (call, ANNA)


def test_an_engaged_phone_is_no_refusal_there_either() -> None:
    world = world_of(MUST_TAKE)
    world.seat(BEN)
    call = world.enqueue("a")
    world.dial(call, ANNA)
    world.phone(ANNA, "in_use")
    world.refuse(call, ANNA, "declined")
    assert world.shows(ANNA) == "READY"
    assert world.pairs()[-1] == (call, BEN)
    assert [e.reason for e in world.published(ev.AgentDidNotAnswer)] == ["declined"]


def test_who_hangs_up_in_the_whisper_was_not_busy_with_another_call() -> None:
    """Asterisk may show his phone in use for a moment yet: by this very call."""
    world = world_of(ALL)
    call = world.enqueue("a")
    leg = world.dial(call, ANNA)
    world.phone(ANNA, "in_use")
    world.step(ev.LegEnded(at=world.now, call_id=call, leg_id=leg, endpoint=PHONES[ANNA], cause=16))
    result = ev.CallNotAnswered(
        at=world.now, call_id=call, endpoint=PHONES[ANNA], result="declined"
    )
    world.step(result)
    assert world.shows(ANNA) == "NOT_READY:declined"
