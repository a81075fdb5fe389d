"""Reads SIPp's message file: which request or answer went which way, and when. Pure.

SIPp writes each message as it left or arrived, with the local time in microseconds, so it is a witness of its own beside
Asterisk's events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

_MESSAGE = re.compile(
    r"^-{10,} (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})\n"
    r"UDP message (?P<way>sent|received) [^\n]*\n\n(?P<text>.*?)(?=^-{10,} |\Z)",
    re.MULTILINE | re.DOTALL,
)
_USER = re.compile(r"sips?:([^@>;]+)@")


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One message on the wire, as SIPp saw it."""

    at: datetime
    is_sent: bool
    first_line: str
    call_id: str
    from_user: str
    to_user: str

    @property
    def user(self) -> str:
        """Whom a request's own address names."""
        return _user(self.first_line)


def messages(trace: str) -> Iterator[SipMessage]:
    """All messages in the file's order; what has no form that we know is left out."""
    for match in _MESSAGE.finditer(trace):
        first, *rest = match["text"].splitlines()
        headers = _headers(rest)
        yield SipMessage(
            at=datetime.strptime(match["at"], "%Y-%m-%d %H:%M:%S.%f").astimezone(),
            is_sent=match["way"] == "sent",
            first_line=first,
            call_id=headers.get("call-id", ""),
            from_user=_user(headers.get("from", "")),
            to_user=_user(headers.get("to", "")),
        )


def _headers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            break
        found.setdefault(name.strip().lower(), value.strip())
    return found


def _user(address: str) -> str:
    match = _USER.search(address)
    return match[1] if match else ""
