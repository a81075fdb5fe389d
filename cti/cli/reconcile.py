"""``ringdesk reconcile``: the journal against what Asterisk itself wrote down.

Exit status 0: no difference; 1: differences; 2: there is nothing to compare with.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import structlog
import typer
from sqlalchemy import select

from cti.cli import deployment
from cti.cli.app import AsJson, SettingsFile, app, say, told_plainly
from cti.cli.service import current_settings
from cti.config import Settings
from cti.domain.errors import InvalidValue, RingdeskError
from cti.domain.events import Event
from cti.domain.records import EventRecord, from_record
from cti.servers import has_run, open_database
from cti.storage.database import Database
from cti.storage.journal import JournalRow
from cti.witness.files import MARGIN, WitnessFiles, inquire
from cti.witness.inquiry import Inquiry, Window
from cti.witness.told import KINDS

log = structlog.get_logger(__name__)

NOTHING_TO_COMPARE = 2
_NAMES = sorted(kind.__name__ for kind in KINDS)
_PAGE = 2000
_SETTLED = timedelta(seconds=2)  # what happened later may not be in both yet
_TELL_EVERY_S = 2.0

Day = Annotated[
    datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], help="Calls that began on this day (local time)."),
]
Live = Annotated[
    bool, typer.Option("--live", help="Compare calls that are not over too, as far as they are.")
]


@app.command()
@told_plainly
def reconcile(
    day: Day = None,
    live: Live = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare the journal with Asterisk's own records of its calls; print each difference."""
    settings = current_settings(settings_file)
    files = WitnessFiles(settings.asterisk_dir / "log")
    window = window_of(day)
    if not has_run(settings) or not files.holding("cel", window):
        say(
            f"ringdesk: nothing to compare in {settings.home}: "
            "no journal, or no row of Asterisk's of that time"
        )
        raise typer.Exit(NOTHING_TO_COMPARE)
    inquiry = asyncio.run(compare(settings, window, with_live=live, progress=_Progress()))
    if as_json:
        print(json.dumps(as_plain(inquiry), ensure_ascii=False))
    else:
        _print(inquiry)
    if inquiry.differences:
        raise typer.Exit(1)


def window_of(day: datetime | None) -> Window:
    """A day of this machine's time zone; None: all that there is."""
    if day is None:
        return Window()
    start = day.astimezone()
    return Window(start, (day + timedelta(days=1)).astimezone())


async def compare(
    settings: Settings,
    window: Window,
    *,
    with_live: bool = False,
    progress: _Progress | None = None,
) -> Inquiry:
    """Compare an installation's journal with its Asterisk's files, up to two seconds ago."""
    now = datetime.now(UTC) - _SETTLED
    files = WitnessFiles(settings.asterisk_dir / "log")
    is_gone = not await asyncio.to_thread(_is_running, settings)
    cel, cdr = files.holding("cel", window), files.holding("cdr", window)
    inquiry = Inquiry(window=window, has_records=bool(cdr), until=now)
    database = await open_database(settings)
    try:
        await inquire(inquiry, facts(database, window), cel, cdr, tell=progress or _Progress())
    finally:
        await database.close()
    if is_gone:
        inquiry.asterisk_is_gone()
    inquiry.finish(now, with_live=with_live)
    return inquiry


async def facts(database: Database, window: Window | None = None) -> AsyncIterator[Event]:
    """The events that the witness can speak of, without what identifies a person, oldest first."""
    window = window or Window()
    columns = (JournalRow.sequence, JournalRow.name, JournalRow.version, JournalRow.data)
    query = select(*columns).where(JournalRow.name.in_(_NAMES)).order_by(JournalRow.sequence)
    if window.end_at is not None:
        query = query.where(JournalRow.at < window.end_at + MARGIN)
    after = await _before(database, window)
    while True:
        async with database.read() as session:
            page = query.where(JournalRow.sequence > after).limit(_PAGE)
            rows = (await session.execute(page)).all()
        for _, name, version, data in rows:
            try:
                yield from_record(EventRecord(name, json.loads(data), {}, version))
            except InvalidValue:
                log.warning("reconcile: unreadable event skipped")
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


async def _before(database: Database, window: Window) -> int:
    """The newest event that need not be read."""
    if window.start_at is None:
        return 0
    first = (
        select(JournalRow.sequence)
        .where(JournalRow.at >= window.start_at - MARGIN)
        .order_by(JournalRow.sequence)
        .limit(1)
    )
    async with database.read() as session:
        found = await session.scalar(first)
    return (found or 1) - 1


def as_plain(inquiry: Inquiry) -> dict[str, Any]:
    """What was found, as plain values."""
    return {
        "compared": asdict(inquiry.tally),
        "differences": [found.as_json() for found in inquiry.differences],
        "repaired": [found.as_json() for found in inquiry.repaired],
    }


def _print(inquiry: Inquiry) -> None:
    for found in inquiry.differences:
        print(found)
    if inquiry.repaired:
        print(f"repaired after an outage, late but there: {len(inquiry.repaired)}")
        for found in inquiry.repaired:
            print(f"  {found}")
    tally = inquiry.tally
    notes = [f"{tally.calls} calls with {tally.legs} legs compared (instants in UTC)"]
    notes += [f"{tally.live} live calls left out: --live compares them too"] if tally.live else []
    notes += [f"{tally.before} calls began before Asterisk's files do"] if tally.before else []
    notes += [f"{tally.unreadable} rows of Asterisk's are unreadable"] if tally.unreadable else []
    notes += [] if inquiry.has_records else ["there are no CDR of that time, CEL only"]
    print("\n".join(notes))
    print(f"{len(inquiry.differences) or 'no'} difference{'s' * (len(inquiry.differences) != 1)}")


class _Progress:
    """A line on standard error every two seconds, for those who wait."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()

    def __call__(self, done: int, size: int) -> None:
        """So many bytes of so many."""
        if time.monotonic() - self._told_at >= _TELL_EVERY_S:
            self._told_at = time.monotonic()
            say(f"{100 * done // max(size, 1)} % of {size // 2**20 + 1} MB read")


def _is_running(settings: Settings) -> bool:
    try:
        return deployment.pbx_process(settings).is_running()
    except RingdeskError:
        return False
