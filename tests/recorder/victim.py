"""The real recorder as a process that a test may kill: ``python -m tests.recorder.victim HOME CALLS``.

Database, store, spool, encoder are real; the tickets attach what they are told of. At the first start it tells
the events of so many calls; it prints ``ready`` when it works and ends when all raw files are gone.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from cti.bus.local import LocalBus
from cti.clock import SystemClock
from cti.config import Settings
from cti.domain import events as ev
from cti.domain.calls import CallTable
from cti.domain.ids import CallId, TicketId
from cti.storage.database import Database
from cti.storage.journal import SqlJournal
from recorder.adapters.sql import SqlBook
from recorder.rules import RecorderRules
from recorder.wiring import build_recorder
from tests.fakes.people import MemoryAccounts
from tests.recorder.stories import plain_call
from tests.until import until

RULES = RecorderRules(
    settle_time=timedelta(milliseconds=20),
    idle_time=timedelta(milliseconds=50),
    lease_time=timedelta(milliseconds=600),
    retry_time=timedelta(milliseconds=50),
    max_attempts=1000,
    sweep_time=timedelta(milliseconds=100),
)
SECONDS = 4.0


def call_id_of(number: int) -> CallId:
    """The name of a call of the story."""
    return CallId(f"pbx1-1790000000.{number}-{number}")


async def main(home: Path, calls: int) -> None:
    """Run until everything is on a ticket and no raw file is left."""
    settings = Settings(home=home)
    database = Database(settings.database_url)
    await database.migrate()
    journal = SqlJournal(database)
    await journal.start()
    bus = LocalBus()
    bus.subscribe(lambda event: _ignore(journal.record(event)))

    def attach(event: ev.Event) -> None:
        assert isinstance(event, ev.RecordingStored)
        bus.publish(
            ev.RecordingAttached(
                at=event.at,
                call_id=event.call_id,
                recording_id=event.recording_id,
                ticket_id=TicketId(1),
            )
        )

    bus.subscribe(attach, ev.RecordingStored)
    parts = build_recorder(
        settings,
        clock=SystemClock(),
        bus=bus,
        journal=journal,
        book=SqlBook(database),
        accounts=MemoryAccounts(),
        calls=CallTable(),
        rules=RULES,
    )
    await parts.service.start()
    is_first = not [r async for r in journal.read()]
    if is_first:
        for number in range(calls):
            for event in plain_call(SECONDS, call_id_of(number)):
                bus.publish(event)
        await journal.flush()
    print("ready", flush=True)  # noqa: T201 - the test waits for it

    async def is_done() -> bool:
        if list(settings.spool_dir.glob("*.raw")):
            return False
        return not await parts.book.raw_to_remove(SystemClock().now())

    await until(is_done, within=60)
    await parts.service.stop()
    await journal.stop()
    await database.close()


def _ignore(_number: int) -> None:
    """A listener returns nothing."""


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
