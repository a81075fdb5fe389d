"""The agents of whom one may see what they do now: ``/api/v1/agents``. Who may see whom is ``figures_scope.py``'s."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from acd.figures_board import FiguresBoard, Member
from acd.figures_scope import scope_of
from acd.service import AgentView
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId
from cti.ports import Clock
from cti.web.routing import Access, Route, json_answer, signed_in


class AgentNow(BaseModel):
    """What one agent does now."""

    agent_id: str
    name: str
    team: str
    state: str
    reason: str = Field(description="Why he is not ready.")
    kind: str = Field(description="What kind of call he is in.")
    since: datetime
    next_state: str = Field(description="Asked for, for after the call; empty: nothing.")
    until: datetime | None = Field(description="When his wrap-up ends.")
    late_at: datetime | None = Field(description="When his break should be over; none: no limit.")
    overrun_at: datetime | None = Field(
        description="Since when he is late, or kept in wrap-up by an outcome that he hasn't named."
    )

    @classmethod
    def of(cls, member: Member, view: AgentView) -> AgentNow:
        """As an answer."""
        return cls(
            agent_id=member.agent_id,
            name=member.name,
            team=member.team,
            state=view.state.value,
            reason=view.reason,
            kind=view.kind,
            since=view.since_at,
            next_state=view.next_state.value if view.next_state is not None else "",
            until=view.until_at,
            late_at=view.late_at,
            overrun_at=view.overrun_at,
        )


class AgentsNow(BaseModel):
    """All agents whom one may see, by name."""

    at: datetime
    agents: list[AgentNow]


class AgentsDesk:
    """Answers who does what."""

    def __init__(
        self,
        view_of: Callable[[AgentId], AgentView],
        board: FiguresBoard,
        members: Callable[[], Iterable[Member]],
        clock: Clock,
    ) -> None:
        self._view_of = view_of
        self._board = board
        self._members = members
        self._clock = clock

    def routes(self) -> list[Route]:
        """The address; hand it to the web application."""
        return [
            Route(
                "GET", "/api/v1/agents", self.agents, Access.SIGNED_IN,
                "The agents whom one may see, now", answer=AgentsNow,
            )
        ]  # fmt: skip

    async def agents(self, request: web.Request) -> web.StreamResponse:
        """Everybody in the asker's scope who takes calls."""
        members = list(self._members())
        seen = scope_of(signed_in(request).user, members, self._board.profiles).agents
        found = []
        for member in sorted(members, key=lambda member: (member.name, member.agent_id)):
            if member.agent_id in seen:
                try:
                    found.append(AgentNow.of(member, self._view_of(member.agent_id)))
                except CommandRefused:
                    continue  # takes no calls
        answer = AgentsNow(at=self._clock.now(), agents=found)
        return json_answer(answer)
