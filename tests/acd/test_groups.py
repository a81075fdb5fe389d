"""Ring all: one reservation of several agents, of whom one gets the caller and the others nothing."""

from __future__ import annotations

import pytest

from acd import decisions as d
from acd import model
from acd.model import Agent, Configuration, Phase, Profile
from acd.rules import CustomerGroup, Tier
from acd.strategy import Strategy
from cti.domain import events as ev
from cti.domain.call import Call, CallState, Leg, LegState
from cti.domain.evolving import replace
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

ALL = (ANNA, BEN, CHEN)
DECLINED, ELSEWHERE = 17, 26


def world(**changes: object) -> World:
    """Anna, Ben and Chen serve sales, which rings all, and help, which asks one after the other."""
    changes = {"strategy": Strategy.RING_ALL, "gap_time": seconds(2), **changes}
    return World(configuration(rules(SALES, **changes), rules(HELP)))


def rung(there: World, name: str = "c") -> tuple[CallId, dict[AgentId, LegId]]:
    """All are seated and rung for a caller."""
    there.seat(*ALL)
    call = there.enqueue(name)
    return call, ring(there, call)


def ring(there: World, call: CallId, *agents: AgentId) -> dict[AgentId, LegId]:
    """The phones of these agents ring."""
    legs = {agent: there.dial(call, agent) for agent in agents or ALL}
    for agent in legs:
        there.phone(agent, "ringing")
    return legs


def silent(there: World, call: CallId, legs: dict[AgentId, LegId], cause: int) -> None:
    """These phones fall silent."""
    for agent, leg in legs.items():
        there.leg_ended(call, agent, leg, cause)
        there.phone(agent, "idle")


def answered(there: World, call: CallId, legs: dict[AgentId, LegId], winner: AgentId) -> None:
    there.step(
        ev.CallConnected(at=there.now, call_id=call, leg_id=legs[winner], endpoint=PHONES[winner])
    )


def nobody_answered(
    there: World, call: CallId, legs: dict[AgentId, LegId], result: str = "no_answer"
) -> None:
    """The ring is over, as Asterisk tells it: the legs, the result, the caller waits again."""
    silent(there, call, legs, 0)
    first = next(iter(legs))
    there.refuse(call, first, result)


def released(there: World) -> list[tuple[str, str]]:
    return [(e.agent_id, e.reason) for e in there.published(ev.ReservationReleased)]


def test_all_free_agents_are_reserved_at_once_and_each_is_shown_the_caller() -> None:
    there = world()
    there.seat(*ALL)
    call = there.enqueue("c")
    [group] = there.made(d.ReserveAll)
    assert there.pairs() == []
    assert {x.agent_id: x.endpoint for x in group.offers} == PHONES
    assert {x.chosen_at for x in group.offers} == {there.now}
    assert [there.shows(a) for a in ALL] == ["RESERVED"] * 3
    assert [e.agent_id for e in there.published(ev.AgentReserved)] == list(ALL)
    entry = there.state.entries[call]
    assert (entry.phase, entry.agent_id) == (Phase.OFFERED, None)


def test_who_answers_first_has_him_and_the_others_are_as_before() -> None:
    there = world()
    call, legs = rung(there)
    before = {a: there.agent(a) for a in ALL}
    answered(there, call, legs, BEN)
    assert [there.shows(a) for a in ALL] == ["READY", "TALKING", "READY"]
    assert released(there) == [(ANNA, "answered_elsewhere"), (CHEN, "answered_elsewhere")]
    for loser in (ANNA, CHEN):
        assert there.agent(loser).idle_since_at == before[loser].idle_since_at
        assert there.agent(loser).missed == 0
    [taken] = there.published(ev.CallAnswered)
    assert taken.agent_id == BEN
    silent(there, call, {a: legs[a] for a in (ANNA, CHEN)}, ELSEWHERE)
    assert not there.published(ev.AgentDidNotAnswer)
    there.wait(1)
    assert set(there.state.free) == {ANNA, CHEN}, "without the gap of two seconds"


