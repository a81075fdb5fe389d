"""The figures' addresses: ``/api/v1/queues`` and below, ``/api/v1/agents/figures``.

A queue that one may not see looks like one that doesn't exist, so that names can't be tried out; each try is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NoReturn, TypeVar

from aiohttp import web

from acd.adapters.figures_answers import (
    AgentAnswer,
    AgentCounts,
    AgentPart,
    AgentsAnswer,
    CallBehind,
    CallsAnswer,
    CallsQuery,
    DayQuery,
    DaysQuery,
    QueueAnswer,
    QueueCounts,
    QueueNow,
    QueuePart,
    QueuesAnswer,
    seconds,
)
from acd.figures_agents import AgentFigures
from acd.figures_board import FiguresBoard, Live, Member, by_queue
from acd.figures_book import Period
from acd.figures_counts import QueueFigures
from acd.figures_intervals import QUARTER, bounds_of, day_of, quarter_of
from acd.figures_scope import Scope, scope_of
from cti.domain.events import SecurityNoted
from cti.domain.ids import AgentId, QueueName
from cti.domain.people import Permission, User
from cti.ports import Clock, EventBus
from cti.web.routing import Access, ApiError, Route, json_answer, read_query, signed_in

F = TypeVar("F", QueueFigures, AgentFigures)

_EARLIEST, _LATEST = date(2000, 1, 1), date(2200, 1, 1)


class FiguresDesk:
    """Answers what was counted, to those whom it concerns."""

    def __init__(
        self,
        board: FiguresBoard,
        members: Callable[[], Iterable[Member]],
        clock: Clock,
        bus: EventBus,
    ) -> None:
        self._board = board
        self._members = members
        self._clock = clock
        self._bus = bus

    def routes(self) -> list[Route]:
        """The addresses; hand them to the web application."""
        base, one = "/api/v1/queues", "/api/v1/queues/{name}"
        return [
            Route("GET", base, self.queues, Access.SIGNED_IN, "The queues that one may see, now",
                  answer=QueuesAnswer, query=DayQuery),
            Route("GET", one, self.queue, Access.SIGNED_IN, "A queue's figures by interval or day",
                  answer=QueueAnswer, query=DaysQuery),
            Route("GET", f"{one}/calls", self.calls, Permission.WATCH_TEAM,
                  "The calls behind a figure", answer=CallsAnswer, query=CallsQuery),
            Route("GET", "/api/v1/agents/figures", self.agents, Access.SIGNED_IN,
                  "Agents' figures by interval or day", answer=AgentsAnswer, query=DaysQuery),
        ]  # fmt: skip

    def scope(self, user: User) -> Scope:
        """What this person may see."""
        return scope_of(user, self._members(), self._board.profiles)

    # ---- answers -------------------------------------------------------------------------------

    async def queues(self, request: web.Request) -> web.StreamResponse:
        """All queues that one may see, with one day's figures."""
        day = self._day(read_query(request, DayQuery).day)
        seen = self.scope(signed_in(request).user).queues
        now = self._clock.now()
        cells = await self._read(
            self._board.book.queues(
                self._period(day, day), self._board.thresholds(sorted(seen)), now
            )
        )
        totals = by_queue(cells)
        return json_answer(
            QueuesAnswer(
                at=now,
                day=day,
                time_zone=str(self._board.zone),
                queues=[
                    queue_now(live, totals.get(live.profile.name, QueueFigures()))
                    for live in self._board.live()
                    if live.profile.name in seen
                ],
            )
        )

    async def queue(self, request: web.Request) -> web.StreamResponse:
        """One queue, by quarter of an hour or by day."""
        asked = read_query(request, DaysQuery)
        name = self._queue(request)
        profile = self._board.profiles[name]
        day = self._day(asked.day)
        until = self._day(asked.until) if asked.until else day
        cells = await self._read(
            self._board.book.queues(
                self._period(day, until), self._board.thresholds([name]), self._clock.now()
            )
        )
        quarters = {at: figures for (_, at), figures in cells.items()}
        parts = self._parts(quarters, asked.by, QueueFigures)
        total = _sum(quarters.values(), QueueFigures())
        return json_answer(
            QueueAnswer(
                name=name,
                label=dict(profile.label),
                day=day,
                until=until,
                time_zone=str(self._board.zone),
                service_level_s=seconds(profile.thresholds.service_level_time),
                short_abandon_s=seconds(profile.thresholds.short_abandon_time),
                total=QueueCounts.of(total),
                parts=[QueuePart(begins=at, figures=QueueCounts.of(f)) for at, f in parts],
            )
        )

    async def calls(self, request: web.Request) -> web.StreamResponse:
        """The calls behind one figure of a queue."""
        asked = read_query(request, CallsQuery)
        name = self._queue(request)
        found = await self._read(
            self._board.book.visits(
                self._period_asked(asked),
                name,
                asked.outcome,
                self._board.profiles[name].thresholds,
                offset=asked.offset,
                limit=asked.limit + 1,
            )
        )
        mine = self.scope(signed_in(request).user).agents
        has_more = len(found) > asked.limit
        return json_answer(
            CallsAnswer(
                queue=name,
                outcome=asked.outcome,
                calls=[
                    CallBehind.of(line, names_agent=line.agent_id in mine)
                    for line in found[: asked.limit]
                ],
                next_offset=asked.offset + asked.limit if has_more else None,
            )
        )

    async def agents(self, request: web.Request) -> web.StreamResponse:
        """All agents that one may see, by quarter of an hour or by day."""
        asked = read_query(request, DaysQuery)
        day = self._day(asked.day)
        until = self._day(asked.until) if asked.until else day
        seen = self.scope(signed_in(request).user).agents
        cells = await self._read(
            self._board.book.agents(self._period(day, until), seen, self._clock.now())
        )
        by_agent: dict[AgentId, dict[datetime, AgentFigures]] = {}
        for (agent_id, at), figures in cells.items():
            by_agent.setdefault(agent_id, {})[at] = figures
        members = sorted(self._members(), key=lambda member: (member.name, member.agent_id))
        return json_answer(
            AgentsAnswer(
                day=day,
                until=until,
                time_zone=str(self._board.zone),
                agents=[
                    self._agent(member, by_agent.get(member.agent_id, {}), asked.by)
                    for member in members
                    if member.agent_id in seen
                ],
            )
        )

    def _agent(
        self, member: Member, quarters: Mapping[datetime, AgentFigures], by: str
    ) -> AgentAnswer:
        parts = self._parts(quarters, by, AgentFigures)
        return AgentAnswer(
            agent_id=member.agent_id,
            name=member.name,
            team=member.team,
            total=AgentCounts.of(_sum(quarters.values(), AgentFigures())),
            parts=[AgentPart(begins=at, figures=AgentCounts.of(f)) for at, f in parts],
        )

    # ---- what is asked -------------------------------------------------------------------------

    def _queue(self, request: web.Request) -> QueueName:
        """The queue that is asked for.

        Raises:
            ApiError: 404, whether there is none or it is none of this person's business.
        """
        name = QueueName(request.match_info["name"])
        user = signed_in(request).user
        if name in self.scope(user).queues:
            return name
        if name in self._board.profiles:
            self._bus.publish(
                SecurityNoted(
                    at=self._clock.now(), what="queue_refused", by=user.user_id, detail=name
                )
            )
        raise ApiError(404, "no_such_queue", "There is no such queue.")

    def _day(self, day: date | None) -> date:
        if day is None:
            return day_of(self._clock.now(), self._board.zone)
        if not _EARLIEST <= day < _LATEST:
            _refuse_time()
        return day

    def _period(self, day: date, until: date) -> Period:
        begin_at, _ = bounds_of(day, self._board.zone)
        _, end_at = bounds_of(until, self._board.zone)
        return Period(begin_at, end_at)

    def _period_asked(self, asked: CallsQuery) -> Period:
        if asked.interval is None:
            day = self._day(asked.day)
            return self._period(day, day)
        if not _EARLIEST.year <= asked.interval.year < _LATEST.year:
            _refuse_time()
        begin_at = quarter_of(asked.interval)
        return Period(begin_at, begin_at + QUARTER)

    def _parts(
        self, quarters: Mapping[datetime, F], by: str, begin: Callable[[], F]
    ) -> list[tuple[datetime, F]]:
        """The quarters as they are, or added up by day; local beginnings."""
        zone = self._board.zone
        if by == "interval":
            return [(at.astimezone(zone), quarters[at]) for at in sorted(quarters)]
        days: dict[date, F] = {}
        for at in sorted(quarters):
            day = day_of(at, zone)
            _sum([quarters[at]], days.setdefault(day, begin()))
        return [(bounds_of(day, zone)[0].astimezone(zone), f) for day, f in days.items()]

    async def _read(self, reading: Any) -> Any:
        try:
            return await reading
        except OSError as exc:
            raise ApiError(
                503, "figures_unavailable", "The figures can't be read right now.",
                {"Retry-After": "5"},
            ) from exc  # fmt: skip


def queue_now(live: Live, today: QueueFigures) -> QueueNow:
    """A queue at this moment, with a day's figures."""
    thresholds = live.profile.thresholds
    return QueueNow(
        name=live.profile.name,
        label=dict(live.profile.label),
        waiting=live.now.waiting,
        longest_since=live.now.longest_since,
        ready=live.now.ready,
        service_level_s=seconds(thresholds.service_level_time),
        short_abandon_s=seconds(thresholds.short_abandon_time),
        today=QueueCounts.of(today),
    )


def _sum(parts: Iterable[F], total: F) -> F:
    for part in parts:
        total.add(part)
    return total


def _refuse_time() -> NoReturn:
    raise ApiError(400, "wrong_query", "day: it lies outside of the years 2000 to 2199")
