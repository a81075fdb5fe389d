"""What is known of one call, whoever's desktop it stands on. Pure.

One ``CallFacts`` a live call, folded from the bus; the desktops it concerns are drawn from it. The digits of a sensitive
menu node never enter it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain import events as ev
from cti.domain.callback_events import CallbackAttempted
from cti.domain.callbacks import is_attempt
from cti.domain.evolving import replace
from cti.domain.ids import CallId, Endpoint, LegId, QueueName
from cti.domain.numbers import CallerNumber, DialPlan, NumberKind, read_number
from cti.domain.text import clean_name, hide_digits
from screenpop import asked
from screenpop import talk as talks
from screenpop.asked import CallMenu
from screenpop.talk import Talk

_MAX_PATH = 12
_MAX_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Callback:
    """What an agent is told of a callback before his phone rings."""

    requested_at: datetime
    attempt: int  # from 1


@dataclass(frozen=True, slots=True)
class CallFacts:
    """The call's side of a pop."""

    call_id: CallId
    direction: str = "inbound"
    number: CallerNumber = field(default=CallerNumber(NumberKind.WITHHELD), repr=False)
    caller_name: str = field(default="", repr=False)
    menu_path: tuple[str, ...] = ()
    digits: str = field(default="", repr=False)
    queue: QueueName | None = None
    enqueued_at: datetime | None = None
    endpoint: Endpoint | None = None  # the phone that talks with the caller
    leg_id: LegId | None = None
    connected_at: datetime | None = None
    held_at: datetime | None = None
    is_held_by_phone: bool = False  # by its own key, so that only it can take the caller back
    is_muted: bool = False
    recording: str = "off"
    callback: Callback | None = None  # it is made for somebody who asked for it
    left_queue_at: datetime | None = None  # his wait is over since then
    sent_by: Endpoint | None = None  # the phone that sent him on last
    sent_how: str = ""  # transfer, parked, consult, added
    talk: Talk = field(default_factory=Talk)
    menu: CallMenu | None = None  # into which his agent sent him last

    def wait_time(self, at: datetime) -> timedelta:
        """How long he waited for somebody, until he was connected; so far, where he wasn't yet."""
        if self.enqueued_at is None:
            return timedelta(0)
        return max((self.left_queue_at or at) - self.enqueued_at, timedelta(0))


def begin(
    event: ev.CallOffered | ev.CallRecovered | CallbackAttempted, plan: DialPlan
) -> CallFacts:
    """A call that we hear of for the first time. What the caller sent is cleaned here, once."""
    if isinstance(event, CallbackAttempted):
        return CallFacts(
            call_id=event.call_id,
            direction="outbound",
            number=read_number(event.number, plan),
            queue=event.queue,
            enqueued_at=event.enqueued_at,
            callback=Callback(event.requested_at, event.attempt),
        )
    facts = CallFacts(
        call_id=event.call_id,
        number=read_number(event.ani, plan),
        caller_name=hide_digits(clean_name(event.ani_name)),
    )
    phone = event.endpoint if isinstance(event, ev.CallOffered) else event.origin
    talk = Talk(began_by=phone, anchor=phone, dialled=event.dnis if phone is not None else "")
    facts = replace(facts, direction=event.direction, talk=talk)
    if isinstance(event, ev.CallOffered):
        return replace(facts, talk=replace(talk, consult_of=event.consult_of))
    return fold(facts, event, plan)


def came_to_nothing(event: ev.CallEvent) -> bool:
    """Whether a call that was about to be made for a callback isn't made: the agent's phone didn't take it."""
    return isinstance(event, ev.ReservationReleased) and is_attempt(event.call_id)


def fold(facts: CallFacts, event: ev.CallEvent, plan: DialPlan) -> CallFacts:
    """Take one event; unknown ones change nothing."""
    if (talk := talks.fold(facts.talk, event, plan)) is not facts.talk:
        facts = replace(facts, talk=talk)
    if (menu := asked.fold(facts.menu, event)) is not facts.menu:
        facts = replace(facts, menu=menu)
    match event:
        case ev.CallOffered():  # the call of a callback, known since an agent was chosen
            begun = begin(event, plan)
            return replace(facts, number=begun.number, talk=begun.talk)
        case ev.MenuEntered(label=label) if label and facts.menu_path[-1:] != (label,):
            return replace(facts, menu_path=(*facts.menu_path, label)[-_MAX_PATH:])
        case ev.MenuInput(is_sensitive=False, result="match", digits=digits) if digits:
            return replace(facts, digits=f"{facts.digits} {digits}".strip()[-_MAX_DIGITS:])
        case ev.CallEnqueued():
            return replace(
                facts,
                queue=event.queue,
                enqueued_at=event.enqueued_at,
                left_queue_at=None,
                endpoint=None,
                held_at=None,
                is_muted=False,
            )
        case ev.CallFellBack():
            return replace(facts, queue=event.queue)
        case ev.RecordingStarted() | ev.RecordingResumed():
            return replace(facts, recording="on")
        case ev.RecordingPaused():
            return replace(facts, recording="paused")
        case ev.RecordingStopped():
            return replace(facts, recording="off")
        case _:
            return _fold_talk(facts, event)


def _fold_talk(facts: CallFacts, event: ev.CallEvent) -> CallFacts:
    match event:
        case ev.CallConnected():
            return replace(
                facts,
                endpoint=event.endpoint,
                leg_id=event.leg_id,
                connected_at=facts.connected_at or event.at,
                left_queue_at=facts.left_queue_at or event.at,
                held_at=None,
                is_muted=facts.is_muted and facts.leg_id == event.leg_id,
            )
        case ev.CallRecovered():
            return replace(
                facts,
                queue=event.queue or facts.queue,
                enqueued_at=event.enqueued_at or facts.enqueued_at,
                endpoint=event.endpoint,
                connected_at=facts.connected_at or (event.at if event.endpoint else None),
                held_at=event.at if event.state == "on_hold" else None,
            )
        case ev.CallHeld():
            is_by_phone = event.by == "phone"
            held_at = facts.held_at or event.at
            return replace(facts, held_at=held_at, is_held_by_phone=is_by_phone)
        case ev.ConsultStarted():
            return replace(facts, held_at=facts.held_at or event.at)
        case ev.PartyJoined() if facts.endpoint not in (None, event.endpoint):
            return replace(facts, held_at=None, sent_by=facts.endpoint, sent_how="added")
        case ev.CallRetrieved() | ev.PartyJoined():
            return replace(facts, held_at=None)
        case ev.CallTransferred() | ev.CallParked():
            facts = replace(facts, endpoint=None, held_at=None, is_muted=False)
            if event.endpoint is None:
                return facts
            is_parked = isinstance(event, ev.CallParked)
            how = "parked" if is_parked else "transfer"
            return replace(facts, sent_by=event.endpoint, sent_how=how)
        case ev.ConsultEnded(result="completed" | "joined"):
            how = "consult" if event.result == "completed" else "added"
            return replace(facts, sent_by=event.endpoint, sent_how=how)
        case ev.LegMuted() if event.leg_id == facts.leg_id:
            return replace(facts, is_muted=event.is_muted)
        case _:
            return facts
