"""Missed calls: who is listed where, what closes an entry, and who may call back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cti.domain import day_events as day
from cti.domain import events as ev
from cti.domain.callback_events import CallbackEnded, CallbackRequested
from cti.domain.ids import CallId, Endpoint, LegId
from cti.domain.people import User
from tests.screenpop.conftest import BOSS, CALL, LINA, SALES, TOM, TWO, WANG, Page, State, World

pytestmark = pytest.mark.contract

THREE = CallId("pbx1-3.1-1")
HERS = "13900139000"
_ids = iter(range(10_000))


async def give_up(world: World, ani: str = WANG, call_id: CallId = CALL) -> None:
    """A caller waits for a minute and hangs up."""
    await world.waiting(ani, call_id)
    world.clock.advance(60)
    await world.ended(call_id)
    world.clock.advance(1)


async def called(world: World, ani: str = WANG, call_id: CallId = TWO) -> None:
    """Lina calls somebody, and he answers."""
    phone = Endpoint("1001w")
    world.bus.publish(
        ev.CallOffered(
            at=world.clock.now(), call_id=call_id, leg_id=LegId("o"), direction="outbound",
            endpoint=phone, ani=ani,
        )
    )  # fmt: skip
    world.bus.publish(
        ev.CallConnected(at=world.clock.now(), call_id=call_id, leg_id=LegId("o"), endpoint=phone)
    )
    await world.agent("TALKING", "READY", call_id=call_id, kind="outbound")


async def command(world: World, user: User, name: str, **args: Any) -> dict[str, Any]:
    desk = world.pop.desks.get(user.user_id)
    assert desk is not None
    return await world.commands.execute(desk, f"c{next(_ids)}", name, args)


def missed(world: World, user: User = LINA) -> dict[str, Any]:
    """A person's list, when what was told late has been told."""
    world.clock.advance(2)
    desk = world.pop.desks.get(user.user_id)
    assert desk is not None
    return dict(desk.state.sections["missed"])


async def test_who_gives_up_stands_once_however_often_he_calls(world: World) -> None:
    await give_up(world)
    await give_up(world, "0086 138 0013 8000", TWO)
    await give_up(world, HERS, THREE)
    await world.settle()
    newest, first = missed(world)["open"]
    assert (newest["call_id"], newest["count"]) == (THREE, 1)
    assert (first["call_id"], first["count"]) == (CALL, 2)
    assert first["number"] == "138****8000"
    assert first["name"] == "王小明"
    assert first["queue_label"] == {"en": "Sales", "zh": "销售"}
    assert missed(world, TOM)["open"] == []  # he serves another queue
    assert len(missed(world, BOSS)["open"]) == 2


@pytest.mark.parametrize("ani", ["", "anonymous", "1002", "<script>"])
async def test_whom_nobody_can_call_has_no_entry(world: World, ani: str) -> None:
    await give_up(world, ani)
    assert missed(world)["open"] == []


async def test_a_caller_in_a_menu_has_missed_nobody(world: World) -> None:
    await world.offered()
    await world.ended()
    assert missed(world)["open"] == []


async def test_it_closes_when_he_gets_through_to_anybody(world: World) -> None:
    await give_up(world)
    await world.offered(call_id=TWO)  # direct, and to somebody who serves another queue
    await world.connected(TOM, TWO)
    await world.agent("TALKING", "READY", TOM, call_id=TWO, kind="direct")
    list_of = missed(world)
    assert list_of["open"] == []
    [closed] = list_of["closed"]
    assert (closed["how"], closed["closed_by"]) == ("got_through", "Tom")
    await world.ended(TWO)
    await give_up(world, call_id=THREE)  # from now on it is another matter
    assert [e["call_id"] for e in missed(world)["open"]] == [THREE]


