"""A command is done when the event that confirms it was told, not when Asterisk took it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId
from cti.ports import Clock, EventBus

Matches = Callable[[ev.CallEvent], bool]

CONFIRM_TIMEOUT = timedelta(seconds=5)


class Confirming:
    """Sends commands and waits for what they are to bring about."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    async def __call__(
        self,
        send: Callable[[], Awaitable[None]],
        is_done: Matches,
        *,
        of_call: CallId | None = None,
        limit: timedelta = CONFIRM_TIMEOUT,
        otherwise: tuple[str, str] = (
            "not_confirmed",
            "It was asked for, but did not happen in time.",
        ),
    ) -> None:
        """Send, and return when an event says that it is done; ``of_call``: pointless when that call ends.

        Raises:
            CommandRefused: what ``otherwise`` says (id and words), ``no_such_call``, or the switch's refusal.
        """
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def tell(result: str) -> None:
            if not done.done():
                done.set_result(result)

        def listen(event: ev.Event) -> None:
            if not isinstance(event, ev.CallEvent):
                return
            if is_done(event):
                tell("")
            elif isinstance(event, ev.CallEnded) and event.call_id == of_call:
                tell("no_such_call")

        # Before it is sent: what confirms it may come before the answer does.
        unsubscribe = self._bus.subscribe(listen, ev.CallEvent)
        timer = self._clock.call_later(limit, lambda: tell("late"))
        try:
            await send()
            result = await done
        finally:
            timer.cancel()
            unsubscribe()
        if result == "no_such_call":
            raise CommandRefused(result, "The call ended meanwhile.")
        if result:
            reason, text = otherwise
            raise CommandRefused(reason, f"{text} The display shows what is true.")
