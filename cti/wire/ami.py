"""The Asterisk Manager Interface as bytes in, messages out; no I/O.

An AMI connection opens with one greeting line and goes on as messages: lines of ``Name: value`` that
end with CRLF, closed by an empty line. Three things in real streams decide how this is read:

* a UTF-8 character may be cut anywhere by TCP, so only whole messages are decoded;
* ``TestEvent`` (Debian's build) ends with one CRLF too many, so empty lines before a message are skipped;
* most events are of no interest, so a message is kept as bytes and its headers are parsed when
  one is asked for; events that nobody wants are dropped by their name alone.

Limits. An unfinished message may hold ``MAX_MESSAGE`` bytes. Asterisk itself reads lines of at most 1,024
bytes and silently drops longer ones (``main/manager.c``, ``inbuf``), and at most 128 headers: ``encode_action``
refuses both before anything is sent, as it refuses CR, LF and NUL, which would begin another header or action.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import repeat

from cti.domain.errors import LocalProtocolError, RemoteProtocolError

MAX_MESSAGE = 64 * 1024
"""Bytes that one message may hold, finished or not."""
MAX_LINE = 1000
"""Bytes of one line that we send, its CRLF included; Asterisk's own limit is 1,024."""
MAX_HEADERS = 120
"""Headers of one action that we send; Asterisk's own limit is 128."""

_GREETING = b"Asterisk Call Manager/"
_MAX_GREETING = 256
_END = b"\r\n\r\n"
_EVENT = b"Event: "
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}(\([a-z,]{0,32}\))?")
_BREAKS = re.compile(r"[\r\n\0]")


class Message:
    """One message from Asterisk: an event, or the response to an action.

    Header names are Asterisk's own, in Asterisk's spelling. A header may come several times
    (``ChanVariable``, ``Output``): ``get`` gives the first, ``get_all`` all of them in order.
    """

    __slots__ = ("_headers", "_lines", "_raw", "event")

    def __init__(self, raw: bytes, event: str = "") -> None:
        self._raw = raw
        self.event = event
        """The event's name; empty for a response and for anything else."""
        self._headers: dict[str, str] | None = None
        self._lines: list[str] | None = None  # backwards, where a header is repeated

    @property
    def headers(self) -> Mapping[str, str]:
        """All headers by name, the first value of each; parsed at the first use."""
        if self._headers is None:
            self._headers = self._parse()
        return self._headers

    def get(self, name: str, default: str = "") -> str:
        """The first value of a header, or ``default`` where there is none."""
        return self.headers.get(name, default)

    def get_all(self, name: str) -> list[str]:
        """Every value of a header, in order; none: an empty list."""
        first = self.headers.get(name)
        if first is None:
            return []
        if self._lines is None:
            return [first]
        start = name + ": "
        return [line[len(start) :] for line in reversed(self._lines) if line.startswith(start)]

    def __contains__(self, name: str) -> bool:
        return name in self.headers

    @property
    def response(self) -> str:
        """``Success``, ``Error``, ``Goodbye``…; empty for an event."""
        return self.get("Response") if not self.event else ""

    @property
    def success(self) -> bool:
        """Whether a response says that the action was taken."""
        return self.response in ("Success", "Follows", "Goodbye")

    @property
    def action_id(self) -> str:
        """The ActionID that this message answers; empty where it answers none."""
        return self.get("ActionID")

    def variables(self, header: str = "ChanVariable") -> dict[str, str]:
        """Channel variables that came as repeated ``name=value`` headers."""
        pairs = (value.partition("=") for value in self.get_all(header))
        return {name: value for name, _, value in pairs}

    def __repr__(self) -> str:
        # Values may be personal: a message in a log shows its kind and size, nothing else.
        return f"<Message {self.event or self.response or '?'} {len(self._raw)} bytes>"

    def _parse(self) -> dict[str, str]:
        # "replace" touches bytes only that are no UTF-8 at all: the message is whole.
        lines = self._raw.decode("utf-8", "replace").split("\r\n")
        # Backwards, so that of a repeated header the first value stays.
        lines.reverse()
        parts = map(str.partition, lines, repeat(": "))
        headers = {name: value for name, mark, value in parts if mark}
        if len(headers) != len(lines):
            self._lines = lines
        return headers


