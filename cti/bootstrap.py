"""The composition root: every part of the service, made and joined in one place, in order.

``build`` makes the parts and connects nothing to the outside; ``Service.start`` opens the doors. Tests call the same
``build`` with their own clock, AMI connection and ``Keeping`` (all that lies on a disk).

Order matters twice. On the bus, the call table hears every event first and the journal second, so that
whoever reacts finds the call in its new state and its cause on record. At a start, the past is folded
first, then the doors for Asterisk open (so that a caller in the dialplan finds us), and the link comes
last: its snapshot is compared with the fold and repairs it.
"""

from __future__ import annotations

import contextlib
import secrets as random_secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from acd.adapters.callbacks_http import CallbacksSite
from acd.adapters.figures_rows import AgentTimesProjection, VisitsProjection
from acd.adapters.figures_sql import SqlFigures
from acd.adapters.figures_wiring import Figures, build_figures
from acd.adapters.hands_http import HandsSite
from acd.callback_desk import CallbackParts
from acd.callback_figures import CallbackFigures
from acd.figures_book import FiguresBook
from acd.hands_desk import HandsDesk
from acd.line import ToldLine
from acd.service import AcdService
from acd.wiring import build_acd
from asterisk_conf.process import AsteriskProcess
from asterisk_conf.secrets import AMI_USER, Secrets
from cti.alarms import AlarmBoard, AlarmWatch
from cti.applying import Applying, keep_people
from cti.asterisk.fastagi import FastAgiServer
from cti.asterisk.link import AmiAddress
from cti.asterisk.protocol import Connect
from cti.asterisk.switch import Switch
from cti.asterisk.transfer_control import Notify
from cti.builtin import is_simulated
from cti.bus.local import LocalBus
from cti.changing import (
    BrowserPhones,
    Departments,
    exchanges_of,
    outside_of,
    parts_of,
    plan_of,
)
from cti.clock import SystemClock
from cti.company import Company
from cti.company_site import CompanySite
from cti.company_text import Versions
from cti.config import Settings
from cti.domain import events as ev
from cti.domain.calls import CallTable
from cti.domain.ids import AgentId, QueueName
from cti.domain.people import User
from cti.domain.pops import sources_of
from cti.ports import Accounts, ApiTokens, Clock, EventBus, Journal, Sessions
from cti.servers import is_embedded, open_database, shared_bus
from cti.storage.call_rows import CallsProjection
from cti.storage.database import Database
from cti.storage.journal import SqlJournal
from cti.storage.people import SqlAccounts, SqlApiTokens, SqlSessions
from cti.storage.projections import ProjectionKeeper
from cti.web.access import Tokens
from cti.web.app import WebParts, WebServer, build_app, own_origins
from cti.web.door import Door, grant_files, most_connections
from cti.web.passwords import Passwords
from cti.web.signin import SignInDesk
from cti.web.tokens import TokenDesk
from ivr.adapters.prompts import PromptFolder
from ivr.wiring import Ivr
from ivr.wiring import wire as build_ivr
from recorder.adapters.sql import SqlBook
from recorder.ports import Encoder, RecordingBook, RecordingStore, Spool
from recorder.wiring import RecorderParts, build_recorder
from screenpop.adapters.day_rows import day_projections
from screenpop.adapters.day_sql import SqlDay
from screenpop.ports import DayBook, DayFigures
from screenpop.wiring import ScreenPops, build_pop, build_screenpop, dial_rules
from tickets.adapters.sql import SqlTicketStore
from tickets.ports import TicketStore
from tickets.relations import CustomerRelations
from tickets.wiring import Tickets, build_tickets

if TYPE_CHECKING:
    from cti.bus.redis import RedisBus  # its driver is not in every installation

log = structlog.get_logger(__name__)

DRAIN_TIME = timedelta(seconds=8)
"""How long ringing phones are waited for at an end; whoever rings on then is Asterisk's alone."""
_TAIL = 20_000  # events read back at a start: far more than the live calls' own


