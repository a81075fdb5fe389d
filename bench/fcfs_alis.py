"""FCFS-ALIS in closed form: what the matcher must do in the long run where agents differ in what they serve.

The longest-waiting caller whom a freed agent serves, the longest-idle agent who serves an arriving caller, Poisson
arrivals by class, exponential handle times by agent, endless patience: then the stationary distribution is a
product (I. Adan, G. Weiss, "A skill based parallel service system under FCFS-ALIS: steady state, overloads, and
abandonments", Stochastic Systems 4 (2014) 250-299).

A state is an order of all agents of whom the first are busy: those by the arrival of their callers, then the idle
ones, the longest idle last, and the number of callers who wait between two of the busy. Between agents j and j+1 wait
only callers whom nobody but the first j serve. Its weight is the product over the busy of
(rate of those callers / speed of the first j) ** number / speed, and over the idle of 1 / rate of what that
agent and the longer idle serve.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Classes = frozenset[str]


@dataclass(frozen=True, slots=True)
class LongRun:
    """Means by class of callers and by agent; times in the unit of the rates."""

    waits: Mapping[str, float]  # mean wait of all callers
    wait_probability: Mapping[str, float]
    busy: Mapping[str, float]  # share of the time


def long_run(rates: Mapping[str, float], agents: Mapping[str, tuple[float, Classes]]) -> LongRun:
    """Solve a graph: arrival rate by class, speed (calls per unit of time) and classes by agent.

    The sum has n! * (n + 1) parts for n agents.

    Raises:
        ValueError: a set of agents can't carry the callers that only it serves.
    """
    total = 0.0
    waiting, delayed = dict.fromkeys(rates, 0.0), dict.fromkeys(rates, 0.0)
    busy = dict.fromkeys(agents, 0.0)
    for order in itertools.permutations(agents):
        for count in range(len(order) + 1):
            weight, queues = _weigh(rates, agents, order[:count], order[count:])
            total += weight
            for agent in order[:count]:
                busy[agent] += weight
            for name, length in queues.items():
                waiting[name] += weight * length
            idle = _served(agents, order[count:])
            for name in rates.keys() - idle:
                delayed[name] += weight
    return LongRun(
        waits={name: waiting[name] / total / rate for name, rate in rates.items()},
        wait_probability={name: value / total for name, value in delayed.items()},
        busy={name: value / total for name, value in busy.items()},
    )


def _weigh(
    rates: Mapping[str, float],
    agents: Mapping[str, tuple[float, Classes]],
    working: tuple[str, ...],
    idle: tuple[str, ...],
) -> tuple[float, dict[str, float]]:
    """The weight of all states with this order, and the mean queue of each class in them."""
    weight = 1.0
    queues = dict.fromkeys(rates, 0.0)
    for count in range(1, len(working) + 1):
        first = working[:count]
        speed = sum(agents[name][0] for name in first)
        others = _served(agents, agents.keys() - set(first))
        own = {name: rate for name, rate in rates.items() if name not in others}
        rate = sum(own.values())
        if rate >= speed:
            raise ValueError(f"{', '.join(first)} can't carry the callers that only they serve")
        weight /= speed - rate  # the sum over all numbers of callers who wait here
        for name in own:
            queues[name] += own[name] / (speed - rate)
    for begin in range(len(idle)):
        weight /= sum(rates[name] for name in _served(agents, idle[begin:]))
    return weight, queues


def _served(agents: Mapping[str, tuple[float, Classes]], names: Iterable[str]) -> Classes:
    return frozenset().union(*(agents[name][1] for name in names))
