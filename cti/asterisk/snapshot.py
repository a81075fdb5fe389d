"""The world read back from Asterisk: who is there, in which state, on which phone.

Taken after each login and after each standstill of ours. Four lists (channels, bridges, device states,
queue members), a few milliseconds together; what recovery needs stands in the channel variables that every
row carries (docs/dialplan.md), so no question is asked per channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cti.asterisk.channels import endpoint_of
from cti.asterisk.headers import HOLDING, instant, number, phone_state, said, said_name
from cti.asterisk.link import AmiLink
from cti.domain.call import CallState
from cti.domain.errors import InvalidValue
from cti.domain.events import PhoneStateChanged
from cti.domain.ids import (
    CallId,
    Endpoint,
    LegId,
    QueueName,
    parse_call_id,
    parse_endpoint,
    parse_queue_name,
)
from cti.wire.ami import Message

_STATES = {
    "": CallState.OFFERED,
    "menu": CallState.MENU,
    "waiting": CallState.WAITING,
    "visiting": CallState.WAITING,
    "dialing": CallState.RINGING,
    "talking": CallState.TALKING,
    "holding": CallState.ON_HOLD,
    "lost": CallState.AGENT_LOST,
    "fallback": CallState.FALLBACK,
    "calling": CallState.RINGING,  # a phone of ours began it
    "parked": CallState.PARKED,
    "transferring": CallState.TRANSFERRING,
}
"""RD_STATE as the dialplan sets it; whether they talk is seen by the bridge."""


@dataclass(frozen=True, slots=True)
class SeenLeg:
    """A leg's channel."""

    leg_id: LegId
    channel: str
    endpoint: Endpoint
    is_ringing: bool
    bridge_id: str
    role: str = "agent"


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A call's anchor, with its legs."""

    call_id: CallId
    leg_id: LegId
    channel: str
    state: CallState
    bridge_id: str
    queue: QueueName | None
    enqueued_at: datetime | None
    credit_time: timedelta
    attempt: int
    is_recording: bool
    ani: str = field(repr=False)
    ani_name: str = field(repr=False)
    legs: tuple[SeenLeg, ...] = ()
    agent_leg: SeenLeg | None = None
    """The phone that talks with the caller, or is held with him."""
    parties: tuple[SeenLeg, ...] = ()
    """Who else is in the conversation."""
    origin: Endpoint | None = None
    direction: str = "inbound"
    consultant: Endpoint | None = None
    """The phone whose agent speaks with somebody else, the caller being on hold."""
    consult_of: CallId | None = None
    second_lines: tuple[CallId, ...] = ()
    """The ids that the dialplan gave to the second lines of its agent's phone."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Asterisk held at ``taken_at``."""

    taken_at: datetime
    calls: Mapping[CallId, SeenCall]
    phones: tuple[PhoneStateChanged, ...]
    members: Mapping[Endpoint, frozenset[QueueName]]
    """Phones in the fallback queues."""
    channels: frozenset[str] = frozenset()
    """The Uniqueids of all channels, whosever they are."""


async def take_snapshot(link: AmiLink, now: datetime) -> Snapshot:
    """Ask Asterisk for everything.

    Raises:
        SwitchUnavailable: the link was lost meanwhile, or Asterisk did not answer.
    """
    channels = await link.ask_list("CoreShowChannels")
    bridges = await link.ask_list("BridgeList")
    devices = await link.ask_list("DeviceStateList")
    queues = await link.ask_list("QueueStatus")
    return read_snapshot(now, channels, bridges, devices, queues)


def read_snapshot(
    now: datetime,
    channels: Iterable[Message],
    bridges: Iterable[Message],
    devices: Iterable[Message],
    queues: Iterable[Message],
) -> Snapshot:
    """Make sense of the four lists; a row that can't be ours is left out."""
    rows = [m for m in channels if m.event == "CoreShowChannel"]
    holding = {m.get("BridgeUniqueid") for m in bridges if m.get("BridgeTechnology") == HOLDING}
    world = _World(rows)
    calls = {}
    for row in world.anchors:
        try:
            call = _call(row, world, holding)
        except (KeyError, ValueError, OverflowError, InvalidValue):
            continue  # no RD_CALL, or one that the dialplan never made: not a call of ours
        calls[call.call_id] = call
    channels_seen = frozenset(world.variables)
    return Snapshot(now, calls, tuple(_phones(devices, now)), _members(queues), channels_seen)


