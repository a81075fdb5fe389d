"""How the calls of a callback are named: from the call in which it was asked for, and a count. Pure."""

from __future__ import annotations

import re

from cti.domain.ids import CallId

_FORM = re.compile(r"([^-]{1,32})(-.*)")
_ATTEMPT = re.compile(r"cb[0-9]+_")
_NOT_WORD = re.compile(r"[^0-9A-Za-z]")


def attempt_id(callback_id: CallId, serial: int) -> CallId:
    """The id of a callback's next call, in the form that the dialplan gives to calls; the same each time it is asked."""
    found = _FORM.fullmatch(callback_id)
    system, rest = found.groups() if found else (callback_id, "")
    head = f"cb{serial}_"
    return CallId(f"{head}{system[: 32 - len(head)]}{rest}")


def is_attempt(call_id: CallId) -> bool:
    """Whether a call's id was made for a callback."""
    return _ATTEMPT.match(call_id) is not None


def mark_of(callback_id: CallId) -> str:
    """A callback's name within a variable of Asterisk's."""
    return _NOT_WORD.sub("", callback_id)[:80]
