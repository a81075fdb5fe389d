"""A disk that is full when a test wants it: a small tmpfs where we may mount one, else a limit on a process.

``Disk`` is a tmpfs of its own (root, or a user who may mount). Where mounting is refused, ``FileLimit`` lets a process write
no file beyond a size (``RLIMIT_FSIZE``, which needs no right): writes fail with EFBIG instead of ENOSPC, and free
space can't be seen to shrink; everything else of a full disk is the same. ``RINGDESK_NO_MOUNT`` asks for the latter.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Disk:
    """A mounted tmpfs."""

    path: Path

    def fill(self, leave: int = 0) -> None:
        """Use up all but so many bytes."""
        free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
        # Without a buffer: what doesn't fit is written as far as it does.
        with (
            contextlib.suppress(OSError),
            (self.path / "ballast").open("ab", buffering=0) as ballast,
        ):
            ballast.write(bytes(max(0, free - leave)))
            while not leave:
                ballast.write(bytes(4096))

    def free(self) -> None:
        """Make room again."""
        (self.path / "ballast").unlink(missing_ok=True)


@dataclass
class FileLimit:
    """A process that can't make any file longer."""

    pid: int

    def fill(self, leave: int = 0) -> None:
        """No file may be longer than ``leave`` bytes from now on."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (leave, hard))

    def free(self) -> None:
        """As long as the system allows."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Disk | None]:
    """A disk of this size, or None where we may not mount."""
    with tempfile.TemporaryDirectory(prefix="rddisk-") as folder:
        options = f"size={megabytes}m,mode=0700"
        mount = ["mount", "-t", "tmpfs", "-o", options, "rddisk", folder]
        is_refused = bool(os.environ.get("RINGDESK_NO_MOUNT"))
        if is_refused or subprocess.run(mount, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            yield Disk(Path(folder))
        finally:
            # Lazy: a process that is just ending may still have a file open there.
            subprocess.run(["umount", "-l", folder], capture_output=True, check=True)
