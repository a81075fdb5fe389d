"""An AGI class that we did not write talks to our fake Asterisk and to a real one: both look alike to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cti.clock import SystemClock
from tests.asterisk.conftest import pbx, pbx_of_session  # noqa: F401 - fixtures of that folder
from tests.asterisk.sipp import calling
from tests.fakes.asterisk import FakeAsterisk
from tests.until import until

SCRIPT = Path(__file__).with_name("pyst2_script.py")
EXPECTED: list[list[Any]] = [
    [
        "environment",
        {
            "agi_network": "yes",
            "agi_type": "PJSIP",
            "agi_callerid": "13800138000",
            "agi_dnid": "4000",
            "agi_context": "rd-in",
            "agi_extension": "4000",
        },
    ],
    ["names", ["agi_channel", "agi_language", "agi_request", "agi_uniqueid"]],
    ["answer", None],
    ["set", None],
    ["get", "zh (x) ok"],
    ["get nothing", ""],
    ["state", "menu"],
    ["play", ""],
    ["play nothing", "AGIAppError"],
    ["key", ""],
    ["data", ""],
    ["number", ""],
    ["digits", ""],
    ["noop", "0"],
    ["verbose", "1"],
    ["exec", "0"],
    ["exec nothing", "-2"],
    ["unknown", "AGIInvalidCommand"],
    ["usage", "AGIUsageError"],
    ["status", "6"],
    ["next", None],
]


@asynccontextmanager
async def bridge(port: int, result: Path) -> AsyncIterator[int]:
    """Listen for Asterisk; give each connection to a script of its own as stdin and stdout."""
    scripts: list[asyncio.subprocess.Process] = []
    with socket.create_server(("127.0.0.1", port)) as listening:
        listening.setblocking(False)

        async def serve() -> None:
            while True:
                peer, _ = await asyncio.get_running_loop().sock_accept(listening)
                with peer:
                    peer.setblocking(True)
                    script = await asyncio.create_subprocess_exec(
                        *(sys.executable, str(SCRIPT), str(result)),
                        stdin=peer.fileno(),
                        stdout=peer.fileno(),
                        stderr=asyncio.subprocess.DEVNULL,
                        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])},
                    )
                    scripts.append(script)

        task = asyncio.create_task(serve())
        try:
            yield int(listening.getsockname()[1])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for script in scripts:
                with contextlib.suppress(ProcessLookupError):
                    script.kill()
                await script.wait()


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param("fake", marks=pytest.mark.contract),
        pytest.param("real", marks=pytest.mark.asterisk),
    ],
)
async def test_pyst2_sees_the_same(
    peer: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    result = tmp_path / "steps.json"
    if peer == "fake":
        await on_the_fake(result)
    else:
        real = request.getfixturevalue("pbx")
        await real.set_global("RD_LEASE", "60")
        async with bridge(real.settings.pbx.agi_port, result), calling(real):
            await until(result.exists, 20)
    steps = json.loads(await until(lambda: result.read_text(encoding="utf-8")))
    assert steps == EXPECTED


async def on_the_fake(result: Path) -> None:
    fake = FakeAsterisk(SystemClock())
    fake.variables["RD_LEASE"] = "60"
    fake.missing_prompts = {"no/such/prompt"}
    async with bridge(0, result) as port:
        fake.agi = ("127.0.0.1", port)
        caller = fake.call("4000")
        await until(result.exists, 20)
        await until(lambda: not caller.is_up)
    await fake.close()
