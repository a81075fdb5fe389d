"""The encoder's own process: ``python -m recorder.adapters.worker``.

Reads one request per line from standard input and answers each with one line, both JSON, until
standard input ends (so it never outlives the service for longer than the file it works on). Being a
process of its own keeps the event loop free, and a crash in a codec ends this process alone. It stays, since
starting Python, numpy and the codecs would take longer than a short call's encoding.

    {"op": "analyse", "raw": …, "peaks": …}                    → {"frames": n, "levels": [4 numbers]}
    {"op": "encode", "raw": …, "audio": …, "bitrate": 24}      → {}
    {"op": "make", …}: the three of a short file, one after the other, in one answer
    {"op": "check", "audio": …}                                → {"seconds": s, "sha256": …, "size": n}
    failures                                                   → {"error": "os", "errno": 28, …}
                                                                 {"error": "encoding", "message": …}
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from recorder import audio
from recorder.adapters import opus
from recorder.model import BYTES_PER_FRAME, CHANNELS, SAMPLE_RATE

_NICENESS = 15  # calls go first
_BLOCK = SAMPLE_RATE * 10
_SMALL = 1 << 22  # bytes that are read at once

SOUNDFILE_OPUS_FLOOR = 32
"""Kbit/s, where libopus can't be had. libsndfile drives Opus in its music mode, which below this couples the
channels: a side that was silent hears the other at -26 dB (32 kbit/s: -60 dB and less; measured, tests/recorder)."""


def raw_frames(path: Path) -> audio.Frames:
    """The raw file as an array, mapped, not read; half a frame at the end is left out."""
    frames = path.stat().st_size // BYTES_PER_FRAME
    if not frames:
        return np.zeros((0, CHANNELS), np.int16)
    return np.memmap(path, dtype="<i2", mode="r", shape=(frames, CHANNELS))


def compression_level(bitrate: int) -> float:
    """Soundfile's scale from 0 (256 kbit/s a channel) to 1 (6) for kbit/s of both channels together."""
    return 1 - (max(bitrate, SOUNDFILE_OPUS_FLOOR) / CHANNELS - 6) / 250


def analyse(raw: Path, peaks: Path) -> dict[str, Any]:
    """Write the waveform and measure the loudness."""
    frames = raw_frames(raw)
    peaks.write_text(audio.peaks(frames).to_json(), encoding="ascii")
    found = audio.levels(frames)
    return {
        "frames": len(frames),
        "levels": [
            found.caller_dbfs,
            found.agent_dbfs,
            found.silence_share,
            found.crosstalk_share,
        ],
    }


def encode(raw: Path, target: Path, bitrate: int) -> dict[str, Any]:
    """Encode a short file as Opus in Ogg.

    In memory first: libsndfile swallows write errors, Python's own ``write`` tells of a full disk.
    """
    frames = raw_frames(raw)
    if (library := opus.load()) is not None:
        target.write_bytes(opus.encode(library, frames, bitrate))
        return {}
    encoded = io.BytesIO()
    with soundfile.SoundFile(
        encoded,
        "w",
        samplerate=SAMPLE_RATE,
        channels=CHANNELS,
        format="OGG",
        subtype="OPUS",
        compression_level=compression_level(bitrate),
    ) as file:
        for first in range(0, len(frames), _BLOCK):
            file.write(np.ascontiguousarray(frames[first : first + _BLOCK]))
    target.write_bytes(encoded.getvalue())
    return {}


def check(encoded: Path) -> dict[str, Any]:
    """Decode all of an encoded file, and hash it."""
    if encoded.stat().st_size < _SMALL and (library := opus.load()) is not None:
        data = encoded.read_bytes()
        if data.startswith(b"OggS"):
            digest = hashlib.sha256(data).hexdigest()
            return {"seconds": opus.play(library, data), "sha256": digest, "size": len(data)}
    frames = 0
    with soundfile.SoundFile(str(encoded)) as file:
        if file.channels != CHANNELS:
            raise soundfile.SoundFileError(f"{file.channels} channels instead of {CHANNELS}")
        for block in file.blocks(blocksize=_BLOCK, dtype="int16"):
            frames += len(block)
        rate = file.samplerate
    with encoded.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return {"seconds": frames / rate, "sha256": digest, "size": encoded.stat().st_size}


def make(raw: Path, peaks: Path, target: Path, bitrate: int) -> dict[str, Any]:
    """Everything that a short file needs."""
    analysed = analyse(raw, peaks)
    encode(raw, target, bitrate)
    return analysed | check(target)


_OPERATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "analyse": lambda r: analyse(Path(r["raw"]), Path(r["peaks"])),
    "encode": lambda r: encode(Path(r["raw"]), Path(r["audio"]), r["bitrate"]),
    "make": lambda r: make(Path(r["raw"]), Path(r["peaks"]), Path(r["audio"]), r["bitrate"]),
    "check": lambda r: check(Path(r["audio"])),
}


def answer(line: str) -> dict[str, Any]:
    """Do what one line asks for; failures become answers."""
    request = json.loads(line)
    try:
        return _OPERATIONS[request["op"]](request)
    except OSError as exc:
        return {"error": "os", "errno": exc.errno, "message": exc.strerror or type(exc).__name__}
    except (soundfile.SoundFileError, ValueError) as exc:
        return {"error": "encoding", "message": str(exc)[:500]}


def main() -> None:
    """Serve until standard input ends."""
    os.nice(_NICENESS)
    for line in sys.stdin:
        reply = json.dumps(answer(line)) + "\n"
        try:
            sys.stdout.write(reply)
            sys.stdout.flush()
        except BrokenPipeError:
            # The service was killed meanwhile. The exit skips Python's own flush, which would fail too.
            os._exit(0)


if __name__ == "__main__":
    main()
