"""What every journal must come to, whatever story left it: figures that are whole, and that agree with what was told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from acd import figures
from acd.figures import CallVisits, Outcome
from acd.figures_counts import Thresholds, tally
from cti.domain import events as ev
from cti.domain.ids import CallId
from cti.domain.segments import concerns

_LATE = datetime(2100, 1, 1, tzinfo=UTC)


def check_figures(events: Iterable[ev.Event]) -> None:
    """Fold a journal and compare the visits with the events, each the other way round."""
    calls: dict[CallId, list[ev.Event]] = {}
    for event in events:
        call_id = concerns(event)
        if call_id is not None:
            calls.setdefault(call_id, []).append(event)
    every = []
    for call_id, told in calls.items():
        call = CallVisits()
        for event in told:
            call = figures.apply(call, event)
        _check_call(call_id, call, told)
        every += call.visits
    assert tally(every, Thresholds(), _LATE).is_whole


def _check_call(call_id: CallId, call: CallVisits, told: list[ev.Event]) -> None:
    visits = call.visits
    queued = (ev.CallEnqueued, ev.CallFellBack)
    lines = {event.queue for event in told if isinstance(event, queued)}
    assert lines <= {v.queue for v in visits} or any(isinstance(e, ev.CallFellBack) for e in told)
    is_over = any(isinstance(event, ev.CallEnded) for event in told)
    assert not (is_over and call.waiting), f"{call_id} is over and waits"
    answered = [v for v in visits if v.outcome is Outcome.ANSWERED]
    for event in told:
        if isinstance(event, ev.CallAnswered):
            assert any(v.agent_id == event.agent_id for v in answered), f"{call_id} was answered"
        if isinstance(event, ev.CallAbandoned):
            left = [v for v in visits if v.outcome is Outcome.ABANDONED]
            # Who kept his place through an overflow has waited longer than in his last line.
            in_all = sum((v.wait_time for v in visits), timedelta(0))
            assert [v.wait_time for v in left] <= [event.wait_time], f"{call_id} was abandoned"
            assert event.wait_time <= in_all or len(visits) > 1, f"{call_id} was abandoned"
    # A line is entered once for each time that somebody was sent to it, however often he was told to wait.
    places = {(e.queue, e.enqueued_at) for e in told if isinstance(e, ev.CallEnqueued)}
    repairs = sum(isinstance(e, (ev.CallRecovered, ev.CallFellBack)) for e in told)
    again = sum(isinstance(e, ev.CallOverflowed) for e in told)  # back, where nobody took him
    assert len(visits) <= len(places) + repairs + again
