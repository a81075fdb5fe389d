"""Calls that phones begin, and where callers are sent: the half of the translator that knows transfers.

Dialplan and service agree on the user events (docs/dialplan.md); a phone's own transfer is told by Asterisk's
BlindTransfer and AttendedTransfer as well, which are needed only where the side that stays was not the anchor, or
was handed over while the other still rang.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cti.asterisk import bridges
from cti.asterisk.channels import ChannelRegistry, TrackedCall, TrackedConsult, TrackedLeg
from cti.asterisk.headers import dial_result, instant, number, said, said_name
from cti.asterisk.leg_events import dialled
from cti.domain import events as ev
from cti.domain.errors import InvalidValue
from cti.domain.ids import CallId, Endpoint, parse_call_id, parse_endpoint, parse_queue_name
from cti.domain.menu_events import CallMenuBegan, parse_menu_name
from cti.domain.ways_out import OUT_KINDS, REASONS
from cti.wire.ami import Message


class CallIsOver(Exception):
    """An event of a call that has ended: told twice, or late."""


class Transfers:
    """What the translator knows of calls, and the events that send them somewhere."""

    def __init__(self, registry: ChannelRegistry) -> None:
        self.registry = registry
        self._orphans: list[TrackedLeg | TrackedCall] = []
        self._strays: list[CallId] = []
        self._joined: list[TrackedCall] = []

    def take_orphans(self) -> list[TrackedLeg | TrackedCall]:
        """Who was left alone on hold, since the other side hung up: phones and callers, each once.

        Asterisk keeps the two apart while they are on hold, so nothing there ends the one with the other.
        """
        orphans, self._orphans = self._orphans, []
        return orphans

    def take_strays(self) -> list[CallId]:
        """Callers on hold whose agent hung up while he spoke with somebody else: back into the queue, each once."""
        strays, self._strays = self._strays, []
        return strays

    def take_joined(self) -> list[TrackedCall]:
        """Callers whom a phone's own transfer brought into another conversation, each once."""
        joined, self._joined = self._joined, []
        return joined

    def take_adopted(self) -> list[TrackedLeg]:
        """Phones that the dialplan doesn't know its callers are with, each once."""
        adopted, self.registry.adopted = self.registry.adopted, []
        return [leg for leg in adopted if leg.leg_id == leg.call.connected]

    def _sent_on(self, call: TrackedCall) -> None:
        """The caller is with nobody; a phone that he left in the room of a held call is alone there now."""
        is_consulting = call.consult is not None and call.consult.is_up
        if call.held_by == "agent" and call.agent_leg is not None and not is_consulting:
            self._orphans.append(call.agent_leg)
        call.connected, call.parties, call.held_by, call.is_in_menu = None, [], "", False
        call.goes_on()

    def _of(self, message: Message, at: datetime, state: str) -> tuple[TrackedCall, list[ev.Event]]:
        """The call of a user event; one never heard of is repaired by what the event carries.

        Raises:
            CallIsOver: one that was seen to end.
        """
        call_id = parse_call_id(message.headers["Call"])
        call = self.registry.call(call_id)
        if call is not None:
            return call, []
        if self.registry.is_over(call_id):
            raise CallIsOver
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

    # ---- calls that phones begin, and where callers are sent -----------------------------------

    def _out(self, message: Message, at: datetime) -> list[ev.Event]:
        call_id, endpoint = parse_call_id(message.headers["Call"]), _phone(message, "From")
        is_known = self.registry.call(call_id) or self.registry.find(message.headers["Uniqueid"])
        if self.registry.is_over(call_id):
            raise CallIsOver
        if message.get("For"):
            return self._asks(message, at)
        if is_known is not None or endpoint is None:
            return []
        kind, uniqueid = message.headers["Kind"], message.headers["Uniqueid"]
        channel = message.headers["Channel"]
        served = self.registry.at_phone(endpoint)
        out: list[ev.Event] = []
        if served is not None:
            served.consult = _consult(message, endpoint)
            out = bridges.consult_told(served, at)
            if kind in ("agent", "outside"):
                leg = self.registry.add_second_line(served, call_id, uniqueid, channel, endpoint)
                return [dialled(served.call_id, leg, at), *out]
        call = self.registry.add_call(call_id, uniqueid, channel)
        call.origin = endpoint
        call.consult_of = served.call_id if served else None
        offered = ev.CallOffered(
            at=at,
            call_id=call_id,
            leg_id=call.leg_id,
            direction="outbound" if kind == "outside" else "internal",
            endpoint=endpoint,
            consult_of=call.consult_of,
            dnis=message.get("To"),
            ani=message.get("Number") if kind == "outside" else "",
        )
        return [offered, *out]

    def _asks(self, message: Message, at: datetime) -> list[ev.Event]:
        """By command the agent asks a queue for his caller: his channel becomes a caller, and stays his leg."""
        call_id, uniqueid = parse_call_id(message.headers["Call"]), message.headers["Uniqueid"]
        served = self.registry.call(parse_call_id(message.headers["For"]))
        out: list[ev.Event] = []
        if served is not None and served.leg_id == uniqueid and served.agent_leg is not None:
            # He began the call, and it is not told yet that it hangs on the other side from now on.
            other = served.agent_leg
            out = self._hang_on(served, other.leg_id, other.channel, at)
        leg = self.registry.find(uniqueid)
        if not isinstance(leg, TrackedLeg) or leg.call is not served or self.registry.call(call_id):
            return out
        call = self.registry.add_call(call_id, uniqueid, message.headers["Channel"])
        self.registry.lend(leg, call)
        offered = ev.CallOffered(
            at=at,
            call_id=call_id,
            leg_id=call.leg_id,
            direction="internal",
            endpoint=leg.endpoint,
            consult_of=call.consult_of,
            dnis=message.get("To"),
        )
        return [*out, offered]

    def _ended(self, message: Message, at: datetime) -> list[ev.Event]:
        """News only of a call that was there to ask a queue: all others end with their channel."""
        call = self.registry.calls.get(parse_call_id(message.headers["Call"]))
        if call is None or call.asks is None:
            return []
        return self._asked(call, call.asks, number(message.get("Cause")), at)

    def _asked(
        self, call: TrackedCall, leg: TrackedLeg, cause: int, at: datetime
    ) -> list[ev.Event]:
        """The agent has asked the queue; whoever answered him there is now his caller's, or gone."""
        consult, by = leg.call.consult, call.ended_by or "system"
        out: list[ev.Event] = []
        if consult is not None and consult.is_completing:
            by, into = "merged", leg.call.call_id
            out.append(ev.CallMerged(at=at, call_id=call.call_id, into_call_id=into))
        self.registry.give_back(call)
        return [*out, ev.CallEnded(at=at, call_id=call.call_id, cause=cause, ended_by=by)]

    def _anchor(self, message: Message, at: datetime) -> list[ev.Event]:
        call_id, uniqueid = parse_call_id(message.headers["Call"]), message.headers["Uniqueid"]
        if self.registry.is_alias(call_id):
            return []  # the one consulted has answered: he is a leg, whatever the dialplan thinks
        call, out = self._of(message, at, "ringing")
        if call.leg_id == uniqueid:
            return out
        return [*out, *self._hang_on(call, uniqueid, message.headers["Channel"], at)]

    def _hang_on(
        self, call: TrackedCall, uniqueid: str, channel: str, at: datetime
    ) -> list[ev.Event]:
        was_connected = call.connected is not None
        old = self.registry.anchor(call, uniqueid, channel)
        if old is not None and was_connected and call.connected is None:
            call.connected = old.leg_id  # they go on talking, the other way round
        return _anchored(call, old, at)

    def _dial_failed(self, message: Message, at: datetime) -> list[ev.Event]:
        call_id = parse_call_id(message.headers["Call"])
        call = self.registry.call(call_id)
        status, cause = message.headers["Status"], number(message.get("Cause"))
        result = dial_result(status, cause)
        if call is None:
            return []
        if self.registry.is_alias(call_id):
            return bridges.consult_over(call, result, at)
        return [ev.DialFailed(at=at, call_id=call_id, result=result, cause=cause)]

    def _transferred(self, message: Message, at: datetime) -> list[ev.Event]:
        call, out = self._of(message, at, "transferring")
        self._sent_on(call)
        # The agent didn't wait for the one he called: his ring goes on as the caller's.
        was_ringing = call.consult is not None and not call.consult.is_up
        if was_ringing:
            call.consult = None
        transferred = ev.CallTransferred(
            at=at,
            call_id=call.call_id,
            kind="consult" if was_ringing else _how(message),
            target_kind=message.headers["Kind"],
            target=message.get("To"),
            endpoint=_phone(message, "From"),
            number=message.get("Number"),
        )
        return [*out, transferred]

    def _overflowed(self, message: Message, at: datetime) -> list[ev.Event]:
        queue = parse_queue_name(message.headers["Queue"])
        reason, kind = message.headers["Reason"], message.headers["Kind"]
        if reason not in REASONS or kind not in OUT_KINDS:
            raise InvalidValue("overflow", f"{reason}/{kind}")
        call, out = self._of(message, at, "transferring")
        since = call.in_line_at or instant(message.headers["T0"])
        self._sent_on(call)
        call.in_line_at = None
        overflowed = ev.CallOverflowed(
            at=at,
            call_id=call.call_id,
            queue=queue,
            reason=reason,
            target_kind=kind,
            target=message.get("To"),
            wait_time=max(at - since, timedelta(0)),
        )
        return [*out, overflowed]

    def _transfer_failed(self, message: Message, at: datetime) -> list[ev.Event]:
        call, out = self._of(message, at, "transferring")
        failed = ev.TransferFailed(
            at=at,
            call_id=call.call_id,
            target_kind=message.get("Kind") or "agent",
            target=message.get("To") or message.get("Agent"),
            result=dial_result(message.headers["Status"], number(message.get("Cause"))),
        )
        return [*out, failed]

    def _menu_began(self, message: Message, at: datetime) -> list[ev.Event]:
        """By command the caller is in a menu, and his agent waits: the same to the two as a hold."""
        call, out = self._of(message, at, "on_hold")
        call.held_by, call.is_in_menu = "agent", True
        began = CallMenuBegan(
            at=at,
            call_id=call.call_id,
            menu=parse_menu_name(message.headers["Menu"]),
            endpoint=call.agent_leg.endpoint if call.agent_leg is not None else None,
        )
        return [*out, began, ev.CallHeld(at=at, call_id=call.call_id, by="menu")]

    def _parked(self, message: Message, at: datetime) -> list[ev.Event]:
        call, out = self._of(message, at, "parked")
        self._sent_on(call)
        parked = ev.CallParked(
            at=at,
            call_id=call.call_id,
            slot=message.headers["Slot"],
            endpoint=_phone(message, "From"),
        )
        return [*out, parked]

    def _consult_began(self, message: Message, at: datetime) -> list[ev.Event]:
        call = self.registry.call(parse_call_id(message.headers["Call"]))
        endpoint = _phone(message, "From")
        if call is None or endpoint is None:
            return []
        call.consult = _consult(message, endpoint)
        call.held_by = "agent"
        return bridges.consult_told(call, at)

    def _consult_ended(self, message: Message, at: datetime) -> list[ev.Event]:
        call = self.registry.call(parse_call_id(message.headers["Call"]))
        if call is None:
            return []
        if call.consult is not None and call.consult.is_completing:
            return []  # he isn't with the agent any more, but neither with the caller yet
        result = dial_result(message.headers["Status"], number(message.get("Cause")))
        return bridges.consult_over(call, result, at)

    def _blind_transfer(self, message: Message, at: datetime) -> list[ev.Event]:
        """A phone that began a call and sends the other side on leaves it: the call is the other side's now."""
        call = self.registry.find(message.headers["TransfererUniqueid"])
        leg = self.registry.find(message.headers["TransfereeUniqueid"])
        if not isinstance(call, TrackedCall) or not isinstance(leg, TrackedLeg):
            return []
        return self._left_to(call, leg, at)

    def _attended_transfer(self, message: Message, at: datetime) -> list[ev.Event]:
        out = self._handed_over(message, at)
        # The caller, or, where the phone handed over the other way round, the one consulted.
        who = self.registry.find(message.get("TransfereeUniqueid"))
        if who is None or message.get("DestType") != "Bridge":
            return out
        call = who.call if isinstance(who, TrackedLeg) else who
        gone = (message.get("OrigTransfererUniqueid"), message.get("SecondTransfererUniqueid"))
        if call.connected is not None and call.connected not in gone:
            self._joined.append(call)
        return out

    def _handed_over(self, message: Message, at: datetime) -> list[ev.Event]:
        first = self.registry.find(message.headers["OrigTransfererUniqueid"])
        leg = self.registry.find(message.get("TransfereeUniqueid"))
        if isinstance(first, TrackedCall) and isinstance(leg, TrackedLeg) and leg.call is first:
            return [*self._left_to(first, leg, at), *bridges.picture(self.registry, first, at)]
        if not isinstance(first, TrackedLeg) or message.get("DestType") == "Bridge":
            return []  # who has the caller now was seen by his bridge
        call, consult = first.call, first.call.consult
        if self.registry.is_over(call.call_id):
            return []  # the caller hung up in this moment: nobody was handed over
        # Handed over while the one consulted still rings.
        ringing = call.consulted_leg
        self._sent_on(call)
        call.consult = None
        if ringing is not None:
            ringing.role = "agent"
        return [
            ev.CallTransferred(
                at=at,
                call_id=call.call_id,
                kind="consult",
                target_kind=consult.target_kind if consult else "",
                target=consult.target if consult else "",
                endpoint=first.endpoint,
                number=consult.number if consult else "",
            )
        ]

    def _left_to(self, call: TrackedCall, leg: TrackedLeg, at: datetime) -> list[ev.Event]:
        old = self.registry.anchor(call, leg.leg_id, leg.channel)
        call.connected = None
        return _anchored(call, old, at)


def _anchored(call: TrackedCall, old: TrackedLeg | None, at: datetime) -> list[ev.Event]:
    out: list[ev.Event] = [
        ev.CallAnchored(
            at=at,
            call_id=call.call_id,
            leg_id=call.leg_id,
            agent_leg_id=old.leg_id if old else None,
            endpoint=old.endpoint if old else None,
        )
    ]
    if call.is_recording:  # begun on his channel a moment before
        out.append(ev.RecordingStarted(at=at, call_id=call.call_id))
    return out


def _phone(message: Message, header: str) -> Endpoint | None:
    """A phone's name; None where the header is empty or names something else."""
    try:
        return parse_endpoint(message.get(header))
    except InvalidValue:
        return None


def _how(message: Message) -> str:
    return "away" if message.get("How") == "away" else "blind"


def _consult(message: Message, endpoint: Endpoint) -> TrackedConsult:
    return TrackedConsult(
        endpoint, message.headers["Kind"], message.get("To"), message.get("Number")
    )
