"""A caller on an Asterisk channel, spoken with over AGI.

Three things that this adapter takes care of:

* Keys aren't lost between questions. Asterisk hears keys during a prompt only if they are named as escape
  digits, so every interruptible prompt names all, and a key that nobody has asked for yet waits here. Several
  digits are read by one ``GET DATA``, since Asterisk drops keys that come between two commands.
* A prompt whose file is missing is passed over: the caller hears less, and is served.
* ``RD_NEXT`` is set last: the dialplan takes it as the only sign of success (docs/dialplan.md).

The lease (``TIMEOUT(absolute)``) is renewed by the AGI session before each command; it is told here how long
the prompts are. Digits are held as short as possible, and shown by no repr.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

import structlog

from cti.asterisk import session as agi
from cti.domain.errors import CommandRefused, LocalProtocolError
from cti.domain.ids import CallId, parse_call_id
from ivr import voicemail
from ivr.ports import CallerGone, MessageCutOff, NextStep, Prompts

log = structlog.get_logger(__name__)

ALL_KEYS = "0123456789*#"
UNKNOWN_LENGTH = timedelta(seconds=60)
"""For a prompt whose length isn't known, such as a file put there by hand."""
QUIET = timedelta(seconds=1)
"""Nobody types slower than this in a burst."""
BURST = 32
"""Keys of a burst that are waited out; more than any card number has."""

_SAFE_VALUE = re.compile(r"[A-Za-z0-9_.+-]{0,64}")


