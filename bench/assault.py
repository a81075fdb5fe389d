"""Attacks on the web server, from a process of their own.

``python -m bench.assault KIND PORT SECONDS [SHARE]`` reads a session token from standard input, attacks (for longer, if the
server has not answered by then), and prints one line of JSON with what the server did about it. Kinds:

    silent     10,000 connections that say nothing, as many at a time as the system allows, again and again
    slow       2,000 requests, a byte a second each
    bodies     500 requests whose bodies never end
    huge       messages of 100 MB on a desktop's WebSocket
    flood      a desktop that sends as many messages as it can, and comes back whenever it is cut

SHARE makes the first three smaller.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import aiohttp

from bench.crowd import many_files
from cti.web.access import COOKIE

SILENT = 10_000
SLOW = 2_000
BODIES = 500
HUGE = 100 * 1024 * 1024
_AT_ONCE = 500


class Assault:
    """One attacker with a session of his own."""

    def __init__(self, port: int, token: str, seconds: float, share: float) -> None:
        self._share = share
        self._port = port
        self._url = f"http://127.0.0.1:{port}"
        self._headers = {"Cookie": f"{COOKIE}={token}", "Origin": self._url}
        self._end = time.monotonic() + seconds
        self.seen: Counter[str] = Counter()

    @property
    def _goes_on(self) -> bool:
        return time.monotonic() < self._end or not self.seen

    async def silent(self) -> None:
        """Connections that say nothing."""
        await self._hold(SILENT, b"", b"")

    async def slow(self) -> None:
        """Requests, a byte a second."""
        await self._hold(SLOW, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"a")

    async def bodies(self) -> None:
        """Bodies that never end."""
        head = (
            f"POST /api/v1/session HTTP/1.1\r\nHost: localhost:{self._port}\r\nOrigin: {self._url}\r\n"
            "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"
        )
        await self._hold(BODIES, head.encode(), b" ")

    async def _hold(self, count: int, first: bytes, more: bytes) -> None:
        turn = asyncio.Semaphore(_AT_ONCE)
        holders = range(int(count * self._share))
        await asyncio.gather(*(self._hold_one(turn, first, more) for _ in holders))

    async def _hold_one(self, turn: asyncio.Semaphore, first: bytes, more: bytes) -> None:
        while self._goes_on:
            try:
                async with turn:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError as exc:
                self.seen[type(exc).__name__] += 1
                await asyncio.sleep(0.1)
                continue
            self.seen["connected"] += 1
            with contextlib.suppress(ConnectionError):
                writer.write(first)
                while self._goes_on and not reader.at_eof():
                    writer.write(more)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1_000), 1)
            self.seen["ended by the server"] += self._goes_on
            writer.close()

    async def huge(self) -> None:
        """Messages far beyond the limit."""
        text = "x" * HUGE
        await self._desktop(lambda socket: socket.send_str(text))

    async def flood(self) -> None:
        """More messages than a person's page has."""

        async def say(socket: aiohttp.ClientWebSocketResponse) -> None:
            for number in itertools.count():
                if socket.closed or not self._goes_on:
                    return
                await socket.send_str('{"type":"watch","directory":false}')
                if number % 100 == 0:
                    await asyncio.sleep(0)

        await self._desktop(say)

    async def _desktop(
        self, attack: Callable[[aiohttp.ClientWebSocketResponse], Awaitable[None]]
    ) -> None:
        hello = {"type": "hello", "boot": None, "seq": 0, "language": "en", "page": "assault"}
        async with aiohttp.ClientSession() as client:
            while self._goes_on:
                with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                    socket = await client.ws_connect(
                        f"{self._url}/api/v1/desktop", headers=self._headers, max_msg_size=0
                    )
                    await socket.send_json(hello)
                    attacking = asyncio.ensure_future(attack(socket))
                    while not socket.closed and self._goes_on:
                        await socket.receive(timeout=20)
                    attacking.cancel()
                    await asyncio.gather(attacking, return_exceptions=True)
                    if socket.closed:
                        self.seen[f"closed {socket.close_code}"] += 1
                    await socket.close()


async def _main(kind: str, port: int, seconds: float, share: float = 1.0) -> None:
    many_files()
    assault = Assault(port, sys.stdin.readline().strip(), seconds, share)
    attacks = {
        "silent": assault.silent, "slow": assault.slow, "bodies": assault.bodies,
        "huge": assault.huge, "flood": assault.flood,
    }  # fmt: skip
    await attacks[kind]()
    print(json.dumps(assault.seen))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:])))
