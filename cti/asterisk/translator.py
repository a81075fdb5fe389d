"""Asterisk's events become ours: the place that knows AMI's words (with ``snapshot.py`` for lists).

``translate`` is pure but for its memory, the ChannelRegistry: one message in, domain events out, by a
table from event name to method. Asterisk is free in many orders (docs/dialplan.md; a leg's Hangup comes before
or after the caller's; BridgeEnter of either side first), so each method looks at what is known, never at what
should have come before. An event about a channel that isn't ours is none of our business. What
is unknown, lacks a header or holds a value that can't be is counted, logged once, and survived.

When is a caller connected? When his channel and a phone's are in one bridge. Is he on hold? By
command, when both channels are in a holding bridge (AMI's hold gives no Hold event); by the phone's own
key, at Hold. Who ended the call? Whose HangupRequest came first, or who commanded it; nobody's: the system.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from cti.asterisk.channels import ChannelRegistry, TrackedCall, TrackedLeg, endpoint_of
from cti.domain import events as ev
from cti.domain.errors import InvalidValue
from cti.domain.ids import (
    LegId,
    QueueName,
    parse_call_id,
    parse_endpoint,
    parse_queue_name,
)
from cti.wire.ami import Message

log = structlog.get_logger(__name__)

HOLDING = "holding_bridge"
_NO_SOUND = 44  # the cause of a leg that fell to rtp_timeout
DEVICE_STATES = {
    "UNAVAILABLE": "unavailable",
    "INVALID": "unavailable",
    "NOT_INUSE": "idle",
    "RINGING": "ringing",
    "RINGINUSE": "ringing",
    "INUSE": "in_use",
    "BUSY": "in_use",
    "ONHOLD": "on_hold",
    "UNKNOWN": "unknown",
}
_ESCAPED = re.compile(r"\\([abfnrtv\\'\"?])")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CALL_REJECTED = 21  # Q.850: a phone's 603, which Dial calls CHANUNAVAIL


class Translator:
    """AMI messages to domain events, one at a time, in order."""

    def __init__(self, registry: ChannelRegistry, default_queue: QueueName) -> None:
        self.registry = registry
        self._default_queue = default_queue  # the dialplan's RD_FALLBACK_QUEUE
        self._orphans: list[TrackedLeg | TrackedCall] = []
        self.unknown: Counter[str] = Counter()
        """Events that the table doesn't know, by name."""
        self.malformed: Counter[str] = Counter()
        """Events that lacked a header or held an impossible value, by name."""

    def translate(self, message: Message, now: datetime) -> list[ev.Event]:
        """What a message means; ``now`` where it carries no Timestamp of its own."""
        name = message.event
        if name == "UserEvent":
            name = message.get("UserEvent")
        method = _TABLE.get(name)
        if method is None:
            # A name of 40 characters and no more: it may be anybody's.
            self._count(self.unknown, name[:40], "ami_event_unknown")
            return []
        try:
            return method(self, message, _at(message, now))
        except (KeyError, ValueError, OverflowError, InvalidValue) as exc:
            self._count(self.malformed, name, "ami_event_malformed", type(exc).__name__)
            return []

    def take_orphans(self) -> list[TrackedLeg | TrackedCall]:
        """Who was left alone on hold, since the other side hung up: phones and callers, each once.

        Asterisk keeps the two apart while they are on hold, so nothing there ends the one with the other.
        """
        orphans, self._orphans = self._orphans, []
        return orphans

    def _count(self, counter: Counter[str], name: str, what: str, error: str = "") -> None:
        counter[name] += 1
        if counter[name] == 1:
            log.warning(what, event_name=name, error=error)

    # ---- the caller ----------------------------------------------------------------------------

    def _in(self, message: Message, at: datetime) -> list[ev.Event]:
        call_id = parse_call_id(message.headers["Call"])
        if self.registry.call(call_id) is not None:
            return []
        self.registry.add_call(call_id, message.headers["Uniqueid"], message.headers["Channel"])
        return [
            ev.CallOffered(
                at=at,
                call_id=call_id,
                leg_id=LegId(message.headers["Uniqueid"]),
                dnis=message.get("Dnis"),
                ani=said(message.get("CallerIDNum")),
                ani_name=said_name(message.get("CallerIDName")),
            )
        ]

    def _wait(self, message: Message, at: datetime) -> list[ev.Event]:
        enqueued_at = instant(message.headers["T0"])
        attempt = number(message.get("Try"))
        credit_time = timedelta(seconds=number(message.get("Credit")))
        known = self.registry.call(parse_call_id(message.headers["Call"]))
        # A caller who fell back before his queue was chosen comes back with none.
        last = (known.queue if known else None) or self._default_queue
        queue = parse_queue_name(message.get("Queue") or last)
        call, out = self._of(message, at, "waiting")
        call.queue, call.connected, call.held_by = queue, None, ""
        call.is_fallback, call.ended_by = False, ""
        enqueued = ev.CallEnqueued(
            at=at,
            call_id=call.call_id,
            queue=queue,
            enqueued_at=enqueued_at,
            credit_time=credit_time,
            attempt=attempt,
        )
        return [*out, enqueued]

    def _fallback(self, message: Message, at: datetime) -> list[ev.Event]:
        queue = parse_queue_name(message.headers["Queue"])
        call, out = self._of(message, at, "fallback")
        call.queue, call.connected, call.held_by = queue, None, ""
        call.is_fallback, call.ended_by = True, ""
        return [*out, ev.CallFellBack(at=at, call_id=call.call_id, queue=queue)]

    def _no_answer(self, message: Message, at: datetime) -> list[ev.Event]:
        endpoint = parse_endpoint(message.headers["Agent"])
        call, out = self._of(message, at, "waiting")
        result = _result(message.get("Status"), number(message.get("Cause")))
        # No 180 at all: nobody let it ring, the phone is dead. Its leg may be gone by now.
        if result == "no_answer" and endpoint not in call.rang:
            result = "unreachable"
        return [
            *out,
            ev.CallNotAnswered(at=at, call_id=call.call_id, endpoint=endpoint, result=result),
        ]

    def _lost(self, message: Message, at: datetime) -> list[ev.Event]:
        endpoint = parse_endpoint(message.headers["Agent"])
        call, out = self._of(message, at, "agent_lost")
        call.connected, call.held_by, call.ended_by = None, "", ""
        return [*out, ev.AgentLegLost(at=at, call_id=call.call_id, endpoint=endpoint)]

    def _of(self, message: Message, at: datetime, state: str) -> tuple[TrackedCall, list[ev.Event]]:
        """The call of a user event; one never heard of is repaired by what the event carries."""
        call_id = parse_call_id(message.headers["Call"])
        call = self.registry.call(call_id)
        if call is not None:
            return call, []
        uniqueid, channel = message.headers["Uniqueid"], message.headers["Channel"]
        call = self.registry.add_call(call_id, uniqueid, channel)
        repaired = ev.CallRecovered(
            at=at,
            call_id=call_id,
            leg_id=call.leg_id,
            state=state,
            ani=said(message.get("CallerIDNum")),
            ani_name=said_name(message.get("CallerIDName")),
        )
        return call, [repaired]

    # ---- phones that are dialled ---------------------------------------------------------------

    def _dial_begin(self, message: Message, at: datetime) -> list[ev.Event]:
        call = self.registry.find(message.get("Uniqueid"))
        uniqueid, channel = message.headers["DestUniqueid"], message.headers["DestChannel"]
        endpoint = endpoint_of(channel)
        known = self.registry.find(uniqueid) is not None
        if not isinstance(call, TrackedCall) or endpoint is None or known:
            return []
        call.rang.discard(endpoint)
        leg = self.registry.add_leg(call, uniqueid, channel, endpoint)
        return [ev.LegDialled(at=at, call_id=call.call_id, leg_id=leg.leg_id, endpoint=endpoint)]

    def _dial_state(self, message: Message, at: datetime) -> list[ev.Event]:
        leg = self.registry.find(message.headers["DestUniqueid"])
        is_ringing = message.headers["DialStatus"] == "RINGING"
        if not isinstance(leg, TrackedLeg) or not is_ringing or leg.endpoint in leg.call.rang:
            return []
        leg.call.rang.add(leg.endpoint)
        return [
            ev.LegRang(at=at, call_id=leg.call.call_id, leg_id=leg.leg_id, endpoint=leg.endpoint)
        ]

    def _dial_end(self, message: Message, at: datetime) -> list[ev.Event]:
        leg = self.registry.find(message.headers["DestUniqueid"])
        status = message.headers["DialStatus"]
        # Only Queue() tells of a refusal in no other way; else RdNoAnswer does.
        if not isinstance(leg, TrackedLeg) or not leg.call.is_fallback:
            return []
        if status in ("ANSWER", "CANCEL"):
            return []
        return [
            ev.CallNotAnswered(
                at=at,
                call_id=leg.call.call_id,
                endpoint=leg.endpoint,
                result=_result(status, 0),
            )
        ]

    # ---- talking -------------------------------------------------------------------------------

    def _bridge_enter(self, message: Message, at: datetime) -> list[ev.Event]:
        bridge_id, uniqueid = message.headers["BridgeUniqueid"], message.headers["Uniqueid"]
        self.registry.enter(bridge_id, uniqueid, message.headers["Channel"])
        who = self.registry.find(uniqueid)
        if message.headers["BridgeTechnology"] == HOLDING:
            return self._in_room(who, bridge_id, at)
        call = self.registry.caller_in(bridge_id)
        return [] if call is None else self._together(call, bridge_id, at)

    def _in_room(
        self, who: TrackedCall | TrackedLeg | None, bridge_id: str, at: datetime
    ) -> list[ev.Event]:
        """On hold is who can be retrieved: Bridge fails as long as the phone is on its way to the room."""
        call = who.call if isinstance(who, TrackedLeg) else who
        if call is None or call.held_by == "agent":
            return []
        inside, leg = self.registry.members(bridge_id), call.agent_leg
        if call.leg_id not in inside or (leg is not None and leg.leg_id not in inside):
            return []
        call.held_by = "agent"
        return [ev.CallHeld(at=at, call_id=call.call_id, by="agent")]

    def _bridge_leave(self, message: Message, _at: datetime) -> list[ev.Event]:
        self.registry.leave(message.headers["BridgeUniqueid"], message.headers["Uniqueid"])
        return []

    def _together(self, call: TrackedCall, bridge_id: str, at: datetime) -> list[ev.Event]:
        """The caller is in a talking bridge: with whom?"""
        out: list[ev.Event] = []
        members = self.registry.members(bridge_id)
        leg = next((call.legs[LegId(u)] for u in members if u in call.legs), None)
        if leg is None:
            leg = self._adopt(call, members)
            if leg is None:
                return []
            out.append(
                ev.LegDialled(at=at, call_id=call.call_id, leg_id=leg.leg_id, endpoint=leg.endpoint)
            )
        was_held, call.held_by = call.held_by, ""
        if call.connected != leg.leg_id:
            call.connected, call.ended_by = leg.leg_id, ""
            out.append(
                ev.CallConnected(
                    at=at, call_id=call.call_id, leg_id=leg.leg_id, endpoint=leg.endpoint
                )
            )
        elif was_held == "agent":
            out.append(ev.CallRetrieved(at=at, call_id=call.call_id, by="agent"))
        else:
            call.held_by = was_held
        return out

    def _adopt(self, call: TrackedCall, members: dict[str, str]) -> TrackedLeg | None:
        """A phone that was dialled by somebody else and now has the caller (attended transfer)."""
        for uniqueid, channel in members.items():
            endpoint = endpoint_of(channel)
            if endpoint is not None and self.registry.find(uniqueid) is None:
                return self.registry.add_leg(call, uniqueid, channel, endpoint)
        return None

    def _hold(self, message: Message, at: datetime) -> list[ev.Event]:
        leg = self.registry.find(message.headers["Uniqueid"])
        if not isinstance(leg, TrackedLeg) or leg.call.connected != leg.leg_id:
            return []
        if leg.call.held_by:
            return []
        leg.call.held_by = "phone"
        return [ev.CallHeld(at=at, call_id=leg.call.call_id, by="phone")]

    def _unhold(self, message: Message, at: datetime) -> list[ev.Event]:
        leg = self.registry.find(message.headers["Uniqueid"])
        # A phone that transfers sends one without having held: it means nothing then.
        if not isinstance(leg, TrackedLeg) or leg.call.held_by != "phone":
            return []
        leg.call.held_by = ""
        return [ev.CallRetrieved(at=at, call_id=leg.call.call_id, by="phone")]

    # ---- the end -------------------------------------------------------------------------------

    def _hangup_request(self, message: Message, _at: datetime) -> list[ev.Event]:
        match self.registry.find(message.headers["Uniqueid"]):
            case TrackedCall() as call if not call.ended_by:
                call.ended_by = "caller"
            case TrackedLeg() as leg if leg.call.connected == leg.leg_id and not leg.call.ended_by:
                leg.call.ended_by = "agent"
            case _:
                pass
        return []

    def _hangup(self, message: Message, at: datetime) -> list[ev.Event]:
        cause = number(message.get("Cause"))
        match self.registry.remove(message.headers["Uniqueid"]):
            case TrackedLeg() as leg:
                if _is_meant(leg, cause) and leg.call.held_by == "agent":
                    self._orphans.append(leg.call)
                return [
                    ev.LegEnded(
                        at=at,
                        call_id=leg.call.call_id,
                        leg_id=leg.leg_id,
                        endpoint=leg.endpoint,
                        cause=cause,
                    )
                ]
            case TrackedCall() as call:
                by = call.ended_by or "system"
                if call.held_by == "agent" and call.agent_leg is not None:
                    self._orphans.append(call.agent_leg)
                return [ev.CallEnded(at=at, call_id=call.call_id, cause=cause, ended_by=by)]
            case _:
                return []

    # ---- recording and phones ------------------------------------------------------------------

    def _recording(self, message: Message, at: datetime) -> list[ev.Event]:
        call = self.registry.find(message.headers["Uniqueid"])
        if not isinstance(call, TrackedCall):
            return []
        is_start = message.event == "MixMonitorStart"
        if call.is_recording is is_start:
            return []
        call.is_recording = is_start
        kind = ev.RecordingStarted if is_start else ev.RecordingStopped
        return [kind(at=at, call_id=call.call_id)]

    def _recording_mute(self, message: Message, at: datetime) -> list[ev.Event]:
        call = self.registry.find(message.headers["Uniqueid"])
        if not isinstance(call, TrackedCall):
            return []
        if message.headers["State"] in ("1", "true", "True"):
            return [ev.RecordingPaused(at=at, call_id=call.call_id, reason=call.pause_reason)]
        return [ev.RecordingResumed(at=at, call_id=call.call_id)]

    def _device(self, message: Message, at: datetime) -> list[ev.Event]:
        changed = phone_state(message, at)
        if changed is None or self.registry.phones.get(changed.endpoint) == changed.state:
            return []
        self.registry.phones[changed.endpoint] = changed.state
        return [changed]

    def _nothing(self, _message: Message, _at: datetime) -> list[ev.Event]:
        return []


