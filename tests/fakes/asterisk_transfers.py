"""The fake Asterisk's contexts for calls that phones begin, transfers, consultations, conferences and parking.

Coarse like the rest: of a person's two phones the one that is registered is rung; a number outside answers or
not as ``FakeAsterisk.outside`` says.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.fakes.asterisk_agi import run_agi
from tests.fakes.asterisk_channels import FakeBridge, Place
from tests.fakes.asterisk_dialplan import (
    AFTER,
    CONTEXTS,
    FALLBACK,
    WAIT,
    anchor,
    dial,
    record,
    talk,
    user_event,
)

if TYPE_CHECKING:
    from tests.fakes.asterisk import FakeAsterisk
    from tests.fakes.asterisk_channels import FakeChannel

TRUNK = "trunk_demo"
_BACK_S = 15
_PARK_TIME = timedelta(seconds=120)
_KINDS = {"q": "queue", "m": "menu", "f": "flow", "o": "outside", "p": "parking"}


def target_of(exten: str) -> tuple[str, str]:
    """Kind and value of an exten."""
    kind = _KINDS.get(exten[0]) if exten[1:2] == "-" else None
    return (kind, exten[2:]) if kind else ("agent", exten)


def _told(exten: str) -> dict[str, str]:
    kind, value = target_of(exten)
    is_outside = kind == "outside"
    return {"Kind": kind, "To": "" if is_outside else value, "Number": value if is_outside else ""}


def phone_of(pbx: FakeAsterisk, extension: str) -> str:
    """The phone of a person that would ring first."""
    for endpoint in (extension, f"{extension}w"):
        if endpoint in pbx.phones and pbx.phones[endpoint].is_registered:
            return endpoint
    return extension


async def dial_out(pbx: FakeAsterisk, channel: FakeChannel, number: str, is_begun: bool) -> None:
    """``Dial(PJSIP/<number>@<trunk>)``."""
    result = pbx.outside.get(number, "CHANUNAVAIL")
    leg = pbx.new_leg(channel, TRUNK)
    pbx.tell("DialBegin", [*channel.shown(), *leg.shown("Dest"), ("DialString", "number")])
    await pbx.clock.sleep(timedelta(milliseconds=100))
    channel.variables["DIALSTATUS"] = result
    pbx.tell("DialEnd", [*channel.shown(), *leg.shown("Dest"), ("DialStatus", result)])
    if result != "ANSWER":
        channel.variables["HANGUPCAUSE"] = "17" if result == "BUSY" else "34"
        leg.hang_up(17 if result == "BUSY" else 34)
        return
    leg.state = "Up"
    if is_begun:
        leg.variables["RD_AGENT"] = channel.name.removeprefix("PJSIP/").rpartition("-")[0]
        anchor(pbx, leg)
        record(pbx, leg)
    await talk(pbx, channel, leg)


async def begin(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-agents``: what a phone dials."""
    variables, exten = channel.variables, channel.exten
    chance = random.Random(channel.uniqueid).randint(1, 2147483647)
    kind, value = target_of(exten)
    variables |= {"RD_CALL": f"{channel.uniqueid}-{chance}", "RD_OUT": "1", "RD_STATE": "calling"}
    variables |= {"RD_REF": variables["RD_CALL"], "RD_TRY": "0"}
    variables["RD_DIR"] = "outbound" if kind == "outside" else "internal"
    variables |= {"DIALSTATUS": "CHANUNAVAIL", "HANGUPCAUSE": "0"}
    channel.state = "Up"
    own = channel.name.removeprefix("PJSIP/").rpartition("-")[0]
    told = {"From": own, **_told(exten), "Cmd": variables.get("RD_CMD", "")}
    user_event(pbx, channel, "RdOut", **told)
    if kind == "queue":
        variables["RD_QUEUE"] = value
        return WAIT
    if kind == "menu":
        variables["RD_WAY"] = ""
        return await menu(pbx, channel, value)
    if kind == "flow":
        variables["RD_WAY"] = f"?flow={value}"
        return await menu(pbx, channel, "0")
    if kind == "outside":
        await dial_out(pbx, channel, value, is_begun=True)
    else:
        await dial(pbx, channel, phone_of(pbx, value), 30)
    if variables["DIALSTATUS"] != "ANSWER":
        status, cause = variables["DIALSTATUS"], variables["HANGUPCAUSE"]
        user_event(pbx, channel, "RdDialFail", Status=status, Cause=cause)
    return None


