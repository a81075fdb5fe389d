"""The contract of the switch on the fake Asterisk, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cti.domain.errors import CommandRefused
from tests.contracts.overflow_suite import *  # noqa: F403 - collected here
from tests.contracts.switch_rig import FakeRig, running
from tests.contracts.switch_suite import *  # noqa: F403 - the suite's tests are collected here
from tests.contracts.switch_suite import talking
from tests.contracts.transfer_suite import *  # noqa: F403 - and these
from tests.fakes.clock import settle

pytestmark = pytest.mark.contract


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    rig = FakeRig()
    try:
        async with running(rig):
            yield rig
    finally:
        await rig.pbx.close()


FORMAT = "CHANNEL(audionativeformat)"


@pytest.mark.parametrize("leg_format", ["(alaw)", "(opus)"])
async def test_sound_begins_anew_where_it_is_translated(rig: FakeRig, leg_format: str) -> None:
    """With sound on a real Asterisk: tests/asterisk/test_phones.py."""
    async with rig.phone("1001"), rig.caller():
        call_id = await talking(rig)
        call = rig.switch.registry.calls[call_id]
        assert call.agent_leg is not None
        rig.pbx.channels[call.channel].variables[FORMAT] = "(alaw)"
        rig.pbx.channels[call.agent_leg.channel].variables[FORMAT] = leg_format
        before, start = rig.switch.registry.bridge_of(call.leg_id), len(rig.bus.seen)
        await rig.do(rig.switch.control.renew_sound(call))
        rooms = rig.switch.registry.bridge_of
        leg_id = call.agent_leg.leg_id
        await rig.until(lambda: rooms(call.leg_id) == rooms(leg_id))
        assert (rooms(call.leg_id) != before) is (leg_format == "(opus)")
        assert rig.bus.names(start) == []
        rig.switch.link.drop("a test")
        await rig.until(lambda: not rig.switch.is_up)
        await rig.until(lambda: rig.switch.is_up)
        assert rig.bus.names(start) == []
        await rig.switch.control.hang_up(call_id)
        await rig.gone(call_id)


async def test_who_hangs_up_while_sound_begins_anew_leaves_no_caller_behind(rig: FakeRig) -> None:
    async with rig.phone("1001") as phone, rig.caller():
        call_id = await talking(rig)
        call = rig.switch.registry.calls[call_id]
        assert call.agent_leg is not None
        rig.pbx.channels[call.channel].variables[FORMAT] = "(alaw)"
        rig.pbx.freeze()
        renewing = asyncio.create_task(rig.switch.control.renew_sound(call))
        await settle()
        phone.hang_up()
        rig.pbx.thaw()
        with pytest.raises(CommandRefused):
            await rig.do(asyncio.wait_for(renewing, None))
        await rig.gone(call_id)
