"""Runs SIPp: one process per party, its own folder, its result read back from its statistics.

SIPp's own screen needs a terminal, so it is always run without one; what happened is read from
the last row of ``-trace_stat`` by column name (positions changed between versions) and from
``-trace_err``. A process is ended with its caller's scope, by its own pid.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sip_sim.errors import SippFailed, SippMissing
from sip_sim.steps import Step, render, word

_STATS_EVERY_S = 1
_RATE = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What SIPp counted."""

    succeeded: int
    failed: int
    retransmissions: int
    errors: tuple[str, ...] = ()
    messages: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether no call failed."""
        return self.failed == 0


@dataclass(frozen=True, slots=True)
class Load:
    """How many calls, how many at once, and how quickly they begin."""

    calls: int = 1
    concurrent: int = 1
    per_second: float = 10.0


class Party:
    """A running SIPp process."""

    def __init__(
        self, process: asyncio.subprocess.Process, folder: Path, port: int, bind: str
    ) -> None:
        self._process = process
        self._folder = folder
        self._bind = bind
        self.port = port

    @property
    def is_running(self) -> bool:
        """Whether it hasn't ended yet."""
        return self._process.returncode is None

    def tell(self, call: int) -> None:
        """Tell the party's call of that number, from 1 in the order in which they began, to hang up (``WaitForWord``)."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.sendto(word(call, self._process.pid, self._bind), (self._bind, self.port))

    async def finish(self, within: timedelta) -> Outcome:
        """Wait until all its calls are done.

        Raises:
            TimeoutError: not done in time (it goes on; leaving its scope ends it).
            SippFailed: it could not run the scenario.
        """
        async with asyncio.timeout(within.total_seconds()):
            code = await self._process.wait()
        outcome = self.outcome()
        # 0: all calls well, 1: some failed, 97: ended on request, 99: no calls, 253: RTP check
        if code not in (0, 1, 97, 99):
            raise SippFailed(
                f"sipp ended with {code}: {'; '.join(outcome.errors)[:500] or 'no word'}"
            )
        return outcome

    async def stop(self) -> Outcome:
        """End it now, however it stands."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(3):
                    await self._process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        return self.outcome()

    def outcome(self) -> Outcome:
        """What it has counted so far."""
        row = _last_row(self._folder / "stat.csv")

        def number(column: str) -> int:
            return int(row.get(column) or 0)

        return Outcome(
            succeeded=number("SuccessfulCall(C)"),
            failed=number("FailedCall(C)"),
            retransmissions=number("Retransmissions(C)"),
            errors=_lines(self._folder / "errors.log"),
            messages=_text(self._folder / "messages.log"),
        )


@contextlib.asynccontextmanager
async def party(
    name: str,
    steps: Sequence[Step],
    target: str,
    *,
    load: Load | None = None,
    called: Load | None = None,
    fields: Sequence[Sequence[str]] = (("sim", "Simulated caller"),),
    port: int | None = None,
    bind: str = "127.0.0.1",
    media_port: int | None = None,
    trace: bool = False,
    limit: timedelta = timedelta(minutes=10),
) -> AsyncIterator[Party]:
    """Start a party; it is ended at the end of the block at the latest.

    ``target`` is ``host:port`` of the PBX. ``fields`` are rows of SIPp's injection file: calling number, name, …. ``load``
    is for a party that calls; a party that is called takes what comes, ``called.concurrent`` at once.
    ``trace`` keeps all SIP messages.

    Raises:
        SippMissing: SIPp is not installed.
    """
    program = shutil.which("sipp")
    if program is None:
        raise SippMissing
    folder = Path(tempfile.mkdtemp(prefix="rdsim-"))
    try:
        (folder / "scenario.xml").write_text(render(name, steps), encoding="utf-8")
        rows = "\n".join(";".join(_clean(value) for value in row) for row in fields)
        (folder / "fields.csv").write_text(f"SEQUENTIAL\n{rows}\n", encoding="utf-8")
        port = port or free_port()
        arguments = _arguments(target, bind, port, load, called, media_port, limit, trace)
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        running = Party(process, folder, port, bind)
        try:
            yield running
        finally:
            await running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that nobody uses at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_FIRST_MEDIA_PORT, _LAST_MEDIA_PORT = 61_000, 65_500
_LOOKS = 8


def free_media_ports(count: int = 4) -> int:
    """The first of ``count`` ports that are free now, even (RFC 3550, 11); of very many only most may be.

    Above those that the kernel gives to anybody who asks for any port: between this look and SIPp's own
    bind, somebody else would be given one of them now and then.
    """
    room = max(1, _LAST_MEDIA_PORT - count - _FIRST_MEDIA_PORT)
    looks: dict[int, int] = {}
    for _ in range(_LOOKS):
        start = (_FIRST_MEDIA_PORT + secrets.randbelow(room)) & ~1
        taken = _taken(range(start, min(start + count, 65_536)))
        looks[taken] = start
        if taken == 0:
            break
    # SIPp goes on to the next where one is taken, so that the best of several looks will do.
    return looks[min(looks)]


def _taken(ports: range) -> int:
    """How many are in use; looked at one after the other, since thousands at once are too many files."""
    count = 0
    for port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                count += 1
    return count


def _arguments(
    target: str,
    bind: str,
    port: int,
    load: Load | None,
    called: Load | None,
    media_port: int | None,
    limit: timedelta,
    trace: bool,
) -> list[str]:
    arguments = [
        target, "-sf", "scenario.xml", "-inf", "fields.csv", "-i", bind, "-p", str(port), "-mi", bind,
        "-nostdin", "-timeout", str(int(limit.total_seconds())), "-timeout_error",
        "-trace_stat", "-stf", "stat.csv", "-fd", str(_STATS_EVERY_S),
        "-trace_err", "-error_file", "errors.log",
    ]  # fmt: skip
    if media_port is None:
        # Who speaks gets a port of his own, counted up from this one; SIPp tries the next when one is taken.
        media_port = free_media_ports(4 * (load or called or Load()).concurrent)
    arguments += ["-mp", str(media_port)]
    if load is not None:
        # Whole numbers only: so many calls in a period that makes the rate what was asked for.
        period = round(1000 * _RATE / load.per_second)
        arguments += ["-m", str(load.calls), "-l", str(load.concurrent), "-r", str(_RATE)]
        arguments += ["-rp", str(period)]
    if trace:
        arguments += ["-trace_msg", "-message_file", "messages.log"]
    return arguments


def _clean(value: str) -> str:
    # A semicolon or a line break would begin a new field or row of SIPp's file.
    return value.translate({ord(";"): "_", ord("\n"): " ", ord("\r"): " "})


def _last_row(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    rows = list(csv.reader(lines, delimiter=";"))
    if len(rows) < 2:  # a head and a row
        return {}
    return dict(zip(rows[0], rows[-1], strict=False))


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line for line in _text(path).splitlines() if line.strip())[-50:]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
