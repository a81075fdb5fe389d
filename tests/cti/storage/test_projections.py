"""Tables derived from the journal: the same rows however they came about."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from cti.domain import events as ev
from cti.domain.ids import (
    AgentId,
    CallId,
    CustomerId,
    Endpoint,
    LegId,
    QueueName,
    RecordingId,
    TicketId,
)
from cti.storage.call_rows import CallRow, CallsProjection
from cti.storage.database import Database
from cti.storage.journal import SqlJournal
from cti.storage.projections import ProjectionKeeper
from tests.until import until

pytestmark = pytest.mark.contract

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SALES, PHONE, LINA = QueueName("sales"), Endpoint("1001w"), AgentId("lina")


@pytest.fixture
async def journal(database: Database) -> AsyncIterator[SqlJournal]:
    journal = SqlJournal(database)
    await journal.start()
    yield journal
    await journal.stop()


def keeper_of(database: Database, kept_states: int = 100) -> ProjectionKeeper:
    return ProjectionKeeper(database, [CallsProjection()], kept_states)


async def rows_of(database: Database) -> list[tuple[Any, ...]]:
    table = CallsProjection.table
    return await database.look(
        lambda c: [tuple(row) for row in c.execute(select(table).order_by(table.c.call_id))]
    )


async def record(journal: SqlJournal, events: Sequence[ev.Event]) -> None:
    for event in events:
        journal.record(event)
    await journal.flush()


def story(call_id: str = "c1") -> list[ev.Event]:
    """A call that waited, rang at two agents, talked, was on hold, and had its wrap-up, ticket and recording."""
    call, leg, at = CallId(call_id), LegId("1.1"), iter(range(100))

    def t() -> datetime:
        return T0 + timedelta(seconds=next(at))

    def became(state: str, previous: str) -> ev.AgentStateChanged:
        return ev.AgentStateChanged(
            at=t(), agent_id=LINA, state=state, previous=previous, call_id=call
        )

    return [
        ev.CallOffered(at=t(), call_id=call, leg_id=leg, dnis="4000", ani="+8613800138000"),
        ev.MenuEntered(at=t(), call_id=call, flow="main", flow_version=1, node="a"),
        ev.CallEnqueued(
            at=t(), call_id=call, queue=SALES, enqueued_at=T0 + timedelta(seconds=2)
        ),
        ev.AgentDidNotAnswer(
            at=t(), call_id=call, agent_id=AgentId("tom"), queue=SALES, reason="no_answer"
        ),
        ev.LegDialled(at=t(), call_id=call, leg_id=LegId("1.2"), endpoint=PHONE),
        ev.CallConnected(at=t(), call_id=call, leg_id=LegId("1.2"), endpoint=PHONE),
        ev.CallAnswered(
            at=t(), call_id=call, agent_id=LINA, queue=SALES, wait_time=timedelta(seconds=3)
        ),
        ev.TicketOpened(
            at=t(), call_id=call, ticket_id=TicketId(7), customer_id=CustomerId(1), reason="connected"
        ),
        ev.CallHeld(at=t(), call_id=call, by="agent"),
        ev.CallRetrieved(at=t(), call_id=call, by="agent"),
        ev.CallEnded(at=t(), call_id=call, cause=16, ended_by="caller"),
        became("WRAP_UP", "TALKING"),
        became("READY", "WRAP_UP"),
        ev.RecordingStored(
            at=t(), call_id=call, recording_id=RecordingId("r"), sha256="", size=1,
            duration_time=timedelta(seconds=4),
        ),
        ev.DispositionSet(
            at=t(), call_id=call, ticket_id=TicketId(7), disposition="sold", by="lina"
        ),
    ]  # fmt: skip


async def test_a_calls_row_says_what_happened(database: Database, journal: SqlJournal) -> None:
    await record(journal, story())
    await keeper_of(database).catch_up()
    async with database.read() as session:
        [row] = (await session.scalars(select(CallRow))).all()
    assert (row.call_id, row.direction, row.dnis, row.queue) == ("c1", "inbound", "4000", "sales")
    assert (row.offered_at, row.enqueued_at) == (T0, T0 + timedelta(seconds=2))
    assert (row.answered_at, row.ended_at) == (
        T0 + timedelta(seconds=5),
        T0 + timedelta(seconds=10),
    )
    assert (row.agent_id, row.endpoint, row.outcome) == ("lina", "1001w", "answered")
    assert (row.ended_by, row.cause, row.attempts, row.holds) == ("caller", 16, 1, 1)
    assert (row.menu_ms, row.wait_ms, row.talk_ms, row.hold_ms) == (2000, 3000, 4000, 1000)
    assert (row.wrap_up_ms, row.recording_id, row.ticket_id) == (2000, "r", 7)
    assert row.disposition == "sold"
    assert "13800138000" not in repr(await rows_of(database))


LEFT = ev.CallAbandoned(at=T0, call_id=CallId("c1"), queue=SALES, wait_time=timedelta(seconds=8))
MERGED = ev.CallMerged(at=T0, call_id=CallId("c1"), into_call_id=CallId("c2"))


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        (story()[:2], "menu"),
        (story()[:3], "unanswered"),
        ([*story()[:3], LEFT], "abandoned"),
        ([*story()[:6], MERGED], "merged"),
        (story()[:6], "answered"),
    ],
    ids=["menu", "unanswered", "abandoned", "merged", "answered"],
)
async def test_outcomes(
    database: Database, journal: SqlJournal, events: list[ev.Event], outcome: str
) -> None:
    keeper = keeper_of(database)

    async def outcomes() -> list[str]:
        await keeper.catch_up()
        async with database.read() as session:
            return list((await session.scalars(select(CallRow.outcome))).all())

    await record(journal, events)
    assert await outcomes() == [""]  # it goes on
    await record(journal, story()[10:11])
    assert await outcomes() == [outcome]


def random_events(rng: random.Random, count: int) -> list[ev.Event]:
    """Events in any order, of calls that may never have been offered: whatever a journal may hold."""
    pool: list[ev.Event] = []
    for n in range(8):
        pool += story(f"c{n}")
    pool += [
        ev.CallRecovered(
            at=T0, call_id=CallId("c1"), leg_id=LegId("1.1"), state="talking", endpoint=PHONE
        ),
        ev.CallRecovered(at=T0, call_id=CallId("c9"), leg_id=LegId("9.1"), state="waiting", queue=SALES),
        ev.PhoneStateChanged(at=T0, endpoint=PHONE, state="idle"),
        ev.PopSent(at=T0, call_id=CallId("c2"), agent_id=LINA, chosen_at=T0),
        ev.SecurityNoted(at=T0, what="x"),
    ]  # fmt: skip
    return rng.choices(pool, k=count) if rng.random() < 0.5 else rng.sample(pool, k=len(pool))


@pytest.mark.parametrize("seed", range(4))
async def test_followed_in_pieces_or_made_again_the_rows_are_the_same(
    database: Database, journal: SqlJournal, seed: int
) -> None:
    rng = random.Random(seed)
    keeper = keeper_of(database, kept_states=rng.choice([1, 3, 100]))
    journal.on_committed = keeper.take
    for _ in range(3):
        events = random_events(rng, 100)
        while events:
            count = rng.randint(1, 20)
            await record(journal, events[:count])
            events = events[count:]
            if rng.random() < 0.4:
                await keeper.catch_up()
            if rng.random() < 0.2:  # the process dies, with whatever it had not written
                keeper = keeper_of(database, kept_states=rng.choice([1, 3, 100]))
                journal.on_committed = keeper.take
    await keeper.catch_up()
    followed = await rows_of(database)
    assert len(followed) >= 8
    assert await keeper_of(database).rebuild() == journal.last
    assert await rows_of(database) == followed
    await record(journal, story("c20"))
    await keeper.catch_up()  # it was told nothing of the rebuild
    assert len(await rows_of(database)) == len(followed) + 1


async def test_the_keeper_follows_by_itself_and_ends_with_everything_written(
    database: Database, journal: SqlJournal
) -> None:
    await record(journal, story("c1"))  # before its time
    keeper = keeper_of(database)
    journal.on_committed = keeper.take
    await keeper.start()
    await record(journal, story("c2"))

    async def are_there() -> bool:
        return len(await rows_of(database)) == 2

    await until(are_there, within=30)
    await record(journal, story("c3"))
    await keeper.stop()
    assert len(await rows_of(database)) == 3


async def test_a_rebuild_beside_a_follower_ends_in_the_same_rows(
    database: Database, journal: SqlJournal
) -> None:
    follower, other = keeper_of(database), keeper_of(Database(database.url))
    journal.on_committed = follower.take
    await follower.start()

    async def write() -> None:
        for n in range(60):
            await record(journal, story(f"c{n}"))

    await asyncio.gather(write(), other.rebuild(), other.rebuild())
    await follower.stop()
    await other._database.close()
    live = await rows_of(database)
    assert len(live) == 60
    await keeper_of(database).rebuild()
    assert await rows_of(database) == live


async def test_rows_of_another_version_are_made_again(
    database: Database, journal: SqlJournal
) -> None:
    await record(journal, story())
    await keeper_of(database).catch_up()
    rows = await rows_of(database)
    async with database.write() as session:
        await session.execute(text("UPDATE calls SET dnis = 'of an older version'"))
        await session.execute(text("UPDATE journal_projections SET version = 0"))
    await keeper_of(database).catch_up()
    assert await rows_of(database) == rows


async def test_a_mistake_in_a_fold_stops_neither_the_journal_nor_the_follower(
    database: Database, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = True

    class Fragile(CallsProjection):
        def apply(self, state: Any, event: ev.Event) -> Any:
            if broken:
                raise ZeroDivisionError
            return super().apply(state, event)

    monkeypatch.setattr("cti.storage.projections._RETRY_TIME", timedelta(milliseconds=10))
    keeper = ProjectionKeeper(database, [Fragile()])
    journal.on_committed = keeper.take
    await keeper.start()
    await record(journal, story("c1"))
    await asyncio.sleep(0)
    broken = False

    async def is_there() -> bool:
        await record(journal, [ev.SecurityNoted(at=T0, what="x")])
        return bool(await rows_of(database))

    await until(is_there, within=30)
    await keeper.stop()
