"""The FastAGI server as a door that strangers knock at, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from cti.asterisk.fastagi import FastAgiServer
from cti.asterisk.session import AgiSession, CallerGone
from cti.clock import SystemClock
from cti.domain.errors import CommandRefused, LocalProtocolError
from tests.until import until

pytestmark = pytest.mark.contract

ENVIRONMENT = (
    b"agi_network: yes\nagi_network_script: ivr\nagi_channel: PJSIP/x-1\nagi_uniqueid: 7.1\n\n"
)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Door:
    """A server with scripts that remember what happened to them."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.server = FastAgiServer(
            {"/ivr": self.script, "/broken": self.broken},
            SystemClock(),
            max_connections=20,
            header_timeout=timedelta(seconds=0.2),
            reply_grace_time=timedelta(seconds=0.2),
        )
        self.port = 0

    async def script(self, session: AgiSession) -> None:
        try:
            await session.answer()
            self.ends.append("answered")
            await session.get_variable("X")
        except CallerGone:
            self.ends.append("gone")
            raise
        except CommandRefused:
            self.ends.append("refused")

    async def broken(self, session: AgiSession) -> None:
        raise RuntimeError("a script's fault")

    async def knock(self, data: bytes = b"") -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        return reader, writer


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door()
    door.port = await door.server.start(0)
    yield door
    await door.server.close()
    assert not door.server.connections


async def test_a_session_from_end_to_end(door: Door) -> None:
    reader, writer = await door.knock(ENVIRONMENT[:30])
    writer.write(ENVIRONMENT[30:])
    assert await reader.readline() == b"ANSWER\n"
    writer.write(b"200 result=0\n")
    assert await reader.readline() == b'GET VARIABLE "X"\n'
    writer.write(b"200 result=1 (y)\n")
    assert await reader.read() == b""  # the script is done: closed
    writer.close()
    assert door.ends[-1] == "answered"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01" * 50,
        b"\n",
        b"agi_network: yes\n" * 2000,
        b"agi_x: " + b"y" * 100_000,
        ENVIRONMENT + b"200 result=0\n200 result=0\n",  # a reply that nobody asked for
        ENVIRONMENT + b"<html>\n",
        ENVIRONMENT + b"x" * 100_000,
    ],
)
async def test_garbage_is_closed_and_harms_nobody(door: Door, data: bytes) -> None:
    reader, writer = await door.knock(data)
    with contextlib.suppress(ConnectionResetError):  # closed while data of ours were under way
        await asyncio.wait_for(reader.read(), 2)
    writer.close()
    await until(lambda: door.server.refused == 1)
    await test_a_session_from_end_to_end(door)


async def test_half_a_request_has_a_deadline_and_a_whole_one_none(door: Door) -> None:
    half = await door.knock(b"agi_network: yes\n")
    none = await door.knock()
    assert await asyncio.wait_for(half[0].read(), 2) == b""
    assert await asyncio.wait_for(none[0].read(), 2) == b""
    assert door.server.refused == 2
    for _, writer in (half, none):
        writer.close()


async def test_a_flood_of_connections_is_bounded_and_passes(door: Door) -> None:
    flood = [await door.knock() for _ in range(60)]
    assert len(door.server.connections) <= 20
    await test_a_session_from_end_to_end(door)  # in the midst of it
    await until(lambda: door.server.refused == 60, 3)
    for _, writer in flood:
        writer.close()
    assert not door.server.silent


async def test_where_all_speak_with_callers_the_newcomer_is_refused(door: Door) -> None:
    speaking = [await door.knock(ENVIRONMENT) for _ in range(20)]
    for reader, _ in speaking:
        assert await reader.readline() == b"ANSWER\n"
    late = await door.knock(ENVIRONMENT)
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(late[0].read(), 2) == b""
    assert door.server.refused == 1
    for _, writer in (*speaking, late):
        writer.close()


async def test_a_port_scan_leaves_nothing_behind(door: Door) -> None:
    for _ in range(30):
        _, writer = await door.knock()
        writer.close()
        await writer.wait_closed()
    await until(lambda: not door.server.connections)
    assert door.server.refused == 0


async def test_a_caller_who_hangs_up(door: Door) -> None:
    _, writer = await door.knock(ENVIRONMENT)
    await until(lambda: door.server.connections)
    writer.close()
    await until(lambda: door.ends == ["gone"])
    _, writer = await door.knock(ENVIRONMENT + b"HANGUP\n")
    await until(lambda: door.ends == ["gone", "gone"])
    writer.close()
    _, writer = await door.knock(ENVIRONMENT + b"511 Command Not Permitted on a dead channel\n")
    await until(lambda: len(door.ends) == 3 or door.server.refused)
    writer.close()


async def test_a_peer_that_never_answers_is_given_up(door: Door) -> None:
    reader, writer = await door.knock(ENVIRONMENT)
    assert await reader.readline() == b"ANSWER\n"
    await until(lambda: door.ends == ["gone"])
    assert not door.server.connections
    writer.close()


