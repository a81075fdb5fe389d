"""What an agent may ask for, checked, journalled, carried out; and remembered by id.

Order for each command: shape → may this agent do it to this call → ``CommandAccepted`` committed to the journal →
carried out by the department it belongs to, within ``COMMAND_TIMEOUT`` → answered; commands to the switch
(``call_commands.py``) only when the event came that confirms them. The same id again, from whichever page of this person,
gets the same answer and does nothing. Commands of one kind keep their order; a hang-up waits for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import structlog
from pydantic import ValidationError

from cti.domain import events as ev
from cti.domain.errors import CommandRefused, InvalidValue, SwitchUnavailable
from cti.domain.ids import AgentId, CallId, CustomerId, Endpoint, TicketId, own_phone
from cti.domain.people import Permission
from cti.ports import Clock, EventBus, Journal
from screenpop.call_commands import CallCommands
from screenpop.customer_commands import CustomerCommands
from screenpop.day_commands import DayCommands
from screenpop.desks import Desk
from screenpop.messages import (
    Args,
    AttachArgs,
    CallArgs,
    ChooseArgs,
    DialArgs,
    DispositionArgs,
    NoArgs,
    NoteArgs,
    QualityArgs,
    ReasonArgs,
    RenameArgs,
    SignInArgs,
    TargetArg,
    TargetArgs,
)
from screenpop.on_desktop import Work, call_on, customer_on
from screenpop.ports import AgentDesk, TicketDesk
from screenpop.quality import QualityReports
from screenpop.queue_commands import QueueCommands
from screenpop.refusals import refusal, refused
from screenpop.service import ScreenPop
from screenpop.ticket_commands import TicketCommands

log = structlog.get_logger(__name__)

COMMAND_TIMEOUT = timedelta(seconds=5)
_REMEMBERED = 1000
_MAX_PENDING = 50

Answer = dict[str, Any]
_OWN_LANES = frozenset({"call.hang_up", "call.move"})  # they wait for nobody, or nobody for them
_NO_IDS = frozenset(
    {"text", "name", "company", "call_id", "target", "digits", "why", "number"}
    | {"changes", "fields", "note"}
) | frozenset(QualityArgs.model_fields)  # the event holds the figures


class CommandDesk:
    """Carries out what desktops ask for."""

    def __init__(
        self,
        pop: ScreenPop,
        bus: EventBus,
        clock: Clock,
        journal: Journal,
        agents: AgentDesk,
        calls: CallCommands,
        tickets: TicketDesk,
        queues: QueueCommands,
        work: TicketCommands,
        day: DayCommands | None = None,
        timeout: timedelta = COMMAND_TIMEOUT,
    ) -> None:
        self._pop = pop
        self._bus = bus
        self._clock = clock
        self._journal = journal
        self._agents = agents
        self._calls = calls
        self._tickets = tickets
        self._quality = QualityReports(bus, clock, pop.desks)
        self.work = work
        # These are told the command's id.
        of_day = day.table if day is not None else {}
        self._with_id = {**calls.table, **queues.table, **work.table, **of_day}
        self._timeout = timeout
        self._answers: dict[AgentId, OrderedDict[str, asyncio.Future[Answer] | Answer]] = {}
        self._lanes: dict[tuple[AgentId, str], asyncio.Lock] = {}
        # name → shape, and the method that checks and returns the work to be done
        self._table: dict[str, tuple[type[Args], Callable[[Desk, Any], Work]]] = {
            "agent.sign_in": (SignInArgs, self._sign_in),
            "agent.sign_out": (NoArgs, lambda d, _: lambda: agents.sign_out(d.user.user_id)),
            "agent.ready": (NoArgs, lambda d, _: lambda: agents.ready(d.user.user_id)),
            "agent.not_ready": (
                ReasonArgs,
                lambda d, a: lambda: agents.not_ready(d.user.user_id, a.reason),
            ),
            "agent.extend_wrap_up": (
                NoArgs,
                lambda d, _: lambda: agents.extend_wrap_up(d.user.user_id),
            ),
            "ticket.note": (NoteArgs, self._note),
            "ticket.disposition": (DispositionArgs, self._disposition),
            "ticket.attach": (AttachArgs, self._attach),
            "customer.rename": (RenameArgs, self._rename),
            "customer.choose": (ChooseArgs, self._choose),
            "number.reveal": (CallArgs, self._reveal),
            "phone.quality": (QualityArgs, self._quality.report),
            **CustomerCommands(tickets, pop.lookups).table,
        }

    @property
    def names(self) -> frozenset[str]:
        """All commands there are."""
        return frozenset(self._table) | frozenset(self._with_id)

    def restore(self, past: Iterable[ev.Event]) -> None:
        """Know the commands that were accepted before the last start, so that none is carried out twice."""
        for event in past:
            self._quality.take(event)
            if isinstance(event, ev.CommandAccepted):
                answers = self._answers.setdefault(AgentId(event.by), OrderedDict())
                text = "This was asked for before our last start; the display shows what is true."
                answers[event.command_id] = _no(event.command_id, refusal("sent_before", text))
                while len(answers) > _REMEMBERED:
                    answers.popitem(last=False)

    async def execute(self, desk: Desk, command_id: str, name: str, args: Any) -> Answer:
        """Carry out a command, once; returns the ``result`` message. Never raises but when cancelled."""
        answers = self._answers.setdefault(desk.user.user_id, OrderedDict())
        if (known := answers.get(command_id)) is not None:
            return known if isinstance(known, dict) else await asyncio.shield(known)
        if sum(not isinstance(a, dict) for a in answers.values()) >= _MAX_PENDING:
            text = "Too many commands at once; wait for the answers."
            return _no(command_id, refusal("too_many", text))
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        answers[command_id] = answer
        while len(answers) > _REMEMBERED:
            answers.popitem(last=False)
        try:
            result = await self._run(desk, command_id, name, args)
        except BaseException:
            answers.pop(command_id, None)
            answer.cancel()
            raise
        answer.set_result(result)
        answers[command_id] = result
        return result

    async def _run(self, desk: Desk, command_id: str, name: str, args: Any) -> Answer:
        lane = name if name in _OWN_LANES else name.split(".")[0]
        limit = self._timeout
        if name.startswith("call.") or name.endswith(".call"):
            limit += self._calls.limit_of(name)  # its confirmation has a limit of its own
        lock = self._lanes.setdefault((desk.user.user_id, lane), asyncio.Lock())
        try:
            async with asyncio.timeout(limit.total_seconds()), lock:
                await self._carry_out(desk, command_id, name, args)
        except CommandRefused as exc:
            return _no(command_id, refused(exc))
        except InvalidValue as exc:
            return _no(command_id, refusal("invalid_value", str(exc)))
        except SwitchUnavailable:
            text = "The telephone system can't be reached at the moment; nothing was done."
            return _no(command_id, refusal("switch_unavailable", text))
        except TimeoutError:
            text = "This took too long; the display shows what is true."
            return _no(command_id, refusal("timed_out", text))
        except OSError:
            log.exception("screenpop: a command could not be journalled", command=name)
            text = "This can't be written down at the moment, so it was not done. Tell your administrator."
            return _no(command_id, refusal("not_journalled", text))
        except Exception:  # the outermost frame of a command
            log.exception("screenpop: a command failed", command=name)
            return _no(command_id, refusal("internal", "Something went wrong on our side."))
        return {"type": "result", "id": command_id, "ok": True}

    async def _carry_out(self, desk: Desk, command_id: str, name: str, raw: Any) -> None:
        shape = self._shape(name)
        try:
            args = shape.model_validate(raw)
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])[:100] or "args"
            raise CommandRefused("wrong_shape", f"{place}: {first['msg']}", place=place) from exc
        if not desk.user.may(Permission.TAKE_CALLS):
            raise CommandRefused("not_allowed", "Your role doesn't allow this.")
        if (known := self._with_id.get(name)) is not None:
            work = known[1](desk, args, command_id)
        else:
            work = self._table[name][1](desk, args)
        if self._journal.is_failing:
            # Not even told: what is refused must not stand in the journal as accepted, later.
            raise OSError("the journal can't be written")
        self._bus.publish(
            ev.CommandAccepted(
                at=self._clock.now(),
                command_id=command_id,
                name=name,
                by=desk.user.user_id,
                call_id=CallId(args.call_id) if isinstance(args, CallArgs) else None,
                arguments=_ids_of(args),
            )
        )
        await self._journal.flush()
        await work()
        if name.startswith("agent."):
            # Whoever was told that he is ready must be so after a crash of ours, too.
            with contextlib.suppress(OSError):  # carried out it is; the journal has its own alarm
                await self._journal.flush()

    def _shape(self, name: str) -> type[Args]:
        known = self._with_id.get(name) or self._table.get(name)
        if known is None:
            raise CommandRefused("no_such_command", "There is no such command.")
        return known[0]

    # ---- the agent -----------------------------------------------------------------------------

    def _sign_in(self, desk: Desk, args: SignInArgs) -> Work:
        own = own_phone(desk.user.extension, args.phone)
        if (args.phone == "shared") is not (args.extension is not None):
            raise CommandRefused("not_your_phone", "Say which of the shared phones, or none.")
        endpoint, number = Endpoint(args.extension or own), args.number or ""
        return lambda: self._agents.sign_in(desk.user.user_id, endpoint, number)

    # ---- ticket and customer: only what stands on the desktop -----------------------------------

    def _on_desktop(self, desk: Desk, ticket_id: int) -> CallId:
        shown, ticket = desk.state.shown, desk.state.sections["ticket"]
        if shown is not None and ticket is not None and ticket["ticket_id"] == ticket_id:
            return shown.call_id
        # What was typed in the last moment of a wrap-up is still saved.
        call_id, last_ticket_id = desk.state.last_ticket
        if call_id is None or last_ticket_id != ticket_id:
            raise CommandRefused("not_your_ticket", "This ticket isn't on your desktop (any more).")
        return call_id

    def _note(self, desk: Desk, args: NoteArgs) -> Work:
        if self.work.has_open(desk, args.ticket_id):
            return self.work.note(desk, args)
        call_id, ticket_id = self._on_desktop(desk, args.ticket_id), TicketId(args.ticket_id)
        write = self._tickets.write_note
        return self._pop.lookups.then_fresh(
            call_id, lambda: write(ticket_id, args.text, args.version)
        )

    def _disposition(self, desk: Desk, args: DispositionArgs) -> Work:
        call_id = self._on_desktop(desk, args.ticket_id)
        if call_id != args.call_id:
            raise CommandRefused("not_your_call", "This call isn't on your desktop (any more).")
        ticket_id, by = TicketId(args.ticket_id), desk.user.user_id
        name = self._tickets.set_disposition
        return self._pop.lookups.then_fresh(
            call_id, lambda: name(ticket_id, call_id, args.disposition, by)
        )

    def _attach(self, desk: Desk, args: AttachArgs) -> Work:
        call_id, ticket = call_on(desk, args.call_id), desk.state.sections["ticket"]
        offered = [t["ticket_id"] for t in ticket["open_tickets"]] if ticket is not None else []
        if args.ticket_id not in offered:
            raise CommandRefused("not_your_ticket", "This ticket isn't offered for the call.")
        attach, by = self._tickets.attach, desk.user.user_id
        return self._pop.lookups.then_fresh(
            call_id, lambda: attach(call_id, TicketId(args.ticket_id), by)
        )

    def _rename(self, desk: Desk, args: RenameArgs) -> Work:
        call_id, customer_id = customer_on(desk, args.customer_id)
        rename = self._tickets.rename
        return self._pop.lookups.then_fresh(
            call_id, lambda: rename(customer_id, args.name, args.company)
        )

    def _choose(self, desk: Desk, args: ChooseArgs) -> Work:
        call_id = call_on(desk, args.call_id)
        choose, customer_id = self._tickets.choose, CustomerId(args.customer_id)
        return self._pop.lookups.then_fresh(call_id, lambda: choose(call_id, customer_id))

    def _reveal(self, desk: Desk, args: CallArgs) -> Work:
        call_id = call_on(desk, args.call_id)
        if not desk.user.may(Permission.UNMASK_NUMBERS):
            raise CommandRefused("number_hidden", "Your role doesn't show whole numbers.")

        async def reveal() -> None:
            self._bus.publish(
                ev.SecurityNoted(
                    at=self._clock.now(),
                    what="number_revealed",
                    by=desk.user.user_id,
                    detail=call_id,
                )
            )
            await self._journal.flush()  # nobody sees a number that the audit doesn't know of
            call_on(desk, args.call_id)
            desk.send(desk.state.reveal())

        return reveal


def _ids_of(args: Args) -> dict[str, str]:
    """What of the arguments may stand in the journal: ids, never a number outside or what was typed."""
    values = {key: str(value) for key, value in args.model_dump(exclude=set(_NO_IDS)).items()}
    target: TargetArg | None = args.target if isinstance(args, (DialArgs, TargetArgs)) else None
    if target is not None:
        values["target_kind"] = target.kind
        if target.kind != "outside":
            values["target"] = target.value
        elif target.caller_id is not None:
            values["caller_id"] = target.caller_id  # one of ours
    return values


def _no(command_id: str, error: dict[str, object]) -> Answer:
    return {"type": "result", "id": command_id, "ok": False, "error": error}
