"""Carries the core's decisions out on the switch and on the desktop, without ever holding the core up.

Each command runs in a task of its own. What the switch refuses comes back to the core as an input
(``OfferRefused``, ``RejoinRefused``); what it accepts proves nothing and is not reported. The mirror of the fallback
Queue() is kept in order by one task, where of several states of a phone only the last counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import structlog

from acd.decisions import (
    NOT_SENT,
    Announce,
    Input,
    LeaveRefused,
    OfferRefused,
    Overflow,
    Rejoin,
    RejoinRefused,
    Requeue,
    Reserve,
    ReserveAll,
    SendAway,
    TakeBack,
    WithdrawOffer,
)
from acd.ports import Pop
from acd.timeline import Timeline
from cti.domain.errors import CommandRefused, NothingSent, SwitchUnavailable
from cti.domain.ids import AgentId, Endpoint
from cti.ports import CallControl, Clock, QueueMirror

log = structlog.get_logger(__name__)

POP_TIMEOUT = timedelta(milliseconds=300)
"""A stuck desktop delays the ring no longer than this."""


class Effects:
    """The hands of the ACD."""

    def __init__(
        self,
        control: CallControl,
        pop: Pop,
        clock: Clock,
        timeline: Timeline,
        tell: Callable[[Input], None],
        is_reserved: Callable[[Reserve], bool],
    ) -> None:
        self._control = control
        self._pop = pop
        self._clock = clock
        self._timeline = timeline
        self._tell = tell
        self._is_reserved = is_reserved
        self._tasks: set[asyncio.Task[None]] = set()
        self._mirrors: dict[tuple[Endpoint, str], QueueMirror] = {}
        self._mirroring: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._beats = 0

    async def stop(self) -> None:
        """End all tasks."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- callers -------------------------------------------------------------------------------

    def carry_out(
        self,
        decision: Reserve
        | ReserveAll
        | WithdrawOffer
        | Requeue
        | Overflow
        | Announce
        | SendAway
        | TakeBack
        | Rejoin,
    ) -> None:
        """Begin to do what the core decided."""
        match decision:
            case Reserve():
                self.spawn(self._offer((decision,), decision.agent_id))
            case ReserveAll():
                self.spawn(self._offer(decision.offers, None))
            case WithdrawOffer():
                self.spawn(self._try(self._control.withdraw_offer(decision.call_id)))
            case Requeue():
                self.spawn(self._try(self._control.requeue(decision.call_id)))
            case Overflow():
                self.spawn(self._try(self._control.overflow(decision.call_id, decision.way)))
            case Announce():
                self.spawn(self._try(self._control.announce(decision.call_id)))
            case SendAway():
                self.spawn(self._send_away(decision))
            case TakeBack():
                self.spawn(self._try(self._control.take_back(decision.call_id)))
            case Rejoin():
                self.spawn(self._rejoin(decision))

    async def _offer(self, offers: tuple[Reserve, ...], agent_id: AgentId | None) -> None:
        """Show the caller to one agent, or to a group all at once (``agent_id`` None), then ring."""
        if len(offers) == 1:
            await self.show(offers[0])
        else:
            await asyncio.gather(*(self.show(reserve) for reserve in offers))
        # The caller hung up, or fell back, while the pop was on its way, or one of the agents went.
        left = [reserve for reserve in offers if self._is_reserved(reserve)]
        if not left:
            return
        call_id, chosen_at, ring_time = left[0].call_id, left[0].chosen_at, left[0].ring_time
        try:
            if agent_id is not None:
                manner = left[0].manner
                await self._control.offer(call_id, left[0].endpoint, ring_time, manner)
            else:
                phones = [reserve.endpoint for reserve in left]
                await self._control.offer_all(call_id, phones, ring_time)
        except CommandRefused as refusal:
            self._tell(OfferRefused(call_id, agent_id, chosen_at, refusal.reason))
        except NothingSent:
            self._tell(OfferRefused(call_id, agent_id, chosen_at, NOT_SENT))
        except SwitchUnavailable:
            self._tell(OfferRefused(call_id, agent_id, chosen_at, "switch_unavailable"))

    async def _pop_up(self, reserve: Reserve) -> None:
        # A task begins a moment after it was made: the caller may have hung up in between, and a pop that is
        # shown after its reservation ended would stand on the desktop for ever.
        if self._is_reserved(reserve):
            chosen_at = self._timeline.to_wall(reserve.chosen_at)
            await self._pop.show(
                reserve.call_id, reserve.agent_id, reserve.queue, chosen_at, reserve.waits_for_paint
            )

    async def sleep(self, pause_time: timedelta) -> None:
        """Wait."""
        await self._clock.sleep(pause_time)

    async def show(self, reserve: Reserve) -> None:
        """Show the caller to the agent; returns when the phone may ring, in time whatever the desktop does."""
        task = self.spawn(self._pop_up(reserve))
        limit: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self._clock.call_later(
            POP_TIMEOUT, lambda: None if limit.done() else limit.set_result(None)
        )
        await asyncio.wait({task, limit}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        if not task.done():
            task.cancel()
            log.warning("acd: the pop took too long, the phone rings without it")

    async def _rejoin(self, rejoin: Rejoin) -> None:
        try:
            await self._control.rejoin(rejoin.call_id, rejoin.endpoint)
        except (CommandRefused, SwitchUnavailable):
            self._tell(RejoinRefused(rejoin.call_id, rejoin.agent_id))

    async def _send_away(self, away: SendAway) -> None:
        try:
            await self._control.send_away(away.call_id, away.target)
        except (CommandRefused, SwitchUnavailable):
            self._tell(LeaveRefused(away.call_id))

    async def _try(self, command: Coroutine[Any, Any, None]) -> None:
        """Give a command that needs no answer: if it fails, its event stays away, and time tells."""
        try:
            await command
        except (CommandRefused, SwitchUnavailable) as refusal:
            log.info("acd: the switch refused a command", reason=getattr(refusal, "reason", "link"))

    # ---- the fallback's mirror and the heartbeat -----------------------------------------------

    def mirror(self, mirror: QueueMirror) -> None:
        """Tell the fallback Queue() who is there, as soon as the link allows."""
        self._mirrors[(mirror.endpoint, mirror.guest)] = mirror
        if self._mirroring is None or self._mirroring.done():
            self._mirroring = self.spawn(self._drain_mirrors())

    async def _drain_mirrors(self) -> None:
        while self._mirrors:
            key, mirror = next(iter(self._mirrors.items()))
            try:
                await self._control.mirror(mirror)
            except SwitchUnavailable:
                return  # kept; the next mirror or link goes on with it
            except CommandRefused as refusal:
                log.warning("acd: the fallback queue refused a member", reason=refusal.reason)
            if self._mirrors.get(key) is mirror:
                del self._mirrors[key]

    def beat(self) -> None:
        """Renew the heartbeat, unless the last renewal is still on its way."""
        if self._beating is None or self._beating.done():
            self._beating = self.spawn(self._try(self._next_beat()))

    async def first_beat(self) -> bool:
        """Renew the heartbeat and wait for the switch to take it; False: no link."""
        try:
            await self._next_beat()
        except (CommandRefused, SwitchUnavailable):
            return False
        return True

    async def _next_beat(self) -> None:
        self._beats += 1
        await self._control.beat(self._beats)

    # ---- tasks ---------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the core; a failure is logged and hurts nobody."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("acd: a task failed", exc_info=task.exception())
