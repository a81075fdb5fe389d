"""Alarms: told once, cleared once; the watch sees a full disk and a journal that can't be written."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest

from cti.alarms import AlarmBoard, AlarmWatch, disk_usage
from cti.bus.local import LocalBus
from cti.domain import events as ev
from cti.logs import SafeLogger
from tests.fakes.clock import VirtualClock

pytestmark = pytest.mark.unit

MB = 1024 * 1024
SECOND = timedelta(seconds=1)


class Room:
    """A board with its bus, and disks as a test wants them."""

    def __init__(self) -> None:
        self.clock, bus = VirtualClock(), LocalBus()
        self.board = AlarmBoard(bus, self.clock)
        self.told: list[tuple[str, bool]] = []
        self.is_failing = False
        self.disks: dict[str, tuple[int, int, int] | OSError] = {"a": (1, 90_000 * MB, 50_000 * MB)}
        bus.subscribe(self._hear, ev.AlarmChanged)
        folders = {name: Path(name) for name in ("a", "b")}
        self.watch = AlarmWatch(
            self.board, self.clock, lambda: self.is_failing, folders, self._usage
        )

    def _hear(self, event: ev.Event) -> None:
        assert isinstance(event, ev.AlarmChanged)
        self.told.append((event.name, event.is_on))

    def _usage(self, folder: Path) -> tuple[int, int, int]:
        found = self.disks.get(folder.name, FileNotFoundError())
        if isinstance(found, OSError):
            raise found
        return found


async def test_an_alarm_is_told_when_it_changes_and_not_again() -> None:
    room = Room()
    for _ in range(3):
        room.board.raise_alarm("x", "Mend it.")
    assert room.board.active == {"x": "Mend it."}
    for _ in range(2):
        room.board.clear_alarm("x")
    assert room.told == [("x", True), ("x", False)]


async def test_the_watch_sees_journal_and_disks_within_a_second() -> None:
    room = Room()
    room.watch.start()
    assert room.board.active == {}
    room.is_failing = True
    room.disks["a"] = (1, 90_000 * MB, 150 * MB)
    await room.clock.advance(SECOND)
    assert set(room.board.active) == {"journal", "disk_a"}
    room.is_failing = False
    room.disks["a"] = (1, 90_000 * MB, 250 * MB)
    await room.clock.advance(SECOND)
    assert room.board.active == {}
    room.watch.stop()


@pytest.mark.parametrize(
    ("usage", "alarms"),
    [
        ((2, 100 * MB, 6 * MB), set()),  # small, and a twentieth is free
        ((2, 100 * MB, 4 * MB), {"disk_b"}),
        ((1, 90_000 * MB, 0), set()),  # the disk of a, which says nothing
        (PermissionError(13, "Permission denied"), {"disk_b"}),
    ],
)
async def test_each_disk_is_judged_once_by_its_size(
    usage: tuple[int, int, int] | OSError, alarms: set[str]
) -> None:
    room = Room()
    room.disks["b"] = usage
    room.watch.start()
    room.watch.stop()
    assert set(room.board.active) == alarms


def test_the_real_disk_is_read(tmp_path: Path) -> None:
    device, size, free = disk_usage(tmp_path)
    assert device == tmp_path.stat().st_dev
    assert 0 <= free <= size


def test_a_line_that_cannot_be_printed_is_no_reason_to_stop() -> None:
    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(28, "No space left on device")

    SafeLogger(Full()).error("a line")
