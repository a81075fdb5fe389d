"""The pop: who sees it, what stands in it, when it goes, how it is measured."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId
from screenpop.connection import CloseCode
from screenpop.desks import MAX_PAGES
from screenpop.pacing import TOLD_EVERY
from screenpop.service import ScreenPop
from tests.screenpop.conftest import (
    BOSS,
    CALL,
    CONFIG,
    LINA,
    SALES,
    TOM,
    TWO,
    WANG,
    FakePhones,
    Page,
    State,
    World,
)
from tests.until import until

pytestmark = pytest.mark.contract


async def _shown(world: World, page: Page, **kwargs: Any) -> None:
    """Show the call and play the socket's writer meanwhile."""
    task = asyncio.create_task(world.show(page.desk.user, **kwargs))
    while not task.done():
        await page.read()
    await task
    await world.settle()
    await page.read()


async def test_the_pop_says_who_why_and_how_long(world: World) -> None:
    await world.waiting()
    world.clock.advance(38)
    page = Page(world, LINA)
    await _shown(world, page)
    call = page.sections["call"]
    assert call["state"] == "offered"
    assert call["number"] == "138****8000"
    assert call["number_place"] == "Beijing"
    assert (call["number_masked"], call["can_reveal"]) == (True, False)
    assert (call["menu_path"], call["digits"], call["waited_s"]) == (["Billing"], "2", 38.0)
    assert (call["queue"], call["queue_label"]["zh"]) == ("sales", "销售")
    customer = page.sections["customer"]
    assert (customer["match"], customer["customer"]["name"]) == ("known", "王小明")


async def test_caller_and_call_come_together_without_waiting_for_a_database(world: World) -> None:
    await world.waiting()
    page = Page(world, LINA)
    await page.read()
    task = asyncio.create_task(world.show())
    sections = []
    while not task.done():
        sections += [m["section"] for m in await page.read()]
    assert sections == ["call", "customer"]


async def test_only_the_chosen_agent_sees_it(world: World) -> None:
    await world.waiting()
    lina, tom = Page(world, LINA), Page(world, TOM)
    await _shown(world, lina)
    await world.rings()
    await world.connected()
    await tom.read()
    assert tom.sections["call"] is None
    assert WANG not in str(tom.messages)
    assert "王小明" not in str(tom.messages)


async def test_no_number_leaves_unmasked(world: World) -> None:
    await world.offered(WANG, name=f"Wang {WANG}")
    await world.happen(ev.CallEnqueued, queue=SALES, enqueued_at=world.clock.now())
    page = Page(world, LINA)
    await _shown(world, page)
    await world.connected()
    await page.read()
    assert WANG not in str(page.messages)
    assert WANG[3:] not in str(page.messages).replace(" ", "")


async def test_sensitive_digits_never_appear(world: World) -> None:
    await world.waiting()
    sensitive: dict[str, Any] = {"node": "pin", "result": "match", "is_sensitive": True}
    await world.happen(ev.MenuInput, digits="987654", **sensitive)
    page = Page(world, LINA)
    await _shown(world, page)
    await world.connected()
    await page.read()
    assert page.sections["call"]["digits"] == "2"
    assert "987654" not in str(page.messages)


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "a\u202egnp", "x" * 1000, "=cmd()|'/C calc'!A0", "../../etc"],
)
async def test_hostile_names_stay_plain_data(world: World, name: str) -> None:
    await world.offered("13900139000", name=name)
    await world.happen(ev.CallEnqueued, queue=SALES, enqueued_at=world.clock.now())
    page = Page(world, LINA)
    await _shown(world, page)
    await world.connected()
    await page.read()
    shown = page.sections["call"]["caller_name"]
    assert page.sections["customer"]["customer"]["name"] == shown
    assert len(shown) <= 64
    assert "\u202e" not in str(page.sections)