class AmiDecoder:
    """Cuts a byte stream from Asterisk into messages.

    ``wanted`` names the events to keep; None keeps all. Responses are always kept. ``dropped`` counts
    the events that were not wanted. After a RemoteProtocolError the stream has no known place any more:
    close the connection.
    """

    def __init__(
        self, wanted: Iterable[str] | None = None, *, max_message: int = MAX_MESSAGE
    ) -> None:
        # Names are looked up as bytes, so that an unwanted event costs no decoding at all.
        self._wanted = None if wanted is None else {name.encode(): name for name in wanted}
        self._max = max_message
        self._pending = b""
        self.version: str | None = None
        """The protocol version that the greeting named; None until the greeting came."""
        self.dropped = 0

    def feed(self, data: bytes) -> list[Message]:
        """Take the next bytes; returns the messages that they completed, in order.

        Raises:
            RemoteProtocolError: no greeting where one must be, or more than the limit.
        """
        known = len(self._pending)
        if known:
            data = self._pending + data
        if self.version is None:
            rest = self._greet(data)
            if rest is None:
                self._pending = data
                return []
            data, known = rest, 0
        # Look for the end only where it can have come to be.
        if data.find(_END, max(0, known - 3)) < 0:
            self._check(len(data))
            self._pending = data
            return []
        parts = data.split(_END)
        self._pending = parts.pop()
        if len(data) > self._max:
            for part in (*parts, self._pending):
                self._check(len(part))
        return self._messages(parts)

    def _check(self, size: int) -> None:
        if size > self._max:
            raise RemoteProtocolError(f"an AMI message of more than {self._max} bytes")

    def _greet(self, data: bytes) -> bytes | None:
        """Take the greeting line off; None while it isn't complete."""
        line, end, rest = data.partition(b"\r\n")
        head = line[: len(_GREETING)]
        if len(line) > _MAX_GREETING or not _GREETING.startswith(head):
            raise RemoteProtocolError("the peer's greeting is not that of an AMI")
        if not end:
            return None
        if head != _GREETING:
            raise RemoteProtocolError("the peer's greeting is not that of an AMI")
        self.version = line[len(_GREETING) :].decode("ascii", "replace").strip()
        return rest

    def _messages(self, parts: list[bytes]) -> list[Message]:
        found: list[Message] = []
        wanted = self._wanted
        for part in parts:
            raw = part
            if not raw.startswith(_EVENT):
                raw = part.lstrip(b"\r\n")
                if not raw.startswith(_EVENT):
                    if raw:
                        found.append(Message(raw))
                    continue
            end = raw.find(b"\r\n", 7)
            key = raw[7:end] if end > 0 else raw[7:]
            if wanted is None:
                found.append(Message(raw, key.decode("utf-8", "replace")))
            elif key in wanted:
                found.append(Message(raw, wanted[key]))
            else:
                self.dropped += 1
        return found


def encode_action(
    name: str,
    headers: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> bytes:
    """Write one action; ``variables`` become ``Variable: name=value`` lines.

    Raises:
        LocalProtocolError: a name that isn't one, a line break or NUL in a value, a line or an
            action longer than Asterisk reads. Nothing may be sent then.
    """
    lines = [_line("Action", name)]
    lines += [_line(header, value) for header, value in (headers or {}).items()]
    for variable, value in (variables or {}).items():
        if not _VARIABLE_NAME.fullmatch(variable):
            raise LocalProtocolError("a channel variable's name is not one")
        if "," in value:
            # Asterisk splits the header at commas: the rest would be another variable.
            raise LocalProtocolError("a comma in a channel variable's value")
        lines.append(_line("Variable", f"{variable}={value}"))
    if len(lines) > MAX_HEADERS:
        raise LocalProtocolError(f"an action with more than {MAX_HEADERS} headers")
    return b"".join(lines) + b"\r\n"


def _line(name: str, value: str) -> bytes:
    if not _HEADER_NAME.fullmatch(name):
        raise LocalProtocolError("an AMI header's name is not one")
    if _BREAKS.search(value):
        raise LocalProtocolError(f"a line break or NUL in the value of AMI header {name}")
    try:
        line = f"{name}: {value}\r\n".encode()
    except UnicodeEncodeError:
        raise LocalProtocolError(f"AMI header {name} holds what is no text") from None
    if len(line) > MAX_LINE:
        raise LocalProtocolError(f"the value of AMI header {name} is too long")
    return line