def phone_state(message: Message, at: datetime) -> ev.PhoneStateChanged | None:
    """A DeviceStateChange of one of our phones; None: of something else."""
    technology, _, name = message.headers["Device"].partition("/")
    state = DEVICE_STATES[message.headers["State"]]
    try:
        endpoint = parse_endpoint(name)
    except InvalidValue:
        return None  # a trunk, an anonymous caller
    return (
        ev.PhoneStateChanged(at=at, endpoint=endpoint, state=state)
        if technology == "PJSIP"
        else None
    )


def said(value: str) -> str:
    """A caller's number or name; Asterisk writes ``<unknown>`` where there is none."""
    return "" if value == "<unknown>" else value


def said_name(value: str) -> str:
    """A caller's name; Asterisk escapes it as C does (a quote, a tab), unlike any other header."""
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), said(value))


def number(value: str) -> int:
    """A whole number from the dialplan; empty is 0.

    Raises:
        ValueError: something else.
    """
    return int(value) if value else 0


def instant(milliseconds: str) -> datetime:
    """Milliseconds since 1970, as the dialplan's RD_T0 holds them.

    Raises:
        ValueError: no such number.
    """
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _at(message: Message, now: datetime) -> datetime:
    stamp = message.get("Timestamp")
    try:
        return datetime.fromtimestamp(float(stamp), UTC) if stamp else now
    except (ValueError, OverflowError, OSError):
        return now


