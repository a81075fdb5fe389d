"""A caller in memory: what he will press is written down before, what he heard is read afterwards.

It passes the same contract tests as the AGI adapter (``tests/ivr/test_session_contract.py``). A script is a list of
turns, one per question: the keys he presses, ``""`` for silence, ``HANG_UP`` to go away. Keys are pressed before the
question's prompts are over; keys beyond what a question takes wait for the next one, as they do on a real channel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta

from cti.domain.ids import CallId
from ivr import voicemail
from ivr.ports import CallerGone, MessageCutOff, NextStep

HANG_UP = "hang up"


class FakeCallerSession:
    """A ``CallerSession``. ``heard`` holds ``<language>/<prompt>``, ``variables`` what the dialplan would find."""

    def __init__(
        self,
        turns: Sequence[str] = (),
        *,
        language: str = "en",
        is_recorded: bool = False,
        endless: str | None = None,
    ) -> None:
        self.heard: list[str] = []
        self.variables: dict[str, str] = {}
        self.questions = 0
        self.messages: list[timedelta] = []
        """How long the messages are that he will leave; then he says nothing."""
        self.hangs_up_in_message = False
        self.takes: list[tuple[int, timedelta, timedelta]] = []
        self.failure: Exception | None = None
        """Raised once, by the next thing that is asked of this session."""
        self._turns = deque(turns)
        self._endless = endless  # what he does when the turns are over; None: silence
        self._language = language
        self._is_recorded = is_recorded
        self._waiting = ""
        self._is_gone = False
        self._hash_may_follow = False

    @property
    def language(self) -> str:
        return self._language

    @property
    def next_step(self) -> str:
        """``RD_NEXT``; empty: he was never handed back."""
        return self.variables.get("RD_NEXT", "")

    def press(self, keys: str) -> None:
        """Press keys that nobody asked for."""
        self._waiting += keys

    def hang_up(self) -> None:
        """Go away."""
        self._is_gone = True

    async def set_language(self, language: str) -> None:
        self._still_there()
        self._language = language

    async def play(self, prompt: str, *, is_interruptible: bool = True) -> None:
        self._still_there()
        if not (is_interruptible and self._waiting):
            self.heard.append(f"{self._language}/{prompt}")

    async def ask_key(self, prompts: Sequence[str], input_timeout: timedelta) -> str | None:
        await self._ask(prompts)
        if self._hash_may_follow and self._waiting.startswith("#"):
            self._waiting = self._waiting[1:]
        self._hash_may_follow = False
        key, self._waiting = self._waiting[:1], self._waiting[1:]
        return key or None

    async def read_digits(
        self, prompts: Sequence[str], max_digits: int, input_timeout: timedelta
    ) -> str:
        await self._ask(prompts)
        if self._hash_may_follow and self._waiting.startswith("#"):
            self._waiting = self._waiting[1:]
        self._hash_may_follow = False
        typed, hashed, rest = self._waiting.partition("#")
        if len(typed) >= max_digits:
            self._waiting = typed[max_digits:] + hashed + rest
            self._hash_may_follow = True
            return typed[:max_digits]
        self._waiting = rest
        return typed

    async def forget_keys(self, *, until_quiet: bool = False) -> None:
        self._still_there()
        self._waiting = ""

    async def take_keys(self) -> str:
        keys, self._waiting = self._waiting, ""
        return keys

    async def record_message(
        self, call_id: CallId, take: int, max_time: timedelta, silence_time: timedelta
    ) -> timedelta:
        self._still_there()
        self.heard.append(f"{self._language}/{voicemail.BEEP}")
        self._waiting = ""
        length_time = self.messages.pop(0) if self.messages else timedelta(0)
        self.takes.append((take, max_time, silence_time))
        if self.hangs_up_in_message:
            self._is_gone = True
            raise MessageCutOff(length_time)
        return length_time

    async def end_message(self) -> None:
        self._still_there()

    async def is_recorded(self) -> bool:
        self._still_there()
        return self._is_recorded

    async def finish(self, next_step: NextStep, variables: Mapping[str, str]) -> None:
        self._still_there()
        self.variables |= dict(variables)
        self.variables["RD_NEXT"] = next_step

    async def _ask(self, prompts: Sequence[str]) -> None:
        self.questions += 1
        for prompt in prompts:
            await self.play(prompt)
        self._still_there()
        turn = self._turns.popleft() if self._turns else (self._endless or "")
        if turn == HANG_UP:
            self._is_gone = True
        else:
            self._waiting += turn
        self._still_there()

    def _still_there(self) -> None:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        if self._is_gone:
            raise CallerGone("the caller is gone")
