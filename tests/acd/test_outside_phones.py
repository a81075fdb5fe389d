"""Phones outside as agents' own: who may sign in with one, where, how long it may ring, what becomes of the number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acd import decisions as d
from acd.model import mirror_of
from acd.outside_phones import checked
from acd.rules import Profile
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import Endpoint, LegId, is_outside_phone
from cti.domain.records import to_record
from cti.domain.targets import Target
from tests.acd.world import ANNA, BEN, PHONES, SALES, World, configuration, rules, seconds

pytestmark = pytest.mark.unit

FAR = Endpoint(f"{PHONES[ANNA].rstrip('w')}r")
LEG = LegId("leg-far")
NUMBER, OTHER = "13800138000", "13900139000"


def world_outside() -> World:
    config = configuration(rules(SALES, ring_time=seconds(10)))
    anna = config.profiles[ANNA]
    profile = replace(anna, phones=(*anna.phones, FAR))
    return World(replace(config, profiles={**config.profiles, ANNA: profile}))


def sit(world: World, number: str = NUMBER) -> None:
    world.step(d.SignIn(ANNA, FAR, number))
    world.step(ev.PhoneStateChanged(at=world.now, endpoint=FAR, state="idle"))
    world.step(d.SayReady(ANNA))
    world.wait(1)


def allowed(number: str) -> Target:
    """As the company's rules would: separators go, numbers abroad are refused."""
    digits = number.replace(" ", "")
    if digits.startswith("00"):
        raise CommandRefused("number_not_allowed", "no")
    return Target("outside", digits)


def test_only_who_may_signs_in_with_a_phone_outside_and_only_with_a_number() -> None:
    world = world_outside()
    for agent, endpoint, number in (
        (BEN, Endpoint("1002r"), NUMBER),
        (BEN, FAR, NUMBER),
        (ANNA, FAR, ""),
        (ANNA, PHONES[ANNA], NUMBER),
    ):
        with pytest.raises(CommandRefused) as refused:
            world.step(d.SignIn(agent, endpoint, number))
        assert refused.value.reason == "not_your_phone"


def test_the_number_passes_the_rules_and_is_one_of_his() -> None:
    free = Profile(ANNA, frozenset(), (FAR,))
    bound = replace(free, outside_numbers=("138 0013 8000",))
    assert checked(free, "139 0013 9000", allowed) == OTHER
    assert checked(bound, NUMBER, allowed) == NUMBER
    for profile, number, reason in (
        (free, "0044123", "number_not_allowed"),
        (bound, OTHER, "number_not_allowed"),
        (replace(free, phones=(PHONES[ANNA],)), NUMBER, "not_your_phone"),
    ):
        with pytest.raises(CommandRefused) as refused:
            checked(profile, number, allowed)
        assert refused.value.reason == reason


def test_a_phone_outside_has_time_for_its_key() -> None:
    world = world_outside()
    sit(world)
    call = world.enqueue("a")
    [reserve] = world.made(d.Reserve)
    assert reserve.endpoint == FAR
    leg = ev.LegDialled(at=world.now, call_id=call, leg_id=LEG, endpoint=FAR)
    world.step(leg)
    assert world.shows(ANNA) == "RINGING"
    world.wait(10 + 40)
    assert not world.made(d.WithdrawOffer)
    world.wait(10)
    assert [w.call_id for w in world.made(d.WithdrawOffer)] == [call]


def test_a_changed_number_is_told_and_a_call_doesnt_move() -> None:
    world = world_outside()
    sit(world)
    world.step(d.SignIn(ANNA, FAR, OTHER))
    assert world.made(d.Mirror)[-1].mirror.outside_number == OTHER
    call = world.enqueue("a")
    world.step(ev.LegDialled(at=world.now, call_id=call, leg_id=LEG, endpoint=FAR))
    with pytest.raises(CommandRefused) as refused:
        world.step(d.SignIn(ANNA, FAR, NUMBER))
    assert refused.value.reason == "busy"


def test_the_number_is_personal_and_gone_with_the_sign_in() -> None:
    world = world_outside()
    sit(world)
    said = world.published(ev.AgentStateChanged)[-1]
    record = to_record(said)
    assert NUMBER not in str(record.data)
    assert record.personal == {"outside_number": NUMBER}
    for shown in (said, world.agent(ANNA), d.SignIn(ANNA, FAR, NUMBER), world.made(d.Mirror)[-1]):
        assert NUMBER not in repr(shown)
    world.step(d.SignOut(ANNA))
    assert world.agent(ANNA).outside_number == ""
    assert world.made(d.Mirror)[-1].mirror.outside_number == ""
    assert world.published(ev.AgentStateChanged)[-1].outside_number == ""


def test_after_a_restart_he_is_called_there_still() -> None:
    world = world_outside()
    sit(world)
    said = world.published(ev.AgentStateChanged)[-1]
    after = World(world.config)
    after.now = world.now
    after.step(d.Restored((said,), frozenset()))
    after.step(ev.PhoneStateChanged(at=after.now, endpoint=FAR, state="idle"))
    mirror = mirror_of(after.config, after.agent(ANNA))
    assert mirror is not None
    assert (mirror.endpoint, mirror.outside_number) == (FAR, NUMBER)
    after.enqueue("a")
    assert after.pairs() == [("a", ANNA)]


def test_it_counts_as_lost_when_it_cant_be_reached_and_as_declined_when_busy() -> None:
    world = world_outside()
    for result, shown in (
        ("declined", "NOT_READY:declined"),
        ("unreachable", "NOT_READY:phone_lost"),
    ):
        sit(world)
        call = world.enqueue(result)
        world.step(ev.LegDialled(at=world.now, call_id=call, leg_id=LEG, endpoint=FAR))
        world.step(ev.LegEnded(at=world.now, call_id=call, leg_id=LEG, endpoint=FAR, cause=17))
        world.step(ev.CallNotAnswered(at=world.now, call_id=call, endpoint=FAR, result=result))
        assert world.shows(ANNA) == shown
        world.end(call)


def test_names_of_phones_outside() -> None:
    assert is_outside_phone(FAR)
    assert not any(map(is_outside_phone, ("1001", "1001w", "trunk_carrier", "r")))
