"""The demo's life: simulated colleagues at their desks, and a caller every now and then.

So that whoever signs in to the demo meets a call centre at work: some agents take calls on simulated desk phones,
callers (known and unknown, English and Chinese) press their way through the menu, wait, speak, hang up. They say
that they are simulated: by voice, and by name where the caller is unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import soundfile
import structlog

from sip_sim import tones
from sip_sim.errors import SimulatorError
from sip_sim.farm import Place, SimAgent, agents, callers, carrier
from sip_sim.sipp import Load

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who calls: number, name as the network delivers it, keys, language of his voice."""

    number: str
    name: str
    digits: str
    language: str


_SAYINGS = {
    "en": "Hello. I am a simulated caller. My voice is a computer's. I would like to ask about my order.",
    "zh": "您好，我是模拟来电，我的声音是电脑合成的。我想咨询一下我的订单。",
}
_IMPATIENT_SHARE = 0.15  # of the callers, who give up soon: abandoned calls are part of the picture
_IMPATIENCE = (8.0, 20.0)  # seconds
_PATIENCE = (40.0, 120.0)
_VOICES = {"en": "en", "zh": "cmn"}
_AGENT_SAYING = "Hello. You speak with a simulated agent. How can I help you?"
_CALLED_SAYING = "Hello. You have called a simulated customer. My voice is a computer's."


async def run(
    place: Place,
    colleagues: Sequence[SimAgent],
    visitors: Sequence[Visitor],
    number: str,
    *,
    carrier_port: int | None = None,
    pause: tuple[float, float] = (6.0, 14.0),
    talk: timedelta = timedelta(seconds=25),
    most: int = 4,
    chance: random.Random | None = None,
) -> None:
    """Go on until cancelled: a new caller after each pause (seconds, from–to), at most ``most`` at once.

    ``carrier_port``: where whoever is called outside answers too.
    """
    chance = chance or random.Random()  # noqa: S311 - which caller comes next is no secret
    with tempfile.TemporaryDirectory(prefix="rddemo-") as folder:
        voices = await asyncio.to_thread(_voices, Path(folder))
        async with (
            _colleagues(place, colleagues, voices["agent"], talk),
            _customers(place, carrier_port, voices["called"]),
            asyncio.TaskGroup() as group,
        ):
            places = asyncio.Semaphore(most)
            for visitor in _in_turns(visitors, chance):
                await places.acquire()
                span = _IMPATIENCE if chance.random() < _IMPATIENT_SHARE else _PATIENCE
                patience = timedelta(seconds=chance.uniform(*span))
                call = _visit(place, visitor, number, voices[visitor.language], patience)
                task = group.create_task(call)
                task.add_done_callback(lambda _task: places.release())
                await asyncio.sleep(chance.uniform(*pause))


def _in_turns(visitors: Sequence[Visitor], chance: random.Random) -> Iterator[Visitor]:
    """Everybody once in any order, then again: nobody rings in while he is still on the line."""
    while True:
        yield from chance.sample(visitors, len(visitors))


@contextlib.asynccontextmanager
async def _colleagues(
    place: Place, people: Sequence[SimAgent], voice: Path, talk: timedelta
) -> AsyncIterator[None]:
    if not people:
        yield
        return
    async with agents(
        place, people, answer_after=timedelta(seconds=3), talk=talk, tone=voice, keeps_ready=True
    ):
        yield


@contextlib.asynccontextmanager
async def _customers(place: Place, port: int | None, voice: Path) -> AsyncIterator[None]:
    if port is None:
        yield
        return
    async with carrier(place, port, tone=voice):
        yield


async def _visit(
    place: Place, visitor: Visitor, number: str, voice: Path, patience: timedelta
) -> None:
    try:
        async with callers(
            place, number, Load(), digits=visitor.digits, tone=voice,
            menu_time=timedelta(seconds=2), patience=patience,
            fields=[(visitor.number, visitor.name)],
        ) as calling:  # fmt: skip
            await calling.finish(patience + timedelta(seconds=30))
    except (SimulatorError, TimeoutError) as exc:
        log.warning("a simulated call failed", error=type(exc).__name__)


def _voices(folder: Path) -> dict[str, Path]:
    """Speak the sayings into µ-law files, with pauses; a tone where there is no espeak-ng."""
    files = {}
    for name, language, text in (
        *((language, language, text) for language, text in _SAYINGS.items()),
        ("agent", "en", _AGENT_SAYING),
        ("called", "en", _CALLED_SAYING),
    ):
        path = folder / f"{name}.ul"
        files[name] = _speak(path, _VOICES[language], text)
    return files


def _speak(path: Path, voice: str, text: str) -> Path:
    program = shutil.which("espeak-ng")
    if program is None:
        return tones.write_tone(path, 440)
    wav = path.with_suffix(".wav")
    subprocess.run(
        [program, "-v", voice, "-s", "140", "-w", str(wav), "--stdin"],
        input=text.encode(),
        check=True,
        timeout=30,
    )
    samples, rate = soundfile.read(wav, dtype="float64")
    # A plain average over each output sample's span is filter enough for a demo's voice.
    edges = np.arange(0, len(samples) - rate // tones.RATE - 1, rate / tones.RATE).astype(int)
    narrow = np.add.reduceat(samples, edges) / (rate / tones.RATE)
    silence = np.zeros(2 * tones.RATE)
    path.write_bytes(tones.to_ulaw(np.concatenate([0.6 * narrow, silence])))
    return path
