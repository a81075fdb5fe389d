"""Own figures beside the team's: who is compared with whom, what counts, and how often it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId
from cti.domain.people import Role, User
from screenpop.connection import Connection
from screenpop.desks import Desk, Desks
from screenpop.own_figures import REFRESHED_EVERY, OwnFigures
from screenpop.ports import DayFigures
from screenpop.today import Today, mean_of
from tests.fakes.people import HandClock
from tests.screenpop.conftest import CONFIG, T0

pytestmark = pytest.mark.unit

WHO = AgentId("u0")
CALL = CallId("pbx1-1.1-1")


def changed(at: datetime, state: str, who: AgentId = WHO, **fields: Any) -> ev.AgentStateChanged:
    return ev.AgentStateChanged(at=at, agent_id=who, state=state, previous="", **fields)


def team(count: int) -> tuple[Desks, HandClock, OwnFigures, list[Desk]]:
    clock = HandClock(T0)
    desks = Desks(CONFIG, "boot")
    people = [
        User(AgentId(f"u{n}"), f"a{n}", f"A{n}", f"70{n:02}", f"10{n:02}", Role.AGENT, "north")
        for n in range(count)
    ]
    return desks, clock, OwnFigures(desks, clock), [desks.take(p, T0) for p in people]


def test_three_are_needed_and_only_who_worked_counts() -> None:
    _, clock, figures, desks = team(4)
    for n, desk in enumerate(desks[:3]):
        assert desk.state.sections["today"]["team"] is None
        who = desk.user.user_id
        desk.today.apply(changed(T0, "TALKING", who, call_id=CallId(f"c{n}"), kind="queue"))
        desk.today.apply(changed(T0 + timedelta(seconds=60 * (n + 1)), "READY", who))
        clock.advance(6)
        figures.changed(desk)
    today = desks[2].state.sections["today"]
    assert desks[1].state.sections["today"]["team"] is None  # two had worked by then
    assert today["team"] is not None
    assert (today["team"]["members"], today["team"]["calls"]) == (3, 1.0)
    assert today["team"]["talk_s"] == 120.0


def test_a_mean_of_few_says_nothing_and_occupancy_is_of_all_time() -> None:
    busy, idle = DayFigures(talk_s=90.0, ready_s=10.0), DayFigures(ready_s=900.0)
    assert mean_of([busy, idle]) is None
    mean = mean_of([busy, idle, idle])
    assert mean is not None
    assert mean["occupancy"] == round(90 / 1900, 3)


def test_somebody_without_a_team_is_compared_with_nobody() -> None:
    _, clock, figures, desks = team(3)
    for desk in desks:
        desk.state.user = replace(desk.user, team="")
        desk.today.apply(changed(T0, "READY", desk.user.user_id))
        clock.advance(2)
        figures.changed(desk)
        assert desk.state.sections["today"]["team"] is None


def test_it_is_told_at_most_once_a_second_and_refreshed_while_it_runs() -> None:
    _, clock, figures, [desk] = team(1)
    desk.pages = [Connection()]
    desk.today.apply(changed(T0, "READY"))
    before = desk.state.seq
    for n in range(20):
        desk.today.apply(changed(clock.now(), "TALKING" if n % 2 else "READY", call_id=CALL))
        clock.advance(0.1)
        figures.changed(desk)
    assert desk.state.seq - before <= 3
    figures.start()
    clock.advance(2)
    told = desk.state.seq
    clock.advance(REFRESHED_EVERY.total_seconds() + 1)
    assert desk.state.seq == told + 1
    figures.stop()


def test_hold_is_his_own_and_a_consultation_counts() -> None:
    today = Today(UTC)
    at = [T0 + timedelta(seconds=10 * n) for n in range(8)]
    today.apply(changed(at[0], "TALKING", call_id=CALL, kind="queue"))
    today.apply(ev.ConsultStarted(at=at[1], call_id=CALL, endpoint="1001w"))  # type: ignore[arg-type]
    today.apply(ev.CallRetrieved(at=at[3], call_id=CALL, by="agent"))
    today.apply(changed(at[4], "READY"))
    assert today.figures()["hold_s"] == 20.0
    assert today.figures()["talk_s"] == 20.0
    asked = Today(UTC)
    asked.apply(changed(at[0], "TALKING", call_id=CALL, kind="consult"))
    asked.apply(ev.CallHeld(at=at[1], call_id=CALL, by="agent"))
    asked.apply(changed(at[4], "READY"))
    assert (asked.figures()["hold_s"], asked.figures()["calls"]) == (0.0, 0)


def test_what_the_tables_counted_goes_on() -> None:
    today = Today(UTC)
    today.apply(changed(T0, "TALKING", call_id=CALL, kind="queue"))
    today.seed(DayFigures(calls=30, missed=2, talk_s=100.0, ready_s=100.0), T0)
    figures = today.figures(T0 + timedelta(seconds=50))
    assert (figures["calls"], figures["missed"], figures["talk_s"]) == (30, 2, 150.0)
    assert today.figures(T0 + timedelta(days=1))["calls"] == 0  # another day
