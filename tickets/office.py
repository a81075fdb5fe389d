"""What people do with tickets: read, write notes, name the outcome, attach a call elsewhere.

Who may do so is the asker's business (a desktop offers only what stands on it); what is possible is decided
here, and each refusal says why. Every command is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, CustomerId, TicketId
from cti.domain.text import clean_name
from cti.ports import Clock, EventBus
from tickets import model
from tickets.model import MAX_NOTE_LENGTH, WRONG_NUMBER, CallFile, Customer, Match, Ticket
from tickets.ports import Files
from tickets.service import TicketService
from tickets.views import CallerView, HistoryCall, TicketView, history_call

HISTORY_LENGTH = 10
_MAX_FIELD = 100


class TicketOffice:
    """Reads and changes tickets and customers."""

    def __init__(
        self,
        service: TicketService,
        bus: EventBus,
        clock: Clock,
        dispositions: Mapping[str, tuple[str, ...]],
        default_dispositions: tuple[str, ...],
    ) -> None:
        self._service = service
        self._store = service.files.store
        self._bus = bus
        self._clock = clock
        self._dispositions = dispositions  # by queue
        self._default_dispositions = default_dispositions

    def on_change(self, listener: Callable[[CallId], None]) -> None:
        """Be told whenever a call's caller or ticket looks different."""
        self._service.on_change(listener)

    # ---- reading -------------------------------------------------------------------------------

    async def caller(self, call_id: CallId) -> CallerView | None:
        """Who calls; None for a call that we don't know (yet)."""
        file = await self._service.files.get(call_id)
        if file is None:
            return None
        async with self._store.read() as files:
            candidates = [await files.customer(c) for c in file.candidates]
            customer = None
            if file.customer_id is not None and file.match is not Match.MAYBE:
                customer = await files.customer(file.customer_id)
            history: tuple[HistoryCall, ...] = ()
            if customer is not None:
                calls = await files.calls_of(customer.customer_id, HISTORY_LENGTH + 1)
                history = tuple(history_call(c) for c in calls if c.call_id != call_id)
        return CallerView(
            match=file.match.value,
            customer=customer,
            candidates=tuple(c for c in candidates if c) if file.match is Match.MAYBE else (),
            history=history[:HISTORY_LENGTH],
        )

    async def ticket(self, call_id: CallId) -> TicketView | None:
        """The ticket that a call is on; None while it has none."""
        file = await self._service.files.get(call_id)
        if file is None or file.ticket_id is None:
            return None
        async with self._store.read() as files:
            ticket = await files.ticket(file.ticket_id)
            if ticket is None:
                return None
            others: list[Ticket] = []
            if ticket.customer_id is not None and file.match is not Match.MAYBE:
                others = [
                    t
                    for t in await files.tickets_of(ticket.customer_id)
                    if t.status == "open" and t.ticket_id != ticket.ticket_id
                ]
            calls = [c for c in await files.calls_on(ticket.ticket_id) if c.call_id != call_id]
        steps = [item for c in (*calls, file) for item in c.timeline]
        return TicketView(
            ticket_id=ticket.ticket_id,
            customer_id=ticket.customer_id,
            subject=ticket.subject,
            status=ticket.status,
            category=ticket.category,
            created_at=ticket.created_at,
            note=ticket.note,
            version=ticket.version,
            disposition=ticket.disposition,
            dispositions=self._dispositions.get(file.queue, self._default_dispositions),
            open_tickets=tuple(others[:20]),
            timeline=tuple(sorted(steps, key=lambda item: item.at)[-model.MAX_TIMELINE :]),
        )

    # ---- writing -------------------------------------------------------------------------------

    async def write_note(self, ticket_id: TicketId, text: str, version: int) -> None:
        """Replace the note that was read as ``version``.

        Raises:
            CommandRefused: ``no_such_ticket``; ``note_changed``: somebody else wrote meanwhile;
                ``too_long``.
        """
        if len(text) > MAX_NOTE_LENGTH:
            raise CommandRefused("too_long", f"A note has at most {MAX_NOTE_LENGTH} characters.")
        async with self._store.write() as files:
            ticket = await _ticket(files, ticket_id)
            if ticket.version != version:
                raise CommandRefused(
                    "note_changed",
                    "Somebody else has changed this note meanwhile; your text was not saved.",
                )
            await files.put_ticket(replace(ticket, note=text, version=version + 1))
            calls = await files.calls_on(ticket_id)
        for file in calls:
            self._service.tell_change(file.call_id)

    async def set_disposition(
        self, ticket_id: TicketId, call_id: CallId, disposition: str, by: str
    ) -> None:
        """Name the outcome.

        Raises:
            CommandRefused: ``no_such_ticket``, ``no_such_call``, ``no_such_disposition``.
        """
        async with self._service.files.locked(call_id):
            file = await self._file(call_id)
            if disposition not in self._dispositions.get(file.queue, self._default_dispositions):
                raise CommandRefused("no_such_disposition", "This queue has no such outcome.")
            if file.ticket_id != ticket_id:
                raise CommandRefused("no_such_ticket", "The call is on another ticket by now.")
            async with self._store.write() as files:
                ticket = await _ticket(files, ticket_id)
                await files.put_ticket(replace(ticket, disposition=disposition))
                await _mark_in_vain(files, file, disposition)
        self._bus.publish(
            ev.DispositionSet(
                at=self._clock.now(),
                call_id=call_id,
                ticket_id=ticket_id,
                disposition=disposition,
                by=by,
            )
        )
        self._service.tell_change(call_id)

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
            async with self._store.write() as files:
                source, target = (
                    await _ticket(files, file.ticket_id),
                    await _ticket(files, ticket_id),
                )
                if target.status != "open":
                    raise CommandRefused("closed", "That ticket is closed; open it first.")
                moved = replace(file, ticket_id=ticket_id, customer_id=target.customer_id)
                if file.match is Match.MAYBE:
                    moved = replace(moved, match=Match.KNOWN)  # the choice of ticket was the choice
                moved = model.note(moved, self._clock.now(), "attached", f"#{source.ticket_id}")
                await files.put_call(moved)
                await _move_writing(files, source, target)
                await _remove_if_in_vain(files, source.customer_id)
            self._service.files.keep(moved)
        self._bus.publish(
            ev.CallAttached(
                at=self._clock.now(),
                call_id=call_id,
                ticket_id=ticket_id,
                from_ticket_id=source.ticket_id,
                by=by,
            )
        )
        self._service.tell_change(call_id)

    async def rename(self, customer_id: CustomerId, name: str, company: str) -> None:
        """Name a customer; a provisional file is one no longer.

        Raises:
            CommandRefused: ``no_such_customer``, ``name_missing``.
        """
        name, company = clean_name(name, _MAX_FIELD), clean_name(company, _MAX_FIELD)
        if not name:
            raise CommandRefused("name_missing", "A customer needs a name.")
        async with self._store.write() as files:
            customer = await _customer(files, customer_id)
            await files.put_customer(
                replace(customer, name=name, company=company, is_provisional=False, is_touched=True)
            )
            calls = await files.calls_of(customer_id, HISTORY_LENGTH)
        for file in calls:
            self._service.tell_change(file.call_id)

    async def choose(self, call_id: CallId, customer_id: CustomerId) -> None:
        """Say which of the candidates calls; his ticket becomes the call's ticket's customer.

        Raises:
            CommandRefused: ``no_such_call``, ``no_such_customer`` (not one of the candidates).
        """
        async with self._service.files.locked(call_id):
            file = await self._file(call_id)
            if customer_id not in file.candidates:
                raise CommandRefused("no_such_customer", "That customer isn't one of the choices.")
            async with self._store.write() as files:
                await _customer(files, customer_id)
                chosen = replace(file, match=Match.KNOWN, customer_id=customer_id)
                await files.put_call(chosen)
                if file.ticket_id is not None:
                    ticket = await _ticket(files, file.ticket_id)
                    await files.put_ticket(replace(ticket, customer_id=customer_id))
                if file.customer_id != customer_id:
                    await _remove_if_in_vain(files, file.customer_id)
            self._service.files.keep(chosen)
        self._service.tell_change(call_id)

    async def _file(self, call_id: CallId) -> CallFile:
        file = await self._service.files.get(call_id)
        if file is None:
            raise CommandRefused("no_such_call", "There is no such call.")
        return file


