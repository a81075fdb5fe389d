"""Recordings in a folder, and the spool that Asterisk writes.

An object is copied beside its place, flushed, and then linked to its name: whoever sees the name sees
the whole object, and a second ``put`` fails instead of replacing. Keys and file names are ours (random ids, call ids
of our own making) and are checked all the same: nothing from outside becomes part of a path.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cti.domain.errors import InvalidValue
from cti.domain.ids import CallId, parse_call_id
from recorder.ports import NoSuchObject, ObjectExists

_KEY = re.compile(r"[0-9]{4}/[0-9]{2}/[A-Za-z0-9_-]{16,64}(\.[a-z0-9]{1,8}){1,2}")
_PIECE = 64 * 1024
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK})


class FolderStore:
    """``RecordingStore`` on a local or mounted folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / ".incoming"

    async def put(self, key: str, source: Path) -> None:
        """See the port."""
        await asyncio.to_thread(self._put, self._path(key), source)

    async def size(self, key: str) -> int | None:
        """See the port."""
        return await asyncio.to_thread(_size, self._path(key))

    async def open(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """See the port."""
        path = self._path(key)
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            raise NoSuchObject(key) from None
        with file:
            file.seek(start)
            left = length
            while left is None or left > 0:
                wanted = _PIECE if left is None else min(_PIECE, left)
                piece = await asyncio.to_thread(file.read, wanted)
                if not piece:
                    return
                if left is not None:
                    left -= len(piece)
                yield piece

    async def delete(self, key: str) -> None:
        """See the port."""
        await asyncio.to_thread(_remove, self._path(key))

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise InvalidValue("recording key", key)
        return self._root / key

    def _put(self, target: Path, source: Path) -> None:
        if target.exists():
            raise ObjectExists(target.name)
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One by one: mkdir gives its mode to the last folder only.
        for folder in (self._incoming, target.parent.parent, target.parent):
            folder.mkdir(exist_ok=True, mode=0o700)
        copy = self._incoming / secrets.token_hex(16)
        try:
            with source.open("rb") as read, copy.open("xb") as written:
                shutil.copyfileobj(read, written)
                written.flush()
                os.fsync(written.fileno())
            _name(copy, target)
        finally:
            copy.unlink(missing_ok=True)
        for folder in (target.parent, target.parent.parent, self._root):
            _flush_folder(folder)


def _name(copy: Path, target: Path) -> None:
    try:
        target.hardlink_to(copy)
    except FileExistsError:
        raise ObjectExists(target.name) from None
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        # A file system without links (FAT, some network mounts): one process writes there, so
        # looking first is enough.
        if target.exists():
            raise ObjectExists(target.name) from None
        copy.replace(target)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FolderSpool:
    """``Spool`` on the folder that MixMonitor writes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, call_id: CallId) -> Path:
        """See the port."""
        return self._root / f"{parse_call_id(call_id)}.raw"

    async def size(self, call_id: CallId) -> int | None:
        """See the port."""
        return await asyncio.to_thread(_size, self.path(call_id))

    async def changed_at(self, call_id: CallId) -> datetime | None:
        """See the port."""
        return await asyncio.to_thread(_changed_at, self.path(call_id))

    async def call_ids(self) -> Sequence[CallId]:
        """See the port; files that are not named by a call are somebody else's and left alone."""
        return await asyncio.to_thread(self._call_ids)

    async def remove(self, call_id: CallId) -> None:
        """See the port."""
        await asyncio.to_thread(_remove, self.path(call_id))

    def _call_ids(self) -> list[CallId]:
        found = []
        for path in sorted(self._root.glob("*.raw")) if self._root.is_dir() else []:
            try:
                found.append(parse_call_id(path.stem))
            except InvalidValue:
                continue
        return found


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _changed_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        return
    _flush_folder(path.parent)
