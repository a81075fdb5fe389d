"""A hundred desktops on the whole service: they lose their connections in one instant, one goes deaf, a stranger attacks.

The desktops are plain WebSocket clients in a process of their own (``bench.crowd``), the attackers in another
(``bench.assault``). What is asserted is that nobody misses anything; how soon it comes is for ``make bench`` (P11, S10).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from bench.crowd import Orders, crowd
from bench.desktops import with_desktops
from cti.bootstrap import Service
from screenpop.connection import MAX_CHARACTERS
from screenpop.desks import Desk
from tests.until import until

pytestmark = [pytest.mark.contract, pytest.mark.asyncio(loop_scope="module")]

MANY = 100


@dataclass
class Hall:
    """The service and its desktops, open; one more agent has a session and no desktop."""

    service: Service
    desks: list[Desk]
    orders: Orders
    spare_token: str

    async def tell(self, desks: list[Desk], step: int) -> None:
        """One change to each; return when all have read it."""
        await self.orders.say("told")
        for desk in desks:
            desk.put("today", {"calls": step, "sent": 1.0})
        read = 0

        async def all_read() -> bool:
            nonlocal read
            told: dict[str, Any] = await self.orders.say("told")
            read += len(told["delays_ms"])
            return read == len(desks)

        await until(all_read, within=60)

    def are_open(self) -> bool:
        """Whether every desktop stands."""
        return all(desk.pages for desk in self.desks)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hall() -> AsyncIterator[Hall]:
    async with (
        with_desktops(MANY + 1) as (service, desks, tokens),
        crowd(service.settings.web.port, tokens[:MANY]) as orders,
    ):
        hall = Hall(service, desks[:MANY], orders, tokens[MANY])
        await until(hall.are_open, within=60)
        yield hall


async def test_all_come_back_in_one_instant(hall: Hall) -> None:
    await hall.tell(hall.desks, 1)
    for step in (2, 3):
        # Each reads its whole document first: ``bench.crowd`` takes nothing else for an answer.
        assert "seconds" in await hall.orders.say("again")
        await until(hall.are_open, within=60)
        await hall.tell(hall.desks, step)


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("silent", {"connected"}),
        ("slow", {"connected"}),
        ("bodies", {"connected"}),
        ("huge", {"closed 1009", "closed 1006"}),  # it may still be sending when it is cut
        ("flood", {"closed 4003", "closed 1006"}),
    ],
)
async def test_an_attack_costs_nobody_a_message(hall: Hall, kind: str, seen: set[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.assault", kind, str(hall.service.settings.web.port), "1", "0.1",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    attack = asyncio.create_task(process.communicate(f"{hall.spare_token}\n".encode()))
    try:
        step = 0
        while not attack.done():
            await hall.tell(hall.desks, step)
            step += 1
        said, _ = await attack
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert json.loads(said).keys() & seen, said
    assert hall.are_open()
    assert step > 0


async def test_a_deaf_one_is_cut_and_nobody_else_misses_anything(hall: Hall) -> None:
    await hall.orders.say("deaf 1")
    heavy, deaf = "x" * (MAX_CHARACTERS // 2), hall.desks[-1]
    for step in range(40):
        deaf.put("link", {"switch": "up", "text": f"{step}{heavy}"})
        await hall.tell(hall.desks[:-1], step)
        if not deaf.pages:
            break
    assert not deaf.pages
    assert all(desk.pages for desk in hall.desks[:-1])
    await hall.orders.say("again")
    await until(hall.are_open, within=60)
