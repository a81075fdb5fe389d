"""Shapes in which a Local channel of the house's own lies between the caller and the phone; docs/shapes.md."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cti.domain import events as ev
from cti.domain.ids import CallId
from tests.asterisk.house import hop_to, local_hop
from tests.asterisk.shapes import ASKED, BEGIN, LINE, MARKS, SERVED, Centre
from tests.until import until

pytestmark = MARKS
THROUGH = "menu queue transferring ringing talking"


@pytest.fixture
def is_kept() -> bool:
    """Whether the Local channel stays (`/n`)."""
    return True


@pytest_asyncio.fixture(loop_scope="module")
async def house(at: Centre, is_kept: bool) -> AsyncIterator[Centre]:
    """The centre, with a ring group of the house."""
    async with local_hop(at.product.pbx, is_kept=is_kept):
        yield at


async def halves(at: Centre) -> list[str]:
    """The Local channels that are there."""
    return [name for name in await at.product.pbx.channels() if name.startswith("Local/")]


async def hops(at: Centre, **answering: int) -> CallId:
    """A caller waits, and is sent to bob's phone through the house."""
    await at.begin(**answering)
    call_id = await at.call(LINE)
    await at.reaches(call_id, "queue")
    (channel,) = await at.product.pbx.channels()
    await hop_to(at.product.pbx, channel, at.desks["bob"].endpoint)
    return call_id


async def talks(at: Centre) -> CallId:
    """Bob talks with a caller who came through the house."""
    call_id = await hops(at)
    await at.reaches(call_id, "talking", "bob")
    await at.recorded(call_id)
    return call_id


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "optimised"])
async def test_a_local_channel_before_the_phone(house: Centre, is_kept: bool) -> None:
    call_id = await talks(house)
    await until(lambda: _are(house, 2 if is_kept else 0), 10)
    await house.callers["cal"].do("hang_up")
    await house.told(call_id, THROUGH, ended_by="caller", agents={"bob": ASKED})


async def _are(at: Centre, count: int) -> bool:
    return len(await halves(at)) == count


async def test_behind_a_local_channel_the_phone_hangs_up(house: Centre) -> None:
    call_id = await talks(house)
    await house.desks["bob"].phone.do("hang_up")
    await house.told(call_id, THROUGH, ended_by="agent", agents={"bob": ASKED})


async def test_behind_a_local_channel_nobody_answers(house: Centre) -> None:
    call_id = await hops(house, bob=486)
    await house.fact(ev.CallEnqueued, 2)
    await house.reaches(call_id, "queue")
    await house.callers["cal"].do("hang_up")
    await house.told(
        call_id, "menu queue transferring ringing queue", ended_by="caller", agents={"bob": "RINGING NOT_READY"},
        recordings=0,
    )  # fmt: skip


async def test_behind_a_local_channel_held_and_retrieved(house: Centre) -> None:
    call_id = await talks(house)
    bob = house.desks["bob"]
    await bob.do("hold")
    await house.reaches(call_id, "on_hold", "bob")
    await bob.do("retrieve")
    await house.reaches(call_id, "talking", "bob")
    assert await halves(house) == []
    await bob.do("hang_up")
    await house.told(call_id, f"{THROUGH} on_hold talking", ended_by="agent", agents={"bob": ASKED})


async def test_behind_a_local_channel_the_phone_sends_the_caller_on(house: Centre) -> None:
    """What the phone speaks with is a half of the Local channel; the caller at its other end is meant."""
    call_id = await talks(house)
    bob, cai = house.desks["bob"], house.desks["cai"]
    # Not `refer`: the half is gone before Asterisk would tell the phone that all went well.
    await bob.phone.do("transfer", uri=f"sip:{cai.endpoint}@{bob.server}")
    await house.reaches(call_id, "talking", "cai")
    assert (await house.fact(ev.CallTransferred, 2)).endpoint == bob.endpoint
    assert await halves(house) == []
    await house.callers["cal"].do("hang_up")
    await house.told(
        call_id,
        f"{THROUGH} transferring ringing talking",
        ended_by="caller",
        agents={"bob": ASKED, "cai": ASKED},
    )


async def test_a_local_channel_before_the_call_comes_in(at: Centre) -> None:
    """Its half that comes in is the caller; the witness looks at nobody behind it."""
    pbx = at.product.pbx
    await pbx.rx(f'dialplan add extension "4999,1,Dial(Local/{LINE}@rd-trunk/n,60)" into rd-trunk')
    try:
        await at.begin("ann")
        call_id = await at.talking("ann", "4999")
        await at.callers["cal"].do("hang_up")
        await at.told(call_id, BEGIN.strip(), ended_by="caller", agents={"ann": SERVED})
    finally:
        await pbx.rx("dialplan remove extension 4999@rd-trunk")
