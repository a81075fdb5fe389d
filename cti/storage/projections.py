"""Projections: tables derived from the journal. They can be dropped and made again, with the same rows.

A projection says how a call's events fold into a state, and how the state becomes rows; both are pure, so that the
rows depend on nothing but the events. What isn't of one call is a ``RunningProjection``: its memory stands in its own
tables.

The keeper follows the journal: it is handed each group after it was committed, folds it, and writes the changed rows
together with its own place in the journal (``journal_projections``); a crash between the two is caught up at the next
start. It works behind the journal and not in its transaction: a mistake in a projection stops no call, and ``flush``
waits for nobody.

States of calls that something happened to lately stand in memory; any other call's is folded anew from its events.
Rows of another version, or such as somebody has reset, are made again from the first event.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

import structlog
from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError

from cti.domain.events import Event
from cti.domain.ids import CallId
from cti.domain.segments import concerns
from cti.ports import Recorded
from cti.storage import projection_rows as rows_of
from cti.storage.database import Database
from cti.storage.projection_rows import Moved

log = structlog.get_logger(__name__)

FOLLOW_TIME = timedelta(seconds=1)
"""How long the keeper gathers what was committed before it writes rows."""

_RETRY_TIME = timedelta(seconds=2)
_KEPT_STATES = 20_000
_KEPT_EVENTS = 50_000  # committed and not yet folded; beyond that they are read back
_PAGE = 2000
_GENTLE_PAGE = 200  # some milliseconds of work: a service that catches up goes on with its calls
_GENTLE_PAUSE_S = 0.01

Tell = Callable[[int], None]


class Projection(Protocol):
    """A table with rows of calls, as a fold over each call's events."""

    @property
    def name(self) -> str:
        """What it is called; never given to another one."""

    @property
    def version(self) -> int:
        """Another one than that of the rows: they are made again."""

    @property
    def table(self) -> Table:
        """Where the rows are; its primary key is ``call_id``, and what tells a call's rows apart if it has several."""

    @property
    def kinds(self) -> tuple[type[Event], ...]:
        """The events that may change a row, each class by itself."""

    def begin(self) -> Any:
        """The state of a call of which nothing was told yet."""

    def apply(self, state: Any, event: Event) -> Any:
        """Fold one event in: the new state, or the old one changed. Depends on nothing but the two."""

    def rows(self, state: Any) -> Sequence[dict[str, Any]]:
        """The rows of a state, without ``call_id``; a row that was there once must stay."""


@runtime_checkable
class RunningProjection(Protocol):
    """Tables made by one fold over the events of all calls, whose memory is small and stands in these tables too."""

    @property
    def name(self) -> str:
        """What it is called; never given to another one."""

    @property
    def version(self) -> int:
        """Another one than that of the rows: they are made again."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables that are its own."""

    @property
    def kinds(self) -> tuple[type[Event], ...]:
        """The events that it is made of, each class by itself."""

    def load(self, connection: Connection) -> Any:
        """Take the memory up from the tables."""

    def write(self, connection: Connection, memory: Any, events: Sequence[Recorded]) -> None:
        """Fold events into the memory (which is changed) and bring the tables to the same state."""


@dataclass(slots=True)
class _Kept:
    """One projection as this process knows it."""

    projection: Projection | RunningProjection
    names: frozenset[str]
    place: int = -1  # the newest event in the rows; -1: not known
    states: OrderedDict[CallId, Any] = field(default_factory=OrderedDict)
    memory: Any = None  # of a running projection

    @property
    def tables(self) -> tuple[Table, ...]:
        if isinstance(self.projection, RunningProjection):
            return self.projection.tables
        return (self.projection.table,)

    def forget(self) -> None:
        self.place = -1
        self.states.clear()
        self.memory = None


