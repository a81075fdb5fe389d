"""How long simulated callers wait: a caller who has waited too long hangs up, and one who speaks with somebody does not.

Nothing on a caller's line says whether a person or the queue's music is at its other end, so that the journal is followed:
it says who waits since when, and who was answered. What is left is what happens to people, too: whose patience is over in
the moment in which he is answered hangs up on the agent. That moment is as long as the journal is behind, some tenths
of a second, more on a machine that is overloaded; how many it befell is told (``sip_sim.storm``).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cti.domain import events as ev
from cti.domain.ids import CallId
from sip_sim.ports import FactReader

_LOOK_EVERY_S = 0.2


class Follower:
    """The journal from a number on, read piece by piece."""

    def __init__(self, facts: FactReader, start: int) -> None:
        self._facts = facts
        self._last = start
        self.events: list[ev.Event] = []
        """All that came since."""

    async def more(self) -> list[ev.Event]:
        """What came since the last look."""
        found = await self._facts.since(self._last)
        self._last += len(found)  # the journal's numbers have no gaps
        self.events += found
        return found


class Line:
    """Who of the callers waits, and since when; pure. ``patience``: of each, by his number; others are none of ours.

    A caller who was answered and waits again begins to wait anew: he spoke with somebody.
    """

    def __init__(self, patience: Mapping[str, timedelta]) -> None:
        self._patience = patience
        self._numbers: dict[CallId, str] = {}
        self._since: dict[CallId, datetime] = {}
        self._answered: set[CallId] = set()

    def take(self, events: Iterable[ev.Event]) -> None:
        """Follow what happened."""
        for event in events:
            match event:
                case ev.CallOffered() if event.ani in self._patience:
                    self._numbers[event.call_id] = event.ani
                case ev.CallRecovered() if event.ani in self._patience:
                    # The service learnt of him, or of what he does, only now.
                    self._numbers[event.call_id] = event.ani
                    if event.endpoint is not None:
                        self._since.pop(event.call_id, None)
                    elif event.enqueued_at is not None:
                        self._since.setdefault(event.call_id, event.enqueued_at)
                case ev.CallEnqueued() if event.call_id in self._numbers:
                    again = event.call_id in self._answered
                    self._since.setdefault(event.call_id, event.at if again else event.enqueued_at)
                case ev.CallAnswered():
                    self._answered.add(event.call_id)
                    self._since.pop(event.call_id, None)
                case ev.CallEnded():
                    self._since.pop(event.call_id, None)
                    self._numbers.pop(event.call_id, None)

    def leave(self, now: datetime) -> list[str]:
        """The numbers of those whose patience is over; each is told once."""
        over = [
            call_id
            for call_id, since in self._since.items()
            if now - since >= self._patience[self._numbers[call_id]]
        ]
        for call_id in over:
            del self._since[call_id]
        return [self._numbers.pop(call_id) for call_id in over]


def drawn(numbers: Sequence[str], mean: timedelta, seed: int) -> dict[str, timedelta]:
    """A patience of his own for each, evenly between half and one and a half of the mean.

    If all had the same, who is next in an endless line would always be about to hang up.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation
    return {number: mean * chance.uniform(0.5, 1.5) for number in numbers}


async def give_up(
    journal: Follower,
    line: Line,
    calls: Mapping[str, int],
    tell: Callable[[int], None],
) -> None:
    """Tell whoever has waited too long, by the number of his call, until cancelled; ``calls``: by calling number."""
    while True:
        line.take(await journal.more())
        for number in line.leave(datetime.now(UTC)):
            if (call := calls.get(number)) is not None:
                tell(call)
        await asyncio.sleep(_LOOK_EVERY_S)
