"""A second call on a desktop: what is shown of it, who may accept and decline it, and for whom none waits."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import CallId, Endpoint, LegId
from tests.screenpop.conftest import CALL, LINA, TOM, TWO, Line, State, World
from tests.screenpop.test_call_commands import TO_TOM, Presser, seated, talking

pytestmark = pytest.mark.contract

DESK, BROWSER = Endpoint("1001"), Endpoint("1001w")


async def rung(world: World, press: Presser, *phones: Endpoint, **line: Any) -> dict[str, Any]:
    """Tom calls Lina, who talks; returns the section."""
    await world.happen(
        ev.CallOffered, TWO, leg_id=LegId("t"), direction="internal", ani="1002", ani_name="",
        dnis="1001", endpoint=Endpoint("1002w"),
    )  # fmt: skip
    lines = (Line(TWO, **line),)
    world.agents.change(LINA.user_id, state=State.TALKING, lines=lines)
    for phone in phones:
        await world.happen(ev.LegDialled, TWO, leg_id=LegId(f"two-{phone}"), endpoint=phone)
    await world.settle()
    await press.page.read()
    return second(press)


def second(press: Presser) -> dict[str, Any]:
    """The section, which is there."""
    found: dict[str, Any] = press.page.sections["second"]
    assert found is not None
    return found


async def test_who_calls_a_talking_agent_is_shown_beside_his_caller(world: World) -> None:
    press = await talking(world)
    shown = await rung(world, press, BROWSER)
    assert (shown["call_id"], shown["state"], shown["kind"]) == (TWO, "waiting", "internal")
    assert (shown["name"], shown["accept"], shown["decline"]) == (TOM.name, "", "")
    assert press.call["call_id"] == CALL
    since = shown["since"]
    world.clock.advance(3)
    await world.happen(ev.LegRang, TWO, leg_id=LegId("two-1001w"), endpoint=BROWSER)
    await press.page.read()
    assert second(press)["since"] == since
    world.agents.change(LINA.user_id, lines=())
    await world.happen(ev.CallEnded, TWO, cause=16, ended_by="caller")
    await press.page.read()
    assert press.page.sections["second"] is None


async def test_accepting_holds_the_first_and_leaves_the_answer_to_the_page(world: World) -> None:
    press = await talking(world)
    await rung(world, press, BROWSER)
    assert await press("call.accept", call_id=TWO) == "ok"
    assert world.switch.asked == [("hold", CALL)]
    world.switch.asked.clear()
    assert await press("call.accept", call_id=TWO) == "ok"  # he is on hold already
    assert world.switch.asked == []


async def test_a_desk_phone_is_asked_to_answer(world: World) -> None:
    press = await talking(world)
    await rung(world, press, DESK)
    world.switch.answers = TWO
    assert await press("call.accept", call_id=TWO) == "ok"
    assert world.switch.asked == [("hold", CALL), ("answer", DESK)]


async def test_the_one_put_aside_is_taken_back(world: World) -> None:
    press = await talking(world)
    await rung(world, press, BROWSER)
    await world.happen(ev.CallHeld, TWO, by="agent")
    world.agents.change(LINA.user_id, lines=(Line(TWO, is_up=True),))
    await world.happen(ev.CallHeld, TWO, by="agent")
    await press.page.read()
    assert second(press)["state"] == "on_hold"
    assert await press("call.decline", call_id=TWO) == "wrong_state"
    assert await press("call.accept", call_id=TWO) == "ok"
    assert world.switch.asked == [("hold", CALL), ("retrieve", TWO)]


async def test_what_the_phone_holds_only_the_phone_takes_back(world: World) -> None:
    press = await talking(world)
    await rung(world, press, DESK, is_up=True)
    await world.happen(ev.CallHeld, TWO, by="phone")
    await press.page.read()
    assert second(press)["accept"] != ""
    assert await press("call.accept", call_id=TWO) == "wrong_state"
    assert world.switch.asked == []


async def test_declining_stops_each_of_his_phones(world: World) -> None:
    press = await talking(world)
    await rung(world, press, DESK, BROWSER)
    assert await press("call.decline", call_id=TWO) == "ok"
    assert world.switch.asked == [("decline", TWO, DESK), ("decline", TWO, BROWSER)]


async def test_only_ones_own_second_call(world: World) -> None:
    press = await talking(world)
    other = CallId("pbx1-9.1-1")
    for name in ("accept", "decline"):
        assert await press(f"call.{name}", call_id=CALL) == "not_your_call"
        assert await press(f"call.{name}", call_id=other) == "not_your_call"
    await rung(world, press, BROWSER)
    tom = Presser(world, seated(world, TOM))
    assert await tom("call.accept", call_id=TWO) == "not_your_call"
    assert world.switch.asked == []


async def test_who_consults_ends_that_first(world: World) -> None:
    press = await talking(world)
    await rung(world, press, BROWSER)
    await world.happen(
        ev.ConsultStarted, endpoint=BROWSER, target_kind="queue", target="sales", number=""
    )
    await press.page.read()
    assert press.call["state"] == "consulting"
    assert second(press)["accept"] == press.call["can"]["hold"] != ""
    assert await press("call.accept", call_id=TWO) == "wrong_state"


@pytest.mark.parametrize(
    ("extensions", "lines", "phone", "answer"),
    [
        ({"1002"}, (), "1002w", "ok"),
        (set(), (), "1002w", "busy_target"),
        ({"1002"}, (Line(TWO),), "1002w", "busy_target"),
        ({"1002"}, (), "1002r", "busy_target"),
    ],
    ids=["waits", "is off", "has two", "talks outside"],
)
async def test_a_busy_colleague_is_rung_where_a_call_waits_for_him(
    world: World, extensions: set[str], lines: tuple[Line, ...], phone: str, answer: str
) -> None:
    press = await talking(world)
    world.pop.second.config = dataclasses.replace(
        world.pop.second.config, waiting_extensions=frozenset(extensions)
    )
    seated(world, TOM)
    if lines:
        await world.offered(call_id=TWO)
    world.agents.change(TOM.user_id, state=State.TALKING, endpoint=Endpoint(phone), lines=lines)
    await world.agent("TALKING", "READY", TOM, endpoint=Endpoint(phone))
    await world.settle()
    assert await press("call.add_party", call_id=CALL, target=TO_TOM) == "busy_target"
    assert await press("call.transfer", call_id=CALL, target=TO_TOM) == answer
