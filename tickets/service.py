"""Keeps every call's file, finds out who calls, and opens tickets: the reactions.

Order of things for one call, all on its own worker: offered → the number is read, customers are looked up,
``CallerIdentified`` (long before anybody rings, so that the pop is ready when an agent is chosen); connected or abandoned →
customer file and ticket in one transaction, ``TicketOpened``; ended; recording stored → ``RecordingAttached``.
What agents command (``office.py``) changes the same files, hence the lock by call.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import structlog

from cti.domain import events as ev
from cti.domain.ids import CallId, CustomerId, Endpoint
from cti.domain.numbers import DialPlan, read_number
from cti.domain.people import User
from cti.domain.text import clean_name, hide_digits
from cti.ports import Accounts, Clock, EventBus
from tickets import model
from tickets.model import CallFile, Customer, Match, TicketRules
from tickets.ports import Files, TicketStore
from tickets.workers import CallWorkers

log = structlog.get_logger(__name__)

PROVISIONAL_TIME = timedelta(minutes=15)
"""After its call, how long a provisional file waits for somebody to write into it."""

_KEPT_FILES = 2000
_PEOPLE_TIME = 60.0  # seconds until names are looked up again

_KINDS = (
    ev.CallOffered,
    ev.CallRecovered,
    ev.MenuEntered,
    ev.MenuInput,
    ev.CallEnqueued,
    ev.CallFellBack,
    ev.CallConnected,
    ev.CallAnswered,
    ev.CallAbandoned,
    ev.AgentDidNotAnswer,
    ev.CallHeld,
    ev.CallRetrieved,
    ev.AgentLegLost,
    ev.CallEnded,
    ev.RecordingStored,
    ev.RecordingFailed,
)
# Steps after which a crash must not lose the file; the others are written with the next of these.
_SAVED = (
    ev.CallEnqueued,
    ev.CallFellBack,
    ev.CallConnected,
    ev.CallEnded,
    ev.RecordingStored,
    ev.RecordingFailed,
)


class CallFiles:
    """The files of live calls in memory, the others in the store; one writer a call at a time."""

    def __init__(self, store: TicketStore) -> None:
        self.store = store
        self._live: OrderedDict[CallId, CallFile] = OrderedDict()
        self._locks: WeakValueDictionary[CallId, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def locked(self, call_id: CallId) -> AsyncIterator[None]:
        """Be the only one who changes this call's file."""
        lock = self._locks.get(call_id)
        if lock is None:
            lock = self._locks[call_id] = asyncio.Lock()
        async with lock:
            yield

    async def get(self, call_id: CallId) -> CallFile | None:
        """A call's file as it is now."""
        if (file := self._live.get(call_id)) is not None:
            return file
        async with self.store.read() as files:
            return await files.call(call_id)

    def keep(self, file: CallFile) -> None:
        """Take the new state of a file, after it was written or before it will be."""
        self._live[file.call_id] = file
        self._live.move_to_end(file.call_id)
        while len(self._live) > _KEPT_FILES:
            self._live.popitem(last=False)

    def forget_customers(self, removed: frozenset[CustomerId]) -> None:
        """Customers are gone: no file that is held here may name them any more."""
        for call_id, file in self._live.items():
            if file.customer_id in removed:
                self._live[call_id] = replace(file, customer_id=None)


