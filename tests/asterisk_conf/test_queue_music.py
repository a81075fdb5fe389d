"""Music by queue: an administrator's files, as a telephone plays them."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from asterisk_conf.queue_music import queue_music
from cti.domain.errors import ConfigError

pytestmark = pytest.mark.unit


def write(path: Path, rate: int, channels: int, seconds: float = 0.2) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = np.full((int(rate * seconds), channels), 1000, dtype="<i2").tobytes()
    with path.open("wb") as file, wave.open(file, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(frames)
    return path.read_bytes()


def forms(folder: Path) -> list[tuple[int, int, int]]:
    found = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file, wave.open(file) as sound:
            found.append((sound.getframerate(), sound.getnchannels(), sound.getsampwidth()))
    return found


def test_files_are_brought_into_a_telephones_form_once(tmp_path: Path) -> None:
    source, ours = tmp_path / "source", tmp_path / "ours"
    fit, wide = write(source / "fit.wav", 8000, 1), write(source / "-i wide.WAV", 44100, 2)
    (source / "notes.txt").write_text("no music")
    assert queue_music(source, ours) == ours
    assert forms(ours) == [(8000, 1, 2)] * 2
    made = {path: path.stat().st_mtime_ns for path in ours.iterdir()}
    queue_music(source, ours)
    assert {path: path.stat().st_mtime_ns for path in ours.iterdir()} == made
    assert (source / "fit.wav").read_bytes() == fit
    assert (source / "-i wide.WAV").read_bytes() == wide


def test_what_is_taken_away_is_not_played_any_more(tmp_path: Path) -> None:
    source, ours = tmp_path / "source", tmp_path / "ours"
    write(source / "a.wav", 8000, 1)
    write(source / "b.wav", 8000, 1)
    queue_music(source, ours)
    (source / "b.wav").unlink()
    write(source / "a.wav", 8000, 1, seconds=0.4)  # another piece under the same name
    queue_music(source, ours)
    assert len(forms(ours)) == 1


def test_a_folder_without_music_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="put sound files there"):
        queue_music(tmp_path / "none", tmp_path / "ours")


def test_a_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.mp3").write_bytes(b"no sound")
    with pytest.raises(ConfigError, match=r"broken\.mp3: not a sound file"):
        queue_music(tmp_path, tmp_path / "ours")
    assert list((tmp_path / "ours").iterdir()) == []


def test_without_ffmpeg_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "wide.wav", 44100, 2)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="install ffmpeg"):
        queue_music(tmp_path, tmp_path / "ours")