async def test_ringing_talking_holding_and_wrapping_up(world: World) -> None:
    await world.waiting()
    page = Page(world, LINA)
    await _shown(world, page)
    states = []

    async def state() -> None:
        await page.read()
        states.append(page.sections["call"]["state"])

    await world.rings()
    await state()
    await world.connected()
    await world.agent("TALKING", "RINGING")
    await state()
    assert page.sections["ticket"]["dispositions"] == ["sold", "wrong number"]
    assert page.sections["ticket"]["disposition_labels"] == {"sold": {"en": "Sold", "zh": "已售"}}
    await world.happen(ev.RecordingStarted)
    await world.happen(ev.CallHeld, by="agent")
    await state()
    await world.happen(ev.CallRetrieved, by="agent")
    await world.happen(ev.LegMuted, leg_id=LegId("a"), is_muted=True)
    await state()
    assert (page.sections["call"]["muted"], page.sections["call"]["recording"]) == (True, "on")
    await world.happen(ev.AgentLegLost, endpoint=Endpoint("1001w"))
    await state()
    assert page.sections["call"]["auto_answer"]
    await world.connected()
    await state()
    await world.ended()
    await world.agent("WRAP_UP", "TALKING")
    await state()
    assert states == [
        "ringing",
        "talking",
        "on_hold",
        "talking",
        "agent_lost",
        "talking",
        "ended",
    ]
    assert page.sections["ticket"] is not None
    await world.agent("READY", "WRAP_UP")
    await page.read()
    assert (page.sections["call"], page.sections["customer"], page.sections["ticket"]) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize("how", ["released", "rona", "taken", "abandoned"])
async def test_the_pop_is_withdrawn(world: World, how: str) -> None:
    await world.waiting()
    page = Page(world, LINA)
    await _shown(world, page)
    await world.rings()
    if how == "released":
        await world.happen(ev.ReservationReleased, agent_id=LINA.user_id, reason="x")
    elif how == "rona":
        values: dict[str, Any] = {"queue": SALES, "reason": "no_answer"}
        await world.happen(ev.AgentDidNotAnswer, agent_id=LINA.user_id, **values)
    elif how == "taken":
        await world.connected(TOM)
    else:
        await world.ended()
    await page.read()
    assert (page.sections["call"], page.sections["customer"]) == (None, None)


async def test_somebody_elses_release_withdraws_nothing(world: World) -> None:
    await world.waiting()
    page = Page(world, LINA)
    await _shown(world, page)
    await world.happen(ev.ReservationReleased, agent_id=TOM.user_id, reason="x")
    await page.read()
    assert page.sections["call"]["state"] == "offered"


async def test_the_next_pop_replaces_the_last_call(world: World) -> None:
    await world.waiting()
    await world.waiting("anonymous", TWO)
    page = Page(world, LINA)
    await _shown(world, page)
    await world.connected()
    await world.ended()
    await _shown(world, page, call_id=TWO)
    assert page.sections["call"]["call_id"] == TWO
    assert page.sections["customer"]["match"] == "none"
    assert page.sections["ticket"] is None
    await world.happen(ev.CallHeld, by="agent")  # of the first: too late to matter
    assert page.sections["call"]["state"] == "offered"


async def test_the_three_delays_are_measured(world: World) -> None:
    await world.waiting()
    page = Page(world, LINA)
    chosen_at = world.clock.now()
    world.clock.advance(0.004)
    task = asyncio.create_task(world.pop.show(CALL, LINA.user_id, SALES, chosen_at, False))
    while not task.done():
        await page.read()
    token = page.sections["call"]["token"]
    world.clock.advance(0.010)
    world.pop.painted(LINA.user_id, CALL, "another token")
    world.pop.painted(TOM.user_id, CALL, token)
    assert world.of(ev.PopPainted) == []
    world.pop.painted(LINA.user_id, CALL, token)
    world.pop.painted(LINA.user_id, CALL, token)
    world.clock.advance(0.100)
    await world.rings()
    (sent,), (painted,), (timed,) = (world.of(k) for k in (ev.PopSent, ev.PopPainted, ev.PopTimed))
    assert sent.is_on_desktop
    assert painted.paint_time == timedelta(milliseconds=14)
    assert timed.socket_time == timedelta(milliseconds=4)
    assert (timed.paint_time, timed.ring_time) == (
        timedelta(milliseconds=14),
        timedelta(milliseconds=114),
    )
    await world.connected()
    assert len(world.of(ev.PopTimed)) == 1


async def test_a_pop_that_was_never_painted_is_measured_all_the_same(world: World) -> None:
    await world.waiting()
    page = Page(world, LINA)
    await _shown(world, page)
    await world.rings()
    await world.connected()
    (timed,) = world.of(ev.PopTimed)
    assert timed.paint_time is None
    assert timed.ring_time is not None


