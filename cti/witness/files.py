"""Asterisk's CEL and CDR files: which there are, reading them a piece at a time, and their ageing.

Asterisk opens its file anew for each row, so renaming it is all that rotation takes: the next row begins a new file.
A file's name says when it was put aside (``cel-20261122T160000Z.csv``), hence which instants it can hold:
those up to then and after the one before.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cti.domain.events import Event
from cti.witness.inquiry import Inquiry, Window
from cti.witness.rows import RowReader
from cti.witness.seen import CdrRow, CelRow, cdr_row, cel_row

Row = TypeVar("Row", CelRow, CdrRow)
Progress = Callable[[int, int], None]
"""Is told how many bytes were read, and of how many."""

MARGIN = timedelta(hours=12)
"""No call lasts longer: rows of a day's calls lie at most so far behind it."""
_PIECE = 1 << 18
_SETTLE_EVERY = 2000
_STAMP = "%Y%m%dT%H%M%SZ"
_ASIDE = re.compile(r"(cel|cdr)-(\d{8}T\d{6}Z)\.csv")


@dataclass(frozen=True, slots=True)
class WitnessFiles:
    """The files of one Asterisk, below its log folder."""

    log_dir: Path

    def current(self, kind: str) -> Path:
        """The file that Asterisk writes now; ``kind`` is ``cel`` or ``cdr``."""
        return self.log_dir / f"{kind}-custom" / f"{kind}.csv"

    def aside(self, kind: str) -> list[tuple[datetime, Path]]:
        """Those put aside and when, oldest first."""
        found = []
        for path in self.current(kind).parent.glob(f"{kind}-*.csv"):
            match = _ASIDE.fullmatch(path.name)
            if match:
                found.append((datetime.strptime(match[2], _STAMP).replace(tzinfo=UTC), path))
        return sorted(found)

    def holding(self, kind: str, window: Window) -> list[Path]:
        """Those that may hold rows of the window's calls, oldest first."""
        chosen, since = [], None
        for until, path in self.aside(kind):
            if _overlaps(since, until, window):
                chosen.append(path)
            since = until
        current = self.current(kind)
        if current.exists() and _overlaps(since, None, window):
            chosen.append(current)
        return chosen

    def put_aside(self, now: datetime, *, least: int = 1) -> list[Path]:
        """Put the current files aside, if they hold ``least`` bytes; returns where they are now."""
        done = []
        for kind in ("cel", "cdr"):
            current = self.current(kind)
            target = current.with_name(f"{kind}-{now.astimezone(UTC).strftime(_STAMP)}.csv")
            if current.exists() and current.stat().st_size >= least and not target.exists():
                current.rename(target)
                done.append(target)
        return done

    def remove_before(self, at: datetime) -> list[Path]:
        """Remove what was put aside before an instant; returns what is gone."""
        old = [path for kind in ("cel", "cdr") for until, path in self.aside(kind) if until < at]
        for path in old:
            path.unlink(missing_ok=True)
        return old


def _overlaps(since: datetime | None, until: datetime | None, window: Window) -> bool:
    starts_late = (
        window.end_at is not None and since is not None and since >= window.end_at + MARGIN
    )
    ends_early = (
        window.start_at is not None and until is not None and until < window.start_at - MARGIN
    )
    return not (starts_late or ends_early)


@dataclass(slots=True)
class _Reading:
    """How far the files are read."""

    size: int
    tell: Progress
    done: int = 0
    unreadable: int = 0

    def rows(self, paths: Sequence[Path], parse: Callable[[list[str]], Row]) -> Iterator[Row]:
        """The rows of these files, one after the other; what is no row is counted."""
        reader = RowReader()
        for path in paths:
            with path.open("rb") as file:
                while piece := file.read(_PIECE):
                    self.done += len(piece)
                    self.tell(self.done, self.size)
                    for fields in reader.feed(piece):
                        try:
                            yield parse(fields)
                        except ValueError:
                            self.unreadable += 1
            reader.close()
        self.unreadable += reader.unreadable


async def inquire(
    inquiry: Inquiry,
    events: AsyncIterable[Event],
    cel: Sequence[Path],
    cdr: Sequence[Path],
    *,
    tell: Progress = lambda _done, _size: None,
) -> None:
    """Feed the inquiry all three in the order of time; ``finish`` is the caller's to say.

    Raises:
        OSError: a file can't be read.
    """
    reading = _Reading(sum(path.stat().st_size for path in (*cel, *cdr)), tell)
    seen, records = reading.rows(cel, cel_row), reading.rows(cdr, cdr_row)
    told = aiter(events)
    row, record, event = next(seen, None), next(records, None), await anext(told, None)
    count = 0
    while row is not None or record is not None or event is not None:
        if row is not None and _is_next(row.at, record, event):
            inquiry.saw(row)
            row = next(seen, None)
        elif record is not None and (event is None or record.ended_at <= event.at):
            inquiry.counted(record)
            record = next(records, None)
        elif event is not None:
            inquiry.heard(event)
            event = await anext(told, None)
        count += 1
        if count % _SETTLE_EVERY == 0:
            inquiry.settle()
    inquiry.tally.unreadable += reading.unreadable


def _is_next(at: datetime, record: CdrRow | None, event: Event | None) -> bool:
    return (record is None or at <= record.ended_at) and (event is None or at <= event.at)
