"""What an agent may do with calls: dial, answer, hold, send on, consult, confer, park, and their ends.

Each is checked against what stands on his desktop (``abilities.py``), sent, and done when the event came that confirms it
(``confirming.py``). The words of a refusal name the remedy; its id is stable.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import (
    CallId,
    Endpoint,
    is_browser_phone,
    is_outside_phone,
    own_phone,
    parse_call_id,
)
from cti.domain.people import Permission
from cti.domain.targets import Target
from cti.ports import CallControl
from screenpop.abilities import error_id, reason_id, say
from screenpop.confirming import CONFIRM_TIMEOUT, Confirming
from screenpop.desks import Desk
from screenpop.dialling import DialRules
from screenpop.messages import (
    Args,
    CallArgs,
    DialArgs,
    DigitsArgs,
    FetchArgs,
    MoveArgs,
    MuteArgs,
    ParkArgs,
    PartyArgs,
    PauseArgs,
    TargetArg,
    TargetArgs,
)
from screenpop.on_desktop import Work
from screenpop.service import ScreenPop

Check = Callable[[Desk, Any, str], Work]

DIAL_TIMEOUT = timedelta(seconds=10)
MOVE_TIMEOUT = timedelta(seconds=25)  # somebody has to lift the other receiver
_LIMITS = {
    **dict.fromkeys(("call.dial", "missed.call", "promise.call"), DIAL_TIMEOUT),
    "call.move": MOVE_TIMEOUT,
    "call.accept": 2 * CONFIRM_TIMEOUT,  # on hold first, then answered
}
_BUSY = frozenset({"RESERVED", "RINGING", "TALKING"})
_SPEAKS = (ev.CallConnected, ev.ConsultConnected, ev.PartyJoined)


class CallCommands:
    """Checks and carries out; ``table`` names each command's shape and check."""

    def __init__(
        self,
        pop: ScreenPop,
        calls: CallControl,
        confirmed: Confirming,
        rules: DialRules,
        *,
        conference_goes_on: bool = True,
    ) -> None:
        self._pop = pop
        self._calls = calls
        self._confirmed = confirmed
        self._rules = rules
        self._conference_goes_on = conference_goes_on
        self.table: dict[str, tuple[type[Args], Check]] = {
            "call.dial": (DialArgs, self._dial),
            "call.fetch": (FetchArgs, self._fetch),
            "call.answer": (CallArgs, self._answer),
            "call.hang_up": (CallArgs, self._hang_up),
            "call.hold": (CallArgs, self._hold),
            "call.retrieve": (CallArgs, self._retrieve),
            "call.mute": (MuteArgs, self._mute),
            "call.pause_recording": (PauseArgs, self._pause_recording),
            "call.send_digits": (DigitsArgs, self._send_digits),
            "call.transfer": (TargetArgs, self._transfer),
            "call.consult": (TargetArgs, self._consult),
            "call.complete": (CallArgs, self._complete),
            "call.cancel": (CallArgs, self._cancel),
            "call.conference": (CallArgs, self._conference),
            "call.add_party": (TargetArgs, self._add_party),
            "call.drop_party": (PartyArgs, self._drop_party),
            "call.park": (ParkArgs, self._park),
            "call.move": (MoveArgs, self._move),
        }

    def configure(self, rules: DialRules, *, conference_goes_on: bool) -> None:
        """The company has changed: what may be dialled, and what a conference does without its agent."""
        self._rules = rules
        self._conference_goes_on = conference_goes_on

    def callback_number(self, number: str) -> str:
        """A caller's number as it is dialled to call him back, by the rules of now.

        Raises:
            CommandRefused: it may not be called, or it is none.
        """
        return self._rules.callback(number).value

    @staticmethod
    def limit_of(name: str) -> timedelta:
        """How long the confirmation of a command may take."""
        return _LIMITS.get(name, CONFIRM_TIMEOUT)

    # ---- begin ---------------------------------------------------------------------------------

    def _dial(self, desk: Desk, args: DialArgs, command_id: str) -> Work:
        endpoint = self._free_phone(desk)
        target = self._target(desk, args.target)
        self._is_reachable(target)
        return lambda: self._confirmed(
            lambda: self._calls.originate(endpoint, target, command_id),
            lambda e: isinstance(e, ev.CallOffered) and e.endpoint == endpoint,
            limit=DIAL_TIMEOUT,
            otherwise=("own_phone_silent", "Your own phone was not answered."),
        )

    def _fetch(self, desk: Desk, args: FetchArgs, _: str) -> Work:
        endpoint = self._free_phone(desk)
        call_id = self._pop.parking.at(args.slot)
        if call_id is None:
            raise CommandRefused("slot_empty", "Nobody is parked there (any more).")
        return lambda: self._confirmed(
            lambda: self._calls.fetch(call_id, endpoint),
            lambda e: (
                isinstance(e, (ev.LegDialled, ev.CallConnected))
                and (e.call_id, e.endpoint) == (call_id, endpoint)
            ),
            of_call=call_id,
        )

    def _answer(self, desk: Desk, args: CallArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "answer")
        state = desk.state
        mine = [member.endpoint for member in state.talk.legs_of(state.owns) if not member.is_up]
        is_browser = state.sections["phone"]["kind"] == "browser"
        if is_browser and all(is_browser_phone(endpoint) for endpoint in mine):
            return _nothing  # the page's own phone answers; this is for the journal
        desk_phones = [endpoint for endpoint in mine if not is_browser_phone(endpoint)]
        phone = desk_phones[0] if desk_phones else Endpoint(desk.user.extension)
        return lambda: self._confirmed(
            lambda: self._calls.answer(phone),
            lambda e: isinstance(e, _SPEAKS) and e.call_id == call_id and state.owns(e.endpoint),
            of_call=call_id,
            otherwise=(
                "lift_receiver",
                "Your desk phone can't be answered from here: lift the receiver.",
            ),
        )

    # ---- the own call --------------------------------------------------------------------------

    def _hang_up(self, desk: Desk, args: CallArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "hang_up")
        shown, endpoint = desk.state.shown, self._phone_in(desk)
        now = desk.state.situation()
        is_leaving = now.is_consulted or now.is_in_menu  # the caller goes on without him
        if shown is not None and shown.state == "conference" and self._conference_goes_on:
            is_leaving = True  # the others talk on
        if is_leaving:
            return lambda: self._confirmed(
                lambda: self._calls.leave(call_id, endpoint),
                lambda e: isinstance(e, ev.LegEnded) and e.endpoint == endpoint,
                of_call=None,
            )
        return lambda: self._confirmed(
            lambda: self._calls.hang_up(call_id),
            lambda e: isinstance(e, ev.CallEnded) and e.call_id == call_id,
        )

    def _hold(self, desk: Desk, args: CallArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "hold")
        # Between two phones of ours it must be said which of them holds the other.
        by = (self._phone_in(desk),) if desk.state.talk.anchor is not None else ()
        return self._until(call_id, ev.CallHeld, lambda: self._calls.hold(call_id, *by))

    def _retrieve(self, desk: Desk, args: CallArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "retrieve")
        kinds = (ev.CallRetrieved, ev.CallConnected)
        return self._until(call_id, kinds, lambda: self._calls.retrieve(call_id))

    def _mute(self, desk: Desk, args: MuteArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "mute")
        return self._until(call_id, ev.LegMuted, lambda: self._calls.mute(call_id, args.muted))

    def _pause_recording(self, desk: Desk, args: PauseArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "pause_recording")
        kind = ev.RecordingPaused if args.paused else ev.RecordingResumed
        pause = self._calls.pause_recording
        return self._until(call_id, kind, lambda: pause(call_id, args.paused))

    def _send_digits(self, desk: Desk, args: DigitsArgs, _: str) -> Work:
        call_id, endpoint = self._own(desk, args.call_id, "send_digits"), self._phone_in(desk)
        return lambda: self._calls.send_digits(call_id, endpoint, args.digits)

    # ---- send on -------------------------------------------------------------------------------

    def _transfer(self, desk: Desk, args: TargetArgs, _: str) -> Work:
        shown, sender = desk.state.shown, None
        if shown is None or shown.call_id != args.call_id:
            call_id = self._anybodys(desk, args.call_id)
        else:
            call_id, sender = self._own(desk, args.call_id, "transfer"), self._phone_in(desk)
        target = self._target(desk, args.target)
        self._is_reachable(target)
        send = self._calls.transfer
        return self._until(call_id, ev.CallTransferred, lambda: send(call_id, target, sender))

    def _consult(self, desk: Desk, args: TargetArgs, _: str) -> Work:
        call_id, endpoint = self._own(desk, args.call_id, "consult"), self._phone_in(desk)
        target = self._target(desk, args.target)
        if target.kind == "menu":
            text = "A menu can't be asked: choose a person, a queue or a number outside."
            raise CommandRefused("menu_asked", text)
        self._is_reachable(target)
        ask = self._calls.consult
        return self._until(call_id, ev.ConsultStarted, lambda: ask(call_id, endpoint, target))

    def _complete(self, desk: Desk, args: CallArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "complete")
        return lambda: self._confirmed(
            lambda: self._calls.complete_consult(call_id),
            lambda e: (
                e.call_id == call_id
                and (
                    isinstance(e, ev.CallTransferred)
                    or (isinstance(e, ev.ConsultEnded) and e.result == "completed")
                )
            ),
            of_call=call_id,
        )

    def _cancel(self, desk: Desk, args: CallArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "cancel")
        kinds = (ev.ConsultEnded, ev.CallRetrieved)
        return self._until(call_id, kinds, lambda: self._calls.cancel_consult(call_id))

    def _park(self, desk: Desk, args: ParkArgs, _: str) -> Work:
        call_id, endpoint = self._own(desk, args.call_id, "park"), self._phone_in(desk)
        if self._pop.parking.at(args.slot) is not None:
            raise CommandRefused("slot_in_use", "Somebody is parked there: choose another place.")
        park = self._calls.park
        return self._until(call_id, ev.CallParked, lambda: park(call_id, args.slot, endpoint))

    # ---- conference ----------------------------------------------------------------------------

    def _conference(self, desk: Desk, args: CallArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "conference")
        return self._until(call_id, ev.PartyJoined, lambda: self._calls.join_consult(call_id))

    def _add_party(self, desk: Desk, args: TargetArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "add_party")
        target = self._person(desk, args.target)
        return lambda: self._confirmed(
            lambda: self._calls.add_party(call_id, target),
            lambda e: isinstance(e, ev.LegDialled) and e.call_id == call_id and e.role == "party",
            of_call=call_id,
        )

    def _drop_party(self, desk: Desk, args: PartyArgs, _: str) -> Work:
        call_id = self._own(desk, args.call_id, "drop_party")
        others = desk.state.talk.others(desk.state.owns)
        endpoint = next((e for e in others if e == args.endpoint), None)
        if endpoint is None:
            raise CommandRefused("no_such_party", "That one isn't in the conference (any more).")
        return lambda: self._confirmed(
            lambda: self._calls.drop_party(call_id, endpoint),
            lambda e: (
                isinstance(e, (ev.PartyLeft, ev.LegEnded))
                and (e.call_id, e.endpoint) == (call_id, endpoint)
            ),
            of_call=call_id,
        )

    def _move(self, desk: Desk, args: MoveArgs, _: str) -> Work:
        call_id, here = self._own(desk, args.call_id, "move"), self._phone_in(desk)
        there = own_phone(desk.user.extension, args.phone)
        if here == there:
            raise CommandRefused("same_phone", "You talk on this phone already.")
        return lambda: self._confirmed(
            lambda: self._calls.move(call_id, here, there),
            lambda e: (
                isinstance(e, ev.CallConnected) and (e.call_id, e.endpoint) == (call_id, there)
            ),
            of_call=call_id,
            limit=MOVE_TIMEOUT,
            otherwise=("other_phone_silent", "The other phone was not answered."),
        )

    def own_call(self, desk: Desk, text: str, action: str) -> tuple[CallId, Endpoint]:
        """The call on this desktop, if the action can be done with it now, and the agent's phone in it.

        Raises:
            CommandRefused: it isn't there, or the action can't be done.
        """
        return self._own(desk, text, action), self._phone_in(desk)

    # ---- checks --------------------------------------------------------------------------------

    def _until(
        self,
        call_id: CallId,
        kinds: type[ev.CallEvent] | tuple[type[ev.CallEvent], ...],
        send: Work,
    ) -> Work:
        """Done when an event of this kind was told of the call."""
        return lambda: self._confirmed(
            send, lambda e: isinstance(e, kinds) and e.call_id == call_id, of_call=call_id
        )

    def _own(self, desk: Desk, text: str, action: str) -> CallId:
        call_id = parse_call_id(text)
        shown = desk.state.shown
        if shown is None or shown.call_id != call_id:
            raise CommandRefused("not_your_call", "This call isn't on your desktop (any more).")
        reason = reason_id(action, desk.state.situation())
        if reason:
            raise CommandRefused(
                error_id(reason), say(reason, "en"), why=say(reason, desk.language)
            )
        return call_id

    def _anybodys(self, desk: Desk, text: str) -> CallId:
        """A call that isn't the agent's own: for supervisors."""
        call_id = parse_call_id(text)
        if not desk.user.may(Permission.WATCH_TEAM):
            raise CommandRefused("not_your_call", "This call isn't on your desktop (any more).")
        if self._pop.call(call_id) is None:
            raise CommandRefused("no_such_call", "The call is over.")
        return call_id

    def _target(self, desk: Desk, wanted: TargetArg) -> Target:
        own, caller_id = desk.user.extension, wanted.caller_id or ""
        return self._rules.target(wanted.kind, wanted.value, own, caller_id)

    def _person(self, desk: Desk, wanted: TargetArg) -> Target:
        """Somebody who can be asked, or take part; a queue or a menu can't."""
        target = self._target(desk, wanted)
        if target.kind not in ("agent", "outside"):
            raise CommandRefused("not_a_person", "Choose a person or a number outside for this.")
        self._is_reachable(target, must_be_free=True)
        return target

    def _is_reachable(self, target: Target, *, must_be_free: bool = False) -> None:
        if target.kind != "agent":
            return
        desk = self._pop.desks.at_phone(Endpoint(target.value))
        if desk is None:
            raise CommandRefused("no_such_target", "Nobody is reached there; choose from the list.")
        is_busy = self._pop.directory.state_of(desk.user.user_id) in _BUSY
        if is_busy and (must_be_free or not self._pop.second.has_room(desk)):
            name = desk.user.name
            raise CommandRefused("busy_target", f"{name} is in a call at the moment.", name=name)

    def _free_phone(self, desk: Desk) -> Endpoint:
        """The phone that the agent sits at, if it is in no call."""
        endpoint = desk.state.sections["phone"]["endpoint"]
        if endpoint is None:
            raise CommandRefused("signed_out", "Sign in with a phone first.")
        if is_outside_phone(endpoint):
            raise CommandRefused("phone_outside", "Your phone outside takes a queue's calls only.")
        shown = desk.state.shown
        is_calling = shown is not None and shown.ended_at is None
        if is_calling or self._pop.directory.state_of(desk.user.user_id) in _BUSY:
            raise CommandRefused("busy", "Finish your call first.")
        return Endpoint(endpoint)

    def _phone_in(self, desk: Desk) -> Endpoint:
        """The phone by which the agent takes part in the call."""
        legs = desk.state.talk.legs_of(desk.state.owns)
        seat = desk.state.sections["phone"]["endpoint"]
        return legs[0].endpoint if legs else Endpoint(seat or desk.user.extension)


async def _nothing() -> None:
    """Done already."""
