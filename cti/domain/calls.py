"""The calls that are known now: the fold of all call events, and nothing else.

One ``CallTable`` stands behind the bus; it is told every event before anybody else is, so that
whoever reacts to an event already finds the call in its new state. A call that has ended stays
readable for a while (the last ``keep_ended``), since reactions come late.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from cti.domain import call as call_model
from cti.domain import events as ev
from cti.domain.call import Call
from cti.domain.errors import IllegalTransition
from cti.domain.ids import CallId, Endpoint
from cti.domain.seats import Seats


class CallTable:
    """All live calls and the last few that ended."""

    def __init__(self, keep_ended: int = 1000) -> None:
        self._live: dict[CallId, Call] = {}
        self._ended: OrderedDict[CallId, Call] = OrderedDict()
        self._keep_ended = keep_ended
        self.seats = Seats()
        """Who sits where, after the same events."""
        self.illegal = 0
        """Events that the transition table refused; each is a defect to look for."""

    def apply(self, event: ev.Event) -> IllegalTransition | None:
        """Fold one event in; returns the refusal where there was one, for the log."""
        if not isinstance(event, ev.CallEvent):
            self.seats.apply(event)
            return None
        if isinstance(event, ev.CallOffered):
            self._live.setdefault(event.call_id, call_model.offer(event))
            return None
        known = self._live.get(event.call_id)
        if known is None:
            if isinstance(event, ev.CallRecovered):
                self._live[event.call_id] = _from_repair(event)
            return None
        try:
            call = call_model.apply(known, event)
        except IllegalTransition as refusal:
            self.illegal += 1
            return refusal
        if call.is_live:
            self._live[event.call_id] = call
        else:
            del self._live[event.call_id]
            self._ended[event.call_id] = call
            while len(self._ended) > self._keep_ended:
                self._ended.popitem(last=False)
        return None

    def get(self, call_id: CallId) -> Call | None:
        """A live call or one that ended lately."""
        return self._live.get(call_id) or self._ended.get(call_id)

    def live(self) -> Iterator[Call]:
        """All live calls, oldest first."""
        return iter(list(self._live.values()))

    def on_endpoint(self, endpoint: Endpoint) -> Call | None:
        """The live call that rings or talks on a phone, or was begun by it."""
        mine = (c for c in self._live.values() if endpoint in (c.endpoint, c.origin))
        return next(mine, None)

    def __len__(self) -> int:
        return len(self._live)


def _from_repair(event: ev.CallRecovered) -> Call:
    offered = ev.CallOffered(
        at=event.enqueued_at or event.at,
        call_id=event.call_id,
        leg_id=event.leg_id,
        direction=event.direction,
        endpoint=event.origin,
        dnis=event.dnis,
        ani=event.ani,
        ani_name=event.ani_name,
    )
    return call_model.apply(call_model.offer(offered), event)
