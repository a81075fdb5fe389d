"""What happens to a caller while he waits, and to the message that he leaves; see ``events.py``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cti.domain.event import CallEvent, personal
from cti.domain.ids import QueueName


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingKeyPressed(CallEvent):
    """A waiting caller pressed a key, with the music or during an announcement. What it means is the ACD's to say."""

    key: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLeftByKey(CallEvent):
    """A waiting caller pressed a key that leads out of the queue; targets as in CallOverflowed."""

    queue: QueueName
    target_kind: str = ""
    target: str = ""
    wait_time: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitEstimated(CallEvent):
    """How long a waiting caller has still to wait, as it was estimated at this instant.

    Kept beside what really came (``docs/figures.md``). ``basis``: ``rate`` (how fast the queue moved lately) or ``agents``
    (handling time and who is there).
    """

    queue: QueueName
    position: int  # from 1
    estimate_time: timedelta
    basis: str = "rate"
    is_told: bool = False  # the caller heard it


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailBegun(CallEvent):
    """After the tone: what the caller says is recorded for this queue. ``take`` counts from 1."""

    queue: QueueName
    take: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailTaken(CallEvent):
    """A take is over: ``#``, silence, its limit, or the caller hung up. Whether anything was said the recorder sees."""

    queue: QueueName
    length_time: timedelta  # of what lies in the spool
    take: int = 1
