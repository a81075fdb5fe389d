"""Two protocols joined in memory: what one writes the other receives in the loop's next round."""

from __future__ import annotations

import asyncio
from typing import Any


class MemoryTransport(asyncio.Transport):
    """One end of a pair."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("memory", 0)})
        self._protocol = protocol
        self._peer: MemoryTransport | None = None
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._is_closing and self._peer is not None:
            asyncio.get_running_loop().call_soon(self._peer.receive, bytes(data))

    def receive(self, data: bytes) -> None:
        if not self._is_closing:
            self._protocol.data_received(data)

    def close(self) -> None:
        self._end()

    def abort(self) -> None:
        self._end()

    def is_closing(self) -> bool:
        return self._is_closing

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def _end(self) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        loop = asyncio.get_running_loop()
        loop.call_soon(self._protocol.connection_lost, None)
        if self._peer is not None:
            loop.call_soon(self._peer._end)


def join(one: asyncio.Protocol, other: asyncio.Protocol) -> MemoryTransport:
    """Connect two protocols; returns the first one's transport."""
    left, right = MemoryTransport(one), MemoryTransport(other)
    left._peer, right._peer = right, left
    other.connection_made(right)
    one.connection_made(left)
    return left


def as_protocol(protocol: Any) -> asyncio.Protocol:
    """What a protocol factory made, for the type checker."""
    assert isinstance(protocol, asyncio.Protocol)
    return protocol
