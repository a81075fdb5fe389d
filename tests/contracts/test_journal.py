"""The journal: one suite for the one in memory and for the real one on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cti.bootstrap import MainJournal
from cti.clock import SystemClock
from cti.domain import callback_events as cb
from cti.domain import events as ev
from cti.domain.callbacks import attempt_id
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.ports import Recorded
from cti.storage.database import Database
from cti.storage.journal import SqlJournal
from tests.fakes.journal import MemoryJournal, Page
from tests.servers import Postgres, sqlite_url
from tests.until import until

pytestmark = pytest.mark.contract

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
Opener = Callable[[], contextlib.AbstractAsyncContextManager[MainJournal]]


def offered(n: int) -> ev.CallOffered:
    return ev.CallOffered(
        at=T0, call_id=CallId(f"c{n}"), leg_id=LegId("l"), ani=f"+86138001380{n:02}", dnis="4000"
    )


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens the same journal again and again."""
    if request.param == "memory":
        pages: list[Page] = []
        yield lambda: _open(MemoryJournal(pages, SystemClock()))
        return
    if request.param == "sqlite":
        url = sqlite_url(tmp_path)
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.new_database()
    database = Database(url)
    yield lambda: _open(SqlJournal(database))
    await database.close()


@contextlib.asynccontextmanager
async def _open(journal: MainJournal) -> AsyncIterator[MainJournal]:
    await journal.start()
    try:
        yield journal
    finally:
        await journal.stop()


async def everything(journal: MainJournal, **kwargs: object) -> list[Recorded]:
    return [item async for item in journal.read(**kwargs)]  # type: ignore[arg-type]


async def test_what_was_recorded_is_read_back_in_order(opened: Opener) -> None:
    async with opened() as journal:
        numbers = [journal.record(offered(n)) for n in range(5)]
        await journal.flush()
        assert numbers == [1, 2, 3, 4, 5]
        assert journal.last == 5
        assert [r.event for r in await everything(journal)] == [offered(n) for n in range(5)]
        assert [r.sequence for r in await everything(journal, after=3)] == [4, 5]
        mine = await everything(journal, call_id=CallId("c2"))
        assert [r.event for r in mine] == [offered(2)]
        assert await everything(journal, call_id=CallId("other")) == []


async def test_a_long_journal_is_read_whole(opened: Opener) -> None:
    async with opened() as journal:
        for n in range(1203):
            journal.record(offered(n))
        await journal.flush()
        assert [r.sequence for r in await everything(journal)] == list(range(1, 1204))


async def test_events_are_committed_without_a_flush(opened: Opener) -> None:
    async with opened() as journal:
        journal.record(offered(1))
        await until(lambda: everything(journal), within=30)


async def test_ending_commits_the_rest_and_numbers_go_on_after_a_restart(opened: Opener) -> None:
    async with opened() as journal:
        assert journal.last == 0
        journal.record(offered(1))
    async with opened() as journal:
        assert journal.last == 1
        assert journal.record(offered(2)) == 2
        await journal.flush()
        assert [r.event for r in await everything(journal)] == [offered(1), offered(2)]


async def test_a_flush_with_nothing_to_do_returns(opened: Opener) -> None:
    async with opened() as journal:
        await journal.flush()
        assert (journal.last, journal.is_failing) == (0, False)


async def test_concurrent_flushes_commit_each_event_once(opened: Opener) -> None:
    async with opened() as journal:

        async def command(n: int) -> None:
            journal.record(offered(n))
            await journal.flush()

        await asyncio.gather(*(command(n) for n in range(20)))
        found = await everything(journal)
        assert [r.sequence for r in found] == list(range(1, 21))
        assert {r.event for r in found} == {offered(n) for n in range(20)}


