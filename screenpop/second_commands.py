"""What an agent may do with a second call: accept it, take it back, decline it.

Accepting puts the first caller on hold, and only when Asterisk has told so the second one is answered: by the page's own
phone, which the answer to the command asks for it, or by the desk phone, which is asked by NOTIFY.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, Endpoint, is_browser_phone, parse_call_id
from cti.ports import CallControl
from screenpop.abilities import error_id, say
from screenpop.confirming import Confirming
from screenpop.desks import Desk
from screenpop.facts import CallFacts
from screenpop.messages import Args, CallArgs
from screenpop.on_desktop import Work
from screenpop.sections import SecondSection
from screenpop.service import ScreenPop

_SPEAKS = (ev.CallConnected, ev.ConsultConnected, ev.PartyJoined)


class SecondCommands:
    """Checks and carries out; ``table`` names each command's shape and check."""

    def __init__(self, pop: ScreenPop, calls: CallControl, confirmed: Confirming) -> None:
        self._pop = pop
        self._calls = calls
        self._confirmed = confirmed
        self.table: dict[str, tuple[type[Args], Callable[[Desk, Any, str], Work]]] = {
            "call.accept": (CallArgs, self._accept),
            "call.decline": (CallArgs, self._decline),
        }

    def _accept(self, desk: Desk, args: CallArgs, _: str) -> Work:
        second, facts = self._second(desk, args.call_id)
        reason = self._pop.second.accept_reason(desk, second["state"], facts)
        if reason:
            why = say(reason, desk.language)
            raise CommandRefused(error_id(reason), say(reason, "en"), why=why)
        first = desk.state.shown.call_id if desk.state.shown is not None else None

        async def work() -> None:
            if first is not None and desk.state.situation().state == "talking":
                await self._hold(desk, first)
            if second["state"] == "waiting":
                await self._answer(desk, facts.call_id)
            else:
                await self._confirmed(
                    lambda: self._calls.retrieve(facts.call_id),
                    lambda e: isinstance(e, ev.CallRetrieved) and e.call_id == facts.call_id,
                    of_call=facts.call_id,
                )

        return work

    async def _hold(self, desk: Desk, call_id: CallId) -> None:
        seat = desk.state.sections["phone"]["endpoint"]
        legs = desk.state.talk.legs_of(desk.state.owns)
        here = legs[0].endpoint if legs else Endpoint(seat or desk.user.extension)
        by = (here,) if desk.state.talk.anchor is not None else ()
        await self._confirmed(
            lambda: self._calls.hold(call_id, *by),
            lambda e: isinstance(e, ev.CallHeld) and e.call_id == call_id,
            of_call=call_id,
        )

    async def _answer(self, desk: Desk, call_id: CallId) -> None:
        rung = self._rung(desk, call_id)
        if not rung:
            raise CommandRefused("no_such_call", "The call ended meanwhile.")
        phones = [endpoint for endpoint in rung if not is_browser_phone(endpoint)]
        if desk.state.sections["phone"]["kind"] == "browser" and len(phones) < len(rung):
            return  # the page's own phone answers now
        phone = (phones or rung)[0]
        await self._confirmed(
            lambda: self._calls.answer(phone),
            lambda e: (
                isinstance(e, _SPEAKS) and e.call_id == call_id and desk.state.owns(e.endpoint)
            ),
            of_call=call_id,
            otherwise=(
                "lift_receiver",
                "Your desk phone can't be answered from here: lift the receiver.",
            ),
        )

    def _decline(self, desk: Desk, args: CallArgs, _: str) -> Work:
        second, facts = self._second(desk, args.call_id)
        if second["state"] != "waiting":
            why = say("not_waiting", desk.language)
            raise CommandRefused("wrong_state", say("not_waiting", "en"), why=why)

        async def work() -> None:
            for endpoint in self._rung(desk, facts.call_id):
                await self._decline_at(facts.call_id, endpoint)

        return work

    async def _decline_at(self, call_id: CallId, endpoint: Endpoint) -> None:
        await self._confirmed(
            lambda: self._calls.decline(call_id, endpoint),
            lambda e: isinstance(e, ev.LegEnded) and (e.call_id, e.endpoint) == (call_id, endpoint),
        )

    def _rung(self, desk: Desk, call_id: CallId) -> list[Endpoint]:
        """His phones that ring for the call now."""
        facts = self._pop.call(call_id)
        if facts is None:
            return []
        return [m.endpoint for m in facts.talk.legs_of(desk.state.owns) if not m.is_up]

    def _second(self, desk: Desk, text: str) -> tuple[SecondSection, CallFacts]:
        call_id = parse_call_id(text)
        second, facts = desk.state.sections["second"], self._pop.call(call_id)
        if second is None or second["call_id"] != call_id or facts is None:
            raise CommandRefused("not_your_call", "This call isn't on your desktop (any more).")
        return second, facts
