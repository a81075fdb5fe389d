"""The spool: the folder into which Asterisk writes raw recordings, two files a call.

File names are made of call ids alone and are checked all the same: nothing from outside becomes part of a path.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from cti.domain.errors import InvalidValue
from cti.domain.ids import CallId, parse_call_id
from recorder.adapters.folder import flush_folder, remove_files, size_of
from recorder.audio import speech_time
from recorder.model import SHORTEST_MESSAGE_TIME

_MOST_TAKES = 9
_SIDE = re.compile(rf"\.(caller|agent|voicemail[1-{_MOST_TAKES}])$")
_NOBODY = Path("/nonexistent")  # the other side of a message


class FolderSpool:
    """``Spool`` on the folder that MixMonitor writes.

    Asterisk writes two files a call, ``<call id>.caller.raw`` and ``.agent.raw``, mono, in step to the sample. (Its own
    interleaved file, option ``D``, is garbage as soon as one side isn't 8 kHz: it resamples the two channels as if they
    were one.) A message that the caller left lies beside them, ``<call id>.voicemail1.raw``, mono, one file for each
    take: the last one in which something is said is taken. ``whole`` joins them all into ``<call id>.raw``; from then on
    that file is the recording.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, call_id: CallId) -> Path:
        """See the port."""
        return self._root / f"{parse_call_id(call_id)}.raw"

    async def whole(self, call_id: CallId) -> Path:
        """See the port."""
        return await asyncio.to_thread(self._whole, call_id)

    async def size(self, call_id: CallId) -> int | None:
        """See the port."""
        # A look at a local folder: quicker than a thread.
        return self._size(call_id)

    async def changed_at(self, call_id: CallId) -> datetime | None:
        """See the port."""
        return self._changed_at(call_id)

    async def call_ids(self) -> Sequence[CallId]:
        """See the port; files that are not named by a call are somebody else's and left alone."""
        return await asyncio.to_thread(self._call_ids)

    async def remove(self, call_id: CallId) -> None:
        """See the port."""
        files = (*self._sides(call_id), *self._takes(call_id), self.path(call_id))
        await asyncio.to_thread(remove_files, files)

    def _sides(self, call_id: CallId) -> tuple[Path, Path]:
        name = parse_call_id(call_id)
        return self._root / f"{name}.caller.raw", self._root / f"{name}.agent.raw"

    def _takes(self, call_id: CallId) -> list[Path]:
        """The files of a message, the latest take first."""
        # Asked four times a call, and there are nearly never any: plain text is a tenth of the price of paths.
        stem = f"{os.fspath(self._root)}{os.sep}{parse_call_id(call_id)}.voicemail"
        takes = [f"{stem}{n}.raw" for n in range(_MOST_TAKES, 0, -1)]
        return [Path(take) for take in takes if os.path.exists(take)]  # noqa: PTH110

    def _whole(self, call_id: CallId) -> Path:
        joined, sides = self.path(call_id), self._sides(call_id)
        takes = self._takes(call_id)
        if not joined.exists() and (takes or any(side.exists() for side in sides)):
            message = _spoken(takes)
            part = joined.with_suffix(".part")
            with part.open("wb") as file:
                for block in interleaved(*sides):
                    file.write(block)
                for block in interleaved(message, _NOBODY) if message else ():
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            part.replace(joined)
            flush_folder(self._root)
        if joined.exists():
            # Not flushed: sides that a crash brings back are removed with the whole, or here.
            for side in (*sides, *takes):
                side.unlink(missing_ok=True)
        return joined

    def _size(self, call_id: CallId) -> int | None:
        joined = size_of(self.path(call_id))
        if joined is not None:
            return joined
        sizes = [size for side in self._sides(call_id) if (size := size_of(side)) is not None]
        takes = self._takes(call_id)
        message = _spoken(takes)
        left = (size_of(message) or 0) & ~1 if message else 0
        return 2 * (max(sizes, default=0) + left) if sizes or takes else None

    def _changed_at(self, call_id: CallId) -> datetime | None:
        paths = (self.path(call_id), *self._sides(call_id), *self._takes(call_id))
        times = [time for path in paths if (time := _changed_at(path)) is not None]
        return max(times) if times else None

    def _call_ids(self) -> list[CallId]:
        found = set()
        for path in self._root.glob("*.raw") if self._root.is_dir() else []:
            name = _SIDE.sub("", path.stem)
            try:
                found.add(parse_call_id(name))
            except InvalidValue:
                continue
        return sorted(found)


def _spoken(takes: Sequence[Path]) -> Path | None:
    """The first of these in which something is said."""
    for take in takes:
        samples = np.frombuffer(take.read_bytes()[: take.stat().st_size & ~1], dtype="<i2")
        if speech_time(samples) >= SHORTEST_MESSAGE_TIME:
            return take
    return None


def interleaved(caller: Path, agent: Path, block: int = 1 << 20) -> Iterator[bytes]:
    """Join two mono files (s16le) into stereo, caller left; the shorter is filled up with silence."""
    with contextlib.ExitStack() as stack:
        files = [
            stack.enter_context(p.open("rb")) if p.exists() else io.BytesIO()
            for p in (caller, agent)
        ]
        while True:
            pieces = [file.read(block) for file in files]
            # Half a sample at the end of a file that was cut off is left out.
            samples = [np.frombuffer(piece[: len(piece) & ~1], dtype="<i2") for piece in pieces]
            length = max(len(side) for side in samples)
            if not length:
                return
            frames = np.zeros((length, 2), dtype="<i2")
            for channel, side in enumerate(samples):
                frames[: len(side), channel] = side
            yield frames.tobytes()


def _changed_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
