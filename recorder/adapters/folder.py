"""Recordings in a folder.

An object is copied beside its place, flushed, and then linked to its name: whoever sees the name sees
the whole object, and a second ``put`` fails instead of replacing. Keys are ours (random ids) and are
checked all the same: nothing from outside becomes part of a path.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from cti.domain.errors import InvalidValue
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
        return await asyncio.to_thread(size_of, self._path(key))

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

    async def sha256(self, key: str) -> str:
        """See the port."""
        return await asyncio.to_thread(_sha256, self._path(key))

    async def delete(self, key: str) -> None:
        """See the port."""
        await asyncio.to_thread(remove_file, self._path(key))

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise InvalidValue("recording key", key)
        return self._root / key

    def _put(self, target: Path, source: Path) -> None:
        if target.exists():
            raise ObjectExists(target.name)
        is_new_folder = self._make_folders(target.parent)
        copy = self._incoming / secrets.token_hex(16)
        try:
            with source.open("rb") as read, copy.open("xb") as written:
                shutil.copyfileobj(read, written)
                written.flush()
                os.fdatasync(written.fileno())
            _name(copy, target)
        finally:
            copy.unlink(missing_ok=True)
        flush_folder(target.parent)
        if is_new_folder:
            flush_folder(target.parent.parent)
            flush_folder(self._root)

    def _make_folders(self, folder: Path) -> bool:
        """Make what is missing; returns whether it was the folder itself."""
        if folder.is_dir() and self._incoming.is_dir():
            return False
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One by one: mkdir gives its mode to the last folder only.
        for each in (self._incoming, folder.parent, folder):
            each.mkdir(exist_ok=True, mode=0o700)
        return True


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise NoSuchObject(path.name) from None


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


def flush_folder(folder: Path) -> None:
    """Make a rename or removal in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def size_of(path: Path) -> int | None:
    """A file's size in bytes; None where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def remove_file(path: Path) -> None:
    """Remove a file durably; harmless where there is none."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    flush_folder(path.parent)


def remove_files(paths: Iterable[Path]) -> None:
    """Remove files of one folder durably; harmless where there are none."""
    folders = set()
    for path in paths:
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        folders.add(path.parent)
    for folder in folders:
        flush_folder(folder)
