"""The department on memory, on SQLite and on PostgreSQL, with a switch that a test plays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cti.bus.local import LocalBus
from cti.company import parse_company
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName, RecordingId
from cti.domain.numbers import DialPlan
from cti.domain.people import Role, User
from cti.storage.database import Database
from tests.fakes.people import HandClock, MemoryAccounts
from tests.servers import Postgres
from tickets.adapters.memory import MemoryTicketStore
from tickets.adapters.sql import SqlTicketStore
from tickets.ports import TicketStore
from tickets.wiring import Tickets, build_tickets

LINA = User(AgentId("u1"), "lina", "李娜", "7001", "1001", Role.AGENT)
WANG = "13800138000"
SHARED = "01062345678"
CALL = CallId("pbx1-1.1-1")
SALES = QueueName("sales")

COMPANY = parse_company(
    f"""
queues: [{{name: sales, label: {{en: Sales}}, dispositions: [sold, wrong number]}}]
flows: [{{name: main, start: a, nodes: [{{name: a, kind: queue, queue: sales}}]}}]
numbers: [{{dnis: "100", flow: main}}]
default_flow: main
customers:
  - {{name: 王小明, company: Acme GmbH, numbers: ["{WANG}", "+86 138 0013 8000"], group: Gold, note: likes tea}}
  - {{name: Ann, company: Household, numbers: ["{SHARED}"]}}
  - {{name: Ben, company: Household, numbers: ["{SHARED}"]}}
"""
)


@dataclass
class World:
    """The department and everything around it."""

    tickets: Tickets
    bus: LocalBus
    clock: HandClock
    told: list[ev.Event] = field(default_factory=list)

    async def happen(self, kind: type[ev.CallEvent], call_id: CallId = CALL, **values: Any) -> None:
        """Publish one event of a call and let everybody react."""
        self.bus.publish(kind(at=self.clock.now(), call_id=call_id, **values))
        await self.tickets.service.idle()

    async def offered(self, ani: str, name: str = "", call_id: CallId = CALL) -> None:
        leg = LegId(str(call_id))
        await self.happen(ev.CallOffered, call_id, leg_id=leg, dnis="100", ani=ani, ani_name=name)

    async def enqueued(self, call_id: CallId = CALL) -> None:
        at = self.clock.now()
        await self.happen(ev.CallEnqueued, call_id, queue=SALES, enqueued_at=at)

    async def connected(self, call_id: CallId = CALL) -> None:
        await self.happen(ev.CallConnected, call_id, leg_id=LegId("a1"), endpoint=Endpoint("1001w"))

    async def ended(self, call_id: CallId = CALL) -> None:
        await self.happen(ev.CallEnded, call_id, cause=16, ended_by="caller")

    async def talk(self, ani: str, call_id: CallId = CALL, name: str = "") -> None:
        """A whole conversation up to its connection."""
        await self.offered(ani, name, call_id)
        await self.enqueued(call_id)
        await self.connected(call_id)

    async def recorded(self, call_id: CallId = CALL, recording: str = "rec1") -> None:
        await self.happen(
            ev.RecordingStored,
            call_id,
            recording_id=RecordingId(recording),
            duration_time=timedelta(seconds=3),
            sha256="0" * 64,
            size=10,
        )

    def opened(self) -> list[ev.TicketOpened]:
        return [e for e in self.told if isinstance(e, ev.TicketOpened)]


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TicketStore]:
    """A store; a test module may ask for ``postgres`` too."""
    if request.param == "memory":
        yield MemoryTicketStore()
        return
    url = f"sqlite+aiosqlite:///{tmp_path}/test.db"
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.new_database()
    database = Database(url)
    await database.migrate()
    yield SqlTicketStore(database)
    await database.close()


@pytest.fixture
async def world(store: TicketStore) -> AsyncIterator[World]:
    bus, clock = LocalBus(), HandClock()
    plan = DialPlan("CN", "10", frozenset({"1001"}))
    tickets = build_tickets(store, bus, clock, MemoryAccounts(LINA), COMPANY, plan)
    await tickets.start()
    world = World(tickets, bus, clock)
    bus.subscribe(world.told.append)
    yield world
    await tickets.stop()
