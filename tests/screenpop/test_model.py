"""The document: a snapshot and the updates after it are always the document itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.domain.manners import Manner
from cti.domain.numbers import DialPlan, NumberKind
from cti.domain.people import Role, User
from screenpop import facts as call_facts
from screenpop.abilities import ACTIONS
from screenpop.desks import Desk, DeskConfig
from screenpop.facts import CallFacts
from screenpop.model import RING_LENGTH, DesktopState
from screenpop.shown import OVER, RISING, TALKED, Shown
from screenpop.today import Today

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LINA = User(AgentId("u1"), "lina", "李娜", "7001", "1001", Role.AGENT)
BOSS = replace(LINA, user_id=AgentId("u3"), role=Role.SUPERVISOR)
CALLS = (CallId("pbx1-1.1-1"), CallId("pbx1-2.1-1"))
MINE, OTHER = Endpoint("1001w"), Endpoint("1002")
SALES = QueueName("sales")
MANNERS = {"sales": Manner(is_automatic=True, may_decline=False)}
CONFIG = DeskConfig({"sales": {"en": "Sales"}}, [], ZoneInfo("Asia/Shanghai"))
PLAN = DialPlan("CN", "10")


def _state(user: User = LINA) -> DesktopState:
    return Desk(user, CONFIG, "boot", T0).state


def _shown(call_id: CallId = CALLS[0], number: int = 0) -> Shown:
    return Shown(call_id, f"t{number}", T0, SALES, timedelta(seconds=3))


def _events(call_id: CallId) -> list[ev.Event]:
    at: dict[str, Any] = {"at": T0, "call_id": call_id}
    leg = LegId("a")
    return [
        ev.LegRang(leg_id=leg, endpoint=MINE, **at),
        ev.CallConnected(leg_id=leg, endpoint=MINE, **at),
        ev.CallConnected(leg_id=leg, endpoint=OTHER, **at),
        ev.CallHeld(by="agent", **at),
        ev.CallRetrieved(by="agent", **at),
        ev.LegMuted(leg_id=leg, is_muted=True, **at),
        ev.RecordingStarted(**at),
        ev.RecordingPaused(reason="agent", **at),
        ev.AgentLegLost(endpoint=MINE, **at),
        ev.CallEnqueued(queue=SALES, enqueued_at=T0, **at),
        ev.ReservationReleased(agent_id=LINA.user_id, reason="x", **at),
        ev.CallRecovered(leg_id=leg, state="on_hold", endpoint=MINE, **at),
        ev.LegDialled(leg_id=leg, endpoint=MINE, **at),
        ev.LegDialled(leg_id=LegId("b"), endpoint=OTHER, role="consult", **at),
        ev.LegDialled(leg_id=LegId("b"), endpoint=MINE, role="party", **at),
        ev.LegMoved(leg_id=leg, endpoint=OTHER, from_endpoint=MINE, **at),
        ev.LegEnded(leg_id=leg, endpoint=MINE, cause=16, **at),
        ev.CallAnchored(leg_id=LegId("c"), agent_leg_id=leg, endpoint=MINE, **at),
        ev.ConsultStarted(endpoint=MINE, target_kind="queue", target="sales", **at),
        ev.ConsultConnected(leg_id=LegId("b"), endpoint=OTHER, **at),
        ev.ConsultConnected(leg_id=LegId("b"), endpoint=MINE, **at),
        ev.ConsultEnded(endpoint=MINE, result="ended", **at),
        ev.PartyJoined(leg_id=LegId("b"), endpoint=OTHER, **at),
        ev.PartyLeft(leg_id=LegId("b"), endpoint=OTHER, **at),
        ev.CallTransferred(kind="blind", target_kind="agent", endpoint=MINE, **at),
        ev.CallParked(slot="1", endpoint=MINE, **at),
        ev.CallEnded(cause=16, ended_by="caller", **at),
        ev.AgentStateChanged(
            at=T0, agent_id=LINA.user_id, state="WRAP_UP", previous="TALKING", call_id=call_id
        ),
        ev.AgentStateChanged(at=T0, agent_id=LINA.user_id, state="READY", previous="RINGING"),
        ev.AgentStateChanged(
            at=T0, agent_id=LINA.user_id, state="READY", previous="WRAP_UP", call_id=call_id
        ),
    ]


# Texts instead of events, so that a failing example reads as a story.
_STEPS = [("show", n) for n in range(2)] + [("customer", n) for n in range(2)]
_STEPS += [(str(i), n) for n in range(2) for i in range(len(_events(CALLS[0])))]


def _do(state: DesktopState, facts: dict[CallId, CallFacts], step: tuple[str, int]) -> int:
    what, number = step
    call_id = CALLS[number]
    if what == "show":
        updates = state.show(_shown(call_id, state.seq), facts[call_id])
    elif what == "customer":
        section: Any = {"match": "none", "customer": None, "candidates": [], "history": []}
        updates = state.set_customer(call_id, section)
    else:
        event = _events(call_id)[int(what)]
        if isinstance(event, ev.CallEvent):
            facts[call_id] = call_facts.fold(facts[call_id], event, PLAN)
        updates = state.apply(event, facts[call_id])
    assert [update.seq for update in updates] == list(
        range(state.seq - len(updates) + 1, state.seq + 1)
    )
    return len(updates)


@given(st.lists(st.sampled_from(_STEPS), max_size=30), st.integers(0, 30))
@settings(max_examples=80)
def test_a_snapshot_and_what_came_after_is_the_document(
    steps: list[tuple[str, int]], snapshot_after: int
) -> None:
    state, facts = _state(), {call_id: CallFacts(call_id) for call_id in CALLS}
    seen: dict[str, Any] = dict(state.snapshot())
    cursor = 0
    for index, step in enumerate(steps):
        if index == snapshot_after:
            seen, cursor = dict(state.snapshot()), state.seq
        _do(state, facts, step)
        call = state.sections["call"]
        # The invariant of the desktop: nothing of a caller without his call.
        if call is None:
            assert state.sections["customer"] is None
            assert state.sections["ticket"] is None
        else:
            assert state.shown is not None
            assert call["call_id"] == state.shown.call_id
            assert (call["state"] in OVER) == (call["ended_at"] is not None)
            assert call["state"] in RISING | TALKED | OVER
            assert set(call["can"]) == set(ACTIONS)
            assert call["can"]["answer"] or call["can"]["hold"]  # never both
            assert call["state"] == "conference" or call["parties"] == []
    missed = state.since(cursor)
    assert missed is not None
    for update in missed:
        seen[update.section] = update.value
    assert seen == dict(state.sections)


def test_a_cursor_that_is_too_old_or_from_the_future_needs_a_snapshot() -> None:
    state = _state()
    for n in range(RING_LENGTH + 10):
        state.put("link", {"switch": "up", "text": str(n)})
    assert state.since(9) is None
    missed = state.since(10)
    assert missed is not None
    assert len(missed) == RING_LENGTH
    assert state.since(state.seq) == []
    assert state.since(state.seq + 1) is None
    assert state.since(-1) is None


def test_an_equal_value_is_no_change() -> None:
    state = _state()
    assert state.put("link", {"switch": "down", "text": ""}) == []
    assert state.seq == 0


def _facts(ani: str, name: str = "") -> CallFacts:
    offered = ev.CallOffered(at=T0, call_id=CALLS[0], leg_id=LegId("c"), ani=ani, ani_name=name)
    return call_facts.begin(offered, PLAN)


@pytest.mark.parametrize(
    ("user", "ani", "number", "is_masked", "can_reveal"),
    [
        (LINA, "13800138000", "138****8000", True, False),
        (BOSS, "13800138000", "138****8000", True, True),
        (BOSS, "anonymous", "", False, False),
        (BOSS, "95588", "95588", False, False),
    ],
)
def test_numbers_are_masked_by_role(
    user: User, ani: str, number: str, is_masked: bool, can_reveal: bool
) -> None:
    state = _state(user)
    state.show(_shown(), _facts(ani))
    call = state.sections["call"]
    assert call is not None
    assert (call["number"], call["number_masked"], call["can_reveal"]) == (
        number,
        is_masked,
        can_reveal,
    )


def test_revealing_lasts_for_this_call_only() -> None:
    state = _state(BOSS)
    state.show(_shown(), _facts("13800138000"))
    state.reveal()
    call = state.sections["call"]
    assert call is not None
    assert (call["number"], call["number_masked"]) == ("+86 138 0013 8000", False)
    state.show(_shown(CALLS[1]), replace(_facts("13800138000"), call_id=CALLS[1]))
    call = state.sections["call"]
    assert call is not None
    assert call["number"] == "138****8000"


def test_facts_keep_no_sensitive_digits_and_no_end_of_menus() -> None:
    facts = _facts("x" * 500, "n" * 5000)
    assert facts.number.kind is NumberKind.INVALID
    for n in range(50):
        at: dict[str, Any] = {"at": T0, "call_id": CALLS[0], "node": "n"}
        facts = call_facts.fold(
            facts, ev.MenuEntered(flow="f", flow_version=1, label=f"menu {n}", **at), PLAN
        )
        facts = call_facts.fold(facts, ev.MenuInput(result="match", digits="12", **at), PLAN)
        facts = call_facts.fold(
            facts, ev.MenuInput(result="match", digits="99", is_sensitive=True, **at), PLAN
        )
    assert (len(facts.menu_path), len(facts.digits), len(facts.caller_name)) == (12, 64, 64)
    assert "9" not in facts.digits


def _changed(state: str, minutes: float, call_id: CallId | None = None) -> ev.AgentStateChanged:
    return ev.AgentStateChanged(
        at=T0 + timedelta(minutes=minutes),
        agent_id=LINA.user_id,
        state=state,
        previous="",
        call_id=call_id,
    )


def test_a_day_begins_at_midnight_of_the_company() -> None:
    today = Today(ZoneInfo("Asia/Shanghai"))  # 09:00 UTC is 17:00 there; midnight 7 h later
    today.apply(_changed("READY", 0))
    today.apply(_changed("TALKING", 60, CALLS[0]))
    today.apply(_changed("READY", 7 * 60 + 10))
    figures = today.figures()
    assert figures["talk_s"] == 600.0  # since midnight
    assert figures["occupancy"] == 1.0


def test_a_clock_that_is_set_back_counts_nothing() -> None:
    today = Today(UTC)
    today.apply(_changed("TALKING", 0, CALLS[0]))
    today.apply(_changed("WRAP_UP", -5))
    assert today.figures()["talk_s"] == 0.0
    assert Today(UTC).figures()["occupancy"] is None


@pytest.mark.parametrize("is_offer", [True, False])
def test_a_queue_that_answers_by_itself_and_may_not_be_declined(is_offer: bool) -> None:
    state = Desk(LINA, replace(CONFIG, manners=MANNERS), "boot", T0).state
    shown = replace(_shown(), is_offer=is_offer)
    facts = CallFacts(CALLS[0], queue=SALES)
    state.show(shown, facts)
    call = state.sections["call"]
    assert call is not None
    assert call["auto_answer"] is is_offer
    assert bool(call["can"]["decline"]) is is_offer  # a colleague's call can be declined
    state.apply(_events(CALLS[0])[1], facts)
    call = state.sections["call"]
    assert call is not None
    assert call["state"] == "talking"
    assert not call["auto_answer"]