class MainJournal(Journal, Protocol):
    """The one journal of an installation, as the service begins, reads back and ends it."""

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to commit failed."""

    @property
    def last(self) -> int:
        """The newest sequence number; 0 for an empty journal."""

    on_handed_in: Callable[[ev.Event], object] | None
    """Told of an event that another process handed in, and has to record it."""

    async def start(self) -> None:
        """Find its end and begin to write behind it."""

    async def stop(self) -> None:
        """Commit the rest and end."""

    async def agent_states(self, *, before: int) -> list[ev.Event]:
        """The newest state of each agent, if it was recorded up to ``before``; oldest first."""

    async def open_callbacks(self, *, before: int) -> list[ev.Event]:
        """What was recorded of the callbacks that stand, if they were asked for up to ``before``."""


@dataclass(slots=True, kw_only=True)
class Keeping:
    """What outlives the process. None: made from the settings."""

    journal: MainJournal
    accounts: Accounts
    sessions: Sessions
    api_tokens: ApiTokens
    tickets: TicketStore
    book: RecordingBook
    close: Callable[[], Awaitable[None]]
    projections: ProjectionKeeper | None = None  # None: nobody reads such tables (tests)
    figures: FiguresBook | None = None  # None: counted in memory
    day: DayBook | None = None  # None: known from the journal's last events
    spool: Spool | None = None
    store: RecordingStore | None = None
    encoder: Encoder | None = None
    prompts: PromptFolder | None = None


@dataclass(slots=True)
class Service:
    """All parts. ``start`` it, ``stop`` it; each may be looked at meanwhile."""

    settings: Settings
    company: Company
    agents: Sequence[User]
    clock: Clock
    bus: EventBus
    shared_bus: RedisBus | None  # the same, where it reaches beyond this process
    calls: CallTable
    keeping: Keeping
    journal: MainJournal
    accounts: Accounts
    passwords: Passwords
    switch: Switch
    agi: FastAgiServer
    ivr: Ivr
    acd: AcdService
    figures: Figures
    hands: HandsDesk
    callbacks: CallbacksSite
    applying: Applying
    tickets: Tickets
    recorder: RecorderParts
    screenpop: ScreenPops
    web: WebServer
    alarms: AlarmBoard
    watch: AlarmWatch
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def start(self, *, has_sockets: bool = True) -> None:
        """Open all doors; what was opened is closed again when a later one fails.

        Without sockets Asterisk and the desktops must come in by memory, as in the acceptance tests.

        Raises:
            OSError: a port is taken, or the database can't be written.
            RingdeskError: a setting or the company is wrong.
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self.passwords.close)
            stack.push_async_callback(self.keeping.close)
            if self.shared_bus is not None:
                await self.shared_bus.start()
                stack.push_async_callback(self.shared_bus.stop)
            if self.keeping.projections is not None:
                await self.keeping.projections.start()
                stack.push_async_callback(self.keeping.projections.stop)
            await self.journal.start()
            stack.push_async_callback(self.journal.stop)
            tail = self.journal.last - _TAIL
            past = await self.journal.agent_states(before=tail)
            past += await self.journal.open_callbacks(before=tail)
            lately = [item.event async for item in self.journal.read(after=tail)]
            past += lately
            for event in past:
                self.calls.apply(event)
            self._listen(stack)
            await self.ivr.configure(self.company)
            await self.tickets.service.restore(past, self.journal)
            await self._start(stack, self.tickets)
            await self._start(stack, self.recorder.service)
            self.acd.restore(past)
            await self.screenpop.pop.start(self.agents, self.acd)
            self.screenpop.pop.restore(past)
            self.screenpop.commands.restore(past)
            counted = self._counted if self.keeping.figures is not None else None
            await self.screenpop.start_day(past, counted)
            self.hands.restore(past)
            stack.push_async_callback(self.screenpop.stop)
            self.watch.start()
            stack.callback(self.watch.stop)
            self.callbacks.start(lately)
            stack.callback(self.callbacks.stop)
            self.acd.start()
            stack.push_async_callback(self.acd.stop)
            self.applying.start()
            self.figures.start(self.acd, past)
            stack.push_async_callback(self.figures.stop)
            if has_sockets:
                await self.agi.start(self.settings.pbx.agi_port)
            stack.push_async_callback(self.agi.close)
            if has_sockets:
                await self.web.start()
                stack.push_async_callback(self.web.stop)
            await self.switch.start()
            stack.push_async_callback(self.switch.close)
            self._stack = stack.pop_all()
        log.info("service started", calls=len(self.calls), journal=self.journal.last)

    async def drain(self) -> None:
        """Let what has begun come to a state that lasts; then ``stop``. Nothing new begins."""
        log.info("service draining")
        await self.acd.drain(DRAIN_TIME)

    async def stop(self) -> None:
        """Close all doors, in the opposite order. Callers stay in the dialplan."""
        await self._stack.aclose()
        log.info("service stopped")

    async def _counted(self) -> dict[AgentId, DayFigures]:
        """Everybody's day so far, from the tables."""
        found = await self.figures.today_of_agents(self.clock.now())
        return {
            agent_id: DayFigures(
                calls=f.handled,
                missed=f.rona + f.declined + f.unreachable,
                talk_s=f.talk_ms / 1000,
                hold_s=f.hold_ms / 1000,
                wrap_up_s=f.wrap_up_ms / 1000,
                ready_s=f.ready_ms / 1000,
            )
            for agent_id, f in found.items()
        }

    async def _start(self, stack: contextlib.AsyncExitStack, part: Any) -> None:
        await part.start()
        stack.push_async_callback(part.stop)

    def _listen(self, stack: contextlib.AsyncExitStack) -> None:
        def fold(event: ev.Event) -> None:
            refusal = self.calls.apply(event)
            if refusal is not None:
                log.warning(
                    "illegal transition", state=refusal.state, event_name=refusal.event,
                    call_id=getattr(event, "call_id", None),
                )  # fmt: skip

        def record(event: ev.Event) -> None:
            if not isinstance(event, ev.QueueChanged):  # a figure made of other events
                self.journal.record(event)

        stack.callback(self.bus.subscribe(fold))
        # The others' events are for them to record: two writers would write one fact twice.
        own = self.bus.subscribe if self.shared_bus is None else self.shared_bus.subscribe_own
        stack.callback(own(record))
        self.journal.on_handed_in = self.bus.publish  # an erasure by the command, for instance


