"""Who is parked where, since when and by whom: one list for all desktops, kept up to date on every one of them.

A caller stays on it until somebody speaks with him, he waits in a queue, or he is gone. While he rings somewhere, because
somebody fetches him or because his time in the place is over and he goes back to who parked him, the list says where;
the place itself is free then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cti.domain import events as ev
from cti.domain.ids import CallId, Endpoint
from cti.domain.numbers import mask
from screenpop.connection import to_json
from screenpop.desks import Desks
from screenpop.facts import CallFacts
from screenpop.sections import CustomerSection, ParkedValue, iso

_LEFT = (
    ev.CallConnected,
    ev.CallEnqueued,
    ev.CallFellBack,
    ev.CallTransferred,
    ev.CallEnded,
    ev.MenuEntered,
)


@dataclass(frozen=True, slots=True)
class _Place:
    slot: str
    since_at: datetime
    parked_by: Endpoint | None
    rings_at: Endpoint | None = None
    is_over: bool = False  # his time in the place


class Parking:
    """The places. ``known`` says what is known of a call's caller."""

    def __init__(
        self,
        desks: Desks,
        facts: Callable[[CallId], CallFacts | None],
        known: Callable[[CallId], CustomerSection | None],
        *,
        country: str,
        park_time: timedelta,
    ) -> None:
        self._desks = desks
        self._facts = facts
        self._known = known
        self._country = country
        self._park_time = park_time
        self._places: dict[CallId, _Place] = {}

    def configure(self, park_time: timedelta) -> None:
        """The company has changed: how long whoever is parked from now on stays."""
        self._park_time = park_time

    def take(self, event: ev.CallEvent) -> None:
        """Take an event of any call."""
        place = self._places.get(event.call_id)
        match event:
            case ev.CallParked():
                self._places[event.call_id] = _Place(event.slot, event.at, event.endpoint)
            case _ if place is None:
                return
            case ev.TransferFailed(target_kind="parking"):
                over = replace(place, is_over=True, rings_at=place.parked_by)
                self._places[event.call_id] = over
            case ev.LegDialled():
                self._places[event.call_id] = replace(place, rings_at=event.endpoint)
            case _ if isinstance(event, _LEFT):
                del self._places[event.call_id]
            case _:
                return
        self._tell()

    def looked_up(self, call_id: CallId) -> None:
        """More is known of a caller."""
        if call_id in self._places:
            self._tell()

    def at(self, slot: str) -> CallId | None:
        """Who waits in a place; nobody, while he rings elsewhere because his time is over."""
        found = (c for c, place in self._places.items() if place.slot == slot and not place.is_over)
        return next(found, None)

    def values(self) -> list[ParkedValue]:
        """The list, by place."""
        rows = [self._value(call_id, place) for call_id, place in self._places.items()]
        return sorted(rows, key=lambda row: row["slot"])

    def _value(self, call_id: CallId, place: _Place) -> ParkedValue:
        facts, section = self._facts(call_id), self._known(call_id)
        customer = section["customer"] if section is not None else None
        is_sure = section is not None and section["match"] == "known"
        name = customer["name"] if customer is not None and is_sure else ""
        return ParkedValue(
            slot=place.slot,
            name=name or (facts.caller_name if facts is not None else ""),
            number=mask(facts.number, self._country) if facts is not None else "",
            since=iso(place.since_at),
            parked_by=self._name(place.parked_by),
            returns_at=iso(place.since_at + self._park_time),
            rings_at=self._name(place.rings_at),
            is_over=place.is_over,
        )

    def _name(self, endpoint: Endpoint | None) -> str:
        return self._desks.name_of(endpoint) if endpoint is not None else ""

    def _tell(self) -> None:
        values = self.values()
        text = to_json(values)
        for desk in self._desks:
            desk.put("parked", values, text)
