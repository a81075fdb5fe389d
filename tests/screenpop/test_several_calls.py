"""More than one call at an agent's phones: the one he is busy with stands on his desktop."""

from __future__ import annotations

from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import Endpoint, LegId
from tests.screenpop.conftest import CALL, LINA, TWO, Page, State, World

pytestmark = pytest.mark.contract

MINE = Endpoint("1001w")
SECOND: dict[str, Any] = {"leg_id": LegId("second"), "endpoint": MINE}


async def _talking(world: World) -> Page:
    world.agents.change(LINA.user_id, state=State.READY, endpoint=MINE)
    page = Page(world, LINA)
    await world.waiting()
    await world.rings()
    await world.connected()
    await world.agent("TALKING", "READY", call_id=CALL)
    return page


async def _shows(world: World, page: Page) -> tuple[str, str]:
    await world.settle()
    await page.read()
    call = page.sections["call"]
    return (call["call_id"], call["state"]) if call else ("", "")


async def test_a_call_out_of_wrap_up_gives_the_file_back_afterwards(world: World) -> None:
    page = await _talking(world)
    await world.ended()
    await world.agent("WRAP_UP", "TALKING", call_id=CALL)
    assert await _shows(world, page) == (CALL, "ended")
    ticket = page.sections["ticket"]["ticket_id"]
    await world.happen(
        ev.CallOffered, TWO, leg_id=LegId("o"), direction="outbound", endpoint=MINE, ani="0139"
    )
    await world.agent("READY", "WRAP_UP", call_id=CALL)  # told so that the wrap-up's end is known
    await world.agent("TALKING", "READY", call_id=TWO)
    assert await _shows(world, page) == (TWO, "dialling")
    assert page.sections.get("ticket") is None
    await world.ended(TWO)
    await world.agent("WRAP_UP", "TALKING", call_id=CALL)
    assert await _shows(world, page) == (CALL, "ended")
    assert page.sections["ticket"]["ticket_id"] == ticket
    await world.agent("READY", "WRAP_UP", call_id=CALL)
    assert await _shows(world, page) == ("", "")


async def test_a_second_call_is_shown_when_the_first_is_over(world: World) -> None:
    page = await _talking(world)
    await world.offered(call_id=TWO)
    await world.happen(ev.LegDialled, TWO, **SECOND)
    await world.happen(ev.LegRang, TWO, **SECOND)
    assert await _shows(world, page) == (CALL, "talking")
    await world.ended()
    await world.agent("RINGING", "TALKING", call_id=TWO)
    assert await _shows(world, page) == (TWO, "ringing")
    await world.happen(ev.LegEnded, TWO, cause=16, **SECOND)
    assert await _shows(world, page) == ("", "")


async def test_who_answers_a_second_call_sees_it_and_then_the_first_again(world: World) -> None:
    page = await _talking(world)
    await world.offered(call_id=TWO)
    await world.happen(ev.LegDialled, TWO, **SECOND)
    await world.happen(ev.CallHeld, by="phone")
    await world.happen(ev.CallConnected, TWO, **SECOND)
    await world.agent("TALKING", "TALKING", call_id=TWO)
    assert await _shows(world, page) == (TWO, "talking")
    await world.ended(TWO)
    await world.agent("TALKING", "TALKING", call_id=CALL)
    assert await _shows(world, page) == (CALL, "on_hold")
