"""CPU time from /proc: the form of a line, a tree of processes, and a real one that works."""

from __future__ import annotations

import os
import time

import pytest

from bench.processes import CpuTime, Stat, cpu_time, parse_stat, total

pytestmark = pytest.mark.unit

LINE = (
    "4242 (a (strange) name) S 17 4242 4242 0 -1 4194560 9 8 7 6 1200 300 40 60 20 0 1 0 5 6 7 8\n"
)
TICKS = os.sysconf("SC_CLK_TCK")


def test_a_name_with_brackets_and_blanks_is_no_trap() -> None:
    assert parse_stat(LINE) == Stat(4242, 17, 1500 / TICKS, 100 / TICKS)


@pytest.mark.parametrize("text", ["", "12", "12 (short) S 1 2 3"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a stat line"):
        parse_stat(text)


def test_grandchildren_and_ended_children_count_strangers_do_not() -> None:
    stats = [
        Stat(1, 0, 100, 50),
        Stat(10, 1, 4, 0.5),
        Stat(11, 10, 2, 0.25),
        Stat(12, 11, 1, 0),
        Stat(20, 1, 70, 0),
    ]
    assert total(10, stats) == CpuTime(4, 3.75)
    assert total(10, stats).since(CpuTime(3, 1)) == CpuTime(1, 2.75)


def test_a_process_that_ended_is_said_so() -> None:
    with pytest.raises(LookupError, match="has ended"):
        total(3, [Stat(1, 0, 1, 0)])


def test_work_of_this_very_process_shows() -> None:
    before = cpu_time(os.getpid())
    until = time.process_time() + 20 / TICKS
    while time.process_time() < until:
        pass
    used = cpu_time(os.getpid()).since(before)
    assert used.own_s > 10 / TICKS  # /proc counts in whole ticks
