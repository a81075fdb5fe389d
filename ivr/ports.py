"""What the menus need from the outside: a caller to speak with, his place in the line, prompts, recording.

``CallerSession`` has two adapters that pass the same contract tests (``tests/ivr/test_session_contract.py``):
``ivr/adapters/agi.py`` on an Asterisk channel and ``tests/fakes/caller_session.py`` in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal, Protocol

from cti.domain.call import Call
from cti.domain.errors import RingdeskError
from cti.domain.ids import CallId, QueueName

NextStep = Literal["wait", "hangup", "direct", "back"]
"""What the dialplan does after us; ``RD_NEXT`` of docs/dialplan.md."""
PinWord = Literal["match", "no_match", "locked", "no_pin"]


class CallerGone(RingdeskError):
    """The caller hung up or was sent elsewhere: nothing more can be said to him, nothing is owed."""


class MessageCutOff(CallerGone):
    """The caller hung up, or was sent elsewhere, in the middle of his message."""

    def __init__(self, length_time: timedelta) -> None:
        super().__init__("the caller is gone")
        self.length_time = length_time


class CallerSession(Protocol):
    """One caller, as long as he is ours to speak with.

    Prompts are named as in ``ivr/adapters/prompts.py`` and played in the session's language. A key that is pressed
    during a prompt ends it and waits for the next question (so a caller who knows the menu needn't listen);
    while a key waits, interruptible prompts are passed over.

    Raises:
        CallerGone: from every method.
        RingdeskError: the switch refused; the caller is still there.
    """

    @property
    def language(self) -> str:
        """The language in which he is spoken to."""

    async def set_language(self, language: str) -> None:
        """Speak this language from now on, here and in whatever Asterisk says to him later."""

    async def play(self, prompt: str, *, is_interruptible: bool = True) -> None:
        """Say something; a key that ends it is kept for the next question."""

    async def ask_key(self, prompts: Sequence[str], input_timeout: timedelta) -> str | None:
        """Play until a key comes, then wait for one; None: silence."""

    async def read_digits(
        self, prompts: Sequence[str], max_digits: int, input_timeout: timedelta
    ) -> str:
        """Play until a key comes, then read up to ``max_digits`` keys.

        ``#`` ends them and isn't among them; so does ``input_timeout`` after the last key. Empty: silence, or only ``#``.
        A ``#`` behind the last possible digit belongs to the answer too and answers no later question.
        """

    async def forget_keys(self, *, until_quiet: bool = False) -> None:
        """Drop keys that wait for a question; ``until_quiet``: also a burst that is still being typed."""

    async def take_keys(self) -> str:
        """The keys that wait for a question; none waits any more."""

    async def record_message(
        self, call_id: CallId, take: int, max_time: timedelta, silence_time: timedelta
    ) -> timedelta:
        """Record what he says into the spool, up to ``#``, silence or the limit; returns how long it is.

        Who hangs up has left what he said until then: its length comes with ``MessageCutOff``.
        """

    async def end_message(self) -> None:
        """The caller goes on from his message to something else."""

    async def is_recorded(self) -> bool:
        """Whether a recording of this caller runs now."""

    async def finish(self, next_step: NextStep, variables: Mapping[str, str]) -> None:
        """Hand the caller back to the dialplan: the variables first, ``RD_NEXT`` as the last act."""


class RecordingPause(Protocol):
    """The part of ``cti.ports.CallControl`` that keeps a sensitive answer out of a recording."""

    async def pause_recording(
        self, call_id: CallId, is_paused: bool, reason: str = "agent"
    ) -> None:
        """Write silence in place, or sound again.

        Raises:
            CommandRefused: nothing is recorded or the call is gone.
            SwitchUnavailable: no link; the recording goes on.
        """


class ToldWait(Protocol):
    """A wait that may be told to a caller."""

    @property
    def minutes(self) -> int:
        """So many; one of those that were asked for."""

    @property
    def is_more(self) -> bool:
        """It is longer than the longest of them."""


class Visited(Protocol):
    """A waiting caller who is to be spoken to."""

    @property
    def queue(self) -> QueueName:
        """Where he waits."""

    @property
    def position(self) -> int:
        """His place, 1 is next; never worse than he was told before."""

    @property
    def says(self) -> frozenset[str]:
        """What is due: ``place`` (with the wait), ``offer``."""


class PinCheck(Protocol):
    """Who knows customers' PINs (``tickets.pins.PinDesk``)."""

    async def is_ready(self, call_id: CallId) -> PinWord | None:
        """Why this caller's PIN can't be asked for (``locked``, ``no_pin``); None: it can."""

    async def check(self, call_id: CallId, digits: str) -> PinWord:
        """Compare what he entered; the digits are kept nowhere."""


class WaitingLine(Protocol):
    """The queues, as far as a waiting caller wants to know. The ACD provides it."""

    def describe(self, call_id: CallId) -> Visited | None:
        """What he is to be told; None: he doesn't wait (any more)."""

    def visit(self, call_id: CallId, is_on: bool) -> None:
        """He is being spoken to from now on, or no longer: nobody breaks it off by another announcement."""

    def tell_wait(self, call_id: CallId, minutes: Sequence[int]) -> ToldWait | None:
        """How long he has still to wait, never more than he was told before; it counts as told. None: can't be said."""


class CallbackLine(Protocol):
    """Who keeps callbacks (the ACD's ``callback_desk.CallbackDesk``)."""

    def number_of(self, call_id: CallId) -> str:
        """The number from which somebody calls, if he can be called back there; else empty."""

    def standing(self, call_id: CallId, queue: QueueName) -> int | None:
        """The place of the callback that stands for his number in this queue; None: there is none."""

    def has_place(self, call_id: CallId) -> bool:
        """Whether he has a place in a line to which he can go back."""

    async def request(
        self, call_id: CallId, queue: QueueName, number: str, credit_time: timedelta
    ) -> int:
        """Have him called back; returns his place, when it is committed.

        Raises:
            CommandRefused: the number may not be called, one stands already, or it can't be kept.
        """

    async def withdraw_own(self, call_id: CallId, queue: QueueName) -> None:
        """Take back what stands for his number.

        Raises:
            CommandRefused: nothing stands any more, or it can't be written down.
        """


class KnownCalls(Protocol):
    """The fold of call events (``cti.domain.calls.CallTable``)."""

    def get(self, call_id: CallId) -> Call | None:
        """The call, if its ``CallOffered`` was seen."""


class Prompts(Protocol):
    """The sound files that were made at configuration time."""

    def length(self, prompt: str, language: str) -> timedelta | None:
        """How long a prompt plays; None: there is no such file."""
