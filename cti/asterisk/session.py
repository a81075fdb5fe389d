"""One caller's FastAGI session: the verbs that an IVR needs, each awaitable.

Before each verb that takes time the session renews the lease that the dialplan gave it
(``TIMEOUT(absolute)``, docs/dialplan.md): the verb's own length and a margin. Should this process die or
hang, Asterisk takes the caller out of AGI when the lease ends. ``CallerGone`` means that there is nobody
to speak to any more: hung up, redirected away, or the lease ended; a script simply lets it pass.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from cti.domain.errors import CommandRefused, LocalProtocolError, RingdeskError
from cti.wire.agi import AgiEnvironment, AgiReply

DEFAULT_PLAY_TIME = timedelta(seconds=30)
"""How long a prompt is taken to be when the caller of a verb doesn't say."""
LEASE_MARGIN = timedelta(seconds=5)
"""What the lease has beyond the length of a verb."""

_RATE = 8000  # samples a second of a recorded file
_SAFE = re.compile(
    r"[A-Za-z0-9_.+-]*"
)  # for MSet, to which a comma, a quote or a bracket means something
_UP = "6"  # CHANNEL STATUS of a channel that talks

Exchange = Callable[[str, tuple[str, ...], timedelta], Awaitable[AgiReply]]
"""Send a command, wait for its reply at most so long; raises CallerGone."""


class CallerGone(RingdeskError):
    """There is no caller in this session any more."""


