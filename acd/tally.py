"""What agents have done since they signed in, read back from the journal at a start. Pure.

The core counts the same while it runs (``turn.py``): queue calls answered; talk and wrap-up; ready, reserved or rung.
"""

from __future__ import annotations

from datetime import datetime

from acd.states import AgentState
from acd.strategy import Tally
from cti.domain import events as ev
from cti.domain.ids import AgentId


def counted(tally: Tally, state: AgentState, at: datetime) -> Tally:
    """The tally when a state ends; a new one where the agent signs in."""
    time = at - tally.counted_at
    if state is AgentState.LOGGED_OUT:
        return Tally(at)
    busy_time, ready_time = tally.busy_time, tally.ready_time
    if state in (AgentState.TALKING, AgentState.WRAP_UP):
        busy_time += time
    elif state is not AgentState.NOT_READY:
        ready_time += time
    return Tally(at, tally.taken, busy_time, ready_time)


class Tallies:
    """The fold over the journal's events."""

    def __init__(self) -> None:
        self.found: dict[AgentId, Tally] = {}
        self._states: dict[AgentId, AgentState] = {}

    def note(self, event: ev.Event) -> None:
        """Take one event, in the journal's order."""
        match event:
            case ev.AgentStateChanged():
                state = self._states.get(event.agent_id, AgentState.LOGGED_OUT)
                tally = self.found.get(event.agent_id, Tally(event.at))
                self.found[event.agent_id] = counted(tally, state, event.at)
                self._states[event.agent_id] = AgentState(event.state)
            case ev.CallAnswered() if event.agent_id in self.found:
                old = self.found[event.agent_id]
                self.found[event.agent_id] = Tally(
                    old.counted_at, old.taken + 1, old.busy_time, old.ready_time
                )
