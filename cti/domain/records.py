"""Events to and from plain records: what the journal writes, and reads a year later.

A record is ``(name, data, personal)``: the event class, its fields as JSON values without the
personal ones, and the personal ones apart. Instants become ISO 8601 text, durations seconds.

Rows are written once and read for ever, so a record says under which ``SCHEMA_VERSION`` it was written. Adding
an event or a field with a default needs nothing. Whoever renames or removes one, or gives it another meaning, raises
``SCHEMA_VERSION`` by one and adds to ``UPCASTERS`` how an older record becomes a newer one;
``tests/cti/storage/golden`` holds rows of every version and fails until that is done.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cti.domain import callback_events, day_events, events, menu_events
from cti.domain.errors import InvalidValue
from cti.domain.events import Event

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event as plain values."""

    name: str
    data: dict[str, Any]
    personal: dict[str, str]
    version: int = SCHEMA_VERSION


Upcaster = Callable[[EventRecord], EventRecord]

UPCASTERS: Mapping[tuple[str, int], Upcaster] = types.MappingProxyType({})
"""Event name and schema version → how such a record becomes one of the next version. Others stay as they are."""


def _all_events(base: type[Event]) -> dict[str, type[Event]]:
    found: dict[str, type[Event]] = {}
    for cls in base.__subclasses__():
        found[cls.__name__] = cls
        found.update(_all_events(cls))
    return found


EVENT_MODULES = (events, callback_events, day_events, menu_events)
"""Where events are written down; one that isn't imported could not be read back."""
EVENT_CLASSES = _all_events(Event)
_HINTS: dict[type[Event], dict[str, Any]] = {}
_FIELDS: dict[type[Event], tuple[tuple[str, bool], ...]] = {}


def to_record(event: Event) -> EventRecord:
    """Turn an event into plain values, personal fields apart.

    What no database can keep as text (NUL, half a surrogate pair) becomes U+FFFD: a caller's name may hold anything.
    """
    data: dict[str, Any] = {}
    personal: dict[str, str] = {}
    for name, is_personal in _fields_of(type(event)):
        value = getattr(event, name)
        if not is_personal:
            data[name] = _plain(value)
        elif value:
            personal[name] = _storable(value)
    return EventRecord(type(event).__name__, data, personal)


def _fields_of(cls: type[Event]) -> tuple[tuple[str, bool], ...]:
    """The names of the fields, each with whether it is personal."""
    fields = _FIELDS.get(cls)
    if fields is None:
        fields = _FIELDS[cls] = tuple(
            (spec.name, bool(spec.metadata.get("personal"))) for spec in dataclasses.fields(cls)
        )
    return fields


def from_record(record: EventRecord) -> Event:
    """Rebuild an event; an erased personal field comes back empty, an unknown field is ignored.

    Raises:
        InvalidValue: no event class has this name, or a value is not of its type.
    """
    record = upcast(record)
    cls = EVENT_CLASSES.get(record.name)
    if cls is None:
        raise InvalidValue("event name", record.name)
    hints = _HINTS.get(cls)
    if hints is None:  # dear: Python compiles each annotation anew
        hints = _HINTS[cls] = typing.get_type_hints(cls)
    try:
        values = {k: _typed(v, hints[k]) for k, v in record.data.items() if k in hints}
        values.update({k: v for k, v in record.personal.items() if k in hints})
        return cls(**values)
    except (TypeError, ValueError) as exc:
        raise InvalidValue(f"record of {record.name}", str(exc)) from exc


def upcast(
    record: EventRecord, upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS
) -> EventRecord:
    """Bring a record of an older version up to this one; a newer one is left as it is.

    Where a version has nothing to say of an event, the record passes it unchanged.
    """
    for version in range(record.version, SCHEMA_VERSION):
        change = upcasters.get((record.name, version))
        if change is not None:
            record = change(record)
        record = dataclasses.replace(record, version=version + 1)
    return record


_PLAIN = frozenset({int, float, bool, type(None)})


def _storable(text: str) -> str:
    if "\0" in text or not text.isascii():
        text = text.replace("\0", "\ufffd")
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _plain(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items()}
    return value


def _typed(value: Any, hint: Any) -> Any:
    if value is None:
        return None
    made = _maker_of(hint)
    return value if made is None else made(value)


@functools.cache
def _maker_of(hint: Any) -> Callable[[Any], Any] | None:
    """What makes a value of this type of a JSON value; None: it is one already."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _maker_of(next(a for a in typing.get_args(hint) if a is not type(None)))
    if origin is tuple:
        return tuple
    if hint is datetime:
        return datetime.fromisoformat
    if hint is timedelta:
        return _seconds
    return None


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)
