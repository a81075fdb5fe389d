"""Callbacks on a real Asterisk: asked for in a menu, an agent's phone is called, then the customer's; they talk."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from cti.company import Flow, Node, Number
from cti.company_callback import Callback
from cti.company_waiting import WayOut
from cti.domain import callback_events as cb
from cti.domain import events as ev
from cti.domain.ids import CallId
from tests.asterisk.shapes import (
    LINE,
    MARKS,
    OUTSIDE,
    SHOWN,
    Centre,
    centre,
    company,
    swept,
)
from tests.until import until

pytestmark = MARKS

ASKING = "4010"
"""What callers dial to be called back; their own numbers may not be called, so they enter another."""
PAUSE = timedelta(seconds=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callback_centre() -> AsyncIterator[Centre]:
    """The centre of the shapes with a menu that offers callbacks."""
    plain = company(1)
    flow = Flow(
        name="asking_back", start="back",
        nodes=(Node(name="back", kind="callback", queue="sales", label="Callback"),),
    )  # fmt: skip
    callback = Callback(share=100, pause_time=PAUSE, attempts=2)
    changes = {"callback": callback, "leave_keys": {"1": WayOut(kind="callback")}}
    queues = tuple(q.model_copy(update=changes) for q in plain.queues)
    flows, numbers = (*plain.flows, flow), (*plain.numbers, Number(dnis=ASKING, flow=flow.name))
    async with centre(queues=queues, flows=flows, numbers=numbers) as running:
        await running.product.pbx.set_global("RD_OUT_TIME", "60")
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def at(callback_centre: Centre) -> AsyncIterator[Centre]:
    """It, without a call of an earlier test."""
    async with swept(callback_centre) as clean:
        yield clean


async def ask(at: Centre, number: str = OUTSIDE, who: str = "cal") -> CallId:
    """A caller asks to be called back at a number; returns when he was told that he will be."""
    call_id = await at.call(ASKING, who)
    await at.fact(ev.MenuEntered)
    # The confirmation is typed ahead, as by somebody who knows the way.
    await types(at, who, f"{number}#1", cb.CallbackRequested)
    await at.over(call_id)
    return call_id


async def types(at: Centre, who: str, keys: str, kind: type[ev.Event], count: int = 1) -> None:
    """Press keys until something has happened: on a loaded machine the first ones come before anybody listens."""

    async def has_happened() -> bool:
        return len(await at.product.events(kind, at.since)) >= count

    for _ in range(4):
        await at.callers[who].do("digits", digits=keys)
        with contextlib.suppress(TimeoutError):
            await until(has_happened, 10)
            return
    await until(has_happened, 25)


async def test_asked_for_in_a_menu_and_called_back(at: Centre) -> None:
    await at.begin()
    asked = await ask(at)
    request = await at.fact(cb.CallbackRequested)
    assert (request.call_id, request.number, request.queue) == (asked, OUTSIDE, "sales")
    ann = at.desks["ann"]
    await ann.desktop.command("agent.ready")
    attempt = await at.fact(cb.CallbackAttempted)
    shown = await at.carrier.wait_for("incoming")
    assert SHOWN in shown["caller"]  # the company's number, no extension
    await at.reaches(attempt.call_id, "talking", "ann")
    call = ann.desktop.call
    assert call is not None
    assert (call["call_id"], call["callback"]["attempt"]) == (attempt.call_id, 1)
    await at.recorded(attempt.call_id)
    await at.carrier.do("hang_up")
    assert (await at.fact(cb.CallbackEnded)).result == "done"
    stored = await at.fact(ev.RecordingAttached)
    opened = await at.fact(ev.TicketOpened)
    assert (opened.call_id, opened.reason) == (asked, "callback")
    assert (stored.call_id, stored.ticket_id) == (attempt.call_id, opened.ticket_id)
    assert len(await at.product.events(ev.TicketOpened, at.since)) == 1
    assert await at.product.events(ev.CallAbandoned, at.since) == []


async def test_a_busy_customer_is_called_again_and_then_no_more(at: Centre) -> None:
    await at.begin("ann", carrier=486)
    asked = await ask(at)
    ended = await at.fact(cb.CallbackEnded)
    assert (ended.call_id, ended.result, ended.reason) == (asked, "expired", "busy")
    attempts = await at.product.events(cb.CallbackAttempted, at.since)
    assert [e.attempt for e in attempts] == [1, 2]
    await at.desks["ann"].until("READY")  # free at once, no notes
    states = await at._states()
    assert "WRAP_UP" not in states["ann"]


async def test_a_number_that_may_not_be_called_leads_back_to_the_place(at: Centre) -> None:
    """Out of the line by a key, refused, and back; the one who came later is not before him."""
    await at.begin()
    first, second = await at.call(LINE), await at.call(LINE, "dan")
    place = (await at.fact(ev.CallEnqueued, 2)).enqueued_at
    await types(at, "cal", "1", ev.CallTransferred)
    await at.fact(ev.MenuEntered, 3)  # two came in by a flow of their own
    await types(at, "cal", "0206677#1", ev.CallEnqueued, 3)  # no prefix that is allowed
    back = await at.fact(ev.CallEnqueued, 3)
    assert (back.call_id, back.queue) == (first, "sales")
    assert back.enqueued_at < place
    assert await at.product.events(cb.CallbackRequested, at.since) == []
    await at.desks["ann"].desktop.command("agent.ready")
    await at.reaches(first, "talking", "ann")
    for name in ("cal", "dan"):
        await at.callers[name].do("hang_up")
    await at.over(first)
    await at.over(second)


async def test_who_calls_in_while_he_is_called_is_not_called_again(at: Centre) -> None:
    await at.begin("ann", carrier=180)
    asked = await ask(at)
    await at.carrier.wait_for("incoming")
    await at.carrier.do("call", uri=f"sip:{LINE}@{at.product.place.sip}")
    await at.fact(ev.CallEnqueued)
    await at.desks["ann"].phone.do("hang_up")  # she has the next one now

    async def got_through() -> ev.CallAnswered | None:
        found = await at.product.events(ev.CallAnswered, at.since)
        return found[0] if found else None

    answered = await until(got_through, 25)
    ended = await at.fact(cb.CallbackEnded)
    assert (ended.call_id, ended.result, ended.reason) == (asked, "withdrawn", "got_through")
    assert len(await at.product.events(cb.CallbackAttempted, at.since)) == 1
    await at.carrier.do("hang_up")
    await at.over(answered.call_id)


async def test_who_was_reached_while_we_were_dead_is_not_called_again(at: Centre) -> None:
    """Killed while the customer's phone rings; he answers, they speak and hang up; then we are back."""
    await at.begin(carrier=180)
    await ask(at)
    await at.desks["ann"].desktop.command("agent.ready")
    attempt = await at.fact(cb.CallbackAttempted)
    await at.carrier.wait_for("incoming")
    await at.fact(ev.CallOffered, 2)
    await at.product.stop(signal.SIGKILL)
    await at.carrier.do("answer")
    await until(lambda: _are_bridged(at), 20)
    await at.carrier.do("hang_up")
    await until(lambda: _is_silent(at), 20)
    assert await at.product.events(cb.CallbackEnded, at.since) == []
    await at.product.start()
    assert (await at.fact(cb.CallbackEnded)).result == "done"
    attempts = await at.product.events(cb.CallbackAttempted, at.since)
    assert [e.call_id for e in attempts] == [attempt.call_id]


async def _are_bridged(at: Centre) -> bool:
    lines = (await at.product.pbx.rx("core show channels concise")).splitlines()
    bridges = [line.split("!")[-2] for line in lines if line.count("!") > 10]
    return any(bridge and bridges.count(bridge) == 2 for bridge in bridges)


async def _is_silent(at: Centre) -> bool:
    return not await at.product.pbx.channels()
