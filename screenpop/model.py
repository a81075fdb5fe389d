"""One agent's desktop as a document of sections, and what changes it. Pure.

Rules for this file:

* Only ``_put`` changes a section; it numbers the change, so that "snapshot, then updates" and "the document" can't differ.
* The call stands on the desktops of those whom it rings at or who take part in it, and of no other. It leaves when the ring
  ends or somebody else takes the call; after a conversation it stays, ``ended``, until the wrap-up is over. What
  an event makes of it is in ``shown.py``.

Time is an argument (or the event's). Who is concerned by an event is the service's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from cti.domain import events as ev
from cti.domain.evolving import replace
from cti.domain.ids import CallId, Endpoint, extension_of
from cti.domain.manners import PLAIN, Manner
from cti.domain.numbers import NumberKind, mask, place_of
from cti.domain.people import Permission, User
from screenpop.abilities import Situation, can
from screenpop.facts import CallFacts
from screenpop.pops import NO_RULES, CardOf, outside_page, sent_by, why_gone
from screenpop.sections import (
    CallbackValue,
    CallMenuValue,
    CallSection,
    ConsultValue,
    CustomerSection,
    Labels,
    MenuAnswerValue,
    PartyValue,
    SectionName,
    Sections,
    iso,
    iso_or_none,
)
from screenpop.shown import OVER, RISING, TALKED, Desk, Shown, move
from screenpop.talk import Talk
from screenpop.ticket_values import TicketSection

RING_LENGTH = 500
"""Updates that a page which lost its link can catch up with; beyond, it gets a snapshot."""

_OF_CALL: tuple[SectionName, ...] = ("call", "customer", "ticket", "colleague", "outside_page")
_REST = frozenset({"READY", "NOT_READY", "LOGGED_OUT"})


@dataclass(frozen=True, slots=True)
class Update:
    """One section's new value."""

    seq: int
    section: SectionName
    value: Any


