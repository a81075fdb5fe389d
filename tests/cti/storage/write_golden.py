"""Rows of the journal as each version wrote them: ``python -m tests.cti.storage.write_golden`` adds what is missing.

A line that stands in ``golden/`` is what lies in journals out there: it is never changed or removed. New events and new
fields get a further line, written by this version.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import typing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cti.domain import events as ev
from cti.domain.records import EVENT_CLASSES, SCHEMA_VERSION, EventRecord, from_record, to_record

FOLDER = Path(__file__).with_name("golden")
ABSTRACT = {"CallEvent"}
AT = datetime(2026, 11, 22, 9, 0, 0, 123456, tzinfo=UTC)


def golden_records() -> list[EventRecord]:
    """All rows, oldest version first."""
    return [
        EventRecord(row["name"], row["data"], row["personal"], row["version"])
        for path in sorted(FOLDER.glob("*.jsonl"))
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    ]


def example(cls: type[ev.Event]) -> ev.Event:
    """An event with a value in every field."""
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for spec in dataclasses.fields(cls):
        is_personal = bool(spec.metadata.get("personal"))
        values[spec.name] = _value(spec.name, str(hints[spec.name]), hints[spec.name], is_personal)
    return cls(**values)


def _value(name: str, hint: str, kind: Any, is_personal: bool) -> Any:
    if is_personal:
        return "王小明 <x>"
    for word, value in (
        ("timedelta", timedelta(seconds=1.5)),
        ("datetime", AT),
        ("dict", {"key": "value"}),
        ("bool", True),
    ):
        if word in hint:
            return value
    is_number = any(word in hint for word in ("TicketId", "CustomerId")) or kind is int
    if "tuple" in hint:
        return (7, 8) if is_number else (f"{name} 1", f"{name} 2")
    return 7 if is_number else name


def missing() -> list[EventRecord]:
    """A record of each event of which some field stands in no row that can be read."""
    covered: dict[str, set[str]] = {}
    for record in golden_records():
        # As this version reads it: an upcaster may have given a field its name.
        again = to_record(from_record(record))
        given = set(record.data) | set(record.personal) | set(again.personal)
        known = covered.setdefault(again.name, set())
        known |= given if record.version == SCHEMA_VERSION else given | set(again.data)
    return [
        to_record(example(cls))
        for name, cls in sorted(EVENT_CLASSES.items())
        if name not in ABSTRACT
        and not {spec.name for spec in dataclasses.fields(cls)} <= covered.get(name, set())
    ]


def main() -> None:
    """Add what is missing."""
    added = missing()
    lines = [
        json.dumps(
            {"name": r.name, "version": r.version, "data": r.data, "personal": r.personal},
            ensure_ascii=False,
            sort_keys=True,
        )
        for r in added
    ]
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"version-{SCHEMA_VERSION:02}.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    sys.stdout.write(f"added {len(added)} rows\n")


if __name__ == "__main__":
    main()