async def test_without_a_desktop_the_pop_returns_at_once(world: World) -> None:
    await world.waiting()
    await world.show()
    await world.show(call_id=CALL, agent=TOM)
    await world.pop.show(CALL, AgentId("nobody"), SALES, world.clock.now(), True)
    assert [sent.is_on_desktop for sent in world.of(ev.PopSent)] == [False, False, False]
    page = Page(world, TOM)  # a page that opens now shows what stands there
    await page.read()
    assert page.sections["call"]["call_id"] == CALL


async def test_waiting_for_the_paint(world: World) -> None:
    await world.waiting()
    page = Page(world, LINA)
    task = asyncio.create_task(world.show(paint=True))
    await until(lambda: world.of(ev.PopSent) or page.read())
    await page.read()
    assert not task.done()
    world.pop.painted(LINA.user_id, CALL, page.sections["call"]["token"])
    await asyncio.wait_for(task, 1)

    await world.waiting(call_id=TWO)
    task = asyncio.create_task(world.show(call_id=TWO, paint=True))
    await until(lambda: len(world.of(ev.PopSent)) == 2 or page.read())
    world.clock.advance(0.059)
    await asyncio.sleep(0)
    assert not task.done()
    world.clock.advance(0.002)
    await asyncio.wait_for(task, 1)


async def test_two_desktops_of_one_agent_the_newer_wins(world: World) -> None:
    first = Page(world, LINA)
    second = Page(world, LINA)
    assert first.connection.close_code is CloseCode.REPLACED
    assert [e.what for e in world.of(ev.SecurityNoted)] == ["desktop_replaced"]
    await world.waiting()
    await _shown(world, second)
    assert second.sections["call"]["call_id"] == CALL
    world.pop.close(
        first.desk, first.connection
    )  # the old one's end doesn't take the new one along
    assert second.desk.pages == [second.connection]


async def test_tabs_of_one_browser_show_the_same(world: World) -> None:
    first, second = Page(world, LINA, page="a"), Page(world, LINA, page="b")
    await world.waiting()
    await _shown(world, first)
    await second.read()
    assert first.sections == second.sections
    assert world.of(ev.SecurityNoted) == []
    again = Page(world, LINA, page="a")  # its old connection is still half open
    assert first.connection.close_code is CloseCode.REPLACED
    assert again.desk.pages == [second.connection, again.connection]
    elsewhere = Page(world, LINA, browser="another", page="c")
    assert elsewhere.desk.pages == [elsewhere.connection]


async def test_so_many_tabs_and_no_more(world: World) -> None:
    pages = [Page(world, LINA, page=str(n)) for n in range(MAX_PAGES + 1)]
    assert pages[-1].desk.pages == [page.connection for page in pages[1:]]
    assert pages[0].connection.close_code is CloseCode.REPLACED


async def test_a_tab_that_does_not_read_holds_up_no_pop(world: World) -> None:
    asleep, awake = Page(world, LINA, page="a"), Page(world, LINA, page="b")
    await world.waiting()
    await _shown(world, awake)
    assert [e.is_on_desktop for e in world.of(ev.PopSent)] == [True]
    asleep.connection.close(CloseCode.TOO_SLOW)
    awake.connection.close(CloseCode.GOING_AWAY)
    assert await awake.desk.written() is False


async def test_the_directory_is_told_while_one_tab_looks(world: World) -> None:
    first, second = Page(world, LINA, page="a"), Page(world, LINA, page="b")
    watch = world.pop.directory.watch
    watch(first.desk, first.connection, True)
    watch(first.desk, second.connection, True)
    world.pop.close(first.desk, first.connection)
    await second.read()
    assert second.sections["directory"] is not None
    watch(first.desk, second.connection, False)
    await second.read()
    assert second.sections["directory"] is None


async def test_a_slow_desktop_is_cut_and_costs_nobody(world: World) -> None:
    slow, other = Page(world, LINA), Page(world, TOM)
    for n in range(600):
        figures: dict[str, Any] = {"queue": SALES, "waiting": n, "longest_since": None, "ready": 1}
        await world.happen(ev.QueueChanged, None, **figures)
        world.clock.advance(TOLD_EVERY.total_seconds())
        if n % 50 == 0:
            await other.read()
    assert slow.connection.close_code is CloseCode.TOO_SLOW
    await other.read()
    assert other.connection.close_code is None
    assert other.sections["queues"][0]["waiting"] == 599


