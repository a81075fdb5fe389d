"""What people must mend: alarms, raised and cleared by whoever notices, and a watch over disks and journal.

An alarm is on or off; raising it again changes nothing. Each change is an event (``AlarmChanged``), hence journalled and
shown on every desktop; ``active`` is for the health page and the metrics. Calls go on under every alarm.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import structlog

from cti.domain.events import AlarmChanged
from cti.ports import Clock, EventBus, Timer

log = structlog.get_logger(__name__)

JOURNAL = "journal"
"""What happens can't be written down."""
BUS = "bus"
"""Other processes don't hear what happens here."""
DISK = "disk"
"""A disk is nearly full; the folder's name follows: ``disk_recordings``."""
WATCH_TIME = timedelta(seconds=1)
LEAST_FREE = 200 * 1024 * 1024
"""Bytes below which a disk counts as nearly full, or a twentieth of a small one."""

Usage = Callable[[Path], tuple[int, int, int]]
"""The disk that a folder is on: its number, its size and its free bytes."""


class AlarmBoard:
    """The alarms of the installation (``recorder.ports.Alarms`` and others')."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self.active: dict[str, str] = {}
        """What is wrong now, in words, by name."""

    def raise_alarm(self, name: str, text: str) -> None:
        """Something is wrong; raising it again changes nothing."""
        if name in self.active:
            return
        self.active[name] = text
        log.error("alarm", alarm=name, text=text)
        self._tell(name, is_on=True, detail=text)

    def clear_alarm(self, name: str) -> None:
        """It is right again; harmless where it was not raised."""
        if self.active.pop(name, None) is not None:
            log.info("alarm over", alarm=name)
            self._tell(name, is_on=False, detail="")

    def set(self, name: str, text: str) -> None:
        """Raise with a text, clear without."""
        if text:
            self.raise_alarm(name, text)
        else:
            self.clear_alarm(name)

    def _tell(self, name: str, *, is_on: bool, detail: str) -> None:
        at = self._clock.now()
        self._bus.publish(AlarmChanged(at=at, name=name, is_on=is_on, detail=detail))


def disk_usage(folder: Path) -> tuple[int, int, int]:
    """As the system tells it."""
    usage = shutil.disk_usage(folder)
    return folder.stat().st_dev, usage.total, usage.free


class AlarmWatch:
    """Looks every second at what nobody would tell: Asterisk says nothing of a full disk."""

    def __init__(
        self,
        board: AlarmBoard,
        clock: Clock,
        is_journal_failing: Callable[[], bool],
        folders: Mapping[str, Path],
        usage: Usage = disk_usage,
        is_bus_away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._board = board
        self._clock = clock
        self._is_journal_failing = is_journal_failing
        self._folders = dict(folders)
        self._usage = usage
        self._is_bus_away = is_bus_away
        self._timer: Timer | None = None

    def start(self) -> None:
        """Look, and look again every second."""
        self._look()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._clock.call_later(WATCH_TIME, self._look)
        is_failing = self._is_journal_failing()
        text = "Nothing can be written down at the moment. Calls go on; commands are refused."
        self._board.set(JOURNAL, text if is_failing else "")
        text = "Redis does not answer: other processes hear of nothing for now. Calls go on."
        self._board.set(BUS, text if self._is_bus_away() else "")
        seen: set[int] = set()
        for name, folder in self._folders.items():
            self._board.set(f"{DISK}_{name}", self._disk(name, folder, seen))

    def _disk(self, name: str, folder: Path, seen: set[int]) -> str:
        try:
            disk, size, free = self._usage(folder)
        except FileNotFoundError:
            return ""  # made with its first file
        except OSError as exc:
            return f"The folder of the {name} can't be looked at: {exc.strerror}."
        if disk in seen:
            return ""  # one alarm a disk
        seen.add(disk)
        if free >= min(LEAST_FREE, size // 20):
            return ""
        # No figure: it changes every second, and the alarm is the same.
        return f"The disk of the {name} is nearly full: make room."
