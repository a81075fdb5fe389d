"""The recorder's times and limits, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from recorder.model import Tolerance


@dataclass(frozen=True, slots=True)
class RecorderRules:
    """Times and limits; the defaults are for one machine."""

    audio_format: str = "opus"  # opus, mp3
    workers: int = 1
    tolerance: Tolerance = field(default_factory=Tolerance)
    settle_time: timedelta = timedelta(milliseconds=500)
    """After RecordingStopped: the call's last events are on their way."""
    missing_timeout: timedelta = timedelta(seconds=10)
    """How long a raw file may fail to appear."""
    lease_time: timedelta = timedelta(seconds=30)
    """For so long a killed service's jobs are nobody's."""
    idle_time: timedelta = timedelta(seconds=2)
    """How often the book is asked for work that nobody announced."""
    retry_time: timedelta = timedelta(seconds=2)
    """First pause after a failed attempt; doubled each time, up to ``retry_time_limit``."""
    retry_time_limit: timedelta = timedelta(minutes=5)
    storage_retry_time: timedelta = timedelta(seconds=10)
    max_attempts: int = 6
    sweep_time: timedelta = timedelta(minutes=1)
    orphan_time: timedelta = timedelta(seconds=30)
    """A raw file of a call that nobody knows must have been left alone for so long."""
    grace_time: timedelta = timedelta(hours=24)
    """After so long a stored recording that no ticket took loses its raw file all the same."""
