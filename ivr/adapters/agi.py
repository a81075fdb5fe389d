"""A caller on an Asterisk channel, spoken with over AGI.

Three things that this adapter takes care of:

* Before every command that takes time ``TIMEOUT(absolute)`` is armed anew with the longest that the
  command can last and a margin. If this process is frozen, Asterisk takes the channel to exten ``T``
  when that has passed, and the caller goes on to the fallback (DESIGN.md, "The life of a call" 1).
* Keys aren't lost between questions. Asterisk hears keys during a prompt only if they are named as escape
  digits, so every interruptible prompt names all, and a key that nobody has asked for yet waits here. Several
  digits are read by one ``GET DATA``, since Asterisk drops keys that come between two commands.
* ``RD_NEXT`` is set last: the dialplan takes it as the only sign of success (docs/dialplan.md).

Digits are held as short as possible, and shown by no repr.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

import structlog

from cti.domain.errors import LocalProtocolError
from ivr.ports import NextStep, Prompts

log = structlog.get_logger(__name__)

ALL_KEYS = "0123456789*#"
MARGIN = timedelta(seconds=5)
"""What a command may take beyond its own length before the dialplan takes the caller back."""
UNKNOWN_LENGTH = timedelta(seconds=60)
"""For a prompt whose length isn't known, such as a file put there by hand."""
QUIET = timedelta(seconds=1)
"""Nobody types slower than this in a burst."""
BURST = 32
"""Keys of a burst that are waited out; more than any card number has."""
SILENT = "silence/1"
"""Asterisk's own file of one second; for reading on where the prompt is over already."""

_SAFE_VALUE = re.compile(r"[A-Za-z0-9_.+-]{0,64}")


class AgiChannel(Protocol):
    """What is used of ``cti.asterisk.fastagi.AgiSession``.

    Raises:
        CallerGone: or what ``translate`` of ``ivr.wiring`` turns into it.
    """

    async def stream_file(self, name: str, escape_digits: str = "") -> str:
        """Play a file; returns the escape digit that ended it, or an empty string."""

    async def wait_for_digit(self, input_timeout: timedelta) -> str:
        """Wait for one key; empty: none came."""

    async def get_data(
        self, name: str, input_timeout: timedelta, max_digits: int
    ) -> tuple[str, bool]:
        """Play a file and read keys until ``#``, ``max_digits`` or a pause; true: ended by the pause."""

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable or function."""

    async def get_variable(self, name: str) -> str:
        """Read one; empty: not set."""


class AgiCallerSession:
    """A ``CallerSession`` over one AGI connection."""

    def __init__(self, channel: AgiChannel, prompts: Prompts, language: str) -> None:
        self._channel = channel
        self._prompts = prompts
        self._language = language
        self._waiting = ""  # keys that no question has taken yet
        self._hash_may_follow = False  # the last answer was full: a # belongs to it

    @property
    def language(self) -> str:
        """The language in which he is spoken to."""
        return self._language

    async def set_language(self, language: str) -> None:
        """Set the channel's language: Asterisk looks for every sound there first."""
        await self._set("CHANNEL(language)", language)
        self._language = language

    async def play(self, prompt: str, *, is_interruptible: bool = True) -> None:
        """Say something; a key that ends it is kept for the next question."""
        if is_interruptible and self._waiting:
            return
        await self._arm(self._length(prompt))
        while True:
            keys = ALL_KEYS if is_interruptible else ""
            key = await self._channel.stream_file(_file(prompt), keys)
            if not self._is_leftover(key):
                self._waiting += key
                return

    async def ask_key(self, prompts: Sequence[str], input_timeout: timedelta) -> str | None:
        """Play until a key comes, then wait for one; None: silence."""
        while True:
            key = await self._next_key(prompts, input_timeout)
            if not self._is_leftover(key):
                return key or None

    async def read_digits(
        self, prompts: Sequence[str], max_digits: int, input_timeout: timedelta
    ) -> str | None:
        """Play until a key comes, then read up to ``max_digits`` keys."""
        for prompt in prompts[:-1]:
            await self.play(prompt)
        if self._hash_may_follow and self._waiting.startswith("#"):
            self._waiting = self._waiting[1:]
        typed, has_ended = self._take_waiting(max_digits)
        while not has_ended:
            # Nothing was typed ahead: the prompt is part of GET DATA, which hears keys in it.
            file = SILENT if typed or not prompts else _file(prompts[-1])
            room = max_digits - len(typed)
            length = self._length(prompts[-1]) if prompts else timedelta(0)
            await self._arm(length + input_timeout * room)
            digits, is_silence = await self._channel.get_data(file, input_timeout, room)
            if not digits and not is_silence and not typed and self._is_leftover("#"):
                continue
            if not digits and is_silence and not typed:
                self._hash_may_follow = False
                return None
            typed += digits
            has_ended = True
        self._hash_may_follow = len(typed) >= max_digits
        return typed

    async def forget_keys(self, *, until_quiet: bool = False) -> None:
        """Drop keys that wait for a question; ``until_quiet``: also a burst that is still being typed."""
        self._waiting = ""
        if not until_quiet:
            return
        self._hash_may_follow = False
        for _ in range(BURST):
            await self._arm(QUIET)
            if not await self._channel.wait_for_digit(QUIET):
                return

    async def is_recorded(self) -> bool:
        """Whether a MixMonitor runs on this channel."""
        return bool(await self._channel.get_variable("RD_REC"))

    async def finish(self, next_step: NextStep, variables: Mapping[str, str]) -> None:
        """Hand the caller back to the dialplan: the variables first, ``RD_NEXT`` as the last act."""
        await self._arm(timedelta(0))
        for name, value in variables.items():
            await self._set(name, value)
        await self._set("RD_NEXT", next_step)

    # ---- keys

    async def _next_key(self, prompts: Sequence[str], input_timeout: timedelta) -> str:
        for prompt in prompts:
            await self.play(prompt)
        if not self._waiting:
            await self._arm(input_timeout)
            return await self._channel.wait_for_digit(input_timeout)
        key, self._waiting = self._waiting[0], self._waiting[1:]
        return key

    def _is_leftover(self, key: str) -> bool:
        # Many press # after the last digit although nobody waits for it.
        is_leftover = key == "#" and self._hash_may_follow
        if key:
            self._hash_may_follow = False
        return is_leftover

    def _take_waiting(self, max_digits: int) -> tuple[str, bool]:
        typed, hashed, rest = self._waiting.partition("#")
        if len(typed) >= max_digits:
            self._waiting = typed[max_digits:] + hashed + rest
            return typed[:max_digits], True
        self._waiting = rest
        return typed, bool(hashed)

    # ---- the channel

    def _length(self, prompt: str) -> timedelta:
        length = self._prompts.length(prompt, self._language)
        if length is None:
            log.warning("prompt is missing", prompt=prompt, language=self._language)
            return UNKNOWN_LENGTH
        return length

    async def _arm(self, length: timedelta) -> None:
        seconds = math.ceil((length + MARGIN).total_seconds())
        await self._channel.set_variable("TIMEOUT(absolute)", str(seconds))

    async def _set(self, name: str, value: str) -> None:
        if not _SAFE_VALUE.fullmatch(value):
            raise LocalProtocolError(f"not a value for the channel variable {name}")
        await self._channel.set_variable(name, value)


def _file(prompt: str) -> str:
    return f"ringdesk/{prompt}"
