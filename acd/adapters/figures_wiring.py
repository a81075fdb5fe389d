"""Puts the figures together: the company document, a book and the ports become ``Figures``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from acd.adapters.agents_http import AgentsDesk
from acd.adapters.figures_http import FiguresDesk
from acd.adapters.figures_memory import MemoryFigures
from acd.adapters.figures_metrics import QueueMetrics
from acd.adapters.figures_stream import FiguresStream
from acd.figures_agents import AgentFigures
from acd.figures_board import FiguresBoard, Member, QueueProfile
from acd.figures_book import FiguresBook, Period
from acd.figures_counts import Thresholds
from acd.figures_estimates import WaitEstimates
from acd.figures_intervals import bounds_of, day_of
from acd.figures_scope import Scope, scope_of
from acd.service import AcdService
from cti.company import Company
from cti.domain.events import Event
from cti.domain.ids import AgentId, QueueName
from cti.domain.people import User
from cti.ports import Clock, EventBus
from cti.web.routing import Route
from cti.web.security import OriginRule
from cti.web.signin import SignInDesk


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures at work: ``routes`` and ``metrics`` are for the web application."""

    board: FiguresBoard
    estimates: WaitEstimates
    stream: FiguresStream
    metrics: QueueMetrics
    routes: Sequence[Route]
    people: list[Member]

    def configure(self, company: Company, users: Iterable[User]) -> None:
        """The company has changed; takes effect at once, who watches is told."""
        self.people[:] = members_of(company, users)
        self.board.configure(queue_profiles(company), ZoneInfo(company.time_zone))

    def scope(self, user: User) -> Scope:
        """What this person may see."""
        return scope_of(user, self.people, self.board.profiles)

    async def today_of_agents(self, now: datetime) -> dict[AgentId, AgentFigures]:
        """Everybody's day so far, where the company is; what goes on is counted up to ``now``.

        Raises:
            OSError: it can't be read.
        """
        period = Period(*bounds_of(day_of(now, self.board.zone), self.board.zone))
        cells = await self.board.book.agents(period, {m.agent_id for m in self.people}, now)
        total: dict[AgentId, AgentFigures] = {}
        for (agent_id, _), figures in cells.items():
            total.setdefault(agent_id, AgentFigures()).add(figures)
        return total

    def start(self, acd: AcdService, past: Iterable[Event]) -> None:
        """Begin to follow; the ACD is told of each event before."""
        self.board.start(acd.queue_views())
        self.estimates.restore(past)
        self.estimates.start()

    async def stop(self) -> None:
        """Follow no more."""
        self.estimates.stop()
        await self.board.stop()


def queue_profiles(company: Company) -> list[QueueProfile]:
    """What the queues are called and promise."""
    return [
        QueueProfile(
            QueueName(queue.name),
            {str(language): text for language, text in queue.label.items()},
            Thresholds(queue.service_level_time, queue.short_abandon_time),
        )
        for queue in company.queues
    ]


def members_of(company: Company, users: Iterable[User]) -> list[Member]:
    """Who works here: team and queues."""
    served = {
        person.login: frozenset(QueueName(name) for name in person.queues)
        for person in company.people
    }
    return [
        Member(user.user_id, user.name, user.team, served.get(user.login, frozenset()))
        for user in users
    ]


def build_figures(
    company: Company,
    users: Iterable[User],
    acd: AcdService,
    book: FiguresBook | None,
    *,
    bus: EventBus,
    clock: Clock,
    sign_in: SignInDesk,
    origins: OriginRule,
    boot_id: str,
) -> Figures:
    """Make them; without a ``book`` they are counted in memory, from now on."""
    if book is None:
        book = memory = MemoryFigures()
        bus.subscribe(memory.take)
    people = members_of(company, users)
    board = FiguresBoard(book, clock, bus, queue_profiles(company), ZoneInfo(company.time_zone))
    estimates = WaitEstimates(bus, clock, acd, lambda: people, board.handle_time)
    desk = FiguresDesk(board, lambda: people, clock, bus)
    stream = FiguresStream(board, desk, sign_in, origins, clock, boot_id)
    now = AgentsDesk(acd.agent_view, board, lambda: people, clock)
    routes = [*stream.routes(), *desk.routes(), *now.routes()]
    return Figures(board, estimates, stream, QueueMetrics(board, clock), routes, people)
