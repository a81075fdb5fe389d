"""Shapes of conferences: made from a consultation and by adding a party, left in every order; docs/shapes.md."""

from __future__ import annotations

import pytest

from cti.domain import events as ev
from cti.domain.ids import CallId
from sip_sim.farm import CALLER_TONE
from sip_sim.phone import SoftPhone
from tests.asterisk.desk import to
from tests.asterisk.shapes import ASKED, BEGIN, MARKS, OUTSIDE, SERVED, Centre
from tests.until import until

pytestmark = MARKS


async def conference(at: Centre, made_by: str) -> tuple[CallId, str]:
    """Caller, ann and bob speak with each other; returns what the call went through until then."""
    await at.begin("ann")
    call_id = await at.talking("ann")
    ann = at.desks["ann"]
    if made_by == "adding":
        await ann.do("add_party", target=to("agent", "1002"))
    else:
        await ann.do("consult", target=to("agent", "1002"))
        await at.fact(ev.ConsultConnected)
        await ann.do("conference")
    await at.fact(ev.PartyJoined)
    await at.reaches(call_id, "conference")
    return call_id, BEGIN + ("conference" if made_by == "adding" else "consulting conference")


MADE = pytest.mark.parametrize("made_by", ["consulting", "adding"])


@MADE
async def test_conference_and_the_agent_leaves_first(at: Centre, made_by: str) -> None:
    call_id, story = await conference(at, made_by)
    await at.desks["ann"].do("hang_up")
    await at.reaches(call_id, "talking", "bob")
    at.handed_over(call_id, "bob", by="ann", how="added")
    await at.desks["ann"].until("READY")
    await at.desks["bob"].phone.do("hang_up")
    await at.told(
        call_id,
        f"{story} talking",
        ended_by="agent",
        agents={"ann": SERVED, "bob": ASKED},
    )


@MADE
async def test_conference_and_the_party_leaves_first(at: Centre, made_by: str) -> None:
    call_id, story = await conference(at, made_by)
    await at.desks["bob"].phone.do("hang_up")
    await at.reaches(call_id, "talking", "ann")
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        f"{story} talking",
        ended_by="caller",
        agents={"ann": SERVED, "bob": ASKED},
    )


@MADE
async def test_conference_and_the_caller_leaves_first(at: Centre, made_by: str) -> None:
    call_id, story = await conference(at, made_by)
    await at.callers["cal"].do("hang_up")
    await at.over(call_id)
    for name in ("ann", "bob"):
        if at.desks[name].desktop.state == "TALKING":
            await at.desks[name].phone.do("hang_up")
            break
    await at.told(
        call_id,
        f"{story}|{story} consulting",
        ended_by="caller",
        agents={"ann": SERVED, "bob": ASKED},
    )


async def test_conference_from_which_the_party_is_dropped(at: Centre) -> None:
    call_id, story = await conference(at, "adding")
    await at.desks["ann"].do("drop_party", endpoint="1002")
    await at.reaches(call_id, "talking", "ann")
    await at.desks["ann"].do("hang_up")
    await at.told(
        call_id,
        f"{story} talking",
        ended_by="agent",
        agents={"ann": SERVED, "bob": ASKED},
    )


async def test_conference_with_a_number_outside(at: Centre) -> None:
    (ann,) = await at.begin("ann")
    call_id = await at.talking("ann")
    await ann.do("add_party", target=to("outside", OUTSIDE))
    await at.reaches(call_id, "conference")
    await at.callers["cal"].do("hang_up")
    await at.over(call_id)
    if ann.desktop.state == "TALKING":
        await ann.phone.do("hang_up")
    await at.told(
        call_id,
        f"{BEGIN}conference|{BEGIN}conference consulting",
        ended_by="caller",
        agents={"ann": SERVED},
    )


@pytest.mark.parametrize("leaves", ["party", "agent", "caller"])
async def test_conference_that_the_phone_mixes_by_itself(at: Centre, leaves: str) -> None:
    """Asterisk sees two lines of one phone, neither on hold; that they are mixed it can't know."""
    (ann,), bob, caller = await at.begin("ann"), at.desks["bob"], at.callers["cal"]
    call_id = await at.talking("ann")
    first = await ann.line()
    await ann.phone.do("hold", call=first)
    await at.reaches(call_id, "on_hold", "ann")
    second = await ann.dial(bob.endpoint)
    await at.fact(ev.ConsultConnected)
    await ann.phone.do("retrieve", call=first)
    await at.fact(ev.CallRetrieved)
    await at.reaches(call_id, "talking", "ann")
    await ann.phone.do("mix", call=first, to=second)
    await until(lambda: _hears(bob.phone, CALLER_TONE), 20)
    assert (ann.desktop.state, bob.desktop.state) == ("TALKING", "TALKING")
    if leaves == "agent":
        await ann.phone.do("hang_up", call=first)
        await ann.phone.do("hang_up", call=second)
    elif leaves == "party":
        await bob.phone.do("hang_up")
        assert (await at.fact(ev.ConsultEnded)).result == "ended"
        await at.reaches(call_id, "talking", "ann")
        await caller.do("hang_up")
    else:
        await caller.do("hang_up")
        assert (await at.fact(ev.ConsultEnded)).result == "caller_gone"
        await ann.phone.do("hang_up", call=second)
    await at.told(
        call_id,
        f"{BEGIN}on_hold consulting talking|{BEGIN}on_hold consulting talking consulting",
        ended_by="agent" if leaves == "agent" else "caller",
        agents={"ann": SERVED, "bob": ASKED},
    )


async def _hears(phone: SoftPhone, tone: float) -> bool:
    return (await phone.hear()).share(tone) > 0.5


async def test_a_party_who_is_added_does_not_answer(at: Centre) -> None:
    (ann,) = await at.begin("ann", bob=486)
    call_id = await at.talking("ann")
    await ann.do("add_party", target=to("agent", "1002"))
    await at.desks["bob"].phone.wait_for("ended")
    await at.reaches(call_id, "talking", "ann")
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        BEGIN.strip(),
        ended_by="caller",
        agents={"ann": SERVED, "bob": "RINGING NOT_READY"},
    )
