"""What is counted of queues: callers' visits, as a fold over one call's events, and the figures made of them. Pure.

A *visit* is a caller's stay in one queue. It begins when he is offered to the queue and ends with one ``Outcome``; until
then he is waiting. Every figure of a queue is a count or a sum over visits and nothing else, so each figure opens to the
calls behind it, and ``offered = answered + abandoned + overflowed + left by key + closed + waiting`` can't be broken.

What counts once: an agent who didn't answer, an announcement, Asterisk's own Queue() while we were gone, a repair after an
outage, and a caller who comes back to the line with his place (his agent's phone was lost, nobody took the transfer) all
belong to the visit that he has. A new visit begins only where he is sent to another line, or to this one with a new place:
``came_from`` then says how, so that visits without it are calls. Two calls that become one are a connection: whoever was
waiting in one of them is waiting no more.

A visit counts in the quarter of an hour in which it was offered, with all that became of it later. Definitions for people
are in ``docs/figures.md``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain import events as ev
from cti.domain.ids import AgentId, Endpoint, QueueName

_ZERO = timedelta(0)
_CLOSED = ("closed", "holiday")
_WAITS = ("waiting", "ringing", "fallback")
_HELD = ("on_hold", "consulting", "agent_lost")
_TALKS = ("talking", "conference")


class Outcome(enum.Enum):
    """How a visit ended; ``WAITING``: it hasn't."""

    WAITING = "waiting"
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    OVERFLOWED = "overflowed"
    LEFT_BY_KEY = "left_by_key"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was foreseen at an instant: so much longer to wait."""

    at: datetime
    position: int
    estimate_time: timedelta


@dataclass(slots=True)
class Visit:
    """One caller's stay in one queue. Talk, hold and wrap-up are what followed on its answer, until his next visit."""

    queue: QueueName
    offered_at: datetime
    place_at: datetime  # as the switch told it: says whether somebody is back in his old place
    came_from: str = ""  # empty: a call's first; transfer, overflow, key
    outcome: Outcome = Outcome.WAITING
    ended_at: datetime | None = None
    wait_time: timedelta = _ZERO
    reason: str = ""  # of an overflow
    agent_id: AgentId | None = None
    endpoint: Endpoint | None = None
    rona: int = 0  # agents who let it ring
    declined: int = 0
    unreachable: int = 0
    talk_time: timedelta = _ZERO
    hold_time: timedelta = _ZERO
    wrap_up_time: timedelta = _ZERO
    estimates: list[Estimate] = field(default_factory=list)


@dataclass(slots=True)
class CallVisits:
    """All visits of one call, oldest first, and what the fold has to remember."""

    visits: list[Visit] = field(default_factory=list)
    is_sent_on: bool = False  # since the last answer
    is_over: bool = False
    mode: str = ""  # talk, hold: what the caller's time is, since ``mode_at``
    mode_at: datetime | None = None
    wraps: dict[AgentId, tuple[int, datetime]] = field(default_factory=dict)

    @property
    def waiting(self) -> Visit | None:
        """The visit that goes on."""
        last = self.last
        return last if last is not None and last.outcome is Outcome.WAITING else None

    @property
    def last(self) -> Visit | None:
        """The newest visit."""
        return self.visits[-1] if self.visits else None


KINDS: tuple[type[ev.Event], ...] = (
    ev.CallEnqueued,
    ev.CallFellBack,
    ev.CallRecovered,
    ev.CallConnected,
    ev.CallAnswered,
    ev.CallAbandoned,
    ev.CallOverflowed,
    ev.CallLeftByKey,
    ev.CallTransferred,
    ev.CallParked,
    ev.CallMerged,
    ev.CallEnded,
    ev.MenuEntered,
    ev.AgentDidNotAnswer,
    ev.WaitEstimated,
    ev.CallHeld,
    ev.CallRetrieved,
    ev.ConsultStarted,
    ev.PartyJoined,
    ev.AgentLegLost,
    ev.AgentStateChanged,
)
"""The events that may change a visit."""


