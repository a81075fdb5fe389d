"""The directory for the transfer dialog: colleagues and queues with their live state.

Of many hundred pages only those with the dialog open want it, so a page asks (``watch``). What they get is made and written
out once for all of them, at most once a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId
from cti.domain.people import Permission, User
from cti.ports import Clock
from screenpop.connection import Connection, to_json
from screenpop.desks import Desk, DeskConfig, Desks
from screenpop.ports import AgentDesk
from screenpop.sections import ColleagueValue, DirectorySection, LineValue, iso

PAUSE_TIME = timedelta(seconds=1)


class Directory:
    """Keeps everybody's state, and the pages that look."""

    def __init__(
        self,
        desks: Desks,
        clock: Clock,
        lines: Callable[[], list[LineValue]],
        *,
        config: DeskConfig,
    ) -> None:
        self._desks = desks
        self._clock = clock
        self._lines = lines
        self._config = config
        self._people: dict[AgentId, ColleagueValue] = {}
        self._watching: dict[AgentId, set[Connection]] = {}  # pages with an open dialog
        self._is_due = False
        self.told: Callable[[AgentId], None] = lambda _: None  # whose state is another one

    def configure(self, config: DeskConfig, users: Iterable[User]) -> None:
        """The company has changed: who is left is listed, by his present name and extension."""
        self._config = config
        known = {user.user_id: user for user in users}
        for agent_id, value in list(self._people.items()):
            user = known.get(agent_id)
            if user is None:
                del self._people[agent_id]
            else:
                self._note(user, value["state"], value["kind"], value["since"])
        self.changed()

    def start(self, agents: AgentDesk) -> None:
        """Take everybody's state as it is."""
        for desk in self._desks:
            try:
                view = agents.agent_view(desk.user.user_id)
            except CommandRefused:
                continue
            state, since = str(view.state.value), iso(view.since_at)
            self._note(desk.user, state, view.kind, since)

    def watch(self, desk: Desk, page: Connection, is_open: bool) -> None:
        """A page opened or closed its dialog; all tabs have the section while one of them has it open."""
        pages = self._watching.setdefault(desk.user.user_id, set())
        if is_open:
            pages.add(page)
            desk.put("directory", self._mine(desk, self._value()))
            return
        pages.discard(page)
        if not pages:
            del self._watching[desk.user.user_id]
            desk.put("directory", None)

    def agent_changed(self, desk: Desk, event: ev.AgentStateChanged) -> None:
        """Somebody's state."""
        known = self._people.get(event.agent_id)
        is_same = known is not None and (known["state"], known["kind"]) == (event.state, event.kind)
        if not is_same:
            self._note(desk.user, event.state, event.kind, iso(event.at))
            self.changed()
            self.told(event.agent_id)

    def changed(self) -> None:
        """Something that the directory shows is different."""
        if self._watching and not self._is_due:
            self._is_due = True
            self._clock.call_later(PAUSE_TIME, self._send)

    def state_of(self, agent_id: AgentId) -> str:
        """A colleague's state; empty: he takes no calls."""
        known = self._people.get(agent_id)
        return known["state"] if known is not None else ""

    def person(self, agent_id: AgentId) -> ColleagueValue | None:
        """A colleague as he is listed; None: he takes no calls."""
        return self._people.get(agent_id)

    def _note(self, user: User, state: str, kind: str, since: str) -> None:
        if user.may(Permission.TAKE_CALLS):
            self._people[user.user_id] = ColleagueValue(
                name=user.name,
                extension=user.extension,
                state=state,
                kind=kind,
                since=since,
                waits=user.extension in self._config.waiting_extensions,
            )

    def _value(self) -> DirectorySection:
        return DirectorySection(
            colleagues=sorted(self._people.values(), key=lambda c: c["extension"]),
            queues=self._lines(),
            outside=self._config.has_outside,
            caller_ids=[],
        )

    def _mine(self, desk: Desk, value: DirectorySection) -> DirectorySection:
        """What is for this desk alone: the last of its keys."""
        mine = self._config.caller_ids.get(desk.user.extension, ())
        return {**value, "caller_ids": list(mine)}

    def _send(self) -> None:
        self._is_due = False
        value = self._value()
        shared = to_json(value).removesuffix("[]}")  # written out once for all, but for the end
        for agent_id in self._watching:
            if (desk := self._desks.get(agent_id)) is not None:
                mine = self._mine(desk, value)
                desk.put("directory", mine, f"{shared}{to_json(mine['caller_ids'])}}}")
