"""What everybody else is told of an agent. Pure."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter

from acd.facts import Agent
from acd.states import AgentState
from cti.domain.events import AgentStateChanged


def until_at(agent: Agent) -> datetime | None:
    """When a timed wrap-up ends."""
    return agent.deadline_at if agent.state is AgentState.WRAP_UP else None


def looks_different(old: Agent, agent: Agent) -> bool:
    """Whether anything changed that others see of him; then they are told."""
    return _seen(old) != _seen(agent) or until_at(old) != until_at(agent)


_seen = attrgetter(  # in one go: asked at each change of an agent
    "state",
    "reason",
    "endpoint",
    "outside_number",
    "call_id",
    "kind",
    "next_state",
    "next_reason",
    "overrun_at",
)


def changed(now: datetime, old: Agent | None, agent: Agent) -> AgentStateChanged:
    """The fact that he is different from now on."""
    # Whoever leaves his notes says of which call they were.
    was_wrapping = old is not None and old.state is AgentState.WRAP_UP
    wrapped = old.call_id if old is not None and was_wrapping else None
    return AgentStateChanged(
        at=now,
        agent_id=agent.agent_id,
        state=agent.state._value_,  # as ``value``, without the detour
        previous=(old.state if old is not None else AgentState.LOGGED_OUT)._value_,
        reason=agent.reason,
        by=agent.by,
        call_id=agent.call_id or wrapped,
        queue=agent.queue,
        next_state=agent.next_state._value_ if agent.next_state is not None else "",
        next_reason=agent.next_reason,
        until_at=until_at(agent),
        endpoint=agent.endpoint,
        kind=agent.kind,
        since_at=agent.since_at,
        overrun_at=agent.overrun_at,
        away_time=agent.away_time,
        extended=agent.extended,
        outside_number=agent.outside_number,
    )
