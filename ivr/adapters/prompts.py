"""Prompts: text is spoken by espeak-ng when the company is configured, and cached.

Files are ``<sounds_dir>/<language>/<name>.wav``, 8 kHz, mono, 16 bit; ``asterisk_conf`` links that folder so
that Asterisk plays them as ``ringdesk/<name>`` in the caller's ``CHANNEL(language)``. A recorded file of the
same name in ``<sounds_dir>/<language>/recorded/`` (wav, mp3 or ogg) wins over the text; it is converted, and never
written to. The synthetic voice is a stand-in that sounds like one; recorded files are what a company
goes live with.

``prompts.json`` beside the folders remembers what each file was made from (a hash of voice, text and settings, or
of the recorded file) and how long it plays. ``make`` makes only what changed. A text that is missing in one
language is spoken in the language it has, so that nobody hears silence.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from pydub import AudioSegment, effects
from pydub.exceptions import CouldntDecodeError
from pydub.generators import Sine

from cti.builtin_flows import flows_of
from cti.company import Company, Node
from cti.company_base import Language
from cti.domain.errors import ConfigError
from ivr import model, voicemail
from ivr.adapters.sentences import (
    SYSTEM_TEXTS,
    key_text,
    position_texts,
    staff_number_text,
    wait_texts,
)
from ivr.waiting import minutes_told, offer_prompt

Progress = Callable[[int, int, str], None]
"""Told after each prompt: how many are done, how many there are, the name of this one."""

LANGUAGES: tuple[Language, ...] = ("en", "zh")
RECORDED_FORMATS = ("wav", "mp3", "ogg")
_BEEP_HZ, _BEEP_MS = 1000, 300
_FORM = 1
"""Counts up when the sound processing below changes, so that cached files are made anew."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A synthetic voice. ``speed`` is in words per minute."""

    name: str
    speed: int


