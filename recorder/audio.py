"""Sums on samples: peaks for the waveform, loudness, silence and cross-talk.

Works on arrays of 16-bit frames, two channels (left the caller, right the agent), and does no I/O, so
the arrays may be memory-mapped files: everything goes through them in pieces.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.model import CHANNELS, SAMPLE_RATE, Levels

Frames = NDArray[np.int16]
"""Samples of shape (frames, 2)."""

MAX_PIXELS = 2000
PIXELS_PER_SECOND = 50
SILENT_DBFS = -96.0
SPEECH_DBFS = -45.0
"""A 20 ms frame louder than this counts as speech; telephone background lies at -65 to -50."""

_FULL_SCALE = 32768.0
_FRAME = SAMPLE_RATE // 50  # 20 ms, the telephone's own packet
_PIECE = _FRAME * 50 * 60  # a minute
_ROW = 128  # samples per pixel are a multiple of this, so that halving stays even
_PIXELS_AT_A_TIME = 64  # keeps a piece in the processor's cache


@dataclass(frozen=True, slots=True)
class Peaks:
    """The lowest and highest sample of each pixel, both channels, as 8-bit numbers.

    ``data`` has the shape (pixels, channels, 2): minimum, maximum.
    """

    samples_per_pixel: int
    data: NDArray[np.int8]

    def to_json(self) -> str:
        """The ``audiowaveform`` shape, version 2, which waveform players read."""
        document: dict[str, Any] = {
            "version": 2,
            "channels": CHANNELS,
            "sample_rate": SAMPLE_RATE,
            "samples_per_pixel": self.samples_per_pixel,
            "bits": 8,
            "length": len(self.data),
            "data": self.data.reshape(-1).tolist(),
        }
        return json.dumps(document, separators=(",", ":"))


def samples_per_pixel(frames: int) -> int:
    """How many samples a pixel covers: at most 2,000 pixels, and at most about 50 a second."""
    wanted = max(math.ceil(frames / MAX_PIXELS), SAMPLE_RATE // PIXELS_PER_SECOND)
    return math.ceil(wanted / _ROW) * _ROW


def peaks(frames: Frames) -> Peaks:
    """Compute the waveform of a whole recording (10 minutes take about 10 ms)."""
    width = samples_per_pixel(len(frames))
    whole = len(frames) // width
    pixels = whole + (1 if len(frames) % width else 0)
    data = np.zeros((pixels, CHANNELS, 2), np.int8)
    scratch = np.empty((2, min(whole, _PIXELS_AT_A_TIME), width), np.int16)
    for first in range(0, whole, _PIXELS_AT_A_TIME):
        last = min(first + _PIXELS_AT_A_TIME, whole)
        block = frames[first * width : last * width].reshape(last - first, width * CHANNELS)
        low, high = _extremes(block, width, *scratch)
        # An arithmetic shift keeps the sign, and full scale ends at -128 and 127.
        data[first:last, :, 0] = low >> 8
        data[first:last, :, 1] = high >> 8
    if pixels > whole:
        rest = frames[whole * width :]
        data[whole, :, 0] = rest.min(axis=0) >> 8
        data[whole, :, 1] = rest.max(axis=0) >> 8
    return Peaks(width, data)


def _extremes(
    block: NDArray[np.int16], width: int, low: NDArray[np.int16], high: NDArray[np.int16]
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Minimum and maximum per row and channel of rows of ``width`` interleaved frames.

    Rows are folded in half again and again: each fold is one pass of the processor's vector
    instructions over long rows, which a reduction over an axis of length 2 is not. ``low`` and ``high``
    are scratch space of half a block, reused since fresh memory costs more than the sums.
    """
    low, high = low[: len(block)], high[: len(block)]
    np.minimum(block[:, :width], block[:, width:], out=low)
    np.maximum(block[:, :width], block[:, width:], out=high)
    width //= 2
    while width % 2 == 0:
        np.minimum(low[:, :width], low[:, width : 2 * width], out=low[:, :width])
        np.maximum(high[:, :width], high[:, width : 2 * width], out=high[:, :width])
        width //= 2
    return (
        low[:, : 2 * width].reshape(len(block), width, CHANNELS).min(axis=1),
        high[:, : 2 * width].reshape(len(block), width, CHANNELS).max(axis=1),
    )


def levels(frames: Frames) -> Levels:
    """Loudness of each side, and how much of the time nobody or both spoke."""
    energy = np.zeros(CHANNELS)
    silent = crossing = counted = 0
    threshold = (_FULL_SCALE * 10 ** (SPEECH_DBFS / 20)) ** 2
    for first in range(0, len(frames), _PIECE):
        power = _frame_power(frames[first : first + _PIECE])
        energy += power.sum(axis=0)
        speaks = power / _FRAME > threshold
        silent += int(np.count_nonzero(~speaks.any(axis=1)))
        crossing += int(np.count_nonzero(speaks.all(axis=1)))
        counted += len(power)
    if not counted:
        return Levels(SILENT_DBFS, SILENT_DBFS, 1.0, 0.0)
    caller, agent = (_dbfs(float(e) / len(frames)) for e in energy)
    return Levels(caller, agent, silent / counted, crossing / counted)


def speech_time(mono: NDArray[np.int16]) -> timedelta:
    """How long somebody speaks in one side's samples."""
    threshold = (_FULL_SCALE * 10 ** (SPEECH_DBFS / 20)) ** 2
    spoken = 0
    for first in range(0, len(mono), _PIECE):
        sides = np.stack([mono[first : first + _PIECE]] * CHANNELS, axis=1)
        spoken += int(np.count_nonzero(_frame_power(sides)[:, 0] / _FRAME > threshold))
    return timedelta(seconds=spoken * _FRAME / SAMPLE_RATE)


def _frame_power(piece: Frames) -> NDArray[np.float64]:
    """Sum of squares per 20 ms and channel; a last part frame counts as a frame."""
    missing = -len(piece) % _FRAME
    samples = piece.astype(np.float32)
    if missing:
        samples = np.concatenate([samples, np.zeros((missing, CHANNELS), np.float32)])
    blocks = samples.reshape(-1, _FRAME, CHANNELS)
    power: NDArray[np.float64] = np.einsum("nfc,nfc->nc", blocks, blocks).astype(np.float64)
    return power


def _dbfs(mean_square: float) -> float:
    if mean_square <= 0:
        return SILENT_DBFS
    return max(SILENT_DBFS, 10 * math.log10(mean_square / _FULL_SCALE**2))
