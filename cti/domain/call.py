"""What a call is: the caller's leg, the phones that were dialled for it, and one transition table.

Rules for this file:

* Everything that decides which state a call or leg may go to lives here, in ``CALL_TRANSITIONS`` and
  ``LEG_TRANSITIONS``; nobody else assigns a state.
* It doesn't know Asterisk. ``cti/asterisk/translator.py`` turns AMI events into the events used here.
* An event that the table doesn't know in a state is one clear error (``IllegalTransition``). The caller
  of ``apply`` counts it and goes on: a strange event must never stop a call.

Theory of operation. A call exists from ``CallOffered`` to ``CallEnded``, both of the *caller's* leg.
Phones come and go as further legs: one attempt after the other while the caller waits, another
one when an agent's page was reloaded. The caller's own identity, queue and ``enqueued_at`` stay with the call through all
of them, so that no attempt costs him his place. Events that change no state (a pop, a
recording) are not in the table and are ignored by ``apply``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from cti.domain import events as ev
from cti.domain.errors import IllegalTransition
from cti.domain.ids import CallId, Endpoint, LegId, QueueName


class CallState(enum.Enum):
    """Where the caller is."""

    OFFERED = "offered"  # reached us, nothing decided yet
    MENU = "menu"
    WAITING = "waiting"
    FALLBACK = "fallback"  # in Asterisk's own Queue(), while we were gone
    RINGING = "ringing"  # an agent's phone is being called
    TALKING = "talking"
    ON_HOLD = "on_hold"
    AGENT_LOST = "agent_lost"  # held for an agent whose leg was lost
    ENDED = "ended"


class LegState(enum.Enum):
    """What a dialled phone does."""

    DIALLED = "dialled"
    RINGING = "ringing"
    UP = "up"
    ENDED = "ended"


C = CallState
CALL_TRANSITIONS: Mapping[CallState, Mapping[type[ev.Event], CallState]] = MappingProxyType(
    {
        C.OFFERED: {
            ev.MenuEntered: C.MENU,
            ev.CallEnqueued: C.WAITING,
            ev.CallFellBack: C.FALLBACK,
            ev.LegDialled: C.RINGING,
        },
        C.MENU: {
            ev.MenuEntered: C.MENU,
            ev.CallEnqueued: C.WAITING,
            ev.CallFellBack: C.FALLBACK,
            ev.LegDialled: C.RINGING,
        },
        C.WAITING: {
            ev.CallEnqueued: C.WAITING,
            ev.CallFellBack: C.FALLBACK,
            ev.LegDialled: C.RINGING,
            # A phone that isn't registered is never dialled: the refusal comes without LegDialled.
            ev.CallNotAnswered: C.WAITING,
        },
        C.FALLBACK: {
            ev.CallFellBack: C.FALLBACK,
            ev.LegDialled: C.FALLBACK,
            ev.CallNotAnswered: C.FALLBACK,
            ev.CallConnected: C.TALKING,
            ev.CallEnqueued: C.WAITING,
        },
        C.RINGING: {
            ev.LegDialled: C.RINGING,
            ev.CallConnected: C.TALKING,
            ev.CallNotAnswered: C.WAITING,
            ev.CallEnqueued: C.WAITING,
            ev.CallFellBack: C.FALLBACK,
        },
        C.TALKING: {
            ev.CallConnected: C.TALKING,
            ev.LegDialled: C.TALKING,
            ev.CallHeld: C.ON_HOLD,
            ev.CallRetrieved: C.TALKING,
            ev.AgentLegLost: C.AGENT_LOST,
            ev.CallEnqueued: C.WAITING,
            ev.CallFellBack: C.FALLBACK,
        },
        C.ON_HOLD: {
            ev.CallHeld: C.ON_HOLD,
            ev.CallRetrieved: C.TALKING,
            ev.CallConnected: C.TALKING,
            ev.LegDialled: C.ON_HOLD,
            ev.AgentLegLost: C.AGENT_LOST,
            ev.CallEnqueued: C.WAITING,
            ev.CallFellBack: C.FALLBACK,
        },
        C.AGENT_LOST: {
            ev.AgentLegLost: C.AGENT_LOST,
            ev.LegDialled: C.AGENT_LOST,
            ev.CallNotAnswered: C.AGENT_LOST,
            ev.CallConnected: C.TALKING,
            ev.CallEnqueued: C.WAITING,
            ev.CallFellBack: C.FALLBACK,
        },
        C.ENDED: {},
    }
)
"""state → event → next state. ``CallEnded`` leads to ENDED and ``CallRecovered`` to the state it
names from everywhere but ENDED; both are left out of the table for the sake of the reader."""

L = LegState
LEG_TRANSITIONS: Mapping[LegState, Mapping[type[ev.Event], LegState]] = MappingProxyType(
    {
        L.DIALLED: {ev.LegRang: L.RINGING, ev.CallConnected: L.UP, ev.LegEnded: L.ENDED},
        L.RINGING: {ev.LegRang: L.RINGING, ev.CallConnected: L.UP, ev.LegEnded: L.ENDED},
        L.UP: {ev.CallConnected: L.UP, ev.LegEnded: L.ENDED},
        L.ENDED: {},
    }
)

_TABLE_EVENTS = frozenset(event for row in CALL_TRANSITIONS.values() for event in row)


@dataclass(frozen=True, slots=True)
class Leg:
    """One phone that was dialled for a call."""

    leg_id: LegId
    endpoint: Endpoint
    state: LegState
    dialled_at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One conversation attempt, from the first ring to the last hang-up."""

    call_id: CallId
    caller_leg_id: LegId
    offered_at: datetime
    state: CallState = CallState.OFFERED
    direction: str = "inbound"
    dnis: str = ""
    ani: str = field(default="", repr=False)
    ani_name: str = field(default="", repr=False)
    language: str = "en"
    queue: QueueName | None = None
    enqueued_at: datetime | None = None
    credit_time: timedelta = timedelta(0)
    attempt: int = 0
    endpoint: Endpoint | None = None  # the phone that rings or talks now
    connected_at: datetime | None = None  # of the first conversation
    held_at: datetime | None = None
    ended_at: datetime | None = None
    legs: Mapping[LegId, Leg] = field(default_factory=dict)

    @property
    def is_live(self) -> bool:
        """Whether the caller is still there."""
        return self.state is not CallState.ENDED

    @property
    def up_leg(self) -> Leg | None:
        """The phone that talks with the caller, if one does."""
        return next((leg for leg in self.legs.values() if leg.state is LegState.UP), None)


