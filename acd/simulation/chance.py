"""Chance with a purpose: one stream of random numbers for each thing that is drawn.

Common random numbers: what a caller brings (when he comes, how long he talks and waits) comes from streams that depend on
seed, queue and purpose alone. So two centres that are compared get the same callers, and a difference between them is
the rules', not luck.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol


class Draw(Protocol):
    """A distribution of seconds."""

    @property
    def mean_s(self) -> float:
        """Its mean."""

    def draw(self, chance: Random) -> float:
        """One value, at least 0; may be infinite."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same; ``Constant(math.inf)`` is a patience without end."""

    mean_s: float

    def draw(self, chance: Random) -> float:
        """See ``Draw``."""
        return self.mean_s


@dataclass(frozen=True, slots=True)
class Exponential:
    """Without memory: Erlang's assumption."""

    mean_s: float

    def draw(self, chance: Random) -> float:
        """See ``Draw``."""
        return -math.log(1.0 - chance.random()) * self.mean_s


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Handle times as measured in call centres (Brown et al., JASA 100, 2005); ``spread``: deviation over mean."""

    mean_s: float
    spread: float = 1.0

    def draw(self, chance: Random) -> float:
        """See ``Draw``."""
        variance = math.log(1 + self.spread**2)
        return chance.lognormvariate(math.log(self.mean_s) - variance / 2, math.sqrt(variance))


@dataclass(frozen=True, slots=True)
class Observed:
    """One of the values that were measured, each as likely."""

    values: tuple[float, ...]

    @property
    def mean_s(self) -> float:
        """Their mean."""
        return sum(self.values) / len(self.values)

    def draw(self, chance: Random) -> float:
        """See ``Draw``."""
        return self.values[int(chance.random() * len(self.values))]


NEVER = Constant(math.inf)
AT_ONCE = Constant(0.0)


def stream(seed: int, *purpose: str) -> Random:
    """A stream that no other purpose shares; the same on every machine and version."""
    return Random(":".join((str(seed), *purpose)))  # noqa: S311 - a simulation


def spread_of(values: Sequence[float]) -> tuple[float, float]:
    """Mean of independent repetitions and its standard error (NaN of a single one)."""
    count = len(values)
    mean = sum(values) / count
    if count < 2:
        return mean, math.nan
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    return mean, math.sqrt(variance / count)
