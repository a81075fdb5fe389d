"""Steps the menu interpreter over a caller: carries out its commands, tells the others what happened.

The dialplan connects a caller's AGI session to ``run`` (a new call) or ``announce`` (a visit from the
waiting line). Whatever goes wrong in here, the caller is handed on: an error sends him to wait in the flow's default
queue and is journalled as ``MenuLeft`` with outcome ``failed``. Only where the session itself is lost is there
nothing to hand on; then ``RD_NEXT`` stays empty and the dialplan takes its fallback.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import get_args

import structlog

from cti.builtin_flows import flows_of
from cti.company import Company
from cti.company_base import Language
from cti.company_waiting import Waiting
from cti.domain.errors import RingdeskError
from cti.domain.events import (
    CallEvent,
    CallOffered,
    CallRecovered,
    DemandSet,
    Event,
    MenuEntered,
    MenuInput,
    MenuLeft,
    VoicemailBegun,
    VoicemailTaken,
    WaitingKeyPressed,
)
from cti.domain.ids import CallId, QueueName
from cti.ports import Clock, EventBus
from ivr import calling_back, model
from ivr.callback_steps import CallbackSettled, OfferCallback, WaitOn
from ivr.model import FlowState, Heard, Script, Step
from ivr.pin_steps import AskPin
from ivr.ports import (
    CallbackLine,
    CallerGone,
    CallerSession,
    KnownCalls,
    MessageCutOff,
    NextStep,
    RecordingPause,
    WaitingLine,
)
from ivr.waiting import offer_prompt, position_prompt, wait_prompt

log = structlog.get_logger(__name__)

OFFERED_TIMEOUT = timedelta(seconds=1)
"""How long a new caller's menu waits for AMI to tell us that the call exists."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The company's part that menus need, looked up by what a caller dialled."""

    scripts: Mapping[str, Script]  # by flow
    numbers: Mapping[str, str]  # dialled number → flow
    default_flow: str
    credits: Mapping[QueueName, timedelta]
    direct: Mapping[str, str] = field(default_factory=dict)  # dialled number → extension it rings
    waits: Mapping[QueueName, Waiting] = field(default_factory=dict)

    def flow(self, name: str) -> Script:
        """A flow by name; unknown: the default flow."""
        return self.scripts.get(name) or self.scripts[self.default_flow]

    def script(self, dnis: str) -> Script:
        """The flow of a dialled number, with or without its plus; unknown: the default flow."""
        return self.scripts[_of_number(self.numbers, dnis) or self.default_flow]

    def extension(self, dnis: str) -> str | None:
        """Whose number it is; None: a menu answers."""
        return _of_number(self.direct, dnis)


def _of_number(table: Mapping[str, str], dnis: str) -> str | None:
    bare = dnis.removeprefix("+")
    return table.get(dnis) or table.get(bare) or table.get(f"+{bare}")


def plan_of(company: Company) -> Plan:
    """Take the menus' part out of a company (that ``ivr.check`` found sound)."""
    hours = {item.name: item for item in company.hours}
    voicemails = {queue.name: queue.voicemail for queue in company.queues}
    return Plan(
        scripts={
            flow.name: Script(flow, hours, model.default_queue(flow, company), voicemails)
            for flow in flows_of(company)
        },
        numbers={n.dnis: n.flow for n in company.numbers if n.flow is not None},
        default_flow=company.default_flow,
        credits={QueueName(queue.name): queue.credit_time for queue in company.queues},
        direct={n.dnis: n.extension for n in company.numbers if n.extension is not None},
        waits={QueueName(queue.name): queue for queue in company.queues},
    )


