"""Desktops on a real bus, real tickets in memory, and an ACD and a switch that a test plays."""

from __future__ import annotations

import asyncio
import enum
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from cti.bus.local import LocalBus
from cti.company import parse_company
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.domain.numbers import DialPlan
from cti.domain.people import Role, User
from cti.ports import CallControl, Journal
from screenpop.call_commands import CallCommands
from screenpop.commands import CommandDesk
from screenpop.confirming import Confirming
from screenpop.connection import Connection
from screenpop.day import Day, DayConfig
from screenpop.day_commands import DayCommands
from screenpop.desks import Desk, DeskConfig
from screenpop.dialling import DialRules, OutsideRules
from screenpop.menu_commands import MenuCommands
from screenpop.ports import QueueHands, SipAccount
from screenpop.queue_commands import QueueCommands
from screenpop.second_commands import SecondCommands
from screenpop.service import ScreenPop
from screenpop.ticket_boards import TicketBoards
from screenpop.ticket_commands import TicketCommands
from tests.fakes.people import HandClock, MemoryAccounts
from tickets.adapters.memory import MemoryTicketStore
from tickets.wiring import Tickets, build_tickets

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LINA = User(AgentId("u1"), "lina", "李娜", "7001", "1001", Role.AGENT)
TOM = User(AgentId("u2"), "tom", "Tom", "7002", "1002", Role.AGENT)
BOSS = User(AgentId("u3"), "boss", "Zhao", "7003", "1003", Role.SUPERVISOR)
CALL = CallId("pbx1-1.1-1")
TWO = CallId("pbx1-2.1-1")
SALES = QueueName("sales")
WANG = "13800138000"

COMPANY = parse_company(
    f"""
queues: [{{name: sales, label: {{en: Sales, zh: 销售}}, dispositions: [sold, wrong number]}}]
reasons: [{{name: lunch, label: {{en: Lunch}}, is_paid: false}}]
flows: [{{name: main, start: a, nodes: [{{name: a, kind: queue, queue: sales}}]}}]
numbers: [{{dnis: "100", flow: main}}]
default_flow: main
customers: [{{name: 王小明, company: Acme GmbH, numbers: ["{WANG}"]}}]
"""
)
PLAN = DialPlan("CN", "10", frozenset({"1001", "1002", "1003"}))
RULES = DialRules(
    plan=PLAN,
    queues=frozenset({"sales"}),
    numbers={"100": "main"},
    outside=OutsideRules(("0", "+86"), ("110",)),
    shown={"1001": ("400100", "400200")},
)
CONFIG = DeskConfig(
    queue_labels={"sales": {"en": "Sales", "zh": "销售"}},
    reasons=[{"name": "lunch", "label": {"en": "Lunch"}, "paid": False}],
    zone=ZoneInfo("Asia/Shanghai"),
    has_outside=True,
    caller_ids={"1001": [{"number": "400100", "label": {}}, {"number": "400200", "label": {}}]},
    disposition_labels={"sold": {"en": "Sold", "zh": "已售"}, "other": {"en": "Other"}},
)


DAY = DayConfig(
    zone=CONFIG.zone,
    keep_time=timedelta(days=3),
    queue_labels=CONFIG.queue_labels,
    disposition_labels=CONFIG.disposition_labels,
)


@dataclass(frozen=True)
class SeenBy:
    """``screenpop.views.ScopeView``."""

    queues: frozenset[QueueName]
    agents: frozenset[AgentId]


def scope_of(user: User) -> SeenBy:
    """Lina serves sales, Tom nothing; their supervisor watches both."""
    if user == BOSS:
        return SeenBy(frozenset({SALES}), frozenset({LINA.user_id, TOM.user_id, BOSS.user_id}))
    return SeenBy(frozenset({SALES}) if user == LINA else frozenset(), frozenset({user.user_id}))


class State(enum.Enum):
    LOGGED_OUT = "LOGGED_OUT"
    READY = "READY"
    TALKING = "TALKING"
    WRAP_UP = "WRAP_UP"


@dataclass(frozen=True)
class Line:
    """``screenpop.views.LineView``."""

    call_id: CallId
    kind: str = "internal"
    is_up: bool = False


