"""Who works here, as far as tickets go: names, who is in which group, what somebody may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from cti.domain.ids import AgentId
from cti.domain.people import Permission, Role, User
from cti.ports import Accounts, Clock
from tickets.forms import Group, TicketForm
from tickets.lists import Scope

FRESH_TIME = timedelta(seconds=60)
"""Accounts are read again after it; an account that is closed can't sign in at all."""


class Staff:
    """The accounts, read seldom."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock
        self._people: dict[AgentId, User] = {}
        self._read_at = float("-inf")

    async def read(self) -> None:
        """Know everybody, not older than ``FRESH_TIME``; to be awaited before anything else is asked.

        Raises:
            OSError: the accounts can't be read.
        """
        now = self._clock.monotonic()
        if now - self._read_at > FRESH_TIME.total_seconds():
            self._people = {user.user_id: user for user in await self._accounts.all()}
            self._read_at = now

    def forget(self) -> None:
        """The company has changed: read at the next question."""
        self._read_at = float("-inf")

    def name(self, agent_id: AgentId | str | None) -> str:
        """Somebody's name; who has no account any more is told by his id."""
        user = self._people.get(AgentId(agent_id)) if agent_id else None
        return user.name if user is not None else agent_id or ""

    def find(self, agent_id: str) -> User | None:
        """Somebody who works here."""
        user = self._people.get(AgentId(agent_id))
        return user if user is not None and user.is_active else None

    def workers(self) -> Sequence[User]:
        """Everybody who can have a ticket, by name."""
        people = [u for u in self._people.values() if u.may(Permission.TAKE_CALLS)]
        return sorted(people, key=lambda user: (user.name, user.user_id))

    def team_of(self, user: User) -> Sequence[User]:
        """Whom a supervisor answers for, himself too; without a team: himself."""
        mates = [u for u in self._people.values() if user.team and u.team == user.team]
        return [*mates, user]

    def scope(self, user: User, form: TicketForm) -> Scope:
        """What somebody may see (``tickets.lists``)."""
        if user.role is Role.ADMINISTRATOR:
            return Scope(is_everything=True)
        watched = self.team_of(user) if user.may(Permission.WATCH_TEAM) else [user]
        queues: Mapping[str, frozenset[str]] = form.queues_of
        return Scope(
            owners=frozenset(u.user_id for u in watched),
            groups=frozenset(g for u in watched for g in groups_of(u, form.groups)),
            queues=frozenset(q for u in watched for q in queues.get(u.login, frozenset())),
        )


def groups_of(user: User, groups: Sequence[Group]) -> frozenset[str]:
    """The groups that somebody is in."""
    return frozenset(
        group.name for group in groups if user.login in group.people or user.team in group.teams
    )
