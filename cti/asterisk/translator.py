"""Asterisk's events become ours: the place that knows AMI's words (with ``snapshot.py`` for lists).

``translate`` is pure but for its memory, the ChannelRegistry: one message in, domain events out, by a
table from event name to method. Asterisk is free in many orders (docs/dialplan.md; a leg's Hangup comes before
or after the caller's; BridgeEnter of either side first), so each method looks at what is known, never at what
should have come before. An event about a channel that isn't ours is none of our business. What
is unknown, lacks a header or holds a value that can't be is counted, logged once, and survived.

Who talks with whom is ``bridges.py``'s. Who ended the call? Whose HangupRequest came first, or who commanded it;
nobody's: the system.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from cti.asterisk import bridges
from cti.asterisk.channels import (
    ChannelRegistry,
    TrackedCall,
    TrackedLeg,
    endpoint_of,
    local_pair,
)
from cti.asterisk.headers import (
    HOLDING,
    NO_SOUND,
    instant,
    number,
    phone_state,
    ring_result,
    said,
    said_name,
    stamp,
)
from cti.asterisk.leg_events import dialled, told
from cti.asterisk.transfers import CallIsOver, Transfers
from cti.domain import events as ev
from cti.domain.errors import InvalidValue
from cti.domain.ids import (
    LegId,
    QueueName,
    is_browser_phone,
    is_outside_phone,
    parse_call_id,
    parse_endpoint,
    parse_queue_name,
)
from cti.wire.ami import Message

log = structlog.get_logger(__name__)
_KEYS = "0123456789*#"
_MOST_KEPT = 20  # dials of one Local channel: a ring group's


class Translator(Transfers):
    """AMI messages to domain events, one at a time, in order."""

    def __init__(self, registry: ChannelRegistry, default_queue: QueueName) -> None:
        super().__init__(registry)
        self.default_queue = default_queue  # the dialplan's RD_FALLBACK_QUEUE
        self._early: dict[str, list[Message]] = {}  # by Local channel, until its dialler is known
        self.unknown: Counter[str] = Counter()
        """Events that the table doesn't know, by name."""
        self.malformed: Counter[str] = Counter()
        """Events that lacked a header or held an impossible value, by name."""
        self.late: Counter[str] = Counter()
        """Events of calls that were over already, by name."""

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
            return method(self, message, stamp(message, now))
        except CallIsOver:
            self._count(self.late, name, "ami_event_late")
            return []
        except (KeyError, ValueError, OverflowError, InvalidValue) as exc:
            self._count(self.malformed, name, "ami_event_malformed", type(exc).__name__)
            return []

    def _count(self, counter: Counter[str], name: str, what: str, error: str = "") -> None:
        counter[name] += 1
        if counter[name] == 1:
            log.warning(what, event_name=name, error=error)

    # ---- the caller ----------------------------------------------------------------------------

    def _in(self, message: Message, at: datetime) -> list[ev.Event]:
        call_id = parse_call_id(message.headers["Call"])
        if self.registry.is_over(call_id):
            raise CallIsOver
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
        last = (known.queue if known else None) or self.default_queue
        queue = parse_queue_name(message.get("Queue") or last)
        call, out = self._of(message, at, "waiting")
        self._sent_on(call)
        if call.in_line_at is None or call.queue != queue:
            is_first = call.queue is None
            call.in_line_at = min(enqueued_at, at) if is_first else at
        call.queue, call.is_fallback = queue, False
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
        self._sent_on(call)
        call.queue, call.is_fallback = queue, True
        return [*out, ev.CallFellBack(at=at, call_id=call.call_id, queue=queue)]

    def _no_answer(self, message: Message, at: datetime) -> list[ev.Event]:
        endpoint = parse_endpoint(message.headers["Agent"])
        call, out = self._of(message, at, "waiting")
        self._sent_on(call)
        result = ring_result(message.get("Status"), number(message.get("Cause")))
        # No 180 at all: nobody let it ring, the phone is dead. Its leg may be gone by now. Networks outside often send none.
        rung = {endpoint, *message.get("Group").split("-")}
        if result == "no_answer" and not rung & call.rang and not is_outside_phone(endpoint):
            result = "unreachable"
        return [
            *out,
            ev.CallNotAnswered(at=at, call_id=call.call_id, endpoint=endpoint, result=result),
        ]

    def _lost(self, message: Message, at: datetime) -> list[ev.Event]:
        endpoint = parse_endpoint(message.headers["Agent"])
        call, out = self._of(message, at, "agent_lost")
        call.connected, call.held_by, call.is_in_menu = None, "", False
        call.goes_on()
        return [*out, ev.AgentLegLost(at=at, call_id=call.call_id, endpoint=endpoint)]

    # ---- phones that are dialled ---------------------------------------------------------------

    def _dial_begin(self, message: Message, at: datetime) -> list[ev.Event]:
        uniqueid, channel = message.headers["DestUniqueid"], message.headers["DestChannel"]
        who, role = self._dialler(message)
        if who is None:
            return self._keep(message)
        if self.registry.find(uniqueid) is not None:
            return []
        if pair := local_pair(channel):
            self.registry.locals[pair] = who  # what its other half dials is dialled for the same
            kept = self._early.pop(pair, ())
            return [event for early in kept for event in self.translate(early, at)]
        call = who.call if isinstance(who, TrackedLeg) else who
        endpoint = endpoint_of(channel)
        if endpoint is None:
            return []
        call.rang.discard(endpoint)
        leg = self.registry.add_leg(call, uniqueid, channel, endpoint, role)
        if role == "consult" and call.consult is not None:
            call.consult.leg_id = leg.leg_id
        return [dialled(call.call_id, leg, at)]

    def _dialler(self, message: Message) -> tuple[TrackedCall | TrackedLeg | None, str]:
        """Who dials, and what for."""
        name, uniqueid = message.get("Channel"), message.get("Uniqueid")
        who = self.registry.locals.get(local_pair(name)) if local_pair(name) else None
        who = who or self.registry.find(uniqueid)
        match who:
            case TrackedLeg(role="own"):
                return who, "consult"
            case TrackedLeg() if who.call.consult is not None:
                return who, "consult"
            case TrackedLeg():
                # A customer of an outbound call, sent on before his RdAnchor was told.
                return who, "agent"
            case TrackedCall() if who.consult is not None and who.consult.endpoint == who.origin:
                return who, "consult"
            case TrackedCall():
                return who, "agent"
        if uniqueid:
            return None, ""
        # Nobody's channel: an Originate of ours, which carries the call's name.
        reference = message.variables("DestChanVariable").get("RD_REF", "")
        return (self.registry.call(parse_call_id(reference)) if reference else None), "party"

    def _keep(self, message: Message) -> list[ev.Event]:
        """Keep what a Local channel's second half dials: Asterisk may tell of it before it says who dialled the first."""
        pair = local_pair(message.get("Channel"))
        if pair and len(self._early.setdefault(pair, [])) < _MOST_KEPT:
            self._early[pair].append(message)
        return []

    def _dial_state(self, message: Message, at: datetime) -> list[ev.Event]:
        leg = self.registry.find(message.headers["DestUniqueid"])
        is_ringing = message.headers["DialStatus"] == "RINGING"
        if leg is None:
            return self._keep(message)
        if not isinstance(leg, TrackedLeg) or not is_ringing or leg.endpoint in leg.call.rang:
            return []
        leg.call.rang.add(leg.endpoint)
        return [told(ev.LegRang, leg.call.call_id, leg, at)]

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
                result=ring_result(status, 0),
            )
        ]

    # ---- talking -------------------------------------------------------------------------------

    def _bridge_enter(self, message: Message, at: datetime) -> list[ev.Event]:
        bridge_id, uniqueid = message.headers["BridgeUniqueid"], message.headers["Uniqueid"]
        is_holding = message.headers["BridgeTechnology"] == HOLDING
        channel = message.headers["Channel"]
        if is_holding and local_pair(channel):
            self.registry.leave(self.registry.bridge_of(uniqueid), uniqueid)
            return []  # nobody hears anybody there, so it joins nothing
        self.registry.enter(bridge_id, uniqueid, channel)
        return bridges.entered(self.registry, bridge_id, uniqueid, is_holding, at)

    def _bridge_leave(self, message: Message, at: datetime) -> list[ev.Event]:
        bridge_id, uniqueid = message.headers["BridgeUniqueid"], message.headers["Uniqueid"]
        self.registry.leave(bridge_id, uniqueid)
        return bridges.left(self.registry, bridge_id, uniqueid, at)

    def _hold(self, message: Message, at: datetime) -> list[ev.Event]:
        leg = self.registry.find(message.headers["Uniqueid"])
        if not isinstance(leg, TrackedLeg) or leg.call.connected != leg.leg_id:
            return []
        if leg.call.held_by:
            return []
        leg.call.held_by = "phone"
        out: list[ev.Event] = [ev.CallHeld(at=at, call_id=leg.call.call_id, by="phone")]
        # A phone that swaps between its two lines is with the other one now.
        return out + (bridges.consult_told(leg.call, at) if leg.call.consult else [])

    def _unhold(self, message: Message, at: datetime) -> list[ev.Event]:
        leg = self.registry.find(message.headers["Uniqueid"])
        # A phone that transfers sends one without having held: it means nothing then.
        if not isinstance(leg, TrackedLeg) or leg.call.held_by != "phone":
            return []
        if leg.call.connected != leg.leg_id:
            return []
        leg.call.held_by = ""
        return [ev.CallRetrieved(at=at, call_id=leg.call.call_id, by="phone")]

    # ---- the end -------------------------------------------------------------------------------

    def _hangup_request(self, message: Message, _at: datetime) -> list[ev.Event]:
        who = self.registry.find(message.headers["Uniqueid"])
        if isinstance(who, TrackedCall) and who.asks is not None:
            who.ended_by = who.ended_by or "caller"
            who = who.asks
        if isinstance(who, TrackedLeg) and who.call.consult is not None:
            consult = who.call.consult
            consult.left_by = consult.left_by or (
                "other" if who.leg_id == consult.leg_id else "agent"
            )
        match who:
            case TrackedCall() as call if not call.ended_by:
                call.ended_by = "caller"
            case TrackedLeg() as leg if leg.call.connected == leg.leg_id and not leg.call.ended_by:
                # Who consults leaves his caller behind, whichever of the two legs is gone first.
                leg.left_consult = leg.call.consult is not None and leg.call.held_by == "agent"
                leg.call.ended_by = "" if leg.left_consult else "agent"
            case _:
                pass
        return []

    def _hangup(self, message: Message, at: datetime) -> list[ev.Event]:
        cause, uniqueid = number(message.get("Cause")), message.headers["Uniqueid"]
        self._early.pop(local_pair(message.get("Channel")), None)
        out: list[ev.Event] = []
        who = self.registry.find(uniqueid)
        if isinstance(who, TrackedCall) and who.asks is not None:
            out += self._asked(who, who.asks, cause, at)
            who = self.registry.find(uniqueid)
        if isinstance(who, TrackedLeg):
            bridge_id = self.registry.bridge_of(uniqueid)
            self.registry.leave(bridge_id, uniqueid)
            out += bridges.left(self.registry, bridge_id, uniqueid, at)
            return out + self._leg_gone(who, cause, at)
        if isinstance(who, TrackedCall) and who.heir in who.legs:
            # Who began the call sent the other side on, and is gone before that one told of it.
            out += self._left_to(who, who.legs[who.heir], at)
            left = self.registry.find(uniqueid)
            return out + (self._leg_gone(left, cause, at) if isinstance(left, TrackedLeg) else [])
        if isinstance(who, TrackedCall):
            asked = self.registry.asked_for(who) if who.consult is not None else None
            if asked is not None and asked.asks is not None and asked.connected is None:
                self._orphans.append(asked.asks)  # there is nobody to ask for any more
            out += bridges.consult_over(who, "caller_gone", at)
            by = who.ended_by or "system"
            if who.held_by == "agent" and who.agent_leg is not None and not out:
                self._orphans.append(who.agent_leg)
            out.append(ev.CallEnded(at=at, call_id=who.call_id, cause=cause, ended_by=by))
        self.registry.remove(uniqueid)
        return out

    def _leg_gone(self, leg: TrackedLeg, cause: int, at: datetime) -> list[ev.Event]:
        call, consult, talked = leg.call, leg.call.consult, leg.call.connected
        out: list[ev.Event] = []
        if leg.leg_id == call.connected and call.is_in_menu:
            call.goes_on()  # the dialplan knows where to go with him when the menu is over
        elif leg.leg_id == call.connected and call.held_by == "agent":
            if consult is not None or leg.left_consult:
                self._strays.append(call.call_id)
            elif _is_meant(leg, cause):
                self._orphans.append(call)
        self.registry.remove(leg.leg_id)
        if consult is not None:
            if leg.leg_id == consult.leg_id and consult.is_up:
                out += bridges.consult_over(call, "ended", at)
            elif leg.role == "own" or (leg.leg_id == talked and call.ended_by != "caller"):
                # Where the caller hung up, the line on which he was held may go first: his own end tells it.
                out += bridges.consult_over(call, "cancelled", at)
        return [*out, told(ev.LegEnded, call.call_id, leg, at, cause=cause)]

    # ---- recording and phones ------------------------------------------------------------------

    def _recording(self, message: Message, at: datetime) -> list[ev.Event]:
        call = self.registry.find(message.headers["Uniqueid"])
        is_start = message.event == "MixMonitorStart"
        if isinstance(call, TrackedLeg):
            call.is_recording = is_start  # told of when the call hangs on it
        if not isinstance(call, TrackedCall):
            return []
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

    def _key(self, message: Message, at: datetime) -> list[ev.Event]:
        call, out = self._of(message, at, "waiting")
        key = message.headers["Key"]
        if len(key) != 1 or key not in _KEYS:
            raise InvalidValue("key", "")
        return [*out, ev.WaitingKeyPressed(at=at, call_id=call.call_id, key=key)]

    def _nothing(self, _message: Message, _at: datetime) -> list[ev.Event]:
        return []