def apply(call: CallVisits, event: ev.Event) -> CallVisits:
    """Fold one event of the call in (it is changed) and return it.

    Whatever the order, repetitions included, no visit is lost and none has two outcomes.
    """
    if isinstance(event, ev.AgentStateChanged):
        _agent_moved(call, event)
    elif isinstance(event, ev.CallAbandoned):  # the ACD says so after the switch has said CallEnded
        last = call.last
        if call.waiting is not None:
            _leave(call, Outcome.ABANDONED, event.at, event.wait_time)
        elif last is not None and last.outcome is Outcome.ABANDONED and call.is_over:
            last.wait_time = _own_wait(last, event.wait_time)
    elif isinstance(event, ev.CallAnswered):
        _answered_by(call, event)
    elif not call.is_over:
        _move(call, event)
    return call


def _move(call: CallVisits, event: ev.Event) -> None:
    """What becomes of the caller."""
    match event:
        case ev.CallEnqueued():
            _wait(call, event.queue, event.enqueued_at, event.at)
        case ev.CallFellBack():
            waiting = call.waiting
            _wait(call, waiting.queue if waiting else event.queue, event.at, event.at, is_back=True)
        case ev.CallRecovered():
            _recover(call, event)
        case ev.CallConnected():
            _answer(call, event.at, event.endpoint)
            _set_mode(call, "talk", event.at)
        case ev.CallMerged():
            _answer(call, event.at, None)
        case ev.CallOverflowed():
            _overflow(call, event)
        case ev.CallLeftByKey():
            _leave(call, Outcome.LEFT_BY_KEY, event.at, event.wait_time)
        case ev.CallTransferred(kind="away"):  # why, the ACD says next
            _set_mode(call, "", event.at)
            call.is_sent_on = True
        case ev.CallTransferred() | ev.CallParked():
            _leave(call, Outcome.OVERFLOWED, event.at, reason="by_hand")
            _set_mode(call, "", event.at)
            call.is_sent_on = True
        case ev.MenuEntered():
            _set_mode(call, "", event.at)
            call.is_sent_on = call.waiting is None
        case ev.CallEnded():
            _end(call, event)
        case _:
            _note(call, event)


def _note(call: CallVisits, event: ev.Event) -> None:
    """What happens on the way and moves nobody out of the line."""
    visit = call.waiting
    match event:
        case ev.AgentDidNotAnswer() if visit is not None:
            visit.rona += event.reason == "no_answer"
            visit.declined += event.reason == "declined"
            visit.unreachable += event.reason == "unreachable"
        case ev.WaitEstimated() if visit is not None and visit.queue == event.queue:
            visit.estimates.append(Estimate(event.at, event.position, event.estimate_time))
        case ev.CallHeld() | ev.ConsultStarted() | ev.AgentLegLost() if call.mode:
            _set_mode(call, "hold", event.at)
        case ev.CallRetrieved() | ev.PartyJoined() if call.mode:
            _set_mode(call, "talk", event.at)


def _wait(
    call: CallVisits,
    queue: QueueName,
    enqueued_at: datetime,
    at: datetime,
    *,
    is_back: bool = False,
) -> None:
    """He is in a line: his visit goes on, or a new one begins. ``is_back``: certainly in his old place."""
    _set_mode(call, "", at)
    last, came_from = call.last, ""
    if last is not None:
        if last.outcome is Outcome.WAITING:
            if last.queue == queue:
                return
            _leave(call, Outcome.OVERFLOWED, at, reason="by_hand")
        is_old_place = is_back or not call.is_sent_on or enqueued_at == last.place_at
        if last.outcome is Outcome.ANSWERED and last.queue == queue and is_old_place:
            call.is_sent_on = False
            return
        came_from = {Outcome.ANSWERED: "transfer", Outcome.LEFT_BY_KEY: "key"}.get(
            last.outcome, "overflow"
        )
    call.is_sent_on = False
    # Who kept his place has waited for it elsewhere.
    is_older = last is not None and last.ended_at is not None and enqueued_at < last.ended_at
    offered_at = at if is_older else min(enqueued_at, at)
    call.visits.append(Visit(queue, offered_at, enqueued_at, came_from))


