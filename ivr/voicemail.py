"""What comes after each take of a message: ask whether it is kept, take it again, or be done. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

BEEP = "ivr-voicemail-beep"
MENU = "ivr-voicemail-menu"
KEPT = "ivr-voicemail-kept"
EMPTY = "ivr-voicemail-empty"
"""Prompts of the system's own, as in ``ivr/model.py``."""
AGAIN_KEY = "2"
"""After a message: record it again. Any other key, and none, keep it."""
MAX_TAKES = 3
"""Messages that a caller may begin; the last one in which something was said counts."""
SHORTEST_TIME = timedelta(seconds=1)

Then = Literal["ask", "again", "kept", "empty"]


def after_take(length_time: timedelta, takes: int) -> Then:
    """What follows a message of this length, the caller's ``takes``-th."""
    if length_time < SHORTEST_TIME:
        return "kept" if takes > 1 else "empty"  # a take before was long enough to be asked about
    return "ask" if takes < MAX_TAKES else "kept"


def after_answer(key: str) -> Then:
    """What follows his answer to that question; empty: none came."""
    return "again" if key == AGAIN_KEY else "kept"
