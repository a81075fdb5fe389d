"""Callbacks in the core: his turn comes as if he had waited, live callers are never starved, nobody is called twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from acd import decisions as d
from acd.callback_rules import CallbackRules, Stage
from acd.model import AgentState, Phase, QueueEntry
from cti.domain import callback_events as cb
from cti.domain import events as ev
from cti.domain.call import Call, CallState
from cti.domain.callbacks import attempt_id, is_attempt, mark_of
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, LegId, QueueName, parse_call_id
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

NUMBER = "13800138000"


class Desk(World):
    """A world in which callers ask to be called back, and a switch that makes the calls."""

    def ask(self, call_id: CallId, number: str = NUMBER, queue: QueueName = SALES) -> CallId:
        self.step(d.AskCallback(call_id, queue, number, key=number))
        self.end(call_id)
        return call_id

    def asked(self, name: str, number: str = NUMBER, waited: float = 0) -> CallId:
        """A caller who waited and then asked."""
        return self.ask(self.enqueue(name, waited=waited), number)

    def calls(self) -> list[Call]:
        """The callers who wait, as the switch knows them."""
        return [
            Call(
                call_id=e.call_id, caller_leg_id=LegId(e.call_id), offered_at=e.enqueued_at,
                state=CallState.WAITING, queue=e.queue, enqueued_at=e.enqueued_at,
            )
            for e in self.state.entries.values()
            if not e.is_callback
        ]  # fmt: skip

    @property
    def sent(self) -> list[d.CallBack]:
        return self.made(d.CallBack)

    def chosen(self) -> list[tuple[str, str]]:
        """For whom which agent was chosen so far: callers by their id, callbacks too."""
        return [(x.call_id, x.agent_id) if isinstance(x, d.Reserve) else (x.callback_id, x.reserve.agent_id)
                for x in self.log if isinstance(x, d.Reserve | d.CallBack)]  # fmt: skip

    def lift(self, order: d.CallBack) -> None:
        """The agent's phone takes the call: the customer is called from now on."""
        reserve = order.reserve
        self.step(
            ev.CallOffered(
                at=self.now, call_id=reserve.call_id, leg_id=LegId(f"own-{reserve.call_id}"),
                direction="outbound", endpoint=reserve.endpoint, ani=order.number,
            )
        )  # fmt: skip

    def speak(self, order: d.CallBack) -> None:
        """The customer answers."""
        self.step(
            ev.CallConnected(
                at=self.now, call_id=order.reserve.call_id,
                leg_id=LegId(f"own-{order.reserve.call_id}"), endpoint=order.reserve.endpoint,
            )
        )  # fmt: skip

    def in_vain(self, order: d.CallBack, result: str = "busy") -> None:
        """The customer doesn't answer; the agent's leg ends with the call."""
        self.step(
            ev.DialFailed(at=self.now, call_id=order.reserve.call_id, result=result, cause=17)
        )
        self.end(order.reserve.call_id)

    def ends(self) -> list[tuple[str, str]]:
        return [(x.result, x.reason) for x in self.published(cb.CallbackEnded)]

    def stage(self, callback_id: CallId) -> Stage:
        return self.state.callbacks[callback_id].stage


def desk(agents: int = 3, **changes: Any) -> Desk:
    callback = CallbackRules(**{"share": 100, **changes})
    return Desk(configuration(rules(callback=callback, ring_time=seconds(15)), agents=agents))


# ---- his turn ----------------------------------------------------------------------------------


def test_his_turn_comes_as_if_he_had_waited() -> None:
    world = desk()
    world.enqueue("first", waited=30)
    asked = world.asked("asked", waited=20)
    world.enqueue("third", waited=10)
    world.seat(ANNA, BEN, CHEN)
    assert world.chosen() == [("first", "anna"), (asked, "ben"), ("third", "chen")]


def test_a_live_caller_with_the_same_wait_goes_first() -> None:
    world = desk()
    asked = world.asked("a", waited=20)
    world.enqueue("z", waited=20)
    world.seat(ANNA, BEN)
    assert world.chosen() == [("z", "anna"), (asked, "ben")]


def test_who_asked_is_not_counted_as_gone() -> None:
    world = desk()
    world.asked("asked")
    assert world.published(ev.CallAbandoned) == []


