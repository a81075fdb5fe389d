"""``ringdesk whatif``: simulated days of the centre as it is, and as it would be after a change, side by side.

Either a centre in figures (``--agents``, ``--calls-per-hour`` or ``--profile``, ``--aht``), or a day that was: ``--day``
takes queues, people and rules from the installation, callers and shifts from its journal. What formulas can tell is
``ringdesk size``; what the running system does under load is ``ringdesk simulate``.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from acd.model import Configuration, Profile, QueueRules
from acd.simulation.callers import Interval, Traffic, steady
from acd.simulation.centre import Shift
from acd.simulation.chance import NEVER, Constant, Exponential
from acd.simulation.history import Measured, learn
from acd.simulation.plot import drawing
from acd.simulation.whatif import CHANGES, Result, Scene, changed, clock, play
from acd.wiring import configure
from cti.cli import deployment
from cti.cli.app import (
    AsJson,
    Picture,
    SettingsFile,
    app,
    say,
    see_that_it_can_be_drawn,
    told_plainly,
)
from cti.cli.service import current_settings
from cti.config import Settings
from cti.domain.errors import ConfigError
from cti.domain.events import Event
from cti.domain.ids import AgentId, Endpoint, QueueName, parse_queue_name
from cti.servers import open_database
from cti.storage.journal import SqlJournal
from cti.storage.people import SqlAccounts
from sip_sim.summary import sparkline

PRESENT = "as it is"
_DAY_OPENS = 9
_CLOSING_S = 900.0
"""How long agents stay after the last interval, for those who wait still."""

Changes = Annotated[
    list[str] | None,
    typer.Option("--change", help=f"A scenario; may be repeated. Kinds: {CHANGES}."),
]
Day = Annotated[
    datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], help="Callers and shifts of this day's journal."),
]
Profiled = Annotated[
    Path | None,
    typer.Option(
        "--profile", help="Lines `HH:MM,calls per hour[,queue]`, each until the next; 0 ends."
    ),
]


@app.command()
@told_plainly
def whatif(
    change: Changes = None,
    day: Day = None,
    profile: Profiled = None,
    calls_per_hour: Annotated[float | None, typer.Option(help="A steady rate from 09:00.")] = None,
    hours: Annotated[float, typer.Option(help="How long, with --calls-per-hour.")] = 8.0,
    aht: Annotated[float, typer.Option(help="Average handle time, seconds.")] = 180.0,
    wrap_up: Annotated[float, typer.Option(help="Seconds of it after the talk.")] = 30.0,
    patience: Annotated[
        float | None, typer.Option(help="Mean seconds until a caller hangs up.")
    ] = None,
    answer: Annotated[float, typer.Option(help="Seconds that an agent lets it ring.")] = 3.0,
    agents: Annotated[int | None, typer.Option(min=1, max=2000, help="Agents there are.")] = None,
    seeds: Annotated[int, typer.Option(min=2, max=1000, help="Simulated days each.")] = 10,
    target_time: Annotated[float, typer.Option(help="Answered within so many seconds.")] = 20.0,
    plot: Picture = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Simulate days of the centre as it is and after each --change, with the same callers."""
    measured: Measured | None = None
    if day is not None:
        settings = current_settings(settings_file)
        scene, measured = asyncio.run(_remembered(settings, day, target_time))
    else:
        if not 0 <= wrap_up < aht:
            raise ConfigError("wrap-up: from 0 to less than aht, of which it is a part")
        if agents is not None and profile is not None and calls_per_hour is None:
            lines = read_profile(profile)
        elif agents is not None and profile is None and calls_per_hour is not None:
            if not (0 < calls_per_hour < math.inf and 0 < hours <= 24 - _DAY_OPENS):
                raise ConfigError("calls-per-hour: above zero, for up to 15 hours")
            lines = {QueueName("calls"): steady(calls_per_hour, hours, _DAY_OPENS * 3600)}
        else:
            raise ConfigError(
                "agents: give --agents with --calls-per-hour or --profile, or --day for a day of the journal"
            )
        scene = _described(lines, agents, aht, wrap_up, patience, answer)
    see_that_it_can_be_drawn(plot)
    scenes = {PRESENT: scene} | {text: changed(scene, text) for text in change or ()}
    results = []
    for name, each in scenes.items():
        say(f"simulating {seeds} days: {name}")
        results.append(play(name, each, range(1, seeds + 1), target_time))
    if plot is not None:
        plot.write_text(
            drawing(results, f"Simulated, {seeds} days each", target_time), encoding="utf-8"
        )
    answer_ = _plain(scene, results, measured, seeds, target_time)
    if as_json:
        print(json.dumps(_without_nan(answer_)))
    else:
        _print(answer_, results)


