"""One call as the list of missed calls sees it: who called whom, and whether they spoke. A fold over its events. Pure.

The same fold makes the rows (``adapters/day_rows.py``) and the live list, so that both say the same. What counts is the
first conversation: with anybody, in whatever queue or direct. A call whose caller asked to be called back is nobody's
missed call as long as the callback stands; when it expires it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cti.domain import day_events as day
from cti.domain import events as ev
from cti.domain.callback_events import CallbackEnded, CallbackRequested
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName, extension_of, is_phone

KINDS: tuple[type[ev.Event], ...] = (
    ev.CallOffered,
    ev.CallRecovered,
    ev.CallEnqueued,
    ev.CallFellBack,
    ev.AgentStateChanged,
    ev.AgentDidNotAnswer,
    ev.LegDialled,
    ev.CallConnected,
    ev.DialFailed,
    ev.CallMerged,
    ev.VoicemailTaken,
    ev.DispositionSet,
    ev.CallEnded,
    CallbackRequested,
    CallbackEnded,
    day.MissedTaken,
    day.MissedGivenBack,
    day.MissedClosed,
)
"""The events that the fold is made of."""

BEGINNINGS = (ev.CallOffered, ev.CallRecovered, CallbackRequested)
_SPEAKING = frozenset({"talking", "on_hold", "consulting", "conference"})
_NOT_HIS = frozenset({"internal", "consult"})


@dataclass(slots=True)
class Contact:
    """A call so far. ``outcome``: ``spoke``, ``missed``, ``tried`` (we called, nobody answered), empty: neither (yet).

    The number isn't in it: it stands in the subject's rows.
    """

    call_id: CallId
    direction: str = ""  # empty: its beginning isn't known
    offered_at: datetime | None = None
    queue: QueueName | None = None  # the last in which he waited
    agents: tuple[AgentId, ...] = ()  # at whom it rang
    phones: tuple[str, ...] = ()  # the extensions that were rung
    origin: str = ""  # the extension from which we called
    spoke_at: datetime | None = None
    agent_id: AgentId | None = None  # who spoke with him first, or (tried) who called
    result: str = ""  # why nobody answered us
    disposition: str = ""
    has_voicemail: bool = False
    has_callback: bool = False
    is_aside: bool = False  # a consultation, or part of another call by now
    ended_at: datetime | None = None
    taken_by: AgentId | None = None
    taken_at: datetime | None = None
    taken_until_at: datetime | None = None
    closed_by: AgentId | None = None
    closed_at: datetime | None = None
    closed_result: str = ""

    @property
    def outcome(self) -> str:
        """See the class."""
        if self.direction not in ("inbound", "outbound") or self.is_aside:
            return ""
        if self.spoke_at is not None:
            return "spoke"
        if self.ended_at is None or self.has_callback:
            return ""
        if self.direction == "outbound":
            return "tried"
        return "missed" if self.queue is not None or self.agents or self.phones else ""

    @property
    def at(self) -> datetime | None:
        """When the outcome came to be."""
        return (self.spoke_at or self.ended_at) if self.outcome else None


def apply(contact: Contact, event: ev.Event) -> Contact:
    """Fold one event in; the contact is changed and returned.

    Repetitions and strangers change nothing, nor does what is told of a call whose beginning isn't known.
    """
    if not contact.direction and not isinstance(event, BEGINNINGS):
        return contact
    match event:
        case ev.CallOffered():
            contact.direction, contact.offered_at = event.direction, event.at
            contact.origin = _extension(event.endpoint)
            contact.is_aside = contact.is_aside or event.consult_of is not None
        case ev.CallRecovered():
            _recovered(contact, event)
        case ev.CallEnqueued() | ev.CallFellBack():
            contact.queue = event.queue
        case ev.AgentStateChanged():
            _agent(contact, event)
        case ev.AgentDidNotAnswer():
            _rang_at(contact, event.agent_id)
        case ev.LegDialled() if event.role == "agent" and contact.direction == "inbound":
            phone = _extension(event.endpoint)
            if is_phone(event.endpoint) and phone not in contact.phones:
                contact.phones = (*contact.phones, phone)
        case ev.CallConnected():
            contact.spoke_at = contact.spoke_at or event.at
        case _:
            _after(contact, event)
    return contact


def _after(contact: Contact, event: ev.Event) -> None:
    match event:
        case ev.DialFailed():
            contact.result = contact.result or event.result
        case ev.CallMerged():
            contact.is_aside = True
        case ev.VoicemailTaken():
            contact.has_voicemail = True
        case ev.DispositionSet():
            contact.disposition = event.disposition
        case ev.CallEnded():
            contact.ended_at = contact.ended_at or event.at
        case CallbackRequested():
            contact.has_callback = True
            if not contact.direction:  # he called long ago
                contact.direction, contact.offered_at = "inbound", event.enqueued_at
                contact.queue = event.queue
        case CallbackEnded() if event.result == "expired":
            # He has waited for us in vain: from now on he is a missed caller like any other.
            contact.has_callback, contact.ended_at = False, event.at
        case day.MissedTaken():
            contact.taken_by, contact.taken_at = event.agent_id, event.at
            contact.taken_until_at = event.until_at
        case day.MissedGivenBack():
            contact.taken_by = contact.taken_at = contact.taken_until_at = None
        case day.MissedClosed():
            contact.closed_by, contact.closed_at = event.by, event.at
            contact.closed_result = event.result


def _recovered(contact: Contact, event: ev.CallRecovered) -> None:
    if not contact.direction:
        contact.direction, contact.offered_at = event.direction, event.enqueued_at or event.at
        contact.origin = _extension(event.origin)
    contact.queue = contact.queue or event.queue
    if event.endpoint is not None and event.state in _SPEAKING:
        contact.spoke_at = contact.spoke_at or event.at


def _agent(contact: Contact, event: ev.AgentStateChanged) -> None:
    if event.kind in _NOT_HIS:
        return
    if event.state == "RINGING":
        _rang_at(contact, event.agent_id)
    elif event.state == "TALKING" and contact.agent_id is None:
        contact.agent_id = event.agent_id


def _rang_at(contact: Contact, agent_id: AgentId) -> None:
    if contact.direction == "inbound" and agent_id not in contact.agents:
        contact.agents = (*contact.agents, agent_id)


def _extension(phone: Endpoint | None) -> str:
    return extension_of(phone) if phone is not None else ""
