"""Delimited rows from bytes: what Asterisk's CSV backends write, read piece by piece.

Every field is quoted, a quote inside is doubled, and a field may hold commas and line breaks: hostile
names must not end a row. A row that was cut short (Asterisk killed while it wrote) leaves an open quote,
which swallows the beginning of the next row. Since a closing quote must be followed by a comma or a
line's end, that shows at the next row's first quote, and reading starts again there.
"""

from __future__ import annotations

import re

MAX_ROW = 65_536
"""Bytes; a longer row is none of Asterisk's and is skipped up to its line's end."""

_FIELD = re.compile(rb'"((?:[^"]++|"")*+)"(,|\r?\n)|([^",\r\n]*+)(,|\r?\n)')
_UNFINISHED = re.compile(rb'(?:"(?:[^"]++|"")*+"?|[^",\r\n]*+)\r?\Z')
_STRAY_QUOTE = re.compile(rb'"(?:[^"]++|"")*+"')


class RowReader:
    """Bytes in, rows out; ``unreadable`` counts what was no row."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_skipping = False  # to the end of a line that was too long
        self.unreadable = 0

    def feed(self, data: bytes) -> list[list[str]]:
        """The rows that are complete now, each a list of fields."""
        data = self._rest + data
        rows: list[list[str]] = []
        at = 0
        if self._is_skipping:
            at = data.find(b"\n") + 1
            self._is_skipping = at == 0
            at = at or len(data)
        while at < len(data):
            row, end = _plain_row(data, at)
            if row is None:
                row, end = _any_row(data, at)
            if row is not None:
                if row != [""]:  # an empty line
                    rows.append(row)
                at = end
            elif end < 0 and len(data) - at <= MAX_ROW:
                break  # the rest of it is still to come
            else:
                self.unreadable += 1
                self._is_skipping = end < 0
                at = end if end >= 0 else len(data)
        self._rest = data[at:]
        return rows

    def close(self) -> None:
        """No more bytes come: a row without its end counts as unreadable."""
        self.unreadable += bool(self._rest)
        self._rest = b""


def _plain_row(data: bytes, at: int) -> tuple[list[str] | None, int]:
    """The quick way, for a row on one line in which every quote is a field's or doubled."""
    end = data.find(b"\n", at)
    line = data[at:end]
    if end < 0 or len(line) < 2 or line[:1] != b'"' or line[-1:] != b'"':
        return None, at
    fields = line[1:-1].decode("utf-8", "replace").split('","')
    for index, field in enumerate(fields):
        if '"' in field:
            if '"' in field.replace('""', ""):
                return None, at
            fields[index] = field.replace('""', '"')
    return fields, end + 1


def _any_row(data: bytes, at: int) -> tuple[list[str] | None, int]:
    """The row that begins at ``at`` and its end; without a row: where to read on, -1 for "more must come"."""
    fields: list[str] = []
    while True:
        match = _FIELD.match(data, at)
        if match is None:
            break
        quoted, quoted_end, plain, plain_end = match.groups()
        value = plain if quoted is None else quoted.replace(b'""', b'"')
        fields.append(value.decode("utf-8", "replace"))
        at = match.end()
        if (quoted_end or plain_end) != b",":
            return fields, at
    if _UNFINISHED.match(data, at):
        return None, -1
    stray = _STRAY_QUOTE.match(data, at)
    if stray is not None:
        return None, stray.end() - 1  # closes nothing: perhaps the first quote of another row
    return None, data.find(b"\n", at) + 1 or -1
