"""What the simulators ask of the system besides its doors for phones and pages."""

from __future__ import annotations

from typing import Protocol

from cti.domain.events import Event
from cti.domain.ids import CallId


class FactReader(Protocol):
    """The journal, read from outside the service."""

    async def last(self) -> int:
        """The newest sequence number."""

    async def since(self, sequence: int, call_id: CallId | None = None) -> list[Event]:
        """What was recorded after a sequence number, all or of one call."""
