"""What lies in journals out there can be read for ever: rows of every version, compared with what they mean now."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from cti.domain import events as ev
from cti.domain import records
from cti.domain.errors import InvalidValue
from cti.domain.ids import CallId
from cti.domain.records import SCHEMA_VERSION, EventRecord, from_record, to_record, upcast
from tests.cti.storage.write_golden import golden_records, missing

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
GOLDEN = golden_records()


@pytest.mark.parametrize(
    "record", GOLDEN, ids=[f"{n}-{r.name}-v{r.version}" for n, r in enumerate(GOLDEN, 1)]
)
def test_a_row_says_what_it_said(record: EventRecord) -> None:
    """A field that was renamed or removed without an upcaster would be lost here."""
    meant = upcast(record)
    again = to_record(from_record(record))
    assert again.name == meant.name
    assert again.personal == meant.personal
    assert {key: again.data.get(key) for key in meant.data} == meant.data


def test_every_event_and_every_field_has_a_row() -> None:
    names = sorted(record.name for record in missing())
    assert not names, f"run `python -m tests.cti.storage.write_golden` (missing: {names})"


def test_an_unknown_field_is_left_out_and_an_unknown_event_refused() -> None:
    known = EventRecord(
        "RecordingStarted", {"at": T0.isoformat(), "call_id": "c", "of_2031": [1]}, {"x": "y"}
    )
    assert from_record(known) == ev.RecordingStarted(at=T0, call_id=CallId("c"))
    with pytest.raises(InvalidValue):
        from_record(EventRecord("OfTheYear2031", {"at": T0.isoformat()}, {}))
    later = dataclasses.replace(known, version=SCHEMA_VERSION + 5)
    assert from_record(later) == from_record(known)


def test_a_renamed_field_needs_an_upcaster_and_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if ``RecordingPaused.reason`` had been called ``why``, and the event ``RecorderPaused``, in version 1."""
    old = EventRecord(
        "RecorderPaused", {"at": T0.isoformat(), "call_id": "c", "why": "agent"}, {}, 1
    )

    def rename(record: EventRecord) -> EventRecord:
        data = {("reason" if key == "why" else key): value for key, value in record.data.items()}
        return dataclasses.replace(record, name="RecordingPaused", data=data)

    def shorten(record: EventRecord) -> EventRecord:
        return dataclasses.replace(record, data=record.data | {"reason": record.data["reason"][:2]})

    monkeypatch.setattr(records, "SCHEMA_VERSION", 3)
    upcasters = {("RecorderPaused", 1): rename, ("RecordingPaused", 2): shorten}
    new = upcast(old, upcasters)
    assert (new.name, new.version, new.data["reason"]) == ("RecordingPaused", 3, "ag")
    assert upcast(new, upcasters) == new
    assert upcast(dataclasses.replace(old, version=9), upcasters).version == 9
