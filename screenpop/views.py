"""What other departments hand over, and how it becomes sections. Pure.

The views are Protocols of read-only properties, so that each department hands over its own frozen
values as they are.
"""

# ruff: noqa: D102 -- a field's name says what it is, its class is documented

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from cti.domain.ids import (
    AgentId,
    CallId,
    CustomerId,
    Endpoint,
    QueueName,
    RecordingId,
    is_browser_phone,
    is_outside_phone,
)
from cti.domain.text import clean_name
from screenpop.sections import (
    AgentSection,
    CustomerSection,
    Labels,
    LastContactValue,
    PhoneSection,
    ReasonValue,
    SipValue,
    WarningValue,
    iso,
    iso_or_none,
)
from screenpop.ticket_views import OpenTicketView, open_tickets, shown_name

NOTICES: Mapping[str, Mapping[str, str]] = {
    "phone_unavailable": {
        "en": "No calls come: your phone is not registered.",
        "zh": "话机未注册，暂时无法接到来电。",
    },
    "phone_busy": {
        "en": "No calls come: your phone is in use.",
        "zh": "话机正在使用，暂时无法接到来电。",
    },
    "reconnecting": {
        "en": "Your phone lost the call; the caller is held while we call you again.",
        "zh": "话机与通话断开，正在保持来电并重新呼叫您。",
    },
}


class LineView(Protocol):
    """A call at an agent's phones besides the one that he is busy with."""

    @property
    def call_id(self) -> CallId: ...
    @property
    def kind(self) -> str:
        """What it is to him, as ``AgentView.kind``."""

    @property
    def is_up(self) -> bool:
        """Whether he has answered it; False: it rings."""


class AgentView(Protocol):
    """An agent as the ACD knows him."""

    @property
    def state(self) -> enum.Enum:
        """Its value is the state's name in upper case."""

    @property
    def reason(self) -> str:
        """Why not ready."""

    @property
    def kind(self) -> str:
        """What the call is to him: ``queue``, ``direct``, ``internal``, ``outbound``, ``consult``, ``transfer``."""

    @property
    def since_at(self) -> datetime:
        """When the state began."""

    @property
    def endpoint(self) -> Endpoint | None:
        """The phone signed in with."""

    @property
    def phone(self) -> str:
        """What Asterisk says of that phone."""

    @property
    def next_state(self) -> enum.Enum | None:
        """Asked for while busy."""

    @property
    def next_reason(self) -> str:
        """The reason asked for while busy."""

    @property
    def until_at(self) -> datetime | None:
        """When a timed wrap-up ends."""

    @property
    def queues(self) -> tuple[QueueName, ...]:
        """The queues served."""

    @property
    def notice(self) -> str:
        """Why no calls come, as a word: ``phone_unavailable``, ``phone_busy``, ``reconnecting`` or empty."""

    @property
    def warn_at(self) -> datetime | None:
        """From when on he is warned that his break ends."""

    @property
    def late_at(self) -> datetime | None:
        """When his break should be over."""

    @property
    def overrun_at(self) -> datetime | None:
        """Since when he is late, or kept in wrap-up by an outcome that isn't named."""

    @property
    def extensions_left(self) -> int | None:
        """How often he may still extend his wrap-up; None: as often as he likes."""

    @property
    def lines(self) -> Sequence[LineView]:
        """The calls at his phones besides the one that he is busy with."""


