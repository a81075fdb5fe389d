"""A call as it stands on one desktop, and what an event makes of it there. Pure.

``state`` is this agent's part: ``offered`` (popped), ``ringing``, ``dialling`` (he began it, nobody has answered),
``talking``, ``on_hold``, ``consulting`` (the caller on hold, he speaks with somebody else), ``conference``,
``agent_lost``; and when his part is over: ``transferring`` (sent on, with nobody yet), ``parked``, ``ended``. A
call that comes back to him starts anew.

Somebody who is only asked (``is_consulted``) sees the caller's file, but the caller's hold and retrieval are not his; the
call is his own from CallConnected with his phone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cti.domain import events as ev
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId, QueueName
from screenpop.talk import Owns, Talk

RISING = frozenset({"offered", "ringing", "dialling"})
TALKED = frozenset({"talking", "on_hold", "consulting", "conference", "agent_lost"})
OVER = frozenset({"transferring", "parked", "ended"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A call as it stands on this desktop."""

    call_id: CallId
    token: str
    chosen_at: datetime
    queue: QueueName | None
    waited_time: timedelta
    state: str = "offered"
    ringing_since_at: datetime | None = None
    connected_at: datetime | None = None  # with this agent
    ended_at: datetime | None = None
    is_revealed: bool = False
    is_consulted: bool = False  # a colleague asks him
    is_offer: bool = True  # the acd chose him: it says when the offer ends


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose desktop it is, and who is in the call, after the event."""

    agent_id: AgentId
    owns: Owns
    talk: Talk

    @property
    def is_in(self) -> bool:
        """Whether a phone of his is in the call."""
        return bool(self.talk.legs_of(self.owns))


def move(shown: Shown, event: ev.CallEvent, desk: Desk) -> Shown | None:
    """What the event makes of the call here; None: it leaves the desktop."""
    if shown.state in OVER:
        return _come_back(shown, event, desk)
    match event:
        case ev.CallOffered() if event.endpoint is not None and desk.owns(event.endpoint):
            # His phone has taken the call by which a customer is called back.
            return replace(shown, state="dialling", is_offer=False)
        case ev.CallConnected() | ev.CallRecovered() | ev.PartyJoined() | ev.ConsultConnected():
            return _connected(shown, event, desk)
        case ev.LegDialled() | ev.LegRang() | ev.LegEnded() | ev.LegMoved():
            return _leg(shown, event, desk)
        case ev.AgentLegLost() if desk.owns(event.endpoint) and shown.state in TALKED:
            return replace(shown, state="agent_lost")
        case ev.ReservationReleased() | ev.AgentDidNotAnswer():
            is_mine = event.agent_id == desk.agent_id and shown.state not in TALKED
            return None if is_mine else shown
        case ev.CallEnded():
            return left(shown, event)
        case ev.CallTransferred() | ev.CallParked():
            return _sent_on(shown, event, desk)
        case ev.CallEnqueued() | ev.CallFellBack() if shown.state in TALKED and not desk.is_in:
            return left(shown, event)  # given back to the queue
        case ev.CallEnqueued() | ev.CallFellBack() if shown.state in TALKED:
            return shown if desk.owns(desk.talk.anchor) else left(shown, event)
        case _:
            return shown if shown.is_consulted else _held(shown, event, desk)


def _come_back(shown: Shown, event: ev.CallEvent, desk: Desk) -> Shown:
    match event:
        case ev.CallConnected() | ev.PartyJoined() if desk.owns(event.endpoint):
            state = "talking" if isinstance(event, ev.CallConnected) else "conference"
            return replace(shown, state=state, ended_at=None, is_consulted=False)
        case ev.LegDialled() if desk.owns(event.endpoint) and event.role != "own":
            is_consulted = event.role != "agent"
            return replace(
                shown, state="offered", ended_at=None, is_offer=False, is_consulted=is_consulted
            )
        case ev.CallTransferred() | ev.CallParked() if desk.owns(event.endpoint):
            # By the phone's own keys: its leg was gone before we heard why.
            state = "parked" if isinstance(event, ev.CallParked) else "transferring"
            return replace(shown, state=state)
        case ev.CallConnected() | ev.CallEnded() if shown.state != "ended":
            return replace(shown, state="ended")
        case _:
            return shown


_TalkEvent = ev.CallConnected | ev.CallRecovered | ev.PartyJoined | ev.ConsultConnected


def _connected(shown: Shown, event: _TalkEvent, desk: Desk) -> Shown | None:
    since_at = shown.connected_at or event.at
    if desk.owns(event.endpoint):
        state = "conference" if isinstance(event, ev.PartyJoined) else "talking"
        if isinstance(event, ev.CallRecovered) and event.state in TALKED:
            state = event.state
        is_own = isinstance(event, (ev.CallConnected, ev.CallRecovered))
        is_consulted = shown.is_consulted and not is_own
        return replace(shown, state=state, connected_at=since_at, is_consulted=is_consulted)
    match event:
        case ev.ConsultConnected():
            return shown
        case ev.PartyJoined():
            is_there = shown.state in TALKED and desk.is_in
            return replace(shown, state="conference") if is_there else shown
        case ev.CallConnected() if desk.owns(desk.talk.anchor):
            return replace(shown, state="talking", connected_at=since_at)
        case ev.CallConnected() if shown.is_consulted and desk.is_in:
            return shown  # his colleague has taken the caller back
        case ev.CallRecovered() if desk.owns(desk.talk.anchor):
            return shown
        case _:
            return left(shown, event)


_LegEvent = ev.LegDialled | ev.LegRang | ev.LegEnded | ev.LegMoved


def _leg(shown: Shown, event: _LegEvent, desk: Desk) -> Shown | None:
    is_mine = desk.owns(event.endpoint)
    match event:
        case ev.LegRang() if is_mine and shown.state == "offered":
            return replace(shown, state="ringing", ringing_since_at=event.at)
        # A page that was reloaded is called again before Asterisk noticed that its leg is gone.
        case ev.LegDialled(role="agent") if is_mine and shown.state in ("talking", "on_hold"):
            return replace(shown, state="agent_lost")
        case ev.LegEnded() | ev.LegMoved() if not shown.is_offer and not desk.is_in:
            if shown.state in RISING:
                return None
            return left(shown, event) if shown.is_consulted else shown
        case _:
            return shown


def _sent_on(shown: Shown, event: ev.CallTransferred | ev.CallParked, desk: Desk) -> Shown | None:
    if desk.owns(desk.talk.anchor) or shown.is_consulted:
        return shown
    if shown.state not in TALKED:
        return shown if desk.is_in and not shown.is_offer else None
    state = "parked" if isinstance(event, ev.CallParked) else "transferring"
    return replace(shown, state=state, ended_at=event.at)


def _held(shown: Shown, event: ev.CallEvent, desk: Desk) -> Shown:
    match event:
        case ev.CallHeld() if shown.state == "talking":
            return replace(shown, state="on_hold")
        case ev.CallRetrieved() if shown.state in {"on_hold", "consulting", "agent_lost"}:
            return replace(shown, state="talking")
        case ev.ConsultStarted() if desk.owns(event.endpoint) and shown.state in TALKED:
            return replace(shown, state="consulting")
        case ev.ConsultEnded() if shown.state == "consulting":
            # Handed over or joined: with whom the caller is now is told by its own event.
            is_over = event.result in ("completed", "joined", "caller_gone")
            return shown if is_over else replace(shown, state="on_hold")
        case _:
            return shown


def left(shown: Shown, event: ev.Event) -> Shown | None:
    """The call is no longer this agent's: over where they talked, withdrawn where they didn't."""
    if shown.state not in TALKED and shown.state != "dialling":
        return None
    return replace(shown, state="ended", ended_at=event.at)
