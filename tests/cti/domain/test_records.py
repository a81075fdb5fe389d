"""Events to plain records and back, personal fields apart."""

from __future__ import annotations

import dataclasses
import json
import typing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.errors import InvalidValue
from cti.domain.ids import CallId, LegId
from cti.domain.records import EVENT_CLASSES, EventRecord, from_record, to_record

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ABSTRACT = {"CallEvent"}


def example(cls: type[ev.Event]) -> ev.Event:
    """An event of a class with a value in every field."""
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for spec in dataclasses.fields(cls):
        hint = str(hints[spec.name])
        if spec.metadata.get("personal"):
            values[spec.name] = "王小明 <script>"
        elif "timedelta" in hint:
            values[spec.name] = timedelta(seconds=1.5)
        elif "datetime" in hint:
            values[spec.name] = T0
        elif "tuple" in hint:
            values[spec.name] = (1, 2)
        elif "dict" in hint:
            values[spec.name] = {"k": "v"}
        elif "bool" in hint:
            values[spec.name] = True
        elif hints[spec.name] is int or "TicketId" in hint or "CustomerId" in hint:
            values[spec.name] = 7
        else:
            values[spec.name] = "x"
    return cls(**values)


@pytest.mark.parametrize("name", sorted(set(EVENT_CLASSES) - ABSTRACT))
def test_every_event_survives_the_journal(name: str) -> None:
    event = example(EVENT_CLASSES[name])
    record = to_record(event)
    stored = EventRecord(record.name, json.loads(json.dumps(record.data)), record.personal)
    assert from_record(stored) == event


def test_personal_fields_stand_apart_and_can_be_erased() -> None:
    event = ev.CallOffered(
        at=T0, call_id=CallId("c"), leg_id=LegId("l"), ani="+8613800138000", ani_name="王小明"
    )
    record = to_record(event)
    assert "13800138000" not in json.dumps(record.data)
    assert record.personal == {"ani": "+8613800138000", "ani_name": "王小明"}
    erased = from_record(EventRecord(record.name, record.data, {}))
    assert erased == dataclasses.replace(event, ani="", ani_name="")


def test_personal_fields_do_not_show_in_the_repr() -> None:
    event = ev.CallOffered(at=T0, call_id=CallId("c"), leg_id=LegId("l"), ani="+8613800138000")
    assert "138" not in repr(event)


def test_an_unknown_event_is_refused_and_an_unknown_field_ignored() -> None:
    with pytest.raises(InvalidValue):
        from_record(EventRecord("NoSuchEvent", {}, {}))
    record = to_record(ev.RecordingStarted(at=T0, call_id=CallId("c")))
    newer = EventRecord(record.name, {**record.data, "added_later": 1}, {})
    assert from_record(newer) == ev.RecordingStarted(at=T0, call_id=CallId("c"))
