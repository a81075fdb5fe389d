"""A call's life as a gapless list of segments: menu, queue, ringing, talking, on hold …, wrap-up.

A fold over one call's events (and its agents' wrap-ups), nothing else: what a report, a ticket's journey or a
page shows of a call is read from here. The rules:

* The first segment begins when the call was offered, each further one where the one before ended, the last ends
  with the call. What takes no time is left out.
* When the caller is gone while his agent speaks with somebody he consulted, that conversation is the tail of
  the call (``consulting``) until the agent's phone is free.
* The wrap-up of whoever spoke with the caller last follows on his talk without a gap. The wrap-up of an agent who
  handed the caller over runs beside the conversation that goes on: it stands in ``wrap_ups``, like his own.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from cti.domain import call as call_model
from cti.domain import events as ev
from cti.domain.call import Call, CallState, LegState
from cti.domain.errors import IllegalTransition
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName


class SegmentKind(enum.Enum):
    """What the caller went through."""

    MENU = "menu"
    QUEUE = "queue"
    RINGING = "ringing"
    TALKING = "talking"
    ON_HOLD = "on_hold"
    CONSULTING = "consulting"
    CONFERENCE = "conference"
    TRANSFERRING = "transferring"
    PARKED = "parked"
    WRAP_UP = "wrap_up"


K, C = SegmentKind, CallState
_KINDS: Mapping[CallState, SegmentKind] = MappingProxyType(
    {
        C.OFFERED: K.MENU,
        C.MENU: K.MENU,
        C.WAITING: K.QUEUE,
        C.FALLBACK: K.QUEUE,
        C.RINGING: K.RINGING,
        C.TALKING: K.TALKING,
        C.ON_HOLD: K.ON_HOLD,
        C.AGENT_LOST: K.ON_HOLD,  # held for the agent whose phone was lost
        C.CONSULTING: K.CONSULTING,
        C.CONFERENCE: K.CONFERENCE,
        C.TRANSFERRING: K.TRANSFERRING,
        C.PARKED: K.PARKED,
    }
)
_WITH_PHONE = frozenset({K.RINGING, K.TALKING, K.ON_HOLD, K.CONSULTING, K.CONFERENCE})


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a call in which nothing changed; ``ended_at`` None: it goes on."""

    kind: SegmentKind
    began_at: datetime
    ended_at: datetime | None = None
    queue: QueueName | None = None
    endpoint: Endpoint | None = None  # the agent's phone
    parties: tuple[Endpoint, ...] = ()  # who else was in the conference
    agent_id: AgentId | None = None  # of a wrap-up

    @property
    def duration(self) -> timedelta:
        """How long it lasted; zero while it goes on."""
        return self.ended_at - self.began_at if self.ended_at else timedelta(0)


@dataclass(frozen=True, slots=True)
class CallLife:
    """A call with its segments."""

    call: Call | None = None
    segments: tuple[Segment, ...] = ()
    wrap_ups: tuple[Segment, ...] = ()
    refused: int = 0
    """Events that the transition table doesn't know in the call's state; each is a defect to look for."""

    def time_in(self, *kinds: SegmentKind) -> timedelta:
        """How long the caller was in these kinds of segments, all in all."""
        every = (s for s in (*self.segments, *self.wrap_ups) if s.kind in kinds)
        return sum((s.duration for s in every), timedelta(0))


def life_of(events: Iterable[ev.Event]) -> CallLife:
    """Fold one call's events, oldest first; those of other calls are not expected here."""
    life = CallLife()
    for event in events:
        life = apply(life, event)
    return life


