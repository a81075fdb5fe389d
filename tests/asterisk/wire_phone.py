"""A phone or a caller made of nothing but SIP messages: many of them in one process, each to the millisecond.

Speaks what RFC 3261, 2617 and 3515 ask of a phone with several lines: register, call, ring and answer by itself, hold,
transfer (REFER, with Replaces where two lines are joined), hang up. It sends no sound. A race needs it because SIPp can't
join two lines, and a pjsua2 phone is a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

from tests.until import until

_RINGING, _ANSWER = timedelta(milliseconds=30), timedelta(milliseconds=60)
_SDP = (
    "v=0\r\no=- {version} {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
)
_MEDIA_PORT = 40_000  # nobody listens there
_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Message:
    """A SIP message as it came."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @classmethod
    def parsed(cls, data: bytes) -> Message:
        """Read one datagram."""
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        rows = (line.partition(":") for line in lines)
        return cls(start, tuple((name.strip(), value.strip()) for name, _, value in rows), body)

    def all(self, name: str) -> list[str]:
        """Every header of a name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        """The first header of a name; empty: there is none."""
        return next(iter(self.all(name)), "")

    @property
    def status(self) -> int:
        """Of a response; 0: it is a request."""
        found = re.match(r"SIP/2\.0 (\d{3})", self.start)
        return int(found[1]) if found else 0

    @property
    def method(self) -> str:
        """Of the request, also where this is the response to it."""
        return self["CSeq"].split()[-1]

    @property
    def number(self) -> int:
        """The request's number in its dialog."""
        return int(self["CSeq"].split()[0])


@dataclass(eq=False, slots=True)
class Line:
    """One call of a phone."""

    call_id: str
    local: str  # our From or To, with its tag
    remote: str
    uri: str  # where requests go: the other side's Contact
    state: str = "calling"
    """``calling``, ``invited``, ``ringing``, ``talking``, ``over``."""
    caller: str = ""
    """Of an incoming call: the number that calls."""
    is_released: bool = False
    """We hung up, and the other side has confirmed it or hung up, too."""
    reason: str = ""
    """Why an incoming call was withdrawn: the Reason of its CANCEL."""
    transfer_status: int = 0
    """What became of a REFER: its own status, then what NOTIFY tells."""
    since: dict[str, float] = field(default_factory=dict)
    """When each state began (``time.monotonic``)."""
    number: int = 0
    invite: Message | None = None
    sent: dict[int, tuple[str, str, str, str]] = field(default_factory=dict)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def becomes(self, state: str) -> None:
        """Go into a state; a line that is over asks for nothing more."""
        self.state = state
        self.since.setdefault(state, time.monotonic())
        if state == "over":
            for timer in self.timers:
                timer.cancel()


