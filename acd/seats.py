"""Who sits where, as Asterisk's own fallback Queue() must know it should we be gone."""

from __future__ import annotations

from datetime import timedelta

from acd.facts import Agent
from acd.rules import Configuration
from acd.states import AgentState
from cti.domain.ids import extension_of
from cti.ports import QueueMirror

_AWAY = (AgentState.NOT_READY, AgentState.LOGGED_OUT)


def mirror_of(configuration: Configuration, agent: Agent) -> QueueMirror | None:
    """What the fallback Queue() should know of an agent; None: he is signed out.

    An agent who asked for a break in a call is already paused there, so that no call reaches him should we be gone by then.
    """
    if agent.state is AgentState.LOGGED_OUT or agent.endpoint is None:
        return None
    own = agent.profile.phones
    queues = tuple(sorted(agent.profile.queues))
    times = [configuration.rules(queue).wrap_up_time or timedelta(0) for queue in queues]
    return QueueMirror(
        endpoint=agent.endpoint,
        queues=queues,
        is_paused=is_away(agent),
        wrap_up_time=max(times, default=timedelta(0)),
        outside_number=agent.outside_number,
        guest="" if agent.endpoint in own else extension_of(own[0]) if own else "",
    )


def left_behind(mirror: QueueMirror) -> QueueMirror:
    """What it should know when nobody sits there any more."""
    return QueueMirror(mirror.endpoint, (), False, timedelta(0), mirror.guest, is_seated=False)


def is_away(agent: Agent) -> bool:
    """Whether no call may reach him by the fallback Queue(): away, about to be, or kept in wrap-up by a missing outcome."""
    return agent.state in _AWAY or agent.next_state in _AWAY or agent.overrun_at is not None


def seat_of(agent: Agent) -> tuple[object, ...]:
    """What of an agent the mirror depends on."""
    seat = (agent.endpoint, agent.outside_number)
    return *seat, agent.state is AgentState.LOGGED_OUT, is_away(agent)
