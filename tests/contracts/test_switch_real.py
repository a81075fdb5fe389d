"""The contract of the switch on a real Asterisk, with SIPp as caller and phone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from cti.asterisk.link import AmiAddress
from cti.asterisk.protocol import ProtocolFactory
from cti.domain.ids import CallId
from tests.asterisk.conftest import pbx, pbx_of_session  # noqa: F401 - fixtures of that folder
from tests.asterisk.house import hop_to, local_hop
from tests.asterisk.pbx import Pbx
from tests.asterisk.sipp import calling, phone
from tests.contracts.overflow_suite import *  # noqa: F403 - collected here
from tests.contracts.switch_rig import Person, Rig, real_clock, real_until, running, tcp_connect
from tests.contracts.switch_suite import *  # noqa: F403 - the suite's tests are collected here
from tests.contracts.transfer_suite import *  # noqa: F403 - and these

pytestmark = pytest.mark.asterisk


class RealRig(Rig):
    """On a real Asterisk, over TCP, in real time."""

    def __init__(self, real: Pbx) -> None:
        self.pbx = real
        port = real.settings.pbx.ami_port

        def connect(factory: ProtocolFactory) -> Any:
            return tcp_connect(port, factory)

        address = AmiAddress("127.0.0.1", port, "ringdesk", real.secrets.ami)
        super().__init__(real_clock(), address, connect)

    async def until(self, condition: Callable[[], Any], within: float = 10.0) -> Any:
        return await real_until(condition, within)

    @asynccontextmanager
    async def caller(self) -> AsyncIterator[Person]:
        async with calling(self.pbx) as caller:
            yield caller
        # SIPp ended; Asterisk's own end of it may take a moment more.
        await self.until(lambda: not self.switch.registry.calls)

    def phone(self, endpoint: str, behaviour: str = "answer") -> AbstractAsyncContextManager[Any]:
        if behaviour == "leave":
            return phone(self.pbx, endpoint, "answer", talk_ms=500)
        return phone(self.pbx, endpoint, behaviour)

    async def set_global(self, name: str, value: str) -> None:
        await self.pbx.set_global(name, value)

    def house(self) -> AbstractAsyncContextManager[Any]:
        return local_hop(self.pbx)

    async def hop(self, call_id: CallId, endpoint: str) -> None:
        await hop_to(self.pbx, self.switch.registry.calls[call_id].channel, endpoint)


@pytest.fixture
async def rig(pbx: Pbx) -> AsyncIterator[Rig]:  # noqa: F811 - the fixture imported above
    rig = RealRig(pbx)
    await rig.agi.start(pbx.settings.pbx.agi_port)

    async with running(rig):
        await pbx.set_global("RD_STALE", "100")  # the tests of a standstill lower it
        yield rig
