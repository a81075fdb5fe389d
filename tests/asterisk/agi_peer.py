"""A tiny FastAGI peer for dialplan tests: it sets variables and ends, or accepts and never answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager


@asynccontextmanager
async def agi_peer(
    port: int,
    variables: Mapping[str, str] | None,
    scripts: list[str] | None = None,
    *,
    command: str = "",
) -> AsyncIterator[None]:
    """Serve FastAGI on ``port``: set ``variables`` on each caller; None: never answer.

    ``scripts`` receives the script name of each visit; ``command`` is given before the variables.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        assert me is not None
        tasks.add(me)
        try:
            request = (await reader.readuntil(b"\n\n")).decode()
            if scripts is not None:
                scripts.append(request.split("agi_network_script: ")[1].split("\n")[0])
            if variables is None:
                await asyncio.Event().wait()
            if command:
                writer.write(f"{command}\n".encode())
                if b"result=-1" in await reader.readline():
                    return  # sent elsewhere, or hung up
            for name, value in (variables or {}).items():
                writer.write(f'SET VARIABLE {name} "{value}"\n'.encode())
                assert (await reader.readline()).startswith(b"200")
        except (asyncio.CancelledError, asyncio.IncompleteReadError):
            pass  # the test is over, or Asterisk closed the line
        finally:
            writer.close()

    # Two calls of one test may each bring a peer of their own.
    server = await asyncio.start_server(serve, "127.0.0.1", port, reuse_port=True)
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
