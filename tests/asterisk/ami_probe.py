"""A minimal AMI client for tests: an independent witness, not the product's link.

It writes actions, reads whole messages, keeps every event in order. Nothing is filtered or repaired.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.asterisk.pbx import Pbx
from tests.until import until

Message = dict[str, str]


class AmiProbe:
    """One signed-in AMI connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self.events: list[Message] = []
        self.event_bytes: list[int] = []
        """What each took on the wire; a message above keeps the first of a repeated header only."""

    @classmethod
    @asynccontextmanager
    async def connected(cls, pbx: Pbx) -> AsyncIterator[AmiProbe]:
        """Sign in with the service's account; close at the end."""
        streams = await asyncio.open_connection("127.0.0.1", pbx.settings.pbx.ami_port)
        probe = cls(*streams)
        await probe._reader.readline()  # the greeting
        reading = asyncio.create_task(probe._read())
        try:
            answer = await probe.send("Login", Username="ringdesk", Secret=pbx.secrets.ami)
            assert answer["Response"] == "Success", answer
            yield probe
        finally:
            reading.cancel()
            probe._writer.close()
            await probe._writer.wait_closed()

    async def send(self, action: str, **headers: str) -> Message:
        """Send an action; return its first answer."""
        number = str(next(self._numbers))
        self._answers[number] = asyncio.get_running_loop().create_future()
        lines = [f"Action: {action}", f"ActionID: {number}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        return await asyncio.wait_for(self._answers[number], 10)

    async def setvar(self, name: str, value: str, channel: str = "") -> Message:
        """Set a channel's variable, or a global one."""
        headers = {"Channel": channel} if channel else {}
        return await self.send("Setvar", **headers, Variable=name, Value=value)

    async def redirect(self, channel: str, context: str, exten: str = "s") -> Message:
        """Send a channel to a place in the dialplan."""
        return await self.send(
            "Redirect", Channel=channel, Context=context, Exten=exten, Priority="1"
        )

    async def event(
        self, name: str, *, after: int = 0, within: float = 10.0, **wanted: str
    ) -> Message:
        """Return the first event of that name whose headers are as ``wanted``; wait for it.

        For user events ``name`` is theirs (``RdWait``). ``after``: look from this index on.
        """

        def found() -> Message | None:
            for event in self.events[after:]:
                if name in (event.get("Event"), event.get("UserEvent")) and all(
                    event.get(key) == value for key, value in wanted.items()
                ):
                    return event
            return None

        try:
            event: Message = await until(found, within)
        except TimeoutError:
            seen = [e.get("UserEvent") or e["Event"] for e in self.events[after:]]
            raise AssertionError(f"no {name} {wanted} within {within} s; seen: {seen}") from None
        return event

    def names(self, after: int = 0) -> list[str]:
        """Return the user events seen, in order."""
        return [e["UserEvent"] for e in self.events[after:] if e["Event"] == "UserEvent"]

    async def _read(self) -> None:
        while True:
            raw = await self._reader.readuntil(b"\r\n\r\n")
            block = raw.decode("utf-8", "replace")
            message: Message = {}
            for line in block.strip("\r\n").split("\r\n"):
                key, _, value = line.partition(": ")
                if key == "ChanVariable":  # RD_T0=…: one header a variable
                    key, _, value = value.partition("=")
                message.setdefault(key.rstrip(":"), value)
            waiting = self._answers.get(message.get("ActionID", ""))
            if "Response" in message and waiting and not waiting.done():
                waiting.set_result(message)
            elif "Event" in message:
                self.events.append(message)
                self.event_bytes.append(len(raw))
