"""What the flow's figures are made of: the witness's delays, and what is missing in the journal."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.flow import (
    _EACH_CALL,
    _RECORDED,
    Book,
    Flow,
    Needed,
    Tally,
    Witnessed,
    highest,
    witness,
)
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
    assert book.short() == 0
    assert book.events() == len(rows) - 1


def test_a_run_is_told_as_far_as_the_journal_is(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE journal (sequence INTEGER, call_id, name, data)")

    def write(sequence: int, call_id: str, name: str, data: str = "{}") -> None:
        connection.execute(
            "INSERT INTO journal VALUES (?, ?, ?, ?)", (sequence, call_id, name, data)
        )

    tally = Tally(path, 1)
    write(1, "of a run before", "RecordingStopped")
    for sequence, call_id in enumerate(("one", "two", "three"), 2):
        write(sequence, call_id, "RecordingStopped")
    write(5, "one", "CallEnded")
    assert (tally.look().ended, tally.backlog) == (1, 3)
    write(6, "one", "RecordingAttached")
    write(7, "two", "RecordingFailed", '{"reason": "missing"}')
    write(8, "three", "RecordingFailed", '{"reason": "truncated"}')
    assert (tally.look().ended, tally.backlog) == (1, 1)
    write(9, "three", "RecordingAttached")
    assert (tally.look().ended, tally.look().backlog) == (1, 0)
    connection.close()


def test_of_millions_of_events_only_those_that_tell_the_delay_are_kept() -> None:
    events = Needed()
    events.append({"Event": "VarSet", "Uniqueid": "1", "Timestamp": "1"})
    events.append({"Event": "UserEvent", "UserEvent": "RdWait", "Uniqueid": "1", "RD_CALL": "x"})
    events.append({"Event": "DialState", "DialStatus": "RINGING", "Uniqueid": "1", "Linkedid": "1"})
    assert events == [
        {"Event": "UserEvent", "UserEvent": "RdWait", "Uniqueid": "1"},
        {"Event": "DialState", "Uniqueid": "1", "DialStatus": "RINGING"},
    ]


def tried(per_second: float, ring_ms: float = 5.0, failed: int = 0) -> Flow:
    outcome: Any = SimpleNamespace(succeeded=100 - failed)
    idle = CpuTime(0, 0)
    return Flow(per_second, outcome, 100, Witnessed((ring_ms,) * 100), idle, idle, idle)


def test_the_highest_rate_is_one_that_was_sustained_each_time() -> None:
    assert highest([tried(4), tried(6), tried(8, ring_ms=20)]) == 6
    assert highest([tried(4), tried(6), tried(8, failed=1)]) == 6
    assert highest([tried(4), tried(6), tried(8, ring_ms=20), tried(6, failed=1)]) == 4
    assert highest([tried(4, ring_ms=16)]) == 0
