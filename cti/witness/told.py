"""What the journal tells: the fold of its events into the same picture that ``seen.py`` makes of Asterisk's rows.

Each call has its legs, when they began and ended, and who was together with whom. The rules of who is with whom:

* The customer (the call's *anchor*) is with one phone from CallConnected on, with all of a conference from
  PartyJoined on, and with nobody once he is held by command, sent on, parked, or waits.
* A phone's own hold key parts nobody: both stay in one bridge, and Asterisk plays music to the other.
* Who consults is with the one consulted from ConsultConnected on, on the second line if his phone opened one,
  until either leg ends, or ConsultEnded says that it is over for them.

Calls are kin when one consults for the other or was merged into it: such calls share legs.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cti.domain import events as ev
from cti.domain.call import CallState
from cti.domain.ids import CallId, LegId
from cti.witness.spans import Span

_PARTED = frozenset(
    {CallState.TALKING, CallState.CONFERENCE, CallState.CONSULTING, CallState.ON_HOLD}
)
Pair = tuple[LegId, LegId]
_REPAIRING = timedelta(seconds=3)  # repairs are told in this time before the link counts as up
_HEARD = 2000  # instants: far more than the repairs of one snapshot


@dataclass(slots=True)
class ToldLeg:
    """One party of a call, as the journal tells; ``started_at`` None: nothing tells of its beginning."""

    leg_id: LegId
    role: str  # caller, agent, consult, own, party
    endpoint: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cause: int | None = None


@dataclass(slots=True)
class ToldCall:
    """One call, as the journal tells."""

    call_id: CallId
    first_at: datetime
    anchor: LegId | None = None
    kin: CallId | None = None  # the call that it consults for or was merged into
    legs: dict[LegId, ToldLeg] = field(default_factory=dict)
    together: dict[Pair, list[Span]] = field(default_factory=dict)
    ended_at: datetime | None = None
    ended_by: str = ""
    cause: int | None = None
    count: Counter[str] = field(default_factory=Counter)
    """How often an event came that should come once."""
    is_recovered: bool = False
    held_by: str = ""
    agent: LegId | None = None  # the phone that the customer is with, or is held for
    reserved: set[str] = field(default_factory=set)  # phones whose agents were chosen for the call
    _together_now: set[Pair] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        """Whether the call and every leg of it has ended, or goes on in another call."""
        is_merged = self.ended_by == "merged"
        return self.ended_at is not None and (
            is_merged or all(leg.ended_at is not None for leg in self.legs.values())
        )

    # ---- who is with whom ----------------------------------------------------------------------

    def join(self, one: LegId | None, other: LegId | None, at: datetime) -> None:
        """Two parties hear each other from now on."""
        if one is None or other is None or one == other:
            return
        pair = (one, other) if one < other else (other, one)
        if pair not in self._together_now:
            self._together_now.add(pair)
            self.together.setdefault(pair, []).append(Span(at))

    def part(self, leg_id: LegId | None, at: datetime, *, but: LegId | None = None) -> None:
        """A party is with nobody any more, ``but`` perhaps with this one."""
        for pair in [p for p in self._together_now if leg_id in p and but not in p]:
            self._together_now.discard(pair)
            self.together[pair][-1].ended_at = at

    def partners(self, leg_id: LegId | None) -> set[LegId]:
        """With whom a party is now."""
        return {leg for pair in self._together_now if leg_id in pair for leg in pair} - {leg_id}

    def leg(self, leg_id: LegId, role: str, endpoint: str = "") -> ToldLeg:
        """A leg, known from now on."""
        return self.legs.setdefault(leg_id, ToldLeg(leg_id, role, endpoint))


class Told:
    """The fold. ``calls`` holds every call until the reader drops it."""

    def __init__(self) -> None:
        self.calls: dict[CallId, ToldCall] = {}
        self.claims: dict[LegId, set[CallId]] = {}
        """Which calls a leg is said to belong to."""
        self.outages: list[Span] = []
        """When the journal could not know: from the link's loss (or the last fact before a start) to its return."""
        self.now: datetime | None = None
        """The newest event's instant."""
        self._down_since: datetime | None = None
        self._heard: deque[datetime] = deque(maxlen=_HEARD)
        self._children: dict[CallId, set[CallId]] = {}  # a call → those that consult for it

    def apply(self, event: ev.Event) -> ToldCall | None:
        """Fold one event in; returns the call it changed."""
        self.now = max(event.at, self.now or event.at)
        if isinstance(event, ev.SwitchLinkChanged):
            self._link(event)
            return None
        self._heard.append(event.at)
        change = _CHANGES.get(type(event))
        if change is None or not isinstance(event, ev.CallEvent):
            return None
        call = self.calls.get(event.call_id)
        if call is None:
            call = self.calls[event.call_id] = ToldCall(event.call_id, event.at)
        change(call, event)
        if call.kin is not None:
            self._children.setdefault(call.kin, set()).add(call.call_id)
        for leg_id in _legs_of(event):
            self.claims.setdefault(leg_id, set()).add(call.call_id)
        return call

    def drop(self, call_id: CallId) -> None:
        """Forget a call that is over and done with."""
        call = self.calls.pop(call_id, None)
        self._children.pop(call_id, None)
        for leg_id in call.legs if call is not None else ():
            claims = self.claims.get(leg_id, set())
            claims.discard(call_id)
            if not claims:
                self.claims.pop(leg_id, None)

    def family(self, call: ToldCall) -> list[ToldCall]:
        """The call and all those that share legs with it by right."""
        known: set[CallId] = set()
        todo = [call.call_id]
        while todo:
            call_id = todo.pop()
            found = self.calls.get(call_id)
            if found is None or call_id in known:
                continue
            known.add(call_id)
            todo += self._children.get(call_id, ())
            todo += [found.kin] if found.kin is not None else []
        return [self.calls[call_id] for call_id in known]

    def _link(self, event: ev.SwitchLinkChanged) -> None:
        """A service that was killed, or stood still, says nothing of it: an outage begins with the last fact before."""
        if not event.is_up:
            self._down_since = self._down_since or event.at
            return
        lost_at = self._down_since or event.at
        known = (at for at in reversed(self._heard) if at < lost_at - _REPAIRING)
        self.outages.append(Span(next(known, lost_at), event.at))
        self._down_since = None


