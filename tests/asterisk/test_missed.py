"""Missed calls on a real Asterisk: who gives up stands on the desks until somebody has spoken with him."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio

from cti.domain import events as ev
from cti.domain.ids import CallId
from tests.asterisk.desk import DEADLINE, Desk, eventually
from tests.asterisk.shapes import DIRECT, LINE, MARKS, OUTSIDE, Centre, centre, swept
from tests.until import until

pytestmark = MARKS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shapes() -> AsyncIterator[Centre]:
    """The centre of the shapes: whom the carrier answers for may also call in."""
    async with centre() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def at(shapes: Centre) -> AsyncIterator[Centre]:
    """It, without a call of an earlier test."""
    async with swept(shapes) as clean:
        yield clean


async def calls_in(at: Centre, number: str) -> CallId:
    """He whom the company may call calls; returns his call."""
    before = len(await at.product.events(ev.CallOffered, at.since))
    await at.carrier.do("call", uri=f"sip:{number}@{at.product.place.sip}")

    async def offered() -> CallId | None:
        found = (await at.product.events(ev.CallOffered, at.since))[before:]
        return next((e.call_id for e in found if e.ani == OUTSIDE), None)

    call_id: CallId = await until(offered, DEADLINE)
    return call_id


async def gives_up(at: Centre) -> CallId:
    """He waits where nobody is ready, and hangs up."""
    call_id = await calls_in(at, LINE)
    await at.reaches(call_id, "queue")
    await at.carrier.do("hang_up")
    await at.over(call_id)
    return call_id


async def shows(desk: Desk, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Wait until the list on a desk is so."""
    await eventually(
        desk.desktop.until(lambda d: condition(d.sections["missed"]), DEADLINE),
        lambda: f"{desk.login}'s list is {desk.desktop.sections['missed']}",
    )
    return dict(desk.desktop.sections["missed"])


async def test_it_closes_itself_when_he_gets_through_or_is_called_back(at: Centre) -> None:
    await at.begin()
    ann = at.desks["ann"]
    first = await gives_up(at)
    await gives_up(at)
    missed = await shows(ann, lambda m: [e["count"] for e in m["open"]] == [2])
    assert missed["open"][0]["call_id"] == first
    assert missed["open"][0]["number"] == "138****0099"
    assert at.desks["cai"].desktop.sections["missed"]["open"] == []  # she serves another queue

    through = await calls_in(at, DIRECT)  # he asks for bob, who serves no queue at all
    await at.reaches(through, "talking", "bob")
    missed = await shows(ann, lambda m: not m["open"] and m["closed"])
    await shows(ann, lambda m: m["closed"][0]["closed_by"] == "Bob")
    assert missed["closed"][0]["how"] == "got_through"
    await at.recorded(through)
    await at.carrier.do("hang_up")
    await at.over(through)
    await at.desks["bob"].until("NOT_READY")

    again = await gives_up(at)
    await shows(ann, lambda m: [e["call_id"] for e in m["open"]] == [again])
    await ann.desktop.command("missed.call", call_id=again)
    back = await at.fact(ev.CallOffered, 5)
    assert (back.direction, back.ani) == ("outbound", OUTSIDE)
    await at.reaches(back.call_id, "talking", "ann")
    missed = await shows(ann, lambda m: not m["open"])
    assert missed["closed"][0]["how"] == "called_back"
    await at.recorded(back.call_id)
    await at.carrier.do("hang_up")
    await at.over(back.call_id)
