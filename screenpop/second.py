"""The call that an agent has besides the one on his desktop: it waits at his phone, or he has put it aside.

Which it is, the ACD knows (``AgentView.lines``); here it becomes the desktop's section ``second``, drawn anew when an event
of either call may have changed it. Of several (a desk phone can have many) the one that rings is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, is_outside_phone
from cti.domain.numbers import mask
from cti.ports import Clock
from screenpop.abilities import accept_reason, say
from screenpop.desks import Desk, DeskConfig, Desks
from screenpop.facts import CallFacts
from screenpop.lookups import Known
from screenpop.sections import SecondSection, iso
from screenpop.shown import OVER
from screenpop.views import LineView


class SecondCalls:
    """Keeps the section ``second`` of all desktops."""

    def __init__(
        self,
        desks: Desks,
        clock: Clock,
        facts_of: Callable[[CallId], CallFacts | None],
        known: Callable[[CallId], Known],
        soon: Callable[[Desk], None],
        config: DeskConfig,
    ) -> None:
        self.config = config
        self._desks = desks
        self._clock = clock
        self._facts_of = facts_of
        self._known = known
        self._soon = soon
        self._shown: dict[AgentId, tuple[CallId, str, datetime]] = {}

    def has_room(self, desk: Desk) -> bool:
        """Whether a call would wait for somebody who talks: he has one call, and his phone takes a second."""
        sections = desk.state.sections
        endpoint = sections["phone"]["endpoint"]
        return (
            desk.user.extension in self.config.waiting_extensions
            and sections["agent"]["state"] == "TALKING"
            and sections["second"] is None
            and endpoint is not None
            and not is_outside_phone(endpoint)
        )

    def take(self, event: ev.CallEvent) -> None:
        """See whose second call an event may concern; it is drawn when the ACD has heard it too."""
        self.changed(event.call_id)
        if isinstance(event, (ev.LegDialled, ev.CallConnected, ev.ConsultConnected)):
            desk = self._desks.at_phone(event.endpoint)
            shown = desk.state.shown if desk is not None else None
            if desk is not None and shown is not None and shown.call_id != event.call_id:
                self._soon(desk)

    def changed(self, call_id: CallId) -> None:
        """Something of a call is different: it may be the second one of somebody, or his first."""
        for agent_id, (second, _, _) in self._shown.items():
            desk = self._desks.get(agent_id)
            shown = desk.state.shown if desk is not None else None
            first = shown.call_id if shown is not None else None
            if desk is not None and call_id in (first, second):
                self._soon(desk)

    def draw(self, desk: Desk, lines: Sequence[LineView]) -> None:
        """The section, as it is now."""
        shown = desk.state.shown
        first = shown.call_id if shown is not None and shown.state not in OVER else None
        others = sorted((x for x in lines if x.call_id != first), key=lambda x: x.is_up)
        facts = self._facts_of(others[0].call_id) if others else None
        if facts is None:
            self._shown.pop(desk.user.user_id, None)
            desk.put("second", None)
            return
        desk.put("second", self._value(desk, others[0], facts))

    def _value(self, desk: Desk, line: LineView, facts: CallFacts) -> SecondSection:
        state = "waiting"
        if line.is_up:
            state = "on_hold" if facts.held_at is not None else "talking"
        queue = facts.queue or ""
        return SecondSection(
            call_id=line.call_id,
            state=state,
            kind=line.kind,
            since=iso(self._since(desk, line.call_id, state, facts)),
            name=self._name(desk, line, facts),
            number=mask(facts.number, self.config.country),
            queue=queue,
            queue_label=self.config.queue_labels.get(queue, {}),
            accept=say(self.accept_reason(desk, state, facts), desk.language),
            decline="" if state == "waiting" else say("not_waiting", desk.language),
        )

    def accept_reason(self, desk: Desk, state: str, facts: CallFacts) -> str:
        """Why he can't take the second call (back), as a key of ``abilities.REASONS``; empty: he can."""
        if state == "talking" or (state == "on_hold" and facts.is_held_by_phone):
            return "on_phone"
        return accept_reason(desk.state.situation()) if desk.state.shown is not None else ""

    def _since(self, desk: Desk, call_id: CallId, state: str, facts: CallFacts) -> datetime:
        if state == "on_hold" and facts.held_at is not None:
            since_at = facts.held_at
        else:
            before = self._shown.get(desk.user.user_id)
            is_same = before is not None and before[:2] == (call_id, state)
            since_at = before[2] if before is not None and is_same else self._clock.now()
        self._shown[desk.user.user_id] = (call_id, state, since_at)
        return since_at

    def _name(self, desk: Desk, line: LineView, facts: CallFacts) -> str:
        talk = facts.talk
        if line.kind == "consult":  # who asks, else who speaks with the caller
            asker = talk.consult.endpoint if talk.consult is not None else facts.endpoint
            return self._desks.name_of(asker) if asker is not None else ""
        if facts.direction == "internal":
            if talk.began_by is not None and not desk.state.owns(talk.began_by):
                return self._desks.name_of(talk.began_by)
            return self._desks.name_of(talk.dialled)
        customer = self._known(facts.call_id)[0]
        file = customer["customer"] if customer is not None else None
        is_sure = customer is not None and customer["match"] == "known"
        return (file["name"] if file is not None and is_sure else "") or facts.caller_name
