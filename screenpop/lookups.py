"""Customers and tickets of the calls on the desktops, asked for ahead of time.

A caller is looked up while he is still in the menu, so that the pop finds the answer lying here and never waits for a
database. Until he is shown to somebody, only the caller is read, and once; many changes of one call cost
one look-up at a time.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Mapping

import structlog

from cti.domain.ids import CallId
from screenpop.on_desktop import Work
from screenpop.ports import TicketDesk
from screenpop.sections import CustomerSection, Labels
from screenpop.ticket_values import TicketSection
from screenpop.ticket_views import ticket_section
from screenpop.views import customer_section

log = structlog.get_logger(__name__)

Known = tuple[CustomerSection | None, TicketSection | None]
Told = Callable[[CallId, Known], None]


class Interest(enum.Enum):
    """How much anybody wants to know of a call."""

    NONE = "none"
    AHEAD = "ahead"  # it is live: whoever is chosen will want to know the caller
    SHOWN = "shown"  # it stands on a desktop


class Lookups:
    """Reads customers and tickets, and tells when they were read."""

    def __init__(
        self,
        desk: TicketDesk,
        told: Told,
        interest: Callable[[CallId], Interest],
        disposition_labels: Mapping[str, Labels],
    ) -> None:
        self._desk = desk
        self.disposition_labels = disposition_labels
        self._told = told
        self._interest = interest
        self._known: dict[CallId, Known] = {}
        self._tasks: dict[CallId, asyncio.Task[None]] = {}
        self._again: set[CallId] = set()
        self._stale: set[CallId] = set()

    def configure(self, disposition_labels: Mapping[str, Labels]) -> None:
        """The company has changed: what outcomes are called. What stands on a desktop is read again."""
        self.disposition_labels = disposition_labels
        for call_id in list(self._known):
            self.changed(call_id)

    def known(self, call_id: CallId) -> Known:
        """What was read last; nothing where nothing was."""
        return self._known.get(call_id, (None, None))

    def changed(self, call_id: CallId) -> None:
        """A call's caller or ticket looks different: read it, if anybody wants to know."""
        interest = self._interest(call_id)
        if interest is Interest.NONE:
            self.forget(call_id)
        elif interest is Interest.AHEAD and call_id in self._known:
            self._stale.add(call_id)
        elif call_id in self._tasks:
            self._again.add(call_id)
        else:
            task = asyncio.get_running_loop().create_task(self._read(call_id))
            self._tasks[call_id] = task

    def is_shown_now(self, call_id: CallId) -> None:
        """The call was put on a desktop: read what was not read ahead."""
        if call_id not in self._known or call_id in self._stale:
            self.changed(call_id)

    async def fresh(self, call_id: CallId) -> None:
        """Return when what was changed so far has been read and told."""
        self.changed(call_id)
        if (task := self._tasks.get(call_id)) is not None:
            await asyncio.shield(task)

    def then_fresh(self, call_id: CallId, work: Work) -> Work:
        """Carry out, and answer only when pages have been sent what became of it."""

        async def both() -> None:
            await work()
            await self.fresh(call_id)

        return both

    def forget(self, call_id: CallId) -> None:
        """Nobody wants to know any more."""
        self._known.pop(call_id, None)
        self._stale.discard(call_id)

    async def stop(self) -> None:
        """Call off what is being read."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, call_id: CallId) -> None:
        try:
            while True:
                self._again.discard(call_id)
                self._stale.discard(call_id)
                is_shown = self._interest(call_id) is Interest.SHOWN
                caller = await self._desk.caller(call_id)
                ticket = await self._desk.ticket(call_id) if is_shown else None
                labels = self.disposition_labels
                values = (
                    customer_section(caller, labels) if caller is not None else None,
                    ticket_section(ticket, labels) if ticket is not None else None,
                )
                interest = self._interest(call_id)
                if interest is not Interest.NONE:
                    self._known[call_id] = values
                    self._told(call_id, values)
                if interest is Interest.SHOWN and not is_shown:
                    continue  # shown while we read: its ticket is wanted, too
                if call_id not in self._again:
                    return
        except Exception:  # the outermost frame; the desktop keeps what it has
            log.exception("screenpop: a look-up failed")
        finally:
            self._tasks.pop(call_id, None)
            self._again.discard(call_id)
