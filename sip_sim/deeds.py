"""What simulated agents do with their callers besides talking: transfer, consult, confer, hold, park.

Each agent's desktop is watched; of a share of the calls that come to it, one deed is done by command, as from the page.
The choice is seeded. A deed that is refused, since the caller hung up or the colleague was taken
meanwhile, is counted and otherwise left alone: what became of the call is the system's to settle.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sip_sim.desktop import DesktopRefused, HeadlessDesktop

SHARE = 0.6
_MOMENT = 0.3  # seconds that one speaks, or waits, between two commands
_ANSWER_TIME = 10.0  # seconds for a colleague to answer
_FOREVER = 86_400.0
_FETCHES = 30  # attempts to find somebody who is free to fetch a parked caller


@dataclass(slots=True)
class Tally:
    """How often each deed was done, and how often it could not be."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, dict[str, int]]:
        """Plain values, every kind of deed among them."""
        return {
            kind: {"done": self.done[kind], "refused": self.refused[kind]} for kind in Deeds.KINDS
        }


class Deeds:
    """Does them, for all agents of a run."""

    KINDS = (
        "transfer_to_agent",
        "transfer_to_queue",
        "consult_completed",
        "consult_cancelled",
        "conference",
        "hold",
        "park",
    )

    def __init__(
        self, desktops: Sequence[HeadlessDesktop], queue: str, seed: int = 1, share: float = SHARE
    ) -> None:
        self.tally = Tally()
        self._desktops = desktops
        self._queue = queue
        self._share = share
        self._chance = random.Random(seed)  # noqa: S311 - a simulation
        self._calls: set[str] = set()
        self._asked: set[HeadlessDesktop] = set()
        self._slots = [str(slot) for slot in range(1, 10)]
        self._works: dict[str, Callable[[HeadlessDesktop, str], Awaitable[None]]] = {
            "transfer_to_agent": self._to_agent,
            "transfer_to_queue": self._to_queue,
            "consult_completed": self._complete,
            "consult_cancelled": self._cancel,
            "conference": self._confer,
            "hold": self._hold,
            "park": self._park,
        }

    async def watch(self, desktop: HeadlessDesktop) -> None:
        """Do a deed with a share of the calls that come to this desktop, until cancelled."""
        while True:
            call_id = await desktop.until(self._fresh, _FOREVER)
            self._calls.add(call_id)
            kind = self._chance.choice(self.KINDS)
            if self._chance.random() >= self._share:
                continue
            await asyncio.sleep(_MOMENT)
            try:
                await self._works[kind](desktop, call_id)
                self.tally.done[kind] += 1
            except (DesktopRefused, TimeoutError):
                self.tally.refused[kind] += 1

    def _fresh(self, desktop: HeadlessDesktop) -> str | None:
        """A call with which nobody has done anything, and this agent can."""
        call = desktop.call
        if call is None or call["state"] != "talking" or call["call_id"] in self._calls:
            return None
        return str(call["call_id"]) if call["can"]["consult"] == "" else None

    # ---- the deeds -----------------------------------------------------------------------------

    async def _to_agent(self, desktop: HeadlessDesktop, call_id: str) -> None:
        with self._colleague(desktop) as colleague:
            target = _to(colleague)
            await desktop.command("call.transfer", call_id=call_id, target=target)
            await colleague.until(lambda d: d.call and d.call["call_id"] == call_id, _ANSWER_TIME)

    async def _to_queue(self, desktop: HeadlessDesktop, call_id: str) -> None:
        target = {"kind": "queue", "value": self._queue}
        await desktop.command("call.transfer", call_id=call_id, target=target)

    async def _hold(self, desktop: HeadlessDesktop, call_id: str) -> None:
        await desktop.command("call.hold", call_id=call_id)
        await asyncio.sleep(_MOMENT)
        await desktop.command("call.retrieve", call_id=call_id)

    async def _complete(self, desktop: HeadlessDesktop, call_id: str) -> None:
        await self._consult(desktop, call_id)
        await desktop.command("call.complete", call_id=call_id)

    async def _cancel(self, desktop: HeadlessDesktop, call_id: str) -> None:
        await self._consult(desktop, call_id)
        await desktop.command("call.cancel", call_id=call_id)

    async def _confer(self, desktop: HeadlessDesktop, call_id: str) -> None:
        await self._consult(desktop, call_id)
        await desktop.command("call.conference", call_id=call_id)
        await asyncio.sleep(_MOMENT)
        await desktop.command("call.hang_up", call_id=call_id)

    async def _park(self, desktop: HeadlessDesktop, call_id: str) -> None:
        if not self._slots:
            raise DesktopRefused("every parking place is taken")
        slot = self._slots.pop(0)
        try:
            await desktop.command("call.park", call_id=call_id, slot=slot)
            await self._fetch(slot)
        finally:
            self._slots.append(slot)

    async def _fetch(self, slot: str) -> None:
        for _ in range(_FETCHES):
            await asyncio.sleep(_MOMENT)
            with contextlib.suppress(DesktopRefused):  # nobody is free, or a caller was quicker
                with self._colleague(None) as colleague:
                    await colleague.command("call.fetch", slot=slot)
                return
        raise DesktopRefused(f"nobody was free to fetch from {slot}")

    async def _consult(self, desktop: HeadlessDesktop, call_id: str) -> None:
        """Ask a colleague, who answers."""

        def is_answered(d: HeadlessDesktop) -> bool:
            consult: dict[str, Any] = (d.call or {}).get("consult") or {}
            return consult.get("state") == "talking" or (d.call or {}).get("call_id") != call_id

        with self._colleague(desktop) as colleague:
            target = _to(colleague)
            await desktop.command("call.consult", call_id=call_id, target=target)
            await desktop.until(is_answered, _ANSWER_TIME)
        await asyncio.sleep(_MOMENT)

    @contextlib.contextmanager
    def _colleague(self, but: HeadlessDesktop | None) -> Iterator[HeadlessDesktop]:
        """Somebody who is free at this moment, those before who take no calls from the queue; nobody else asks him."""
        there = [d for d in self._desktops if d is not but and d not in self._asked]
        helpers = [d for d in there if d.state == "NOT_READY"]
        free = helpers or [d for d in there if d.state == "READY"]
        if not free:
            raise DesktopRefused("no colleague is free")
        colleague = self._chance.choice(free)
        self._asked.add(colleague)
        try:
            yield colleague
        finally:
            self._asked.discard(colleague)


def _to(colleague: HeadlessDesktop) -> dict[str, str]:
    return {"kind": "agent", "value": colleague.sections["me"]["extension"]}


@contextlib.asynccontextmanager
async def doing(desktops: Sequence[HeadlessDesktop], queue: str, seed: int) -> AsyncIterator[Tally]:
    """Watch these desktops while the block runs; tells what was done."""
    deeds = Deeds(desktops, queue, seed)
    watchers = [asyncio.create_task(deeds.watch(desktop)) for desktop in desktops]
    try:
        yield deeds.tally
    finally:
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