async def _ticket(files: Files, ticket_id: TicketId) -> Ticket:
    ticket = await files.ticket(ticket_id)
    if ticket is None:
        raise CommandRefused("no_such_ticket", "There is no such ticket.")
    return ticket


async def _customer(files: Files, customer_id: CustomerId) -> Customer:
    customer = await files.customer(customer_id)
    if customer is None:
        raise CommandRefused("no_such_customer", "There is no such customer.")
    return customer


async def _move_writing(files: Files, source: Ticket, target: Ticket) -> None:
    if await files.calls_on(source.ticket_id):
        return  # other calls are on it: what was written there stays
    note = "\n\n".join(text for text in (target.note, source.note) if text)[:MAX_NOTE_LENGTH]
    version = target.version + (note != target.note)
    disposition = source.disposition or target.disposition
    await files.put_ticket(replace(target, note=note, version=version, disposition=disposition))
    await files.remove_ticket(source.ticket_id)


async def _remove_if_in_vain(files: Files, customer_id: CustomerId | None) -> None:
    """A file that a call made and that nobody needs after the call went elsewhere."""
    if customer_id is None or (customer := await files.customer(customer_id)) is None:
        return
    if customer.made_by_call is None or customer.is_touched:
        return
    if not await files.tickets_of(customer_id) and not await files.calls_of(customer_id, 1):
        await files.remove_customer(customer_id)


async def _mark_in_vain(files: Files, file: CallFile, disposition: str) -> None:
    """A wrong number's file, made by this very call, is swept away unless somebody touched it."""
    if file.customer_id is None:
        return
    customer = await files.customer(file.customer_id)
    if customer is None or customer.made_by_call != file.call_id or customer.is_touched:
        return
    is_wrong = disposition == WRONG_NUMBER or not file.number_key
    if customer.is_provisional != is_wrong and file.match is Match.NONE:
        await files.put_customer(replace(customer, is_provisional=is_wrong))