@pytest.mark.parametrize("legs_first", [True, False])
def test_the_next_caller_rings_all_who_lost_together(legs_first: bool) -> None:
    there = world()
    call, legs = rung(there)
    later = there.enqueue("later")
    losers = {a: legs[a] for a in (ANNA, CHEN)}
    if legs_first:
        silent(there, call, losers, ELSEWHERE)
        answered(there, call, legs, BEN)
    else:
        answered(there, call, legs, BEN)
        silent(there, call, losers, ELSEWHERE)
    there.wait(1)
    assert there.groups()[1:] == [(later, [ANNA, CHEN])]


def test_nobody_answers_nobody_is_to_blame_and_he_is_rung_again_after_a_pause() -> None:
    there = world(rona_after=1)
    call, legs = rung(there)
    behind = there.enqueue("behind")
    there.wait(15)
    nobody_answered(there, call, legs)
    assert [there.shows(a) for a in ALL] == ["READY"] * 3
    assert sorted(released(there)) == [(a, "no_answer") for a in sorted(ALL)]
    assert not there.published(ev.AgentDidNotAnswer)
    assert all(there.agent(a).missed == 0 for a in ALL)
    entry = there.state.entries[call]
    assert entry.phase is Phase.WAITING
    there.wait(4.9)
    assert len(there.groups()) == 1, "no busy loop"
    there.wait(0.2)
    assert there.groups()[1:] == [(call, list(ALL))], "all, and he before who came after him"
    assert there.state.entries[behind].phase is Phase.WAITING
    assert there.state.entries[call].place == entry.place


def test_whom_nobody_answered_goes_at_once_to_those_who_were_left_out() -> None:
    there = world(ring_at_most=2)
    there.seat(*ALL)
    call = there.enqueue("c")
    assert there.groups() == [(call, [ANNA, BEN])]
    nobody_answered(there, call, ring(there, call, ANNA, BEN))
    assert there.groups()[1:] == [(call, [CHEN])]


def test_too_many_are_left_out_by_the_rules_of_the_page() -> None:
    names = [AgentId(x) for x in ("mis", "cos", "far", "new", "old")]
    queues = frozenset({SALES})
    penalties: dict[AgentId, dict[object, int]] = {names[2]: {SALES: 3}}
    profiles = {
        name: Profile(
            name,
            queues,
            (Endpoint(f"{1000 + i}"),),
            penalties=penalties.get(name, {}),  # type: ignore[arg-type]
            rank=i,
        )
        for i, name in enumerate(names)
    }
    group = CustomerGroup(preferred=frozenset({names[1]}))
    queue = rules(strategy=Strategy.RING_ALL, ring_at_most=4)
    there = World(Configuration({SALES: queue}, profiles, groups={"gold": group}))
    call = CallId("c")
    missed = ev.AgentDidNotAnswer(
        at=there.now, call_id=call, agent_id=names[0], queue=SALES, reason="declined"
    )
    for name in reversed(names):
        [phone] = profiles[name].phones
        there.step(d.SignIn(name, phone))
        there.step(ev.PhoneStateChanged(at=there.now, endpoint=phone, state="idle"))
        there.step(d.SayReady(name))
        there.wait(1)
    there.step(d.Restored((), frozenset(), (), (), (replace(missed, at=there.now),), {}))
    there.step(d.CallerKnown(call, "gold"))
    there.enqueue("c")
    [(_, found)] = there.groups()
    assert found == ["cos", "old", "new", "far"]


def test_only_who_is_able_and_in_the_tier() -> None:
    there = world(tiers=(Tier(seconds(0), 0), Tier(seconds(10), 5)))
    profiles = dict(there.config.profiles)
    profiles[CHEN] = replace(profiles[CHEN], penalties={SALES: 5})
    profiles[BEN] = replace(profiles[BEN], queues=frozenset({HELP}))
    config = Configuration(there.config.queues, profiles)
    for waited, asked in ((0, [ANNA]), (10, [ANNA, CHEN])):
        there = World(config)
        there.seat(*ALL)
        there.enqueue("c", waited=waited)
        assert there.groups() == [("c", asked)]


@pytest.mark.parametrize("cause", [17, 21])
def test_who_declines_leaves_the_group_and_the_others_ring_on(cause: int) -> None:
    there = world()
    call, legs = rung(there)
    silent(there, call, {BEN: legs.pop(BEN)}, cause)
    assert [there.shows(a) for a in ALL] == ["RINGING", "READY", "RINGING"]
    [declined] = there.published(ev.AgentDidNotAnswer)
    assert (declined.agent_id, declined.reason) == (BEN, "declined")
    answered(there, call, legs, CHEN)
    silent(there, call, {ANNA: legs[ANNA]}, ELSEWHERE)
    assert there.agent(CHEN).call_id == call
    there.wait(10)
    assert set(there.state.free) == {ANNA, BEN}


