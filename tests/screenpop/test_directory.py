"""The directory: for whoever looks, made once for all, at most once a second."""

from __future__ import annotations

from typing import Any

import pytest

from cti.domain import events as ev
from tests.screenpop.conftest import LINA, SALES, TOM, Page, State, World

pytestmark = pytest.mark.contract


def _updates(messages: list[dict[str, Any]]) -> list[Any]:
    return [m["value"] for m in messages if m.get("section") == "directory"]


async def test_only_who_looks_is_told_and_not_too_often(world: World) -> None:
    lina, tom = Page(world, LINA), Page(world, TOM)
    assert lina.desk.state.sections["directory"] is None
    world.pop.directory.watch(lina.desk, lina.connection, True)
    await lina.read()
    shown = lina.sections["directory"]
    assert [c["extension"] for c in shown["colleagues"]] == ["1001", "1002"]
    assert shown["queues"][0]["label"]["zh"] == "销售"
    assert shown["outside"] is True
    assert [c["number"] for c in shown["caller_ids"]] == ["400100", "400200"]
    for state in ("TALKING", "WRAP_UP", "READY", "TALKING"):
        await world.agent(state, "READY", TOM)
    await world.happen(ev.QueueChanged, None, queue=SALES, waiting=3, longest_since=None, ready=0)
    assert _updates(await lina.read()) == []
    world.clock.advance(1)
    [told] = _updates(await lina.read())
    assert told["colleagues"][1]["state"] == "TALKING"
    assert told["queues"][0]["waiting"] == 3
    assert told == lina.desk.state.sections["directory"]  # what was written out is what is meant
    assert told["caller_ids"] == shown["caller_ids"]
    world.pop.directory.watch(lina.desk, lina.connection, False)
    await world.agent("READY", "TALKING", TOM)
    world.clock.advance(5)
    assert _updates(await lina.read()) == [None]
    assert _updates(await tom.read()) == []


async def test_a_fresh_page_has_no_dialog_open(world: World) -> None:
    lina = Page(world, LINA)
    world.pop.directory.watch(lina.desk, lina.connection, True)
    again = Page(world, LINA)
    world.pop.close(lina.desk, lina.connection)  # it was replaced
    await again.read()
    assert again.sections["directory"] is None


async def test_a_call_that_rings_is_shown_to_who_sits_there_and_gives_way_to_nothing(
    world: World,
) -> None:
    lina = Page(world, LINA)
    await world.offered()
    await world.rings()
    assert lina.desk.state.shown is None  # signed out: his phone rings, his desk is closed
    world.agents.change(LINA.user_id, state=State.READY)
    lina = Page(world, LINA)
    await world.rings()
    await lina.read()
    assert lina.sections["call"]["state"] == "ringing"
    assert lina.sections["customer"]["customer"]["name"] == "王小明"
