"""Who calls, said by people: a customer searched for, a call given to one, a new file, its note and its warning.

What the number alone could not tell. Who may do so is the asker's business; what is possible is decided here, and each
refusal says why. Every change is one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, CustomerId
from cti.domain.text import clean_name
from cti.ports import Clock
from tickets import search
from tickets.model import CallFile, Customer, Match
from tickets.ports import Files
from tickets.service import TicketService
from tickets.shelf import HISTORY_LENGTH, Reading, Shelf, last_call
from tickets.views import CallerView, CandidateView, history_call

MAX_FIELD = 100
MAX_WARNING = 200
MAX_CUSTOMER_NOTE = 2_000
_MAX_LOOKED_AT = 200
"""Customers that are compared before the best are listed."""


def caller_view(file: CallFile, reading: Reading, shelf: Shelf) -> CallerView:
    """A call's caller, from what was read of him."""
    outcomes = reading.outcomes
    last = [shelf.newest([c])[0] if c is not None else None for c in reading.last_calls]
    customer = reading.customer
    return CallerView(
        match=file.match.value,
        customer=customer,
        candidates=tuple(
            CandidateView(each, history_call(call) if call is not None else None)
            for each, call in zip(reading.candidates, last, strict=True)
        ),
        history=tuple(
            history_call(c, outcomes.get(c.ticket_id, "") if c.ticket_id is not None else "")
            for c in shelf.newest(reading.history)
        ),
        open_tickets=reading.open_tickets[:20],
        is_file_of_call=customer is not None and customer.made_by_call == file.call_id,
        has_number=bool(file.number_key),
    )