def offer(event: ev.CallOffered) -> Call:
    """Begin a call."""
    return Call(
        call_id=event.call_id,
        caller_leg_id=event.leg_id,
        offered_at=event.at,
        direction=event.direction,
        dnis=event.dnis,
        ani=event.ani,
        ani_name=event.ani_name,
    )


def next_state(state: CallState, event: ev.Event) -> CallState:
    """Look an event up in the table.

    Raises:
        IllegalTransition: the table doesn't know this event in this state.
    """
    if state is not CallState.ENDED:
        if isinstance(event, ev.CallEnded):
            return CallState.ENDED
        if isinstance(event, ev.CallRecovered):
            return CallState(event.state)
    elif (
        not isinstance(event, (ev.CallEnded, ev.CallRecovered)) and type(event) not in _TABLE_EVENTS
    ):
        return state
    try:
        return CALL_TRANSITIONS[state][type(event)]
    except KeyError:
        if type(event) in _TABLE_EVENTS or isinstance(event, (ev.CallEnded, ev.CallRecovered)):
            raise IllegalTransition("call", state.name, type(event).__name__) from None
        return state


def apply(call: Call, event: ev.CallEvent) -> Call:
    """Fold one event into a call.

    Raises:
        IllegalTransition: the event can't happen to this call or leg now; the call is as it was.
    """
    state = next_state(call.state, event)
    call = replace(call, state=state)
    match event:
        case ev.CallEnqueued():
            return replace(
                call,
                queue=event.queue,
                enqueued_at=event.enqueued_at,
                credit_time=event.credit_time,
                attempt=event.attempt,
                endpoint=None,
                held_at=None,
            )
        case ev.CallRecovered():
            return _recover(call, event)
        case ev.CallFellBack():
            return replace(call, queue=event.queue, endpoint=None)
        case ev.MenuLeft():
            return replace(call, language=event.language)
        case ev.LegDialled():
            leg = Leg(event.leg_id, event.endpoint, LegState.DIALLED, event.at)
            return replace(call, endpoint=event.endpoint, legs={**call.legs, event.leg_id: leg})
        case ev.LegRang() | ev.LegEnded():
            return _move_leg(call, event)
        case ev.CallConnected():
            call = _move_leg(call, event)
            first = call.connected_at or event.at
            return replace(call, endpoint=event.endpoint, connected_at=first, held_at=None)
        case ev.CallNotAnswered():
            return replace(call, endpoint=None)
        case ev.CallHeld():
            return replace(call, held_at=call.held_at or event.at)
        case ev.CallRetrieved():
            return replace(call, held_at=None)
        case ev.CallEnded():
            return replace(call, ended_at=event.at, endpoint=None)
        case _:
            return call


def _move_leg(call: Call, event: ev.LegRang | ev.LegEnded | ev.CallConnected) -> Call:
    leg = call.legs.get(event.leg_id)
    if leg is None:
        # A repair or an event order that Asterisk is free to choose: the leg is known from now on.
        leg = Leg(event.leg_id, event.endpoint, LegState.DIALLED, event.at)
    try:
        state = LEG_TRANSITIONS[leg.state][type(event)]
    except KeyError:
        raise IllegalTransition("leg", leg.state.name, type(event).__name__) from None
    return replace(call, legs={**call.legs, leg.leg_id: replace(leg, state=state)})


def _recover(call: Call, event: ev.CallRecovered) -> Call:
    return replace(
        call,
        queue=event.queue or call.queue,
        enqueued_at=event.enqueued_at or call.enqueued_at,
        credit_time=event.credit_time,
        attempt=event.attempt,
        endpoint=event.endpoint,
        connected_at=call.connected_at or (event.at if event.endpoint else None),
    )
