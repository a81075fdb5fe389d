"""The bus: one suite for the one in this process and the one over Redis; then what several processes promise each other.

Redis is real, is restarted, hung and emptied, and nothing is lost or told twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from cti.bus.local import LocalBus
from cti.bus.redis import RedisBus
from cti.domain import events as ev
from cti.domain.ids import CallId, LegId
from cti.ports import EventBus
from tests import servers
from tests.until import until

pytestmark = pytest.mark.contract

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SOON = 40.0  # seconds, for a loaded machine; each is left as soon as it is so


@pytest.fixture(scope="module")
def shared_redis() -> Iterator[servers.Redis]:
    with servers.redis() as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: servers.Redis) -> servers.Redis:
    """Running and empty."""
    shared_redis.stop()
    shared_redis.begin()
    return shared_redis


@contextlib.asynccontextmanager
async def process(server: servers.Redis, node: str, **options: Any) -> AsyncIterator[RedisBus]:
    """The bus of one process, joined."""
    bus = RedisBus(server.url, node, **options)
    await bus.start()
    try:
        await until(lambda: bus.is_joined, within=SOON)
        yield bus
    finally:
        await bus.stop()


@contextlib.asynccontextmanager
async def pair(server: servers.Redis, **options: Any) -> AsyncIterator[tuple[RedisBus, RedisBus]]:
    async with process(server, "a", **options) as a, process(server, "b", **options) as b:
        yield a, b


@contextlib.asynccontextmanager
async def client(server: servers.Redis) -> AsyncIterator[Any]:
    redis = Redis.from_url(server.url, decode_responses=True)
    try:
        yield redis
    finally:
        await redis.aclose()


def number(n: int) -> ev.SecurityNoted:
    return ev.SecurityNoted(at=T0, what=str(n))


def numbers(events: list[ev.Event]) -> list[int]:
    return [int(e.what) for e in events if isinstance(e, ev.SecurityNoted)]


# ---- what every bus promises -------------------------------------------------------------------


@pytest.fixture(params=["local", "redis"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[EventBus]:
    if request.param == "local":
        yield LocalBus()
        return
    async with process(request.getfixturevalue("redis_server"), "a") as redis_bus:
        yield redis_bus


async def test_listeners_are_told_at_once_and_in_order(bus: EventBus) -> None:
    heard: list[tuple[str, ev.Event]] = []
    bus.subscribe(lambda e: heard.append(("first", e)))
    bus.subscribe(lambda e: heard.append(("second", e)))
    bus.publish(number(1))
    assert heard == [("first", number(1)), ("second", number(1))]


async def test_a_listener_hears_the_kinds_it_asked_for(bus: EventBus) -> None:
    calls: list[ev.Event] = []
    bus.subscribe(calls.append, ev.CallEvent)
    started = ev.RecordingStarted(at=T0, call_id=CallId("c"))
    bus.publish(number(1))
    bus.publish(started)
    assert calls == [started]


async def test_an_answer_is_told_after_what_it_answers(bus: EventBus) -> None:
    heard: list[ev.Event] = []

    def answer(event: ev.Event) -> None:
        if event == number(1):
            bus.publish(number(2))

    bus.subscribe(answer)
    bus.subscribe(heard.append)
    bus.publish(number(1))
    assert heard == [number(1), number(2)]


async def test_a_failing_listener_stops_nobody(bus: EventBus) -> None:
    heard: list[ev.Event] = []

    def fail(_event: ev.Event) -> None:
        raise RuntimeError

    bus.subscribe(fail)
    bus.subscribe(heard.append)
    bus.publish(number(1))
    bus.publish(number(2))
    assert heard == [number(1), number(2)]


async def test_who_has_unsubscribed_hears_nothing_more(bus: EventBus) -> None:
    heard: list[ev.Event] = []
    unsubscribe = bus.subscribe(heard.append)
    bus.publish(number(1))
    unsubscribe()
    unsubscribe()
    bus.publish(number(2))
    assert heard == [number(1)]


# ---- several processes -------------------------------------------------------------------------


async def test_the_others_hear_everything_once_and_in_order(redis_server: servers.Redis) -> None:
    offered = ev.CallOffered(
        at=T0, call_id=CallId("c"), leg_id=LegId("l"), ani="+8613800138000", ani_name="王\0小明"
    )
    async with pair(redis_server) as (a, b):
        at_a, at_b, own_b = [list[ev.Event]() for _ in range(3)]
        a.subscribe(at_a.append)
        b.subscribe(at_b.append)
        b.subscribe_own(own_b.append)
        a.publish(offered)
        for n in range(2000):
            a.publish(number(n))
        b.publish(number(5000))
        await until(lambda: len(at_b) == 2002 and len(at_a) == 2002, within=SOON)
        from_a = [e for e in at_b if e != number(5000)]
        assert isinstance(from_a[0], ev.CallOffered)
        assert (from_a[0].ani, from_a[0].ani_name) == ("+8613800138000", "王\ufffd小明")
        assert numbers(from_a) == list(range(2000))
        assert own_b == [number(5000)]
        assert (a.missed, b.missed, a.dropped) == (0, 0, 0)


async def test_an_answer_to_somebody_elses_event_is_ones_own(redis_server: servers.Redis) -> None:
    async with pair(redis_server) as (a, b):
        at_a, own_b = list[ev.Event](), list[ev.Event]()

        def answer(event: ev.Event) -> None:
            if event == number(1):
                b.publish(number(2))

        a.subscribe(at_a.append)
        b.subscribe(answer)
        b.subscribe_own(own_b.append)
        a.publish(number(1))
        await until(lambda: len(at_a) == 2, within=SOON)
        assert at_a == [number(1), number(2)]
        assert own_b == [number(2)]


async def test_who_joins_hears_what_comes_and_not_what_was(redis_server: servers.Redis) -> None:
    async with process(redis_server, "a") as a:
        for n in range(10):
            a.publish(number(n))
        await until(lambda: a.waiting == 0, within=SOON)
        async with process(redis_server, "b") as b:
            heard: list[ev.Event] = []
            b.subscribe(heard.append)
            a.publish(number(10))
            await until(lambda: heard, within=SOON)
            assert (numbers(heard), b.missed) == ([10], 0)


async def test_a_process_that_ends_sends_the_rest_and_may_come_again(
    redis_server: servers.Redis,
) -> None:
    async with process(redis_server, "b") as b:
        heard: list[ev.Event] = []
        b.subscribe(heard.append)
        for life in range(3):
            async with process(redis_server, "a") as a:
                for n in range(700):
                    a.publish(number(life * 700 + n))
        await until(lambda: len(heard) == 2100, within=SOON)
        assert (numbers(heard), b.missed) == (list(range(2100)), 0)
        async with client(redis_server) as redis:  # of those lives one is still written down
            origins = await redis.hkeys("ringdesk:bus:origins")
            assert sorted(o.split(":")[0] for o in origins) == ["a"]


async def test_an_event_of_a_newer_version_is_left_out_and_one_that_cannot_be_sent_stops_nobody(
    redis_server: servers.Redis,
) -> None:
    async with pair(redis_server) as (a, b):
        heard: list[ev.Event] = []
        b.subscribe(heard.append)
        a.publish("nonsense")  # type: ignore[arg-type]
        a.publish(number(1))
        await until(lambda: heard, within=SOON)
        async with client(redis_server) as redis:
            strange = {"o": "x:1", "n": 1, "e": '["OfTheFuture", 9, {}, {}]'}
            await redis.xadd("ringdesk:bus:events", strange)
        a.publish(number(2))
        await until(lambda: len(heard) == 2, within=SOON)
        assert (numbers(heard), b.missed) == ([1, 2], 0)


# ---- Redis in trouble --------------------------------------------------------------------------


async def publish_slowly(bus: RedisBus, first: int, count: int) -> None:
    """Spread over many turns of the loop, so that trouble comes in the middle."""
    for n in range(first, first + count):
        bus.publish(number(n))
        if n % 5 == 0:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("is_durable", [False, True])
async def test_nothing_is_lost_or_told_twice_while_redis_restarts(
    redis_server: servers.Redis, is_durable: bool
) -> None:
    redis_server.stop()
    redis_server.begin(is_durable=is_durable)
    async with pair(redis_server) as (a, b):
        at_a, at_b = list[ev.Event](), list[ev.Event]()
        a.subscribe(at_a.append)
        b.subscribe(at_b.append)
        for life in range(3):
            both = asyncio.gather(
                publish_slowly(a, life * 1000, 900),
                publish_slowly(b, 10_000 + life * 1000, 900),
            )
            await until(lambda: len(at_b) > life * 2000 + 500, within=SOON)  # noqa: B023
            await asyncio.to_thread(redis_server.stop, signal.SIGKILL)
            await both
            await publish_slowly(a, life * 1000 + 900, 100)
            await publish_slowly(b, 10_000 + life * 1000 + 900, 100)
            assert a.waiting >= 100
            await asyncio.to_thread(redis_server.begin, is_durable=is_durable)
            total = (life + 1) * 2000
            await until(lambda: len(at_a) == len(at_b) == total, within=SOON)  # noqa: B023
        for heard in (at_a, at_b):
            assert [n for n in numbers(heard) if n < 10_000] == list(range(3000))
            assert [n for n in numbers(heard) if n >= 10_000] == list(range(10_000, 13_000))
        assert (a.missed, b.missed, a.dropped, b.dropped) == (0, 0, 0, 0)


async def test_a_redis_that_was_emptied_gets_back_what_it_lost(redis_server: servers.Redis) -> None:
    async with pair(redis_server) as (a, b), client(redis_server) as redis:
        heard: list[ev.Event] = []
        b.subscribe(heard.append)
        for life in range(5):
            await publish_slowly(a, life * 300, 300)
            await redis.flushall()
        await until(lambda: len(heard) == 1500, within=SOON)
        await redis.flushall()
        # Nobody publishes: the sender notices by itself.
        await until(lambda: redis.xlen("ringdesk:bus:events"), within=SOON)
        a.publish(number(1500))
        await until(lambda: len(heard) > 1500, within=SOON)
        assert (numbers(heard), b.missed) == (list(range(1501)), 0)


async def test_replies_that_were_lost_double_nothing(redis_server: servers.Redis) -> None:
    """Connections are cut at any moment, also between a batch and its answer."""
    async with pair(redis_server) as (a, b), client(redis_server) as redis:
        heard: list[ev.Event] = []
        b.subscribe(heard.append)
        sending = asyncio.create_task(publish_slowly(a, 0, 4000))
        while not sending.done():
            await redis.client_kill_filter(_type="normal", skipme=True)
            await asyncio.sleep(0.02)
        await until(lambda: len(heard) >= 4000, within=SOON)
        assert (numbers(heard), b.missed) == (list(range(4000)), 0)


async def test_nobody_waits_for_a_redis_that_hangs(redis_server: servers.Redis) -> None:
    async with pair(redis_server) as (a, b):
        at_a, at_b = list[ev.Event](), list[ev.Event]()
        a.subscribe(at_a.append)
        b.subscribe(at_b.append)
        redis_server.send(signal.SIGSTOP)
        try:
            for n in range(1000):
                a.publish(number(n))
            assert len(at_a) == 1000  # told before publish returned
            await asyncio.sleep(0.1)
            assert (a.waiting, at_b) == (1000, [])
        finally:
            redis_server.send(signal.SIGCONT)
        await until(lambda: len(at_b) == 1000, within=SOON)
        assert numbers(at_b) == list(range(1000))


async def test_a_redis_that_comes_later_is_found(redis_server: servers.Redis) -> None:
    redis_server.stop()
    a, b = RedisBus(redis_server.url, "a"), RedisBus(redis_server.url, "b")
    heard: list[ev.Event] = []
    b.subscribe(heard.append)
    try:
        await a.start()
        await b.start()
        assert not b.is_joined
        await asyncio.to_thread(redis_server.begin)
        await until(lambda: b.is_joined, within=SOON)
        a.publish(number(1))
        await until(lambda: heard, within=SOON)
        assert numbers(heard) == [1]
    finally:
        await a.stop()
        await b.stop()


async def test_what_waits_is_bounded_and_the_others_are_told_what_they_missed(
    redis_server: servers.Redis,
) -> None:
    async with pair(redis_server, kept=100) as (a, b):
        heard: list[ev.Event] = []
        missed: list[int] = []
        b.subscribe(heard.append)
        b.on_missed(missed.append)
        a.publish(number(0))
        await until(lambda: heard, within=SOON)
        await until(lambda: a.waiting == 0, within=SOON)
        await asyncio.to_thread(redis_server.stop)
        for n in range(1, 251):
            a.publish(number(n))
        assert (a.waiting, a.dropped) == (100, 150)
        await asyncio.to_thread(redis_server.begin)
        await until(lambda: len(heard) == 101, within=SOON)
        assert numbers(heard) == [0, *range(151, 251)]
        assert (missed, b.missed) == ([150], 150)


async def test_the_stream_is_bounded_and_who_is_too_far_behind_is_told(
    redis_server: servers.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cti.bus.redis.STREAM_LENGTH", 1000)
    async with pair(redis_server) as (a, b), client(redis_server) as redis:
        heard: list[ev.Event] = []
        b.subscribe(heard.append)
        slow = asyncio.Event()

        async def wait_first(*arguments: Any, **options: Any) -> Any:
            await slow.wait()
            return await xread(*arguments, **options)

        xread = b._redis.xread
        monkeypatch.setattr(b._redis, "xread", wait_first)  # its process is busy with other things
        a.publish(number(0))
        await until(lambda: heard or a.waiting == 0, within=SOON)
        for n in range(1, 5001):
            a.publish(number(n))
        await until(lambda: a.waiting == 0, within=SOON)
        length = await redis.xlen("ringdesk:bus:events")
        assert 1000 <= length <= 1200
        slow.set()
        await until(lambda: heard and numbers(heard)[-1] == 5000, within=SOON)
        assert numbers(heard) == sorted(set(numbers(heard)))
        assert len(heard) + b.missed == 5001
        assert b.missed >= 5001 - length - 500  # what it had under way when it became slow


async def test_what_is_old_leaves_the_stream(
    redis_server: servers.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    async with process(redis_server, "a") as a, client(redis_server) as redis:
        for n in range(300):
            a.publish(number(n))
        await until(lambda: a.waiting == 0, within=SOON)
        assert await redis.xlen("ringdesk:bus:events") == 300
        monkeypatch.setattr("cti.bus.redis.STREAM_TIME", timedelta(0))

        async def is_trimmed() -> bool:  # by whole nodes of a hundred entries
            return bool(await redis.xlen("ringdesk:bus:events") <= 100)

        await until(is_trimmed, within=SOON)
