"""The indices of a state of the ACD, each made anew from agents and entries: what the core keeps must be the same."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from acd.facts import Phase, State
from acd.tables import Ordered


def assert_kept(state: State) -> None:
    """Each index is what a look at everything says, and holds nothing that is empty."""
    lines: dict[Any, list[Any]] = defaultdict(list)
    waiting: dict[Any, list[Any]] = defaultdict(list)
    wanted: dict[Any, list[Any]] = defaultdict(list)
    for entry in state.entries.values():
        if entry.phase is not Phase.CONNECTED:
            lines[entry.queue].append(entry.place)
        if entry.slot is not None:
            waiting[entry.slot].append(entry.place)
        if entry.waits_for is not None:
            wanted[entry.waits_for].append(entry.place)
    for kept, made in ((state.lines, lines), (state.waiting, waiting), (state.wanted, wanted)):
        assert {key: list(line) for key, line in kept.items()} == {
            key: sorted(places) for key, places in made.items()
        }
        assert all(line.first == min(made[key]) for key, line in kept.items())
    looks = [(e.look_at, e.call_id) for e in state.entries.values() if e.look_at is not None]
    assert list(state.looks) == sorted(looks)
    busy: dict[Any, set[Any]] = defaultdict(set)
    for agent in state.agents.values():
        for call_id in agent.calls:
            busy[call_id].add(agent.agent_id)
    assert {call_id: set(there) for call_id, there in state.busy.items()} == busy
    assert all(len(set(there)) == len(there) for there in state.busy.values())
    assert all(state.agents[a].idle_since_at == since_at for a, since_at in state.free.items())
    assert state.idle == Ordered((since_at, a) for a, since_at in state.free.items())
