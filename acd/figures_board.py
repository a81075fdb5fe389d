"""The live figures: what each queue is now, and its day so far, for whoever watches.

What is now (who waits, since when, who is ready) comes from the ACD itself. The day is read from the book, which follows
the journal; it is read anew only when something happened that it counts, for all queues in one question, at most once
a second while somebody watches and every ten seconds otherwise. So a watcher is told at most once a second of a queue,
and a call costs no statement of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

import structlog

from acd.figures_book import FiguresBook, Period, QueueCells
from acd.figures_counts import QueueFigures, Thresholds
from acd.figures_intervals import bounds_of, day_of, quarter_of
from cti.domain import events as ev
from cti.domain.ids import AgentId, QueueName
from cti.ports import Clock, EventBus, Timer, Unsubscribe

log = structlog.get_logger(__name__)

TICK = timedelta(seconds=1)
UNWATCHED_TICKS = 10
RECENT_TIME = timedelta(hours=1)
"""What was offered earlier changes seldom, and is read anew every ``WHOLE_EVERY`` only."""
WHOLE_EVERY = timedelta(minutes=5)
_ROUNDS = 3
"""The book is behind: after something happened the day is read so often."""

_FEWEST_CALLS = 3
"""So many say how long a call takes."""

_COUNTED = (
    ev.CallEnqueued,
    ev.CallAnswered,
    ev.CallConnected,
    ev.CallAbandoned,
    ev.CallOverflowed,
    ev.CallLeftByKey,
    ev.CallEnded,
    ev.AgentDidNotAnswer,
    ev.AgentStateChanged,
)


@dataclass(frozen=True, slots=True)
class QueueProfile:
    """What a queue is called, and what it promises."""

    name: QueueName
    label: Mapping[str, str] = field(default_factory=dict)
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who works here: his team, and the queues that he serves."""

    agent_id: AgentId
    name: str
    team: str
    queues: frozenset[QueueName]


@dataclass(frozen=True, slots=True)
class Live:
    """A queue as watchers are told. ``sequence`` is that of its last change on this board."""

    profile: QueueProfile
    day: date
    now: ev.QueueChanged
    today: QueueFigures
    sequence: int = 0


class Watch:
    """One watcher: which queues changed since he was told last. Never grows beyond the number of queues."""

    def __init__(self, queues: frozenset[QueueName]) -> None:
        self.queues = queues
        self._changed: set[QueueName] = set()
        self._wake = asyncio.Event()

    def changed(self, queue: QueueName) -> None:
        """Note a change."""
        if queue in self.queues:
            self._changed.add(queue)
            self._wake.set()

    async def next(self) -> list[QueueName]:
        """The queues that changed; waits for the first."""
        await self._wake.wait()
        self._wake.clear()
        changed, self._changed = sorted(self._changed), set()
        return changed


