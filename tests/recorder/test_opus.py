"""Our own Ogg and the codec's library: soundfile is the witness, and what is damaged is noticed."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.adapters import ogg, opus
from tests.recorder.stories import raw_bytes

pytestmark = pytest.mark.unit

FRAMES = np.frombuffer(raw_bytes(2.5), "<i2").reshape(-1, 2)


def encoded() -> bytes:
    """Two and a half seconds: three pages of sound."""
    library = opus.load()
    assert library is not None  # ffmpeg, which recordings need, brings it
    return opus.encode(library, FRAMES, 24)


def seconds_of(data: bytes) -> float:
    library = opus.load()
    assert library is not None
    return opus.play(library, data)


def test_length_is_exact_and_others_can_read_it() -> None:
    data = encoded()
    assert seconds_of(data) == 2.5
    decoded, rate = soundfile.read(io.BytesIO(data))
    assert rate == 8000
    assert abs(len(decoded) / rate - 2.5) < 0.02
    assert len({page.granule for page in ogg.pages(data)}) == 4  # 0 twice, then rising


@pytest.mark.parametrize("length", [1, 80, 107, 108, 109, 160, 4096, 8192, 15_999, 16_029])
def test_any_length_comes_back_whole(length: int) -> None:
    library = opus.load()
    assert library is not None
    data = opus.encode(library, np.ascontiguousarray(FRAMES[:length]), 24)
    assert opus.play(library, data) == pytest.approx(len(FRAMES[:length]) / 8000, abs=1e-6)


def test_what_is_heard_is_what_was_said() -> None:
    time = np.arange(16_000) / 8000
    said = np.zeros((len(time), 2), np.int16)
    said[:, 0] = 8000 * np.sin(2 * np.pi * (300 + 400 * time) * time)  # no stretch like another
    library = opus.load()
    assert library is not None
    heard, _ = soundfile.read(io.BytesIO(opus.encode(library, said, 24)), dtype="int16")
    length = min(len(heard), len(said))
    one, other = said[:length, 0].astype(float), heard[:length, 0].astype(float)
    likeness = np.dot(one, other) / np.sqrt(np.dot(one, one) * np.dot(other, other))
    assert likeness > 0.95


def test_what_others_wrote_can_be_read() -> None:
    made = io.BytesIO()
    with soundfile.SoundFile(
        made, "w", samplerate=8000, channels=2, format="OGG", subtype="OPUS"
    ) as file:
        file.write(FRAMES)
    assert seconds_of(made.getvalue()) == pytest.approx(2.5, abs=0.001)


def test_a_file_cut_off_anywhere_is_noticed() -> None:
    data = encoded()
    for end in range(0, len(data) - 1, 97):
        with pytest.raises(ValueError, match=r"."):
            seconds_of(data[:end])


@settings(max_examples=60)
@given(place=st.integers(0), bit=st.integers(0, 7))
def test_a_changed_bit_is_noticed(place: int, bit: int) -> None:
    data = bytearray(_DATA)
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(ValueError, match=r"."):
        seconds_of(bytes(data))


_DATA = encoded()


@given(sizes=st.lists(st.integers(0, 600), min_size=1, max_size=40))
def test_packets_come_back_from_pages(sizes: list[int]) -> None:
    packets = [bytes([n % 251]) * size for n, size in enumerate(sizes)]
    page = ogg.PageWriter(7).page(packets, 5, is_last=True)
    assert list(ogg.pages(page)) == [ogg.Page(tuple(packets), 5, False, False, True)]


def test_a_page_has_its_limit() -> None:
    with pytest.raises(ValueError, match="don't fit"):
        ogg.PageWriter(1).page([bytes(255 * 255)], 0)


def test_one_channel_is_not_ours() -> None:
    made = io.BytesIO()
    with soundfile.SoundFile(
        made, "w", samplerate=8000, channels=1, format="OGG", subtype="OPUS"
    ) as file:
        file.write(FRAMES[:, 0])
    with pytest.raises(ValueError, match="1 channels"):
        seconds_of(made.getvalue())