@pytest.mark.parametrize(
    ("reply", "end"),
    [(b"510 Invalid\n", "refused"), (b"511 dead\n", "gone"), (b"520-a\n520 b\n", "refused")],
)
async def test_what_asterisk_refuses(door: Door, reply: bytes, end: str) -> None:
    reader, writer = await door.knock(ENVIRONMENT)
    await reader.readline()
    writer.write(reply)
    await until(lambda: door.ends == [end])
    writer.close()


async def test_a_script_that_fails_ends_alone(door: Door) -> None:
    for script in (b"broken", b"nosuch"):
        reader, writer = await door.knock(ENVIRONMENT.replace(b"ivr", script))
        assert await asyncio.wait_for(reader.read(), 2) == b""
        writer.close()
    await test_a_session_from_end_to_end(door)


async def test_closing_ends_all_sessions() -> None:
    door = Door()
    door.port = await door.server.start(0)
    reader, writer = await door.knock(ENVIRONMENT)
    await reader.readline()
    await door.server.close()
    assert door.ends == ["gone"]
    writer.close()


async def test_loopback_only(door: Door) -> None:
    with pytest.raises(ValueError, match="loopback"):
        await door.server.start(0, "0.0.0.0")  # noqa: S104 - it is refused


async def test_a_hostile_argument_is_refused_before_the_wire() -> None:
    door = Door()
    connection = door.server.make_connection()
    with pytest.raises(LocalProtocolError):
        await connection.exchange("SET VARIABLE", ("RD_X", "a\nHANGUP"), timedelta(0))
    with pytest.raises(CallerGone):
        await connection.exchange("ANSWER", (), timedelta(0))


@pytest.mark.parametrize(
    ("reply", "length", "is_there"),
    [
        (b"200 result=35 (dtmf) endpos=32000\n", 4.0, True),
        (b"200 result=0 (timeout) endpos=16000\n", 2.0, True),
        (b"200 result=-1 (hangup) endpos=12000\n", 1.5, False),
    ],
)
async def test_a_recorded_file_is_as_long_as_asterisk_says(
    reply: bytes, length: float, is_there: bool
) -> None:
    door, found = Door(), []

    async def record(session: AgiSession) -> None:
        found.append(
            await session.record_file(
                "/spool/x", max_time=timedelta(seconds=90), silence_time=timedelta(seconds=5)
            )
        )

    door.server = FastAgiServer({"/ivr": record}, SystemClock())
    door.port = await door.server.start(0)
    reader, writer = await door.knock(ENVIRONMENT)
    assert await reader.readline() == b'SET VARIABLE "TIMEOUT(absolute)" "95"\n'
    writer.write(b"200 result=1\n")
    assert await reader.readline() == b'RECORD FILE "/spool/x" "raw" "#" "90000" "s=5"\n'
    writer.write(reply)
    assert await reader.read() == b""
    writer.close()
    await door.server.close()
    assert found == [(timedelta(seconds=length), is_there)]


async def answered(
    script: Callable[[AgiSession], Awaitable[None]], *exchanges: tuple[bytes, bytes]
) -> list[bytes]:
    """Run a script against an Asterisk that answers so; the lines that came, all told."""
    door, came = Door(), []
    door.server = FastAgiServer({"/ivr": script}, SystemClock())
    door.port = await door.server.start(0)
    reader, writer = await door.knock(ENVIRONMENT)
    for wanted, reply in exchanges:
        came.append(await reader.readline())
        assert came[-1] == wanted
        writer.write(reply)
    came.append(await reader.read())
    writer.close()
    await door.server.close()
    return came


async def test_the_last_act_is_one_command_with_the_lease_first_and_the_sign_of_success_last() -> (
    None
):
    done = []

    async def finish(session: AgiSession) -> None:
        await session.finish({"RD_QUEUE": "sales", "RD_CREDIT": "0", "RD_NEXT": "wait"})
        done.append(True)

    pairs = b"TIMEOUT(absolute)=5,RD_QUEUE=sales,RD_CREDIT=0,RD_NEXT=wait"
    line = b'EXEC "MSet" "' + pairs + b'"\n'
    assert (await answered(finish, (line, b"200 result=0\n")))[-1] == b""
    assert done


@pytest.mark.parametrize("value", ["a,RD_NEXT=hangup", 'a"', "a)", "a b", "${X}", "a\\"])
async def test_nothing_is_set_beside_a_value_that_would_be_more(value: str) -> None:
    refused = []

    async def finish(session: AgiSession) -> None:
        try:
            await session.set_variables({"RD_TO": "1001", "RD_QUEUE": value})
        except LocalProtocolError as exc:
            refused.append(exc)

    assert await answered(finish) == [b""]
    assert refused


async def test_an_asterisk_that_cannot_set_several_is_no_success() -> None:
    refused = []

    async def finish(session: AgiSession) -> None:
        try:
            await session.set_variables({"RD_NEXT": "wait"})
        except CommandRefused as exc:
            refused.append(exc)

    await answered(finish, (b'EXEC "MSet" "RD_NEXT=wait"\n', b"200 result=-2\n"))
    assert refused
