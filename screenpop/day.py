"""The day on everybody's desktop: missed calls, callbacks, messages; kept from the bus, drawn for whom they concern.

The lists themselves are pure (``missed.py``, ``promises.py``, ``notices.py``). This listener folds and marks what is to be
drawn; drawing happens at most once a second, for all desktops at once, so that a burst of callers who give up is one
message to each page. A message from a supervisor is drawn at once.

At a start the lists come from the tables (``ports.DayBook``), and then hear what the journal tells of the last hours, which
may overlap. What time alone changes (a callback becomes due, a caller whom somebody took is free again) has one timer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

import structlog

from cti.domain import day_events as day
from cti.domain import events as ev
from cti.domain.callback_events import (
    CallbackAttempted,
    CallbackEnded,
    CallbackPostponed,
    CallbackRequested,
)
from cti.domain.ids import AgentId, CallId
from cti.domain.numbers import CallerNumber, DialPlan, NumberKind, read_number
from cti.domain.people import User
from cti.domain.segments import concerns
from cti.domain.text import clean_name, hide_digits
from cti.ports import Clock, EventBus, Timer, Unsubscribe
from screenpop import contact as contacts
from screenpop import promises
from screenpop.contact import Contact
from screenpop.day_drawing import Drawing
from screenpop.desks import Desks
from screenpop.missed import Entry, MissedCalls, replay
from screenpop.notices import Messages
from screenpop.pacing import Paced
from screenpop.ports import DayBook, TicketDesk
from screenpop.promises import Promise, Promises
from screenpop.sections import Labels
from screenpop.views import ScopeView, StandingCallback

log = structlog.get_logger(__name__)

_LATEST_LOOK = timedelta(hours=1)
"""The timer looks at least so often: a wall clock may have been set."""
_PATIENCE_TIME = timedelta(seconds=5)
"""A start waits so long for the tables; a second's worth of events takes a moment."""
_ENDED_KEPT = 2_000
_CALLBACKS = (CallbackRequested, CallbackAttempted, CallbackPostponed, CallbackEnded)
_OF_CONTACTS = frozenset(contacts.KINDS)
_HEARD = (
    *contacts.KINDS,
    *promises.KINDS,
    *_CALLBACKS,
    day.MessageSent,
    day.MessageRead,
    ev.SubjectErased,
)
_CALLABLE = (NumberKind.PUBLIC, NumberKind.SERVICE)
_HANDS = (day.MissedTaken, day.MissedGivenBack, day.MissedClosed)


@dataclass(frozen=True, slots=True)
class DayConfig:
    """What the lists must know of the company."""

    zone: tzinfo
    keep_time: timedelta  # of missed calls
    queue_labels: Mapping[str, Labels]
    disposition_labels: Mapping[str, Labels]


