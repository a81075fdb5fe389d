"""Before an end: nothing new begins, what has begun comes to its end."""

from __future__ import annotations

import pytest

from acd import decisions as d
from tests.acd.world import ANNA, BEN, World, configuration, rules

pytestmark = pytest.mark.unit


def test_nobody_is_reserved_any_more_and_who_rings_is_answered() -> None:
    world = World(configuration(rules(), agents=2))
    world.seat(ANNA)
    first = world.enqueue("a")
    world.dial(first, ANNA)
    world.step(d.Drain())
    world.enqueue("b")
    world.seat(BEN)
    world.wait(60)
    assert [call for call, _ in world.pairs()] == [first]
    world.answer(first, ANNA)
    assert world.shows(ANNA) == "TALKING"
    assert world.shows(BEN) == "READY"
