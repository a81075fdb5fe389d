"""Our FastAGI server: Asterisk connects for each caller who is to hear something.

Built to be a door that strangers may knock at, although it listens on loopback only: whoever
connects has ``header_timeout`` to send a whole environment within the limits of ``cti/wire/agi.py``, costs one
small object until then and no task, and there are never more than ``max_connections``: the longest silent gives way.
A peer that sends what AGI doesn't say, or a second reply where one was asked for, is closed. Each reply has a deadline:
the length of its command plus a grace, by which Asterisk would have ended the lease itself.

A script (``Route``) is a coroutine; what it raises is logged and ends its own session, no other.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import structlog

from cti.asterisk.lean import LeanListener
from cti.asterisk.session import AgiSession, CallerGone
from cti.domain.errors import RemoteProtocolError
from cti.ports import Clock, Timer
from cti.wire.agi import AgiDecoder, AgiEnvironment, AgiHangup, AgiItem, AgiReply, encode_command

log = structlog.get_logger(__name__)

Route = Callable[[AgiSession], Awaitable[None]]
"""A script: speaks to one caller, then returns."""


class FastAgiServer:
    """Serves ``routes`` by path (``/ivr``) to the Asterisk on this machine."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        clock: Clock,
        *,
        max_connections: int = 1000,
        header_timeout: timedelta = timedelta(seconds=5),
        reply_grace_time: timedelta = timedelta(seconds=15),
    ) -> None:
        self._routes = dict(routes)
        self.clock = clock
        self.max_connections = max_connections
        self.header_timeout = header_timeout
        self.reply_grace_time = reply_grace_time
        self.connections: set[AgiConnection] = set()
        self.silent: dict[AgiConnection, None] = {}
        """Of them, those whose environment isn't whole yet; the longest first."""
        self.refused = 0
        """Connections that were closed for garbage, slowness or their number."""
        self._listener: LeanListener | None = None
        self._sweeper: Timer | None = None
        # One look at all deadlines now and then costs less than a timer for each command.
        self._sweep_time = min(timedelta(seconds=1), header_timeout / 4, reply_grace_time / 4)

    async def start(self, port: int, host: str = "127.0.0.1") -> int:
        """Listen; returns the port (useful with 0).

        Raises:
            ValueError: an address that isn't loopback: AGI knows no password.
            OSError: the port is in use.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError("FastAGI listens on loopback only")
        self._listener = LeanListener(self.make_connection, self.clock, host, port)
        return self._listener.port

    async def close(self) -> None:
        """Stop listening and end all sessions; their callers go on in the dialplan."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        tasks = [c.task for c in self.connections if c.task is not None]
        for connection in list(self.connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        await asyncio.gather(*tasks, return_exceptions=True)

    def make_connection(self) -> AgiConnection:
        """The protocol for one connection; for tests that have no socket."""
        return AgiConnection(self)

    def add(self, connection: AgiConnection) -> None:
        """A connection to watch."""
        self.connections.add(connection)
        self.silent[connection] = None
        if self._sweeper is None:
            self._sweeper = self.clock.call_later(self._sweep_time, self._sweep)

    def make_room(self) -> bool:
        """Where all places are taken, end who has been silent longest: a stranger, Asterisk speaks at once."""
        if len(self.connections) < self.max_connections:
            return True
        if not self.silent:
            return False
        next(iter(self.silent)).refuse("too many connections")
        return True

    def forget(self, connection: AgiConnection) -> None:
        """A connection that has ended."""
        self.connections.discard(connection)
        self.silent.pop(connection, None)

    def _sweep(self) -> None:
        now = self.clock.monotonic()
        for connection in [c for c in self.connections if c.deadline < now]:
            connection.too_slow()
        more = bool(self.connections)
        self._sweeper = self.clock.call_later(self._sweep_time, self._sweep) if more else None

    async def run(self, session: AgiSession) -> None:
        """Run the script of a session, whatever it does."""
        route = self._routes.get(session.path)
        if route is None:
            log.error("agi_no_route")
            return
        try:
            await route(session)
        except CallerGone:
            log.debug("agi_caller_gone", path=session.path)
        except Exception:  # the outermost frame of a session: it must not reach another
            log.exception("agi_script_failed", path=session.path)


class AgiConnection(asyncio.Protocol):
    """One connection from Asterisk."""

    def __init__(self, server: FastAgiServer) -> None:
        self._server = server
        self._decoder = AgiDecoder()
        self._transport: asyncio.Transport | None = None
        self.deadline = math.inf
        """Monotonic seconds by which the peer must have sent what is awaited."""
        self._reply: asyncio.Future[AgiReply] | None = None
        self._is_gone = False
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody knocks."""
        self._transport = transport  # type: ignore[assignment]  # TCP: always a Transport
        if not self._server.make_room():
            self.refuse("too many connections")
            return
        self._await_within(self._server.header_timeout)
        self._server.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        if self._is_gone:
            return
        try:
            for item in self._decoder.feed(data):
                self._take(item)
        except RemoteProtocolError as exc:
            self.refuse(str(exc))

    def eof_received(self) -> None:
        """The peer closed its side: there is no caller any more."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.abort()

    def abort(self) -> None:
        """Close at once and let the script know."""
        self._is_gone = True
        self._server.forget(self)
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(CallerGone("the caller's session ended"))
        if self._transport is not None:
            self._transport.abort()

    def refuse(self, reason: str) -> None:
        """Close it for what the peer did, or for what he did not."""
        if not self._is_gone:
            self._server.refused += 1
            log.warning("agi_peer_refused", reason=reason)
            self.abort()

    def _take(self, item: AgiItem) -> None:
        match item:
            case AgiEnvironment():
                self.deadline = math.inf
                self._server.silent.pop(self, None)
                session = AgiSession(item, self.exchange)
                self.task = asyncio.get_running_loop().create_task(self._serve(session))
            case AgiHangup():
                self.abort()
            case AgiReply():
                if self._reply is None or self._reply.done():
                    raise RemoteProtocolError("an AGI reply that nobody asked for")
                self._reply.set_result(item)

    async def _serve(self, session: AgiSession) -> None:
        try:
            await self._server.run(session)
        finally:
            # Close, not abort: the last command must still reach Asterisk.
            self._is_gone = True
            self._server.forget(self)
            if self._transport is not None:
                self._transport.close()

    async def exchange(
        self, command: str, arguments: tuple[str, ...], takes: timedelta
    ) -> AgiReply:
        """Send one command and wait for its reply.

        Raises:
            CallerGone: the connection ended, or no reply came in time.
            LocalProtocolError: an argument that may not be sent.
        """
        line = encode_command(command, *arguments)
        if self._is_gone or self._transport is None:
            raise CallerGone("the caller's session ended")
        reply: asyncio.Future[AgiReply] = asyncio.get_running_loop().create_future()
        self._reply = reply
        self._transport.write(line)
        self._await_within(takes + self._server.reply_grace_time)
        try:
            return await reply
        finally:
            self.deadline = math.inf
            self._reply = None

    def too_slow(self) -> None:
        """The deadline is over."""
        if self.task is None:
            self.refuse("too slow")
        else:
            self.abort()

    def _await_within(self, limit_time: timedelta) -> None:
        self.deadline = self._server.clock.monotonic() + limit_time.total_seconds()
