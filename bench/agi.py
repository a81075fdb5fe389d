"""P7: FastAGI sessions, beside panoramisk's Application and beside a bare dialplan.

Two views. *Server alone*: a process serves sessions of two commands (ANSWER, GET VARIABLE) to a client of ours that
speaks as Asterisk does; CPU seconds of the serving process from ``/proc``. *Whole path*: SIPp calls an extension of a
real Asterisk that answers and hangs up at once, or visits one of the two servers in between.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from panoramisk import fast_agi

from bench.processes import cpu_time
from bench.report import Figure, Part
from cti.asterisk.fastagi import FastAgiServer
from cti.asterisk.session import AgiSession
from cti.clock import SystemClock
from sip_sim.sipp import Load, party
from sip_sim.steps import Invite, Step, WaitForHangup
from tests.asterisk.pbx import Pbx

KINDS = ("ours", "panoramisk")
AT_ONCE = 40
PER_SECOND = 20.0
ENVIRONMENT = (
    b"agi_network: yes\nagi_network_script: ivr\nagi_request: agi://127.0.0.1/ivr\n"
    b"agi_channel: PJSIP/trunk_demo-00000001\nagi_language: en\nagi_type: PJSIP\n"
    b"agi_uniqueid: pbx1-1795309218.0\nagi_version: 22.10.1\nagi_callerid: 13800138000\n"
    b"agi_calleridname: unknown\nagi_callingpres: 0\nagi_callingani2: 0\nagi_callington: 0\n"
    b"agi_callingtns: 0\nagi_dnid: 4000\nagi_rdnis: unknown\nagi_context: rd-in\n"
    b"agi_extension: 4000\nagi_priority: 12\nagi_enhanced: 0.0\nagi_accountcode: \n"
    b"agi_threadid: 139696570873536\n\n"
)


def run(is_quick: bool) -> Part:
    """Measure both views.

    Raises:
        AssertionError: a session or a call failed.
    """
    begun = time.monotonic()
    sessions, calls, repetitions = (400, 60, 2) if is_quick else (2000, 200, 5)
    alone, path = asyncio.run(_measure(sessions, calls, repetitions))
    return describe(alone, path, sessions, calls, time.monotonic() - begun)


async def _measure(
    sessions: int, calls: int, repetitions: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    alone: dict[str, list[float]] = {kind: [] for kind in KINDS}
    path: dict[str, list[float]] = {kind: [] for kind in (*KINDS, "dialplan")}
    async with _serving("ours") as ours, _serving("panoramisk") as theirs:
        servers = {"ours": ours, "panoramisk": theirs}
        for _ in range(repetitions):
            for kind, (pid, port) in servers.items():
                alone[kind].append(sessions / await _serve_sessions(pid, port, sessions))
        with Pbx.started() as pbx:
            await _add_extensions(pbx, {kind: port for kind, (_, port) in servers.items()})
            for _ in range(repetitions):
                for kind in path:
                    server = servers[kind][0] if kind in servers else None
                    path[kind].append(await _call(pbx, kind, server, calls))
    return alone, path


@asynccontextmanager
async def _serving(kind: str) -> AsyncIterator[tuple[int, int]]:
    """A server in a process of its own; its id and port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.agi", kind, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield process.pid, int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


async def _serve_sessions(pid: int, port: int, sessions: int) -> float:
    """CPU seconds that the server used for so many sessions."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def session() -> None:
        async with limit:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(ENVIRONMENT)
            assert (await reader.readline()).startswith(b"ANSWER")
            writer.write(b"200 result=0\n")
            assert (await reader.readline()).startswith(b"GET VARIABLE")
            writer.write(b"200 result=1 (pbx1-1795309218.0-1317786606)\n")
            assert await reader.read() == b""
            writer.close()

    before = cpu_time(pid)
    await asyncio.gather(*(session() for _ in range(sessions)))
    return cpu_time(pid).since(before).own_s


_EXTENSIONS = {"dialplan": "7001", "ours": "7002", "panoramisk": "7003"}


async def _add_extensions(pbx: Pbx, ports: dict[str, int]) -> None:
    for kind, exten in _EXTENSIONS.items():
        actions = [
            "Answer",
            *([f"AGI,agi://127.0.0.1:{ports[kind]}/ivr"] if kind in ports else []),
        ]
        for number, step in enumerate([*actions, "Hangup"], start=1):
            await pbx.rx(f"dialplan add extension {exten},{number},{step} into rd-trunk")


async def _call(pbx: Pbx, kind: str, server_pid: int | None, calls: int) -> float:
    """CPU milliseconds a call, Asterisk's and the server's together."""
    asterisk = pbx.process.pid()
    assert asterisk is not None
    pids = [asterisk, *([server_pid] if server_pid else [])]
    before = {pid: cpu_time(pid) for pid in pids}
    target = f"127.0.0.1:{pbx.settings.pbx.sip_port}"
    steps: list[Step] = [Invite(_EXTENSIONS[kind]), WaitForHangup(timedelta(seconds=20))]
    load = Load(calls, calls, PER_SECOND)
    async with party(f"bench-{kind}", steps, target, load=load) as caller:
        outcome = await caller.finish(timedelta(seconds=30 + calls / PER_SECOND))
    assert outcome.succeeded == calls, outcome.errors
    used = sum(cpu_time(pid).since(before[pid]).own_s for pid in pids)
    return 1000 * used / calls


def describe(
    alone: dict[str, list[float]],
    path: dict[str, list[float]],
    sessions: int,
    calls: int,
    seconds: float,
) -> Part:
    """Make figures of the repetitions."""
    ratio = tuple(a / b for a, b in zip(alone["ours"], alone["panoramisk"], strict=True))
    beside = tuple(a / b for a, b in zip(path["ours"], path["dialplan"], strict=True))
    return Part(
        row="P7",
        title="FastAGI sessions, beside panoramisk and beside a bare dialplan",
        method=(
            f"{sessions} sessions of two commands, {AT_ONCE} at once, CPU of the serving process; and "
            f"{calls} SIPp calls at 20/s through Asterisk, CPU of Asterisk and server; in turn"
        ),
        figures=(
            Figure("sessions: ours / panoramisk", "x", ratio, "higher", 1.5),
            Figure("ours", "/CPU-s", tuple(alone["ours"]), "higher"),
            Figure("panoramisk", "/CPU-s", tuple(alone["panoramisk"]), "higher"),
            Figure("call through ours", "ms CPU", tuple(path["ours"])),
            Figure("call through panoramisk", "ms CPU", tuple(path["panoramisk"])),
            Figure("call through a bare dialplan", "ms CPU", tuple(path["dialplan"])),
            Figure("call through ours / bare dialplan", "x", beside),
        ),
        seconds=seconds,
    )


async def _serve(kind: str) -> None:
    """What the serving process does, until it is killed."""
    if kind == "ours":

        async def script(session: AgiSession) -> None:
            await session.answer()
            await session.get_variable("RD_CALL")

        port = await FastAgiServer({"/ivr": script}, SystemClock()).start(0)
    else:

        async def endpoint(request: fast_agi.Request) -> None:
            await request.send_command("ANSWER")
            await request.send_command("GET VARIABLE RD_CALL")

        application = fast_agi.Application()
        application.add_route("ivr", endpoint)
        server = await asyncio.start_server(application.handler, "127.0.0.1", 0, backlog=512)
        port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # neither side may be charged for logging
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(_serve(sys.argv[1]))
