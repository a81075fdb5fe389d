"""Peaks and loudness on known signals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from recorder import audio
from recorder.audio import MAX_PIXELS, levels, peaks, samples_per_pixel
from recorder.model import SAMPLE_RATE, Levels
from tests.recorder.stories import stereo, tone

pytestmark = pytest.mark.unit


def test_peaks_are_those_of_a_plain_loop() -> None:
    random = np.random.default_rng(5)
    frames = random.integers(-32768, 32768, (SAMPLE_RATE * 7 + 13, 2), dtype=np.int16)
    found = peaks(frames)
    width = found.samples_per_pixel
    for pixel in (0, 1, len(found.data) // 2, len(found.data) - 1):
        part = frames[pixel * width : (pixel + 1) * width]
        for channel in (0, 1):
            low, high = part[:, channel].min() >> 8, part[:, channel].max() >> 8
            assert found.data[pixel, channel].tolist() == [low, high]


@pytest.mark.parametrize("length", [0, 1, 127, 8000, 8000 * 60, 8000 * 3600 * 3])
def test_there_are_at_most_2000_pixels_and_all_samples_are_in_one(length: int) -> None:
    width = samples_per_pixel(length)
    pixels = -(-length // width)
    assert pixels <= MAX_PIXELS
    assert pixels * width >= length


def test_the_json_is_what_waveform_players_read() -> None:
    frames = stereo(tone(1, 440, 1.0), tone(1, 440, 0.0))
    document = json.loads(peaks(frames).to_json())
    assert document["version"] == 2
    assert (document["channels"], document["bits"], document["sample_rate"]) == (2, 8, 8000)
    assert len(document["data"]) == document["length"] * 4
    assert document["data"][:4] == [-128, 127, 0, 0]  # left min, max, right min, max


def test_an_empty_recording_has_no_pixels() -> None:
    assert len(peaks(np.zeros((0, 2), np.int16)).data) == 0
    assert levels(np.zeros((0, 2), np.int16)) == Levels(-96.0, -96.0, 1.0, 0.0)


def test_loudness_of_a_sine_is_three_decibels_under_its_top() -> None:
    found = levels(stereo(tone(3, 1000, 1.0), tone(3, 1000, 0.1)))
    assert found.caller_dbfs == pytest.approx(-3.01, abs=0.05)
    assert found.agent_dbfs == pytest.approx(-23.01, abs=0.05)


def test_a_side_that_was_mute_is_seen() -> None:
    found = levels(stereo(tone(3, 1000), tone(3, 1000, 0)))
    assert found.agent_dbfs == audio.SILENT_DBFS
    assert found.crosstalk_share == 0


def test_silence_and_cross_talk_are_shares_of_the_time() -> None:
    quiet = np.zeros(SAMPLE_RATE)
    loud = tone(1, 700)
    # second by second: caller, both, nobody, agent; 70 seconds of nothing cross a piece's border
    caller = np.concatenate([loud, loud, quiet, quiet, np.zeros(SAMPLE_RATE * 76)])
    agent = np.concatenate([quiet, loud, quiet, loud, np.zeros(SAMPLE_RATE * 76)])
    found = levels(stereo(caller, agent))
    assert found.crosstalk_share == pytest.approx(1 / 80, abs=0.001)
    assert found.silence_share == pytest.approx(77 / 80, abs=0.001)