class Day:
    """Keeps the three lists and draws them."""

    def __init__(
        self,
        desks: Desks,
        bus: EventBus,
        clock: Clock,
        tickets: TicketDesk,
        plan: DialPlan,
        config: DayConfig,
        *,
        scope: Callable[[User], ScopeView],
        standing: Callable[[], Sequence[StandingCallback]] = lambda: (),
        book: DayBook | None = None,
    ) -> None:
        self.missed = MissedCalls()
        self.promises = Promises()
        self.messages = Messages()
        self.config = config
        self.plan = plan
        self.standing = standing
        self.names: dict[CallId, str] = {}  # of customers, by the call that names an entry
        self._desks = desks
        self._bus = bus
        self._clock = clock
        self._tickets = tickets
        self._book = book
        self._drawing = Drawing(self, desks, clock, scope)
        self._contacts: dict[CallId, Contact] = {}
        self._numbers: dict[CallId, str] = {}
        self._ended: deque[CallId] = deque()
        self._is_live = False
        self._dirty: set[str] = set()
        self._telling = Paced(clock, self._draw)
        self._timer: Timer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe: Unsubscribe = lambda: None

    # ---- life ----------------------------------------------------------------------------------

    async def start(self, past: Iterable[ev.Event] = ()) -> None:
        """Take the lists from the tables and from what the journal told lately, and follow.

        Raises:
            OSError: the tables can't be read.
        """
        is_read = True
        try:
            async with asyncio.timeout(_PATIENCE_TIME.total_seconds()):
                await self._read()
        except TimeoutError:
            log.warning("screenpop: missed calls are still being counted, and will be listed then")
            is_read = False
        for event in past:
            self._listen(event)
        self._is_live = True
        self._unsubscribe = self._bus.subscribe(self._listen, *_HEARD)
        self._prune()
        self._look_up([e.entry_id for e in self.missed.open()])
        self._look_up([p.call_id for p in self.promises.standing()])
        self.changed("missed", "callbacks", "messages")
        if not is_read:
            self._run(self._read_late())

    async def _read(self) -> None:
        if self._book is None:
            return
        now = self._clock.now()
        rows = await self._book.contacts(now - self.config.keep_time)
        standing = Promises(await self._book.promises())
        messages = Messages(await self._book.messages(self.midnight(now)))
        self.missed = replay((c, self._key(number), number) for c, number in rows)
        self.promises, self.messages = standing, messages
        lately = [c for c in self._contacts.values() if c.at is not None]
        for contact in sorted(lately, key=lambda c: c.at or now):
            number = self._numbers.get(contact.call_id, "")
            self.missed.take(contact, self._key(number), number)

    async def _read_late(self) -> None:
        """After an upgrade the tables are made from the whole journal: calls don't wait for that."""
        try:
            await self._read()
        except OSError:
            log.exception("screenpop: what was missed before the start can't be read")
        self._look_up([e.entry_id for e in self.missed.open()])
        self.changed("missed", "callbacks", "messages")

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Follow no more."""
        self._unsubscribe()
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def configure(self, config: DayConfig, plan: DialPlan) -> None:
        """The company has changed: who sees what, and how it is called."""
        self.config, self.plan = config, plan
        self._drawing.forget_scopes()
        self.changed("missed", "callbacks", "messages")

    def midnight(self, now: datetime) -> datetime:
        """When the company's day began."""
        local = now.astimezone(self.config.zone)
        return datetime.combine(local.date(), time(), self.config.zone).astimezone(now.tzinfo)

    # ---- what is asked ---------------------------------------------------------------------------

    def scope(self, user: User) -> ScopeView:
        """What somebody may see."""
        return self._drawing.scope(user)

    def may_see(self, user: User, entry: Entry) -> bool:
        """Whether an entry of missed calls is somebody's business."""
        scope = self.scope(user)
        return (
            not scope.queues.isdisjoint(entry.queues)
            or not scope.agents.isdisjoint(entry.agents)
            or user.extension in entry.phones
        )

    def may_keep(self, user: User, promise: Promise) -> bool:
        """Whether a promise is somebody's business: his own, his queue's, his team's."""
        scope = self.scope(user)
        return promise.agent_id in scope.agents or promise.queue in scope.queues

    def number_of(self, call_id: CallId) -> str:
        """The number of a call that goes on or ended lately; empty: withheld, or none that can be called."""
        number = self._numbers.get(call_id, "")
        return number if self.read(number).kind in _CALLABLE else ""

    def read(self, number: str) -> CallerNumber:
        """A number as it is compared and shown."""
        return read_number(number, self.plan)

    def teams(self, user: User) -> list[str]:
        """The teams to which somebody may write."""
        return self._drawing.teams(user)

    def is_signed_out(self, agent_id: AgentId) -> bool:
        """Whether somebody is not at work."""
        desk = self._desks.get(agent_id)
        return desk is None or desk.state.sections["agent"]["state"] == "LOGGED_OUT"

    # ---- events ----------------------------------------------------------------------------------

    def _listen(self, event: ev.Event) -> None:
        call_id = concerns(event)
        if call_id is not None and type(event) in _OF_CONTACTS:
            self._contact(call_id, event)
        match event:
            case ev.AgentStateChanged() if "LOGGED_OUT" in (event.state, event.previous):
                self.changed("callbacks")
            case day.MessageSent() | day.MessageRead():
                self._draw_messages(self.messages.take(event))
            case ev.SubjectErased():
                self._erase(event)
            case ev.CallEvent():
                self._take(event)

    def _take(self, event: ev.CallEvent) -> None:
        if isinstance(event, _HANDS):
            if self._hand(event):
                self.changed("missed")
        elif self.promises.take(event):
            self._look_up([event.call_id])
            self.changed("callbacks")
        elif isinstance(event, _CALLBACKS):
            self.changed("callbacks")

    def _hand(self, event: ev.CallEvent) -> bool:
        match event:
            case day.MissedTaken():
                return self.missed.taken(event.call_id, event.agent_id, event.until_at)
            case day.MissedGivenBack():
                return self.missed.taken(event.call_id, None, None)
            case day.MissedClosed():
                return self.missed.closed(event.call_id, event.by, event.result, event.at)
            case _:
                return False

    def _contact(self, call_id: CallId, event: ev.Event) -> None:
        if isinstance(event, (ev.CallOffered, ev.CallRecovered)) and event.ani:
            self._numbers[call_id] = event.ani
        elif isinstance(event, CallbackRequested):
            self._numbers.setdefault(call_id, event.number)
        contact = self._contacts.get(call_id)
        if contact is None:
            if not isinstance(event, contacts.BEGINNINGS):
                return
            contact = self._contacts[call_id] = Contact(call_id)
        contacts.apply(contact, event)
        if contact.outcome:
            number = self._numbers.get(call_id, "")
            key = self._key(number)
            if self.missed.take(contact, key, number):
                self.changed("missed")
                if contact.outcome == "missed":
                    self._look_up([call_id])
            if self._is_live and (contact.outcome, contact.direction) == ("spoke", "outbound"):
                self._reached(contact, key)
        if isinstance(event, (ev.CallEnded, CallbackEnded)) and not contact.has_callback:
            self._forget_soon(call_id)

    def _forget_soon(self, call_id: CallId) -> None:
        """An ended call's outcome may still be named; then nothing more is told of it."""
        self._ended.append(call_id)
        while len(self._ended) > _ENDED_KEPT:
            gone = self._ended.popleft()
            self._contacts.pop(gone, None)
            self._numbers.pop(gone, None)

    def _reached(self, contact: Contact, key: str) -> None:
        """Whoever has called somebody and spoke with him has kept what he promised him, if it was due about now."""
        if contact.agent_id is None or not key:
            return
        soon_at = self._clock.now() + timedelta(hours=1)
        for promise in self.promises.standing():
            is_his = promise.agent_id == contact.agent_id and promise.due_at <= soon_at
            if is_his and self._key(promise.number) == key:
                asyncio.get_running_loop().call_soon(self._kept, promise)

    def _kept(self, promise: Promise) -> None:
        if promise.agent_id is not None and promise in self.promises.standing():
            self._bus.publish(
                day.PromiseEnded(
                    at=self._clock.now(),
                    call_id=promise.call_id,
                    by=promise.agent_id,
                    result="spoke",
                )
            )

    def _key(self, number: str) -> str:
        read = self.read(number)
        return read.key if read.kind in _CALLABLE else ""

    def _erase(self, event: ev.SubjectErased) -> None:
        """A person was erased: nothing that is in memory here names him any more."""
        for call_id in event.call_ids:
            self._numbers.pop(call_id, None)
            self.names.pop(call_id, None)
        self.missed.erase(event.call_ids)
        self.promises.erase(event.call_ids)
        self.changed("missed", "callbacks")

    # ---- names -----------------------------------------------------------------------------------

    def _look_up(self, call_ids: Iterable[CallId]) -> None:
        wanted = [call_id for call_id in call_ids if call_id not in self.names]
        if self._is_live and wanted:
            self._run(self._name(wanted))

    async def _name(self, call_ids: Sequence[CallId]) -> None:
        for call_id in call_ids:
            try:
                caller = await self._tickets.caller(call_id)
            except Exception:  # the outermost frame; the entry stands without a name
                log.exception("screenpop: a caller's name could not be read")
                return
            customer = caller.customer if caller is not None else None
            if customer is not None and customer.name:
                self.names[call_id] = hide_digits(clean_name(customer.name, 100))
        self.changed("missed", "callbacks")

    # ---- drawing -----------------------------------------------------------------------------------

    def changed(self, *sections: str) -> None:
        """Draw these soon."""
        if not self._is_live:
            return
        self._dirty.update(sections)
        self._telling.ask()

    def _draw(self) -> None:
        dirty, self._dirty = self._dirty, set()
        if "missed" in dirty:
            self._drawing.missed()
        if "callbacks" in dirty:
            self._drawing.callbacks()
        if "messages" in dirty:
            self._draw_messages(frozenset(desk.user.user_id for desk in self._desks))
        self._wake_in_time()

    def _draw_messages(self, whom: Iterable[AgentId]) -> None:
        if self._is_live:
            self._drawing.messages(whom)

    def _wake_in_time(self) -> None:
        """What time alone changes is drawn when it does."""
        now = self._clock.now()
        nexts = (
            self.promises.next_due(now),
            self.missed.next_release(now),
            self.midnight(now + timedelta(days=1)),
        )
        delays = [at - now for at in nexts if at is not None and at > now]
        delay = min([*delays, _LATEST_LOOK])
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_later(delay + timedelta(milliseconds=1), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._prune()
        self.changed("missed", "callbacks", "messages")

    def _prune(self) -> None:
        now = self._clock.now()
        self.missed.prune(now - self.config.keep_time)
        self.messages.prune(self.midnight(now))
        named = {e.entry_id for e in self.missed.open()} | {
            p.call_id for p in self.promises.standing()
        }
        closed = {e.entry_id for e in self.missed.recently_closed(self.midnight(now))}
        for call_id in self.names.keys() - named - closed:
            del self.names[call_id]
