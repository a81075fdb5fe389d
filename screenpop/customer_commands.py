"""What an agent may say about who calls: which customer, a new file, the file's note and warning.

Only of the call that stands on his desktop, and of the customer who stands there; the tickets' department decides what is
possible, here it is decided who may ask.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, CustomerId, parse_call_id
from cti.domain.people import Permission
from screenpop.desks import Desk
from screenpop.lookups import Lookups
from screenpop.messages import (
    Args,
    AssignArgs,
    CreateArgs,
    CustomerNoteArgs,
    WarnArgs,
)
from screenpop.ports import TicketDesk

Work = Callable[[], Awaitable[None]]


class CustomerCommands:
    """The commands, and what they need."""

    def __init__(self, tickets: TicketDesk, lookups: Lookups) -> None:
        self._tickets = tickets
        self._lookups = lookups
        self.table: Mapping[str, tuple[type[Args], Callable[[Desk, Any], Work]]] = {
            "customer.assign": (AssignArgs, self._assign),
            "customer.create": (CreateArgs, self._create),
            "customer.note": (CustomerNoteArgs, self._note),
            "customer.warn": (WarnArgs, self._warn),
        }

    def _assign(self, desk: Desk, args: AssignArgs) -> Work:
        call_id, customer_id = _call_on(desk, args.call_id), CustomerId(args.customer_id)
        if not desk.user.may(Permission.READ_CUSTOMERS):
            raise CommandRefused("not_allowed", "Your role doesn't allow this.")
        assign = self._tickets.assign
        return self._then_read(call_id, lambda: assign(call_id, customer_id, args.keep_number))

    def _create(self, desk: Desk, args: CreateArgs) -> Work:
        call_id = _call_on(desk, args.call_id)
        create = self._tickets.create
        return self._then_read(call_id, lambda: create(call_id, args.name, args.company))

    def _note(self, desk: Desk, args: CustomerNoteArgs) -> Work:
        call_id, customer_id = _customer_on(desk, args.customer_id)
        describe = self._tickets.describe
        return self._then_read(call_id, lambda: describe(customer_id, args.text))

    def _warn(self, desk: Desk, args: WarnArgs) -> Work:
        call_id, customer_id = _customer_on(desk, args.customer_id)
        warn, by = self._tickets.warn, desk.user.name
        return self._then_read(call_id, lambda: warn(customer_id, args.text, by))

    def _then_read(self, call_id: CallId, work: Work) -> Work:
        """Carry out, and answer only when the page has been sent what became of it."""

        async def both() -> None:
            await work()
            await self._lookups.fresh(call_id)

        return both


def _call_on(desk: Desk, text: str) -> CallId:
    call_id, shown = parse_call_id(text), desk.state.shown
    if shown is None or shown.call_id != call_id:
        raise CommandRefused("not_your_call", "This call isn't on your desktop (any more).")
    return call_id


def _customer_on(desk: Desk, customer_id: int) -> tuple[CallId, CustomerId]:
    shown, section = desk.state.shown, desk.state.sections["customer"]
    customer = section["customer"] if section is not None else None
    if shown is None or customer is None or customer["id"] != customer_id:
        raise CommandRefused("not_your_customer", "This customer isn't on your desktop.")
    return shown.call_id, CustomerId(customer_id)
