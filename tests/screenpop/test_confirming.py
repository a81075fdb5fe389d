"""Waiting for the event that confirms a command."""

from __future__ import annotations

import asyncio

import pytest

from cti.bus.local import LocalBus
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId
from screenpop.confirming import Confirming
from tests.fakes.people import HandClock

pytestmark = pytest.mark.unit

CALL, OTHER = CallId("c"), CallId("d")


def held(call_id: CallId, clock: HandClock) -> ev.CallHeld:
    return ev.CallHeld(at=clock.now(), call_id=call_id, by="agent")


async def test_what_comes_before_the_answer_counts_and_what_is_of_another_call_does_not() -> None:
    bus, clock = LocalBus(), HandClock()

    async def send() -> None:
        bus.publish(held(OTHER, clock))
        bus.publish(held(CALL, clock))

    await Confirming(bus, clock)(send, lambda e: e == held(CALL, clock), of_call=CALL)


async def test_nothing_is_left_behind_however_it_ends() -> None:
    bus, clock = LocalBus(), HandClock()

    async def refuse() -> None:
        raise CommandRefused("wrong_state", "No.")

    async def take() -> None:
        pass

    confirmed = Confirming(bus, clock)
    with pytest.raises(CommandRefused, match="No"):
        await confirmed(refuse, lambda _: False)
    otherwise = ("not_done", "It was not done.")
    waiting = asyncio.create_task(confirmed(take, lambda _: False, otherwise=otherwise))
    await asyncio.sleep(0)
    clock.advance(5)
    with pytest.raises(CommandRefused) as refusal:
        await waiting
    assert refusal.value.reason == "not_done"
    assert str(refusal.value).startswith("It was not done.")
    cancelled = asyncio.create_task(confirmed(take, lambda _: False))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    heard: list[ev.Event] = []
    bus.subscribe(heard.append)
    bus.publish(held(CALL, clock))
    assert len(heard) == 1
