"""The colleague at the other end of an internal call: a card with his live state.

A card is drawn when the call is; whoever's card stands on a desktop has it drawn again when his state changes.
"""

from __future__ import annotations

from cti.domain.ids import AgentId, Endpoint
from cti.domain.people import User
from screenpop.desks import Desks
from screenpop.directory import Directory
from screenpop.sections import ColleagueCard


class Colleagues:
    """Who looks at whom."""

    def __init__(self, desks: Desks, directory: Directory) -> None:
        self._desks = desks
        self._directory = directory
        self._looking: dict[AgentId, set[AgentId]] = {}  # at whom → who
        desks.card_of, directory.told = self.card, self.changed

    def card(self, viewer: User, phone: str) -> ColleagueCard | None:
        """The card of a phone's or an extension's owner; None: nobody's."""
        desk = self._desks.at_phone(Endpoint(phone))
        if desk is None:
            return None
        whose = desk.user
        self._looking.setdefault(whose.user_id, set()).add(viewer.user_id)
        live = self._directory.person(whose.user_id)
        return ColleagueCard(
            user_id=whose.user_id,
            name=whose.name,
            staff_number=whose.staff_number,
            extension=whose.extension,
            team=whose.team,
            state=live["state"] if live is not None else "",
            kind=live["kind"] if live is not None else "",
            since=live["since"] if live is not None else "",
        )

    def changed(self, whose: AgentId) -> None:
        """Somebody's state is another one."""
        for viewer_id in list(self._looking.get(whose, ())):
            desk = self._desks.get(viewer_id)
            shown = desk.state.sections["colleague"] if desk is not None else None
            if desk is None or shown is None or shown["user_id"] != whose:
                self._looking[whose].discard(viewer_id)
            else:
                desk.send(desk.state.relabel())