async def test_who_was_rung_and_let_it_pass_sees_it_until_somebody_speaks_with_him(
    world: World,
) -> None:
    await world.waiting()
    await world.agent("RINGING", "READY", TOM, call_id=CALL, kind="queue")
    await world.happen(ev.AgentDidNotAnswer, agent_id=TOM.user_id, queue=SALES, reason="no_answer")
    assert missed(world, TOM)["open"] == []  # he still waits: somebody else is asked
    await world.ended()
    [entry] = missed(world, TOM)["open"]
    assert entry["agents"] == [TOM.user_id]


async def test_a_direct_call_is_missed_by_whose_phone_rang(world: World) -> None:
    await world.offered()
    await world.happen(ev.LegDialled, leg_id=LegId("a"), endpoint=Endpoint("1002"))
    await world.ended()
    assert [e["phones"] for e in missed(world, TOM)["open"]] == [["1002"]]
    assert missed(world, LINA)["open"] == []


async def test_called_back_and_what_came_of_it(world: World) -> None:
    await give_up(world)
    await called(world)
    await world.happen(ev.DispositionSet, TWO, ticket_id=1, disposition="sold", by="u1")
    [closed] = missed(world)["closed"]
    assert (closed["how"], closed["closed_by"], closed["result"]) == (
        "called_back", LINA.name, "sold"
    )  # fmt: skip
    assert closed["result_label"] == {"en": "Sold", "zh": "已售"}


async def test_who_was_not_reached_stays_with_the_attempt(world: World) -> None:
    await give_up(world)
    offered: dict[str, Any] = {
        "leg_id": LegId("o"),
        "direction": "outbound",
        "endpoint": Endpoint("1001w"),
    }
    await world.happen(ev.CallOffered, TWO, ani=WANG, **offered)
    await world.happen(ev.DialFailed, TWO, result="busy", cause=17)
    await world.ended(TWO)
    [entry] = missed(world)["open"]
    assert (entry["tries"], entry["last_try"]) == (1, "busy")


async def test_a_callback_that_stands_is_no_missed_call_until_it_expires(world: World) -> None:
    await world.waiting()
    now = world.clock.now()
    asked: dict[str, Any] = {"queue": SALES, "enqueued_at": now, "expires_at": now, "number": WANG}
    await world.happen(CallbackRequested, **asked)
    await world.ended()
    assert missed(world)["open"] == []
    await world.happen(CallbackEnded, queue=SALES, result="expired", reason="time")
    assert [e["call_id"] for e in missed(world)["open"]] == [CALL]


async def test_one_click_takes_and_calls(world: World) -> None:
    await give_up(world)
    world.agents.change(LINA.user_id, endpoint=Endpoint("1001w"), state=State.READY)
    await world.agent("READY", "NOT_READY", endpoint=Endpoint("1001w"))
    await world.settle()
    answer = await command(world, LINA, "missed.call", call_id=CALL)
    assert answer["ok"], answer
    [(_, endpoint, target, _)] = [a for a in world.switch.asked if a[0] == "originate"]
    assert (endpoint, target.kind, target.value) == ("1001w", "outside", f"+86{WANG}")
    [entry] = missed(world, BOSS)["open"]
    assert (entry["taken_by"], entry["taken_name"]) == (LINA.user_id, LINA.name)
    refused = await command(world, BOSS, "missed.take", call_id=CALL)
    assert refused["error"]["id"] == "entry_taken"


async def test_a_call_that_never_began_gives_the_entry_back(world: World) -> None:
    await give_up(world)
    world.agents.change(LINA.user_id, endpoint=Endpoint("1001w"), state=State.READY)
    await world.agent("READY", "NOT_READY", endpoint=Endpoint("1001w"))
    await world.settle()
    world.switch.is_mute = True
    answer = await command(world, LINA, "missed.call", call_id=CALL)
    assert not answer["ok"]
    assert missed(world)["open"][0]["taken_by"] == ""


