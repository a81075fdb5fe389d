"""What a simulated day was like, by the definitions of the live figures (docs/decisions/0001).

Waits are those of all callers, also of those who hung up; the average speed of answer is of the answered. An
*overtaking* is a caller whom an agent took although somebody with an earlier place waited whom he serves as well. The
*spread* is the largest service level of a queue less the smallest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from acd.simulation.callers import Caller
from acd.simulation.centre import Day, Outcome
from cti.domain.ids import QueueName


@dataclass(frozen=True, slots=True)
class Figures:
    """One day in numbers; shares are from 0 to 1, NaN where there is nothing to count."""

    offered: int
    answered: int
    abandoned: int
    left: int  # still waiting when all agents had gone
    service_level: float
    abandonment: float
    answer_s: float
    wait_s: float
    wait_p95_s: float
    wait_p99_s: float
    longest_s: float
    overtakings: int
    overtaken: float  # overtakings / answered
    occupancy: float
    levels: Mapping[QueueName, float]  # service level of each queue

    @property
    def spread(self) -> float:
        """The largest service level of a queue less the smallest."""
        return spread(self.levels)

    def as_json(self) -> dict[str, Any]:
        """Plain values; what can't be told is None."""
        values = {**asdict(self), "spread": self.spread}
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


def figures(
    day: Day, *, within_s: float = 20.0, short_s: float = 0.0, from_s: float = 0.0
) -> Figures:
    """Count a day; callers before ``from_s`` are left out (a start from empty isn't the long run).

    Abandonments below ``short_s`` are left out of the service level.
    """
    told = [o for o in day.outcomes if o.caller.at_s >= from_s]
    answered = [o for o in told if o.is_answered]
    waits = sorted(o.wait_s for o in told)
    queues = {o.caller.queue for o in told}
    overtakings = sum(1 for o in overtakers(day) if o.caller.at_s >= from_s)
    work_s, ready_s = sum(day.work_s.values()), sum(day.ready_s.values())
    return Figures(
        offered=len(told),
        answered=len(answered),
        abandoned=len(told) - len(answered),
        left=day.left,
        service_level=service_level(told, within_s, short_s),
        abandonment=_share(len(told) - len(answered), len(told)),
        answer_s=_share(sum(o.wait_s for o in answered), len(answered)),
        wait_s=_share(sum(waits), len(waits)),
        wait_p95_s=_percentile(waits, 0.95),
        wait_p99_s=_percentile(waits, 0.99),
        longest_s=waits[-1] if waits else math.nan,
        overtakings=overtakings,
        overtaken=_share(overtakings, len(answered)),
        occupancy=_share(work_s, work_s + ready_s),
        levels={q: service_level(told, within_s, short_s, q) for q in sorted(queues)},
    )


def spread(levels: Mapping[QueueName, float]) -> float:
    """How far the queues are apart."""
    return max(levels.values(), default=math.nan) - min(levels.values(), default=math.nan)


def service_level(
    outcomes: Iterable[Outcome],
    within_s: float = 20.0,
    short_s: float = 0.0,
    queue: QueueName | None = None,
) -> float:
    """Answered in time / (offered - short abandonments), of one queue or of all."""
    told = [o for o in outcomes if queue is None or o.caller.queue == queue]
    in_time = sum(1 for o in told if o.is_answered and o.wait_s <= within_s)
    short = sum(1 for o in told if not o.is_answered and o.wait_s < short_s)
    return _share(in_time, len(told) - short)


def overtakers(day: Day) -> list[Outcome]:
    """Callers who were taken although an earlier one waited whom the same agent serves."""
    moments: list[tuple[float, int, Outcome]] = []  # 0 comes, 1 is taken, 2 hangs up
    for o in day.outcomes:
        at_s = o.caller.at_s
        moments.append((at_s, 0, o))
        is_chosen = not math.isnan(o.chosen_s)
        moments.append((o.chosen_s, 1, o) if is_chosen else (at_s + o.wait_s, 2, o))
    moments.sort(key=lambda m: (m[0], m[1], m[2].caller.number))
    lines: dict[tuple[QueueName, str], dict[int, Caller]] = {}  # in the order of arrival
    found = []
    for _, what, o in moments:
        line = lines.setdefault((o.caller.queue, o.caller.demand), {})
        if what == 0:
            line[o.caller.number] = o.caller
            continue
        del line[o.caller.number]
        if o.agent_id is None:
            continue
        # Within a queue all have the same credit, so whoever came first has the earliest place.
        firsts = [next(iter(other.values())) for other in lines.values() if other]
        if any(_place(x) < _place(o.caller) and day.serves(o.agent_id, x) for x in firsts):
            found.append(o)
    return found


def _place(caller: Caller) -> float:
    return caller.at_s - caller.credit_s


def by_interval(
    outcomes: Iterable[Outcome], minutes: int = 15
) -> list[tuple[float, list[Outcome]]]:
    """The callers of each interval, by its beginning in seconds; empty ones between are kept."""
    step = minutes * 60.0
    told: dict[int, list[Outcome]] = {}
    for o in outcomes:
        told.setdefault(int(o.caller.at_s // step), []).append(o)
    if not told:
        return []
    return [(i * step, told.get(i, [])) for i in range(min(told), max(told) + 1)]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _percentile(ordered: Sequence[float], share: float) -> float:
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
