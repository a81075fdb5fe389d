"""Queues whose calls must get an outcome: their agents stay in wrap-up until it is named.

The tickets department tells that a call has a ticket (``TicketOpened``) and that its outcome was named (``DispositionSet``);
a call without a ticket needs none, since nobody could name it anywhere. Where it is missing when the wrap-up's time is over,
or when the agent says that he is done, he stays in WRAP_UP, overrun since then (``Agent.overrun_at``), and gets no call.
What he asked for meanwhile comes when he has named it. Signing out is always possible: nobody is held at work.

Another call that comes between puts such a wrap-up off, however many of them (``Owed.before``); it comes after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from acd.facts import Agent, Owed
from acd.states import AgentState
from acd.turn import Turn
from cti.domain import events as ev
from cti.domain.evolving import replace
from cti.domain.ids import CallId

S = AgentState


def opened(turn: Turn, event: ev.TicketOpened) -> None:
    """A call has a ticket: from now on its outcome can be named, and must be if its queue says so."""
    entry = turn.entry(event.call_id)
    if entry is None or not turn.configuration.rules(entry.queue).must_name_outcome:
        return
    if event.call_id not in turn.part("outcomes"):
        _sweep(turn)
        turn.own("outcomes")[event.call_id] = False


def named(turn: Turn, event: ev.DispositionSet) -> None:
    """The outcome was named, by whomever: who only waited for it goes on."""
    if event.call_id not in turn.part("outcomes"):
        return
    turn.own("outcomes")[event.call_id] = True
    for agent in list(turn.part("agents").values()):
        is_waiting = agent.state is S.WRAP_UP and agent.overrun_at is not None
        if is_waiting and agent.call_id == event.call_id:
            turn.rest(agent)


def restore(turn: Turn, past: Iterable[ev.TicketOpened | ev.DispositionSet]) -> None:
    """Know again which outcomes were missing, after agents and calls were taken up."""
    wrapping = [a for a in turn.part("agents").values() if a.state is S.WRAP_UP]
    missing = {a.call_id: False for a in wrapping if a.call_id and a.overrun_at is not None}
    kept = {
        agent.call_id
        for agent in wrapping
        if turn.configuration.rules(agent.queue).must_name_outcome
    }
    for event in past:
        if isinstance(event, ev.TicketOpened):
            opened(turn, event)
            if event.call_id in kept:
                missing.setdefault(event.call_id, False)
        elif event.call_id in missing or event.call_id in turn.part("outcomes"):
            missing[event.call_id] = True
    for call_id, is_named in missing.items():
        turn.own("outcomes")[call_id] = is_named
    for agent in wrapping:
        if agent.overrun_at is not None and missing.get(agent.call_id):
            turn.wake(turn.now, agent.agent_id)  # named, and we ended before he could go on


def is_held(turn: Turn, agent: Agent) -> bool:
    """Whether somebody in wrap-up can't go on yet: an outcome is missing, of this call or of one before."""
    return turn.must_name(agent.call_id, agent.kind, agent.queue) or _is_missing(turn, agent.owed)


def end_wrap_up(turn: Turn, agent: Agent) -> Agent:
    """The wrap-up's time is over, or the agent is done: he goes on, or is overrun from now on."""
    if not turn.must_name(agent.call_id, agent.kind, agent.queue):
        return turn.rest(agent)
    overrun_at = agent.overrun_at or turn.now
    return turn.put_agent(replace(agent, overrun_at=overrun_at, deadline_at=None))


def _is_missing(turn: Turn, owed: Owed | None) -> bool:
    return owed is not None and turn.must_name(owed.call_id, owed.kind, owed.queue)


def _sweep(turn: Turn) -> None:
    """Forget calls that are over and that nobody has to do with any more."""
    needed = set(turn.part("entries"))
    for agent in turn.part("agents").values():
        needed.update(_calls_of(agent))
    for call_id in [c for c in turn.part("outcomes") if c not in needed]:
        del turn.own("outcomes")[call_id]


def _calls_of(agent: Agent) -> Iterator[CallId]:
    if agent.call_id is not None:
        yield agent.call_id
    for line in agent.lines:
        yield line.call_id
    owed = agent.owed
    while owed is not None:
        yield owed.call_id
        owed = owed.before