class WirePhone(asyncio.DatagramProtocol):
    """One phone, on a port of its own. Use ``wire_phone``."""

    def __init__(self, server: str, user: str, secret: str = "") -> None:
        host, port = server.rsplit(":", 1)
        self.server, self.user = server, user
        self.lines: list[Line] = []
        self.rings_after, self.answers_after = _RINGING, _ANSWER
        """From the INVITE to 180, and from there to 200."""
        self.status = 200
        """What a call is answered with: 180 rings for ever, 486 refuses, 0 is no reply at all."""
        self.told: Callable[[str, Line], None] = lambda moment, line: None
        """Called at each moment of an incoming call: ``invited``, ``ringing``, ``talking``, ``confirmed``."""
        self.is_registered = False
        self._secret = secret
        self._to = (host, int(port))
        self._transport: asyncio.DatagramTransport | None = None
        self._contact = ""
        self._registration: Line | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        port = transport.get_extra_info("sockname")[1]
        self._contact = f"<sip:{self.user}@127.0.0.1:{port}>"

    # ---- what its user does --------------------------------------------------------------------

    async def register(self, seconds: int = 3600) -> None:
        """Register; returns when the registrar agrees."""
        own = f"<sip:{self.user}@{self.server}>"
        if self._registration is None:
            line = self._line(own, own, f"sip:{self.server}")
            self.lines.remove(line)
            self._registration = line
        self.is_registered = False
        self._request(self._registration, "REGISTER", f"Expires: {seconds}\r\n")
        await until(lambda: self.is_registered, 10)

    def call(self, number: str) -> Line:
        """Dial; returns the line at once."""
        uri = f"sip:{number}@{self.server}"
        line = self._line(f"<sip:{self.user}@127.0.0.1>", f"<{uri}>", uri)
        self._request(line, "INVITE", _SDP_TYPE, self._sdp(line))
        return line

    def hold(self, line: Line) -> None:
        """The hold key."""
        self._request(line, "INVITE", _SDP_TYPE, self._sdp(line, "sendonly"))

    def transfer(self, line: Line, number: str) -> None:
        """Send the other side on (blind)."""
        self._request(line, "REFER", f"Refer-To: <sip:{number}@{self.server}>\r\n")

    def join(self, first: Line, second: Line) -> None:
        """Join the other sides of two lines: the attended transfer."""
        tags = f"to-tag={_tag(second.remote)};from-tag={_tag(second.local)}"
        replaces = f"{second.call_id};{tags}".replace(";", "%3B").replace("=", "%3D")
        target = re.sub(r"[<>]", "", second.remote.split(";")[0])
        extra = f"Refer-To: <{target}?Replaces={replaces}>\r\nReferred-By: {self._contact}\r\n"
        self._request(first, "REFER", extra)

    def hang_up(self, line: Line) -> None:
        """End a call, whatever its state; does nothing where it is over."""
        if line.state == "over":
            return
        was = line.state
        line.becomes("over")
        if was == "talking":
            self._request(line, "BYE")
        elif line.invite is not None:
            line.is_released = True
            self._answer(line.invite, "486 Busy Here", line.local)

    # ---- messages ------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A request or a response."""
        message = Message.parsed(data)
        call_id = message["Call-ID"]
        known = [*self.lines, *([self._registration] if self._registration else [])]
        line = next((one for one in known if one.call_id == call_id), None)
        if message.status:
            if line is not None:
                self._responded(line, message)
        elif line is None and message.method == "INVITE":
            self._invited(message)
        else:
            self._requested(line, message)

    def _invited(self, invite: Message) -> None:
        local = f"{invite['To']};tag={secrets.token_hex(6)}"
        uri = _uri(invite["Contact"])
        line = Line(invite["Call-ID"], local, invite["From"], uri, invite=invite)
        line.becomes("invited")
        found = re.search(r"sip:([^@>]*)@", invite["From"])
        line.caller = found[1] if found else ""
        self.lines.append(line)
        if not self.status:
            line.becomes("over")
            return
        self._answer(invite, "100 Trying")
        line.timers.append(self._later(self.rings_after, lambda: self._ring(line)))
        self.told("invited", line)

    def _ring(self, line: Line) -> None:
        assert line.invite is not None
        if self.status >= 300:
            self._over(line)
            self._answer(line.invite, f"{self.status} Refused", line.local)
            return
        line.becomes("ringing")
        self._answer(line.invite, "180 Ringing", line.local)
        if self.status == 200:
            line.timers.append(self._later(self.answers_after, lambda: self._take(line)))
        self.told("ringing", line)

    def _take(self, line: Line) -> None:
        assert line.invite is not None
        line.becomes("talking")
        self._answer(line.invite, "200 OK", line.local, self._sdp(line))
        self.told("talking", line)

    def _requested(self, line: Line | None, message: Message) -> None:
        method = message.method
        if method == "ACK":
            if line is not None:
                self.told("confirmed", line)
        elif line is None:
            self._answer(message, "200 OK" if method in ("OPTIONS", "NOTIFY") else "481 Gone")
        elif method == "CANCEL":
            self._answer(message, "200 OK")
            line.reason = message["Reason"]
            if line.state in ("invited", "ringing") and line.invite is not None:
                self._over(line)
                self._answer(line.invite, "487 Request Terminated", line.local)
        elif method == "BYE":
            self._answer(message, "200 OK")
            self._over(line)
        elif method == "INVITE":
            if line.invite is not None and message.number == line.invite.number:
                return  # said twice; the answer is on its way
            self._answer(message, "200 OK", body=self._sdp(line))
        else:
            self._answer(message, "200 OK")
            if method == "NOTIFY":
                self._notified(line, message)

    def _notified(self, line: Line, message: Message) -> None:
        found = re.match(r"SIP/2\.0 (\d{3})", message.body)
        if found:
            line.transfer_status = int(found[1])
            if found[1].startswith("2"):
                self.hang_up(line)  # as a phone does whose transfer succeeded

    def _responded(self, line: Line, message: Message) -> None:
        status, method = message.status, message.method
        if method == "INVITE" and status >= 200:
            self._acknowledge(line, message)
        if status == 401 and message.number in line.sent:
            was, extra, body, _ = line.sent.pop(message.number)
            self._request(line, was, extra + self._credentials(line, was, message), body)
        elif method == "REGISTER":
            self.is_registered = status == 200
        elif method == "BYE":
            line.is_released = True
        elif method == "REFER":
            line.transfer_status = max(line.transfer_status, status)
        elif method == "INVITE" and line.state == "calling":
            self._called(line, message)

    def _called(self, line: Line, message: Message) -> None:
        if message.status >= 300:
            self._over(line)
        elif message.status >= 200:
            line.becomes("talking")

    def answer(self, line: Line) -> None:
        """Go off the hook, where the phone doesn't by itself."""
        if line.state == "ringing":
            self._take(line)

    def _over(self, line: Line) -> None:
        line.becomes("over")
        line.is_released = True

    # ---- making messages -----------------------------------------------------------------------

    def _line(self, local: str, remote: str, uri: str) -> Line:
        call_id = f"{secrets.token_hex(8)}{next(_numbers)}"
        line = Line(call_id, f"{local};tag={secrets.token_hex(6)}", remote, uri)
        self.lines.append(line)
        return line

    def _request(self, line: Line, method: str, extra: str = "", body: str = "") -> None:
        line.number += 1
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        line.sent[line.number] = (method, extra, body, branch)
        self._write(self._head(line, method, line.number, branch) + extra, body)

    def _acknowledge(self, line: Line, message: Message) -> None:
        if message.status < 300:
            line.remote = message["To"]
            line.uri = _uri(message["Contact"]) or line.uri
            branch = f"z9hG4bK{secrets.token_hex(8)}"
            self._write(self._head(line, "ACK", message.number, branch))
        elif message.number in line.sent:
            head = self._head(line, "ACK", message.number, line.sent[message.number][3])
            self._write(head.replace(f"To: {line.remote}", f"To: {message['To']}"))

    def _head(self, line: Line, method: str, number: int, branch: str) -> str:
        port = self._contact.rsplit(":", 1)[1].rstrip(">")
        return (
            f"{method} {line.uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch={branch}\r\n"
            f"From: {line.local}\r\nTo: {line.remote}\r\nCall-ID: {line.call_id}\r\n"
            f"CSeq: {number} {method}\r\nContact: {self._contact}\r\nMax-Forwards: 70\r\n"
        )

    def _answer(self, message: Message, status: str, to: str = "", body: str = "") -> None:
        copied = [(n, v) for n, v in message.headers if n in _COPIED]
        rows = [f"{n}: {to if n == 'To' and to else v}" for n, v in copied]
        head = "\r\n".join([f"SIP/2.0 {status}", *rows, f"Contact: {self._contact}"]) + "\r\n"
        self._write(head + (_SDP_TYPE if body else ""), body)

    def _write(self, head: str, body: str = "") -> None:
        assert self._transport is not None
        text = f"{head}Content-Length: {len(body)}\r\n\r\n{body}"
        self._transport.sendto(text.encode(), self._to)

    def _sdp(self, line: Line, direction: str = "sendrecv") -> str:
        return _SDP.format(version=line.number + 1, port=_MEDIA_PORT, direction=direction)

    def _credentials(self, line: Line, method: str, challenge: Message) -> str:
        rows = challenge.all("WWW-Authenticate")
        row = next(r for r in rows if "algorithm" not in r or "MD5" in r)
        said = dict(re.findall(r'(\w+)="([^"]*)"', row))
        chosen, realm, nonce = secrets.token_hex(4), said["realm"], said["nonce"]
        first = _md5(f"{self.user}:{realm}:{self._secret}")
        second = _md5(f"{method}:{line.uri}")
        proof = _md5(f"{first}:{nonce}:00000001:{chosen}:auth:{second}")
        opaque = f', opaque="{said["opaque"]}"' if "opaque" in said else ""
        return (
            f'Authorization: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", '
            f'uri="{line.uri}", qop=auth, nc=00000001, cnonce="{chosen}", response="{proof}"{opaque}\r\n'
        )

    def _later(self, delay: timedelta, work: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay.total_seconds(), work)


_SDP_TYPE = "Content-Type: application/sdp\r\n"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _tag(address: str) -> str:
    found = re.search(r";tag=([^;]+)", address)
    return found[1] if found else ""


def _uri(address: str) -> str:
    found = re.search(r"<([^>]+)>", address)
    return found[1] if found else address


@contextlib.asynccontextmanager
async def wire_phone(server: str, user: str, secret: str = "") -> AsyncIterator[WirePhone]:
    """A phone (``secret``: registered while the block runs) or a caller; hangs up at the end."""
    loop = asyncio.get_running_loop()
    transport, phone = await loop.create_datagram_endpoint(
        lambda: WirePhone(server, user, secret), local_addr=("127.0.0.1", 0)
    )
    try:
        if secret:
            await phone.register()
        yield phone
        for line in phone.lines:
            phone.hang_up(line)
        if secret:
            await phone.register(0)
    finally:
        for line in phone.lines:
            line.becomes("over")
        transport.close()
