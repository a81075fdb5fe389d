"""The encoder on real processes: soundfile's worker and ffmpeg make the same of a file.

MP3 is made by ffmpeg whatever the length.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from cti.domain.errors import ConfigError
from recorder.adapters.encode import Codec, ProcessEncoder
from recorder.ports import EncoderLost, EncodingFailed
from tests.recorder.stories import raw_bytes, stereo, tone
from tests.until import until

pytestmark = pytest.mark.contract

ALWAYS_FFMPEG = timedelta(0)
NEVER_FFMPEG = timedelta(hours=9)


@pytest.fixture(
    params=[
        (Codec("opus", 24), NEVER_FFMPEG),
        (Codec("opus", 24), ALWAYS_FFMPEG),
        (Codec("mp3", 32), NEVER_FFMPEG),
    ],
    ids=["opus-worker", "opus-ffmpeg", "mp3"],
)
async def encoder(request: pytest.FixtureRequest) -> AsyncIterator[ProcessEncoder]:
    codec, long_time = request.param
    encoder = ProcessEncoder(codec, long_time=long_time)
    await encoder.start()
    yield encoder
    await encoder.stop()


@pytest.fixture
async def worker_encoder() -> AsyncIterator[ProcessEncoder]:
    encoder = ProcessEncoder(Codec(), long_time=NEVER_FFMPEG)
    yield encoder
    await encoder.stop()


def write_raw(folder: Path, samples: bytes) -> Path:
    path = folder / "call.raw"
    path.write_bytes(samples)
    return path


def loudness(samples: NDArray[np.float64]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples**2)) + 1e-9))


def strength(samples: NDArray[np.float64], frequency: float) -> float:
    """The amplitude of one frequency in decibels under full scale."""
    moments = np.arange(len(samples)) / 8000
    wave = np.exp(-2j * np.pi * frequency * moments)
    return float(20 * np.log10(abs(wave @ samples) * 2 / len(samples) + 1e-9))


@pytest.mark.parametrize("side", [0, 1], ids=["caller", "agent"])
async def test_one_side_alone_stays_on_its_channel(
    encoder: ProcessEncoder, tmp_path: Path, side: int
) -> None:
    sides = [np.zeros(8000 * 5), np.zeros(8000 * 5)]
    sides[side] = tone(5, 440)
    raw = write_raw(tmp_path, stereo(sides[0], sides[1]).tobytes())
    encoded = await encoder.encode(raw, tmp_path / "a", tmp_path / "p")
    decoded, rate = soundfile.read(tmp_path / "a")
    assert (rate, decoded.shape[1]) == (8000, 2)
    assert loudness(decoded[:, side]) == pytest.approx(-13.5, abs=1.5)
    assert loudness(decoded[:, 1 - side]) < -60
    found = [encoded.levels.caller_dbfs, encoded.levels.agent_dbfs]
    assert found[side] == pytest.approx(-13.5, abs=0.1)
    assert found[1 - side] == -96


async def test_both_sides_at_once_are_told_apart(encoder: ProcessEncoder, tmp_path: Path) -> None:
    raw = write_raw(tmp_path, raw_bytes(5))  # caller 440 Hz, agent 1,000 Hz
    await encoder.encode(raw, tmp_path / "a", tmp_path / "p")
    decoded, _ = soundfile.read(tmp_path / "a")
    caller, agent = decoded[:, 0], decoded[:, 1]
    assert strength(caller, 440) - strength(agent, 440) > 25
    assert strength(agent, 1000) - strength(caller, 1000) > 25


async def test_length_hash_size_and_waveform(encoder: ProcessEncoder, tmp_path: Path) -> None:
    raw = write_raw(tmp_path, raw_bytes(3.217) + b"x")  # half a frame at the end
    encoded = await encoder.encode(raw, tmp_path / "a", tmp_path / "p")
    whole = (tmp_path / "a").read_bytes()
    assert encoded.checked.duration_time.total_seconds() == pytest.approx(3.217, abs=0.002)
    assert encoded.checked.sha256 == hashlib.sha256(whole).hexdigest()
    assert encoded.checked.size == len(whole)
    assert await encoder.check(tmp_path / "a") == encoded.checked
    waveform = json.loads((tmp_path / "p").read_text())
    assert waveform["length"] * waveform["samples_per_pixel"] >= 3.217 * 8000
    assert whole[:4] == b"OggS" or whole[:3] == b"ID3" or whole[0] == 0xFF


async def test_what_is_no_sound_is_refused(encoder: ProcessEncoder, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"this is no sound" * 100)
    with pytest.raises(EncodingFailed):
        await encoder.check(tmp_path / "a")
    with pytest.raises(OSError, match="No such file"):
        await encoder.encode(tmp_path / "not there", tmp_path / "a", tmp_path / "p")


async def test_a_truncated_encoding_is_noticed(
    worker_encoder: ProcessEncoder, tmp_path: Path
) -> None:
    raw = write_raw(tmp_path, raw_bytes(4))
    full = await worker_encoder.encode(raw, tmp_path / "a", tmp_path / "p")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[: full.checked.size // 2])
    try:
        half = await worker_encoder.check(tmp_path / "a")
    except EncodingFailed:
        return
    assert half.duration_time < full.checked.duration_time / 1.5


async def test_one_worker_process_serves_many_files(
    worker_encoder: ProcessEncoder, tmp_path: Path
) -> None:
    raw = write_raw(tmp_path, raw_bytes(1))
    await worker_encoder.encode(raw, tmp_path / "a", tmp_path / "p")
    pids = worker_encoder.worker_pids
    await asyncio.gather(
        *(worker_encoder.encode(raw, tmp_path / f"a{n}", tmp_path / f"p{n}") for n in range(3))
    )
    assert worker_encoder.worker_pids == pids
    assert len(pids) == 1


async def test_a_worker_that_dies_is_noticed_and_replaced(
    worker_encoder: ProcessEncoder, tmp_path: Path
) -> None:
    raw = write_raw(tmp_path, raw_bytes(40))
    await worker_encoder.check(_sound(tmp_path))  # starts it
    [pid] = worker_encoder.worker_pids
    under_way = asyncio.create_task(worker_encoder.encode(raw, tmp_path / "a", tmp_path / "p"))
    await until((tmp_path / "p").exists)  # the waveform is written: it encodes now
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EncoderLost):
        await under_way
    encoded = await worker_encoder.encode(raw, tmp_path / "a", tmp_path / "p")
    assert encoded.checked.duration_time == timedelta(seconds=40)
    assert worker_encoder.worker_pids != [pid]


async def test_a_cancelled_job_leaves_no_answer_for_the_next(
    worker_encoder: ProcessEncoder, tmp_path: Path
) -> None:
    raw = write_raw(tmp_path, raw_bytes(40))
    under_way = asyncio.create_task(worker_encoder.encode(raw, tmp_path / "a", tmp_path / "p"))
    await until((tmp_path / "p").exists)
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)
    short = write_raw(tmp_path, raw_bytes(1))
    encoded = await worker_encoder.encode(short, tmp_path / "b", tmp_path / "q")
    assert encoded.checked.duration_time == timedelta(seconds=1)


async def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    encoder = ProcessEncoder(Codec(), workers=2)
    sound = _sound(tmp_path)
    await asyncio.gather(*(encoder.check(sound) for _ in range(4)))
    pids = encoder.worker_pids
    assert len(pids) == 2
    await encoder.stop()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_missing_ffmpeg_is_said_at_start_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt-get install ffmpeg"):
        await ProcessEncoder(Codec()).start()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    path = tmp_path / "small"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(path)], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.mark.parametrize("long_time", [NEVER_FFMPEG, ALWAYS_FFMPEG], ids=["worker", "ffmpeg"])
async def test_a_full_disk_is_told_as_such(
    small_disk: Path, tmp_path: Path, long_time: timedelta
) -> None:
    raw = write_raw(tmp_path, raw_bytes(60))
    encoder = ProcessEncoder(Codec("opus", 32), long_time=long_time)
    with pytest.raises(OSError, match="No space left") as caught:
        await encoder.encode(raw, small_disk / "a", tmp_path / "p")
    assert caught.value.errno == errno.ENOSPC
    assert raw.exists()
    await encoder.stop()


def _sound(folder: Path) -> Path:
    path = folder / "sound.ogg"
    soundfile.write(path, stereo(tone(1, 440), tone(1, 440)), 8000, format="OGG", subtype="OPUS")
    return path
