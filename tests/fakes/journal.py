"""The journal in memory: what was committed lies on pages that outlive whoever wrote them.

Events go through the same plain records as in the database, so that what can't be written or read back fails here
too. As there, an event is committed within a group's time, or at once by ``flush``; ``crash`` loses what wasn't.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

from cti.domain.events import AgentStateChanged, Event
from cti.domain.ids import CallId
from cti.domain.records import EventRecord, from_record, to_record
from cti.ports import Clock, Recorded, Timer
from cti.storage.callback_rows import key_of, requests, story_of

GROUP_TIME = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Page:
    """One committed event, as text."""

    sequence: int
    name: str
    data: str
    personal: str
    call_id: CallId | None
    agent_id: str | None  # whose newest state this may be

    @property
    def event(self) -> Event:
        record = EventRecord(self.name, json.loads(self.data), json.loads(self.personal))
        return from_record(record)


class MemoryJournal:
    """``cti.bootstrap.MainJournal``; one writer per list of pages."""

    def __init__(self, pages: list[Page], clock: Clock) -> None:
        self._pages = pages
        self._clock = clock
        self._pending: list[Page] = []
        self._next = 1
        self._timer: Timer | None = None
        self._is_dead = False
        self.on_handed_in: Callable[[Event], object] | None = None  # there is no other process
        self.error: OSError | None = None
        """Raised by ``flush`` as long as it stands: the disk is full."""

    @property
    def is_failing(self) -> bool:
        return self.error is not None

    @property
    def last(self) -> int:
        return self._next - 1

    async def start(self) -> None:
        self._next = self._pages[-1].sequence + 1 if self._pages else 1

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._commit()

    def crash(self) -> None:
        """The process is killed: what was not committed is lost, and nothing more is written."""
        self._is_dead = True
        self._pending.clear()

    def record(self, event: Event) -> int:
        record = to_record(event)
        sequence = self._next
        self._next += 1
        self._pending.append(
            Page(
                sequence,
                record.name,
                json.dumps(record.data, ensure_ascii=False, sort_keys=True),
                json.dumps(record.personal, ensure_ascii=False),
                getattr(event, "call_id", None),
                event.agent_id if isinstance(event, AgentStateChanged) else None,
            )
        )
        if self._timer is None:
            self._timer = self._clock.call_later(GROUP_TIME, self._group)
        return sequence

    async def flush(self) -> None:
        if self.error is not None:
            raise self.error
        self._commit()

    async def read(
        self, *, after: int = 0, call_id: CallId | None = None
    ) -> AsyncIterator[Recorded]:
        for page in list(self._pages):
            if page.sequence > after and (call_id is None or page.call_id == call_id):
                yield Recorded(page.sequence, page.event)

    async def agent_states(self, *, before: int) -> list[Event]:
        newest = {page.agent_id: page for page in self._pages if page.agent_id is not None}
        found = sorted(newest.values(), key=lambda page: page.sequence)
        return [page.event for page in found if page.sequence <= before]

    async def open_callbacks(self, *, before: int) -> list[Event]:
        begun, over = requests((page.sequence, page.event) for page in self._pages)
        asked = [p for p in self._pages if p.sequence in begun.values() and p.sequence <= before]
        found: list[Event] = []
        for page in asked:
            if page.call_id is not None and key_of(page.call_id) not in over:
                found += await story_of(self, page.call_id)
        return found

    def _group(self) -> None:
        self._timer = None
        if self.error is None:
            self._commit()

    def _commit(self) -> None:
        if not self._is_dead:
            self._pages.extend(self._pending)
        self._pending.clear()
