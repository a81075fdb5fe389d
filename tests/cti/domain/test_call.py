"""The transition tables of calls and legs."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.domain import call as model
from cti.domain import events as ev
from cti.domain.call import CallState, LegState
from cti.domain.calls import CallTable
from cti.domain.errors import IllegalTransition
from cti.domain.ids import CallId, Endpoint, LegId, QueueName

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL = CallId("pbx1-1795304416.7-42")
CALLER, AGENT = LegId("1795304416.7"), LegId("1795304417.9")
PHONE = Endpoint("1001w")
SALES = QueueName("sales")


def offered() -> ev.CallOffered:
    return ev.CallOffered(at=T0, call_id=CALL, leg_id=CALLER, dnis="4000", ani="+8613800138000")


def enqueued(attempt: int = 0) -> ev.CallEnqueued:
    return ev.CallEnqueued(at=T0, call_id=CALL, queue=SALES, enqueued_at=T0, attempt=attempt)


def dialled() -> ev.LegDialled:
    return ev.LegDialled(at=T0, call_id=CALL, leg_id=AGENT, endpoint=PHONE)


def connected(seconds: int = 5) -> ev.CallConnected:
    at = T0 + timedelta(seconds=seconds)
    return ev.CallConnected(at=at, call_id=CALL, leg_id=AGENT, endpoint=PHONE)


def fold(*events: ev.CallEvent) -> model.Call:
    call = model.offer(offered())
    for event in events:
        call = model.apply(call, event)
    return call


def test_a_queue_call_goes_through_menu_wait_ring_talk_and_ends() -> None:
    call = fold(
        ev.MenuEntered(at=T0, call_id=CALL, flow="main", flow_version=1, node="welcome"),
        enqueued(),
        dialled(),
        ev.LegRang(at=T0, call_id=CALL, leg_id=AGENT, endpoint=PHONE),
        connected(),
    )
    assert call.state is CallState.TALKING
    assert call.up_leg is not None
    assert call.up_leg.endpoint == PHONE
    assert call.connected_at == T0 + timedelta(seconds=5)
    ended = model.apply(call, ev.CallEnded(at=T0, call_id=CALL, cause=16, ended_by="caller"))
    assert not ended.is_live
    assert ended.queue == SALES


def test_a_call_that_was_not_answered_keeps_its_entry_time() -> None:
    later = T0 + timedelta(seconds=15)
    call = fold(
        enqueued(),
        dialled(),
        ev.CallNotAnswered(at=later, call_id=CALL, endpoint=PHONE, result="no_answer"),
        ev.CallEnqueued(at=later, call_id=CALL, queue=SALES, enqueued_at=T0, attempt=1),
    )
    assert call.state is CallState.WAITING
    assert call.enqueued_at == T0
    assert call.attempt == 1
    assert call.endpoint is None


def test_the_first_connection_time_survives_a_rejoin() -> None:
    call = fold(enqueued(), dialled(), connected(5))
    call = model.apply(call, ev.AgentLegLost(at=T0, call_id=CALL, endpoint=PHONE))
    assert call.state is CallState.AGENT_LOST
    second = LegId("1795304420.1")
    call = model.apply(call, ev.LegDialled(at=T0, call_id=CALL, leg_id=second, endpoint=PHONE))
    at = T0 + timedelta(seconds=60)
    call = model.apply(call, ev.CallConnected(at=at, call_id=CALL, leg_id=second, endpoint=PHONE))
    assert call.state is CallState.TALKING
    assert call.connected_at == T0 + timedelta(seconds=5)


def test_hold_keeps_its_first_instant_and_retrieve_clears_it() -> None:
    call = fold(enqueued(), dialled(), connected())
    held = model.apply(call, ev.CallHeld(at=T0, call_id=CALL, by="agent"))
    again = model.apply(held, ev.CallHeld(at=T0 + timedelta(seconds=9), call_id=CALL, by="phone"))
    assert again.held_at == T0
    back = model.apply(again, ev.CallRetrieved(at=T0, call_id=CALL, by="agent"))
    assert back.state is CallState.TALKING
    assert back.held_at is None


def test_an_event_that_the_table_does_not_know_is_one_clear_error() -> None:
    call = fold(enqueued())
    with pytest.raises(IllegalTransition, match="call in state WAITING can't take CallHeld"):
        model.apply(call, ev.CallHeld(at=T0, call_id=CALL, by="agent"))


def test_a_leg_that_ended_takes_no_further_event() -> None:
    call = fold(
        enqueued(),
        dialled(),
        ev.LegEnded(at=T0, call_id=CALL, leg_id=AGENT, endpoint=PHONE, cause=16),
    )
    with pytest.raises(IllegalTransition, match="leg in state ENDED"):
        model.apply(call, ev.LegRang(at=T0, call_id=CALL, leg_id=AGENT, endpoint=PHONE))


def test_events_of_other_departments_change_no_state() -> None:
    call = fold(enqueued())
    assert model.apply(call, ev.RecordingStarted(at=T0, call_id=CALL)) == call


def test_every_state_has_a_row_and_every_target_is_a_state() -> None:
    assert set(model.CALL_TRANSITIONS) == set(CallState)
    assert set(model.LEG_TRANSITIONS) == set(LegState)
    for row in model.CALL_TRANSITIONS.values():
        assert set(row.values()) <= set(CallState)


_EVENTS = st.sampled_from(
    [
        offered(),
        enqueued(),
        dialled(),
        connected(),
        ev.LegRang(at=T0, call_id=CALL, leg_id=AGENT, endpoint=PHONE),
        ev.LegEnded(at=T0, call_id=CALL, leg_id=AGENT, endpoint=PHONE, cause=16),
        ev.CallNotAnswered(at=T0, call_id=CALL, endpoint=PHONE, result="declined"),
        ev.CallHeld(at=T0, call_id=CALL, by="agent"),
        ev.CallRetrieved(at=T0, call_id=CALL, by="agent"),
        ev.AgentLegLost(at=T0, call_id=CALL, endpoint=PHONE),
        ev.CallFellBack(at=T0, call_id=CALL, queue=SALES),
        ev.CallRecovered(at=T0, call_id=CALL, leg_id=CALLER, state="waiting", queue=SALES),
        ev.CallEnded(at=T0, call_id=CALL, cause=16, ended_by="caller"),
    ]
)


@settings(max_examples=60)
@given(st.lists(_EVENTS, max_size=25))
def test_the_table_survives_any_order_and_an_ended_call_never_lives_again(
    sequence: list[ev.CallEvent],
) -> None:
    table = CallTable()
    was_ended = False
    for event in sequence:
        table.apply(event)
        call = table.get(CALL)
        if call is not None and not call.is_live:
            was_ended = True
        assert len(table) <= 1
        if call is not None and call.state is CallState.TALKING:
            assert call.endpoint is not None or call.connected_at is None
    if was_ended:
        ended = table.get(CALL)
        assert ended is not None


def test_the_table_forgets_ended_calls_only_after_a_while() -> None:
    table = CallTable(keep_ended=2)
    ids = [CallId(f"pbx1-1.{n}-1") for n in range(4)]
    for call_id in ids:
        table.apply(dataclasses.replace(offered(), call_id=call_id))
        table.apply(ev.CallEnded(at=T0, call_id=call_id, cause=16, ended_by="caller"))
    assert [table.get(call_id) is not None for call_id in ids] == [False, False, True, True]
    assert len(table) == 0


def test_the_table_finds_a_call_by_its_phone() -> None:
    table = CallTable()
    for event in (offered(), enqueued(), dialled()):
        table.apply(event)
    found = table.on_endpoint(PHONE)
    assert found is not None
    assert found.call_id == CALL
    assert table.on_endpoint(Endpoint("1002")) is None


def test_a_repair_makes_a_call_that_nobody_knew() -> None:
    table = CallTable()
    table.apply(
        ev.CallRecovered(
            at=T0,
            call_id=CALL,
            leg_id=CALLER,
            state="talking",
            queue=SALES,
            enqueued_at=T0,
            endpoint=PHONE,
        )
    )
    call = table.get(CALL)
    assert call is not None
    assert call.state is CallState.TALKING
    assert call.endpoint == PHONE
