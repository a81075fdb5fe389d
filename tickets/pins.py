"""Customers' PINs: kept as a salted hash, compared here and nowhere else, locked after too many wrong ones.

A PIN has few digits, so what protects it is that nobody can try many: after ``tries`` wrong ones in a row, over all
calls, it is locked until somebody who may sets it anew. Each comparison is journalled, without the digits.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from cti.company_menus import PIN
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, CustomerId
from cti.domain.menu_events import CustomerPinSet, PinChecked
from cti.ports import Clock, EventBus
from tickets.model import CallFile, Match, StoredPin
from tickets.ports import Files, TicketStore

PinResult = Literal["match", "no_match", "locked", "no_pin"]

_COST = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}  # 16 MiB, some 40 ms
_SALT_LENGTH = 16
_FORM = re.compile(PIN)


def hide(pin: str, salt: bytes | None = None) -> StoredPin:
    """Hash a PIN with a salt of its own. Takes some 40 ms of CPU."""
    salt = secrets.token_bytes(_SALT_LENGTH) if salt is None else salt
    return StoredPin(salt, hashlib.scrypt(pin.encode(), salt=salt, **_COST))


def is_right(known: StoredPin, pin: str) -> bool:
    """Compare, in a time that tells nothing. Takes as long as ``hide``."""
    return hmac.compare_digest(hide(pin, known.salt).digest, known.digest)


class PinDesk:
    """Checks PINs for the menus, and sets them for supervisors."""

    def __init__(
        self,
        store: TicketStore,
        file_of: Callable[[CallId], CallFile | None],
        bus: EventBus,
        clock: Clock,
        tries: int,
    ) -> None:
        self._store = store
        self._file_of = file_of
        self._bus = bus
        self._clock = clock
        self.tries = tries
        self._one_at_a_time = asyncio.Lock()

    async def is_ready(self, call_id: CallId) -> PinResult | None:
        """Why this caller's PIN can't be asked for (``locked``, ``no_pin``); None: it can.

        Raises:
            OSError: the files can't be read.
        """
        customer_id = self._customer(call_id)
        known = await self._store.read(lambda f: f.pin_of(customer_id) if customer_id else None)
        if known is None:
            return "no_pin"
        return "locked" if known.wrong >= self.tries else None

    async def check(self, call_id: CallId, digits: str) -> PinResult:
        """Compare what a caller entered with the PIN of the customer as whom he was identified.

        A wrong one counts when it is written down, so that no crash gives a try back.

        Raises:
            OSError: the files can't be read or written; nothing was compared.
        """
        customer_id = self._customer(call_id)
        async with self._one_at_a_time:
            result = await self._compare(customer_id, digits)
        at = self._clock.now()
        self._bus.publish(
            PinChecked(at=at, call_id=call_id, result=result, customer_id=customer_id)
        )
        return result

    async def _compare(self, customer_id: CustomerId | None, digits: str) -> PinResult:
        if customer_id is None:
            return "no_pin"

        def count(files: Files) -> StoredPin | None:
            # Counted as wrong before it is compared; a right one takes it back.
            known = files.pin_of(customer_id)
            if known is not None and known.wrong < self.tries:
                files.put_pin(customer_id, replace(known, wrong=known.wrong + 1))
            return known

        known = await self._store.write(count)
        if known is None:
            return "no_pin"
        if known.wrong >= self.tries:
            return "locked"
        if await asyncio.to_thread(is_right, known, digits):
            await self._store.write(lambda f: self._forgive(f, customer_id, known))
            return "match"
        return "locked" if known.wrong + 1 >= self.tries else "no_match"

    @staticmethod
    def _forgive(files: Files, customer_id: CustomerId, known: StoredPin) -> None:
        now = files.pin_of(customer_id)
        if now is not None and now.salt == known.salt:
            files.put_pin(customer_id, replace(now, wrong=0))

    async def set(self, customer_id: CustomerId, pin: str, by: AgentId) -> None:
        """Give a customer a PIN, which lifts a lock; empty: he has none any more.

        Raises:
            CommandRefused: ``no_such_customer``, ``invalid_value``.
            OSError: it can't be written.
        """
        if pin and not _FORM.fullmatch(pin):
            raise CommandRefused("invalid_value", "A PIN has 4 to 8 digits.")
        stored = await asyncio.to_thread(hide, pin) if pin else None

        def change(files: Files) -> None:
            if files.customer(customer_id) is None:
                raise CommandRefused("no_such_customer", "There is no such customer.")
            files.put_pin(customer_id, stored)

        await self._store.write(change)
        at = self._clock.now()
        self._bus.publish(
            CustomerPinSet(at=at, customer_id=customer_id, by=by, has_pin=stored is not None)
        )

    def _customer(self, call_id: CallId) -> CustomerId | None:
        """Who calls, if that is sure: one of several who share a number has no PIN of this call."""
        file = self._file_of(call_id)
        return file.customer_id if file is not None and file.match is Match.KNOWN else None
