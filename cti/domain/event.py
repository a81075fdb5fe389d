"""What every domain event is; the events themselves are in ``events.py``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cti.domain.ids import CallId


def personal(default: str = "") -> Any:
    """Declare a field that identifies a person; it never stands in the event's journal row."""
    return field(default=default, metadata={"personal": True}, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(Event):
    """Something that happened to one call."""

    call_id: CallId
