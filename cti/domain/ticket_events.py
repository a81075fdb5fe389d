"""Events of tickets that are no call's."""

from __future__ import annotations

from dataclasses import dataclass, field

from cti.domain.event import Event
from cti.domain.ids import TicketId


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketChanged(Event):
    """Somebody changed a ticket: the names of what he changed, and the new values where these are ids."""

    ticket_id: TicketId
    by: str
    what: tuple[str, ...]
    values: dict[str, str] = field(default_factory=dict)
