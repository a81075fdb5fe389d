"""Missed calls, promises and messages as projections of the journal (``cti.storage.projections``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Table

from cti.domain import day_events as day
from cti.domain.events import Event
from cti.domain.ids import CallId
from cti.ports import Recorded
from cti.storage.projection_rows import put
from cti.storage.projections import Projection, RunningProjection
from screenpop import contact as contacts
from screenpop import notices, promises
from screenpop.adapters.tables import ContactRow, MessageReadRow, MessageRow, PromiseRow, table
from screenpop.contact import Contact
from screenpop.promises import Promise

LISTS = ("agents", "phones")
_NAMES = [spec.name for spec in fields(Contact) if spec.name != "call_id"]
_WIDTHS = {"origin": 16, "result": 32, "disposition": 64, "closed_result": 32, "queue": 32}


class ContactsProjection:
    """``cti.storage.projections.Projection`` of ``ContactRow``: calls with an outcome, or that somebody acted on."""

    name = "contacts"
    version = 1
    table: Table = table(ContactRow)
    kinds: tuple[type[Event], ...] = contacts.KINDS

    def begin(self) -> Contact:
        """See the protocol."""
        return Contact(CallId(""))

    def apply(self, state: Contact, event: Event) -> Contact:
        """See the protocol."""
        return contacts.apply(state, event)

    def rows(self, state: Contact) -> Sequence[dict[str, Any]]:
        """See the protocol; a call whose end isn't told has none."""
        at = state.closed_at or state.taken_at or state.at or state.ended_at
        if at is None or state.direction == "internal":
            return []
        row: dict[str, Any] = {name: getattr(state, name) for name in _NAMES}
        row |= {name: " ".join(row[name]) for name in LISTS}
        row |= {name: row[name] and row[name][:width] for name, width in _WIDTHS.items()}
        return [{"at": at, **row}]


class PromisesProjection:
    """``cti.storage.projections.Projection`` of ``PromiseRow``."""

    name = "promises"
    version = 1
    table: Table = table(PromiseRow)
    kinds: tuple[type[Event], ...] = promises.KINDS

    def begin(self) -> Promise | None:
        """See the protocol."""
        return None

    def apply(self, state: Promise | None, event: Event) -> Promise | None:
        """See the protocol."""
        return promises.apply(state, event)

    def rows(self, state: Promise | None) -> Sequence[dict[str, Any]]:
        """See the protocol."""
        if state is None:
            return []
        names = [c.name for c in self.table.columns if c.name != "call_id"]
        return [{name: getattr(state, name) for name in names}]


class MessagesProjection:
    """``cti.storage.projections.RunningProjection`` of messages and who has read them; it needs no memory."""

    name = "desk_messages"
    version = 1
    tables: tuple[Table, ...] = (table(MessageRow), table(MessageReadRow))
    kinds: tuple[type[Event], ...] = notices.KINDS

    def load(self, connection: Connection) -> object:
        """See the protocol."""
        return self

    def write(self, connection: Connection, memory: Any, events: Sequence[Recorded]) -> None:
        """See the protocol."""
        sent: dict[str, dict[str, Any]] = {}
        read: dict[tuple[str, str], dict[str, Any]] = {}
        for item in events:
            event = item.event
            if isinstance(event, day.MessageSent):
                sent[event.message_id] = {
                    "message_id": event.message_id, "sequence": item.sequence, "at": event.at,
                    "by": event.by, "audience": event.audience, "target": event.target[:64],
                    "recipients": " ".join(event.recipients),
                }  # fmt: skip
            elif isinstance(event, day.MessageRead):
                key = event.message_id, event.agent_id
                read[key] = {"message_id": key[0], "agent_id": key[1], "at": event.at}
        put(connection, self.tables[0], list(sent.values()))
        put(connection, self.tables[1], list(read.values()))


def day_projections() -> list[Projection | RunningProjection]:
    """All of them."""
    return [ContactsProjection(), PromisesProjection(), MessagesProjection()]