def test_who_declined_is_not_rung_alone_when_the_others_let_it_ring() -> None:
    there = world()
    call, legs = rung(there)
    silent(there, call, {BEN: legs.pop(BEN)}, DECLINED)
    there.wait(14)
    nobody_answered(there, call, legs)
    there.wait(4.9)
    assert len(there.groups()) == 1
    there.wait(0.2)
    assert there.groups()[1:] == [(call, list(ALL))]


def test_who_has_a_call_of_his_own_declines_nothing() -> None:
    there = world()
    call, legs = rung(there)
    there.phone(BEN, "in_use")
    there.leg_ended(call, BEN, legs[BEN], DECLINED)
    assert not there.published(ev.AgentDidNotAnswer)
    assert released(there) == [(BEN, "busy")]


def test_all_decline_and_he_is_not_rung_in_a_loop() -> None:
    there = world(gap_time=seconds(0))
    call, legs = rung(there)
    silent(there, call, legs, DECLINED)
    there.refuse(call, ANNA, "declined")
    assert there.state.entries[call].phase is Phase.WAITING
    there.wait(4.9)
    assert len(there.groups()) == 1
    there.wait(0.2)
    assert there.groups()[1:] == [(call, list(ALL))]


def test_a_phone_that_dies_in_the_ring_leaves_the_others_ringing() -> None:
    there = world()
    call, legs = rung(there)
    there.phone(ANNA, "unavailable")
    there.leg_ended(call, ANNA, legs[ANNA], cause=127)
    assert there.shows(ANNA) == "RINGING", "the reason may come yet"
    there.wait(2)
    assert [there.shows(a) for a in ALL] == ["READY", "RINGING", "RINGING"]
    assert ANNA not in there.state.free
    answered(there, call, legs, BEN)
    assert there.shows(BEN) == "TALKING"


def test_who_signs_out_while_it_rings_is_gone_when_another_answers() -> None:
    there = world()
    call, legs = rung(there)
    there.step(d.SignOut(ANNA))
    assert there.shows(ANNA) == "RINGING"
    answered(there, call, legs, BEN)
    assert [there.shows(a) for a in ALL] == ["LOGGED_OUT", "TALKING", "READY"]


def test_who_takes_another_call_leaves_the_group() -> None:
    there = world()
    call, legs = rung(there)
    other = CallId("direct")
    there.step(ev.CallOffered(at=there.now, call_id=other, leg_id=LegId("x")))
    phone = {"leg_id": LegId("y"), "endpoint": PHONES[ANNA]}
    there.step(ev.LegDialled(at=there.now, call_id=other, **phone))  # type: ignore[arg-type]
    there.step(ev.CallConnected(at=there.now, call_id=other, **phone))  # type: ignore[arg-type]
    assert there.agent(ANNA).call_id == other
    assert not there.made(d.WithdrawOffer), "the others ring on"
    answered(there, call, legs, BEN)
    assert [there.agent(a).call_id for a in ALL] == [other, call, None]


def test_the_caller_hangs_up_and_all_are_free() -> None:
    there = world()
    call, legs = rung(there)
    later = there.enqueue("later")
    there.end(call)
    assert call not in there.state.entries
    for agent, leg in legs.items():
        there.wait(0.01)
        there.leg_ended(call, agent, leg)
        there.phone(agent, "idle")
    assert [there.shows(a) for a in ALL] == ["READY"] * 3
    assert {reason for _, reason in released(there)} == {"caller_gone"}
    [abandoned] = there.published(ev.CallAbandoned)
    assert abandoned.call_id == call
    there.wait(3)
    assert there.groups()[1:] == [(later, list(ALL))], "together, though their legs ended apart"


def test_an_agent_is_in_one_group_only() -> None:
    there = world()
    call, _ = rung(there)
    there.enqueue("later")
    there.enqueue("help", HELP)
    assert there.groups() == [(call, list(ALL))]
    assert there.pairs() == []


