"""The production core in the simulator agrees with what is known exactly; ``bench P17`` in small, with fixed seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from bench.closed_forms import Compared, erlang_a, erlang_c, graph

SEEDS = range(1, 9)


@pytest.mark.acceptance
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("case", "hours"), [(erlang_c, 2.0), (erlang_a, 0.5), (graph, 12.0)], ids=["C", "A", "graph"]
)
def test_the_core_does_what_the_formula_says(
    case: Callable[[Sequence[int], float], list[Compared]], hours: float
) -> None:
    values = case(SEEDS, hours)
    assert abs(values[0].errors) <= 2, values[0]
    for value in values:
        # 8 repetitions: 3.5 standard errors are passed by luck once in a hundred times (Student, 7 degrees).
        assert abs(value.errors) <= 3.5, value


@pytest.mark.unit
def test_the_deviation_is_in_standard_errors() -> None:
    assert Compared("x", 1.0, (2.0, 4.0)).errors == 2.0