class DesktopState:
    """The document. ``seq`` counts changes from 1 within one ``boot``."""

    def __init__(
        self,
        user: User,
        sections: Sections,
        queue_labels: Mapping[str, Labels],
        country: str,
        name_of: Callable[[str], str] = str,
        manners: Mapping[str, Manner] | None = None,
    ) -> None:
        self.user = user
        self.seq = 0
        self.shown: Shown | None = None
        self.seat: Endpoint | None = None  # the phone that he is signed in with
        self.pops = NO_RULES
        self.card_of: CardOf = lambda _who, _phone: None  # of a colleague
        self.last_ticket: tuple[CallId | None, int] = (None, 0)
        """The call and ticket that stood here before, for what was typed in the last moment."""
        self._facts: CallFacts | None = None
        self._put_off: tuple[Shown, CallFacts] | None = None
        """A call that was being wrapped up when another one came."""
        self._name_of = name_of
        self._sections = sections
        self._queue_labels = queue_labels
        self._country = country
        self._manners = manners or {}
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
        if endpoint is None:
            return False
        return endpoint == self.seat or extension_of(endpoint) == self.user.extension

    # ---- the call ------------------------------------------------------------------------------

    def show(self, shown: Shown, facts: CallFacts) -> list[Update]:
        """The pop: this call is offered to this agent. What stood there before gives way."""
        updates: list[Update] = []
        if self.shown is None or self.shown.call_id != shown.call_id:
            if self.shown is not None and self._facts is not None and self.shown.state in OVER:
                self._put_off = (self.shown, self._facts)
            # The old caller's file must not stand beside the new call for a moment.
            self._remember_ticket()
            updates += self._put("customer", None) + self._put("ticket", None)
        self.shown, self._facts = shown, facts
        return updates + self._put("gone", None) + self._draw()

    def withdraw(self, event: ev.Event) -> list[Update]:
        """Nothing of the call stays, but, where he never spoke with the caller, a line why."""
        self._remember_ticket()
        gone = why_gone(self.shown, event, self._name_of) if self.shown is not None else None
        self.shown = self._facts = None
        updates = [update for name in _OF_CALL for update in self._put(name, None)]
        return updates + (self._put("gone", gone) if gone is not None else [])

    def _remember_ticket(self) -> None:
        ticket = self._sections["ticket"]
        if self.shown is not None and ticket is not None:
            self.last_ticket = (self.shown.call_id, ticket["ticket_id"])

    def set_customer(self, call_id: CallId, value: CustomerSection | None) -> list[Update]:
        """Who calls, if the call still stands here."""
        if self.shown is None or self.shown.call_id != call_id:
            return []
        return self._put("customer", value) + self._draw_page()

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

    def refresh(self, facts: CallFacts) -> list[Update]:
        """Draw the call again, since something else told what is different about it."""
        if self.shown is None or self.shown.call_id != facts.call_id:
            return []
        self._facts = facts
        return self._draw()

    def configure(self, queue_labels: Mapping[str, Labels]) -> None:
        """The company has changed: what queues are called, from the next change on."""
        self._queue_labels = queue_labels

    def relabel(self) -> list[Update]:
        """Draw the call again, since the language changed."""
        return self._draw() if self.shown is not None else []

    def apply(self, event: ev.Event, facts: CallFacts | None) -> list[Update]:
        """Take an event of the call that stands here, or of this agent.

        ``facts`` are the call's, after the event.
        """
        if self.shown is None:
            return []
        if isinstance(event, ev.AgentStateChanged):
            return self._agent_changed(self.shown, event)
        if not isinstance(event, ev.CallEvent) or event.call_id != self.shown.call_id:
            return []
        self._facts = facts or self._facts
        talk = self._facts.talk if self._facts is not None else Talk()
        moved = move(self.shown, event, Desk(self.user.user_id, self.owns, talk))
        if moved is None:
            return self.withdraw(event)
        self.shown = moved
        return self._draw()

    def _agent_changed(self, shown: Shown, event: ev.AgentStateChanged) -> list[Update]:
        """What the acd says of the agent decides where the call's own events leave it open."""
        if event.state == "WRAP_UP" and event.call_id == shown.call_id and shown.state in TALKED:
            self.shown = replace(shown, state="ended", ended_at=event.at)
            return self._draw()
        if event.state not in _REST:
            return []
        is_rung = shown.state in RISING
        if is_rung and (shown.is_offer or event.previous != "RINGING"):
            return []
        is_over = event.previous in {"RINGING", "TALKING", "WRAP_UP"}
        return self.withdraw(event) if is_over else []

    def take_up_again(self, call_id: CallId | None) -> tuple[Shown, CallFacts] | None:
        """The call whose wrap-up goes on, if it stood here before another one came."""
        put_off, self._put_off = self._put_off, None
        return put_off if put_off is not None and put_off[0].call_id == call_id else None

    def _draw(self) -> list[Update]:
        shown, facts = self.shown, self._facts
        if shown is None or facts is None:
            return []
        language = self._sections["me"]["language"]
        has_number = facts.number.kind not in {NumberKind.WITHHELD}
        masked = mask(facts.number, self._country)
        is_masked = not shown.is_revealed and masked != facts.number.shown
        has_ended = shown.state in OVER
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
            caller_name=self._other_side(facts) or facts.caller_name,
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
            auto_answer=shown.state == "agent_lost"
            or _is_made_for_him(shown, facts)
            or self._manner(shown).is_automatic,
            callback=_callback(facts),
            consult=self._consult(facts.talk),
            parties=self._parties(shown, facts.talk),
            slot=facts.talk.slot,
            sent_by=sent_by(shown, facts, self.owns, self._name_of),
            menu=_menu(facts),
            fields=list(self.pops.of(queue).fields),
            mute=self.pops.of(queue).mute,
            can=can(self.situation(), language),
        )
        other = self._other_phone(facts)
        card = self.card_of(self.user, other) if other is not None else None
        return self._put("call", section) + self._put("colleague", card) + self._draw_page()

    def _draw_page(self) -> list[Update]:
        shown, facts, call = self.shown, self._facts, self._sections["call"]
        if shown is None or facts is None or call is None:
            return []
        language, customer = self._sections["me"]["language"], self._sections["customer"]
        page = outside_page(
            self.pops, shown, facts, self.user,
            number=call["number"], language=language, customer=customer,
        )  # fmt: skip
        return self._put("outside_page", page)

    def situation(self) -> Situation:
        """What counts for what the agent can do with the call."""
        shown, facts = self.shown, self._facts
        if shown is None or facts is None:
            return Situation("ended")
        talk, consult = facts.talk, facts.talk.consult
        # Who was found by the queue that a colleague asks is only asked, too.
        is_found = talk.consult_of is not None and not self.owns(talk.began_by)
        return Situation(
            state=shown.state,
            is_consulted=shown.is_consulted or is_found,
            consult_is_up=consult is not None and consult.is_up,
            is_recording=facts.recording != "off",
            may_decline=self._manner(shown).may_decline,
            is_in_menu=facts.menu is not None and facts.menu.is_waited_for,
            is_internal=facts.direction == "internal",
        )

    def _manner(self, shown: Shown) -> Manner:
        """How the queue hands this call over; what isn't its offer is rung like any other."""
        if not shown.is_offer or shown.state not in RISING:
            return PLAIN
        return self._manners.get(shown.queue or "", PLAIN)

    @property
    def talk(self) -> Talk:
        """Who is in the call that stands here."""
        return self._facts.talk if self._facts is not None else Talk()

    def _consult(self, talk: Talk) -> ConsultValue | None:
        consult = talk.consult
        if consult is None or not self.owns(consult.endpoint):
            return None
        number = mask(consult.number, self._country)
        is_outside = consult.target_kind == "outside"
        waits = "waiting" if consult.target_kind == "queue" else "ringing"
        label = number if is_outside else self._label(consult.target)
        if consult.found is not None:
            label = f"{label} · {self._name_of(consult.found)}"
        return ConsultValue(
            state="talking" if consult.is_up else waits,
            target=number if is_outside else consult.target,
            label=label,
        )

    def _label(self, target: str) -> str:
        """A colleague's or a queue's name in the page's language; else the target itself."""
        labels = self._queue_labels.get(target, {})
        language = self._sections["me"]["language"]
        return labels.get(language) or labels.get("en") or self._name_of(target)

    def _parties(self, shown: Shown, talk: Talk) -> list[PartyValue]:
        if shown.state != "conference":
            return []
        return [
            PartyValue(endpoint=endpoint, label=self._name_of(endpoint))
            for endpoint in talk.others(self.owns)
        ]

    def _other_side(self, facts: CallFacts) -> str:
        """Whom the agent speaks with in a call between phones of ours: a name; empty: a customer."""
        other = self._other_phone(facts)
        return self._label(other) if other is not None else ""

    def _other_phone(self, facts: CallFacts) -> str | None:
        """The phone, extension or queue at the other end of such a call."""
        if facts.direction != "internal":
            return None
        began_by = facts.talk.began_by
        return facts.talk.dialled if self.owns(began_by) else began_by


def _is_made_for_him(shown: Shown, facts: CallFacts) -> bool:
    """Whether his phone is called in order to call a customer back: it answers by itself."""
    return facts.callback is not None and shown.state == "offered"


def _menu(facts: CallFacts) -> CallMenuValue | None:
    menu = facts.menu
    if menu is None:
        return None
    return CallMenuValue(
        name=menu.name,
        since=iso(menu.since_at),
        waiting=menu.is_waited_for,
        result=menu.result,
        tries=menu.tries,
        answers=[MenuAnswerValue(label=label, digits=digits) for label, digits in menu.answers],
    )


def _callback(facts: CallFacts) -> CallbackValue | None:
    asked = facts.callback
    if asked is None:
        return None
    return CallbackValue(requested_at=iso(asked.requested_at), attempt=asked.attempt)
