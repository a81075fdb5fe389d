"""After a crash: which calls' files may be behind the journal. Pure.

A file is a fold of its call's events and of a few decisions that were made once (whose call it is, on which ticket).
The decisions stand in the file's row; the rest can be folded again from the journal at any time, with the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cti.domain import events as ev
from cti.domain.callback_events import CallbackAttempted
from cti.domain.ids import CallId
from tickets.model import CallFile


def stories(
    past: Iterable[ev.Event], kinds: tuple[type[ev.Event], ...]
) -> dict[CallId, list[ev.CallEvent]]:
    """The events of these kinds, call by call, in their order."""
    found: dict[CallId, list[ev.CallEvent]] = {}
    for event in past:
        if isinstance(event, kinds) and isinstance(event, ev.CallEvent):
            found.setdefault(event.call_id, []).append(event)
    return found


BEGINNINGS = (ev.CallOffered, ev.CallRecovered, CallbackAttempted)
"""With one of them a call's file begins."""


def is_whole(story: Sequence[ev.CallEvent]) -> bool:
    """Whether it begins with the call's beginning."""
    return bool(story) and isinstance(story[0], BEGINNINGS)


def is_over(row: CallFile | None, story: Sequence[ev.CallEvent]) -> bool:
    """Whether everything that these events tell stands in the row, as far as can be told without the rest."""
    if row is None or row.ended_at is None:
        return False
    return all(
        event.recording_id == row.recording_id
        for event in story
        if isinstance(event, ev.RecordingStored)
    )


def with_sources(file: CallFile, row: CallFile) -> CallFile:
    """A file folded anew, with what was decided once and is no event's."""
    return replace(
        file,
        match=row.match,
        customer_id=row.customer_id,
        candidates=row.candidates,
        ticket_id=row.ticket_id,
    )
