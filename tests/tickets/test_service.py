"""Calls become files and tickets by themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId
from tests.tickets.conftest import CALL, COMPANY, SALES, SHARED, WANG, World
from tests.until import until
from tickets.model import CallFile
from tickets.ports import Files, TicketStore
from tickets.samples import seed_customers

pytestmark = pytest.mark.contract

TWO = CallId("pbx1-2.1-1")


async def _file(world: World, call_id: CallId = CALL) -> CallFile:
    file = await world.tickets.store.read(lambda files: files.call(call_id))
    assert file is not None
    return file


@pytest.mark.parametrize(
    ("ani", "match", "count"),
    [(WANG, "known", 1), (SHARED, "maybe", 2), ("13900139000", "none", 0)],
)
async def test_caller_is_identified_when_the_call_comes(
    world: World, ani: str, match: str, count: int
) -> None:
    await world.offered(ani)
    (told,) = [e for e in world.told if isinstance(e, ev.CallerIdentified)]
    assert (told.match, len(told.customer_ids)) == (match, count)
    view = await world.tickets.office.caller(CALL)
    assert view is not None
    assert view.match == match
    assert len(view.candidates) == (2 if match == "maybe" else 0)
    assert (view.customer is not None) == (match == "known")


async def test_a_known_callers_ticket_carries_the_whole_journey(world: World) -> None:
    await world.offered(WANG)
    entered: dict[str, Any] = {"flow": "main", "flow_version": 1}
    await world.happen(ev.MenuEntered, node="a", label="Billing", **entered)
    await world.happen(ev.MenuInput, node="a", result="match", digits="2")
    await world.happen(ev.MenuEntered, node="pin", label="Invoice", **entered)
    await world.happen(ev.MenuInput, node="pin", result="match", digits="4711", is_sensitive=True)
    await world.enqueued()
    world.clock.advance(38)
    missed: dict[str, Any] = {"agent_id": AgentId("u9"), "queue": SALES, "reason": "no_answer"}
    await world.happen(ev.AgentDidNotAnswer, **missed)
    await world.connected()
    await world.happen(
        ev.CallAnswered, agent_id=AgentId("u1"), queue=SALES, wait_time=timedelta(seconds=38)
    )
    world.clock.advance(10)
    await world.happen(ev.CallHeld, by="agent")
    world.clock.advance(5)
    await world.happen(ev.CallRetrieved, by="agent")
    await world.ended()
    await world.recorded()

    (opened,) = world.opened()
    assert opened.reason == "connected"
    attached = [e for e in world.told if isinstance(e, ev.RecordingAttached)]
    assert [e.ticket_id for e in attached] == [opened.ticket_id]
    ticket = await world.tickets.office.ticket(CALL)
    assert ticket is not None
    assert ticket.subject == "Billing › Invoice"
    assert ticket.dispositions == ("sold", "wrong number")
    assert [(item.what, item.text) for item in ticket.timeline] == [
        ("menu", "Billing"),
        ("digits", "2"),
        ("menu", "Invoice"),
        ("queue", "sales"),
        ("missed", "no_answer"),
        ("talk", "李娜"),
        ("hold", ""),
        ("retrieved", ""),
        ("ended", "caller"),
        ("recording", ""),
    ]
    assert ticket.timeline[-1].recording_id == "rec1"
    file = await _file(world)
    assert (file.hold_time, file.duration_time) == (timedelta(seconds=5), timedelta(seconds=15))
    assert file.outcome == "answered"


async def test_history_of_a_known_caller(world: World) -> None:
    for n in range(12):
        call_id = CallId(f"pbx1-{n}.1-1")
        await world.talk(WANG, call_id)
        world.clock.advance(60)
        await world.ended(call_id)
    await world.offered(WANG, call_id=CallId("pbx1-99.1-1"))
    view = await world.tickets.office.caller(CallId("pbx1-99.1-1"))
    assert view is not None
    assert len(view.history) == 10
    latest = view.history[0]
    assert (latest.call_id, latest.outcome, latest.agent_name, latest.queue) == (
        "pbx1-11.1-1",
        "answered",
        "李娜",
        "sales",
    )
    assert latest.duration_time == timedelta(minutes=1)


async def test_an_unknown_caller_gets_file_and_ticket(world: World) -> None:
    await world.talk("13900139000", name="Zhang\u202e\r\nWei 13900139000")
    (opened,) = world.opened()
    view = await world.tickets.office.caller(CALL)
    assert view is not None
    assert view.match == "none"
    assert view.customer is not None
    assert view.customer.customer_id == opened.customer_id
    assert view.customer.name == "Zhang Wei ****"
    assert not view.customer.is_provisional
    await world.offered("13900139000", call_id=TWO)
    again = await world.tickets.office.caller(TWO)
    assert again is not None
    assert again.match == "known"


async def test_two_calls_of_one_unknown_number_share_the_file(world: World) -> None:
    await world.offered("13900139000")
    await world.offered("13900139000", call_id=TWO)
    await world.connected()
    await world.connected(TWO)
    first, second = world.opened()
    assert first.customer_id == second.customer_id
    assert first.ticket_id != second.ticket_id


async def test_one_ticket_a_call_however_often_it_connects(world: World) -> None:
    await world.talk(WANG)
    await world.enqueued()
    await world.connected()
    await world.ended()
    assert len(world.opened()) == 1


async def test_an_abandoned_call_opens_a_ticket(world: World) -> None:
    await world.offered(WANG)
    await world.enqueued()
    await world.happen(ev.CallAbandoned, queue=SALES, wait_time=timedelta(seconds=9))
    await world.ended()
    (opened,) = world.opened()
    assert opened.reason == "abandoned"
    assert (await _file(world)).outcome == "abandoned"


async def test_a_call_that_ends_in_the_menu_opens_none(world: World) -> None:
    await world.offered(WANG)
    await world.ended()
    assert world.opened() == []
    assert (await _file(world)).outcome == "menu"


async def test_internal_calls_open_none(world: World) -> None:
    leg = LegId("x")
    await world.happen(ev.CallOffered, leg_id=leg, ani="1001", direction="internal")
    await world.connected()
    assert world.opened() == []


@pytest.mark.parametrize("ani", ["", "anonymous", "1" * 40, "<script>", "王"])
async def test_nameless_callers_get_a_provisional_file_that_goes_if_untouched(
    world: World, ani: str
) -> None:
    await world.talk(ani)
    view = await world.tickets.office.caller(CALL)
    assert view is not None
    assert view.customer is not None
    assert view.customer.is_provisional
    world.clock.advance(3600)
    assert await world.tickets.service.sweep() == []  # still talking
    await world.ended()
    world.clock.advance(15 * 60)
    await world.tickets.service.idle()
    after = await world.tickets.office.caller(CALL)
    assert after is not None
    assert after.customer is None
    ticket = await world.tickets.office.ticket(CALL)
    assert ticket is not None  # the call happened: its ticket stays
    assert ticket.customer_id is None


async def test_a_touched_provisional_file_stays(world: World) -> None:
    await world.talk("anonymous")
    (opened,) = world.opened()
    await world.tickets.office.write_note(opened.ticket_id, "wants a call back", 0)
    await world.ended()
    world.clock.advance(3600)
    await world.tickets.service.idle()
    view = await world.tickets.office.caller(CALL)
    assert view is not None
    assert view.customer is not None


async def test_a_wrong_numbers_new_file_goes_but_never_an_old_one(world: World) -> None:
    await world.talk("13900139000")
    await world.talk(WANG, TWO)
    for opened in world.opened():
        await world.tickets.office.set_disposition(
            opened.ticket_id, opened.call_id, "wrong number", "u1"
        )
    await world.ended()
    await world.ended(TWO)
    world.clock.advance(15 * 60)
    await world.tickets.service.idle()
    read = world.tickets.store.read
    assert await read(lambda files: files.customers_with("+8613900139000")) == []
    assert len(await read(lambda files: files.customers_with("+8613800138000"))) == 1


async def test_a_restart_continues_the_file_of_a_live_call(
    world: World, store: TicketStore
) -> None:
    await world.talk(WANG)
    fresh = type(world.tickets.service)(
        store, world.bus, world.clock, world.tickets.service._accounts, world.tickets.plan
    )
    await world.tickets.stop()
    await fresh.start()
    recovered: dict[str, Any] = {
        "leg_id": LegId("x"),
        "state": "talking",
        "endpoint": Endpoint("1001w"),
    }
    await world.happen(ev.CallRecovered, ani=WANG, **recovered)
    await fresh.idle()
    await world.ended()
    await fresh.idle()
    assert len(world.opened()) == 1
    assert (await _file(world)).outcome == "answered"
    await fresh.stop()


async def test_a_call_met_first_in_a_repair_gets_its_ticket(world: World) -> None:
    recovered: dict[str, Any] = {
        "leg_id": LegId("x"),
        "state": "talking",
        "endpoint": Endpoint("1001w"),
    }
    await world.happen(ev.CallRecovered, ani=WANG, **recovered)
    assert [e.reason for e in world.opened()] == ["connected"]


async def test_events_of_unknown_calls_are_left_alone(world: World) -> None:
    await world.ended(CallId("pbx1-7.7-7"))
    assert await world.tickets.office.caller(CallId("pbx1-7.7-7")) is None


async def test_seeding_twice_adds_nobody_twice(world: World) -> None:
    at = world.clock.now()
    plan = world.tickets.plan
    assert await seed_customers(world.tickets.store, COMPANY.customers, plan, at) == 0


async def test_a_store_that_fails_for_a_while_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.offered(WANG)
    real_write = world.tickets.store.write
    failures = 9

    async def failing(work: Callable[[Files], Any], *, may_wait: bool = False) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError("no space left on device")
        return await real_write(work, may_wait=may_wait)

    monkeypatch.setattr(world.tickets.store, "write", failing)
    at = world.clock.now()
    world.bus.publish(
        ev.CallConnected(at=at, call_id=CALL, leg_id=LegId("a"), endpoint=Endpoint("1001"))
    )

    def opened() -> bool:
        world.clock.advance(1)
        return bool(world.opened())

    await until(opened)
