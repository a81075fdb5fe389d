"""The contract of the switch on the fake Asterisk, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contracts.switch_rig import FakeRig, Rig, running
from tests.contracts.switch_suite import *  # noqa: F403 - the suite's tests are collected here
from tests.contracts.transfer_suite import *  # noqa: F403 - and these

pytestmark = pytest.mark.contract


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = FakeRig()
    try:
        async with running(rig):
            yield rig
    finally:
        await rig.pbx.close()
