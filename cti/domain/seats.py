"""Who sits at a phone that isn't his own: a fold of the agents' states. Pure."""

from __future__ import annotations

from cti.domain.event import Event
from cti.domain.events import AgentStateChanged
from cti.domain.ids import AgentId, Endpoint


class Seats:
    """The phone that each agent is signed in with."""

    def __init__(self) -> None:
        self._phones: dict[AgentId, Endpoint] = {}

    def apply(self, event: Event) -> None:
        """Fold one event in; the order is the journal's."""
        if not isinstance(event, AgentStateChanged):
            return
        if event.endpoint is None:
            self._phones.pop(event.agent_id, None)
        else:
            self._phones[event.agent_id] = event.endpoint

    def at(self, endpoint: Endpoint) -> AgentId | None:
        """Who is signed in with a phone."""
        return next((who for who, phone in self._phones.items() if phone == endpoint), None)
