"""A man in the middle of the AMI: between the service and Asterisk, and as unfair as a network can be.

    proxy = AmiProxy()
    async with proxy.listening(), live(through=proxy) as product: ...

It passes whole messages on and keeps a record of every action that the service wrote, so that a test can count what
was asked twice. Faults are switched on and off by attributes and methods; none of them reorders anything by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

_END = b"\r\n\r\n"
_GREETING_END = b"\r\n"
_CHUNK = 64 * 1024
_TAIL = 2000  # messages from Asterisk that are remembered
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


def headers_of(message: bytes) -> dict[str, str]:
    """The headers of a message, the first value of each."""
    found: dict[str, str] = {}
    for line in message.decode("utf-8", "replace").split("\r\n"):
        name, mark, value = line.partition(": ")
        if mark:
            found.setdefault(name, value)
    return found


def event(name: str, **headers: str) -> bytes:
    """An event as Asterisk writes it."""
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in headers.items())]
    return "\r\n".join(lines).encode() + _END


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the service wrote."""

    connection: int  # the how many-th that logged in, from 1; 0: before
    name: str  # in lower case
    headers: dict[str, str]

    @property
    def rings_somebody(self) -> str:
        """What is rung by it, in words; done twice, somebody is rung twice for one caller. Empty: nothing."""
        h = self.headers
        if self.name == "originate":
            return f"originate {h.get('Channel')} {h.get('Context')} {h.get('Exten')}"
        if self.name == "redirect" and h.get("Context") in ("rd-dial", "rd-back"):
            return f"redirect {h.get('Channel')} {h.get('Context')} {h.get('Exten')}"
        return ""


@dataclass
class AmiProxy:
    """The proxy. ``target``: Asterisk's own port, set by ``live``."""

    target: int = 0
    port: int = 0
    is_cut: bool = False
    """Refuse: whoever connects is reset."""
    is_black_hole: bool = False
    """Connections stand, and nothing gets through in either direction, ever."""
    delay: tuple[float, float] = (0.0, 0.0)
    """Seconds that each message from Asterisk is late, at least and at most; their order stays."""
    rate: float = 0.0
    """Bytes a second from Asterisk to the service; 0: as they come."""
    duplicates: int = 0
    """After the next login, so many of the last events come once more."""
    answers: dict[str, int] = field(default_factory=dict)
    """How often an action of this name (in lower case) is answered: 0 never, 2 twice."""
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    written: list[Action] = field(default_factory=list)
    logins: int = 0
    connects: int = 0
    _flow: asyncio.Event = field(default_factory=asyncio.Event)
    _sessions: set[_Session] = field(default_factory=set)
    _tail: deque[bytes] = field(default_factory=lambda: deque(maxlen=_TAIL))

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[AmiProxy]:
        """Accept connections on ``port`` of loopback while the block runs."""
        self._flow.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=2**22)
        self.port = int(server.sockets[0].getsockname()[1])
        try:
            yield self
        finally:
            server.close()
            sessions = list(self._sessions)
            for session in sessions:
                session.reset()
            await asyncio.gather(*(s.ended.wait() for s in sessions))

    # ---- faults --------------------------------------------------------------------------------

    def cut(self) -> None:
        """Reset all connections, and refuse new ones until ``restore``."""
        self.is_cut = True
        for session in list(self._sessions):
            session.reset()

    def stall(self) -> None:
        """Nothing moves; what is on its way arrives when ``restore`` is called."""
        self._flow.clear()

    def swallow(self) -> None:
        """Nothing moves, and what is written is lost."""
        self.is_black_hole = True

    def restore(self) -> None:
        """All is well again; a connection that was a black hole stays one."""
        self.is_cut = self.is_black_hole = False
        self.delay, self.rate = (0.0, 0.0), 0.0
        self.answers.clear()
        self._flow.set()

    def inject(self, *messages: bytes) -> None:
        """Say this to the service as if Asterisk had."""
        for session in self._sessions:
            session.say(messages)

    # ---- what was seen -------------------------------------------------------------------------

    def last_events(self, name: str) -> list[bytes]:
        """The newest events of a name, as they came."""
        return [m for m in self._tail if headers_of(m).get("Event") == name]

    def repeated(self, since: int = 0) -> list[str]:
        """Who was rung twice: each phone may be rung once for a caller, in a test in which every phone answers."""
        counts = Counter(a.rings_somebody for a in self.written[since:] if a.rings_somebody)
        return [words for words, count in counts.items() if count > 1]

    def count(self, *names: str, since: int = 0) -> int:
        """How many actions of these names (in lower case) were written."""
        return sum(action.name in names for action in self.written[since:])

    # ---- inside --------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects += 1
        session = _Session(self, reader, writer)
        if self.is_cut:
            session.reset()
            return
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            session.ended.set()