# ---- where the scene comes from ----------------------------------------------------------------


def read_profile(path: Path) -> dict[QueueName, tuple[Interval, ...]]:
    """Calls an hour by queue and time of the day.

    Raises:
        ConfigError: the file can't be read, or a line isn't understood; the message names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"profile {path}: {exc.strerror}") from exc
    steps: dict[QueueName, list[tuple[float, float]]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                at, rate, *queue = (part.strip() for part in line.split(","))
                moment = datetime.strptime(at, "%H:%M")  # noqa: DTZ007 - a time of any day
                name = parse_queue_name(queue[0]) if queue else QueueName("calls")
                steps.setdefault(name, []).append(
                    (moment.hour * 3600.0 + moment.minute * 60.0, float(rate))
                )
            except ValueError as exc:
                raise ConfigError(
                    f"profile {path}: line {number} is not `HH:MM,calls per hour`"
                ) from exc
    found = {
        name: tuple(
            Interval(begin, end, rate)
            for (begin, rate), (end, _) in zip(sorted(s), sorted(s)[1:], strict=False)
            if rate > 0
        )
        for name, s in steps.items()
    }
    if not any(found.values()):
        raise ConfigError(f"profile {path}: nobody calls; end the last stretch with a line of 0")
    return {name: intervals for name, intervals in found.items() if intervals}


def _described(
    lines: dict[QueueName, tuple[Interval, ...]],
    agents: int,
    aht: float,
    wrap_up: float,
    patience: float | None,
    answer: float,
) -> Scene:
    """A centre in figures: everybody serves all queues, from the first caller to the last."""
    rules = {name: QueueRules(name, wrap_up_time=timedelta(seconds=wrap_up)) for name in lines}
    if not 0 <= answer < min(r.ring_time for r in rules.values()).total_seconds():
        raise ConfigError("answer: from 0 to less than the ring time of 15 s")
    if patience is not None and not 0 < patience < math.inf:
        raise ConfigError("patience: must be above zero")
    names = [AgentId(f"agent{number:04}") for number in range(1, agents + 1)]
    profiles = {
        name: Profile(name, frozenset(lines), (Endpoint(str(100_000 + n)),))
        for n, name in enumerate(names)
    }
    intervals = [interval for each in lines.values() for interval in each]
    begin, end = min(i.from_s for i in intervals), max(i.to_s for i in intervals)
    traffics = tuple(
        Traffic(
            queue,
            each,
            talk=Exponential(aht - wrap_up),
            patience=NEVER if patience is None else Exponential(patience),
            answer=Constant(answer),
        )
        for queue, each in lines.items()
    )
    shifts = tuple(Shift(name, begin, end + _CLOSING_S) for name in names)
    return Scene(Configuration(rules, profiles), shifts, traffics)


async def _remembered(settings: Settings, day: datetime, within_s: float) -> tuple[Scene, Measured]:
    """The installation's rules and people, and what its journal says of a day."""
    if not settings.database_file.exists():
        raise ConfigError(f"there is no journal in {settings.home}: nothing has run there yet")
    midnight = day.astimezone()
    database = await open_database(settings)
    try:
        users = await SqlAccounts(database).all()
        events = await _events(SqlJournal(database), midnight)
    finally:
        await database.close()
    history = learn(events, midnight, within_s)
    if history is None:
        raise ConfigError(f"day: nobody was answered in a queue on {day:%Y-%m-%d}")
    active = [replace(user, is_active=True) for user in users]  # simulators were, when they worked
    configuration = configure(deployment.company_of(settings), active)
    shifts = tuple(s for s in history.shifts if s.agent_id in configuration.profiles)
    if not shifts:
        raise ConfigError(f"day: nobody who is known today was ready on {day:%Y-%m-%d}")
    scene = Scene(configuration, shifts, history.traffics, history.done_s)
    return scene, history.measured