async def test_figures_of_queues_come_at_once_and_then_not_too_often(world: World) -> None:
    page, every = Page(world, LINA), TOLD_EVERY.total_seconds()
    await page.read()

    async def told() -> list[int]:
        messages = [m for m in await page.read() if m.get("section") == "queues"]
        return [m["value"][0]["waiting"] for m in messages]

    async def change(waiting: int) -> None:
        figures: dict[str, Any] = {"queue": SALES, "longest_since": None, "ready": 1}
        await world.happen(ev.QueueChanged, None, waiting=waiting, **figures)

    await change(1)
    world.clock.advance(0)
    assert await told() == [1]
    await change(2)
    await change(3)
    world.clock.advance(0.9 * every)
    assert await told() == []
    world.clock.advance(0.1 * every)
    assert await told() == [3]
    world.clock.advance(every)
    assert await told() == []


async def test_a_page_that_comes_back_gets_what_it_missed(world: World) -> None:
    page = Page(world, LINA)
    await page.read()
    boot, seq = page.messages[0]["boot"], page.messages[-1]["seq"]
    page.desk.detach(page.connection)
    await world.waiting()
    await world.show()
    back = Page(world, LINA, boot, seq)
    fresh = await back.read()
    assert {m["type"] for m in fresh} == {"update"}
    assert [m["seq"] for m in fresh] == list(range(seq + 1, seq + 1 + len(fresh)))
    merged = {**page.sections, **back.sections}
    assert merged == dict(back.desk.state.sections)

    other_boot = Page(world, LINA, "other", seq)
    assert [m["type"] for m in await other_boot.read()] == ["snapshot"]
    ahead = Page(world, LINA, boot, 10_000)
    assert [m["type"] for m in await ahead.read()] == ["snapshot"]


async def test_a_conversation_that_was_never_popped_is_shown(world: World) -> None:
    """Asterisk's own Queue() rang the agent, or the service was started again in mid-call."""
    page = Page(world, LINA)
    await world.offered()
    await world.happen(ev.CallFellBack, queue=SALES)
    await world.connected()
    await page.read()
    assert page.sections["call"]["state"] == "talking"
    assert page.sections["customer"]["customer"]["name"] == "王小明"

    recovered: dict[str, Any] = {"leg_id": LegId("x"), "ani": WANG, "endpoint": Endpoint("1002")}
    await world.happen(ev.CallRecovered, TWO, state="on_hold", **recovered)
    tom = Page(world, TOM)
    await tom.read()
    assert tom.sections["call"]["state"] == "on_hold"


async def test_agent_phone_and_queues_follow_the_acd(world: World) -> None:
    page = Page(world, LINA)
    endpoint = Endpoint("1001w")
    world.agents.change(LINA.user_id, state=State.READY, endpoint=endpoint, phone="idle")
    await world.agent("READY", "NOT_READY")
    await page.read()
    assert page.sections["agent"]["state"] == "READY"
    phone = page.sections["phone"]
    assert (phone["kind"], phone["state"], phone["sip"]["user"]) == ("browser", "idle", "1001w")
    world.agents.change(LINA.user_id, phone="unavailable", notice="phone_unavailable")
    await world.happen(ev.PhoneStateChanged, None, endpoint=endpoint, state="unavailable")
    await page.read()
    assert page.sections["phone"]["state"] == "unavailable"
    assert "not registered" in page.sections["agent"]["notice"]
    world.agents.change(LINA.user_id, endpoint=Endpoint("1001"))
    await world.agent("READY", "READY")
    await page.read()
    assert page.sections["phone"]["kind"] == "desk"
    assert page.sections["phone"]["sip"] is None


async def test_somebody_who_takes_no_calls_has_a_quiet_desktop(world: World) -> None:
    page = Page(world, BOSS)
    await page.read()
    assert page.sections["agent"]["state"] == "LOGGED_OUT"
    assert page.sections["queues"] == []


async def test_the_link_to_the_switch_is_told(world: World) -> None:
    page = Page(world, LINA)
    await world.happen(ev.SwitchLinkChanged, None, is_up=True)
    await page.read()
    assert page.sections["link"] == {"switch": "up", "text": ""}


