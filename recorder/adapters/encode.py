"""Encoding outside our process: a persistent worker for short files, ffmpeg for the rest.

Starting ffmpeg costs more CPU (83 ms) than encoding a short call, so short files go to
``worker.py``, which stays. Long files go to ffmpeg, which needs constant memory and is killed without harm. Both are
niced. MP3 is ffmpeg's in any case: libsndfile's is 3 dB too quiet at 8 kHz where one
side is silent. At most one file per worker is under way: what waits, waits in the book, not in memory.
A process that dies or hangs is noticed (end of its output, a deadline), ended and replaced at the next file.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from cti.domain.errors import ConfigError
from recorder.model import BYTES_PER_SECOND, SAMPLE_RATE, Levels
from recorder.ports import Checked, Encoded, EncoderLost, EncodingFailed

log = structlog.get_logger(__name__)

LONG_TIME = timedelta(minutes=3)
LENGTH_TOLERANCE_TIME = timedelta(milliseconds=150)
_PATIENCE_TIME = timedelta(minutes=1)  # and the recording's own length: 100 times what is needed
_ANSWER_LIMIT = 64 * 1024
_STDERR_LIMIT = 64 * 1024
_FULL = b"No space left on device"

NO_FFMPEG = "ffmpeg was not found; long recordings need it. Install it (Debian, Ubuntu: apt-get install ffmpeg)"


@dataclass(frozen=True, slots=True)
class Codec:
    """What to make: ``opus`` (in Ogg) or ``mp3``, and how many kbit/s for both channels together."""

    audio_format: str = "opus"
    bitrate: int = 24

    def ffmpeg_options(self) -> list[str]:
        """The options of ffmpeg. Speech mode keeps the channels apart (-65 dB at 24 kbit/s, music mode -26)."""
        rate = f"{self.bitrate}k"
        if self.audio_format == "mp3":
            return ["-c:a", "libmp3lame", "-b:a", rate, "-f", "mp3"]
        return ["-c:a", "libopus", "-application", "voip", "-b:a", rate, "-f", "ogg"]


class Worker:
    """One ``worker.py`` process, started when it is first needed."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs, else None."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def ask(self, request: dict[str, Any], timeout: timedelta) -> dict[str, Any]:  # noqa: ASYNC109
        """Send a request and read the answer.

        Raises:
            EncoderLost: the process died or did not answer in time; it is ended.
            EncodingFailed: the codec refused.
            OSError: the worker met one.
        """
        process = await self._running()
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            async with asyncio.timeout(timeout.total_seconds()):
                line = await process.stdout.readline()
        except (ConnectionError, TimeoutError) as exc:
            await self.stop()
            raise EncoderLost(f"the encoder's process was lost: {type(exc).__name__}") from exc
        except asyncio.CancelledError:
            # The answer to this request must not be taken for the next one's.
            await self.stop()
            raise
        if not line.endswith(b"\n"):
            await self.stop()
            raise EncoderLost("the encoder's process died")
        return _read_answer(json.loads(line))

    async def stop(self) -> None:
        """End the process, at once."""
        process, self._process = self._process, None
        if process is not None:
            await _end(process)

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "recorder.adapters.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_ANSWER_LIMIT,
                # The service's own import path, wherever it was started from.
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )
        return self._process


def _read_answer(answer: dict[str, Any]) -> dict[str, Any]:
    match answer.get("error"):
        case None:
            return answer
        case "os":
            raise OSError(answer["errno"], answer["message"])
        case _:
            raise EncodingFailed(answer["message"])


