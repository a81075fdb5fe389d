"""The company has changed while agents work and callers wait. Pure.

From the next step on the new rules count. Agents keep their states, callers their waits:

* **An agent** works with his new queues, skills and phones. Somebody new is signed out. Who isn't in the company any more is
  signed out at once, or after his call; until then he stands in the configuration without queues (``with_leavers``), since
  the end of his call must still find him.
* **A caller** stands at once as the new rules of his queue say: demand, tier, credit, strictness. In a queue that is no more
  he stays, and whoever takes calls serves him (``Configuration.able``); nobody is lost by a change.
"""

from __future__ import annotations

from dataclasses import replace as other

from acd import decisions as d
from acd.facts import Agent, State
from acd.rules import Configuration
from acd.seats import mirror_of
from acd.states import BUSY, AgentState, Trigger
from acd.turn import Turn
from cti.domain.evolving import replace

S, T = AgentState, Trigger


def with_leavers(configuration: Configuration, state: State) -> Configuration:
    """The new configuration, with those who left and are still signed in: without queues."""
    leavers = {
        agent_id: replace(agent.profile, queues=frozenset())
        for agent_id, agent in state.agents.items()
        if agent_id not in configuration.profiles and agent.state is not S.LOGGED_OUT
    }
    if not leavers:
        return configuration
    return other(configuration, profiles={**configuration.profiles, **leavers})


def reconfigured(turn: Turn, event: d.Reconfigured) -> None:
    """Take the rules that this step is the first to go by."""
    configuration, known = turn.configuration, dict(turn.part("agents"))
    for agent_id, profile in configuration.profiles.items():
        agent = known.get(agent_id)
        if agent is None:
            turn.own("agents")[agent_id] = Agent(profile)
            continue
        if agent.profile != profile:
            agent = turn.put_agent(replace(agent, profile=profile))
        if agent_id not in event.stay:
            _send_home(turn, agent)
    for agent_id, agent in known.items():
        if agent_id not in configuration.profiles and agent.state is S.LOGGED_OUT:
            del turn.own("agents")[agent_id]
    for slot in turn.part("waiting"):
        configuration.able(slot)  # from now on it is known which agents have to look here
    for entry in list(turn.part("entries").values()):
        turn.put_entry(replace(entry, is_strict=configuration.is_strict))
    for agent in turn.part("agents").values():
        turn.weigh(agent)
        mirror = mirror_of(configuration, agent)
        if mirror is not None:
            turn.decide(d.Mirror(mirror))
    turn.set(is_settled=False)
    turn.decide(d.FiguresChanged(frozenset(configuration.queues)))


def _send_home(turn: Turn, agent: Agent) -> None:
    """Somebody who left the company."""
    if agent.state in BUSY:
        turn.put_agent(replace(agent, next_state=S.LOGGED_OUT, next_reason=""))
    elif agent.state is not S.LOGGED_OUT:
        turn.move(agent, T.SIGN_OUT)
