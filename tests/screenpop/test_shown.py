"""What each event makes of a call on one desktop, as stories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.domain.numbers import DialPlan
from screenpop import talk as talks
from screenpop.abilities import ACTIONS, REASONS, Situation, can, reason_id
from screenpop.shown import OVER, RISING, TALKED, Desk, Shown, move
from screenpop.talk import Talk

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL, LINA = CallId("c"), AgentId("lina")
MINE, DESK, TOM, TRUNK = Endpoint("1001w"), Endpoint("1001"), Endpoint("1002"), Endpoint("trunk_x")
PLAN = DialPlan()


def owns(endpoint: Endpoint | None) -> bool:
    return endpoint in (MINE, DESK)


def event(what: type[ev.CallEvent], /, **values: Any) -> ev.CallEvent:
    if "leg_id" in values:
        values["leg_id"] = LegId(values["leg_id"])
    return what(at=T0, call_id=CALL, **values)


def dialled(leg: str, phone: Endpoint, role: str = "agent") -> ev.CallEvent:
    return event(ev.LegDialled, leg_id=leg, endpoint=phone, role=role)


def talks_with(leg: str, phone: Endpoint) -> ev.CallEvent:
    return event(ev.CallConnected, leg_id=leg, endpoint=phone)


def gone(leg: str, phone: Endpoint) -> ev.CallEvent:
    return event(ev.LegEnded, leg_id=leg, endpoint=phone, cause=16)


CONSULT = event(ev.ConsultStarted, endpoint=MINE)
PARTY = event(ev.PartyJoined, leg_id="b", endpoint=TOM)
END = event(ev.CallEnded, cause=16, ended_by="caller")
TALK: list[tuple[ev.CallEvent, str]] = [
    (dialled("a", MINE), "offered"),
    (event(ev.LegRang, leg_id="a", endpoint=MINE), "ringing"),
    (talks_with("a", MINE), "talking"),
]

STORIES: dict[str, list[tuple[ev.CallEvent, str]]] = {
    "held, and the end": [
        *TALK,
        (event(ev.CallHeld, by="agent"), "on_hold"),
        (event(ev.CallRetrieved, by="agent"), "talking"),
        (END, "ended"),
    ],
    "sent on, and it comes back": [
        *TALK,
        (
            event(ev.CallTransferred, kind="blind", target_kind="agent", endpoint=MINE),
            "transferring",
        ),
        (gone("a", MINE), "transferring"),
        (dialled("b", TOM), "transferring"),
        (gone("b", TOM), "transferring"),
        (dialled("a2", MINE), "offered"),
        (talks_with("a2", MINE), "talking"),
    ],
    "sent on to somebody": [
        *TALK,
        (
            event(ev.CallTransferred, kind="blind", target_kind="agent", endpoint=MINE),
            "transferring",
        ),
        (talks_with("b", TOM), "ended"),
        (END, "ended"),
    ],
    "parked": [
        *TALK,
        (event(ev.CallParked, slot="1", endpoint=MINE), "parked"),
        (talks_with("b", TOM), "ended"),
    ],
    "consulted, and taken back": [
        *TALK,
        (CONSULT, "consulting"),
        (dialled("b", TOM, "consult"), "consulting"),
        (event(ev.ConsultConnected, leg_id="b", endpoint=TOM), "consulting"),
        (event(ev.ConsultEnded, endpoint=MINE, result="ended"), "on_hold"),
        (event(ev.CallRetrieved, by="agent"), "talking"),
    ],
    "consulted, and handed over": [
        *TALK,
        (CONSULT, "consulting"),
        (event(ev.ConsultConnected, leg_id="b", endpoint=TOM), "consulting"),
        (talks_with("b", TOM), "ended"),
        (event(ev.ConsultEnded, endpoint=MINE, result="completed"), "ended"),
    ],
    "a conference that shrinks": [
        *TALK,
        (PARTY, "conference"),
        (event(ev.PartyLeft, leg_id="b", endpoint=TOM), "conference"),
        (talks_with("a", MINE), "talking"),
    ],
    "two phones ring": [
        (dialled("a", MINE), "offered"),
        (dialled("d", DESK), "offered"),
        (gone("d", DESK), "offered"),
        (gone("a", MINE), ""),
    ],
    "asked for help, and left alone with the caller": [
        (dialled("a", MINE, "consult"), "offered"),
        (event(ev.ConsultConnected, leg_id="a", endpoint=MINE), "talking"),
        (event(ev.CallHeld, by="agent"), "talking"),
        (talks_with("b", TOM), "talking"),  # his colleague is back with the caller
        (talks_with("a", MINE), "talking"),
        (event(ev.CallHeld, by="agent"), "on_hold"),  # now the caller is his
    ],
    "asked for help in vain": [
        (dialled("a", MINE, "consult"), "offered"),
        (gone("a", MINE), ""),
    ],
    "the page is reloaded": [
        *TALK,
        (event(ev.AgentLegLost, endpoint=MINE), "agent_lost"),
        (talks_with("a2", MINE), "talking"),
    ],
    "his other phone takes over": [
        *TALK,
        (dialled("d", DESK, "party"), "talking"),
        (event(ev.PartyJoined, leg_id="d", endpoint=DESK), "conference"),
        (event(ev.PartyLeft, leg_id="a", endpoint=MINE), "conference"),
        (talks_with("d", DESK), "talking"),
        (gone("a", MINE), "talking"),
    ],
}


@pytest.mark.parametrize(
    ("what", "state"),
    [
        (event(ev.CallParked, slot="1", endpoint=DESK), "parked"),
        (
            event(ev.CallTransferred, kind="blind", target_kind="agent", endpoint=DESK),
            "transferring",
        ),
        (event(ev.CallParked, slot="1", endpoint=TOM), "ended"),
    ],
)
def test_what_the_phones_own_keys_did_is_told_after_its_leg_is_gone(
    what: ev.CallEvent, state: str
) -> None:
    ended = Shown(CALL, "t", T0, None, timedelta(0), state="ended", ended_at=T0)
    shown = move(ended, what, Desk(LINA, owns, Talk()))
    assert shown is not None
    assert (shown.state, shown.ended_at) == (state, T0)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_story(story: list[tuple[ev.CallEvent, str]]) -> None:
    first = story[0][0]
    is_asked = isinstance(first, ev.LegDialled) and first.role != "agent"
    shown: Shown | None = Shown(
        CALL, "t", T0, QueueName("sales"), timedelta(0), is_offer=False, is_consulted=is_asked
    )
    talk = Talk()
    for number, (happened, state) in enumerate(story):
        talk = talks.fold(talk, happened, PLAN)
        assert shown is not None, number
        shown = move(shown, happened, Desk(LINA, owns, talk))
        assert (shown.state if shown else "") == state, number
        assert shown is None or (shown.state in OVER) == (shown.ended_at is not None)


def test_an_outbound_call_from_the_dialling_to_the_transfer() -> None:
    talk = Talk(began_by=MINE, anchor=MINE)
    shown: Shown | None = Shown(CALL, "t", T0, None, timedelta(0), state="dialling", is_offer=False)
    states = []
    for happened in (
        dialled("t", TRUNK),
        event(ev.CallAnchored, leg_id="t", agent_leg_id=LegId("a"), endpoint=MINE),
        talks_with("a", MINE),
        event(ev.CallTransferred, kind="blind", target_kind="agent", endpoint=MINE),
    ):
        talk = talks.fold(talk, happened, PLAN)
        assert shown is not None
        shown = move(shown, happened, Desk(LINA, owns, talk))
        assert shown is not None
        states.append(shown.state)
    assert states == ["dialling", "dialling", "talking", "transferring"]
    assert talk.anchor == TRUNK


def test_who_dialled_a_colleague_is_told_when_he_answers_and_when_he_does_not() -> None:
    start = Shown(CALL, "t", T0, None, timedelta(0), state="dialling", is_offer=False)
    talk = Talk(began_by=MINE, anchor=MINE)
    for happened, state in ((talks_with("b", TOM), "talking"), (END, "ended")):
        after = talks.fold(talk, happened, PLAN)
        shown = move(start, happened, Desk(LINA, owns, after))
        assert shown is not None
        assert shown.state == state


@pytest.mark.parametrize("state", sorted(RISING | TALKED | OVER))
@pytest.mark.parametrize("is_consulted", [False, True])
def test_every_button_can_be_pressed_or_says_why_not_in_both_languages(
    state: str, is_consulted: bool
) -> None:
    for is_up in (False, True):
        now = Situation(state, is_consulted, is_up, is_recording=is_up)
        english, chinese = can(now, "en"), can(now, "zh")
        assert list(english) == list(chinese) == list(ACTIONS)
        for action in ACTIONS:
            reason = reason_id(action, now)
            assert (english[action], chinese[action]) == (
                (REASONS[reason]["en"], REASONS[reason]["zh"]) if reason else ("", "")
            )
    assert state in TALKED | RISING or not any(why == "" for why in can(now, "en").values())


def test_there_is_always_a_way_out_of_a_call() -> None:
    for state in TALKED:
        now = Situation(state, consult_is_up=True)
        ways = [a for a in ("hang_up", "complete", "cancel") if not reason_id(a, now)]
        assert ways
        assert not reason_id("hang_up", Situation("conference", is_consulted=True))
