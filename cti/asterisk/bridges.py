"""Who talks with whom: bridges and holds become CallConnected, CallHeld, PartyJoined, ConsultConnected and their like.

Nothing here asks what came before: after each change the picture of the caller's bridge is compared with what
was told of the call, and the difference is told. So a transfer by the phone's keys, one by command, a conference
that shrinks and a snapshot end in the same events.

* Talking: a leg is in the caller's bridge, or in one that a Local channel joins to it, and it is no holding bridge.
  With more than one leg it is a conference.
* On hold by command: caller and leg are both in the holding bridge (AMI's hold gives no Hold event); by the phone's
  own key: at Hold.
* Consulting: the one consulted is in a bridge with the agent, or with his second line, and the caller isn't.
"""

from __future__ import annotations

from datetime import datetime

from cti.asterisk.channels import ChannelRegistry, TrackedCall, TrackedLeg, endpoint_of
from cti.asterisk.leg_events import dialled, told
from cti.domain import events as ev
from cti.domain.ids import LegId


def entered(
    registry: ChannelRegistry, bridge_id: str, uniqueid: str, is_holding: bool, at: datetime
) -> list[ev.Event]:
    """A channel entered a bridge (the registry knows that already)."""
    who = registry.find(uniqueid)
    out = _moved(registry, who, bridge_id, uniqueid, at)
    if is_holding:
        return out + _in_room(registry, who, bridge_id, at)
    calls = registry.anchors_in(bridge_id)
    if not calls:
        # Where it was a Local half that entered, the two are those whom it joins.
        known = (registry.find(u) for u in registry.together(bridge_id))
        who = who or next((found for found in known if found is not None), None)
        return out + (_consulting(registry, who, bridge_id, at) if who is not None else [])
    for other in calls[1:]:
        out += _merge(registry, *_order(calls[0], other), at)
    return out + picture(registry, registry.anchors_in(bridge_id)[0], at)


def left(registry: ChannelRegistry, bridge_id: str, uniqueid: str, at: datetime) -> list[ev.Event]:
    """A channel left a bridge (the registry knows that already): a conference may have shrunk."""
    who = registry.find(uniqueid)
    if not isinstance(who, TrackedLeg):
        return []
    call = who.call
    if not call.parties or bridge_id not in registry.rooms(registry.bridge_of(call.leg_id)):
        return []
    return picture(registry, call, at)


def picture(registry: ChannelRegistry, call: TrackedCall, at: datetime) -> list[ev.Event]:
    """The caller is in a talking bridge: with whom, and what of that is news?"""
    members = registry.together(registry.bridge_of(call.leg_id))
    out = _adopt(registry, call, members, at)
    inside = [LegId(u) for u in members if u in call.legs]
    if not inside:
        return out
    was_held, call.held_by, call.is_in_menu = call.held_by, "", False
    gone = [p for p in (call.connected, *call.parties) if p is not None and p not in inside]
    if call.parties:
        out += [told(ev.PartyLeft, call.call_id, call.legs[p], at) for p in gone if p in call.legs]
    call.parties = [p for p in call.parties if p in inside]
    if call.connected not in inside:
        call.connected = None
        call.goes_on()
        call.parties = [p for p in call.parties if p != inside[0]]
    main = call.connected or inside[0]
    is_new = call.connected is None
    call.connected = main
    joined = [p for p in inside if p != main and p not in call.parties]
    call.parties += joined
    # Told of the first, and of the last one of a conference that shrank.
    is_first, is_last = is_new and (not call.parties or joined), not call.parties and gone
    if is_first or is_last:
        if call.legs[main].role != "agent":
            call.legs[main].role = "agent"
            registry.adopted.append(call.legs[main])
        out.append(told(ev.CallConnected, call.call_id, call.legs[main], at))
        if call.asks is not None and call.asks.call.consult is not None:
            call.asks.call.consult.is_up = True  # somebody of the queue that was asked
    elif was_held == "agent" and not joined:
        out.append(ev.CallRetrieved(at=at, call_id=call.call_id, by="agent"))
    elif not joined:
        call.held_by = was_held
    out += [told(ev.PartyJoined, call.call_id, call.legs[p], at) for p in joined]
    return out + _consult_settled(call, inside, at)


def consult_over(call: TrackedCall, result: str, at: datetime) -> list[ev.Event]:
    """The consultation ended; says so once."""
    consult, call.consult = call.consult, None
    if consult is None:
        return []
    # Whose channel goes first is chance; who hung up is known.
    if consult.left_by == "agent" and result not in ("completed", "joined", "caller_gone"):
        result = "cancelled"
    elif consult.left_by == "other" and result == "cancelled":
        result = "ended"
    return [ev.ConsultEnded(at=at, call_id=call.call_id, endpoint=consult.endpoint, result=result)]


def consult_told(call: TrackedCall, at: datetime) -> list[ev.Event]:
    """The agent is with the one he consults (again)."""
    consult = call.consult
    if consult is None:
        return []
    return [
        ev.ConsultStarted(
            at=at,
            call_id=call.call_id,
            endpoint=consult.endpoint,
            target_kind=consult.target_kind,
            target=consult.target,
            number=consult.number,
        )
    ]


# ---- inside ------------------------------------------------------------------------------------


