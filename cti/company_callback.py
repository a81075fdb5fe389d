"""What an administrator decides of a queue's callbacks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from cti.company_base import Name, Part


class Callback(Part):
    """How a queue calls back who doesn't want to wait (docs/queues.md)."""

    is_offered: bool = True
    # In per cent: so many of the queue's agents at once. Below one agent: one, while no caller waits.
    share: Annotated[int, Field(ge=0, le=100)] = 50
    attempts: Annotated[int, Field(ge=1, le=10)] = 3  # calls to the customer
    pause_time: Annotated[timedelta, Field(ge=timedelta(seconds=1), le=timedelta(days=1))] = (
        timedelta(minutes=5)
    )  # after the first in vain; then twice as long each time
    expire_time: Annotated[timedelta, Field(ge=timedelta(minutes=1), le=timedelta(days=14))] = (
        timedelta(days=1)
    )
    hours: Name | None = None  # in which customers are called; none: at any time