class ProcessEncoder:
    """``Encoder`` with so many workers; ``long_time`` is from where on ffmpeg does it."""

    def __init__(self, codec: Codec, workers: int = 1, long_time: timedelta = LONG_TIME) -> None:
        self._codec = codec
        self._long_bytes = int(long_time.total_seconds() * BYTES_PER_SECOND)
        self._workers = [Worker() for _ in range(workers)]
        self._free: asyncio.LifoQueue[Worker] = asyncio.LifoQueue()
        for worker in reversed(self._workers):
            self._free.put_nowait(worker)

    @property
    def worker_pids(self) -> list[int]:
        """Ids of the worker processes that run, for the doctor and for tests."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    async def start(self) -> None:
        """See the port."""
        if await asyncio.to_thread(shutil.which, "ffmpeg") is None:
            raise ConfigError(NO_FFMPEG)

    async def stop(self) -> None:
        """See the port."""
        for worker in self._workers:
            await worker.stop()

    async def encode(self, raw: Path, audio: Path, peaks: Path) -> Encoded:
        """See the port."""
        size = _size(raw)
        asked: dict[str, Any] = {"raw": str(raw), "peaks": str(peaks), "audio": str(audio)}
        is_short = size < self._long_bytes and self._codec.audio_format == "opus"
        async with self._worker() as worker:
            if is_short:
                asked |= {"op": "make", "bitrate": self._codec.bitrate}
                analysed = await worker.ask(asked, _patience(size))
                checked = _checked(analysed)
            else:
                analysed = await worker.ask(asked | {"op": "analyse"}, _patience(size))
                await self._ffmpeg(raw, audio, _patience(size))
                checked = await self._check(worker, audio, _patience(size))
        wanted_time = timedelta(seconds=analysed["frames"] / SAMPLE_RATE)
        if abs(checked.duration_time - wanted_time) > LENGTH_TOLERANCE_TIME:
            raise EncodingFailed(
                f"{wanted_time.total_seconds():.2f} s went in,"
                f" {checked.duration_time.total_seconds():.2f} s came out"
            )
        return Encoded(checked, Levels(*analysed["levels"]))

    async def check(self, audio: Path) -> Checked:
        """See the port."""
        size = _size(audio)
        async with self._worker() as worker:
            return await self._check(worker, audio, _patience(size * 20))

    async def _check(self, worker: Worker, audio: Path, patience_time: timedelta) -> Checked:
        return _checked(await worker.ask({"op": "check", "audio": str(audio)}, patience_time))

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[Worker]:
        worker = await self._free.get()
        try:
            yield worker
        finally:
            self._free.put_nowait(worker)

    async def _ffmpeg(self, raw: Path, audio: Path, patience_time: timedelta) -> None:
        arguments = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-threads", "1"]
        arguments += ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "2", "-i", str(raw)]
        arguments += [*self._codec.ffmpeg_options(), str(audio)]
        try:
            process = await asyncio.create_subprocess_exec(
                *("nice", "-n", "19", "ffmpeg", *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as exc:
            raise EncodingFailed(NO_FFMPEG) from exc
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        try:
            async with asyncio.timeout(patience_time.total_seconds()):
                said = await _read_all(process.stderr)
                status = await process.wait()
        except TimeoutError as exc:
            raise EncoderLost("ffmpeg hung") from exc
        finally:
            await _end(process)
        if _FULL in said:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if status < 0:
            raise EncoderLost(f"ffmpeg was ended by signal {-status}")
        if status:
            raise EncodingFailed(f"ffmpeg gave up with status {status}")


def _checked(answer: dict[str, Any]) -> Checked:
    return Checked(timedelta(seconds=answer["seconds"]), answer["sha256"], answer["size"])


def _size(path: Path) -> int:
    # A look at a local file: quicker than a thread.
    return path.stat().st_size


def _patience(raw_size: int) -> timedelta:
    return _PATIENCE_TIME + timedelta(seconds=raw_size / BYTES_PER_SECOND)


async def _read_all(stream: asyncio.StreamReader) -> bytes:
    """Read to the end, keeping only the beginning."""
    kept = b""
    while piece := await stream.read(4096):
        kept = (kept + piece)[:_STDERR_LIMIT]
    return kept


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    # Reads the pipes to their end and reaps the process, so that nothing is left to the collector.
    with contextlib.suppress(ConnectionError):
        await process.communicate()
