"""What others see of agents and waiting callers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from acd.facts import Agent, Line
from acd.states import AgentState
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName


@dataclass(frozen=True, slots=True)
class AgentView:
    """What a desktop shows of its agent. ``notice``: why no calls come although he is READY, or what is being done.

    It is ``phone_unavailable``, ``phone_busy``, ``reconnecting`` or empty. ``warn_at`` and ``late_at``: from when on he is
    warned that his break ends, and when it should. ``extensions_left``: of his wrap-up; None: as many as he likes.
    ``lines``: the calls at his phones besides the one that he is busy with.
    """

    agent_id: AgentId
    state: AgentState
    reason: str
    kind: str
    since_at: datetime
    endpoint: Endpoint | None
    phone: str
    call_id: CallId | None
    queue: QueueName | None
    next_state: AgentState | None
    next_reason: str
    until_at: datetime | None
    queues: tuple[QueueName, ...]
    notice: str
    warn_at: datetime | None = None
    late_at: datetime | None = None
    overrun_at: datetime | None = None
    extensions_left: int | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitingCaller:
    """What a visit tells a waiting caller. ``says``: ``place``, ``offer``."""

    call_id: CallId
    queue: QueueName
    position: int
    says: frozenset[str]


def notice_of(agent: Agent, phone: str) -> str:
    """Why no calls come although he is READY, or what is being done; empty: nothing of that."""
    if agent.is_leg_lost or agent.is_rejoining:
        return "reconnecting"
    if agent.state is not AgentState.READY or phone == "idle":
        return ""
    return "phone_unavailable" if phone in ("unavailable", "unknown") else "phone_busy"
