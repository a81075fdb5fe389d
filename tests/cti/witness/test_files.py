"""The files: which are chosen, put aside, removed; and the whole inquiry over them in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cti.cli.ageing import age_files
from cti.domain.events import Event
from cti.witness.files import WitnessFiles, inquire
from cti.witness.inquiry import Inquiry, Window
from tests.cti.witness.story import Story, at, kinds, text_of

pytestmark = pytest.mark.unit
DAY = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> WitnessFiles:
    found = WitnessFiles(tmp_path)
    for kind in ("cel", "cdr"):
        found.current(kind).parent.mkdir()
    return found


def put(files: WitnessFiles, kind: str, *until: datetime) -> None:
    for instant in until:
        files.current(kind).write_text("x", encoding="utf-8")
        files.put_aside(instant)
    files.current(kind).write_text("x", encoding="utf-8")


def test_a_day_is_looked_for_in_the_files_that_can_hold_its_calls(files: WitnessFiles) -> None:
    put(files, "cel", *(DAY + timedelta(days=n) for n in range(6)))
    chosen = files.holding("cel", Window(DAY + timedelta(days=2), DAY + timedelta(days=3)))
    # Put aside at midnight: the day's own file is named by the next midnight; calls reach into both neighbours.
    assert [p.name[4:12] for p in chosen] == ["20261124", "20261125", "20261126"]
    assert len(files.holding("cel", Window())) == 7
    assert files.holding("cel", Window(DAY + timedelta(days=9)))[-1] == files.current("cel")
    assert files.holding("cdr", Window()) == []


def test_files_are_put_aside_by_day_and_removed_in_the_end(files: WitnessFiles) -> None:
    now = datetime.now(UTC)
    for kind in ("cel", "cdr"):
        files.current(kind).write_text("x", encoding="utf-8")
    age_files(files, now, timedelta(days=30))
    assert files.aside("cel") == []
    tomorrow = now + timedelta(days=1)
    age_files(files, tomorrow, timedelta(days=30))
    assert [len(files.aside(kind)) for kind in ("cel", "cdr")] == [1, 1]
    assert not files.current("cel").exists()
    age_files(files, tomorrow, timedelta(days=30))  # nothing was written since
    assert len(files.aside("cel")) == 1
    age_files(files, now + timedelta(days=40), timedelta(days=30))
    assert files.aside("cel") == files.aside("cdr") == []


def test_a_long_file_is_put_aside_at_once(files: WitnessFiles) -> None:
    files.current("cel").write_text("x" * 100, encoding="utf-8")
    now = datetime.now(UTC)
    age_files(files, now, timedelta(days=30), most=100)
    assert files.aside("cel") == []
    age_files(files, now, timedelta(days=30), most=99)
    assert len(files.aside("cel")) == 1


async def told(events: list[Event]) -> AsyncIterator[Event]:
    for event in events:
        yield event


async def test_three_files_in_one_pass(tmp_path: Path) -> None:
    story = Story()
    for index in range(30):
        story.queue_call(index * 30, index * 2)
    half = len(story.rows) // 2
    # The first file was cut short: Asterisk was killed while it wrote.
    cut = text_of(story.rows[:half]) + b'"HANGUP","17953'
    (tmp_path / "a.csv").write_bytes(cut)
    (tmp_path / "b.csv").write_bytes(text_of(story.rows[half:]))
    (tmp_path / "c.csv").write_bytes(text_of(story.records) + b'"not","a","record"\n')
    heard: list[tuple[int, int]] = []
    inquiry = Inquiry()
    await inquire(
        inquiry,
        told(story.events),
        [tmp_path / "a.csv", tmp_path / "b.csv"],
        [tmp_path / "c.csv"],
        tell=lambda done, size: heard.append((done, size)),
    )
    inquiry.finish(at(3600))
    assert kinds(inquiry) == [], [str(d) for d in inquiry.differences]
    assert (inquiry.tally.calls, inquiry.tally.unreadable) == (30, 2)
    assert heard[-1][0] == heard[-1][1]


async def test_what_happened_after_a_certain_instant_is_not_looked_at(tmp_path: Path) -> None:
    story = Story()
    story.queue_call()
    (tmp_path / "a.csv").write_bytes(text_of(story.rows))
    inquiry = Inquiry(until=at(10))
    await inquire(inquiry, told(story.events), [tmp_path / "a.csv"], [])
    inquiry.finish(at(10))
    assert (kinds(inquiry), inquiry.tally.live) == ([], 1)
