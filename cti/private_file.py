"""Files that only their owner reads, replaced as a whole: after a crash there is the old text or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file's text; folders that are missing are made.

    Raises:
        OSError: it can't be written; then the old file is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp gives mode 0600 from the first byte on; the rename makes it all or nothing.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