def test_phones_that_cannot_be_rung_leave_the_group_in_time() -> None:
    there = world()
    there.seat(*ALL)
    call = there.enqueue("c")
    there.dial(call, ANNA)
    there.wait(3.1)
    assert [there.shows(a) for a in ALL] == ["RINGING", "READY", "READY"]
    assert sorted(released(there)) == [(BEN, "not_dialled"), (CHEN, "not_dialled")]
    assert there.state.entries[call].phase is Phase.OFFERED


def test_a_group_that_is_never_dialled_is_given_up() -> None:
    there = world()
    there.seat(*ALL)
    call = there.enqueue("c")
    there.wait(3.1)
    assert [there.shows(a) for a in ALL] == ["READY"] * 3
    assert there.state.entries[call].phase is Phase.WAITING
    there.wait(6)
    assert there.groups()[1:] == [(call, list(ALL))]


def test_a_ring_without_a_result_is_withdrawn_when_the_last_is_given_up() -> None:
    there = world(ring_time=seconds(10))
    call, _ = rung(there)
    there.wait(15.1)
    assert there.made(d.WithdrawOffer) == [d.WithdrawOffer(call)]
    assert [there.shows(a) for a in ALL] == ["READY"] * 3
    assert there.state.entries[call].phase is Phase.WAITING


@pytest.mark.parametrize("reason", [d.NOT_SENT, "wrong_state", "no_such_call"])
def test_an_offer_that_is_refused_frees_all(reason: str) -> None:
    there = world()
    there.seat(*ALL)
    call = there.enqueue("c")
    there.step(d.OfferRefused(call, None, there.agent(ANNA).since_at, reason))
    assert [there.shows(a) for a in ALL] == ["READY"] * 3
    assert released(there) == [(a, reason) for a in ALL]
    assert there.state.entries[call].phase is Phase.WAITING
    there.wait(6)
    assert there.groups()[1:] == [(call, list(ALL))]


def test_a_refusal_of_an_offer_before_means_nothing() -> None:
    there = world()
    there.seat(*ALL)
    call = there.enqueue("c")
    there.step(d.OfferRefused(call, None, there.now - seconds(1), "wrong_state"))
    there.step(d.OfferRefused(call, ANNA, there.now - seconds(1), "wrong_state"))
    assert [there.shows(a) for a in ALL] == ["RESERVED"] * 3


def test_a_result_of_a_ring_before_means_nothing() -> None:
    there = world(ring_at_most=2)
    there.seat(*ALL)
    call = there.enqueue("c")
    there.step(
        ev.CallNotAnswered(at=there.now, call_id=call, endpoint=PHONES[CHEN], result="no_answer")
    )
    assert [there.shows(a) for a in (ANNA, BEN)] == ["RESERVED"] * 2


def test_who_falls_back_leaves_all_free() -> None:
    there = world()
    call, _ = rung(there)
    there.step(ev.CallFellBack(at=there.now, call_id=call, queue=SALES))
    assert {there.shows(a) for a in ALL} == {"READY"}
    assert not there.state.entries[call].is_group


def test_an_offer_that_comes_late_makes_a_group_again() -> None:
    there = world()
    there.seat(*ALL)
    call = there.enqueue("c")
    there.wait(3.1)
    legs = ring(there, call, ANNA, BEN)
    entry = there.state.entries[call]
    assert (entry.phase, entry.is_group) == (Phase.OFFERED, True)
    assert [there.shows(a) for a in (ANNA, BEN)] == ["RINGING"] * 2
    answered(there, call, legs, BEN)
    assert [there.shows(a) for a in (ANNA, BEN)] == ["READY", "TALKING"]


def test_an_own_agent_is_asked_alone_by_the_rules_for_one() -> None:
    there = world(rona_after=1)
    there.seat(*ALL)
    there.step(d.CallerKnown(CallId("c"), dedicated=(BEN,)))
    call = there.enqueue("c")
    assert there.pairs() == [("c", BEN)]
    there.dial(call, BEN)
    there.refuse(call, BEN)
    assert there.shows(BEN) == "NOT_READY:rona"
    assert there.groups() == [(call, [ANNA, CHEN])]


# ---- the service was killed --------------------------------------------------------------------


