"""A burst never waits for anybody: the reader takes all of it at once, the consumer gives others their turn."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import pytest

from cti.asterisk.link import AmiAddress
from cti.asterisk.switch import _BATCH, Switch
from cti.bus.local import LocalBus
from cti.domain import events as ev
from cti.domain.calls import CallTable
from cti.domain.ids import QueueName
from cti.wire.ami import Message
from tests.fakes.people import HandClock
from tests.until import until

pytestmark = pytest.mark.unit


def device(number: int) -> Message:
    """A phone's change of state."""
    state = ("INUSE", "NOT_INUSE")[number % 2]
    text = f"Event: DeviceStateChange\r\nDevice: PJSIP/1001\r\nState: {state}"
    return Message(text.encode(), "DeviceStateChange")


def make_switch(bus: LocalBus) -> Switch:
    return Switch(
        AmiAddress("127.0.0.1", 1, "user", "secret"),
        HandClock(),
        bus,
        CallTable(),
        boot_id="b",
        default_queue=QueueName("sales"),
    )


async def test_reading_waits_for_no_listener_and_listeners_take_turns() -> None:
    bus, heard = LocalBus(), 0
    switch = make_switch(bus)
    other_turns: list[int] = []

    def slow(_: ev.Event) -> None:
        nonlocal heard
        heard += 1

    bus.subscribe(slow, ev.PhoneStateChanged)
    for number in range(1000):
        switch.message_came(device(number))
    assert heard == 0  # taken, and nobody was asked meanwhile

    async def somebody_else() -> None:
        while heard < 1000:
            other_turns.append(heard)
            await asyncio.sleep(0)

    consumer = asyncio.create_task(switch._consume())
    try:
        await asyncio.wait_for(somebody_else(), 30)
    finally:
        consumer.cancel()
        await asyncio.gather(consumer, return_exceptions=True)
    steps = [after - before for before, after in itertools.pairwise(other_turns)]
    assert max(steps) <= _BATCH


async def test_a_turn_ends_with_its_time_too() -> None:
    bus, heard = LocalBus(), 0
    switch = make_switch(bus)
    clock = switch._clock
    assert isinstance(clock, HandClock)

    def slow(_: ev.Event) -> None:
        nonlocal heard
        heard += 1
        clock.advance(timedelta(milliseconds=3).total_seconds())

    bus.subscribe(slow, ev.PhoneStateChanged)
    for number in range(10):
        switch.message_came(device(number))
    consumer = asyncio.create_task(switch._consume())
    await asyncio.sleep(0)
    assert 0 < heard < 4
    await until(lambda: heard == 10)
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    switch = make_switch(LocalBus())
    suspected = []
    monkeypatch.setattr(switch.link, "suspect", lambda: suspected.append(True))
    monkeypatch.setattr("cti.asterisk.switch._MOST_WAITING", 200)
    for number in range(200):
        switch.message_came(device(number))
    assert not suspected
    switch.message_came(device(0))
    assert suspected  # a snapshot is cheaper than catching up
