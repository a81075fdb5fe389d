"""The menu into which an agent sent the caller last, and what came of it: a part of ``facts.py``. Pure.

How it ended is said by ``CallMenuEnded``; without one, by what happened to the caller next: he hung up (``hung_up``), or
left it before its end (``cut_short``), since his agent fetched him back or the service that spoke to him was gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cti.domain import events as ev
from cti.domain import menu_events as menus
from cti.domain.evolving import replace

_MAX_ANSWERS = 20


@dataclass(frozen=True, slots=True)
class CallMenu:
    """A visit to a menu during the call. ``result`` is empty as long as it goes on."""

    name: str
    since_at: datetime
    comes_back: bool = True
    result: str = ""
    tries: int = 0
    answers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # label, digits
    is_back: bool = False  # his agent hears him again, or is gone

    @property
    def is_waited_for(self) -> bool:
        """Whether the agent has the line, and the caller isn't back."""
        return self.comes_back and not self.is_back


def fold(menu: CallMenu | None, event: ev.CallEvent) -> CallMenu | None:
    """Take one event; the same object back: it changes nothing."""
    if isinstance(event, menus.CallMenuBegan):
        return CallMenu(event.menu, event.at, event.comes_back)
    if menu is None:
        return None
    match event:
        case menus.CallMenuAnswered():
            answers = (*menu.answers, (event.label or event.node, event.digits))
            return replace(menu, answers=answers[-_MAX_ANSWERS:])
        case menus.CallMenuEnded():
            return replace(menu, result=event.result, tries=event.tries)
        case ev.CallEnded():
            return _back(menu, "hung_up")
        case ev.CallRecovered(state="on_hold"):
            return menu
        case (
            ev.CallRetrieved()
            | ev.CallConnected()
            | ev.CallRecovered()
            | ev.CallEnqueued()
            | ev.CallFellBack()
            | ev.AgentLegLost()
        ):
            return _back(menu, "cut_short")
        case _:
            return menu


def _back(menu: CallMenu, result: str) -> CallMenu:
    if menu.is_back:
        return menu
    return replace(menu, is_back=True, result=menu.result or result)
