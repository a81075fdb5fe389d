"""Every shape of call, as a story: what each event makes of the agents.

A story is a list of pairs: what the switch tells, and how Anna and Ben are afterwards (``RINGING transfer``,
``WRAP_UP queue``…). The last line of each story leaves nobody busy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from acd import decisions as d
from acd.model import AgentState, Phase
from cti.domain import events as ev
from cti.domain.call import Call, CallState, Leg, LegState
from cti.domain.ids import CallId, Endpoint, LegId, QueueName
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

C, Q = CallId("c"), CallId("q")
A, B = PHONES[ANNA], PHONES[BEN]
TRUNK = Endpoint("trunk_demo")
Step = Callable[[World], object]


def tell(what: type[ev.CallEvent], call_id: CallId = C, /, **values: Any) -> Step:
    """The switch says this."""
    for key in ("leg_id", "agent_leg_id"):
        if isinstance(values.get(key), str):
            values[key] = LegId(str(values[key]))
    return lambda world: world.step(what(at=world.now, call_id=call_id, **values))


def dialled(leg: str, endpoint: str, role: str = "agent", call_id: CallId = C) -> Step:
    """A phone is called."""
    return tell(ev.LegDialled, call_id, leg_id=leg, endpoint=Endpoint(endpoint), role=role)


def connected(leg: str, endpoint: str, call_id: CallId = C) -> Step:
    """Caller and phone hear each other."""
    return tell(ev.CallConnected, call_id, leg_id=leg, endpoint=Endpoint(endpoint))


def gone(leg: str, endpoint: str, call_id: CallId = C) -> Step:
    """A leg is gone."""
    return tell(ev.LegEnded, call_id, leg_id=leg, endpoint=Endpoint(endpoint), cause=16)


def over(call_id: CallId = C) -> Step:
    """The caller is gone."""
    return tell(ev.CallEnded, call_id, cause=16, ended_by="caller")


def wait(by: float) -> Step:
    """Time passes."""
    return lambda world: world.wait(by)


def enqueued(queue: QueueName = SALES, waited: float = 0, call_id: CallId = C) -> Step:
    """The caller waits, since so many seconds."""
    return lambda world: world.enqueue(call_id, queue, waited=waited)


def transferred(target_kind: str, endpoint: Endpoint | None = A, kind: str = "blind") -> Step:
    """The caller is sent on."""
    return tell(ev.CallTransferred, kind=kind, target_kind=target_kind, endpoint=endpoint)


def joined(leg: str, endpoint: str) -> Step:
    """One more takes part."""
    return tell(ev.PartyJoined, leg_id=leg, endpoint=Endpoint(endpoint))


def left(leg: str, endpoint: str) -> Step:
    """One less takes part."""
    return tell(ev.PartyLeft, leg_id=leg, endpoint=Endpoint(endpoint))


def consult(result: str) -> Step:
    """Anna's consultation is over."""
    return tell(ev.ConsultEnded, endpoint=A, result=result)


def to_anna(world: World) -> None:
    """A caller of sales has waited a minute and talks with Anna."""
    world.enqueue(C, waited=60)
    dialled("a", A)(world)
    connected("a", A)(world)


CONSULTS = tell(ev.ConsultStarted, endpoint=A, target_kind="agent", target="1002")
ANSWERS = tell(ev.ConsultConnected, leg_id="b", endpoint=B)
NOBODY: Step = lambda world: None  # noqa: E731