def _recover(call: CallVisits, event: ev.CallRecovered) -> None:
    """A snapshot says where he is."""
    is_waiting = event.state in _WAITS
    if event.queue is not None and (is_waiting or not call.visits):
        _wait(call, event.queue, event.enqueued_at or event.at, event.at)
    if event.state in _TALKS or event.state in _HELD:
        _answer(call, event.at, event.endpoint)
        _set_mode(call, "hold" if event.state in _HELD else "talk", event.at)


def _answer(call: CallVisits, at: datetime, endpoint: Endpoint | None) -> None:
    if (visit := call.waiting) is not None:
        _leave(call, Outcome.ANSWERED, at)
        visit.endpoint = endpoint


def _answered_by(call: CallVisits, event: ev.CallAnswered) -> None:
    """The ACD names the agent, and the wait by a clock that never steps."""
    _answer(call, event.at, None)
    last = call.last
    if last is not None and last.outcome is Outcome.ANSWERED and last.queue == event.queue:
        is_first = last.agent_id in (None, event.agent_id)
        if is_first:
            last.agent_id = event.agent_id
            last.wait_time = _own_wait(last, max(event.wait_time, _ZERO))


def _overflow(call: CallVisits, event: ev.CallOverflowed) -> None:
    outcome = Outcome.CLOSED if event.reason in _CLOSED else Outcome.OVERFLOWED
    last = call.last
    if last is not None and last.queue == event.queue and last.outcome is outcome:
        return  # told twice
    if call.waiting is None or call.waiting.queue != event.queue:
        _wait(call, event.queue, event.at, event.at)  # not let in
    _leave(call, outcome, event.at, event.wait_time, event.reason)


def _leave(
    call: CallVisits,
    outcome: Outcome,
    at: datetime,
    wait_time: timedelta | None = None,
    reason: str = "",
) -> None:
    """End the visit that goes on, if one does."""
    visit = call.waiting
    if visit is None:
        return
    visit.outcome, visit.reason = outcome, reason
    visit.ended_at = max(at, visit.offered_at)
    visit.wait_time = visit.ended_at - visit.offered_at
    if wait_time:
        visit.wait_time = _own_wait(visit, max(wait_time, _ZERO))


def _own_wait(visit: Visit, told: timedelta) -> timedelta:
    """What the ACD tells of a wait begins where his place does; with an older place that was in another queue."""
    if visit.ended_at is None or visit.place_at >= visit.offered_at:
        return told
    return min(told, visit.ended_at - visit.offered_at)


def _end(call: CallVisits, event: ev.CallEnded) -> None:
    if event.ended_by == "merged":
        _answer(call, event.at, None)
    _leave(call, Outcome.ABANDONED, event.at)
    _set_mode(call, "", event.at)
    call.is_over = True


# ---- handling time -----------------------------------------------------------------------------


def _set_mode(call: CallVisits, mode: str, at: datetime) -> None:
    """From now on the caller's time is of this kind; what it was until now is added to his visit."""
    last = call.last
    if call.mode_at is not None and last is not None and last.outcome is Outcome.ANSWERED:
        spent = max(at - call.mode_at, _ZERO)
        last.talk_time += spent if call.mode == "talk" else _ZERO
        last.hold_time += spent if call.mode == "hold" else _ZERO
    call.mode, call.mode_at = mode, at if mode else None


def _agent_moved(call: CallVisits, event: ev.AgentStateChanged) -> None:
    last = call.last
    wrap = call.wraps.get(event.agent_id)
    if event.state == "WRAP_UP":
        if wrap is None and last is not None and last.outcome is Outcome.ANSWERED:
            call.wraps[event.agent_id] = (len(call.visits) - 1, event.at)
        return
    if wrap is not None:
        index, began_at = call.wraps.pop(event.agent_id)
        call.visits[index].wrap_up_time += max(event.at - began_at, _ZERO)
    if (
        event.state == "TALKING"
        and last is not None
        and last.outcome is Outcome.ANSWERED
        and last.agent_id is None
        and last.endpoint == event.endpoint
    ):
        last.agent_id = event.agent_id
