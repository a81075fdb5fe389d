"""The fake Asterisk's AGI: connects to the service and does its commands on a channel, as res_agi does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.fakes.memory_transport import as_protocol, join

if TYPE_CHECKING:
    from tests.fakes.asterisk import FakeAsterisk
    from tests.fakes.asterisk_channels import FakeChannel

USAGE = "520-Invalid command syntax.  Proper usage follows:\nUsage: see the manual\n520 End of proper usage.\n"


class AgiLine(asyncio.Protocol):
    """Asterisk's end of an AGI connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            self._lines.put_nowait(line.decode("utf-8", "replace"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lines.put_nowait(None)

    def write(self, text: str) -> None:
        if self.transport is not None:
            self.transport.write(text.encode("utf-8", "surrogateescape"))

    async def read(self) -> str | None:
        """The next line; None: the service closed."""
        return await self._lines.get()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


def split_arguments(line: str) -> list[str]:
    """Cut a command line into words as res_agi's parse_args does: quotes and backslashes."""
    words: list[str] = []
    word, is_quoted, is_escaped, is_open = "", False, False, False
    for sign in line:
        if is_escaped:
            word, is_escaped = word + sign, False
        elif sign == "\\":
            is_escaped = is_open = True
        elif sign == '"':
            is_quoted, is_open = not is_quoted, True
        elif sign in " \t" and not is_quoted:
            if is_open:
                words.append(word)
            word, is_open = "", False
        else:
            word, is_open = word + sign, True
    return [*words, word] if is_open else words


async def run_agi(pbx: FakeAsterisk, channel: FakeChannel, script: str) -> None:
    """The dialplan's ``AGI(agi://…/script)``: returns when the service is done, dead or not there."""
    line = AgiLine()
    try:
        if pbx.agi is None:
            return
        if isinstance(pbx.agi, tuple):
            host, port = pbx.agi
            await asyncio.get_running_loop().create_connection(lambda: line, host, port)
        else:
            join(line, as_protocol(pbx.agi()))
    except OSError:
        channel.variables["AGISTATUS"] = "FAILURE"
        return
    pbx.agi_lines.add(line)
    try:
        line.write(_environment(pbx, channel, script))
        while (command := await line.read()) is not None:
            pbx.agi_commands.append(command)
            line.write(await _answer(pbx, channel, command))
    except asyncio.CancelledError:
        line.write("HANGUP\n")
        raise
    finally:
        pbx.agi_lines.discard(line)
        line.close()


def _environment(pbx: FakeAsterisk, channel: FakeChannel, script: str) -> str:
    values = {
        "network": "yes",
        "network_script": script,
        "request": f"agi://127.0.0.1:4573/{script}",
        "channel": channel.name,
        "language": channel.language,
        "type": "PJSIP",
        "uniqueid": channel.uniqueid,
        "version": "22.10.1",
        "callerid": channel.number or "unknown",
        "calleridname": channel.caller_name or "unknown",
        "callingpres": "0",
        "dnid": channel.dnis or "unknown",
        "rdnis": "unknown",
        "context": channel.context,
        "extension": channel.exten,
        "priority": "1",
        "enhanced": "0.0",
        "accountcode": "",
        "threadid": "1",
        "arg_1": channel.variables.get("RD_CALL", ""),
    }
    return "".join(f"agi_{name}: {value}\n" for name, value in values.items()) + "\n"


async def _answer(pbx: FakeAsterisk, channel: FakeChannel, line: str) -> str:
    words = split_arguments(line)
    for size in (3, 2, 1):
        verb = " ".join(words[:size]).upper()
        method = _VERBS.get(verb)
        if method is not None:
            try:
                return await method(pbx, channel, words[size:])
            except (IndexError, ValueError):
                return USAGE
    return "510 Invalid or unknown command\n"


