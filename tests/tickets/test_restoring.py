"""What a crash lost comes back from the journal, and only that."""

from __future__ import annotations

from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId
from tests.fakes.people import HandClock, MemoryAccounts
from tests.fakes.recordings import MemoryJournal
from tests.tickets.conftest import CALL, COMPANY, LINA, SHARED, WANG, World
from tickets.adapters.memory import MemoryTicketStore
from tickets.model import CallFile
from tickets.ports import TicketStore
from tickets.wiring import Tickets, build_tickets

pytestmark = pytest.mark.contract

ENTERED: dict[str, Any] = {"flow": "main", "flow_version": 1, "node": "a", "label": "Billing"}


@pytest.fixture
def store() -> TicketStore:
    """Memory will do: the promises of the store have tests of their own."""
    return MemoryTicketStore()


@pytest.fixture
def journal(world: World) -> MemoryJournal:
    """Everything that was told."""
    journal = MemoryJournal()
    world.bus.subscribe(lambda event: void(journal.record(event)))
    return journal


def void(_: object) -> None:
    """A listener returns nothing."""


async def whole_day(world: World) -> None:
    """A known caller with menu, hold and recording; a nameless one; one who abandons."""
    await world.offered(WANG)
    await world.happen(ev.MenuEntered, **ENTERED)
    await world.enqueued()
    await world.connected()
    world.clock.advance(3)
    await world.happen(ev.CallHeld, by="agent")
    world.clock.advance(2)
    await world.happen(ev.CallRetrieved, by="agent")
    await world.ended()
    await world.recorded()
    await world.recorded()  # told again
    await world.talk("anonymous", CallId("pbx1-2.1-1"))
    await world.offered(SHARED, call_id=CallId("pbx1-3.1-1"))
    await world.enqueued(CallId("pbx1-3.1-1"))


async def restarted(store: TicketStore, world: World, journal: MemoryJournal) -> Tickets:
    """The department of the next process, on this store."""
    fresh = build_tickets(
        store, world.bus, HandClock(), MemoryAccounts(LINA), COMPANY, world.tickets.plan
    )
    await fresh.service.restore(journal.events, journal)
    return fresh


def files_of(store: TicketStore) -> dict[CallId, CallFile]:
    """All files that were written."""
    assert isinstance(store, MemoryTicketStore)
    return dict(store._rows.calls)


async def test_nothing_is_behind_after_an_orderly_end(world: World, journal: MemoryJournal) -> None:
    await whole_day(world)
    before, told = files_of(world.tickets.store), len(journal.events)
    fresh = await restarted(world.tickets.store, world, journal)
    assert files_of(world.tickets.store) == before
    assert len(journal.events) == told
    assert await fresh.service.restore(journal.events, journal) == 0


@pytest.mark.parametrize("kept", range(14))
async def test_cut_off_anywhere_the_files_come_out_the_same(
    world: World, journal: MemoryJournal, kept: int
) -> None:
    """The store stops at any point of the day, the journal goes on: the next start makes up for it."""
    store = world.tickets.store
    assert isinstance(store, MemoryTicketStore)
    real_write, written = store.write, 0
    frozen: MemoryTicketStore | None = None

    async def counting(work: Any, *, may_wait: bool = False) -> Any:
        nonlocal written, frozen
        if written == kept and frozen is None:
            frozen = MemoryTicketStore()
            frozen._rows = store._rows.copy()
        written += 1
        return await real_write(work, may_wait=may_wait)

    store.write = counting  # type: ignore[method-assign]
    await whole_day(world)
    assert frozen is not None
    opened = {e.call_id for e in journal.events if isinstance(e, ev.TicketOpened)}
    known = {c for c, file in files_of(frozen).items() if file.ticket_id is not None}
    # What the crash took from the store it took from the journal, too: they are told after their commit.
    journal.events = [
        e
        for e in journal.events
        if not isinstance(e, (ev.TicketOpened, ev.RecordingAttached)) or e.call_id in known
    ]
    await restarted(frozen, world, journal)
    assert files_of(frozen) == files_of(store)
    again = {e.call_id for e in journal.events if isinstance(e, ev.TicketOpened)}
    assert again == opened


async def test_what_people_decided_stays(world: World, journal: MemoryJournal) -> None:
    await world.talk(WANG)
    first = await world.tickets.office.ticket(CALL)
    two = CallId("pbx1-2.1-1")
    await world.talk(SHARED, two)
    assert first is not None
    await world.tickets.office.attach(two, first.ticket_id, AgentId("u1"))
    await world.ended(two)
    before = files_of(world.tickets.store)
    await restarted(world.tickets.store, world, journal)
    assert files_of(world.tickets.store) == before


async def test_a_call_from_before_what_was_read_is_read_from_the_journal(
    world: World, journal: MemoryJournal
) -> None:
    await world.talk(WANG)
    behind = files_of(world.tickets.store)[CALL]
    await world.ended()
    whole = files_of(world.tickets.store)[CALL]
    await world.tickets.store.write(lambda files: files.put_calls([behind]))
    fresh = build_tickets(
        world.tickets.store, world.bus, HandClock(), MemoryAccounts(LINA), COMPANY,
        world.tickets.plan,
    )  # fmt: skip
    assert await fresh.service.restore(journal.events[-1:], journal) == 1
    assert files_of(world.tickets.store)[CALL] == whole