def projections_of(database: Database) -> ProjectionKeeper:
    """All tables that are derived from the journal."""
    of_figures = (CallsProjection(), VisitsProjection(), AgentTimesProjection())
    return ProjectionKeeper(database, [*of_figures, *day_projections()])


async def keep_in_database(settings: Settings) -> Keeping:
    """Everything in the installation's database; files as the settings say."""
    database = await open_database(settings)
    journal, projections = SqlJournal(database), projections_of(database)
    journal.on_committed = projections.take
    return Keeping(
        journal=journal,
        projections=projections,
        figures=SqlFigures(database),
        day=SqlDay(database, projections.catch_up),
        accounts=SqlAccounts(database),
        sessions=SqlSessions(database),
        api_tokens=SqlApiTokens(database),
        tickets=SqlTicketStore(database),
        book=SqlBook(database),
        close=database.close,
    )


async def build(
    settings: Settings,
    company: Company,
    secrets: Secrets,
    *,
    clock: Clock | None = None,
    keeping: Keeping | None = None,
    connect: Connect | None = None,
    notify: Notify | None = None,
    pbx: AsteriskProcess | None = None,
) -> Service:
    """Make all parts. Nothing outside the database is touched yet.

    ``keeping`` replaces the database, ``connect`` the TCP connection to AMI (tests). ``notify`` asks a desk phone to
    answer; none: it must be lifted by hand. ``pbx`` follows a changed company; none: its files are somebody else's.
    """
    clock = clock or SystemClock()
    kept = keeping or await keep_in_database(settings)
    shared, calls = shared_bus(settings), CallTable()
    bus = shared or LocalBus()
    journal, accounts = kept.journal, kept.accounts
    alarms = AlarmBoard(bus, clock)
    users = await keep_people(accounts, company)
    boot_id = random_secrets.token_hex(4)

    switch = Switch(
        AmiAddress("127.0.0.1", _ami_port(settings), AMI_USER, secrets.ami),
        clock,
        bus,
        calls,
        boot_id=boot_id,
        default_queue=QueueName(company.queues[0].name),
        connect=connect,
        alarm=_alarm,
        outside=outside_of(company),
        notify=notify,
    )
    control = switch.control

    plan, phones = plan_of(settings, company), BrowserPhones(settings, secrets)
    tickets = build_tickets(kept.tickets, bus, clock, accounts, company, plan, calls.seats.at)
    passwords = Passwords()
    desk = SignInDesk(
        accounts, kept.sessions, passwords, clock, bus, settings.web.session_idle_time
    )
    pop = build_pop(bus, clock, tickets.office, phones, plan, company)
    # An inactive account can't sign in; the simulators' must only be known, for when they are opened.
    agents = [replace(u, is_active=True) if is_simulated(u.login) else u for u in users]
    acd = build_acd(
        company, agents, control, pop, bus, clock, calls,
        plan=plan, customers=CustomerRelations(kept.tickets),
        callbacks=CallbackParts(control, dial_rules(company, plan).callback, journal),
    )  # fmt: skip
    origins = own_origins(settings.web.allowed_origins)
    figures = build_figures(
        company, users, acd, kept.figures, bus=bus, clock=clock, sign_in=desk, origins=origins,
        boot_id=boot_id,
    )  # fmt: skip
    hands = HandsDesk(acd, lambda: figures.people, journal, bus, clock)
    callbacks = CallbacksSite(
        acd.callbacks, CallbackFigures(ZoneInfo(company.time_zone)), figures.scope, plan, bus, clock
    )
    screenpop = build_screenpop(
        pop, bus=bus, clock=clock, journal=journal, agents=acd, calls=control,
        tickets=tickets.office, work=tickets.work, hands=hands, sign_in=desk, origins=origins, company=company,
        plan=plan, scope=figures.scope, standing=acd.callbacks.views, book=kept.day, pins=tickets.pins,
    )  # fmt: skip
    ivr = build_ivr(
        company, settings.sounds_dir, bus=bus, clock=clock, calls=calls,
        line=ToldLine(acd, figures.estimates),
        recording=control, callbacks=acd.callbacks, pins=tickets.pins, prompts=kept.prompts,
    )  # fmt: skip
    recorder = build_recorder(
        settings, clock=clock, bus=bus, journal=journal, book=kept.book, accounts=accounts,
        calls=calls, spool=kept.spool, store=kept.store, encoder=kept.encoder, alarms=alarms,
        queues=lambda: {person.login: person.queues for person in company.people},
    )  # fmt: skip
    departments = Departments(switch, ivr, acd, figures, tickets, screenpop)
    applying = Applying(
        company, file=settings.company_file or settings.home / "company.yaml",
        versions=Versions(settings.versions_dir), accounts=accounts, sessions=kept.sessions,
        journal=journal, bus=bus, clock=clock, parts=parts_of(settings, departments),
        exchanges=exchanges_of(settings, ivr, pbx, phones), state_of=acd.state_of,
        waiting_in=lambda queue: len(acd.waiting(QueueName(queue))),
    )  # fmt: skip
    door = Door(clock, most_connections(grant_files()))
    web = build_app(
        WebParts(
            desk=desk,
            origins=origins,
            health=lambda: {"switch": switch.is_up, "journal": not journal.is_failing},
            alarms=lambda: alarms.active,
            routes=[
                *screenpop.routes(),
                *recorder.routes,
                *figures.routes,
                *HandsSite(hands, calls, plan, clock).routes(),
                *callbacks.routes(),
                *CompanySite(applying).routes(),
            ],
            registry=_registry(figures, door),
            connect=[f"ws://{settings.pbx.bind}:{settings.pbx.ws_port}"],
            frames=lambda: sources_of(applying.company.page_hosts),
            programs=TokenDesk(accounts, kept.api_tokens, clock, bus),
            tokens=Tokens(
                secrets.command_token, secrets.metrics_token, settings.web.metrics_open_on_loopback
            ),
            on_stop=[pop.stop, figures.stream.stop],
        )
    )
    return Service(
        settings=settings, company=company, agents=agents, clock=clock, bus=bus,
        shared_bus=shared, calls=calls, keeping=kept,
        journal=journal, accounts=accounts, passwords=passwords, switch=switch,
        agi=FastAgiServer(ivr.routes, clock), ivr=ivr, acd=acd, figures=figures, hands=hands,
        callbacks=callbacks, applying=applying,
        tickets=tickets, recorder=recorder, screenpop=screenpop,
        web=WebServer(web, settings.web.bind, settings.web.port, door),
        alarms=alarms, watch=_watch(settings, alarms, clock, journal, shared),
    )  # fmt: skip


@contextlib.asynccontextmanager
async def running(service: Service) -> AsyncIterator[Service]:
    """The service, started and stopped again."""
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


def _registry(figures: Figures, door: Door) -> CollectorRegistry:
    """What ``/metrics`` tells besides the alarms: this process, the queues, the web server's door."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(figures.metrics)
    registry.register(door)
    return registry


def _watch(
    settings: Settings,
    alarms: AlarmBoard,
    clock: Clock,
    journal: MainJournal,
    shared: RedisBus | None,
) -> AlarmWatch:
    folders = {"spool": settings.spool_dir, "recordings": settings.recordings_dir}
    if is_embedded(settings):
        folders = {"database": settings.database_file, **folders}
    return AlarmWatch(
        alarms,
        clock,
        lambda: journal.is_failing,
        folders,
        is_bus_away=lambda: shared is not None and shared.is_away,
    )


def _ami_port(settings: Settings) -> int:
    return settings.pbx.ami_through or settings.pbx.ami_port


def _alarm(message: str) -> None:
    log.error("switch alarm", problem=message)
