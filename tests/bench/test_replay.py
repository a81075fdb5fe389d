"""What the replay server says is understood by the real translator and snapshot, all of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bench.replay import (
    FREE,
    PER_CALL,
    WAITING,
    Hall,
    bridge_rows,
    burst,
    channel_rows,
    extension,
    message,
)
from cti.asterisk.channels import ChannelRegistry
from cti.asterisk.snapshot import read_snapshot
from cti.asterisk.translator import Translator
from cti.domain import events as ev
from cti.domain.call import CallState
from cti.domain.ids import QueueName
from cti.wire.ami import Message

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def as_message(data: bytes) -> Message:
    text = data.removesuffix(b"\r\n\r\n")
    return Message(text, text.split(b"\r\n")[0].partition(b": ")[2].decode())


def test_a_burst_is_whole_calls() -> None:
    translator = Translator(ChannelRegistry(), QueueName("selftest"))
    events = burst(10 * PER_CALL, 1)
    assert len(events) == 10 * PER_CALL
    told = [event for data in events for event in translator.translate(as_message(data), NOW)]
    for kind in (ev.CallOffered, ev.CallEnqueued, ev.CallEnded):
        assert len({e.call_id for e in told if isinstance(e, kind)}) == 10
    assert not translator.unknown
    assert not translator.malformed


def test_the_callers_of_a_burst_wait_and_somebody_is_free_for_them() -> None:
    messages = [as_message(data) for data in burst(2 * WAITING * PER_CALL, 1)]
    waiting = most = 0
    for one in messages:
        waiting += (one.get("UserEvent") == "RdWait") - (one.event == "Hangup")
        most = max(most, waiting)
    assert waiting == 0
    assert WAITING <= most <= WAITING + 1
    moved = {one.get("Device") for one in messages if one.event == "DeviceStateChange"}
    assert not moved & {f"PJSIP/{extension(number)}" for number in range(FREE)}


def test_a_world_is_conversations() -> None:
    rows = [
        [as_message(message("Event", name, headers)) for name, headers in made]
        for made in (channel_rows(7, 2), bridge_rows(7, 2), Hall().devices(7))
    ]
    snapshot = read_snapshot(NOW, rows[0], rows[1], rows[2], [])
    assert len(snapshot.calls) == 7
    assert {call.state for call in snapshot.calls.values()} == {CallState.TALKING}
    assert all(call.agent_leg is not None for call in snapshot.calls.values())


def test_in_the_midst_of_a_burst_a_snapshot_shows_who_waits() -> None:
    hall, events = Hall(), burst(2 * WAITING * PER_CALL, 1)
    waiting: set[str] = set()
    for event in events[: len(events) // 2]:
        hall.follow(event)
        one = as_message(event)
        if one.get("UserEvent") == "RdWait":
            waiting.add(one.get("Call"))
        elif one.event == "Hangup":
            waiting.remove(next(c for c in waiting if c.startswith(one.get("Uniqueid") + "-")))
    rows = [
        [as_message(message("Event", name, headers)) for name, headers in made]
        for made in (hall.channels(), hall.devices(0))
    ]
    snapshot = read_snapshot(NOW, rows[0], [], rows[1], [])
    assert {
        str(c) for c, seen in snapshot.calls.items() if seen.state is CallState.WAITING
    } == waiting
    assert len(waiting) >= WAITING
    for event in events[len(events) // 2 :]:
        hall.follow(event)
    assert not list(hall.channels())
