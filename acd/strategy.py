"""Who of several free agents is asked: strategies, chosen by queue.

A strategy orders agents and knows nothing else; who is eligible at all is decided in ``matching.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, TypeVar

from cti.domain.ids import AgentId


class Candidate(Protocol):
    """What a strategy may look at (``acd.facts.Agent``)."""

    @property
    def agent_id(self) -> AgentId:
        """Who."""

    @property
    def idle_since_at(self) -> datetime:
        """When he became free, or said that he is ready."""


A = TypeVar("A", bound=Candidate)


class Strategy(Protocol):
    """Chooses one of the agents who could take a call now."""

    def choose(self, candidates: Iterable[A]) -> A:
        """The one to ask; ``candidates`` isn't empty."""


class LongestIdle:
    """The agent who has been free the longest; among equals the lower id, so that it is defined."""

    def choose(self, candidates: Iterable[A]) -> A:
        """See ``Strategy``."""
        return min(candidates, key=lambda agent: (agent.idle_since_at, agent.agent_id))
