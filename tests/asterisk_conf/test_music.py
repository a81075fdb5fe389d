"""The music we compose: quiet, without a seam, the same every time."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from asterisk_conf.music import PEAK, RATE, compose, music_dir

pytestmark = pytest.mark.unit


def test_a_loop_is_quiet_and_has_no_seam_and_no_silence() -> None:
    loop = compose(11)
    assert 30 <= len(loop) / RATE <= 60
    assert np.max(np.abs(loop)) == pytest.approx(PEAK)
    step = np.max(np.abs(np.diff(loop)))
    assert abs(loop[0] - loop[-1]) <= step  # from end to beginning no more than elsewhere
    for second in loop[: len(loop) // RATE * RATE].reshape(-1, RATE):
        assert np.sqrt(np.mean(second**2)) > 0.005


def test_the_same_seed_gives_the_same_music_and_another_another() -> None:
    assert np.array_equal(compose(11, rounds=1), compose(11, rounds=1))
    assert not np.array_equal(compose(11, rounds=1), compose(23, rounds=1))


def test_the_installations_music_is_preferred(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    assert music_dir(tmp_path, tmp_path / "cache") == tmp_path
    assert not (tmp_path / "cache").exists()


def test_without_any_ours_is_written_once_as_a_telephone_plays_it(tmp_path: Path) -> None:
    folder = music_dir(None, tmp_path)
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["waiting-1.wav", "waiting-2.wav"]
    with wave.open(str(files[0])) as music:
        assert (music.getframerate(), music.getnchannels(), music.getsampwidth()) == (8000, 1, 2)
    written = files[0].stat().st_mtime_ns
    (tmp_path / "empty").mkdir()
    assert music_dir(tmp_path / "empty", tmp_path) == folder
    assert files[0].stat().st_mtime_ns == written
