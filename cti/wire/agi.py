"""The Asterisk Gateway Interface as bytes in, items out; no I/O.

A FastAGI connection is opened by Asterisk. It sends its environment (``agi_name: value`` lines, closed by an
empty line), then answers each command of ours with one reply line, such as::

    200 result=1 (the value)
    200 result=49 endpos=8000
    511 Command Not Permitted on a dead channel or intercept routine
    520-Invalid command syntax.  Proper usage follows:   (several lines, up to "520 End of proper usage.")
    HANGUP                                               (the caller is gone; not a reply)

Lines end with LF. Asterisk reads commands of at most 2,048 bytes (``res/res_agi.c``, ``AGI_BUF_LEN``) and has been
crashed by lines that were none, so arguments are always quoted and bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from cti.domain.errors import LocalProtocolError, RemoteProtocolError

MAX_ENVIRONMENT = 16 * 1024
"""Bytes of the whole environment."""
MAX_REPLY = 8 * 1024
"""Bytes of one reply, usage lines of a 520 included."""
MAX_COMMAND = 2000
"""Bytes of one command that we send, its LF included."""

_BEGIN = b"agi_"
_REPLY = re.compile(r"(\d{3})([ -]?)(.*)", re.DOTALL)
_RESULT = re.compile(r"result=([^\s(]*)\s*(.*)", re.DOTALL)
_ENDPOS = re.compile(r"(?:^|\s)endpos=(\d+)\s*$")
_COMMAND = re.compile(r"[A-Z]{2,16}( [A-Z]{2,16}){0,3}")
_BREAKS = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class AgiEnvironment:
    """What Asterisk tells of the caller's channel when it connects."""

    variables: Mapping[str, str]

    def get(self, name: str) -> str:
        """A variable by its name without ``agi_``; empty where Asterisk sent none or ``unknown``."""
        value = self.variables.get("agi_" + name, "")
        return "" if value == "unknown" else value

    @property
    def path(self) -> str:
        """The path of the address that the dialplan called: ``/ivr``."""
        return urlsplit("/" + self.get("network_script").lstrip("/")).path

    @property
    def query(self) -> Mapping[str, str]:
        """The query part of that address."""
        return dict(parse_qsl(urlsplit("/" + self.get("network_script").lstrip("/")).query))


@dataclass(frozen=True, slots=True)
class AgiReply:
    """Asterisk's answer to one command.

    ``code`` 200: done; 510, 511, 520: refused. ``result`` is what stands behind ``result=``, ``value`` what
    stands in parentheses, ``end_position`` where playing stopped, in samples.
    """

    code: int
    result: str = ""
    value: str = ""
    end_position: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class AgiHangup:
    """Asterisk says that the caller hung up."""


AgiItem = AgiEnvironment | AgiReply | AgiHangup


class AgiDecoder:
    """Cuts a byte stream from Asterisk into the environment, replies and the hang-up notice.

    After a RemoteProtocolError the stream has no known place any more: close the connection.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._has_environment = False
        self._usage: list[str] = []

    def feed(self, data: bytes) -> list[AgiItem]:
        """Take the next bytes; returns what they completed, in order.

        Raises:
            RemoteProtocolError: something that AGI doesn't say, or more than the limits.
        """
        if self._pending:
            data = self._pending + data
        items: list[AgiItem] = []
        if not self._has_environment:
            block, end, rest = data.partition(b"\n\n")
            # What doesn't begin like one never becomes one: no need to wait for its end.
            if len(block) > MAX_ENVIRONMENT or not _BEGIN.startswith(data[: len(_BEGIN)]):
                raise RemoteProtocolError("this is no AGI environment, or one beyond the limit")
            if not end:
                self._pending = data
                return items
            items.append(_environment(block))
            self._has_environment = True
            data = rest
        *lines, self._pending = data.split(b"\n")
        for line in lines:
            item = self._line(line)
            if item is not None:
                items.append(item)
        if len(self._pending) > MAX_REPLY:
            raise RemoteProtocolError("an AGI reply beyond the limit")
        return items

    def _line(self, raw: bytes) -> AgiItem | None:
        if len(raw) > MAX_REPLY:
            raise RemoteProtocolError("an AGI reply beyond the limit")
        line = raw.decode("utf-8", "replace").rstrip("\r")
        if self._usage:
            return self._usage_line(line)
        if line == "HANGUP":
            return AgiHangup()
        if not line:
            return None
        return self._reply(line)

    def _reply(self, line: str) -> AgiReply | None:
        match = _REPLY.fullmatch(line)
        if match is None:
            raise RemoteProtocolError("a line where an AGI reply must be")
        code, mark, text = int(match[1]), match[2], match[3]
        if mark == "-":
            self._usage = [text]
            return None
        if code == 100:  # "Trying": the reply itself is still to come
            return None
        found = _RESULT.match(text)
        if found is None:
            return AgiReply(code, text=text)
        result, rest = found[1], found[2]
        position = _ENDPOS.search(rest)
        if position is not None:
            rest = rest[: position.start()].rstrip()
        # The value may hold parentheses itself: it ends with the last one.
        value = rest[1:-1] if rest.startswith("(") and rest.endswith(")") else ""
        return AgiReply(code, result, value, int(position[1]) if position else None, text)

    def _usage_line(self, line: str) -> AgiReply | None:
        if line.startswith("520 "):
            text, self._usage = "\n".join(self._usage), []
            return AgiReply(520, text=text)
        self._usage.append(line)
        if sum(map(len, self._usage)) > MAX_REPLY:
            raise RemoteProtocolError("an AGI reply beyond the limit")
        return None


def _environment(block: bytes) -> AgiEnvironment:
    text = block.decode("utf-8", "replace")
    lines = text.split("\n")
    try:
        pairs = [line.split(":", 1) for line in lines]
        variables = {name: value.strip() for name, value in pairs}
    except ValueError:
        raise RemoteProtocolError("a line in the AGI environment without a colon") from None
    if text.count("\nagi_") + 1 != len(lines):
        raise RemoteProtocolError("a line in the AGI environment that is no variable")
    return AgiEnvironment(MappingProxyType(variables))


def encode_command(command: str, *arguments: str) -> bytes:
    """Write one command; ``command`` is ours (``STREAM FILE``), the arguments are quoted.

    Raises:
        LocalProtocolError: a line break or NUL in an argument, a command longer than Asterisk reads.
    """
    if not _COMMAND.fullmatch(command):
        raise LocalProtocolError("an AGI command's name is not one")
    try:
        line = " ".join((command, *map(_quoted, arguments))).encode() + b"\n"
    except UnicodeEncodeError:
        raise LocalProtocolError(f"an argument of AGI {command} holds what is no text") from None
    if len(line) > MAX_COMMAND:
        raise LocalProtocolError(f"AGI {command} is too long")
    return line


def _quoted(argument: str) -> str:
    if _BREAKS.search(argument):
        raise LocalProtocolError("a line break or NUL in an AGI argument")
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'
