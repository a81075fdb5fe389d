"""Missed calls, promises, messages: one suite for the book in memory and for the tables on SQLite and on PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from cti.domain import day_events as day
from cti.domain import events as ev
from cti.domain.callback_events import CallbackEnded, CallbackRequested
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.storage.database import Database
from cti.storage.journal import SqlJournal
from cti.storage.journal_rows import SubjectRow
from cti.storage.projections import ProjectionKeeper
from screenpop.adapters.day_memory import MemoryDay
from screenpop.adapters.day_rows import day_projections
from screenpop.adapters.day_sql import SqlDay
from screenpop.adapters.tables import ContactRow, MessageReadRow, MessageRow, PromiseRow, table
from screenpop.missed import replay
from screenpop.ports import DayBook
from tests.servers import Postgres, sqlite_url

pytestmark = pytest.mark.contract

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
EVER = T0 - timedelta(days=30)
SALES = QueueName("sales")
LINA, TOM = AgentId("u1"), AgentId("u2")
WANG = "13800138000"


@dataclass
class Place:
    """A book, and how it is told of events."""

    book: DayBook
    memory: MemoryDay
    database: Database | None = None
    journal: SqlJournal | None = None
    keeper: ProjectionKeeper | None = None

    async def tell(self, *events: ev.Event) -> None:
        for event in events:
            self.memory.take(event)
            if self.journal is not None:
                self.journal.record(event)
        if self.journal is not None:
            await self.journal.flush()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    memory = MemoryDay()
    if request.param == "memory":
        yield Place(memory, memory)
        return
    if request.param == "sqlite":
        url = sqlite_url(tmp_path)
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.new_database()
    database = Database(url)
    journal, keeper = SqlJournal(database), ProjectionKeeper(database, day_projections())
    journal.on_committed = keeper.take
    await journal.start()
    yield Place(SqlDay(database, keeper.catch_up), memory, database, journal, keeper)
    await journal.stop()
    await keeper.stop()
    await database.close()


def at(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)


def abandoned(call: str, minute: float, ani: str = WANG) -> list[ev.Event]:
    call_id, when = CallId(call), at(minute)
    return [
        ev.CallOffered(at=when, call_id=call_id, leg_id=LegId("l"), ani=ani, dnis="400"),
        ev.CallEnqueued(at=when, call_id=call_id, queue=SALES, enqueued_at=when),
        ev.AgentDidNotAnswer(
            at=when, call_id=call_id, agent_id=TOM, queue=SALES, reason="no_answer"
        ),
        ev.CallEnded(at=when, call_id=call_id, cause=16, ended_by="caller"),
    ]


def spoken(call: str, minute: float, ani: str = WANG, way: str = "inbound") -> list[ev.Event]:
    call_id, when, phone = CallId(call), at(minute), Endpoint("1001w")
    return [
        ev.CallOffered(at=when, call_id=call_id, leg_id=LegId("l"), ani=ani, direction=way),
        ev.CallConnected(at=when, call_id=call_id, leg_id=LegId("l"), endpoint=phone),
        ev.AgentStateChanged(
            at=when,
            agent_id=LINA,
            state="TALKING",
            previous="READY",
            call_id=call_id,
            kind="direct",
        ),
        ev.CallEnded(at=when, call_id=call_id, cause=16, ended_by="caller"),
    ]


async def entries(place: Place) -> tuple[list[str], list[tuple[CallId, str]]]:
    rows = await place.book.contacts(EVER)
    missed = replay((contact, number, number) for contact, number in rows)
    closed = [(e.entry_id, e.how) for e in missed.recently_closed(EVER)]
    return [f"{e.entry_id}x{len(e.calls)}" for e in missed.open()], closed


async def test_what_was_missed_and_what_closed_it(place: Place) -> None:
    await place.tell(*abandoned("a", 0), *abandoned("b", 1), *abandoned("c", 2, "13900139000"))
    assert await entries(place) == (["cx1", "ax2"], [])
    rows = {contact.call_id: contact for contact, _ in await place.book.contacts(EVER)}
    assert (rows[CallId("a")].queue, rows[CallId("a")].agents) == (SALES, (TOM,))
    await place.tell(*spoken("d", 3))
    assert await entries(place) == (["cx1"], [("a", "got_through")])
    await place.tell(*abandoned("e", 4))
    await place.tell(*spoken("f", 5, way="outbound"))
    assert await entries(place) == (["cx1"], [("e", "called_back"), ("a", "got_through")])


async def test_hands_are_known_again_and_count_at_their_time(place: Place) -> None:
    taken = {"agent_id": LINA, "until_at": at(20)}
    await place.tell(*abandoned("a", 0))
    await place.tell(day.MissedTaken(at=at(1), call_id=CallId("a"), **taken))  # type: ignore[arg-type]
    missed = replay((c, n, n) for c, n in await place.book.contacts(EVER))
    assert missed.entry(CallId("a")).taker(at(2)) == LINA
    await place.tell(*abandoned("b", 2))
    await place.tell(day.MissedClosed(at=at(3), call_id=CallId("a"), by=LINA, result="no_need"))
    await place.tell(*abandoned("c", 4))
    assert await entries(place) == (["cx1"], [("a", "by_hand")])


async def test_a_callback_that_expired_long_after_the_call(place: Place) -> None:
    call_id = CallId("a")
    start, *rest = abandoned("a", 0)
    asked = CallbackRequested(
        at=at(0), call_id=call_id, queue=SALES, enqueued_at=at(0), expires_at=at(60), number=WANG
    )
    await place.tell(start, asked, *rest)
    assert await entries(place) == ([], [])
    await place.tell(CallbackEnded(at=at(60), call_id=call_id, queue=SALES, result="expired"))
    assert await entries(place) == (["ax1"], [])


async def test_only_what_is_new_enough_is_read(place: Place) -> None:
    await place.tell(*abandoned("a", 0), *abandoned("b", 60))
    assert [c.call_id for c, _ in await place.book.contacts(at(30))] == ["b"]


async def test_promises_stand_with_number_and_note_until_they_end(place: Place) -> None:
    call_id, due_at = CallId("a"), at(90)
    made = day.PromiseMade(
        at=at(1), call_id=call_id, agent_id=LINA, due_at=due_at, number=WANG, text="invoice"
    )
    moved = day.PromiseMoved(at=at(2), call_id=call_id, by=LINA, due_at=at(99), queue=SALES)
    await place.tell(*spoken("a", 0), made)
    [promise] = await place.book.promises()
    assert (promise.due_at, promise.agent_id, promise.number, promise.text) == (
        due_at, LINA, WANG, "invoice"
    )  # fmt: skip
    await place.tell(moved)
    [promise] = await place.book.promises()
    assert (promise.due_at, promise.agent_id, promise.queue) == (at(99), None, SALES)
    await place.tell(day.PromiseEnded(at=at(3), call_id=call_id, by=TOM, result="done"))
    assert await place.book.promises() == []


async def test_messages_with_their_texts_and_who_read_them(place: Place) -> None:
    def sent(number: int, minute: float) -> ev.Event:
        return day.MessageSent(
            at=at(minute), message_id=f"{number:016x}", by=AgentId("boss"), audience="team",
            target="north", recipients=(LINA, TOM), text=f"No. {number} 请接二线",
        )  # fmt: skip

    await place.tell(sent(1, 0), sent(2, 60))
    await place.tell(day.MessageRead(at=at(61), message_id=f"{2:016x}", agent_id=TOM))
    [message] = await place.book.messages(at(30))
    assert (message.text, message.recipients) == ("No. 2 请接二线", (LINA, TOM))
    assert message.read == {TOM: at(61)}


async def test_an_erased_number_leaves_an_entry_of_nobody(place: Place) -> None:
    if place.database is None:
        pytest.skip("erasing is the tables' business")
    await place.tell(*abandoned("a", 0))
    await place.database.change(lambda c: c.execute(delete(table(SubjectRow))))
    assert [number for _, number in await place.book.contacts(EVER)] == [""]


def random_day(seed: int) -> list[ev.Event]:
    """Calls of few numbers, in pieces, with hands, promises and messages between them."""
    draw = random.Random(seed)
    events: list[ev.Event] = []
    for n in range(60):
        ani = f"1380013800{draw.randrange(5)}"
        make = draw.choice([abandoned, abandoned, spoken])
        events += make(f"c{n}", n, ani)
        some = CallId(f"c{draw.randrange(n + 1)}")
        by, when = draw.choice([LINA, TOM]), at(n + 0.5)
        events += draw.choice(
            [
                [day.MissedTaken(at=when, call_id=some, agent_id=by, until_at=at(n + 15))],
                [day.MissedGivenBack(at=when, call_id=some, by=by)],
                [day.MissedClosed(at=when, call_id=some, by=by, result="other")],
                [day.PromiseMade(at=when, call_id=some, agent_id=by, due_at=at(200), number=ani)],
                [day.PromiseEnded(at=when, call_id=some, by=by, result="done")],
                [],
            ]
        )
    return events


@pytest.mark.parametrize("seed", range(3))
async def test_tables_memory_and_a_rebuild_say_the_same(place: Place, seed: int) -> None:
    if place.database is None or place.keeper is None:
        pytest.skip("there is nothing to compare memory with")
    events, draw = random_day(seed), random.Random(seed)
    while events:
        count = draw.randrange(1, 40)
        some, events = events[:count], events[count:]
        await place.tell(*some)
        await place.keeper.catch_up()
    assert await place.book.contacts(EVER) == await place.memory.contacts(EVER)
    assert await place.book.promises() == await place.memory.promises()
    rows = await place.database.look(_rows)
    await place.keeper.rebuild()
    assert await place.database.look(_rows) == rows


def _rows(connection: object) -> list[object]:
    found: list[object] = []
    for row in (ContactRow, PromiseRow, MessageRow, MessageReadRow):
        of = table(row)
        keys = list(of.primary_key)
        found += connection.execute(select(of).order_by(*keys)).all()  # type: ignore[attr-defined]
    return found
