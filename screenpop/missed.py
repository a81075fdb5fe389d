"""Missed calls: one open entry a number, which closes by itself when the caller gets through. Pure.

Fed with contacts (``contact.py``) in the order in which their outcomes came to be, and with what people did by hand. An
entry closes when anybody of ours speaks with this number: he called again (``got_through``), or was called
(``called_back``). Numbers that were withheld have no entry: nobody could call them, and nothing would ever close it.

The same contact again adds nothing, so rows and events may overlap.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, QueueName
from screenpop.contact import Contact

TAKEN_TIME = timedelta(minutes=15)
"""So long nobody else calls a caller whom somebody has taken."""

_CLOSED_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Try:
    """Somebody called back, and nobody answered him."""

    at: datetime
    agent_id: AgentId | None
    result: str


@dataclass(slots=True)
class Entry:
    """All missed calls of one number since it was last spoken with."""

    entry_id: CallId  # the first call's
    key: str = field(repr=False)
    number: str = field(repr=False)  # as it was delivered
    calls: list[Contact] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    taken_by: AgentId | None = None
    taken_until_at: datetime | None = None
    closed_at: datetime | None = None
    how: str = ""  # got_through, called_back, by_hand
    closed_by: AgentId | None = None
    closed_call_id: CallId | None = None
    result: str = ""  # the outcome that the agent named, or what was chosen by hand

    @property
    def last_at(self) -> datetime:
        """The newest of its calls."""
        return max(c.at for c in self.calls if c.at is not None)

    @property
    def queues(self) -> frozenset[QueueName]:
        """In which he waited."""
        return frozenset(c.queue for c in self.calls if c.queue is not None)

    @property
    def agents(self) -> frozenset[AgentId]:
        """At whom he rang."""
        return frozenset(agent_id for c in self.calls for agent_id in c.agents)

    @property
    def phones(self) -> frozenset[str]:
        """The extensions at which he rang."""
        return frozenset(phone for c in self.calls for phone in c.phones)

    def taker(self, now: datetime) -> AgentId | None:
        """Who calls him back, if somebody does."""
        is_on = self.taken_until_at is not None and now < self.taken_until_at
        return self.taken_by if is_on else None


class MissedCalls:
    """The list."""

    def __init__(self) -> None:
        self._open: dict[str, Entry] = {}
        self._by_id: dict[CallId, Entry] = {}  # open ones
        self._closed: OrderedDict[CallId, Entry] = OrderedDict()
        self._closed_by_call: dict[CallId, Entry] = {}
        self._seen: dict[CallId, datetime] = {}

    # ---- calls ---------------------------------------------------------------------------------

    def take(self, contact: Contact, key: str, number: str) -> bool:
        """A contact has an outcome, or it was told more of; returns whether the list is another one."""
        outcome, at = contact.outcome, contact.at
        if not key or at is None:
            return False
        closed = self._closed_by_call.get(contact.call_id)
        if closed is not None:  # who spoke, and what came of it, is told a little later
            before = closed.closed_by, closed.result
            closed.closed_by, closed.result = contact.agent_id, contact.disposition
            return before != (closed.closed_by, closed.result)
        if contact.call_id in self._seen:
            return False
        self._seen[contact.call_id] = at
        entry = self._open.get(key)
        if outcome == "missed":
            if entry is None:
                entry = self._open[key] = Entry(contact.call_id, key, number)
                self._by_id[entry.entry_id] = entry
            entry.calls.append(contact)
            return True
        if entry is None:
            return False
        if outcome == "tried":
            entry.tries.append(Try(at, contact.agent_id, contact.result))
            return True
        how = "called_back" if contact.direction == "outbound" else "got_through"
        self._close(entry, at, how, contact.agent_id, contact.disposition)
        entry.closed_call_id = contact.call_id
        self._closed_by_call[contact.call_id] = entry
        return True

    # ---- by hand -------------------------------------------------------------------------------

    def check_taken(self, entry_id: CallId, agent_id: AgentId, now: datetime) -> Entry:
        """The entry, if this agent may call the caller back now.

        Raises:
            CommandRefused: it is closed or there is none (``no_such_entry``); a colleague has it (``entry_taken``).
        """
        entry = self.entry(entry_id)
        taker = entry.taker(now)
        if taker is not None and taker != agent_id:
            raise CommandRefused("entry_taken", "A colleague is calling this caller.")
        return entry

    def entry(self, entry_id: CallId) -> Entry:
        """An open entry.

        Raises:
            CommandRefused: it is closed, or there is none (``no_such_entry``).
        """
        entry = self._by_id.get(entry_id)
        if entry is None:
            raise CommandRefused("no_such_entry", "This entry is closed already.")
        return entry

    def taken(self, entry_id: CallId, agent_id: AgentId | None, until_at: datetime | None) -> bool:
        """Somebody calls him back (None: nobody does any more)."""
        entry = self._by_id.get(entry_id)
        if entry is None:
            return False
        entry.taken_by, entry.taken_until_at = agent_id, until_at
        return True

    def closed(self, entry_id: CallId, by: AgentId, result: str, at: datetime) -> bool:
        """Somebody closed it."""
        entry = self._by_id.get(entry_id)
        if entry is None:
            return False
        self._close(entry, at, "by_hand", by, result)
        return True

    def _close(self, entry: Entry, at: datetime, how: str, by: AgentId | None, result: str) -> None:
        entry.closed_at, entry.how, entry.closed_by, entry.result = at, how, by, result
        del self._open[entry.key], self._by_id[entry.entry_id]
        self._closed[entry.entry_id] = entry
        while len(self._closed) > _CLOSED_KEPT:
            self._forget_closed(next(iter(self._closed)))

    # ---- reading -------------------------------------------------------------------------------

    def open(self) -> list[Entry]:
        """The open ones, who called last first."""
        return sorted(self._open.values(), key=lambda e: e.last_at, reverse=True)

    def recently_closed(self, since_at: datetime) -> list[Entry]:
        """Those closed since then, the newest first."""
        found = [e for e in self._closed.values() if e.closed_at and e.closed_at >= since_at]
        return sorted(found, key=lambda e: e.closed_at or since_at, reverse=True)

    def next_release(self, now: datetime) -> datetime | None:
        """When the next entry that somebody took falls back to all."""
        held = [e.taken_until_at for e in self._open.values() if e.taker(now) and e.taken_until_at]
        return min(held, default=None)

    # ---- forgetting ----------------------------------------------------------------------------

    def prune(self, before_at: datetime) -> bool:
        """Drop what is older; returns whether an open entry was."""
        for call_id in [c for c, at in self._seen.items() if at < before_at]:
            del self._seen[call_id]
        for entry in [e for e in self._closed.values() if e.closed_at and e.closed_at < before_at]:
            self._forget_closed(entry.entry_id)
        old = [e for e in self._open.values() if e.last_at < before_at]
        for entry in old:
            del self._open[entry.key], self._by_id[entry.entry_id]
        return bool(old)

    def erase(self, call_ids: Iterable[CallId]) -> bool:
        """A person was erased: nothing of these calls' entries stays."""
        gone = frozenset(call_ids)
        found = False
        for entry in [*self._open.values(), *self._closed.values()]:
            if gone.isdisjoint({c.call_id for c in entry.calls} | {entry.closed_call_id}):
                continue
            found = True
            if entry.closed_at is None:
                del self._open[entry.key], self._by_id[entry.entry_id]
            else:
                self._forget_closed(entry.entry_id)
        return found

    def _forget_closed(self, entry_id: CallId) -> None:
        entry = self._closed.pop(entry_id)
        if entry.closed_call_id is not None:
            self._closed_by_call.pop(entry.closed_call_id, None)


def replay(contacts: Iterable[tuple[Contact, str, str]]) -> MissedCalls:
    """The list from rows: each contact with its number's key and the number, in any order."""
    missed = MissedCalls()
    steps: list[tuple[datetime, int, Callable[[], object]]] = []
    for contact, key, number in contacts:
        _steps_of(missed, contact, key, number, steps)
    steps.sort(key=lambda step: step[:2])
    for _, _, step in steps:
        step()
    return missed


def _steps_of(
    missed: MissedCalls,
    contact: Contact,
    key: str,
    number: str,
    steps: list[tuple[datetime, int, Callable[[], object]]],
) -> None:
    call_id = contact.call_id
    if contact.at is not None:
        steps.append((contact.at, 0, lambda: missed.take(contact, key, number)))
    if contact.taken_at is not None:
        taken = contact.taken_by, contact.taken_until_at
        steps.append((contact.taken_at, 1, lambda: missed.taken(call_id, *taken)))
    if contact.closed_at is not None and contact.closed_by is not None:
        by, result, at = contact.closed_by, contact.closed_result, contact.closed_at
        steps.append((at, 1, lambda: missed.closed(call_id, by, result, at)))
