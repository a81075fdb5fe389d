"""What the journal says at a start, gathered for the core. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from acd.callers import BY_MENU
from acd.decisions import Restored
from acd.groups import IN_VAIN
from acd.shapes import goes_elsewhere
from acd.tally import Tallies
from cti.domain import events as ev
from cti.domain.call import Call
from cti.domain.ids import AgentId, CallId, QueueName


def gathered(
    events: Iterable[ev.Event], calls: tuple[Call, ...]
) -> tuple[Restored, dict[CallId, ev.CallerIdentified]]:
    """What concerns agents and these live calls, and which callers were identified."""
    states: dict[AgentId, ev.AgentStateChanged] = {}
    answered: set[CallId] = set()
    demands: dict[tuple[CallId, str], ev.DemandSet] = {}  # the newest of each who said something
    missed: list[ev.AgentDidNotAnswer | ev.ReservationReleased] = []
    outcomes: dict[tuple[CallId, type], ev.TicketOpened | ev.DispositionSet] = {}
    touched: dict[CallId, ev.HandLaid] = {}
    overflowed: list[ev.CallOverflowed] = []
    identified: dict[CallId, ev.CallerIdentified] = {}
    places: dict[CallId, tuple[QueueName, int]] = {}
    tallies = Tallies()
    for event in events:
        tallies.note(event)
        match event:
            case ev.AgentStateChanged():
                states[event.agent_id] = event
            case ev.DemandSet():
                demands.pop((event.call_id, event.by), None)
                demands[(event.call_id, event.by)] = event
            case ev.AgentDidNotAnswer():
                missed.append(event)
            case ev.ReservationReleased() if event.reason in IN_VAIN:
                missed.append(event)
            case ev.TicketOpened() | ev.DispositionSet():
                outcomes[(event.call_id, type(event))] = event
            case ev.HandLaid():
                touched[event.call_id] = event
            case ev.CallTransferred():
                _forget_line(event, demands, touched)
            case ev.WaitEstimated(is_told=True):
                places[event.call_id] = (event.queue, event.position)
            case ev.CallOverflowed():
                overflowed.append(event)
                _forget_line(event, demands, touched)
            case ev.CallerIdentified():
                identified[event.call_id] = event
            case ev.CallAnswered():
                answered.add(event.call_id)
            case ev.CallEnded():
                answered.discard(event.call_id)
    live = {call.call_id for call in calls}
    kept = live | {change.call_id for change in states.values()}
    restored = Restored(
        tuple(states.values()),
        frozenset(answered),
        calls,
        tuple(event for event in demands.values() if event.call_id in live),
        tuple(event for event in missed if event.call_id in live),
        tallies.found,
        tuple(event for event in outcomes.values() if event.call_id in kept),
        tuple(event for event in touched.values() if event.call_id in live),
        places={call_id: place for call_id, place in places.items() if call_id in live},
        overflowed=tuple(event for event in overflowed if event.call_id in live),
    )
    return restored, identified


def _forget_line(
    event: ev.CallTransferred | ev.CallOverflowed,
    demands: dict[tuple[CallId, str], ev.DemandSet],
    touched: dict[CallId, ev.HandLaid],
) -> None:
    if goes_elsewhere(event):
        demands.pop((event.call_id, BY_MENU), None)
        touched.pop(event.call_id, None)
