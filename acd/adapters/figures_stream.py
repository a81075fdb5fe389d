"""``GET /api/v1/queues/stream`` (WebSocket): the queues as they are, then each change, at most once a second a queue.

The first message is a snapshot, or, where the cursor that the page brings is this service's, only what changed since. Every
message carries the cursor to go on from. A page that reads slowly gets the newest figures later and older ones not at
all; nothing gathers for it. Close codes are those of docs/desktop-protocol.md: 4001 signed out, 4002 foreign origin,
4003 a message that nobody expects.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

from aiohttp import WSMsgType, web

from acd.adapters.figures_answers import StreamQuery
from acd.adapters.figures_http import FiguresDesk, queue_now
from acd.figures_board import FiguresBoard, Live, Watch
from cti.domain.people import User
from cti.ports import Clock
from cti.web.access import COOKIE
from cti.web.routing import Access, ApiError, Route, SignedIn, read_query
from cti.web.security import OriginRule
from cti.web.signin import SignInDesk

PAUSE = timedelta(seconds=1)
"""Between two rounds of changes: a queue is in each at most once."""
CHECK_EVERY = timedelta(seconds=30)
"""How often it is seen that the session still counts."""

_GOING_AWAY, _SIGNED_OUT, _FOREIGN_ORIGIN, _BAD_MESSAGE = 1001, 4001, 4002, 4003
_HEARTBEAT_S = 20.0
_CLOSE_S = 1.0
_MAX_MESSAGE = 1024


class FiguresStream:
    """Serves watchers."""

    def __init__(
        self,
        board: FiguresBoard,
        desk: FiguresDesk,
        sign_in: SignInDesk,
        origins: OriginRule,
        clock: Clock,
        boot_id: str,
    ) -> None:
        self._board = board
        self._desk = desk
        self._sign_in = sign_in
        self._origins = origins
        self._clock = clock
        self._boot_id = boot_id
        self._sockets: set[web.WebSocketResponse] = set()

    def routes(self) -> list[Route]:
        """The one route."""
        path, summary = "/api/v1/queues/stream", "Live figures of the queues (WebSocket)"
        return [Route("GET", path, self._serve, Access.SOCKET, summary, query=StreamQuery)]

    async def stop(self) -> None:
        """Close all watchers' sockets."""
        for socket in list(self._sockets):
            await _close(socket, _GOING_AWAY)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            max_msg_size=_MAX_MESSAGE, compress=False, heartbeat=_HEARTBEAT_S, timeout=_CLOSE_S
        )
        await socket.prepare(request)
        if not self._origins.allows(request.headers.get("Origin"), request.host):
            self._sign_in.note("foreign_origin", detail="queues")
            await _close(socket, _FOREIGN_ORIGIN)
            return socket
        who = await self._sign_in.find(request.cookies.get(COOKIE, ""))
        if who is None:
            await _close(socket, _SIGNED_OUT)
            return socket
        try:
            cursor = read_query(request, StreamQuery).cursor
        except ApiError:
            await _close(socket, _BAD_MESSAGE)
            return socket
        await self._converse(request, socket, who, cursor)
        return socket

    async def _converse(
        self, request: web.Request, socket: web.WebSocketResponse, who: SignedIn, cursor: str
    ) -> None:
        watch, forget = self._board.watch(self._desk.scope(who.user).queues)
        ended = asyncio.Event()
        hashed = who.session.token_hash
        unlisten = self._sign_in.on_end(lambda other: ended.set() if other == hashed else None)
        tasks = {
            asyncio.create_task(self._write(socket, watch, cursor)): _GOING_AWAY,
            asyncio.create_task(_read(socket)): _BAD_MESSAGE,
            asyncio.create_task(self._session_end(who, watch, ended)): _SIGNED_OUT,
        }
        self._sockets.add(socket)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            code = max(tasks[task] for task in done)
        except asyncio.CancelledError:
            code = _GOING_AWAY
            raise
        finally:
            self._sockets.discard(socket)
            unlisten()
            forget()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await _close(socket, code)
            if request.transport is not None and not socket.closed:
                request.transport.abort()

    async def _write(self, socket: web.WebSocketResponse, watch: Watch, cursor: str) -> None:
        since = self._since(cursor)
        queues = [live for live in self._board.live() if live.profile.name in watch.queues]
        kind = "snapshot" if since is None else "resumed"
        shown = [live for live in queues if since is None or live.sequence > since]
        await self._send(socket, kind, shown)
        while True:
            await self._clock.sleep(PAUSE)
            changed = await watch.next()
            shown = [live for name in changed if (live := self._board.of(name)) is not None]
            await self._send(socket, "changes", shown)

    async def _send(self, socket: web.WebSocketResponse, kind: str, shown: list[Live]) -> None:
        message: dict[str, Any] = {
            "type": kind,
            "cursor": f"{self._boot_id}.{self._board.sequence}",
            "at": self._clock.now().isoformat(),
            "queues": [queue_now(live, live.today).model_dump(mode="json") for live in shown],
        }
        await socket.send_json(message)

    def _since(self, cursor: str) -> int | None:
        """The number in a cursor of this service; None: it is none of ours."""
        boot_id, _, number = cursor.partition(".")
        is_ours = boot_id == self._boot_id and number.isascii() and number.isdigit()
        return int(number) if is_ours and int(number) <= self._board.sequence else None

    async def _session_end(self, who: SignedIn, watch: Watch, ended: asyncio.Event) -> None:
        """Return when the session is over, or its person sees other queues now: he comes back for those."""
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_EVERY.total_seconds()):
                    await ended.wait()
            if not await self._sign_in.is_alive(who.session.token_hash):
                return
            if not self._sees(who.user, watch):
                return

    def _sees(self, user: User, watch: Watch) -> bool:
        return watch.queues == self._desk.scope(user).queues


async def _read(socket: web.WebSocketResponse) -> None:
    """A watcher says nothing; whatever he says ends it."""
    async for message in socket:
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            return


async def _close(socket: web.WebSocketResponse, code: int) -> None:
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_CLOSE_S):
            await socket.close(code=code)