async def _play(pbx: FakeAsterisk, channel: FakeChannel, length: timedelta, escape: str) -> str:
    key = await channel.wait_for_key(length, escape)
    return f"200 result={ord(key) if key else 0} endpos={int(length.total_seconds() * 8000)}\n"


async def _stream_file(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    name, escape = args[0], args[1]
    pbx.played.append((channel.uniqueid, name))
    if name in pbx.missing_prompts:
        return "200 result=-1 endpos=0\n"
    return await _play(pbx, channel, pbx.prompt_time(name), escape)


async def _say(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    pbx.played.append((channel.uniqueid, f"say:{args[0]}"))
    int(args[0])
    key = await channel.wait_for_key(timedelta(seconds=0.5) * len(args[0]), args[1])
    return f"200 result={ord(key) if key else 0}\n"


async def _wait_for_digit(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    key = await channel.wait_for_key(timedelta(milliseconds=int(args[0])), "0123456789*#")
    return f"200 result={ord(key) if key else 0}\n"


async def _get_data(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    name = args[0]
    patience = timedelta(milliseconds=int(args[1]) if len(args) > 1 else 2000)
    most = int(args[2]) if len(args) > 2 else 1024
    pbx.played.append((channel.uniqueid, name))
    if name in pbx.missing_prompts:
        return "200 result=-1\n"
    digits, wait = "", pbx.prompt_time(name) + patience
    while len(digits) < most:
        key = await channel.wait_for_key(wait, "0123456789*#")
        if not key:
            return f"200 result={digits} (timeout)\n"
        if key == "#":
            break
        digits, wait = digits + key, patience
    return f"200 result={digits}\n"


async def _record_file(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    """A caller who speaks for ``message_time``, and then presses nothing."""
    limit = timedelta(milliseconds=int(args[3]))
    pbx.recorded.append((channel.uniqueid, f"{args[0]}.{args[1]}"))
    length = min(limit, pbx.message_time)
    key = await channel.wait_for_key(length, args[2])
    samples = int(length.total_seconds() * 8000)
    if key:
        return f"200 result={ord(key)} (dtmf) endpos={samples}\n"
    return f"200 result=0 (timeout) endpos={samples}\n"


async def _set_variable(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    channel.set_variable(args[0], args[1])
    return "200 result=1\n"


async def _get_variable(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    value = channel.variables.get(args[0])
    return f"200 result=1 ({value})\n" if value else "200 result=0\n"


async def _exec(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    if args[0].lower() == "mset":
        for pair in args[1].split(","):
            name, _, value = pair.partition("=")
            channel.set_variable(name, value)
        return "200 result=0\n"
    known = args[0].lower() in ("noop", "playback", "startmusiconhold", "stopmusiconhold", "wait")
    if known and args[0].lower() == "wait":
        await pbx.clock.sleep(timedelta(seconds=float(args[1])))
    return "200 result=0\n" if known else "200 result=-2\n"


async def _plain(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    return "200 result=0\n"


async def _verbose(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    return "200 result=1\n"


async def _answer_verb(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    channel.state = "Up"
    return "200 result=0\n"


async def _status(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    return f"200 result={6 if channel.state == 'Up' else 4}\n"


async def _hangup(pbx: FakeAsterisk, channel: FakeChannel, args: list[str]) -> str:
    asyncio.get_running_loop().call_soon(channel.hang_up, 16)
    return "200 result=1\n"


_VERBS = {
    "ANSWER": _answer_verb,
    "CHANNEL STATUS": _status,
    "EXEC": _exec,
    "GET DATA": _get_data,
    "GET VARIABLE": _get_variable,
    "HANGUP": _hangup,
    "NOOP": _plain,
    "RECORD FILE": _record_file,
    "SAY DIGITS": _say,
    "SAY NUMBER": _say,
    "SET VARIABLE": _set_variable,
    "STREAM FILE": _stream_file,
    "VERBOSE": _verbose,
    "WAIT FOR DIGIT": _wait_for_digit,
}
