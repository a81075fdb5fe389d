"""The interpreter of menu flows: ``(script, state, heard, now) -> (state, commands)``. Pure.

How it runs. ``step`` walks through the flow from the node where the caller is. Nodes that ask nothing
(say, hours, language) are passed in one step; the walk stops at a question (menu, collect, voicemail) or at an end
(queue, hang-up). So the commands of a step end either with one ``AskKey``, ``AskDigits`` or ``TakeMessage``, whose answer
is the ``heard`` of the next step, or with ``Enqueue`` or ``HangUp``, after which there is no step.

What can't happen:

* A flow that runs for ever. Within one step nothing changes, hence a node that comes again without
  a question in between would come for ever: the flow fails at once. Over all steps there are two limits: nodes
  entered, and questions in a row that the caller left without a good answer. A flow that fails, also over
  a field that is missing, sends the caller to the default queue; he is never dropped.
* Digits of a sensitive node in an output. They reach ``step`` in a ``Key`` or ``Digits`` whose repr hides
  them, count as an answer or choose the next node, and are put into no command and no state. (Where a sensitive
  *menu* leads is seen by the node that is entered next; ask with ``collect`` what must stay unseen.)
* Sound of a sensitive node in a recording: ``PauseRecording`` precedes its question and
  ``ResumeRecording`` is the first thing after its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from cti.company import Flow, Hours, Node
from cti.company_base import Language
from cti.company_waiting import Voicemail
from cti.domain.evolving import replace
from cti.domain.ids import QueueName
from cti.domain.opening import is_open
from ivr import voicemail
from ivr.callback_steps import CallbackSettled, OfferCallback, WaitOn
from ivr.defaults import default_queue as default_queue  # for those who make scripts
from ivr.pin_steps import AskPin, PinHeard

MAX_NODES = 200
"""Nodes a caller may enter in one flow; who presses "repeat" for longer is served by a person."""
MAX_UNANSWERED = 20
"""Questions in a row without a good answer, over all nodes (one node asks at most 6 times)."""

RETRY_SILENCE = "ivr-retry-silence"
RETRY_KEY = "ivr-retry-key"
GIVE_UP = "ivr-give-up"

Outcome = Literal["queue", "hangup", "closed", "failed", "voicemail", "callback"]
Result = Literal["match", "no_match", "no_input"]


def prompt_name(flow: str, node: str) -> str:
    """The sound file of a node, below ``ringdesk/``.

    Names of flows and nodes have no dash, so this has exactly one and the system's own prompts
    (``ivr-retry-key``, …), which have two, can't be hit.
    """
    return f"{flow}-{node}"


# ---- what the caller did -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """Nothing yet: the flow begins."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The time for an answer passed."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, answer to ``AskKey``."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Digits:
    """Several keys, answer to ``AskDigits``; empty is silence."""

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """What he left, answer to ``TakeMessage``."""

    length_time: timedelta


Heard = Started | Silence | Key | Digits | PinHeard | Message | CallbackSettled


# ---- what is to be done ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetLanguage:
    """Prompts are in this language from here on."""

    language: Language


@dataclass(frozen=True, slots=True)
class NoteEntered:
    """Tell the others that the caller came to a node."""

    node: str
    label: str


@dataclass(frozen=True, slots=True)
class NoteInput:
    """Tell the others what the caller answered; ``digits`` is empty at a sensitive node."""

    node: str
    result: Result
    is_sensitive: bool
    digits: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NoteLeft:
    """Tell the others that the flow is over; an end follows as the next and last command."""

    outcome: Outcome
    queue: QueueName | None
    language: Language


@dataclass(frozen=True, slots=True)
class PauseRecording:
    """From here on nothing may be recorded; the question is asked only if that is so."""


@dataclass(frozen=True, slots=True)
class ResumeRecording:
    """The sensitive part is over."""


@dataclass(frozen=True, slots=True)
class Say:
    """Play a prompt. A key ends it and counts for the next question, unless it is final."""

    prompt: str
    is_interruptible: bool = True


@dataclass(frozen=True, slots=True)
class AskKey:
    """Play prompts, each until a key comes, then wait ``timeout`` for one. Heard: Key or Silence.

    ``keeps_keys``: a key that was pressed before the question counts; not after a wrong answer.
    """

    prompts: tuple[str, ...]
    timeout: timedelta
    keeps_keys: bool = True
    is_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class AskDigits:
    """As AskKey for up to ``max_digits`` keys, ended by ``#`` or ``timeout`` after the last. Heard: Digits or Silence."""

    prompts: tuple[str, ...]
    max_digits: int
    timeout: timedelta
    keeps_keys: bool = True
    is_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """After a tone record what the caller says, up to ``#``, silence or the limit. Heard: Message.

    ``take`` counts from 1; the ones before are kept until it is certain that this one says something.
    """

    queue: QueueName
    take: int
    max_time: timedelta
    silence_time: timedelta


