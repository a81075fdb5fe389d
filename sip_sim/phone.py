"""Drives a pjsua2 phone in its own process (``phone_process.py``): register, call, speak, hear.

A phone speaks a tone of its own and ``hear`` listens to its other side for a while: who was heard, and for how
much of the time, is ``Heard``'s to say. Where the library lies is the caller's to know (``asterisk_conf.pjsua2_cache``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sip_sim import tones
from sip_sim.errors import PhoneFailed

_SCRIPT = Path(__file__).with_name("phone_process.py")
_ANSWER_TIME = 10.0  # seconds for the process to answer a command
_FILE_TIME = 10.0  # seconds on top of the listening, for the file to be complete
_SILENCE_DB = -50.0  # sound below this, in dB of full scale, is none


@dataclass(frozen=True, slots=True)
class Heard:
    """What a phone heard in a span of time."""

    samples: tones.Samples
    rate: int

    @property
    def seconds(self) -> float:
        """How long it listened, by the phone's own clock."""
        return len(self.samples) / self.rate

    def share(self, frequency: float, floor_db: float = -30) -> float:
        """For how much of the time a tone was there, louder than ``floor_db``: 0 to 1.

        Music has notes of any pitch: where it plays, ask for a tone as loud as a phone's (-15 dB).
        """
        heard = tones.seconds_heard(self.samples, frequency, self.rate, floor_db)
        return heard / max(self.seconds, 1e-9)

    @property
    def sound(self) -> float:
        """For how much of the time anything at all was there: 0 to 1."""
        size = tones.BLOCK * self.rate // tones.RATE
        whole = self.samples[: len(self.samples) // size * size].reshape(-1, size)
        if not len(whole):
            return 0.0
        level = np.sqrt((whole**2).mean(axis=1))
        return float((20 * np.log10(np.maximum(level, 1e-6)) > _SILENCE_DB).mean())

    def __str__(self) -> str:
        """Sound and the two usual tones, for messages."""
        tones_ = ", ".join(f"{f:.0f} Hz {self.share(f):.2f}" for f in (440.0, 880.0))
        return f"{self.seconds:.2f} s: sound {self.sound:.2f}, {tones_}"


class SoftPhone:
    """One phone."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._next = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Event()
        self._is_gone = False
        self.events: list[dict[str, Any]] = []
        """What happened and was not waited for yet."""

    async def do(self, verb: str, **arguments: Any) -> Any:
        """Give a command; the verbs are the methods of ``phone_process.Desk``.

        Raises:
            PhoneFailed: the phone refused, or its process is gone.
        """
        if self._is_gone:
            raise PhoneFailed(f"{verb}: the phone's process is gone")
        self._next += 1
        number = self._next
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe below
        line = json.dumps({"id": number, "do": verb, **arguments})
        try:
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
            async with asyncio.timeout(_ANSWER_TIME):
                answer = await future
        except (OSError, TimeoutError) as exc:
            raise PhoneFailed(f"{verb}: the phone's process does not answer") from exc
        finally:
            self._answers.pop(number, None)
        if not answer["ok"]:
            raise PhoneFailed(f"{verb}: {answer.get('error')}")
        return answer.get("value")

    async def wait_for(self, event: str, within: float = 10.0, **fields: Any) -> dict[str, Any]:
        """The first event of this kind with these fields, past or to come; each is given once.

        Raises:
            TimeoutError: it did not come; shows what came.
            PhoneFailed: the process is gone.
        """
        try:
            async with asyncio.timeout(within):
                while True:
                    for item in self.events:
                        if item["event"] == event and fields.items() <= item.items():
                            self.events.remove(item)
                            return item
                    if self._is_gone:
                        raise PhoneFailed(f"no {event} {fields}: the phone's process is gone")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"no {event} {fields} among {self.events}") from None

    async def register(self, server: str, user: str, password: str) -> None:
        """Register a line at ``host:port``.

        Raises:
            PhoneFailed: the registrar refused.
        """
        await self.do("register", server=server, user=user, password=password)
        status = (await self.wait_for("registered"))["status"]
        if status != 200:
            raise PhoneFailed(f"registration: SIP {status}")

    async def hear(self, seconds: float = 1.0) -> Heard:
        """Listen to the other side of the call for so long.

        Raises:
            PhoneFailed: there is no call.
            TimeoutError: the recording did not end, since nothing came to record.
        """
        path = str(self._folder / f"heard{self._next}.wav")
        await self.do("listen", path=path, seconds=seconds)
        await self.wait_for("heard", within=seconds + _FILE_TIME, path=path)
        samples, rate = await asyncio.to_thread(soundfile.read, path, dtype="float64")
        return Heard(np.asarray(samples), int(rate))

    async def speak(self, frequency: float) -> None:
        """Speak a tone from the next call on."""
        path = self._folder / f"mouth{frequency:.0f}.wav"
        periods = round(2 * frequency)  # whole periods, so that it loops without a click
        samples = tones.sine(frequency, periods / frequency)
        await asyncio.to_thread(soundfile.write, path, samples, tones.RATE, "PCM_16")
        await self.do("speak", path=str(path))

    async def kill(self) -> None:
        """SIGKILL: the phone says goodbye to nobody."""
        self._process.kill()
        await self._process.wait()

    async def listen(self) -> None:
        """Read the process's lines until it ends."""
        assert self._process.stdout is not None  # noqa: S101 - opened as a pipe below
        async for line in self._process.stdout:
            message = json.loads(line)
            if "id" in message:
                future = self._answers.get(message["id"])
                if future is not None and not future.done():
                    future.set_result(message)
            else:
                self.events.append(message)
            self._changed.set()
        self._is_gone = True
        for future in self._answers.values():
            if not future.done():
                future.set_result({"ok": False, "error": "the phone's process is gone"})
        self._changed.set()


@contextlib.asynccontextmanager
async def soft_phone(
    site: Path,
    tone: float | None = None,
    codecs: Sequence[str] = ("PCMA", "PCMU"),
    port: int = 0,
) -> AsyncIterator[SoftPhone]:
    """Start a phone; it hangs up and ends with the block.

    Args:
        site: the folder that makes ``import pjsua2`` work.
        tone: what it speaks, in Hz; None: silence.
        codecs: all it can, the preferred one first.
        port: where it listens for SIP; 0: anywhere.

    Raises:
        PhoneFailed: the process did not start.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_SCRIPT),
        str(port),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    with tempfile.TemporaryDirectory(prefix="rdphone-") as folder:
        phone = SoftPhone(process, Path(folder))
        listener = asyncio.create_task(phone.listen())
        try:
            await phone.wait_for("ready", within=20)
            await phone.do("codecs", names=list(codecs))
            if tone is not None:
                await phone.speak(tone)
            yield phone
        finally:
            await _end(phone, process)
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)


async def _end(phone: SoftPhone, process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(PhoneFailed):
        await phone.do("quit")
    try:
        async with asyncio.timeout(5):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