class IvrService:
    """The menus of one company."""

    def __init__(
        self,
        plan: Plan,
        *,
        bus: EventBus,
        clock: Clock,
        calls: KnownCalls,
        line: WaitingLine,
        recording: RecordingPause,
        callbacks: CallbackLine | None = None,
    ) -> None:
        self.plan = plan
        self.bus = bus
        self.clock = clock
        self._calls = calls
        self._line = line
        self._recording = recording
        self._callbacks = callbacks

    def use(self, plan: Plan) -> None:
        """Take a new configuration; callers who are in a menu finish it with the old one."""
        self.plan = plan

    async def run(
        self,
        session: CallerSession,
        call_id: CallId,
        dnis: str,
        flow: str = "",
        *,
        keeps_place: bool = False,
    ) -> None:
        """Lead a new caller through the menu of the number he dialled, or one who is sent there through a flow.

        A number that rings one person has no menu: the dialplan rings him (``RD_TO``). Returns when the caller was
        handed back to the dialplan or is gone; raises nothing but cancellation.
        """
        extension = None if flow else self.plan.extension(dnis)
        if extension is not None:
            await self._until_offered(call_id)
            await self.finish(session, call_id, "direct", {"RD_TO": extension})
            return
        script = self.plan.flow(flow) if flow else self.plan.script(dnis)
        visit = Visit(self, session, call_id, script, self.plan, is_sent=bool(flow))
        visit.keeps_place = keeps_place
        try:
            await self._until_offered(call_id)
            await visit.run()
        except CallerGone:
            visit.left("gone", None)
        except Exception as exc:  # noqa: BLE001 - outermost frame: no caller is dropped by our mistake
            log.error("menu failed", call_id=call_id, flow=visit.script.flow.name, **told_of(exc))
            await visit.rescue()

    async def announce(self, session: CallerSession, call_id: CallId) -> None:
        """Tell a waiting caller what is due, in his language, and send him back to wait. A key breaks it off."""
        self._line.visit(call_id, True)
        try:
            await self._speak(session, call_id)
        except CallerGone:
            return
        except Exception as exc:  # noqa: BLE001 - as in run; he has a place in a queue
            log.error("announcement failed", call_id=call_id, **told_of(exc))
        finally:
            self._line.visit(call_id, False)
        await self.finish(session, call_id, "wait", {})

    async def _speak(self, session: CallerSession, call_id: CallId) -> None:
        visited = self._line.describe(call_id)
        if visited is None:
            return
        rules = self.plan.waits.get(visited.queue, Waiting())
        if "place" in visited.says and rules.announce_position:
            await session.play(position_prompt(visited.position))
        keys = await session.take_keys()
        if "place" in visited.says and rules.announce_wait and not keys:
            told = self._line.tell_wait(call_id, rules.wait_minutes)
            if told is not None:
                await session.play(wait_prompt(told.minutes, is_more=told.is_more))
                keys = await session.take_keys()
        if "offer" in visited.says and rules.is_offering and not keys:
            await session.play(offer_prompt(visited.queue))
            keys = await session.take_keys()
        if keys:  # the dialplan hears none as long as he is with us
            at = self.clock.now()
            self.bus.publish(WaitingKeyPressed(at=at, call_id=call_id, key=keys[0]))

    async def finish(
        self, session: CallerSession, call_id: CallId, step: NextStep, variables: dict[str, str]
    ) -> bool:
        """Hand a caller back to the dialplan; whether it took him. Raises nothing but cancellation."""
        try:
            await session.finish(step, variables)
        except CallerGone:
            return False
        except Exception as exc:  # noqa: BLE001 - RD_NEXT is empty: the dialplan goes its way alone
            log.error("caller could not be handed back", call_id=call_id, **told_of(exc))
            return False
        return True

    async def _until_offered(self, call_id: CallId) -> None:
        # AGI and AMI are two connections: the caller can be here before AMI told us of the call,
        # and the journal would hold a menu before the call. After the timeout the menu goes on.
        if self._calls.get(call_id) is not None:
            return
        offered = asyncio.Event()

        def listen(event: Event) -> None:
            if isinstance(event, CallEvent) and event.call_id == call_id:
                offered.set()

        unsubscribe = self.bus.subscribe(listen, CallOffered, CallRecovered)
        timer = self.clock.call_later(OFFERED_TIMEOUT, offered.set)
        try:
            await offered.wait()
        finally:
            timer.cancel()
            unsubscribe()