@dataclass(frozen=True, slots=True)
class Enqueue:
    """The end: the caller waits in a queue; ``demand`` and ``credit_time`` are the node's, besides the queue's own."""

    queue: QueueName
    demand: str = ""
    credit_time: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class HangUp:
    """The end: goodbye."""


Command = (
    SetLanguage
    | NoteEntered
    | NoteInput
    | NoteLeft
    | PauseRecording
    | ResumeRecording
    | Say
    | AskKey
    | AskDigits
    | AskPin
    | TakeMessage
    | OfferCallback
    | Enqueue
    | WaitOn
    | HangUp
)


# ---- the interpreter ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Script:
    """A flow with what it refers to."""

    flow: Flow
    hours: Mapping[str, Hours]
    default_queue: QueueName | None  # where a caller goes when the flow fails; None: goodbye
    voicemails: Mapping[str, Voicemail] = field(default_factory=dict)  # by queue

    def node(self, name: str) -> Node | None:
        """A node by name."""
        return next((node for node in self.flow.nodes if node.name == name), None)


@dataclass(frozen=True, slots=True)
class FlowState:
    """Where a caller is in a flow. It holds nothing that he pressed."""

    node: str
    language: Language
    tries: int = 0  # bad answers to this node's question so far
    unanswered: int = 0  # bad answers in a row, over all nodes
    entered: int = 0  # nodes so far
    is_recording_paused: bool = False
    was_closed: bool = False
    takes: int = 0  # of this node's message
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next."""

    state: FlowState
    commands: tuple[Command, ...]


def begin(script: Script, language: Language | None = None) -> FlowState:
    """The state before the first step, which hears ``Started``; ``language``: the caller's, if he has one already."""
    return FlowState(node=script.flow.start, language=language or script.flow.language)


def step(script: Script, state: FlowState, heard: Heard, now: datetime) -> Step:
    """Take what the caller did and say what is to be done.

    Raises:
        ValueError: the flow is over already (ours: a service that goes on after the end).
    """
    if state.is_over:
        raise ValueError("the flow is over")
    walk = _Walk(script, state, now)
    if isinstance(heard, Started):
        walk.do(SetLanguage(state.language))
        walk.enter(state.node)
    else:
        walk.answer(heard)
    return Step(walk.state, tuple(walk.commands))


def fail(script: Script, state: FlowState) -> Step:
    """End a flow that can't go on: what the service does when carrying out a command went wrong."""
    walk = _Walk(script, state, None)
    walk.fail()
    return Step(walk.state, tuple(walk.commands))


