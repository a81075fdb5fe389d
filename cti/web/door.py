"""The web server's door: how many may stand in it, and for how long before they have asked something.

Whoever connects costs a file descriptor before he has said anything, and the service needs descriptors for its callers:
Asterisk's AMI and AGI, recordings, the database. So connections are counted against what the system grants. Until
the head of a first request is whole, a connection is *silent*: it is a small object here and nothing to the HTTP
server, it has ten seconds, and when there are too many of its kind the one that came first goes. Ten thousand
half-open connections of a stranger so push each other out, while a browser, which asks as soon as it is
connected, is never among the oldest.

What happens on a connection later is the HTTP server's business: it ends those that have nothing more to ask.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterable
from datetime import timedelta
from typing import Literal, cast

from aiohttp import web
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from cti.ports import Clock, Timer

RESERVED_FILES = 1_000
"""Descriptors that no page takes: callers, recordings, databases."""

MAX_SILENT = 2_000
SILENT_TIME = timedelta(seconds=10)
_MAX_HEAD = 32 * 1024
"""Bytes of a head; more goes to the HTTP server, which has limits of its own and says which was passed."""
_SWEEP_TIME = timedelta(seconds=1)
_BACKLOG = 1_024  # a thousand browsers come back in one instant
_ACCEPTED_AT_ONCE = 64  # in one turn of the loop: no call waits for a crowd at the door

Why = Literal["silent", "too_many_silent", "no_room"]


def grant_files() -> int:
    """Raise our limit of open files to what the system allows; returns it (``getrlimit(2)``)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def most_connections(files: int) -> int:
    """How many connections may be open, of so many files."""
    return max(files // 2, files - RESERVED_FILES)


class Door(Collector):
    """Lets connections in to one HTTP server (``web.Server``), which makes the handlers."""

    def __init__(
        self,
        clock: Clock,
        max_connections: int,
        *,
        max_silent: int = MAX_SILENT,
        silent_time: timedelta = SILENT_TIME,
    ) -> None:
        self._clock = clock
        self._max_connections = max_connections
        self._max_silent = max(1, min(max_silent, max_connections // 2))
        self._silent_time = silent_time.total_seconds()
        self._silent: dict[_Visitor, float] = {}  # until when; the first to come first
        self._sweeper: Timer | None = None
        self._listener: asyncio.Server | None = None
        self.turned_away: dict[Why, int] = {"silent": 0, "too_many_silent": 0, "no_room": 0}

    async def open(self, server: web.Server, host: str, port: int) -> int:
        """Listen; returns the port (the one the system chose where 0 was asked for).

        Raises:
            OSError: the port is in use or the address isn't ours.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        listening = socket.create_server(address[:2], family=family)
        self._listener = await loop.create_server(
            lambda: _Visitor(self, server), sock=listening, backlog=_ACCEPTED_AT_ONCE
        )
        listening.listen(
            _BACKLOG
        )  # how many wait in the kernel is another thing than how many come in
        return int(listening.getsockname()[1])

    def close(self) -> None:
        """Let nobody in any more, and end who has not asked anything."""
        if self._listener is not None:
            self._listener.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for visitor in list(self._silent):
            visitor.leave()

    @property
    def silent(self) -> int:
        """How many have not asked anything yet."""
        return len(self._silent)

    def collect(self) -> Iterable[CounterMetricFamily]:
        """What ``/metrics`` tells of it."""
        family = CounterMetricFamily(
            "ringdesk_web_turned_away", "Connections ended before a first request", labels=["why"]
        )
        for why, count in self.turned_away.items():
            family.add_metric([why], count)
        yield family

    def comes(self, visitor: _Visitor, others: int) -> None:
        """Somebody knocks; ``others``: how many the HTTP server has."""
        if len(self._silent) >= self._max_silent:
            self._end_first("too_many_silent")
        if len(self._silent) + others >= self._max_connections:
            if not self._silent:
                self.turned_away["no_room"] += 1
                visitor.leave()
                return
            self._end_first("no_room")
        self._silent[visitor] = self._clock.monotonic() + self._silent_time
        if self._sweeper is None:
            self._sweeper = self._clock.call_later(_SWEEP_TIME, self._sweep)

    def goes(self, visitor: _Visitor) -> None:
        """He has asked something, or is gone."""
        self._silent.pop(visitor, None)

    def _end_first(self, why: Why) -> None:
        self.turned_away[why] += 1
        next(iter(self._silent)).leave()

    def _sweep(self) -> None:
        now = self._clock.monotonic()
        for visitor in [v for v, until in self._silent.items() if until <= now]:
            self.turned_away["silent"] += 1
            visitor.leave()
        more = bool(self._silent)
        self._sweeper = self._clock.call_later(_SWEEP_TIME, self._sweep) if more else None


class _Visitor(asyncio.Protocol):
    """Whoever knocks, until the head of his request is there: then the transport speaks to the HTTP server without us."""

    def __init__(self, door: Door, server: web.Server) -> None:
        self._door = door
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody knocks."""
        self._transport = cast("asyncio.Transport", transport)  # TCP
        self._door.comes(self, len(self._server.connections))

    def data_received(self, data: bytes) -> None:
        """A part of the head, or all of it."""
        transport, self._head = self._transport, self._head + data
        if transport is None or transport.is_closing():
            return
        if b"\r\n\r\n" in self._head or len(self._head) > _MAX_HEAD:
            self._door.goes(self)
            handler = self._server()
            transport.set_protocol(handler)
            handler.connection_made(transport)
            handler.data_received(self._head)

    def connection_lost(self, exc: Exception | None) -> None:
        """He left without a word."""
        self._door.goes(self)

    def leave(self) -> None:
        """End it."""
        self._door.goes(self)
        if self._transport is not None:
            self._transport.abort()