def _legs_of(event: ev.Event) -> list[LegId]:
    names = ("leg_id", "agent_leg_id")
    return [leg for name in names if (leg := getattr(event, name, None)) is not None]


# ---- what each event changes -------------------------------------------------------------------


def _offered(call: ToldCall, event: ev.CallOffered) -> None:
    call.count["CallOffered"] += 1
    call.anchor = event.leg_id
    call.kin = event.consult_of or call.kin
    leg = call.leg(event.leg_id, "caller", event.endpoint or "")
    leg.started_at = leg.started_at or event.at


def _recovered(call: ToldCall, event: ev.CallRecovered) -> None:
    call.is_recovered = True
    call.anchor = event.leg_id
    leg = call.leg(event.leg_id, "caller", event.origin or "")
    leg.started_at = leg.started_at or event.at
    state = CallState(event.state)
    if state in (CallState.TALKING, CallState.CONFERENCE):
        call.join(call.anchor, _leg_at(call, event.endpoint), event.at)
    elif state not in _PARTED or (state is not CallState.CONSULTING and call.held_by != "phone"):
        call.part(call.anchor, event.at)


def _leg_at(call: ToldCall, endpoint: str | None) -> LegId | None:
    live = [leg for leg in call.legs.values() if leg.ended_at is None and leg.role != "caller"]
    return next((leg.leg_id for leg in reversed(live) if leg.endpoint == endpoint), None)


def _anchored(call: ToldCall, event: ev.CallAnchored) -> None:
    if event.agent_leg_id is not None:
        call.leg(event.agent_leg_id, "agent", event.endpoint or "").role = "agent"
        call.agent = event.agent_leg_id
    call.anchor = event.leg_id
    call.leg(event.leg_id, "caller").role = "caller"


def _dialled(call: ToldCall, event: ev.LegDialled) -> None:
    leg = call.leg(event.leg_id, event.role, event.endpoint)
    leg.role = event.role if leg.role != "caller" else leg.role
    leg.started_at = leg.started_at or event.at


def _moved(call: ToldCall, event: ev.LegMoved) -> None:
    call.leg(event.leg_id, "agent").endpoint = event.endpoint


def _connected(call: ToldCall, event: ev.CallConnected) -> None:
    call.count["connected"] += 1
    call.leg(event.leg_id, "agent", event.endpoint)
    call.part(call.anchor, event.at, but=event.leg_id)
    call.agent, call.held_by = event.leg_id, ""
    call.join(call.anchor, event.leg_id, event.at)


