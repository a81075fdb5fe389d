"""Music for callers who wait: what the installation brings, or else a loop that we compose.

Debian's package brings free music; a host's own Asterisk may have none, and then callers would hear
silence. So a quiet, seamless loop is synthesised: a slow progression of four soft chords with a sparse
melody from the same seed every time. It belongs to nobody. Mono, 8 kHz, 16 bit: a telephone's sound.
"""

from __future__ import annotations

import os
import tempfile
import wave
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8000
CHORD_SECONDS = 4.0
PEAK = 0.25  # of full scale, -12 dB: speech over it stays clear

_CHORDS = (
    (0, 7, 16, 23),
    (-3, 4, 12, 19),
    (-7, 5, 9, 16),
    (-5, 2, 11, 14),
)  # semitones from 196 Hz
_SCALE = (12, 14, 16, 19, 21, 24)  # pentatonic: any two sound well together
_BASE_HZ = 196.0

Sound = NDArray[np.float64]


def music_dir(moh_dir: Path | None, cache: Path) -> Path:
    """Return the folder with music to play: ``moh_dir`` if it has any, else our own in ``cache``."""
    if moh_dir is not None and any(moh_dir.glob("*.wav")):
        return moh_dir
    folder = cache / "music-1"
    for number, seed in enumerate((11, 23), start=1):
        target = folder / f"waiting-{number}.wav"
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _write_wav(target, compose(seed))
    return folder


def compose(seed: int, rounds: int = 3) -> Sound:
    """Return one loop, ``rounds`` times the progression (16 s each), between -1 and 1.

    Every note that rings past the end is folded back to the beginning, so the loop has no seam.
    """
    random = np.random.default_rng(seed)
    length = int(rounds * len(_CHORDS) * CHORD_SECONDS * RATE)
    loop = np.zeros(length)
    for index in range(rounds * len(_CHORDS)):
        begin = index * CHORD_SECONDS
        for semitones in _CHORDS[index % len(_CHORDS)]:
            _add(loop, begin, _note(semitones, 5.5, attack=1.2), 0.5)
        for beat in range(4):
            if random.random() < 0.55:
                semitones = int(random.choice(_SCALE))
                _add(loop, begin + beat, _note(semitones, 2.5, attack=0.03), 0.35)
    return loop * (PEAK / float(np.max(np.abs(loop))))


@cache  # a loop uses the same few notes again and again
def _note(semitones: int, seconds: float, *, attack: float) -> Sound:
    time = np.arange(int(seconds * RATE)) / RATE
    hertz = _BASE_HZ * 2 ** (semitones / 12)
    tone = np.sin(2 * np.pi * hertz * time) + 0.25 * np.sin(4 * np.pi * hertz * time)
    envelope = np.minimum(time / attack, 1.0) * np.exp(-1.2 * time)
    envelope *= np.minimum((seconds - time) / 0.3, 1.0)  # ends in silence, without a click
    sound: Sound = tone * envelope
    return sound


def _add(loop: Sound, begin: float, sound: Sound, volume: float) -> None:
    places = (int(begin * RATE) + np.arange(len(sound))) % len(loop)
    loop[places] += volume * sound


def _write_wav(path: Path, sound: Sound) -> None:
    samples = (sound * 32767).astype("<i2")
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file, wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(samples.tobytes())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
