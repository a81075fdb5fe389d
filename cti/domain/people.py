"""Who works here: users, roles and what each role may do.

Login, staff number (工号) and extension are three things: the first opens the page, the second is
what colleagues and callers are told, the third is dialled.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cti.domain.ids import AgentId


class Role(enum.Enum):
    """What somebody is here for."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


class Permission(enum.Enum):
    """One thing that a role may do."""

    TAKE_CALLS = "take_calls"
    READ_CUSTOMERS = "read_customers"
    UNMASK_NUMBERS = "unmask_numbers"  # each use is audited
    HEAR_OWN_RECORDINGS = "hear_own_recordings"
    HEAR_TEAM_RECORDINGS = "hear_team_recordings"
    WATCH_TEAM = "watch_team"
    PULL_CALLS = "pull_calls"  # waiting ones, to oneself, where the queue lets agents
    ORDER_QUEUES = "order_queues"  # hands on waiting callers of one's team's queues
    SEND_MESSAGES = "send_messages"  # to one's team's desktops
    SET_PINS = "set_pins"  # of customers; each is journalled
    CONFIGURE = "configure"


_AGENT = frozenset(
    {
        Permission.TAKE_CALLS,
        Permission.READ_CUSTOMERS,
        Permission.HEAR_OWN_RECORDINGS,
        Permission.PULL_CALLS,
    }
)
_SUPERVISOR = _AGENT | {
    Permission.UNMASK_NUMBERS,
    Permission.HEAR_TEAM_RECORDINGS,
    Permission.WATCH_TEAM,
    Permission.ORDER_QUEUES,
    Permission.SEND_MESSAGES,
    Permission.SET_PINS,
}
PERMISSIONS = {
    Role.AGENT: _AGENT,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.ADMINISTRATOR: _SUPERVISOR | {Permission.CONFIGURE},
}


@dataclass(frozen=True, slots=True)
class User:
    """A person with an account."""

    user_id: AgentId
    login: str
    name: str
    staff_number: str
    extension: str  # digits; phones are ``<extension>`` (desk) and ``<extension>w`` (browser)
    role: Role
    team: str = ""
    language: str = "en"
    is_active: bool = True

    def may(self, permission: Permission) -> bool:
        """Whether this person's role allows something."""
        return self.is_active and permission in PERMISSIONS[self.role]
