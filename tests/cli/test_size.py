"""``ringdesk size`` as a person meets it."""

from __future__ import annotations

import json

import pytest

from acd.erlang import patient
from tests.cli.told import Ring, refusal

pytestmark = pytest.mark.unit

TEN_ERLANGS = ("size", "--calls-per-hour", "200", "--aht", "180")


def test_the_fewest_agents_are_found(ringdesk: Ring) -> None:
    told = ringdesk(*TEN_ERLANGS)
    assert told.exit_code == 0
    assert "agents                   14 (fewest for the target)" in told.stdout
    assert "88.8% answered within 20 s; target 80%" in told.stdout
    marked = [line for line in told.stdout.splitlines() if line.startswith(">")]
    assert [line.split()[:2] for line in marked] == [[">", "14"]]


def test_json_says_what_the_formula_says(ringdesk: Ring) -> None:
    answer = json.loads(
        ringdesk(*TEN_ERLANGS, "--agents", "12", "--target-time", "30", "--json").stdout
    )
    expected = patient(200 / 3600, 180, 12, 30)
    assert answer["model"] == "Erlang C"
    assert answer["agents"] == 12
    assert answer["service_level"] == pytest.approx(expected.service_level)
    assert answer["average_speed_of_answer_s"] == pytest.approx(expected.answer_s)
    assert [row["agents"] for row in answer["around"]] == [11, 12, 13, 14, 15, 16]
    assert answer["recordings"]["bytes"] == 200 * 10 * 90 * 180 * 3000


def test_with_patience_an_overload_has_an_answer(ringdesk: Ring) -> None:
    told = json.loads(ringdesk(*TEN_ERLANGS, "--agents", "8", "--patience", "60", "--json").stdout)
    assert told["model"] == "Erlang A"
    assert told["abandonment"] > 0.2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--agents", "9"], "agents: 9 can't carry 10.0 erlangs, the queue grows without limit"),
        (["--patience", "0"], "patience: must be above zero"),
        (["--blocking", "2"], "blocking: a share between 0 and 1"),
        (["--keep-days", "0"], "keep-days: at least 1"),
    ],
)
def test_a_value_that_cannot_be_meant_is_told_in_one_line(
    ringdesk: Ring, more: list[str], words: str
) -> None:
    assert words in refusal(ringdesk(*TEN_ERLANGS, *more))