class CustomerView(Protocol):
    """A customer's file."""

    @property
    def customer_id(self) -> CustomerId: ...
    @property
    def name(self) -> str: ...
    @property
    def company(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def is_provisional(self) -> bool: ...
    @property
    def warning(self) -> str: ...
    @property
    def warning_by(self) -> str: ...
    @property
    def warning_at(self) -> datetime | None: ...


class HistoryView(Protocol):
    """An earlier call."""

    @property
    def call_id(self) -> CallId: ...
    @property
    def at(self) -> datetime: ...
    @property
    def direction(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def duration_time(self) -> timedelta: ...
    @property
    def agent_name(self) -> str: ...
    @property
    def recording_id(self) -> RecordingId | None: ...
    @property
    def disposition(self) -> str: ...


class CandidateView(Protocol):
    """Somebody who may be meant."""

    @property
    def customer(self) -> CustomerView: ...
    @property
    def last(self) -> HistoryView | None: ...
    @property
    def number_keys(self) -> Sequence[str]: ...


class CallerView(Protocol):
    """Who calls."""

    @property
    def match(self) -> str: ...
    @property
    def customer(self) -> CustomerView | None: ...
    @property
    def candidates(self) -> Sequence[CandidateView]: ...
    @property
    def history(self) -> Sequence[HistoryView]: ...
    @property
    def open_tickets(self) -> Sequence[OpenTicketView]: ...
    @property
    def is_file_of_call(self) -> bool: ...
    @property
    def has_number(self) -> bool: ...


class ScopeView(Protocol):
    """What one person may see (docs/figures.md)."""

    @property
    def queues(self) -> frozenset[QueueName]:
        """Those that he, or somebody of his team, serves."""

    @property
    def agents(self) -> frozenset[AgentId]:
        """Himself, and whom he watches."""


class StandingCallback(Protocol):
    """A callback that a caller asked a queue for (docs/queues.md)."""

    @property
    def callback_id(self) -> CallId:
        """The call in which it was asked for."""

    @property
    def queue(self) -> QueueName:
        """Whose agents call him."""

    @property
    def number(self) -> str:
        """Where; personal."""

    @property
    def stage(self) -> str:
        """``waiting``, ``reserved``, ``dialling`` or ``unsure``."""

    @property
    def requested_at(self) -> datetime:
        """When he asked."""

    @property
    def due_at(self) -> datetime:
        """Not before."""

    @property
    def expires_at(self) -> datetime:
        """Not later."""

    @property
    def attempts(self) -> int:
        """Calls to him so far."""


def agent_section(view: AgentView, reasons: Sequence[ReasonValue], language: str) -> AgentSection:
    """The agent's state."""
    notice = NOTICES.get(view.notice, {})
    return AgentSection(
        state=str(view.state.value),
        reason=view.reason,
        kind=view.kind,
        since=iso(view.since_at),
        next_state=str(view.next_state.value) if view.next_state is not None else "",
        next_reason=view.next_reason,
        until=iso_or_none(view.until_at),
        reasons=list(reasons),
        queues=list(view.queues),
        notice=notice.get(language, notice.get("en", view.notice)),
        warn_at=iso_or_none(view.warn_at),
        late_at=iso_or_none(view.late_at),
        overrun_at=iso_or_none(view.overrun_at),
        extensions_left=view.extensions_left,
    )


def phone_section(view: AgentView, sip: SipValue | None) -> PhoneSection:
    """The phone that the agent sits at; ``sip`` is how a browser phone registers."""
    kind = None
    if view.endpoint is not None:
        kind = "browser" if is_browser_phone(view.endpoint) else "desk"
        kind = "outside" if is_outside_phone(view.endpoint) else kind
    state = view.phone if view.endpoint is not None else "unknown"
    return PhoneSection(kind=kind, endpoint=view.endpoint, state=state, sip=sip)


def customer_section(
    view: CallerView, disposition_labels: Mapping[str, Labels] | None = None
) -> CustomerSection:
    """Who calls. Names may be the caller's own words: digits in them are covered like his number."""
    customer, labels = view.customer, disposition_labels or {}
    return CustomerSection(
        match=view.match,
        customer=None
        if customer is None
        else {
            "id": int(customer.customer_id),
            "name": shown_name(customer.name),
            "company": shown_name(customer.company),
            "group": customer.group,
            "note": customer.note,
            "is_provisional": customer.is_provisional,
            "warning": _warning(customer),
        },
        candidates=[
            {
                "id": int(each.customer.customer_id),
                "name": shown_name(each.customer.name),
                "company": shown_name(each.customer.company),
                "last": _last(each.last),
            }
            for each in view.candidates
        ],
        history=[
            {
                "call_id": call.call_id,
                "at": iso(call.at),
                "direction": call.direction,
                "queue": call.queue,
                "outcome": call.outcome,
                "duration_s": round(call.duration_time.total_seconds(), 1),
                "agent": call.agent_name,
                "recording_id": call.recording_id,
                "disposition": call.disposition,
                "disposition_label": labels.get(call.disposition, {}),
            }
            for call in view.history
        ],
        open_tickets=open_tickets(view.open_tickets),
        is_file_of_call=view.is_file_of_call,
        has_number=view.has_number,
    )


def _warning(customer: CustomerView) -> WarningValue | None:
    if not customer.warning:
        return None
    return {
        "text": clean_name(customer.warning, 200),
        "by": customer.warning_by,
        "at": iso_or_none(customer.warning_at),
    }


def _last(call: HistoryView | None) -> LastContactValue | None:
    if call is None:
        return None
    return {"at": iso(call.at), "outcome": call.outcome, "agent": call.agent_name}