@dataclass(frozen=True)
class View:
    """``screenpop.views.AgentView``."""

    state: enum.Enum = State.LOGGED_OUT
    reason: str = ""
    kind: str = ""
    since_at: datetime = T0
    endpoint: Endpoint | None = None
    phone: str = "unknown"
    next_state: enum.Enum | None = None
    next_reason: str = ""
    until_at: datetime | None = None
    queues: tuple[QueueName, ...] = (SALES,)
    notice: str = ""
    warn_at: datetime | None = None
    late_at: datetime | None = None
    overrun_at: datetime | None = None
    extensions_left: int | None = None
    lines: tuple[Line, ...] = ()


@dataclass
class FakeHands:
    """``screenpop.ports.QueueHands``: notes what it is asked for."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def lay(user: User, *args: Any, **more: Any) -> None:
            self.asked.append((name, user.user_id, *args, more))

        return lay


@dataclass
class FakeAgents:
    """``screenpop.ports.AgentDesk``: notes what it is asked for."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    views: dict[AgentId, View] = field(default_factory=dict)

    async def sign_in(self, agent_id: AgentId, endpoint: Endpoint, number: str = "") -> None:
        self.asked.append(("sign_in", agent_id, endpoint, number)[: 4 if number else 3])

    async def sign_out(self, agent_id: AgentId) -> None:
        self.asked.append(("sign_out", agent_id))

    async def ready(self, agent_id: AgentId) -> None:
        self.asked.append(("ready", agent_id))

    async def not_ready(self, agent_id: AgentId, reason: str) -> None:
        if reason != "lunch":
            raise CommandRefused("no_such_reason", "There is no such reason.")
        self.asked.append(("not_ready", agent_id, reason))

    async def extend_wrap_up(self, agent_id: AgentId) -> None:
        self.asked.append(("extend_wrap_up", agent_id))

    def phone_ready(self, agent_id: AgentId) -> None:
        self.asked.append(("phone_ready", agent_id))

    def agent_view(self, agent_id: AgentId) -> View:
        if agent_id == BOSS.user_id:
            raise CommandRefused("no_such_agent", "This account doesn't take calls.")
        return self.views.setdefault(agent_id, View())

    def queue_views(self) -> Sequence[ev.QueueChanged]:
        return [ev.QueueChanged(at=T0, queue=SALES, waiting=0, longest_since=None, ready=1)]

    def change(self, agent_id: AgentId, **values: Any) -> None:
        self.views[agent_id] = replace(self.agent_view(agent_id), **values)