async def menu(pbx: FakeAsterisk, channel: FakeChannel, dnis: str) -> Place | None:
    """``rd-in,<dnis>,speak``: the service speaks to somebody who has a call already."""
    variables = channel.variables
    variables |= {"RD_STATE": "menu", "RD_NEXT": ""}
    channel.dnis = dnis
    channel.set_lease(float(pbx.variables["RD_LEASE"]))
    await run_agi(pbx, channel, f"ivr{variables.get('RD_WAY', '')}")
    channel.set_lease(0)
    gone = None if variables["RD_STATE"] == "voicemail" else FALLBACK
    return {"wait": WAIT, "hangup": None}.get(variables["RD_NEXT"], gone)


async def leave(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-leave``: a waiting caller goes out of his line."""
    if channel.exten != "T" and channel.variables["RD_STATE"] not in ("waiting", "visiting"):
        return WAIT
    channel.variables["RD_FROM"] = ""
    return await send_on(pbx, channel)


async def send_on(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-xfer``: the caller is on his way to a target."""
    if channel.exten == "T":  # the service hung while he was in a menu
        return None if channel.variables["RD_STATE"] == "voicemail" else FALLBACK
    anchor(pbx, channel)
    variables, exten = channel.variables, channel.exten
    kind, value = target_of(exten)
    sender = variables.get("RD_FROM", "")
    if kind == "parking":
        return ("rd-park", value)
    how = "away" if channel.context == "rd-leave" else "blind"
    user_event(pbx, channel, "RdXfer", From=sender, How=how, **_told(exten))
    variables |= {"RD_STATE": "transferring", "RD_REF": variables["RD_CALL"]}
    if kind == "queue":
        variables["RD_QUEUE"] = value
        variables.pop("RD_QUEUED", None)
        return WAIT
    if kind == "menu":
        variables["RD_WAY"] = ""
        return await menu(pbx, channel, value)
    if kind == "flow":
        variables["RD_WAY"] = f"?flow={value}"
        return await menu(pbx, channel, "0")
    variables |= {"DIALSTATUS": "CHANUNAVAIL", "HANGUPCAUSE": "3"}
    if kind == "outside":
        await dial_out(pbx, channel, value, is_begun=False)
        variables["RD_HUNGUP"] = "1"
    else:
        variables["RD_AGENT"] = phone_of(pbx, value)
        await dial(pbx, channel, variables["RD_AGENT"], int(pbx.variables["RD_RING"]))
    if variables["DIALSTATUS"] == "ANSWER":
        return AFTER
    status, cause = variables["DIALSTATUS"], variables["HANGUPCAUSE"]
    told = _told(exten)
    told.pop("Number")
    user_event(pbx, channel, "RdXferFail", Agent=value, Status=status, Cause=cause, **told)
    return await _back(pbx, channel)


async def _back(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """To the sender, else into the queue."""
    variables = channel.variables
    if sender := variables.get("RD_FROM"):
        variables |= {"RD_AGENT": sender, "DIALSTATUS": "CHANUNAVAIL"}
        await dial(pbx, channel, sender, _BACK_S)
        if variables["DIALSTATUS"] == "ANSWER":
            return AFTER
    if variables.get("RD_DIR") == "internal" and not variables.get("RD_QUEUE"):
        return None
    variables.setdefault("RD_QUEUE", next(iter(pbx.queues)))
    return WAIT


async def consult(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-consult``, on the agent's channel."""
    variables, exten = channel.variables, channel.exten
    call, own = variables["RD_REF"], variables.get("RD_FROM", "")
    head = [*channel.shown(), ("UserEvent", "RdConsult"), ("Call", call), ("From", own)]
    pbx.tell("UserEvent", [*head, *_told(exten).items()])
    variables |= {"DIALSTATUS": "CHANUNAVAIL", "HANGUPCAUSE": "3"}
    kind, value = target_of(exten)
    if kind == "queue":
        _ask(pbx, channel)
        variables |= {"RD_QUEUE": value, "DIALSTATUS": "INVALID", "RD_TRY": "0"}
        variables.pop("RD_QUEUED", None)
        return WAIT
    if kind == "outside":
        await dial_out(pbx, channel, value, is_begun=False)
    else:
        await dial(pbx, channel, phone_of(pbx, value), 30)
    return _consult_over(pbx, channel)


def _consult_over(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-consult-end``: back to the caller, if he is still held."""
    variables = channel.variables
    own = variables.get("RD_FROM", "")
    call = ("Call", variables["RD_REF"])
    head = [*channel.shown(), ("UserEvent", "RdConsultEnd"), call, ("From", own)]
    pbx.tell("UserEvent", [*head, ("Status", variables["DIALSTATUS"])])
    peer = pbx.channels.get(variables.get("RD_PEER", ""))
    if variables.get("RD_PEER") and (peer is None or peer.variables["RD_STATE"] != "holding"):
        return None
    return ("rd-hold", "agent")


def _ask(pbx: FakeAsterisk, channel: FakeChannel) -> None:
    """The agent's channel becomes a caller, with a call of its own."""
    variables = channel.variables
    chance = random.Random(channel.uniqueid + variables["RD_REF"]).randint(1, 2147483647)
    variables |= {"RD_ASKS": variables["RD_REF"], "RD_KEPT": variables.get("RD_CALL", "")}
    variables["RD_CALL"] = f"{channel.uniqueid}-{chance}"
    told = {"From": variables["RD_FROM"], **_told(channel.exten), "Cmd": ""}
    user_event(pbx, channel, "RdOut", **told, For=variables["RD_ASKS"])


async def asked(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-asked``: that call is over."""
    ask_over(pbx, channel)
    return _consult_over(pbx, channel)


def ask_over(pbx: FakeAsterisk, channel: FakeChannel) -> None:
    """``rd-asked-end``, also a hangup handler."""
    variables = channel.variables
    if not variables.get("RD_ASKS"):
        return
    if variables.pop("RD_REC", ""):
        pbx.tell("MixMonitorStop", channel.shown())
    status, cause = variables.get("DIALSTATUS", ""), variables.get("HANGUPCAUSE", "0")
    agent = variables.get("RD_AGENT", "")
    user_event(pbx, channel, "RdEnd", Agent=agent, Status=status, Cause=cause)
    variables |= {"RD_CALL": variables["RD_KEPT"], "RD_REF": variables["RD_ASKS"], "RD_ASKS": ""}


async def join(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-join``: into the bridge of another channel."""
    other = pbx.channels.get(channel.variables.get("RD_JOIN", ""))
    bridge: FakeBridge | None = other.bridge if other is not None else None
    if bridge is None:
        return None
    channel.left_alone.clear()
    bridge.enter(channel)
    try:
        await channel.left_alone.wait()
    finally:
        channel.leave_bridge()
    return None


async def park(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-park``: music until somebody fetches him."""
    anchor(pbx, channel)
    channel.variables["RD_STATE"] = "parked"
    sender = channel.variables.get("RD_FROM", "")
    user_event(pbx, channel, "RdPark", Slot=channel.exten, From=sender)
    await pbx.clock.sleep(_PARK_TIME)
    return await _back(pbx, channel)


CONTEXTS |= {
    "rd-agents": begin,
    "rd-xfer": send_on,
    "rd-leave": leave,
    "rd-consult": consult,
    "rd-asked": asked,
    "rd-join": join,
    "rd-park": park,
}
