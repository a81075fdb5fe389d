"""Estimates of waits at work: who waits is estimated, it is journalled, and what came can be compared with it.

Each caller who isn't offered to somebody at once gets one estimate when he comes into the line. An announcement asks
``tell`` for one that may be spoken: never more than this caller was told before, also after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from acd.figures_board import Member
from acd.figures_estimate import (
    USUAL_HANDLE_TIME,
    Pace,
    WaitEstimate,
    estimate,
    not_worse,
    rounded,
)
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, QueueName
from cti.ports import Clock, EventBus, Timer, Unsubscribe

SETTLE_TIME = timedelta(seconds=1)
"""Who has an agent by then needed no estimate."""
_AWAY = frozenset({"LOGGED_OUT", "NOT_READY"})
_CONCERNS = (
    ev.AgentStateChanged,
    ev.CallEnqueued,
    ev.CallAnswered,
    ev.CallConnected,
    ev.CallOverflowed,
    ev.CallLeftByKey,
    ev.CallEnded,
    ev.WaitEstimated,
)


class Line(Protocol):
    """Who stands where (the ACD)."""

    def position(self, call_id: CallId) -> int | None:
        """A waiting caller's position, from 1; None: he isn't waiting."""


class WaitEstimates:
    """Makes estimates and publishes them (``WaitEstimated``)."""

    def __init__(
        self,
        bus: EventBus,
        clock: Clock,
        line: Line,
        members: Callable[[], Iterable[Member]],
        handle_time: Callable[[QueueName], timedelta | None],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._line = line
        self._members = members
        self._handle_time = handle_time
        self._paces: dict[QueueName, Pace] = {}
        self._states: dict[AgentId, str] = {}
        self._waiting: dict[CallId, QueueName] = {}
        self._told: dict[CallId, timedelta] = {}
        self._overflowed: set[CallId] = (
            set()
        )  # their next line is another one, with a place or without
        self._timers: dict[CallId, Timer] = {}
        self._unsubscribe: Unsubscribe | None = None

    def restore(self, past: Iterable[ev.Event]) -> None:
        """Take up from the journal what was told and how the queues moved; before ``start``."""
        for event in past:
            self._apply(event)

    def start(self) -> None:
        """Listen; the ACD must have been told of an event before."""
        self._unsubscribe = self._bus.subscribe(self._on_event, *_CONCERNS)

    def stop(self) -> None:
        """Listen no more."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def tell(self, call_id: CallId, minutes: Sequence[int] = ()) -> WaitEstimate | None:
        """What may be told to this caller now; it counts as told. None: nothing can be said.

        ``minutes``: it is rounded up to one of these, rising. What is longer than the last stays as it is, to be told
        as "more than".
        """
        found = self._estimate(call_id)
        queue = self._waiting.get(call_id)
        if found is None or queue is None:
            return None
        time = not_worse(found.estimate_time, self._told.get(call_id))
        if minutes:
            step_time, is_more = rounded(time, minutes)
            time = time if is_more else step_time
        found = WaitEstimate(found.position, time, found.basis)
        self._publish(call_id, queue, found, is_told=True)
        return found

    def _on_event(self, event: ev.Event) -> None:
        has_overflowed = isinstance(event, ev.CallEnqueued) and event.call_id in self._overflowed
        self._apply(event)
        if isinstance(event, ev.CallEnqueued) and event.call_id not in self._timers:
            call_id = event.call_id
            is_young = event.attempt == 0 and event.at - event.enqueued_at < SETTLE_TIME
            if is_young or has_overflowed:
                self._timers[call_id] = self._clock.call_later(
                    SETTLE_TIME, lambda: self._settled(call_id)
                )

    def _apply(self, event: ev.Event) -> None:
        match event:
            case ev.AgentStateChanged():
                self._states[event.agent_id] = event.state
            case ev.CallEnqueued():
                if self._waiting.get(event.call_id) != event.queue:
                    self._told.pop(event.call_id, None)  # another line, another wait
                self._waiting[event.call_id] = event.queue
                self._overflowed.discard(event.call_id)
            case ev.CallAnswered():
                self._hand_over(event.queue, event.at, event.wait_time)
                self._forget(event.call_id)
            case ev.CallOverflowed():
                self._forget(event.call_id)
                self._overflowed.add(event.call_id)
            case ev.CallConnected() | ev.CallLeftByKey() | ev.CallEnded():
                self._forget(event.call_id)
            case ev.WaitEstimated() if event.is_told:
                self._told[event.call_id] = event.estimate_time
            case _:
                pass

    def _hand_over(self, queue: QueueName, at: datetime, wait_time: timedelta) -> None:
        self._paces.setdefault(queue, Pace()).handed_over(at, wait_time)

    def _forget(self, call_id: CallId) -> None:
        self._waiting.pop(call_id, None)
        self._told.pop(call_id, None)
        self._overflowed.discard(call_id)
        timer = self._timers.pop(call_id, None)
        if timer is not None:
            timer.cancel()

    def _settled(self, call_id: CallId) -> None:
        self._timers.pop(call_id, None)
        found, queue = self._estimate(call_id), self._waiting.get(call_id)
        if found is not None and queue is not None:
            self._publish(call_id, queue, found, is_told=False)

    def _estimate(self, call_id: CallId) -> WaitEstimate | None:
        position, queue = self._line.position(call_id), self._waiting.get(call_id)
        if position is None or queue is None:
            return None
        return estimate(
            position,
            self._paces.setdefault(queue, Pace()).recent(self._clock.now()),
            agents=self._serving(queue),
            handle_time=self._handle_time(queue) or USUAL_HANDLE_TIME,
        )

    def _serving(self, queue: QueueName) -> int:
        """How many are signed in for a queue and not away."""
        return sum(
            1
            for member in self._members()
            if queue in member.queues
            and self._states.get(member.agent_id, "LOGGED_OUT") not in _AWAY
        )

    def _publish(
        self, call_id: CallId, queue: QueueName, found: WaitEstimate, *, is_told: bool
    ) -> None:
        self._bus.publish(
            ev.WaitEstimated(
                at=self._clock.now(),
                call_id=call_id,
                queue=queue,
                position=found.position,
                estimate_time=found.estimate_time,
                basis=found.basis,
                is_told=is_told,
            )
        )
