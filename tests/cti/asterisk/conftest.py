"""The switch on the fake Asterisk, without a heartbeat."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contracts.switch_rig import FakeRig


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
