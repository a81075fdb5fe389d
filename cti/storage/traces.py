"""Numbers in text files that other programs write: Asterisk's logs and records, our own log.

A file may be open and growing while it is redacted, so its length and everything else in it stay: each digit of
the number becomes an ``x``, in place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path


def files_below(folders: Iterable[Path]) -> list[Path]:
    """The files in these folders and below; links are not followed."""
    return sorted(
        path
        for folder in folders
        for path in (folder.rglob("*") if folder.is_dir() else ())
        if path.is_file() and not path.is_symlink()
    )


def lines_with(path: Path, pattern: re.Pattern[str]) -> list[str]:
    """The lines of a file in which the pattern is found."""
    return [line.rstrip("\n") for line in _lines(path) if pattern.search(line)]


def redact_file(path: Path, pattern: re.Pattern[str]) -> int:
    """Put an ``x`` for each digit of what is found; returns how many were found.

    Raises:
        OSError: the file can't be written.
    """
    found = 0
    places: list[tuple[int, bytes]] = []
    offset = 0
    for line in _lines(path):
        raw = line.encode("latin-1")
        changed, count = pattern.subn(lambda match: re.sub("[0-9]", "x", match[0]), line)
        if count:
            places.append((offset, changed.encode("latin-1")))
            found += count
        offset += len(raw)
    if places:
        with path.open("r+b") as file:
            for place, line_bytes in places:
                file.seek(place)
                file.write(line_bytes)
    return found


def _lines(path: Path) -> Iterator[str]:
    # Latin-1: every byte is a character and comes back as it was.
    with path.open("r", encoding="latin-1", newline="") as file:
        yield from file