async def test_the_browser_phone_reports_ready_only_when_it_is_free(world: World) -> None:
    Page(world, LINA)
    world.pop.phone_told(LINA.user_id, True, False)
    assert world.agents.asked == []  # not signed in with a browser phone
    world.agents.change(LINA.user_id, endpoint=Endpoint("1001w"))
    await world.agent("READY", "LOGGED_OUT")
    world.pop.phone_told(LINA.user_id, False, False)
    world.pop.phone_told(LINA.user_id, True, True)
    assert world.agents.asked == []
    world.pop.phone_told(LINA.user_id, True, False)
    assert world.agents.asked == [("phone_ready", LINA.user_id)]


async def test_the_day_is_counted(world: World) -> None:
    page = Page(world, LINA)
    await world.agent("READY", "NOT_READY")
    world.clock.advance(60)
    await world.waiting()
    await world.agent("TALKING", "READY", call_id=CALL)
    await world.connected()
    answered: dict[str, Any] = {"queue": SALES, "wait_time": timedelta(0)}
    await world.happen(ev.CallAnswered, agent_id=LINA.user_id, **answered)
    world.clock.advance(100)
    await world.happen(ev.CallHeld, by="agent")
    world.clock.advance(20)
    await world.happen(ev.CallRetrieved, by="agent")
    await world.ended()
    await world.agent("WRAP_UP", "TALKING", call_id=CALL)
    world.clock.advance(30)
    await world.agent("READY", "WRAP_UP")
    await page.read()
    today = {"calls": 1, "talk_s": 100.0, "hold_s": 20.0, "wrap_up_s": 30.0, "missed": 0}
    assert page.sections["today"] == today | {"occupancy": 0.714, "team": None}


async def test_a_restart_takes_up_calls_desktops_and_the_day(world: World) -> None:
    await world.agent("READY", "NOT_READY")
    world.clock.advance(60)
    await world.waiting()
    await world.show(LINA)
    await world.rings()
    await world.waiting("13900139000", TWO)
    await world.show(TOM, TWO)
    await world.rings(TOM, TWO)
    await world.connected(TOM, TWO)
    await world.agent("TALKING", "RINGING", TOM, call_id=TWO)
    await world.happen(ev.CallHeld, TWO, by="agent")
    await world.happen(ev.SwitchLinkChanged, None, is_up=True)
    past = list(world.told)

    fresh = ScreenPop(
        world.bus, world.clock, world.tickets.office, FakePhones(), world.tickets.plan, CONFIG
    )
    await fresh.start([LINA, TOM], world.agents)
    fresh.restore(past)
    world.pop, before = fresh, world.pop
    await world.settle()
    for user in (LINA, TOM):
        old, new = before.desks.get(user.user_id), fresh.desks.get(user.user_id)
        assert old is not None
        assert new is not None
        for pop, desk in ((before, old), (fresh, new)):
            pop.figures.changed(desk)  # both up to now
        for section in ("customer", "ticket", "today"):
            assert new.state.sections[section] == old.state.sections[section], section
        was, is_now = old.state.sections["call"], new.state.sections["call"]
        assert was is not None
        assert is_now == {**was, "token": is_now["token"] if is_now else ""}
        assert new.state.sections["link"]["switch"] == "down"  # of the present nothing is known yet
    assert len(world.of(ev.PopSent)) == len([e for e in past if isinstance(e, ev.PopSent)])
    await fresh.stop()
    world.pop = before


async def test_many_calls_leave_nothing_behind(world: World) -> None:
    page = Page(world, LINA)
    for n in range(30):
        call_id = CallId(f"pbx1-{n}.1-1")
        await world.waiting(call_id=call_id)
        await _shown(world, page, call_id=call_id)
        if n % 3 == 0:
            await world.connected(call_id=call_id)
            await world.agent("TALKING", "RINGING")
        elif n % 3 == 1:
            await world.happen(ev.ReservationReleased, call_id, agent_id=LINA.user_id, reason="x")
        await world.ended(call_id)
        if n % 3 == 0:
            await world.agent("READY", "TALKING")
        await page.read()
    pop = world.pop
    assert (pop._facts, pop._on, pop._stands, pop._times, pop._painted) == ({}, {}, {}, {}, {})
    assert pop.lookups._known == {}
    assert page.sections["call"] is None
