"""The bench of routing: the same callers on both sides, and figures that are told together."""

from __future__ import annotations

import pytest

from bench.routing import TOPOLOGIES, Cell, describe, measure

pytestmark = pytest.mark.unit

RING = next(iter(TOPOLOGIES))


@pytest.fixture(scope="module")
def cell() -> Cell:
    return measure(RING, 1.05, seeds=(1, 2), hours=0.2, warm_hours=0.1)


def test_both_sides_have_the_same_callers_and_only_ours_keeps_the_order(cell: Cell) -> None:
    assert [f.offered for f in cell.ours] == [f.offered for f in cell.theirs]
    assert sum(f.overtakings for f in cell.ours) == 0
    assert sum(f.overtakings for f in cell.theirs) > 0


def test_the_share_in_time_never_stands_alone(cell: Cell) -> None:
    part = describe([cell], seeds=2, hours=0.25, seconds=1.0)
    for line in part.notes:
        if "in 20 s" in line and "ours less" not in line:
            assert all(
                word in line for word in ("p99", "overtaken", "spread", "abandoned", "bound")
            )
    whats = " ".join(f.what for f in part.figures)
    assert all(word in whats for word in ("p99", "overtakings", "spread", "abandonment", "20 s"))


def test_every_centre_has_thirty_agents_and_all_queues() -> None:
    for served in TOPOLOGIES.values():
        assert len(served) == 30
        assert frozenset().union(*served.values()) == frozenset("abc")
