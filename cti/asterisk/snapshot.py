"""The world read back from Asterisk: who is there, in which state, on which phone.

Taken after each login and after each standstill of ours. Four lists (channels, bridges, device states,
queue members), a few milliseconds together; what recovery needs stands in the channel variables that every
row carries (docs/dialplan.md), so no question is asked per channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
}
"""RD_STATE as the dialplan sets it; whether they talk is seen by the bridge."""


@dataclass(frozen=True, slots=True)
class SeenLeg:
    """A dialled phone's channel."""

    leg_id: LegId
    channel: str
    endpoint: Endpoint
    is_ringing: bool
    bridge_id: str


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A caller's channel, with the phones dialled for him."""

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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Asterisk held at ``taken_at``."""

    taken_at: datetime
    calls: Mapping[CallId, SeenCall]
    phones: tuple[PhoneStateChanged, ...]
    members: Mapping[Endpoint, frozenset[QueueName]]
    """Phones in the fallback queues."""


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
    legs = _legs(rows)
    calls = {}
    for row in rows:
        variables = row.variables()
        try:
            call = _call(row, variables, legs.get(variables.get("RD_CALL", ""), ()), holding)
        except (KeyError, ValueError, OverflowError, InvalidValue):
            continue  # no RD_CALL, or one that the dialplan never made: not a caller of ours
        calls[call.call_id] = call
    return Snapshot(now, calls, tuple(_phones(devices, now)), _members(queues))


def _legs(rows: list[Message]) -> dict[str, tuple[SeenLeg, ...]]:
    """The dialled phones by call id: by RD_REF, or (Queue() sets none) by the caller's bridge."""
    callers: dict[str, str] = {}
    for row in rows:
        call_id = row.variables().get("RD_CALL", "")
        if call_id and row.get("BridgeId"):
            callers[row.get("BridgeId")] = call_id
    found: dict[str, tuple[SeenLeg, ...]] = {}
    for row in rows:
        variables = row.variables()
        call_id = variables.get("RD_REF", "") or callers.get(row.get("BridgeId"), "")
        endpoint = endpoint_of(row.get("Channel"))
        if not call_id or variables.get("RD_CALL") or endpoint is None:
            continue
        leg = SeenLeg(
            LegId(row.get("Uniqueid")),
            row.get("Channel"),
            endpoint,
            row.get("ChannelStateDesc") == "Ringing",
            row.get("BridgeId"),
        )
        found[call_id] = (*found.get(call_id, ()), leg)
    return found


def _call(
    row: Message, variables: Mapping[str, str], legs: tuple[SeenLeg, ...], holding: set[str]
) -> SeenCall:
    bridge_id = row.get("BridgeId")
    agent_leg = next((leg for leg in legs if bridge_id and leg.bridge_id == bridge_id), None)
    state = _STATES[variables.get("RD_STATE", "")]
    if bridge_id in holding:
        state = CallState.ON_HOLD
    elif agent_leg is not None:
        state = CallState.TALKING
    elif state is CallState.TALKING:
        state = CallState.RINGING
    queue, t0 = variables.get("RD_QUEUE", ""), variables.get("RD_T0", "")
    was_enqueued = state not in (CallState.OFFERED, CallState.MENU)
    return SeenCall(
        call_id=parse_call_id(variables["RD_CALL"]),
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
    )


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
