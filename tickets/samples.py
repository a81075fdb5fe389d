"""The customers that a new installation starts with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from cti.domain.numbers import DialPlan, read_number
from tickets.pins import hide
from tickets.ports import Files, TicketStore


class Sample(Protocol):
    """A customer as the company document describes it (``cti.company.SampleCustomer``)."""

    @property
    def name(self) -> str:
        """Name of the person."""

    @property
    def company(self) -> str:
        """Where the person works."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """Numbers, as they would be dialled here."""

    @property
    def group(self) -> str:
        """Customer group."""

    @property
    def note(self) -> str:
        """What an agent should know."""

    @property
    def pin(self) -> str | None:
        """His PIN; None: he has none."""


async def seed_customers(
    store: TicketStore, samples: Iterable[Sample], plan: DialPlan, at: datetime
) -> int:
    """Add those who aren't there yet (same name and company); returns how many were added."""
    known = list(samples)

    def missing(files: Files) -> list[int]:
        there = (files.customer_named(each.name, each.company) for each in known)
        return [index for index, customer in enumerate(there) if customer is None]

    # Hashing takes its time: only of those who come new, and not inside the transaction.
    hidden = {
        index: await asyncio.to_thread(hide, pin)
        for index in await store.read(missing)
        if (pin := known[index].pin)
    }

    def seed(files: Files) -> int:
        added = 0
        for index, sample in enumerate(known):
            if files.customer_named(sample.name, sample.company) is not None:
                continue
            keys = [read_number(number, plan).key for number in sample.numbers]
            customer = files.add_customer(
                sample.name,
                at,
                company=sample.company,
                group=sample.group,
                note=sample.note,
                number_keys=[key for key in dict.fromkeys(keys) if key],
            )
            if (pin := hidden.get(index)) is not None:
                files.put_pin(customer.customer_id, pin)
            added += 1
        return added

    return await store.write(seed)
