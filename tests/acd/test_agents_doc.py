"""docs/agents.md, example by example: each row of its tables is a test, and each test that it names is there."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from acd import decisions as d
from acd.breaks import warn_at
from acd.rules import BreakLimit
from tests.acd.test_breaks import call_him
from tests.acd.test_breaks import hang_up as hang_up_his
from tests.acd.test_outcomes import demanding, hang_up, name_outcome, talk
from tests.acd.world import ANNA, World, configuration
from tests.architecture.tree import ROOT

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs/agents.md").read_text(encoding="utf-8")
MINUTE = timedelta(minutes=1)
Row = dict[str, str]


def rows(*head: str) -> list[Row]:
    """The rows of the table with this head."""
    lines = PAGE.splitlines()
    [start] = [i for i, line in enumerate(lines) if cells(line) == list(head)]
    body = lines[start + 2 :]
    end = next(i for i, line in enumerate([*body, ""]) if not line.startswith("|"))
    return [dict(zip(head, cells(line), strict=True)) for line in body[:end]]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def named(row: Row) -> str:
    return row["example"]


BREAKS = rows("example", "in a call", "looked at", "shown")
WRAP_UPS = rows("example", "wrap-up", "outcome named", "asked for", "looked at", "is")


@pytest.mark.parametrize("row", BREAKS, ids=named)
def test_a_break(row: Row) -> None:
    limits = {"lunch": BreakLimit(45 * MINUTE, 5 * MINUTE)}
    world = World(replace(configuration(), break_limits=limits))
    world.seat(ANNA)
    began_at = world.now
    world.step(d.SayNotReady(ANNA, "lunch"))

    def go_to(minute: str) -> None:
        world.wait(began_at + int(minute) * MINUTE - world.now)

    if row["in a call"] != "-":
        start, end = row["in a call"].split("-")
        go_to(start)
        call = call_him(world)
        go_to(end)
        hang_up_his(world, call)
    go_to(row["looked at"])
    anna = world.agent(ANNA)
    warned_at = warn_at(world.config, anna)
    assert warned_at is not None
    is_warned = world.now >= warned_at
    shown = "late" if anna.overrun_at is not None else "warned" if is_warned else "nothing"
    assert shown == row["shown"]


@pytest.mark.parametrize("row", WRAP_UPS, ids=named)
def test_a_wrap_up_with_a_forced_outcome(row: Row) -> None:
    world = demanding(None if row["wrap-up"] == "until_done" else float(row["wrap-up"]))
    call = talk(world)
    hang_up(world, call)
    ended_at = world.now
    wish, _, wished = row["asked for"].partition(" ")
    todo = [(row["outcome named"], "outcome"), (wished, wish), (row["looked at"], "look")]
    for second, what in sorted((int(at), what) for at, what in todo if at not in ("-", "")):
        world.wait(ended_at + timedelta(seconds=second) - world.now)
        if what == "outcome":
            name_outcome(world, call)
        elif what == "READY":
            world.step(d.SayReady(ANNA))
        elif what != "look":
            world.step(d.SayNotReady(ANNA, what))
    anna = world.agent(ANNA)
    shown = [anna.state.name, anna.reason, "overrun" if anna.overrun_at is not None else ""]
    assert " ".join(word for word in shown if word) == row["is"]


def test_the_tests_that_the_page_names_are_there() -> None:
    files = dict.fromkeys(re.findall(r"\b(test_\w+\.py)", PAGE))
    texts = {}
    for name in files:
        found = list((ROOT / "tests").rglob(name))
        assert found, name
        texts[name] = "".join(path.read_text(encoding="utf-8") for path in found)
    for name, test in re.findall(r"(test_\w+\.py)::(test_\w+)", PAGE):
        assert f"def {test}(" in texts[name]
