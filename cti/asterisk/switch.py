"""The switch: link, translator and bus put together; what the rest of the service knows of Asterisk.

One consumer takes the link's messages in order and publishes what they mean. After each login, and after
each standstill of ours, it first takes a snapshot, publishes the repairs, and only then tells
``SwitchLinkChanged(is_up=True)`` and lets commands pass. Events that came meanwhile wait; those that happened before
the snapshot was begun (by Asterisk's own Timestamp) are in it already and are dropped.

While the link is up, the world is looked at every few seconds (``audit.py``): where what is believed stays contradicted, it
is read anew, as after a standstill.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import structlog

from cti.asterisk.audit import AUDIT_TIME, BUSY_FACTOR, Audit, Look
from cti.asterisk.channels import ChannelRegistry
from cti.asterisk.control import AmiCallControl
from cti.asterisk.link import AmiAddress, AmiLink, LinkState, LinkTimes
from cti.asterisk.protocol import Connect
from cti.asterisk.reconcile import reconcile
from cti.asterisk.restart import ended_with_it, startup_of
from cti.asterisk.snapshot import take_snapshot
from cti.asterisk.transfer_control import Notify, OutsideLine
from cti.asterisk.translator import Translator
from cti.domain import events as ev
from cti.domain.calls import CallTable
from cti.domain.errors import ConfigError, RingdeskError, SwitchUnavailable
from cti.domain.ids import QueueName
from cti.ports import Clock, EventBus, Timer
from cti.wire.ami import Message

log = structlog.get_logger(__name__)

WANTED = (
    "UserEvent", "Hangup", "HangupRequest", "DialBegin", "DialState", "DialEnd",
    "BridgeEnter", "BridgeLeave", "Hold", "Unhold", "BlindTransfer", "AttendedTransfer",
    "DeviceStateChange", "OriginateResponse", "MixMonitorStart", "MixMonitorStop",
    "MixMonitorMute", "QueueCallerJoin", "QueueCallerLeave", "AgentConnect", "AgentCalled",
    # rows and ends of the lists that a snapshot is made of
    "Status", "StatusComplete", "BridgeListItem", "BridgeListComplete",
    "DeviceStateListComplete", "QueueParams", "QueueMember", "QueueEntry", "QueueStatusComplete",
)  # fmt: skip
"""The events that are read at all; Asterisk's own filter (manager.conf) lets no others through."""

_BATCH = 100  # messages before others get their turn,
_TURN_S = 0.005  # or so long
_MOST_WAITING = 100_000  # messages; beyond that a snapshot is cheaper than catching up
_SETTLE_TIME = timedelta(seconds=2)  # after a snapshot: how long older events may still come


