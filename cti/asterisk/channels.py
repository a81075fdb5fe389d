"""Which of Asterisk's channels is which call or leg: the translator's memory.

Everything is found by Uniqueid, which a channel keeps through transfers and bridges (Linkedid changes);
names are kept since commands want them. An entry lives from the first event that
names it to its Hangup, or to the snapshot that doesn't show it any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cti.domain.ids import CallId, Endpoint, LegId, QueueName

_CHANNEL = re.compile(r"PJSIP/([A-Za-z0-9_]{1,40})-[0-9a-f]{8,}")


def endpoint_of(channel: str) -> Endpoint | None:
    """The phone that a channel belongs to: ``PJSIP/1001w-0000002a`` → ``1001w``."""
    match = _CHANNEL.fullmatch(channel)
    return Endpoint(match[1]) if match else None


@dataclass(slots=True)
class TrackedLeg:
    """A dialled phone's channel."""

    leg_id: LegId
    channel: str
    endpoint: Endpoint
    call: TrackedCall


@dataclass(slots=True)
class TrackedCall:
    """A caller's channel and what is going on with it."""

    call_id: CallId
    leg_id: LegId
    channel: str
    queue: QueueName | None = None
    legs: dict[LegId, TrackedLeg] = field(default_factory=dict)
    connected: LegId | None = None  # the leg that talks with the caller, or is held
    held_by: str = ""  # agent, phone or nobody
    rang: set[Endpoint] = field(default_factory=set)  # phones that said so since they were dialled
    is_fallback: bool = False
    is_recording: bool = False
    pause_reason: str = "agent"  # of the next RecordingPaused
    ended_by: str = ""  # who was seen to hang up, or commanded it

    @property
    def agent_leg(self) -> TrackedLeg | None:
        """The phone that talks with the caller, or is held with him."""
        return self.legs.get(self.connected) if self.connected else None


class ChannelRegistry:
    """All calls that Asterisk holds for us, as far as its events told."""

    def __init__(self) -> None:
        self.calls: dict[CallId, TrackedCall] = {}
        self.phones: dict[Endpoint, str] = {}
        """The last known state of each phone."""
        self._by_uniqueid: dict[str, TrackedCall | TrackedLeg] = {}
        self._bridges: dict[str, dict[str, str]] = {}  # bridge → Uniqueid → channel's name

    def clear(self) -> None:
        """Forget all channels; a snapshot follows."""
        self.calls.clear()
        self._by_uniqueid.clear()
        self._bridges.clear()

    def call(self, call_id: CallId) -> TrackedCall | None:
        """A call by our id."""
        return self.calls.get(call_id)

    def find(self, uniqueid: str) -> TrackedCall | TrackedLeg | None:
        """Whose channel this is."""
        return self._by_uniqueid.get(uniqueid)

    def add_call(self, call_id: CallId, uniqueid: str, channel: str) -> TrackedCall:
        """A caller's channel is known from now on."""
        call = TrackedCall(call_id, LegId(uniqueid), channel)
        self.calls[call_id] = call
        self._by_uniqueid[uniqueid] = call
        return call

    def add_leg(
        self, call: TrackedCall, uniqueid: str, channel: str, endpoint: Endpoint
    ) -> TrackedLeg:
        """A dialled phone's channel is known from now on."""
        leg = TrackedLeg(LegId(uniqueid), channel, endpoint, call)
        call.legs[leg.leg_id] = leg
        self._by_uniqueid[uniqueid] = leg
        return leg

    def remove(self, uniqueid: str) -> TrackedCall | TrackedLeg | None:
        """A channel is gone; returns whose it was. A call's legs stay until their own end."""
        gone = self._by_uniqueid.pop(uniqueid, None)
        for bridge_id in [b for b, members in self._bridges.items() if uniqueid in members]:
            self.leave(bridge_id, uniqueid)
        match gone:
            case TrackedCall():
                if self.calls.get(gone.call_id) is gone:
                    del self.calls[gone.call_id]
            case TrackedLeg():
                gone.call.legs.pop(gone.leg_id, None)
                if gone.call.connected == gone.leg_id:
                    gone.call.connected = None
        return gone

    def enter(self, bridge_id: str, uniqueid: str, channel: str) -> None:
        """A channel entered a bridge."""
        self._bridges.setdefault(bridge_id, {})[uniqueid] = channel

    def leave(self, bridge_id: str, uniqueid: str) -> None:
        """A channel left a bridge."""
        members = self._bridges.get(bridge_id)
        if members is not None:
            members.pop(uniqueid, None)
            if not members:
                del self._bridges[bridge_id]

    def members(self, bridge_id: str) -> dict[str, str]:
        """Who is in a bridge: names by Uniqueid."""
        return self._bridges.get(bridge_id, {})

    def caller_in(self, bridge_id: str) -> TrackedCall | None:
        """The caller who is in a bridge."""
        for uniqueid in self.members(bridge_id):
            who = self._by_uniqueid.get(uniqueid)
            if isinstance(who, TrackedCall):
                return who
        return None

    def __len__(self) -> int:
        return len(self._by_uniqueid)