async def _events(journal: SqlJournal, midnight: datetime) -> list[Event]:
    until = midnight + timedelta(days=1)
    return [item.event async for item in journal.read() if midnight <= item.event.at < until]


# ---- what is told ------------------------------------------------------------------------------

_ROWS = (
    ("answered in time", "service_level", 100, "%"),
    ("hung up", "abandonment", 100, "%"),
    ("speed of answer", "answer_s", 1, "s"),
    ("95 % waited at most", "wait_p95_s", 1, "s"),
    ("99 % waited at most", "wait_p99_s", 1, "s"),
    ("longest wait", "longest_s", 1, "s"),
    ("occupancy", "occupancy", 100, "%"),
    ("spread of queues", "spread", 100, "%"),
    ("overtakings", "overtakings", 1, "calls"),
    ("waiting at the end", "left", 1, "calls"),
)


def _plain(
    scene: Scene, results: list[Result], measured: Measured | None, seeds: int, within_s: float
) -> dict[str, Any]:
    present = results[0]
    return {
        "seeds": seeds,
        "target_s": within_s,
        "agents": len({shift.agent_id for shift in scene.shifts}),
        "calls_a_day": sum(traffic.calls for traffic in scene.traffics),
        "measured": None
        if measured is None
        else {
            "offered": measured.offered,
            "answered": measured.answered,
            "abandoned": measured.abandoned,
            "service_level": measured.service_level,
            "answer_s": measured.answer_s,
        },
        "scenarios": [
            {
                "name": result.name,
                **{
                    key: {
                        "mean": _number(result, key)[0],
                        "error": _number(result, key)[1],
                        "difference": None if result is present else _gain(result, present, key)[0],
                        "difference_error": None
                        if result is present
                        else _gain(result, present, key)[1],
                    }
                    for _, key, _, _ in _ROWS
                },
            }
            for result in results
        ],
    }


def _without_nan(value: Any) -> Any:
    """What can't be told (a share of nobody) is null in JSON, which knows no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _number(result: Result, key: str) -> tuple[float, float]:
    return result.mean(lambda f: float(getattr(f, key)))


def _gain(result: Result, present: Result, key: str) -> tuple[float, float]:
    return result.less(present, lambda f: float(getattr(f, key)))


def _print(told: dict[str, Any], results: list[Result]) -> None:
    print(
        f"{told['seeds']} simulated days of {told['calls_a_day']:.0f} calls, {told['agents']} agents; "
        f"in time: within {told['target_s']:g} s; ± is one standard error"
    )
    if told["measured"] is not None:
        m = told["measured"]
        print(
            f"measured that day: {m['offered']} calls, {m['service_level']:.1%} in time, "
            f"{m['abandoned']} hung up, speed of answer {m['answer_s']:.1f} s"
        )
    for scenario, result in zip(told["scenarios"], results, strict=True):
        print(f"\n{scenario['name']}")
        for name, key, factor, unit in _ROWS:
            value = scenario[key]
            line = f"  {name:20} {factor * value['mean']:8.1f} ± {factor * value['error']:<5.1f} {unit:5}"
            if value["difference"] is not None:
                change, error = factor * value["difference"], factor * value["difference_error"]
                line += f"  {change:+7.1f} ± {error:.1f}"
            print(line.rstrip())
        waits = [round(10 * wait_s) for _, _, wait_s in result.intervals]
        if result.intervals:
            begin, end = result.intervals[0][0], result.intervals[-1][0]
            longest = max(wait_s for _, _, wait_s in result.intervals)
            print(
                f"  mean wait {clock(begin)} {sparkline(waits)} {clock(end)}, at most {longest:.0f} s"
            )