async def test_values_of_all_kinds_come_back_as_they_were(opened: Opener) -> None:
    beijing = T0.astimezone().replace(microsecond=123456)
    events = [
        ev.CallEnqueued(
            at=beijing,
            call_id=CallId("c"),
            queue=QueueName("sales"),
            enqueued_at=T0 - timedelta(microseconds=1),
            credit_time=timedelta(milliseconds=-1500),
        ),
        ev.CallerIdentified(at=T0, call_id=CallId("c"), match="maybe"),
        ev.CommandAccepted(at=T0, command_id="x", name="王", by="u", arguments={"a": "'\"\\"}),
    ]
    async with opened() as journal:
        for event in events:
            journal.record(event)
        await journal.flush()
        assert [r.event for r in await everything(journal)] == events


async def test_what_no_database_can_keep_stops_nothing(opened: Opener) -> None:
    """A caller's name is what his side sends: NUL, half a surrogate pair, a million characters."""
    name = "王\0\ud83dx😀"
    async with opened() as journal:
        journal.record(
            ev.CallOffered(at=T0, call_id=CallId("c"), leg_id=LegId("l"), ani_name=name, dnis=name)
        )
        journal.record(
            ev.CallOffered(at=T0, call_id=CallId("d"), leg_id=LegId("l"), ani_name="y" * 1_000_000)
        )
        await journal.flush()
        first, second = [r.event for r in await everything(journal)]
        assert isinstance(first, ev.CallOffered)
        assert isinstance(second, ev.CallOffered)
        assert (first.ani_name, first.dnis) == ("王\ufffd\ufffdx😀",) * 2
        assert len(second.ani_name) == 1_000_000


async def test_what_is_no_event_takes_no_number(opened: Opener) -> None:
    async with opened() as journal:
        with pytest.raises(TypeError):
            journal.record("nonsense")  # type: ignore[arg-type]
        assert journal.record(offered(1)) == 1
        await journal.flush()
        assert [r.event for r in await everything(journal)] == [offered(1)]


async def test_an_agents_newest_state_is_found_however_long_ago(opened: Opener) -> None:
    def became(agent: str, state: str) -> ev.AgentStateChanged:
        return ev.AgentStateChanged(at=T0, agent_id=AgentId(agent), state=state, previous="READY")

    async with opened() as journal:
        for event in (became("lina", "TALKING"), became("tom", "READY"), became("lina", "WRAP_UP")):
            journal.record(event)
            await journal.flush()
        journal.record(offered(1))
        await journal.flush()
        newest = [became("tom", "READY"), became("lina", "WRAP_UP")]
        assert await journal.agent_states(before=journal.last) == newest
        assert await journal.agent_states(before=2) == newest[:1]


SALES = QueueName("sales")


async def test_callbacks_that_stand_are_found_however_long_ago(opened: Opener) -> None:
    asked, over = CallId("rd-1.1-1"), CallId("rd-1.2-1")

    def requested(call_id: CallId) -> cb.CallbackRequested:
        return cb.CallbackRequested(
            at=T0, call_id=call_id, queue=SALES, enqueued_at=T0, expires_at=T0, number="13800138000"
        )

    def attempted(serial: int) -> cb.CallbackAttempted:
        return cb.CallbackAttempted(
            at=T0, call_id=attempt_id(asked, serial), callback_id=asked, agent_id=AgentId("lina"),
            endpoint=Endpoint("1001"), queue=SALES, serial=serial, attempt=1, requested_at=T0,
            enqueued_at=T0, number="13800138000",
        )  # fmt: skip

    postponed = cb.CallbackPostponed(
        at=T0, call_id=asked, queue=SALES, serial=1, attempts=1, due_at=T0, reason="busy"
    )
    ended = cb.CallbackEnded(at=T0, call_id=over, queue=SALES, result="done")
    async with opened() as journal:
        journal.record(requested(asked))
        journal.record(requested(over))
        await journal.flush()
        for event in (attempted(1), postponed, ended, attempted(2)):
            journal.record(event)
        await journal.flush()
        story = [requested(asked), postponed, attempted(2)]
        assert await journal.open_callbacks(before=journal.last) == story
        assert await journal.open_callbacks(before=0) == []
        assert await journal.agent_states(before=journal.last) == []