class FiguresBoard:
    """Keeps the newest figures of all queues."""

    def __init__(
        self,
        book: FiguresBook,
        clock: Clock,
        bus: EventBus,
        queues: Iterable[QueueProfile],
        zone: tzinfo,
    ) -> None:
        self.book = book
        self.profiles = {profile.name: profile for profile in queues}
        self.zone = zone
        self._clock = clock
        self._bus = bus
        self._live: dict[QueueName, Live] = {}
        self._sequence = 0
        self._rounds = _ROUNDS
        self._since_read = 0
        self._watches: set[Watch] = set()
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: list[Unsubscribe] = []
        self._touched: set[QueueName] = set()
        self._cells: QueueCells = {}  # of the day
        self._day: date | None = None
        self._whole_at = float("-inf")  # when the whole day was read last

    # ---- life ----------------------------------------------------------------------------------

    def start(self, now: Iterable[ev.QueueChanged]) -> None:
        """Take the queues as they are, and follow."""
        self._take({view.queue: view for view in now})
        self._unsubscribe = [
            self._bus.subscribe(self._on_queue, ev.QueueChanged),
            self._bus.subscribe(self._on_counted, *_COUNTED),
        ]
        self._timer = self._clock.call_later(timedelta(0), self._tick)

    def configure(self, queues: Iterable[QueueProfile], zone: tzinfo) -> None:
        """The company has changed: other queues, names or promises. What is known of the others stays."""
        self.profiles = {profile.name: profile for profile in queues}
        self.zone = zone
        self._take({name: live.now for name, live in self._live.items()})
        self._day, self._rounds = None, _ROUNDS
        self._touched |= set(self.profiles)

    def _take(self, told: Mapping[QueueName, ev.QueueChanged]) -> None:
        at = self._clock.now()
        day = day_of(at, self.zone)
        live = {}
        for name, profile in self.profiles.items():
            old = self._live.get(name)
            today = old.today if old is not None else QueueFigures()
            view = told.get(name) or _nobody(name, at)
            live[name] = Live(profile, day, view, today, old.sequence if old is not None else 0)
        self._live = live

    async def stop(self) -> None:
        """Follow no more."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ---- reading -------------------------------------------------------------------------------

    @property
    def sequence(self) -> int:
        """The number of the last change."""
        return self._sequence

    def live(self) -> list[Live]:
        """All queues, in the order of the company."""
        return list(self._live.values())

    def of(self, queue: QueueName) -> Live | None:
        """One queue; None: there is none of this name (any more)."""
        return self._live.get(queue)

    def thresholds(self, queues: Iterable[QueueName]) -> dict[QueueName, Thresholds]:
        """What these queues promise."""
        return {name: self.profiles[name].thresholds for name in queues}

    def watch(self, queues: frozenset[QueueName]) -> tuple[Watch, Callable[[], None]]:
        """Be told of changes; with the way to be told no more."""
        watch = Watch(queues)
        self._watches.add(watch)
        return watch, lambda: self._watches.discard(watch)

    def handle_time(self, queue: QueueName) -> timedelta | None:
        """Mean talk, hold and wrap-up of the queue's calls today; None: too few to say."""
        live = self._live.get(queue)
        if live is None or live.today.answered < _FEWEST_CALLS:
            return None
        mean_s = live.today.average_handle_time_s
        return timedelta(seconds=mean_s) if mean_s else None

    # ---- following -----------------------------------------------------------------------------

    def _on_queue(self, event: ev.Event) -> None:
        if isinstance(event, ev.QueueChanged) and event.queue in self._live:
            old = self._live[event.queue]
            self._live[event.queue] = Live(old.profile, old.day, event, old.today, old.sequence)
            self._touched.add(event.queue)

    def _on_counted(self, _event: ev.Event) -> None:
        self._rounds = _ROUNDS

    def _tick(self) -> None:
        self._timer = self._clock.call_later(TICK, self._tick)
        self._since_read += 1
        is_due = bool(self._watches) or self._since_read >= UNWATCHED_TICKS or not self._sequence
        is_old = self._rounds > 0 or self._is_yesterday()
        if is_due and is_old and (self._task is None or self._task.done()):
            self._rounds -= self._rounds > 0
            self._since_read = 0
            self._task = asyncio.create_task(self._read(), name="live figures")
        elif self._touched:
            self._tell({})

    def _is_yesterday(self) -> bool:
        today = day_of(self._clock.now(), self.zone)
        return any(live.day != today for live in self._live.values())

    async def _read(self) -> None:
        now = self._clock.now()
        day = day_of(now, self.zone)
        period = self._period(now, day)
        try:
            cells = await self.book.queues(period, self.thresholds(self.profiles), now)
        except OSError:
            log.warning("figures: the day can't be read, will try again")
            self._rounds, self._whole_at = _ROUNDS, float("-inf")
            return
        kept = {key: cell for key, cell in self._cells.items() if key[1] < period.begin_at}
        self._cells = kept | cells if day == self._day else cells
        self._day = day
        self._tell(by_queue(self._cells), day)

    def _period(self, now: datetime, day: date) -> Period:
        """The whole day, or only what may have changed: the last hour, and the quarters in which somebody still waits."""
        begin_at, end_at = bounds_of(day, self.zone)
        monotonic = self._clock.monotonic()
        if day != self._day or monotonic - self._whole_at >= WHOLE_EVERY.total_seconds():
            self._whole_at = monotonic
            return Period(begin_at, end_at)
        open_at = [at for (_, at), cell in self._cells.items() if cell.waiting]
        from_at = min([quarter_of(now - RECENT_TIME), *open_at])
        return Period(min(max(begin_at, from_at), end_at), end_at)

    def _tell(self, days: Mapping[QueueName, QueueFigures], day: date | None = None) -> None:
        """Number what changed and wake whoever watches it."""
        self._sequence += not self._sequence
        for name, live in list(self._live.items()):
            today = live.today if day is None else days.get(name, QueueFigures())
            if name not in self._touched and (today, day or live.day) == (live.today, live.day):
                continue
            self._sequence += 1
            self._live[name] = Live(live.profile, day or live.day, live.now, today, self._sequence)
            for watch in self._watches:
                watch.changed(name)
        self._touched.clear()


def by_queue(cells: QueueCells) -> dict[QueueName, QueueFigures]:
    """All quarters of each queue as one."""
    total: dict[QueueName, QueueFigures] = {}
    for (queue, _), figures in cells.items():
        total.setdefault(queue, QueueFigures()).add(figures)
    return total


def _nobody(queue: QueueName, at: datetime) -> ev.QueueChanged:
    return ev.QueueChanged(at=at, queue=queue, waiting=0, longest_since=None, ready=0)
