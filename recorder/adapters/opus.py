"""Opus in Ogg by libopus itself: telephone sound in, a file out, and the whole file decoded again as a check.

The same as libsndfile makes, at less than half the cost, since nothing is resampled on the way there and back.
The library is the one that ffmpeg stands on, so it is there wherever recordings can be made; where it isn't, ``load``
says so and soundfile does it. Values and orders of calls: opus_defines.h 1.3 and later; the file: RFC 7845.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.adapters.ogg import PageWriter, pages
from recorder.model import CHANNELS, SAMPLE_RATE

COMPLEXITY = 10
"""Effort from 0 to 10. Below, the silent side hears the other: at 32 kbit/s -69 dB at 10, -59 at 5, -43 at 0."""

BITRATE_FLOOR = 32
"""Kbit/s; below it the channels are coupled. (Speech mode needs less and costs more: 65 ms for 4 s, with tones
3 to 8 dB too loud; measured.)"""

_FRAME = SAMPLE_RATE // 50  # 20 ms
_CLOCK = 48_000  # Ogg counts Opus in these, whatever went in
_STEP = _CLOCK // SAMPLE_RATE
_PACKETS_A_PAGE = 50  # a second
_MOST_BYTES = 1275 * CHANNELS
_LONGEST_FRAME = SAMPLE_RATE * 120 // 1000
_AUDIO = 2049
_SET_BITRATE, _SET_COMPLEXITY, _GET_LOOKAHEAD = 4002, 4010, 4027
_SERIAL = 0x52494E47
_HEAD = struct.Struct("<8sBBHIhB")
_TAGS = b"OpusTags" + struct.pack("<I", 8) + b"ringdesk" + struct.pack("<I", 0)


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library, or None where there is none."""
    for name in ("libopus.so.0", ctypes.util.find_library("opus")):
        try:
            library = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if library is not None:
            library.opus_encoder_create.restype = ctypes.c_void_p
            library.opus_decoder_create.restype = ctypes.c_void_p
            return library
    return None


def encode(library: ctypes.CDLL, frames: NDArray[np.int16], bitrate: int) -> bytes:
    """Make a file of samples; ``bitrate`` is in kbit/s for both channels together.

    Raises:
        ValueError: the codec refused.
    """
    error = ctypes.c_int()
    state = ctypes.c_void_p(
        library.opus_encoder_create(SAMPLE_RATE, CHANNELS, _AUDIO, ctypes.byref(error))
    )
    _check(error.value)
    try:
        _check(
            library.opus_encoder_ctl(
                state, _SET_BITRATE, ctypes.c_int(max(bitrate, BITRATE_FLOOR) * 1000)
            )
        )
        _check(library.opus_encoder_ctl(state, _SET_COMPLEXITY, ctypes.c_int(COMPLEXITY)))
        ahead = ctypes.c_int()
        _check(library.opus_encoder_ctl(state, _GET_LOOKAHEAD, ctypes.byref(ahead)))
        return _write(library, state, frames, ahead.value)
    finally:
        library.opus_encoder_destroy(state)


def _write(
    library: ctypes.CDLL, state: ctypes.c_void_p, frames: NDArray[np.int16], ahead: int
) -> bytes:
    # What the encoder holds back comes out with silence put in behind.
    count = -(-(len(frames) + ahead) // _FRAME)
    padded = np.zeros((count * _FRAME, CHANNELS), "<i2")
    padded[: len(frames)] = frames
    sound, size = padded.tobytes(), _FRAME * CHANNELS * 2
    buffer = ctypes.create_string_buffer(_MOST_BYTES)
    packets = []
    for number in range(count):
        piece = sound[number * size : (number + 1) * size]
        # Only then is the packet in the buffer: what stands before a slice is looked at before its bounds.
        length = _check(library.opus_encode(state, piece, _FRAME, buffer, _MOST_BYTES))
        packets.append(buffer.raw[:length])
    return _file(packets, ahead * _STEP, len(frames) * _STEP)


def _file(packets: list[bytes], skip: int, length: int) -> bytes:
    """Packets as a file; ``skip`` is what a player leaves out at the beginning, ``length`` what it plays."""
    writer = PageWriter(_SERIAL)
    head = _HEAD.pack(b"OpusHead", 1, CHANNELS, skip, SAMPLE_RATE, 0, 0)
    made = [writer.page([head], 0), writer.page([_TAGS], 0)]
    groups = [packets[i : i + _PACKETS_A_PAGE] for i in range(0, len(packets), _PACKETS_A_PAGE)]
    for number, group in enumerate(groups, 1):
        is_last = number == len(groups)
        end = min(number * _PACKETS_A_PAGE, len(packets)) * _FRAME * _STEP
        # The last granule says where the sound ends, inside the last packet.
        made.append(writer.page(group, skip + length if is_last else end, is_last=is_last))
    return b"".join(made)


def play(library: ctypes.CDLL, data: bytes) -> float:
    """Decode a whole file; how many seconds it plays.

    Raises:
        ValueError: it isn't whole, or isn't two channels of Opus.
    """
    packets, granule, is_ended = _read(data)
    if len(packets) < 2 or packets[0][:8] != b"OpusHead" or len(packets[0]) < _HEAD.size:
        raise ValueError("not a file of Opus")
    _, _, channels, skip, *_ = _HEAD.unpack_from(packets[0])
    if channels != CHANNELS:
        raise ValueError(f"{channels} channels instead of {CHANNELS}")
    decoded = _decode(library, packets[2:]) * _STEP
    if not is_ended or decoded < granule:
        raise ValueError("the file ends before its end")
    return float(max(0, granule - skip) / _CLOCK)


def _read(data: bytes) -> tuple[list[bytes], int, bool]:
    packets: list[bytes] = []
    granule, is_ended, is_open = 0, False, False
    for page in pages(data):
        found = list(page.packets)
        if page.is_continued and is_open and found:
            packets[-1] += found.pop(0)
        packets += found
        is_open, is_ended = page.is_open, page.is_last
        granule = max(granule, page.granule)
    return packets, granule, is_ended and not is_open


def _decode(library: ctypes.CDLL, packets: list[bytes]) -> int:
    error = ctypes.c_int()
    state = ctypes.c_void_p(library.opus_decoder_create(SAMPLE_RATE, CHANNELS, ctypes.byref(error)))
    _check(error.value)
    sound: Any = ctypes.create_string_buffer(_LONGEST_FRAME * CHANNELS * 2)
    try:
        return sum(
            _check(library.opus_decode(state, packet, len(packet), sound, _LONGEST_FRAME, 0))
            for packet in packets
        )
    finally:
        library.opus_decoder_destroy(state)


def _check(answer: int) -> int:
    if answer < 0:
        raise ValueError(f"Opus refused with {answer}")
    return answer
