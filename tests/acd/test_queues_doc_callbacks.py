"""docs/queues.md on callbacks, example by example."""

from __future__ import annotations

import pytest

from acd import decisions as d
from acd.callback_rules import CallbackRules
from cti.domain.ids import CallId
from tests.acd.test_callbacks import Desk
from tests.acd.test_queues_doc import Row, rows
from tests.acd.world import PHONES, SALES, configuration, rules

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("row", rows("callback", "share"), ids=lambda row: row["callback"])
def test_callbacks(row: Row) -> None:
    callback = CallbackRules(share=int(row["share"]))
    agents = int(row["free"])
    world = Desk(configuration(rules(callback=callback), agents=agents))
    for item in row["waiting"].split(", "):
        name, wait = item.split()
        call_id = world.enqueue(name.rstrip("*"), waited=float(wait))
        if name.endswith("*"):
            world.step(d.AskCallback(call_id, SALES, f"number of {name}", f"number of {name}"))
            world.end(CallId(call_id))
    world.step(d.Unlinked())
    world.seat(*list(PHONES)[:agents])
    world.step(d.Linked(tuple(world.calls())))
    assert [name for name, _ in world.chosen()] == row["chosen"].split()
    assert len({agent for _, agent in world.chosen()}) == len(world.chosen())