class Switch:
    """The one connection to one Asterisk: ``start`` it, listen to the bus, command by ``control``."""

    def __init__(
        self,
        address: AmiAddress,
        clock: Clock,
        bus: EventBus,
        calls: CallTable,
        *,
        boot_id: str,
        default_queue: QueueName,
        times: LinkTimes | None = None,
        connect: Connect | None = None,
        alarm: Callable[[str], None] | None = None,
        outside: OutsideLine | None = None,
        notify: Notify | None = None,
    ) -> None:
        self._clock = clock
        self._bus = bus
        self.calls = calls
        self._alarm = alarm
        self.registry = ChannelRegistry()
        self.translator = Translator(self.registry, default_queue)
        self.link = AmiLink(address, clock, self, wanted=WANTED, times=times, connect=connect)
        self.control = AmiCallControl(
            self.link, self.registry, clock, bus.publish, boot_id, outside=outside, notify=notify
        )
        self._messages: deque[Message | Look] = deque()
        self._audit = Audit()
        self._audit_timer: Timer | None = None
        self._wake = asyncio.Event()
        self._must_synchronise = False
        self._startup = ""  # of the Asterisk that we knew last, as it says it
        self._lost_at: datetime | None = None  # when the link to it broke
        self._began_at = 0.0  # the last snapshot's begin, as a Timestamp says it
        self._settled_at = 0.0  # monotonic; until then older events may still come
        self._up: asyncio.Event = asyncio.Event()
        self._refusal = ""
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.snapshots = 0
        """Snapshots taken, for the metrics."""

    @property
    def is_up(self) -> bool:
        """Whether the link stands and the snapshot was taken."""
        return self._up.is_set()

    def configure(self, default_queue: QueueName, outside: OutsideLine | None) -> None:
        """The company has changed: where a caller of no known queue stands, and the line to the outside."""
        self.translator.default_queue = default_queue
        self.control.outside = outside

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._task = asyncio.create_task(self._consume(), name="switch")
        self._look_later(AUDIT_TIME)
        await self.link.start()

    async def wait_until_up(self) -> None:
        """Return when the snapshot was taken.

        Raises:
            ConfigError: Asterisk refuses our login.
        """
        while not self._up.is_set():
            if self._refusal:
                raise ConfigError(self._refusal)
            await self._clock.sleep(timedelta(seconds=0.02))

    async def close(self) -> None:
        """Close for good."""
        if self._audit_timer is not None:
            self._audit_timer.cancel()
        await self.link.close()
        tasks = [*self._tasks, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None

    # ---- what the link calls -------------------------------------------------------------------

    def link_up(self) -> None:
        """Logged in."""
        self._synchronise()

    def link_stalled(self) -> None:
        """What is known is suspect: we stood still, or it was found to be wrong."""
        self._say_down("standstill")
        self._synchronise()

    def link_down(self, cause: str) -> None:
        """The link is gone."""
        if self._lost_at is None:
            self._lost_at = self._clock.now()
        self._must_synchronise = False
        self._messages.clear()
        self._say_down(cause)

    def link_refused(self, message: str) -> None:
        """Asterisk refuses our login."""
        self._refusal = message
        self._bus.publish(ev.SwitchLinkChanged(at=self._clock.now(), is_up=False, cause="refused"))
        if self._alarm is not None:
            self._alarm(message)

    def message_came(self, message: Message) -> None:
        """An event, in order."""
        self._messages.append(message)
        self._wake.set()
        if len(self._messages) > _MOST_WAITING:
            log.error("switch_overrun", waiting=len(self._messages))
            self.link.suspect()

    # ---- inside --------------------------------------------------------------------------------

    def _synchronise(self) -> None:
        self._messages.clear()
        self._must_synchronise = True
        self._wake.set()

    def _say_down(self, cause: str) -> None:
        if self._up.is_set():
            self._up.clear()
            self._bus.publish(ev.SwitchLinkChanged(at=self._clock.now(), is_up=False, cause=cause))

    async def _consume(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._must_synchronise:
                await self._read_world()
            enough_at = self._clock.monotonic() + _TURN_S
            for _ in range(min(_BATCH, len(self._messages))):
                if self._must_synchronise or self._clock.monotonic() > enough_at:
                    break
                message = self._messages.popleft()
                if isinstance(message, Look):
                    self._compare(message)
                else:
                    self._apply(message)
            if self._messages or self._must_synchronise:
                self._wake.set()
                await asyncio.sleep(0)

    # ---- the audit -----------------------------------------------------------------------------

    def _look_later(self, delay: timedelta) -> None:
        if self.link.state is LinkState.CLOSED:
            return
        self._audit_timer = self._clock.call_later(delay, lambda: self._in_background(self._look()))

    async def _look(self) -> None:
        """Take a snapshot beside the events; it is compared at its place among them."""
        began, epoch = self._clock.monotonic(), self.link.epoch
        try:
            if self._up.is_set() and not self._must_synchronise:
                snapshot = await take_snapshot(self.link, self._clock.now(), is_whole=False)
                self._messages.append(Look(epoch, snapshot))
                self._wake.set()
        finally:
            took_time = timedelta(seconds=self._clock.monotonic() - began)
            self._look_later(max(AUDIT_TIME, took_time * BUSY_FACTOR))

    def _compare(self, look: Look) -> None:
        if look.epoch != self.link.epoch:
            return
        wrong = self._audit.confirmed(self.registry, look, self.calls.live())
        if not wrong:
            return
        kinds = sorted({type(event).__name__ for event in wrong})
        log.warning("switch_contradicted", facts=len(wrong), repairs=kinds)
        self._say_down("contradiction")
        self.link.suspect()

    def _apply(self, message: Message) -> None:
        if self._is_older(message):
            return
        try:
            for event in self.translator.translate(message, self._clock.now()):
                self._bus.publish(event)
            for orphan in self.translator.take_orphans():
                self._in_background(self.control.hang_up_orphan(orphan))
            for leg in self.translator.take_adopted():
                self._in_background(self.control.name_agent(leg.call.call_id, leg.endpoint))
            for call in self.translator.take_joined():
                self._in_background(self.control.renew_sound(call))
            for call_id in self.translator.take_strays():
                self._in_background(self.control.requeue(call_id))
        except Exception:  # the consumer's outermost frame: one event must not stop the next
            log.exception("event_failed", event_name=message.event)

    def _is_older(self, message: Message) -> bool:
        """Whether an event happened before the snapshot that is in force."""
        if not self._settled_at:
            return False
        try:
            stamp = float(message.get("Timestamp"))
        except ValueError:
            return False
        if stamp < self._began_at and self._clock.monotonic() < self._settled_at:
            return True
        # They come in order: after the first newer one there is no older one. The clock may step
        # later, and then the comparison would swallow what it must not.
        self._settled_at = 0.0
        return False

    def _in_background(self, command: Coroutine[Any, Any, None]) -> None:
        """Give a command that nobody waits for; the event that follows is its result."""
        task = asyncio.create_task(command)
        self._tasks.add(task)
        task.add_done_callback(self._background_done)

    def _background_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(task.exception(), RingdeskError):
            log.info("background_command_failed", error=str(task.exception()))

    async def _read_world(self) -> None:
        self._must_synchronise = False
        epoch, now = self.link.epoch, self._clock.now()
        try:
            snapshot = await take_snapshot(self.link, now)
            startup = startup_of(await self.link.ask("CoreStatus"))
        except SwitchUnavailable as exc:
            if not self._must_synchronise and self.link.epoch == epoch:
                # The link stands, but the answer did not come: a link of no use.
                self.link.drop("no snapshot")
            log.warning("no_snapshot", error=str(exc))
            return
        if not self.link.release(epoch):
            return  # the world was left again meanwhile; the next snapshot is under way
        self.snapshots += 1
        self._audit.forget()
        self._began_at = now.timestamp()
        self._settled_at = self._clock.monotonic() + _SETTLE_TIME.total_seconds()
        repairs = reconcile(self.registry, snapshot, self.calls.live())
        if self._startup and startup != self._startup and self._lost_at is not None:
            log.warning("asterisk_was_restarted")
            repairs = ended_with_it(repairs, self._lost_at)
        self._startup, self._lost_at = startup, None
        self.control.note_members(snapshot.members)
        for event in repairs:
            self._bus.publish(event)
        log.info("switch_up", calls=len(snapshot.calls), repairs=len(repairs))
        self._up.set()
        self._bus.publish(ev.SwitchLinkChanged(at=self._clock.now(), is_up=True))
