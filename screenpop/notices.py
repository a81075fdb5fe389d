"""Messages from supervisors: short texts to one agent, a team, or everybody signed in; kept for the company's day. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cti.domain import day_events as day
from cti.domain import events as ev
from cti.domain.ids import AgentId

KINDS: tuple[type[ev.Event], ...] = (day.MessageSent, day.MessageRead)
"""The events that messages are made of."""

MAX_TEXT = 500
"""Characters; more is a letter."""


@dataclass(slots=True)
class Message:
    """One of them; ``read`` says when each recipient said that he has seen it."""

    message_id: str
    by: AgentId
    at: datetime
    audience: str
    target: str
    recipients: tuple[AgentId, ...]
    text: str = field(repr=False)
    read: dict[AgentId, datetime] = field(default_factory=dict)


class Messages:
    """The day's."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages = {m.message_id: m for m in messages}

    def take(self, event: ev.Event) -> frozenset[AgentId]:
        """Fold an event in; returns whom it concerns."""
        match event:
            case day.MessageSent() if event.message_id not in self._messages:
                self._messages[event.message_id] = Message(
                    event.message_id, event.by, event.at, event.audience, event.target,
                    event.recipients, event.text,
                )  # fmt: skip
                return frozenset({event.by, *event.recipients})
            case day.MessageRead():
                message = self._messages.get(event.message_id)
                if message is None or event.agent_id not in message.recipients:
                    return frozenset()
                message.read.setdefault(event.agent_id, event.at)
                return frozenset({message.by, event.agent_id})
            case _:
                return frozenset()

    def get(self, message_id: str) -> Message | None:
        """One of them."""
        return self._messages.get(message_id)

    def all(self) -> list[Message]:
        """Every one, the oldest first."""
        return sorted(self._messages.values(), key=lambda m: (m.at, m.message_id))

    def to(self, agent_id: AgentId) -> list[Message]:
        """What somebody was sent, the newest first."""
        return self._sorted(m for m in self._messages.values() if agent_id in m.recipients)

    def by(self, agent_id: AgentId) -> list[Message]:
        """What somebody sent, the newest first."""
        return self._sorted(m for m in self._messages.values() if m.by == agent_id)

    def prune(self, before_at: datetime) -> frozenset[AgentId]:
        """The day before is over; returns whose lists are others."""
        old = [m for m in self._messages.values() if m.at < before_at]
        for message in old:
            del self._messages[message.message_id]
        return frozenset(a for m in old for a in (m.by, *m.recipients))

    @staticmethod
    def _sorted(messages: Iterable[Message]) -> list[Message]:
        return sorted(messages, key=lambda m: (m.at, m.message_id), reverse=True)
