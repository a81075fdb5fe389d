"""Ogg pages, as far as Opus in Ogg needs them (RFC 3533, RFC 7845). Bytes in, packets out, and the other way.

Every page carries a checksum and a running count of samples (``granule``, in 48,000ths of a second), so a file that
was cut off or changed is noticed by reading it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HEAD = struct.Struct("<4sBBqIIIB")
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_MOST_SEGMENTS = 255
_SEGMENT = 255
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

NO_PACKET_ENDS = -1
"""The granule of a page on which no packet ends."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page: whole packets, but for a first and a last part where a packet spans pages."""

    packets: tuple[bytes, ...]
    granule: int
    is_continued: bool
    """The first packet is the rest of the page's before."""
    is_open: bool
    """The last packet goes on in the next page."""
    is_last: bool


def checksum(data: bytes) -> int:
    """Ogg's CRC-32 (not reflected, no inversion), by way of the reflected one that Python has in C."""
    mirrored = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED), "big")


class PageWriter:
    """Writes one logical stream, page after page."""

    def __init__(self, serial: int) -> None:
        self._serial = serial
        self._number = 0

    def page(self, packets: Sequence[bytes], granule: int, *, is_last: bool = False) -> bytes:
        """One page of whole packets.

        Raises:
            ValueError: they don't fit (255 segments of 255 bytes).
        """
        lacing = b"".join(lacing_of(packet) for packet in packets)
        if len(lacing) > _MOST_SEGMENTS:
            raise ValueError(f"{len(lacing)} segments don't fit into a page")
        flags = (_FIRST if self._number == 0 else 0) | (_LAST if is_last else 0)
        body = lacing + b"".join(packets)
        values = (b"OggS", 0, flags, granule, self._serial, self._number)
        self._number += 1
        crc = checksum(_HEAD.pack(*values, 0, len(lacing)) + body)
        return _HEAD.pack(*values, crc, len(lacing)) + body


def lacing_of(packet: bytes) -> bytes:
    """How a packet's length is written: as many 255s as it has, and the rest."""
    return b"\xff" * (len(packet) // _SEGMENT) + bytes([len(packet) % _SEGMENT])


def pages(data: bytes) -> Iterator[Page]:
    """Take a file apart.

    Raises:
        ValueError: it is no Ogg file, was cut off, or a page's checksum is wrong.
    """
    at = 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            raise ValueError("the last page is cut off")
        mark, _, flags, granule, _, _, crc, count = _HEAD.unpack_from(data, at)
        lacing = data[at + _HEAD.size : at + _HEAD.size + count]
        body = at + _HEAD.size + count
        end = body + sum(lacing)
        if mark != b"OggS" or len(lacing) != count or end > len(data):
            raise ValueError("not a whole page of Ogg")
        if checksum(data[at : at + 22] + bytes(4) + data[at + 26 : end]) != crc:
            raise ValueError("a page's checksum is wrong")
        packets, is_open = _split(data[body:end], lacing)
        yield Page(packets, granule, bool(flags & _CONTINUED), is_open, bool(flags & _LAST))
        at = end


def _split(body: bytes, lacing: bytes) -> tuple[tuple[bytes, ...], bool]:
    packets, begin, end = [], 0, 0
    for length in lacing:
        end += length
        if length < _SEGMENT:
            packets.append(body[begin:end])
            begin = end
    is_open = bool(lacing) and lacing[-1] == _SEGMENT
    if is_open:
        packets.append(body[begin:])
    return tuple(packets), is_open
