from __future__ import annotations

import shutil
import wave
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pydub.generators import Sine

from cti.company import Company
from cti.domain.errors import ConfigError
from ivr import model, voicemail, waiting
from ivr.adapters import prompts as prompts_module
from ivr.adapters.prompts import PromptFolder, for_telephone, wanted_prompts
from ivr.adapters.sentences import SYSTEM_TEXTS, position_texts
from tests.ivr.flows import company, flow, node

pytestmark = pytest.mark.contract

SMALL = company(flow(node("bye", "hangup", text={"en": "-x Good bye", "zh": "再见"})))


@pytest.fixture(autouse=True)
def _few_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speaking takes 20 ms a sentence: two system prompts stand for all."""
    monkeypatch.setattr(
        prompts_module, "SYSTEM_TEXTS", {model.RETRY_KEY: SYSTEM_TEXTS[model.RETRY_KEY]}
    )
    monkeypatch.setattr(prompts_module, "position_texts", dict)
    monkeypatch.setattr(prompts_module, "minutes_told", lambda _: (set(), set()))
    monkeypatch.setattr(prompts_module, "flows_of", lambda company: company.flows)


@pytest.fixture
def folder(tmp_path: Path) -> PromptFolder:
    if shutil.which("espeak-ng") is None:
        pytest.fail("espeak-ng is missing; `make setup` installs it")
    return PromptFolder(tmp_path)


def test_text_is_spoken_once_as_telephone_sound(folder: PromptFolder, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    report = folder.make(SMALL, lambda done, of, name: seen.append((done, of, name)))
    assert (report.made, report.cached, report.recorded) == (4, 0, 0)
    assert seen[0] == (1, 4, "en/main-bye")
    assert [done for done, _, _ in seen] == [1, 2, 3, 4]
    for language in ("en", "zh"):
        with wave.open(str(tmp_path / language / "main-bye.wav")) as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            length = timedelta(seconds=file.getnframes() / 8000)
            loudest = np.abs(np.frombuffer(file.readframes(10**6), dtype="<i2")).max()
        assert form == (8000, 1, 2)
        assert 20000 < loudest < 24000  # 3 dB below full scale
        known = folder.length("main-bye", language)
        assert known is not None
        assert abs(known - length) < timedelta(milliseconds=2)
    again = PromptFolder(tmp_path)
    assert again.make(SMALL).made == 0
    assert again.length("main-bye", "zh") == folder.length("main-bye", "zh")
    assert again.length("main-none", "zh") is None


def test_a_changed_text_and_a_lost_file_are_made_anew(folder: PromptFolder) -> None:
    folder.make(SMALL)
    changed = company(flow(node("bye", "hangup", text={"en": "So long", "zh": "再见"})))
    assert folder.make(changed).made == 1
    folder.path("main-bye", "zh").unlink()
    assert folder.make(changed).made == 1
    assert folder.path("main-bye", "zh").exists()


@pytest.mark.parametrize("ending", ["wav", "mp3", "ogg"])
def test_a_recorded_file_wins_and_is_not_written_to(
    folder: PromptFolder, tmp_path: Path, ending: str
) -> None:
    tone = Sine(440, sample_rate=44100).to_audio_segment(duration=700).set_channels(2)
    recorded = tmp_path / "en" / "recorded" / f"main-bye.{ending}"
    recorded.parent.mkdir(parents=True)
    tone.export(recorded, format=ending).close()
    before = recorded.read_bytes()
    assert folder.make(SMALL).recorded == 1
    assert folder.make(SMALL).made == 0
    assert recorded.read_bytes() == before
    length = folder.length("main-bye", "en")
    assert length is not None
    assert abs(length - timedelta(milliseconds=700)) < timedelta(milliseconds=60)
    with wave.open(str(folder.path("main-bye", "en"))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
    (tone + tone).export(recorded, format=ending).close()
    assert folder.make(SMALL).made == 1  # another recording under the same name
    recorded.unlink()
    assert folder.make(SMALL).made == 1  # spoken again


def test_a_recorded_file_that_is_no_sound_is_named(folder: PromptFolder, tmp_path: Path) -> None:
    recorded = tmp_path / "en" / "recorded" / "main-bye.wav"
    recorded.parent.mkdir(parents=True)
    recorded.write_bytes(b"not a sound")
    with pytest.raises(ConfigError, match=r"main-bye\.wav: not a sound file"):
        folder.make(SMALL)


def test_without_espeak_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="apt-get install espeak-ng"):
        PromptFolder(tmp_path, espeak="no-such-espeak").make(SMALL)


def test_a_voice_that_is_missing_is_named(
    folder: PromptFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(prompts_module.VOICES, "en", prompts_module.Voice("zzz", 150))
    with pytest.raises(ConfigError, match="zzz"):
        folder.make(SMALL)


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="prompts in"):
        PromptFolder(tmp_path / "file").make(SMALL)


def test_a_damaged_index_only_costs_time(folder: PromptFolder, tmp_path: Path) -> None:
    folder.make(SMALL)
    (tmp_path / "prompts.json").write_text('{"en/main-bye": 3}')
    assert PromptFolder(tmp_path).make(SMALL).made == 4


def test_a_text_in_one_language_is_heard_in_both() -> None:
    one = company(flow(node("bye", "hangup", text={"zh": "再见"})))
    found = {w.key: w.spoken_in for w in wanted_prompts(one) if w.name == "main-bye"}
    assert found == {"en/main-bye": "zh", "zh/main-bye": "zh"}


def test_what_lies_above_the_telephone_band_does_not_come_back_as_a_whistle() -> None:
    high = Sine(6000, sample_rate=22050).to_audio_segment(duration=300)
    low = Sine(1000, sample_rate=22050).to_audio_segment(duration=300)
    samples = np.array(
        for_telephone((low - 12).overlay(high - 12)).get_array_of_samples(), dtype=float
    )
    spectrum = np.abs(np.fft.rfft(samples[400:2000]))
    at_1000, at_2000 = spectrum[200], spectrum[400]  # 6000 Hz would fold to 2000
    assert at_2000 < at_1000 / 300


def test_every_system_prompt_has_a_sentence_in_both_languages() -> None:
    names = {waiting.position_prompt(n) for n in range(1, 30)}
    assert names == set(position_texts())
    left = {voicemail.BEEP, voicemail.MENU, voicemail.KEPT, voicemail.EMPTY}
    assert left | {model.RETRY_SILENCE, model.RETRY_KEY, model.GIVE_UP} <= set(SYSTEM_TEXTS)
    texts = [*SYSTEM_TEXTS.values(), *position_texts().values()]
    assert all(text["en"] and text["zh"] for text in texts)
    assert len({text["zh"] for text in texts}) == len(texts)


def test_what_is_said_when_two_meet_is_made_for_those_who_need_it() -> None:
    queues = [
        {"name": "sales", "label": {"en": "Sales", "zh": "销售"}, "whispers_name": True},
        {"name": "help", "label": {"en": "Help"}, "says_staff_number": True},
    ]
    people = [
        {"login": "ann", "name": "Ann", "staff_number": "80-1", "extension": "1001", "queues": ["help"]},
        {"login": "bob", "name": "Bob", "staff_number": "802", "extension": "1002", "queues": ["sales"]},
    ]  # fmt: skip
    base = company(flow(node("a", "hangup"))).model_dump()
    made = wanted_prompts(Company.model_validate(base | {"queues": queues, "people": people}))
    found = {p.key: p.text for p in made if p.name.startswith("meet-")}
    assert found == {
        "en/meet-queue-sales": "Sales",
        "zh/meet-queue-sales": "销售",
        "en/meet-staff-1001": "Agent 8 0 1 is here for you.",
        "zh/meet-staff-1001": "工号 8 0 1 为您服务。",
    }
