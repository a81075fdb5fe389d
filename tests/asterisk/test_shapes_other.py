"""Shapes that need something of their own: a second phone, a policy, two queue calls; docs/shapes.md."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio

from asterisk_conf.pjsua2_cache import find_site
from cti.domain import events as ev
from sip_sim.phone import SoftPhone, soft_phone
from tests.asterisk.desk import to
from tests.asterisk.shapes import ASKED, BEGIN, MARKS, SERVED, Centre, centre
from tests.until import until

pytestmark = MARKS
PLAIN = "webrtc=no media_encryption=no use_avpf=no ice_support=no rtcp_mux=no bundle=no"
"""What makes the browser's endpoint one for a phone that knows no WebRTC."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live_centre() -> AsyncIterator[Centre]:
    async with centre(conference_goes_on=False) as running:
        yield running


async def test_conference_that_ends_with_the_agent(at: Centre) -> None:
    (ann,) = await at.begin("ann")
    call_id = await at.talking("ann")
    await ann.do("add_party", target=to("agent", "1002"))
    await at.reaches(call_id, "conference")
    await ann.do("hang_up")
    await at.told(
        call_id,
        f"{BEGIN}conference|{BEGIN}conference consulting",
        ended_by="agent",
        agents={"ann": SERVED, "bob": ASKED},
    )


async def test_two_queue_calls_become_one(at: Centre) -> None:
    ann, cai = await at.begin("ann", "cai")
    call_id = await at.talking("ann")
    first = await ann.line()
    await ann.phone.do("hold", call=first)
    await at.reaches(call_id, "on_hold", "ann")
    second = await ann.dial("2002")
    asked = await at.begun(2)
    await at.reaches(asked, "talking", "cai")
    await ann.hand_over(first, second)
    merged = await at.fact(ev.CallMerged)
    assert (merged.call_id, merged.into_call_id) == (asked, call_id)
    await at.reaches(call_id, "talking", "cai")
    ends = [e.ended_by for e in await at.over(asked) if isinstance(e, ev.CallEnded)]
    assert ends == ["merged"]
    await cai.phone.do("hang_up")
    await at.told(
        call_id,
        f"{BEGIN}on_hold consulting talking|{BEGIN}on_hold talking",
        ended_by="agent",
        agents={"ann": SERVED, "cai": SERVED},
        calls=2,
    )


PHONE = "1001"


@contextlib.asynccontextmanager
async def second_phone(at: Centre) -> AsyncIterator[SoftPhone]:
    """Ann's other phone, registered where her browser's would be."""
    etc = at.product.settings.asterisk_dir / "etc"
    with (etc / "pjsip.conf").open("a", encoding="utf-8") as file:
        rows = "\n".join(PLAIN.split())
        file.write(f"\n[{PHONE}w](+type=endpoint)\n{rows}\n")
    await at.product.pbx.rx("module reload res_pjsip.so")
    site = find_site()
    assert site is not None
    secret = at.product.pbx.secrets.endpoint(f"{PHONE}w")
    async with soft_phone(site, 880.0, ("PCMA",)) as phone:
        await phone.register(at.product.place.sip, f"{PHONE}w", secret)
        await phone.do("answering", status=200)
        yield phone


async def test_a_call_moves_to_the_agents_other_phone(at: Centre) -> None:
    (ann,) = await at.begin("ann")
    async with second_phone(at) as other:
        call_id = await at.talking("ann")
        await ann.do("move", phone="browser")
        await other.wait_for("media", active=True)
        await at.reaches(call_id, "talking", f"{PHONE}w")
        await ann.phone.wait_for("ended")
        await at.callers["cal"].do("hang_up")
        await at.told(
            call_id,
            f"{BEGIN}conference talking",
            ended_by="caller",
            agents={"ann": SERVED},
        )
    await until(lambda: at.desks["ann"].desktop.state == "READY", 10)
