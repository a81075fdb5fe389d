"""The bench's own arithmetic: percentiles, median and worst, goals, the table."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report import Figure, Part, percentile, table

pytestmark = pytest.mark.unit

LISTS = st.lists(st.integers(-1000, 1000), min_size=1, max_size=200)


def test_percentiles_are_of_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1) == 100
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile([7], 0.01) == 7


@given(values=LISTS, percent=st.integers(0, 100))
@settings(max_examples=50)
def test_a_percentile_is_the_smallest_value_that_covers_its_share(
    values: list[int], percent: int
) -> None:
    found = percentile(values, percent / 100)
    assert found in values
    assert 100 * sum(v <= found for v in values) >= percent * len(values)
    below = [v for v in values if v < found]
    assert not below or 100 * len(below) < percent * len(values)


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 1.1), ([1.0], -0.1)])
def test_what_is_no_percentile_is_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(values, share)


def test_worst_and_goal_follow_the_direction() -> None:
    delay = Figure("delay", "ms", (5, 9, 7), goal=7)
    share = Figure("share", "%", (99.5, 98, 100), "higher", goal=99.9)
    assert (delay.median, delay.worst, delay.is_met) == (7, 9, True)
    assert (share.median, share.worst, share.is_met) == (99.5, 98, False)
    assert Figure("seen", "", (1,)).is_met is None


def test_a_figure_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="no value"):
        Figure("delay", "ms", ())


def test_the_table_never_hides_the_worst_or_a_missed_goal() -> None:
    part = Part(
        "P0", "an example", "how", (Figure("delay", "ms", (5, 9000, 7), goal=3),), ("beware",)
    )
    text = table([part])
    assert "how" in text
    assert "9,000" in text
    assert "goal <= 3: MISSED" in text
    assert "note: beware" in text
    assert part.as_json()["figures"][0]["values"] == [5, 9000, 7]
