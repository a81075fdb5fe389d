"""Callbacks of an agent's own: promised from the call, reminded of when due, handed on, kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cti.domain import day_events as day
from cti.domain import events as ev
from cti.domain.errors import InvalidValue
from cti.domain.ids import Endpoint
from cti.domain.people import User
from screenpop.promises import instant
from tests.screenpop.conftest import BOSS, CALL, LINA, TOM, TWO, WANG, Page, State, World
from tests.screenpop.test_missed import called, command

pytestmark = pytest.mark.contract

TOMORROW = "2026-11-23T10:15"  # 02:15 UTC; the world begins at 17:00 of the day before


async def talks(world: World, ani: str = WANG) -> None:
    """Lina speaks with a caller."""
    await world.waiting(ani)
    await world.show()
    await world.rings()
    await world.connected()


def callbacks(world: World, user: User = LINA) -> dict[str, Any]:
    world.clock.advance(2)
    desk = world.pop.desks.get(user.user_id)
    assert desk is not None
    return dict(desk.state.sections["callbacks"])


async def promise(world: World, due: str = TOMORROW, text: str = "The invoice") -> dict[str, Any]:
    return await command(world, LINA, "promise.make", call_id=CALL, due=due, text=text)


async def test_a_promise_stands_until_it_is_due_and_then_reminds(world: World) -> None:
    await talks(world)
    assert (await promise(world))["ok"]
    await world.settle()
    [mine] = callbacks(world)["mine"]
    assert (mine["due_at"], mine["is_due"]) == ("2026-11-23T02:15:00.000Z", False)
    assert (mine["number"], mine["name"], mine["text"]) == ("138****8000", "王小明", "The invoice")
    world.clock.advance(17 * 3600 + 15 * 60)
    assert callbacks(world)["mine"][0]["is_due"]
    assert callbacks(world)["due"] == 1
    assert callbacks(world, TOM) == {"mine": [], "team": [], "queue": [], "due": 0}


async def test_the_supervisor_sees_what_is_due_of_who_is_signed_out(world: World) -> None:
    await talks(world)
    await promise(world, "2026-11-22T17:30")
    assert callbacks(world, BOSS)["team"] == []
    world.clock.advance(1800)
    await world.agent("LOGGED_OUT", "NOT_READY")
    [theirs] = callbacks(world, BOSS)["team"]
    assert (theirs["keeper"], theirs["is_signed_out"]) == (LINA.name, True)


async def test_in_ten_minutes_handed_on_and_done(world: World) -> None:
    await talks(world)
    await promise(world, "2026-11-22T17:01")
    world.clock.advance(60)
    now = world.clock.now()
    assert (await command(world, LINA, "promise.snooze", call_id=CALL))["ok"]
    [moved] = world.of(day.PromiseMoved)
    assert moved.due_at == now + timedelta(minutes=10)
    to_tom = {"kind": "agent", "value": "1002"}
    assert (await command(world, LINA, "promise.hand", call_id=CALL, **to_tom))["ok"]
    assert callbacks(world)["mine"] == []
    assert [p["made_by"] for p in callbacks(world, TOM)["mine"]] == [LINA.name]
    to_sales = {"kind": "queue", "value": "sales"}
    assert (await command(world, TOM, "promise.hand", call_id=CALL, **to_sales))["ok"]
    assert [p["queue"] for p in callbacks(world)["mine"]] == ["sales"]  # Lina serves it
    assert callbacks(world, TOM)["mine"] == []
    assert (await command(world, LINA, "promise.take", call_id=CALL))["ok"]
    assert (await command(world, LINA, "promise.end", call_id=CALL, result="done"))["ok"]
    assert callbacks(world)["mine"] == []
    over = await command(world, LINA, "promise.end", call_id=CALL, result="done")
    assert over["error"]["id"] == "no_such_promise"


async def test_it_is_kept_when_they_have_spoken(world: World) -> None:
    await talks(world)
    await promise(world, "2026-11-22T17:30")
    await world.ended()
    world.clock.advance(1800)
    await called(world, WANG, TWO)
    await world.settle()
    [ended] = world.of(day.PromiseEnded)
    assert (ended.call_id, ended.by, ended.result) == (CALL, LINA.user_id, "spoke")


async def test_one_click_calls_the_customer(world: World) -> None:
    await talks(world)
    await promise(world, "2026-11-22T17:30")
    await world.ended()
    world.agents.change(LINA.user_id, endpoint=Endpoint("1001w"), state=State.READY)
    await world.agent("READY", "WRAP_UP", endpoint=Endpoint("1001w"))
    await world.settle()
    answer = await command(world, LINA, "promise.call", call_id=CALL, caller_id="400200")
    assert answer["ok"], answer
    [target] = [a[2] for a in world.switch.asked if a[0] == "originate"]
    assert (target.value, target.shown) == (f"+86{WANG}", "400200")


async def test_only_to_the_customer_of_ones_own_call_and_if_he_may_be_called(
    world: World,
) -> None:
    await talks(world, "110")
    assert (await promise(world))["error"]["id"] == "number_not_allowed"
    stranger = await command(world, TOM, "promise.make", call_id=CALL, due=TOMORROW)
    assert stranger["error"]["id"] == "not_your_call"
    assert world.of(day.PromiseMade) == []


async def test_somebody_elses_looks_as_if_there_were_none(world: World) -> None:
    await talks(world)
    await promise(world)
    for name, args in (
        ("promise.move", {"due": TOMORROW}),
        ("promise.snooze", {}),
        ("promise.take", {}),
        ("promise.end", {"result": "done"}),
        ("promise.call", {}),
    ):
        theirs = await command(world, TOM, name, call_id=CALL, **args)
        none = await command(world, TOM, name, call_id=TWO, **args)
        assert theirs["error"]["id"] == none["error"]["id"] == "no_such_promise", name


@pytest.mark.parametrize("due", ["2026-11-22T16:59", "2027-11-22T10:00", "2026-13-01T10:00"])
async def test_a_time_that_is_none_is_refused(world: World, due: str) -> None:
    await talks(world)
    assert (await promise(world, due))["error"]["id"] == "invalid_value"


async def test_a_hostile_note_is_one_plain_line_or_refused(world: World) -> None:
    await talks(world)
    assert (await promise(world, text="x" * 10_000))["error"]["id"] == "wrong_shape"
    await promise(world, text="<img src=x>\u202e\n\x00 tomorrow")
    assert callbacks(world)["mine"][0]["text"] == "<img src=x> tomorrow"


async def test_an_erased_customer_is_nobody_to_call(world: World) -> None:
    await talks(world)
    await promise(world)
    await world.happen(ev.SubjectErased, None, by="admin", call_ids=(CALL,))
    assert callbacks(world)["mine"] == []


def test_times_are_those_of_the_company() -> None:
    berlin, now = ZoneInfo("Europe/Berlin"), datetime(2026, 10, 20, tzinfo=UTC)
    assert instant("2026-10-21T10:15", berlin, now) == datetime(2026, 10, 21, 8, 15, tzinfo=UTC)
    assert instant("2026-10-25T02:30", berlin, now).hour == 0  # twice that night: the earlier
    with pytest.raises(InvalidValue):  # left out that night
        instant("2027-03-28T02:30", berlin, datetime(2027, 3, 1, tzinfo=UTC))


async def test_after_a_restart_it_stands_as_before(world: World) -> None:
    await talks(world)
    await promise(world)
    page = Page(world, LINA)
    await world.day.stop()
    world.day.promises = type(world.day.promises)()
    await world.day.start(world.told)
    world.clock.advance(2)
    await page.read()
    assert [p["call_id"] for p in page.sections["callbacks"]["mine"]] == [CALL]
