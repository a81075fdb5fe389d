"""``ringdesk size``: agents, trunks and recording storage by Erlang's formulas, at once and without data.

For what formulas can't tell (several queues, skills, strategies, shifts, a real day) there is ``ringdesk whatif``.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any

import typer

from acd import sizing
from acd.erlang import Performance
from acd.sizing import Demand, Target
from cti.cli.app import AsJson, app, told_plainly

_BAR = 40

CallsPerHour = Annotated[float, typer.Option("--calls-per-hour", help="Calls offered in an hour.")]
HandleSeconds = Annotated[
    float, typer.Option("--aht", help="Average handle time, seconds: talk, hold and wrap-up.")
]
PatienceSeconds = Annotated[
    float | None,
    typer.Option("--patience", help="Mean seconds until a caller hangs up; none: nobody does."),
]


@app.command()
@told_plainly
def size(
    calls_per_hour: CallsPerHour,
    aht: HandleSeconds,
    agents: Annotated[
        int | None, typer.Option("--agents", help="Agents there are; none: find the fewest.")
    ] = None,
    target_time: Annotated[float, typer.Option(help="Answer within so many seconds…")] = 20.0,
    service_level: Annotated[float, typer.Option(help="…this share of the callers.")] = 0.8,
    patience: PatienceSeconds = None,
    blocking: Annotated[float, typer.Option(help="Share of calls that may find no trunk.")] = 0.01,
    wrap_up: Annotated[float, typer.Option(help="Seconds of the AHT after the talk.")] = 0.0,
    menu: Annotated[float, typer.Option(help="Seconds in the menu before the queue.")] = 0.0,
    hours: Annotated[float, typer.Option(help="Hours a day at this rate.")] = 10.0,
    keep_days: Annotated[int, typer.Option(help="Days that recordings are kept.")] = 90,
    as_json: AsJson = False,
) -> None:
    """How many agents, trunks and gigabytes: Erlang C, or Erlang A with --patience."""
    limit = None if patience is None else timedelta(seconds=patience)
    demand = Demand(calls_per_hour, timedelta(seconds=aht), limit)
    target = Target(service_level, timedelta(seconds=target_time))
    is_found = agents is None
    count = sizing.fewest_agents(demand, target) if agents is None else agents
    found = sizing.performance(demand, count, target.answer_time)
    wrap_up_time = timedelta(seconds=wrap_up)
    lines = sizing.trunks(
        demand,
        found,
        blocking=blocking,
        wrap_up_time=wrap_up_time,
        menu_time=timedelta(seconds=menu),
    )
    stored = sizing.recording_bytes(
        demand, found, wrap_up_time=wrap_up_time, hours_a_day=hours, keep_days=keep_days
    )
    answer = {
        "model": "Erlang C" if limit is None else "Erlang A",
        "load_erlangs": demand.load,
        "agents": count,
        "agents_are": "fewest for the target" if is_found else "as given",
        "target": {"service_level": service_level, "answer_s": target_time},
        **_figures(found),
        "trunks": {"count": lines.count, "load_erlangs": lines.load, "blocking": lines.blocking},
        "recordings": {
            "bytes": round(stored),
            "days": keep_days,
            "hours_a_day": hours,
            "bits_a_second": sizing.OPUS_BITS_A_SECOND,
        },
        "around": [
            {"agents": n, **_figures(p)}
            for n, p in sizing.around(demand, count, target.answer_time)
        ],
    }
    if as_json:
        print(json.dumps(answer))
    else:
        _print(answer)


def _figures(found: Performance) -> dict[str, Any]:
    return {
        "service_level": found.service_level,
        "average_speed_of_answer_s": found.answer_s,
        "occupancy": found.occupancy,
        "abandonment": found.abandonment,
        "wait_probability": found.wait_probability,
        "waiting_callers": found.queue_length,
    }


def _print(a: dict[str, Any]) -> None:
    target, trunks, kept = a["target"], a["trunks"], a["recordings"]
    assumes = "nobody hangs up" if a["model"] == "Erlang C" else "callers hang up at random"
    print(f"{a['model']}: Poisson arrivals, exponential handle times, one line, {assumes}")
    print(f"load                     {a['load_erlangs']:.4g} erlangs")
    print(f"agents                   {a['agents']} ({a['agents_are']})")
    within = f"answered within {target['answer_s']:g} s; target {target['service_level']:.0%}"
    print(f"service level            {a['service_level']:.1%} {within}")
    print(f"average speed of answer  {a['average_speed_of_answer_s']:.1f} s")
    print(f"occupancy                {a['occupancy']:.1%}")
    print(f"abandonment              {a['abandonment']:.1%}")
    blocked = (
        f"{trunks['blocking']:.2%} of calls find none free; {trunks['load_erlangs']:.4g} erlangs"
    )
    print(f"trunks                   {trunks['count']} ({blocked})")
    rule = f"{kept['days']} days, {kept['hours_a_day']:g} h a day, Opus stereo 24 kbit/s, all calls"
    print(f"recordings               {kept['bytes'] / 1e9:.4g} GB ({rule})")
    print("\nagents  service level" + " " * (_BAR - 10) + "answer  occupancy  abandon")
    for row in a["around"]:
        bar = "█" * round(row["service_level"] * _BAR)
        mark = ">" if row["agents"] == a["agents"] else " "
        print(
            f"{mark}{row['agents']:5}  {row['service_level']:6.1%} {bar:{_BAR}} "
            f"{row['average_speed_of_answer_s']:6.1f} s {row['occupancy']:8.1%} {row['abandonment']:8.1%}"
        )
