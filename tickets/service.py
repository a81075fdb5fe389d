"""Keeps every call's file, finds out who calls, and opens tickets: the reactions.

Order of things for one call, all on its own worker: offered → the number is read, customers are looked up,
``CallerIdentified`` (long before anybody rings, so that the pop is ready when an agent is chosen); connected or abandoned →
customer file and ticket in one transaction, ``TicketOpened``; ended; recording stored → ``RecordingAttached``.
What agents command (``office.py``) changes the same files, hence the lock by call.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import structlog

from cti.domain import callback_events as cb
from cti.domain import events as ev
from cti.domain import menu_events as menus
from cti.domain.callbacks import is_attempt
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId, CustomerId, Endpoint, TicketId, extension_of
from cti.domain.numbers import DialPlan, read_number
from cti.domain.people import User
from cti.domain.text import clean_name, hide_digits
from cti.ports import Accounts, Clock, EventBus, Journal, Timer
from tickets import model, restoring
from tickets.call_files import CallFiles
from tickets.forms import TicketForm
from tickets.model import CallFile, Customer, Match, Ticket
from tickets.ports import Files, TicketStore
from tickets.shelf import Reading, Shelf, read_around, read_new
from tickets.workers import CallWorkers

log = structlog.get_logger(__name__)

PROVISIONAL_TIME = timedelta(minutes=15)
"""After its call, how long a provisional file waits for somebody to write into it."""

_SWEEP_PAUSE_TIME = timedelta(minutes=1)
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
    ev.CallTransferred,
    ev.CallParked,
    ev.ConsultStarted,
    ev.PartyJoined,
    ev.ConnectionMeasured,
    ev.VoicemailBegun,
    menus.CallMenuBegan,
    menus.CallMenuAnswered,
    menus.CallMenuEnded,
    ev.CallEnded,
    ev.RecordingStored,
    ev.RecordingFailed,
    cb.CallbackRequested,
    cb.CallbackAttempted,
    cb.CallbackPostponed,
    cb.CallbackEnded,
    ev.ReservationReleased,
)
_TOLD_AGAIN = (*_KINDS, ev.CallAttached, ev.TicketOpened)


class TicketService:
    """Reacts to what happens to calls."""

    def __init__(
        self,
        store: TicketStore,
        bus: EventBus,
        clock: Clock,
        accounts: Accounts,
        plan: DialPlan,
        form: TicketForm | None = None,
        sitting: Callable[[Endpoint], AgentId | None] = lambda _: None,
    ) -> None:
        self.files = CallFiles(store, clock)
        self.shelf = Shelf(self.files.at_hand)
        self._store = store
        self._bus = bus
        self._clock = clock
        self._accounts = accounts
        self._plan = plan
        self.form = form or TicketForm()
        self._sitting = sitting  # at a phone that may be nobody's
        self._workers = CallWorkers(self._react, clock)
        self._changed: list[Callable[[CallId], None]] = []
        self._tickets_changed: list[Callable[[TicketId, Sequence[Ticket]], None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        self._by_id: dict[AgentId, User] = {}
        self._by_extension: dict[str, User] = {}
        self._people_lock = asyncio.Lock()
        self._people_at = float("-inf")
        self._sweeps: set[asyncio.Task[None]] = set()
        self._sweep_timer: Timer | None = None
        self._ended_at = 0.0  # monotonic; the latest call's end

    async def restore(self, past: Sequence[ev.Event], journal: Journal) -> int:
        """Give back what a crash lost, from the latest events of the journal; before ``start``.

        Files are written a moment after they changed, tickets after their call was connected: whatever the journal
        knows and the store doesn't is done again. Returns how many files were behind.

        Raises:
            OSError: journal or store can't be read.
        """
        stories = restoring.stories(past, _TOLD_AGAIN)
        stored = await self._store.read(lambda files: files.calls(list(stories)))
        rows = {file.call_id: file for file in stored}
        behind = 0
        erased = {c for e in past if isinstance(e, ev.SubjectErased) for c in e.call_ids}
        for call_id, story in stories.items():
            if call_id in erased:
                continue
            row, events = rows.get(call_id), story
            if not restoring.is_whole(story):
                if restoring.is_over(row, story):
                    continue
                whole = [e.event async for e in journal.read(call_id=call_id)]
                events = restoring.stories(whole, _TOLD_AGAIN).get(call_id, [])
            if restoring.is_whole(events):
                behind += await self._tell_again(row, events)
        await self.files.save()
        if behind:
            log.info("tickets: files were behind the journal", files=behind)
        return behind

    async def _tell_again(self, row: CallFile | None, events: Sequence[ev.CallEvent]) -> bool:
        file = begin_file(events[0], self._plan)
        if row is None and isinstance(events[0], cb.CallbackAttempted):
            file = await self._join_request(file, events[0])
        elif row is None:
            file, _ = await self._read_caller(file)
        else:
            file = restoring.with_sources(file, row)
        has_opened = any(isinstance(event, ev.TicketOpened) for event in events)
        for event in events:
            if isinstance(event, (ev.CallConnected, ev.CallAnswered)):
                file = await self._name_agent(file, event)
            file = model.fold(file, event)
            reason = model.why_open(file, event, self.form.rules)
            if reason is not None and not has_opened:
                file = await self._open_ticket(file, event.at, reason)
        if file == row:
            return False
        self.files.keep(file)
        return True

    def configure(self, plan: DialPlan, form: TicketForm) -> None:
        """The company has changed: how numbers are read, and what is said of tickets from now on."""
        self._plan, self.form = plan, form

    async def start(self) -> None:
        """Begin to listen."""
        await self.sweep()
        self._unsubscribe = self._bus.subscribe(self._listen, *_KINDS, ev.SubjectErased)

    async def stop(self) -> None:
        """Stop listening; what was heard is still worked on."""
        self._unsubscribe()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self._workers.end()
        await self._workers.idle()
        await asyncio.gather(*self._sweeps)
        await self.files.stop()

    async def idle(self) -> None:
        """Return when everything heard so far was worked on, and stands in the store."""
        await self._workers.idle()
        await asyncio.gather(*self._sweeps)
        await self.files.save()

    def on_change(self, listener: Callable[[CallId], None]) -> None:
        """Be told whenever a call's file or ticket looks different."""
        self._changed.append(listener)

    def tell_change(self, call_id: CallId) -> None:
        """A call's file or ticket looks different."""
        for listener in self._changed:
            listener(call_id)

    def on_ticket(self, listener: Callable[[TicketId, Sequence[Ticket]], None]) -> None:
        """Be told whenever a ticket looks different: its number, and the ticket before and after, as far as known."""
        self._tickets_changed.append(listener)

    async def tell_ticket(self, ticket_id: TicketId, before: Ticket | None = None) -> None:
        """A ticket was changed in the store: whoever shows it, alone or beside a call, reads it again."""
        self.shelf.drop(tickets=[ticket_id])

        def look(files: Files) -> tuple[Ticket | None, Sequence[CallFile]]:
            return files.ticket(ticket_id), files.calls_on(ticket_id)

        with contextlib.suppress(OSError):  # changed it is; the store has its own alarm
            ticket, calls = await self._store.read(look)
            for file in calls:
                self.tell_change(file.call_id)
            self._tell_tickets(ticket_id, [t for t in (before, ticket) if t is not None])

    async def tell_customer(self, calls: Collection[CallFile]) -> None:
        """These calls' customer is another, or has another name: files beside calls and lists show it."""
        for file in calls:
            self.tell_change(file.call_id)
        for ticket_id in {file.ticket_id for file in calls}:
            if ticket_id is not None:
                await self.tell_ticket(ticket_id)

    def _tell_tickets(self, ticket_id: TicketId, tickets: Sequence[Ticket]) -> None:
        for listener in self._tickets_changed:
            listener(ticket_id, tickets)

    async def open_asked(self, file: CallFile, by: AgentId) -> None:
        """Open a ticket for a call because somebody asks for it; the call's file is locked by the asker.

        Raises:
            OSError: the store can't be written.
        """
        await self._open_ticket(file, self._clock.now(), "asked", by)

    async def sweep(self) -> list[CustomerId]:
        """Remove provisional files that nobody touched and whose calls are long over."""
        before = self._clock.now() - PROVISIONAL_TIME

        def remove(files: Files) -> list[CustomerId]:
            in_vain = [c for c in files.provisional() if _is_in_vain(files, c, before)]
            for customer in in_vain:
                files.remove_customer(customer.customer_id)
            return [customer.customer_id for customer in in_vain]

        removed = await self.files.write(remove)
        self.files.forget_customers(removed)
        self.shelf.drop(customers=removed)
        return removed

    def _listen(self, event: ev.Event) -> None:
        if isinstance(event, ev.SubjectErased):
            self.files.forget(event.call_ids)
            self.shelf.forget(event.call_ids)
            self.shelf.drop(customers=[event.customer_id])
        elif isinstance(event, ev.ReservationReleased) and not is_attempt(event.call_id):
            return  # he waits on
        elif isinstance(event, ev.CallEvent):
            self._workers.put(event)

    async def _react(self, event: ev.CallEvent) -> None:
        async with self.files.locked(event.call_id):
            before = await self.files.get(event.call_id)
            file = before
            if file is None:
                if isinstance(event, restoring.BEGINNINGS):
                    file = await self._identify(event)
                else:
                    return  # of a call that began before our time and was not recovered
            elif isinstance(event, ev.CallOffered):
                return  # told twice
            file = await self._fold(file, event)
        if file != before:
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
            self._ended_at = self._clock.monotonic()
            if self._sweep_timer is None:
                self._sweep_timer = self._clock.call_later(PROVISIONAL_TIME, self._sweep_later)

    def _sweep_later(self) -> None:
        # One timer for all calls: those that ended since it was set are swept by the next.
        self._sweep_timer = None
        left_s = self._ended_at + PROVISIONAL_TIME.total_seconds() - self._clock.monotonic()
        if left_s > 0:
            pause_time = max(_SWEEP_PAUSE_TIME, timedelta(seconds=left_s))
            self._sweep_timer = self._clock.call_later(pause_time, self._sweep_later)

        async def sweep() -> None:
            try:
                await self.sweep()
            except Exception:  # the outermost frame; the next sweep does it
                log.exception("tickets: provisional files could not be swept")

        task = asyncio.get_running_loop().create_task(sweep())
        self._sweeps.add(task)
        task.add_done_callback(self._sweeps.discard)

    # ---- who calls -----------------------------------------------------------------------------

    async def _identify(self, event: ev.CallEvent) -> CallFile:
        file = begin_file(event, self._plan)
        if isinstance(event, cb.CallbackAttempted):
            file = await self._join_request(file, event)
            reading = await self._store.read(lambda files: read_around(files, file))
        else:
            file, reading = await self._read_caller(file)
        ids = file.candidates or tuple(c for c in (file.customer_id,) if c is not None)
        self.files.keep(file)
        self.shelf.put(file.call_id, reading, self.shelf.now)
        self._bus.publish(
            ev.CallerIdentified(
                at=self._clock.now(),
                call_id=event.call_id,
                match=file.match.value,
                customer_ids=ids,
            )
        )
        return file

    async def _join_request(self, file: CallFile, event: cb.CallbackAttempted) -> CallFile:
        """A call that is made for a callback stands on the ticket of the call in which it was asked for."""
        async with self.files.locked(event.callback_id):
            asked = await self.files.get(event.callback_id)
            if asked is None:
                return (await self._read_caller(file))[0]
            if asked.ticket_id is None:
                asked = await self._open_ticket(asked, event.at, "callback")
        return replace(
            file,
            match=asked.match,
            customer_id=asked.customer_id,
            candidates=asked.candidates,
            ticket_id=asked.ticket_id,
        )

    async def _read_caller(self, file: CallFile) -> tuple[CallFile, Reading]:
        def read(files: Files) -> tuple[CallFile, Reading]:
            ids = tuple(c.customer_id for c in files.customers_with(file.number_key))
            found = file
            if len(ids) == 1:
                found = replace(file, match=Match.KNOWN, customer_id=ids[0])
            elif ids:
                found = replace(file, match=Match.MAYBE, candidates=ids[:10])
            return found, read_around(files, found)

        if not file.number_key:
            return file, Reading(None, None, file.match)
        return await self._store.read(read)

    # ---- what happens --------------------------------------------------------------------------

    async def _fold(self, file: CallFile, event: ev.CallEvent) -> CallFile:
        named = file
        if isinstance(event, cb.CallbackRequested) and not file.number_key:
            # He withheld his number and said another: now it is known who he is.
            said = replace(file, number_key=read_number(event.number, self._plan).key)
            named, _ = await self._read_caller(said)
        if isinstance(event, (ev.CallConnected, ev.CallAnswered)):
            named = await self._name_agent(file, event)
        folded = model.fold(named, event)
        if (reason := model.why_open(folded, event, self.form.rules)) is not None:
            return await self._open_ticket(folded, event.at, reason)
        if folded is not file:
            self.files.keep(folded)
        return folded

    async def _name_agent(
        self, file: CallFile, event: ev.CallConnected | ev.CallAnswered
    ) -> CallFile:
        async with self._people_lock:  # else all who come at once would read them, each for himself
            if self._clock.monotonic() - self._people_at > _PEOPLE_TIME:
                people = await self._accounts.all()
                self._by_id = {user.user_id: user for user in people}
                self._by_extension = {user.extension: user for user in people}
                self._people_at = self._clock.monotonic()
        if isinstance(event, ev.CallAnswered):
            user = self._by_id.get(event.agent_id)
        else:
            user = self._by_extension.get(extension_of(event.endpoint))
            guest = self._sitting(event.endpoint) if user is None else None
            user = user or (self._by_id.get(guest) if guest is not None else None)
        if user is None:
            return file
        return replace(file, agent_id=user.user_id, agent_name=user.name)

    async def _open_ticket(
        self, file: CallFile, at: datetime, reason: str, by: AgentId | None = None
    ) -> CallFile:
        form = self.form

        def open_it(files: Files) -> tuple[CallFile, Ticket, Customer, Reading]:
            customer = customer_for(files, file, at)
            ticket = files.add_ticket(
                customer.customer_id,
                file.subject[:500],
                at,
                file.call_id,
                category=form.category_of(file),
                queue=file.queue,
                group=form.group_of(file.queue),
                owner_id=by or file.agent_id,
            )
            opened = replace(file, ticket_id=ticket.ticket_id, customer_id=customer.customer_id)
            files.put_calls([opened])
            return opened, ticket, customer, read_new(files, opened, customer, ticket)

        since = self.shelf.now
        opened, ticket, customer, reading = await self.files.write(open_it, may_wait=True)
        self.files.keep(opened)
        self.shelf.put(opened.call_id, reading, since)
        self.shelf.drop(customers=[customer.customer_id], but=opened.call_id)
        self._bus.publish(
            ev.TicketOpened(
                at=self._clock.now(),
                call_id=opened.call_id,
                ticket_id=ticket.ticket_id,
                customer_id=customer.customer_id,
                reason=reason,
            )
        )
        self._tell_tickets(ticket.ticket_id, [ticket])
        return opened


