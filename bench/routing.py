"""P16: the production matcher beside a model of ``app_queue``: same callers, same agents, figures told together.

Three centres of thirty agents and three queues, at loads of 0.8, 0.95 and 1.05; Poisson arrivals in the mix 50/30/20, handle
times exponential with 180 s, patience exponential with 120 s. Common random numbers: with each seed both sides get the
same callers. Ours asks whom the fewest other queues need, of equals the longest idle (``least_flexible``). The bound is
Erlang A of the same agents in one pool, which no routing can pass.

Cross-training, not routing, raises the share answered within 20 s: a fair order makes those wait who came
last, and a random one lets those starve who are late already, which that share doesn't see. So it is told beside the 99th
percentile, the overtakings, the spread between the queues and the abandonments, and never alone.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from acd.erlang import impatient
from acd.simulation.callers import Traffic, day_of, steady
from acd.simulation.centre import Day, Shift, simulate
from acd.simulation.chance import Exponential, spread_of
from acd.simulation.figures import Figures, figures, spread
from acd.strategy import Strategy
from bench import app_queue
from bench.closed_forms import centre
from bench.report import Figure, Part
from cti.domain.ids import AgentId, QueueName

HANDLE_S, PATIENCE_S, WITHIN_S = 180.0, 120.0, 20.0
MIX = {"a": 0.5, "b": 0.3, "c": 0.2}
LOADS = (0.8, 0.95, 1.05)
AGENTS = 30
SEEDS = 20
HOURS, WARM_HOURS = 2.5, 0.5
LEAST_SPREAD = 0.02
"""Below two points queues are alike on either side, and a ratio of what is left says nothing."""


def _centre_of(*groups: tuple[int, str]) -> Mapping[str, frozenset[str]]:
    served = [frozenset(queues) for count, queues in groups for _ in range(count)]
    return {str(1000 + number): queues for number, queues in enumerate(served)}


TOPOLOGIES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "two queues each (ring)": _centre_of((10, "ab"), (10, "bc"), (10, "ca")),
    "24 specialists, 6 for all": _centre_of((12, "a"), (7, "b"), (5, "c"), (6, "abc")),
    "all in all queues": _centre_of((AGENTS, "abc")),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One centre at one load: what each seed gave, ours and theirs."""

    topology: str
    load: float
    ours: tuple[Figures, ...]
    theirs: tuple[Figures, ...]

    def ratio(self, of: Callable[[Figures], float]) -> float:
        """Mean of ours over mean of theirs."""
        return _mean(self.ours, of) / _mean(self.theirs, of)

    def gain(self, of: Callable[[Figures], float]) -> tuple[float, float]:
        """Mean of the differences, seed by seed, and its standard error."""
        return spread_of([of(a) - of(b) for a, b in zip(self.ours, self.theirs, strict=True)])


def measure(
    topology: str,
    load: float,
    seeds: Sequence[int],
    hours: float = HOURS,
    warm_hours: float = WARM_HOURS,
) -> Cell:
    """Let the days happen on both sides; callers of the first ``warm_hours`` aren't counted."""
    served = TOPOLOGIES[topology]
    configuration = centre(served, Strategy.LEAST_FLEXIBLE)
    shifts = [Shift(agent_id) for agent_id in configuration.profiles]
    queues = {AgentId(a): frozenset(map(QueueName, names)) for a, names in served.items()}
    per_hour = load * len(served) / HANDLE_S * 3600
    traffics = [
        Traffic(
            QueueName(name),
            steady(per_hour * share, warm_hours + hours),
            Exponential(HANDLE_S),
            Exponential(PATIENCE_S),
        )
        for name, share in MIX.items()
    ]

    def count(day: Day) -> Figures:
        return figures(day, within_s=WITHIN_S, from_s=warm_hours * 3600)

    days = [day_of(traffics, seed) for seed in seeds]
    return Cell(
        topology,
        load,
        ours=tuple(count(simulate(configuration, shifts, day)) for day in days),
        theirs=tuple(count(app_queue.simulate(queues, day)) for day in days),
    )


