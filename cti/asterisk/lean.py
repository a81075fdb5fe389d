"""A listening socket with the least that FastAGI needs: accept, read, write a line, close.

asyncio's own server makes a task, a transport with buffers and several loop callbacks for each connection, which
costs more than a whole AGI session of two commands. AGI asks for none of that: one command of at most 2,000
bytes is under way at a time, so a socket that can't take it at once belongs to a peer that doesn't read, and is closed.
Needs a selector loop (``add_reader``), which Linux's is.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from datetime import timedelta

import structlog

from cti.ports import Clock

log = structlog.get_logger(__name__)

_READ_SIZE = 16 * 1024
_BACKLOG = 512
_PAUSE_TIME = timedelta(seconds=1)  # when there are no file descriptors left


class LeanTransport(asyncio.Transport):
    """One accepted connection."""

    def __init__(self, connection: socket.socket, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._socket = connection
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._is_closing = False
        # By number: asyncio writes a socket object's repr for each call otherwise.
        self._loop.add_reader(connection.fileno(), self._readable)
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it now, or close."""
        if self._is_closing:
            return
        try:
            sent = self._socket.send(data)
        except OSError:
            sent = -1
        if sent != len(data):
            self.abort()

    def close(self) -> None:
        """Close; all that was written has been sent already."""
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._is_closing:
            return
        self._is_closing = True
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._loop.call_soon(self._protocol.connection_lost, None)

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self._is_closing

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._protocol.data_received(data)
        else:
            self._protocol.eof_received()
            self.abort()


class LeanListener:
    """Accepts connections on one address and gives each a protocol of its own."""

    def __init__(
        self, make: Callable[[], asyncio.Protocol], clock: Clock, host: str, port: int
    ) -> None:
        self._make = make
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._is_open = True
        self._listen()

    def close(self) -> None:
        """Accept no more; connections stay."""
        self._is_open = False
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _listen(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(_BACKLOG):
            try:
                connection, _peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                # No descriptors left: others will end; asking at once would only burn the CPU.
                log.error("agi_accept_failed", error=type(exc).__name__)
                self._loop.remove_reader(self._socket)
                self._clock.call_later(_PAUSE_TIME, self._listen)
                return
            connection.setblocking(False)
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            LeanTransport(connection, self._make())
