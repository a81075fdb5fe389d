"""An agent's own figures beside his team's, live: told when they change, at most once a second, and while they run.

The mean is that of everybody of the team who worked today, oneself among them. It is reckoned anew every few seconds at
most: what one colleague does is no message to all the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from cti.domain.ids import AgentId
from cti.ports import Clock, Timer
from screenpop.day_values import TeamValue
from screenpop.desks import Desk, Desks
from screenpop.pacing import TOLD_EVERY, in_turn
from screenpop.ports import DayFigures
from screenpop.today import mean_of

REFRESHED_EVERY = timedelta(seconds=15)
TEAM_EVERY = timedelta(seconds=5)


class OwnFigures:
    """Puts the section ``today`` on desktops."""

    def __init__(self, desks: Desks, clock: Clock) -> None:
        self._desks = desks
        self._clock = clock
        self._told: dict[AgentId, float] = {}  # when, in monotonic seconds
        self._due: set[AgentId] = set()
        self._teams: dict[str, tuple[float, TeamValue | None]] = {}
        self._timer: Timer | None = None

    def start(self) -> None:
        """Refresh from now on what runs on open pages."""
        self._timer = self._clock.call_later(REFRESHED_EVERY, self._refresh)

    def stop(self) -> None:
        """No more."""
        if self._timer is not None:
            self._timer.cancel()

    def seed(self, counted: Mapping[AgentId, DayFigures]) -> None:
        """Take the day as the tables have counted it so far."""
        now = self._clock.now()
        for agent_id, figures in counted.items():
            if (desk := self._desks.get(agent_id)) is not None:
                desk.today.seed(figures, now)
        for desk in self._desks:
            self._tell(desk)

    def changed(self, desk: Desk) -> None:
        """Somebody's figures are others: at once, if he wasn't told within the last second, else a second after that."""
        agent_id, now = desk.user.user_id, self._clock.monotonic()
        wait_s = self._told.get(agent_id, float("-inf")) + TOLD_EVERY.total_seconds() - now
        if wait_s <= 0:
            self._tell(desk)
        elif agent_id not in self._due:
            self._due.add(agent_id)
            self._clock.call_later(timedelta(seconds=wait_s), lambda: self._tell_late(desk))

    def _tell_late(self, desk: Desk) -> None:
        self._due.discard(desk.user.user_id)
        self._tell(desk)

    def _tell(self, desk: Desk) -> None:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        self._desks.note_time(now, monotonic)  # no event may have come since the clock was set
        self._told[desk.user.user_id] = monotonic
        figures = desk.today.figures(now, self._team(desk.user.team))
        desk.put("today", figures)

    def _team(self, team: str) -> TeamValue | None:
        if not team:
            return None
        at, now = self._clock.monotonic(), self._clock.now()
        known = self._teams.get(team)
        if known is None or at - known[0] >= TEAM_EVERY.total_seconds():
            members = [
                desk.today.counted(now)
                for desk in self._desks
                if desk.user.team == team and desk.today.was_here(now)
            ]
            known = self._teams[team] = at, mean_of(members)
        return known[1]

    def _refresh(self) -> None:
        self._timer = self._clock.call_later(REFRESHED_EVERY, self._refresh)
        in_turn(self._clock, (desk for desk in self._desks if desk.pages), self.changed)
