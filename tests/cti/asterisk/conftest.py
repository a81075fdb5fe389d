"""The switch on the fake Asterisk, without a heartbeat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from cti.domain import events as ev
from cti.domain.ids import Endpoint
from tests.contracts.switch_rig import FakeRig

SECOND = timedelta(seconds=1)


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    rig = FakeRig()
    rig.pbx.variables["RD_STALE"] = "1000"  # no heartbeat here
    yield rig
    await rig.switch.close()
    await rig.agi.close()
    await rig.pbx.close()


async def up(rig: FakeRig) -> None:
    await rig.switch.start()
    await rig.until(lambda: rig.switch.is_up)


async def whole_call(rig: FakeRig) -> None:
    """A caller who queues, is answered at 1001 and hangs up."""
    rig.pbx.phone("1001", answers_after=SECOND)
    caller = rig.pbx.call("4000")
    enqueued = await rig.event(ev.CallEnqueued)
    await rig.switch.control.offer(enqueued.call_id, Endpoint("1001"), 5 * SECOND)
    await rig.event(ev.CallConnected)
    caller.hang_up()
    await rig.event(ev.CallEnded)
    await rig.gone(enqueued.call_id)
