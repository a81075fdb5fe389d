"""Who holds all of the AMI's sockets without signing in keeps us out for a moment, not for half a minute."""

from __future__ import annotations

import asyncio
import time

import pytest

from cti.domain import events as ev
from tests.asterisk.conftest import pbx as pbx
from tests.asterisk.conftest import pbx_of_session  # noqa: F401 - fixtures of that folder
from tests.asterisk.pbx import Pbx
from tests.contracts.test_switch_real import RealRig

pytestmark = pytest.mark.asterisk

IDLE = 60
# Asterisk's own authtimeout is 30 s, ours 3: between the two there is room for a machine under load.
DEADLINE_S = 15


async def test_sixty_idle_sockets(pbx: Pbx) -> None:
    port = pbx.settings.pbx.ami_port
    rig = RealRig(pbx)
    await rig.switch.start()
    await rig.until(lambda: rig.switch.is_up)
    rig.gate.is_open = False
    rig.switch.link.drop("a test")
    await rig.until(lambda: not rig.switch.is_up)
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(IDLE)]
    rig.gate.is_open = True
    began = time.monotonic()
    try:
        await rig.until(lambda: rig.switch.is_up, DEADLINE_S)
        assert time.monotonic() - began > 1  # the sockets really kept us out
        await rig.event(ev.SwitchLinkChanged)
    finally:
        for _, writer in idle:
            writer.close()
        await rig.switch.close()
