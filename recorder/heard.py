"""What was heard of each live call, for its ledger: the journal's own events, without reading it.

Only calls that were heard from their beginning stand here; of all others, and of those for which there was no room,
the journal is asked. Bounded, so that a long backlog of recordings costs disk and not memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from cti.domain import events as ev
from cti.domain.ids import CallId
from recorder.model import LEDGER_KINDS

KINDS: tuple[type[ev.Event], ...] = (ev.CallOffered, *LEDGER_KINDS)
MOST_CALLS = 5000


class Heard:
    """The events of live calls that ledgers are made of."""

    def __init__(self, most_calls: int = MOST_CALLS) -> None:
        self._most_calls = most_calls
        self._stories: OrderedDict[CallId, list[ev.Event]] = OrderedDict()

    def take(self, event: ev.Event) -> None:
        """Hear an event; a listener on the bus."""
        if not isinstance(event, ev.CallEvent):
            return
        if isinstance(event, ev.CallOffered):
            self._stories.setdefault(event.call_id, [])
            if len(self._stories) > self._most_calls:
                self._stories.popitem(last=False)
        elif (story := self._stories.get(event.call_id)) is not None:
            story.append(event)

    def story(self, call_id: CallId) -> Sequence[ev.Event] | None:
        """All of a call's events that concern its ledger; None: ask the journal."""
        return self._stories.get(call_id)

    def forget(self, call_id: CallId) -> None:
        """Its recording is done."""
        self._stories.pop(call_id, None)
