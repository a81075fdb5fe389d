"""A call's segments: gapless, and what each shape of call is made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.domain import events as ev
from cti.domain.call import CallState
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.domain.segments import CallLife, SegmentKind, apply, is_gapless, life_of

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL, QUEUE, LINA, TOM = CallId("c"), QueueName("sales"), Endpoint("1001"), Endpoint("1002")
AGENT, OTHER = LegId("agent"), LegId("other")


def at(seconds: float) -> datetime:
    """An instant of the story."""
    return T0 + timedelta(seconds=seconds)


def queue_call() -> list[ev.Event]:
    """Menu until 5, queue until 10, ringing until 12, then talking."""
    return [
        ev.CallOffered(at=at(0), call_id=CALL, leg_id=LegId("caller"), dnis="4000"),
        ev.MenuEntered(at=at(0), call_id=CALL, flow="f", flow_version=1, node="start"),
        ev.CallEnqueued(at=at(5), call_id=CALL, queue=QUEUE, enqueued_at=at(5)),
        ev.LegDialled(at=at(10), call_id=CALL, leg_id=AGENT, endpoint=LINA),
        ev.LegRang(at=at(10.1), call_id=CALL, leg_id=AGENT, endpoint=LINA),
        ev.CallConnected(at=at(12), call_id=CALL, leg_id=AGENT, endpoint=LINA),
    ]


def end(seconds: float) -> ev.CallEnded:
    """The caller is gone."""
    return ev.CallEnded(at=at(seconds), call_id=CALL, cause=16, ended_by="caller")


def wrap_up(seconds: float, state: str = "WRAP_UP") -> ev.AgentStateChanged:
    """The agent goes to wrap-up, or out of it."""
    previous = "TALKING" if state == "WRAP_UP" else "WRAP_UP"
    return ev.AgentStateChanged(
        at=at(seconds), agent_id=AgentId("lina"), state=state, previous=previous, call_id=CALL
    )


def shown(life: CallLife) -> list[tuple[str, float, float | None]]:
    """Kinds with begin and end, in seconds of the story."""
    return [
        (
            s.kind.value,
            (s.began_at - T0).total_seconds(),
            (s.ended_at - T0).total_seconds() if s.ended_at else None,
        )
        for s in life.segments
    ]


def test_a_queue_call() -> None:
    life = life_of([*queue_call(), end(60), wrap_up(60.01), wrap_up(90, "READY")])
    assert shown(life) == [
        ("menu", 0, 5),
        ("queue", 5, 10),
        ("ringing", 10, 12),
        ("talking", 12, 60),
    ]
    (after,) = life.wrap_ups
    assert (after.began_at, after.ended_at) == (at(60), at(90))  # without the gap of 10 ms
    assert life.time_in(SegmentKind.TALKING) == timedelta(seconds=48)


def test_a_consultation_that_hands_the_caller_over() -> None:
    story = [
        *queue_call(),
        ev.CallHeld(at=at(20), call_id=CALL, by="agent"),
        ev.ConsultStarted(
            at=at(20), call_id=CALL, endpoint=LINA, target_kind="agent", target="1002"
        ),
        ev.LegDialled(at=at(21), call_id=CALL, leg_id=OTHER, endpoint=TOM, role="consult"),
        ev.ConsultConnected(at=at(25), call_id=CALL, leg_id=OTHER, endpoint=TOM),
        ev.CallConnected(at=at(30), call_id=CALL, leg_id=OTHER, endpoint=TOM),
        ev.ConsultEnded(at=at(30), call_id=CALL, endpoint=LINA, result="completed"),
        ev.LegEnded(at=at(30), call_id=CALL, leg_id=AGENT, endpoint=LINA, cause=16),
        wrap_up(30),
        end(40),
    ]
    life = life_of(story)
    assert life.refused == 0
    assert shown(life)[3:] == [("talking", 12, 20), ("consulting", 20, 30), ("talking", 30, 40)]
    assert [s.endpoint for s in life.segments[-3:]] == [LINA, LINA, TOM]
    assert life.call is not None
    assert life.call.legs[OTHER].role == "agent"


def test_the_caller_gives_up_while_his_agent_consults() -> None:
    story = [
        *queue_call(),
        ev.ConsultStarted(at=at(20), call_id=CALL, endpoint=LINA),
        ev.LegDialled(at=at(20), call_id=CALL, leg_id=OTHER, endpoint=TOM, role="consult"),
        ev.ConsultConnected(at=at(22), call_id=CALL, leg_id=OTHER, endpoint=TOM),
        end(30),
        ev.LegEnded(at=at(45), call_id=CALL, leg_id=OTHER, endpoint=TOM, cause=16),
        ev.LegEnded(at=at(45), call_id=CALL, leg_id=AGENT, endpoint=LINA, cause=16),
        wrap_up(45.01),
    ]
    life = life_of(story)
    assert shown(life)[-1] == ("consulting", 20, 45)
    assert life.wrap_ups[0].began_at == at(45)
    assert life.call is not None
    assert life.call.ended_at == at(30)


def test_the_leg_of_somebody_who_was_consulted_before_is_no_consultation() -> None:
    story = [
        *queue_call(),
        ev.ConsultStarted(at=at(20), call_id=CALL, endpoint=LINA),
        ev.LegDialled(at=at(20), call_id=CALL, leg_id=OTHER, endpoint=TOM, role="consult"),
        ev.ConsultConnected(at=at(22), call_id=CALL, leg_id=OTHER, endpoint=TOM),
        ev.ConsultEnded(at=at(24), call_id=CALL, endpoint=LINA, result="cancelled"),
        ev.CallRetrieved(at=at(25), call_id=CALL, by="agent"),
        ev.LegEnded(at=at(30), call_id=CALL, leg_id=AGENT, endpoint=LINA, cause=16),
        end(30),
        ev.LegEnded(at=at(30.1), call_id=CALL, leg_id=OTHER, endpoint=TOM, cause=16),
    ]
    assert shown(life_of(story))[-1] == ("talking", 25, 30)


def test_a_conference_shrinks_to_two() -> None:
    story = [
        *queue_call(),
        ev.LegDialled(at=at(20), call_id=CALL, leg_id=OTHER, endpoint=TOM, role="party"),
        ev.PartyJoined(at=at(24), call_id=CALL, leg_id=OTHER, endpoint=TOM),
        ev.PartyLeft(at=at(30), call_id=CALL, leg_id=AGENT, endpoint=LINA),
        ev.CallConnected(at=at(30), call_id=CALL, leg_id=OTHER, endpoint=TOM),
        end(33),
    ]
    life = life_of(story)
    assert life.refused == 0
    assert shown(life)[-3:] == [("talking", 12, 24), ("conference", 24, 30), ("talking", 30, 33)]
    assert life.segments[-2].parties == (TOM,)


def test_an_outbound_call_is_anchored_on_the_customer() -> None:
    trunk = Endpoint("trunk_demo")
    life = life_of(
        [
            ev.CallOffered(
                at=at(0), call_id=CALL, leg_id=AGENT, direction="outbound", endpoint=LINA
            ),
            ev.LegDialled(at=at(0.1), call_id=CALL, leg_id=OTHER, endpoint=trunk),
            ev.CallAnchored(
                at=at(5), call_id=CALL, leg_id=OTHER, agent_leg_id=AGENT, endpoint=LINA
            ),
            ev.CallConnected(at=at(5), call_id=CALL, leg_id=AGENT, endpoint=LINA),
            end(9),
        ]
    )
    assert shown(life) == [("ringing", 0, 0.1), ("ringing", 0.1, 5), ("talking", 5, 9)]
    assert life.call is not None
    assert life.call.caller_leg_id == OTHER
    assert set(life.call.legs) == {AGENT}


_KINDS = [
    lambda s: ev.CallEnqueued(at=at(s), call_id=CALL, queue=QUEUE, enqueued_at=at(s)),
    lambda s: ev.LegDialled(at=at(s), call_id=CALL, leg_id=AGENT, endpoint=LINA),
    lambda s: ev.LegDialled(at=at(s), call_id=CALL, leg_id=OTHER, endpoint=TOM, role="consult"),
    lambda s: ev.CallConnected(at=at(s), call_id=CALL, leg_id=AGENT, endpoint=LINA),
    lambda s: ev.CallConnected(at=at(s), call_id=CALL, leg_id=OTHER, endpoint=TOM),
    lambda s: ev.CallHeld(at=at(s), call_id=CALL, by="phone"),
    lambda s: ev.CallRetrieved(at=at(s), call_id=CALL, by="phone"),
    lambda s: ev.ConsultStarted(at=at(s), call_id=CALL, endpoint=LINA),
    lambda s: ev.ConsultConnected(at=at(s), call_id=CALL, leg_id=OTHER, endpoint=TOM),
    lambda s: ev.ConsultEnded(at=at(s), call_id=CALL, endpoint=LINA, result="ended"),
    lambda s: ev.PartyJoined(at=at(s), call_id=CALL, leg_id=OTHER, endpoint=TOM),
    lambda s: ev.PartyLeft(at=at(s), call_id=CALL, leg_id=OTHER, endpoint=TOM),
    lambda s: ev.CallTransferred(at=at(s), call_id=CALL, kind="blind", target_kind="agent"),
    lambda s: ev.CallParked(at=at(s), call_id=CALL, slot="1"),
    lambda s: ev.LegEnded(at=at(s), call_id=CALL, leg_id=AGENT, endpoint=LINA, cause=16),
    lambda s: ev.CallEnded(at=at(s), call_id=CALL, cause=16, ended_by="caller"),
    wrap_up,
    lambda s: wrap_up(s, "READY"),
]


@given(
    st.lists(st.tuples(st.sampled_from(_KINDS), st.floats(-0.5, 3.0, allow_nan=False)), max_size=25)
)
def test_whatever_happens_there_is_no_gap(steps: list[tuple[object, float]]) -> None:
    now, life = 0.0, life_of([ev.CallOffered(at=at(0), call_id=CALL, leg_id=LegId("caller"))])
    for make, step in steps:
        now += step  # a clock may step back
        life = apply(life, make(now))  # type: ignore[operator]
        assert is_gapless(life.segments)
        assert life.segments[0].began_at == at(0)
        assert all(s.ended_at is not None for s in life.segments[:-1])
        assert all(s.ended_at is None or s.ended_at >= s.began_at for s in life.segments)
        assert life.call is not None
        is_over = life.call.state is CallState.ENDED
        assert is_over or life.segments[-1].ended_at is None
