"""What AMI headers hold, read into ours: instants, numbers, a caller's name, a phone's state, a dial's result."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cti.domain import events as ev
from cti.domain.errors import InvalidValue
from cti.domain.ids import parse_endpoint
from cti.wire.ami import Message

HOLDING = "holding_bridge"
NO_SOUND = 44
"""The cause of a leg that fell to rtp_timeout."""
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
_DIAL_RESULTS = {
    "NOANSWER": "no_answer",
    "BUSY": "busy",
    "CONGESTION": "congested",
    "CANCEL": "cancelled",
    "ANSWER": "ended",
}


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


def stamp(message: Message, now: datetime) -> datetime:
    """When it happened by Asterisk's clock; ``now`` where it doesn't say."""
    written = message.get("Timestamp")
    try:
        return datetime.fromtimestamp(float(written), UTC) if written else now
    except (ValueError, OverflowError, OSError):
        return now


def ring_result(status: str, cause: int) -> str:
    """What became of ringing an agent: ``no_answer``, ``declined`` or ``unreachable``."""
    if status == "NOANSWER":
        return "no_answer"
    if status == "BUSY" or cause == _CALL_REJECTED:
        return "declined"
    return "unreachable"


def dial_result(status: str, cause: int) -> str:
    """What became of a dial, as DialFailed and ConsultEnded say it."""
    if cause == _CALL_REJECTED:
        return "declined"
    return _DIAL_RESULTS.get(status, "unreachable")
