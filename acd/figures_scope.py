"""Who may see whose figures. Pure.

Agents see the queues that they serve, and themselves. Supervisors see the queues that somebody of their team serves, and
their team; without a team they see what agents see. Administrators see all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acd.figures_board import Member
from cti.domain.ids import AgentId, QueueName
from cti.domain.people import Permission, User


@dataclass(frozen=True, slots=True)
class Scope:
    """What one person sees."""

    queues: frozenset[QueueName]
    agents: frozenset[AgentId]


def scope_of(user: User, members: Iterable[Member], queues: Iterable[QueueName]) -> Scope:
    """What this person may see, of these people and queues."""
    every = frozenset(queues)
    people = list(members)
    if user.may(Permission.CONFIGURE):
        return Scope(every, frozenset(member.agent_id for member in people))
    is_watching = user.may(Permission.WATCH_TEAM) and bool(user.team)
    mine = [
        member
        for member in people
        if member.agent_id == user.user_id or (is_watching and member.team == user.team)
    ]
    served = frozenset(queue for member in mine for queue in member.queues)
    return Scope(served & every, frozenset(member.agent_id for member in mine))
