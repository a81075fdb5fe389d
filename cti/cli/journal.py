"""``ringdesk journal``: the truth, looked at and checked."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from cti.bootstrap import open_database
from cti.cli.app import AsJson, SettingsFile, app, told_plainly
from cti.cli.service import current_settings
from cti.config import Settings
from cti.domain.errors import ConfigError
from cti.domain.ids import CallId, parse_call_id
from cti.domain.records import to_record
from cti.storage.journal import SqlJournal

CallArgument = Annotated[str | None, typer.Argument(help="A call id; none: the newest events.")]
Personal = Annotated[bool, typer.Option("--personal", help="Show numbers, names and digits too.")]


@app.command()
@told_plainly
def journal(
    call: CallArgument = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many of the newest.")] = 50,
    personal: Personal = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check the hash chain.")] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Print a call's life, or the newest events."""
    settings = current_settings(settings_file)
    if not settings.database_file.exists():
        raise ConfigError(f"there is no journal in {settings.home}: nothing has run there yet")
    if verify:
        broken = asyncio.run(_verify(settings))
        if broken is not None:
            raise ConfigError(
                f"the chain is broken at event {broken}: it was changed or is missing"
            )
        print("the hash chain holds")
        return
    call_id = parse_call_id(call) if call else None
    rows = asyncio.run(_rows(settings, call_id, last, personal))
    if not rows:
        raise ConfigError("no such events")
    for row in rows:
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
        else:
            facts = " ".join(
                f"{k}={v}" for k, v in row["data"].items() if k != "at" and v not in (None, "")
            )
            print(f"{row['sequence']:>6}  {row['at'][11:23]}  {row['event']:20} {facts}")


async def _rows(
    settings: Settings, call_id: CallId | None, last: int, personal: bool
) -> list[dict[str, Any]]:
    database = await open_database(settings)
    try:
        source = SqlJournal(database)
        after = 0 if call_id else await source.newest() - last
        rows = []
        async for item in source.read(after=after, call_id=call_id):
            record = to_record(item.event)
            shown = record.data | (record.personal if personal else {})
            row = {"sequence": item.sequence, "at": record.data["at"], "event": record.name}
            rows.append(row | {"data": shown})
        return rows
    finally:
        await database.close()


async def _verify(settings: Settings) -> int | None:
    database = await open_database(settings)
    try:
        return await SqlJournal(database).verify()
    finally:
        await database.close()
