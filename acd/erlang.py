"""The closed forms of a queue with one line: Erlang B (loss), C (endless patience) and A (callers hang up). Pure.

All three take Poisson arrivals and exponential handle times; A takes exponential patience as well.
``rate`` is calls a second, ``handle_s`` and ``patience_s`` are means in seconds, ``load`` = rate x handle_s in
erlangs.

Numerically: B by its recurrence, which only multiplies and adds positive numbers below 1; C from B; A from the
birth-and-death weights of the queue's length as logarithms around their largest (nothing overflows at
thousands of agents, any overload, any patience), and the time in the queue from the density of the
offered wait, integrated where it isn't negligible.

Sources: A. K. Erlang 1917. C. Palm 1957. A. Mandelbaum, S. Zeltyn, "The Palm/Erlang-A Queue, with Applications
to Call Centers", Technion 2005 (sections 3 and 4); S. Zeltyn, A. Mandelbaum, "Call Centers with Impatient Customers:
Many-Server Asymptotics of the M/M/n+G Queue", Queueing Systems 51 (2005), for the density.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

_NEGLIGIBLE = 50.0  # exp(-50) of the largest weight is left out
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_PANELS = 64


@dataclass(frozen=True, slots=True)
class Performance:
    """What callers and agents get in the long run; times in seconds."""

    service_level: float  # answered within the asked time / offered
    wait_probability: float  # share of callers who aren't answered at once
    abandonment: float  # share of callers who hang up
    answer_s: float  # mean wait of answered calls (average speed of answer)
    wait_s: float  # mean wait of all callers
    queue_length: float  # callers who wait, on average
    occupancy: float  # share of the agents' time with a call


def erlang_b(load: float, servers: int) -> float:
    """The share of calls that find all servers busy, where such calls are lost.

    Raises:
        ValueError: a negative load or number of servers.
    """
    if load < 0 or servers < 0:
        raise ValueError("load and servers can't be negative")
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked


def erlang_c(load: float, servers: int) -> float:
    """The share of calls that wait, where all wait as long as it takes; 1 when the queue grows without limit."""
    if load >= servers:
        return 1.0
    blocked = erlang_b(load, servers)
    return blocked / (1 - load / servers * (1 - blocked))


def patient(rate: float, handle_s: float, agents: int, within_s: float) -> Performance:
    """Erlang C: nobody hangs up.

    Raises:
        ValueError: the agents can't carry the load, so that the queue has no long run.
    """
    load = rate * handle_s
    if load >= agents:
        raise ValueError("the load is no less than the number of agents")
    waits = erlang_c(load, agents)
    relief = (agents - load) / handle_s  # calls a second by which the agents are faster
    wait_s = waits / relief
    return Performance(
        service_level=1 - waits * math.exp(-relief * within_s),
        wait_probability=waits,
        abandonment=0.0,
        answer_s=wait_s,
        wait_s=wait_s,
        queue_length=rate * wait_s,
        occupancy=load / agents,
    )


def impatient(
    rate: float, handle_s: float, patience_s: float, agents: int, within_s: float
) -> Performance:
    """Erlang A: each caller hangs up when his patience ends.

    Raises:
        ValueError: no rate, no agents, or a mean that isn't above zero.
    """
    if not (rate > 0 and handle_s > 0 and patience_s > 0 and agents > 0):
        raise ValueError("rate, handle_s, patience_s and agents must be above zero")
    lengths, weights, log_scale = _queue(rate, agents / handle_s, 1 / patience_s)
    # Weights count from state "all busy, nobody waits" = exp(-log_scale); the states below it by Erlang B.
    blocked = erlang_b(rate * handle_s, agents)
    if blocked < 1e-290:  # nobody ever waits, and 1 / blocked would overflow
        load = rate * handle_s / agents
        return Performance(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, load)
    not_all_busy = (1 - blocked) / blocked * math.exp(-log_scale)
    total = not_all_busy + float(weights.sum())
    queue_length = float((lengths * weights).sum()) / total
    abandonment = min(1.0, queue_length / patience_s / rate)
    log_full = -log_scale - math.log(total)  # probability that all are busy and nobody waits
    answered_later = _answered(rate, agents / handle_s, 1 / patience_s, log_full)
    answered = 1 - abandonment
    no_wait = not_all_busy / total
    waited_s = answered_later(math.inf, lambda t: t)
    return Performance(
        service_level=min(1.0, no_wait + answered_later(within_s, np.ones_like)),
        wait_probability=1 - no_wait,
        abandonment=abandonment,
        answer_s=waited_s / answered if answered > 0 else math.nan,
        wait_s=queue_length / rate,
        queue_length=queue_length,
        occupancy=rate * answered * handle_s / agents,
    )


def _queue(rate: float, serve: float, leave: float) -> tuple[Vector, Vector, float]:
    """Queue lengths, their weights (largest 1), and the logarithm of what length 0 was divided by."""
    peak = max(0, math.floor((rate - serve) / leave))
    width = math.ceil(math.sqrt(2 * _NEGLIGIBLE * max(rate, serve) / leave)) + 100
    if rate < serve:
        width = min(width, math.ceil(_NEGLIGIBLE / math.log(serve / rate)) + 1)
    first = max(0, peak - width)
    lengths = np.arange(first, peak + width + 1, dtype=np.float64)
    steps = math.log(rate) - np.log(serve + lengths[1:] * leave)
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    top = float(logs.max())
    # The weight of the window's first length against length 0 matters only when the window begins later.
    x = serve / leave
    before = first * math.log(rate / leave) - math.lgamma(x + first + 1) + math.lgamma(x + 1)
    return lengths, np.exp(logs - top), top + (before if first else 0.0)


def _answered(
    rate: float, serve: float, leave: float, log_full: float
) -> Callable[[float, Callable[[Vector], Vector]], float]:
    """The mean of a function of the wait over callers who wait, at most so long, and are answered."""

    def log_density(t: float) -> float:
        return rate / leave * -math.expm1(-leave * t) - (serve + leave) * t

    peak = max(0.0, math.log(rate / (serve + leave)) / leave)

    def mean(within_s: float, of: Callable[[Vector], Vector]) -> float:
        top_t = min(peak, within_s)
        top = log_density(top_t)
        floor = top - _NEGLIGIBLE
        low = _edge(lambda t: log_density(t) < floor, 0.0, top_t)
        far = top_t + 1.0
        while far < within_s and log_density(far) >= floor:
            far = top_t + 2 * (far - top_t)
        high = _edge(lambda t: log_density(t) < floor, min(far, within_s), top_t)
        edges = np.linspace(low, high, _PANELS + 1)
        half = (edges[1:] - edges[:-1])[:, None] / 2
        times = edges[:-1, None] + half * (1 + _NODES)
        logs = rate / leave * -np.expm1(-leave * times) - (serve + leave) * times - top
        part = float((np.exp(logs) * of(times) * _WEIGHTS * half).sum())
        return serve * part * math.exp(top + log_full)

    return mean


def _edge(is_outside: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where a range ends that holds ``inside`` and perhaps all as far as ``outside``."""
    if not is_outside(outside):
        return outside
    for _ in range(60):
        middle = (outside + inside) / 2
        if is_outside(middle):
            outside = middle
        else:
            inside = middle
    return outside