class Identifying:
    """Carries out what people say about who calls."""

    def __init__(self, service: TicketService, clock: Clock) -> None:
        self._service = service
        self._clock = clock

    async def search(self, query: str, number_key: str) -> tuple[CandidateView, ...]:
        """Customers by name and company, by a whole number (``number_key``) or by its last four digits.

        The best first, at most ``search.MAX_FOUND``. No other part of a number is searched for: who sees only a part of
        it could find out the rest by asking.
        """
        terms, tail = search.terms_of(query), search.tail_of(query)

        def look(files: Files) -> tuple[CandidateView, ...]:
            found: dict[CustomerId, Customer] = {}
            if number_key:
                found.update((c.customer_id, c) for c in files.customers_with(number_key))
            if tail:
                ending = files.customers_ending(tail, search.MAX_FOUND)
                found.update((c.customer_id, c) for c in ending)
            if terms:
                like = search.best_first(files.customers_like(terms, _MAX_LOOKED_AT), terms)
                for customer in like[: search.MAX_FOUND]:
                    found.setdefault(customer.customer_id, customer)
            shown = [c for c in found.values() if c.name or c.company][: search.MAX_FOUND]
            return tuple(_found(files, customer) for customer in shown)

        return await self._service.files.store.read(look)

    async def assign(self, call_id: CallId, customer_id: CustomerId, keeps_number: bool) -> None:
        """Say that this customer calls; his becomes the call's ticket, too.

        ``keeps_number``: he is found by the call's number from now on. A file that was made for this call alone
        is removed.

        Raises:
            CommandRefused: ``no_such_call``, ``no_such_customer``.
        """
        async with self._service.files.locked(call_id):
            file = await self._file(call_id)

            def assign(files: Files) -> CallFile:
                if files.customer(customer_id) is None:
                    raise CommandRefused("no_such_customer", "There is no such customer.")
                return _give_to(files, file, customer_id, keeps_number)

            given = await self._service.files.write(assign)
            self._keep(file, given)
        await self._service.tell_customer([given])

    async def create(self, call_id: CallId, name: str, company: str) -> None:
        """Make a file for whoever calls, by which his number is known from now on.

        A file that the call made by itself becomes this one.

        Raises:
            CommandRefused: ``no_such_call``, ``name_missing``.
        """
        name, company = clean_name(name, MAX_FIELD), clean_name(company, MAX_FIELD)
        if not name:
            raise CommandRefused("name_missing", "A customer needs a name.")
        async with self._service.files.locked(call_id):
            file = await self._file(call_id)

            def create(files: Files) -> CallFile:
                made = files.customer(file.customer_id) if file.customer_id is not None else None
                if made is None or made.made_by_call != call_id or made.is_touched:
                    made = files.add_customer(name, self._clock.now(), made_by_call=call_id)
                named = replace(
                    made, name=name, company=company, is_provisional=False, is_touched=True
                )
                files.put_customer(named)
                return _give_to(files, file, named.customer_id, keeps_number=True)

            given = await self._service.files.write(create)
            self._keep(file, given)
        await self._service.tell_customer([given])

    async def describe(self, customer_id: CustomerId, note: str) -> None:
        """Write what is to be known of a customer in every call.

        Raises:
            CommandRefused: ``no_such_customer``, ``too_long``.
        """
        if len(note) > MAX_CUSTOMER_NOTE:
            text = f"A customer's note has at most {MAX_CUSTOMER_NOTE} characters."
            raise CommandRefused("too_long", text)
        await self._change(customer_id, note=note.replace("\0", "").strip())

    async def warn(self, customer_id: CustomerId, text: str, by: str) -> None:
        """Set a customer's warning, or take it away (empty); ``by`` is the name of who does.

        Raises:
            CommandRefused: ``no_such_customer``, ``too_long``.
        """
        if len(text) > MAX_WARNING:
            raise CommandRefused(
                "too_long", f"A warning has at most {MAX_WARNING} characters; write a note."
            )
        text = clean_name(text, MAX_WARNING)
        await self._change(
            customer_id,
            warning=text,
            warning_by=by[:MAX_FIELD] if text else "",
            warning_at=self._clock.now() if text else None,
        )

    async def _change(self, customer_id: CustomerId, **values: object) -> None:
        def change(files: Files) -> Sequence[CallFile]:
            customer = files.customer(customer_id)
            if customer is None:
                raise CommandRefused("no_such_customer", "There is no such customer.")
            changed = replace(customer, **values, is_touched=True)  # type: ignore[arg-type]
            files.put_customer(changed)
            return files.calls_of(customer_id, HISTORY_LENGTH)

        calls = await self._service.files.write(change)
        self._service.shelf.drop(customers=[customer_id])
        for file in calls:
            self._service.tell_change(file.call_id)

    async def _file(self, call_id: CallId) -> CallFile:
        file = await self._service.files.get(call_id)
        if file is None:
            raise CommandRefused("no_such_call", "There is no such call.")
        return file

    def _keep(self, before: CallFile, given: CallFile) -> None:
        self._service.files.keep(given)
        customers = [before.customer_id, given.customer_id]
        self._service.shelf.drop(customers, [given.ticket_id])


def _give_to(files: Files, file: CallFile, customer_id: CustomerId, keeps_number: bool) -> CallFile:
    """The call, and its ticket, are this customer's from now on."""
    given = replace(file, match=Match.KNOWN, customer_id=customer_id)
    files.put_calls([given])
    ticket = files.ticket(file.ticket_id) if file.ticket_id is not None else None
    if ticket is not None:
        files.put_ticket(replace(ticket, customer_id=customer_id))
    if file.customer_id != customer_id:
        remove_if_in_vain(files, file.customer_id)
    if keeps_number and file.number_key:
        files.add_number(customer_id, file.number_key)
    return given


def _found(files: Files, customer: Customer) -> CandidateView:
    call = last_call(files, None, customer.customer_id)
    return CandidateView(
        customer,
        history_call(call) if call is not None else None,
        tuple(files.numbers_of(customer.customer_id)),
    )


def remove_if_in_vain(files: Files, customer_id: CustomerId | None) -> None:
    """A file that a call made and that nobody needs after the call went elsewhere."""
    if customer_id is None or (customer := files.customer(customer_id)) is None:
        return
    if customer.made_by_call is None or customer.is_touched:
        return
    if not files.tickets_of(customer_id) and not files.calls_of(customer_id, 1):
        files.remove_customer(customer_id)
