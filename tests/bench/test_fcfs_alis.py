"""The closed form against the chain it claims to solve, written down from first principles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from acd.erlang import patient
from bench.fcfs_alis import Classes, long_run

pytestmark = pytest.mark.unit

Agents = Mapping[str, tuple[float, Classes]]
State = tuple[tuple[str, ...], tuple[str, ...]]
"""Who waits, in order; who is idle, the longest idle first."""

RATES = {"a": 0.3, "b": 0.4}
N_GRAPH: Agents = {"x": (1.0, frozenset("ab")), "y": (1.3, frozenset("b"))}
MOST = 9  # longer queues are left out of the chain


def moves(state: State, rates: Mapping[str, float], agents: Agents) -> list[tuple[float, State]]:
    """FCFS-ALIS, told as rules: what may happen next, and how often."""
    waiting, idle = state
    found: list[tuple[float, State]] = []
    for name, rate in rates.items():
        able = [agent for agent in idle if name in agents[agent][1]]
        if able:
            found.append((rate, (waiting, tuple(a for a in idle if a != able[0]))))
        elif len(waiting) < MOST:
            found.append((rate, ((*waiting, name), idle)))
    for agent, (speed, classes) in agents.items():
        if agent in idle:
            continue
        mine = [n for n, name in enumerate(waiting) if name in classes]
        if mine:
            found.append((speed, (waiting[: mine[0]] + waiting[mine[0] + 1 :], idle)))
        else:
            found.append((speed, (waiting, (*idle, agent))))
    return found


def by_the_chain(rates: Mapping[str, float], agents: Agents) -> dict[str, float]:
    """Mean number of waiting callers by class, and the busy share by agent."""
    states: dict[State, int] = {((), tuple(agents)): 0}
    open_states = list(states)
    while open_states:
        for _, after in moves(open_states.pop(), rates, agents):
            if after not in states:
                states[after] = len(states)
                open_states.append(after)
    flow = np.zeros((len(states), len(states)))
    for state, index in states.items():
        for rate, after in moves(state, rates, agents):
            flow[states[after], index] += rate
            flow[index, index] -= rate
    flow[0] = 1.0  # the shares add up to one
    share = np.linalg.solve(flow, np.eye(len(states))[0])
    means = dict.fromkeys((*rates, *agents), 0.0)
    for (waiting, idle), index in states.items():
        for name in waiting:
            means[name] += share[index]
        for agent in agents.keys() - set(idle):
            means[agent] += share[index]
    return means


def test_the_product_is_the_chains_solution() -> None:
    chain, form = by_the_chain(RATES, N_GRAPH), long_run(RATES, N_GRAPH)
    for name, rate in RATES.items():
        assert form.waits[name] * rate == pytest.approx(chain[name], rel=1e-3)
    for agent in N_GRAPH:
        assert form.busy[agent] == pytest.approx(chain[agent], rel=1e-4)
    assert form.waits["a"] > form.waits["b"]  # fewer agents serve it


def test_equal_agents_are_erlang_c() -> None:
    form = long_run({"a": 2.0}, {name: (1.0, frozenset("a")) for name in "xyz"})
    exact = patient(2.0, 1.0, 3, 0.0)
    assert form.waits["a"] == pytest.approx(exact.wait_s)
    assert form.wait_probability["a"] == pytest.approx(exact.wait_probability)
    assert form.busy["x"] == pytest.approx(exact.occupancy)


def test_who_can_not_be_carried_is_named() -> None:
    with pytest.raises(ValueError, match="y can't carry"):
        long_run({"a": 0.1, "b": 1.5}, {"x": (9.0, frozenset("a")), "y": (1.0, frozenset("ab"))})
