"""Callbacks of an agent's own: what he promised to whom, and for when. Pure.

A promise is kept by an agent, or, when it was handed to a queue, by whoever serves it and takes it up. It is named by the
call in which it was given. Due is not over: it stands until somebody has spoken with the caller, or says that it is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from cti.domain import day_events as day
from cti.domain import events as ev
from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId, QueueName

KINDS: tuple[type[ev.Event], ...] = (day.PromiseMade, day.PromiseMoved, day.PromiseEnded)
"""The events that promises are made of."""

LONGEST_AHEAD = timedelta(days=90)
MAX_TEXT = 500
MAX_OPEN = 200
"""Of one agent: more is no diary, but a mistake of a program."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One of them; number and text are personal, and empty in rows."""

    call_id: CallId
    made_by: AgentId
    made_at: datetime
    due_at: datetime
    agent_id: AgentId | None  # None: whoever serves the queue
    queue: QueueName | None = None
    number: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    ended_at: datetime | None = None
    ended_by: AgentId | None = None
    result: str = ""


def apply(promise: Promise | None, event: ev.Event) -> Promise | None:
    """Fold one event of a call in; strangers change nothing."""
    match event:
        case day.PromiseMade():
            return Promise(
                event.call_id, event.agent_id, event.at, event.due_at, event.agent_id,
                number=event.number, text=event.text,
            )  # fmt: skip
        case day.PromiseMoved() if promise is not None:
            return replace(promise, due_at=event.due_at, agent_id=event.agent_id, queue=event.queue)
        case day.PromiseEnded() if promise is not None and promise.ended_at is None:
            return replace(promise, ended_at=event.at, ended_by=event.by, result=event.result)
        case _:
            return promise


class Promises:
    """Those that stand; one whose number was erased can't be kept, and doesn't."""

    def __init__(self, standing: Iterable[Promise] = ()) -> None:
        self._standing = {p.call_id: p for p in standing if p.ended_at is None and p.number}

    def take(self, event: ev.CallEvent) -> bool:
        """Fold an event in; returns whether it was one of these."""
        if type(event) not in KINDS:
            return False
        promise = apply(self._standing.get(event.call_id), event)
        if promise is None or promise.ended_at is not None or not promise.number:
            self._standing.pop(event.call_id, None)
        else:
            self._standing[event.call_id] = promise
        return True

    def get(self, call_id: CallId) -> Promise:
        """One that stands.

        Raises:
            CommandRefused: it is over, or there is none (``no_such_promise``).
        """
        promise = self._standing.get(call_id)
        if promise is None:
            raise CommandRefused("no_such_promise", "This callback is done already.")
        return promise

    def standing(self) -> list[Promise]:
        """All, who is due first."""
        return sorted(self._standing.values(), key=lambda p: (p.due_at, p.call_id))

    def check_new(self, call_id: CallId, agent_id: AgentId) -> None:
        """Whether an agent may promise something to this call's customer.

        Raises:
            CommandRefused: a colleague has (``promise_stands``), or he has promised too much (``too_many``).
        """
        known = self._standing.get(call_id)
        if known is not None and known.agent_id != agent_id:
            raise CommandRefused("promise_stands", "A colleague has promised to call back.")
        mine = sum(p.agent_id == agent_id for p in self._standing.values())
        if known is None and mine >= MAX_OPEN:
            raise CommandRefused("too_many", "You have promised too many callbacks.")

    def next_due(self, now: datetime) -> datetime | None:
        """When the next one becomes due."""
        return min((p.due_at for p in self._standing.values() if p.due_at > now), default=None)

    def erase(self, call_ids: Iterable[CallId]) -> bool:
        """A person was erased: what was promised to him can't be kept."""
        gone = self._standing.keys() & set(call_ids)
        for call_id in gone:
            del self._standing[call_id]
        return bool(gone)


def instant(wall: str, zone: tzinfo, now: datetime) -> datetime:
    """The instant of a time where the company is (``2026-11-23T10:15``); of two at an autumn night's end, the earlier.

    Raises:
        InvalidValue: there is no such time (a spring night leaves some out), it is over, or too far ahead.
    """
    try:
        local = datetime.fromisoformat(wall).replace(tzinfo=zone)
    except ValueError as exc:
        raise InvalidValue("time of a callback", wall) from exc
    at = local.astimezone(now.tzinfo)
    if at.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise InvalidValue("time of a callback", f"{wall}, which the clocks leave out")
    if not now <= at <= now + LONGEST_AHEAD:
        raise InvalidValue("time of a callback", f"{wall}, not within the next 90 days")
    return at
