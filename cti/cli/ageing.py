"""The age of Asterisk's own records: put aside day by day and removed in the end, as long as the service runs."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from cti.config import Settings
from cti.witness.files import WitnessFiles

log = structlog.get_logger(__name__)

MOST = 64 * 1024 * 1024
"""Bytes of one file: about 30,000 calls."""
_LOOK_EVERY = timedelta(minutes=1)


async def keep_files(settings: Settings) -> None:
    """Put files aside when a day is over or they are long, and remove the old; until it is cancelled."""
    files = WitnessFiles(settings.asterisk_dir / "log")
    keep_time = timedelta(days=settings.witness.keep_days)
    while True:
        try:
            await asyncio.to_thread(age_files, files, datetime.now().astimezone(), keep_time)
        except OSError as exc:
            log.warning("witness: files can't be put aside", error=type(exc).__name__)
        await asyncio.sleep(_LOOK_EVERY.total_seconds())


def age_files(
    files: WitnessFiles, now: datetime, keep_time: timedelta, *, most: int = MOST
) -> None:
    """Put aside what was last written on another day than ``now``'s, or is long; remove what is too old.

    Raises:
        OSError: it can't be done.
    """
    current = files.current("cel")
    if current.exists():
        facts = current.stat()
        written_at = datetime.fromtimestamp(facts.st_mtime, now.tzinfo)
        if written_at.date() < now.date() or facts.st_size > most:
            files.put_aside(now)
    files.remove_before(now - keep_time)
