"""An agent asks a queue for his caller: what stands on his desktop, and on that of whoever answers."""

from __future__ import annotations

from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import Endpoint, LegId, QueueName
from screenpop.abilities import ACTIONS
from tests.screenpop.conftest import CALL, TOM, TWO, World
from tests.screenpop.test_call_commands import Presser, seated, talking

pytestmark = pytest.mark.contract

MINE, HIS = Endpoint("1001w"), Endpoint("1002w")
SALES = QueueName("sales")


async def asking(world: World) -> Presser:
    """Lina talks with a caller and asks the queue sales, where she waits."""
    press = await talking(world)
    target = {"kind": "queue", "value": "sales"}
    assert await press("call.consult", call_id=CALL, target=target) == "ok"
    own: dict[str, Any] = {"direction": "internal", "endpoint": MINE, "consult_of": CALL}
    await world.happen(ev.CallOffered, TWO, leg_id=LegId("a"), dnis="sales", **own)
    await waits(world)
    await press.page.read()
    return press


async def waits(world: World) -> None:
    await world.happen(ev.CallEnqueued, TWO, queue=SALES, enqueued_at=world.clock.now())


async def answered(world: World, press: Presser) -> Presser:
    """Tom, whom the queue found, speaks with her."""
    tom = Presser(world, seated(world, TOM))
    leg: dict[str, Any] = {"leg_id": LegId("b"), "endpoint": HIS}
    await world.happen(ev.LegDialled, TWO, **leg)
    await world.happen(ev.CallConnected, TWO, **leg)
    for one in (press, tom):
        await one.page.read()
    return tom


async def test_she_sees_that_she_waits_and_who_answers(world: World) -> None:
    press = await asking(world)
    assert press.call["call_id"] == CALL
    assert press.call["consult"] == {"state": "waiting", "target": "sales", "label": "Sales"}
    assert press.call["can"]["conference"] != ""
    assert press.call["can"]["complete"] == ""
    await answered(world, press)
    assert press.call["consult"]["state"] == "talking"
    assert press.call["consult"]["label"] == "Sales · Tom"
    assert press.call["can"]["conference"] == ""


async def test_nobody_for_her_any_more(world: World) -> None:
    press = await asking(world)
    await answered(world, press)
    await waits(world)
    await press.page.read()
    assert press.call["consult"] == {"state": "waiting", "target": "sales", "label": "Sales"}


async def test_who_answers_may_only_leave(world: World) -> None:
    tom = await answered(world, await asking(world))
    assert tom.call["call_id"] == TWO
    can = tom.call["can"]
    assert {name for name in ACTIONS if can[name] == ""} == {"hang_up"}
    world.switch.asked.clear()
    assert await tom("call.hang_up", call_id=TWO) == "ok"
    assert world.switch.asked == [("leave", TWO, HIS)]


async def test_he_gets_the_caller(world: World) -> None:
    press = await asking(world)
    tom = await answered(world, press)
    assert await press("call.complete", call_id=CALL) == "ok"
    await world.happen(ev.CallMerged, TWO, into_call_id=CALL)
    await world.happen(ev.CallEnded, TWO, cause=16, ended_by="merged")
    leg: dict[str, Any] = {"leg_id": LegId("b"), "endpoint": HIS}
    await world.happen(ev.LegDialled, CALL, **leg)
    await world.happen(ev.CallConnected, CALL, **leg)
    for one in (press, tom):
        await one.page.read()
    assert (tom.call["call_id"], tom.call["state"]) == (CALL, "talking")
    assert tom.call["can"]["hold"] == ""
    assert press.call["state"] == "ended"
