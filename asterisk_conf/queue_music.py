"""Music by queue: an administrator's folder, as Asterisk plays it.

Whatever sound is in ``<home>/music/<name>`` is brought into a telephone's form (8 kHz, mono, 16 bit) once, into a folder of
ours; the files themselves are never written to. A file that is a telephone's sound already needs no program for it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import wave
from pathlib import Path

from asterisk_conf.music import RATE
from cti.domain.errors import ConfigError

FORMATS = frozenset({".wav", ".mp3", ".ogg", ".flac", ".opus", ".m4a"})
_TIMEOUT_S = 300


def queue_music(source: Path, ours: Path) -> Path:
    """Make ``ours`` hold the music of ``source`` and nothing else; returns it.

    Raises:
        ConfigError: there is no music, a file is none, or ffmpeg is missing; names file and remedy.
        OSError: a folder can't be read or written.
    """
    files = sorted(p for p in source.glob("*") if p.suffix.lower() in FORMATS and p.is_file())
    if not files:
        raise ConfigError(
            f"music {source}: put sound files there ({', '.join(sorted(f[1:] for f in FORMATS))}), "
            "or leave 'music' out of the queue"
        )
    ours.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = {_name(file): file for file in files}
    for name, file in wanted.items():
        if not (ours / name).exists():
            _make(file, ours / name)
    for old in ours.iterdir():
        if old.name not in wanted:
            old.unlink()
    return ours


def _name(file: Path) -> str:
    facts = file.stat()
    told = f"{file.name}/{facts.st_size}/{facts.st_mtime_ns}".encode()
    return f"{hashlib.sha256(told).hexdigest()[:24]}.wav"


def _make(file: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    try:
        if _is_telephones(file):
            shutil.copyfile(file, part)
        else:
            _convert(file, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _is_telephones(file: Path) -> bool:
    try:
        with file.open("rb") as opened, wave.open(opened) as sound:
            return (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (
                RATE,
                1,
                2,
            )
    except (wave.Error, EOFError):
        return False


def _convert(file: Path, part: Path) -> None:
    program = shutil.which("ffmpeg")
    if program is None:
        raise ConfigError(
            f"music {file}: install ffmpeg (apt-get install ffmpeg), or give a wav file of 8 kHz, mono, 16 bit"
        )
    # A path that begins with a slash is no option and no other protocol, however the file is called.
    options = [
        "-nostdin",
        "-v",
        "error",
        "-y",
        "-i",
        f"file:{file.absolute()}",
        "-vn",
        "-map",
        "0:a:0",
    ]
    form = ["-ac", "1", "-ar", str(RATE), "-c:a", "pcm_s16le", "-bitexact", "-f", "wav"]
    try:
        done = subprocess.run(
            [program, *options, *form, f"file:{part.absolute()}"],
            capture_output=True, timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as exc:
        raise ConfigError(f"music {file}: ffmpeg hangs on it; remove it") from exc
    if done.returncode != 0:
        raise ConfigError(
            f"music {file}: not a sound file that can be read; save it again as wav, mp3 or ogg, or remove it"
        )