def apply(life: CallLife, event: ev.Event) -> CallLife:
    """Fold one event in."""
    match event:
        case ev.AgentStateChanged():
            return _agent_moved(life, event)
        case ev.CallOffered() if life.call is None:
            return _draw(life, call_model.offer(event), event.at)
        case ev.CallRecovered() if life.call is None:
            at = min(event.enqueued_at or event.at, event.at)
            offered = ev.CallOffered(
                at=at,
                call_id=event.call_id,
                leg_id=event.leg_id,
                direction=event.direction,
                endpoint=event.origin,
            )
            life = apply(life, offered)
            return apply(life, event)
        case ev.CallEvent() if life.call is not None:
            try:
                call = call_model.apply(life.call, event)
            except IllegalTransition:
                return replace(life, refused=life.refused + 1)
            return _draw(life, call, event.at)
        case _:
            return life


def is_gapless(segments: Iterable[Segment]) -> bool:
    """Whether each segment begins where the one before ended."""
    rows = list(segments)
    return all(a.ended_at == b.began_at for a, b in itertools.pairwise(rows))


def _draw(life: CallLife, call: Call, at: datetime) -> CallLife:
    """End the running segment and begin the next, where the call's state is another now."""
    life = replace(life, call=call)
    now = _now(call)
    last = life.segments[-1] if life.segments else None
    if last is not None and last.ended_at is not None:
        return life  # it is over
    if last is not None and now is not None and _same(last, now):
        return life
    rows = list(life.segments)
    at = max(at, last.began_at) if last is not None else at
    if last is not None:
        rows.pop()
        if at > last.began_at or (now is None and not rows):
            rows.append(replace(last, ended_at=at))
    if now is not None:
        if rows and _same(rows[-1], now):
            rows[-1] = replace(rows[-1], ended_at=None)  # what lay between took no time
        else:
            rows.append(replace(now, began_at=at))
    return replace(life, segments=tuple(rows))


def _now(call: Call) -> Segment | None:
    """The segment that a call is in; its beginning is not known here."""
    if call.state is C.ENDED:
        legs = call.legs.values()
        roles = {leg.role for leg in legs if leg.state is LegState.UP}
        has_line = any(leg.role == "own" and leg.state is not LegState.ENDED for leg in legs)
        if has_line or roles >= {"agent", "consult"}:
            return Segment(K.CONSULTING, call.offered_at)
        return None
    kind = _KINDS[call.state]
    if call.state is C.OFFERED and call.direction != "inbound":
        kind = K.RINGING  # nobody hears a menu: the other side is being called
    return Segment(
        kind,
        call.offered_at,
        queue=call.queue if kind is K.QUEUE else None,
        endpoint=call.endpoint if kind in _WITH_PHONE else None,
        parties=call.parties if kind is K.CONFERENCE else (),
    )


def _same(one: Segment, other: Segment) -> bool:
    # The tail of a call that is over doesn't know the phone any more.
    phone = one.endpoint == other.endpoint or (one.kind is K.CONSULTING and other.endpoint is None)
    return (one.kind, one.queue, one.parties) == (other.kind, other.queue, other.parties) and phone


def _agent_moved(life: CallLife, event: ev.AgentStateChanged) -> CallLife:
    rows = list(life.wrap_ups)
    is_wrapping = event.state == "WRAP_UP"
    for index, row in enumerate(rows):
        if row.agent_id == event.agent_id and row.ended_at is None:
            if is_wrapping:
                return life  # extended
            rows[index] = replace(row, ended_at=max(event.at, row.began_at))
            return replace(life, wrap_ups=tuple(rows))
    if not is_wrapping:
        return life
    began_at = event.at
    last = life.segments[-1] if life.segments else None
    if last is not None and last.ended_at is not None:
        began_at = last.ended_at  # his phone's end came some milliseconds after the caller's
    row = Segment(K.WRAP_UP, began_at, queue=event.queue, agent_id=event.agent_id)
    return replace(life, wrap_ups=(*rows, row))


def concerns(event: ev.Event) -> CallId | None:
    """The call whose life an event belongs to."""
    match event:
        case ev.CallEvent():
            return event.call_id
        case ev.AgentStateChanged():
            return event.call_id
        case _:
            return None
