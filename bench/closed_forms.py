"""P17: the simulator around the production matcher beside three queues whose long run is known exactly.

Erlang C (nobody hangs up), Erlang A (callers hang up), and FCFS-ALIS on a small graph of three classes and four
agents who serve different ones. Each is simulated with seeds that were fixed beforehand, after a start that isn't
counted; the deviation of the seeds' mean from the exact value is told in standard errors of that mean. Of several
values one in twenty is beyond 2 by luck, so a case is judged by its mean wait, and all others are printed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from acd.erlang import impatient, patient
from acd.model import Configuration, Profile, QueueRules
from acd.simulation.callers import Traffic, day_of, steady
from acd.simulation.centre import Outcome, Shift, simulate
from acd.simulation.chance import NEVER, Draw, Exponential, spread_of
from acd.simulation.figures import service_level
from acd.strategy import Strategy
from bench.fcfs_alis import Classes, long_run
from bench.report import Figure, Part
from cti.domain.ids import AgentId, Endpoint, QueueName

HANDLE_S = 180.0
WITHIN_S = 20.0
SEEDS = 20
WARM_HOURS = 1.0

GRAPH_RATES: Mapping[str, float] = {"a": 20.0, "b": 15.0, "c": 12.0}
"""Calls an hour of each class; the agents do 20 each."""
GRAPH: Mapping[str, Classes] = {
    "1001": frozenset("a"),
    "1002": frozenset("ab"),
    "1003": frozenset("bc"),
    "1004": frozenset("abc"),
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One value: exact, as simulated with each seed."""

    what: str
    exact: float
    simulated: tuple[float, ...]

    @property
    def errors(self) -> float:
        """How many standard errors the mean is off."""
        mean, error = spread_of(self.simulated)
        return (mean - self.exact) / error


def centre(
    served: Mapping[str, frozenset[str]], strategy: Strategy = Strategy.LONGEST_IDLE
) -> Configuration:
    """Agents (named by their phones) and their queues; no gap, no announcements."""
    names = sorted(frozenset().union(*served.values()))
    rules = [
        QueueRules(
            QueueName(name),
            wrap_up_time=timedelta(0),
            gap_time=timedelta(0),
            announce_every=timedelta(0),
            strategy=strategy,
        )
        for name in names
    ]
    profiles = [
        Profile(AgentId(phone), frozenset(map(QueueName, queues)), (Endpoint(phone),))
        for phone, queues in served.items()
    ]
    return Configuration({r.name: r for r in rules}, {p.agent_id: p for p in profiles})


def played(
    served: Mapping[str, frozenset[str]],
    rates: Mapping[str, float],
    patience: Draw,
    seed: int,
    hours: float,
) -> list[Outcome]:
    """The callers of one run after the start, by the production core; ``rates`` are calls an hour."""
    length = WARM_HOURS + hours
    traffics = [
        Traffic(QueueName(name), steady(rate, length), Exponential(HANDLE_S), patience)
        for name, rate in rates.items()
    ]
    configuration = centre(served)
    shifts = [Shift(agent_id) for agent_id in configuration.profiles]
    day = simulate(configuration, shifts, day_of(traffics, seed))
    assert day.left == 0
    return [o for o in day.outcomes if o.caller.at_s >= WARM_HOURS * 3600]


def _mean_wait(outcomes: Sequence[Outcome]) -> float:
    return sum(o.wait_s for o in outcomes) / len(outcomes)


def _delayed(outcomes: Sequence[Outcome]) -> float:
    return sum(1 for o in outcomes if o.wait_s > 0) / len(outcomes)


def _pool(agents: int) -> Mapping[str, frozenset[str]]:
    return {str(1000 + number): frozenset("q") for number in range(agents)}


def erlang_c(seeds: Sequence[int], hours: float) -> list[Compared]:
    """Ten agents, 8.2 erlangs, nobody hangs up."""
    agents, load = 10, 8.2
    exact = patient(load / HANDLE_S, HANDLE_S, agents, WITHIN_S)
    per_hour = {"q": load / HANDLE_S * 3600}
    runs = [played(_pool(agents), per_hour, NEVER, seed, hours) for seed in seeds]
    return [
        Compared("mean wait", exact.wait_s, tuple(map(_mean_wait, runs))),
        Compared("share who wait", exact.wait_probability, tuple(map(_delayed, runs))),
        Compared(
            "answered within 20 s", exact.service_level, tuple(service_level(r) for r in runs)
        ),
    ]


def erlang_a(seeds: Sequence[int], hours: float) -> list[Compared]:
    """Thirty agents, 28.5 erlangs, mean patience 2 minutes."""
    agents, load, patience_s = 30, 28.5, 120.0
    exact = impatient(load / HANDLE_S, HANDLE_S, patience_s, agents, WITHIN_S)
    per_hour = {"q": load / HANDLE_S * 3600}
    runs = [played(_pool(agents), per_hour, Exponential(patience_s), seed, hours) for seed in seeds]
    lost = tuple(sum(1 for o in run if not o.is_answered) / len(run) for run in runs)
    return [
        Compared("mean wait", exact.wait_s, tuple(map(_mean_wait, runs))),
        Compared("share who hang up", exact.abandonment, lost),
        Compared(
            "answered within 20 s", exact.service_level, tuple(service_level(r) for r in runs)
        ),
    ]


def graph(seeds: Sequence[int], hours: float) -> list[Compared]:
    """Three classes, four agents who serve different ones, 47 calls an hour for 80."""
    speed = 3600 / HANDLE_S
    exact = long_run(GRAPH_RATES, {phone: (speed, classes) for phone, classes in GRAPH.items()})
    runs = [played(GRAPH, GRAPH_RATES, NEVER, seed, hours) for seed in seeds]
    everybody = sum(exact.waits[c] * rate for c, rate in GRAPH_RATES.items()) / sum(
        GRAPH_RATES.values()
    )
    found = [Compared("mean wait", everybody * 3600, tuple(map(_mean_wait, runs)))]
    for name in GRAPH_RATES:
        by_class = [[o for o in run if o.caller.queue == name] for run in runs]
        found += [
            Compared(
                f"mean wait of {name}", exact.waits[name] * 3600, tuple(map(_mean_wait, by_class))
            ),
            Compared(
                f"share of {name} who wait",
                exact.wait_probability[name],
                tuple(map(_delayed, by_class)),
            ),
        ]
    return found


def run(is_quick: bool) -> Part:
    """Twenty seeds; quick: eight, and shorter runs."""
    begun = time.monotonic()
    seeds = range(1, (8 if is_quick else SEEDS) + 1)
    scale = 0.4 if is_quick else 1.0
    cases = {
        "Erlang C": erlang_c(seeds, 30 * scale),
        "Erlang A": erlang_a(seeds, 10 * scale),
        "FCFS-ALIS": graph(seeds, 60 * scale),
    }
    figures, notes = [], []
    for name, values in cases.items():
        for index, value in enumerate(values):
            mean, error = spread_of(value.simulated)
            goal = 2.0 if index == 0 else None
            figures.append(
                Figure(f"{name}: {value.what}", "s.e. off", (abs(value.errors),), goal=goal)
            )
            notes.append(
                f"{name}: {value.what}: exact {value.exact:.4g}, simulated {mean:.4g} ± {error:.2g}"
            )
    return Part(
        row="P17",
        title="The production matcher in the simulator, beside exact solutions",
        method=f"{len(seeds)} seeds, {WARM_HOURS:g} h of start left out, virtual time; s.e. over the seeds",
        figures=tuple(figures),
        notes=tuple(notes),
        seconds=time.monotonic() - begun,
    )
