"""Where the callbacks that stand are found in the journal, however long ago they were asked for.

Beside the agents' newest states (``LatestRow``) a row for each callback that isn't over says where its request stands; what
became of it since then is found by the ids of its calls. A key begins with a sign that no agent's id has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from cti.domain.callback_events import (
    CallbackAttempted,
    CallbackEnded,
    CallbackPostponed,
    CallbackRequested,
)
from cti.domain.callbacks import attempt_id
from cti.domain.event import Event
from cti.domain.ids import CallId
from cti.ports import Journal

SIGN = "*"


def key_of(callback_id: CallId) -> str:
    """The key under which a callback's request is found."""
    return SIGN + hashlib.blake2s(callback_id.encode(), digest_size=20).hexdigest()


def requests(events: Iterable[tuple[int, Event]]) -> tuple[dict[str, int], list[str]]:
    """Keys of requests with their places in the journal, and the keys of those that are over."""
    begun: dict[str, int] = {}
    over: list[str] = []
    for sequence, event in events:
        if isinstance(event, CallbackRequested):
            begun[key_of(event.call_id)] = sequence
        elif isinstance(event, CallbackEnded):
            begun.pop(key_of(event.call_id), None)
            over.append(key_of(event.call_id))
    return begun, over


async def story_of(journal: Journal, callback_id: CallId) -> list[Event]:
    """Everything that the journal tells of one callback, in order."""
    kinds = (CallbackRequested, CallbackPostponed, CallbackEnded)
    found = [r async for r in journal.read(call_id=callback_id) if isinstance(r.event, kinds)]
    serials = [r.event.serial for r in found if isinstance(r.event, CallbackPostponed)]
    last = attempt_id(callback_id, max(serials, default=0) + 1)
    found += [r async for r in journal.read(call_id=last) if isinstance(r.event, CallbackAttempted)]
    return [r.event for r in sorted(found, key=lambda r: r.sequence)]
