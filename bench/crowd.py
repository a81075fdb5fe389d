"""Many desktops that only read: plain WebSocket clients in a process of their own.

``python -m bench.crowd PORT`` reads session tokens from standard input, one a line, and an empty line; opens a desktop for
each, says hello and prints how many stand. From then on it takes orders, a line each, each answered by a line of JSON:

    deaf 1     the last one reads no more
    again      all lose their connection and come back at once; the seconds until the last one has its document
    told       how many updates came since it was last asked, and the delays of those that carry an instant, in ms

An update carries an instant as ``"sent":<seconds of the machine's monotonic clock>``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from cti.company import Company, Person
from cti.domain.people import User
from cti.ports import Session
from cti.storage.database import Database
from cti.storage.people import SqlSessions
from cti.web.access import COOKIE
from cti.web.signin import token_hash

_SENT = re.compile(r'"sent":([0-9.]+)')
_AT_ONCE = 50
_FIRST = 20_000
LOGIN = "crowd"


class Crowd:
    """The desktops and what they were told."""

    def __init__(
        self, port: int, client: aiohttp.ClientSession, tokens: Sequence[str], at_once: int
    ) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._client = client
        self._tokens = tokens
        self._at_once = at_once
        self._readers: list[asyncio.Task[None]] = []
        self._sockets: list[aiohttp.ClientWebSocketResponse] = []
        self._delays_ms: list[float] = []
        self._updates = 0
        self._ended = 0

    async def open(self) -> None:
        """All desktops, so many at once; each has its whole document."""
        turn = asyncio.Semaphore(self._at_once)
        await asyncio.gather(*(self._open(token, turn) for token in self._tokens))

    async def _open(self, token: str, turn: asyncio.Semaphore) -> None:
        async with turn:
            socket = await self._client.ws_connect(
                f"{self._url}/api/v1/desktop",
                headers={"Cookie": f"{COOKIE}={token}", "Origin": self._url},
                max_msg_size=0,
            )
            hello = {"type": "hello", "boot": None, "seq": 0, "language": "en", "page": token[:32]}
            await socket.send_json(hello)
            first = json.loads(await socket.receive_str(timeout=60))
            assert first["type"] == "snapshot", first["type"]
        self._sockets.append(socket)
        self._readers.append(asyncio.create_task(self._read(socket)))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            now = time.monotonic()
            text = str(message.data)
            if text.startswith('{"type":"ping"'):
                await socket.send_json({"type": "pong", "t": 0})
                continue
            self._updates += 1
            if found := _SENT.search(text):
                self._delays_ms.append(1000 * (now - float(found[1])))
        self._ended += 1

    async def order(self, words: Sequence[str]) -> dict[str, Any]:
        """Do what one line says."""
        if words[0] == "again":
            return {"seconds": await self._again()}
        if words[0] == "deaf":
            for socket in self._sockets[-int(words[1]) :]:
                assert socket._conn is not None
                assert socket._conn.transport is not None
                socket._conn.transport.pause_reading()
        told = {"updates": self._updates, "delays_ms": self._delays_ms, "ended": self._ended}
        self._updates, self._delays_ms = 0, []
        return told

    async def _again(self) -> float:
        for socket in self._sockets:
            assert socket._conn is not None
            assert socket._conn.transport is not None
            socket._conn.transport.abort()
        await asyncio.gather(*self._readers)
        self._sockets, self._readers, self._at_once = [], [], len(self._tokens)
        begun = time.monotonic()
        await self.open()
        return time.monotonic() - begun


def many_files() -> None:
    """As many sockets as the machine allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _main(port: int) -> None:
    many_files()
    loop, lines = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        tokens = []
        while (line := await lines.readline()).strip():
            tokens.append(line.decode().strip())
        crowd = Crowd(port, client, tokens, _AT_ONCE)
        await crowd.open()
        print(len(tokens), flush=True)
        while line := await lines.readline():
            print(json.dumps(await crowd.order(line.decode().split())), flush=True)


def with_crowd(base: Company, people: int) -> Company:
    """A company with so many more agents, of its first queue; their logins begin with ``crowd``."""
    queue = base.queues[0].name
    more = tuple(
        Person(
            login=f"{LOGIN}{n}", name=f"Desktop {n}", staff_number=f"c-{n}",
            extension=str(_FIRST + n), queues=(queue,),
        )
        for n in range(people)
    )  # fmt: skip
    return Company.model_validate(base.model_dump() | {"people": [*base.people, *more]})


async def signed_in(
    database: Database, users: Sequence[User], now: datetime, idle_time: timedelta
) -> list[str]:
    """A session's token for each, without the password's hash, which takes 50 ms."""
    sessions = SqlSessions(database)
    tokens = [f"bench-{user.user_id}-{os.getpid()}" for user in users]
    for token, user in zip(tokens, users, strict=True):
        await sessions.add(
            Session(
                token_hash=token_hash(token), user_id=user.user_id, csrf_token=token[::-1],
                created_at=now, last_seen_at=now, expires_at=now + idle_time,
            )
        )  # fmt: skip
    return tokens


class Orders:
    """The process, as the bench commands it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def say(self, line: str) -> Any:
        """Send a line and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n".encode())
        return json.loads(await self._process.stdout.readline())


@contextlib.asynccontextmanager
async def crowd(port: int, tokens: Sequence[str]) -> AsyncIterator[Orders]:
    """So many desktops, open; ended with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.crowd", str(port),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 26,
    )  # fmt: skip
    try:
        orders = Orders(process)
        assert process.stdin is not None
        process.stdin.write(("\n".join(tokens) + "\n").encode())
        assert await orders.say("") == len(tokens)
        yield orders
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
