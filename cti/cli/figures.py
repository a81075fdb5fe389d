"""``ringdesk figures``: a day of the queues as a table, and one queue's day with a plot by quarter of an hour.

The same figures, by the same definitions, as the API and the page have them (docs/figures.md).
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from acd.adapters.figures_answers import QueueAnswer, QueueCounts, QueuePart, seconds
from acd.adapters.figures_sql import SqlFigures
from acd.adapters.figures_wiring import queue_profiles
from acd.figures_board import QueueProfile
from acd.figures_book import Period, QueueCells
from acd.figures_counts import QueueFigures
from acd.figures_intervals import QUARTER, bounds_of, day_of
from cti.bootstrap import projections_of
from cti.cli import deployment
from cti.cli.app import AsJson, SettingsFile, app, told_plainly
from cti.cli.service import current_settings, is_running
from cti.config import Settings
from cti.domain.errors import ConfigError
from cti.domain.ids import QueueName
from cti.servers import has_run, open_database

_BAR = 40
_LONGEST_GAP = timedelta(hours=2)
_HEAD = ("queue", "offered", "answered", "in time", "level", "abandoned", "short", "overflowed", "other", "waiting",
         "ASA", "longest", "AHT", "RONA")  # fmt: skip

QueueOption = Annotated[str | None, typer.Option("--queue", help="One queue, by quarter hour.")]
DayOption = Annotated[
    datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], help="A day, where the company is; none: today."),
]


@app.command()
@told_plainly
def figures(
    queue: QueueOption = None,
    day: DayOption = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Print a day of the queues: service level, waits, handling times, and a plot by quarter hour."""
    settings = current_settings(settings_file)
    if not has_run(settings):
        raise ConfigError(f"there are no figures in {settings.home}: nothing has run there yet")
    company = deployment.company_of(settings)
    zone = ZoneInfo(company.time_zone)
    now = datetime.now(UTC)
    wanted = day.date() if day is not None else day_of(now, zone)
    profiles = {p.name: p for p in queue_profiles(company)}
    if queue is not None and QueueName(queue) not in profiles:
        raise ConfigError(f"there is no queue {queue}: {', '.join(profiles)}")
    shown = [p for name, p in profiles.items() if queue in (None, name)]
    cells = asyncio.run(_read(settings, shown, Period(*bounds_of(wanted, zone)), now))
    if as_json:
        answers = [_answer(p, cells, wanted, zone).model_dump(mode="json") for p in shown]
        document = {"day": wanted.isoformat(), "time_zone": str(zone), "queues": answers}
        print(json.dumps(document, ensure_ascii=False))
        return
    print(f"{wanted:%A %Y-%m-%d}, {zone}")
    _print_table(shown, cells)
    _print_plot(shown, cells, zone)


async def _read(
    settings: Settings, profiles: list[QueueProfile], period: Period, now: datetime
) -> QueueCells:
    database = await open_database(settings)
    try:
        if is_running(settings) is None:  # else the service keeps the tables up to date
            await projections_of(database).catch_up()
        thresholds = {profile.name: profile.thresholds for profile in profiles}
        return await SqlFigures(database).queues(period, thresholds, now)
    except OSError as exc:
        raise ConfigError(str(exc)) from exc
    finally:
        await database.close()


def _answer(profile: QueueProfile, cells: QueueCells, day: date, zone: ZoneInfo) -> QueueAnswer:
    """As the API answers for one queue."""
    mine = {at: figures for (name, at), figures in cells.items() if name == profile.name}
    total = QueueFigures()
    for part in mine.values():
        total.add(part)
    return QueueAnswer(
        name=profile.name,
        label=dict(profile.label),
        day=day,
        until=day,
        time_zone=str(zone),
        service_level_s=seconds(profile.thresholds.service_level_time),
        short_abandon_s=seconds(profile.thresholds.short_abandon_time),
        total=QueueCounts.of(total),
        parts=[
            QueuePart(begins=at.astimezone(zone), figures=QueueCounts.of(mine[at]))
            for at in sorted(mine)
        ],
    )


def _print_table(profiles: list[QueueProfile], cells: QueueCells) -> None:
    rows: list[tuple[str, ...]] = [_HEAD]
    for profile in profiles:
        total = QueueFigures()
        for (name, _), part in cells.items():
            if name == profile.name:
                total.add(part)
        rows.append((profile.name, *_row(total)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        first, *others = (
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]).rstrip())
    for levels in sorted({(p.thresholds.service_level_time, p.thresholds.short_abandon_time)
                          for p in profiles}):  # fmt: skip
        names = [p.name for p in profiles if p.thresholds.service_level_time == levels[0]
                 and p.thresholds.short_abandon_time == levels[1]]  # fmt: skip
        print(
            f"in time: {levels[0].total_seconds():g} s, short: below "
            f"{levels[1].total_seconds():g} s ({', '.join(names)})"
        )


def _row(total: QueueFigures) -> list[str]:
    other = total.left_by_key + total.closed
    level = total.service_level
    counts: list[Any] = [total.offered, total.answered, total.answered_in_time]
    counts += ["–" if level is None else f"{100 * level:.0f} %"]
    counts += [total.abandoned, total.short_abandoned, total.overflowed, other, total.waiting]
    counts += [_length(total.average_speed_of_answer_s), _length(total.longest_wait_ms / 1000)]
    counts += [_length(total.average_handle_time_s), total.rona]
    return [str(value) for value in counts]


def _print_plot(profiles: list[QueueProfile], cells: QueueCells, zone: ZoneInfo) -> None:
    """Offered by quarter hour: in time, later, and not answered."""
    names = {profile.name for profile in profiles}
    quarters: dict[datetime, QueueFigures] = {}
    for (name, at), part in cells.items():
        if name in names:
            quarters.setdefault(at, QueueFigures()).add(part)
    if not quarters:
        print("nobody was offered")
        return
    most = max(part.offered for part in quarters.values())
    scale = min(1.0, _BAR / most)
    unit = "" if most <= _BAR else f" (a mark is {most / _BAR:.1f} calls)"
    print(f"\nby quarter hour{unit}: █ answered in time  ▓ later  ░ not answered")
    before: datetime | None = None
    for at in sorted(quarters):
        if before is not None and at - before > _LONGEST_GAP:
            print("  …")
            before = at
        while before is not None and before + QUARTER < at:
            before += QUARTER
            print(f"{before.astimezone(zone):%H:%M}")
        print(f"{at.astimezone(zone):%H:%M}  {_bar(quarters[at], scale)}")
        before = at


def _bar(part: QueueFigures, scale: float) -> str:
    ends = [part.answered_in_time, part.answered, part.offered]
    in_time, answered, offered = (round(count * scale) for count in ends)
    level = part.service_level
    share = "" if level is None else f", {100 * level:.0f} % in time"
    marks = "█" * in_time + "▓" * (answered - in_time) + "░" * (offered - answered)
    return f"{marks} {part.offered}{share}"


def _length(number: float | None) -> str:
    if number is None:
        return "–"
    minutes, rest = divmod(round(number), 60)
    return f"{minutes}:{rest:02}"
