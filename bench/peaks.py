"""P15: the waveform of a ten-minute call, beside what pydub offers for it.

``python -m bench.peaks [--json]``. Same samples for all, CPU time of this thread, rounds taken in turn, so that a busy
machine slows all of them alike. Goals: 10 ms at most (best round), at least 20 times a loop over pydub's
samples, at least twice pydub's slices (medians).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

from recorder import audio
from recorder.model import SAMPLE_RATE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pydub 0.25.1: invalid escapes, deprecated audioop
    from pydub import AudioSegment

SECONDS = 600
ROUNDS = 9
GOAL_MS = 10.0
GOAL_RATIOS = {"pydub_loop": 20.0, "pydub_slices": 2.0}


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


def measure(work: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """CPU milliseconds of each, round by round."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, run in work.items():
            begun = time.thread_time()
            run()
            taken[name].append((time.thread_time() - begun) * 1000)
    return taken


def main() -> int:
    """Measure and print; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description="Waveform of a ten-minute call (P15).")
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parser.parse_args().json
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
        }
    )
    medians = {name: statistics.median(values) for name, values in taken.items()}
    ratios = {name: medians[name] / medians["ringdesk"] for name in GOAL_RATIOS}
    best_ms = min(taken["ringdesk"])
    is_met = best_ms <= GOAL_MS and all(ratios[n] >= goal for n, goal in GOAL_RATIOS.items())
    result = {
        "row": "P15",
        "median_ms": {name: round(value, 2) for name, value in medians.items()},
        "best_ms": round(best_ms, 2),
        "goal_ms": GOAL_MS,
        "ratios": {name: round(value, 1) for name, value in ratios.items()},
        "goal_ratios": GOAL_RATIOS,
        "is_met": is_met,
    }
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        for name, value in medians.items():
            ratio = f"{ratios[name]:8.1f} x" if name in ratios else "         -"
            sys.stdout.write(f"{name:14} {value:9.2f} ms {ratio}\n")
        sys.stdout.write(f"best of ours {best_ms:.2f} ms; goals {'met' if is_met else 'MISSED'}\n")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