async def test_of_two_who_take_it_at_once_one_has_it(world: World) -> None:
    await give_up(world)
    answers = await asyncio.gather(
        command(world, LINA, "missed.take", call_id=CALL),
        command(world, BOSS, "missed.take", call_id=CALL),
    )
    assert sorted(a["ok"] for a in answers) == [False, True]
    assert [a["error"]["id"] for a in answers if not a["ok"]] == ["entry_taken"]
    assert len(world.of(day.MissedTaken)) == 1


async def test_taken_lasts_a_while_and_can_be_given_back(world: World) -> None:
    await give_up(world)
    assert (await command(world, LINA, "missed.take", call_id=CALL))["ok"]
    world.clock.advance(16 * 60)
    assert missed(world, BOSS)["open"][0]["taken_by"] == ""
    assert (await command(world, BOSS, "missed.take", call_id=CALL))["ok"]
    refused = await command(world, LINA, "missed.release", call_id=CALL)
    assert refused["error"]["id"] == "not_taken"
    assert (await command(world, BOSS, "missed.release", call_id=CALL))["ok"]
    assert (await command(world, LINA, "missed.close", call_id=CALL, result="no_need"))["ok"]
    [closed] = missed(world)["closed"]
    assert (closed["how"], closed["result"]) == ("by_hand", "no_need")


@pytest.mark.parametrize("name", ["missed.call", "missed.take", "missed.release"])
async def test_somebody_elses_entry_looks_as_if_there_were_none(world: World, name: str) -> None:
    await give_up(world)
    theirs = await command(world, TOM, name, call_id=CALL)
    none = await command(world, TOM, name, call_id=THREE)
    assert theirs["error"]["id"] == none["error"]["id"] == "no_such_entry"
    assert theirs["error"]["values"] == none["error"]["values"]
    assert world.of(day.MissedTaken) == []


@pytest.mark.parametrize(
    "args", [{"call_id": "x" * 10_000}, {"call_id": "../etc"}, {}, {"call_id": 7}]
)
async def test_nonsense_is_refused(world: World, args: dict[str, Any]) -> None:
    answer = await command(world, LINA, "missed.take", **args)
    assert answer["error"]["id"] in ("wrong_shape", "invalid_value")


async def test_retention_and_erasure_leave_nothing(world: World) -> None:
    await give_up(world)
    await give_up(world, HERS, TWO)
    await world.happen(ev.SubjectErased, None, by="admin", call_ids=(CALL,))
    assert [e["call_id"] for e in missed(world)["open"]] == [TWO]
    world.clock.advance(4 * 86_400)
    assert missed(world)["open"] == []


async def test_a_burst_of_callers_is_few_messages(world: World) -> None:
    page = Page(world, LINA)
    await page.read()
    for n in range(50):
        await give_up_at_once(world, CallId(f"pbx1-{n + 10}.1-1"), f"1380013{n:04}")
    world.clock.advance(3)
    told = [m for m in await page.read() if m.get("section") == "missed"]
    assert 1 <= len(told) <= 2
    assert len(page.sections["missed"]["open"]) == 50


async def give_up_at_once(world: World, call_id: CallId, ani: str) -> None:
    now = world.clock.now()
    world.bus.publish(ev.CallOffered(at=now, call_id=call_id, leg_id=LegId("c"), ani=ani))
    world.bus.publish(ev.CallEnqueued(at=now, call_id=call_id, queue=SALES, enqueued_at=now))
    world.bus.publish(ev.CallEnded(at=now, call_id=call_id, cause=16, ended_by="caller"))


async def test_hostile_names_are_plain_text(world: World) -> None:
    await world.offered(HERS, "<b>\u202eevil</b>" + "x" * 10_000)
    await world.happen(ev.CallEnqueued, queue=SALES, enqueued_at=world.clock.now())
    await world.ended()
    await world.settle()
    [entry] = missed(world)["open"]
    assert "\u202e" not in entry["name"]
    assert len(entry["name"]) <= 100
