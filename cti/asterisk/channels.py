"""What Asterisk has of ours right now: each call's anchor, the legs, and who is in a bridge with whom.

Keyed on Uniqueid, since the Linkedid changes when channels are bridged. Of other channels only the bridge is
remembered, since a transfer may make them ours. An entry lives from the first event that
names it to its Hangup, or to the snapshot that doesn't show it any more.

A call hangs on one channel, its anchor: the customer's, or the phone's that began it as long as no customer has
answered. All others are its legs (docs/decisions/0008-shapes-of-calls.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from cti.domain.ids import CallId, Endpoint, LegId, QueueName

_CHANNEL = re.compile(r"PJSIP/([A-Za-z0-9_]{1,40})-[0-9a-f]{8,}")
_REMEMBERED = 1000  # calls that are over: more than end while an event is on its way
_LOCAL = re.compile(r"(Local/.{1,200}-[0-9a-f]{8,});[12]")


def endpoint_of(channel: str) -> Endpoint | None:
    """The phone (or trunk) that a channel belongs to: ``PJSIP/1001w-0000002a`` → ``1001w``."""
    match = _CHANNEL.fullmatch(channel)
    return Endpoint(match[1]) if match else None


def local_pair(channel: str) -> str:
    """What the two halves of a Local channel have in common; empty for other channels."""
    match = _LOCAL.fullmatch(channel)
    return match[1] if match else ""


def _other_half(channel: str) -> str:
    return channel[:-1] + ("2" if channel.endswith("1") else "1")


@dataclass(slots=True)
class TrackedLeg:
    """A leg's channel."""

    leg_id: LegId
    channel: str
    endpoint: Endpoint
    call: TrackedCall
    role: str = "agent"  # as in LegDialled
    is_recording: bool = False
    left_consult: bool = False  # the agent was seen to hang up while he consulted


@dataclass(slots=True)
class TrackedConsult:
    """The agent speaks, or is about to, with somebody else than his caller."""

    endpoint: Endpoint  # the agent's phone
    target_kind: str = ""
    target: str = ""
    number: str = ""
    leg_id: LegId | None = None  # of the one consulted
    is_up: bool = False
    left_by: str = ""  # who ended it first: ``agent`` (by key or command) or ``other``
    is_completing: bool = False  # by command: the one consulted is on his way to the caller


@dataclass(slots=True)
class TrackedCall:
    """A call's anchor and what is going on with it."""

    call_id: CallId
    leg_id: LegId
    channel: str
    queue: QueueName | None = None
    in_line_at: datetime | None = None  # since when he waits in that queue, as far as we saw it
    origin: Endpoint | None = None  # the phone of ours that the call hangs on, or began with
    consult_of: CallId | None = None
    shown_number: str = ""  # what was chosen to be shown to the one consulted outside
    asks: TrackedLeg | None = None  # the agent's leg that is this call's caller, to ask a queue
    legs: dict[LegId, TrackedLeg] = field(default_factory=dict)
    connected: LegId | None = None  # the leg that talks with the caller, or is held
    parties: list[LegId] = field(default_factory=list)  # legs in the conversation beside that one
    held_by: str = ""  # agent, phone or nobody
    is_in_menu: bool = (
        False  # his agent sent him there, and waits for him in the room of a held call
    )
    consult: TrackedConsult | None = None
    rang: set[Endpoint] = field(default_factory=set)  # phones that said so since they were dialled
    is_fallback: bool = False
    is_recording: bool = False
    is_renewed: bool = False  # both are in their rooms for a moment, so that they hear each other
    pause_reason: str = "agent"  # of the next RecordingPaused
    ended_by: str = ""  # who was seen to hang up, or commanded it; see ``goes_on``
    heir: LegId | None = (
        None  # by command the call hangs on this leg from now on: its RdAnchor is due
    )

    @property
    def agent_leg(self) -> TrackedLeg | None:
        """The phone that talks with the caller, or is held with him."""
        return self.legs.get(self.connected) if self.connected else None

    @property
    def consulted_leg(self) -> TrackedLeg | None:
        """Whom the agent consults."""
        leg_id = self.consult.leg_id if self.consult else None
        return self.legs.get(leg_id) if leg_id else None

    @property
    def own_line(self) -> TrackedLeg | None:
        """The second line that the agent's phone opened to consult; none by command."""
        return next((leg for leg in self.legs.values() if leg.role == "own"), None)

    def goes_on(self) -> None:
        """Whoever left has left one conversation, not ended the call; a caller who hung up has hung up."""
        if self.ended_by != "caller":
            self.ended_by = ""

    def leg_at(self, endpoint: Endpoint) -> TrackedLeg | None:
        """The leg of a phone that takes part, or else any leg of it."""
        mine = [leg for leg in self.legs.values() if leg.endpoint == endpoint]
        active = [leg for leg in mine if leg.leg_id in (self.connected, *self.parties)]
        return next(iter(active or mine), None)


