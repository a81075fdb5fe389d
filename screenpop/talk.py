"""Who takes part in a call besides the caller: legs, the one consulted, the conference. Pure.

Folded from the same events as ``facts.py``, of which it is a part.
Whose desktop may show what of it is ``model.py``'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cti.domain import events as ev
from cti.domain.evolving import replace
from cti.domain.ids import CallId, Endpoint, LegId
from cti.domain.numbers import CallerNumber, NumberKind, read_number
from cti.domain.numbers import DialPlan as Plan

Owns = Callable[[Endpoint | None], bool]


@dataclass(frozen=True, slots=True)
class Member:
    """A leg of the call."""

    endpoint: Endpoint
    role: str
    is_up: bool = False


@dataclass(frozen=True, slots=True)
class Consult:
    """The agent at ``endpoint`` speaks, or is about to, with somebody else than his caller."""

    endpoint: Endpoint
    target_kind: str = ""
    target: str = ""
    number: CallerNumber = field(default=CallerNumber(NumberKind.WITHHELD), repr=False)
    is_up: bool = False
    found: Endpoint | None = None  # who of the queue that is asked answered


@dataclass(frozen=True, slots=True)
class Talk:
    """Who is in the call."""

    began_by: Endpoint | None = None  # a phone of ours; none: a caller
    anchor: Endpoint | None = None  # the phone on whose leg the call hangs; none: the customer's
    dialled: str = ""  # the extension, queue or number of ours that it dialled
    consult_of: CallId | None = None
    members: Mapping[LegId, Member] = field(default_factory=dict)
    inside: tuple[LegId, ...] = ()  # who speaks with the caller, the first of them first
    consult: Consult | None = None
    slot: str = ""  # where the caller is parked

    def legs_of(self, owns: Owns) -> list[Member]:
        """Somebody's phones in the call, those that speak first; his second line to consult is none."""
        mine = [m for m in self.members.values() if owns(m.endpoint) and m.role != "own"]
        if owns(self.anchor) and self.anchor is not None:
            mine.append(Member(self.anchor, "agent", is_up=True))
        return sorted(mine, key=lambda member: not member.is_up)

    def others(self, owns: Owns) -> list[Endpoint]:
        """Who else speaks with the caller."""
        found = [self.members[leg_id].endpoint for leg_id in self.inside if leg_id in self.members]
        return [endpoint for endpoint in found if not owns(endpoint)]


def fold(talk: Talk, event: ev.CallEvent, plan: Plan) -> Talk:
    """Take one event; those that concern nobody's part change nothing."""
    match event:
        case ev.LegDialled():
            member = Member(event.endpoint, event.role)
            return replace(talk, members={**talk.members, event.leg_id: member})
        case ev.LegMoved() if event.leg_id in talk.members:
            member = replace(talk.members[event.leg_id], endpoint=event.endpoint)
            return replace(talk, members={**talk.members, event.leg_id: member})
        case ev.LegEnded():
            members = {k: m for k, m in talk.members.items() if k != event.leg_id}
            return replace(talk, members=members, inside=_without(talk, event.leg_id))
        case ev.CallAnchored():
            return _anchored(talk, event)
        case ev.CallConnected():
            talk = _up(talk, event.leg_id, event.endpoint, role="agent")
            return replace(talk, inside=(event.leg_id,), slot="")
        case ev.PartyJoined():
            talk = _up(talk, event.leg_id, event.endpoint)
            return replace(talk, inside=(*_without(talk, event.leg_id), event.leg_id))
        case ev.PartyLeft():
            return replace(talk, inside=_without(talk, event.leg_id))
        case ev.CallEnqueued() | ev.CallTransferred():
            return replace(talk, inside=(), consult=None, slot="")
        case ev.CallParked():
            return replace(talk, inside=(), consult=None, slot=event.slot)
        case _:
            return _fold_consult(talk, event, plan)


def found(talk: Talk, endpoint: Endpoint | None) -> Talk:
    """The queue that is asked found somebody for the agent; None: it has nobody for him (any more)."""
    if talk.consult is None:
        return talk
    consult = replace(talk.consult, is_up=endpoint is not None, found=endpoint)
    return replace(talk, consult=consult)


def _fold_consult(talk: Talk, event: ev.CallEvent, plan: Plan) -> Talk:
    match event:
        case ev.ConsultStarted():
            number = read_number(event.number, plan)
            was_up = talk.consult is not None and talk.consult.is_up
            consult = Consult(event.endpoint, event.target_kind, event.target, number, was_up)
            return replace(talk, consult=consult)
        case ev.ConsultConnected():
            talk = _up(talk, event.leg_id, event.endpoint)
            if talk.consult is not None:
                talk = replace(talk, consult=replace(talk.consult, is_up=True))
            return talk
        case ev.ConsultEnded():
            return replace(talk, consult=None)
        case ev.CallRecovered() if event.endpoint is None:
            return replace(talk, inside=(), consult=None)
        case _:
            return talk


def _anchored(talk: Talk, event: ev.CallAnchored) -> Talk:
    members = {k: m for k, m in talk.members.items() if k != event.leg_id}
    inside = _without(talk, event.leg_id)
    if event.agent_leg_id is not None and event.endpoint is not None:
        members[event.agent_leg_id] = Member(event.endpoint, "agent", is_up=True)
    # A colleague who is sent on by the one who called him is what the call hangs on now.
    known = talk.members.get(event.leg_id)
    anchor = known.endpoint if known is not None else None
    return replace(talk, members=members, inside=inside, anchor=anchor)


def _up(talk: Talk, leg_id: LegId, endpoint: Endpoint, role: str = "") -> Talk:
    known = talk.members.get(leg_id, Member(endpoint, role or "party"))
    member = Member(endpoint, role or known.role, is_up=True)
    return replace(talk, members={**talk.members, leg_id: member})


def _without(talk: Talk, leg_id: LegId) -> tuple[LegId, ...]:
    return tuple(x for x in talk.inside if x != leg_id)
