"""Calls that are made for a callback, as AMI actions: the agent's phone first, then the customer's.

Two global variables of Asterisk's keep it from calling anybody twice, also if we die in between. ``RD_CB_<callback>`` is the
id of the one call by which the customer may be called: the dialplan looks when the agent's phone has answered, and hangs
up if another id, or none, stands there. ``RD_CD_<callback>`` is set by the dialplan when the customer answers.
"""

from __future__ import annotations

import contextlib
import re
from datetime import timedelta

from cti.asterisk import ami_actions as act
from cti.asterisk.transfer_control import ANSWER_HEADER, ANSWER_NOW, TransferControl
from cti.domain.callbacks import mark_of
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, Endpoint, is_outside_phone, parse_call_id, parse_endpoint
from cti.domain.targets import Target

_BEGUN_TIME = timedelta(seconds=1)
"""A call that passed the dialplan's look just before it was forbidden has told of itself by then."""


class CallbackControl(TransferControl):
    """``acd.ports.CallbackLine`` over the AMI link."""

    async def call_back(
        self,
        call_id: CallId,
        callback_id: CallId,
        endpoint: Endpoint,
        target: Target,
        ring_timeout: timedelta,
    ) -> None:
        """See ``CallbackLine``."""
        mark = mark_of(callback_id)
        variables = {"RD_CALL": parse_call_id(call_id), "__RD_CB": mark}
        variables |= {ANSWER_HEADER: ANSWER_NOW, "RD_SHOWN": target.shown}
        phone, context = f"PJSIP/{parse_endpoint(endpoint)}", "rd-agents"
        number = re.sub(r"[^0-9+]", "", target.value)
        if is_outside_phone(endpoint):
            his = self.outside_numbers.get(endpoint)
            if not his:
                raise CommandRefused("refused", "where this phone is called isn't known")
            phone = f"PJSIP/{his}@{endpoint}"
            context = "rd-remote-first"
            number = self.outside.shown_number if self.outside is not None else ""
        ring_ms = max(1000, round(ring_timeout.total_seconds() * 1000))
        await self._do(
            act.set_global(f"RD_CB_{mark}", call_id),
            act.originate(phone, context, act.exten_of(target), variables, ring_ms, number),
        )

    async def drop_callback(self, callback_id: CallId | None, call_id: CallId | None) -> None:
        """See ``CallbackLine``."""
        if callback_id is not None:
            mark = mark_of(callback_id)
            await self._do(act.set_global(f"RD_CB_{mark}", ""), act.set_global(f"RD_CD_{mark}", ""))
        call = self._registry.call(call_id) if call_id is not None else None
        if call is not None:
            with contextlib.suppress(CommandRefused):  # it is over already
                await self._do(
                    act.set_variable(call.channel, "RD_HUNGUP", "1"), act.hang_up(call.channel)
                )

    async def was_answered(self, callback_id: CallId) -> bool:
        """See ``CallbackLine``."""
        mark = mark_of(callback_id)
        await self._do(act.set_global(f"RD_CB_{mark}", ""))
        await self._clock.sleep(_BEGUN_TIME)
        name, headers = "Getvar", {"Variable": f"RD_CD_{mark}"}
        answer = await self._link.action(name, headers, epoch=self._link.epoch)
        return answer.success and answer.get("Value") == "1"
