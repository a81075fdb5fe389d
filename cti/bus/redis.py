"""The bus of several processes: what happens here is told here at once, and to the others through a Redis stream.

Local listeners are as before: told synchronously, in order, and never waiting for Redis, which may be slow, hung or gone.
``publish`` puts the event on a list; one task appends the list to the stream, another reads what the others appended.

Exactly once, in order, whatever happens to Redis. Each process has an *origin* (node and boot) and numbers its
events from 1. A script appends a batch and in the same step notes the origin's newest number, so a batch whose reply was
lost can be sent again: what is there already is left out. If the number that Redis notes is lower than what it
confirmed before, Redis has lost its memory (restart without persistence, FLUSHALL), and what it lost is appended
again from our own list of the last ``KEPT`` events. Readers know each origin's newest number, skip what they had, and
count and tell what is missing (``missed``): whoever needs the whole truth takes a new snapshot then.

Everything is bounded: the stream by length and age (it holds personal fields, and is no archive), our list by
``KEPT``; when Redis stays away for longer than that, the oldest events are dropped for the others and counted (``dropped``).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from cti.bus.local import LocalBus
from cti.domain.errors import InvalidValue
from cti.domain.events import Event
from cti.domain.records import EventRecord, from_record, to_record
from cti.ports import Listener, Unsubscribe

log = structlog.get_logger(__name__)

KEPT = 50_000
"""Events kept here for the others: those that wait for Redis, and the last ones that it confirmed."""

STREAM_LENGTH = 20_000
STREAM_TIME = timedelta(minutes=10)
"""What the stream holds at most, roughly; a reader that is further behind has missed something."""

_BATCH = 500
_HEARTBEAT_S = 1.0  # an idle sender looks whether Redis still has what it confirmed
_BLOCK_MS = 1000
_ANSWER_LIMIT_S = 5.0
_RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
_STOP_LIMIT_S = 2.0
_ORIGINS_KNOWN = 256
_START = "0-0"

_APPEND = """
local have = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
local first = tonumber(ARGV[2])
if have < first - 1 and ARGV[3] ~= 'oldest' then return have end
for i = 6, #ARGV do
  local number = first + i - 6
  if number > have then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*', 'o', ARGV[1], 'n', number, 'e', ARGV[i])
    have = number
  end
