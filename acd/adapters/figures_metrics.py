"""The live figures for Prometheus, on ``/metrics``: what the board holds at this moment, nothing is asked for it.

The day's counts begin anew at the company's midnight, which Prometheus takes for a counter's reset.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from acd.figures import Outcome
from acd.figures_board import FiguresBoard
from cti.ports import Clock

_OUTCOMES = [outcome.value for outcome in Outcome if outcome is not Outcome.WAITING]


class QueueMetrics(Collector):
    """``prometheus_client``'s collector of all queues."""

    def __init__(self, board: FiguresBoard, clock: Clock) -> None:
        self._board = board
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Nothing is named beforehand: before the start there are no queues."""
        return []

    def collect(self) -> Iterable[Metric]:
        """All queues, now."""
        now = self._clock.now()
        waiting = _gauge("waiting", "Callers in line.")
        longest = _gauge("longest_wait_seconds", "How long the one waits who waits longest.")
        ready = _gauge("ready_agents", "Agents who would take a call.")
        level = _gauge("service_level", "Today: answered in time / (offered - short abandons).")
        speed = _gauge("average_speed_of_answer_seconds", "Today: mean wait of the answered.")
        handle = _gauge("average_handle_time_seconds", "Today: mean of talk, hold and wrap-up.")
        offered = _counter("offered", "Visits that began today.")
        in_time = _counter("answered_in_time", "Of these, answered within the threshold.")
        outcomes = _counter("visits", "Visits of today that ended, by outcome.", "outcome")
        for live in self._board.live():
            name, today = str(live.profile.name), live.today
            since_at = live.now.longest_since
            waited = (now - since_at).total_seconds() if since_at is not None else 0.0
            waiting.add_metric([name], live.now.waiting)
            longest.add_metric([name], max(waited, 0.0))
            ready.add_metric([name], live.now.ready)
            for family, value in (
                (level, today.service_level),
                (speed, today.average_speed_of_answer_s),
                (handle, today.average_handle_time_s),
            ):
                if value is not None:
                    family.add_metric([name], value)
            offered.add_metric([name], today.offered)
            in_time.add_metric([name], today.answered_in_time)
            for outcome in _OUTCOMES:
                outcomes.add_metric([name, outcome], getattr(today, outcome))
        return [waiting, longest, ready, level, speed, handle, offered, in_time, outcomes]


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ringdesk_queue_{name}", text, labels=["queue"])


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"ringdesk_queue_{name}", text, labels=["queue", *labels])