class AgiSession:
    """What a script may do with the caller; made by FastAgiServer, one for each connection.

    All verbs raise:

    Raises:
        CallerGone: see the module.
        CommandRefused: Asterisk doesn't do this (``refused``), such as a file that doesn't exist.
        LocalProtocolError: an argument that may not be sent.
    """

    def __init__(self, environment: AgiEnvironment, exchange: Exchange) -> None:
        self.environment = environment
        self._exchange = exchange

    @property
    def channel(self) -> str:
        """The caller's channel by name."""
        return self.environment.get("channel")

    @property
    def leg_id(self) -> str:
        """The caller's leg (Asterisk: Uniqueid)."""
        return self.environment.get("uniqueid")

    @property
    def path(self) -> str:
        """The script that was called: ``/ivr``."""
        return self.environment.path

    async def answer(self) -> None:
        """Answer the call; harmless when it is up already."""
        await self._send("ANSWER")

    async def stream_file(
        self, name: str, escape_digits: str = "", *, play_time: timedelta = DEFAULT_PLAY_TIME
    ) -> str:
        """Play a prompt; returns the key that broke it off, or an empty text.

        ``name`` is without the file's ending. ``play_time``: how long the prompt is.
        """
        await self.renew_lease(play_time)
        return await self._key("STREAM FILE", name, escape_digits, takes=play_time)

    async def wait_for_digit(self, wait_time: timedelta) -> str:
        """Wait for a key; returns it, or an empty text when none came in time."""
        await self.renew_lease(wait_time)
        milliseconds = str(max(0, round(wait_time.total_seconds() * 1000)))
        return await self._key("WAIT FOR DIGIT", milliseconds, takes=wait_time)

    async def get_data(
        self,
        name: str,
        *,
        wait_time: timedelta,
        max_digits: int,
        play_time: timedelta = DEFAULT_PLAY_TIME,
    ) -> str:
        """Play a prompt and collect digits up to ``#``, ``max_digits`` or the end of patience.

        ``wait_time`` is the patience after the prompt and between two keys.
        """
        takes = play_time + wait_time * (max_digits + 1)
        await self.renew_lease(takes)
        milliseconds = str(max(1, round(wait_time.total_seconds() * 1000)))
        reply = await self._send("GET DATA", name, milliseconds, str(max_digits), takes=takes)
        await self._check(reply)
        return reply.result

    async def say_number(
        self, number: int, escape_digits: str = "", *, play_time: timedelta = DEFAULT_PLAY_TIME
    ) -> str:
        """Say a number in the channel's language; returns the key that broke it off."""
        await self.renew_lease(play_time)
        return await self._key("SAY NUMBER", str(number), escape_digits, takes=play_time)

    async def say_digits(
        self, digits: str, escape_digits: str = "", *, play_time: timedelta = DEFAULT_PLAY_TIME
    ) -> str:
        """Say digits one by one; returns the key that broke it off."""
        await self.renew_lease(play_time)
        return await self._key("SAY DIGITS", digits, escape_digits, takes=play_time)

    async def record_file(
        self, path: str, *, max_time: timedelta, silence_time: timedelta
    ) -> tuple[timedelta, bool]:
        """Record the caller into ``<path>.raw`` (mono, 8 kHz, 16 bit) until ``#``, silence or the limit.

        Returns how long it is, and whether the caller is still there. Asterisk goes on with it when we are gone; the
        lease ends it at the latest.
        """
        await self.renew_lease(max_time)
        limit = str(round(max_time.total_seconds() * 1000))
        silence = f"s={max(1, round(silence_time.total_seconds()))}"
        reply = await self._send("RECORD FILE", path, "raw", "#", limit, silence, takes=max_time)
        length_time = timedelta(seconds=(reply.end_position or 0) / _RATE)
        if reply.result == "-1" and reply.value != "hangup":
            await self._check(reply)
        return length_time, reply.result != "-1"

    async def set_variable(self, name: str, value: str) -> None:
        """Set a variable, or a function such as ``CHANNEL(language)``, of the caller's channel."""
        await self._send("SET VARIABLE", name, value)

    async def set_variables(self, values: Mapping[str, str]) -> None:
        """Set several in their order, in one round trip: that costs both sides more than all the setting.

        Raises:
            LocalProtocolError: a value of other than letters, digits and ``_.+-``; nothing is set then.
        """
        if any(not _SAFE.fullmatch(value) for value in values.values()):
            raise LocalProtocolError("not a value that can be set beside others")
        pairs = ",".join(f"{name}={value}" for name, value in values.items())
        reply = await self._send("EXEC", "MSet", pairs)
        await self._check(reply)
        if reply.result != "0":
            raise CommandRefused("refused", f"Asterisk can't set variables ({reply.result})")

    async def finish(self, values: Mapping[str, str]) -> None:
        """The last act: these variables in their order, with a lease that is long enough to come back.

        Raises:
            LocalProtocolError: see ``set_variables``.
        """
        await self.set_variables({"TIMEOUT(absolute)": _lease(timedelta(0)), **values})

    async def get_variable(self, name: str) -> str | None:
        """A variable of the caller's channel; None where it isn't set."""
        reply = await self._send("GET VARIABLE", name)
        return reply.value if reply.result == "1" else None

    async def execute(
        self, application: str, *arguments: str, takes: timedelta = DEFAULT_PLAY_TIME
    ) -> str:
        """Run a dialplan application; returns its result. Only ours may name one, never a caller.

        Raises:
            CommandRefused: there is no such application (``refused``).
        """
        await self.renew_lease(takes)
        reply = await self._send("EXEC", application, ",".join(arguments), takes=takes)
        if reply.result == "-2":
            raise CommandRefused("refused", "Asterisk has no such application")
        await self._check(reply)
        return reply.result

    async def hang_up(self) -> None:
        """Hang up on the caller."""
        await self._send("HANGUP")

    async def renew_lease(self, takes: timedelta) -> None:
        """Give this session so much more time, and the margin."""
        await self.set_variable("TIMEOUT(absolute)", _lease(takes))

    async def _send(
        self, command: str, *arguments: str, takes: timedelta = timedelta(0)
    ) -> AgiReply:
        reply = await self._exchange(command, arguments, takes)
        if reply.code == 511:
            raise CallerGone("Asterisk has no caller in this session any more")
        if reply.code != 200:
            raise CommandRefused("refused", f"Asterisk refuses AGI {command} ({reply.code})")
        return reply

    async def _key(self, command: str, *arguments: str, takes: timedelta) -> str:
        """A verb that a key may break off: which one did?"""
        reply = await self._send(command, *arguments, takes=takes)
        await self._check(reply)
        code = int(reply.result) if reply.result.isdecimal() else 0
        return chr(code) if code in range(33, 127) else ""

    async def _check(self, reply: AgiReply) -> None:
        """Asterisk says -1 for a caller who hung up and for a file that it can't play alike."""
        if reply.result != "-1":
            return
        status = await self._send("CHANNEL STATUS")
        if status.result != _UP:
            raise CallerGone("the caller hung up")
        raise CommandRefused("refused", "Asterisk can't play this: is the file there?")


def _lease(takes: timedelta) -> str:
    return str(max(1, round((takes + LEASE_MARGIN).total_seconds())))
