"""The same days under other rules: what would two agents more do, or one who goes home at two?

A *scene* is all that a day needs but luck. A change makes another scene of it. Both are run with the same seeds, so
both get the same callers, and what is told of a change is the mean of the differences day by day, with its
standard error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from acd.model import Configuration, Profile, QueueRules
from acd.simulation.callers import Traffic, day_of
from acd.simulation.centre import Outcome, Shift, simulate
from acd.simulation.chance import Draw, Exponential, LogNormal, Observed, spread_of
from acd.simulation.figures import Figures, by_interval, figures, service_level
from acd.strategy import Strategy
from cti.domain.errors import ConfigError
from cti.domain.ids import AgentId, Endpoint, QueueName

CHANGES = (
    "agents+2, agents-1@sales, home@14:00, home:anna@14:00, strategy=linear, strategy:sales=linear, "
    "calls*1.1, aht*0.9, wrap-up=20, gap=0"
)
"""One of each kind; several with commas between them are one scenario."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Who works under which rules, and what callers are like."""

    configuration: Configuration
    shifts: tuple[Shift, ...]
    traffics: tuple[Traffic, ...]
    done_s: float = 30.0

    def rules(self, of: Callable[[QueueRules], QueueRules], only: str = "") -> Scene:
        """The same with other rules, of one queue or of all.

        Raises:
            ConfigError: no such queue.
        """
        queues = dict(self.configuration.queues)
        if only and QueueName(only) not in queues:
            raise ConfigError(
                f"change: there is no queue {only}; there are {', '.join(sorted(queues))}"
            )
        changed = {name: of(r) if only in ("", name) else r for name, r in queues.items()}
        return replace(self, configuration=replace(self.configuration, queues=changed))


@dataclass(frozen=True, slots=True)
class Result:
    """A scene's days."""

    name: str
    days: tuple[Figures, ...]
    intervals: tuple[
        tuple[float, float, float], ...
    ]  # begin, service level, mean wait; all days together

    def mean(self, of: Callable[[Figures], float]) -> tuple[float, float]:
        """Over the days, with its standard error."""
        return spread_of([of(day) for day in self.days])

    def less(self, other: Result, of: Callable[[Figures], float]) -> tuple[float, float]:
        """The mean of the differences day by day, with its standard error."""
        return spread_of([of(a) - of(b) for a, b in zip(self.days, other.days, strict=True)])


def play(name: str, scene: Scene, seeds: Iterable[int], within_s: float) -> Result:
    """Let the days of a scene happen."""
    days, outcomes = [], list[Outcome]()
    for seed in seeds:
        day = simulate(
            scene.configuration, scene.shifts, day_of(scene.traffics, seed), done_s=scene.done_s
        )
        days.append(figures(day, within_s=within_s))
        outcomes += day.outcomes
    return Result(
        name,
        tuple(days),
        tuple(
            (at_s, service_level(part, within_s), sum(o.wait_s for o in part) / len(part))
            for at_s, part in by_interval(outcomes)
            if part
        ),
    )


# ---- changes -----------------------------------------------------------------------------------


def changed(scene: Scene, text: str) -> Scene:
    """A scene with the changes that a person wrote (``CHANGES``).

    Raises:
        ConfigError: it isn't understood, or names nobody; the message says what there is.
    """
    for part in text.split(","):
        for pattern, change in _CHANGES:
            found = pattern.fullmatch(part.strip())
            if found is not None:
                scene = change(scene, found)
                break
        else:
            raise ConfigError(f"change: {part.strip()!r} isn't understood; write it like {CHANGES}")
    return scene


def _agents(scene: Scene, found: re.Match[str]) -> Scene:
    count, queue = int(found["count"]), found["queue"] or ""
    return _more(scene, count, queue) if found["sign"] == "+" else _fewer(scene, count, queue)


def _more(scene: Scene, count: int, queue: str) -> Scene:
    """Copies of whoever serves the queue (or the most queues), there from the first to the last."""
    profiles = dict(scene.configuration.profiles)
    model = max(_serving(scene, queue), key=lambda p: (len(p.queues), p.agent_id))
    queues = frozenset({QueueName(queue)}) if queue else model.queues
    first = min(shift.from_s for shift in scene.shifts)
    last = max(shift.to_s for shift in scene.shifts)
    shifts = list(scene.shifts)
    taken = {phone for profile in profiles.values() for phone in profile.phones}
    phones = (Endpoint(str(n)) for n in range(900_000, 1_000_000) if Endpoint(str(n)) not in taken)
    for number in range(1, count + 1):
        agent_id = AgentId(f"new{number}-{len(profiles)}")
        profiles[agent_id] = replace(
            model, agent_id=agent_id, queues=queues, phones=(next(phones),)
        )
        shifts.append(Shift(agent_id, first, last))
    return replace(
        scene,
        configuration=replace(scene.configuration, profiles=profiles),
        shifts=tuple(shifts),
    )


_NAMED = 8
"""So many agents are named in an error; who has two hundred doesn't want to read them."""


