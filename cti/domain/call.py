"""What a call is: the caller's leg, the phones that were dialled for it, and one transition table.

Rules for this file:

* Everything that decides which state a call or leg may go to lives here, in ``CALL_TRANSITIONS`` and
  ``LEG_TRANSITIONS``; nobody else assigns a state.
* It doesn't know Asterisk. ``cti/asterisk/translator.py`` turns AMI events into the events used here.
* An event that the table doesn't know in a state is one clear error (``IllegalTransition``). The caller
  of ``apply`` counts it and goes on: a strange event must never stop a call.

Theory of operation. A call exists from ``CallOffered`` to ``CallEnded``, both of the *caller's* leg.
Phones come and go as further legs: one attempt after the other while the caller waits, another
one when an agent's page was reloaded, those whom the agent consults or brings into a conference. The
call hangs on the customer's leg; one that a phone of ours began hangs on that phone's until the customer
answers (``CallAnchored``). The caller's own identity, queue and ``enqueued_at`` stay with the call through
all of them, so that no attempt costs him his place. Events that change no state (a pop, a
recording) are not in the table and are ignored by ``apply``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from cti.domain import events as ev
from cti.domain.errors import IllegalTransition
from cti.domain.evolving import replace
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
    CONSULTING = "consulting"  # on hold while his agent speaks with somebody else
    CONFERENCE = "conference"  # talking with more than one
    TRANSFERRING = "transferring"  # sent on, with nobody yet
    PARKED = "parked"
    AGENT_LOST = "agent_lost"  # held for an agent whose leg was lost
    ENDED = "ended"


class LegState(enum.Enum):
    """What a dialled phone does."""

    DIALLED = "dialled"
    RINGING = "ringing"
    UP = "up"
    ENDED = "ended"


C = CallState
_SENT_ON: Mapping[type[ev.Event], CallState] = {
    ev.CallEnqueued: C.WAITING,
    ev.CallFellBack: C.FALLBACK,
    ev.CallTransferred: C.TRANSFERRING,
    ev.CallParked: C.PARKED,
    ev.CallOverflowed: C.TRANSFERRING,  # out of his queue by a rule
    # Offered to a phone that isn't registered: it is never dialled, the refusal comes without LegDialled.
    ev.CallNotAnswered: C.WAITING,
}
"""Where a caller can be sent from wherever he is."""
_TALKED: Mapping[type[ev.Event], CallState] = {
    **_SENT_ON,
    ev.CallConnected: C.TALKING,
    ev.CallRetrieved: C.TALKING,
    ev.ConsultStarted: C.CONSULTING,
    ev.PartyJoined: C.CONFERENCE,
    ev.AgentLegLost: C.AGENT_LOST,
}
"""What can happen to whoever has an agent."""

_ROWS: dict[CallState, Mapping[type[ev.Event], CallState]] = {
    C.OFFERED: {**_SENT_ON, ev.MenuEntered: C.MENU, ev.LegDialled: C.RINGING},
    C.MENU: {**_SENT_ON, ev.MenuEntered: C.MENU, ev.LegDialled: C.RINGING},
    C.WAITING: {
        **_SENT_ON,
        ev.LegDialled: C.RINGING,
    },
    C.FALLBACK: {
        **_SENT_ON,
        ev.LegDialled: C.FALLBACK,
        ev.CallNotAnswered: C.FALLBACK,
        ev.CallConnected: C.TALKING,
    },
    C.RINGING: {
        **_SENT_ON,
        ev.LegDialled: C.RINGING,
        ev.CallConnected: C.TALKING,
    },
    C.TALKING: {
        **_TALKED,
        ev.LegDialled: C.TALKING,
        ev.CallHeld: C.ON_HOLD,
    },
    C.ON_HOLD: {
        **_TALKED,
        ev.LegDialled: C.ON_HOLD,
        ev.CallHeld: C.ON_HOLD,
    },
    C.CONSULTING: {
        **_TALKED,
        ev.LegDialled: C.CONSULTING,
        ev.CallHeld: C.CONSULTING,
        ev.ConsultEnded: C.ON_HOLD,
    },
    C.CONFERENCE: {
        **_TALKED,
        ev.LegDialled: C.CONFERENCE,
        ev.CallHeld: C.CONFERENCE,
        ev.CallRetrieved: C.CONFERENCE,
    },
    C.TRANSFERRING: {
        **_SENT_ON,
        ev.MenuEntered: C.MENU,
        ev.LegDialled: C.RINGING,
        ev.CallConnected: C.TALKING,
    },
    C.PARKED: {**_SENT_ON, ev.LegDialled: C.RINGING, ev.CallConnected: C.TALKING},
    C.AGENT_LOST: {
        **_SENT_ON,
        ev.AgentLegLost: C.AGENT_LOST,
        ev.LegDialled: C.AGENT_LOST,
        ev.CallNotAnswered: C.AGENT_LOST,
        ev.CallConnected: C.TALKING,
    },
    C.ENDED: {},
}
_BESIDE = (ev.ConsultConnected, ev.ConsultEnded, ev.PartyLeft)
"""What happens between others, wherever the caller is by now: it leaves him there, unless his row says more."""
CALL_TRANSITIONS: Mapping[CallState, Mapping[type[ev.Event], CallState]] = MappingProxyType(
    {
        state: row if state is C.ENDED else {**dict.fromkeys(_BESIDE, state), **row}
        for state, row in _ROWS.items()
    }
)
"""state → event → next state. ``CallEnded`` leads to ENDED and ``CallRecovered`` to the state it
names from everywhere but ENDED; both are left out of the table for the sake of the reader."""

L = LegState
_LEG_LIFE: Mapping[type[ev.Event], LegState] = {
    ev.CallConnected: L.UP,
    ev.ConsultConnected: L.UP,
    ev.PartyJoined: L.UP,
    ev.LegEnded: L.ENDED,
}
LEG_TRANSITIONS: Mapping[LegState, Mapping[type[ev.Event], LegState]] = MappingProxyType(
    {
        L.DIALLED: {**_LEG_LIFE, ev.LegRang: L.RINGING},
        L.RINGING: {**_LEG_LIFE, ev.LegRang: L.RINGING},
        L.UP: {**_LEG_LIFE, ev.PartyLeft: L.UP},
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
    role: str = "agent"  # as in LegDialled


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
    origin: Endpoint | None = None  # the phone of ours that began the call
    consult_of: CallId | None = None
    parties: tuple[Endpoint, ...] = ()  # who else is in a conference
    slot: str = ""  # where he is parked
    merged_into: CallId | None = None
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
        origin=event.endpoint,
        consult_of=event.consult_of,
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
    slot = call.slot if state is CallState.PARKED else ""
    parties = call.parties if state in (CallState.CONFERENCE, CallState.CONSULTING) else ()
    if (state, slot, parties) != (call.state, call.slot, call.parties):  # a copy is dear
        call = replace(call, state=state, slot=slot, parties=parties)
    change = _CHANGES.get(type(event))
    return change(call, event) if change is not None else call


def _enqueued(call: Call, event: ev.CallEnqueued) -> Call:
    return replace(
        call,
        queue=event.queue,
        enqueued_at=event.enqueued_at,
        credit_time=event.credit_time,
        attempt=event.attempt,
        endpoint=None,
        held_at=None,
    )


def _anchored(call: Call, event: ev.CallAnchored) -> Call:
    legs = {k: leg for k, leg in call.legs.items() if k != event.leg_id}
    if event.agent_leg_id is not None and event.endpoint is not None:
        began_at = call.offered_at
        leg = Leg(event.agent_leg_id, event.endpoint, LegState.DIALLED, began_at)
        legs[leg.leg_id] = leg
    return replace(call, caller_leg_id=event.leg_id, legs=legs, endpoint=event.endpoint)


def _dialled(call: Call, event: ev.LegDialled) -> Call:
    leg = Leg(event.leg_id, event.endpoint, LegState.DIALLED, event.at, event.role)
    rings = event.endpoint if event.role == "agent" else call.endpoint
    return replace(call, endpoint=rings, legs={**call.legs, event.leg_id: leg})


def _moved(call: Call, event: ev.LegMoved) -> Call:
    leg = call.legs.get(event.leg_id)
    if leg is None:
        return call
    rings = event.endpoint if call.endpoint == event.from_endpoint else call.endpoint
    leg = replace(leg, endpoint=event.endpoint)
    return replace(call, endpoint=rings, legs={**call.legs, leg.leg_id: leg})


def _connected(call: Call, event: ev.CallConnected) -> Call:
    first = call.connected_at or event.at
    call = _move_leg(call, event)
    leg = replace(call.legs[event.leg_id], role="agent")  # whoever he was before: consulted, party
    legs = {**call.legs, leg.leg_id: leg}
    return replace(call, legs=legs, endpoint=event.endpoint, connected_at=first, held_at=None)


def _party_joined(call: Call, event: ev.PartyJoined) -> Call:
    parties = (*(p for p in call.parties if p != event.endpoint), event.endpoint)
    call = _move_leg(call, event)
    legs = {**call.legs, event.leg_id: replace(call.legs[event.leg_id], role="party")}
    return replace(call, legs=legs, parties=parties, held_at=None)


def _party_left(call: Call, event: ev.PartyLeft) -> Call:
    return replace(call, parties=tuple(p for p in call.parties if p != event.endpoint))


def _without_phone(call: Call, _: ev.Event) -> Call:
    return replace(call, endpoint=None, held_at=None)


_CHANGES: Mapping[type[ev.Event], Callable[[Call, Any], Call]] = MappingProxyType(
    {
        ev.CallEnqueued: _enqueued,
        ev.CallRecovered: lambda call, event: _recover(call, event),
        ev.CallFellBack: lambda call, event: replace(call, queue=event.queue, endpoint=None),
        ev.CallAnchored: _anchored,
        ev.MenuEntered: _without_phone,
        ev.MenuLeft: lambda call, event: replace(call, language=event.language),
        ev.LegDialled: _dialled,
        ev.LegMoved: _moved,
        ev.LegRang: lambda call, event: _move_leg(call, event),
        ev.LegEnded: lambda call, event: _move_leg(call, event),
        ev.ConsultConnected: lambda call, event: _move_leg(call, event),
        ev.CallConnected: _connected,
        ev.CallNotAnswered: lambda call, _: replace(call, endpoint=None),
        ev.CallHeld: lambda call, event: replace(call, held_at=call.held_at or event.at),
        ev.ConsultStarted: lambda call, event: replace(call, held_at=call.held_at or event.at),
        ev.CallRetrieved: lambda call, _: replace(call, held_at=None),
        ev.CallTransferred: _without_phone,
        ev.CallOverflowed: _without_phone,
        ev.CallParked: lambda call, event: replace(_without_phone(call, event), slot=event.slot),
        ev.PartyJoined: _party_joined,
        ev.PartyLeft: _party_left,
        ev.CallMerged: lambda call, event: replace(call, merged_into=event.into_call_id),
        ev.CallEnded: lambda call, event: replace(call, ended_at=event.at, endpoint=None),
    }
)
"""What else an event changes, beside the state."""


_LegEvent = ev.LegRang | ev.LegEnded | ev.CallConnected | ev.ConsultConnected | ev.PartyJoined


def _move_leg(call: Call, event: _LegEvent) -> Call:
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
        origin=event.origin or call.origin,
        connected_at=call.connected_at or (event.at if event.endpoint else None),
    )
