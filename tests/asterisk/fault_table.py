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
    notes: list[str] = field(default_factory=list)
    """Times or other figures, one a round."""


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
    lines = ["fault".ljust(width) + "".join(f"  {head}" for head in _HEADS)]
    for value in values:
        cells = (f"  {value[key]!s:>{len(head)}}" for key, head in zip(COUNTS, _HEADS, strict=True))
        notes = " ".join(value["notes"])
        lines.append(str(value["fault"]).ljust(width) + "".join(cells) + f"  {notes}")
    return "\n".join(lines)


def summary() -> str:
    """The table of this run, empty where no fault was tested; kept for the campaign where it asks for it."""
    if not _rows:
        return ""
    target = os.environ.get("RINGDESK_FAULT_JSON")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in _rows.values())
    return as_text(_rows.values())
