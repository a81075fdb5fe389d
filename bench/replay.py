"""A small AMI server that plays what it is told: a world of live calls, a burst of events.

``python -m bench.replay`` prints its port and then takes orders on standard input, one a line, each answered by a line:

    world 500 3       from now on 500 calls talk, of the third set (other sets have other calls)
    burst 20000 1     send so many events within one second, as set 1; answers with the seconds it took to send them
    cut               close all connections
    seen              how many connections, actions and offers (Redirect) there were, and when the offers came

It is a process of its own, so that its work is charged to nobody. Its rows and events have the headers that the
translator reads, as Asterisk 22 writes them (docs/dialplan.md); what it isn't asked about it answers with success.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator

AGENTS = 500
PER_CALL = 20
"""Events of each call of a burst."""
WAITING = 100
"""Callers of a burst who wait at the same time."""
FREE = 50
"""Agents whose phones a burst leaves alone."""
_SLICES = 50
_LISTS = {
    "status": "StatusComplete",
    "bridgelist": "BridgeListComplete",
    "devicestatelist": "DeviceStateListComplete",
    "queuestatus": "QueueStatusComplete",
}
Headers = Iterable[tuple[str, object]]


def message(kind: str, name: str, headers: Headers) -> bytes:
    """One message of AMI."""
    lines = [f"{kind}: {name}", *(f"{key}: {value}" for key, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def extension(number: int) -> str:
    """The phone of a simulated agent."""
    return str(99001 + number % AGENTS)


def call_id(number: int, kind: int) -> str:
    """The id of a call: as the dialplan makes it."""
    return f"pbx1-{1795000000 + kind}.{2 * number}-{number}"


def uniqueid(number: int, kind: int, leg: int = 0) -> str:
    """The channel's of a caller (0) or of the phone that he talks with (1)."""
    return f"pbx1-{1795000000 + kind}.{2 * number + leg}"


def channel_rows(calls: int, kind: int) -> Iterator[tuple[str, Headers]]:
    """Two channels a call, bridged."""
    for number in range(calls):
        this, bridge = call_id(number, kind), f"bridge-{kind}-{number}"
        yield (
            "Status",
            [
                ("Channel", f"PJSIP/trunk_demo-{number:08x}"),
                ("Uniqueid", uniqueid(number, kind)),
                ("ChannelStateDesc", "Up"),
                ("BridgeID", bridge),
                ("CallerIDNum", f"8613900{number:06}"),
                *(
                    ("Variable", variable)
                    for variable in (
                        f"RD_CALL={this}", f"RD_REF={this}", "RD_STATE=dialing", "RD_T0=1795303765500",
                        "RD_QUEUE=selftest", "RD_TRY=1", "RD_REC=0x1",
                    )
                ),
            ],
        )  # fmt: skip
        yield (
            "Status",
            [
                ("Channel", f"PJSIP/{extension(number)}-{number:08x}"),
                ("Uniqueid", uniqueid(number, kind, 1)),
                ("ChannelStateDesc", "Up"),
                ("BridgeID", bridge),
                ("Variable", "RD_CALL=(null)"),
                ("Variable", f"RD_REF={this}"),
            ],
        )


def bridge_rows(calls: int, kind: int) -> Iterator[tuple[str, Headers]]:
    """One bridge a call."""
    for number in range(calls):
        yield (
            "BridgeListItem",
            [("BridgeUniqueid", f"bridge-{kind}-{number}"), ("BridgeTechnology", "simple_bridge")],
        )


def burst(events: int, kind: int) -> list[bytes]:
    """Callers who come, wait among phones that change their states, and hang up ``WAITING`` callers later.

    They wait long enough to be offered to agents; the phones of the first ``FREE`` agents stay as they are, so that
    there is somebody to be offered to.
    """
    calls = events // PER_CALL
    made: list[bytes] = []
    for number in range(calls):
        made += _arrival(number, kind)
        if number >= WAITING:
            made += _departure(number - WAITING, kind)
    for number in range(max(0, calls - WAITING), calls):
        made += _departure(number, kind)
    return made


def _caller(number: int, kind: int) -> list[tuple[str, object]]:
    return [("Channel", f"PJSIP/trunk_demo-{number:08x}"), ("Uniqueid", uniqueid(number, kind))]


def _arrival(number: int, kind: int) -> list[bytes]:
    caller = _caller(number, kind)
    known = [*caller, ("Call", call_id(number, kind))]
    told: list[tuple[str, object]] = [("Dnis", "99000"), ("CallerIDNum", f"8613800{number:06}")]
    wait = [("T0", int(time.time() * 1000)), ("Queue", "selftest"), ("Credit", 0), ("Try", 0)]
    made = [
        message("Event", "UserEvent", [("UserEvent", "RdBack"), *known]),
        message("Event", "UserEvent", [("UserEvent", "RdIn"), *known, *told]),
        message("Event", "UserEvent", [("UserEvent", "RdWait"), *known, *wait]),
    ]
    for turn in range(PER_CALL - 5):
        device = f"PJSIP/{extension(FREE + (number * 7 + turn) % (AGENTS - FREE))}"
        state = ("INUSE", "NOT_INUSE", "RINGING")[turn % 3]
        made.append(message("Event", "DeviceStateChange", [("Device", device), ("State", state)]))
    return made


