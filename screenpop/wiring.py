"""Puts the department together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from cti.company import Company
from cti.company_base import Language
from cti.domain.events import Event
from cti.domain.ids import AgentId
from cti.domain.numbers import DialPlan
from cti.domain.people import User
from cti.ports import CallControl, Clock, EventBus, Journal
from cti.web.routing import Route
from cti.web.security import OriginRule
from cti.web.signin import SignInDesk
from screenpop.adapters.calls_http import CallsSite
from screenpop.adapters.customers_http import CustomersSite
from screenpop.adapters.messages_http import MessagesSite
from screenpop.adapters.pins_http import PinsSite
from screenpop.adapters.programs import ProgramDesk
from screenpop.adapters.ws import DesktopSockets
from screenpop.call_commands import CallCommands
from screenpop.commands import CommandDesk
from screenpop.confirming import Confirming
from screenpop.day import Day, DayConfig
from screenpop.day_commands import DayCommands
from screenpop.desks import DeskConfig
from screenpop.dialling import DialRules, OutsideRules
from screenpop.menu_commands import MenuCommands
from screenpop.pops import PopRules
from screenpop.ports import (
    AgentDesk,
    DayBook,
    DayFigures,
    PhoneSecrets,
    PinDesk,
    QueueHands,
    TicketDesk,
)
from screenpop.queue_commands import QueueCommands
from screenpop.second_commands import SecondCommands
from screenpop.sections import Labels
from screenpop.service import ScreenPop
from screenpop.ticket_boards import TicketBoards
from screenpop.ticket_commands import TicketCommands
from screenpop.ticket_ports import TicketWorkDesk
from screenpop.views import ScopeView, StandingCallback


@dataclass(frozen=True, slots=True)
class ScreenPops:
    """The department: ``pop`` is the ACD's port."""

    pop: ScreenPop
    commands: CommandDesk
    sockets: DesktopSockets
    calls: CallCommands
    tickets: TicketDesk
    clock: Clock
    day: Day
    menus: MenuCommands
    pins: PinDesk

    def prepare(
        self, company: Company, plan: DialPlan, users: Iterable[User]
    ) -> Callable[[], None]:
        """Make the new configuration; the function returned takes it, after the ACD took its own."""
        config, rules = desk_config(company, plan.country), dial_rules(company, plan)
        goes_on, working = company.conference_goes_on, list(users)
        lists, menus = day_config(company), _menus(company)

        def swap() -> None:
            pop = self.pop
            pop.desks.configure(config, working, self.clock.now())
            pop.lookups.configure(config.disposition_labels)
            pop.parking.configure(config.park_time)
            pop.directory.configure(config, working)
            pop.configure(config, plan)
            self.day.configure(lists, plan)
            self.calls.configure(rules, conference_goes_on=goes_on)
            self.commands.work.boards.configure()
            self.menus.menus = menus

        return swap

    def routes(self) -> list[Route]:
        """For the web application."""
        desk = ProgramDesk(self.pop, self.commands, self.clock)
        return [
            *self.sockets.routes(),
            *CallsSite(desk).routes(),
            *MessagesSite(desk).routes(),
            *CustomersSite(self.tickets, lambda: self.pop.plan).routes(),
            *PinsSite(self.pins).routes(),
        ]

    async def start_day(
        self,
        past: Iterable[Event],
        counted: Callable[[], Awaitable[Mapping[AgentId, DayFigures]]] | None,
    ) -> None:
        """Take up the day: its lists, and (``counted``) what the tables tell of each agent's; then follow.

        Raises:
            OSError: the tables can't be read.
        """
        await self.day.start(past)
        if counted is not None:
            self.pop.figures.seed(await counted())
        self.pop.figures.start()

    async def stop(self) -> None:
        """Close all pages and let running commands end."""
        await self.day.stop()
        await self.pop.stop()
        await self.sockets.stop()
        await self.commands.work.boards.stop()


def day_config(company: Company) -> DayConfig:
    """What the day's lists must know of the company."""
    return DayConfig(
        zone=ZoneInfo(company.time_zone),
        keep_time=timedelta(days=company.missed_days),
        queue_labels={queue.name: _labels(queue.label) for queue in company.queues},
        disposition_labels={
            name: _labels(text) for name, text in company.disposition_labels.items()
        },
    )


