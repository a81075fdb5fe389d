"""Visits: whatever happens to a caller is counted once, and opens to the calls behind it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd import figures
from acd.figures import CallVisits, Outcome, Visit
from acd.figures_counts import QueueFigures, Slice, Thresholds, figures_of, is_in, tally
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL, LEG = CallId("c"), LegId("1.2")
SALES, HELP = QueueName("sales"), QueueName("help")
LINA, TOM, PHONE = AgentId("lina"), AgentId("tom"), Endpoint("1001w")
THRESHOLDS = Thresholds(timedelta(seconds=20), timedelta(seconds=5))


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def s(number: float) -> timedelta:
    return timedelta(seconds=number)


def event(of: type[ev.Event], seconds: float, **values: Any) -> ev.Event:
    return of(at=at(seconds), call_id=CALL, **values)  # type: ignore[call-arg]


def enqueued(seconds: float, queue: QueueName = SALES, since: float | None = None) -> ev.Event:
    since = seconds if since is None else since
    return event(ev.CallEnqueued, seconds, queue=queue, enqueued_at=at(since))


def connected(seconds: float) -> ev.Event:
    return event(ev.CallConnected, seconds, leg_id=LEG, endpoint=PHONE)


def answered(seconds: float, wait: float, queue: QueueName = SALES) -> ev.Event:
    return event(ev.CallAnswered, seconds, agent_id=LINA, queue=queue, wait_time=s(wait))


def abandoned(seconds: float, wait: float, queue: QueueName = SALES) -> ev.Event:
    return event(ev.CallAbandoned, seconds, queue=queue, wait_time=s(wait))


def ended(seconds: float, by: str = "caller") -> ev.Event:
    return event(ev.CallEnded, seconds, cause=16, ended_by=by)


def missed(seconds: float, reason: str = "no_answer") -> ev.Event:
    return event(ev.AgentDidNotAnswer, seconds, agent_id=TOM, queue=SALES, reason=reason)


def became(seconds: float, state: str, agent: AgentId = LINA) -> ev.Event:
    return event(
        ev.AgentStateChanged, seconds, agent_id=agent, state=state, previous="", endpoint=PHONE
    )


def sent(seconds: float, kind: str = "queue", target: str = "help") -> ev.Event:
    return event(ev.CallTransferred, seconds, kind="blind", target_kind=kind, target=target)


def overflowed(seconds: float, reason: str = "wait", queue: QueueName = SALES) -> ev.Event:
    return event(ev.CallOverflowed, seconds, queue=queue, reason=reason, target_kind="queue")


def by_key(seconds: float) -> ev.Event:
    return event(ev.CallLeftByKey, seconds, queue=SALES, target_kind="callback")


def estimated(seconds: float, estimate: float, queue: QueueName = SALES) -> ev.Event:
    return event(ev.WaitEstimated, seconds, queue=queue, position=2, estimate_time=s(estimate))


def fold(*events: ev.Event) -> CallVisits:
    call = CallVisits()
    for item in events:
        call = figures.apply(call, item)
    return call


def outcomes(*events: ev.Event) -> list[tuple[str, str, float]]:
    """Of each visit: queue, outcome, wait in seconds."""
    return [(v.queue, v.outcome.value, v.wait_time.total_seconds()) for v in fold(*events).visits]


def recovered(seconds: float, state: str, since: float | None = 3) -> ev.Event:
    enqueued_at = None if since is None else at(since)
    return event(
        ev.CallRecovered, seconds, leg_id=LEG, state=state, queue=SALES, enqueued_at=enqueued_at
    )


STORIES: dict[str, tuple[list[ev.Event], list[tuple[str, str, float]]]] = {
    "waits": ([enqueued(0)], [("sales", "waiting", 0)]),
    "answered": ([enqueued(0), connected(7), answered(7.2, 7.1)], [("sales", "answered", 7.1)]),
    "abandoned": ([enqueued(0), ended(30)], [("sales", "abandoned", 30)]),
    "abandoned, by the clock of the ACD": (
        [enqueued(0), ended(30), event(ev.CallAbandoned, 30, queue=SALES, wait_time=s(29))],
        [("sales", "abandoned", 29)],
    ),
    "no answer, back in line, declined, answered": (
        [enqueued(0), missed(15), enqueued(15, since=0), missed(20, "declined"),
         enqueued(20, since=0), connected(25)],
        [("sales", "answered", 25)],
    ),
    "announcements on the way": (
        [enqueued(0), enqueued(10, since=0), enqueued(20, since=0), ended(22)],
        [("sales", "abandoned", 22)],
    ),
    "fallback and back": (
        [enqueued(0), event(ev.CallFellBack, 20, queue=SALES), enqueued(40, since=0), ended(60)],
        [("sales", "abandoned", 60)],
    ),
    "answered in the fallback": (
        [enqueued(0), event(ev.CallFellBack, 20, queue=HELP), connected(30), ended(50)],
        [("sales", "answered", 30)],
    ),
    "fell back out of a menu": (
        [event(ev.MenuEntered, 0, flow="f", flow_version=1, node="n"),
         event(ev.CallFellBack, 5, queue=SALES), ended(9)],
        [("sales", "abandoned", 4)],
    ),
    "the phone was lost, he came back with his place": (
        [enqueued(0), connected(5), event(ev.AgentLegLost, 9, endpoint=PHONE),
         enqueued(30, since=0), connected(50), ended(60)],
        [("sales", "answered", 5)],
    ),
    "the phone was lost, he came back and hung up": (
        [enqueued(0), connected(5), enqueued(30, since=0), ended(60)],
        [("sales", "answered", 5)],
    ),
    "sent to another queue": (
        [enqueued(0), connected(5), sent(20), enqueued(21, HELP), ended(50)],
        [("sales", "answered", 5), ("help", "abandoned", 29)],
    ),
    "sent to the same queue, with a new place": (
        [enqueued(0), connected(5), sent(20, target="sales"), enqueued(21), connected(31)],
        [("sales", "answered", 5), ("sales", "answered", 10)],
    ),
    "nobody took the transfer, back in his old place": (
        [enqueued(0), connected(5), sent(20, "agent", "1002"), enqueued(40, since=0), ended(41)],
        [("sales", "answered", 5)],
    ),
    "sent on by hand while he waited": (
        [enqueued(0), sent(20), enqueued(21, HELP), connected(25)],
        [("sales", "overflowed", 20), ("help", "answered", 4)],
    ),
    "moved without a word": (
        [enqueued(0), enqueued(12, HELP), connected(20)],
        [("sales", "overflowed", 12), ("help", "answered", 8)],
    ),
    "overflowed into another queue, told twice": (
        [enqueued(0), overflowed(60), overflowed(60), enqueued(61, HELP), connected(70)],
        [("sales", "overflowed", 60), ("help", "answered", 9)],
    ),
    "overflowed with his place": (
        [enqueued(0), overflowed(60), enqueued(61, HELP, since=0), connected(70), answered(70, 70, HELP)],
        [("sales", "overflowed", 60), ("help", "answered", 9)],
    ),
    "overflowed with his place, and gave up": (
        [enqueued(0), overflowed(60), enqueued(65, HELP, since=0), ended(70), abandoned(70, 70, HELP)],
        [("sales", "overflowed", 60), ("help", "abandoned", 5)],
    ),
    "nobody took him outside": (
        [enqueued(0), overflowed(60), enqueued(80, since=0), connected(90), answered(90, 90)],
        [("sales", "overflowed", 60), ("sales", "answered", 10)],
    ),
    "overflowed to voicemail": ([enqueued(0), overflowed(60), ended(90)], [("sales", "overflowed", 60)]),
    "closed at the door": ([overflowed(3, "closed"), ended(9)], [("sales", "closed", 0)]),
    "closed while he waited": ([enqueued(0), overflowed(3, "holiday")], [("sales", "closed", 3)]),
    "left by key": ([enqueued(0), by_key(40), by_key(41), ended(90)], [("sales", "left_by_key", 40)]),
    "merged while it rang": (
        [enqueued(0), event(ev.CallMerged, 9, into_call_id=CallId("d")), ended(9, "merged")],
        [("sales", "answered", 9)],
    ),
    "ended as merged": ([enqueued(0), ended(9, "merged")], [("sales", "answered", 9)]),
    "found waiting": ([recovered(10, "waiting"), ended(33)], [("sales", "abandoned", 30)]),
    "found talking": ([recovered(10, "talking"), ended(33)], [("sales", "answered", 7)]),
    "waited, found talking": ([enqueued(0), recovered(9, "on_hold")], [("sales", "answered", 9)]),
    "found waiting again after an answer": (
        [enqueued(3), connected(5), recovered(9, "waiting"), ended(50)],
        [("sales", "answered", 2)],
    ),
    "a menu only": ([event(ev.MenuEntered, 0, flow="f", flow_version=1, node="n"), ended(9)], []),
    "nothing after the end": ([enqueued(0), ended(9), enqueued(10), connected(11)], [("sales", "abandoned", 9)]),
    "the clock was set back": ([enqueued(100), connected(40)], [("sales", "answered", 0)]),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_each_story_has_its_visits(name: str) -> None:
    events, expected = STORIES[name]
    assert outcomes(*events) == expected


def test_where_a_visit_came_from() -> None:
    def origins(*events: ev.Event) -> list[str]:
        return [visit.came_from for visit in fold(*events).visits]

    assert origins(enqueued(0), connected(5), sent(20), enqueued(21, HELP)) == ["", "transfer"]
    assert origins(enqueued(0), overflowed(5), enqueued(21, HELP)) == ["", "overflow"]
    assert origins(enqueued(0), by_key(5), enqueued(21, HELP)) == ["", "key"]
    visits = fold(enqueued(0), connected(5), sent(20), enqueued(21, HELP), ended(30)).visits
    assert tally(visits, THRESHOLDS, T0).calls == 1
    assert tally(visits, THRESHOLDS, T0).offered == 2


def test_who_answered_and_what_it_took() -> None:
    call = fold(
        enqueued(0), missed(3), missed(4, "declined"), missed(5, "unreachable"), connected(10),
        became(10, "TALKING"), answered(10, 9.5), event(ev.CallHeld, 30, by="agent"),
        event(ev.CallRetrieved, 40, by="agent"), ended(60), became(60, "WRAP_UP"),
        became(70, "WRAP_UP"), became(85, "READY"),
    )  # fmt: skip
    [visit] = call.visits
    assert (visit.agent_id, visit.endpoint, visit.wait_time) == (LINA, PHONE, s(9.5))
    assert (visit.talk_time, visit.hold_time, visit.wrap_up_time) == (s(40), s(10), s(25))
    assert (visit.rona, visit.declined, visit.unreachable) == (1, 1, 1)
    figure = figures_of(visit, THRESHOLDS, at(100))
    assert figure.average_handle_time_s == 75
    assert (figure.average_talk_time_s, figure.average_hold_time_s) == (40, 10)
    assert figure.average_wrap_up_time_s == 25


def test_the_agent_of_a_second_queue_is_known_by_his_state() -> None:
    """The ACD tells CallAnswered once a call: who answers in the next queue shows by his talking."""
    talks = fold(
        enqueued(0), connected(5), answered(5, 5), sent(20), enqueued(21, HELP), connected(30),
        became(30, "TALKING", TOM), ended(50), became(50, "WRAP_UP", TOM), became(58, "READY", TOM),
    ).visits  # fmt: skip
    assert [visit.agent_id for visit in talks] == [LINA, TOM]
    assert [visit.talk_time for visit in talks] == [s(15), s(20)]
    assert [visit.wrap_up_time for visit in talks] == [s(0), s(8)]


def test_a_consultation_is_hold_and_a_conference_is_talk() -> None:
    [visit] = fold(
        enqueued(0), connected(10), event(ev.ConsultStarted, 20, endpoint=PHONE),
        event(ev.PartyJoined, 50, leg_id=LEG, endpoint=Endpoint("1002")), ended(60),
    ).visits  # fmt: skip
    assert (visit.talk_time, visit.hold_time) == (s(20), s(30))


def visit_of(outcome: Outcome, wait: float) -> Visit:
    return Visit(SALES, T0, T0, outcome=outcome, ended_at=at(wait), wait_time=s(wait))


def test_service_level_and_its_borders() -> None:
    visits = [
        visit_of(Outcome.ANSWERED, 20),  # in time: T itself counts
        visit_of(Outcome.ANSWERED, 20.0009),  # whole milliseconds
        visit_of(Outcome.ANSWERED, 20.001),
        visit_of(Outcome.ABANDONED, 4.999),  # short
        visit_of(Outcome.ABANDONED, 5),
        visit_of(Outcome.OVERFLOWED, 60),
        visit_of(Outcome.LEFT_BY_KEY, 60),
        visit_of(Outcome.CLOSED, 0),
    ]
    figure = tally(visits, THRESHOLDS, T0)
    assert (figure.offered, figure.short_abandoned, figure.answered_in_time) == (8, 1, 2)
    assert figure.service_level == 2 / 7
    assert figure.average_speed_of_answer_s == pytest.approx(60.001 / 3, abs=0.001)
    assert figure.longest_wait_ms == 60_000
    assert tally(visits, Thresholds(s(21), s(6)), T0).service_level == 3 / 6


def test_nothing_offered_is_no_figure_and_no_error() -> None:
    figure = tally([], THRESHOLDS, T0)
    assert figure.is_whole
    assert figure.service_level is None
    assert figure.average_speed_of_answer_s is None
    assert figure.average_handle_time_s is None
    assert figure.estimate_share_within is None
    only_short = tally([visit_of(Outcome.ABANDONED, 1)], THRESHOLDS, T0)
    assert only_short.service_level is None


def test_whoever_still_waits_counts_for_the_longest_wait() -> None:
    figure = tally(fold(enqueued(0)).visits, THRESHOLDS, at(90))
    assert (figure.waiting, figure.longest_wait_ms) == (1, 90_000)
    assert figure.service_level == 0


def test_estimates_are_kept_beside_what_came() -> None:
    call = fold(
        enqueued(0), estimated(0, 120), estimated(0, 5, HELP), estimated(60, 50), connected(100)
    )
    figure = tally(call.visits, THRESHOLDS, at(100))
    assert figure.estimates == 2  # 120 for 100 s: 20 % off; 50 for 40 s: 25 % off
    assert figure.estimates_within == 2
    assert (figure.estimate_mean_off_s, figure.estimate_bias_s) == (15, 15)
    slow = tally(fold(enqueued(0), estimated(0, 10), connected(100)).visits, THRESHOLDS, at(100))
    assert (slow.estimate_bias_s, slow.estimate_share_within) == (-90, 0)
    left = fold(enqueued(0), estimated(0, 10), ended(100))  # what would have come nobody knows
    assert tally(left.visits, THRESHOLDS, at(100)).estimates == 0


# ---- whatever happens --------------------------------------------------------------------------

POOL: list[ev.Event] = [
    enqueued(0), enqueued(9, since=0), enqueued(21, HELP), enqueued(30), connected(10),
    answered(10, 10), answered(12, 3, HELP), missed(5), missed(6, "declined"), sent(20),
    sent(25, "agent"), overflowed(15), overflowed(15, "closed"), overflowed(16, "wait", HELP), by_key(18),
    recovered(22, "waiting"), recovered(23, "talking"), recovered(24, "fallback", None),
    event(ev.CallFellBack, 13, queue=SALES), event(ev.CallFellBack, 14, queue=HELP),
    event(ev.CallAbandoned, 40, queue=SALES, wait_time=s(7)), estimated(1, 30), estimated(2, 9, HELP),
    event(ev.CallMerged, 33, into_call_id=CallId("d")), event(ev.CallParked, 34, slot="71"),
    event(ev.CallHeld, 11, by="agent"), event(ev.CallRetrieved, 17, by="agent"),
    event(ev.MenuEntered, 3, flow="f", flow_version=1, node="n"),
    became(10, "TALKING"), became(41, "WRAP_UP"), became(60, "READY"),
    event(ev.AgentLegLost, 19, endpoint=PHONE), event(ev.CallOffered, 0, leg_id=LEG),
]  # fmt: skip
ENDS = [ended(50), ended(50, "merged"), ended(3, "unknown")]


def is_whole(figure: QueueFigures, visits: list[Visit]) -> bool:
    """The identity, and that each figure is as large as the list of calls behind it."""
    named = {item: sum(is_in(item, v, THRESHOLDS) for v in visits) for item in Slice}
    return (
        figure.is_whole
        and named[Slice.OFFERED] == figure.offered
        and named[Slice.ANSWERED_IN_TIME] == figure.answered_in_time
        and named[Slice.ANSWERED_IN_TIME] + named[Slice.ANSWERED_LATE] == figure.answered
        and named[Slice.SHORT_ABANDONED] == figure.short_abandoned
        and named[Slice.FROM_ELSEWHERE] == figure.from_elsewhere
        and all(named[Slice(o.value)] == getattr(figure, o.value) for o in Outcome)
    )


@settings(max_examples=60)
@given(st.lists(st.sampled_from(POOL + ENDS), max_size=15))
def test_offered_is_the_sum_of_what_became_of_it_at_every_moment(story: list[ev.Event]) -> None:
    call = CallVisits()
    before: list[tuple[QueueName, Outcome]] = []
    for item in story:
        call = figures.apply(call, item)
        visits = call.visits
        assert is_whole(tally(visits, THRESHOLDS, at(100)), visits)
        # A visit that has ended stays as it ended, and only the newest may go on.
        assert [v for v in visits if v.outcome is Outcome.WAITING] in ([], visits[-1:])
        now = [(v.queue, v.outcome) for v in visits]
        kept = [pair for pair in before if pair[1] is not Outcome.WAITING]
        assert now[: len(kept)] == kept
        assert all(v.wait_time >= s(0) and v.talk_time >= s(0) for v in visits)
        assert (visits[0].came_from if visits else "") == ""
        before = now


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_repeating_what_was_told_changes_no_count(seed: int) -> None:
    rng = random.Random(seed)
    story = [*rng.choices(POOL, k=8), rng.choice(ENDS)]
    twice = [item for item in story for _ in range(2)]
    once = [(v.queue, v.outcome) for v in fold(*story).visits]
    assert [(v.queue, v.outcome) for v in fold(*twice).visits] == once
