"""The figures' tables: the same rows however they came about, and the same answers as the pure definitions give."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from acd.adapters.figures_memory import MemoryFigures
from acd.adapters.figures_rows import AgentTimesProjection, VisitsProjection
from acd.adapters.figures_sql import SqlFigures
from acd.figures_book import Period
from acd.figures_counts import Slice, Thresholds
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.storage.database import Database
from cti.storage.journal import SqlJournal
from cti.storage.projection_rows import put
from cti.storage.projections import ProjectionKeeper

pytestmark = pytest.mark.contract

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SALES, HELP = QueueName("sales"), QueueName("help")
LINA, TOM = AgentId("lina"), AgentId("tom")
PHONES = {LINA: Endpoint("1001w"), TOM: Endpoint("1002")}
THRESHOLDS = {
    SALES: Thresholds(timedelta(seconds=20), timedelta(seconds=5)),
    HELP: Thresholds(timedelta(seconds=60), timedelta(seconds=9)),
}
DAY = Period(T0 - timedelta(hours=1), T0 + timedelta(hours=4))
NOW = T0 + timedelta(hours=2)


@pytest.fixture
async def journal(database: Database) -> AsyncIterator[SqlJournal]:
    journal = SqlJournal(database)
    await journal.start()
    yield journal
    await journal.stop()


def keeper_of(database: Database, kept_states: int = 100) -> ProjectionKeeper:
    return ProjectionKeeper(database, [VisitsProjection(), AgentTimesProjection()], kept_states)


class Day:
    """Random calls and agents, as a service and its switch would tell them, a few mistakes included."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._events: list[ev.Event] = []

    def make(self, calls: int) -> list[ev.Event]:
        for agent in PHONES:
            self._agent(agent, 0, "READY")
        for number in range(calls):
            self._call(CallId(f"c{number}"), self._rng.uniform(0, 7000))
        return sorted(self._events, key=lambda event: event.at)

    def _call(self, call_id: CallId, begin: float) -> None:
        rng, queue = self._rng, self._rng.choice([SALES, HELP])
        t = begin
        self._tell(ev.CallEnqueued, t, call_id, queue=queue, enqueued_at=_at(begin))
        if rng.random() < 0.5:
            guess = timedelta(seconds=rng.uniform(0, 90))
            self._tell(ev.WaitEstimated, t, call_id, queue=queue, position=2, estimate_time=guess)
        for _ in range(rng.choice([0, 0, 1, 2])):
            t += rng.uniform(1, 15)
            reason = rng.choice(["no_answer", "declined", "unreachable"])
            who = rng.choice(list(PHONES))
            self._tell(ev.AgentDidNotAnswer, t, call_id, agent_id=who, queue=queue, reason=reason)
            self._tell(ev.CallEnqueued, t, call_id, queue=queue, enqueued_at=_at(begin))
        t += rng.uniform(0.5, 80)
        how = rng.choice(
            ["answered", "answered", "abandoned", "overflowed", "key", "closed", "waits"]
        )
        wait = timedelta(seconds=t - begin)
        if how == "waits":
            return
        if how in ("overflowed", "closed"):
            reason = "closed" if how == "closed" else "length"
            self._tell(ev.CallOverflowed, t, call_id, queue=queue, reason=reason)
        elif how == "key":
            self._tell(ev.CallLeftByKey, t, call_id, queue=queue, target_kind="callback")
        elif how == "answered":
            t = self._talk(call_id, queue, t, wait)
        if how == "overflowed" or (how == "answered" and rng.random() < 0.3):
            t += 1
            other = HELP if queue == SALES else SALES
            self._tell(ev.CallTransferred, t, call_id, kind="blind", target_kind="queue")
            self._tell(ev.CallEnqueued, t, call_id, queue=other, enqueued_at=_at(t))
            t += rng.uniform(1, 100)
        self._tell(ev.CallEnded, t, call_id, cause=16, ended_by="caller")

    def _talk(self, call_id: CallId, queue: QueueName, t: float, wait: timedelta) -> float:
        rng, who = self._rng, self._rng.choice(list(PHONES))
        self._tell(ev.CallConnected, t, call_id, leg_id=LegId("1"), endpoint=PHONES[who])
        self._agent(who, t, "TALKING", call_id)
        self._tell(ev.CallAnswered, t, call_id, agent_id=who, queue=queue, wait_time=wait)
        t += rng.uniform(1, 200)
        if rng.random() < 0.5:
            self._tell(ev.CallHeld, t, call_id, by="agent")
            t += rng.uniform(1, 60)
            self._tell(ev.CallRetrieved, t, call_id, by="agent")
            t += rng.uniform(1, 60)
        self._agent(who, t, "WRAP_UP", call_id)
        self._agent(who, t + rng.uniform(1, 30), "READY", call_id)
        return t

    def _agent(self, who: AgentId, t: float, state: str, call_id: CallId | None = None) -> None:
        self._events.append(
            ev.AgentStateChanged(
                at=_at(t), agent_id=who, state=state, previous="", call_id=call_id, kind="queue",
                endpoint=PHONES[who],
            )
        )  # fmt: skip

    def _tell(self, of: type[ev.Event], t: float, call_id: CallId, **values: Any) -> None:
        self._events.append(of(at=_at(t), call_id=call_id, **values))  # type: ignore[call-arg]


