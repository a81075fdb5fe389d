"""One agent's desktop as a document of sections, and what changes it. Pure.

Rules for this file:

* Only ``_put`` changes a section; it numbers the change, so that "snapshot, then updates" and "the document" can't differ.
* The call stands on the desktop of the agent it was offered to and of no other. It leaves when the reservation ends or
  somebody else takes the call; after a conversation it stays, ``ended``, until the wrap-up is over.

Time is an argument (or the event's). Who is concerned by an event is the service's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from cti.domain import events as ev
from cti.domain.ids import CallId, Endpoint, QueueName
from cti.domain.numbers import NumberKind, mask, place_of
from cti.domain.people import Permission, User
from screenpop.facts import CallFacts
from screenpop.sections import (
    CallSection,
    CustomerSection,
    Labels,
    SectionName,
    Sections,
    TicketSection,
    iso,
    iso_or_none,
)

RING_LENGTH = 500
"""Updates that a page which lost its link can catch up with; beyond, it gets a snapshot."""

_REST = frozenset({"READY", "NOT_READY", "LOGGED_OUT"})
_TALKED = frozenset({"talking", "on_hold", "agent_lost"})


@dataclass(frozen=True, slots=True)
class Update:
    """One section's new value."""

    seq: int
    section: SectionName
    value: Any


@dataclass(frozen=True, slots=True)
class Shown:
    """A call as it stands on this desktop."""

    call_id: CallId
    token: str
    chosen_at: datetime
    queue: QueueName | None
    waited_time: timedelta
    state: str = "offered"
    ringing_since_at: datetime | None = None
    connected_at: datetime | None = None  # with this agent
    ended_at: datetime | None = None
    is_revealed: bool = False


