"""Callbacks at work: what menus and supervisors ask for, what the core decides for them, and what is shown of them.

Whatever a caller is told was committed before, and so was whatever is sent to the switch. A number passes the rules
of calls to the outside before it is stored, and again before it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from acd import decisions as d
from acd.callback_rules import Callback, Stage
from acd.callback_share import open_for, place_of
from acd.decisions import Input
from acd.effects import Effects
from acd.facts import Configuration, State
from acd.ports import CallbackLine, Calls, Committing, OutsideNumbers
from acd.timeline import Timeline
from acd.turn import Turn
from cti.domain import callback_events as cb
from cti.domain import events as ev
from cti.domain.callbacks import attempt_id
from cti.domain.errors import CommandRefused, NothingSent, SwitchUnavailable
from cti.domain.evolving import replace
from cti.domain.ids import CallId, QueueName
from cti.domain.numbers import DialPlan, NumberKind, read_number
from cti.domain.targets import Target

log = structlog.get_logger(__name__)

_SPOKEN = (NumberKind.PUBLIC, NumberKind.SERVICE)
LOOK_AGAIN_TIME = timedelta(seconds=5)
"""After the switch could not be asked what became of a call."""


@dataclass(frozen=True, slots=True)
class CallbackView:
    """A callback as supervisors see it. ``number`` is personal."""

    callback_id: CallId
    queue: QueueName
    number: str = field(repr=False)
    stage: str
    position: int | None  # in the line; None: it is under way
    requested_at: datetime
    enqueued_at: datetime
    due_at: datetime
    expires_at: datetime
    attempts: int
    agent_id: str


@dataclass(frozen=True, slots=True)
class CallbackParts:
    """What callbacks need besides the core; None: this installation calls nobody back."""

    line: CallbackLine | None = None
    numbers: OutsideNumbers | None = None
    journal: Committing | None = None


class CallbackDesk:
    """Requests, withdrawals and views; and the hands of the core's decisions on callbacks."""

    def __init__(
        self,
        configuration: Configuration,
        parts: CallbackParts,
        calls: Calls,
        plan: DialPlan | None,
        effects: Effects,
        timeline: Timeline,
        step: Callable[[Input], None],
        state: Callable[[], State],
        is_reserved: Callable[[d.Reserve], bool],
    ) -> None:
        self._configuration = configuration
        self._parts = parts
        self._calls = calls
        self._plan = plan or DialPlan()
        self._effects = effects
        self._timeline = timeline
        self._step = step
        self._state = state
        self._is_reserved = is_reserved

    def configure(
        self, configuration: Configuration, plan: DialPlan | None, numbers: OutsideNumbers | None
    ) -> None:
        """The company has changed: other rules, and other numbers that may be called."""
        self._configuration = configuration
        self._plan = plan or DialPlan()
        self._parts = replace(self._parts, numbers=numbers)

    # ---- callers -------------------------------------------------------------------------------

    def number_of(self, call_id: CallId) -> str:
        """The number from which somebody calls, if he can be called back there; else empty."""
        call = self._calls.get(call_id)
        number = read_number(call.ani if call is not None else "", self._plan)
        if call is None or number.kind not in _SPOKEN:
            return ""
        try:
            self.allowed(call.ani)
        except CommandRefused:
            return ""
        return call.ani

    def standing(self, call_id: CallId, queue: QueueName) -> int | None:
        """The place in the line of the callback that stands for a caller's number already; None: there is none."""
        found = self._standing(call_id, queue)
        return None if found is None else self._place_of(found)

    def has_place(self, call_id: CallId) -> bool:
        """Whether a caller has a place in a line to which he can go back."""
        return call_id in self._state().entries

    async def request(
        self,
        call_id: CallId,
        queue: QueueName,
        number: str,
        credit_time: timedelta = timedelta(0),
    ) -> int:
        """Call this caller back; returns his place in the line, when it is committed.

        ``credit_time`` counts if he has no place yet.

        Raises:
            CommandRefused: ``callback_stands``, ``no_callbacks``, ``has_an_agent``, ``number_not_allowed`` and what else
                the rules of calls to the outside say; ``not_journalled``. The caller keeps his place.
        """
        target = self.allowed(number)
        journal = self._parts.journal
        if journal is not None and journal.is_failing:
            raise CommandRefused("not_journalled", "This can't be written down at the moment.")
        key = read_number(number, self._plan).key or target.value
        self._step(d.AskCallback(call_id, queue, target.value, key, credit_time))
        if not await self._commit():
            self._step(d.WithdrawCallback(call_id, "not_journalled", "system"))
            raise CommandRefused("not_journalled", "This can't be written down at the moment.")
        found = self._state().callbacks.get(call_id)
        return 1 if found is None else self._place_of(found)

    async def withdraw_own(self, call_id: CallId, queue: QueueName) -> None:
        """A caller takes back what stands for his number.

        Raises:
            CommandRefused: nothing stands (``no_such_callback``); ``not_journalled``.
        """
        found = self._standing(call_id, queue)
        if found is None:
            raise CommandRefused("no_such_callback", "There is no callback for this number.")
        await self.withdraw(found.callback_id, "caller", "caller")

    async def withdraw(self, callback_id: CallId, reason: str, by: str) -> None:
        """Take a callback back, also while somebody is called for it.

        Raises:
            CommandRefused: there is none, or they speak already (``no_such_callback``); ``not_journalled``.
        """
        self._step(d.WithdrawCallback(callback_id, reason, by))
        if not await self._commit():
            raise CommandRefused("not_journalled", "This can't be written down at the moment.")

    def allowed(self, number: str) -> Target:
        """A number as it may be called, by the rules of calls to the outside.

        Raises:
            CommandRefused: it may not, or there is no line.
        """
        if self._parts.numbers is None or self._parts.line is None:
            raise CommandRefused("no_callbacks", "There is no line to the outside here.")
        return self._parts.numbers(number)

    def _standing(self, call_id: CallId, queue: QueueName) -> Callback | None:
        call = self._calls.get(call_id)
        key = read_number(call.ani if call is not None else "", self._plan).key
        return open_for(self._state().callbacks.values(), queue, key) if key else None

    def _place_of(self, callback: Callback) -> int:
        turn = Turn(self._configuration, self._state(), self._timeline.now())
        return place_of(turn, callback)

    async def _commit(self) -> bool:
        if self._parts.journal is None:
            return True
        try:
            await self._parts.journal.flush()
        except OSError:
            log.error("acd: a callback could not be journalled")
            return False
        return True

    # ---- what others tell ----------------------------------------------------------------------

    def came_in(self, event: ev.CallEnqueued) -> None:
        """Somebody waits: perhaps one who is to be called back."""
        found = self._standing(event.call_id, event.queue)
        if found is not None:
            self._step(d.CallerCameIn(found.callback_id, event.call_id))

    def got_through(self, event: ev.CallAnswered) -> None:
        """An agent of the queue speaks with a caller: what stood for his number is done with."""
        found = self._standing(event.call_id, event.queue)
        if found is not None and found.callback_id != event.call_id:
            self._step(d.WithdrawCallback(found.callback_id, "got_through", "system"))

    def erased(self, event: ev.SubjectErased) -> None:
        """Whose number was erased isn't called: neither that of his call, nor one that he said in somebody else's."""
        for callback_id in event.call_ids:
            self._withdraw_erased(callback_id)
        self._effects.spawn(self._look_for_erased())

    async def _look_for_erased(self) -> None:
        journal = self._parts.journal
        if journal is None:
            return
        for callback_id in list(self._state().callbacks):
            async for found in journal.read(call_id=callback_id):
                if isinstance(found.event, cb.CallbackRequested) and not found.event.number:
                    self._withdraw_erased(callback_id)

    def _withdraw_erased(self, callback_id: CallId) -> None:
        callback = self._state().callbacks.get(callback_id)
        if callback is not None and callback.is_open:
            self._step(d.WithdrawCallback(callback_id, "erased", "system"))

    # ---- what the core decides -----------------------------------------------------------------

    def carry_out(self, decision: d.CallBack | d.DropCallback | d.FindCallback) -> None:
        """Begin to do it."""
        match decision:
            case d.CallBack():
                self._effects.spawn(self._call_back(decision))
            case d.DropCallback():
                self._effects.spawn(self._drop(decision))
            case d.FindCallback():
                self._effects.spawn(self._find(decision))

    async def _call_back(self, decision: d.CallBack) -> None:
        reserve = decision.reserve
        await self._effects.show(reserve)
        if not self._is_reserved(reserve):
            return  # withdrawn while the pop was on its way
        is_committed = await self._commit()
        if not self._is_reserved(reserve):
            return
        if not is_committed:
            self._refused(reserve, "not_journalled")
            return
        try:
            target = self.allowed(decision.number)
            line = self._parts.line
            if line is not None:
                await line.call_back(
                    reserve.call_id,
                    decision.callback_id,
                    reserve.endpoint,
                    target,
                    reserve.ring_time,
                )
        except CommandRefused as refusal:
            self._refused(reserve, refusal.reason)
            if refusal.reason == "number_not_allowed":  # the rules have changed
                self._step(d.WithdrawCallback(decision.callback_id, "not_allowed", "system"))
        except NothingSent:
            self._refused(reserve, d.NOT_SENT)
        except SwitchUnavailable:
            self._refused(reserve, "switch_unavailable")

    def _refused(self, reserve: d.Reserve, reason: str) -> None:
        self._step(d.OfferRefused(reserve.call_id, reserve.agent_id, reserve.chosen_at, reason))

    async def _drop(self, decision: d.DropCallback) -> None:
        if self._parts.line is None:
            return
        try:
            await self._parts.line.drop_callback(decision.callback_id, decision.attempt_id)
        except (CommandRefused, SwitchUnavailable):
            log.info("acd: the switch could not be told that a callback is over")

    async def _find(self, decision: d.FindCallback) -> None:
        line, was_answered = self._parts.line, False
        while line is not None:
            try:
                was_answered = await line.was_answered(decision.callback_id)
            except SwitchUnavailable:
                return  # asked again when the link is up
            except CommandRefused:
                await self._effects.sleep(LOOK_AGAIN_TIME)
                continue
            break
        self._step(d.CallbackFound(decision.callback_id, decision.attempt_id, was_answered))

    # ---- shown ---------------------------------------------------------------------------------

    def views(self) -> list[CallbackView]:
        """All that stand, those whose turn is next first."""
        found = [c for c in self._state().callbacks.values() if c.is_open]
        found.sort(key=lambda c: (c.queue, c.enqueued_at - c.credit_time, c.callback_id))
        wall = self._timeline.to_wall
        return [
            CallbackView(
                callback_id=c.callback_id,
                queue=c.queue,
                number=c.number,
                stage=c.stage.value,
                position=self._place_of(c) if c.stage is Stage.WAITING else None,
                requested_at=wall(c.requested_at),
                enqueued_at=wall(c.enqueued_at),
                due_at=wall(c.due_at),
                expires_at=wall(c.expires_at),
                attempts=c.attempts,
                agent_id=c.agent_id or "",
            )
            for c in found
        ]


