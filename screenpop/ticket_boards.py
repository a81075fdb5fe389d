"""Lists of tickets on the desktops, and the ticket that was opened from one: read again when somebody changed it.

A page says which list it looks at (``watch``); an open ticket is a command's doing. Whoever is concerned by a change is
marked, and one task reads for all who are marked, one after the other, a moment later: many changes cost one reading, and
a thousand desktops that are concerned by one ticket wait for each other and not the callers for them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, TicketId
from cti.ports import Clock
from screenpop.desks import Desk, Desks
from screenpop.lookups import Lookups
from screenpop.ticket_ports import TicketWorkDesk
from screenpop.ticket_views import form_section, ticket_section, tickets_section

log = structlog.get_logger(__name__)

PAUSE_TIME = timedelta(milliseconds=150)


@dataclass(frozen=True, slots=True)
class Watched:
    """What a page looks at."""

    view: str
    question: str
    limit: int


class TicketBoards:
    """The sections ``tickets``, ``opened`` and ``ticket_form`` of all desktops."""

    def __init__(self, desks: Desks, work: TicketWorkDesk, lookups: Lookups, clock: Clock) -> None:
        self._desks = desks
        self._work = work
        self._lookups = lookups
        self._clock = clock
        self._watched: dict[AgentId, Watched] = {}
        self._opened: dict[AgentId, TicketId] = {}
        self._dirty: set[AgentId] = set()
        self._forms: set[AgentId] = set()
        self._task: asyncio.Task[None] | None = None
        work.on_ticket(self._changed)

    def watch(self, desk: Desk, view: str | None, question: str, limit: int) -> None:
        """A page looks at a list, or (None) at none any more."""
        agent_id = desk.user.user_id
        if view is None:
            self._watched.pop(agent_id, None)
            desk.put("tickets", None)
            return
        self._watched[agent_id] = Watched(view, question, limit)
        self._forms.add(agent_id)
        self._soon(agent_id)

    def opened(self, desk: Desk) -> TicketId | None:
        """The ticket that stands there, opened from a list."""
        return self._opened.get(desk.user.user_id)

    async def open(self, desk: Desk, ticket_id: TicketId) -> None:
        """Let a ticket stand there; one that was open before gives way.

        Raises:
            CommandRefused: ``no_such_ticket``: there is none, or it is none of his.
        """
        section = ticket_section(
            await self._work.view(desk.user, ticket_id), self._lookups.disposition_labels
        )
        self._opened[desk.user.user_id] = ticket_id
        desk.put("opened", section)

    def close(self, desk: Desk) -> None:
        """It stands there no more."""
        self._opened.pop(desk.user.user_id, None)
        desk.put("opened", None)

    def form_changed(self, desk: Desk) -> None:
        """His canned texts are others now."""
        self._forms.add(desk.user.user_id)

    async def fresh(self, desk: Desk) -> None:
        """Return when this desktop shows what is true now."""
        await self._refresh(desk)

    def configure(self) -> None:
        """The company has changed: groups, fields, who sees what."""
        self._forms |= set(self._watched)
        for agent_id in {*self._watched, *self._opened}:
            self._soon(agent_id)

    async def stop(self) -> None:
        """Call off what is being read."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ---- inside --------------------------------------------------------------------------------

    def _changed(
        self, ticket_id: TicketId, people: frozenset[AgentId], groups: frozenset[str]
    ) -> None:
        for agent_id in {*self._watched, *self._opened}:
            desk = self._desks.get(agent_id)
            if desk is None or not desk.pages:
                continue  # who comes back asks anew
            listed = desk.state.sections["tickets"]
            if (
                agent_id in people
                or self._opened.get(agent_id) == ticket_id
                or (groups and not groups.isdisjoint(self._work.groups_of(desk.user)))
                or (listed and any(row["ticket_id"] == ticket_id for row in listed["rows"]))
            ):
                self._soon(agent_id)

    def _soon(self, agent_id: AgentId) -> None:
        self._dirty.add(agent_id)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._refresh_dirty())

    async def _refresh_dirty(self) -> None:
        while self._dirty:
            await self._clock.sleep(PAUSE_TIME)
            dirty, self._dirty = self._dirty, set()
            for agent_id in dirty:
                desk = self._desks.get(agent_id)
                if desk is not None and desk.pages:
                    try:
                        await self._refresh(desk)
                    except Exception:  # the outermost frame; the desktop keeps what it has
                        log.exception("screenpop: a list of tickets could not be read")

    async def _refresh(self, desk: Desk) -> None:
        agent_id = desk.user.user_id
        if agent_id in self._forms:
            self._forms.discard(agent_id)
            desk.put("ticket_form", form_section(await self._work.form(desk.user, desk.language)))
        watched = self._watched.get(agent_id)
        if watched is not None:
            view = await self._work.listing(
                desk.user, watched.view, watched.question, watched.limit
            )
            if self._watched.get(agent_id) == watched:  # else the newer one is read in a moment
                desk.put("tickets", tickets_section(view))
        if (ticket_id := self._opened.get(agent_id)) is not None:
            await self._reopen(desk, ticket_id)

    async def _reopen(self, desk: Desk, ticket_id: TicketId) -> None:
        try:
            view = await self._work.view(desk.user, ticket_id)
        except CommandRefused:
            # Handed over, it may be none of his any more.
            if self._opened.get(desk.user.user_id) == ticket_id:
                self.close(desk)
            return
        if self._opened.get(desk.user.user_id) == ticket_id:
            desk.put("opened", ticket_section(view, self._lookups.disposition_labels))
