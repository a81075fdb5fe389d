"""The bus inside one process."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cti.bus.local import LocalBus
from cti.domain import events as ev
from cti.domain.ids import CallId

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def started(name: str) -> ev.RecordingStarted:
    return ev.RecordingStarted(at=T0, call_id=CallId(name))


def test_all_listeners_see_all_events_in_the_same_order() -> None:
    bus = LocalBus()
    first: list[ev.Event] = []
    second: list[ev.Event] = []

    def answer(event: ev.Event) -> None:
        first.append(event)
        if event == started("a"):
            bus.publish(started("caused by a"))

    bus.subscribe(answer)
    bus.subscribe(second.append)
    bus.publish(started("a"))
    bus.publish(started("b"))
    assert first == second == [started("a"), started("caused by a"), started("b")]


def test_a_listener_is_told_only_of_its_kinds_and_their_subclasses() -> None:
    bus = LocalBus()
    calls: list[ev.Event] = []
    links: list[ev.Event] = []
    bus.subscribe(calls.append, ev.CallEvent)
    bus.subscribe(links.append, ev.SwitchLinkChanged)
    bus.publish(started("a"))
    bus.publish(ev.SwitchLinkChanged(at=T0, is_up=True))
    assert calls == [started("a")]
    assert links == [ev.SwitchLinkChanged(at=T0, is_up=True)]


def test_a_failing_listener_stops_nobody() -> None:
    bus = LocalBus()
    seen: list[ev.Event] = []

    def fail(event: ev.Event) -> None:
        raise RuntimeError

    bus.subscribe(fail)
    bus.subscribe(seen.append)
    bus.publish(started("a"))
    bus.publish(started("b"))
    assert len(seen) == 2


def test_unsubscribe_ends_it_and_may_be_called_twice() -> None:
    bus = LocalBus()
    seen: list[ev.Event] = []
    unsubscribe = bus.subscribe(seen.append)
    unsubscribe()
    unsubscribe()
    bus.publish(started("a"))
    assert seen == []