def _held(call: ToldCall, event: ev.CallHeld) -> None:
    call.held_by = event.by
    if event.by != "phone":
        call.part(call.anchor, event.at)


def _retrieved(call: ToldCall, event: ev.CallRetrieved) -> None:
    call.held_by = ""
    call.join(call.anchor, call.agent, event.at)


def _consult_started(call: ToldCall, event: ev.ConsultStarted) -> None:
    if call.held_by != "phone":
        call.part(call.anchor, event.at)


def _consult_connected(call: ToldCall, event: ev.ConsultConnected) -> None:
    call.leg(event.leg_id, "consult", event.endpoint)
    live = (leg for leg in call.legs.values() if leg.ended_at is None)
    own = [leg.leg_id for leg in live if leg.role == "own" and leg.leg_id != event.leg_id]
    call.join(own[-1] if own else call.agent, event.leg_id, event.at)


def _consult_ended(call: ToldCall, event: ev.ConsultEnded) -> None:
    if event.result in ("joined", "caller_gone"):
        return  # they talk on
    for leg in call.legs.values():
        if leg.role == "consult" and call.anchor not in call.partners(leg.leg_id):
            call.part(leg.leg_id, event.at)


def _sent_on(call: ToldCall, event: ev.CallEvent) -> None:
    call.held_by = ""
    call.part(call.anchor, event.at)


def _party_joined(call: ToldCall, event: ev.PartyJoined) -> None:
    call.leg(event.leg_id, "party", event.endpoint)
    call.held_by = ""
    # Whoever was with either of them is in the conference now; so is the agent who consulted.
    inside = {call.anchor, call.agent, event.leg_id}
    inside |= call.partners(call.anchor) | call.partners(event.leg_id)
    present = [leg for leg in inside if leg is not None and _is_there(call, leg)]
    for index, one in enumerate(present):
        for other in present[index + 1 :]:
            call.join(one, other, event.at)


def _is_there(call: ToldCall, leg_id: LegId) -> bool:
    leg = call.legs.get(leg_id)
    return leg is not None and leg.ended_at is None


def _party_left(call: ToldCall, event: ev.PartyLeft) -> None:
    call.part(event.leg_id, event.at)


def _leg_ended(call: ToldCall, event: ev.LegEnded) -> None:
    leg = call.leg(event.leg_id, "agent", event.endpoint)
    leg.ended_at, leg.cause = event.at, event.cause
    call.part(event.leg_id, event.at)


def _merged(call: ToldCall, event: ev.CallMerged) -> None:
    call.kin = event.into_call_id


def _ended(call: ToldCall, event: ev.CallEnded) -> None:
    call.count["CallEnded"] += 1
    call.ended_at, call.ended_by, call.cause = event.at, event.ended_by, event.cause
    call.part(call.anchor, event.at)
    if call.anchor is not None and event.ended_by != "merged":  # else it goes on in the other call
        leg = call.leg(call.anchor, "caller")
        leg.ended_at, leg.cause = event.at, event.cause


def _reserved(call: ToldCall, event: ev.AgentReserved) -> None:
    call.reserved.add(event.endpoint)


def _counted(call: ToldCall, event: ev.CallEvent) -> None:
    call.count[type(event).__name__] += 1


_CHANGES: dict[type[ev.Event], Callable[[ToldCall, Any], None]] = {
    ev.CallOffered: _offered,
    ev.CallRecovered: _recovered,
    ev.CallAnchored: _anchored,
    ev.LegDialled: _dialled,
    ev.LegMoved: _moved,
    ev.CallConnected: _connected,
    ev.CallHeld: _held,
    ev.CallRetrieved: _retrieved,
    ev.ConsultStarted: _consult_started,
    ev.ConsultConnected: _consult_connected,
    ev.ConsultEnded: _consult_ended,
    ev.CallEnqueued: _sent_on,
    ev.CallFellBack: _sent_on,
    ev.CallTransferred: _sent_on,
    ev.CallParked: _sent_on,
    ev.AgentLegLost: _sent_on,
    ev.PartyJoined: _party_joined,
    ev.PartyLeft: _party_left,
    ev.LegEnded: _leg_ended,
    ev.CallMerged: _merged,
    ev.CallEnded: _ended,
    ev.AgentReserved: _reserved,
    ev.CallAnswered: _counted,
    ev.CallAbandoned: _counted,
}
KINDS = frozenset({*_CHANGES, ev.SwitchLinkChanged})
"""The events that are looked at; nothing else need be read."""
