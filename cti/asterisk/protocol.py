"""panoramisk's Manager, with our own protocol under it.

The Manager's extension points are used as they are meant: it connects, logs in and correlates through
the protocol that our factory makes. What is replaced, and why (each was reproduced on panoramisk 1.4):

* decoding chunk by chunk damages names and has no bound: ``AmiDecoder`` reads instead;
* actions in flight are sent again after a reconnect (a caller would be dialled twice): here they fail;
* line breaks in a value begin another action: ``encode_action`` refuses them;
* a callback that raises closes the connection: the receiver is called inside a guard;
* reconnecting for ever, pinging without looking at the answer: ``link.py`` does both.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import panoramisk
import structlog
from panoramisk.ami_protocol import AMIProtocol

from cti.domain.errors import RemoteProtocolError, SwitchUnavailable
from cti.wire.ami import AmiDecoder, Message, encode_action

log = structlog.get_logger(__name__)

ProtocolFactory = Callable[[], asyncio.BaseProtocol]
Connect = Callable[[ProtocolFactory], Awaitable[tuple[asyncio.BaseTransport, asyncio.BaseProtocol]]]
"""Opens a connection for a protocol: ``loop.create_connection`` or, in tests, a pair in memory."""


class Receiver(Protocol):
    """Who is told what happens on a connection; called synchronously, in order."""

    def data_came(self) -> None:
        """Bytes arrived: the peer lives."""

    def event_came(self, event: Message) -> None:
        """An event that answers no action."""

    def logged_in(self, answer: Message | None) -> None:
        """The login was answered; None: the connection was lost before."""

    def connection_ended(self, cause: str) -> None:
        """The connection is gone."""


@dataclass(slots=True)
class Pending:
    """An action that was sent and waits for its answer."""

    sent_at: float  # monotonic seconds, for the link to judge; of a list, when its last row came
    is_list: bool
    future: asyncio.Future[list[Message]]
    answers: list[Message] = field(default_factory=list)

    def add(self, message: Message) -> bool:
        """Take an answer; True when it was the last one."""
        self.answers.append(message)
        if not self.is_list or (message.response and not message.success):
            return True
        return message.get("EventList") in ("Complete", "cancelled")


class AmiProtocol(AMIProtocol):  # type: ignore[misc]  # panoramisk ships no types
    """One connection to Asterisk, as panoramisk's Manager wants it."""

    def __init__(
        self, receiver: Receiver, wanted: Iterable[str] | None, now: Callable[[], float]
    ) -> None:
        self._receiver = receiver
        self._decoder = AmiDecoder(wanted)
        self._now = now
        self._ids = itertools.count(1)
        self._prefix = secrets.token_hex(4)
        self.pending: dict[str, Pending] = {}
        self.is_writable = True
        self.closed = False
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands; the Manager sends the login next."""
        self.transport = transport

    def pause_writing(self) -> None:
        """Asterisk does not read: nothing more may pile up for later."""
        self.is_writable = False

    def resume_writing(self) -> None:
        """Asterisk reads again."""
        self.is_writable = True

    def data_received(self, data: bytes) -> None:
        """Bytes from Asterisk."""
        if self.closed:
            return
        self._receiver.data_came()
        try:
            messages = self._decoder.feed(data)
        except RemoteProtocolError as exc:
            log.warning("ami_garbage", error=str(exc))
            self.drop("garbage from the peer")
            return
        for message in messages:
            self.handle_message(message)

    def handle_message(self, message: Message) -> None:
        """Give an answer to who waits for it, anything else to the receiver."""
        pending = self.pending.get(message.action_id) if self.pending else None
        if pending is not None:
            pending.sent_at = self._now()
            if pending.add(message):
                del self.pending[message.action_id]
                if not pending.future.done():
                    pending.future.set_result(pending.answers)
        elif message.event:
            try:
                self._receiver.event_came(message)
            except Exception:  # the outermost frame of a callback: it must not close the link
                log.exception("event_failed", event_name=message.event)

    def submit(
        self,
        name: str,
        headers: Mapping[str, str],
        variables: Mapping[str, str] | None = None,
        *,
        is_list: bool = False,
    ) -> asyncio.Future[list[Message]]:
        """Send an action; the future holds its answer, for a list action all of them.

        Raises:
            LocalProtocolError: a value that may not be sent.
            SwitchUnavailable: the connection is closed.
        """
        if self.closed or self.transport is None:
            raise SwitchUnavailable("no connection to Asterisk")
        action_id = f"{self._prefix}-{next(self._ids)}"
        data = encode_action(name, {**headers, "ActionID": action_id}, variables)
        future: asyncio.Future[list[Message]] = asyncio.get_running_loop().create_future()
        self.pending[action_id] = Pending(self._now(), is_list, future)
        # Whoever gives up waiting (or is cancelled) must leave nothing behind.
        future.add_done_callback(lambda _: self.pending.pop(action_id, None))
        self.transport.write(data)
        return future

    def send(self, data: Mapping[str, str], as_list: bool = False) -> asyncio.Future[list[Message]]:
        """What panoramisk's Manager calls to send its login."""
        headers = {name: str(value) for name, value in data.items() if name != "Action"}
        return self.submit(data["Action"], headers, is_list=as_list)

    def drop(self, cause: str) -> None:
        """Close at once, throwing away what was not written yet."""
        if self.closed:
            return
        self.closed = True
        if self.transport is not None:
            self.transport.abort()
        waiting, self.pending = self.pending, {}
        for pending in waiting.values():
            if not pending.future.done():
                pending.future.set_exception(
                    SwitchUnavailable("the link to Asterisk was lost before it answered")
                )
                pending.future.exception()  # noted: nobody may be waiting any more
        self._receiver.connection_ended(cause)

    def close(self) -> None:
        """Close; what panoramisk's Manager calls."""
        self.drop("closed")

    def eof_received(self) -> None:
        """Asterisk closed its side."""
        self.drop("closed by Asterisk")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.drop(type(exc).__name__ if exc else "closed by Asterisk")


class LinkManager(panoramisk.Manager):  # type: ignore[misc]  # panoramisk ships no types
    """panoramisk's Manager for one connection; a new one is made for each attempt."""

    def __init__(self, receiver: Receiver, connect: Connect, **config: Any) -> None:
        super().__init__(**config)
        self._receiver = receiver
        self._connect = connect
        self.pinger: asyncio.TimerHandle | None

    def connect(self, *_: Any, **__: Any) -> asyncio.Task[Any]:
        """Open the connection; ``connection_made`` goes on with the login."""
        self.loop = asyncio.get_running_loop()
        return self.loop.create_task(self._open())

    async def _open(self) -> None:
        opened = self.loop.create_future()
        opened.set_result(await self._connect(self.config["protocol_factory"]))
        self.connection_made(opened)
        # The Manager's own pinger doesn't look at answers; the link's watchdog does.
        if self.pinger is not None:
            self.pinger.cancel()
            self.pinger = None

    def login(self, future: asyncio.Future[list[Message]]) -> bool:
        """The login was answered, or the connection was lost before."""
        failed = future.cancelled() or future.exception() is not None
        answer = None if failed else future.result()[0]
        self.authenticated = answer is not None and answer.success
        self._receiver.logged_in(answer)
        return self.authenticated