class AgiChannel(Protocol):
    """What is used of ``cti.asterisk.session.AgiSession``; see there."""

    async def stream_file(
        self, name: str, escape_digits: str = "", *, play_time: timedelta = ...
    ) -> str:
        """Play a file; returns the key that broke it off, or an empty text."""

    async def wait_for_digit(self, wait_time: timedelta) -> str:
        """Wait for a key; empty: none came."""

    async def get_data(
        self, name: str, *, wait_time: timedelta, max_digits: int, play_time: timedelta = ...
    ) -> str:
        """Play a file (an empty name: none) and read keys until ``#``, ``max_digits`` or a pause."""

    async def record_file(
        self, path: str, *, max_time: timedelta, silence_time: timedelta
    ) -> tuple[timedelta, bool]:
        """Record the caller; how long it is, and whether he is still there."""

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable or function."""

    async def get_variable(self, name: str) -> str | None:
        """Read one; None: not set."""

    async def finish(self, values: Mapping[str, str]) -> None:
        """Set these, the last one last, as the last act."""


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
        with _caller():
            await self._set("CHANNEL(language)", language)
        self._language = language

    async def play(self, prompt: str, *, is_interruptible: bool = True) -> None:
        """Say something; a key that ends it is kept for the next question."""
        if is_interruptible and self._waiting:
            return
        keys = ALL_KEYS if is_interruptible else ""
        while True:
            key = await self._stream(prompt, keys)
            if not self._is_leftover(key):
                self._waiting += key
                return

    async def ask_key(self, prompts: Sequence[str], input_timeout: timedelta) -> str | None:
        """Play until a key comes, then wait for one; None: silence."""
        while True:
            for prompt in prompts:
                await self.play(prompt)
            if self._waiting:
                key, self._waiting = self._waiting[0], self._waiting[1:]
            else:
                key = await self._wait(input_timeout)
            if not self._is_leftover(key):
                return key or None

    async def read_digits(
        self, prompts: Sequence[str], max_digits: int, input_timeout: timedelta
    ) -> str:
        """Play until a key comes, then read up to ``max_digits`` keys; empty: none, or only ``#``."""
        # GET DATA doesn't tell a # from silence, so where a # of the answer before may still come,
        # the first key is asked for alone.
        ahead = prompts if self._hash_may_follow else prompts[:-1]
        if self._hash_may_follow:
            first = await self.ask_key(ahead, input_timeout)
            if first is None:
                return ""
            self._waiting = first + self._waiting
        else:
            for prompt in ahead:
                await self.play(prompt)
        typed, has_ended = self._take_waiting(max_digits)
        if not has_ended:
            prompt = "" if typed or not prompts else prompts[-1]
            typed += await self._get_data(prompt, input_timeout, max_digits - len(typed))
        self._hash_may_follow = len(typed) >= max_digits
        return typed

    async def forget_keys(self, *, until_quiet: bool = False) -> None:
        """Drop keys that wait for a question; ``until_quiet``: also a burst that is still being typed."""
        self._waiting = ""
        if not until_quiet:
            return
        self._hash_may_follow = False
        for _ in range(BURST):
            if not await self._wait(QUIET):
                return

    async def take_keys(self) -> str:
        """The keys that wait for a question; none waits any more."""
        keys, self._waiting = self._waiting, ""
        return keys

    async def record_message(
        self, call_id: CallId, take: int, max_time: timedelta, silence_time: timedelta
    ) -> timedelta:
        """Record into the spool of Asterisk's; the state says so, so that he isn't sent to a queue should we die."""
        self._waiting, self._hash_may_follow = "", False
        with _caller():
            spool = await self._channel.get_variable("RD_SPOOL")
            await self._set("RD_STATE", "voicemail")
        await self.play(voicemail.BEEP, is_interruptible=False)
        path = f"{spool}/{parse_call_id(call_id)}.voicemail{take}"
        with _caller():
            length_time, is_there = await self._channel.record_file(
                path, max_time=max_time, silence_time=silence_time
            )
        if not is_there:
            raise MessageCutOff(length_time)
        return length_time

    async def end_message(self) -> None:
        """He is in a menu again: should we die, he goes to a queue."""
        with _caller():
            await self._set("RD_STATE", "menu")

    async def is_recorded(self) -> bool:
        """Whether a MixMonitor runs on this channel."""
        with _caller():
            return bool(await self._channel.get_variable("RD_REC"))

    async def finish(self, next_step: NextStep, variables: Mapping[str, str]) -> None:
        """Hand the caller back to the dialplan: the variables first, ``RD_NEXT`` as the last act."""
        last = {**variables, "RD_NEXT": next_step}
        for name, value in last.items():
            _check(name, value)
        with _caller():
            await self._channel.finish(last)

    # ---- keys

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

    async def _stream(self, prompt: str, keys: str) -> str:
        length = self._length(prompt)
        with _caller():
            try:
                return await self._channel.stream_file(_file(prompt), keys, play_time=length)
            except CommandRefused:
                self._warn(prompt)
                return ""

    async def _wait(self, wait_time: timedelta) -> str:
        with _caller():
            return await self._channel.wait_for_digit(wait_time)

    async def _get_data(self, prompt: str, wait_time: timedelta, max_digits: int) -> str:
        with _caller():
            try:
                return await self._channel.get_data(
                    _file(prompt) if prompt else "",
                    wait_time=wait_time,
                    max_digits=max_digits,
                    play_time=self._length(prompt) if prompt else timedelta(0),
                )
            except CommandRefused:
                if not prompt:
                    raise
        self._warn(prompt)
        return await self._get_data("", wait_time, max_digits)

    def _warn(self, prompt: str) -> None:
        log.error("prompt can't be played", prompt=prompt, language=self._language)

    def _length(self, prompt: str) -> timedelta:
        length = self._prompts.length(prompt, self._language)
        return UNKNOWN_LENGTH if length is None else length

    async def _set(self, name: str, value: str) -> None:
        _check(name, value)
        await self._channel.set_variable(name, value)


def _check(name: str, value: str) -> None:
    if not _SAFE_VALUE.fullmatch(value):
        raise LocalProtocolError(f"not a value for the channel variable {name}")


@contextmanager
def _caller() -> Iterator[None]:
    """The switch's word for a caller who is gone, in ours."""
    try:
        yield
    except agi.CallerGone as exc:
        raise CallerGone("the caller is gone") from exc


def _file(prompt: str) -> str:
    return f"ringdesk/{prompt}"
