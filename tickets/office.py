"""What people do with tickets: read, write notes, name the outcome, attach a call elsewhere.

Who may do so is the asker's business (a desktop offers only what stands on it); what is possible is decided
here, and each refusal says why. Every command is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from cti.domain import events as ev
from cti.domain.callbacks import is_attempt
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, CustomerId, TicketId
from cti.domain.text import clean_name
from cti.ports import Clock, EventBus
from tickets import model
from tickets.identifying import Identifying, caller_view, remove_if_in_vain
from tickets.model import MAX_NOTE_LENGTH, WRONG_NUMBER, CallFile, Customer, Match, Ticket
from tickets.ports import Files
from tickets.service import TicketService
from tickets.shelf import HISTORY_LENGTH, Reading, read_around
from tickets.staff import Staff
from tickets.views import CallerView, CandidateView, TicketView, ticket_view

_MAX_FIELD = 100

T = TypeVar("T")


class TicketOffice:
    """Reads and changes tickets and customers."""

    def __init__(
        self,
        service: TicketService,
        bus: EventBus,
        clock: Clock,
        dispositions: Mapping[str, tuple[str, ...]],
        default_dispositions: tuple[str, ...],
        staff: Staff,
    ) -> None:
        self._service = service
        self._shelf = service.shelf
        self._bus = bus
        self._clock = clock
        self._dispositions = dispositions  # by queue
        self._default_dispositions = default_dispositions
        self._identifying = Identifying(service, clock)
        self._staff = staff

    def on_change(self, listener: Callable[[CallId], None]) -> None:
        """Be told whenever a call's caller or ticket looks different."""
        self._service.on_change(listener)

    def configure(self, dispositions: Mapping[str, tuple[str, ...]]) -> None:
        """The company has changed: which outcomes a queue knows."""
        self._dispositions = dispositions

    def dispositions(self, queue: str) -> tuple[str, ...]:
        """What may become of a call of a queue."""
        return self._dispositions.get(queue, self._default_dispositions)

    # ---- reading -------------------------------------------------------------------------------

    async def caller(self, call_id: CallId) -> CallerView | None:
        """Who calls; None for a call that we don't know (yet)."""
        file = await self._service.files.get(call_id)
        if file is None:
            return None
        reading = await self._read(file)
        return caller_view(file, reading, self._shelf)

    async def ticket(self, call_id: CallId) -> TicketView | None:
        """The ticket that a call is on; None while it has none."""
        file = await self._service.files.get(call_id)
        if file is None or file.ticket_id is None:
            return None
        reading = await self._read(file)
        ticket = reading.ticket
        if ticket is None:
            return None
        await self._staff.read()
        return ticket_view(
            ticket,
            [*self._shelf.newest(reading.others), file],
            reading.comments,
            form=self._service.form,
            name_of=self._staff.name,
            dispositions=self.dispositions(file.queue),
            open_tickets=reading.open_tickets[:20],
            is_attached=ticket.opened_by_call != call_id and not is_attempt(call_id),
        )

    async def _read(self, file: CallFile) -> Reading:
        found = self._shelf.find(file)
        if found is None:
            since = self._shelf.now
            found = await self._service.files.store.read(lambda files: read_around(files, file))
            self._shelf.put(file.call_id, found, since)
        return found

    # ---- writing -------------------------------------------------------------------------------

    async def write_note(self, ticket_id: TicketId, text: str, version: int) -> None:
        """Replace the note that was read as ``version``.

        Raises:
            CommandRefused: ``no_such_ticket``; ``note_changed``: somebody else wrote meanwhile;
                ``too_long``.
        """
        if len(text) > MAX_NOTE_LENGTH:
            raise CommandRefused("too_long", f"A note has at most {MAX_NOTE_LENGTH} characters.")

        def write(files: Files) -> None:
            ticket = find_ticket(files, ticket_id)
            if ticket.version != version:
                raise CommandRefused(
                    "note_changed",
                    "Somebody else has changed this note meanwhile; your text was not saved.",
                )
            files.put_ticket(replace(ticket, note=text, version=version + 1))

        await self._write(write)
        await self._service.tell_ticket(ticket_id)

    async def set_disposition(
        self, ticket_id: TicketId, call_id: CallId, disposition: str, by: str
    ) -> None:
        """Name the outcome.

        Raises:
            CommandRefused: ``no_such_ticket``, ``no_such_call``, ``no_such_disposition``.
        """
        async with self._service.files.locked(call_id):
            file = await self._file(call_id)
            if disposition not in self.dispositions(file.queue):
                raise CommandRefused("no_such_disposition", "This queue has no such outcome.")
            if file.ticket_id != ticket_id:
                raise CommandRefused("no_such_ticket", "The call is on another ticket by now.")

            def name_outcome(files: Files) -> Ticket:
                ticket = find_ticket(files, ticket_id)
                files.put_ticket(self._outcome_named(ticket, disposition))
                _mark_in_vain(files, file, disposition)
                return ticket

            before = await self._write(name_outcome)
            self._shelf.drop(customers=[file.customer_id], tickets=[ticket_id])
        self._bus.publish(
            ev.DispositionSet(
                at=self._clock.now(),
                call_id=call_id,
                ticket_id=ticket_id,
                disposition=disposition,
                by=by,
            )
        )
        await self._service.tell_ticket(ticket_id, before)

    def _outcome_named(self, ticket: Ticket, disposition: str) -> Ticket:
        """With this outcome; some close the ticket, unless a required field is empty."""
        form = self._service.form
        is_over = disposition in form.closed_by and not form.missing(ticket)
        status = "closed" if is_over else ticket.status
        return replace(ticket, disposition=disposition, status=status)

    async def attach(self, call_id: CallId, ticket_id: TicketId, by: str) -> None:
        """Move a call, its note and recording to another ticket; its own, left empty, is removed.

        Raises:
            CommandRefused: ``no_such_ticket``, ``no_such_call``, ``no_ticket_yet``, ``closed``.
        """
        async with self._service.files.locked(call_id):
            file = await self._file(call_id)
            if file.ticket_id is None:
                raise CommandRefused("no_ticket_yet", "The call has no ticket yet.")
            if file.ticket_id == ticket_id:
                return
            from_ticket_id, now = file.ticket_id, self._clock.now()

            def move(files: Files) -> CallFile:
                source, target = find_ticket(files, from_ticket_id), find_ticket(files, ticket_id)
                if target.status != "open":
                    raise CommandRefused("closed", "That ticket is closed; open it first.")
                moved = replace(file, ticket_id=ticket_id, customer_id=target.customer_id)
                if file.match is Match.MAYBE:
                    moved = replace(moved, match=Match.KNOWN)  # the choice of ticket was the choice
                moved = model.note(moved, now, "attached", f"#{from_ticket_id}")
                files.put_calls([moved])
                _move_writing(files, source, target)
                remove_if_in_vain(files, source.customer_id)
                return moved

            moved = await self._write(move)
            self._service.files.keep(moved)
            self._shelf.drop([file.customer_id, moved.customer_id], [from_ticket_id, ticket_id])
        self._bus.publish(
            ev.CallAttached(
                at=self._clock.now(),
                call_id=call_id,
                ticket_id=ticket_id,
                from_ticket_id=from_ticket_id,
                by=by,
            )
        )
        await self._service.tell_ticket(ticket_id)
        await self._service.tell_ticket(from_ticket_id)

    async def rename(self, customer_id: CustomerId, name: str, company: str) -> None:
        """Name a customer; a provisional file is one no longer.

        Raises:
            CommandRefused: ``no_such_customer``, ``name_missing``.
        """
        name, company = clean_name(name, _MAX_FIELD), clean_name(company, _MAX_FIELD)
        if not name:
            raise CommandRefused("name_missing", "A customer needs a name.")

        def write(files: Files) -> Sequence[CallFile]:
            customer = _customer(files, customer_id)
            files.put_customer(
                replace(customer, name=name, company=company, is_provisional=False, is_touched=True)
            )
            return files.calls_of(customer_id, HISTORY_LENGTH)

        calls = await self._write(write)
        self._shelf.drop(customers=[customer_id])
        await self._service.tell_customer(calls)

    async def choose(self, call_id: CallId, customer_id: CustomerId) -> None:
        """Say which of the candidates calls; his ticket becomes the call's ticket's customer.

        Raises:
            CommandRefused: ``no_such_call``, ``no_such_customer`` (not one of the candidates).
        """
        async with self._service.files.locked(call_id):
            file = await self._file(call_id)
            if customer_id not in file.candidates:
                raise CommandRefused("no_such_customer", "That customer isn't one of the choices.")

            def choose(files: Files) -> CallFile:
                _customer(files, customer_id)
                chosen = replace(file, match=Match.KNOWN, customer_id=customer_id)
                files.put_calls([chosen])
                if file.ticket_id is not None:
                    ticket = find_ticket(files, file.ticket_id)
                    files.put_ticket(replace(ticket, customer_id=customer_id))
                if file.customer_id != customer_id:
                    remove_if_in_vain(files, file.customer_id)
                return chosen

            chosen = await self._write(choose)
            self._service.files.keep(chosen)
            self._shelf.drop([file.customer_id, customer_id], [file.ticket_id])
        await self._service.tell_customer([chosen])

    # ---- who it is -----------------------------------------------------------------------------

    async def search(self, query: str, number_key: str) -> tuple[CandidateView, ...]:
        """Customers by name and company, by a whole number (``number_key``) or its last four digits."""
        return await self._identifying.search(query, number_key)

    async def assign(self, call_id: CallId, customer_id: CustomerId, keeps_number: bool) -> None:
        """Say that this customer calls; see ``tickets.identifying``."""
        await self._identifying.assign(call_id, customer_id, keeps_number)

    async def create(self, call_id: CallId, name: str, company: str) -> None:
        """Make a file for whoever calls; see ``tickets.identifying``."""
        await self._identifying.create(call_id, name, company)

    async def describe(self, customer_id: CustomerId, note: str) -> None:
        """Write a customer's note; see ``tickets.identifying``."""
        await self._identifying.describe(customer_id, note)

    async def warn(self, customer_id: CustomerId, text: str, by: str) -> None:
        """Set or (empty) take away a customer's warning; see ``tickets.identifying``."""
        await self._identifying.warn(customer_id, text, by)

    async def _write(self, work: Callable[[Files], T]) -> T:
        return await self._service.files.write(work)

    async def _file(self, call_id: CallId) -> CallFile:
        file = await self._service.files.get(call_id)
        if file is None:
            raise CommandRefused("no_such_call", "There is no such call.")
        return file