def _is_meant(leg: TrackedLeg, cause: int) -> bool:
    """Whether a desk phone's leg that spoke with the caller was ended by its agent.

    A phone that died (no sound) or a browser phone may come back, or its caller waits again: the acd decides.
    """
    return leg.call.ended_by == "agent" and cause != _NO_SOUND and not leg.endpoint.endswith("w")


def _result(status: str, cause: int) -> str:
    """What became of a dial: ``no_answer``, ``declined`` or ``unreachable``."""
    if status == "NOANSWER":
        return "no_answer"
    if status == "BUSY" or cause == _CALL_REJECTED:
        return "declined"
    return "unreachable"


_Method = Callable[[Translator, Message, datetime], list[ev.Event]]
_TABLE: dict[str, _Method] = {
    "RdIn": Translator._in,
    "RdWait": Translator._wait,
    "RdFallback": Translator._fallback,
    "RdNoAnswer": Translator._no_answer,
    "RdLost": Translator._lost,
    "DialBegin": Translator._dial_begin,
    "DialState": Translator._dial_state,
    "DialEnd": Translator._dial_end,
    "BridgeEnter": Translator._bridge_enter,
    "BridgeLeave": Translator._bridge_leave,
    "Hold": Translator._hold,
    "Unhold": Translator._unhold,
    "HangupRequest": Translator._hangup_request,
    "Hangup": Translator._hangup,
    "MixMonitorStart": Translator._recording,
    "MixMonitorStop": Translator._recording,
    "MixMonitorMute": Translator._recording_mute,
    "DeviceStateChange": Translator._device,
    # Asked for because a person reading a trace wants them; they change nothing here.
    **dict.fromkeys(
        (
            "RdBack", "RdEnd", "RdKey", "RdQueueLeft", "RdXferFail", "Newchannel",
            "OriginateResponse", "BlindTransfer", "AttendedTransfer", "QueueCallerJoin",
            "QueueCallerLeave", "AgentConnect", "AgentCalled",
        ),
        Translator._nothing,
    ),
}  # fmt: skip
