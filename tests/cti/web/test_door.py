"""The web server's door, knocked at over loopback by those who say nothing, little or something."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import pytest
from aiohttp import ClientSession, WSMsgType, web
from prometheus_client import CollectorRegistry, generate_latest

from cti.web.app import WebServer
from cti.web.door import Door, grant_files, most_connections
from tests.fakes.people import HandClock
from tests.until import until

pytestmark = pytest.mark.contract

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _hello(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="hello")


async def _socket(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(str(message.data))
    return socket


@dataclass
class House:
    """A server behind a door, and who knocks."""

    door: Door
    clock: HandClock
    port: int
    peers: list[Peer] = field(default_factory=list)

    async def knock(self, said: bytes = b"") -> Peer:
        """Connect and say so much."""
        peer = await asyncio.open_connection("127.0.0.1", self.port)
        peer[1].write(said)
        self.peers.append(peer)
        return peer

    async def knocks(self, count: int) -> list[Peer]:
        """One after the other, each let in before the next."""
        come = []
        for _ in range(count):
            before = self._known()
            come.append(await self.knock())
            await until(partial(self._is_other, before))
        return come

    def _known(self) -> tuple[int, int]:
        return self.door.silent, sum(self.door.turned_away.values())

    def _is_other(self, before: tuple[int, int]) -> bool:
        return self._known() != before

    async def ask(self) -> str:
        """As a browser does, over a connection of its own."""
        async with ClientSession() as client, client.get(f"http://127.0.0.1:{self.port}/") as got:
            return await got.text()


@contextlib.asynccontextmanager
async def house(max_connections: int = 100, max_silent: int = 10) -> AsyncIterator[House]:
    """The server, started; peers and server ended with the block."""
    clock, app = HandClock(), web.Application()
    app.router.add_get("/", _hello)
    app.router.add_get("/socket", _socket)
    door = Door(clock, max_connections, max_silent=max_silent, silent_time=timedelta(seconds=10))
    server = WebServer(app, "127.0.0.1", 0, door)
    house = House(door, clock, await server.start())
    try:
        yield house
    finally:
        for _, writer in house.peers:
            writer.close()
        await server.stop()


async def _is_ended(peer: Peer) -> bool:
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(peer[0].read(), 5) == b""
    return True


async def test_who_says_nothing_is_ended_in_time_and_who_asked_stays() -> None:
    async with house() as it:
        asked = await it.knock(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await asked[0].readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        (nothing,) = await it.knocks(1)
        half = await it.knock(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        await until(lambda: it.door.silent == 2)
        it.clock.advance(9)
        half[1].write(b"a")  # a byte now and then makes no request
        assert it.door.silent == 2
        it.clock.advance(2)
        assert await _is_ended(nothing)
        assert await _is_ended(half)
        assert it.door.turned_away["silent"] == 2
        asked[1].write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await asked[0].readuntil(b"hello")


async def test_the_longest_silent_make_room_for_others() -> None:
    async with house(max_silent=3) as it:
        first, second, third = await it.knocks(3)
        assert await it.ask() == "hello"
        assert await _is_ended(first)
        await until(lambda: it.door.silent == 2)
        (fourth,) = await it.knocks(1)
        await it.knock()
        assert await _is_ended(second)
        assert it.door.turned_away["too_many_silent"] == 2
        assert not third[0].at_eof()
        assert not fourth[0].at_eof()


async def test_who_is_served_is_pushed_out_by_nobody() -> None:
    async with house(max_connections=6, max_silent=3) as it, ClientSession() as client:
        sockets = [await client.ws_connect(f"http://127.0.0.1:{it.port}/socket") for _ in range(5)]
        for _ in range(20):
            await it.knock()
        await until(lambda: it.door.turned_away["no_room"] >= 10)
        for number, socket in enumerate(sockets):
            await socket.send_str(f"{number}")
            said = await socket.receive(timeout=5)
            assert (said.type, said.data) == (WSMsgType.TEXT, f"{number}")
        for socket in sockets:
            await socket.close()


async def test_where_all_are_served_the_newcomer_is_turned_away() -> None:
    async with house(max_connections=2, max_silent=1) as it, ClientSession() as client:
        sockets = [await client.ws_connect(f"http://127.0.0.1:{it.port}/socket") for _ in range(2)]
        assert await _is_ended(await it.knock())
        assert it.door.turned_away["no_room"] == 1
        await sockets[0].close()

        async def asked() -> bool:
            with contextlib.suppress(OSError):
                return await it.ask() == "hello"
            return False

        await until(asked)
        await sockets[1].close()


async def test_who_left_by_himself_is_forgotten() -> None:
    async with house() as it:
        for _, writer in await it.knocks(4):
            writer.close()

        async def all_gone() -> bool:
            it.clock.advance(1)
            return it.door.silent == 0

        await until(all_gone)
        assert sum(it.door.turned_away.values()) == 0
        assert await it.ask() == "hello"


async def test_a_thousand_knock_and_say_nothing_while_a_browser_asks() -> None:
    async with house(max_connections=200, max_silent=50) as it:
        for _ in range(40):
            knocking = [asyncio.create_task(it.knock()) for _ in range(25)]
            assert await it.ask() == "hello"
            await asyncio.gather(*knocking)
        await until(lambda: sum(it.door.turned_away.values()) >= 900)
        assert it.door.silent <= 50


async def test_metrics_tell_how_many_were_turned_away() -> None:
    registry = CollectorRegistry()
    async with house(max_silent=1) as it:
        registry.register(it.door)
        await it.knocks(2)
        told = generate_latest(registry).decode()
    assert 'ringdesk_web_turned_away_total{why="too_many_silent"} 1.0' in told


@pytest.mark.parametrize(("files", "most"), [(256, 128), (1_024, 512), (20_000, 19_000)])
def test_callers_keep_files_of_their_own(files: int, most: int) -> None:
    assert most_connections(files) == most


def test_all_files_that_the_system_allows_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (1_024, 5_000))
    monkeypatch.setattr(resource, "setrlimit", lambda _what, limits: asked.append(limits))
    assert grant_files() == 5_000
    assert asked == [(5_000, 5_000)]