class ChannelRegistry:
    """All calls that Asterisk holds for us, as far as its events told."""

    def __init__(self) -> None:
        self.calls: dict[CallId, TrackedCall] = {}
        self.phones: dict[Endpoint, str] = {}
        """The last known state of each phone."""
        self.locals: dict[str, TrackedCall | TrackedLeg] = {}
        """Who dialled a Local channel: what its other half dials is dialled for him."""
        self.adopted: list[TrackedLeg] = []
        """Phones that a caller came to without the dialplan having dialled them for him; taken by the switch."""
        self._over: dict[CallId, None] = {}  # calls whose anchors are gone, the oldest first
        self._aliases: dict[CallId, CallId] = {}  # a second line's own id → the call it serves
        self._by_uniqueid: dict[str, TrackedCall | TrackedLeg] = {}
        self._bridges: dict[str, dict[str, str]] = {}  # bridge → Uniqueid → channel's name
        self._bridge_of: dict[str, str] = {}  # Uniqueid → bridge
        self._halves: dict[str, str] = {}  # a Local half's name → its bridge

    def clear(self) -> None:
        """Forget all channels; a snapshot follows."""
        self.calls.clear()
        self.locals.clear()
        self._aliases.clear()
        self._by_uniqueid.clear()
        self._bridges.clear()
        self._bridge_of.clear()
        self._halves.clear()

    # ---- calls and legs ------------------------------------------------------------------------

    def call(self, call_id: CallId) -> TrackedCall | None:
        """A call by our id, or by the id of a second line that serves it."""
        return self.calls.get(self._aliases.get(call_id, call_id))

    def is_over(self, call_id: CallId) -> bool:
        """Whether this call's anchor was seen to end: nothing can be news of it."""
        return call_id in self._over

    def is_alias(self, call_id: CallId) -> bool:
        """Whether this id is that of a second line: an agent consults by his phone's keys."""
        return call_id in self._aliases

    def find(self, uniqueid: str) -> TrackedCall | TrackedLeg | None:
        """Whose channel this is."""
        return self._by_uniqueid.get(uniqueid)

    def at_phone(self, endpoint: Endpoint) -> TrackedCall | None:
        """The call in which a phone talks."""
        for call in self.calls.values():
            talking = (
                call.legs.get(leg_id) for leg_id in (call.connected, *call.parties) if leg_id
            )
            if any(leg is not None and leg.endpoint == endpoint for leg in talking):
                return call
            if call.connected and call.origin == endpoint and endpoint_of(call.channel) == endpoint:
                return call
        return None

    def add_call(self, call_id: CallId, uniqueid: str, channel: str) -> TrackedCall:
        """A call's anchor is known from now on."""
        call = TrackedCall(call_id, LegId(uniqueid), channel)
        self.calls[call_id] = call
        self._over.pop(call_id, None)  # a snapshot knows better
        self._by_uniqueid[uniqueid] = call
        return call

    def add_leg(
        self,
        call: TrackedCall,
        uniqueid: str,
        channel: str,
        endpoint: Endpoint,
        role: str = "agent",
    ) -> TrackedLeg:
        """A leg's channel is known from now on; of another call's leg it becomes this one's."""
        before = self._by_uniqueid.get(uniqueid)
        if isinstance(before, TrackedLeg):
            before.call.legs.pop(before.leg_id, None)
        leg = TrackedLeg(LegId(uniqueid), channel, endpoint, call, role)
        call.legs[leg.leg_id] = leg
        self._by_uniqueid[uniqueid] = leg
        return leg

    def add_second_line(
        self, call: TrackedCall, own_id: CallId, uniqueid: str, channel: str, endpoint: Endpoint
    ) -> TrackedLeg:
        """An agent's phone opened a second line to consult; the dialplan gave it an id of its own."""
        self.serve(own_id, call)
        return self.add_leg(call, uniqueid, channel, endpoint, "own")

    def lend(self, leg: TrackedLeg, call: TrackedCall) -> None:
        """A leg's channel is a call's caller as well, for a while: by command its agent asks a queue for his own caller.

        Until ``give_back`` the channel is found as that call's anchor.
        """
        call.asks, call.origin, call.consult_of = leg, leg.endpoint, leg.call.call_id
        self._by_uniqueid[leg.leg_id] = call

    def give_back(self, call: TrackedCall) -> None:
        """What the agent asked the queue is over: his channel is only a leg again."""
        leg, call.connected = call.asks, None
        if self.calls.get(call.call_id) is call:
            del self.calls[call.call_id]
            self._remember(call.call_id)
            self._forget_aliases(call.call_id)
        if leg is not None and self._by_uniqueid.get(leg.leg_id) is call:
            self._by_uniqueid[leg.leg_id] = leg

    def asked_for(self, call: TrackedCall) -> TrackedCall | None:
        """The call by which this call's agent asks a queue, by command."""
        return next((c for c in self.calls.values() if c.asks and c.asks.call is call), None)

    def serve(self, own_id: CallId, call: TrackedCall) -> None:
        """What is told of this id concerns that call."""
        self._aliases[own_id] = call.call_id

    def anchor(self, call: TrackedCall, uniqueid: str, channel: str) -> TrackedLeg | None:
        """The call hangs on another channel from now on; returns what the old anchor is now.

        None: the old anchor's channel is gone, or was never a phone's.
        """
        call.heir, call.ended_by = None, ""
        old_id, old_channel = call.leg_id, call.channel
        was_here = self._by_uniqueid.get(old_id) is call
        leg = call.legs.pop(LegId(uniqueid), None)
        call.is_recording = leg is not None and leg.is_recording
        if call.connected == uniqueid:
            call.connected = None
        call.parties = [leg_id for leg_id in call.parties if leg_id != uniqueid]
        call.leg_id, call.channel = LegId(uniqueid), channel
        self._by_uniqueid[uniqueid] = call
        endpoint = call.origin or endpoint_of(old_channel)
        if not was_here or endpoint is None or old_id == uniqueid:
            return None
        del self._by_uniqueid[old_id]
        return self.add_leg(call, old_id, old_channel, endpoint)

    def absorb(self, call: TrackedCall, other: TrackedCall) -> TrackedLeg | None:
        """Two calls are one: the other's anchor is a leg of this one from now on; None where it is one already."""
        if other.asks is not None and other.asks.call is call:
            self.give_back(other)
            return None
        self.calls.pop(other.call_id, None)
        self._aliases[other.call_id] = call.call_id
        self._by_uniqueid.pop(other.leg_id, None)
        endpoint = endpoint_of(other.channel)
        return self.add_leg(call, other.leg_id, other.channel, endpoint) if endpoint else None

    def remove(self, uniqueid: str) -> TrackedCall | TrackedLeg | None:
        """A channel is gone; returns whose it was. A call's legs stay until their own end."""
        gone = self._by_uniqueid.pop(uniqueid, None)
        bridge_id = self._bridge_of.get(uniqueid)
        if bridge_id is not None:
            self.leave(bridge_id, uniqueid)
        match gone:
            case TrackedCall():
                if self.calls.get(gone.call_id) is gone:
                    del self.calls[gone.call_id]
                    self._remember(gone.call_id)
                    self._forget_aliases(gone.call_id)
            case TrackedLeg():
                gone.call.legs.pop(gone.leg_id, None)
                if gone.call.connected == gone.leg_id:
                    gone.call.connected = None
                gone.call.parties = [p for p in gone.call.parties if p != gone.leg_id]
        return gone

    def tails(self) -> list[TrackedLeg]:
        """Legs of calls that are over: an agent and the one he consulted talk on without the caller."""
        legs = [who for who in self._by_uniqueid.values() if isinstance(who, TrackedLeg)]
        legs += [call.asks for call in self.calls.values() if call.asks is not None]
        return [leg for leg in legs if self.calls.get(leg.call.call_id) is not leg.call]

    def _remember(self, call_id: CallId) -> None:
        self._over[call_id] = None
        if len(self._over) > _REMEMBERED:
            del self._over[next(iter(self._over))]

    def _forget_aliases(self, call_id: CallId) -> None:
        if self._aliases:
            self._aliases = {k: v for k, v in self._aliases.items() if v != call_id}
        if self.locals:
            self.locals = {
                k: v
                for k, v in self.locals.items()
                if (v.call if isinstance(v, TrackedLeg) else v).call_id != call_id
            }

    # ---- bridges -------------------------------------------------------------------------------

    def enter(self, bridge_id: str, uniqueid: str, channel: str) -> None:
        """A channel entered a bridge; it is in no other any more."""
        before = self._bridge_of.get(uniqueid)
        if before is not None and before != bridge_id:
            self.leave(before, uniqueid)
        self._bridges.setdefault(bridge_id, {})[uniqueid] = channel
        self._bridge_of[uniqueid] = bridge_id
        if local_pair(channel):
            self._halves[channel] = bridge_id

    def leave(self, bridge_id: str, uniqueid: str) -> None:
        """A channel left a bridge."""
        if self._bridge_of.get(uniqueid) == bridge_id:
            del self._bridge_of[uniqueid]
        members = self._bridges.get(bridge_id)
        if members is not None:
            self._halves.pop(members.pop(uniqueid, ""), None)
            if not members:
                del self._bridges[bridge_id]

    def bridge_of(self, uniqueid: str) -> str:
        """The bridge that a channel is in; empty: none."""
        return self._bridge_of.get(uniqueid, "")

    def members(self, bridge_id: str) -> dict[str, str]:
        """Who is in a bridge: names by Uniqueid."""
        return self._bridges.get(bridge_id, {})

    def rooms(self, bridge_id: str) -> list[str]:
        """The bridge and all that Local channels join to it: who is in any of them hears all others.

        Not beyond a Local half on which a call hangs: who is there is its caller himself.
        """
        found = [bridge_id]
        if not self._halves:
            return found
        for room in found:
            for uniqueid, channel in self.members(room).items():
                there = self._halves.get(_other_half(channel), room)
                is_anchor = isinstance(self._by_uniqueid.get(uniqueid), TrackedCall)
                if there not in found and not is_anchor:
                    found.append(there)
        return found

    def together(self, bridge_id: str) -> dict[str, str]:
        """Who hears whom from this bridge: the members of all its rooms."""
        rooms = self.rooms(bridge_id)
        if len(rooms) == 1:
            return self.members(bridge_id)
        return {u: name for room in rooms for u, name in self.members(room).items()}

    def anchors_in(self, bridge_id: str) -> list[TrackedCall]:
        """The calls whose anchors hear this bridge, the one that came first in front."""
        found = (self._by_uniqueid.get(uniqueid) for uniqueid in self.together(bridge_id))
        inside = [who for who in found if isinstance(who, TrackedCall)]
        order = (
            {call_id: index for index, call_id in enumerate(self.calls)} if len(inside) > 1 else {}
        )
        return sorted(inside, key=lambda call: order.get(call.call_id, 0))

    def __len__(self) -> int:
        return len(self._by_uniqueid)