def told(there: World, agent: Agent) -> ev.AgentStateChanged:
    """What the journal says of an agent."""
    return ev.AgentStateChanged(
        at=there.now,
        agent_id=agent.agent_id,
        state=agent.state.value,
        previous="READY",
        endpoint=agent.endpoint,
        call_id=agent.call_id,
        queue=agent.queue,
        kind=agent.kind,
    )


def live(there: World, call_id: CallId, state: CallState, *legs: Leg) -> Call:
    return Call(
        call_id=call_id,
        caller_leg_id=LegId("caller"),
        offered_at=there.now,
        state=state,
        queue=SALES,
        enqueued_at=there.now,
        endpoint=legs[-1].endpoint if legs else None,
        legs={leg.leg_id: leg for leg in legs},
    )


def restart(there: World, believed: Call, seen: Call) -> None:
    """The service comes back: what its journal says, then what Asterisk shows."""
    agents = tuple(told(there, agent) for agent in there.state.agents.values())
    there.state = model.empty(there.config)
    there.log.clear()
    there.step(d.Restored(agents, frozenset(), (believed,)))
    for agent in ALL:
        there.phone(agent, "ringing")
    there.step(d.Linked((seen,)))


def legs_of(there: World, legs: dict[AgentId, LegId], *agents: AgentId) -> list[Leg]:
    return [Leg(legs[a], PHONES[a], LegState.RINGING, there.now) for a in agents]


def test_a_group_that_rings_is_found_again_after_a_restart() -> None:
    there = world()
    call, legs = rung(there)
    ringing = live(there, call, CallState.RINGING, *legs_of(there, legs, *ALL))
    restart(there, ringing, ringing)
    assert [there.shows(a) for a in ALL] == ["RINGING"] * 3
    entry = there.state.entries[call]
    assert (entry.phase, entry.is_group) == (Phase.OFFERED, True)
    answered(there, call, legs, CHEN)
    assert [there.shows(a) for a in ALL] == ["READY", "READY", "TALKING"]
    assert not there.published(ev.AgentDidNotAnswer)


def test_who_left_the_group_meanwhile_is_free_after_a_restart() -> None:
    there = world()
    call, legs = rung(there)
    ringing = live(there, call, CallState.RINGING, *legs_of(there, legs, *ALL))
    restart(there, ringing, live(there, call, CallState.RINGING, *legs_of(there, legs, BEN)))
    assert [there.shows(a) for a in ALL] == ["READY", "RINGING", "READY"]
    nobody_answered(there, call, {BEN: legs[BEN]})
    assert there.shows(BEN) == "READY"
    assert there.state.entries[call].phase is Phase.WAITING


def test_somebody_answered_while_the_service_was_dead() -> None:
    there = world()
    call, legs = rung(there)
    ringing = live(there, call, CallState.RINGING, *legs_of(there, legs, *ALL))
    up = Leg(legs[ANNA], PHONES[ANNA], LegState.UP, there.now)
    restart(there, ringing, live(there, call, CallState.TALKING, up))
    assert [there.shows(a) for a in ALL] == ["TALKING", "READY", "READY"]


def test_a_group_that_was_reserved_but_not_rung_is_released_after_a_restart() -> None:
    there = world()
    there.seat(*ALL)
    call = there.enqueue("c")
    waiting = live(there, call, CallState.WAITING)
    restart(there, waiting, waiting)
    assert [there.shows(a) for a in ALL] == ["READY"] * 3
    entry = there.state.entries[call]
    assert (entry.phase, entry.is_group) == (Phase.WAITING, False)


def test_a_link_that_was_lost_for_a_moment_leaves_a_reserved_group_as_it_is() -> None:
    there = world()
    there.seat(*ALL)
    call = there.enqueue("c")
    there.step(d.Unlinked())
    there.step(d.Linked((live(there, call, CallState.WAITING),)))
    assert [there.shows(a) for a in ALL] == ["RESERVED"] * 3
    assert there.state.entries[call].is_group


def test_a_group_of_whom_nobody_is_known_leaves_a_caller_who_waits() -> None:
    there = world()
    there.seat(*ALL)
    call = CallId("c")
    there.step(d.Linked((live(there, call, CallState.RINGING),)))
    assert there.groups() == [(call, list(ALL))], "he is offered as if he waited"
