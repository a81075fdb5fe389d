"""Events about one leg, made from what is tracked of it or from what a snapshot shows of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from cti.domain import events as ev
from cti.domain.ids import CallId, Endpoint, LegId

E = TypeVar("E", bound=ev.CallEvent)


class Leg(Protocol):
    """A leg, tracked or seen."""

    @property
    def leg_id(self) -> LegId:
        """Its channel's Uniqueid."""

    @property
    def endpoint(self) -> Endpoint:
        """The phone or trunk."""

    @property
    def role(self) -> str:
        """As in LegDialled."""


def told(kind: Callable[..., E], call_id: CallId, leg: Leg, at: datetime, **fields: object) -> E:
    """An event of this kind about the leg; ``fields`` are those that not every such event has."""
    return kind(at=at, call_id=call_id, leg_id=leg.leg_id, endpoint=leg.endpoint, **fields)


def dialled(call_id: CallId, leg: Leg, at: datetime) -> ev.LegDialled:
    """The leg is part of the call from now on."""
    return told(ev.LegDialled, call_id, leg, at, role=leg.role)
