"""The three delays of a pop: from the agent's choice to the socket, to the paint, to the phone's 180. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId


@dataclass(slots=True)
class PopTimes:
    """One pop, measured."""

    call_id: CallId
    agent_id: AgentId
    token: str
    chosen_at: datetime
    socket_time: timedelta | None = None
    paint_time: timedelta | None = None
    ring_time: timedelta | None = None
    is_told: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all three were seen."""
        return None not in (self.socket_time, self.paint_time, self.ring_time)

    def tell(self, at: datetime) -> ev.PopTimed | None:
        """What was measured, once; None where it was told before or no desktop saw the pop."""
        if self.is_told or self.socket_time is None:
            return None
        self.is_told = True
        return ev.PopTimed(
            at=at,
            call_id=self.call_id,
            agent_id=self.agent_id,
            socket_time=self.socket_time,
            paint_time=self.paint_time,
            ring_time=self.ring_time,
        )