def test_his_credit_and_demand_stay_with_him() -> None:
    world = desk()
    world.step(ev.DemandSet(at=world.now, call_id=CallId("vip"), demand="gold>=2", by="menu"))
    world.ask(world.enqueue("vip", credit=60))
    request = world.published(cb.CallbackRequested)[0]
    assert (request.demand, request.credit_time) == ("(gold>=2)", seconds(60))
    world.seat(ANNA, BEN)
    assert world.sent == []  # nobody has gold


def test_agent_first_then_the_customer_then_it_is_done() -> None:
    world = desk()
    asked = world.asked("asked", waited=20)
    world.seat(ANNA)
    order = world.sent[0]
    assert (world.shows(ANNA), order.number) == ("RESERVED", NUMBER)
    world.lift(order)
    assert (world.shows(ANNA), world.agent(ANNA).kind) == ("TALKING", "outbound")
    assert world.stage(asked) is Stage.DIALLING
    world.speak(order)
    assert world.ends() == [("done", "")]
    world.end(order.reserve.call_id)
    assert world.state.callbacks == {}
    assert world.shows(ANNA) == "READY"


def test_after_a_conversation_there_is_the_queues_wrap_up_after_a_busy_tone_none() -> None:
    queue = rules(callback=CallbackRules(share=100), wrap_up_time=seconds(30))
    world = Desk(configuration(queue))
    world.asked("asked")
    world.seat(ANNA)
    world.lift(world.sent[0])
    world.in_vain(world.sent[0])
    assert world.shows(ANNA) == "READY"
    world.wait(300)
    world.lift(world.sent[1])
    world.speak(world.sent[1])
    world.end(world.sent[1].reserve.call_id)
    assert world.shows(ANNA) == "WRAP_UP"


# ---- the share ---------------------------------------------------------------------------------


def test_callbacks_have_no_more_than_their_share_while_callers_wait() -> None:
    world = desk(share=34)
    world.asked("a1", "1", waited=90)
    world.asked("a2", "2", waited=80)
    for name in ("live1", "live2", "live3"):
        world.enqueue(name)
    for agent, caller in ((ANNA, "live1"), (BEN, "live2")):
        world.seat(agent)
        world.answer(CallId(caller), agent)
    world.seat(CHEN)
    # Of one or two agents a third is none; of three it is one.
    assert world.chosen() == [("live1", "anna"), ("live2", "ben"), ("a1", "chen")]


def test_one_agent_calls_back_if_nobody_waits() -> None:
    world = desk(share=10)
    world.asked("a1", "1")
    world.asked("a2", "2")
    world.seat(ANNA, BEN)
    assert world.chosen() == [("a1", "anna")]
    world.lift(world.sent[0])
    world.speak(world.sent[0])
    world.end(world.sent[0].reserve.call_id)
    assert [name for name, _ in world.chosen()] == ["a1", "a2"]


def test_who_was_held_back_goes_when_the_last_live_caller_has_gone() -> None:
    world = desk(share=0)
    caller = world.enqueue("live")
    world.asked("a1", "1", waited=50)
    world.step(ev.DemandSet(at=world.now, call_id=caller, demand="gold", by="menu"))
    world.seat(ANNA)
    assert world.chosen() == []
    world.end(caller)
    assert world.chosen() == [("a1", "anna")]


# ---- one for a number --------------------------------------------------------------------------


def test_one_callback_for_a_number_in_a_queue() -> None:
    world = desk()
    world.asked("first")
    again = world.enqueue("again")
    with pytest.raises(CommandRefused, match="already"):
        world.ask(again)
    assert world.state.entries[again].phase is Phase.WAITING
    world.ask(again, "13900139000")
    assert len(world.state.callbacks) == 2


def test_who_has_an_agent_on_his_way_is_not_called_back() -> None:
    world = desk()
    world.seat(ANNA)
    caller = world.enqueue("caller")
    with pytest.raises(CommandRefused) as refused:
        world.step(d.AskCallback(caller, SALES, NUMBER, NUMBER))
    assert refused.value.reason == "has_an_agent"


# ---- in vain -----------------------------------------------------------------------------------