def known_callbacks(
    events: Iterable[ev.Event], plan: DialPlan | None
) -> tuple[d.KnownCallback, ...]:
    """What stands, from the journal; whose number was erased meanwhile is left out."""
    known: dict[CallId, d.KnownCallback] = {}
    for event in events:
        match event:
            case cb.CallbackRequested():
                key = read_number(event.number, plan or DialPlan()).key or event.number
                known.setdefault(event.call_id, d.KnownCallback(event, key))
            case cb.CallbackAttempted(callback_id=callback_id) if callback_id in known:
                known[callback_id] = replace(known[callback_id], attempted=event)
            case cb.CallbackPostponed(call_id=callback_id) if callback_id in known:
                found = replace(known[callback_id], postponed=event)
                begun = found.attempted
                if begun is not None and begun.call_id == attempt_id(callback_id, event.serial):
                    found = replace(found, attempted=None)
                known[callback_id] = found
            case cb.CallbackEnded():
                known.pop(event.call_id, None)
    return tuple(found for found in known.values() if found.request.number)


_INSTANTS = ("enqueued_at", "expires_at", "requested_at", "due_at")


def on_wall(event: ev.Event, timeline: Timeline) -> ev.Event:
    """A callback's event with its other instants by the wall clock too."""
    if not isinstance(event, cb.CallbackRequested | cb.CallbackAttempted | cb.CallbackPostponed):
        return event
    found = {name: getattr(event, name) for name in _INSTANTS if hasattr(event, name)}
    changes: dict[str, Any] = {name: timeline.to_wall(at) for name, at in found.items()}
    return replace(event, **changes)
