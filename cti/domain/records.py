"""Events to and from plain records: what the journal writes, and reads a year later.

A record is ``(name, data, personal)``: the event class, its fields as JSON values without the
personal ones, and the personal ones apart. Instants become ISO 8601 text, durations seconds.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cti.domain import events
from cti.domain.errors import InvalidValue
from cti.domain.events import Event

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event as plain values."""

    name: str
    data: dict[str, Any]
    personal: dict[str, str]


def _all_events(base: type[Event]) -> dict[str, type[Event]]:
    found: dict[str, type[Event]] = {}
    for cls in base.__subclasses__():
        found[cls.__name__] = cls
        found.update(_all_events(cls))
    return found


EVENT_CLASSES = _all_events(Event)
_HINTS: dict[type[Event], dict[str, Any]] = {}


def to_record(event: Event) -> EventRecord:
    """Turn an event into plain values, personal fields apart."""
    data: dict[str, Any] = {}
    personal: dict[str, str] = {}
    for spec in dataclasses.fields(event):
        value = getattr(event, spec.name)
        if spec.metadata.get("personal"):
            if value:
                personal[spec.name] = value
        else:
            data[spec.name] = _plain(value)
    return EventRecord(type(event).__name__, data, personal)


def from_record(record: EventRecord) -> Event:
    """Rebuild an event; an erased personal field comes back empty, an unknown field is ignored.

    Raises:
        InvalidValue: no event class has this name, or a value is not of its type.
    """
    cls = EVENT_CLASSES.get(record.name)
    if cls is None:
        raise InvalidValue("event name", record.name)
    hints = _HINTS.get(cls)
    if hints is None:  # dear: Python compiles each annotation anew
        hints = _HINTS[cls] = typing.get_type_hints(cls, vars(events))
    known = {spec.name for spec in dataclasses.fields(cls)}
    try:
        values = {k: _typed(v, hints[k]) for k, v in record.data.items() if k in known}
        values.update({k: v for k, v in record.personal.items() if k in known})
        return cls(**values)
    except (TypeError, ValueError) as exc:
        raise InvalidValue(f"record of {record.name}", str(exc)) from exc


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


def _typed(value: Any, hint: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        return _typed(value, inner[0])
    if origin is tuple:
        return tuple(value)
    if hint is datetime:
        return datetime.fromisoformat(value)
    if hint is timedelta:
        return timedelta(seconds=value)
    return value