def _fewer(scene: Scene, count: int, queue: str) -> Scene:
    there = sorted(p.agent_id for p in _serving(scene, queue))
    gone = there[-count:]
    if len({shift.agent_id for shift in scene.shifts} - set(gone)) == 0 or len(gone) < count:
        where = f" in queue {queue}" if queue else ""
        raise ConfigError(f"change: agents-{count} leaves nobody; there are {len(there)}{where}")
    return replace(scene, shifts=tuple(s for s in scene.shifts if s.agent_id not in gone))


def _serving(scene: Scene, queue: str) -> list[Profile]:
    there = {shift.agent_id for shift in scene.shifts}
    found = [
        profile
        for agent_id, profile in scene.configuration.profiles.items()
        if agent_id in there and (not queue or QueueName(queue) in profile.queues)
    ]
    if not found:
        names = ", ".join(sorted(scene.configuration.queues))
        raise ConfigError(f"change: nobody serves {queue or 'any queue'}; queues are {names}")
    return found


def _home(scene: Scene, found: re.Match[str]) -> Scene:
    at_s = 3600.0 * int(found["hour"]) + 60.0 * int(found["minute"])
    there = sorted({s.agent_id for s in scene.shifts if s.from_s < at_s < s.to_s})
    name = found["agent"]
    if not there or (name and AgentId(name) not in there):
        who = ", ".join(there[:_NAMED]) + (" …" if len(there) > _NAMED else "")
        told = f"{name} isn't there at" if there else "nobody is there at"
        at = f"{found['hour']}:{found['minute']}"
        raise ConfigError(f"change: {told} {at}" + (f"; there are {who}" if there else ""))
    agent_id = AgentId(name) if name else there[0]
    return replace(
        scene,
        shifts=tuple(
            replace(s, to_s=min(s.to_s, at_s)) if s.agent_id == agent_id else s
            for s in scene.shifts
            if s.agent_id != agent_id or s.from_s < at_s
        ),
    )


def _strategy(scene: Scene, found: re.Match[str]) -> Scene:
    known = [strategy.value for strategy in Strategy]
    if found["name"] not in known:
        raise ConfigError(
            f"change: there is no strategy {found['name']}; there are {', '.join(known)}"
        )
    strategy = Strategy(found["name"])
    return scene.rules(lambda r: replace(r, strategy=strategy), found["queue"] or "")


def _calls(scene: Scene, found: re.Match[str]) -> Scene:
    factor = float(found["factor"])
    return replace(scene, traffics=tuple(t.scaled(factor) for t in scene.traffics))


def _talk(scene: Scene, found: re.Match[str]) -> Scene:
    factor = float(found["factor"])
    return replace(
        scene, traffics=tuple(replace(t, talk=_times(t.talk, factor)) for t in scene.traffics)
    )


def _times(draw: Draw, factor: float) -> Draw:
    match draw:
        case Observed(values):
            return Observed(tuple(value * factor for value in values))
        case Exponential(mean_s) | LogNormal(mean_s):
            return replace(draw, mean_s=mean_s * factor)
        case _:
            raise ConfigError("change: aht can't be changed here")


def _wrap_up(scene: Scene, found: re.Match[str]) -> Scene:
    time = timedelta(seconds=float(found["seconds"]))
    return scene.rules(lambda r: replace(r, wrap_up_time=time), found["queue"] or "")


def _gap(scene: Scene, found: re.Match[str]) -> Scene:
    time = timedelta(seconds=float(found["seconds"]))
    return scene.rules(lambda r: replace(r, gap_time=time), found["queue"] or "")


_QUEUE, _FACTOR, _SECONDS = (
    r"(:(?P<queue>[a-z][a-z0-9_]*))?",
    r"(?P<factor>[0-9]*\.?[0-9]+)",
    r"(?P<seconds>[0-9]+(\.[0-9]+)?)",
)
_CHANGES: Sequence[tuple[re.Pattern[str], Callable[[Scene, re.Match[str]], Scene]]] = (
    (
        re.compile(r"agents(?P<sign>[+-])(?P<count>[1-9][0-9]{0,2})(@(?P<queue>[a-z][a-z0-9_]*))?"),
        _agents,
    ),
    (
        re.compile(
            r"home(:(?P<agent>[A-Za-z0-9._-]+))?@(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
        ),
        _home,
    ),
    (re.compile(rf"strategy{_QUEUE}=(?P<name>[a-z_]+)"), _strategy),
    (re.compile(rf"calls\*{_FACTOR}"), _calls),
    (re.compile(rf"aht\*{_FACTOR}"), _talk),
    (re.compile(rf"wrap-up{_QUEUE}={_SECONDS}"), _wrap_up),
    (re.compile(rf"gap{_QUEUE}={_SECONDS}"), _gap),
)


def clock(at_s: float) -> str:
    """Seconds of the day as a person reads them."""
    if math.isinf(at_s):
        return "open end"
    return f"{int(at_s // 3600):02}:{int(at_s % 3600 // 60):02}"
