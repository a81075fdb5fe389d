"""The least that a message over a WebSocket can cost here: a bare aiohttp server that sends back what it hears.

``python -m bench.echo`` serves on a free port of loopback, prints the port and goes on until its input ends. The round
trips measured against it, in the process of the simulated desktops and under the same load, are the base line of P10.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

_PAUSE_S = 0.1


async def serve() -> None:
    """Serve until the parent closes our input."""
    app = web.Application()
    app.router.add_get("/", _echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


async def _echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


@contextlib.asynccontextmanager
async def echoing(connections: int) -> AsyncIterator[list[aiohttp.ClientWebSocketResponse]]:
    """A server in a process of its own and so many open connections to it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.echo",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        if process.stdout is None:
            raise RuntimeError("no pipe")
        port = int(await process.stdout.readline())
        async with aiohttp.ClientSession() as client, contextlib.AsyncExitStack() as stack:
            url = f"http://127.0.0.1:{port}/"
            yield [
                await stack.enter_async_context(client.ws_connect(url)) for _ in range(connections)
            ]
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def keep_asking(
    sockets: list[aiohttp.ClientWebSocketResponse], text: str, round_trips_ms: list[float]
) -> None:
    """One question every tenth of a second, each connection in its turn, until cancelled."""
    while True:
        for socket in sockets:
            begun = time.monotonic()
            await socket.send_str(text)
            await socket.receive_str()
            round_trips_ms.append(1000 * (time.monotonic() - begun))
            await asyncio.sleep(_PAUSE_S)


if __name__ == "__main__":
    asyncio.run(serve())