class FakeSwitch:
    """``cti.ports.CallControl`` as far as desktops use it: does what it is told, and tells the event that confirms it."""

    def __init__(self, bus: LocalBus) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers = CALL
        """What a phone takes that is asked to answer."""
        self.is_mute = False
        """Takes every command, and nothing comes of it."""
        self._bus = bus

    def __getattr__(self, name: str) -> Any:
        async def asked(*arguments: Any) -> None:
            self.asked.append((name, *arguments))
            if not self.is_mute:
                for event in self._confirming(name, *arguments):
                    self._bus.publish(event)

        return asked

    def _confirming(self, name: str, *arguments: Any) -> list[ev.Event]:
        at: dict[str, Any] = {"at": T0, "call_id": arguments[0] if arguments else CALL}
        leg: dict[str, Any] = {"leg_id": LegId("a")}
        party = Endpoint("1002w")
        match name, arguments:
            case "hold", _:
                return [ev.CallHeld(by="agent", **at)]
            case "retrieve", _:
                return [ev.CallRetrieved(by="agent", **at)]
            case "hang_up", _:
                return [ev.CallEnded(cause=16, ended_by="agent", **at)]
            case "answer", (endpoint,):
                of = {"at": T0, "call_id": self.answers, "endpoint": endpoint}
                return [ev.CallConnected(**{**leg, **of})]
            case "decline", (_, endpoint):
                return [
                    ev.LegEnded(
                        endpoint=endpoint, cause=17, **{**at, "leg_id": LegId(f"two-{endpoint}")}
                    )
                ]
            case "leave", (_, endpoint):
                return [ev.LegEnded(endpoint=endpoint, cause=16, **leg, **at)]
            case "mute", (_, muted):
                return [ev.LegMuted(is_muted=muted, **leg, **at)]
            case "pause_recording", (_, paused):
                paused_by = ev.RecordingPaused(reason="agent", **at)
                return [paused_by if paused else ev.RecordingResumed(**at)]
            case "originate", (endpoint, target, _):
                kind = "outbound" if target.kind == "outside" else "internal"
                call = {"at": T0, "call_id": TWO, "endpoint": endpoint, "direction": kind}
                return [ev.CallOffered(leg_id=LegId("o"), **call)]
            case "transfer", (_, target, sender):
                return [
                    ev.CallTransferred(kind="blind", target_kind=target.kind, endpoint=sender, **at)
                ]
            case "consult", (_, endpoint, target):
                is_ours = target.kind != "outside"
                return [
                    ev.ConsultStarted(
                        endpoint=endpoint,
                        target_kind=target.kind,
                        target=target.value if is_ours else "",
                        number="" if is_ours else target.value,
                        **at,
                    )
                ]
            case "complete_consult", _:
                return [ev.ConsultEnded(endpoint=Endpoint("1001w"), result="completed", **at)]
            case "cancel_consult", _:
                ended = ev.ConsultEnded(endpoint=Endpoint("1001w"), result="cancelled", **at)
                return [ended, ev.CallRetrieved(by="agent", **at)]
            case "join_consult", _:
                return [ev.PartyJoined(leg_id=LegId("b"), endpoint=party, **at)]
            case "add_party", _:
                return [ev.LegDialled(leg_id=LegId("b"), endpoint=party, role="party", **at)]
            case "drop_party", (_, endpoint):
                return [ev.PartyLeft(leg_id=LegId("b"), endpoint=endpoint, **at)]
            case "park", (_, slot, sender):
                return [ev.CallParked(slot=slot, endpoint=sender, **at)]
            case "fetch", (_, endpoint):
                return [ev.LegDialled(leg_id=LegId("f"), endpoint=endpoint, **at)]
            case "move", (_, _, there):
                return [ev.CallConnected(leg_id=LegId("m"), endpoint=there, **at)]
            case "answer", (endpoint,):
                call = {"at": T0, "call_id": CALL}
                return [ev.CallConnected(leg_id=LegId("a"), endpoint=endpoint, **call)]
            case _:
                return []


@dataclass
class FakeJournal:
    """Counts flushes; can fail."""

    is_failing = False

    flushes: int = 0
    error: OSError | None = None

    async def flush(self) -> None:
        if self.error is not None:
            raise self.error
        self.flushes += 1


class FakePhones:
    """``screenpop.ports.PhoneSecrets``."""

    def sip_account(self, endpoint: Endpoint) -> SipAccount | None:
        return SipAccount("ws://pbx", f"sip:{endpoint}@pbx", endpoint, "secret", "asterisk")


class Page:
    """A page's side of a connection: what was sent, and the document that a page would hold."""

    def __init__(
        self,
        world: World,
        user: User,
        boot: str | None = None,
        seq: int = 0,
        *,
        browser: str = "one",
        page: str = "",
    ) -> None:
        self.connection = Connection(browser=browser, page=page)
        self.messages: list[dict[str, Any]] = []
        self.sections: dict[str, Any] = {}
        self.desk: Desk = world.pop.open(user, self.connection, boot, seq, "en")

    async def read(self) -> list[dict[str, Any]]:
        """Take everything that waits; fold it as the page does."""
        fresh = []
        while True:
            try:
                text = await asyncio.wait_for(self.connection.next_message(), 0.01)
            except TimeoutError:
                break
            if text is None:
                break
            fresh.append(json.loads(text))
        for message in fresh:
            if message["type"] == "snapshot":
                self.sections = dict(message["sections"])
            elif message["type"] == "update":
                self.sections[message["section"]] = message["value"]
        self.messages += fresh
        return fresh


