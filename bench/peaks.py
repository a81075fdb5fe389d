"""P15: the waveform of a ten-minute call, beside what pydub offers for it.

Same samples for all, CPU time of this thread, rounds taken in turn, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np

from bench.report import Figure, Part
from recorder import audio
from recorder.model import SAMPLE_RATE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pydub 0.25.1: invalid escapes, deprecated audioop
    from pydub import AudioSegment

SECONDS = 600
ROUNDS = 9
GOAL_MS = 10.0


def samples() -> audio.Frames:
    """Ten minutes of two-sided noise, loud and soft by turns."""
    chance = np.random.default_rng(15)
    noise = chance.normal(0, 3000, (SECONDS * SAMPLE_RATE, 2))
    return np.clip(noise, -32768, 32767).astype("<i2")


def pydub_loop(segment: AudioSegment, width: int) -> int:
    """Minimum and maximum of each pixel over ``get_array_of_samples``, in Python."""
    pixels = 0
    for side in segment.split_to_mono():
        values = side.get_array_of_samples()
        for first in range(0, len(values), width):
            part = values[first : first + width]
            pixels += min(part) <= max(part)
    return pixels


def pydub_slices(segment: AudioSegment, width: int) -> int:
    """The top of each pixel by slicing (pydub counts slices in milliseconds) and ``max``."""
    step = width * 1000 // SAMPLE_RATE
    pixels = 0
    for side in segment.split_to_mono():
        for first in range(0, len(side), step):
            pixels += side[first : first + step].max >= 0
    return pixels


def measure(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of each, round by round."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            begun = time.thread_time()
            run()
            taken[name].append((time.thread_time() - begun) * 1000)
    return taken


def run(is_quick: bool) -> Part:
    """Nine rounds; quick: three."""
    begun = time.monotonic()
    frames = samples()
    segment = AudioSegment(
        data=frames.tobytes(), sample_width=2, frame_rate=SAMPLE_RATE, channels=2
    )
    width = audio.samples_per_pixel(len(frames))
    taken = measure(
        {
            "ringdesk": lambda: audio.peaks(frames),
            "pydub_slices": lambda: pydub_slices(segment, width),
            "pydub_loop": lambda: pydub_loop(segment, width),
        },
        3 if is_quick else ROUNDS,
    )
    return describe(taken, time.monotonic() - begun)


def describe(taken: dict[str, list[float]], seconds: float) -> Part:
    """Make figures of the rounds."""
    ours = taken["ringdesk"]

    def ratio(name: str) -> tuple[float, ...]:
        return tuple(theirs / mine for theirs, mine in zip(taken[name], ours, strict=True))

    return Part(
        row="P15",
        title=f"Waveform of a {SECONDS // 60}-minute call, beside pydub",
        method="the same samples for all, rounds in turn, CPU time of the thread",
        figures=(
            Figure("ours", "ms", tuple(ours), goal=GOAL_MS),
            Figure("loop over pydub's samples / ours", "x", ratio("pydub_loop"), "higher", 20.0),
            Figure("pydub's slices / ours", "x", ratio("pydub_slices"), "higher", 2.0),
        ),
        notes=(f"best round of ours {min(ours):.2f} ms",),
        seconds=seconds,
    )
