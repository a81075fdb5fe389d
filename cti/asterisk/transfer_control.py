"""Commands that bring others into a call or send it elsewhere; the actions are those of docs/dialplan.md.

Who is the customer and who the agent? The call hangs on the customer's channel. Only where a phone of ours began
a call with another phone, it hangs on the one that began it; if that one commands, the other side is treated
as the customer, and the dialplan hangs the call on him by the same act.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from cti.asterisk import ami_actions as act
from cti.asterisk.channels import (
    ChannelRegistry,
    TrackedCall,
    TrackedConsult,
    TrackedLeg,
    endpoint_of,
)
from cti.asterisk.link import AmiLink
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, Endpoint, is_phone, own_phone, parse_call_id, parse_endpoint
from cti.domain.targets import Target
from cti.ports import Clock

_RING_MS = 20_000
_LOOK_TIME = timedelta(milliseconds=20)
_SETTLE_TIME = timedelta(seconds=2)  # a channel on its way from one context to the next
_MOVE_TIME = timedelta(seconds=20)  # until the other phone was answered
_DIGIT_TIME = timedelta(milliseconds=200)  # from one digit to the next
_DIGITS = re.compile(r"[0-9A-D*#]{1,32}")
ANSWER_HEADER = "PJSIP_HEADER(add,Call-Info)"
ANSWER_NOW = "<sip:ringdesk>;answer-after=0"

Notify = Callable[[Endpoint], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class OutsideLine:
    """By which trunk a number outside is called, and what it sees."""

    trunk: Endpoint
    shown_number: str


class TransferControl:
    """The half of ``cti.ports.CallControl`` that concerns more than one caller and one agent."""

    def __init__(
        self,
        link: AmiLink,
        registry: ChannelRegistry,
        clock: Clock,
        *,
        outside: OutsideLine | None = None,
        notify: Notify | None = None,
    ) -> None:
        self._link = link
        self._registry = registry
        self._clock = clock
        self.outside = outside
        self._notify = notify
        self.outside_numbers: dict[Endpoint, str] = {}
        """Where phones outside are called, of those who are signed in with one. Personal."""

    # ---- begin and send on ---------------------------------------------------------------------

    async def originate(self, endpoint: Endpoint, target: Target, command_id: str) -> None:
        """See ``CallControl``."""
        variables = {"RD_CMD": re.sub(r"[^A-Za-z0-9-]", "", command_id)[:64]}
        variables |= {ANSWER_HEADER: ANSWER_NOW, "RD_SHOWN": target.shown}
        phone, exten = f"PJSIP/{parse_endpoint(endpoint)}", act.exten_of(target)
        number = re.sub(r"[^0-9+]", "", target.value)
        await self._do(act.originate(phone, "rd-agents", exten, variables, _RING_MS, number))

    async def transfer(
        self, call_id: CallId, target: Target, sender: Endpoint | None = None
    ) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        channel, _ = self._sides(call, sender)
        place = ("rd-park", target.value) if target.kind == "parking" else None
        context, exten = place or ("rd-xfer", act.exten_of(target))
        call.heir = call.connected if channel != call.channel else None
        try:
            await self._do(
                act.set_variable(channel, "RD_FROM", parse_endpoint(sender) if sender else ""),
                act.set_variable(channel, "RD_SHOWN", target.shown),
                act.redirect(channel, context, exten),
            )
        except BaseException:
            call.heir = None
            raise

    async def park(self, call_id: CallId, slot: str, sender: Endpoint | None = None) -> None:
        """See ``CallControl``."""
        await self.transfer(call_id, Target("parking", slot), sender)

    async def fetch(self, call_id: CallId, endpoint: Endpoint) -> None:
        """See ``CallControl``."""
        await self._do(
            act.redirect(self._call(call_id).channel, "rd-dial", parse_endpoint(endpoint))
        )

    async def leave(self, call_id: CallId, endpoint: Endpoint) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        leg = self._leg(call, endpoint)
        if call.asks is not None:  # who was asked goes; the one who asked goes back to his caller
            await self._do(act.hang_up(leg.channel))
            return
        # Afterwards the caller's Dial is over although he talks on: that is meant.
        await self._do(act.set_variable(call.channel, "RD_HUNGUP", "1"), act.hang_up(leg.channel))

    async def drop_party(self, call_id: CallId, endpoint: Endpoint) -> None:
        """See ``CallControl``."""
        await self._do(act.hang_up(self._leg(self._call(call_id), endpoint).channel))

    # ---- consult -------------------------------------------------------------------------------

    async def consult(self, call_id: CallId, endpoint: Endpoint, target: Target) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        if call.consult is not None:
            raise CommandRefused("wrong_state", "somebody is being consulted already")
        if call.parties:
            raise CommandRefused("wrong_state", "a conference can't be put on hold")
        if call.held_by == "phone":
            raise CommandRefused("held_by_phone", "the caller is on hold by the phone's own key")
        if target.kind not in ("agent", "queue", "outside"):
            raise CommandRefused("no_such_target", "consult a person, a queue or a number outside")
        customer, agent = self._sides(call, endpoint)
        names = (
            *self._peers(customer, agent),
            act.set_variable(agent, "RD_REF", call.call_id),
            act.set_variable(agent, "RD_FROM", parse_endpoint(endpoint)),
            act.set_variable(agent, "RD_SHOWN", target.shown),
        )
        call.shown_number = target.shown
        there = ("rd-consult", act.exten_of(target))
        if call.held_by == "agent":  # both are in their rooms
            await self._do(*names, act.redirect(agent, *there))
        else:
            await self._do(*names, act.redirect_two(customer, ("rd-hold", "caller"), agent, there))

    async def complete_consult(self, call_id: CallId) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        consult, asked = self._consult(call), self._registry.asked_for(call)
        leg = asked.agent_leg if asked is not None else call.consulted_leg
        if leg is None or not consult.is_up:
            shown = call.shown_number if consult.target_kind == "outside" else ""
            target = Target(consult.target_kind, consult.number or consult.target, shown)
            await self.transfer(call_id, target, consult.endpoint)
            return
        mine = [e.channel for e in call.legs.values() if e.endpoint == consult.endpoint]
        consult.is_completing = True
        try:
            if (
                asked is not None
            ):  # whoever was found by a queue knows no room but that of his own call
                await self._do(act.set_variable(leg.channel, "RD_PEER", call.channel))
            if call.held_by == "agent":
                await self._to_room(call, leg)
            await self._do(
                act.set_variable(call.channel, "RD_AGENT", leg.endpoint),
                act.bridge(call.channel, leg.channel),
            )
        except BaseException:
            consult.is_completing = False
            raise
        if not is_phone(leg.endpoint):
            # No internal party is left: what strangers say to each other is not ours to keep.
            await self._try(("StopMixMonitor", {"Channel": call.channel}))
        for channel in mine:
            await self._try(act.hang_up(channel))

    async def cancel_consult(self, call_id: CallId) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        consult, leg = self._consult(call), call.consulted_leg
        consult.left_by = "agent"
        agent = self._agent_leg(call)
        if call.own_line is not None:
            await self._do(act.hang_up(call.own_line.channel))
            return  # his phone holds the caller, and takes him back by its own key
        asked = self._registry.asked_for(call)
        if asked is not None:
            asked.ended_by = asked.ended_by or "caller"
            await self._do(act.redirect(agent.channel, "rd-asked", "s"))
        elif leg is not None:
            await self._try(act.hang_up(leg.channel))
        await self._in_room(call, agent)
        await self._do(act.bridge(call.channel, agent.channel))

    async def join_consult(self, call_id: CallId) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        consult = self._consult(call)
        if not consult.is_up:
            raise CommandRefused("wrong_state", "the one who is being called has not answered yet")
        agent = call.own_line or self._agent_leg(call)
        await self._do(
            *self._ask_no_more(call),
            act.set_variable(call.channel, "RD_JOIN", agent.channel),
            act.redirect(call.channel, "rd-join", "s"),
        )

    # ---- conference and phones -----------------------------------------------------------------

    async def add_party(self, call_id: CallId, target: Target) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        self._agent_leg(call)  # somebody must speak with him
        if target.kind == "agent":
            phone, number = f"PJSIP/{self._phone_of(target.value)}", ""
        elif target.kind == "outside" and self.outside is not None:
            phone = f"PJSIP/{target.value}@{self.outside.trunk}"
            number = target.shown or self.outside.shown_number
        else:
            raise CommandRefused("not_a_person", "only a person or a number can be added")
        await self._ring_into(call, phone, number)

    async def move(self, call_id: CallId, endpoint: Endpoint, to_endpoint: Endpoint) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        leg, other = self._leg(call, endpoint), parse_endpoint(to_endpoint)
        await self._ring_into(call, f"PJSIP/{other}", "")

        def is_in() -> bool:
            new = call.leg_at(other)
            return new is not None and new.leg_id in call.parties

        await self._until(is_in, _MOVE_TIME)
        await self._do(
            act.set_variable(call.channel, "RD_AGENT", other),
            act.set_variable(call.channel, "RD_HUNGUP", "1"),
            act.hang_up(leg.channel),
        )

    async def send_digits(self, call_id: CallId, endpoint: Endpoint, digits: str) -> None:
        """See ``CallControl``."""
        if not _DIGITS.fullmatch(digits):
            raise CommandRefused("invalid_value", "digits are 0-9, *, # and A-D, at most 32")
        call = self._call(call_id)
        customer, _ = self._sides(call, endpoint)
        for digit in digits:
            await self._do(("PlayDTMF", {"Channel": customer, "Digit": digit, "Duration": "120"}))
            await self._clock.sleep(_DIGIT_TIME)

    async def answer(self, endpoint: Endpoint) -> None:
        """See ``CallControl``."""
        if self._notify is None:
            raise CommandRefused("lift_receiver", "this phone can't be answered from here")
        await self._notify(parse_endpoint(endpoint))

    async def decline(self, call_id: CallId, endpoint: Endpoint) -> None:
        """See ``CallControl``."""
        leg = self._leg(self._call(call_id), endpoint)
        await self._do(act.hang_up(leg.channel, act.BUSY))

    # ---- inside --------------------------------------------------------------------------------

    def _ask_no_more(self, call: TrackedCall) -> tuple[act.Action, ...]:
        """An agent and the one whom a queue found for him are in his caller's call from now on, and in no other."""
        asked = self._registry.asked_for(call)
        if asked is None:
            return ()
        leg, found = asked.channel, asked.agent_leg
        own = call.call_id if call.origin == asked.origin else ""
        names = [
            ("StopMixMonitor", {"Channel": leg}),
            act.set_variable(leg, "RD_ASKS", ""),
            act.set_variable(leg, "RD_CALL", own),
            act.set_variable(leg, "RD_REF", call.call_id),
        ]
        if found is not None:
            names.append(act.set_variable(found.channel, "RD_REF", call.call_id))
        return tuple(names)

    def _peers(self, customer: str, agent: str) -> tuple[act.Action, act.Action]:
        """Each side of a held call learns who the other is, so that neither waits for one who is gone."""
        return (
            act.set_variable(customer, "RD_PEER", agent),
            act.set_variable(agent, "RD_PEER", customer),
        )

    async def _to_room(self, call: TrackedCall, leg: TrackedLeg) -> None:
        """Bring the one consulted into the caller's room first, as a held agent is.

        Bridged straight out of the conversation with the agent, a phone whose sound is transcoded (Opus) heard
        nothing of the caller (seen on 22.10). Why is not known; perhaps Asterisk takes the frames of the new
        source for late ones of the old.
        """
        await self._do(act.redirect(leg.channel, "rd-hold", "agent"))
        await self._in_room(call, leg)

    async def _in_room(self, call: TrackedCall, leg: TrackedLeg) -> None:
        rooms = self._registry.bridge_of
        await self._until(
            lambda: rooms(leg.leg_id) != "" and rooms(leg.leg_id) == rooms(call.leg_id),
            _SETTLE_TIME,
        )

    async def _ring_into(self, call: TrackedCall, phone: str, number: str) -> None:
        variables = {"RD_REF": call.call_id, "RD_JOIN": call.channel}
        await self._do(act.originate(phone, "rd-join", "s", variables, _RING_MS, number))

    def _phone_of(self, extension: str) -> Endpoint:
        """Which of a person's two phones to ring: the one that is there."""
        desk, browser = Endpoint(extension), parse_endpoint(own_phone(extension, "browser"))
        is_there = self._registry.phones.get(browser, "unavailable") != "unavailable"
        return browser if is_there else parse_endpoint(desk)

    def _call(self, call_id: CallId) -> TrackedCall:
        call = self._registry.call(parse_call_id(call_id))
        if call is None:
            raise CommandRefused("no_such_call", "the call is over")
        return call

    def _agent_leg(self, call: TrackedCall) -> TrackedLeg:
        leg = call.agent_leg
        if leg is None:
            raise CommandRefused("wrong_state", "no phone is connected with this call")
        return leg

    def _leg(self, call: TrackedCall, endpoint: Endpoint) -> TrackedLeg:
        leg = call.leg_at(endpoint)
        if leg is None:
            raise CommandRefused("wrong_state", "this phone takes no part in the call")
        return leg

    def _consult(self, call: TrackedCall) -> TrackedConsult:
        if call.consult is None:
            raise CommandRefused("wrong_state", "nobody is being consulted")
        return call.consult

    def _sides(self, call: TrackedCall, by: Endpoint | None) -> tuple[str, str]:
        """The channels of the customer and of the agent, as seen by the phone that commands."""
        if by is not None and by == call.origin and endpoint_of(call.channel) == by:
            return self._agent_leg(call).channel, call.channel
        leg = call.agent_leg
        if leg is None:
            return call.channel, ""
        return call.channel, leg.channel

    def _number_of(self, endpoint: Endpoint) -> tuple[act.Action, ...]:
        """What Asterisk must know before it rings a phone outside, should it have forgotten."""
        number = self.outside_numbers.get(endpoint)
        return () if number is None else (act.outside_number(endpoint, number),)

    async def _do(self, *actions: act.Action) -> None:
        """Write all actions at once; the last one's answer counts."""
        epoch = self._link.epoch
        futures = [self._link.submit(name, headers, epoch=epoch) for name, headers in actions]
        answers = [await self._link.answer_to(future) for future in futures]
        act.check(answers[-1])

    async def _try(self, action: act.Action) -> None:
        """An action whose failure means that what it wants is so already."""
        name, headers = action
        await self._link.action(name, headers, epoch=self._link.epoch)

    async def _until(self, condition: Callable[[], bool], limit: timedelta) -> None:
        end = self._clock.monotonic() + limit.total_seconds()
        while not condition():
            if self._clock.monotonic() >= end:
                raise CommandRefused("not_confirmed", "Asterisk did not do it in time")
            await self._clock.sleep(_LOOK_TIME)