def _moved(
    registry: ChannelRegistry,
    who: TrackedCall | TrackedLeg | None,
    bridge_id: str,
    uniqueid: str,
    at: datetime,
) -> list[ev.Event]:
    """A leg whose channel bears another phone's name: that one picked it up."""
    if not isinstance(who, TrackedLeg):
        return []
    channel = registry.members(bridge_id).get(uniqueid, who.channel)
    endpoint = endpoint_of(channel)
    if endpoint is None or endpoint == who.endpoint:
        return []
    before, who.endpoint, who.channel = who.endpoint, endpoint, channel
    return [told(ev.LegMoved, who.call.call_id, who, at, from_endpoint=before)]


def _in_room(
    registry: ChannelRegistry, who: TrackedCall | TrackedLeg | None, bridge_id: str, at: datetime
) -> list[ev.Event]:
    """On hold is who can be retrieved: Bridge fails as long as the phone is on its way to the room."""
    call = who.call if isinstance(who, TrackedLeg) else who
    if call is None or call.held_by == "agent" or call.consult is not None or call.is_renewed:
        return []
    inside, leg = registry.members(bridge_id), call.agent_leg
    if leg is None or call.leg_id not in inside or leg.leg_id not in inside:
        return []  # nobody holds him: he is parked, in a room of his own
    call.held_by = "agent"
    return [ev.CallHeld(at=at, call_id=call.call_id, by="agent")]


def _consulting(
    registry: ChannelRegistry, who: TrackedCall | TrackedLeg, bridge_id: str, at: datetime
) -> list[ev.Event]:
    """No caller is in this bridge: an agent with the one he consults, perhaps."""
    call = who.call if isinstance(who, TrackedLeg) else who
    consult, leg = call.consult, call.consulted_leg
    if consult is None or leg is None or consult.is_up:
        return []
    inside = registry.together(bridge_id)
    mine = (call.agent_leg, call.own_line)
    if leg.leg_id not in inside or not any(e is not None and e.leg_id in inside for e in mine):
        return []
    consult.is_up = True
    return [told(ev.ConsultConnected, call.call_id, leg, at)]


def _consult_settled(call: TrackedCall, inside: list[LegId], at: datetime) -> list[ev.Event]:
    """The one consulted is with the caller now: handed over, or all together."""
    consult = call.consult
    if consult is None or consult.leg_id not in inside:
        return []
    leg = call.legs[consult.leg_id]
    if call.connected != leg.leg_id:
        leg.role = "party"
    return consult_over(call, "completed" if call.connected == leg.leg_id else "joined", at)


def _adopt(
    registry: ChannelRegistry, call: TrackedCall, members: dict[str, str], at: datetime
) -> list[ev.Event]:
    """Phones that were dialled by somebody else and now have the caller: by a transfer, from a parking place."""
    out: list[ev.Event] = []
    for uniqueid, channel in list(members.items()):
        who, endpoint = registry.find(uniqueid), endpoint_of(channel)
        if endpoint is None or who is call or (isinstance(who, TrackedLeg) and who.call is call):
            continue
        if isinstance(who, TrackedCall):
            continue
        if isinstance(who, TrackedLeg):
            out += _taken_from(registry, who.call, call, who, at)
        # Who comes to somebody that speaks with the caller already makes a conference.
        role = "party" if call.connected in members else "agent"
        leg = registry.add_leg(call, uniqueid, channel, endpoint, role)
        out.append(dialled(call.call_id, leg, at))
    return out


def _taken_from(
    registry: ChannelRegistry, other: TrackedCall, call: TrackedCall, leg: TrackedLeg, at: datetime
) -> list[ev.Event]:
    """The agent of another call is with this caller: what became of that call?"""
    if other.connected == leg.leg_id:
        other.connected = None
    other.parties = [p for p in other.parties if p != leg.leg_id]
    if other.consult_of != call.call_id:
        return []
    # Consulted through a queue: what had to wait there is one with the call that it was for.
    if registry.is_over(other.call_id):
        return consult_over(call, "completed", at)  # told when it ended
    other.ended_by = "merged"
    out: list[ev.Event] = [ev.CallMerged(at=at, call_id=other.call_id, into_call_id=call.call_id)]
    return out + consult_over(call, "completed", at)


def _order(one: TrackedCall, other: TrackedCall) -> tuple[TrackedCall, TrackedCall]:
    """Which of two calls goes on: the one that the other was begun for, else the older one."""
    return (other, one) if one.consult_of == other.call_id else (one, other)


def _merge(
    registry: ChannelRegistry, call: TrackedCall, other: TrackedCall, at: datetime
) -> list[ev.Event]:
    """The two sides of two calls are in one bridge."""
    out: list[ev.Event] = [
        ev.CallMerged(at=at, call_id=other.call_id, into_call_id=call.call_id),
        ev.CallEnded(at=at, call_id=other.call_id, cause=16, ended_by="merged"),
    ]
    if other.consult_of == call.call_id:
        # By command the agent is still with the one he asked, else he has handed the caller over.
        out += consult_over(call, "joined" if other.asks else "completed", at)
    leg = registry.absorb(call, other)
    return out + ([dialled(call.call_id, leg, at)] if leg is not None else [])