class _Walk:
    """One step being taken. Lives no longer than the call of ``step``."""

    def __init__(self, script: Script, state: FlowState, now: datetime | None) -> None:
        self.script = script
        self.state = state
        self.now = now
        self.commands: list[Command] = []
        self.seen: set[str] = set()

    def do(self, *commands: Command) -> None:
        self.commands.extend(commands)

    # -- answers

    def answer(self, heard: Heard) -> None:
        node = self.script.node(self.state.node)
        if node is not None and node.kind == "voicemail":
            self.answer_message(node, heard)
            return
        if isinstance(heard, CallbackSettled):
            self.settle_callback(node, heard)
            return
        if node is None or node.kind not in ("menu", "collect", "pin"):
            self.fail()
            return
        self.resume_recording()
        if isinstance(heard, PinHeard):
            self.answer_pin(node, heard)
            return
        digits = heard.digit if isinstance(heard, Key) else ""
        digits = heard.digits if isinstance(heard, Digits) else digits
        target = node.keys.get(digits) if node.kind == "menu" else node.next
        if digits and target:
            self.note_input(node, "match", digits)
            self.state = replace(self.state, unanswered=0)
            self.enter(target)
            return
        result: Result = "no_match" if digits else "no_input"
        self.note_input(node, result, digits)
        self.refuse(node, result)

    def answer_pin(self, node: Node, heard: PinHeard) -> None:
        if heard.result in ("locked", "no_pin"):
            self.enter(node.closed)
        elif heard.result == "match":
            self.note_input(node, "match", "")
            self.state = replace(self.state, unanswered=0)
            self.enter(node.next)
        else:
            self.note_input(node, heard.noted, "")
            self.refuse(node, heard.noted)

    def settle_callback(self, node: Node | None, settled: CallbackSettled) -> None:
        if settled.is_leaving:
            self.end("callback", None)
        elif node is None or not node.queue:
            self.fail()
        elif node.next:
            self.enter(node.next)
        elif settled.has_place:
            self.state = replace(self.state, is_over=True)
            queue = QueueName(node.queue)
            self.do(NoteLeft("queue", queue, self.state.language), WaitOn())
        else:
            self.end("queue", QueueName(node.queue), node.demand, node.credit_time)

    def refuse(self, node: Node, result: Result) -> None:
        state = self.state
        self.state = replace(state, tries=state.tries + 1, unanswered=state.unanswered + 1)
        if self.state.unanswered >= MAX_UNANSWERED:
            self.fail()
        elif self.state.tries <= node.retries:
            self.ask(node, RETRY_KEY if result == "no_match" else RETRY_SILENCE)
        elif target := (node.no_input if result == "no_input" else None) or node.no_match:
            self.enter(target)
        else:
            self.do(Say(GIVE_UP, is_interruptible=False))
            self.end("closed" if self.state.was_closed else "hangup", None)

    def answer_message(self, node: Node, heard: Heard) -> None:
        if isinstance(heard, Message):
            then = voicemail.after_take(heard.length_time, self.state.takes)
        else:
            then = voicemail.after_answer(heard.digit if isinstance(heard, Key) else "")
        if then == "ask":
            self.do(AskKey((voicemail.MENU,), node.input_timeout, keeps_keys=False))
        elif then == "again":
            self.take_message(node)
        else:
            said = voicemail.KEPT if then == "kept" else voicemail.EMPTY
            self.do(Say(said, is_interruptible=False))
            if node.next:
                self.enter(node.next)
            else:
                self.end("voicemail", None)

    def take_message(self, node: Node) -> None:
        queue = QueueName(node.queue or "")
        limits = self.script.voicemails.get(queue, Voicemail())
        self.state = replace(self.state, takes=self.state.takes + 1)
        self.do(TakeMessage(queue, self.state.takes, limits.max_time, limits.silence_time))

    def note_input(self, node: Node, result: Result, digits: str) -> None:
        is_sensitive = node.is_sensitive or node.kind == "pin"
        shown = "" if is_sensitive else digits
        self.do(NoteInput(node.name, result, is_sensitive, shown))

    # -- nodes

    def enter(self, name: str | None) -> None:
        while name is not None:
            node = self.script.node(name)
            if node is None or name in self.seen or self.state.entered >= MAX_NODES:
                self.fail()
                return
            self.seen.add(name)
            self.state = replace(
                self.state, node=name, tries=0, takes=0, entered=self.state.entered + 1
            )
            self.do(NoteEntered(name, node.label))
            name = self.visit(node)

    def visit(self, node: Node) -> str | None:
        """Do what the node says; returns the node to go to, None when the walk stops here."""
        flow = self.script.flow
        match node.kind:
            case "say" if node.next:
                if node.text:
                    self.do(Say(prompt_name(flow.name, node.name)))
                return node.next
            case "language" if node.next and node.language:
                self.state = replace(self.state, language=node.language)
                self.do(SetLanguage(node.language))
                return node.next
            case "hours" if node.next and node.closed:
                return self.check_hours(node.hours, node.next, node.closed)
            case "menu" if node.keys:
                self.ask(node, None)
            case "collect" | "pin" if node.next:
                self.ask(node, None)
            case "voicemail" if node.queue:
                if node.text:
                    self.do(Say(prompt_name(flow.name, node.name)))
                self.take_message(node)
            case "queue" if node.queue:
                self.end("queue", QueueName(node.queue), node.demand, node.credit_time)
            case "callback" if node.queue:
                if node.text:
                    self.do(Say(prompt_name(flow.name, node.name)))
                self.do(OfferCallback(QueueName(node.queue), node.credit_time))
            case "hangup":
                if node.text:
                    self.do(Say(prompt_name(flow.name, node.name), is_interruptible=False))
                self.end("closed" if self.state.was_closed else "hangup", None)
            case _:
                self.fail()
        return None

    def check_hours(self, name: str | None, opened: str, closed: str) -> str | None:
        try:
            if self.now is not None and is_open(self.script.hours[name or ""], self.now):
                return opened
        except (KeyError, ValueError):  # configured past ivr.check
            self.fail()
            return None
        self.state = replace(self.state, was_closed=True)
        return closed

    def ask(self, node: Node, retry: str | None) -> None:
        prompts = [retry] if retry else []
        if node.text:
            prompts.append(prompt_name(self.script.flow.name, node.name))
        if node.is_sensitive or node.kind == "pin":
            self.do(PauseRecording())
            self.state = replace(self.state, is_recording_paused=True)
        is_first = retry is None
        texts, limit, time = tuple(prompts), node.max_digits, node.input_timeout
        if node.kind == "pin":
            self.do(AskPin(texts, limit, time, is_first))
        elif node.kind == "menu":
            self.do(AskKey(texts, time, is_first, node.is_sensitive))
        else:
            self.do(AskDigits(texts, limit, time, is_first, node.is_sensitive))

    # -- ends

    def resume_recording(self) -> None:
        if self.state.is_recording_paused:
            self.do(ResumeRecording())
            self.state = replace(self.state, is_recording_paused=False)

    def end(
        self,
        outcome: Outcome,
        queue: QueueName | None,
        demand: str = "",
        credit_time: timedelta = timedelta(0),
    ) -> None:
        self.state = replace(self.state, is_over=True)
        self.do(NoteLeft(outcome, queue, self.state.language))
        self.do(Enqueue(queue, demand, credit_time) if queue else HangUp())

    def fail(self) -> None:
        self.resume_recording()
        if self.script.default_queue is None:
            self.do(Say(GIVE_UP, is_interruptible=False))
        self.end("failed", self.script.default_queue)
