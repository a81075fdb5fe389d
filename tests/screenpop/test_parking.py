"""Who is parked: the list on every desktop."""

from __future__ import annotations

from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import Endpoint, LegId, QueueName
from screenpop.sections import iso
from tests.screenpop.conftest import BOSS, CALL, LINA, TOM, TWO, Page, World
from tests.screenpop.test_call_commands import Presser, seated, talking

pytestmark = pytest.mark.contract

MINE, HIS = Endpoint("1001w"), Endpoint("1002w")


async def parked(world: World) -> tuple[Presser, Page]:
    """Lina has parked her caller; Tom looks."""
    press = await talking(world)
    tom = seated(world, TOM)
    assert await press("call.park", call_id=CALL, slot="3") == "ok"
    await tom.read()
    return press, tom


async def shown(page: Page) -> list[dict[str, Any]]:
    await page.read()
    found: list[dict[str, Any]] = page.sections["parked"]
    return found


async def test_every_desktop_shows_who_is_parked_since_when_and_by_whom(world: World) -> None:
    press, tom = await parked(world)
    [row] = tom.sections["parked"]
    assert (row["slot"], row["name"], row["parked_by"]) == ("3", "王小明", LINA.name)
    assert row["number"].endswith("8000")
    assert "*" in row["number"]
    assert (row["rings_at"], row["is_over"]) == ("", False)
    assert row["since"] < row["returns_at"]
    boss = Page(world, BOSS)
    assert await shown(boss) == [row] == await shown(press.page)


async def test_a_fetched_caller_rings_and_is_gone_from_the_list(world: World) -> None:
    _, tom = await parked(world)
    leg: dict[str, Any] = {"leg_id": LegId("f"), "endpoint": HIS}
    await world.happen(ev.LegDialled, **leg)
    assert [row["rings_at"] for row in await shown(tom)] == ["Tom"]
    await world.happen(ev.CallConnected, **leg)
    assert await shown(tom) == []


async def test_when_his_time_is_over_he_rings_where_he_came_from(world: World) -> None:
    press, tom = await parked(world)
    over: dict[str, Any] = {"target_kind": "parking", "target": "3", "result": "no_answer"}
    await world.happen(ev.TransferFailed, **over)
    [row] = await shown(tom)
    assert (row["rings_at"], row["is_over"]) == (LINA.name, True)
    # The place is free: nobody can be fetched there, and another caller can be parked.
    assert await Presser(world, tom)("call.fetch", slot="3") == "slot_empty"
    await world.offered(call_id=TWO)
    await world.happen(ev.CallParked, TWO, slot="3", endpoint=None)
    assert [row["is_over"] for row in await shown(tom)] == [True, False]
    now = world.clock.now()
    await world.happen(ev.CallEnqueued, queue=QueueName("sales"), enqueued_at=now)
    assert [row["parked_by"] for row in await shown(press.page)] == [""]


async def test_who_is_gone_stands_there_no_more(world: World) -> None:
    _, tom = await parked(world)
    await world.ended()
    assert await shown(tom) == []


async def test_the_places_are_known_again_after_a_restart(world: World) -> None:
    _, tom = await parked(world)
    [row] = tom.sections["parked"]
    past = [e for e in world.told if isinstance(e, ev.CallEvent)]
    world.pop.parking._places.clear()
    world.pop.restore(past)
    assert [r["slot"] for r in world.pop.parking.values()] == ["3"]
    assert world.pop.parking.values()[0]["since"] == row["since"] == iso(past[-1].at)