def desk_config(company: Company, country: str) -> DeskConfig:
    """What desktops must know of the company."""
    zone = ZoneInfo(company.hours[0].time_zone if company.hours else "Asia/Shanghai")
    return DeskConfig(
        queue_labels={queue.name: _labels(queue.label) for queue in company.queues},
        reasons=[
            {"name": r.name, "label": _labels(r.label), "paid": r.is_paid} for r in company.reasons
        ],
        zone=zone,
        country=country,
        has_outside=company.outbound is not None,
        caller_ids={
            person.extension: [
                {"number": shown.number, "label": _labels(shown.label)}
                for shown in company.outbound.shown_by(person)
            ]
            for person in company.people
            if company.outbound is not None
        },
        park_time=company.park_time,
        shared_phones=[
            {"extension": phone.extension, "label": _labels(phone.label)}
            for phone in company.desk_phones
        ],
        outside_numbers={
            person.extension: person.outside_phone.numbers
            for person in company.people
            if person.outside_phone is not None
        },
        manners={queue.name: queue.manner for queue in company.queues},
        pops=PopRules(
            {queue.name: queue.pop.rule for queue in company.queues}, frozenset(company.page_hosts)
        ),
        call_menus=[
            {"name": menu.name, "label": _labels(menu.label), "comes_back": menu.comes_back}
            for menu in company.call_menus
        ],
        waiting_extensions=frozenset(p.extension for p in company.people if company.waits_for(p)),
        disposition_labels={
            name: _labels(text) for name, text in company.disposition_labels.items()
        },
    )


def dial_rules(company: Company, plan: DialPlan) -> DialRules:
    """What pages may dial."""
    outside = company.outbound
    return DialRules(
        plan=plan,
        queues=frozenset(queue.name for queue in company.queues),
        numbers={number.dnis: number.label for number in company.numbers},
        outside=None if outside is None else OutsideRules(outside.allowed, outside.emergency),
        shown={
            person.extension: tuple(shown.number for shown in outside.shown_by(person))
            for person in company.people
            if outside is not None
        },
    )


def _labels(text: Mapping[Language, str]) -> Labels:
    return {str(language): label for language, label in text.items()}


def build_pop(
    bus: EventBus,
    clock: Clock,
    tickets: TicketDesk,
    phones: PhoneSecrets,
    plan: DialPlan,
    company: Company,
) -> ScreenPop:
    """Make the desktops. They come before the ACD, which needs them for its pops."""
    return ScreenPop(bus, clock, tickets, phones, plan, desk_config(company, plan.country))


def build_screenpop(
    pop: ScreenPop,
    *,
    bus: EventBus,
    clock: Clock,
    journal: Journal,
    agents: AgentDesk,
    calls: CallControl,
    tickets: TicketDesk,
    sign_in: SignInDesk,
    origins: OriginRule,
    hands: QueueHands,
    work: TicketWorkDesk,
    company: Company,
    plan: DialPlan,
    scope: Callable[[User], ScopeView],
    standing: Callable[[], Sequence[StandingCallback]],
    book: DayBook | None,
    pins: PinDesk,
) -> ScreenPops:
    """Make the rest, when the ACD is there; ``await pop.start(users, agents)`` begins.

    ``scope`` says who sees whose queues and people, ``standing`` which callbacks callers have asked for, ``book`` what
    was before (None: only what the journal tells at the start).
    """
    confirming = Confirming(bus, clock)
    of_calls = CallCommands(
        pop,
        calls,
        confirming,
        dial_rules(company, plan),
        conference_goes_on=company.conference_goes_on,
    )
    of_calls.table.update(SecondCommands(pop, calls, confirming).table)
    of_menus = MenuCommands(of_calls, calls, confirming, _menus(company))
    of_calls.table.update(of_menus.table)
    of_queues = QueueCommands(hands, pop.desks)
    day = Day(
        pop.desks, bus, clock, tickets, plan, day_config(company),
        scope=scope, standing=standing, book=book,
    )  # fmt: skip
    of_day = DayCommands(day, pop.desks, bus, clock, journal, of_calls)
    boards = TicketBoards(pop.desks, work, pop.lookups, clock)
    of_tickets = TicketCommands(work, boards, pop.lookups)
    commands = CommandDesk(
        pop, bus, clock, journal, agents, of_calls, tickets, of_queues, of_tickets, of_day
    )
    sockets = DesktopSockets(pop, commands, sign_in, origins, clock)
    return ScreenPops(pop, commands, sockets, of_calls, tickets, clock, day, of_menus, pins)


def _menus(company: Company) -> dict[str, tuple[str, bool]]:
    return {menu.name: (menu.flow, menu.comes_back) for menu in company.call_menus}
