"""A desktop without a page: signs in over HTTP, follows the WebSocket, gives commands.

It keeps the sections as the page does (docs/desktop-protocol.md) and notes when each came, on
the monotonic clock, so that the delay of a pop can be told from the client's side.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

from sip_sim.errors import SimulatorError


class DesktopRefused(SimulatorError):
    """The server refused a sign-in or a command."""


class HeadlessDesktop:
    """One signed-in agent."""

    def __init__(
        self, client: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, paints: bool
    ) -> None:
        self.client = client
        """The signed-in session, for further requests."""
        self._socket = socket
        self._paints = paints
        self._results: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Event()
        self.sections: dict[str, Any] = {}
        self.seq = 0
        self.pops: dict[str, float] = {}
        """When each call first showed, by call id (``time.monotonic``)."""
        self.states: list[tuple[float, str]] = []
        """The agent's states, each with its instant."""

    @property
    def state(self) -> str:
        """The agent's state now."""
        return str((self.sections.get("agent") or {}).get("state", ""))

    @property
    def call(self) -> dict[str, Any] | None:
        """The call section."""
        call: dict[str, Any] | None = self.sections.get("call")
        return call

    async def command(self, name: str, **args: Any) -> None:
        """Give a command and wait for its result.

        Raises:
            DesktopRefused: with the server's own words.
            TimeoutError: no result within 10 s.
        """
        command_id = str(uuid.uuid4())
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._results[command_id] = future
        await self._send({"type": "command", "id": command_id, "name": name, "args": args})
        try:
            async with asyncio.timeout(10):
                result = await future
        finally:
            self._results.pop(command_id, None)
        if not result.get("ok"):
            error = result.get("error") or {}
            raise DesktopRefused(f"{name}: {error.get('id')}: {error.get('message')}")

    async def until(self, condition: Callable[[HeadlessDesktop], Any], within: float = 10.0) -> Any:
        """Wait until something is so; returns what the condition returned.

        Raises:
            TimeoutError: it wasn't in time.
        """
        async with asyncio.timeout(within):
            while not (value := condition(self)):
                self._changed.clear()
                await self._changed.wait()
            return value

    async def follow(self) -> None:
        """Read the socket until it closes."""
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await self._take(json.loads(message.data))

    async def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "snapshot":
            self.seq = message["seq"]
            for name, value in message["sections"].items():
                await self._replace(name, value)
        elif kind == "update":
            self.seq = message["seq"]
            await self._replace(message["section"], message["value"])
        elif kind == "result":
            future = self._results.get(message["id"])
            if future is not None and not future.done():
                future.set_result(message)
        elif kind == "ping":
            await self._send({"type": "pong", "t": message.get("t")})
        self._changed.set()

    async def _replace(self, name: str, value: Any) -> None:
        before = self.state
        self.sections[name] = value
        if name == "agent" and self.state != before:
            self.states.append((time.monotonic(), self.state))
        if name == "call" and value and value["call_id"] not in self.pops:
            self.pops[value["call_id"]] = time.monotonic()
            if self._paints:
                await self._send(
                    {"type": "painted", "call_id": value["call_id"], "token": value["token"]}
                )

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_str(json.dumps(message))


@contextlib.asynccontextmanager
async def signed_in(
    client: aiohttp.ClientSession, base_url: str, login: str, password: str, *, paints: bool = True
) -> AsyncIterator[HeadlessDesktop]:
    """Sign in and open the desktop; both end with the block.

    ``client`` needs a cookie jar of its own per agent (``aiohttp.CookieJar(unsafe=True)`` on an IP address).

    Raises:
        DesktopRefused: wrong login or password, too many attempts, or no such role.
    """
    credentials = {"login": login, "password": password}
    headers = {"Origin": base_url}
    async with client.post(
        f"{base_url}/api/v1/session", json=credentials, headers=headers
    ) as response:
        if response.status != 200:
            raise DesktopRefused(f"sign-in of {login}: HTTP {response.status}")
    async with client.ws_connect(f"{base_url}/api/v1/desktop", headers=headers) as socket:
        desktop = HeadlessDesktop(client, socket, paints)
        await socket.send_str(
            json.dumps({"type": "hello", "boot": None, "seq": 0, "language": "en"})
        )
        task = asyncio.create_task(desktop.follow())
        try:
            await desktop.until(lambda d: "agent" in d.sections)
            yield desktop
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
