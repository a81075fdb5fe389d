"""Where things lie on this machine before any setting was read. Standard library only: the set-up uses it too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def default_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder for downloads and builds: RINGDESK_CACHE, else ringdesk in the user's cache."""
    if environ.get("RINGDESK_CACHE"):
        return Path(environ["RINGDESK_CACHE"]).expanduser().resolve()
    base = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "ringdesk"
