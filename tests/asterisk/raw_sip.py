"""A caller who sends what no SIP library would: the bytes of an INVITE as the test wants them.

Speaks just enough of RFC 3261 to be answered, confirm, be hung up and hang up; sends no sound.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator
from typing import cast

_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class RawCaller(asyncio.DatagramProtocol):
    """One call from its own port."""

    def __init__(self, target: str) -> None:
        host, port = target.rsplit(":", 1)
        self.target = (host, int(port))
        self.status: int | None = None
        """The final answer to the INVITE; None: none came (yet)."""
        self.is_over = False
        self._transport: asyncio.DatagramTransport | None = None
        self._port = 0
        self._id = secrets.token_hex(8)
        self._from = self._to = self._uri = b""
        self._changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._port = transport.get_extra_info("sockname")[1]

    async def call(self, number: bytes, from_header: bytes, within: float = 8) -> int | None:
        """Send the INVITE; returns the final status, or None when Asterisk ignores it."""
        host = f"{self.target[0]}:{self.target[1]}".encode()
        self._uri = b"sip:" + number + b"@" + host
        self._from = from_header + b";tag=" + self._id.encode()
        self._to = b"<" + self._uri + b">"
        self._send(b"INVITE", 1, _SDP.encode())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.status is None:
                    self._changed.clear()
                    await self._changed.wait()
        return self.status

    def hang_up(self) -> None:
        """Send BYE, if there is a call."""
        if self.status == 200 and not self.is_over:
            self._send(b"BYE", 2)

    def _send(self, method: bytes, number: int, body: bytes = b"") -> None:
        branch = b"z9hG4bK" + self._id.encode() + method
        lines = [
            method + b" " + self._uri + b" SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};branch=".encode() + branch,
            b"From: " + self._from,
            b"To: " + self._to,
            b"Call-ID: " + self._id.encode(),
            f"CSeq: {number} ".encode() + method,
            f"Contact: <sip:raw@127.0.0.1:{self._port}>".encode(),
            b"Max-Forwards: 70",
            *([b"Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}".encode(),
        ]
        assert self._transport is not None
        self._transport.sendto(b"\r\n".join(lines) + b"\r\n\r\n" + body, self.target)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A response to us, or Asterisk's BYE."""
        if answer := re.match(rb"SIP/2.0 (\d{3})", data):
            self._answered(int(answer[1]), data)
        elif data.startswith(b"BYE"):
            kept = re.findall(rb"(?im)^(?:Via|From|To|Call-ID|CSeq):.*$", data)
            lines = [b"SIP/2.0 200 OK", *(k.rstrip(b"\r") for k in kept), b"Content-Length: 0"]
            assert self._transport is not None
            self._transport.sendto(b"\r\n".join(lines) + b"\r\n\r\n", addr)
            self.is_over = True

    def _answered(self, status: int, data: bytes) -> None:
        if b"CSeq: 1 INVITE" not in data or status < 200:
            return
        if to := re.search(rb"(?im)^To: (.*?)\r?$", data):
            self._to = to[1]
        self._send(b"ACK", 1)
        self.status = status
        self._changed.set()


@contextlib.asynccontextmanager
async def raw_caller(target: str) -> AsyncIterator[RawCaller]:
    """A caller; hangs up at the end."""
    loop = asyncio.get_running_loop()
    transport, caller = await loop.create_datagram_endpoint(
        lambda: RawCaller(target), local_addr=("127.0.0.1", 0)
    )
    try:
        yield caller
    finally:
        caller.hang_up()
        transport.close()
