"""How many agents, trunks and gigabytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd import sizing
from acd.erlang import erlang_b
from acd.sizing import Demand, Target
from cti.domain.errors import ConfigError

pytestmark = pytest.mark.unit

THREE_MINUTES = timedelta(minutes=3)
TWO_HUNDRED = Demand(200, THREE_MINUTES)  # 10 erlangs


def test_the_fewest_agents_as_published() -> None:
    """200 calls an hour of 3 minutes, 80 % in 20 s: 14 agents by the CRAN package ErlangC's example."""
    assert sizing.fewest_agents(TWO_HUNDRED, Target()) == 14
    assert sizing.performance(TWO_HUNDRED, 13, Target().answer_time).service_level < 0.8


@settings(max_examples=40)
@given(
    st.floats(1, 20_000),
    st.floats(10, 900),
    st.one_of(st.none(), st.floats(5, 900)),
    st.floats(0.3, 0.99),
)
def test_one_fewer_would_not_do(
    calls: float, handle: float, patience: float | None, level: float
) -> None:
    limit = None if patience is None else timedelta(seconds=patience)
    demand = Demand(calls, timedelta(seconds=handle), limit)
    target = Target(level)
    count = sizing.fewest_agents(demand, target)
    assert sizing.performance(demand, count, target.answer_time).service_level >= level
    if count > 1 and (limit is not None or demand.load < count - 1):
        fewer = sizing.performance(demand, count - 1, target.answer_time)
        assert fewer.service_level < level


def test_patience_saves_agents() -> None:
    impatient = replace(TWO_HUNDRED, patience_time=timedelta(minutes=1))
    assert sizing.fewest_agents(impatient, Target()) < sizing.fewest_agents(TWO_HUNDRED, Target())


def test_the_numbers_around() -> None:
    rows = dict(sizing.around(TWO_HUNDRED, 12, Target().answer_time, each_way=3))
    assert list(rows) == [11, 12, 13, 14, 15]  # ten or fewer have no long run
    assert rows[14] == sizing.performance(TWO_HUNDRED, 14, Target().answer_time)


def test_trunks_hold_the_menu_the_wait_and_the_talk() -> None:
    found = sizing.performance(TWO_HUNDRED, 14, Target().answer_time)
    lines = sizing.trunks(
        TWO_HUNDRED,
        found,
        blocking=0.01,
        wrap_up_time=timedelta(seconds=30),
        menu_time=timedelta(seconds=20),
    )
    assert lines.load == pytest.approx(200 / 3600 * (20 + found.wait_s + 150))
    assert lines.blocking <= 0.01 < erlang_b(lines.load, lines.count - 1)


def test_recordings_of_a_month() -> None:
    found = sizing.performance(TWO_HUNDRED, 14, Target().answer_time)
    stored = sizing.recording_bytes(
        TWO_HUNDRED, found, wrap_up_time=timedelta(seconds=30), hours_a_day=10, keep_days=30
    )
    assert stored == 200 * 10 * 30 * 150 * 3_000  # calls x seconds x bytes a second


@pytest.mark.parametrize(
    ("words", "attempt"),
    [
        ("calls-per-hour: must be above zero", lambda: Demand(0, THREE_MINUTES)),
        ("aht: must be above zero", lambda: Demand(1, timedelta(0))),
        ("patience: must be above zero", lambda: Demand(1, THREE_MINUTES, timedelta(0))),
        ("patience: more than a day", lambda: Demand(1, THREE_MINUTES, timedelta(days=2))),
        ("service-level: a share", lambda: Target(80)),
        ("target-time: can't be negative", lambda: Target(0.8, timedelta(seconds=-1))),
        ("agents: at least 1", lambda: sizing.performance(TWO_HUNDRED, 0, timedelta(0))),
        (
            "agents: 10 can't carry 10.0 erlangs, the queue grows without limit; take 11 or more",
            lambda: sizing.performance(TWO_HUNDRED, 10, timedelta(0)),
        ),
        (
            "calls-per-hour: more than 20000 agents' work",
            lambda: sizing.fewest_agents(Demand(1e6, THREE_MINUTES), Target()),
        ),
        ("wrap-up: from 0 to less", lambda: sizing.talk_time(TWO_HUNDRED, THREE_MINUTES)),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(words: str, attempt: object) -> None:
    with pytest.raises(ConfigError, match=words):
        attempt()  # type: ignore[operator]
