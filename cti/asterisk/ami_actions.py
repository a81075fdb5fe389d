"""AMI actions as plain pairs of name and headers, and what an Error of Asterisk's means."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cti.domain.errors import CommandRefused
from cti.domain.ids import Endpoint, is_browser_phone, is_outside_phone, parse_endpoint
from cti.domain.manners import Manner
from cti.domain.targets import Target
from cti.domain.ways_out import FLOW_KINDS, OverflowWay
from cti.wire.ami import Message

Action = tuple[str, Mapping[str, str]]

# What Asterisk says, in lower case → our stable word. main/manager.c, apps/app_queue.c.
_REASONS = (
    ("no such channel", "no_such_call"),
    ("channel does not exist", "no_such_call"),
    ("channel not existent", "no_such_call"),
    ("channel1 does not exist", "no_such_call"),
    ("channel2 does not exist", "no_such_call"),
    ("channel not up", "wrong_state"),
    ("extrachannel", "wrong_state"),
    ("unable to withdraw", "wrong_state"),
)
BUSY = 17
"""The cause of a leg whose phone said that it is busy."""
_BY_KEY = "@rd-remote-member"
_FORMS = {
    "agent": "",
    "queue": "q-",
    "menu": "m-",
    "flow": "f-",
    "outside": "o-",
    "parking": "p-",
}


def exten_of(target: Target) -> str:
    """How the dialplan names a target (docs/dialplan.md); its value was checked when it was made."""
    return _FORMS[target.kind] + target.value


def exten_out(way: OverflowWay) -> str:
    """How the dialplan names where a rule takes a waiting caller."""
    return ("f-" if way.kind in FLOW_KINDS else _FORMS[way.kind]) + way.target


def told_of(way: OverflowWay) -> str:
    """What else the dialplan must know of it (``RD_OVER``): why, the kind, whether he keeps his place, else his credit."""
    place = "keep" if way.keeps_place else "new"
    return f"{way.reason}/{way.kind}/{place}/{int(way.credit_time.total_seconds())}"


def place_of_offer(endpoint: Endpoint, manner: Manner) -> tuple[str, str]:
    """Where a caller is sent to ring a phone: context and exten. What is asked for beyond ringing stands in the exten."""
    if is_outside_phone(endpoint):  # asked for its key anyway
        return ("rd-offer", f"{endpoint}-n") if manner.says_staff_number else ("rd-dial", endpoint)
    if manner.is_plain:
        return "rd-dial", endpoint
    # A browser's page beeps by itself.
    beeps = manner.is_automatic and not is_browser_phone(endpoint)
    asked = (
        ("a", manner.is_automatic),
        ("b", beeps),
        ("w", manner.whispers_name),
        ("n", manner.says_staff_number),
    )
    letters = "".join(letter for letter, is_asked in asked if is_asked)
    return "rd-offer", f"{endpoint}-{letters}"


def member_of(endpoint: Endpoint) -> str:
    """How a fallback queue rings a phone; one outside is asked for its key on the way."""
    return f"Local/{endpoint}{_BY_KEY}" if is_outside_phone(endpoint) else f"PJSIP/{endpoint}"


def phone_of_member(interface: str) -> Endpoint:
    """The other way round.

    Raises:
        InvalidValue: no member of ours.
    """
    return parse_endpoint(
        interface.removeprefix("PJSIP/").removeprefix("Local/").removesuffix(_BY_KEY)
    )


def outside_number(endpoint: Endpoint, number: str) -> Action:
    """Tell the dialplan at which number a phone outside is called; empty: at none any more."""
    return set_global(f"RD_OUTSIDE_{endpoint}", re.sub(r"[^0-9+]", "", number))


def set_variable(channel: str, variable: str, value: str) -> Action:
    """Set a channel's variable."""
    return "Setvar", {"Channel": channel, "Variable": variable, "Value": value}


def set_global(variable: str, value: str) -> Action:
    """Set one of Asterisk's global variables; empty: there is none of this name any more."""
    return "Setvar", {"Variable": variable, "Value": value}


def hang_up(channel: str, cause: int = 16) -> Action:
    """End a channel; ``cause`` (Q.850) is what the other side is told."""
    return "Hangup", {"Channel": channel, "Cause": str(cause)}


def redirect(channel: str, context: str, exten: str) -> Action:
    """Send one channel elsewhere; whoever it was bridged with by Dial is hung up."""
    where = {"Context": context, "Exten": exten, "Priority": "1"}
    return "Redirect", {"Channel": channel, **where}


def redirect_two(
    channel: str, place: tuple[str, str], extra: str, extra_place: tuple[str, str]
) -> Action:
    """Send two bridged channels to two places in one go."""
    return "Redirect", {
        "Channel": channel,
        "Context": place[0],
        "Exten": place[1],
        "Priority": "1",
        "ExtraChannel": extra,
        "ExtraContext": extra_place[0],
        "ExtraExten": extra_place[1],
        "ExtraPriority": "1",
    }


def bridge(channel: str, other: str) -> Action:
    """Join two channels."""
    return "Bridge", {"Channel1": channel, "Channel2": other, "Tone": "no"}


def originate(
    channel: str, context: str, exten: str, variables: Mapping[str, str], ring_ms: int, number: str
) -> Action:
    """Call a phone and send it to the dialplan when it answers; ``number`` is shown on it."""
    return "Originate", {
        "Channel": channel,
        "Context": context,
        "Exten": exten,
        "Priority": "1",
        "Timeout": str(ring_ms),
        "CallerID": f"<{number}>",
        "Async": "true",
        "Variable": ",".join(f"{name}={value}" for name, value in variables.items()),
    }


def check(answer: Message, harmless: str = "") -> None:
    """Raise what an Error means; an error that holds ``harmless`` is none.

    Raises:
        CommandRefused: Asterisk refused the action.
    """
    if answer.success:
        return
    text = answer.get("Message").lower()
    if harmless and harmless in text:
        return
    reason = next((word for part, word in _REASONS if part in text), "refused")
    raise CommandRefused(reason, f"Asterisk refused the command: {answer.get('Message')}")