def run(is_quick: bool) -> Part:
    """Twenty seeds; quick: three, of an hour and a half."""
    begun = time.monotonic()
    seeds = range(1, (3 if is_quick else SEEDS) + 1)
    hours = 1.5 if is_quick else HOURS
    cells = [measure(name, load, seeds, hours) for name in TOPOLOGIES for load in LOADS]
    return describe(cells, len(seeds), hours, time.monotonic() - begun)


def describe(cells: Sequence[Cell], seeds: int, hours: float, seconds: float) -> Part:
    """The goals over all cells, and each cell in full."""
    p99 = tuple(cell.ratio(lambda f: f.wait_p99_s) for cell in cells)
    lost = tuple(cell.ratio(lambda f: f.abandonment) for cell in cells)
    spreads = [(_spread(cell.ours), _spread(cell.theirs)) for cell in cells]
    apart = [a / b for a, b in spreads if b >= LEAST_SPREAD] or [math.nan]
    level = tuple(-100 * cell.gain(lambda f: f.service_level)[0] for cell in cells)
    ours = tuple(float(sum(f.overtakings for f in cell.ours)) for cell in cells)
    theirs = tuple(100 * _mean(cell.theirs, lambda f: f.overtaken) for cell in cells)
    return Part(
        row="P16",
        title="Routing: the production matcher beside a model of app_queue, simulated",
        method=f"{len(cells)} cells (centre x load), {seeds} seeds of {hours:g} h each, same callers, virtual time",
        figures=(
            Figure("p99 wait, ours / app_queue, worst cell", "x", (max(p99),), goal=0.95),
            Figure("p99 wait, ours / app_queue, mean", "x", (statistics.mean(p99),), goal=0.92),
            Figure("overtakings, ours, worst cell", "calls", (max(ours),), goal=0),
            Figure("overtakings, app_queue, of the answered", "%", theirs),
            Figure(
                "spread of queues (where > 2 points), ours / app_queue, worst cell",
                "x",
                (max(apart),),
                goal=0.8,
            ),
            Figure("abandonment, ours / app_queue, worst cell", "x", (max(lost),), goal=1.02),
            Figure("abandonment, ours / app_queue, mean", "x", (statistics.mean(lost),), goal=0.95),
            Figure(
                "answered in 20 s, app_queue - ours, worst cell", "points", (max(level),), goal=2
            ),
        ),
        notes=tuple(line for cell in cells for line in _lines(cell)),
        seconds=seconds,
    )


def _lines(cell: Cell) -> list[str]:
    agents = len(TOPOLOGIES[cell.topology])
    bound = impatient(cell.load * agents / HANDLE_S, HANDLE_S, PATIENCE_S, agents, WITHIN_S)
    told = [f"{cell.topology}, load {cell.load:g}"]
    for name, side in (("ours", cell.ours), ("app_queue", cell.theirs)):
        level, lost = _mean(side, lambda f: f.service_level), _mean(side, lambda f: f.abandonment)
        told.append(
            f"  {name:9} p99 {_mean(side, lambda f: f.wait_p99_s):5.1f} s"
            f"  overtaken {_mean(side, lambda f: f.overtaken):6.2%}"
            f"  spread {100 * _spread(side):4.1f} points"
            f"  abandoned {lost:6.2%} (bound {bound.abandonment:.2%}, {100 * (lost - bound.abandonment):+.2f})"
            f"  in 20 s {level:6.1%} (bound {bound.service_level:.1%}, {100 * (level - bound.service_level):+.1f})"
        )
    differences = [
        f"{what} {factor * gain:+.2f} ± {factor * error:.2f} {unit}"
        for what, factor, unit, (gain, error) in (
            ("p99", 1, "s", cell.gain(lambda f: f.wait_p99_s)),
            ("abandoned", 100, "points", cell.gain(lambda f: f.abandonment)),
            ("in 20 s", 100, "points", cell.gain(lambda f: f.service_level)),
        )
    ]
    return [*told, f"  ours less app_queue, seed by seed: {', '.join(differences)}"]


def _mean(side: Sequence[Figures], of: Callable[[Figures], float]) -> float:
    return statistics.mean(of(figure) for figure in side)


def _spread(side: Sequence[Figures]) -> float:
    """Between the queues' means over all seeds: within one day luck alone sets them apart."""
    return spread({q: statistics.mean(f.levels[q] for f in side) for q in side[0].levels})
