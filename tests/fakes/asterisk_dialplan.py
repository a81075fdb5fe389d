"""The fake Asterisk's dialplan: the contexts of docs/dialplan.md, one coroutine each.

Each returns where the caller goes on, or None: the dialplan ends and he is hung up. Being cancelled means
that he was redirected or is gone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.fakes.asterisk_agi import run_agi
from tests.fakes.asterisk_channels import FakeBridge, Place

if TYPE_CHECKING:
    from tests.fakes.asterisk import FakeAsterisk
    from tests.fakes.asterisk_channels import FakeChannel

_KEYS = "0123456789*#"
_SECOND = timedelta(seconds=1)
WAIT, FALLBACK, AFTER, LOST = (
    ("rd-wait", "s"),
    ("rd-fallback", "s"),
    ("rd-after", "s"),
    ("rd-lost", "s"),
)
LISTEN = ("rd-wait", "listen")


def user_event(pbx: FakeAsterisk, channel: FakeChannel, name: str, **values: str) -> None:
    """``UserEvent``: the channel's snapshot and the named values."""
    call = ("Call", channel.variables["RD_CALL"])
    pbx.tell("UserEvent", [*channel.shown(), ("UserEvent", name), call, *values.items()])


def milliseconds(pbx: FakeAsterisk) -> str:
    """Now, as RD_T0 is written."""
    return str(int(pbx.clock.now().timestamp() * 1000))