@dataclass
class World:
    """Everything."""

    pop: ScreenPop
    commands: CommandDesk
    agents: FakeAgents
    switch: FakeSwitch
    journal: FakeJournal
    tickets: Tickets
    bus: LocalBus
    clock: HandClock
    hands: FakeHands
    day: Day
    told: list[ev.Event] = field(default_factory=list)

    async def settle(self) -> None:
        """Let every reaction come to its end."""
        for _ in range(3):
            await self.tickets.service.idle()
            for task in list(self.pop.lookups._tasks.values()):
                await task
            await asyncio.sleep(0)

    async def happen(
        self, kind: type[ev.Event], /, of_call: CallId | None = CALL, **values: Any
    ) -> None:
        if of_call is not None:
            values["call_id"] = of_call
        self.bus.publish(kind(at=self.clock.now(), **values))
        await self.settle()

    async def offered(self, ani: str = WANG, name: str = "", call_id: CallId = CALL) -> None:
        await self.happen(
            ev.CallOffered, call_id, leg_id=LegId("c"), dnis="100", ani=ani, ani_name=name
        )

    async def waiting(self, ani: str = WANG, call_id: CallId = CALL) -> None:
        """A caller who has come through the menu and waits."""
        await self.offered(ani, call_id=call_id)
        await self.happen(
            ev.MenuEntered, call_id, flow="main", flow_version=1, node="a", label="Billing"
        )
        await self.happen(ev.MenuInput, call_id, node="a", result="match", digits="2")
        await self.happen(ev.CallEnqueued, call_id, queue=SALES, enqueued_at=self.clock.now())

    async def show(self, agent: User = LINA, call_id: CallId = CALL, paint: bool = False) -> None:
        await self.pop.show(call_id, agent.user_id, SALES, self.clock.now(), paint)

    async def rings(self, agent: User = LINA, call_id: CallId = CALL) -> None:
        endpoint, leg = Endpoint(f"{agent.extension}w"), LegId("a")
        await self.happen(ev.LegDialled, call_id, leg_id=leg, endpoint=endpoint)
        await self.happen(ev.LegRang, call_id, leg_id=leg, endpoint=endpoint)

    async def connected(self, agent: User = LINA, call_id: CallId = CALL) -> None:
        endpoint = Endpoint(f"{agent.extension}w")
        await self.happen(ev.CallConnected, call_id, leg_id=LegId("a"), endpoint=endpoint)

    async def ended(self, call_id: CallId = CALL) -> None:
        await self.happen(ev.CallEnded, call_id, cause=16, ended_by="caller")

    async def agent(self, state: str, previous: str, agent: User = LINA, **values: Any) -> None:
        await self.happen(
            ev.AgentStateChanged,
            None,
            agent_id=agent.user_id,
            state=state,
            previous=previous,
            **values,
        )

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    bus, clock = LocalBus(), HandClock(T0)
    plan = PLAN
    accounts = MemoryAccounts(LINA, TOM, BOSS)
    tickets = build_tickets(MemoryTicketStore(), bus, clock, accounts, COMPANY, plan)
    agents, switch, journal = FakeAgents(), FakeSwitch(bus), FakeJournal()
    hands = FakeHands()
    pop = ScreenPop(bus, clock, tickets.office, FakePhones(), plan, CONFIG)
    day = Day(pop.desks, bus, clock, tickets.office, plan, DAY, scope=scope_of)
    boards = TicketBoards(pop.desks, tickets.work, pop.lookups, clock)
    confirming = Confirming(bus, clock)
    calls = CallCommands(pop, cast(CallControl, switch), confirming, RULES)
    calls.table.update(SecondCommands(pop, cast(CallControl, switch), confirming).table)
    menus = MenuCommands(calls, cast(CallControl, switch), confirming, {})
    calls.table.update(menus.table)
    commands = CommandDesk(
        pop,
        bus,
        clock,
        cast(Journal, journal),
        agents,
        calls,
        tickets.office,
        QueueCommands(cast(QueueHands, hands), pop.desks),
        TicketCommands(tickets.work, boards, pop.lookups),
        DayCommands(day, pop.desks, bus, clock, cast(Journal, journal), calls),
        timeout=timedelta(milliseconds=300),
    )
    await tickets.start()
    await pop.start(await accounts.all(), agents)
    await day.start()
    world = World(pop, commands, agents, switch, journal, tickets, bus, clock, hands, day)
    bus.subscribe(world.told.append)
    yield world
    await day.stop()
    await boards.stop()
    await pop.stop()
    await tickets.stop()
