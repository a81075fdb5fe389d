"""What was read of the store for the calls that people look at: read once, given many times.

A desktop is drawn anew at each step of its call, and every time wants the customer, his history, the ticket, his other
tickets. They change seldom, and whoever changes them says so here (``drop``). Whatever is newer in memory
(the files of live calls) is taken from there.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from cti.domain.ids import CallId, CustomerId, TicketId
from tickets.model import CallFile, Comment, Customer, Match, Ticket
from tickets.ports import Files

HISTORY_LENGTH = 10
_KEPT = 2000


TicketKey = tuple[str, TicketId]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the store holds around one call."""

    customer_id: CustomerId | None
    ticket_id: TicketId | None
    match: Match
    customer: Customer | None = None
    candidates: tuple[Customer, ...] = ()
    history: tuple[CallFile, ...] = ()
    ticket: Ticket | None = None
    open_tickets: tuple[Ticket, ...] = ()
    comments: tuple[Comment, ...] = ()
    others: tuple[CallFile, ...] = ()
    """The other calls on the ticket, oldest first."""
    outcomes: Mapping[TicketId, str] = field(default_factory=dict)
    """What was named as the outcome on the tickets of the history."""
    last_calls: tuple[CallFile | None, ...] = ()
    """The last call of each candidate before this one."""

    def fits(self, file: CallFile) -> bool:
        """Whether it was read for the file as it is now."""
        return (self.customer_id, self.ticket_id, self.match) == (
            file.customer_id,
            file.ticket_id,
            file.match,
        )

    def names(self) -> frozenset[CustomerId | TicketKey]:
        """Whose change changes it: customers by id, tickets as ``("ticket", id)``."""
        customers = {self.customer_id, *(c.customer_id for c in self.candidates)}
        tickets = {self.ticket_id, *(t.ticket_id for t in self.open_tickets)}
        return frozenset(
            {c for c in customers if c is not None}
            | {("ticket", t) for t in tickets if t is not None}
        )


def read_new(files: Files, file: CallFile, customer: Customer, ticket: Ticket) -> Reading:
    """The same for a ticket that was opened just now: nothing else is on it yet."""
    reading = Reading(file.customer_id, file.ticket_id, file.match, ticket=ticket)
    if file.match is Match.MAYBE:
        return _with_candidates(files, file, reading)
    reading = replace(reading, customer=customer)
    if customer.made_by_call == file.call_id:
        return reading  # as new as the ticket
    return _with_past(files, file, customer, reading)


def read_around(files: Files, file: CallFile) -> Reading:
    """Read everything that a desktop shows around a call."""
    is_certain = file.customer_id is not None and file.match is not Match.MAYBE
    customer = files.customer(file.customer_id) if is_certain and file.customer_id else None
    ticket = files.ticket(file.ticket_id) if file.ticket_id is not None else None
    others: tuple[CallFile, ...] = ()
    if ticket is not None:
        others = tuple(c for c in files.calls_on(ticket.ticket_id) if c.call_id != file.call_id)
    reading = Reading(
        customer_id=file.customer_id,
        ticket_id=file.ticket_id,
        match=file.match,
        customer=customer,
        ticket=ticket,
        comments=tuple(files.comments_on(ticket.ticket_id)) if ticket is not None else (),
        others=others,
    )
    if file.match is Match.MAYBE:
        reading = _with_candidates(files, file, reading)
    return reading if customer is None else _with_past(files, file, customer, reading)


def _with_past(files: Files, file: CallFile, customer: Customer, reading: Reading) -> Reading:
    """What was before: calls, what came of them, what is still open."""
    tickets = files.tickets_of(customer.customer_id)
    history = _history(files, file, customer)
    of_history = {call.ticket_id for call in history}
    return replace(
        reading,
        history=history,
        open_tickets=tuple(
            t for t in tickets if t.status == "open" and t.ticket_id != file.ticket_id
        ),
        outcomes={
            t.ticket_id: t.disposition
            for t in tickets
            if t.ticket_id in of_history and t.disposition
        },
    )


def _with_candidates(files: Files, file: CallFile, reading: Reading) -> Reading:
    candidates = _candidates(files, file)
    last = [last_call(files, file, customer.customer_id) for customer in candidates]
    return replace(reading, candidates=candidates, last_calls=tuple(last))


def last_call(files: Files, file: CallFile | None, customer_id: CustomerId) -> CallFile | None:
    """A customer's newest call but this one."""
    calls = files.calls_of(customer_id, 2)
    return next((c for c in calls if file is None or c.call_id != file.call_id), None)


def _history(files: Files, file: CallFile, customer: Customer) -> tuple[CallFile, ...]:
    calls = files.calls_of(customer.customer_id, HISTORY_LENGTH + 1)
    return tuple([call for call in calls if call.call_id != file.call_id][:HISTORY_LENGTH])


def _candidates(files: Files, file: CallFile) -> tuple[Customer, ...]:
    found = [files.customer(customer_id) for customer_id in file.candidates]
    return tuple(customer for customer in found if customer is not None)


class Shelf:
    """The readings of the calls that were asked for last."""

    def __init__(self, at_hand: Callable[[CallId], CallFile | None]) -> None:
        self._at_hand = at_hand
        self._readings: OrderedDict[CallId, Reading] = OrderedDict()
        self._named: dict[CustomerId | TicketKey, set[CallId]] = {}
        """Who stands in which readings."""
        self._drops: deque[frozenset[CustomerId | TicketKey]] = deque(maxlen=_KEPT)
        self.now = 0
        """Counts what was dropped; noted before a reading is begun and told when it is put."""

    def find(self, file: CallFile) -> Reading | None:
        """What was read for this file, if it still holds."""
        reading = self._readings.get(file.call_id)
        return reading if reading is not None and reading.fits(file) else None

    def put(self, call_id: CallId, reading: Reading, since: int) -> None:
        """Keep a reading, unless something in it was dropped while it was read."""
        dropped = self.now - since
        if dropped > len(self._drops):
            return
        names = reading.names()
        if dropped and any(names & drop for drop in list(self._drops)[-dropped:]):
            return
        self._remove(call_id)
        self._readings[call_id] = reading
        for name in names:
            self._named.setdefault(name, set()).add(call_id)
        while len(self._readings) > _KEPT:
            self._remove(next(iter(self._readings)))

    def drop(
        self,
        customers: Iterable[CustomerId | None] = (),
        tickets: Iterable[TicketId | None] = (),
        but: CallId | None = None,
    ) -> None:
        """These have changed: whatever shows them is read again (``but`` this call's)."""
        self.now += 1
        drop = frozenset(
            {c for c in customers if c is not None}
            | {("ticket", t) for t in tickets if t is not None}
        )
        self._drops.append(drop)
        for name in drop:
            for call_id in list(self._named.get(name, ())):
                if call_id != but:
                    self._remove(call_id)

    def _remove(self, call_id: CallId) -> None:
        reading = self._readings.pop(call_id, None)
        if reading is None:
            return
        for name in reading.names():
            named = self._named[name]
            named.discard(call_id)
            if not named:
                del self._named[name]

    def forget(self, call_ids: Iterable[CallId]) -> None:
        """What was read for these calls is read again."""
        for call_id in call_ids:
            self._remove(call_id)

    def newest(self, files: Collection[CallFile]) -> list[CallFile]:
        """The same files, as they are now where they stand in memory."""
        return [self._at_hand(file.call_id) or file for file in files]
