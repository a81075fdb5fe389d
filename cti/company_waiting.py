"""What an administrator decides of the wait in a queue: music, announcements, keys that lead out of it, voicemail."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cti.company_base import Key, Name, Part, Text

BUILT_IN = ("voicemail", "callback")
"""Ways out for which each queue has a flow of its own (``cti.builtin_flows``)."""
Minutes = Annotated[int, Field(ge=1, le=120)]


class WayOut(Part):
    """Where a waiting caller goes.

    ``queue`` and ``flow`` are named by ``to``. ``voicemail`` and ``callback`` are those of the queue in which he waits.
    """

    kind: Literal["queue", "flow", "voicemail", "callback"]
    to: Name | None = None

    @model_validator(mode="after")
    def _named(self) -> WayOut:
        if (self.kind in ("queue", "flow")) != (self.to is not None):
            wants = "needs" if self.to is None else "takes no"
            raise ValueError(f"a way out of kind {self.kind} {wants} 'to'")
        if self.to is None and self.kind not in BUILT_IN:
            raise ValueError(f"a way out of kind {self.kind} isn't offered yet")
        return self


class Voicemail(Part):
    """A queue's voicemail; it ends by ``#``, by silence or by its length."""

    greeting: Text = Field(default_factory=dict)  # none: the built-in one
    max_time: Annotated[timedelta, Field(ge=timedelta(seconds=5), le=timedelta(minutes=10))] = (
        timedelta(minutes=2)
    )
    silence_time: Annotated[timedelta, Field(ge=timedelta(seconds=2), le=timedelta(minutes=1))] = (
        timedelta(seconds=5)
    )


class Waiting(Part):
    """The part of a queue that concerns the wait."""

    announce_every: timedelta = timedelta(seconds=45)  # position and wait; 0: never
    announce_position: bool = True
    announce_wait: bool = True  # how long he has still to wait, where that can be said
    # The estimate is rounded up to one of these; beyond the last it is "more than".
    wait_minutes: Annotated[tuple[Minutes, ...], Field(min_length=1, max_length=30)] = (
        *(1, 2, 3, 5, 10, 15, 20, 30),
    )
    offer: Text = Field(default_factory=dict)  # such as "press 1 for a callback"
    offer_every: timedelta = timedelta(seconds=90)  # if there is an offer
    music: Name | None = None  # a folder of the installation's music; none: the built-in
    leave_keys: dict[Key, WayOut] = Field(default_factory=dict)
    voicemail: Voicemail = Voicemail()

    @field_validator("wait_minutes")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError("write 'wait_minutes' from the shortest to the longest")
        return value

    @property
    def is_announcing(self) -> bool:
        """Whether waiting callers are told their place or their wait from time to time."""
        return self.announce_every > timedelta(0) and (self.announce_position or self.announce_wait)

    @property
    def is_offering(self) -> bool:
        """Whether waiting callers are offered something from time to time."""
        return self.offer_every > timedelta(0) and any(t.strip() for t in self.offer.values())