def test_pauses_grow_and_after_the_last_attempt_it_is_over() -> None:
    world = desk(attempts=3, pause_time=seconds(60))
    world.asked("asked")
    world.seat(ANNA)
    for number, pause in enumerate((60, 120, None)):
        assert len(world.sent) == number + 1
        world.lift(world.sent[-1])
        world.in_vain(world.sent[-1], "busy")
        assert world.shows(ANNA) == "READY"
        if pause is not None:
            world.wait(pause - 1)
            assert len(world.sent) == number + 1
            world.wait(1)
    assert world.ends() == [("expired", "busy")]
    assert [x.reason for x in world.published(cb.CallbackPostponed)] == ["busy", "busy"]
    ids = [order.reserve.call_id for order in world.sent]
    assert len(set(ids)) == 3


def test_it_expires_by_time() -> None:
    world = desk(expire_time=seconds(600))
    world.asked("asked")
    world.wait(600)
    assert world.ends() == [("expired", "time")]
    world.seat(ANNA)
    assert world.sent == []


def test_an_agent_who_does_not_take_it_is_away_and_the_next_one_is_asked_at_once() -> None:
    world = desk()
    asked = world.asked("asked")
    world.seat(ANNA, BEN)
    world.wait(20)
    assert world.shows(ANNA) == "NOT_READY:rona"
    assert [order.reserve.agent_id for order in world.sent] == [ANNA, BEN]
    assert world.state.callbacks[asked].attempts == 0
    world.lift(world.sent[0])  # too late: ended, nobody is called by it
    assert world.made(d.DropCallback)[-1] == d.DropCallback(None, world.sent[0].reserve.call_id)
    assert world.stage(asked) is Stage.RESERVED


def test_a_phone_that_is_silent_again_was_not_taken() -> None:
    world = desk()
    world.asked("asked")
    world.seat(ANNA, BEN)
    world.phone(ANNA, "ringing")
    world.phone(ANNA, "idle")
    world.wait(1)
    assert [order.reserve.agent_id for order in world.sent] == [ANNA, BEN]


def test_what_could_not_be_sent_is_tried_again_and_nobody_is_to_blame() -> None:
    world = desk()
    world.asked("asked")
    world.seat(ANNA)
    reserve = world.sent[0].reserve
    world.step(d.OfferRefused(reserve.call_id, ANNA, reserve.chosen_at, "switch_unavailable"))
    assert world.shows(ANNA) == "READY"
    world.wait(5)
    assert len(world.sent) == 2


# ---- hours, withdrawal -------------------------------------------------------------------------


def test_outside_of_the_hours_it_waits_for_the_next_opening() -> None:
    opening_at = datetime(2100, 1, 1).astimezone()

    def is_open(now: datetime) -> bool:
        return now >= opening_at

    world = desk(is_open=is_open)
    opening_at = world.now + timedelta(hours=1)
    asked = world.asked("asked")
    world.seat(ANNA)
    assert world.sent == []
    world.wait(3600)
    world.step(d.Due(None))
    assert [order.callback_id for order in world.sent] == [asked]


def test_who_calls_again_takes_the_place_that_was_kept_for_him() -> None:
    world = desk()
    asked = world.asked("asked", waited=60)
    world.enqueue("other", waited=30)
    again = world.enqueue("again")
    world.step(d.CallerCameIn(asked, again))
    world.seat(ANNA, BEN)
    assert world.chosen() == [("again", "anna"), ("other", "ben")]  # and he isn't called meanwhile
    world.end(again)
    world.seat(CHEN)
    assert world.chosen()[2:] == [(asked, "anna")]


def test_withdrawn_while_it_waits() -> None:
    world = desk()
    asked = world.asked("asked")
    world.step(d.WithdrawCallback(asked, "got_through", "system"))
    world.seat(ANNA)
    assert (world.sent, world.ends()) == ([], [("withdrawn", "got_through")])
    with pytest.raises(CommandRefused):
        world.step(d.WithdrawCallback(asked, "got_through", "system"))


