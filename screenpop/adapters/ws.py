"""The desktop's WebSocket: ``GET /api/v1/desktop`` (docs/desktop-protocol.md).

One task reads, one writes, one pings. The socket is accepted before anything is checked, since a browser's script can't
read an HTTP status but can read a close code. A page that stops reading is cut (4004) without anybody waiting for it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from aiohttp import WSMessage, WSMsgType, web
from pydantic import ValidationError

from cti.domain.ids import CallId
from cti.ports import Clock
from cti.web.access import COOKIE
from cti.web.limiter import RateLimiter
from cti.web.routing import Access, Route, SignedIn
from cti.web.security import OriginRule
from cti.web.signin import SignInDesk
from screenpop.commands import CommandDesk
from screenpop.connection import CloseCode, Connection
from screenpop.desks import Desk
from screenpop.messages import (
    HELLO,
    CommandMessage,
    Hello,
    PaintedMessage,
    PhoneMessage,
    WatchMessage,
)
from screenpop.service import ScreenPop
from screenpop.ticket_messages import PAGE_MESSAGE, TicketsMessage

log = structlog.get_logger(__name__)

MAX_MESSAGE = 64 * 1024
"""Bytes of one message from a page; more closes the socket with 1009."""

PING_EVERY = timedelta(seconds=10)
_HELLO_SECONDS = 10.0
_CLOSE_SECONDS = 1.0
_MAX_MESSAGES_A_SECOND = 200
_OPENINGS, _OPENINGS_A_SECOND = 30, 2.0
"""Of one browser: all its tabs come back at once, more than that is no person."""


class DesktopSockets:
    """Serves desktops."""

    def __init__(
        self,
        pop: ScreenPop,
        commands: CommandDesk,
        sign_in: SignInDesk,
        origins: OriginRule,
        clock: Clock,
    ) -> None:
        self._pop = pop
        self._commands = commands
        self._sign_in = sign_in
        self._origins = origins
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()
        self._openings = RateLimiter(_OPENINGS, _OPENINGS_A_SECOND)

    def routes(self) -> list[Route]:
        """The one route."""
        path = "/api/v1/desktop"
        return [Route("GET", path, self._serve, Access.SOCKET, "An agent's desktop (WebSocket)")]

    async def stop(self) -> None:
        """Wait for the commands that are being carried out."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE,
            compress=False,
            heartbeat=PING_EVERY.total_seconds(),
            timeout=_CLOSE_SECONDS,
        )
        await socket.prepare(request)
        if not self._origins.allows(request.headers.get("Origin"), request.host):
            self._sign_in.note("foreign_origin", detail="desktop")
            await socket.close(code=CloseCode.FOREIGN_ORIGIN, message=b"foreign origin")
            return socket
        try:
            who = await self._sign_in.find(request.cookies.get(COOKIE, ""))
        except OSError:  # the database is away: the page tries again
            await socket.close(code=CloseCode.GOING_AWAY, message=b"not now")
            return socket
        if who is None:
            await socket.close(code=CloseCode.SIGNED_OUT, message=b"signed out")
            return socket
        if not self._openings.allows(who.session.token_hash, self._clock.monotonic()):
            await socket.close(code=CloseCode.TRY_LATER, message=b"too often")
            return socket
        hello = await self._read_hello(socket)
        if hello is None:
            await socket.close(code=CloseCode.BAD_MESSAGE, message=b"no hello")
            return socket
        await self._converse(request, socket, who, hello)
        return socket

    async def _read_hello(self, socket: web.WebSocketResponse) -> Hello | None:
        try:
            message = await socket.receive(timeout=_HELLO_SECONDS)
            if message.type is not WSMsgType.TEXT:
                return None
            return HELLO.validate_json(message.data, strict=True)
        except (TimeoutError, ValidationError):
            return None

    async def _converse(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        who: SignedIn,
        hello: Hello,
    ) -> None:
        token_hash = who.session.token_hash
        connection = Connection(browser=token_hash, page=hello.page)

        def ended(hashed: str) -> None:
            if hashed == token_hash:
                connection.close(CloseCode.SIGNED_OUT)

        forget = self._sign_in.on_end(ended)
        desk = self._pop.open(who.user, connection, hello.boot, hello.seq, hello.language)
        tasks = [
            asyncio.create_task(self._write(socket, connection)),
            asyncio.create_task(self._read(request, socket, connection, desk)),
            asyncio.create_task(self._ping(connection, token_hash)),
            asyncio.create_task(connection.closed()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            forget()
            self._pop.close(desk, connection)
            connection.close(CloseCode.GOING_AWAY)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close(request, socket, connection)

    async def _close(
        self, request: web.Request, socket: web.WebSocketResponse, connection: Connection
    ) -> None:
        code = connection.close_code or CloseCode.GOING_AWAY
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await socket.close(code=code, message=code.name.lower().encode())
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()

    async def _write(self, socket: web.WebSocketResponse, connection: Connection) -> None:
        while (text := await connection.next_message()) is not None:
            try:
                await socket.send_str(text)
            except ConnectionError:
                return

    async def _ping(self, connection: Connection, token_hash: str) -> None:
        while True:
            await self._clock.sleep(PING_EVERY)
            connection.put({"type": "ping", "t": self._clock.monotonic()})
            if not await self._sign_in.is_alive(token_hash):
                connection.close(CloseCode.SIGNED_OUT)
                return

    async def _read(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        connection: Connection,
        desk: Desk,
    ) -> None:
        second, count = self._clock.monotonic(), 0
        async for message in socket:
            now = self._clock.monotonic()
            if now - second >= 1:
                second, count = now, 0
            count += 1
            is_flood = count > _MAX_MESSAGES_A_SECOND
            if is_flood and request.transport is not None:
                request.transport.pause_reading()  # what is still to come is read no more
            if is_flood or not self._take(message, connection, desk):
                self._sign_in.note("bad_message", by=desk.user.user_id, detail="desktop")
                connection.close(CloseCode.BAD_MESSAGE)
                return

    def _take(self, message: WSMessage, connection: Connection, desk: Desk) -> bool:
        """Act on a message; returns whether it was of a known shape."""
        if message.type is not WSMsgType.TEXT:
            return False
        try:
            said = PAGE_MESSAGE.validate_json(message.data, strict=True)
        except ValidationError:
            log.info("desktop: a message of no known shape")
            return False
        match said:
            case CommandMessage():
                task = asyncio.create_task(self._execute(desk, connection, said))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            case PaintedMessage():
                self._pop.painted(desk.user.user_id, CallId(said.call_id), said.token)
            case PhoneMessage():
                self._pop.phone_told(desk.user.user_id, said.registered, bool(said.sessions))
            case WatchMessage():
                self._pop.directory.watch(desk, connection, said.directory)
            case TicketsMessage():
                self._commands.work.watch(desk, said)
        return True

    async def _execute(self, desk: Desk, connection: Connection, said: CommandMessage) -> None:
        connection.put(await self._commands.execute(desk, said.id, said.name, said.args))
