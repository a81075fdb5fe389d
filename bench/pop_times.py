"""Joins what three witnesses say of a pop. Pure.

The journal knows when the agent was chosen and what the service measured (``PopTimed``); the desktop knows when the message
came in; the phone's own SIP trace knows when it said 180. The service's ring time is read off AMI, so
it is late by AMI's way; the trace isn't, and decides what was first. All run on one machine and one clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.sip_trace import messages
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId

_NEAR = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class PopSample:
    """One pop: delays from the choice, in milliseconds; None: not seen."""

    call_id: CallId
    agent_id: AgentId
    socket_ms: float
    paint_ms: float | None
    ring_ms: float | None
    """As the service measured them."""
    arrival_ms: float | None
    """On the desktop, by the desktop's clock."""
    phone_ms: float | None
    """The phone's 180, by the phone's trace."""


def ringing(trace: str) -> dict[str, list[datetime]]:
    """When each phone sent 180, from SIPp's message file (its times are local)."""
    found: dict[str, list[datetime]] = {}
    for message in messages(trace):
        if message.is_sent and message.first_line.startswith("SIP/2.0 180 "):
            found.setdefault(message.to_user, []).append(message.at)
    return found


def join(
    events: Iterable[ev.Event],
    arrivals: Mapping[tuple[AgentId, CallId], datetime],
    rings: Mapping[str, list[datetime]],
    extensions: Mapping[AgentId, str],
) -> list[PopSample]:
    """One sample for each pop that the journal tells of.

    A call that was offered more than once is left out: a desktop notes only when it first saw a call.
    """
    events = list(events)
    sent = [e for e in events if isinstance(e, ev.PopSent)]
    offers = Counter(e.call_id for e in sent)
    chosen = {(e.agent_id, e.call_id): e.chosen_at for e in sent}
    samples = []
    for timed in events:
        if not isinstance(timed, ev.PopTimed) or offers[timed.call_id] != 1:
            continue
        key = (timed.agent_id, timed.call_id)
        chosen_at = chosen[key]
        rung = rings.get(extensions[timed.agent_id], [])
        after = [at for at in rung if chosen_at <= at <= chosen_at + _NEAR]
        arrived_at = arrivals.get(key)
        samples.append(
            PopSample(
                call_id=timed.call_id,
                agent_id=timed.agent_id,
                socket_ms=_ms(timed.socket_time),
                paint_ms=None if timed.paint_time is None else _ms(timed.paint_time),
                ring_ms=None if timed.ring_time is None else _ms(timed.ring_time),
                arrival_ms=None if arrived_at is None else _ms(arrived_at - chosen_at),
                phone_ms=_ms(min(after) - chosen_at) if after else None,
            )
        )
    return samples


def share_before(samples: list[PopSample], seen: Callable[[PopSample], float | None]) -> float:
    """Percent of the pops that were there before the phone's 180; of those that both witnesses saw."""
    both = [(seen(s), s.phone_ms) for s in samples]
    told = [popped < rang for popped, rang in both if popped is not None and rang is not None]
    return 100 * sum(told) / len(told)


def _ms(time: timedelta) -> float:
    return time / timedelta(milliseconds=1)