def test_withdrawn_while_the_agents_phone_rings_or_the_customers() -> None:
    for has_lifted in (False, True):
        world = desk()
        asked = world.asked("asked")
        world.seat(ANNA)
        order = world.sent[0]
        if has_lifted:
            world.lift(order)
        world.step(d.WithdrawCallback(asked, "got_through", "system"))
        assert world.made(d.DropCallback) == [d.DropCallback(asked, order.reserve.call_id)]
        if has_lifted:
            world.end(order.reserve.call_id)
        assert world.shows(ANNA) == "READY"


def test_it_is_too_late_to_withdraw_when_they_speak() -> None:
    world = desk()
    asked = world.asked("asked")
    world.seat(ANNA)
    world.lift(world.sent[0])
    world.speak(world.sent[0])
    with pytest.raises(CommandRefused):
        world.step(d.WithdrawCallback(asked, "got_through", "system"))


# ---- after a loss ------------------------------------------------------------------------------


def reborn(world: Desk) -> Desk:
    """A new start from what was published."""
    requests = world.published(cb.CallbackRequested)
    ended = {x.call_id for x in world.published(cb.CallbackEnded)}
    known = []
    for request in requests:
        if request.call_id in ended:
            continue
        postponed = [
            x for x in world.published(cb.CallbackPostponed) if x.call_id == request.call_id
        ]
        last = postponed[-1] if postponed else None
        begun = [x for x in world.published(cb.CallbackAttempted)
                 if x.callback_id == request.call_id and x.serial > (last.serial if last else 0)]  # fmt: skip
        known.append(d.KnownCallback(request, request.number, last, begun[-1] if begun else None))
    new = Desk(world.config)
    new.now = world.now
    states = {x.agent_id: x for x in world.published(ev.AgentStateChanged)}
    restored = d.Restored(tuple(states.values()), frozenset(), callbacks=tuple(known))
    new.state = replace(new.state, is_linked=False)
    new.step(restored)
    return new


def test_a_callback_outlives_us_with_its_place() -> None:
    world = desk()
    asked = world.asked("asked", waited=20)
    new = reborn(world)
    new.step(d.Linked(()))
    new.enqueue("live", waited=10)
    new.wait(3)
    new.seat(ANNA, BEN)
    assert new.chosen() == [(asked, "anna"), ("live", "ben")]


@pytest.mark.parametrize("was_answered", [True, False])
def test_what_had_been_sent_is_looked_up_before_it_is_tried_again(was_answered: bool) -> None:
    world = desk(pause_time=seconds(60))
    asked = world.asked("asked")
    world.seat(ANNA)
    new = reborn(world)
    new.phone(ANNA, "idle")
    new.step(d.Linked(()))
    new.wait(10)
    attempt = world.sent[0].reserve.call_id
    assert new.made(d.FindCallback) == [d.FindCallback(asked, attempt)]
    assert new.sent == []
    new.step(d.CallbackFound(asked, attempt, was_answered))
    new.wait(70)
    if was_answered:
        assert (new.sent, new.ends()) == ([], [("done", "")])
    else:
        assert len(new.sent) == 1
        assert new.sent[0].reserve.call_id != attempt


def test_a_call_that_goes_on_is_known_again() -> None:
    world = desk()
    asked = world.asked("asked")
    world.seat(ANNA)
    order = world.sent[0]
    new = reborn(world)
    new.lift(order)
    new.step(d.CallbackFound(asked, order.reserve.call_id, False))
    assert new.stage(asked) is Stage.DIALLING
    new.speak(order)
    assert new.ends() == [("done", "")]


@pytest.mark.parametrize("was_answered", [True, False])
def test_a_call_of_which_we_lost_sight_is_looked_up(was_answered: bool) -> None:
    """The link was down, or Asterisk began anew: its end is known, but not what came before."""
    world = desk(pause_time=seconds(60), attempts=2)
    asked = world.asked("asked")
    world.seat(ANNA)
    order = world.sent[0]
    world.lift(order)
    world.step(d.Unlinked())
    gone = ev.CallEnded(at=world.now, call_id=order.reserve.call_id, cause=0, ended_by="unknown")
    world.step(gone)
    world.step(d.Linked(()))
    assert set(world.made(d.FindCallback)) == {d.FindCallback(asked, order.reserve.call_id)}
    world.step(d.CallbackFound(asked, order.reserve.call_id, was_answered))
    world.wait(60)
    if was_answered:
        assert (len(world.sent), world.ends()) == (1, [("done", "")])
    else:
        assert (len(world.sent), world.state.callbacks[asked].attempts) == (2, 1)


