"""Tones are what they say, and are found again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sip_sim import tones

pytestmark = pytest.mark.unit


def decoded(path: Path) -> tones.Samples:
    """What another implementation of G.711 (libsndfile) reads from our file."""
    samples, _ = soundfile.read(
        path, samplerate=tones.RATE, channels=1, format="RAW", subtype="ULAW", dtype="float64"
    )
    result: tones.Samples = samples
    return result


def test_the_ulaw_file_decodes_to_the_same_sound(tmp_path: Path) -> None:
    path = tones.write_tone(tmp_path / "a.ul", 440, 0.5)
    heard = decoded(path)
    wanted = tones.sine(440, len(heard) / tones.RATE)
    # µ-law keeps about 38 dB of signal over its own noise.
    noise = np.sqrt(np.mean((heard - wanted) ** 2))
    assert 20 * np.log10(np.sqrt(np.mean(wanted**2)) / noise) > 30


def test_extremes_do_not_wrap_around(tmp_path: Path) -> None:
    path = tmp_path / "x.ul"
    path.write_bytes(tones.to_ulaw(np.array([1.0, -1.0, 0.0, 5.0, -5.0])))
    heard = decoded(path)
    assert heard == pytest.approx([0.98, -0.98, 0.0, 0.98, -0.98], abs=0.03)


def test_a_tone_is_found_for_as_long_as_it_sounded_and_another_is_not() -> None:
    silence = np.zeros(tones.RATE)
    speech = np.concatenate([silence, tones.sine(440, 2.0), silence])
    assert tones.seconds_heard(speech, 440) == pytest.approx(2.0, abs=0.1)
    assert tones.seconds_heard(speech, 880) == 0
    assert tones.seconds_heard(silence, 440) == 0


def test_the_level_is_that_of_the_tone() -> None:
    assert tones.level_db(tones.sine(1000, 0.5, level=0.5), 1000) == pytest.approx(-6.0, abs=0.1)
    assert tones.level_db(np.zeros(0), 1000) == -120.0