end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', have))
local now = redis.call('TIME')
redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', now[1] * 1000 - ARGV[5]))
return have
"""


@dataclass(frozen=True, slots=True)
class _Numbered:
    number: int
    event: Event


class RedisBus:
    """``cti.ports.EventBus`` over several processes that share one Redis.

    ``subscribe`` hears everybody's events, ``subscribe_own`` those of this process: what writes the journal must
    use the latter. ``node`` names the process; it may be started again under the same name.
    """

    def __init__(
        self,
        url: str,
        node: str,
        *,
        password: str | None = None,
        prefix: str = "ringdesk:bus",
        kept: int = KEPT,
    ) -> None:
        self._redis: Any = Redis.from_url(
            url,
            password=password,
            socket_timeout=_ANSWER_LIMIT_S,
            socket_connect_timeout=_ANSWER_LIMIT_S,
            retry=Retry(NoBackoff(), 0),  # we know better what may be sent again
            decode_responses=True,
        )
        self._node = node
        self._origin = f"{node}:{secrets.token_hex(8)}"
        self._stream, self._origins = f"{prefix}:events", f"{prefix}:origins"
        self._append = self._redis.register_script(_APPEND)
        self._local = LocalBus()
        self._foreign: Event | None = None  # the event of another process that is being told now
        self._numbers = itertools.count(1)
        self._waiting: deque[_Numbered] = deque()
        self._confirmed: deque[_Numbered] = deque()
        self._kept = kept
        self._wake = asyncio.Event()
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._last_id = ""  # empty: not joined yet
        self._tasks: list[asyncio.Task[None]] = []
        self._is_ending = False
        self._missed_listeners: list[Callable[[int], None]] = []
        self._away: set[str] = set()  # what can't be done at the moment: send, read
        self.dropped = 0
        """Events that the others will never hear of, since Redis was away for too long."""
        self.missed = 0
        """Events of the others that were never heard of here."""

    @property
    def is_joined(self) -> bool:
        """Whether the events of the others have been heard since some moment."""
        return bool(self._last_id)

    @property
    def is_away(self) -> bool:
        """Whether the last attempt to speak with Redis failed; it is tried again until it succeeds."""
        return bool(self._away)

    @property
    def waiting(self) -> int:
        """How many events Redis has not confirmed yet."""
        return len(self._waiting)

    def publish(self, event: Event) -> None:
        """See the port."""
        # First, so that what a listener publishes in answer comes behind it for the others too.
        self._waiting.append(_Numbered(next(self._numbers), event))
        if len(self._waiting) + len(self._confirmed) > self._kept:
            if self._confirmed:
                self._confirmed.popleft()
            else:
                self._waiting.popleft()
                self.dropped += 1
        self._wake.set()
        self._local.publish(event)

    def subscribe(self, listener: Listener, *kinds: type[Event]) -> Unsubscribe:
        """See the port."""
        return self._local.subscribe(listener, *kinds)

    def subscribe_own(self, listener: Listener, *kinds: type[Event]) -> Unsubscribe:
        """Be told of what is published in this process only."""

        def tell(event: Event) -> None:
            if event is not self._foreign:
                listener(event)

        return self._local.subscribe(tell, *kinds)

    def on_missed(self, listener: Callable[[int], None]) -> None:
        """Be told how many events of another process were lost for us: time for a new snapshot."""
        self._missed_listeners.append(listener)

    async def start(self) -> None:
        """Begin to send and to read; returns at once, also where Redis is away."""
        self._is_ending = False
        self._tasks = [
            asyncio.create_task(self._keep_on("send", self._send), name="bus sender"),
            asyncio.create_task(self._keep_on("read", self._read), name="bus reader"),
        ]

    async def stop(self) -> None:
        """Send what waits, for 2 s at most, and end."""
        deadline = asyncio.get_running_loop().time() + _STOP_LIMIT_S
        while self._waiting and self._tasks and asyncio.get_running_loop().time() < deadline:
            self._wake.set()
            await asyncio.sleep(0.01)
        self._is_ending = True
        for task in self._tasks:
            task.cancel()
        # redis-py now and then swallows a cancellation; then the step's end is the task's end.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._waiting:
            log.error("bus: events not sent to the others at the end", count=len(self._waiting))
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    async def _keep_on(self, what: str, step: Callable[[bool], Any]) -> None:
        """Do the step for ever; after a failure a little later, as if from a new connection."""
        failures = 0
        while not self._is_ending:
            try:
                await step(failures > 0)
            except (RedisError, OSError) as exc:
                self._away.add(what)
                if failures == 0:
                    log.warning("bus: Redis is away", doing=what, error=type(exc).__name__)
                await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1
            else:
                if failures:
                    log.info("bus: Redis is back", doing=what)
                self._away.discard(what)
                failures = 0

    # ---- to the others -------------------------------------------------------------------------

    async def _send(self, _is_first: bool) -> None:
        if not self._waiting:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HEARTBEAT_S):
                    await self._wake.wait()
        batch = list(itertools.islice(self._waiting, _BATCH))
        if batch:
            first = batch[0].number
        elif self._confirmed:
            first = self._confirmed[-1].number + 1
        else:
            return
        have = int(
            await self._append(
                keys=[self._stream, self._origins],
                args=[
                    self._origin,
                    first,
                    "" if self._confirmed else "oldest",
                    STREAM_LENGTH,
                    int(STREAM_TIME.total_seconds() * 1000),
                    *(_encode(item.event) for item in batch),
                ],
            )
        )
        while self._waiting and self._waiting[0].number <= have:
            self._confirmed.append(self._waiting.popleft())
        if self._confirmed and self._confirmed[-1].number > have:
            log.warning("bus: Redis has lost what it had confirmed; it is sent again")
            while self._confirmed and self._confirmed[-1].number > have:
                self._waiting.appendleft(self._confirmed.pop())

    # ---- from the others -----------------------------------------------------------------------

    async def _read(self, is_first: bool) -> None:
        if not self._last_id:
            await self._join()
        elif is_first and not await self._redis.xrange(self._stream, self._last_id, self._last_id):
            # Trimmed or lost: from the beginning; the numbers tell what is new.
            self._last_id = _START
        reply = await self._redis.xread(
            {self._stream: self._last_id}, count=_BATCH, block=_BLOCK_MS
        )
        for _, entries in reply:
            for entry_id, fields in entries:
                self._last_id = entry_id
                self._receive(fields)
        await asyncio.sleep(0)  # the calls come first, however much there is to read

    async def _join(self) -> None:
        """Begin with what comes from now on."""
        async with self._redis.pipeline(transaction=True) as together:
            together.xrevrange(self._stream, count=1)
            together.hgetall(self._origins)
            newest, origins = await together.execute()
        for origin, number in origins.items():
            self._seen[origin] = int(number)
            if origin.rpartition(":")[0] == self._node and origin != self._origin:
                await self._redis.hdel(self._origins, origin)  # we, before our death
        self._last_id = newest[0][0] if newest else _START

    def _receive(self, fields: dict[str, str]) -> None:
        origin, number = fields["o"], int(fields["n"])
        seen = self._seen.get(origin, 0)
        if origin == self._origin or number <= seen:
            return
        self._seen[origin] = number
        self._seen.move_to_end(origin)
        while len(self._seen) > _ORIGINS_KNOWN:
            self._seen.popitem(last=False)
        if number > seen + 1:
            self._tell_missed(number - seen - 1)
        try:
            event = _decode(fields["e"])
        except (InvalidValue, ValueError, TypeError):
            log.warning("bus: an event of another version is unknown here")
            return
        self._foreign = event
        self._local.publish(event)
        self._foreign = None

    def _tell_missed(self, count: int) -> None:
        self.missed += count
        log.warning("bus: events of another process were missed", count=count)
        for listener in self._missed_listeners:
            try:
                listener(count)
            except Exception:  # one failing listener must not stop the others
                log.exception("bus: a listener failed")


def _encode(event: Event) -> str:
    try:
        record = to_record(event)
        return json.dumps([record.name, record.version, record.data, record.personal])
    except (TypeError, ValueError):
        # Its number is taken: something must stand there, or all readers would miss an event for ever.
        log.exception("bus: an event can't be sent", event_name=type(event).__name__)
        return "null"


def _decode(text: str) -> Event:
    name, version, data, personal = json.loads(text)
    return from_record(EventRecord(name, data, personal, version))