def _departure(number: int, kind: int) -> list[bytes]:
    caller = _caller(number, kind)
    return [
        message("Event", "HangupRequest", caller),
        message("Event", "Hangup", [*caller, ("Cause", 16)]),
    ]


class Hall:
    """Who waits and which phone does what, by the events that were sent: a snapshot tells the same truth as they."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[str, object]]] = {}
        self._phones: dict[str, str] = {}

    def follow(self, event: bytes) -> None:
        """One event was sent."""
        lines = event.decode().split("\r\n")
        headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
        uniqueid = headers.get("Uniqueid", "")
        match headers["Event"], headers.get("UserEvent"):
            case "UserEvent", "RdIn":
                call = headers["Call"]
                self._waiting[uniqueid] = [
                    ("Channel", headers["Channel"]),
                    ("Uniqueid", uniqueid),
                    ("ChannelStateDesc", "Up"),
                    ("CallerIDNum", headers["CallerIDNum"]),
                    ("Variable", f"RD_CALL={call}"),
                    ("Variable", f"RD_REF={call}"),
                ]
            case "UserEvent", "RdWait":
                self._waiting[uniqueid] += [
                    ("Variable", "RD_STATE=waiting"),
                    ("Variable", f"RD_T0={headers['T0']}"),
                    ("Variable", f"RD_QUEUE={headers['Queue']}"),
                ]
            case "Hangup", _:
                self._waiting.pop(uniqueid, None)
            case "DeviceStateChange", _:
                self._phones[headers["Device"]] = headers["State"]

    def channels(self) -> Iterator[tuple[str, Headers]]:
        """A row for each who waits."""
        return (("Status", row) for row in self._waiting.values())

    def devices(self, calls: int) -> Iterator[tuple[str, Headers]]:
        """All phones, of which the first are in calls."""
        for number in range(AGENTS):
            device = f"PJSIP/{extension(number)}"
            state = "INUSE" if number < calls else self._phones.get(device, "NOT_INUSE")
            yield "DeviceStateChange", [("Device", device), ("State", state)]


class Replay:
    """The server and what it has seen."""

    def __init__(self) -> None:
        self._calls, self._kind = 0, 0
        self._hall = Hall()
        self._writers: set[asyncio.StreamWriter] = set()
        self.connections = self.actions = 0
        self.offers: list[float] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._writers.add(writer)
        self.connections += 1
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self._act(writer, (await reader.readuntil(b"\r\n\r\n")).decode())
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    def _act(self, writer: asyncio.StreamWriter, block: str) -> None:
        pairs = [line.partition(":")[::2] for line in block.split("\r\n") if line]
        headers = {name.lower(): value.strip() for name, value in pairs}
        name, action_id = headers.get("action", "").lower(), headers.get("actionid", "")
        self.actions += 1
        answer: list[tuple[str, object]] = [("ActionID", action_id)]
        if name in _LISTS:
            writer.write(message("Response", "Success", [*answer, ("EventList", "start")]))
            for row, values in self._rows(name):
                writer.write(message("Event", row, [*answer, *values]))
            writer.write(message("Event", _LISTS[name], [*answer, ("EventList", "Complete")]))
            return
        if name == "redirect":
            self.offers.append(time.monotonic())
        if name == "ping":
            answer.append(("Ping", "Pong"))
        if name == "corestatus":
            answer += [("CoreStartupDate", "2026-03-02"), ("CoreStartupTime", "10:00:00")]
        writer.write(message("Response", "Success", answer))

    def _rows(self, name: str) -> Iterable[tuple[str, Headers]]:
        match name:
            case "status":
                return itertools.chain(channel_rows(self._calls, self._kind), self._hall.channels())
            case "bridgelist":
                return bridge_rows(self._calls, self._kind)
            case "devicestatelist":
                return self._hall.devices(self._calls)
            case _:
                return ()

    async def order(self, words: list[str]) -> object:
        """Do what one line says."""
        match words:
            case ["world", calls, kind]:
                self._calls, self._kind = int(calls), int(kind)
            case ["burst", events, kind]:
                return await self._burst(burst(int(events), int(kind)))
            case ["cut"]:
                for writer in self._writers:
                    writer.transport.abort()
            case ["seen"]:
                return {
                    "connections": self.connections,
                    "actions": self.actions,
                    "offers": self.offers,
                }
        return "ok"

    async def _burst(self, events: list[bytes]) -> float:
        """Spread over a second in slices; a reader that is slower makes it longer."""
        begun, size = time.monotonic(), -(-len(events) // _SLICES)
        for number in range(_SLICES):
            part = events[number * size : (number + 1) * size]
            for event in part:
                self._hall.follow(event)
            for writer in self._writers:
                writer.write(b"".join(part))
                await writer.drain()
            due = begun + (number + 1) / _SLICES
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        return time.monotonic() - begun


async def _main() -> None:
    replay, loop = Replay(), asyncio.get_running_loop()
    server = await asyncio.start_server(replay.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        print(json.dumps(await replay.order(line.decode().split())), flush=True)


class Player:
    """The process, as the bench commands it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    async def order(self, *words: object) -> object:
        """Give an order and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write((" ".join(str(word) for word in words) + "\n").encode())
        return json.loads(await self._process.stdout.readline())


@contextlib.asynccontextmanager
async def playing() -> AsyncIterator[Player]:
    """A server in a process of its own, ended with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.replay",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield Player(process, int(await process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(_main())