VOICES: dict[Language, Voice] = {"en": Voice("en", 150), "zh": Voice("cmn", 150)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A prompt that the company needs."""

    language: Language  # of the caller who hears it
    name: str
    text: str
    spoken_in: Language  # of the text

    @property
    def key(self) -> str:
        """How the prompt stands in ``prompts.json``."""
        return f"{self.language}/{self.name}"


@dataclass(frozen=True, slots=True)
class Made:
    """A prompt that lies there."""

    digest: str
    length_ms: int
    source: str  # "espeak-ng" or "recorded"


@dataclass(frozen=True, slots=True)
class Report:
    """What ``make`` did."""

    made: int
    cached: int
    recorded: int  # of all, how many play a recorded file


def wanted_prompts(company: Company) -> list[Wanted]:
    """Every prompt that a caller of this company can hear, in every language."""
    texts: list[tuple[str, dict[Language, str]]] = [
        (model.prompt_name(flow.name, node.name), dict(node.text))
        for flow in flows_of(company)
        for node in flow.nodes
        if _is_spoken(node)
    ]
    texts += [*SYSTEM_TEXTS.items(), *position_texts().items(), *_meeting_texts(company).items()]
    minutes, longest = minutes_told(company)
    texts += wait_texts(sorted(minutes), sorted(longest)).items()
    texts += [(offer_prompt(q.name), dict(q.offer)) for q in company.queues if q.is_offering]
    found = []
    for name, text in texts:
        for language in LANGUAGES:
            spoken_in = language if text.get(language, "").strip() else next(iter(text))
            found.append(Wanted(language, name, text[spoken_in], spoken_in))
    return found


def _meeting_texts(company: Company) -> dict[str, dict[Language, str]]:
    """What is said when agent and caller meet: the queue's name to the one, the agent's number to the other; the key."""
    texts = {f"meet-queue-{q.name}": dict(q.label) for q in company.queues if q.whispers_name}
    saying = {queue.name for queue in company.queues if queue.says_staff_number}
    for person in company.people:
        if saying & set(person.queues):
            texts[f"meet-staff-{person.extension}"] = staff_number_text(person.staff_number)
    if any(person.outside_phone is not None for person in company.people):
        texts["remote-any"] = key_text({})
        texts |= {f"remote-queue-{q.name}": key_text(q.label) for q in company.queues}
    return texts


def _is_spoken(node: Node) -> bool:
    return any(text.strip() for text in node.text.values())


class PromptFolder:
    """The prompts of one installation; a ``Prompts`` of ``ivr/ports.py``."""

    def __init__(self, sounds_dir: Path, *, espeak: str = "espeak-ng") -> None:
        self._dir = sounds_dir
        self._espeak = espeak
        self._made = self._read_index()
        self._voices_found: set[Voice] = set()

    def length(self, prompt: str, language: str) -> timedelta | None:
        """How long a prompt plays; None: it was never made."""
        made = self._made.get(f"{language}/{prompt}")
        return None if made is None else timedelta(milliseconds=made.length_ms)

    def path(self, prompt: str, language: str) -> Path:
        """Where Asterisk finds a prompt."""
        return self._dir / language / f"{prompt}.wav"

    def make(self, company: Company, progress: Progress | None = None) -> Report:
        """Make every prompt that is missing or whose text, voice or recorded file changed. Blocks.

        Raises:
            ConfigError: espeak-ng is missing or failed, a recorded file can't be read, the folder can't be
                written; what was made until then is kept.
        """
        wanted = wanted_prompts(company)
        made = recorded = 0
        try:
            for done, prompt in enumerate(wanted, start=1):
                file = self._recorded(prompt)
                recorded += file is not None
                made += self._make_one(prompt, file)
                if progress is not None:
                    progress(done, len(wanted), prompt.key)
        except OSError as exc:
            raise ConfigError(f"prompts in {self._dir}: {exc.strerror or exc}") from exc
        finally:
            if made:
                self._write_index()
        return Report(made=made, cached=len(wanted) - made, recorded=recorded)

    # ---- one prompt

    def _make_one(self, prompt: Wanted, recorded: Path | None) -> bool:
        digest = _digest(prompt, recorded)
        target = self.path(prompt.name, prompt.language)
        old = self._made.get(prompt.key)
        if old is not None and old.digest == digest and target.exists():
            return False
        if recorded is None and prompt.name == voicemail.BEEP:
            sound = Sine(_BEEP_HZ, sample_rate=8000).to_audio_segment(_BEEP_MS, volume=-9.0)
        else:
            sound = self._convert(recorded) if recorded else self._speak(prompt)
        sound = for_telephone(sound)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Replaced as a whole: Asterisk may be playing the old one.
        draft = target.with_suffix(".wav.new")
        with sound.export(draft, format="wav"):
            pass
        draft.replace(target)
        source = "recorded" if recorded else "espeak-ng"
        self._made[prompt.key] = Made(digest, len(sound), source)
        return True

    def _recorded(self, prompt: Wanted) -> Path | None:
        folder = self._dir / prompt.language / "recorded"
        files = (folder / f"{prompt.name}.{ending}" for ending in RECORDED_FORMATS)
        return next((file for file in files if file.is_file()), None)

    def _convert(self, file: Path) -> AudioSegment:
        if file.suffix != ".wav" and shutil.which("ffmpeg") is None:
            raise ConfigError(
                f"recorded prompt {file}: install ffmpeg (apt-get install ffmpeg), or give a wav file"
            )
        try:
            # Opened here: pydub leaves the files open that it opens by name.
            with file.open("rb") as opened:
                return AudioSegment.from_file(opened, format=file.suffix[1:])
        except (CouldntDecodeError, ValueError, EOFError, IndexError, KeyError) as exc:
            raise ConfigError(
                f"recorded prompt {file}: not a sound file that can be read; "
                "save it again as wav, mp3 or ogg, or remove it"
            ) from exc

    def _speak(self, prompt: Wanted) -> AudioSegment:
        program, voice = self._voice(prompt.spoken_in)
        with tempfile.TemporaryDirectory(prefix="ringdesk-prompt-") as folder:
            wav = Path(folder) / "spoken.wav"
            # The text goes in by stdin: it is never an option, however it begins.
            command = [program, "-v", voice.name, "-s", str(voice.speed), "-b", "1", "--stdin"]
            try:
                done = subprocess.run(
                    [*command, "-w", str(wav)],
                    input=_plain(prompt.text).encode(),
                    capture_output=True,
                    timeout=60,
                    check=False,
                )
            except subprocess.TimeoutExpired as exc:
                raise ConfigError(f"prompt {prompt.key}: {self._espeak} hangs") from exc
            if done.returncode != 0 or not wav.exists():
                said = done.stderr.decode(errors="replace").strip()[:200]
                raise ConfigError(
                    f"prompt {prompt.key}: {self._espeak} failed ({done.returncode}): {said}"
                )
            with wav.open("rb") as opened:
                sound = AudioSegment.from_file(opened, format="wav")
        if len(sound) == 0:
            raise ConfigError(f"prompt {prompt.key}: the text has nothing that can be spoken")
        return sound

    def _voice(self, language: Language) -> tuple[str, Voice]:
        """The program and the voice, after a look whether they are there (once each)."""
        voice = VOICES[language]
        program = shutil.which(self._espeak)
        if program is None:
            raise ConfigError(
                f"{self._espeak} is not installed, which speaks the prompts: apt-get install espeak-ng; "
                f"or put recorded files into {self._dir / language / 'recorded'}"
            )
        if voice not in self._voices_found:
            # espeak-ng takes another voice in silence where the one asked for is missing.
            listed = subprocess.run(
                [program, f"--voices={voice.name}"], capture_output=True, timeout=60, check=False
            )
            if len(listed.stdout.splitlines()) < 2:  # the first is the headline
                raise ConfigError(
                    f"{self._espeak} has no voice '{voice.name}': apt-get install espeak-ng-data"
                )
            self._voices_found.add(voice)
        return program, voice

    # ---- the index

    @property
    def _index(self) -> Path:
        return self._dir / "prompts.json"

    def _read_index(self) -> dict[str, Made]:
        try:
            rows = json.loads(self._index.read_text(encoding="utf-8"))
            return {key: Made(**row) for key, row in rows.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # none yet, or damaged: everything is made again

    def _write_index(self) -> None:
        rows = {key: asdict(made) for key, made in sorted(self._made.items())}
        draft = self._index.with_suffix(".json.new")
        draft.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        draft.replace(self._index)


def for_telephone(sound: AudioSegment) -> AudioSegment:
    """Even loudness, soft ends, 8 kHz mono 16 bit."""
    sound = sound.set_channels(1).set_sample_width(2)
    sound = _without_aliases(sound).set_frame_rate(8000)
    if sound.max > 0:
        sound = effects.normalize(sound, headroom=3.0)  # dB below full scale
    edge = min(20, len(sound) // 2)
    return sound.fade_in(edge).fade_out(edge)


def _without_aliases(sound: AudioSegment) -> AudioSegment:
    # pydub's change of rate doesn't filter: what lies above 4 kHz would come back as a whistle.
    rate = sound.frame_rate
    if rate <= 8000:
        return sound
    taps = np.arange(-80, 81)
    cutoff = 3700.0 / rate
    kernel = 2 * cutoff * np.sinc(2 * cutoff * taps) * np.hamming(taps.size)
    samples = np.frombuffer(sound.raw_data, dtype="<i2").astype(np.float64)
    smooth = np.convolve(samples, kernel / kernel.sum(), mode="same")
    return sound._spawn(np.clip(smooth, -32768, 32767).astype("<i2").tobytes())


def _plain(text: str) -> str:
    # Control characters are commands to espeak-ng, and [[ ]] switches to phonemes.
    clean = "".join(char if char.isprintable() else " " for char in text)
    return clean.replace("[[", "[ [").strip() + "\n"


def _digest(prompt: Wanted, recorded: Path | None) -> str:
    sha = hashlib.sha256()
    for part in _origin(prompt, recorded):
        sha.update(len(part).to_bytes(8, "big") + part)
    return sha.hexdigest()


def _origin(prompt: Wanted, recorded: Path | None) -> Iterator[bytes]:
    yield str(_FORM).encode()
    if recorded is not None:
        yield b"recorded"
        yield recorded.read_bytes()
    else:
        yield repr(VOICES[prompt.spoken_in]).encode()
        yield _plain(prompt.text).encode()
