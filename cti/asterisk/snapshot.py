"""The world read back from Asterisk: who is there, in which state, on which phone.

Taken after each login and after each standstill of ours. Four lists (channels, bridges, device states,
queue members), a few milliseconds together; what recovery needs stands in the channel variables that every
row of the first is asked to carry (docs/dialplan.md), so no question is asked per channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cti.asterisk import ami_actions as act
from cti.asterisk.channel_rows import SeenHalf, SeenLeg, World
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
    parse_queue_name,
)
from cti.wire.ami import Message

VARIABLES = (
    "RD_CALL", "RD_REF", "RD_T0", "RD_QUEUE", "RD_CREDIT", "RD_TRY", "RD_STATE", "RD_AGENT",
    "RD_REC", "RD_OUT", "RD_DIR", "RD_ASKS",
)  # fmt: skip
"""What is asked of each channel."""

_STATES = {
    "": CallState.OFFERED,
    "menu": CallState.MENU,
    "voicemail": CallState.MENU,
    "waiting": CallState.WAITING,
    "visiting": CallState.WAITING,
    "dialing": CallState.RINGING,
    "talking": CallState.TALKING,
    "holding": CallState.ON_HOLD,
    "asking": CallState.ON_HOLD,  # in a menu, and his agent waits for him
    "lost": CallState.AGENT_LOST,
    "fallback": CallState.FALLBACK,
    "calling": CallState.RINGING,  # a phone of ours began it
    "parked": CallState.PARKED,
    "transferring": CallState.TRANSFERRING,
}
"""RD_STATE as the dialplan sets it; whether they talk is seen by the bridge."""


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
    is_in_menu: bool = False
    """He is in a menu during the call."""
    is_asking: bool = False
    """Its caller is the leg of that call's agent, who asks a queue by command."""
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
    halves: tuple[SeenHalf, ...] = ()


async def take_snapshot(link: AmiLink, now: datetime, *, is_whole: bool = True) -> Snapshot:
    """Ask Asterisk for everything; if it needn't be whole, not for the members of the fallback queues.

    Those are as many as there are agents times queues, and only our own commands change them.

    Raises:
        SwitchUnavailable: the link was lost meanwhile, or Asterisk did not answer.
    """
    channels = await link.ask_list("Status", {"Variables": ",".join(VARIABLES)})
    bridges = await link.ask_list("BridgeList")
    devices = await link.ask_list("DeviceStateList")
    queues = await link.ask_list("QueueStatus") if is_whole else ()
    return read_snapshot(now, channels, bridges, devices, queues)


def read_snapshot(
    now: datetime,
    channels: Iterable[Message],
    bridges: Iterable[Message],
    devices: Iterable[Message],
    queues: Iterable[Message],
) -> Snapshot:
    """Make sense of the four lists; a row that can't be ours is left out."""
    rows = [m for m in channels if m.event == "Status"]
    holding = {m.get("BridgeUniqueid") for m in bridges if m.get("BridgeTechnology") == HOLDING}
    world = World(rows, holding)
    calls = {}
    for row in world.anchors:
        try:
            call = _call(row, world)
        except (KeyError, ValueError, OverflowError, InvalidValue):
            continue  # no RD_CALL, or one that the dialplan never made: not a call of ours
        calls[call.call_id] = call
    phones, members = tuple(_phones(devices, now)), _members(queues)
    return Snapshot(now, calls, phones, members, frozenset(world.variables), world.halves)


def _call(row: Message, world: World) -> SeenCall:
    variables = world.variables[row.headers["Uniqueid"]]
    call_id, bridge_id = parse_call_id(variables["RD_CALL"]), row.get("BridgeID")
    legs = world.legs.get(call_id, ())
    agent = variables.get("RD_AGENT", "")
    inside = [leg for leg in legs if world.is_together(bridge_id, leg.bridge_id)]
    inside.sort(key=lambda leg: leg.endpoint != agent)  # his agent in front
    agent_leg = inside[0] if inside else None
    parties = tuple(replace(leg, role="party") for leg in inside[1:])
    others = [leg for leg in legs if leg not in inside]
    consulting = any(leg.role == "consult" for leg in legs)
    called = [leg for leg in others if leg.role != "own"]
    is_held = bridge_id in world.holding
    if is_held and not inside and called and not consulting:
        # On hold, and his agent is in a bridge with somebody else, or dials: they consult.
        agent_leg, others = _consult_by_command(called, others, agent)
        is_asking = call_id in world.asks.values()
        consulting = is_asking or len(others) > 1 or any(leg.bridge_id for leg in called)
    is_in_menu = variables.get("RD_STATE") == "asking" and not bridge_id
    if is_in_menu:
        waiting = [leg for leg in others if leg.bridge_id in world.holding]
        agent_leg = next(iter(sorted(waiting, key=lambda leg: leg.endpoint != agent)), None)
    legs = (*inside[:1], *parties, *others)
    # A word that a newer dialplan uses must not cost the call: the bridge tells most of it.
    said_state = _STATES.get(variables.get("RD_STATE", ""), CallState.TRANSFERRING)
    state = _state(said_state, inside, legs, is_held=is_held, consulting=consulting)
    queue, t0 = variables.get("RD_QUEUE", ""), variables.get("RD_T0", "")
    was_enqueued = state not in (CallState.OFFERED, CallState.MENU) and bool(queue)
    began = world.began.get(call_id)
    asked_for = world.asks.get(call_id, "")
    consult_of = asked_for or world.consults.get(call_id, "")
    direction = "internal" if asked_for else variables.get("RD_DIR", "")
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
        parties=parties,
        origin=began,
        direction=direction or ("internal" if began else "inbound"),
        consultant=agent_leg.endpoint if agent_leg and consulting else None,
        consult_of=parse_call_id(consult_of) if consult_of else None,
        is_in_menu=is_in_menu,
        is_asking=bool(asked_for),
        second_lines=tuple(CallId(k) for k, served in world.serves.items() if served == call_id),
    )


def _state(
    said: CallState,
    inside: list[SeenLeg],
    legs: tuple[SeenLeg, ...],
    *,
    is_held: bool,
    consulting: bool,
) -> CallState:
    """What the bridge shows; where the caller is in none, what the dialplan said last."""
    if is_held:
        held = CallState.CONSULTING if consulting else CallState.ON_HOLD
        return said if said is CallState.PARKED else held
    if len(inside) > 1:
        return CallState.CONFERENCE
    if inside:
        return CallState.CONSULTING if consulting else CallState.TALKING
    is_called = said is CallState.TALKING or (said is CallState.TRANSFERRING and legs)
    # A context of the house's own rings phones without saying so.
    is_called = is_called or (said is CallState.WAITING and any(leg.is_ringing for leg in legs))
    return CallState.RINGING if is_called else said


def _consult_by_command(
    called: list[SeenLeg], legs: list[SeenLeg], agent: str
) -> tuple[SeenLeg, list[SeenLeg]]:
    """Which of the legs is the agent's, and which that of the one whom he calls or speaks with."""
    mine = next((leg for leg in called if leg.endpoint == agent), called[0])
    told = [leg if leg == mine else replace(leg, role="consult") for leg in legs]
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
            endpoint = act.phone_of_member(message.get("Location"))
            queue = parse_queue_name(message.get("Queue").removeprefix("rd_"))
        except InvalidValue:
            continue
        found[endpoint] = found.get(endpoint, frozenset()) | {queue}
    return found
