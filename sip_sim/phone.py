"""Drives a pjsua2 phone in its own process (``phone_process.py``): register, call, speak, hear.

``find_pjsua2`` tells where ``make pjsua2`` put the library. What a phone hears is a WAV file of
8 kHz; ``tones.seconds_heard`` finds out who spoke.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sip_sim.errors import PhoneFailed

_SCRIPT = Path(__file__).with_name("phone_process.py")


class SoftPhone:
    """One phone."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._next = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Event()
        self.events: list[dict[str, Any]] = []

    async def do(self, verb: str, **arguments: Any) -> Any:
        """Give a command; see ``phone_process`` for the verbs.

        Raises:
            PhoneFailed: the phone refused, or its process is gone.
        """
        self._next += 1
        number = self._next
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe below
        line = json.dumps({"id": number, "do": verb, **arguments})
        try:
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
            async with asyncio.timeout(10):
                answer = await future
        except (OSError, TimeoutError) as exc:
            raise PhoneFailed(f"{verb}: the phone's process does not answer") from exc
        if not answer["ok"]:
            raise PhoneFailed(f"{verb}: {answer.get('error')}")
        return answer.get("value")

    async def wait_for(self, event: str, within: float = 10.0, **fields: Any) -> dict[str, Any]:
        """The first event of this kind with these fields, past or to come.

        Raises:
            TimeoutError: it did not come; shows what came.
        """

        def seen() -> dict[str, Any] | None:
            for item in self.events:
                if item.get("event") == event and fields.items() <= item.items():
                    return item
            return None

        try:
            async with asyncio.timeout(within):
                while (found := seen()) is None:
                    self._changed.clear()
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise TimeoutError(f"no {event} {fields} among {self.events}") from None

    async def listen(self) -> None:
        """Read the process's lines until it ends."""
        assert self._process.stdout is not None  # noqa: S101 - opened as a pipe below
        async for line in self._process.stdout:
            if not line.startswith(b"{"):
                continue  # the library's own chatter
            message = json.loads(line)
            if "id" in message:
                future = self._answers.pop(message["id"], None)
                if future is not None and not future.done():
                    future.set_result(message)
            else:
                self.events.append(message)
            self._changed.set()


def find_pjsua2(cache: Path) -> Path:
    """The folder to put on the interpreter's path.

    Raises:
        PhoneFailed: not built yet; names the remedy.
    """
    version = f"py{sys.version_info.major}.{sys.version_info.minor}"
    for site in sorted((cache / "pjsua2").glob(f"*-{version}-*/site")):
        return site
    raise PhoneFailed("pjsua2 is not built for this Python: run `make pjsua2`")


@contextlib.asynccontextmanager
async def soft_phone(cache: Path) -> AsyncIterator[SoftPhone]:
    """Start a phone; it hangs up and ends with the block."""
    environment = {**os.environ, "PYTHONPATH": str(find_pjsua2(cache))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_SCRIPT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    phone = SoftPhone(process)
    listener = asyncio.create_task(phone.listen())
    try:
        await phone.wait_for("ready")
        yield phone
    finally:
        with contextlib.suppress(PhoneFailed):
            await phone.do("quit")
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
