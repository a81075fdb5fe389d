"""The three delays of a pop: from the agent's choice to the socket, to the paint, to the phone's 180. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId

_LEAVES_RING = (ev.CallConnected, ev.ReservationReleased, ev.AgentDidNotAnswer, ev.CallEnded)


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


def take(
    of_call: Mapping[AgentId, PopTimes], event: ev.CallEvent, rung: AgentId | None
) -> list[PopTimes]:
    """Note the ring (``rung``: whose phone it is); returns the pops that are measured now, as far as they will be."""
    if isinstance(event, ev.LegRang):
        times = of_call.get(rung) if rung is not None else None
        if times is None or times.ring_time is not None:
            return []
        times.ring_time = event.at - times.chosen_at
        return [times] if times.is_complete else []
    if not isinstance(event, _LEAVES_RING):
        return []
    whose = getattr(event, "agent_id", None)  # none: of all to whom it was shown
    return [times for agent_id, times in of_call.items() if whose in (None, agent_id)]
