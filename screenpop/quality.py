"""How calls sound, as pages measured it: whose word counts, for which call, and for how much of it.

A page can say nothing of a call in which the agent's browser phone was not, and of each call no more time than has passed: a
report that is sent again under another name tells of time that was told of already. What a page says is kept as
``ConnectionMeasured``; nothing is decided by it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import get_args

from cti.domain import events as ev
from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.ids import AgentId, CallId, Endpoint, is_browser_phone, parse_call_id
from cti.ports import Clock, EventBus
from screenpop.desks import Desk, Desks
from screenpop.messages import QualityArgs

_REMEMBERED = 4
"""Calls of one agent of which his page may still tell: this one and a few before, for reports that come late."""

_SLACK_S = 5.0
"""The page counts from the phone's answer, we from Asterisk's event, and both round."""

Work = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Talk:
    """A call at somebody's browser phone."""

    endpoint: Endpoint
    told_until: float
    """Of the time until then, in monotonic seconds, the page has told."""
    ended: float | None = None


class QualityReports:
    """Takes the pages' reports."""

    def __init__(self, bus: EventBus, clock: Clock, desks: Desks) -> None:
        self._bus = bus
        self._clock = clock
        self._desks = desks
        self._talks: dict[AgentId, OrderedDict[CallId, _Talk]] = {}
        self._live: dict[CallId, list[_Talk]] = {}  # of calls that go on
        bus.subscribe(
            self.take, *get_args(_Beginning), ev.ConnectionMeasured, ev.LegEnded, ev.CallEnded
        )

    def take(self, event: ev.Event) -> None:
        """Know who is in which call; of the past, what the journal tells."""
        match event:
            case ev.ConnectionMeasured():
                talk = self._talks.get(event.agent_id, OrderedDict()).get(event.call_id)
                if talk is not None:
                    talk.told_until += event.measured_time.total_seconds()
            case ev.CallEnded():
                for talk in self._live.pop(event.call_id, ()):
                    talk.ended = self._when(event)
            case ev.LegEnded():
                if (talk := self._talk(event.endpoint, event.call_id)) is not None:
                    talk.ended = self._when(event)
            case ev.CallEvent() if isinstance(event, _Beginning):
                self._begin(event, _phone_of(event))

    def _begin(self, event: ev.CallEvent, endpoint: Endpoint | None) -> None:
        desk = self._desks.at_phone(endpoint)
        if endpoint is None or desk is None or not is_browser_phone(endpoint):
            return
        talks = self._talks.setdefault(desk.user.user_id, OrderedDict())
        talk = talks.get(event.call_id)
        if talk is None:
            talk = talks[event.call_id] = _Talk(endpoint, self._when(event))
            self._live.setdefault(event.call_id, []).append(talk)
            while len(talks) > _REMEMBERED:
                talks.popitem(last=False)
        else:
            talk.endpoint, talk.ended = endpoint, None

    def _talk(self, endpoint: Endpoint, call_id: CallId) -> _Talk | None:
        desk = self._desks.at_phone(endpoint)
        talk = self._talks.get(desk.user.user_id, OrderedDict()).get(call_id) if desk else None
        return talk if talk is not None and talk.endpoint == endpoint else None

    def _when(self, event: ev.Event) -> float:
        """An event's instant in monotonic seconds, which no stepping wall clock bends later."""
        age_s = (self._clock.now() - event.at).total_seconds()
        return self._clock.monotonic() - max(0.0, age_s)

    def report(self, desk: Desk, args: QualityArgs) -> Work:
        """What a page says of its call.

        Raises:
            CommandRefused: his browser phone is not, and lately was not, in this call.
            InvalidValue: more time than passed, or figures that contradict each other.
        """
        call_id, agent_id = parse_call_id(args.call_id), desk.user.user_id
        talk = self._talks.get(agent_id, OrderedDict()).get(call_id)
        if talk is None:
            raise CommandRefused("not_your_call", "Your browser phone isn't in this call.")
        until = talk.ended if talk.ended is not None else self._clock.monotonic()
        if args.measured_s > until - talk.told_until + _SLACK_S:
            raise InvalidValue("measured time", f"{args.measured_s} s, which have not passed")
        if args.worst_mos > args.mos:
            raise InvalidValue("worst MOS", f"{args.worst_mos}, better than the mean")

        async def tell() -> None:
            round_trip_ms = args.round_trip_ms
            self._bus.publish(
                ev.ConnectionMeasured(
                    at=self._clock.now(),
                    call_id=call_id,
                    agent_id=agent_id,
                    endpoint=talk.endpoint,
                    measured_time=timedelta(seconds=round(args.measured_s, 1)),
                    lost_in=round(args.lost_in, 2),
                    lost_out=None if args.lost_out is None else round(args.lost_out, 2),
                    jitter_time=timedelta(milliseconds=round(args.jitter_ms, 1)),
                    round_trip_time=None
                    if round_trip_ms is None
                    else timedelta(milliseconds=round(round_trip_ms, 1)),
                    mos=round(args.mos, 2),
                    worst_mos=round(args.worst_mos, 2),
                )
            )

        return tell


_Beginning = (
    ev.CallOffered
    | ev.CallAnchored
    | ev.CallConnected
    | ev.CallRecovered
    | ev.PartyJoined
    | ev.ConsultConnected
)


def _phone_of(event: _Beginning) -> Endpoint | None:
    """The phone that is in the call from now on; None: a trunk's."""
    if isinstance(event, ev.CallRecovered):
        return event.endpoint or event.origin
    return event.endpoint