def begin_file(event: ev.CallEvent, plan: DialPlan) -> CallFile:
    """The file of a call that we hear of for the first time; who calls is not looked up yet.

    Raises:
        TypeError: no call begins with this event.
    """
    if isinstance(event, cb.CallbackAttempted):
        return CallFile(
            call_id=event.call_id,
            offered_at=event.at,
            direction="outbound",
            number_key=read_number(event.number, plan).key,
            queue=event.queue,
            enqueued_at=event.enqueued_at,
        )
    if not isinstance(event, (ev.CallOffered, ev.CallRecovered)):
        raise TypeError(f"no call begins with {type(event).__name__}")
    number = read_number(event.ani, plan)
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
    return file


def _is_in_vain(files: Files, customer: Customer, before: datetime) -> bool:
    calls = files.calls_of(customer.customer_id, 100)
    is_over = all(c.ended_at is not None and c.ended_at <= before for c in calls)
    tickets = tuple(files.tickets_of(customer.customer_id))
    return is_over and model.is_removable(customer, tickets)


def customer_for(files: Files, file: CallFile, at: datetime) -> Customer:
    """Whose the ticket of a call is: the customer who is known, else a new file."""
    if file.customer_id is not None:
        known = files.customer(file.customer_id)
        if known is not None:
            return known
    if file.match is not Match.MAYBE and file.number_key:
        # Looked up again: another call of the same number may have made the file meanwhile.
        found = files.customers_with(file.number_key)
        if len(found) == 1:
            return found[0]
    is_provisional = file.match is Match.MAYBE or not file.number_key
    return files.add_customer(
        file.caller_name,
        at,
        number_keys=() if is_provisional else (file.number_key,),
        is_provisional=is_provisional,
        made_by_call=file.call_id,
    )