def _is_meant(leg: TrackedLeg, cause: int) -> bool:
    """Whether a desk phone's leg that spoke with the caller was ended by its agent.

    A phone that died (no sound) or a browser phone may come back, or its caller waits again: the acd decides.
    """
    is_desk_phone = not is_browser_phone(leg.endpoint)
    return leg.call.ended_by == "agent" and cause != NO_SOUND and is_desk_phone


_Method = Callable[[Translator, Message, datetime], list[ev.Event]]
_TABLE: dict[str, _Method] = {
    "RdIn": Translator._in,
    "RdWait": Translator._wait,
    "RdKey": Translator._key,
    "RdFallback": Translator._fallback,
    "RdNoAnswer": Translator._no_answer,
    "RdLost": Translator._lost,
    "RdOut": Translator._out,
    "RdAnchor": Translator._anchor,
    "RdEnd": Translator._ended,
    "RdDialFail": Translator._dial_failed,
    "RdXfer": Translator._transferred,
    "RdOverflow": Translator._overflowed,
    "RdXferFail": Translator._transfer_failed,
    "RdPark": Translator._parked,
    "RdMenu": Translator._menu_began,
    "RdConsult": Translator._consult_began,
    "RdConsultEnd": Translator._consult_ended,
    "BlindTransfer": Translator._blind_transfer,
    "AttendedTransfer": Translator._attended_transfer,
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
            "RdBack", "RdQueueLeft", "OriginateResponse",
            "QueueCallerJoin", "QueueCallerLeave", "AgentConnect", "AgentCalled",
        ),
        Translator._nothing,
    ),
}  # fmt: skip
