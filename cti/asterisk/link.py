"""The AMI link: one connection to one Asterisk that is either known to work or known to be gone.

What it promises to those above:

* Events come in Asterisk's order, to one listener, synchronously; the reader never waits for anybody.
* A dead peer is noticed: something must arrive within ``silence_limit``, a ping asks for it.
* A lost connection comes back by itself, at first at once, then with jittered back-off. Wrong
  credentials stop that: trying on would only fill Asterisk's security log.
* Nothing stale is sent. An action is written at once or refused; in-flight actions of a lost link fail and
  are never sent again. When *we* stood still (SIGSTOP, a suspended machine), everything known before is
  suspect: the ``epoch`` changes, commands begun before are refused, and the listener must take
  a new snapshot and call ``release`` before commands pass again. The same holds after each login.
* It never waits for FullyBooted, which accounts without ``read=system`` do not get.
"""

from __future__ import annotations

import asyncio
import enum
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import structlog

from cti.asterisk.protocol import AmiProtocol, Connect, LinkManager, ProtocolFactory
from cti.domain.errors import NothingSent, SwitchUnavailable
from cti.ports import Clock, Timer
from cti.wire.ami import Message

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AmiAddress:
    """Where the AMI is, and who we are there."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """How patient the link is."""

    tick_time: timedelta = timedelta(seconds=0.5)
    ping_time: timedelta = timedelta(seconds=1)  # ask after so much silence
    silence_limit: timedelta = timedelta(seconds=4)  # gone after so much
    stall_limit: timedelta = timedelta(seconds=3)  # our own standstill: all is suspect
    connect_timeout: timedelta = timedelta(seconds=1)
    login_timeout: timedelta = timedelta(seconds=3)
    action_timeout: timedelta = timedelta(seconds=5)
    answer_limit: timedelta = timedelta(seconds=2)  # an older unanswered action: Asterisk hangs
    first_retry_time: timedelta = timedelta(seconds=0.05)
    last_retry_time: timedelta = timedelta(seconds=0.7)


class LinkListener(Protocol):
    """Who hears what the link has to say; called synchronously, never to block."""

    def link_up(self) -> None:
        """Logged in: take a snapshot, then ``release``."""

    def link_stalled(self) -> None:
        """We stood still: what was known is suspect. Take a snapshot, then ``release``."""

    def link_down(self, cause: str) -> None:
        """The link is gone; the next attempt is under way."""

    def link_refused(self, message: str) -> None:
        """Asterisk refuses our credentials; no further attempt is made."""

    def message_came(self, message: Message) -> None:
        """An event, in order."""


class LinkState(enum.Enum):
    """How far the link is."""

    DOWN = "down"
    SYNCHRONISING = "synchronising"  # logged in; only the snapshot may ask
    UP = "up"
    REFUSED = "refused"
    CLOSED = "closed"


class AmiLink:
    """The link. ``start`` it, wait for the listener's ``link_up``, ``release`` it after the snapshot."""

    def __init__(
        self,
        address: AmiAddress,
        clock: Clock,
        listener: LinkListener,
        *,
        wanted: Iterable[str],
        times: LinkTimes | None = None,
        connect: Connect | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._address = address
        self._clock = clock
        self._listener = listener
        self._wanted = frozenset(wanted)
        self._times = times or LinkTimes()
        self._connect = connect or self._connect_tcp
        self._chance = chance or random.SystemRandom()
        self._protocol: AmiProtocol | None = None
        self._login: asyncio.Future[Message | None] | None = None
        self._ended: asyncio.Future[str] | None = None
        self._task: asyncio.Task[None] | None = None
        self._ticker: Timer | None = None
        self._received = 0.0
        self._awake = 0.0
        self.state = LinkState.DOWN
        self.epoch = 0
        """Grows whenever what was known before is suspect."""
        self.connects = 0
        """Connections that came to a login, for the metrics."""

    # ---- what others call ----------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        if self.state is LinkState.CLOSED:
            raise SwitchUnavailable("the link was closed")
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="ami-link")

    async def close(self) -> None:
        """Close for good: no attempt follows."""
        self.state = LinkState.CLOSED
        if self._protocol is not None:
            self._protocol.drop("closed by us")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def drop(self, cause: str) -> None:
        """Give this connection up and begin anew."""
        if self._protocol is not None:
            self._protocol.drop(cause)

    def suspect(self) -> None:
        """What is known is suspect: no command passes until the next snapshot."""
        if self.state in (LinkState.UP, LinkState.SYNCHRONISING):
            self.epoch += 1
            self.state = LinkState.SYNCHRONISING
            self._listener.link_stalled()

    def release(self, epoch: int) -> bool:
        """Let commands pass: the snapshot of this epoch was taken. False: it is stale already."""
        self._note_standstill()
        if self.state is not LinkState.SYNCHRONISING or epoch != self.epoch:
            return False
        self.state = LinkState.UP
        return True

    def submit(
        self,
        name: str,
        headers: Mapping[str, str],
        *,
        variables: Mapping[str, str] | None = None,
        epoch: int | None = None,
    ) -> asyncio.Future[list[Message]]:
        """Send an action now; await the future through ``answer_to``.

        ``epoch`` is the one in which the decision was made; None: now.

        Raises:
            LocalProtocolError: a value that may not be sent.
            NothingSent: no link, or the decision is older than what we know.
        """
        self._note_standstill()
        if self.state is not LinkState.UP or self._protocol is None:
            raise NothingSent("no link to Asterisk; nothing was sent")
        if epoch is not None and epoch != self.epoch:
            raise NothingSent("the world was read anew meanwhile; nothing was sent")
        if not self._protocol.is_writable or self._is_answer_overdue(self._protocol):
            raise NothingSent("Asterisk does not answer; nothing was sent")
        return self._protocol.submit(name, headers, variables)

    async def answer_to(self, future: asyncio.Future[list[Message]]) -> Message:
        """Wait for the answer to an action.

        Raises:
            SwitchUnavailable: the link was lost, or no answer came in time. Asterisk may or may
                not have taken the action; the snapshot after the reconnect shows.
        """
        return (await self._in_time(future, self._times.action_timeout))[0]

    async def action(
        self,
        name: str,
        headers: Mapping[str, str],
        *,
        variables: Mapping[str, str] | None = None,
        epoch: int | None = None,
    ) -> Message:
        """Send an action and wait for its answer, ``Success`` or ``Error``.

        Raises:
            LocalProtocolError: a value that may not be sent.
            SwitchUnavailable: see ``submit`` and ``answer_to``.
        """
        return await self.answer_to(self.submit(name, headers, variables=variables, epoch=epoch))

    async def ask_list(self, name: str, headers: Mapping[str, str] | None = None) -> list[Message]:
        """Send an action that is answered by a list; allowed while synchronising.

        Raises:
            SwitchUnavailable: the link was lost, or no answer came in time.
        """
        return await self._question(name, headers or {}, is_list=True)

    async def ask(self, name: str) -> Message:
        """Send a question that is answered by one message; allowed while synchronising.

        Raises:
            SwitchUnavailable: the link was lost, or no answer came in time.
        """
        return (await self._question(name, {}, is_list=False))[0]

    # ---- what the protocol calls ---------------------------------------------------------------

    def data_came(self) -> None:
        """Bytes arrived: the peer lives."""
        self._note_standstill()
        self._received = self._clock.monotonic()

    def event_came(self, event: Message) -> None:
        """An event for the listener. What comes before ``link_up`` is in the snapshot that follows it."""
        if self.state in (LinkState.SYNCHRONISING, LinkState.UP):
            self._listener.message_came(event)

    def logged_in(self, answer: Message | None) -> None:
        """The login was answered."""
        if self._login is not None and not self._login.done():
            self._login.set_result(answer)

    def connection_ended(self, cause: str) -> None:
        """The connection is gone."""
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(cause)

    # ---- inside --------------------------------------------------------------------------------

    async def _question(
        self, name: str, headers: Mapping[str, str], *, is_list: bool
    ) -> list[Message]:
        self._note_standstill()
        if self._protocol is None or self.state not in (LinkState.SYNCHRONISING, LinkState.UP):
            raise NothingSent("no link to Asterisk; nothing was sent")
        future = self._protocol.submit(name, headers, is_list=is_list)
        return await self._in_time(future, self._times.action_timeout)

    async def _connect_tcp(self, factory: ProtocolFactory) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.create_connection(factory, self._address.host, self._address.port)

    async def _run(self) -> None:
        failures = 0
        while self.state is not LinkState.CLOSED:
            cause = await self._attempt()
            if cause is None:
                began = self._clock.monotonic()
                cause = await self._hold()
                # A link that breaks at once must not be tried in a tight loop.
                if self._clock.monotonic() - began > self._times.silence_limit.total_seconds():
                    failures = 0
            if self.state is LinkState.REFUSED:
                return
            most = self._times.last_retry_time
            delay = min(self._times.first_retry_time * 2 ** min(failures, 10), most)
            failures += 1
            await self._clock.sleep(delay * (0.5 + self._chance.random() / 2))

    async def _attempt(self) -> str | None:
        """Connect and log in; None when logged in, else what went wrong."""
        loop = asyncio.get_running_loop()
        self._login, self._ended = loop.create_future(), loop.create_future()
        protocol = AmiProtocol(self, self._wanted, self._clock.monotonic)
        self._protocol = protocol
        manager = LinkManager(
            self,
            self._connect,
            protocol_factory=lambda: protocol,
            username=self._address.username,
            secret=self._address.secret,
            log=log,
        )
        self._awake = self._received = self._clock.monotonic()
        opening = manager.connect()

        def give_up() -> None:
            opening.cancel()

        timer = self._clock.call_later(self._times.connect_timeout, give_up)
        try:
            await asyncio.gather(opening, return_exceptions=True)
            if opening.cancelled() or opening.exception() is not None:
                protocol.drop("no connection")
                return "no connection"
            answer = await self._in_time(self._login, self._times.login_timeout)
        except SwitchUnavailable:
            protocol.drop("no answer to the login")
            return "no answer to the login"
        finally:
            timer.cancel()
            if not opening.done():
                opening.cancel()
        if answer is None:
            return "the connection was lost in the login"
        if not answer.success:
            self._refused(protocol)
            return "login refused"
        return None

    def _refused(self, protocol: AmiProtocol) -> None:
        self.state = LinkState.REFUSED
        protocol.drop("login refused")
        log.error("ami_login_refused", remedy="the AMI secret of both sides must be the same")
        self._listener.link_refused("Asterisk refuses our AMI login; see the secret on both sides")

    async def _hold(self) -> str:
        """Stay until the connection ends; returns why it did."""
        assert self._ended is not None  # noqa: S101 - _attempt has just made it
        self.epoch += 1
        self.connects += 1
        self.state = LinkState.SYNCHRONISING
        self._awake = self._received = self._clock.monotonic()
        self._ticker = self._clock.call_later(self._times.tick_time, self._tick)
        self._listener.link_up()
        try:
            cause = await self._ended
        finally:
            self._ticker.cancel()
        if self.state is not LinkState.CLOSED:
            self.state = LinkState.DOWN
        self.epoch += 1
        log.warning("ami_link_lost", cause=cause)
        self._listener.link_down(cause)
        return cause

    def _tick(self) -> None:
        protocol = self._protocol
        if protocol is None or protocol.closed:
            return
        self._note_standstill()
        silence = self._clock.monotonic() - self._received
        if silence >= self._times.silence_limit.total_seconds():
            protocol.drop("Asterisk is silent")
            return
        is_quiet = silence >= self._times.ping_time.total_seconds()
        if is_quiet and protocol.is_writable and not self._is_answer_overdue(protocol):
            protocol.submit("Ping", {})  # its answer is data, and data is what the watchdog sees
        self._ticker = self._clock.call_later(self._times.tick_time, self._tick)

    def _note_standstill(self) -> None:
        """Called whenever the process does something: was it stopped in between?"""
        now = self._clock.monotonic()
        gap, self._awake = now - self._awake, now
        if gap <= self._times.stall_limit.total_seconds():
            return
        if self.state in (LinkState.UP, LinkState.SYNCHRONISING):
            log.warning("own_standstill", seconds=round(gap, 1))
            self._received = now  # the silence was ours
            self.suspect()

    def _is_answer_overdue(self, protocol: AmiProtocol) -> bool:
        oldest = next(iter(protocol.pending.values()), None)
        limit = self._times.answer_limit.total_seconds()
        return oldest is not None and self._clock.monotonic() - oldest.sent_at > limit

    async def _in_time(self, future: asyncio.Future[T], limit_time: timedelta) -> T:
        def give_up() -> None:
            if not future.done():
                future.set_exception(SwitchUnavailable("Asterisk did not answer in time"))

        timer = self._clock.call_later(limit_time, give_up)
        try:
            return await future
        finally:
            timer.cancel()