class _Session:
    """One connection of the service, and ours to Asterisk."""

    def __init__(
        self, proxy: AmiProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._reader, self._writer = reader, writer
        self._behind: asyncio.StreamWriter | None = None
        self._is_logged_in = False
        self._is_lost = False  # a black hole swallowed a part of it
        self._asked: dict[str, str] = {}  # action by ActionID
        self._line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._due = 0.0
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Pass on until one side closes."""
        with contextlib.suppress(OSError):
            theirs, self._behind = await asyncio.open_connection("127.0.0.1", self._proxy.target)
            work = (self._up(), self._down(theirs), self._deliver())
            self._tasks = [asyncio.create_task(self._until_closed(w)) for w in work]
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self.reset()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _until_closed(self, work: object) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await work  # type: ignore[misc]

    def reset(self) -> None:
        """Close both sides; the service sees a reset, not an end."""
        found = self._writer.get_extra_info("socket")
        if found is not None and found.fileno() >= 0:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        for writer in (self._writer, self._behind):
            if writer is not None:
                writer.transport.abort()
        for task in self._tasks:
            task.cancel()

    def say(self, messages: Iterable[bytes]) -> None:
        """Put messages into the line to the service."""
        low, high = self._proxy.delay
        for message in messages:
            late = asyncio.get_running_loop().time() + self._proxy.chance.uniform(low, high)
            self._due = max(self._due, late)  # later ones never overtake
            self._line.put_nowait((self._due, message))

    async def _gate(self) -> bool:
        """Wait while all stands; False: this is lost."""
        await self._proxy._flow.wait()
        self._is_lost = self._is_lost or self._proxy.is_black_hole
        return not self._is_lost

    async def _up(self) -> None:
        """From the service to Asterisk."""
        assert self._behind is not None
        while True:
            message = await self._reader.readuntil(_END)
            headers = headers_of(message)
            name = headers.get("Action", "").lower()
            number = self._proxy.logins if self._is_logged_in else 0
            self._proxy.written.append(Action(number, name, headers))
            self._asked[headers.get("ActionID", "")] = name
            if await self._gate():
                self._behind.write(message)
                await self._behind.drain()

    async def _down(self, theirs: asyncio.StreamReader) -> None:
        """From Asterisk into the line."""
        self.say([await theirs.readuntil(_GREETING_END)])
        buffer = b""
        while data := await theirs.read(_CHUNK):
            *whole, buffer = (buffer + data).split(_END)
            for message in whole:
                self._heard(message + _END)

    def _heard(self, message: bytes) -> None:
        headers = headers_of(message)
        if "Event" in headers:
            self._proxy._tail.append(message)
        name = self._asked.get(headers.get("ActionID", "")) if "Response" in headers else None
        self.say([message] * (self._proxy.answers.get(name, 1) if name else 1))
        if name == "login":
            self._is_logged_in = True
            self._proxy.logins += 1
            again, self._proxy.duplicates = self._proxy.duplicates, 0
            self.say(list(self._proxy._tail)[-again:] if again else [])

    async def _deliver(self) -> None:
        """From the line to the service."""
        loop = asyncio.get_running_loop()
        while True:
            due, message = await self._line.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if not await self._gate():
                continue
            for start in range(0, len(message), _CHUNK):
                self._writer.write(message[start : start + _CHUNK])
                await self._writer.drain()
            if self._proxy.rate:
                await asyncio.sleep(len(message) / self._proxy.rate)
