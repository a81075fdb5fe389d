"""How long a break may last: an agent is told some time before its end, and shown as late after it.

Nobody is brought back by force; being late is a fact, told once for each break (``AgentStateChanged.overrun_at``). A call
that comes between, or that he makes, stops the clock: what he had of the break already is remembered (``Agent.away_time``),
and the break to which he returns is so much shorter. A reason without a limit may last as long as it likes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from acd.facts import Agent
from acd.rules import Configuration
from acd.states import BUSY, AgentState
from acd.turn import Turn
from cti.domain.evolving import replace

S = AgentState
_ZERO = timedelta(0)


def warn_at(configuration: Configuration, agent: Agent) -> datetime | None:
    """From when on his page warns him; None: this break has no limit, or he isn't on one."""
    limit = configuration.break_limits.get(agent.reason)
    if agent.late_at is None or limit is None:
        return None
    return max(agent.since_at, agent.late_at - limit.warn_time)


def away_time(agent: Agent, now: datetime) -> timedelta:
    """What an agent has had of his break when a call interrupts it; zero where he wasn't on one."""
    if agent.state is S.NOT_READY:
        return agent.away_time + max(now - agent.since_at, _ZERO)
    return agent.away_time if agent.state in BUSY else _ZERO


def resumed(configuration: Configuration, agent: Agent) -> Agent:
    """An agent found again after a restart: his break goes on as it began, by the limits of today."""
    limit = configuration.break_limits.get(agent.reason)
    if agent.state is not S.NOT_READY or limit is None:
        return agent
    left_time = max(limit.limit_time - agent.away_time, _ZERO)
    return replace(agent, late_at=agent.since_at + left_time)


def overstay(turn: Turn, agent: Agent) -> None:
    """The limit may be reached: whoever is away still is late from now on."""
    if agent.late_at is None or turn.now < agent.late_at or agent.overrun_at is not None:
        return
    turn.put_agent(replace(agent, overrun_at=turn.now))
