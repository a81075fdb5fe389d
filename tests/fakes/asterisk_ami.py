"""The fake Asterisk's AMI door: one protocol object for each connection, and a switch to misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.asterisk import FakeAsterisk

Headers = Iterable[tuple[str, str]]
MAX_LINE = 1024


@dataclass
class Misbehaviour:
    """What the AMI does wrong; as made: nothing."""

    is_frozen: bool = (
        False  # neither reads nor writes, as after SIGSTOP; keeps what comes for later
    )
    delay: timedelta = timedelta(0)  # before everything that it writes
    dropped: set[str] = field(default_factory=set)  # events that get lost
    is_doubling: bool = False  # writes every event twice
    cut_after: int | None = None  # bytes, after which the connection breaks, in mid-message
    answers: int = 1  # how often each action is answered
    garbage: bytes = b""  # written once, before the next event


def message(kind: str, name: str, headers: Headers) -> bytes:
    """One message as Asterisk writes it; a value can't hold a line break there either."""
    lines = [f"{kind}: {name}", *(f"{key}: {value}" for key, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


class AmiDoor(asyncio.Protocol):
    """One AMI connection from the service."""

    def __init__(self, pbx: FakeAsterisk) -> None:
        self._pbx = pbx
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._frozen: list[Callable[[], None]] = []
        self._written = 0
        self.is_signed_in = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._pbx.is_full:
            transport.abort()  # authlimit
            return
        self._pbx.doors.append(self)
        self.write(b"Asterisk Call Manager/11.0.0\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pbx.misbehaviour.is_frozen:
            self._frozen.append(lambda: self.connection_lost(exc))  # after what it still reads
        elif self in self._pbx.doors:
            self._pbx.doors.remove(self)

    def abort(self) -> None:
        """Break the connection."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._pbx.misbehaviour.is_frozen:
            self._frozen.append(lambda: self.data_received(data))
            return
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            block, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._action(block)

    def thaw(self) -> None:
        """Do what piled up while it was frozen."""
        waiting, self._frozen = self._frozen, []
        for step in waiting:
            step()

    def _action(self, block: bytes) -> None:
        headers: dict[str, str] = {}
        self._pbx.action_bytes.append(block)
        for line in block.split(b"\r\n"):
            if len(line) > MAX_LINE:
                continue  # Asterisk drops it without a word
            name, colon, value = line.decode("utf-8", "replace").partition(":")
            if colon:
                headers[name.lower()] = value.strip()
        name = headers.pop("action", "").lower()
        self._pbx.actions.append((name, headers))
        action_id = headers.pop("actionid", "")
        if name == "login":
            self._login(headers, action_id)
        elif not self.is_signed_in:
            self.answer("Error", "Permission denied", action_id)
        else:
            self._pbx.do_action(self, name, headers, action_id)

    def _login(self, headers: dict[str, str], action_id: str) -> None:
        account = (headers.get("username"), headers.get("secret"))
        if account == (self._pbx.username, self._pbx.secret):
            self.is_signed_in = True
            self.answer("Success", "Authentication accepted", action_id)
        else:
            self.answer("Error", "Authentication failed", action_id)
            if self._transport is not None:
                self._transport.close()

    def answer(self, response: str, text: str, action_id: str, *more: tuple[str, str]) -> None:
        """Write a response."""
        head = [("ActionID", action_id)] if action_id else []
        data = message("Response", response, [*head, *more, ("Message", text)])
        for _ in range(self._pbx.misbehaviour.answers):
            self.write(data)

    def answer_list(
        self, action_id: str, rows: Iterable[tuple[str, Headers]], complete: str
    ) -> None:
        """Write a list: start, rows, end."""
        self.answer("Success", "List will follow", action_id, ("EventList", "start"))
        count = 0
        for name, headers in rows:
            self.write(message("Event", name, [("ActionID", action_id), *headers]))
            count += 1
        end = [("ActionID", action_id), ("EventList", "Complete"), ("ListItems", str(count))]
        self.write(message("Event", complete, end))

    def event(self, name: str, headers: Headers) -> None:
        """Write an event, unless this one gets lost."""
        wrong = self._pbx.misbehaviour
        if not self.is_signed_in or name in wrong.dropped:
            return
        if wrong.garbage:
            self.write(wrong.garbage)
            wrong.garbage = b""
        data = message("Event", name, headers)
        for _ in range(2 if wrong.is_doubling else 1):
            self.write(data)

    def write(self, data: bytes) -> None:
        """Write, as well as it can."""
        wrong = self._pbx.misbehaviour
        if wrong.is_frozen:
            self._frozen.append(lambda: self.write(data))
            return
        if wrong.delay:
            self._pbx.clock.call_later(wrong.delay, lambda: self._write_now(data))
        else:
            self._write_now(data)

    def _write_now(self, data: bytes) -> None:
        if self._transport is None:
            return
        limit = self._pbx.misbehaviour.cut_after
        self._written += len(data)
        if limit is not None and self._written > limit:
            keep = len(data) - (self._written - limit)
            self._pbx.misbehaviour.cut_after = None
            self._transport.write(data[: max(0, keep)])
            self._transport.close()
            return
        self._transport.write(data)
