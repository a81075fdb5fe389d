"""The contract of overflow: a rule takes a waiting caller out of his queue; fake and real Asterisk alike."""

from __future__ import annotations

from datetime import timedelta

from cti.asterisk.session import AgiSession
from cti.domain import events as ev
from cti.domain.call import CallState
from cti.domain.ways_out import OverflowWay
from tests.contracts.switch_rig import Rig
from tests.contracts.switch_suite import ANN, RING
from tests.contracts.transfer_suite import call_of

TO_HELP = OverflowWay("wait", "queue", "help")


async def test_to_another_queue_with_his_place(rig: Rig) -> None:
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        start = len(rig.bus.seen)
        await rig.switch.control.overflow(waiting.call_id, TO_HELP)
        again = await rig.event(ev.CallEnqueued, after=start)
        assert (again.queue, again.attempt) == ("help", 0)
        assert (again.enqueued_at, again.credit_time) == (waiting.enqueued_at, waiting.credit_time)
        assert rig.bus.names(start) == ["CallOverflowed", "CallEnqueued"]
        told = await rig.event(ev.CallOverflowed)
        assert (told.queue, told.reason) == ("sales", "wait")
        assert (told.target_kind, told.target) == ("queue", "help")
        assert timedelta(0) <= told.wait_time <= told.at - waiting.enqueued_at
        assert call_of(rig, waiting.call_id).state is CallState.WAITING


async def test_to_another_queue_with_a_new_place(rig: Rig) -> None:
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        later = waiting.enqueued_at + timedelta(milliseconds=20)
        await rig.until(lambda: rig.clock.now() > later)
        start = len(rig.bus.seen)
        way = OverflowWay(
            "length", "queue", "help", keeps_place=False, credit_time=timedelta(seconds=7)
        )
        await rig.switch.control.overflow(waiting.call_id, way)
        again = await rig.event(ev.CallEnqueued, after=start)
        assert (again.queue, again.credit_time) == ("help", timedelta(seconds=7))
        assert again.enqueued_at > waiting.enqueued_at


async def test_into_a_flow_by_its_name_and_back_with_his_place(rig: Rig) -> None:
    seen: list[str] = []

    async def leads(session: AgiSession) -> None:
        seen.append(session.environment.get("network_script"))
        if len(seen) == 1:
            await session.set_variable("RD_QUEUE", "sales")
        await session.set_variable("RD_NEXT", "wait")

    rig.script = leads
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        start = len(rig.bus.seen)
        way = OverflowWay("estimate", "voicemail", "_voicemail_sales")
        await rig.switch.control.overflow(waiting.call_id, way)
        again = await rig.event(ev.CallEnqueued, after=start)
        assert (again.queue, again.enqueued_at) == ("sales", waiting.enqueued_at)
        assert [script.rpartition("ivr")[2] for script in seen] == [
            "",
            "?flow=_voicemail_sales&place=keep",
        ]
        assert rig.bus.names(start) == ["CallOverflowed", "CallEnqueued"]


async def test_a_flow_that_says_goodbye(rig: Rig) -> None:
    async def leads(session: AgiSession) -> None:
        is_first = not session.environment.query
        await session.set_variable("RD_QUEUE", "sales")
        await session.set_variable("RD_NEXT", "wait" if is_first else "hangup")

    rig.script = leads
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        way = OverflowWay("no_agents", "voicemail", "_voicemail_sales", keeps_place=False)
        await rig.switch.control.overflow(waiting.call_id, way)
        await rig.event(ev.CallEnded)
        await rig.gone(waiting.call_id)


async def test_a_flow_whose_service_dies_leaves_him_in_the_fallback_with_his_place(
    rig: Rig,
) -> None:
    async def dies(session: AgiSession) -> None:
        await session.set_variable("RD_QUEUE", "sales")
        if not session.environment.query:
            await session.set_variable("RD_NEXT", "wait")

    rig.script = dies
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        start = len(rig.bus.seen)
        way = OverflowWay("wait", "menu", "main")
        await rig.switch.control.overflow(waiting.call_id, way)
        fallen = await rig.event(ev.CallFellBack, after=start)
        assert fallen.queue == "sales"
        await rig.switch.control.take_back(waiting.call_id)
        again = await rig.event(ev.CallEnqueued, after=start)
        assert again.enqueued_at == waiting.enqueued_at


async def test_a_queue_that_is_not_there_leaves_him_where_he_is(rig: Rig) -> None:
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        start = len(rig.bus.seen)
        await rig.switch.control.overflow(waiting.call_id, OverflowWay("wait", "queue", "gone"))
        again = await rig.event(ev.CallEnqueued, after=start)
        assert (again.queue, again.enqueued_at) == ("sales", waiting.enqueued_at)
        assert rig.bus.names(start) == ["CallEnqueued"]


async def test_whom_it_finds_ringing_waits_on(rig: Rig) -> None:
    """A command that was long on its way; the core gives none while somebody is rung."""
    async with rig.phone("1001", "ring"), rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        await rig.switch.control.offer(waiting.call_id, ANN, RING)
        await rig.event(ev.LegRang)
        start = len(rig.bus.seen)
        await rig.switch.control.overflow(waiting.call_id, TO_HELP)
        again = await rig.event(ev.CallEnqueued, after=start)
        assert (again.queue, again.enqueued_at) == ("sales", waiting.enqueued_at)
        assert "CallOverflowed" not in rig.bus.names()
        await rig.event(ev.LegEnded, after=start)
