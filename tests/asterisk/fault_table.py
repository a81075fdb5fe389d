"""The fault table: what each fault cost, counted over all its rounds and printed at the end of the run.

``RINGDESK_FAULT_ROUNDS`` and ``RINGDESK_FAULT_SEED`` say which rounds (``seeds``).

Where ``RINGDESK_FAULT_JSON`` names a file, the rows are added to it, one JSON object a line; the campaign does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROUNDS_VARIABLE, SEED_VARIABLE = "RINGDESK_FAULT_ROUNDS", "RINGDESK_FAULT_SEED"
COUNTS = ("rounds", "calls", "lost", "places", "gaps", "ghosts", "stuck")
_HEADS = ("rounds", "calls", "calls lost", "places lost", "journal gaps", "ghosts", "stuck agents")


@dataclass
class Row:
    """A line of the fault table. All but the first two must be 0."""

    fault: str
    rounds: int = 0
    calls: int = 0
    lost: int = 0  # callers who were dropped though nothing but us had failed
    places: int = 0  # queue places lost
    gaps: int = 0  # facts still missing after repair: ends, tickets, recordings, links of the chain
    ghosts: int = 0  # rings, channels or calls that nobody is behind
    stuck: int = 0  # agents whose state the phones contradict
    truth: list[float] = field(default_factory=list)
    """Seconds from the end of the fault until everybody was known again, one a round."""
    notes: list[str] = field(default_factory=list)
    """Other figures, one a round."""


_rows: dict[str, Row] = {}


def seeds(usual: int) -> range:
    """The seeds of this run's rounds, one each: ``usual`` of them from 0 on, unless the environment says otherwise."""
    first = int(os.environ.get(SEED_VARIABLE, "0"))
    return range(first, first + int(os.environ.get(ROUNDS_VARIABLE, str(usual))))


def row_of(fault: str) -> Row:
    """The row of a fault; made at the first round."""
    return _rows.setdefault(fault, Row(fault))


def as_text(rows: Iterable[Row | Mapping[str, object]]) -> str:
    """The table for people."""
    values: list[dict[str, Any]] = [asdict(r) if isinstance(r, Row) else dict(r) for r in rows]
    width = max((len(str(v["fault"])) for v in values), default=5)
    heads = (*_HEADS, "s until truth, median and longest")
    lines = ["fault".ljust(width) + "".join(f"  {head}" for head in heads)]
    for value in values:
        cells = [f"{value[key]!s:>{len(head)}}" for key, head in zip(COUNTS, _HEADS, strict=True)]
        times = value["truth"]
        known = f"{median(times):.1f} {max(times):.1f}" if times else ""
        cells.append(f"{known:>{len(heads[-1])}}")
        notes = " ".join(value["notes"])
        lines.append("  ".join([str(value["fault"]).ljust(width), *cells, notes]).rstrip())
    return "\n".join(lines)


def added(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each fault cost over several runs: one row a fault, by name; notes are left out."""
    sums: dict[str, Row] = {}
    for found in rows:
        row = sums.setdefault(found["fault"], Row(found["fault"]))
        for key in COUNTS:
            setattr(row, key, getattr(row, key) + found[key])
        row.truth += found["truth"]
    return [asdict(sums[name]) for name in sorted(sums)]


def summary() -> str:
    """The table of this run, empty where no fault was tested; kept for the campaign where it asks for it."""
    if not _rows:
        return ""
    target = os.environ.get("RINGDESK_FAULT_JSON")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in _rows.values())
    return as_text(_rows.values())
