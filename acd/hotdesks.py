"""Shared desk phones: anybody may sit down at one, and it is his while he sits there.

Whoever sat there before and didn't sign out is signed out, unless he is in a call: then nobody is torn out of it, and the
newcomer is told to take another phone. His own phones stay his.
"""

from __future__ import annotations

from acd.facts import Agent
from acd.states import BUSY, AgentState, Trigger
from acd.turn import Turn
from cti.domain.errors import CommandRefused
from cti.domain.ids import Endpoint


def is_allowed(turn: Turn, agent: Agent, endpoint: Endpoint) -> bool:
    """Whether an agent may sit down at a phone: his own, or one that is everybody's."""
    return endpoint in agent.profile.phones or endpoint in turn.configuration.hot_desks


def clear(turn: Turn, agent: Agent, endpoint: Endpoint) -> None:
    """Make room for an agent at a phone.

    Raises:
        CommandRefused: somebody else is in a call there (``desk_taken``).
    """
    sitter = turn.sitter(endpoint)
    if sitter is None or sitter.agent_id == agent.agent_id:
        return
    if sitter.state in BUSY:
        raise CommandRefused("desk_taken", "Somebody is in a call at this phone: take another.")
    if sitter.state is not AgentState.LOGGED_OUT:
        turn.move(sitter, Trigger.SIGN_OUT)
