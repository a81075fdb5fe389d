"""What a part of the bench hands back, and how it is printed. Pure.

A figure has one value of each repetition: the median is what is said, the worst is printed beside it and
never left out. A goal is judged by the median. What has no goal is there to be compared with.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Better = Literal["lower", "higher"]


class Spoilt(Exception):
    """A run in which something went wrong that the figures would hide; there are none then."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, in each repetition."""

    what: str
    unit: str
    values: tuple[float, ...]
    better: Better = "lower"
    goal: float | None = None

    def __post_init__(self) -> None:
        """Refuse a figure that nobody measured."""
        if not self.values:
            raise ValueError(f"{self.what}: no value")

    @property
    def median(self) -> float:
        """What is said."""
        return statistics.median(self.values)

    @property
    def worst(self) -> float:
        """The repetition that came out worst."""
        return max(self.values) if self.better == "lower" else min(self.values)

    @property
    def is_met(self) -> bool | None:
        """Whether the median reaches the goal; None without one."""
        if self.goal is None:
            return None
        return self.median <= self.goal if self.better == "lower" else self.median >= self.goal

    def as_json(self) -> dict[str, Any]:
        """The form for the file."""
        return {
            "what": self.what,
            "unit": self.unit,
            "median": self.median,
            "worst": self.worst,
            "values": list(self.values),
            "better": self.better,
            "goal": self.goal,
            "is_met": self.is_met,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """One row of the goals: how it was measured and what came out."""

    row: str
    title: str
    method: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    """How long the measuring took."""

    def as_json(self) -> dict[str, Any]:
        """The form for the file."""
        return {
            "row": self.row,
            "title": self.title,
            "method": self.method,
            "figures": [figure.as_json() for figure in self.figures],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 1),
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of the values do not exceed (nearest rank).

    Raises:
        ValueError: no values, or a share outside 0 to 1.
    """
    if not values or not 0 <= share <= 1:
        raise ValueError(f"no percentile {share} of {len(values)} values")
    ordered = sorted(values)
    # Exact for whole percents; -(-a // b) rounds up.
    rank = -(-round(share * 1_000_000) * len(ordered) // 1_000_000)
    return ordered[max(0, rank - 1)]


def table(parts: Iterable[Part]) -> str:
    """All parts as text: a heading, the method, a line a figure."""
    lines = []
    for part in parts:
        lines += [f"{part.row}  {part.title}", f"     {part.method}"]
        width = max((len(f.what) for f in part.figures), default=0)
        lines += [f"     {_line(figure, width)}" for figure in part.figures]
        lines += [f"     note: {note}" for note in part.notes]
        lines.append("")
    return "\n".join(lines)


def _line(figure: Figure, width: int) -> str:
    said = f"{figure.what:{width}}  {_number(figure.median):>9} {figure.unit:8}"
    said += f" worst of {len(figure.values)}: {_number(figure.worst):>9}"
    if figure.goal is None:
        return said
    sign = "<=" if figure.better == "lower" else ">="
    return f"{said}   goal {sign} {_number(figure.goal)}: {'met' if figure.is_met else 'MISSED'}"


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
