"""Shapes of blind transfers and of parking, by the phone's own keys and by command; docs/shapes.md."""

from __future__ import annotations

from cti.domain import events as ev
from tests.asterisk.shapes import (
    ASKED,
    BEGIN,
    BY,
    DIALLED,
    MARKS,
    MENU,
    OUTSIDE,
    SERVED,
    SHOWN,
    Centre,
)

pytestmark = MARKS
AGAIN = SERVED + " RINGING TALKING WRAP_UP READY"


@BY
async def test_blind_to_an_agent(at: Centre, by: str) -> None:
    (ann,) = await at.begin("ann")
    call_id = await at.talking("ann")
    await ann.send_on(by, "agent", "1002")
    await at.reaches(call_id, "talking", "bob")
    at.handed_over(call_id, "bob", by="ann", how="transfer")
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        BEGIN + "transferring ringing talking",
        ended_by="caller",
        agents={"ann": SERVED, "bob": ASKED},
    )


@BY
async def test_blind_to_an_agent_who_does_not_answer(at: Centre, by: str) -> None:
    (ann,) = await at.begin("ann", bob=180)
    call_id = await at.talking("ann")
    await ann.send_on(by, "agent", "1002")
    await at.fact(ev.TransferFailed)
    await at.reaches(call_id, "talking", "ann")
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        BEGIN + "transferring ringing talking",
        ended_by="caller",
        agents={"ann": AGAIN, "bob": "RINGING NOT_READY"},
    )


@BY
async def test_blind_to_nobody_and_the_sender_is_gone(at: Centre, by: str) -> None:
    (ann,) = await at.begin("ann", bob=486)
    call_id = await at.talking("ann")
    await ann.phone.do("answering", status=486)
    await ann.send_on(by, "agent", "1002")
    await at.fact(ev.TransferFailed, 2)
    first, last = (await at.product.wait_for(ev.CallEnqueued, at.since, 2))[:2]
    assert (first.queue, first.enqueued_at) == (last.queue, last.enqueued_at)
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        BEGIN + "transferring ringing queue",
        ended_by="caller",
        agents={
            "ann": f"{SERVED} RINGING WRAP_UP READY|{SERVED} RINGING READY",
            "bob": "RINGING NOT_READY",
        },
    )


@BY
async def test_blind_to_a_queue(at: Centre, by: str) -> None:
    ann, cai = await at.begin("ann", "cai")
    call_id = await at.talking("ann")
    await ann.send_on(by, "queue", "help")
    await at.reaches(call_id, "talking", "cai")
    at.handed_over(call_id, "cai", by="ann", how="transfer")
    await cai.phone.do("hang_up")
    await at.told(
        call_id,
        BEGIN + "transferring queue ringing talking",
        ended_by="agent",
        agents={"ann": SERVED, "cai": SERVED},
    )


@BY
async def test_blind_to_a_menu(at: Centre, by: str) -> None:
    ann, cai = await at.begin("ann", "cai")
    call_id = await at.talking("ann")
    await ann.send_on(by, "menu", MENU)
    await at.reaches(call_id, "menu")
    await at.callers["cal"].do("digits", digits="2")
    await at.reaches(call_id, "talking", "cai")
    await cai.phone.do("hang_up")
    await at.told(
        call_id,
        BEGIN + "transferring menu queue ringing talking",
        ended_by="agent",
        agents={"ann": SERVED, "cai": SERVED},
    )


@BY
async def test_blind_outside(at: Centre, by: str) -> None:
    (ann,) = await at.begin("ann")
    call_id = await at.talking("ann")
    await ann.send_on(by, "outside", OUTSIDE)
    # Whoever sends him on, the house calls: neither the caller's number nor an extension is told outside.
    assert SHOWN in (await at.carrier.wait_for("incoming"))["caller"]
    await at.carrier.wait_for("media", active=True)
    await at.reaches(call_id, "talking", "trunk_carrier")
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        BEGIN + "transferring ringing talking",
        ended_by="caller",
        agents={"ann": SERVED},
    )


@BY
async def test_blind_outside_where_it_is_busy(at: Centre, by: str) -> None:
    (ann,) = await at.begin("ann", carrier=486)
    call_id = await at.talking("ann")
    await ann.send_on(by, "outside", OUTSIDE)
    assert (await at.fact(ev.TransferFailed)).result == "busy"
    await at.reaches(call_id, "talking", "ann")
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        BEGIN + "transferring ringing talking",
        ended_by="caller",
        agents={"ann": AGAIN},
    )


@BY
async def test_parked_and_fetched(at: Centre, by: str) -> None:
    ann, bob = await at.begin("ann", "bob")
    call_id = await at.talking("ann")
    await ann.send_on(by, "parking", "3")
    await at.reaches(call_id, "parked")
    if by == "phone":
        await bob.dial("*73")
    else:
        await bob.desktop.command("call.fetch", slot="3")
    await at.reaches(call_id, "talking", "bob")
    at.handed_over(call_id, "bob", by="ann", how="parked")
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        f"{BEGIN}transferring parked talking|{BEGIN}parked ringing talking",
        ended_by="caller",
        agents={"ann": SERVED, "bob": "RINGING TALKING WRAP_UP READY"},
    )


@BY
async def test_parked_and_forgotten(at: Centre, by: str) -> None:
    (ann,) = await at.begin("ann")
    call_id = await at.talking("ann")
    await ann.send_on(by, "parking", "4")
    await at.reaches(call_id, "parked")
    await at.reaches(call_id, "talking", "ann")
    await ann.phone.do("hang_up")
    await at.told(
        call_id,
        f"{BEGIN}transferring parked ringing talking|{BEGIN}parked ringing talking",
        ended_by="agent",
        agents={"ann": AGAIN},
    )


@BY
async def test_who_began_an_internal_call_sends_the_other_on(at: Centre, by: str) -> None:
    await at.begin()
    ann = at.desks["ann"]
    await ann.begin_call(by, "agent", "1002")
    call_id = await at.begun()
    await at.reaches(call_id, "talking", "bob")
    await ann.until("TALKING")
    await ann.send_on(by, "agent", "1003")
    await at.reaches(call_id, "talking", "cai")
    await at.desks["bob"].phone.do("hang_up")
    await at.told(
        call_id,
        "ringing talking transferring ringing talking",
        ended_by="caller",
        has_ticket=False,
        recordings=0,
        agents={"ann": DIALLED, "bob": ASKED, "cai": ASKED},
    )
