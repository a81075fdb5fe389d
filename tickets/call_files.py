"""The files of calls: those of live calls in memory, all of them in the store.

A file changes many times in a call's life and is asked for all the time, so what stands here is the truth, and
the store follows: at the latest ``SAVE_TIME`` after a change, many files in one statement, and always as the first part of
any other change, so that whatever is decided inside a transaction is decided by files as they are. A crash costs
that moment at most; the journal has it and gives it back at the next start (``restore.py``).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from weakref import WeakValueDictionary

import structlog

from cti.domain.ids import CallId, CustomerId
from cti.ports import Clock
from tickets.model import CallFile
from tickets.ports import Files, TicketStore

log = structlog.get_logger(__name__)

SAVE_TIME = timedelta(milliseconds=100)
_RETRY_TIME = timedelta(seconds=2)
_KEPT_FILES = 2000

T = TypeVar("T")


class CallFiles:
    """One writer a call at a time."""

    def __init__(self, store: TicketStore, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        self._live: OrderedDict[CallId, CallFile] = OrderedDict()
        self._unsaved: dict[CallId, CallFile] = {}
        self._locks: WeakValueDictionary[CallId, asyncio.Lock] = WeakValueDictionary()
        self._saving: asyncio.Task[None] | None = None

    def locked(self, call_id: CallId) -> asyncio.Lock:
        """Be the only one who changes this call's file: ``async with`` it. Kept as long as somebody holds or awaits it."""
        lock = self._locks.get(call_id)
        if lock is None:
            lock = self._locks[call_id] = asyncio.Lock()
        return lock

    async def get(self, call_id: CallId) -> CallFile | None:
        """A call's file as it is now."""
        if (file := self.at_hand(call_id)) is not None:
            return file
        return await self.store.read(lambda files: files.call(call_id))

    def at_hand(self, call_id: CallId) -> CallFile | None:
        """A call's file, if it stands here: that of a live call always does."""
        return self._live.get(call_id)

    def keep(self, file: CallFile) -> None:
        """Take the new state of a file; it is written soon."""
        self._live[file.call_id] = file
        self._live.move_to_end(file.call_id)
        self._unsaved[file.call_id] = file
        while len(self._live) > _KEPT_FILES and next(iter(self._live)) not in self._unsaved:
            self._live.popitem(last=False)
        if self._saving is None:
            self._saving = asyncio.get_running_loop().create_task(self._save_on())

    async def write(self, work: Callable[[Files], T], *, may_wait: bool = False) -> T:
        """Change something in the store, after everything that is kept here.

        Raises:
            OSError: the store can't be written; nothing is lost, all of it is tried again.
        """
        unsaved, self._unsaved = self._unsaved, {}

        def save_and_work(files: Files) -> T:
            files.put_calls(list(unsaved.values()))
            return work(files)

        try:
            return await self.store.write(save_and_work, may_wait=may_wait)
        except BaseException:
            # Undone, these files' part too; what changed meanwhile is newer.
            self._unsaved = unsaved | self._unsaved
            raise

    async def save(self) -> None:
        """Return when everything kept so far is in the store.

        Raises:
            OSError: it can't be written.
        """
        while self._unsaved:
            await self.write(_nothing)

    async def stop(self) -> None:
        """Write the rest; what can't be written now is written after the next start."""
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)
        try:
            await self.save()
        except OSError as exc:
            log.error("tickets: the last changes stay in the journal only", error=str(exc))

    def forget_customers(self, removed: Iterable[CustomerId]) -> None:
        """Customers are gone: no file that is held here may name them any more."""
        gone = frozenset(removed)
        for held in (self._live, self._unsaved):
            for call_id, file in held.items():
                if file.customer_id in gone:
                    held[call_id] = replace(file, customer_id=None)

    def forget(self, call_ids: Iterable[CallId]) -> None:
        """Others have changed these files in the store: what stands here counts no more."""
        for call_id in call_ids:
            self._live.pop(call_id, None)
            self._unsaved.pop(call_id, None)

    async def _save_on(self) -> None:
        try:
            wait_time = SAVE_TIME
            while self._unsaved:
                await self._clock.sleep(wait_time)
                wait_time = await self._try_to_save()
        finally:
            self._saving = None

    async def _try_to_save(self) -> timedelta:
        try:
            await self.write(_nothing)
        except OSError as exc:
            log.error("tickets: calls' files can't be written, will try again", error=str(exc))
            return _RETRY_TIME
        return SAVE_TIME


def _nothing(_: Files) -> None:
    """Only what is kept is written."""
