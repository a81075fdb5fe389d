"""The proxy itself: a fault that it doesn't make would be a test that can't fail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.asterisk.ami_proxy import AmiProxy, event, headers_of
from tests.until import until

pytestmark = pytest.mark.asterisk
GREETING = b"Asterisk Call Manager/11.0.0\r\n"


class Peer:
    """As much of an Asterisk as is needed here: answers, and says what it is told to say."""

    def __init__(self) -> None:
        self.port = 0
        self.heard: list[dict[str, str]] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(GREETING)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                action = headers_of(await reader.readuntil(b"\r\n\r\n"))
                self.heard.append(action)
                writer.write(
                    f"Response: Success\r\nActionID: {action['ActionID']}\r\n\r\n".encode()
                )

    def tell(self, *numbers: int) -> None:
        for number in numbers:
            self.writers[-1].write(event("Tick", Number=str(number)))


class Client:
    """What connects to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.came: list[dict[str, str]] = []
        self.fate = ""
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            assert await self._reader.readuntil(b"\r\n") == GREETING
            while True:
                self.came.append(headers_of(await self._reader.readuntil(b"\r\n\r\n")))
        except (OSError, asyncio.IncompleteReadError) as exc:
            self.fate = type(exc).__name__

    def ask(self, name: str, number: int, **headers: str) -> None:
        lines = [f"Action: {name}", f"ActionID: {number}"]
        lines += [f"{key}: {value}" for key, value in headers.items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def ticks(self) -> list[int]:
        return [int(m["Number"]) for m in self.came if m.get("Event") == "Tick"]

    def answers(self) -> list[str]:
        return [m["ActionID"] for m in self.came if "Response" in m]


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    yield peer
    server.close()
    for writer in peer.writers:
        writer.transport.abort()


@pytest.fixture
async def proxy(peer: Peer) -> AsyncIterator[AmiProxy]:
    async with AmiProxy(target=peer.port).listening() as running:
        yield running


async def connect(proxy: AmiProxy, peer: Peer) -> Client:
    known = len(peer.writers)
    client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    client.ask("Login", 1)
    await until(lambda: len(peer.writers) > known and "1" in client.answers())
    return client


async def test_it_passes_on_and_keeps_a_record(proxy: AmiProxy, peer: Peer) -> None:
    client = await connect(proxy, peer)
    for _ in range(2):
        client.ask("Redirect", 2, Channel="PJSIP/x-1", Context="rd-dial", Exten="1101")
    client.ask("Ping", 3)
    peer.tell(*range(50))
    await until(lambda: len(client.ticks()) == 50 and "3" in client.answers())
    assert client.ticks() == list(range(50))
    assert proxy.count("redirect") == 2
    assert proxy.repeated() == ["redirect PJSIP/x-1 rd-dial 1101"]


async def test_a_delay_keeps_the_order(proxy: AmiProxy, peer: Peer) -> None:
    client = await connect(proxy, peer)
    proxy.delay = (0.0, 0.05)
    peer.tell(*range(40))
    await until(lambda: len(client.ticks()) == 40)
    assert client.ticks() == list(range(40))


async def test_a_stall_loses_nothing_and_a_black_hole_everything(
    proxy: AmiProxy, peer: Peer
) -> None:
    client = await connect(proxy, peer)
    proxy.stall()
    peer.tell(1)
    client.ask("Ping", 2)
    await asyncio.sleep(0.1)  # nothing is awaited: the fault's own length
    assert (client.ticks(), len(peer.heard)) == ([], 1)
    proxy.restore()
    await until(lambda: client.ticks() == [1] and len(peer.heard) == 2)
    proxy.swallow()
    peer.tell(2)
    client.ask("Ping", 3)
    await until(lambda: proxy.count("ping") == 2)
    proxy.restore()
    peer.tell(3)
    other = await connect(proxy, peer)
    peer.tell(4)
    await until(lambda: other.ticks() == [4])
    assert (client.ticks(), client.fate) == ([1], "")
    client.task.cancel()


async def test_a_cut_is_a_reset_and_lets_nobody_in_again(proxy: AmiProxy, peer: Peer) -> None:
    client = await connect(proxy, peer)
    proxy.cut()
    await until(lambda: client.fate == "ConnectionResetError")
    refused = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    await until(lambda: refused.fate)
    proxy.restore()
    await connect(proxy, peer)


async def test_a_tail_is_repeated_after_the_next_login(proxy: AmiProxy, peer: Peer) -> None:
    client = await connect(proxy, peer)
    peer.tell(1, 2, 3)
    await until(lambda: len(client.ticks()) == 3)
    proxy.duplicates = 2
    other = await connect(proxy, peer)
    await until(lambda: other.ticks() == [2, 3])
    third = await connect(proxy, peer)
    peer.tell(9)
    await until(lambda: third.ticks() == [9])


async def test_answers_never_and_twice(proxy: AmiProxy, peer: Peer) -> None:
    client = await connect(proxy, peer)
    proxy.answers = {"setvar": 0, "ping": 2}
    client.ask("Setvar", 2)
    client.ask("Ping", 3)
    await until(lambda: client.answers() == ["1", "3", "3"])
