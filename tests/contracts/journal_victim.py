"""A process that writes a journal until it is killed, and tells on standard output what it knows to be safe.

``python -m tests.contracts.journal_victim URL``: lines ``r N T`` (event N was recorded, at T of the monotonic clock),
``f N`` (a flush that covers N has returned), ``c N`` (the group up to N is said to be committed).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime

from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, LegId
from cti.storage.database import Database
from cti.storage.journal import SqlJournal


def tell(line: str) -> None:
    """At once: what is in a buffer dies with the process."""
    os.write(1, f"{line}\n".encode())


async def main(url: str) -> None:
    """Record all the time, and flush now and then."""
    journal = SqlJournal(Database(url))
    while True:
        try:
            await journal.start()
        except CommandRefused:  # PostgreSQL sees the last one's death a moment later
            await asyncio.sleep(0.05)
        else:
            break
    journal.on_committed = lambda group: tell(f"c {group[-1].sequence}")
    number = journal.last
    while True:
        number += 1
        event = ev.CallOffered(
            at=datetime.now(UTC), call_id=CallId(f"c{number}"), leg_id=LegId("l"), ani="13800138000"
        )
        sequence = journal.record(event)
        tell(f"r {sequence} {time.monotonic()}")
        if number % 97 == 0:
            await journal.flush()
            tell(f"f {sequence}")
        await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
