"""The exchange's side of the browser phone, as far as signalling goes: a SIP registrar on a WebSocket that can call.

RFC 7118 (SIP over WebSocket) with the little of RFC 3261 that a page needs to register, ring, answer, decline and hang
up. It offers media and never sends any: real sound is proven against the real exchange.
"""

from __future__ import annotations

import itertools
import re

from aiohttp import WSMsgType, web

_FINGERPRINT = ":".join(["A5"] * 32)
OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0",
        "c=IN IP4 127.0.0.1",
        "a=rtpmap:0 PCMU/8000",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        f"a=fingerprint:sha-256 {_FINGERPRINT}",
        "a=setup:actpass",
        "a=rtcp-mux",
        "a=sendrecv",
        "a=mid:0",
        "a=candidate:1 1 UDP 2130706431 127.0.0.1 9 typ host",
        "",
    ]
)
ANSWER = OFFER.replace("setup:actpass", "setup:passive")
"""To a call of the phone's, which offers what we take, too."""


def header(message: str, name: str) -> str:
    """The first value of a header; empty when there is none."""
    found = re.search(rf"^{name}:\s*(.*?)\r?$", message, re.IGNORECASE | re.MULTILINE)
    return found.group(1) if found else ""


class StubSip:
    """One registrar for one phone. ``seen`` holds what the phone sent: ``REGISTER``, ``180``, ``200 INVITE``, ``BYE``…"""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.called: list[str] = []
        """Addresses that the phone called; ``is_silent``: without an answer."""
        self.is_silent = False
        self.url = ""
        self._numbers = itertools.count(1)
        self._socket: web.WebSocketResponse | None = None
        self._contact = ""
        self._tags: dict[str, str] = {}  # what the phone calls itself in each call
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on loopback; ``url`` then has the address."""
        app = web.Application()
        app.router.add_get("/ws", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{self._runner.addresses[0][1]}/ws"

    async def stop(self) -> None:
        """End it and its socket."""
        if self._socket:
            await self._socket.close()
        if self._runner:
            await self._runner.cleanup()

    @property
    def account(self) -> dict[str, str]:
        """The phone section's ``sip``."""
        host = "ringdesk.invalid"
        uri = f"sip:1001w@{host}"
        return {"url": self.url, "uri": uri, "user": "1001w", "password": "x", "realm": host}

    async def call(
        self, name: str = "Caller", call_id: str = "", *, answer_now: bool = False
    ) -> None:
        """Ring the registered phone; ``answer_now``: as the exchange rings it for a command."""
        number = next(self._numbers)
        lines = [
            f"INVITE {self._contact} SIP/2.0",
            f"Via: SIP/2.0/WS 127.0.0.1;branch=z9hG4bK{number}",
            "Max-Forwards: 70",
            f'From: "{name}" <sip:13800138000@ringdesk.invalid>;tag=a{number}',
            "To: <sip:1001w@ringdesk.invalid>",
            f"Call-ID: stub-{number}",
            f"CSeq: {number} INVITE",
            "Contact: <sip:stub@127.0.0.1;transport=ws>",
            "Content-Type: application/sdp",
        ]
        if answer_now:
            lines.append("Call-Info: <sip:ringdesk>;answer-after=0")
        if call_id:
            lines.append(f"X-Ringdesk-Call: {call_id}")
        await self._send([*lines, f"Content-Length: {len(OFFER)}", "", OFFER])

    async def ask(self) -> None:
        """Ask whether the phone is there, as the exchange does (qualify)."""
        number = next(self._numbers)
        lines = [
            f"OPTIONS {self._contact} SIP/2.0",
            f"Via: SIP/2.0/WS 127.0.0.1;branch=z9hG4bKo{number}",
            "Max-Forwards: 70",
            f"From: <sip:1001w@ringdesk.invalid>;tag=o{number}",
            "To: <sip:1001w@ringdesk.invalid>",
            f"Call-ID: stub-o{number}",
            f"CSeq: {number} OPTIONS",
        ]
        await self._send([*lines, "Content-Length: 0", "", ""])

    async def give_up(self, number: int) -> None:
        """End the ring of the so manyth call (from 1), as a caller who hangs up does."""
        lines = [
            f"CANCEL {self._contact} SIP/2.0",
            f"Via: SIP/2.0/WS 127.0.0.1;branch=z9hG4bK{number}",
            "Max-Forwards: 70",
            f'From: "Caller" <sip:13800138000@ringdesk.invalid>;tag=a{number}',
            "To: <sip:1001w@ringdesk.invalid>",
            f"Call-ID: stub-{number}",
            f"CSeq: {number} CANCEL",
        ]
        await self._send([*lines, "Content-Length: 0", "", ""])

    async def hang_up(self, number: int) -> None:
        """End the so manyth call (from 1), which was answered."""
        lines = [
            f"BYE {self._contact} SIP/2.0",
            f"Via: SIP/2.0/WS 127.0.0.1;branch=z9hG4bKbye{number}",
            "Max-Forwards: 70",
            f'From: "Caller" <sip:13800138000@ringdesk.invalid>;tag=a{number}',
            f"To: {self._tags[f'stub-{number}']}",
            f"Call-ID: stub-{number}",
            f"CSeq: {number + 100} BYE",
        ]
        await self._send([*lines, "Content-Length: 0", "", ""])

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["sip"])
        await socket.prepare(request)
        self._socket = socket
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data.strip():
                await self._received(message.data)
        return socket

    async def _received(self, message: str) -> None:
        first = message.split("\r\n", 1)[0]
        if first.startswith("SIP/2.0"):
            await self._response(first.split(" ")[1], message)
            return
        method = first.split(" ")[0]
        self.seen.append(method)
        if method == "REGISTER":
            self._contact = header(message, "Contact").split("<")[1].split(">")[0]
        if method == "INVITE":
            self.called.append(first.split(" ")[1])
            if not self.is_silent:
                await self._ok(message, "<sip:stub@127.0.0.1;transport=ws>", ANSWER)
        elif method != "ACK":
            contact = header(message, "Contact") if method == "REGISTER" else ""
            await self._ok(message, contact)

    async def _response(self, status: str, message: str) -> None:
        method = header(message, "CSeq").split(" ")[1]
        self.seen.append(f"{status} {method}")
        if method == "INVITE" and status == "200":
            self._tags[header(message, "Call-ID")] = header(message, "To")
        if method == "INVITE" and int(status) >= 200:
            number = header(message, "CSeq").split(" ")[0]
            lines = [
                f"ACK {self._contact} SIP/2.0",
                f"Via: SIP/2.0/WS 127.0.0.1;branch=z9hG4bK{number if int(status) >= 300 else 'ack' + number}",
                "Max-Forwards: 70",
                f"From: {header(message, 'From')}",
                f"To: {header(message, 'To')}",
                f"Call-ID: {header(message, 'Call-ID')}",
                f"CSeq: {number} ACK",
            ]
            await self._send([*lines, "Content-Length: 0", "", ""])

    async def _ok(self, request: str, contact: str, body: str = "") -> None:
        to = header(request, "To")
        lines = [
            "SIP/2.0 200 OK",
            f"Via: {header(request, 'Via')}",
            f"From: {header(request, 'From')}",
            f"To: {to if 'tag=' in to else to + ';tag=stub'}",
            f"Call-ID: {header(request, 'Call-ID')}",
            f"CSeq: {header(request, 'CSeq')}",
        ]
        if contact:
            lines.append(f"Contact: {contact}")
        if body:
            lines.append("Content-Type: application/sdp")
        await self._send([*lines, f"Content-Length: {len(body)}", "", body])

    async def _send(self, lines: list[str]) -> None:
        if self._socket and not self._socket.closed:
            await self._socket.send_str("\r\n".join(lines))
