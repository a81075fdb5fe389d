"""A simulated agent comes back to work as a person would: once more, if the first attempt was refused."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any, cast

import aiohttp
import pytest

from sip_sim import farm
from sip_sim.desktop import HeadlessDesktop
from tests.until import until

pytestmark = pytest.mark.unit


class Server:
    """The other end of a desktop's socket: refuses the first ``refusals`` commands."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.commands: list[str] = []
        self.desktop = HeadlessDesktop(
            cast(aiohttp.ClientSession, None), cast(aiohttp.ClientWebSocketResponse, self), False
        )

    def has_taken(self, commands: int) -> bool:
        return len(self.commands) == commands

    async def say(self, state: str) -> None:
        update = {"type": "update", "seq": 1, "section": "agent", "value": {"state": state}}
        await self.desktop._take(update)

    async def send_str(self, text: str) -> None:
        command = json.loads(text)
        self.commands.append(command["name"])
        is_ok = len(self.commands) > self.refusals
        result: dict[str, Any] = {"type": "result", "id": command["id"], "ok": is_ok}
        await self.desktop._take(result)
        if is_ok:
            await self.say("READY")


async def test_a_refused_agent_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm, "_AGAIN_S", 0.01)
    server = Server(refusals=3)
    await server.say("READY")
    keeper = asyncio.create_task(farm._keep_ready(server.desktop))
    for state, commands in (("NOT_READY", 4), ("TALKING", 4), ("WRAP_UP", 5)):
        await server.say(state)
        await until(partial(server.has_taken, commands), 10)
    assert server.desktop.state == "READY"
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
