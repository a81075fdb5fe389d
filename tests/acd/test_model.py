"""The core: commands of agents, the life of a caller, order of the line, recovery."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acd import decisions as d
from acd import model
from acd.model import AGENT_TRANSITIONS, AgentState, Phase, Trigger
from acd.states import next_state
from cti.domain import events as ev
from cti.domain.call import Call, CallState, Leg, LegState
from cti.domain.errors import CommandRefused, IllegalTransition
from cti.domain.ids import AgentId, CallId, Endpoint, LegId
from tests.acd.world import (
    ANNA,
    BEN,
    CHEN,
    HELP,
    PHONES,
    SALES,
    World,
    configuration,
    rules,
    seconds,
)

pytestmark = pytest.mark.unit


def live(name: str, world: World, state: CallState, endpoint: Endpoint | None = None) -> Call:
    return Call(
        call_id=CallId(name),
        caller_leg_id=LegId(f"{name}-caller"),
        offered_at=world.now,
        state=state,
        queue=SALES,
        enqueued_at=world.now,
        endpoint=endpoint,
    )


# ---- the table ---------------------------------------------------------------------------------


def test_a_trigger_that_the_table_does_not_know_is_one_clear_error() -> None:
    with pytest.raises(IllegalTransition, match="agent in state LOGGED_OUT can't take RESERVE"):
        next_state(AgentState.LOGGED_OUT, Trigger.RESERVE)


def test_every_busy_state_can_end_in_every_rest() -> None:
    for state in (AgentState.RESERVED, AgentState.RINGING, AgentState.TALKING):
        reachable = set(AGENT_TRANSITIONS[state].values())
        assert {AgentState.READY, AgentState.NOT_READY, AgentState.LOGGED_OUT} <= reachable


# ---- what agents ask for -----------------------------------------------------------------------


def test_sign_in_takes_a_seat_and_tells_the_fallback() -> None:
    world = World()
    world.step(d.SignIn(ANNA, PHONES[ANNA]))
    assert world.shows(ANNA) == "NOT_READY:signed_in"
    [mirror] = world.made(d.Mirror)
    assert mirror.mirror.is_paused
    assert mirror.mirror.queues == (SALES,)
    world.step(d.SayReady(ANNA))
    assert not world.made(d.Mirror)[-1].mirror.is_paused
    world.step(d.SignOut(ANNA))
    assert world.made(d.Mirror)[-1].mirror.queues == ()
    assert [e.state for e in world.published(ev.AgentStateChanged)] == [
        "NOT_READY",
        "READY",
        "LOGGED_OUT",
    ]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (d.SignIn(ANNA, Endpoint("1002")), "not_your_phone"),
        (d.SignIn(AgentId("nobody"), Endpoint("1001")), "no_such_agent"),
        (d.SayReady(ANNA), "signed_out"),
        (d.SayNotReady(BEN, "golf"), "no_such_reason"),
        (d.SayNotReady(BEN, "rona"), "no_such_reason"),
        (d.SayNotReady(BEN, ""), "no_such_reason"),
        (d.ExtendWrapUp(BEN), "not_in_wrap_up"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_stable_reason(
    command: d.Command, reason: str
) -> None:
    world = World()
    world.seat(BEN)
    before = world.state
    with pytest.raises(CommandRefused) as refusal:
        world.step(command)
    assert refusal.value.reason == reason
    assert world.state is before


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (d.SayNotReady(ANNA, "lunch"), "NOT_READY:lunch"),
        (d.SignOut(ANNA), "LOGGED_OUT"),
        (d.SayReady(ANNA), "READY"),
    ],
)
def test_what_is_asked_for_in_a_call_is_shown_and_comes_after_it(
    asked: d.Command, shown: str
) -> None:
    world = World(configuration(rules(wrap_up_time=seconds(30)), agents=1))
    world.seat(ANNA)
    call = world.enqueue("a")
    world.answer(call, ANNA)
    world.step(asked)
    assert world.shows(ANNA) == "TALKING"
    last = world.published(ev.AgentStateChanged)[-1]
    assert last.next_state == shown.partition(":")[0]
    assert last.next_reason == shown.partition(":")[2]
    world.leg_ended(call, ANNA)
    world.end(call)
    assert world.shows(ANNA) == shown


def test_a_break_asked_for_in_a_call_already_pauses_the_fallback_member() -> None:
    world = World()
    world.seat(ANNA)
    world.answer(world.enqueue("a"), ANNA)
    world.step(d.SayNotReady(ANNA, "lunch"))
    assert world.made(d.Mirror)[-1].mirror.is_paused


def test_the_phone_cannot_be_changed_in_a_call() -> None:
    world = World()
    profile = world.agent(ANNA).profile
    both = (PHONES[ANNA], Endpoint("1001w"))
    changed = model.Profile(ANNA, profile.queues, both)
    world.config = model.Configuration(world.config.queues, {ANNA: changed})
    world.state = model.empty(world.config)
    world.step(d.Linked(()))
    world.seat(ANNA)
    world.answer(world.enqueue("a"), ANNA)
    with pytest.raises(CommandRefused, match="Finish the call"):
        world.step(d.SignIn(ANNA, both[1]))


# ---- who gets whom -----------------------------------------------------------------------------


def test_the_longest_idle_agent_gets_the_longest_waiting_caller() -> None:
    world = World()
    first, second = world.enqueue("late", waited=5), world.enqueue("early", waited=9)
    world.seat(BEN, ANNA)
    assert world.pairs() == [(second, BEN), (first, ANNA)]


def test_credit_counts_as_wait_across_queues() -> None:
    world = World(configuration(rules(SALES), rules(HELP)))
    world.enqueue("plain", SALES, waited=10)
    world.enqueue("gold", HELP, waited=1, credit=30)
    world.seat(ANNA)
    assert world.pairs() == [("gold", ANNA)]


@pytest.mark.parametrize("state", ["unavailable", "in_use", "on_hold", "ringing", "unknown"])
def test_a_ready_agent_whose_phone_disagrees_is_not_offered(state: str) -> None:
    world = World()
    world.seat(ANNA)
    world.phone(ANNA, state)
    world.enqueue("a")
    assert world.pairs() == []
    world.phone(ANNA, "idle")
    assert world.pairs() == [("a", ANNA)]


def test_an_agent_gets_a_pause_between_two_calls() -> None:
    world = World(configuration(rules(gap_time=seconds(2)), agents=1))
    world.seat(ANNA)
    first, second = world.enqueue("a"), world.enqueue("b")
    world.answer(first, ANNA)
    world.leg_ended(first, ANNA)
    world.end(first)
    world.wait(1.9)
    assert world.pairs() == [(first, ANNA)]
    world.wait(0.1)
    assert world.pairs() == [(first, ANNA), (second, ANNA)]


def test_nobody_is_matched_while_the_link_is_down() -> None:
    world = World()
    world.seat(ANNA)
    world.step(d.Unlinked())
    world.enqueue("a")
    assert world.pairs() == []


# ---- a call's life -----------------------------------------------------------------------------


def test_a_call_from_reservation_to_wrap_up() -> None:
    world = World(configuration(rules(wrap_up_time=seconds(30)), agents=1))
    world.seat(ANNA)
    call = world.enqueue("a", waited=7)
    [reserve] = world.made(d.Reserve)
    assert (reserve.endpoint, reserve.ring_time) == (PHONES[ANNA], seconds(15))
    assert world.shows(ANNA) == "RESERVED"
    world.dial(call, ANNA)
    assert world.shows(ANNA) == "RINGING"
    world.answer(call, ANNA)
    assert world.shows(ANNA) == "TALKING"
    assert world.published(ev.CallAnswered)[0].wait_time == seconds(7)
    world.end(call)
    assert world.shows(ANNA) == "TALKING", "his own leg is still there"
    world.leg_ended(call, ANNA)
    assert world.shows(ANNA) == "WRAP_UP"
    assert world.published(ev.AgentStateChanged)[-1].until_at == world.now + seconds(30)
    world.step(d.ExtendWrapUp(ANNA))
    world.wait(89)
    assert world.shows(ANNA) == "WRAP_UP"
    world.wait(1)
    assert world.shows(ANNA) == "READY"
    assert world.published(ev.CallAbandoned) == []


def test_ready_pressed_ends_the_wrap_up() -> None:
    world = World(configuration(rules(wrap_up_time=seconds(30))))
    world.seat(ANNA)
    call = world.enqueue("a")
    world.answer(call, ANNA)
    world.leg_ended(call, ANNA)
    world.step(d.SayReady(ANNA))
    assert world.shows(ANNA) == "READY"
    world.wait(60)
    assert world.shows(ANNA) == "READY"


def test_a_wrap_up_without_a_limit_ends_by_the_agent_alone() -> None:
    world = World(configuration(rules(wrap_up_time=None)))
    world.seat(ANNA)
    call = world.enqueue("a")
    world.answer(call, ANNA)
    world.leg_ended(call, ANNA)
    world.step(d.ExtendWrapUp(ANNA))
    world.wait(3600)
    assert world.shows(ANNA) == "WRAP_UP"
    assert world.published(ev.AgentStateChanged)[-1].until_at is None


def test_a_caller_who_hangs_up_before_the_phone_was_dialled_frees_the_agent_at_once() -> None:
    world = World()
    world.seat(ANNA)
    world.end(world.enqueue("a", waited=3))
    assert world.shows(ANNA) == "READY"
    assert world.published(ev.ReservationReleased)[0].reason == "caller_gone"
    assert world.published(ev.CallAbandoned)[0].wait_time == seconds(3)


@pytest.mark.parametrize("leg_first", [True, False])
def test_a_caller_who_hangs_up_in_the_ring_frees_the_agent_with_his_leg(leg_first: bool) -> None:
    world = World()
    world.seat(ANNA)
    call = world.enqueue("a")
    world.dial(call, ANNA)
    for is_leg in (leg_first, not leg_first):
        assert world.shows(ANNA) == "RINGING"
        if is_leg:
            world.leg_ended(call, ANNA)
        else:
            world.end(call)
    assert world.shows(ANNA) == "READY"
    assert world.published(ev.AgentDidNotAnswer) == []


def test_a_leg_whose_end_is_never_told_holds_the_agent_two_seconds() -> None:
    world = World()
    world.seat(ANNA)
    call = world.enqueue("a")
    world.answer(call, ANNA)
    world.end(call)
    world.wait(1.9)
    assert world.shows(ANNA) == "TALKING"
    world.wait(0.1)
    assert world.shows(ANNA) == "READY"


def test_a_reservation_without_a_dialled_phone_ends_after_three_seconds() -> None:
    world = World(configuration(rules(), agents=1))
    world.seat(ANNA)
    call = world.enqueue("a")
    world.wait(3)
    assert world.shows(ANNA) == "READY"
    assert world.published(ev.ReservationReleased)[0].reason == "not_dialled"
    world.wait(4.9)
    assert world.pairs() == [(call, ANNA)]
    world.wait(0.1)
    assert world.pairs() == [(call, ANNA)] * 2, "the caller isn't lost"


def test_a_ring_without_a_result_is_withdrawn() -> None:
    world = World()
    world.seat(ANNA)
    call = world.enqueue("a")
    world.dial(call, ANNA)
    world.wait(20)
    assert world.made(d.WithdrawOffer) == [d.WithdrawOffer(call)]
    assert world.shows(ANNA) == "READY"


def test_an_offer_given_up_and_carried_out_late_is_withdrawn_if_the_agent_is_away() -> None:
    world = World()
    world.seat(ANNA)
    call = world.enqueue("a")
    world.wait(3)
    world.step(d.SayNotReady(ANNA, "lunch"))
    world.dial(call, ANNA)
    assert world.made(d.WithdrawOffer) == [d.WithdrawOffer(call)]
    assert world.shows(ANNA) == "NOT_READY:lunch"


# ---- no answer ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ("no_answer", "NOT_READY:rona"),
        ("declined", "NOT_READY:declined"),
        ("unreachable", "NOT_READY:phone_lost"),
    ],
)
def test_an_unanswered_call_goes_to_somebody_else_at_once(result: str, shown: str) -> None:
    world = World()
    world.seat(ANNA, BEN)
    call = world.enqueue("a", waited=1)
    if result != "unreachable":
        world.dial(call, ANNA)
        world.wait(10)
    world.refuse(call, ANNA, result)
    assert world.shows(ANNA) == shown
    assert world.pairs() == [(call, ANNA), (call, BEN)]
    assert world.published(ev.AgentDidNotAnswer)[0].reason == result
    assert world.published(ev.AgentReserved)[-1].wait_time >= seconds(1), "he keeps his place"


def test_a_caller_who_was_not_answered_stays_ahead_of_later_ones() -> None:
    world = World(configuration(rules(), agents=1))
    world.seat(ANNA)
    first = world.enqueue("a")
    world.dial(first, ANNA)
    world.wait(1)
    world.enqueue("b")
    world.refuse(first, ANNA)
    world.step(d.SayReady(ANNA))
    assert world.pairs() == [(first, ANNA), (first, ANNA)]


def test_below_the_limit_the_agent_stays_ready_but_another_is_asked_first() -> None:
    world = World(configuration(rules(rona_after=2), agents=2))
    world.seat(ANNA, BEN)
    call = world.enqueue("a")
    for agent in (ANNA, BEN, ANNA):
        world.dial(call, agent)
        world.refuse(call, agent)
        world.wait(0.1)
    assert world.pairs() == [(call, ANNA), (call, BEN), (call, ANNA), (call, BEN)]
    assert world.shows(ANNA) == "NOT_READY:rona"


def test_busy_with_an_own_call_is_no_refusal() -> None:
    world = World(configuration(rules(), agents=1))
    world.seat(ANNA)
    call = world.enqueue("a")
    world.phone(ANNA, "in_use")
    world.refuse(call, ANNA, "declined")
    assert world.shows(ANNA) == "READY"
    assert world.pairs() == [(call, ANNA)]


def test_what_the_agent_asked_for_in_the_ring_comes_before_rona() -> None:
    world = World()
    world.seat(ANNA)
    call = world.enqueue("a")
    world.dial(call, ANNA)
    world.step(d.SayNotReady(ANNA, "lunch"))
    world.refuse(call, ANNA)
    assert world.shows(ANNA) == "NOT_READY:lunch"


def test_a_refused_offer_frees_the_agent_and_leaves_the_caller_alone_for_a_while() -> None:
    world = World(configuration(rules(), agents=2))
    world.seat(ANNA, BEN)
    call = world.enqueue("a")
    [reserve] = world.made(d.Reserve)
    world.step(d.OfferRefused(call, ANNA, reserve.chosen_at, "no_such_call"))
    assert world.shows(ANNA) == "READY"
    assert len(world.pairs()) == 1
    world.wait(5)
    assert world.pairs() == [(call, ANNA), (call, ANNA)], "nobody is to blame"
    again = world.made(d.Reserve)[-1]
    world.step(d.OfferRefused(call, ANNA, again.chosen_at, "no_such_call"))
    assert call not in world.state.entries
    assert len(world.published(ev.CallAbandoned)) == 1


def test_an_offer_that_could_not_be_sent_costs_nobody_his_place() -> None:
    world = World(configuration(rules(), agents=2))
    world.seat(ANNA, BEN)
    first = world.enqueue("a")
    [reserve] = world.made(d.Reserve)
    second = world.enqueue("b")
    for made in world.made(d.Reserve):
        world.step(d.OfferRefused(made.call_id, made.agent_id, made.chosen_at, d.NOT_SENT))
    assert (world.shows(ANNA), world.shows(BEN)) == ("READY", "READY")
    assert len(world.pairs()) == 2, "nobody is tried again at once"
    world.wait(1)
    assert {call for call, _ in world.pairs()[2:]} == {first, second}
    assert world.pairs()[2][0] == first
    assert reserve.call_id == first


# ---- a lost page -------------------------------------------------------------------------------


def talking_in_browser() -> tuple[World, CallId]:
    world = World(configuration(rules(wrap_up_time=seconds(30))))
    world.seat(CHEN)
    call = world.enqueue("a")
    world.answer(call, CHEN)
    world.phone(CHEN, "in_use")
    return world, call


def test_a_lost_browser_leg_does_not_free_the_agent_and_the_phone_is_called_again() -> None:
    world, call = talking_in_browser()
    world.leg_ended(call, CHEN)
    assert world.shows(CHEN) == "TALKING"
    world.lose(call, CHEN)
    world.phone(CHEN, "unavailable")
    world.wait(5)
    world.phone(CHEN, "idle")
    assert world.made(d.Rejoin) == [d.Rejoin(call, CHEN, PHONES[CHEN])]
    world.answer(call, CHEN)
    world.wait(60)
    assert world.shows(CHEN) == "TALKING"
    assert {e.state for e in world.published(ev.AgentStateChanged)[-2:]} == {"RINGING", "TALKING"}
    assert len(world.published(ev.CallAnswered)) == 1


def test_a_browser_leg_that_ended_for_no_known_reason_frees_the_agent_soon() -> None:
    world, call = talking_in_browser()
    world.leg_ended(call, CHEN)
    world.wait(0.25)
    assert world.shows(CHEN) == "WRAP_UP"


def test_news_of_the_loss_that_come_late_bring_the_agent_back() -> None:
    world, call = talking_in_browser()
    world.leg_ended(call, CHEN)
    world.wait(1)
    world.lose(call, CHEN)
    assert world.shows(CHEN) == "TALKING"
    world.step(d.PhoneReady(CHEN))
    assert len(world.made(d.Rejoin)) == 1


def test_a_reloaded_page_is_called_at_once_and_the_old_leg_is_no_end() -> None:
    world, call = talking_in_browser()
    old = world.agent(CHEN).leg_id
    world.step(d.PhoneReady(CHEN))
    world.step(d.PhoneReady(CHEN))
    assert len(world.made(d.Rejoin)) == 1
    world.leg_ended(call, CHEN, old)
    world.wait(5)
    assert world.shows(CHEN) == "TALKING"
    world.answer(call, CHEN)
    world.leg_ended(call, CHEN, old)
    world.wait(60)
    assert world.shows(CHEN) == "TALKING"


@pytest.mark.parametrize(
    ("phone", "shown"), [("unavailable", "NOT_READY:phone_lost"), ("idle", "WRAP_UP")]
)
def test_a_lost_caller_who_goes_back_to_the_queue_frees_the_agent(phone: str, shown: str) -> None:
    world, call = talking_in_browser()
    world.lose(call, CHEN)
    world.phone(CHEN, phone)
    world.wait(20)
    world.requeue(call)
    assert world.shows(CHEN) == shown
    world.seat(ANNA)
    assert world.pairs()[-1] == (call, ANNA)


def test_a_rejoin_that_fails_is_tried_again_at_the_next_sign() -> None:
    world, call = talking_in_browser()
    world.lose(call, CHEN)
    world.step(d.PhoneReady(CHEN))
    world.step(d.RejoinRefused(call, CHEN))
    world.step(d.PhoneReady(CHEN))
    assert len(world.made(d.Rejoin)) == 2
    world.wait(30)
    assert world.shows(CHEN) == "NOT_READY:phone_lost", "nothing lasts for ever"


def test_a_desk_phone_that_fell_silent_has_died_and_its_caller_waits_again() -> None:
    world = World()
    world.seat(ANNA)
    call = world.enqueue("a", waited=30)
    world.answer(call, ANNA)
    world.leg_ended(call, ANNA, cause=44)
    assert world.shows(ANNA) == "NOT_READY:phone_lost"
    assert world.made(d.Requeue) == [d.Requeue(call)]
    world.requeue(call)
    world.seat(CHEN)
    assert world.pairs()[-1] == (call, CHEN)
    assert len(world.published(ev.CallAnswered)) == 1


def test_a_desk_phone_that_hangs_up_means_it() -> None:
    world = World()
    world.seat(ANNA)
    call = world.enqueue("a")
    world.answer(call, ANNA)
    world.leg_ended(call, ANNA)
    assert world.shows(ANNA) == "READY"


# ---- the fallback ------------------------------------------------------------------------------


def test_callers_are_fetched_back_before_anybody_is_matched() -> None:
    world = World()
    world.seat(ANNA)
    world.step(d.Unlinked())
    calls = tuple(live(n, world, CallState.FALLBACK) for n in ("old", "young"))
    world.wait(5)
    world.enqueue("new")
    world.step(d.Linked((*calls, live("new", world, CallState.WAITING))))
    assert [x.call_id for x in world.made(d.TakeBack)] == ["old", "young"]
    world.enqueue("young", waited=4)
    assert world.pairs() == []
    world.enqueue("old", waited=6)
    assert world.pairs() == [("old", ANNA)]


def test_matching_waits_no_longer_than_two_seconds_and_asks_again() -> None:
    world = World()
    world.seat(ANNA)
    world.step(d.Unlinked())
    world.enqueue("new")
    new = live("new", world, CallState.WAITING)
    world.step(d.Linked((live("stuck", world, CallState.FALLBACK), new)))
    world.wait(1.9)
    assert world.pairs() == []
    world.wait(0.1)
    assert world.pairs() == [("new", ANNA)]
    world.wait(3)
    assert [x.call_id for x in world.made(d.TakeBack)] == ["stuck", "stuck"]


def test_a_member_whom_the_fallback_rings_talks_and_is_not_blamed() -> None:
    world = World()
    world.seat(ANNA, BEN)
    call = CallId("a")
    world.step(ev.CallFellBack(at=world.now, call_id=call, queue=SALES))
    world.dial(call, ANNA)
    assert world.shows(ANNA) == "RINGING"
    world.step(
        ev.CallNotAnswered(at=world.now, call_id=call, endpoint=PHONES[ANNA], result="no_answer")
    )
    assert world.shows(ANNA) == "READY"
    world.answer(call, BEN)
    assert world.shows(BEN) == "TALKING"
    assert world.published(ev.CallAnswered)[0].agent_id == BEN


def test_who_is_called_while_away_goes_back_to_the_same_reason() -> None:
    world = World()
    world.seat(ANNA)
    world.step(d.SayNotReady(ANNA, "lunch"))
    call = CallId("a")
    world.step(ev.CallFellBack(at=world.now, call_id=call, queue=SALES))
    world.answer(call, ANNA)
    world.leg_ended(call, ANNA)
    assert world.shows(ANNA) == "NOT_READY:lunch"


def test_after_a_stall_matching_waits_for_what_is_still_to_be_read() -> None:
    world = World()
    world.seat(ANNA)
    world.step(d.Stalled())
    world.enqueue("a")
    assert world.pairs() == []
    world.end(CallId("a"))
    world.enqueue("b")
    world.wait(1)
    assert world.pairs() == [("b", ANNA)]


# ---- after a restart ---------------------------------------------------------------------------


def restart(world: World, *calls: Call) -> World:
    again = World(world.config)
    last = {e.agent_id: e for e in world.published(ev.AgentStateChanged)}
    answered = frozenset(e.call_id for e in world.published(ev.CallAnswered))
    again.state = model.empty(world.config)
    again.now = world.now
    again.step(d.Restored(tuple(last.values()), answered))
    for agent, phone in PHONES.items():
        again.step(
            ev.PhoneStateChanged(
                at=again.now, endpoint=phone, state=world.state.phones.get(phone, "idle")
            )
        )
        assert again.agent(agent).state is world.agent(agent).state
    again.step(d.Linked(calls))
    return again


def test_agents_are_found_again_as_they_were() -> None:
    world = World(configuration(rules(wrap_up_time=seconds(30))))
    world.seat(ANNA, BEN)
    call = world.enqueue("a")
    world.answer(call, ANNA)
    world.leg_ended(call, ANNA)
    world.step(d.SayNotReady(BEN, "lunch"))
    again = restart(world)
    assert (again.shows(ANNA), again.shows(BEN)) == ("WRAP_UP", "NOT_READY:lunch")
    assert again.published(ev.AgentStateChanged) == []
    again.wait(30)
    assert again.shows(ANNA) == "READY"


def test_talks_go_on_and_what_the_switch_does_not_know_is_over() -> None:
    world = World()
    world.seat(ANNA, BEN, CHEN)
    talks, gone, new = world.enqueue("talks"), world.enqueue("gone"), CallId("new")
    world.answer(talks, ANNA)
    world.answer(gone, BEN)
    calls = (
        live("talks", world, CallState.TALKING, endpoint=PHONES[ANNA]),
        live("new", world, CallState.TALKING, endpoint=PHONES[CHEN]),
    )
    again = restart(world, *calls)
    assert again.shows(ANNA) == "TALKING"
    assert again.shows(BEN) == "READY"
    assert again.shows(CHEN) == "TALKING"
    assert [e.call_id for e in again.published(ev.CallAnswered)] == [new], "told once"
    again.leg_ended(talks, ANNA, LegId("whatever"))
    assert again.shows(ANNA) == "READY"


def test_a_phone_that_rings_the_second_time_is_known_by_its_living_leg() -> None:
    world = World()
    world.seat(ANNA)
    call = world.enqueue("a")
    phone = PHONES[ANNA]
    legs = {
        LegId("first"): Leg(LegId("first"), phone, LegState.ENDED, world.now),
        LegId("second"): Leg(LegId("second"), phone, LegState.RINGING, world.now),
    }
    rings = replace(live("a", world, CallState.RINGING, endpoint=phone), legs=legs)
    again = restart(world, rings)
    assert again.shows(ANNA) == "RINGING"
    again.end(call)
    again.leg_ended(call, ANNA, LegId("second"))
    assert again.shows(ANNA) == "READY"


def test_a_caller_who_hung_up_while_nobody_listened_has_abandoned() -> None:
    world = World()
    world.seat(ANNA)
    reserved, waiting = world.enqueue("reserved"), world.enqueue("waiting")
    world.dial(reserved, ANNA)
    world.step(d.Unlinked())
    world.step(d.Linked(()))
    assert world.state.entries == {}
    assert [e.call_id for e in world.published(ev.CallAbandoned)] == [reserved, waiting]
    assert world.shows(ANNA) == "READY"


def test_a_recovered_caller_waits_at_his_place() -> None:
    world = World()
    world.seat(ANNA)
    world.step(ev.PhoneStateChanged(at=world.now, endpoint=PHONES[ANNA], state="in_use"))
    world.enqueue("young", waited=1)
    world.step(
        ev.CallRecovered(
            at=world.now,
            call_id=CallId("old"),
            leg_id=LegId("x"),
            state="waiting",
            queue=SALES,
            enqueued_at=world.now - seconds(60),
        )
    )
    assert model.position(world.state, CallId("old")) == 1
    world.phone(ANNA, "idle")
    assert world.pairs() == [("old", ANNA)]


def test_a_ring_that_outlived_us_is_known_again() -> None:
    world = World()
    world.seat(ANNA)
    call = world.enqueue("a")
    world.dial(call, ANNA)
    again = restart(world, live("a", world, CallState.RINGING, endpoint=PHONES[ANNA]))
    assert again.shows(ANNA) == "RINGING"
    assert again.state.entries[call].phase is Phase.OFFERED
    again.refuse(call, ANNA)
    assert again.shows(ANNA) == "NOT_READY:rona"


# ---- announcements and figures -----------------------------------------------------------------


def test_the_position_is_announced_regularly_and_never_gets_worse() -> None:
    world = World(configuration(rules(announce_every=seconds(45))))
    world.enqueue("a")
    mine = world.enqueue("b")
    world.wait(45)
    assert world.made(d.Announce) == [d.Announce(CallId("a")), d.Announce(mine)]
    world.enqueue("gold", credit=100)
    assert model.position(world.state, mine) == 2
    world.wait(45)
    assert len(world.made(d.Announce)) == 5


def test_a_reserved_caller_is_not_sent_on_a_visit() -> None:
    world = World(configuration(rules(announce_every=seconds(2))))
    world.seat(ANNA)
    world.enqueue("a")
    world.wait(2)
    assert world.made(d.Announce) == []


def test_figures_count_who_is_not_connected_yet() -> None:
    world = World()
    world.seat(ANNA, BEN)
    world.enqueue("a", waited=3)
    (figures,) = model.figures(world.state, [SALES], world.now)
    assert (figures.waiting, figures.ready) == (1, 1)
    assert figures.longest_since == world.now - seconds(3)
    world.answer(CallId("a"), ANNA)
    assert model.figures(world.state, [SALES], world.now)[0].waiting == 0


def test_time_only_goes_forward() -> None:
    world = World()
    world.seat(ANNA)
    world.now -= seconds(3600)
    world.enqueue("a")
    assert world.published(ev.AgentReserved)[0].at == world.state.now
    assert world.published(ev.AgentReserved)[0].wait_time >= seconds(0)
