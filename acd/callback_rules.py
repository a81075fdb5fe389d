"""What an administrator decides of a queue's callbacks, and what the core knows of one; all frozen."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain.callbacks import attempt_id
from cti.domain.ids import AgentId, CallId, QueueName

LATER = 1 << 40
"""Added to a callback's order of arrival: a live caller with the same wait goes first."""


def _always(_: datetime) -> bool:
    return True


@dataclass(frozen=True)
class CallbackRules:
    """How a queue calls back. ``share``: the part of its agents, in per cent, who may be busy with that at once."""

    is_offered: bool = True
    share: int = 50
    attempts: int = 3  # calls to the customer, until it is over
    pause_time: timedelta = timedelta(
        minutes=5
    )  # after the first in vain; then twice as long each time
    expire_time: timedelta = timedelta(days=1)
    is_open: Callable[[datetime], bool] = _always  # the hours in which customers are called

    def pause_after(self, attempts: int) -> timedelta:
        """How long the customer is left alone after so many calls in vain."""
        doublings: int = min(max(attempts - 1, 0), 10)
        return self.pause_time * (1 << doublings)


class Stage(enum.Enum):
    """Where a callback is."""

    WAITING = "waiting"  # for its turn, or for its time
    RESERVED = "reserved"  # an agent is chosen, his phone is called
    DIALLING = "dialling"  # he answered, the customer is called
    TALKING = "talking"  # done; counts in the share until the call is over
    UNSURE = "unsure"  # we were gone meanwhile: what became of the last call is looked up


@dataclass(frozen=True, slots=True)
class Callback:
    """One that was asked for. ``number`` and ``key`` are personal."""

    callback_id: CallId
    queue: QueueName
    number: str = field(repr=False)
    key: str = field(repr=False)
    """The number in the form in which it is compared."""
    enqueued_at: datetime
    requested_at: datetime
    expires_at: datetime
    due_at: datetime
    credit_time: timedelta = timedelta(0)
    sequence: int = 0
    stage: Stage = Stage.WAITING
    serial: int = 0  # agents asked so far
    attempts: int = 0  # calls to the customer so far
    agent_id: AgentId | None = None
    tried: Mapping[AgentId, datetime] = field(default_factory=dict)
    live_id: CallId | None = None  # he has called again, and may be waiting in the line himself
    failure: str = ""  # why the present call to the customer failed

    @property
    def is_open(self) -> bool:
        """Whether the customer hasn't been reached yet."""
        return self.stage is not Stage.TALKING

    @property
    def is_under_way(self) -> bool:
        """Whether an agent is busy with it, as far as is known."""
        return self.stage in (Stage.RESERVED, Stage.DIALLING, Stage.TALKING)

    @property
    def next_id(self) -> CallId:
        """The id of the call that is made when its turn comes."""
        return attempt_id(self.callback_id, self.serial + 1)

    @property
    def present_id(self) -> CallId:
        """The id of the call that is being made."""
        return attempt_id(self.callback_id, self.serial)
