"""What an agent may say about who calls: which customer, a new file, the file's note and warning.

Only of the call that stands on his desktop, and of the customer who stands there; the tickets' department decides what is
possible, here it is decided who may ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cti.domain.errors import CommandRefused
from cti.domain.ids import CustomerId
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
from screenpop.on_desktop import Work, call_on, customer_on
from screenpop.ports import TicketDesk


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
        call_id, customer_id = call_on(desk, args.call_id), CustomerId(args.customer_id)
        if not desk.user.may(Permission.READ_CUSTOMERS):
            raise CommandRefused("not_allowed", "Your role doesn't allow this.")
        assign = self._tickets.assign
        return self._lookups.then_fresh(
            call_id, lambda: assign(call_id, customer_id, args.keep_number)
        )

    def _create(self, desk: Desk, args: CreateArgs) -> Work:
        call_id = call_on(desk, args.call_id)
        create = self._tickets.create
        return self._lookups.then_fresh(call_id, lambda: create(call_id, args.name, args.company))

    def _note(self, desk: Desk, args: CustomerNoteArgs) -> Work:
        call_id, customer_id = customer_on(desk, args.customer_id)
        describe = self._tickets.describe
        return self._lookups.then_fresh(call_id, lambda: describe(customer_id, args.text))

    def _warn(self, desk: Desk, args: WarnArgs) -> Work:
        call_id, customer_id = customer_on(desk, args.customer_id)
        warn, by = self._tickets.warn, desk.user.name
        return self._lookups.then_fresh(call_id, lambda: warn(customer_id, args.text, by))
