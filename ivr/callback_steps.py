"""What the interpreter and the service say to each other about a callback."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cti.domain.ids import QueueName


@dataclass(frozen=True, slots=True)
class OfferCallback:
    """Settle with the caller whether and where he is called back (``callback.py``). Heard: CallbackSettled."""

    queue: QueueName
    credit_time: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class CallbackSettled:
    """Answer to ``OfferCallback``. ``is_leaving``: he will be called back; else he waits.

    ``has_place``: he came from a line in which his place is kept.
    """

    is_leaving: bool
    has_place: bool = False


@dataclass(frozen=True, slots=True)
class WaitOn:
    """The end: back to the line from which he came, with his place."""
