"""Agents whose state their own phone contradicts: set right after a moment.

Who rings or talks has a phone that is not idle. Events cross, so for a moment both may be said; what lasts is wrong,
whatever the cause: an event that never came, or a fault of ours. States that end by a timer of their own (a lost phone
that is waited for, a leg that has ended, a reservation) are left to it.
"""

from __future__ import annotations

from acd.facts import Agent, Phase
from acd.parties import free, give_up
from acd.states import AgentState
from acd.turn import Turn
from cti.domain.evolving import replace

CONTRADICTED = "contradicted"
"""Why such a reservation ended."""
_NOT_IN_A_CALL = ("idle", "unavailable")


def is_contradicted(turn: Turn, agent: Agent) -> bool:
    """Whether the phone says that there is no call, and nothing else explains the state."""
    return (
        # A phone that is called and never replies is idle all the while: that ends by the ring's own limit.
        (
            agent.state is AgentState.TALKING
            or (agent.state is AgentState.RINGING and agent.has_rung)
        )
        and turn.phone(agent.endpoint) in _NOT_IN_A_CALL
        and not turn.has_phone_in_use(agent)  # his other phone may have the call
        and not (agent.is_leg_lost or agent.is_rejoining)
        and not (agent.is_leg_ended or agent.is_call_over)
    )


def settle_doubts(turn: Turn) -> None:
    """Look at all agents; free those who were contradicted for ``doubt_time``."""
    before = turn.part("doubts")
    doubts = {
        agent.agent_id: before.get(agent.agent_id, turn.now)
        for agent in turn.part("agents").values()
        if is_contradicted(turn, agent)
    }
    for agent_id in [a for a, at in doubts.items() if turn.now - at >= turn.limits.doubt_time]:
        del doubts[agent_id]
        _set_free(turn, turn.part("agents")[agent_id])
    if doubts != before:
        turn.set(doubts=doubts)


def _set_free(turn: Turn, agent: Agent) -> None:
    entry = turn.entry(agent.call_id)
    if entry is not None and entry.agent_id == agent.agent_id:
        if entry.phase is Phase.OFFERED:
            give_up(turn, entry, turn.limits.retry_time)
        else:
            turn.put_entry(replace(entry, agent_id=None))
    free(turn, agent, CONTRADICTED)
