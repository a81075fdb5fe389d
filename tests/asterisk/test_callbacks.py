"""Callbacks on a real Asterisk: asked for in a menu, an agent's phone is called, then the customer's; they talk."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from cti.company import Flow, Node, Number
from cti.company_callback import Callback
from cti.domain import callback_events as cb
from cti.domain import events as ev
from cti.domain.ids import CallId
from tests.asterisk.shapes import (
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
    queues = tuple(q.model_copy(update={"callback": callback}) for q in plain.queues)
    flows, numbers = (*plain.flows, flow), (*plain.numbers, Number(dnis=ASKING, flow=flow.name))
    async with centre(queues=queues, flows=flows, numbers=numbers) as running:
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
    await at.callers[who].do("digits", digits=f"{number}#1")
    await at.fact(cb.CallbackRequested)
    await at.over(call_id)
    return call_id


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


async def test_it_survives_the_services_death_and_nobody_is_called_twice(at: Centre) -> None:
    """Killed while they talk, and again back when they have hung up: that they spoke is known."""
    await at.begin()
    await ask(at)
    await at.desks["ann"].desktop.command("agent.ready")
    attempt = await at.fact(cb.CallbackAttempted)
    await at.carrier.wait_for("incoming")
    await until(lambda: _are_bridged(at), 20)
    await at.product.stop(signal.SIGKILL)
    known = {type(e) for e in await at.product.since(at.since)}
    await at.carrier.do("hang_up")
    await until(lambda: _is_silent(at), 20)
    await at.product.start()
    ended = await at.fact(cb.CallbackEnded)
    assert ended.result == "done", known
    attempts = await at.product.events(cb.CallbackAttempted, at.since)
    assert [e.call_id for e in attempts] == [attempt.call_id]


async def _are_bridged(at: Centre) -> bool:
    return "Up!Dial" in await at.product.pbx.rx("core show channels concise")


async def _is_silent(at: Centre) -> bool:
    return not await at.product.pbx.channels()
