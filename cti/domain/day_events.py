"""What agents owe callers and are told by their supervisors: entries of missed calls, own callbacks, messages.

An entry of missed calls is named by the first call in it, a callback of one's own (a *promise*) by the call in which it was
given; so whatever a person's calls hold of him is found by their ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cti.domain.event import CallEvent, Event, personal
from cti.domain.ids import AgentId, QueueName


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedTaken(CallEvent):
    """Somebody calls a missed caller back himself; until ``until_at`` nobody else does."""

    agent_id: AgentId
    until_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedGivenBack(CallEvent):
    """Whoever took an entry of missed calls leaves it to the others again."""

    by: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedClosed(CallEvent):
    """An entry of missed calls was closed by hand. ``result`` is ``solved``, ``wrong_number``, ``no_need`` or ``other``."""

    by: AgentId
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseMade(CallEvent):
    """An agent promised to call back at a time. Made again for the same call, it takes the place of the one before."""

    agent_id: AgentId
    due_at: datetime
    number: str = personal()
    text: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseMoved(CallEvent):
    """A promise has another time or another keeper: an agent, or (``agent_id`` None) whoever serves ``queue``."""

    by: AgentId
    due_at: datetime
    agent_id: AgentId | None = None
    queue: QueueName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseEnded(CallEvent):
    """A promise is over. ``result`` is ``spoke`` (they did), ``done`` or ``withdrawn`` (by hand)."""

    by: AgentId
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(Event):
    """A supervisor wrote to people. ``audience`` is ``agent``, ``team`` or ``all`` (who was signed in)."""

    message_id: str
    by: AgentId
    audience: str
    target: str  # an agent's id, a team's name; empty: all
    recipients: tuple[AgentId, ...]
    text: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRead(Event):
    """A recipient has seen a message on his page and said so."""

    message_id: str
    agent_id: AgentId