def test_an_agent_whose_phone_was_being_called_is_not_to_blame_for_the_link() -> None:
    world = desk()
    world.asked("asked")
    world.seat(ANNA)
    world.step(d.Unlinked())
    world.step(d.Linked(()))
    world.wait(10)
    assert world.shows(ANNA) == "RESERVED"
    assert [order.reserve.agent_id for order in world.sent] == [ANNA, ANNA]
    assert world.published(ev.AgentDidNotAnswer) == []


# ---- names -------------------------------------------------------------------------------------


@given(st.from_regex(r"[A-Za-z0-9_]{1,32}-[0-9]{1,12}\.[0-9]{1,12}-[0-9]{1,10}", fullmatch=True))
def test_the_names_of_calls_are_calls_names_and_differ(text: str) -> None:
    names = [attempt_id(CallId(text), serial) for serial in (1, 2, 12)]
    assert len(set(names)) == 3
    for name in names:
        assert parse_call_id(name) == name
        assert is_attempt(name)
    assert mark_of(CallId(text)).isalnum()


# ---- whatever happens --------------------------------------------------------------------------


class Callbacks(RuleBasedStateMachine):
    """Callers, callbacks, agents and a switch that also fails: the promises hold."""

    SHARE = 50

    def __init__(self) -> None:
        super().__init__()
        callback = CallbackRules(share=self.SHARE, pause_time=seconds(20), attempts=2)
        queues = (rules(SALES, callback=callback, rona_after=2), rules(HELP, callback=callback))
        self.world = Desk(configuration(*queues))
        self.number = 0
        self.live: set[CallId] = set()
        self.orders: dict[CallId, d.CallBack] = {}  # sent, the agent's phone hasn't taken it yet
        self.calls: dict[CallId, d.CallBack] = {}  # the customer is being called, or speaks
        self.spoken: set[CallId] = set()
        self.dialled: dict[
            CallId, CallId
        ] = {}  # callback → call by which its customer is called now
        self.seen = 0

    @rule(agent=st.sampled_from(sorted(PHONES)))
    def begin_work(self, agent: AgentId) -> None:
        self.world.seat(agent)

    @rule(agent=st.sampled_from(sorted(PHONES)))
    def go_home(self, agent: AgentId) -> None:
        self.world.step(d.SignOut(agent))

    @rule(queue=st.sampled_from([SALES, HELP]))
    def arrive(self, queue: QueueName) -> None:
        self.number += 1
        self.live.add(self.world.enqueue(f"c{self.number}-1.1-1", queue))

    @precondition(lambda self: self.live)
    @rule(data=st.data(), number=st.sampled_from(["1", "2", "3"]))
    def ask(self, data: st.DataObject, number: str) -> None:
        caller = data.draw(st.sampled_from(sorted(self.live)))
        entry = self.world.state.entries[caller]
        standing = {(c.queue, c.key) for c in self.world.state.callbacks.values() if c.is_open}
        try:
            self.world.ask(caller, number, entry.queue)
        except CommandRefused:
            assert entry.agent_id is not None or (entry.queue, number) in standing
        else:
            assert (entry.queue, number) not in standing
            assert self.world.state.callbacks[caller].enqueued_at == entry.enqueued_at
            self.live.discard(caller)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        caller = data.draw(st.sampled_from(sorted(self.live)))
        self.live.discard(caller)
        self.world.end(caller)

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        """The phone takes the call, perhaps late. The switch calls the customer only by the present call."""
        call_id = data.draw(st.sampled_from(sorted(self.orders)))
        order = self.orders.pop(call_id)
        callback = self.world.state.callbacks.get(order.callback_id)
        is_present = callback is not None and callback.present_id == call_id
        self.world.lift(order)
        if is_present and callback is not None and callback.stage is Stage.RESERVED:
            assert order.callback_id not in self.dialled
            self.calls[call_id] = order
            self.dialled[order.callback_id] = call_id
        else:
            self.world.end(call_id)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), then=st.sampled_from(["speaks", "busy", "ends"]))
    def customer(self, data: st.DataObject, then: str) -> None:
        call_id = data.draw(st.sampled_from(sorted(self.calls)))
        order = self.calls[call_id]
        if then == "speaks" and order.callback_id not in self.spoken:
            if order.callback_id in self.world.state.callbacks:
                self.world.speak(order)
                self.spoken.add(order.callback_id)
            return
        del self.calls[call_id], self.dialled[order.callback_id]
        if then == "busy" and order.callback_id not in self.spoken:
            self.world.in_vain(order)
        else:
            self.world.end(call_id)

    @precondition(lambda self: self.world.state.callbacks)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        callback_id = data.draw(st.sampled_from(sorted(self.world.state.callbacks)))
        try:
            self.world.step(d.WithdrawCallback(callback_id, "caller", "caller"))
        except CommandRefused:
            return
        call_id = self.dialled.pop(callback_id, None)
        if call_id is not None:
            del self.calls[call_id]
            self.world.end(call_id)

    @rule(time=st.integers(1, 25))
    def wait(self, time: int) -> None:
        self.world.wait(time)
        self.world.step(d.Due(None))

    @invariant()
    def note_orders(self) -> None:
        new = self.world.log[self.seen :]
        self.seen = len(self.world.log)
        for order in new:
            if isinstance(order, d.CallBack):
                self.is_fair(order)
                assert order.callback_id not in self.spoken, "called again after they spoke"
                assert order.callback_id not in self.dialled, "called while he is being called"
                assert order.reserve.call_id not in self.orders
                self.orders[order.reserve.call_id] = order

    def is_fair(self, order: d.CallBack) -> None:
        """Within the share, and before nobody live who had waited longer; all serve all queues here."""
        state, queue = self.world.state, order.reserve.queue
        callbacks = state.callbacks.values()
        under_way = sum(c.queue == queue and c.is_under_way for c in callbacks)
        away = (AgentState.LOGGED_OUT, AgentState.NOT_READY)
        there = sum(a.state not in away for a in state.agents.values())
        live = [e for e in state.entries.values() if not e.is_callback]
        in_line = [e for e in live if e.queue == queue and e.phase is not Phase.CONNECTED]
        assert under_way <= (there * self.SHARE // 100 or (0 if in_line else 1))
        entry = state.entries[order.reserve.call_id]
        waiting = [e for e in live if e.phase is Phase.WAITING and not e.blocked_until_at]
        assert not [e for e in waiting if e.place < entry.place]

    @invariant()
    def one_for_each_number(self) -> None:
        stands = [(c.queue, c.key) for c in self.world.state.callbacks.values() if c.is_open]
        assert len(stands) == len(set(stands))

    @invariant()
    def the_line_is_true(self) -> None:
        """Who waits for his turn stands in the line once, and nobody else does for him."""
        state = self.world.state
        standing = [e for e in state.entries.values() if e.is_callback]
        for entry in standing:
            callback = state.callbacks[state.attempts[entry.call_id]]
            assert entry.enqueued_at == callback.enqueued_at
            assert entry.call_id in (callback.next_id, callback.present_id)
        owners = [state.attempts[e.call_id] for e in standing]
        assert len(owners) == len(set(owners))
        assert set(state.attempts.values()) <= set(state.callbacks)
        assert set(state.callback_claims) == set(state.callbacks)

    @invariant()
    def live_callers_are_not_starved(self) -> None:
        """Nobody live waits whom a free agent serves; no more than the share is busy with callbacks."""
        state = self.world.state
        if state.free:
            waiting: list[QueueEntry] = [e for e in state.entries.values() if not e.is_callback]
            assert not [e for e in waiting if e.phase is Phase.WAITING and not e.blocked_until_at]

    @invariant()
    def nobody_is_stuck(self) -> None:
        for agent in self.world.state.agents.values():
            if agent.state is AgentState.RESERVED:
                assert agent.deadline_at is not None


TestCallbacks = Callbacks.TestCase
TestCallbacks.settings = settings(
    max_examples=25, stateful_step_count=30,
    suppress_health_check=list(HealthCheck), derandomize=True,
)  # fmt: skip