class TicketService:
    """Reacts to what happens to calls."""

    def __init__(
        self,
        store: TicketStore,
        bus: EventBus,
        clock: Clock,
        accounts: Accounts,
        plan: DialPlan,
        rules: TicketRules | None = None,
    ) -> None:
        self.files = CallFiles(store)
        self._store = store
        self._bus = bus
        self._clock = clock
        self._accounts = accounts
        self._plan = plan
        self._rules = rules or TicketRules()
        self._workers = CallWorkers(self._react, clock)
        self._changed: list[Callable[[CallId], None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        self._people: dict[str, User] = {}
        self._people_at = float("-inf")
        self._sweeps: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen."""
        await self.sweep()
        self._unsubscribe = self._bus.subscribe(self._listen, *_KINDS)

    async def stop(self) -> None:
        """Stop listening; what was heard is still worked on."""
        self._unsubscribe()
        await self.idle()

    async def idle(self) -> None:
        """Return when everything heard so far was worked on."""
        await self._workers.idle()
        await asyncio.gather(*self._sweeps)

    def on_change(self, listener: Callable[[CallId], None]) -> None:
        """Be told whenever a call's file or ticket looks different."""
        self._changed.append(listener)

    def tell_change(self, call_id: CallId) -> None:
        """A call's file or ticket looks different."""
        for listener in self._changed:
            listener(call_id)

    async def sweep(self) -> list[CustomerId]:
        """Remove provisional files that nobody touched and whose calls are long over."""
        before = self._clock.now() - PROVISIONAL_TIME
        removed: list[CustomerId] = []
        async with self._store.write() as files:
            for customer in await files.provisional():
                if await self._is_in_vain(files, customer, before):
                    await files.remove_customer(customer.customer_id)
                    removed.append(customer.customer_id)
        self.files.forget_customers(frozenset(removed))
        return removed

    async def _is_in_vain(self, files: Files, customer: Customer, before: datetime) -> bool:
        calls = await files.calls_of(customer.customer_id, 100)
        is_over = all(c.ended_at is not None and c.ended_at <= before for c in calls)
        tickets = tuple(await files.tickets_of(customer.customer_id))
        return is_over and model.is_removable(customer, tickets)

    def _listen(self, event: ev.Event) -> None:
        if isinstance(event, ev.CallEvent):
            self._workers.put(event)

    async def _react(self, event: ev.CallEvent) -> None:
        async with self.files.locked(event.call_id):
            file = await self.files.get(event.call_id)
            if file is None:
                if isinstance(event, (ev.CallOffered, ev.CallRecovered)):
                    file = await self._identify(event)
                else:
                    return  # of a call that began before our time and was not recovered
            elif isinstance(event, ev.CallOffered):
                return  # told twice
            file = await self._fold(file, event)
        self.tell_change(event.call_id)
        if isinstance(event, ev.RecordingStored) and file.ticket_id is not None:
            self._bus.publish(
                ev.RecordingAttached(
                    at=self._clock.now(),
                    call_id=event.call_id,
                    ticket_id=file.ticket_id,
                    recording_id=event.recording_id,
                )
            )
        if isinstance(event, ev.CallEnded):
            self._clock.call_later(PROVISIONAL_TIME, self._sweep_later)

    def _sweep_later(self) -> None:
        async def sweep() -> None:
            try:
                await self.sweep()
            except Exception:  # the outermost frame; the next sweep does it
                log.exception("tickets: provisional files could not be swept")

        task = asyncio.get_running_loop().create_task(sweep())
        self._sweeps.add(task)
        task.add_done_callback(self._sweeps.discard)

    # ---- who calls -----------------------------------------------------------------------------

    async def _identify(self, event: ev.CallOffered | ev.CallRecovered) -> CallFile:
        number = read_number(event.ani, self._plan)
        file = CallFile(
            call_id=event.call_id,
            offered_at=event.at,
            direction=event.direction if isinstance(event, ev.CallOffered) else "inbound",
            dnis=event.dnis[:32],
            number_key=number.key,
            caller_name=hide_digits(clean_name(event.ani_name)),
        )
        if isinstance(event, ev.CallRecovered) and event.queue:
            file = replace(file, queue=event.queue, enqueued_at=event.enqueued_at)
        async with self._store.write() as files:
            found = await files.customers_with(number.key) if number.key else ()
            ids = tuple(customer.customer_id for customer in found)
            if len(ids) == 1:
                file = replace(file, match=Match.KNOWN, customer_id=ids[0])
            elif ids:
                file = replace(file, match=Match.MAYBE, candidates=ids[:10])
            await files.put_call(file)
        self.files.keep(file)
        self._bus.publish(
            ev.CallerIdentified(
                at=self._clock.now(),
                call_id=event.call_id,
                match=file.match.value,
                customer_ids=ids[:10],
            )
        )
        return file

    # ---- what happens --------------------------------------------------------------------------

    async def _fold(self, file: CallFile, event: ev.CallEvent) -> CallFile:
        if isinstance(event, (ev.CallConnected, ev.CallAnswered)):
            file = await self._name_agent(file, event)
        file = model.fold(file, event)
        if (reason := model.why_open(file, event, self._rules)) is not None:
            return await self._open_ticket(file, event, reason)
        if isinstance(event, _SAVED):
            async with self._store.write() as files:
                await files.put_call(file)
        self.files.keep(file)
        return file

    async def _name_agent(
        self, file: CallFile, event: ev.CallConnected | ev.CallAnswered
    ) -> CallFile:
        if isinstance(event, ev.CallAnswered):
            user = await self._accounts.by_id(event.agent_id)
        else:
            user = await self._at_phone(event.endpoint)
        if user is None:
            return file
        return replace(file, agent_id=user.user_id, agent_name=user.name)

    async def _at_phone(self, endpoint: Endpoint) -> User | None:
        now = self._clock.monotonic()
        if now - self._people_at > _PEOPLE_TIME:
            self._people = {user.extension: user for user in await self._accounts.all()}
            self._people_at = now
        return self._people.get(endpoint.removesuffix("w"))

    async def _open_ticket(self, file: CallFile, event: ev.CallEvent, reason: str) -> CallFile:
        async with self._store.write() as files:
            customer = await self._customer_for(files, file, event)
            ticket = await files.add_ticket(
                customer.customer_id, file.subject[:500], event.at, file.call_id
            )
            file = replace(file, ticket_id=ticket.ticket_id, customer_id=customer.customer_id)
            await files.put_call(file)
        self.files.keep(file)
        self._bus.publish(
            ev.TicketOpened(
                at=self._clock.now(),
                call_id=file.call_id,
                ticket_id=ticket.ticket_id,
                customer_id=customer.customer_id,
                reason=reason,
            )
        )
        return file

    async def _customer_for(self, files: Files, file: CallFile, event: ev.CallEvent) -> Customer:
        if file.customer_id is not None:
            known = await files.customer(file.customer_id)
            if known is not None:
                return known
        if file.match is not Match.MAYBE and file.number_key:
            # Looked up again: another call of the same number may have made the file meanwhile.
            found = await files.customers_with(file.number_key)
            if len(found) == 1:
                return found[0]
        is_provisional = file.match is Match.MAYBE or not file.number_key
        return await files.add_customer(
            file.caller_name,
            event.at,
            number_keys=() if is_provisional else (file.number_key,),
            is_provisional=is_provisional,
            made_by_call=file.call_id,
        )
