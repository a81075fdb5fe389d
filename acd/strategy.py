"""Who of several free agents is asked: strategies, chosen by queue.

A strategy orders agents and knows nothing else; who is eligible at all is decided in ``matching.py``. Each is a key:
the agent with the least one is asked. All end with the longest idle and, for the sake of being defined, the agent's id.
``docs/queues.md`` has an example of each.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

from cti.domain.demands import NONE, Demand, strength
from cti.domain.ids import AgentId, QueueName

_ZERO = timedelta(0)
_MASK = (1 << 64) - 1


class Strategy(enum.Enum):
    """How a queue chooses among the agents who could take a call."""

    LONGEST_IDLE = "longest_idle"  # who has been free the longest
    ROUND_ROBIN = "round_robin"  # the next one in the company's order, after the one asked last
    FEWEST_CALLS = "fewest_calls"  # who has answered the fewest queue calls since he signed in
    LEAST_OCCUPIED = "least_occupied"  # who has had the least to do since he signed in
    MOST_SKILLED = "most_skilled"  # who has the highest levels in what this caller demands
    LINEAR = "linear"  # always from the top, in the company's order
    RANDOM = "random"  # anybody, each as likely
    LEAST_FLEXIBLE = "least_flexible"  # who serves the fewest queues, then has the fewest skills
    RING_ALL = "ring_all"  # all of them at once, the first answer wins (``groups.py``)


@dataclass(frozen=True, slots=True)
class Tally:
    """What an agent has done since he signed in, up to ``counted_at``."""

    counted_at: datetime
    taken: int = 0  # queue calls that he answered
    busy_time: timedelta = _ZERO  # talk, hold, wrap-up
    ready_time: timedelta = _ZERO  # ready, reserved or rung

    def occupancy(self, now: datetime) -> float:
        """(talk + hold + wrap-up) ÷ (that + ready), of an agent who is ready now; 0 as long as there is neither."""
        busy = self.busy_time.total_seconds()
        both = busy + (self.ready_time + (now - self.counted_at)).total_seconds()
        return busy / both if both > 0 else 0.0


class Served(Protocol):
    """What a strategy may look at of an agent's profile (``acd.rules.Profile``)."""

    @property
    def rank(self) -> int:
        """His place in the company's order."""

    @property
    def skills(self) -> Mapping[str, int]:
        """His levels."""

    @property
    def queues(self) -> frozenset[QueueName]:
        """The queues he serves."""


class Candidate(Protocol):
    """What a strategy may look at (``acd.facts.Agent``)."""

    @property
    def agent_id(self) -> AgentId:
        """Who."""

    @property
    def idle_since_at(self) -> datetime:
        """When he became free, or said that he is ready."""

    @property
    def tally(self) -> Tally:
        """What he has done since he signed in."""

    @property
    def profile(self) -> Served:
        """What he may do here."""


@dataclass(frozen=True, slots=True)
class Asking:
    """For whom an agent is sought, and what came before."""

    now: datetime
    demand: Demand = NONE
    last_rank: int = -1  # of the agent whom this queue asked last
    draw: int = 0  # differs for each choice; the same events give the same draws


Key = tuple[Any, ...]


def order_of(strategy: Strategy) -> Callable[[Candidate, Asking], Key]:
    """The key of a strategy: the agent with the least one is asked."""
    return _KEYS[strategy]


def _longest_idle(agent: Candidate, _: Asking) -> Key:
    return (agent.idle_since_at, agent.agent_id)


def _round_robin(agent: Candidate, asking: Asking) -> Key:
    rank = agent.profile.rank
    return (rank <= asking.last_rank, rank, agent.agent_id)


def _fewest_calls(agent: Candidate, _: Asking) -> Key:
    return (agent.tally.taken, agent.idle_since_at, agent.agent_id)


def _least_occupied(agent: Candidate, asking: Asking) -> Key:
    return (agent.tally.occupancy(asking.now), agent.idle_since_at, agent.agent_id)


def _most_skilled(agent: Candidate, asking: Asking) -> Key:
    level = strength(asking.demand, agent.profile.skills)
    return (-level, agent.idle_since_at, agent.agent_id)


def _linear(agent: Candidate, _: Asking) -> Key:
    return (agent.profile.rank, agent.agent_id)


def _random(agent: Candidate, asking: Asking) -> Key:
    return (mixed(asking.draw, agent.profile.rank), agent.agent_id)


def _least_flexible(agent: Candidate, _: Asking) -> Key:
    profile = agent.profile
    return (len(profile.queues), len(profile.skills), agent.idle_since_at, agent.agent_id)


def mixed(draw: int, number: int) -> int:
    """64 bits without a pattern from two numbers (SplitMix64's finisher, Steele et al. 2014)."""
    value = (draw * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03 + 0x8BB84B93962EACC9) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


_KEYS: Mapping[Strategy, Callable[[Candidate, Asking], Key]] = MappingProxyType(
    {
        Strategy.LONGEST_IDLE: _longest_idle,
        Strategy.ROUND_ROBIN: _round_robin,
        Strategy.FEWEST_CALLS: _fewest_calls,
        Strategy.LEAST_OCCUPIED: _least_occupied,
        Strategy.MOST_SKILLED: _most_skilled,
        Strategy.LINEAR: _linear,
        Strategy.RANDOM: _random,
        Strategy.LEAST_FLEXIBLE: _least_flexible,
        Strategy.RING_ALL: _longest_idle,  # whom to leave out, where they are too many
    }
)
