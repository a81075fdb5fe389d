"""What the flow's figures are made of: the witness's delays, and what is missing in the journal."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.flow import _EACH_CALL, _RECORDED, Book, Flow, Witnessed, highest, witness
from bench.processes import CpuTime
from bench.report import Spoilt

pytestmark = pytest.mark.unit


def probe(*events: dict[str, str]) -> Any:
    return SimpleNamespace(events=list(events), names=list)


def test_join_to_ring_is_each_callers_own_first_ring() -> None:
    seen = probe(
        {"UserEvent": "RdWait", "Uniqueid": "1", "Timestamp": "10.0"},
        {"UserEvent": "RdWait", "Uniqueid": "2", "Timestamp": "10.1"},
        {"DialStatus": "RINGING", "Uniqueid": "2", "Timestamp": "10.104"},
        {"DialStatus": "Ringing", "Uniqueid": "1", "Timestamp": "10.25"},
        {"DialStatus": "RINGING", "Uniqueid": "1", "Timestamp": "11"},
        {"DialStatus": "RINGING", "Uniqueid": "3", "Timestamp": "11"},
    )
    assert witness(seen, "RdWait").ring_ms == pytest.approx((4, 250))


def test_nothing_that_rang_is_no_measurement() -> None:
    with pytest.raises(Spoilt):
        witness(probe({"UserEvent": "RdWait", "Uniqueid": "1", "Timestamp": "1"}), "RdWait")


def test_what_calls_lack_is_counted_by_kind(tmp_path: Path) -> None:
    rows = [("old", "CallEnded", "{}")]
    rows += [("one", name, "{}") for name in (*_EACH_CALL, *_RECORDED)]
    rows += [("two", name, "{}") for name in _EACH_CALL if name != "PopSent"]
    rows += [("two", "TicketOpened", "{}"), ("two", "RecordingFailed", '{"reason": "missing"}')]
    with sqlite3.connect(tmp_path / "j.db") as connection:
        connection.execute("CREATE TABLE journal (sequence INTEGER, call_id, name, data)")
        connection.executemany(
            "INSERT INTO journal VALUES (?, ?, ?, ?)", [(n, *row) for n, row in enumerate(rows, 1)]
        )
    connection.close()
    book = Book(tmp_path / "j.db", 1)
    assert book.missing(3) == {
        "PopSent": 1,
        "RecordingStored": 1,
        "RecordingAttached": 1,
        "calls": 1,
        "second ticket": 1,
    }
    assert (book.count("CallEnded"), book.settled(), book.short()) == (2, 2, 0)
    assert book.is_drained()
    assert book.events() == len(rows) - 1


def tried(per_second: float, ring_ms: float = 5.0, failed: int = 0) -> Flow:
    outcome: Any = SimpleNamespace(succeeded=100 - failed)
    idle = CpuTime(0, 0)
    return Flow(per_second, outcome, 100, Witnessed((ring_ms,) * 100), idle, idle, idle)


def test_the_highest_rate_is_one_that_was_sustained_each_time() -> None:
    assert highest([tried(4), tried(6), tried(8, ring_ms=20)]) == 6
    assert highest([tried(4), tried(6), tried(8, failed=1)]) == 6
    assert highest([tried(4), tried(6), tried(8, ring_ms=20), tried(6, failed=1)]) == 4
    assert highest([tried(4, ring_ms=16)]) == 0
