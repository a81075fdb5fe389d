"""What became of the callers of a storm, judged by the journal's order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from sip_sim import storm
from sip_sim.simulate import Plan
from sip_sim.sipp import Outcome

pytestmark = pytest.mark.unit

BEGAN_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
QUEUE = QueueName("sim")
NO_CALLS = Outcome(0, 0, 0)


def at(seconds: float, kind: type[ev.CallEvent], name: str, **values: Any) -> ev.CallEvent:
    return kind(at=BEGAN_AT + timedelta(seconds=seconds), call_id=CallId(name), **values)


def offered(seconds: float, name: str) -> ev.CallEvent:
    return at(seconds, ev.CallOffered, name, leg_id=LegId(name), dnis="1")


def waits(seconds: float, name: str, since: float | None = None) -> ev.CallEvent:
    since_at = BEGAN_AT + timedelta(seconds=seconds if since is None else since)
    return at(seconds, ev.CallEnqueued, name, queue=QUEUE, enqueued_at=since_at)


def chosen(seconds: float, name: str) -> ev.CallEvent:
    agent = {"agent_id": AgentId("a"), "endpoint": Endpoint("1001")}
    return at(seconds, ev.AgentReserved, name, queue=QUEUE, wait_time=timedelta(0), **agent)


def answered(seconds: float, name: str) -> ev.CallEvent:
    who = {"agent_id": AgentId("a"), "queue": QUEUE, "wait_time": timedelta(0)}
    return at(seconds, ev.CallAnswered, name, **who)


def gave_up(seconds: float, name: str) -> ev.CallEvent:
    return at(seconds, ev.CallAbandoned, name, queue=QUEUE, wait_time=timedelta(0))


def ended(seconds: float, name: str) -> ev.CallEvent:
    return at(seconds, ev.CallEnded, name, cause=16, ended_by="caller")


def test_everybody_is_answered_gives_up_or_is_lost() -> None:
    events = [
        *(offered(n, name) for n, name in enumerate("abcd")),
        waits(1, "a"), waits(2, "b"), waits(3, "c"),
        chosen(4, "a"), answered(5, "a"), ended(9, "a"),
        gave_up(8, "b"), ended(8, "b"), ended(9, "d"),
    ]  # fmt: skip
    told = storm.judge(events, NO_CALLS, load=3.0)
    assert (told.offered, told.answered, told.abandoned, told.left_in_menu) == (4, 1, 1, 1)
    assert told.lost == 1, "nobody knows what became of c"
    assert not told.is_well
    assert [(f.enqueued_s, f.wait_s, f.is_answered) for f in told.fates] == [
        (1, 4, True),
        (2, 6, False),
    ]
    assert storm.judge(events, Outcome(2, 2, 0), load=3.0).lost == 3
    assert storm.judge(events, Outcome(6, 0, 0), load=3.0).lost == 3, "two whom nobody noticed"


def test_whom_the_service_noticed_late_is_one_of_them() -> None:
    late = at(3, ev.CallRecovered, "a", leg_id=LegId("a"), state="fallback", enqueued_at=BEGAN_AT)
    spoke = at(3, ev.CallRecovered, "b", leg_id=LegId("b"), state="talking", endpoint="1001")
    told = storm.judge([late, spoke, gave_up(9, "a"), ended(9, "b")], NO_CALLS, load=3.0)
    assert (told.offered, told.answered, told.abandoned, told.lost) == (2, 1, 1, 0)


def test_whoever_is_chosen_before_somebody_who_came_before_is_an_inversion() -> None:
    line = [waits(1, "a"), waits(2, "b"), waits(3, "c")]
    assert storm.inversions([*line, chosen(4, "a"), chosen(4, "b"), chosen(4, "c")]) == 0
    assert storm.inversions([*line, chosen(4, "b"), chosen(4, "a"), chosen(4, "c")]) == 1
    assert storm.inversions([*line, chosen(4, "c"), chosen(4, "b")]) == 2


def test_who_cannot_be_chosen_at_that_moment_is_not_passed_over() -> None:
    """He is rung, and told to wait again only after the next one was chosen; or he is gone."""
    rung = [waits(1, "a"), waits(2, "b"), chosen(3, "a"), chosen(4, "b"), waits(5, "a", since=1)]
    assert storm.inversions([*rung, waits(6, "c"), chosen(7, "a"), chosen(8, "c")]) == 0
    assert storm.inversions([*rung, waits(6, "c"), chosen(7, "c")]) == 1
    assert storm.inversions([waits(1, "a"), waits(2, "b"), ended(3, "a"), chosen(4, "b")]) == 0


def test_a_storm_is_so_many_times_what_the_agents_can_take() -> None:
    span, talk = timedelta(minutes=10), timedelta(seconds=4.7)
    plan = Plan.of_storm(10, 3.0, span, talk, timedelta(seconds=60))
    assert plan.per_second == pytest.approx(6.0)
    assert plan.total == 3600
    assert plan.concurrent == 759, (
        "ten who talk, six a second for 90 s of patience, 4.7 of talk, 30 of menu"
    )


def test_the_picture_shows_each_caller_once() -> None:
    line = [waits(n, f"c{n}") for n in range(1, 31)]
    events = [e for n, w in enumerate(line, start=1) for e in (offered(n, f"c{n}"), w)]
    events += [gave_up(40, f"c{n}") for n in range(1, 31)]
    told = storm.judge(events, NO_CALLS, load=3.0)
    assert storm.picture(told, "a title").count("<circle") == 30
    assert max(storm.line_length(told.fates)) == told.as_json()["longest_line"] == 30


def test_nothing_happened() -> None:
    told = storm.judge([], NO_CALLS, load=3.0)
    assert told.is_well
    assert "<circle" not in storm.picture(told, "nothing")


def test_who_was_sent_away_and_who_hung_up_as_he_was_answered_is_told() -> None:
    def state(name: str, previous: str, reason: str, by: str) -> ev.AgentStateChanged:
        return ev.AgentStateChanged(
            at=BEGAN_AT, agent_id=AgentId("a"), state=name, previous=previous, reason=reason, by=by
        )

    call = [offered(0, "a"), waits(1, "a"), chosen(2, "a"), answered(3, "a"), ended(3.5, "a")]
    events = [
        *call,
        at(1, ev.CallFellBack, "a", queue=QUEUE),
        state("NOT_READY", "RINGING", "rona", "system"),
        state("NOT_READY", "NOT_READY", "rona", "system"),
        state("NOT_READY", "READY", "lunch", "agent"),
    ]
    told = storm.judge(events, NO_CALLS, load=3.0).as_json()
    assert told["agents_made_not_ready"] == {"rona": 1}
    assert (told["fell_back"], told["cut_short"]) == (1, 1)