async def come_in(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-in``: names the call, lets the service speak to the caller."""
    if channel.exten == "T":
        return FALLBACK
    variables = channel.variables
    number = random.Random(f"{pbx.started} {channel.uniqueid}").randint(1, 2147483647)
    variables |= {"RD_CALL": f"{channel.uniqueid}-{number}", "RD_T0": milliseconds(pbx)}
    variables |= {"RD_TRY": "0", "RD_STATE": "menu", "RD_NEXT": ""}
    channel.dnis = channel.exten
    user_event(pbx, channel, "RdIn", Dnis=channel.exten)
    channel.state = "Up"
    if pbx.is_down:
        return FALLBACK
    channel.set_lease(float(pbx.variables["RD_LEASE"]))
    await run_agi(pbx, channel, "ivr")
    channel.set_lease(0)
    return {"wait": WAIT, "hangup": None}.get(variables["RD_NEXT"], FALLBACK)


async def wait(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-wait``: music, keys, the heartbeat."""
    variables = channel.variables
    channel.set_lease(0)
    variables["RD_STATE"] = "waiting"
    if channel.exten == "s":
        if variables.get("RD_QUEUED") != "1":
            variables |= {"RD_QUEUED": "1", "RD_T0": milliseconds(pbx)}
        user_event(
            pbx,
            channel,
            "RdWait",
            T0=variables["RD_T0"],
            Queue=variables.get("RD_QUEUE", ""),
            Credit=variables.get("RD_CREDIT", ""),
            Try=variables["RD_TRY"],
        )
    seen, still = pbx.variables.get("RD_HB", ""), int(variables.pop("RD_STILL", "0"))
    variables["RD_SEEN"] = seen
    if still >= int(pbx.variables["RD_STALE"]):
        pbx.variables["RD_DOWN"] = seen
    while not pbx.is_down:
        key = await channel.wait_for_key(_SECOND, _KEYS)
        if key:
            user_event(pbx, channel, "RdKey", Key=key)
            continue
        beat = pbx.variables.get("RD_HB", "")
        seen, still = beat, still + 1 if beat == seen else 0
        variables["RD_SEEN"] = seen
        if still >= int(pbx.variables["RD_STALE"]):
            pbx.variables["RD_DOWN"] = beat
    return FALLBACK


async def visit(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-visit``: a short AGI visit, then back."""
    variables = channel.variables
    if channel.exten == "T":
        variables["RD_NEXT"] = ""
        channel.set_lease(0)
        user_event(pbx, channel, "RdBack")
        is_still = pbx.variables.get("RD_HB", "") == variables.get("RD_SEEN")
        stale, lease = (int(pbx.variables[name]) for name in ("RD_STALE", "RD_LEASE"))
        variables["RD_STILL"] = str(lease if is_still else stale - 1)
        return LISTEN
    if variables["RD_STATE"] not in ("waiting", "visiting"):
        return WAIT
    variables |= {"RD_STATE": "visiting", "RD_NEXT": ""}
    channel.set_lease(float(pbx.variables["RD_LEASE"]))
    await run_agi(pbx, channel, "announce")
    channel.set_lease(0)
    if variables["RD_NEXT"] == "hangup":
        return None
    user_event(pbx, channel, "RdBack")
    return LISTEN


async def dial_agent(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-dial`` and ``rd-back``: ring one phone."""
    variables = channel.variables
    variables |= {"RD_AGENT": channel.exten, "RD_STATE": "dialing", "RD_REF": variables["RD_CALL"]}
    variables.pop("RD_GROUP", None)
    if channel.context == "rd-dial":
        variables["RD_TRY"] = str(int(variables["RD_TRY"]) + 1)
        record(pbx, channel)
    seconds = int(variables.get("RD_RING") or pbx.variables["RD_RING"])
    variables["DIALSTATUS"], variables["HANGUPCAUSE"] = "INVALID", "0"
    await dial(pbx, channel, channel.exten, seconds)
    return AFTER


async def dial_group(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-group``: ring several phones, the first answer wins."""
    variables = channel.variables
    phones = variables["RD_GROUP"].split("-")
    variables |= {"RD_AGENT": phones[0], "RD_STATE": "dialing", "RD_REF": variables["RD_CALL"]}
    variables["RD_TRY"] = str(int(variables["RD_TRY"]) + 1)
    variables["DIALSTATUS"], variables["HANGUPCAUSE"] = "BUSY", "0"
    idle = [p for p in phones if p not in pbx.phones or pbx.phones[p].leg is None]
    if idle:
        record(pbx, channel)
        await dial_all(
            pbx, channel, idle, int(variables.get("RD_RING") or pbx.variables["RD_RING"])
        )
    if variables["DIALSTATUS"] == "ANSWER":
        variables["RD_AGENT"] = channel.dialled
    return AFTER


async def after(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-after``: what follows when a phone was rung."""
    variables = channel.variables
    if variables.get("DIALSTATUS") != "ANSWER":
        user_event(
            pbx,
            channel,
            "RdNoAnswer",
            Agent=variables["RD_AGENT"],
            Status=variables["DIALSTATUS"],
            Cause=variables["HANGUPCAUSE"],
            Try=variables["RD_TRY"],
            Group=variables.pop("RD_GROUP", ""),
        )
        return WAIT
    if variables.get("RD_ASKS"):
        return ("rd-asked", "s")
    if variables.get("RD_HUNGUP") == "1" or not variables["RD_AGENT"].endswith("w"):
        return None
    return LOST


async def lost(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-lost``: kept for an agent who was lost."""
    channel.variables["RD_STATE"] = "lost"
    user_event(pbx, channel, "RdLost", Agent=channel.variables["RD_AGENT"])
    await pbx.clock.sleep(timedelta(seconds=float(pbx.variables["RD_LOST_TIME"])))
    return WAIT


async def hold(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-hold``: two rooms of one holding bridge; ``Bridge`` takes both out of it."""
    if channel.exten == "caller":
        anchor(pbx, channel)
    name = channel.variables.get("RD_REF") or channel.variables.get("RD_CALL", "")
    peer = pbx.channels.get(channel.variables.get("RD_PEER", ""))
    if channel.exten == "caller":
        name = channel.variables["RD_CALL"]
    elif peer is not None and peer.variables.get("RD_CALL"):
        name = channel.variables["RD_REF"] = peer.variables["RD_CALL"]
    room = pbx.rooms.get(name)
    if room is None or not room.members:
        room = pbx.rooms[name] = FakeBridge(pbx, "holding_bridge")
    channel.variables["RD_STATE"] = "holding"
    if channel.exten == "caller" and channel.variables.pop("RD_GROUP", ""):
        channel.variables["RD_AGENT"] = channel.dialled
    channel.left_alone.clear()
    room.enter(channel)
    try:
        await _stay(pbx, channel, room, name)
    finally:
        channel.leave_bridge()
    return AFTER if channel.exten == "caller" else None


async def _stay(pbx: FakeAsterisk, channel: FakeChannel, room: FakeBridge, name: str) -> None:
    """In the room of a held call, and after ``Bridge`` in the conversation."""
    look = _SECOND * float(pbx.variables["RD_HOLD_LOOK"])
    while channel.exten == "caller" and not channel.left_alone.is_set():
        await _wait_for(pbx, channel.left_alone, look)
        is_held = channel.bridge is room
        if is_held and not any(
            c.variables.get("RD_REF") == name and c is not channel for c in pbx.channels.values()
        ):
            break  # the look found that nobody will ever retrieve him
    await channel.left_alone.wait() if channel.exten == "agent" else None


async def fallback(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-fallback``: Asterisk's own queue."""
    variables = channel.variables
    channel.set_lease(0)
    variables["RD_STATE"] = "fallback"
    if variables.get("RD_QUEUED") != "1":
        variables |= {"RD_QUEUED": "1", "RD_T0": milliseconds(pbx)}
    queue = variables.get("RD_QUEUE") or ""
    if queue not in pbx.queues:
        queue = pbx.lines.get(channel.dnis, next(iter(pbx.queues)))
    variables["RD_QUEUE"] = queue
    user_event(pbx, channel, "RdFallback", Queue=queue)
    record(pbx, channel)
    status = await _queue(pbx, channel, queue)
    if status == "CONTINUE":
        return None
    user_event(pbx, channel, "RdQueueLeft", Status=status)
    if status != "WITHDRAW":
        await pbx.clock.sleep(_SECOND)
    return WAIT


async def _queue(pbx: FakeAsterisk, channel: FakeChannel, queue: str) -> str:
    """``Queue()``: polls each second, oldest first, rings free members."""
    waiting = pbx.queues[queue].callers
    credit = int(channel.variables.get("RD_CREDIT") or 0) * 1000
    waiting[channel] = int(channel.variables["RD_T0"]) - credit
    pbx.tell("QueueCallerJoin", [*channel.shown(), ("Queue", f"rd_{queue}")])
    channel.withdrawn.clear()
    end = pbx.clock.monotonic() + float(pbx.variables["RD_FALLBACK_TIME"])
    try:
        while pbx.clock.monotonic() < end:
            if channel.withdrawn.is_set():
                return "WITHDRAW"
            place = sorted(waiting, key=lambda c: waiting[c]).index(channel)
            free = pbx.free_members(queue)
            if len(free) > place:
                channel.variables["DIALSTATUS"] = ""
                await dial(pbx, channel, free[0], 15)
                if channel.variables["DIALSTATUS"] == "ANSWER":
                    return "CONTINUE"
            await pbx.clock.sleep(_SECOND)
    finally:
        waiting.pop(channel, None)
        pbx.tell("QueueCallerLeave", [*channel.shown(), ("Queue", f"rd_{queue}")])
    return "TIMEOUT"


async def dial(pbx: FakeAsterisk, channel: FakeChannel, endpoint: str, seconds: int) -> None:
    """``Dial(PJSIP/<endpoint>,<seconds>)``; leaves DIALSTATUS and HANGUPCAUSE."""
    await dial_all(pbx, channel, [endpoint], seconds)


async def dial_all(
    pbx: FakeAsterisk, channel: FakeChannel, endpoints: Sequence[str], seconds: int
) -> None:
    """``Dial`` of one phone or several (``PJSIP/a&PJSIP/b``): the first answer wins."""
    legs = [leg for endpoint in endpoints if (leg := _ring(pbx, channel, endpoint)) is not None]
    timer = pbx.clock.call_later(_SECOND * seconds, lambda: _no_answer(legs))
    try:
        winner = await _first(pbx, channel, legs)
    except asyncio.CancelledError:
        for leg in legs:
            if not leg.is_hung_up:
                _dial_end(pbx, channel, leg, "CANCEL")
                leg.hang_up(16)
        channel.variables["DIALSTATUS"] = "CANCEL"
        raise
    finally:
        timer.cancel()
    if winner is not None:
        winner.state = "Up"
        channel.dialled = winner.resource.removeprefix("PJSIP/")
        pbx.phones[channel.dialled].show("INUSE")
        await talk(pbx, channel, winner)


def _ring(pbx: FakeAsterisk, channel: FakeChannel, endpoint: str) -> FakeChannel | None:
    """Call one phone; None where it can't be rung, with the reason in DIALSTATUS."""
    variables = channel.variables
    phone = pbx.phones.get(endpoint)
    if phone is not None and phone.leg is not None:
        variables["DIALSTATUS"], variables["HANGUPCAUSE"] = "BUSY", "0"
        return None
    if phone is None or not phone.is_registered:
        variables["DIALSTATUS"], variables["HANGUPCAUSE"] = "CHANUNAVAIL", "3"
        return None
    leg = pbx.new_leg(channel, endpoint)
    both = [*channel.shown(), *leg.shown("Dest")]
    pbx.tell("DialBegin", [*both, ("DialString", endpoint)])
    phone.ring(leg)
    if not phone.is_silent:
        leg.state = "Ringing"
        phone.show("RINGING")
        pbx.tell("DialState", [*channel.shown(), *leg.shown("Dest"), ("DialStatus", "RINGING")])
    return leg


def _no_answer(legs: Sequence[FakeChannel]) -> None:
    for leg in legs:
        if not leg.outcome.done():
            leg.outcome.set_result("NOANSWER")


async def _first(
    pbx: FakeAsterisk, channel: FakeChannel, legs: Sequence[FakeChannel]
) -> FakeChannel | None:
    """Who answers first; whoever doesn't is let go, the losers last."""
    variables, ringing = channel.variables, list(legs)
    while ringing:
        await asyncio.wait([leg.outcome for leg in ringing], return_when=asyncio.FIRST_COMPLETED)
        leg = next(leg for leg in ringing if leg.outcome.done())
        ringing.remove(leg)
        status = variables["DIALSTATUS"] = leg.outcome.result()
        if status == "ANSWER":
            for loser in ringing:
                _dial_end(pbx, channel, loser, "CANCEL")
        _dial_end(pbx, channel, leg, status)
        if channel.far is not None and not channel.far.outcome.done():
            channel.far.outcome.set_result(status)
        if status == "ANSWER":
            for loser in ringing:
                loser.hang_up(26)
            return leg
        cause = 17 if status == "BUSY" else 0
        variables["HANGUPCAUSE"] = str(cause)
        leg.hang_up(cause)
    return None


def _dial_end(pbx: FakeAsterisk, channel: FakeChannel, leg: FakeChannel, status: str) -> None:
    pbx.tell("DialEnd", [*channel.shown(), *leg.shown("Dest"), ("DialStatus", status)])


async def talk(pbx: FakeAsterisk, channel: FakeChannel, leg: FakeChannel) -> None:
    """Bridge the two until one leaves; a leg that isn't redirected ends with it."""
    bridge = FakeBridge(pbx, "simple_bridge")
    channel.left_alone.clear()
    bridge.enter(leg)
    bridge.enter(channel)
    try:
        await channel.left_alone.wait()
    finally:
        is_elsewhere = leg.bridge is not None and leg.bridge is not bridge
        channel.leave_bridge()
        is_talking = is_elsewhere or len(bridge.members) > 1
        if not leg.is_redirected and leg.task is None:
            leg.is_adopted = True
            if not is_talking:
                leg.hang_up(16)
    channel.variables["HANGUPCAUSE"] = "16"


def anchor(pbx: FakeAsterisk, channel: FakeChannel) -> None:
    """A channel that is only a leg becomes what the call hangs on."""
    variables = channel.variables
    if not variables.get("RD_CALL") and variables.get("RD_REF"):
        variables["RD_CALL"] = variables["RD_REF"]
        user_event(pbx, channel, "RdAnchor", Agent=variables.get("RD_AGENT", ""))


def record(pbx: FakeAsterisk, channel: FakeChannel) -> None:
    """``MixMonitor``, once for each caller."""
    if not channel.variables.get("RD_REC"):
        channel.variables["RD_REC"] = f"0x{channel.uniqueid}"
        pbx.tell("MixMonitorStart", channel.shown())


async def _wait_for(pbx: FakeAsterisk, event: asyncio.Event, patience: timedelta) -> None:
    waiting = asyncio.ensure_future(event.wait())
    timer = pbx.clock.call_later(patience, lambda: (waiting.cancel(), None)[1])
    try:
        await asyncio.wait([waiting])
    finally:
        waiting.cancel()
        timer.cancel()


CONTEXTS: dict[str, Callable[[FakeAsterisk, FakeChannel], Awaitable[Place | None]]] = {
    "rd-in": come_in,
    "rd-wait": wait,
    "rd-visit": visit,
    "rd-dial": dial_agent,
    "rd-group": dial_group,
    "rd-back": dial_agent,
    "rd-after": after,
    "rd-lost": lost,
    "rd-hold": hold,
    "rd-fallback": fallback,
}
