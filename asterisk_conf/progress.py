"""Show the progress of a long step to a person: a live line on a terminal, few lines elsewhere."""

import time
from collections.abc import Callable
from typing import TextIO

from asterisk_conf.apt import Progress, Step

_TITLES: dict[Step, str] = {
    "wait": "another installation is under way, waiting for it",
    "index": "reading the package index",
    "download": "downloading",
    "extract": "unpacking",
    "check": "checking that it runs",
}


class LinePrinter:
    """Prints `Progress` to ``out``, usable as the ``progress`` argument of the installer.

    On a terminal the line is redrawn at most ten times a second; in a log a line appears per step and
    then every 25 %.
    """

    def __init__(self, out: TextIO, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._monotonic = monotonic
        self._began = monotonic()
        self._last: Step | None = None
        self._quarter = 0
        self._drawn_at = 0.0

    def __call__(self, progress: Progress) -> None:
        """Print one report."""
        now = self._monotonic()
        share = progress.done / progress.total if progress.total else 0.0
        is_new = progress.step != self._last
        if self._out.isatty():
            if is_new and self._last is not None:
                self._out.write("\n")
            if is_new or share >= 1 or now - self._drawn_at >= 0.1:
                self._out.write(f"\r\x1b[K{self.line(progress, now)}")
                self._out.flush()
                self._drawn_at = now
        else:
            quarter = int(share * 4)
            if is_new or quarter > self._quarter:
                self._out.write(self.line(progress, now) + "\n")
                self._out.flush()
            self._quarter = quarter
        self._last = progress.step

    def line(self, progress: Progress, now: float) -> str:
        """Return the text for one report at monotonic time ``now``."""
        text = f"  {now - self._began:5.1f} s  {_TITLES[progress.step]}"
        if not progress.total:
            return text
        percent = 100 * progress.done / progress.total
        if progress.unit == "%":
            return f"{text} {percent:.0f} %"
        return (
            f"{text} {progress.done:.0f} of {progress.total:.0f} {progress.unit} ({percent:.0f} %)"
        )

    def close(self) -> None:
        """End the live line."""
        if self._out.isatty() and self._last is not None:
            self._out.write("\n")
            self._out.flush()