class _World:
    """The channels, sorted: anchors, legs by call id, second lines."""

    def __init__(self, rows: list[Message]) -> None:
        self.variables = {row.get("Uniqueid"): row.variables() for row in rows}
        own = [row for row in rows if self._of(row, "RD_CALL")]
        # Where a customer has answered, the phone that began the call carries its id, too.
        customers = {self._of(row, "RD_CALL") for row in own if not self._of(row, "RD_OUT")}
        begun = [row for row in own if self._of(row, "RD_OUT")]
        self.began = {self._of(row, "RD_CALL"): endpoint_of(row.get("Channel")) for row in begun}
        busy = self._busy(rows)
        self.serves: dict[str, str] = {}
        """The id of a second line → the call whose agent opened it."""
        self.consults: dict[str, str] = {}
        """The same for one that is a call of its own, since it waits in a queue."""
        for row in begun:
            call_id, endpoint = self._of(row, "RD_CALL"), endpoint_of(row.get("Channel"))
            older = busy.get(endpoint or Endpoint(""), [])
            served = next((c for age, c in older if c != call_id and age < _age(row)), "")
            if served and call_id not in customers:
                is_calling = self._of(row, "RD_STATE") == "calling"
                (self.serves if is_calling else self.consults)[call_id] = served
        self.anchors = [
            row
            for row in own
            if not (self._of(row, "RD_OUT") and self._of(row, "RD_CALL") in customers)
            and self._of(row, "RD_CALL") not in self.serves
        ]
        self.legs = self._legs(rows)

    def _of(self, row: Message, name: str) -> str:
        return self.variables[row.get("Uniqueid")].get(name, "")

    def _busy(self, rows: list[Message]) -> dict[Endpoint, list[tuple[tuple[int, int], str]]]:
        """In which calls a phone talks, with the age of its channel there."""
        busy: dict[Endpoint, list[tuple[tuple[int, int], str]]] = {}
        for row in rows:
            endpoint, call_id = endpoint_of(row.get("Channel")), self._of(row, "RD_REF")
            if endpoint is not None and call_id and row.get("BridgeId"):
                busy.setdefault(endpoint, []).append((_age(row), call_id))
        return busy

    def _legs(self, rows: list[Message]) -> dict[str, tuple[SeenLeg, ...]]:
        """Legs by call id: by the caller's bridge, or by RD_REF.

        In this order, since Queue() sets no RD_REF, and one who was handed over has that of the second line.
        """
        anchors = {row.get("Uniqueid") for row in self.anchors}
        callers = {
            row.get("BridgeId"): self._of(row, "RD_CALL")
            for row in self.anchors
            if row.get("BridgeId")
        }
        found: dict[str, tuple[SeenLeg, ...]] = {}
        for row in rows:
            own_id = self._of(row, "RD_CALL")
            reference = callers.get(row.get("BridgeId"), "") or self._of(row, "RD_REF") or own_id
            endpoint = endpoint_of(row.get("Channel"))
            if not reference or row.get("Uniqueid") in anchors or endpoint is None:
                continue
            call_id, role = reference, "agent"
            if reference in self.serves:
                call_id, role = self.serves[reference], "own" if own_id else "consult"
            leg = SeenLeg(
                LegId(row.get("Uniqueid")),
                row.get("Channel"),
                endpoint,
                row.get("ChannelStateDesc") == "Ringing",
                row.get("BridgeId"),
                role,
            )
            found[call_id] = (*found.get(call_id, ()), leg)
        return found


def _age(row: Message) -> tuple[int, int]:
    """When a channel was made, as its Uniqueid says it: ``pbx1-1795308718.12``."""
    began, _, index = row.get("Uniqueid").rpartition("-")[2].partition(".")
    return (int(began), int(index)) if began.isdigit() and index.isdigit() else (0, 0)


