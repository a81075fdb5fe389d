"""Tones that a simulated party speaks, and how to find them again in what was heard. Pure (numpy).

A party "speaks" a sine of its own frequency; whoever hears it is known from the spectrum, and how
long from the number of blocks in which it stands out. 8 kHz, like the telephone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 8000
BLOCK = 400  # samples: 50 ms, 20 Hz apart

Samples = npt.NDArray[np.float64]


def sine(frequency: float, seconds: float, level: float = 0.4) -> Samples:
    """A tone; ``level`` is its peak, 1.0 is full scale."""
    time = np.arange(int(seconds * RATE)) / RATE
    return level * np.sin(2 * np.pi * frequency * time)


def to_ulaw(samples: Samples) -> bytes:
    """Encode as G.711 µ-law (ITU-T G.711, table 2a; continuous formula, then inverted)."""
    clipped = np.clip(samples, -1.0, 1.0)
    linear = np.abs(clipped) * 32635 + 132
    exponent = np.clip(np.floor(np.log2(linear)).astype(int) - 7, 0, 7)
    mantissa = (linear.astype(int) >> (exponent + 3)) & 0x0F
    sign = np.where(clipped < 0, 0x80, 0)
    coded = ~(sign | (exponent << 4) | mantissa) & 0xFF
    return bytes(coded.astype(np.uint8))


def write_tone(path: Path, frequency: float, seconds: float = 2.0) -> Path:
    """A raw µ-law file for SIPp's ``rtp_stream``; whole periods, so that it loops without a click."""
    periods = max(1, round(frequency * seconds))
    path.write_bytes(to_ulaw(sine(frequency, periods / frequency)))
    return path


def level_db(samples: Samples, frequency: float, rate: int = RATE) -> float:
    """How strong a frequency stands in the samples, in dB below full scale (Goertzel's sum)."""
    if not len(samples):
        return -120.0
    phase = np.exp(-2j * np.pi * frequency / rate * np.arange(len(samples)))
    amplitude = 2 * abs(np.dot(samples, phase)) / len(samples)
    return float(20 * np.log10(max(amplitude, 1e-6)))


def seconds_heard(
    samples: Samples, frequency: float, rate: int = RATE, floor_db: float = -30
) -> float:
    """For how long a tone is in the samples: the blocks in which it is louder than ``floor_db``."""
    size = max(1, BLOCK * rate // RATE)
    blocks = [samples[i : i + size] for i in range(0, len(samples) - size + 1, size)]
    heard = sum(1 for block in blocks if level_db(block, frequency, rate) > floor_db)
    return heard * size / rate