STORIES: dict[str, list[tuple[Step, str, str]]] = {
    "an outbound call, from the dialling on": [
        (
            tell(ev.CallOffered, leg_id="a", direction="outbound", endpoint=A),
            "TALKING outbound",
            "READY",
        ),
        (dialled("t", TRUNK), "TALKING outbound", "READY"),
        (
            tell(ev.CallAnchored, leg_id="t", agent_leg_id="a", endpoint=A),
            "TALKING outbound",
            "READY",
        ),
        (connected("a", A), "TALKING outbound", "READY"),
        (over(), "TALKING outbound", "READY"),
        (gone("a", A), "READY", "READY"),
    ],
    "an outbound call that nobody takes": [
        (
            tell(ev.CallOffered, leg_id="a", direction="outbound", endpoint=A),
            "TALKING outbound",
            "READY",
        ),
        (tell(ev.DialFailed, result="busy", cause=17), "TALKING outbound", "READY"),
        (over(), "READY", "READY"),
    ],
    "agent to agent, on two phones": [
        (
            tell(ev.CallOffered, leg_id="a", direction="internal", endpoint=A),
            "TALKING internal",
            "READY",
        ),
        (dialled("b", B), "TALKING internal", "RINGING internal"),
        (dialled("bw", "1002w"), "TALKING internal", "RINGING internal"),
        (connected("bw", "1002w"), "TALKING internal", "TALKING internal"),
        (gone("b", B), "TALKING internal", "TALKING internal"),
        (over(), "READY", "TALKING internal"),
        (gone("bw", "1002w"), "READY", "READY"),
    ],
    "agent to agent, not answered": [
        (
            tell(ev.CallOffered, leg_id="a", direction="internal", endpoint=A),
            "TALKING internal",
            "READY",
        ),
        (dialled("b", B), "TALKING internal", "RINGING internal"),
        (dialled("bw", "1002w"), "TALKING internal", "RINGING internal"),
        (gone("b", B), "TALKING internal", "RINGING internal"),
        (gone("bw", "1002w"), "TALKING internal", "READY"),
        (over(), "READY", "READY"),
    ],
    "a caller straight to an extension": [
        (tell(ev.CallOffered, leg_id="c"), "READY", "READY"),
        (dialled("b", B), "READY", "RINGING direct"),
        (connected("b", B), "READY", "TALKING direct"),
        (gone("b", B), "READY", "READY"),
        (over(), "READY", "READY"),
    ],
    "a blind transfer that is answered": [
        (to_anna, "TALKING queue", "READY"),
        (transferred("agent"), "WRAP_UP queue", "READY"),
        (gone("a", A), "WRAP_UP queue", "READY"),
        (dialled("b", B), "WRAP_UP queue", "RINGING transfer"),
        (connected("b", B), "WRAP_UP queue", "TALKING transfer"),
        (over(), "WRAP_UP queue", "TALKING transfer"),
        (gone("b", B), "WRAP_UP queue", "WRAP_UP transfer"),
        (wait(31), "READY", "READY"),
    ],
    "a blind transfer that comes back to the sender": [
        (to_anna, "TALKING queue", "READY"),
        (transferred("agent"), "WRAP_UP queue", "READY"),
        (gone("a", A), "WRAP_UP queue", "READY"),
        (dialled("b", B), "WRAP_UP queue", "RINGING transfer"),
        (gone("b", B), "WRAP_UP queue", "READY"),
        (
            tell(ev.TransferFailed, target_kind="agent", target="1002", result="no_answer"),
            "WRAP_UP queue",
            "READY",
        ),
        (dialled("a2", A), "RINGING transfer", "READY"),
        (connected("a2", A), "TALKING transfer", "READY"),
        (gone("a2", A), "WRAP_UP transfer", "READY"),
        (over(), "WRAP_UP transfer", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "a blind transfer that the sender doesn't take back either": [
        (to_anna, "TALKING queue", "READY"),
        (transferred("agent"), "WRAP_UP queue", "READY"),
        (dialled("a2", A), "RINGING transfer", "READY"),
        (gone("a2", A), "WRAP_UP queue", "READY"),
        (enqueued(waited=60), "WRAP_UP queue", "RESERVED queue"),
        (over(), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "a transfer outside": [
        (to_anna, "TALKING queue", "READY"),
        (transferred("outside"), "WRAP_UP queue", "READY"),
        (dialled("t", TRUNK), "WRAP_UP queue", "READY"),
        (connected("t", TRUNK), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
        (over(), "READY", "READY"),
    ],
    "a transfer to another queue": [
        (to_anna, "TALKING queue", "READY"),
        (transferred("queue"), "WRAP_UP queue", "READY"),
        (gone("a", A), "WRAP_UP queue", "READY"),
        (enqueued(HELP), "WRAP_UP queue", "RESERVED queue"),
        (dialled("b", B), "WRAP_UP queue", "RINGING queue"),
        (connected("b", B), "WRAP_UP queue", "TALKING queue"),
        (gone("b", B), "WRAP_UP queue", "READY"),  # help has no wrap-up
        (over(), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "a consultation completed": [
        (to_anna, "TALKING queue", "READY"),
        (CONSULTS, "TALKING queue", "READY"),
        (dialled("b", B, "consult"), "TALKING queue", "RINGING consult"),
        (ANSWERS, "TALKING queue", "TALKING consult"),
        (connected("b", B), "WRAP_UP queue", "TALKING transfer"),
        (consult("completed"), "WRAP_UP queue", "TALKING transfer"),
        (gone("a", A), "WRAP_UP queue", "TALKING transfer"),
        (over(), "WRAP_UP queue", "TALKING transfer"),
        (gone("b", B), "WRAP_UP queue", "WRAP_UP transfer"),
        (wait(31), "READY", "READY"),
    ],
    "a consultation completed while it rings": [
        (to_anna, "TALKING queue", "READY"),
        (CONSULTS, "TALKING queue", "READY"),
        (dialled("b", B, "consult"), "TALKING queue", "RINGING consult"),
        (transferred("agent", kind="consult"), "WRAP_UP queue", "RINGING consult"),
        (dialled("b2", B), "WRAP_UP queue", "RINGING transfer"),
        (gone("b", B), "WRAP_UP queue", "RINGING transfer"),
        (connected("b2", B), "WRAP_UP queue", "TALKING transfer"),
        (gone("b2", B), "WRAP_UP queue", "WRAP_UP transfer"),
        (over(), "WRAP_UP queue", "WRAP_UP transfer"),
        (wait(31), "READY", "READY"),
    ],
    "a consultation cancelled": [
        (to_anna, "TALKING queue", "READY"),
        (CONSULTS, "TALKING queue", "READY"),
        (dialled("b", B, "consult"), "TALKING queue", "RINGING consult"),
        (ANSWERS, "TALKING queue", "TALKING consult"),
        (consult("cancelled"), "TALKING queue", "TALKING consult"),
        (gone("b", B), "TALKING queue", "READY"),
        (tell(ev.CallRetrieved, by="agent"), "TALKING queue", "READY"),
        (gone("a", A), "WRAP_UP queue", "READY"),
        (over(), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "a consultation that nobody answers": [
        (to_anna, "TALKING queue", "READY"),
        (CONSULTS, "TALKING queue", "READY"),
        (dialled("b", B, "consult"), "TALKING queue", "RINGING consult"),
        (gone("b", B), "TALKING queue", "READY"),
        (consult("no_answer"), "TALKING queue", "READY"),
        (over(), "TALKING queue", "READY"),
        (gone("a", A), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "the caller gives up while his agent consults": [
        (to_anna, "TALKING queue", "READY"),
        (CONSULTS, "TALKING queue", "READY"),
        (dialled("b", B, "consult"), "TALKING queue", "RINGING consult"),
        (ANSWERS, "TALKING queue", "TALKING consult"),
        (consult("caller_gone"), "TALKING queue", "TALKING consult"),
        (over(), "TALKING queue", "TALKING consult"),
        (wait(60), "TALKING queue", "TALKING consult"),  # they talk on
        (gone("b", B), "TALKING queue", "READY"),
        (gone("a", A), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "a consultation by the phone's second line": [
        (to_anna, "TALKING queue", "READY"),
        (CONSULTS, "TALKING queue", "READY"),
        (dialled("a2", A, "own"), "TALKING queue", "READY"),
        (dialled("b", B, "consult"), "TALKING queue", "RINGING consult"),
        (ANSWERS, "TALKING queue", "TALKING consult"),
        (over(), "TALKING queue", "TALKING consult"),
        (gone("a", A), "TALKING queue", "TALKING consult"),  # the line to the caller
        (gone("b", B), "TALKING queue", "READY"),
        (gone("a2", A), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "a conference that the agent leaves": [
        (to_anna, "TALKING queue", "READY"),
        (dialled("b", B, "party"), "TALKING queue", "RINGING consult"),
        (joined("b", B), "TALKING queue", "TALKING consult"),
        (left("a", A), "TALKING queue", "TALKING consult"),
        (connected("b", B), "WRAP_UP queue", "TALKING transfer"),
        (gone("a", A), "WRAP_UP queue", "TALKING transfer"),
        (over(), "WRAP_UP queue", "TALKING transfer"),
        (gone("b", B), "WRAP_UP queue", "WRAP_UP transfer"),
        (wait(31), "READY", "READY"),
    ],
    "a conference that the colleague leaves": [
        (to_anna, "TALKING queue", "READY"),
        (dialled("b", B, "party"), "TALKING queue", "RINGING consult"),
        (joined("b", B), "TALKING queue", "TALKING consult"),
        (left("b", B), "TALKING queue", "TALKING consult"),
        (gone("b", B), "TALKING queue", "READY"),
        (connected("a", A), "TALKING queue", "READY"),
        (gone("a", A), "WRAP_UP queue", "READY"),
        (over(), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "a conference that the caller leaves, and both talk on": [
        (to_anna, "TALKING queue", "READY"),
        (dialled("b", B, "party"), "TALKING queue", "RINGING consult"),
        (joined("b", B), "TALKING queue", "TALKING consult"),
        (over(), "TALKING queue", "TALKING consult"),
        (wait(30), "TALKING queue", "TALKING consult"),
        (gone("a", A), "WRAP_UP queue", "TALKING consult"),
        (gone("b", B), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "a conference from which the colleague's phone sends the caller on": [
        (to_anna, "TALKING queue", "READY"),
        (dialled("b", B, "party"), "TALKING queue", "RINGING consult"),
        (joined("b", B), "TALKING queue", "TALKING consult"),
        (transferred("outside", B), "WRAP_UP queue", "READY"),
        (over(), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "parked, and fetched by a colleague": [
        (to_anna, "TALKING queue", "READY"),
        (tell(ev.CallParked, slot="1", endpoint=A), "WRAP_UP queue", "READY"),
        (gone("a", A), "WRAP_UP queue", "READY"),
        (dialled("b", B), "WRAP_UP queue", "RINGING transfer"),
        (connected("b", B), "WRAP_UP queue", "TALKING transfer"),
        (gone("b", B), "WRAP_UP queue", "WRAP_UP transfer"),
        (over(), "WRAP_UP queue", "WRAP_UP transfer"),
        (wait(31), "READY", "READY"),
    ],
    "picked up by a colleague": [
        (tell(ev.CallOffered, leg_id="c"), "READY", "READY"),
        (dialled("a", A), "RINGING direct", "READY"),
        (
            tell(ev.LegMoved, leg_id="a", endpoint=B, from_endpoint=A),
            "READY",
            "RINGING direct",
        ),
        (connected("a", B), "READY", "TALKING direct"),
        (gone("a", B), "READY", "READY"),
        (over(), "READY", "READY"),
    ],
    "taken over by the agent's other phone": [
        (to_anna, "TALKING queue", "READY"),
        (dialled("aw", "1001w", "party"), "TALKING queue", "READY"),
        (joined("aw", "1001w"), "TALKING queue", "READY"),
        (left("a", A), "TALKING queue", "READY"),
        (connected("aw", "1001w"), "TALKING queue", "READY"),
        (gone("a", A), "TALKING queue", "READY"),
        (over(), "TALKING queue", "READY"),
        (gone("aw", "1001w"), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
    "a queue consulted, and both calls joined": [
        (to_anna, "TALKING queue", "READY"),
        (
            tell(ev.CallOffered, Q, leg_id="a2", direction="internal", endpoint=A, consult_of=C),
            "TALKING queue",
            "READY",
        ),
        (enqueued(HELP, call_id=Q), "TALKING queue", "RESERVED queue"),
        (dialled("b", B, call_id=Q), "TALKING queue", "RINGING queue"),
        (connected("b", B, Q), "TALKING queue", "TALKING queue"),
        (tell(ev.CallMerged, Q, into_call_id=C), "TALKING queue", "TALKING transfer"),
        (connected("b", B), "WRAP_UP queue", "TALKING transfer"),
        (over(Q), "WRAP_UP queue", "TALKING transfer"),
        (gone("a", A), "WRAP_UP queue", "TALKING transfer"),
        (gone("b", B), "WRAP_UP queue", "WRAP_UP transfer"),
        (over(), "WRAP_UP queue", "WRAP_UP transfer"),
        (wait(31), "READY", "READY"),
    ],
    "an internal call whose beginner sends the other on": [
        (
            tell(ev.CallOffered, leg_id="a", direction="internal", endpoint=A),
            "TALKING internal",
            "READY",
        ),
        (dialled("b", B), "TALKING internal", "RINGING internal"),
        (connected("b", B), "TALKING internal", "TALKING internal"),
        (
            tell(ev.CallAnchored, leg_id="b", agent_leg_id="a", endpoint=A),
            "TALKING internal",
            "TALKING internal",
        ),
        (transferred("agent"), "READY", "TALKING internal"),
        (gone("a", A), "READY", "TALKING internal"),
        (over(), "READY", "READY"),  # the call hung on Ben's leg
    ],
    "a colleague calls while the agent talks": [
        (to_anna, "TALKING queue", "READY"),
        (
            tell(ev.CallOffered, Q, leg_id="q", direction="internal", endpoint=B),
            "TALKING queue",
            "TALKING internal",
        ),
        (dialled("qa", A, call_id=Q), "TALKING queue", "TALKING internal"),
        (over(), "TALKING queue", "TALKING internal"),
        (gone("a", A), "RINGING internal", "TALKING internal"),  # it still rings
        (connected("qa", A, Q), "TALKING internal", "TALKING internal"),
        (over(Q), "TALKING internal", "READY"),
        (gone("qa", A, Q), "WRAP_UP queue", "READY"),  # and now his notes
        (wait(31), "READY", "READY"),
    ],
    "a colleague's call is answered in between": [
        (to_anna, "TALKING queue", "READY"),
        (dialled("qa", A, call_id=Q), "TALKING queue", "READY"),
        (connected("qa", A, Q), "TALKING direct", "READY"),
        (gone("qa", A, Q), "TALKING queue", "READY"),  # back to the first
        (over(Q), "TALKING queue", "READY"),
        (gone("a", A), "WRAP_UP queue", "READY"),
        (over(), "WRAP_UP queue", "READY"),
        (wait(31), "READY", "READY"),
    ],
}


def centre() -> World:
    """Sales has a wrap-up of 30 s, help none; Anna serves sales, Ben help and, last, sales."""
    world = World(configuration(rules(SALES, wrap_up_time=seconds(30)), rules(HELP), agents=2))
    world.seat(ANNA, BEN)
    return world


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_story(story: list[tuple[Step, str, str]]) -> None:
    world = centre()
    for number, (step, anna, ben) in enumerate(story):
        step(world)
        seen = [f"{x.state.name} {x.kind}".strip() for x in map(world.agent, (ANNA, BEN))]
        assert seen == [anna, ben], f"step {number + 1}"
    agents = world.state.agents.values()
    assert not any(a.call_id or a.lines or a.legs or a.owed for a in agents)
    assert not world.state.busy
    assert not world.state.entries
    assert not world.state.shapes


def test_what_is_published_says_the_kind_and_which_call_a_wrap_up_was_of() -> None:
    world = centre()
    to_anna(world)
    gone("a", A)(world)
    over()(world)
    world.wait(31)
    changes = [e for e in world.published(ev.AgentStateChanged) if e.agent_id == ANNA][-3:]
    assert [(e.state, e.call_id, e.kind) for e in changes] == [
        ("TALKING", C, "queue"),
        ("WRAP_UP", C, "queue"),
        ("READY", C, ""),
    ]
    assert world.agent(ANNA).call_id is None


def test_dialling_out_of_a_break_returns_to_it() -> None:
    world = centre()
    world.step(d.SayNotReady(ANNA, "lunch"))
    tell(ev.CallOffered, leg_id="a", direction="outbound", endpoint=A)(world)
    assert world.shows(ANNA) == "TALKING"
    over()(world)
    assert world.shows(ANNA) == "NOT_READY:lunch"


def test_dialling_out_of_wrap_up_puts_it_off() -> None:
    world = centre()
    to_anna(world)
    gone("a", A)(world)
    over()(world)
    world.wait(10)
    tell(ev.CallOffered, Q, leg_id="a2", direction="outbound", endpoint=A)(world)
    ended = world.published(ev.AgentStateChanged)[-2]
    assert (ended.previous, ended.call_id) == ("WRAP_UP", C)
    world.wait(5)
    over(Q)(world)
    assert world.shows(ANNA) == "WRAP_UP"
    assert world.agent(ANNA).call_id == C
    world.wait(16)  # 31 s since it began
    assert world.shows(ANNA) == "READY"


def test_nobody_is_offered_a_call_while_a_phone_of_his_is_in_one() -> None:
    world = centre()
    world.step(d.SayNotReady(BEN, "lunch"))
    tell(ev.CallOffered, Q, leg_id="a", direction="internal", endpoint=A)(world)
    world.enqueue("waiting")
    assert world.pairs() == []
    over(Q)(world)
    world.wait(2)  # the gap between two calls
    assert world.pairs() == [("waiting", "anna")]


def test_whoever_dials_while_he_is_chosen_gives_the_caller_back() -> None:
    world = centre()
    world.enqueue(C)
    assert world.pairs() == [(C, "anna")]
    tell(ev.CallOffered, Q, leg_id="a", direction="outbound", endpoint=A)(world)
    assert d.WithdrawOffer(C) in world.last
    world.requeue(C)
    assert world.pairs()[-1] == (C, "ben")


def test_a_caller_who_comes_back_from_a_transfer_keeps_his_place_and_another_queue_is_a_new_one() -> (
    None
):
    world = centre()
    to_anna(world)
    began_at = world.state.entries[C].enqueued_at
    world.step(d.SayNotReady(BEN, "lunch"))
    world.wait(100)
    transferred("agent")(world)
    assert world.state.entries[C].phase is Phase.CONNECTED
    assert SALES not in world.state.lines
    tell(ev.TransferFailed, target_kind="agent", target="1002", result="busy")(world)
    world.requeue(C)
    assert world.state.entries[C].enqueued_at == began_at
    transferred("queue")(world)
    enqueued(HELP)(world)
    entry = world.state.entries[C]
    assert (entry.queue, entry.enqueued_at, entry.phase) == (HELP, world.now, Phase.WAITING)
    transferred("queue")(world)  # to the very same queue: at its end
    world.wait(5)
    enqueued(HELP)(world)
    assert world.state.entries[C].enqueued_at == world.now


def test_a_call_is_answered_once_whoever_takes_it_over() -> None:
    world = centre()
    to_anna(world)
    transferred("agent")(world)
    dialled("b", B)(world)
    connected("b", B)(world)
    assert [e.agent_id for e in world.published(ev.CallAnswered)] == [ANNA]
    over()(world)
    assert world.published(ev.CallAbandoned) == []


def test_a_supervisor_sends_a_waiting_caller_to_an_agent() -> None:
    world = centre()
    world.step(d.SayNotReady(ANNA, "lunch"))
    world.step(d.SayNotReady(BEN, "lunch"))
    world.enqueue(C)
    transferred("agent", endpoint=None)(world)
    dialled("b", B)(world)
    assert (world.agent(BEN).state, world.agent(BEN).kind) == (AgentState.RINGING, "transfer")
    connected("b", B)(world)
    assert [e.agent_id for e in world.published(ev.CallAnswered)] == [BEN]


def test_idle_phones_end_a_talk_whose_end_was_lost_and_the_other_phone_counts() -> None:
    world = centre()
    tell(ev.CallOffered, leg_id="a", direction="internal", endpoint=Endpoint("1001w"))(world)
    other = ev.PhoneStateChanged(at=world.now, endpoint=Endpoint("1001w"), state="in_use")
    world.step(other)
    for _ in range(10):  # signed in with the desk phone, which is idle
        world.wait(1)
        world.step(d.Due(None))
    assert world.shows(ANNA) == "TALKING"
    world.step(ev.PhoneStateChanged(at=world.now, endpoint=Endpoint("1001w"), state="idle"))
    for _ in range(5):
        world.wait(1)
        world.step(d.Due(None))
    assert world.shows(ANNA) == "READY"


def test_a_ring_that_nobody_ends_ends_by_itself() -> None:
    world = centre()
    dialled("b", B)(world)
    world.wait(121)
    assert world.shows(BEN) == "READY"


def test_the_browser_phone_of_a_call_that_the_desk_phone_took_over_calls_nobody_back() -> None:
    world = World(configuration(rules(SALES), agents=3))
    world.seat(CHEN)
    world.enqueue(C)
    leg = world.answer(C, CHEN)
    joined("desk", "1003")(world)
    gone(leg, PHONES[CHEN])(world)
    world.step(d.PhoneReady(CHEN))
    assert world.made(d.Rejoin) == []


def test_calls_that_the_switch_does_not_know_end_and_those_that_it_knows_are_taken_up() -> None:
    world = centre()
    tell(ev.CallOffered, leg_id="a", direction="internal", endpoint=A)(world)
    dialled("b", B)(world)
    world.step(d.Unlinked())
    legs = {
        LegId("x"): Leg(LegId("x"), B, LegState.UP, world.now, "consult"),
    }
    other = Call(
        call_id=Q,
        caller_leg_id=LegId("q"),
        offered_at=world.now,
        state=CallState.CONSULTING,
        endpoint=A,
        legs={**legs, LegId("y"): Leg(LegId("y"), A, LegState.UP, world.now)},
    )
    world.step(d.Linked((other,)))
    seen = [(world.agent(x).state.name, world.agent(x).kind) for x in (ANNA, BEN)]
    assert seen == [("TALKING", "direct"), ("TALKING", "consult")]
    world.step(d.Linked(()))
    assert [world.shows(x) for x in (ANNA, BEN)] == ["READY", "READY"]


def test_a_second_call_at_the_agents_phone_is_found_again() -> None:
    world = centre()
    to_anna(world)
    first = Call(
        call_id=C,
        caller_leg_id=LegId("c"),
        offered_at=world.now,
        state=CallState.TALKING,
        queue=SALES,
        enqueued_at=world.state.entries[C].enqueued_at,
        endpoint=A,
        legs={LegId("a"): Leg(LegId("a"), A, LegState.UP, world.now)},
    )
    second = Call(
        call_id=Q,
        caller_leg_id=LegId("q"),
        offered_at=world.now,
        direction="internal",
        origin=B,
        state=CallState.RINGING,
        endpoint=A,
        legs={LegId("x"): Leg(LegId("x"), A, LegState.RINGING, world.now)},
    )
    world.step(d.Linked((first, second)))
    assert world.agent(ANNA).calls == (C, Q)
    assert (world.shows(BEN), world.agent(BEN).kind) == ("TALKING", "internal")
    over()(world)
    gone("a", A)(world)
    assert (world.shows(ANNA), world.agent(ANNA).kind) == ("RINGING", "internal")
    gone("x", A, Q)(world)
    over(Q)(world)
    assert [world.shows(x) for x in (ANNA, BEN)] == ["WRAP_UP", "READY"]


def test_who_began_a_call_is_taken_up_again() -> None:
    world = centre()
    call = Call(
        call_id=Q,
        caller_leg_id=LegId("q"),
        offered_at=world.now,
        direction="outbound",
        origin=A,
    )
    world.step(d.Linked((call,)))
    assert (world.shows(ANNA), world.agent(ANNA).kind) == ("TALKING", "outbound")
    over(Q)(world)
    assert world.shows(ANNA) == "READY"


@pytest.mark.parametrize("time", [None, 20.0])
def test_a_wrap_up_after_outbound_calls_is_a_setting(time: float | None) -> None:
    base = configuration(rules(SALES), agents=1)
    limit = None if time is None else seconds(time)
    world = World(type(base)(queues=base.queues, profiles=base.profiles, wrap_up_time=limit))
    world.seat(ANNA)
    tell(ev.CallOffered, leg_id="a", direction="outbound", endpoint=A)(world)
    over()(world)
    assert world.shows(ANNA) == "WRAP_UP"
    world.wait(25)
    assert world.shows(ANNA) == ("READY" if time else "WRAP_UP")
