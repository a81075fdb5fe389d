"""``ringdesk journal``: the truth, looked at, checked, and what is derived from it made again."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from cti.bootstrap import projections_of
from cti.cli.app import AsJson, SettingsFile, app, say, told_plainly
from cti.cli.service import current_settings
from cti.config import Settings
from cti.domain import call_record
from cti.domain.call_record import CallRecord
from cti.domain.errors import ConfigError
from cti.domain.events import ConnectionMeasured
from cti.domain.ids import CallId, parse_call_id
from cti.domain.records import to_record
from cti.domain.segments import Segment
from cti.ports import Recorded
from cti.servers import has_run, open_database
from cti.storage.journal import SqlJournal

CallArgument = Annotated[str | None, typer.Argument(help="A call id; none: the newest events.")]
Personal = Annotated[bool, typer.Option("--personal", help="Show numbers, names and digits too.")]
Rebuild = Annotated[
    bool,
    typer.Option("--rebuild", help="Drop the tables made from the journal and make them again."),
]

_TELL_EVERY_S = 2.0


@app.command()
@told_plainly
def journal(
    call: CallArgument = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many of the newest.")] = 50,
    personal: Personal = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check the hash chain.")] = False,
    rebuild: Rebuild = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Print a call's life, or the newest events."""
    settings = current_settings(settings_file)
    if not has_run(settings):
        raise ConfigError(f"there is no journal in {settings.home}: nothing has run there yet")
    if verify:
        broken = asyncio.run(_verify(settings))
        if broken is not None:
            raise ConfigError(
                f"the chain is broken at event {broken}: it was changed or is missing"
            )
        print("the hash chain holds")
        return
    if rebuild:
        _rebuild(settings, as_json=as_json)
        return
    call_id = parse_call_id(call) if call else None
    found = asyncio.run(_read(settings, call_id, last))
    if not found:
        raise ConfigError("no such events")
    if as_json:
        for item in found:
            print(json.dumps(_row(item, personal), ensure_ascii=False))
        return
    _print(found, personal, is_one_call=call_id is not None)
    if call_id is not None:
        _print_summary(found)


def _print(found: list[Recorded], personal: bool, *, is_one_call: bool) -> None:
    """A line an event: number, instant, how long after the line before, what, and its facts."""
    before: datetime | None = None
    for item in found:
        row = _row(item, personal)
        at = item.event.at
        if before is None or at.date() != before.date():
            print(f"{at:%Y-%m-%d} (UTC)")
        left_out = {"at", "call_id"} if is_one_call else {"at"}
        facts = " ".join(
            f"{key}={_plain(value)}"
            for key, value in row["data"].items()
            if key not in left_out and value not in (None, "", [], {})
        )
        line = f"{row['sequence']:>7}  {at:%H:%M:%S.%f}"[:-3] + f"  {_since(before, at):>9}"
        print(f"{line}  {row['event']:20} {facts}".rstrip())
        before = at


def _print_summary(found: list[Recorded]) -> None:
    """What the call's events come to: its segments, one after the other, and its record."""
    record = CallRecord()
    for item in found:
        record = call_record.apply(record, item.event)
    if record.life.call is None:
        return
    print()
    for segment in (*record.life.segments, *record.life.wrap_ups):
        print(_segment_line(segment))
    for measured in (i.event for i in found if isinstance(i.event, ConnectionMeasured)):
        print(_sound_line(measured))
    if record.life.refused:
        say(f"{record.life.refused} events do not fit the call's state: please report this")
    outcome = record.outcome if record.ended_at else "goes on"
    print(f"{outcome}; waited {_length(record.wait_time)}, {record.attempts} without answer, "
          f"{record.transfers} transfers, {record.repairs} repairs")  # fmt: skip


def _segment_line(segment: Segment) -> str:
    who = [segment.queue, segment.endpoint, *segment.parties, segment.agent_id]
    length = _length(segment.duration) if segment.ended_at else "goes on"
    names = " ".join(str(name) for name in who if name)
    return f"{segment.began_at:%H:%M:%S}  {segment.kind.value:12} {length:>9}  {names}".rstrip()


def _sound_line(measured: ConnectionMeasured) -> str:
    lost = "" if measured.lost_out is None else f", from him {measured.lost_out:g} %"
    trip = measured.round_trip_time
    there_and_back = "" if trip is None else f", round trip {trip.total_seconds() * 1000:.0f} ms"
    length = _length(measured.measured_time)
    return (
        f"{measured.at:%H:%M:%S}  {'sound':12} {length:>9}  {measured.endpoint} "
        f"MOS {measured.mos:.1f} (worst {measured.worst_mos:.1f}), lost to him {measured.lost_in:g} %"
        f"{lost}, jitter {measured.jitter_time.total_seconds() * 1000:.0f} ms{there_and_back}"
    )


def _since(before: datetime | None, at: datetime) -> str:
    if before is None:
        return ""
    seconds = (at - before).total_seconds()
    return "" if seconds == 0 else f"{seconds:+.3f}s" if abs(seconds) < 1000 else f"{seconds:+.0f}s"


def _length(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(str(v) for v in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    text = str(value)
    return f'"{text}"' if " " in text else text


def _row(item: Recorded, personal: bool) -> dict[str, Any]:
    record = to_record(item.event)
    shown = record.data | (record.personal if personal else {})
    row = {"sequence": item.sequence, "at": record.data["at"], "event": record.name}
    return row | {"data": shown}


def _rebuild(settings: Settings, *, as_json: bool) -> None:
    begun = time.monotonic()
    try:
        events = asyncio.run(_make_again(settings))
    except OSError as exc:
        raise ConfigError(f"{exc}: run this again") from exc
    seconds = time.monotonic() - begun
    if as_json:
        print(json.dumps({"events": events, "seconds": round(seconds, 1)}))
    else:
        print(f"made again from {events} events in {seconds:.1f} s")


async def _make_again(settings: Settings) -> int:
    database = await open_database(settings)
    told_at = time.monotonic()

    def tell(place: int) -> None:
        nonlocal told_at
        if sys.stderr.isatty() and time.monotonic() - told_at >= _TELL_EVERY_S:
            told_at = time.monotonic()
            say(f"… {place} of {newest} events")

    try:
        newest = await SqlJournal(database).newest()
        return await projections_of(database).rebuild(tell)
    finally:
        await database.close()


async def _read(settings: Settings, call_id: CallId | None, last: int) -> list[Recorded]:
    database = await open_database(settings)
    try:
        source = SqlJournal(database)
        after = 0 if call_id else await source.newest() - last
        return [item async for item in source.read(after=after, call_id=call_id)]
    finally:
        await database.close()


async def _verify(settings: Settings) -> int | None:
    database = await open_database(settings)
    try:
        return await SqlJournal(database).verify()
    finally:
        await database.close()