class ProjectionKeeper:
    """Keeps projections up to date. ``take`` is for the journal's ``on_committed``."""

    def __init__(
        self,
        database: Database,
        projections: Iterable[Projection | RunningProjection],
        kept_states: int = _KEPT_STATES,
    ) -> None:
        self._database = database
        self._kept = [_Kept(p, frozenset(k.__name__ for k in p.kinds)) for p in projections]
        self._kept_states = kept_states
        self._committed: list[Recorded] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    def take(self, committed: Sequence[Recorded]) -> None:
        """Hear of a group that is in the journal now; it is folded soon."""
        if len(self._committed) + len(committed) > _KEPT_EVENTS:
            self._committed.clear()  # read back by their numbers
        self._committed.extend(committed)
        self._wake.set()

    async def start(self) -> None:
        """Begin to follow; what is behind is caught up in the background."""
        self._wake.set()
        self._task = asyncio.create_task(self._follow(), name="projections")

    async def stop(self) -> None:
        """Write what was heard of, and end; what can't be written is caught up at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        try:
            await self.catch_up()
        except OSError:
            log.warning("projections: the last rows are written at the next start")

    async def catch_up(self, *, is_gentle: bool = False, tell: Tell | None = None) -> None:
        """Return when every committed event is in the rows; ``tell`` hears how far the work is.

        Raises:
            OSError: the database can't be read or written; it goes on from there next time.
        """
        async with self._lock:
            committed, self._committed = self._committed, []
            for kept in self._kept:
                try:
                    await self._catch_up(kept, committed, is_gentle, tell)
                except BaseException as exc:
                    kept.forget()  # what is in memory may be ahead of the rows
                    if isinstance(exc, SQLAlchemyError):
                        raise OSError(f"{kept.projection.name}: no rows can be written") from exc
                    raise

    async def rebuild(self, tell: Tell | None = None) -> int:
        """Drop all rows and make them again; returns the number of the last event in them.

        Raises:
            OSError: see ``catch_up``.
        """
        async with self._lock:
            for kept in self._kept:
                p, tables = kept.projection, kept.tables
                await self._database.change(
                    lambda c, p=p, tables=tables: rows_of.reset(c, p.name, p.version, tables)  # type: ignore[misc]
                )
                kept.forget()
        await self.catch_up(tell=tell)
        return max((kept.place for kept in self._kept), default=0)

    async def _follow(self) -> None:
        pause_time = FOLLOW_TIME
        while True:
            await self._wake.wait()
            await asyncio.sleep(pause_time.total_seconds())
            self._wake.clear()
            pause_time = FOLLOW_TIME
            try:
                await self.catch_up(is_gentle=True)
            except OSError as exc:
                log.error("projections: cannot write, will try again", error=str(exc))
                pause_time = _RETRY_TIME
                self._wake.set()
            except Exception:  # a mistake in a fold: told, and tried again with the next events
                log.exception("projections: a fold failed")
                pause_time = _RETRY_TIME

    async def _catch_up(
        self, kept: _Kept, committed: Sequence[Recorded], is_gentle: bool, tell: Tell | None
    ) -> None:
        count = _GENTLE_PAGE if is_gentle else _PAGE
        # What is committed meanwhile is handed over like this: none of it is read back.
        end = committed[-1].sequence if committed else None
        while True:
            try:
                if kept.place < 0:
                    kept.place = await self._place_of(kept)
                place = kept.place
                if end is not None and place >= end:
                    return
                heard = [item for item in committed if item.sequence > place]
                if heard and heard[0].sequence == place + 1:
                    last = heard[-1].sequence
                    heard = [item for item in heard if type(item.event).__name__ in kept.names]
                else:
                    heard, last = await self._database.look(
                        lambda c, k=kept: rows_of.page(c, k.place, count, k.names)  # type: ignore[misc]
                    )
                if last == place:
                    return
                if isinstance(kept.projection, RunningProjection):
                    await self._run(kept, kept.projection, heard, last)
                else:
                    await self._write(kept, kept.projection, heard, last)
            except Moved:
                kept.forget()
            if tell is not None:
                tell(kept.place)
            if is_gentle:
                await asyncio.sleep(_GENTLE_PAUSE_S)

    async def _place_of(self, kept: _Kept) -> int:
        p, tables = kept.projection, kept.tables
        return await self._database.change(lambda c: rows_of.place_of(c, p.name, p.version, tables))

    async def _run(
        self, kept: _Kept, projection: RunningProjection, events: Sequence[Recorded], place: int
    ) -> None:
        """Fold events into the memory and the tables, together with the new place."""
        old = kept.place

        def write(connection: Connection) -> None:
            rows_of.move(connection, projection.name, projection.version, old, place)
            if kept.memory is None:
                kept.memory = projection.load(connection)
            projection.write(connection, kept.memory, events)

        await self._database.change(write, may_wait=True)
        kept.place = place

    async def _write(
        self, kept: _Kept, projection: Projection, events: Sequence[Recorded], place: int
    ) -> None:
        """Fold events in and write the changed rows with the new place."""
        states, old = kept.states, kept.place
        told = [(c, item.event) for item in events if (c := concerns(item.event)) is not None]
        unknown = [
            call_id for call_id in dict.fromkeys(c for c, _ in told) if call_id not in states
        ]
        early: dict[CallId, list[Recorded]] = {}
        if unknown:
            early = await self._database.look(
                lambda c: rows_of.events_of(c, unknown, old, kept.names)
            )
        for call_id in unknown:
            state = projection.begin()
            for item in early.get(call_id, ()):
                state = projection.apply(state, item.event)
            states[call_id] = state
        changed: dict[CallId, Any] = {}
        for call_id, event in told:
            states[call_id] = changed[call_id] = projection.apply(states[call_id], event)
            states.move_to_end(call_id)
        rows = [
            {"call_id": call_id, **row}
            for call_id, state in changed.items()
            for row in projection.rows(state)
        ]

        def write(connection: Connection) -> None:
            rows_of.move(connection, projection.name, projection.version, old, place)
            rows_of.put(connection, projection.table, rows)

        await self._database.change(write, may_wait=True)
        kept.place = place
        while len(states) > self._kept_states:
            states.popitem(last=False)
