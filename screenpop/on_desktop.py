"""Whether what a command names stands on the desktop from which it comes; what a checked command is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, CustomerId, parse_call_id
from screenpop.desks import Desk

Work = Callable[[], Awaitable[None]]
"""What remains to be done when a command has been checked."""


def call_on(desk: Desk, text: str) -> CallId:
    """The call that is named, as long as the desktop shows it.

    Raises:
        CommandRefused: it shows another, or none.
    """
    call_id, shown = parse_call_id(text), desk.state.shown
    if shown is None or shown.call_id != call_id:
        raise CommandRefused("not_your_call", "This call isn't on your desktop (any more).")
    return call_id


def customer_on(desk: Desk, customer_id: int) -> tuple[CallId, CustomerId]:
    """The customer who is named and the call beside which he stands.

    Raises:
        CommandRefused: the desktop shows somebody else, or nobody.
    """
    shown, section = desk.state.shown, desk.state.sections["customer"]
    customer = section["customer"] if section is not None else None
    if shown is None or customer is None or customer["id"] != customer_id:
        raise CommandRefused("not_your_customer", "This customer isn't on your desktop.")
    return shown.call_id, CustomerId(customer_id)