def find_ticket(files: Files, ticket_id: TicketId) -> Ticket:
    """A ticket.

    Raises:
        CommandRefused: ``no_such_ticket``.
    """
    ticket = files.ticket(ticket_id)
    if ticket is None:
        raise CommandRefused("no_such_ticket", "There is no such ticket.")
    return ticket


def _customer(files: Files, customer_id: CustomerId) -> Customer:
    customer = files.customer(customer_id)
    if customer is None:
        raise CommandRefused("no_such_customer", "There is no such customer.")
    return customer


def _move_writing(files: Files, source: Ticket, target: Ticket) -> None:
    if files.calls_on(source.ticket_id):
        return  # other calls are on it: what was written there stays
    note = "\n\n".join(text for text in (target.note, source.note) if text)[:MAX_NOTE_LENGTH]
    version = target.version + (note != target.note)
    disposition = source.disposition or target.disposition
    files.put_ticket(replace(target, note=note, version=version, disposition=disposition))
    for comment in files.comments_on(source.ticket_id):
        files.put_comment(replace(comment, ticket_id=target.ticket_id))
    files.remove_ticket(source.ticket_id)


def _mark_in_vain(files: Files, file: CallFile, disposition: str) -> None:
    """A wrong number's file, made by this very call, is swept away unless somebody touched it."""
    if file.customer_id is None:
        return
    customer = files.customer(file.customer_id)
    if customer is None or customer.made_by_call != file.call_id or customer.is_touched:
        return
    is_wrong = disposition == WRONG_NUMBER or not file.number_key
    if customer.is_provisional != is_wrong and file.match is Match.NONE:
        files.put_customer(replace(customer, is_provisional=is_wrong))
