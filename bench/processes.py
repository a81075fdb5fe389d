"""CPU time of a process and of the processes it started, and its memory, read from ``/proc`` (Linux, proc(5)).

The kernel counts in ticks of 10 ms and a process's whole life, so only differences over many calls say something. A child
that has ended and was waited for stands in its parent's own record (``cutime``, ``cstime``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stat:
    """What ``/proc/<pid>/stat`` says of one process."""

    pid: int
    parent: int
    own_s: float
    ended_children_s: float


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Seconds of CPU that a process and its children have used so far."""

    own_s: float
    children_s: float

    def since(self, before: CpuTime) -> CpuTime:
        """What was used between two looks."""
        return CpuTime(self.own_s - before.own_s, self.children_s - before.children_s)


def parse_stat(text: str) -> Stat:
    """Read the file's one line; the name in it may contain blanks and brackets.

    Raises:
        ValueError: it has another form.
    """
    head, bracket, rest = text.rpartition(")")
    words = rest.split()
    if not bracket or len(words) < 15:
        raise ValueError("not a stat line")
    own, children = int(words[11]) + int(words[12]), int(words[13]) + int(words[14])
    return Stat(int(head.split()[0]), int(words[1]), own / _TICKS, children / _TICKS)


def total(pid: int, stats: Iterable[Stat]) -> CpuTime:
    """The CPU time of a process and of all that it started, at any depth.

    Raises:
        LookupError: the process isn't there.
    """
    known = {stat.pid: stat for stat in stats}
    if pid not in known:
        raise LookupError(f"process {pid} has ended")
    below = {pid}
    while more := {s.pid for s in known.values() if s.parent in below} - below:
        below |= more
    children = sum(known[child].own_s + known[child].ended_children_s for child in below - {pid})
    return CpuTime(known[pid].own_s, children + known[pid].ended_children_s)


def resident_mb(pid: int) -> float:
    """The memory of a process that lies in RAM now, in MB (2**20 bytes).

    Raises:
        OSError: the process isn't there.
    """
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_time(pid: int) -> CpuTime:
    """The same, of a process that runs now.

    Raises:
        LookupError: the process isn't there.
    """
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            stats.append(parse_stat(path.read_text(encoding="utf-8", errors="replace")))
        except OSError:
            continue  # ended while we looked
    return total(pid, stats)
