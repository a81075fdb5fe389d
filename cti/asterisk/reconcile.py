"""A snapshot against what we believed: the differences, as events that repair.

The snapshot wins always; nothing that it shows is asked for again. The registry is built anew from it, and for
each call there comes out what is needed so that folding the events gives the snapshot's state: a call that
differs is ``CallRecovered``, one that is gone is ``CallEnded`` by ``unknown``, phones that came or went are
``LegDialled`` and ``LegEnded``. Nothing comes out for a call that is as believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from cti.asterisk.channel_rows import SeenLeg
from cti.asterisk.channels import ChannelRegistry, TrackedCall, TrackedConsult, local_pair
from cti.asterisk.leg_events import Leg, dialled, told
from cti.asterisk.snapshot import SeenCall, Snapshot
from cti.domain import events as ev
from cti.domain.call import Call, CallState, LegState
from cti.domain.ids import CallId, Endpoint

_NO_CAUSE = 0


def reconcile(
    registry: ChannelRegistry, snapshot: Snapshot, live: Iterable[Call]
) -> list[ev.Event]:
    """Rebuild the registry; returns the repairs, in the order in which they are to be published."""
    before, tails = dict(registry.calls), registry.tails()
    registry.clear()
    at = snapshot.taken_at
    out: list[ev.Event] = []
    for phone in snapshot.phones:
        if registry.phones.get(phone.endpoint) != phone.state:
            registry.phones[phone.endpoint] = phone.state
            out.append(phone)
    believed = {call.call_id: call for call in live}
    for call_id, call in believed.items():
        if call_id not in snapshot.calls:
            out += _gone(call, before.get(call_id), at)
    # Oldest first, so that whoever matches on these events meets the callers in their order.
    for seen in sorted(snapshot.calls.values(), key=lambda s: (s.enqueued_at or at, s.leg_id)):
        tracked = _track(registry, seen, before.get(seen.call_id))
        out += _repairs(seen, believed.get(seen.call_id), tracked, at)
    for seen in snapshot.calls.values():
        if seen.is_asking and seen.consult_of is not None:
            _lend(registry, registry.calls[seen.call_id], registry.calls.get(seen.consult_of))
    for half in snapshot.halves:
        whose = registry.call(half.call_id) if half.call_id else None
        if whose is not None:
            registry.locals[local_pair(half.channel)] = whose
        if half.bridge_id:
            registry.enter(half.bridge_id, half.uniqueid, half.channel)
    for tail in tails:
        known = registry.find(tail.leg_id)
        if isinstance(known, TrackedCall) and known.asks is None and known.consult_of is not None:
            registry.lend(tail, known)  # the one he asked for is gone, they talk on
        if known is not None:
            continue
        if tail.leg_id in snapshot.channels:
            registry.add_leg(tail.call, tail.leg_id, tail.channel, tail.endpoint, tail.role)
        else:
            out.append(_leg_ended(tail.call.call_id, tail, at))
    return out


def _track(registry: ChannelRegistry, seen: SeenCall, before: TrackedCall | None) -> TrackedCall:
    call = registry.add_call(seen.call_id, seen.leg_id, seen.channel)
    call.queue, call.is_in_menu = seen.queue, seen.is_in_menu
    call.is_fallback = seen.state is CallState.FALLBACK
    if before is not None:
        call.is_recording, call.pause_reason = before.is_recording, before.pause_reason
        call.rang, call.ended_by = set(before.rang), before.ended_by
    if seen.bridge_id:
        registry.enter(seen.bridge_id, seen.leg_id, seen.channel)
    for leg in seen.legs:
        registry.add_leg(call, leg.leg_id, leg.channel, leg.endpoint, leg.role)
        if leg.is_ringing:
            call.rang.add(leg.endpoint)
        if leg.bridge_id:
            registry.enter(leg.bridge_id, leg.leg_id, leg.channel)
    for own_id in seen.second_lines:
        registry.serve(own_id, call)
    call.origin, call.consult_of = seen.origin, seen.consult_of
    if seen.agent_leg is not None:
        call.connected = seen.agent_leg.leg_id
    call.parties = [leg.leg_id for leg in seen.parties]
    if seen.consultant is not None:
        call.consult = _consult(seen, before)
    if seen.state is CallState.ON_HOLD or (
        seen.consultant is not None and not any(leg.role == "own" for leg in seen.legs)
    ):
        call.held_by = "agent"
    elif before is not None and before.held_by == "phone" and before.connected == call.connected:
        call.held_by = "phone"  # the bridge doesn't show the phone's own hold
    return call


def _lend(registry: ChannelRegistry, call: TrackedCall, served: TrackedCall | None) -> None:
    """An agent asks a queue: his leg is a caller, too."""
    leg = served.legs.get(call.leg_id) if served is not None else None
    if leg is None or served is None:
        return
    registry.lend(leg, call)
    if served.consult is not None:
        served.consult.is_up = call.connected is not None
        if not served.consult.target_kind:
            served.consult.target_kind, served.consult.target = "queue", call.queue or ""


def _consult(seen: SeenCall, before: TrackedCall | None) -> TrackedConsult:
    known = before.consult if before is not None and before.consult else None
    # A copy: whoever only compares must not change what is believed.
    consult = replace(known) if known else TrackedConsult(seen.consultant or Endpoint(""))
    leg = next((leg for leg in seen.legs if leg.role == "consult"), None)
    consult.leg_id = leg.leg_id if leg else None
    consult.is_up = leg is not None and bool(leg.bridge_id)
    return consult


def _repairs(
    seen: SeenCall, call: Call | None, tracked: TrackedCall, at: datetime
) -> list[ev.Event]:
    out: list[ev.Event] = []
    endpoint = seen.agent_leg.endpoint if seen.agent_leg else None
    if call is None or not _is_as_believed(seen, call, tracked):
        out.append(
            ev.CallRecovered(
                at=at,
                call_id=seen.call_id,
                leg_id=seen.leg_id,
                state=seen.state.value,
                queue=seen.queue,
                enqueued_at=seen.enqueued_at,
                credit_time=seen.credit_time,
                attempt=seen.attempt,
                endpoint=endpoint,
                direction=call.direction if call else seen.direction,
                origin=seen.origin,
                dnis=call.dnis if call else "",
                ani=seen.ani,
                ani_name=seen.ani_name,
            )
        )
    out += _leg_repairs(seen, call, at)
    if seen.is_recording is not tracked.is_recording:
        tracked.is_recording = seen.is_recording
        kind = ev.RecordingStarted if seen.is_recording else ev.RecordingStopped
        out.append(kind(at=at, call_id=seen.call_id))
    return out


def _is_as_believed(seen: SeenCall, call: Call, tracked: TrackedCall) -> bool:
    state = seen.state
    if tracked.held_by == "phone" and state is CallState.TALKING:
        state = CallState.ON_HOLD
    is_enqueued = seen.enqueued_at is not None
    return (
        state is call.state
        and (seen.agent_leg is None or seen.agent_leg.endpoint == call.endpoint)
        and (seen.queue is None or seen.queue == call.queue)
        and (not is_enqueued or call.enqueued_at is None or seen.enqueued_at == call.enqueued_at)
        and (not is_enqueued or seen.credit_time == call.credit_time)
    )


def _leg_repairs(seen: SeenCall, call: Call | None, at: datetime) -> list[ev.Event]:
    known = dict(call.legs) if call else {}
    here = {leg.leg_id for leg in seen.legs}
    out: list[ev.Event] = []
    for leg_id, leg in known.items():
        if leg.state is not LegState.ENDED and leg_id not in here:
            out.append(_leg_ended(seen.call_id, leg, at))
    ordered = sorted(seen.legs, key=lambda leg: leg != seen.agent_leg)  # his agent in front
    for leg_seen in ordered:
        state = known[leg_seen.leg_id].state if leg_seen.leg_id in known else None
        if state is LegState.ENDED:
            state = None  # told of an end that never came
        if state is None:
            out.append(dialled(seen.call_id, leg_seen, at))
        if leg_seen.is_ringing and state in (None, LegState.DIALLED):
            out.append(told(ev.LegRang, seen.call_id, leg_seen, at))
        if state is not LegState.UP:
            out += _up(seen, leg_seen, at)
    return out


def _up(seen: SeenCall, leg: SeenLeg, at: datetime) -> list[ev.Event]:
    """What tells that a leg talks."""
    if leg in seen.parties:
        return [told(ev.PartyJoined, seen.call_id, leg, at)]
    if leg.role == "consult":
        return [told(ev.ConsultConnected, seen.call_id, leg, at)] if leg.bridge_id else []
    if seen.agent_leg is None or seen.agent_leg.leg_id != leg.leg_id:
        return []
    out: list[ev.Event] = [told(ev.CallConnected, seen.call_id, leg, at)]
    if seen.state is CallState.ON_HOLD:
        out.append(ev.CallHeld(at=at, call_id=seen.call_id, by="agent"))
    elif seen.state is CallState.CONSULTING:
        out.append(ev.ConsultStarted(at=at, call_id=seen.call_id, endpoint=leg.endpoint))
    return out


def _leg_ended(call_id: CallId, leg: Leg, at: datetime) -> ev.Event:
    return told(ev.LegEnded, call_id, leg, at, cause=_NO_CAUSE)


def _gone(call: Call, before: TrackedCall | None, at: datetime) -> list[ev.Event]:
    """A call that ended while we did not look."""
    out = [
        _leg_ended(call.call_id, leg, at)
        for leg in call.legs.values()
        if leg.state is not LegState.ENDED
    ]
    if before is not None and before.is_recording:
        out.append(ev.RecordingStopped(at=at, call_id=call.call_id))
    out.append(ev.CallEnded(at=at, call_id=call.call_id, cause=_NO_CAUSE, ended_by="unknown"))
    return out
