"""What a phone heard is told in shares of time, whatever its rate and however it stuttered."""

from __future__ import annotations

import numpy as np
import pytest

from sip_sim import tones
from sip_sim.phone import Heard

pytestmark = pytest.mark.unit
WIDE = 16000  # Hz: what pjsua2 records


def tone(frequency: float, seconds: float, rate: int = WIDE, level: float = 0.4) -> tones.Samples:
    """A tone at a phone's rate."""
    return level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [8000, WIDE, 48000])
def test_a_tone_is_found_at_its_pitch_at_any_rate(rate: int) -> None:
    heard = Heard(tone(880, 1, rate), rate)
    assert heard.seconds == 1
    assert heard.share(880) == heard.sound == 1
    assert heard.share(440) == heard.share(1760) == 0


def test_a_tone_at_the_wrong_rate_is_not_found() -> None:
    assert Heard(tone(440, 1, 8000), WIDE).share(440) == 0


def test_half_of_the_time_is_a_half() -> None:
    heard = Heard(np.concatenate([tone(440, 0.5), np.zeros(WIDE // 2)]), WIDE)
    assert heard.share(440) == heard.sound == 0.5


def test_two_at_once_are_both_found() -> None:
    heard = Heard(tone(440, 1) + tone(880, 1), WIDE)
    assert heard.share(440) == heard.share(880) == 1


def test_a_soft_note_counts_only_below_its_level() -> None:
    note = Heard(tone(880, 1, level=0.1), WIDE)  # -20 dB
    assert (note.share(880), note.share(880, floor_db=-15)) == (1, 0)


def test_nothing_heard_is_nothing() -> None:
    empty = Heard(np.zeros(0), WIDE)
    assert (empty.seconds, empty.sound, empty.share(440)) == (0, 0, 0)


def test_the_line_for_messages_names_both_tones() -> None:
    assert str(Heard(tone(440, 1), WIDE)) == "1.00 s: sound 1.00, 440 Hz 1.00, 880 Hz 0.00"
