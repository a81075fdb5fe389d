"""What the ACD asks of other departments, as Protocols; wired in ``cti/bootstrap.py``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from cti.domain.call import Call
from cti.domain.ids import AgentId, CallId, QueueName


class Pop(Protocol):
    """The agent's screen."""

    async def show(
        self,
        call_id: CallId,
        agent_id: AgentId,
        queue: QueueName,
        chosen_at: datetime,
        wait_for_paint: bool,
    ) -> None:
        """Show the caller to the agent before his phone rings.

        Returns when the pop is written to the desktop's socket, at once when there is no desktop; with ``wait_for_paint``
        when it was painted, or after 60 ms. Is cancelled if it takes longer than the ring may wait.
        """


class Calls(Protocol):
    """All live calls, as the switch knows them (``cti.domain.calls.CallTable``)."""

    def live(self) -> Iterator[Call]:
        """The calls that haven't ended, each in its present state."""