class Visit:
    """One caller in one flow. Friend of IvrService; lives as long as ``run``."""

    def __init__(
        self,
        service: IvrService,
        session: CallerSession,
        call_id: CallId,
        script: Script,
        plan: Plan,
        *,
        is_sent: bool = False,
    ) -> None:
        self.service = service
        self.session = session
        self.call_id = call_id
        self.script = script
        self.plan = plan
        self.is_sent = (
            is_sent  # out of a line: he has a language, and a place until he gets another
        )
        self.state: FlowState = model.begin(script, _language(session) if is_sent else None)
        self.is_recording_paused = False
        self.has_left = False
        self.keeps_place = False  # of the line that he comes from
        self.goodbye: NextStep = "hangup"  # what becomes of him at the end, unless he waits
        self.has_message = False  # the dialplan hangs up on him, should we die: all is said

    async def run(self) -> None:
        """Step through the flow to its end."""
        heard: Heard | None = model.Started()
        while heard is not None:
            step = model.step(self.script, self.state, heard, self.service.clock.now())
            heard = await self.carry_out(step)

    async def rescue(self) -> None:
        """After an error: to the default queue, with as little as possible that can fail too."""
        step = model.fail(self.script, self.state)
        self.state = step.state
        end = next(c for c in step.commands if isinstance(c, model.NoteLeft))
        await self.resume_recording()
        self.left("failed", end.queue)
        next_step: NextStep = "wait" if end.queue else self.goodbye
        await self.service.finish(self.session, self.call_id, next_step, self.variables(end.queue))

    async def carry_out(self, step: Step) -> Heard | None:
        """Do what the interpreter says; returns the answer to its question, None at the end."""
        self.state = step.state
        outcome, queue = "failed", None
        for command in step.commands:
            match command:
                case model.SetLanguage():
                    await self.session.set_language(command.language)
                case model.Say():
                    await self.session.play(
                        command.prompt, is_interruptible=command.is_interruptible
                    )
                case model.PauseRecording():
                    await self.pause_recording()
                case model.ResumeRecording():
                    await self.resume_recording()
                case model.NoteEntered() | model.NoteInput():
                    if self.has_message:
                        self.has_message = False
                        await self.session.end_message()
                    self.note(command)
                case model.AskKey() | model.AskDigits():
                    return await self.ask(command)
                case AskPin():
                    return await self.ask_pin(command)
                case model.TakeMessage():
                    return await self.take_message(command)
                case OfferCallback():
                    return await self.offer_callback(command)
                case WaitOn():
                    await self.session.finish("wait", self.variables(None))
                    self.left(outcome, queue)
                case model.NoteLeft():
                    outcome, queue = command.outcome, command.queue
                    self.ends(outcome)
                case model.Enqueue():
                    self.demand(command.demand)
                    variables = self.variables(queue, command.credit_time)
                    await self.session.finish("wait", variables)
                    self.left(outcome, queue)
                case model.HangUp():
                    await self.session.finish(self.goodbye, self.variables(None))
                    self.left(outcome, queue)
        return None

    async def ask(self, question: model.AskKey | model.AskDigits) -> Heard:
        """Ask a question; returns what was heard."""
        if not question.keeps_keys:
            await self.session.forget_keys()
        if isinstance(question, model.AskKey):
            key = await self.session.ask_key(question.prompts, question.timeout)
            heard: Heard = model.Silence() if key is None else model.Key(key)
        else:
            digits = await self.session.read_digits(
                question.prompts, question.max_digits, question.timeout
            )
            heard = model.Digits(digits) if digits else model.Silence()
        if question.is_sensitive:
            # Who types a longer number than was asked for must not answer the next question with it:
            # that answer is journalled.
            await self.session.forget_keys(until_quiet=True)
        return heard

    async def ask_pin(self, question: AskPin) -> Heard:
        """Only in a menu during a call (``call_menus.py``)."""
        raise RingdeskError("no PIN is known here")

    def ends(self, outcome: str) -> None:
        """The flow is over; the caller is about to be handed back."""

    async def take_message(self, take: model.TakeMessage) -> Heard:
        """Record a message."""
        queue, number, call_id = take.queue, take.take, self.call_id
        at = self.service.clock.now()
        self.service.bus.publish(VoicemailBegun(at=at, call_id=call_id, queue=queue, take=number))
        self.has_message = True
        length_time = timedelta(0)
        try:
            length_time = await self.session.record_message(
                call_id, number, take.max_time, take.silence_time
            )
        except MessageCutOff as cut:
            length_time = cut.length_time
            raise
        finally:
            at = self.service.clock.now()
            self.service.bus.publish(
                VoicemailTaken(
                    at=at, call_id=call_id, queue=queue, length_time=length_time, take=number
                )
            )
        return model.Message(length_time)

    async def offer_callback(self, command: OfferCallback) -> Heard:
        """Settle a callback."""
        line, queue = self.service._callbacks, command.queue
        if line is None:
            return CallbackSettled(is_leaving=False)
        credit_time = self.plan.credits.get(queue, timedelta(0)) + command.credit_time
        is_leaving = await calling_back.offer(
            self.session, line, self.ask, self.call_id, queue, credit_time
        )
        return CallbackSettled(is_leaving, line.has_place(self.call_id))

    async def pause_recording(self) -> None:
        """Nothing is recorded from here on."""
        # A pause that is refused is an error on purpose: better no answer than a recorded one.
        if await self.session.is_recorded():
            self.is_recording_paused = True
            await self.service._recording.pause_recording(
                self.call_id, is_paused=True, reason="sensitive_node"
            )

    async def resume_recording(self) -> None:
        """The sensitive part is over."""
        if not self.is_recording_paused:
            return
        self.is_recording_paused = False
        try:
            await self.service._recording.pause_recording(self.call_id, is_paused=False)
        except (
            RingdeskError
        ) as exc:  # the caller goes on; the ledger shows a pause that did not end
            log.warning("recording could not be resumed", call_id=self.call_id, **told_of(exc))

    def note(self, command: model.NoteEntered | model.NoteInput) -> None:
        """Tell the others where he is, and what he answered."""
        at = self.service.clock.now()
        if isinstance(command, model.NoteEntered):
            flow = self.script.flow
            self.service.bus.publish(
                MenuEntered(
                    at=at,
                    call_id=self.call_id,
                    flow=flow.name,
                    flow_version=flow.version,
                    node=command.node,
                    label=command.label,
                )
            )
        else:
            self.service.bus.publish(
                MenuInput(
                    at=at,
                    call_id=self.call_id,
                    node=command.node,
                    result=command.result,
                    is_sensitive=command.is_sensitive,
                    digits=command.digits,
                )
            )

    def demand(self, demand: str) -> None:
        """Tell the others which skills he needs."""
        # Said before the caller is handed back, so that it is known when he waits.
        if demand:
            at = self.service.clock.now()
            self.service.bus.publish(
                DemandSet(at=at, call_id=self.call_id, demand=demand, by="menu")
            )

    def left(self, outcome: str, queue: QueueName | None) -> None:
        """Tell the others that the flow is over, once."""
        if self.has_left:
            return
        self.has_left = True
        self.service.bus.publish(
            MenuLeft(
                at=self.service.clock.now(),
                call_id=self.call_id,
                flow=self.script.flow.name,
                outcome=outcome,
                queue=queue,
                language=self.state.language,
            )
        )

    def variables(
        self, queue: QueueName | None, credit_time: timedelta = timedelta(0)
    ) -> dict[str, str]:
        """What the dialplan must know of him."""
        found: dict[str, str] = {"RD_LANG": self.state.language}
        if queue:
            credit = self.plan.credits.get(queue, timedelta(0)) + credit_time
            found["RD_QUEUE"] = queue
            found["RD_CREDIT"] = str(int(credit.total_seconds()))
            if self.is_sent and not self.keeps_place:
                found |= {"RD_QUEUED": "", "RD_TRY": "0"}  # a new place in the line
        return found


def _language(session: CallerSession) -> Language | None:
    return next((known for known in get_args(Language) if known == session.language), None)


def told_of(exc: BaseException) -> dict[str, str]:
    """The kind and the place, but neither message nor local variables (which some log renderers print).

    What went wrong may hold what a caller typed.
    """
    return {
        "error": type(exc).__name__,
        "where": "".join(traceback.format_tb(exc.__traceback__)),
    }
