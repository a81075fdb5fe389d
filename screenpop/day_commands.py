"""What an agent may do with missed calls, callbacks and messages.

Each is checked twice: when it is asked for, and again when it is done, since between the two the journal was written and a
colleague may have been quicker. Whatever is done is committed before it is acknowledged.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from cti.domain import day_events as day
from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.ids import AgentId, Endpoint, QueueName, parse_call_id
from cti.domain.people import Permission
from cti.domain.text import clean_name
from cti.ports import Clock, EventBus, Journal
from screenpop import notices
from screenpop.call_commands import CallCommands
from screenpop.day import Day
from screenpop.day_messages import (
    CallBackArgs,
    CloseMissedArgs,
    EndPromiseArgs,
    HandPromiseArgs,
    MakePromiseArgs,
    MovePromiseArgs,
    ReadMessageArgs,
    SendMessageArgs,
)
from screenpop.desks import Desk, Desks
from screenpop.messages import Args, CallArgs, DialArgs, TargetArg
from screenpop.missed import TAKEN_TIME, Entry
from screenpop.on_desktop import Work
from screenpop.promises import MAX_TEXT, Promise, instant

SNOOZE_TIME = timedelta(minutes=10)
Check = Callable[[Desk, Any, str], Work]


class DayCommands:
    """Checks and carries out; ``table`` names each command's shape and check."""

    def __init__(
        self,
        lists: Day,
        desks: Desks,
        bus: EventBus,
        clock: Clock,
        journal: Journal,
        calls: CallCommands,
    ) -> None:
        self._day = lists
        self._desks = desks
        self._bus = bus
        self._clock = clock
        self._journal = journal
        self._calls = calls
        self.table: Mapping[str, tuple[type[Args], Check]] = {
            "missed.call": (CallBackArgs, self._call_missed),
            "missed.take": (CallArgs, self._take_missed),
            "missed.release": (CallArgs, self._release_missed),
            "missed.close": (CloseMissedArgs, self._close_missed),
            "promise.make": (MakePromiseArgs, self._make_promise),
            "promise.move": (MovePromiseArgs, self._move_promise),
            "promise.snooze": (CallArgs, self._snooze_promise),
            "promise.hand": (HandPromiseArgs, self._hand_promise),
            "promise.take": (CallArgs, self._take_promise),
            "promise.end": (EndPromiseArgs, self._end_promise),
            "promise.call": (CallBackArgs, self._call_promise),
            "message.send": (SendMessageArgs, self._send_message),
            "message.read": (ReadMessageArgs, self._read_message),
        }

    async def _tell(self, event: Any) -> None:
        self._bus.publish(event)
        await self._journal.flush()

    # ---- missed calls ----------------------------------------------------------------------------

    def _entry(self, desk: Desk, text: str) -> Entry:
        """An open entry that is this agent's business; others look as if there were none."""
        entry = self._day.missed.entry(parse_call_id(text))
        if not self._day.may_see(desk.user, entry):
            raise CommandRefused("no_such_entry", "There is no such entry (any more).")
        return entry

    def _free_entry(self, desk: Desk, text: str) -> Entry:
        entry = self._entry(desk, text)
        now = self._clock.now()
        return self._day.missed.check_taken(entry.entry_id, desk.user.user_id, now)

    async def _take(self, desk: Desk, call_id: str) -> None:
        entry = self._free_entry(desk, call_id)
        now = self._clock.now()
        taken = day.MissedTaken(
            at=now, call_id=entry.entry_id, agent_id=desk.user.user_id, until_at=now + TAKEN_TIME
        )
        await self._tell(taken)

    def _take_missed(self, desk: Desk, args: CallArgs, _: str) -> Work:
        self._free_entry(desk, args.call_id)
        return lambda: self._take(desk, args.call_id)

    def _release_missed(self, desk: Desk, args: CallArgs, _: str) -> Work:
        def check() -> Entry:
            entry = self._entry(desk, args.call_id)
            taker = entry.taker(self._clock.now())
            may_lift = desk.user.may(Permission.WATCH_TEAM)
            if taker is None or (taker != desk.user.user_id and not may_lift):
                raise CommandRefused("not_taken", "You have not taken this caller.")
            return entry

        async def release() -> None:
            entry, by = check(), desk.user.user_id
            await self._tell(
                day.MissedGivenBack(at=self._clock.now(), call_id=entry.entry_id, by=by)
            )

        check()
        return release

    def _close_missed(self, desk: Desk, args: CloseMissedArgs, _: str) -> Work:
        self._free_entry(desk, args.call_id)

        async def close() -> None:
            entry, now = self._free_entry(desk, args.call_id), self._clock.now()
            by, result = desk.user.user_id, args.result
            await self._tell(day.MissedClosed(at=now, call_id=entry.entry_id, by=by, result=result))

        return close

    def _call_missed(self, desk: Desk, args: CallBackArgs, command_id: str) -> Work:
        entry = self._free_entry(desk, args.call_id)
        call = self._dial(desk, self._outside(entry.number), args.caller_id, command_id)

        async def take_and_call() -> None:
            was_mine = entry.taker(self._clock.now()) == desk.user.user_id
            await self._take(desk, args.call_id)
            try:
                await call()
            except BaseException:
                if not was_mine and entry.closed_at is None:
                    now, by = self._clock.now(), desk.user.user_id
                    self._bus.publish(day.MissedGivenBack(at=now, call_id=entry.entry_id, by=by))
                raise

        return take_and_call

    def _dial(self, desk: Desk, number: str, caller_id: str | None, command_id: str) -> Work:
        """As if he had dialled it himself: his phone must be free, and the company's rules allow it."""
        target = TargetArg(kind="outside", value=number, caller_id=caller_id)
        _, check = self._calls.table["call.dial"]
        return check(desk, DialArgs(target=target), command_id)

    def _outside(self, number: str) -> str:
        return self._calls.callback_number(number)

    # ---- promises --------------------------------------------------------------------------------

    def _promise(self, desk: Desk, text: str) -> Promise:
        promise = self._day.promises.get(parse_call_id(text))
        if not self._day.may_keep(desk.user, promise):
            raise CommandRefused("no_such_promise", "There is no such callback (any more).")
        return promise

    def _make_promise(self, desk: Desk, args: MakePromiseArgs, _: str) -> Work:
        call_id, by = parse_call_id(args.call_id), desk.user.user_id
        shown = desk.state.shown
        is_here = shown is not None and shown.call_id == call_id
        if not is_here and desk.state.last_ticket[0] != call_id:
            raise CommandRefused("not_your_call", "This call isn't on your desktop (any more).")
        number = self._outside(self._day.number_of(call_id))
        due_at = instant(args.due, self._day.config.zone, self._clock.now())
        text = clean_name(args.text, MAX_TEXT)
        self._day.promises.check_new(call_id, by)

        async def make() -> None:
            self._day.promises.check_new(call_id, by)
            now = self._clock.now()
            await self._tell(
                day.PromiseMade(
                    at=now, call_id=call_id, agent_id=by, due_at=due_at, number=number, text=text
                )
            )

        return make

    def _moved(self, desk: Desk, call_id: str, **changes: Any) -> Work:
        """Another time or keeper, for as long as it stands and is this agent's business."""
        self._promise(desk, call_id)

        async def move() -> None:
            promise = self._promise(desk, call_id)
            values = {
                "due_at": promise.due_at, "agent_id": promise.agent_id, "queue": promise.queue,
                **changes,
            }  # fmt: skip
            by, now = desk.user.user_id, self._clock.now()
            await self._tell(day.PromiseMoved(at=now, call_id=promise.call_id, by=by, **values))

        return move

    def _move_promise(self, desk: Desk, args: MovePromiseArgs, _: str) -> Work:
        due_at = instant(args.due, self._day.config.zone, self._clock.now())
        return self._moved(desk, args.call_id, due_at=due_at)

    def _snooze_promise(self, desk: Desk, args: CallArgs, _: str) -> Work:
        return self._moved(desk, args.call_id, due_at=self._clock.now() + SNOOZE_TIME)

    def _hand_promise(self, desk: Desk, args: HandPromiseArgs, _: str) -> Work:
        if args.kind == "queue":
            if args.value not in self._day.config.queue_labels:
                raise CommandRefused("no_such_target", "There is no such queue.")
            return self._moved(desk, args.call_id, agent_id=None, queue=QueueName(args.value))
        return self._moved(desk, args.call_id, agent_id=self._agent(args.value), queue=None)

    def _take_promise(self, desk: Desk, args: CallArgs, _: str) -> Work:
        return self._moved(desk, args.call_id, agent_id=desk.user.user_id, queue=None)

    def _end_promise(self, desk: Desk, args: EndPromiseArgs, _: str) -> Work:
        self._promise(desk, args.call_id)

        async def end() -> None:
            promise, by = self._promise(desk, args.call_id), desk.user.user_id
            now, result = self._clock.now(), args.result
            await self._tell(
                day.PromiseEnded(at=now, call_id=promise.call_id, by=by, result=result)
            )

        return end

    def _call_promise(self, desk: Desk, args: CallBackArgs, command_id: str) -> Work:
        promise = self._promise(desk, args.call_id)
        number = self._outside(promise.number)
        call = self._dial(desk, number, args.caller_id, command_id)
        if promise.agent_id == desk.user.user_id:
            return call
        take = self._moved(desk, args.call_id, agent_id=desk.user.user_id, queue=None)

        async def take_and_call() -> None:
            if self._promise(desk, args.call_id).agent_id != promise.agent_id:
                raise CommandRefused("promise_stands", "A colleague calls this customer.")
            await take()
            await call()

        return take_and_call

    def _agent(self, extension: str) -> AgentId:
        desk = self._desks.at_phone(Endpoint(extension))
        if desk is None or not desk.user.may(Permission.TAKE_CALLS):
            raise CommandRefused("no_such_agent", "Nobody has this extension.")
        return desk.user.user_id

    # ---- messages --------------------------------------------------------------------------------

    def _send_message(self, desk: Desk, args: SendMessageArgs, command_id: str) -> Work:
        user = desk.user
        if not user.may(Permission.SEND_MESSAGES):
            raise CommandRefused("not_allowed", "Your role doesn't allow this.")
        text = clean_name(args.text, notices.MAX_TEXT)
        if not text:
            raise InvalidValue("message", "nothing that could be read")
        recipients, target = self._recipients(desk, args)
        if not recipients:
            raise CommandRefused("nobody_there", "Nobody would get this message.")

        async def send() -> None:
            await self._tell(
                day.MessageSent(
                    at=self._clock.now(),
                    message_id=secrets.token_hex(8),
                    by=user.user_id,
                    audience=args.audience,
                    target=target,
                    recipients=recipients,
                    text=text,
                )
            )

        return send

    def _recipients(self, desk: Desk, args: SendMessageArgs) -> tuple[tuple[AgentId, ...], str]:
        """Who gets it, of those whom the sender watches; others look as if they weren't there."""
        seen = self._day.scope(desk.user).agents - {desk.user.user_id}
        if args.audience == "agent":
            who = self._agent(args.target)
            if who not in seen:
                raise CommandRefused("no_such_agent", "Nobody has this extension.")
            return (who,), who
        people = [d.user for d in self._desks if d.user.user_id in seen and d.user.is_active]
        if args.audience == "team":
            if args.target not in self._day.teams(desk.user):
                raise CommandRefused("no_such_team", "There is no such team.")
            people = [person for person in people if person.team == args.target]
        else:
            people = [p for p in people if not self._day.is_signed_out(p.user_id)]
        target = args.target if args.audience == "team" else ""
        return tuple(sorted(person.user_id for person in people)), target

    def _read_message(self, desk: Desk, args: ReadMessageArgs, _: str) -> Work:
        message, who = self._day.messages.get(args.message_id), desk.user.user_id
        if message is None or who not in message.recipients:
            raise CommandRefused("no_such_message", "There is no such message (any more).")

        async def read() -> None:
            if who not in message.read:
                await self._tell(
                    day.MessageRead(
                        at=self._clock.now(), message_id=message.message_id, agent_id=who
                    )
                )

        return read