def _call(row: Message, world: _World, holding: set[str]) -> SeenCall:
    variables = world.variables[row.headers["Uniqueid"]]
    call_id, bridge_id = parse_call_id(variables["RD_CALL"]), row.get("BridgeId")
    legs = world.legs.get(call_id, ())
    inside = [leg for leg in legs if bridge_id and leg.bridge_id == bridge_id]
    inside.sort(key=lambda leg: leg.endpoint != variables.get("RD_AGENT"))  # his agent in front
    agent_leg, parties = (inside[0] if inside else None), inside[1:]
    legs = tuple(replace(leg, role="party") if leg in parties else leg for leg in legs)
    # A word that a newer dialplan uses must not cost the call: the bridge tells most of it.
    state = _STATES.get(variables.get("RD_STATE", ""), CallState.TRANSFERRING)
    # On hold, and his agent is in a bridge with somebody else, or dials: they consult.
    others = [leg for leg in legs if leg not in inside and leg.role != "own"]
    elsewhere = {leg.bridge_id for leg in others if leg.bridge_id} - {bridge_id}
    consulting = any(leg.role == "consult" for leg in legs)
    is_alone = bridge_id in holding and not inside and bool(others)
    if is_alone and not consulting:
        agent_leg, legs = _consult_by_command(others, legs, variables.get("RD_AGENT", ""))
        consulting = len(legs) > 1 or bool(elsewhere)
    if bridge_id in holding and state is CallState.PARKED:
        pass
    elif bridge_id in holding:
        state = CallState.CONSULTING if consulting else CallState.ON_HOLD
    elif len(inside) > 1:
        state = CallState.CONFERENCE
    elif agent_leg is not None:
        state = CallState.CONSULTING if consulting else CallState.TALKING
    elif state is CallState.TALKING or (state is CallState.TRANSFERRING and legs):
        state = CallState.RINGING
    queue, t0 = variables.get("RD_QUEUE", ""), variables.get("RD_T0", "")
    was_enqueued = state not in (CallState.OFFERED, CallState.MENU) and bool(queue)
    began = world.began.get(call_id)
    consult_of = world.consults.get(call_id, "")
    return SeenCall(
        call_id=call_id,
        leg_id=LegId(row.headers["Uniqueid"]),
        channel=row.headers["Channel"],
        state=state,
        bridge_id=bridge_id,
        queue=parse_queue_name(queue) if queue else None,
        # Set when the call came in already: it means something only once he was enqueued.
        enqueued_at=instant(t0) if t0 and was_enqueued else None,
        credit_time=timedelta(seconds=number(variables.get("RD_CREDIT", ""))),
        attempt=number(variables.get("RD_TRY", "")),
        is_recording=bool(variables.get("RD_REC")),
        ani=said(row.get("CallerIDNum")),
        ani_name=said_name(row.get("CallerIDName")),
        legs=legs,
        agent_leg=agent_leg,
        parties=tuple(replace(leg, role="party") for leg in parties),
        origin=began,
        direction=variables.get("RD_DIR", "") or ("internal" if began else "inbound"),
        consultant=agent_leg.endpoint if agent_leg and consulting else None,
        consult_of=parse_call_id(consult_of) if consult_of else None,
        second_lines=tuple(CallId(k) for k, served in world.serves.items() if served == call_id),
    )


def _consult_by_command(
    others: list[SeenLeg], legs: tuple[SeenLeg, ...], agent: str
) -> tuple[SeenLeg, tuple[SeenLeg, ...]]:
    """Which of the legs is the agent's, and which that of the one whom he calls or speaks with."""
    mine = next((leg for leg in others if leg.endpoint == agent), others[0])
    told = tuple(leg if leg == mine else replace(leg, role="consult") for leg in legs)
    return mine, told


def _phones(devices: Iterable[Message], now: datetime) -> Iterable[PhoneStateChanged]:
    for message in devices:
        try:
            changed = phone_state(message, now) if message.event else None
        except KeyError:
            continue
        if changed is not None:
            yield changed


def _members(queues: Iterable[Message]) -> dict[Endpoint, frozenset[QueueName]]:
    found: dict[Endpoint, frozenset[QueueName]] = {}
    for message in queues:
        if message.event != "QueueMember":
            continue
        try:
            endpoint = parse_endpoint(message.get("Location").removeprefix("PJSIP/"))
            queue = parse_queue_name(message.get("Queue").removeprefix("rd_"))
        except InvalidValue:
            continue
        found[endpoint] = found.get(endpoint, frozenset()) | {queue}
    return found
