"""Wrap-up: by kind of call, extended so often, and kept until the outcome is named where the queue demands one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acd import decisions as d
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, CustomerId, LegId, TicketId
from tests.acd.world import ANNA, BEN, HELP, PHONES, SALES, World, configuration, rules, seconds

pytestmark = pytest.mark.unit


def demanding(wrap_up: float | None = 20, **more: object) -> World:
    time = None if wrap_up is None else seconds(wrap_up)
    queue = rules(SALES, wrap_up_time=time, must_name_outcome=True)
    world = World(replace(configuration(queue, rules(HELP), reasons="lunch"), **more))  # type: ignore[arg-type]
    world.seat(ANNA)
    return world


def ticket(world: World, call: CallId) -> None:
    number = TicketId(7)
    world.step(
        ev.TicketOpened(
            at=world.now,
            call_id=call,
            ticket_id=number,
            customer_id=CustomerId(1),
            reason="connected",
        )
    )


def name_outcome(world: World, call: CallId) -> None:
    world.step(
        ev.DispositionSet(
            at=world.now, call_id=call, ticket_id=TicketId(7), disposition="sold", by="anna"
        )
    )


def talk(world: World, name: str = "a", *, has_ticket: bool = True) -> CallId:
    call = world.enqueue(name)
    world.answer(call, ANNA)
    if has_ticket:
        ticket(world, call)
    return call


def hang_up(world: World, call: CallId) -> None:
    world.leg_ended(call, ANNA)
    world.end(call)


def changes(world: World) -> list[tuple[str, bool, str]]:
    """States of Anna as they were told: state, overrun, what comes after."""
    told = [e for e in world.published(ev.AgentStateChanged) if e.agent_id == ANNA]
    return [(e.state, e.overrun_at is not None, e.next_state) for e in told]


def test_without_an_outcome_the_wrap_up_is_overrun_and_no_call_comes() -> None:
    world = demanding()
    call = talk(world)
    hang_up(world, call)
    ends_at = world.now + seconds(20)
    waiting = world.enqueue("b")
    world.wait(600)
    assert world.shows(ANNA) == "WRAP_UP"
    assert world.agent(ANNA).overrun_at == ends_at
    assert [told for told in changes(world) if told[1]] == [("WRAP_UP", True, "")]  # once
    assert world.pairs() == [(call, ANNA)]
    assert world.made(d.Mirror)[-1].mirror.is_paused  # the fallback leaves him alone too
    name_outcome(world, call)
    assert world.pairs()[-1] == (waiting, ANNA)
    assert not world.made(d.Mirror)[-1].mirror.is_paused


def test_an_outcome_named_in_the_call_or_in_time_ends_nothing_early() -> None:
    world = demanding()
    for when in ("in the call", "in the wrap-up"):
        call = talk(world, when)
        if when == "in the call":
            name_outcome(world, call)
        hang_up(world, call)
        world.wait(10)
        name_outcome(world, call)
        assert world.shows(ANNA) == "WRAP_UP"
        world.wait(10)
        assert world.shows(ANNA) == "READY"
    assert not any(is_overrun for _, is_overrun, _ in changes(world))


def test_a_call_without_a_ticket_and_a_queue_that_demands_nothing_let_him_go() -> None:
    world = demanding()
    call = talk(world, has_ticket=False)
    hang_up(world, call)
    world.wait(20)
    assert world.shows(ANNA) == "READY"
    other = world.enqueue("h", HELP)
    world.answer(other, ANNA)
    ticket(world, other)
    hang_up(world, other)
    assert world.shows(ANNA) == "READY"


def test_no_wrap_up_at_all_still_waits_for_the_outcome() -> None:
    world = demanding(0)
    call = talk(world)
    hang_up(world, call)
    assert changes(world)[-1] == ("WRAP_UP", True, "")
    name_outcome(world, call)
    assert world.shows(ANNA) == "READY"


@pytest.mark.parametrize("wrap_up", [20, None])
def test_whoever_says_that_he_is_done_waits_for_the_outcome_too(wrap_up: float | None) -> None:
    world = demanding(wrap_up)
    call = talk(world)
    hang_up(world, call)
    world.wait(5)
    world.step(d.SayReady(ANNA))
    assert changes(world)[-1] == ("WRAP_UP", True, "READY")
    world.step(d.SayNotReady(ANNA, "lunch"))
    assert changes(world)[-1] == ("WRAP_UP", True, "NOT_READY")
    world.wait(300)
    assert world.shows(ANNA) == "WRAP_UP"
    name_outcome(world, call)
    assert world.shows(ANNA) == "NOT_READY:lunch"


def test_what_was_asked_for_in_the_call_comes_after_the_outcome() -> None:
    world = demanding()
    call = talk(world)
    world.step(d.SayNotReady(ANNA, "lunch"))
    hang_up(world, call)
    assert changes(world)[-1] == ("WRAP_UP", True, "NOT_READY")
    name_outcome(world, call)
    assert world.shows(ANNA) == "NOT_READY:lunch"


def test_nobody_is_held_at_work() -> None:
    world = demanding()
    call = talk(world)
    hang_up(world, call)
    world.wait(30)
    world.step(d.SignOut(ANNA))
    assert world.shows(ANNA) == "LOGGED_OUT"
    call = talk_again_after_sign_in(world)
    world.step(d.SignOut(ANNA))
    hang_up(world, call)
    assert world.shows(ANNA) == "LOGGED_OUT"


def talk_again_after_sign_in(world: World) -> CallId:
    world.seat(ANNA)
    return talk(world, "again")


def test_the_outcome_of_a_caller_who_goes_back_into_the_line_is_the_next_agents() -> None:
    world = demanding()
    call = talk(world)
    world.leg_ended(call, ANNA, cause=44)  # his phone died
    assert world.shows(ANNA) == "NOT_READY:phone_lost"


def dial_out(world: World, name: str) -> CallId:
    call = CallId(name)
    world.step(
        ev.CallOffered(
            at=world.now,
            call_id=call,
            leg_id=LegId(name),
            direction="outbound",
            endpoint=PHONES[ANNA],
        )
    )
    return call


def test_calls_that_come_between_put_it_off_and_none_is_forgotten() -> None:
    world = demanding()
    first = talk(world, "first")
    hang_up(world, first)
    world.wait(25)
    overrun_at = world.agent(ANNA).overrun_at
    out = dial_out(world, "out")
    world.wait(10)
    world.end(out)
    assert (world.shows(ANNA), world.agent(ANNA).call_id) == ("WRAP_UP", first)
    assert world.agent(ANNA).overrun_at == overrun_at
    # A queue's caller whom somebody else hands over to him while the first one's outcome is missing.
    second = world.enqueue("second")
    world.dial(second, ANNA)
    world.step(
        ev.CallConnected(at=world.now, call_id=second, leg_id=LegId("s"), endpoint=PHONES[ANNA])
    )
    ticket(world, second)
    assert (world.shows(ANNA), world.agent(ANNA).call_id) == ("TALKING", second)
    world.leg_ended(second, ANNA, LegId("s"))
    world.leg_ended(second, ANNA)
    world.end(second)
    assert (world.shows(ANNA), world.agent(ANNA).call_id) == ("WRAP_UP", second)
    world.wait(30)
    name_outcome(world, second)
    assert (world.shows(ANNA), world.agent(ANNA).call_id) == ("WRAP_UP", first)
    assert world.agent(ANNA).overrun_at == overrun_at
    name_outcome(world, first)
    assert world.shows(ANNA) == "READY"
    assert world.agent(ANNA).owed is None


@pytest.mark.parametrize("is_named", [False, True])
def test_a_restart_keeps_him_until_the_outcome_is_named(is_named: bool) -> None:
    world = demanding()
    call = talk(world)
    hang_up(world, call)
    world.wait(30)
    said = [e for e in world.published(ev.AgentStateChanged) if e.agent_id == ANNA][-1]
    opened = ev.TicketOpened(
        at=world.now,
        call_id=call,
        ticket_id=TicketId(7),
        customer_id=CustomerId(1),
        reason="connected",
    )
    named = ev.DispositionSet(
        at=world.now, call_id=call, ticket_id=TicketId(7), disposition="sold", by="anna"
    )
    past = (opened, named) if is_named else (opened,)
    after = World(world.config)
    after.now = world.now
    after.step(d.Restored((said,), frozenset(), outcomes=past))
    after.wait(5)
    assert after.shows(ANNA) == ("READY" if is_named else "WRAP_UP")
    if not is_named:
        assert after.agent(ANNA).overrun_at == said.overrun_at
        name_outcome(after, call)
        assert after.shows(ANNA) == "READY"


def test_a_restart_in_the_wrap_up_still_demands_the_outcome() -> None:
    world = demanding()
    call = talk(world)
    hang_up(world, call)
    said = [e for e in world.published(ev.AgentStateChanged) if e.agent_id == ANNA][-1]
    opened = ev.TicketOpened(
        at=world.now,
        call_id=call,
        ticket_id=TicketId(7),
        customer_id=CustomerId(1),
        reason="connected",
    )
    after = World(world.config)
    after.now = world.now
    after.step(d.Restored((said,), frozenset(), outcomes=(opened,)))
    after.wait(60)
    assert (after.shows(ANNA), after.agent(ANNA).overrun_at) == ("WRAP_UP", said.until_at)


def test_what_is_known_of_outcomes_is_forgotten_with_the_calls() -> None:
    world = demanding()
    for number in range(5):
        call = talk(world, f"call {number}")
        name_outcome(world, call)
        hang_up(world, call)
        world.wait(30)
    assert len(world.state.outcomes) == 1


# ---- by kind of call, and how often it may be extended -------------------------------------------


@pytest.mark.parametrize(
    ("kind", "time", "shown"),
    [
        ("direct", 15, "WRAP_UP"),
        ("direct", 0, "READY"),
        ("internal", 15, "WRAP_UP"),
        ("internal", None, "WRAP_UP"),
        ("internal", 0, "READY"),
    ],
)
def test_wrap_up_is_a_matter_of_the_kind_of_call(kind: str, time: float | None, shown: str) -> None:
    times = {kind: None if time is None else seconds(time)}
    world = World(
        replace(configuration(rules(SALES, wrap_up_time=seconds(40))), wrap_up_times=times)
    )
    world.seat(ANNA, BEN)
    call, leg = CallId("x"), LegId("his")
    internal = {"direction": "internal", "endpoint": PHONES[BEN]} if kind == "internal" else {}
    offered = ev.CallOffered(at=world.now, call_id=call, leg_id=LegId("caller"), **internal)  # type: ignore[arg-type]
    world.step(offered)
    world.step(ev.LegDialled(at=world.now, call_id=call, leg_id=leg, endpoint=PHONES[ANNA]))
    world.step(ev.CallConnected(at=world.now, call_id=call, leg_id=leg, endpoint=PHONES[ANNA]))
    assert world.agent(ANNA).kind == kind
    world.step(ev.LegEnded(at=world.now, call_id=call, leg_id=leg, endpoint=PHONES[ANNA], cause=16))
    world.end(call)
    assert world.shows(ANNA) == shown
    world.wait(16)
    assert world.shows(ANNA) == ("WRAP_UP" if time is None else "READY")


def test_a_wrap_up_is_extended_so_often_and_a_restart_remembers_it() -> None:
    queue = rules(SALES, wrap_up_time=seconds(20))
    world = World(replace(configuration(queue), extensions=2))
    world.seat(ANNA)
    call = talk(world, has_ticket=False)
    hang_up(world, call)
    ends_at = world.now + seconds(140)
    for _ in range(2):
        world.step(d.ExtendWrapUp(ANNA))
    with pytest.raises(CommandRefused) as refused:
        world.step(d.ExtendWrapUp(ANNA))
    assert refused.value.reason == "no_more_time"
    said = [e for e in world.published(ev.AgentStateChanged) if e.agent_id == ANNA][-1]
    after = World(world.config)
    after.now = world.now
    after.step(d.Restored((said,), frozenset()))
    with pytest.raises(CommandRefused):
        after.step(d.ExtendWrapUp(ANNA))
    assert after.agent(ANNA).deadline_at == ends_at
    world.wait(141)
    call = talk(world, "b", has_ticket=False)
    hang_up(world, call)
    world.step(d.ExtendWrapUp(ANNA))  # the next one may be extended again
