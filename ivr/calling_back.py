"""Leads the conversation of ``callback.py`` with a caller, and asks whoever keeps callbacks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from cti.domain.errors import CommandRefused, RingdeskError
from cti.domain.ids import CallId, QueueName
from ivr import callback
from ivr.model import AskDigits, AskKey, Heard, Say
from ivr.ports import CallbackLine, CallerGone, CallerSession

log = structlog.get_logger(__name__)

Ask = Callable[[AskKey | AskDigits], Awaitable[Heard]]


async def offer(
    session: CallerSession,
    line: CallbackLine,
    ask: Ask,
    call_id: CallId,
    queue: QueueName,
    credit_time: timedelta,
) -> bool:
    """Whether the caller will be called back, or keeps what stands for him; False: he wants to wait.

    Raises:
        CallerGone: he hung up; what he had confirmed before stands.
    """
    number = line.number_of(call_id)
    talk, deeds = callback.begin(number, line.standing(call_id, queue))
    while True:
        for deed in deeds:
            match deed:
                case Say():
                    await session.play(deed.prompt, is_interruptible=deed.is_interruptible)
                case callback.Over():
                    return deed.is_leaving
                case callback.Request():
                    talk, deeds = await _request(line, talk, call_id, queue, deed, credit_time)
                case callback.Withdraw():
                    talk, deeds = await _withdraw(line, talk, call_id, queue)
                case AskKey() | AskDigits():
                    talk, deeds = callback.answer(talk, await ask(deed))


async def _request(
    line: CallbackLine,
    talk: callback.Talk,
    call_id: CallId,
    queue: QueueName,
    deed: callback.Request,
    credit_time: timedelta,
) -> callback.Step:
    try:
        await line.request(call_id, queue, deed.number, credit_time)
    except CommandRefused as refusal:
        return callback.refused(talk, refusal.reason, line.standing(call_id, queue))
    except CallerGone:
        raise
    except RingdeskError as exc:
        log.error("callback could not be asked for", call_id=call_id, error=type(exc).__name__)
        return callback.refused(talk, "failed")
    return callback.accepted(talk)


async def _withdraw(
    line: CallbackLine, talk: callback.Talk, call_id: CallId, queue: QueueName
) -> callback.Step:
    try:
        await line.withdraw_own(call_id, queue)
    except CommandRefused as refusal:
        return callback.refused(talk, refusal.reason)
    return callback.withdrawn(talk)