class DesktopState:
    """The document. ``seq`` counts changes from 1 within one ``boot``."""

    def __init__(
        self, user: User, sections: Sections, queue_labels: Mapping[str, Labels], country: str
    ) -> None:
        self.user = user
        self.seq = 0
        self.shown: Shown | None = None
        self.last_ticket: tuple[CallId | None, int] = (None, 0)
        """The call and ticket that stood here before, for what was typed in the last moment."""
        self._facts: CallFacts | None = None
        self._sections = sections
        self._queue_labels = queue_labels
        self._country = country
        self._ring: deque[Update] = deque(maxlen=RING_LENGTH)

    # ---- the document --------------------------------------------------------------------------

    @property
    def sections(self) -> Sections:
        """The document as it is; not to be changed."""
        return self._sections

    def snapshot(self) -> Sections:
        """A copy that later changes don't touch (sections are replaced, never changed)."""
        return cast(Sections, dict(self._sections))

    def since(self, seq: int) -> list[Update] | None:
        """What a page that has seen ``seq`` missed; None: no longer known, it needs a snapshot."""
        if seq > self.seq or seq < 0:
            return None
        missed = [update for update in self._ring if update.seq > seq]
        return missed if len(missed) == self.seq - seq else None

    def put(self, section: SectionName, value: Any) -> list[Update]:
        """Replace a section; an equal value is no change."""
        return self._put(section, value)

    def _put(self, section: SectionName, value: Any) -> list[Update]:
        if self._sections[section] == value:
            return []
        self._sections[section] = value
        self.seq += 1
        update = Update(self.seq, section, value)
        self._ring.append(update)
        return [update]

    # ---- the phones of this agent --------------------------------------------------------------

    def owns(self, endpoint: Endpoint | None) -> bool:
        """Whether a phone is this agent's."""
        return endpoint is not None and endpoint.removesuffix("w") == self.user.extension

    # ---- the call ------------------------------------------------------------------------------

    def show(self, shown: Shown, facts: CallFacts) -> list[Update]:
        """The pop: this call is offered to this agent. What stood there before gives way."""
        updates: list[Update] = []
        if self.shown is None or self.shown.call_id != shown.call_id:
            # The old caller's file must not stand beside the new call for a moment.
            self._remember_ticket()
            updates += self._put("customer", None) + self._put("ticket", None)
        self.shown, self._facts = shown, facts
        return updates + self._draw()

    def withdraw(self) -> list[Update]:
        """Nothing of the call stays."""
        self._remember_ticket()
        self.shown = self._facts = None
        return self._put("call", None) + self._put("customer", None) + self._put("ticket", None)

    def _remember_ticket(self) -> None:
        ticket = self._sections["ticket"]
        if self.shown is not None and ticket is not None:
            self.last_ticket = (self.shown.call_id, ticket["ticket_id"])

    def set_customer(self, call_id: CallId, value: CustomerSection | None) -> list[Update]:
        """Who calls, if the call still stands here."""
        if self.shown is None or self.shown.call_id != call_id:
            return []
        return self._put("customer", value)

    def set_ticket(self, call_id: CallId, value: TicketSection | None) -> list[Update]:
        """The call's ticket, if the call still stands here."""
        if self.shown is None or self.shown.call_id != call_id:
            return []
        return self._put("ticket", value)

    def reveal(self) -> list[Update]:
        """Show the number as it is; the asker has checked and noted it."""
        if self.shown is None:
            return []
        self.shown = replace(self.shown, is_revealed=True)
        return self._draw()

    def relabel(self) -> list[Update]:
        """Draw the call again, since the language changed."""
        return self._draw() if self.shown is not None else []

    def apply(self, event: ev.Event, facts: CallFacts | None) -> list[Update]:
        """Take an event of the call that stands here, or of this agent.

        ``facts`` are the call's, after the event.
        """
        if isinstance(event, ev.AgentStateChanged):
            is_over = event.previous in {"TALKING", "WRAP_UP"} and event.state in _REST
            if (
                is_over
                and self.shown is not None
                and self.shown.state not in {"offered", "ringing"}
            ):
                return self.withdraw()
            return []
        if self.shown is None or not isinstance(event, ev.CallEvent):
            return []
        if event.call_id != self.shown.call_id:
            return []
        self._facts = facts or self._facts
        moved = self._move(self.shown, event)
        if moved is None:
            return self.withdraw()
        self.shown = moved
        return self._draw()

    def _move(self, shown: Shown, event: ev.CallEvent) -> Shown | None:
        """The next state on this desktop; None: the call leaves it."""
        if shown.state == "ended":
            # A caller who comes back to the same agent is shown anew; nothing else revives a call.
            is_back = isinstance(event, ev.CallConnected) and self.owns(event.endpoint)
            return replace(shown, state="talking", ended_at=None) if is_back else shown
        match event:
            case ev.LegRang() if self.owns(event.endpoint) and shown.state == "offered":
                return replace(shown, state="ringing", ringing_since_at=event.at)
            case ev.CallConnected() if self.owns(event.endpoint):
                since_at = shown.connected_at or event.at
                return replace(shown, state="talking", connected_at=since_at)
            case ev.CallConnected():
                return self._left(shown, event)
            case ev.CallRecovered():
                if self.owns(event.endpoint):
                    state = event.state if event.state in _TALKED else "talking"
                    since_at = shown.connected_at or event.at
                    return replace(shown, state=state, connected_at=since_at)
                return self._left(shown, event)
            case ev.CallHeld() if shown.state == "talking":
                return replace(shown, state="on_hold")
            case ev.CallRetrieved() if shown.state in {"on_hold", "agent_lost"}:
                return replace(shown, state="talking")
            # A page that was reloaded is called again before Asterisk noticed that its leg is gone.
            case ev.AgentLegLost() | ev.LegDialled() if (
                self.owns(event.endpoint) and shown.state in _TALKED
            ):
                return replace(shown, state="agent_lost")
            case ev.ReservationReleased() | ev.AgentDidNotAnswer():
                is_mine = event.agent_id == self.user.user_id and shown.state not in _TALKED
                return None if is_mine else shown
            case ev.CallEnded():
                return self._left(shown, event)
            case ev.CallEnqueued() | ev.CallFellBack() if shown.state in _TALKED:
                return self._left(shown, event)  # given back to the queue
            case _:
                return shown

    def _left(self, shown: Shown, event: ev.CallEvent) -> Shown | None:
        """The call is no longer this agent's: over where they talked, withdrawn where they didn't."""
        if shown.state not in _TALKED:
            return None
        return replace(shown, state="ended", ended_at=event.at)

    def _draw(self) -> list[Update]:
        shown, facts = self.shown, self._facts
        if shown is None or facts is None:
            return []
        language = self._sections["me"]["language"]
        has_number = facts.number.kind not in {NumberKind.WITHHELD}
        masked = mask(facts.number, self._country)
        is_masked = not shown.is_revealed and masked != facts.number.shown
        has_ended = shown.state == "ended"
        queue = shown.queue or facts.queue or ""
        section = CallSection(
            call_id=shown.call_id,
            token=shown.token,
            state=shown.state,
            direction=facts.direction,
            queue=queue,
            queue_label=self._queue_labels.get(queue, {}),
            number=masked if is_masked else facts.number.shown,
            number_place=place_of(facts.number, language),
            number_masked=is_masked,
            can_reveal=has_number and is_masked and self.user.may(Permission.UNMASK_NUMBERS),
            caller_name=facts.caller_name,
            menu_path=list(facts.menu_path),
            digits=facts.digits,
            waited_s=round(shown.waited_time.total_seconds(), 1),
            chosen_at=iso(shown.chosen_at),
            ringing_since=iso_or_none(shown.ringing_since_at),
            connected_at=iso_or_none(shown.connected_at),
            held_at=None if has_ended else iso_or_none(facts.held_at),
            ended_at=iso_or_none(shown.ended_at),
            muted=facts.is_muted and not has_ended,
            recording="off" if has_ended else facts.recording,
            auto_answer=shown.state == "agent_lost",
        )
        return self._put("call", section)
