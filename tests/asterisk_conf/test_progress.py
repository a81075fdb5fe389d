"""Progress in a log is few lines, on a terminal one that is redrawn."""

import io

import pytest

from asterisk_conf.apt import Progress
from asterisk_conf.progress import LinePrinter

pytestmark = pytest.mark.unit


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_a_step_and_a_quarter() -> None:
    out = io.StringIO()
    printer = LinePrinter(out, monotonic=lambda: 0.0)
    printer(Progress("download"))
    for done in range(101):
        printer(Progress("download", done, 100, "MB"))
    printer(Progress("check"))
    assert out.getvalue().splitlines() == [
        "    0.0 s  downloading",
        "    0.0 s  downloading 25 of 100 MB (25 %)",
        "    0.0 s  downloading 50 of 100 MB (50 %)",
        "    0.0 s  downloading 75 of 100 MB (75 %)",
        "    0.0 s  downloading 100 of 100 MB (100 %)",
        "    0.0 s  checking that it runs",
    ]


def test_a_terminal_line_is_redrawn_ten_times_a_second_at_most() -> None:
    out, now = Terminal(), [0.0]
    printer = LinePrinter(out, monotonic=lambda: now[0])
    for step in range(100):
        now[0] = step / 100
        printer(Progress("index", step, 100, "%"))
    printer.close()
    drawn = out.getvalue().count("\r")
    assert 9 <= drawn <= 11
    assert out.getvalue().endswith("%\n")
