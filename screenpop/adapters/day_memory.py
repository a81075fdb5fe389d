"""``screenpop.ports.DayBook`` in memory: for tests. It folds the events themselves, and passes the tables' contract."""

from __future__ import annotations

from datetime import datetime

from cti.domain import events as ev
from cti.domain.callback_events import CallbackRequested
from cti.domain.ids import CallId
from cti.domain.segments import concerns
from screenpop import contact as contacts
from screenpop import promises
from screenpop.adapters.day_rows import ContactsProjection
from screenpop.contact import Contact
from screenpop.notices import Message, Messages
from screenpop.promises import Promise


class MemoryDay:
    """See the port; ``take`` is a listener of the bus."""

    def __init__(self) -> None:
        self._contacts: dict[CallId, Contact] = {}
        self._numbers: dict[CallId, str] = {}
        self._promises: dict[CallId, Promise | None] = {}
        self._messages: list[ev.Event] = []

    def take(self, event: ev.Event) -> None:
        """Fold an event in."""
        call_id = concerns(event)
        if call_id is not None and type(event) in contacts.KINDS:
            contact = self._contacts.setdefault(call_id, Contact(call_id))
            contacts.apply(contact, event)
        if isinstance(event, (ev.CallOffered, ev.CallRecovered)) and event.ani:
            self._numbers.setdefault(event.call_id, event.ani)
        elif isinstance(event, CallbackRequested):
            self._numbers.setdefault(event.call_id, event.number)
        if isinstance(event, ev.CallEvent) and type(event) in promises.KINDS:
            self._promises[event.call_id] = promises.apply(self._promises.get(event.call_id), event)
        self._messages.append(event)

    async def contacts(self, since_at: datetime) -> list[tuple[Contact, str]]:
        """See the port."""
        projection, found = ContactsProjection(), []
        for call_id, contact in self._contacts.items():
            rows = projection.rows(contact)
            found += [(row["at"], call_id, contact) for row in rows if row["at"] >= since_at]
        found.sort(key=lambda item: item[:2])
        return [(contact, self._numbers.get(call_id, "")) for _, call_id, contact in found]

    async def promises(self) -> list[Promise]:
        """See the port."""
        standing = [p for p in self._promises.values() if p is not None and p.ended_at is None]
        return sorted(standing, key=lambda p: (p.due_at, p.call_id))

    async def messages(self, since_at: datetime) -> list[Message]:
        """See the port."""
        folded = Messages()
        for event in self._messages:
            folded.take(event)
        return [m for m in folded.all() if m.at >= since_at]