def borders() -> list[ev.Event]:
    """Waits on both sides of each threshold, a millisecond apart."""
    events: list[ev.Event] = []
    for number, wait in enumerate([4.999, 5.0, 8.999, 9.0, 20.0, 20.001, 60.0, 60.001]):
        for queue in (SALES, HELP):
            for is_answered in (True, False):
                call = CallId(f"border-{number}-{queue}-{is_answered}")
                told: dict[str, Any] = {"call_id": call, "at": T0 + timedelta(seconds=wait)}
                events.append(ev.CallEnqueued(at=T0, call_id=call, queue=queue, enqueued_at=T0))
                if is_answered:
                    events.append(ev.CallConnected(**told, leg_id=LegId("1"), endpoint=PHONES[TOM]))
                events.append(ev.CallEnded(**told, cause=16, ended_by="caller"))
    return events


def _at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


async def rows_of(database: Database) -> list[tuple[Any, ...]]:
    tables = [VisitsProjection.table, *AgentTimesProjection.tables]

    def read(connection: Any) -> list[tuple[Any, ...]]:
        return [
            (table.name, *row)
            for table in tables
            for row in connection.execute(select(table).order_by(*table.primary_key))
        ]

    return await database.look(read)


async def record(journal: SqlJournal, events: list[ev.Event]) -> None:
    for event in events:
        journal.record(event)
    await journal.flush()


@pytest.mark.parametrize("seed", range(2))
async def test_followed_in_pieces_or_made_again_the_rows_are_the_same(
    database: Database, journal: SqlJournal, seed: int
) -> None:
    rng = random.Random(seed)
    events = Day(rng).make(40)
    # Calls end long after they began: some states are folded anew from the journal.
    keeper = keeper_of(database, kept_states=3)
    journal.on_committed = keeper.take
    while events:
        count = rng.randint(1, 60)
        await record(journal, events[:count])
        events = events[count:]
        if rng.random() < 0.6:
            await keeper.catch_up()
        if rng.random() < 0.3:  # the process dies, with whatever it had not written
            keeper = keeper_of(database, kept_states=3)
            journal.on_committed = keeper.take
    await keeper.catch_up()
    followed = await rows_of(database)
    assert len(followed) > 60
    assert await keeper_of(database).rebuild() == journal.last
    assert await rows_of(database) == followed


async def test_a_write_that_fails_is_made_up_for_and_counts_nothing_twice(
    database: Database, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = keeper_of(database)
    events = Day(random.Random(5)).make(20)
    await record(journal, events[:60])
    await keeper.catch_up()
    await record(journal, events[60:])

    def fail(connection: Any, table: Any, rows: Any, sums: Any = ()) -> None:
        if not sums:
            raise OSError("no room")
        put(connection, table, rows, sums)  # half of it is there already

    with monkeypatch.context() as patch:
        patch.setattr("acd.adapters.figures_rows.put", fail)
        with pytest.raises(OSError, match="no room"):
            await keeper.catch_up()
    await keeper.catch_up()
    followed = await rows_of(database)
    await keeper_of(database).rebuild()
    assert await rows_of(database) == followed


async def test_the_tables_answer_as_the_definitions_do(
    database: Database, journal: SqlJournal
) -> None:
    events = Day(random.Random(11)).make(60) + borders()
    memory = MemoryFigures()
    for event in events:
        memory.take(event)
    await record(journal, events)
    await keeper_of(database).catch_up()
    book = SqlFigures(database)

    queues = await book.queues(DAY, THRESHOLDS, NOW)
    assert queues == await memory.queues(DAY, THRESHOLDS, NOW)
    assert len(queues) > 8
    assert all(figures.is_whole for figures in queues.values())
    assert sum(f.offered for f in queues.values()) == len(memory.every)
    first = queues[SALES, T0]
    assert 1 <= first.short_abandoned < first.abandoned
    only = {HELP: THRESHOLDS[HELP]}
    half = replace(DAY, end_at=T0 + timedelta(minutes=30))
    assert await book.queues(half, only, NOW) == await memory.queues(half, only, NOW)
    assert await book.queues(DAY, {}, NOW) == {}

    for who in ([LINA], [LINA, TOM], [AgentId("nobody")], []):
        agents = await book.agents(DAY, who, NOW)
        assert agents == await memory.agents(DAY, who, NOW)
        assert {agent for agent, _ in agents} <= set(who)
    everything = await book.agents(DAY, [LINA, TOM], NOW)
    assert sum(f.answered for f in everything.values()) == sum(
        1 for event in events if isinstance(event, ev.CallAnswered)
    )

    for queue, limits in THRESHOLDS.items():
        for figure in Slice:
            lines = await book.visits(DAY, queue, figure, limits)
            assert lines == await memory.visits(DAY, queue, figure, limits)
    in_all = await book.visits(DAY, SALES, Slice.OFFERED, THRESHOLDS[SALES])
    paged = [
        line
        for first in range(0, len(in_all), 7)
        for line in await book.visits(
            DAY, SALES, Slice.OFFERED, THRESHOLDS[SALES], offset=first, limit=7
        )
    ]
    assert paged == in_all


async def test_a_database_that_cannot_be_read_is_one_clear_error(database: Database) -> None:
    from sqlalchemy import text

    async with database.write() as session:
        await session.execute(text("DROP TABLE queue_visits"))
    with pytest.raises(OSError, match="can't be read"):
        await SqlFigures(database).queues(DAY, THRESHOLDS, NOW)
