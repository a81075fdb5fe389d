"""P5: reading AMI, beside panoramisk's own protocol class, on a corpus of a real Asterisk.

The corpus is made at the beginning of each run: a private Asterisk, an AMI account that hears every class, callers
who wait and are rung, and names in UTF-8. It is cut at random places as TCP may cut it, and given in turn
to panoramisk's protocol, to ours with every header parsed, and to ours with only the events that the service
needs. CPU time of this process.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from panoramisk.ami_protocol import AMIProtocol

from bench.report import Figure, Part
from cti.asterisk.protocol import AmiProtocol
from cti.asterisk.switch import WANTED
from cti.wire.ami import Message
from sip_sim.sipp import Load, party
from sip_sim.steps import HangUp, Invite, Step, Wait
from tests.asterisk.agi_peer import agi_peer
from tests.asterisk.pbx import Pbx
from tests.asterisk.sipp import phone

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
NAMES = ("José Ñuñez", "王小明", "Zoë 🙂", "Ann")
EVENTS = 40_000
LISTENER = "bench_listener"
SECRET = "bench-only-on-loopback"  # noqa: S105 - an account that lives for seconds
SEED = 5


def run(is_quick: bool) -> Part:
    """Capture, cut, measure.

    Raises:
        AssertionError: the corpus holds too little, or an event was lost.
    """
    begun = time.monotonic()
    with Pbx.started() as pbx:
        corpus = asyncio.run(capture(pbx))
    events = corpus.count(b"\r\nPrivilege: ")
    assert events > 300, f"a corpus of {events} events says nothing"
    wanted_events = EVENTS // 4 if is_quick else EVENTS
    chunks = cut(corpus * (wanted_events // events + 1), random.Random(SEED))  # noqa: S311 - seeded
    truth = sum(corpus.count(f"Value: {name}\r\n".encode()) for name in NAMES)
    truth *= wanted_events // events + 1
    rounds = [measure(chunks) for _ in range(2 if is_quick else 5)]
    return describe(rounds, truth, len(corpus) / events, time.monotonic() - begun)


async def capture(pbx: Pbx) -> bytes:
    """What an account that hears everything is told of a few calls, from the first whole message on."""
    account = f"\n[{LISTENER}]\nsecret = {SECRET}\nread = all\nwrite =\nwritetimeout = 5000\n"
    config = pbx.settings.asterisk_dir / "etc" / "manager.conf"
    config.write_text(config.read_text(encoding="utf-8") + account, encoding="utf-8")
    await pbx.rx("manager reload")
    reader, writer = await asyncio.open_connection("127.0.0.1", pbx.settings.pbx.ami_port)
    writer.write(f"Action: Login\r\nUsername: {LISTENER}\r\nSecret: {SECRET}\r\n\r\n".encode())
    heard = bytearray()

    async def listen() -> None:
        while data := await reader.read(65536):
            heard.extend(data)

    listening = asyncio.create_task(listen())
    await pbx.set_global("RD_STALE", "1")  # nobody beats: they reach the fallback queue
    await pbx.rx("queue add member PJSIP/1001 to rd_sales")
    wait = {"RD_QUEUE": "sales", "RD_NEXT": "wait"}
    target = f"127.0.0.1:{pbx.settings.pbx.sip_port}"
    steps: list[Step] = [Invite("4000"), Wait(timedelta(seconds=7)), HangUp()]
    fields = [(f"1390013900{n}", name) for n, name in enumerate(NAMES)]
    load = Load(12, 12, 20.0)
    async with (
        agi_peer(pbx.settings.pbx.agi_port, wait),
        phone(pbx, "1001"),
        party("bench-ami", steps, target, load=load, fields=fields) as callers,
    ):
        for name in NAMES * 8:
            await pbx.set_global("BENCH_NAME", name)
        outcome = await callers.finish(timedelta(seconds=30))
        assert outcome.succeeded == load.calls, outcome.errors
        await asyncio.sleep(0.5)  # the last of their events
    listening.cancel()
    writer.close()
    first = heard.index(b"\r\n\r\n") + 4
    return bytes(heard[first : heard.rindex(b"\r\n\r\n") + 4])


def cut(stream: bytes, chance: random.Random) -> list[bytes]:
    """Chunks of 1 to 1,460 bytes, a TCP segment's worth."""
    chunks, at = [GREETING], 0
    while at < len(stream):
        size = chance.randint(1, 1460)
        chunks.append(stream[at : at + size])
        at += size
    return chunks


def measure(chunks: list[bytes]) -> SimpleNamespace:
    """One repetition: all three in turn."""
    theirs, theirs_names, theirs_events = _timed(lambda see: _panoramisk(chunks, see))
    ours, ours_names, ours_events = _timed(lambda see: _ours(chunks, None, see))
    needed, _, needed_events = _timed(lambda see: _ours(chunks, WANTED, see))
    assert ours_events >= theirs_events
    return SimpleNamespace(
        theirs=theirs, ours=ours, needed=needed, events=ours_events, kept=needed_events,
        theirs_names=theirs_names, ours_names=ours_names,
    )  # fmt: skip


def _timed(read: Callable[[Callable[[Any], None]], None]) -> tuple[float, int, int]:
    """CPU seconds; and, in a second pass that isn't timed, names found whole and events."""
    begun = time.process_time()
    read(lambda _: None)
    seconds = time.process_time() - begun
    seen = SimpleNamespace(names=0, events=0)

    def look(event: Any) -> None:
        seen.events += 1
        seen.names += event.get("Value", "") in NAMES

    read(look)
    return seconds, seen.names, seen.events


def _panoramisk(chunks: list[bytes], see: Callable[[Any], None]) -> None:
    protocol = AMIProtocol()
    protocol.connection_made(None)
    protocol.encoding = "utf8"
    protocol.factory = SimpleNamespace(save_stream=None, dispatch=see)
    for chunk in chunks:
        protocol.data_received(chunk)


class _Receiver:
    """Takes what the link would take; has every header parsed."""

    def __init__(self, see: Callable[[Any], None]) -> None:
        self._see = see

    def data_came(self) -> None:
        """Nothing to note."""

    def event_came(self, event: Message) -> None:
        """Parse all."""
        _ = event.headers
        self._see(event)

    def logged_in(self, answer: Message | None) -> None:
        """No login here."""

    def connection_ended(self, cause: str) -> None:
        """A corpus must not break the connection."""
        raise AssertionError(cause)


def _ours(chunks: list[bytes], wanted: tuple[str, ...] | None, see: Callable[[Any], None]) -> None:
    protocol = AmiProtocol(_Receiver(see), wanted, time.monotonic)
    for chunk in chunks:
        protocol.data_received(chunk)


def describe(rounds: list[SimpleNamespace], truth: int, mean_size: float, seconds: float) -> Part:
    """Make figures of the repetitions."""

    def rate(part: str) -> tuple[float, ...]:
        return tuple(r.events / getattr(r, part) for r in rounds)

    all_headers = tuple(r.theirs / r.ours for r in rounds)
    needed = tuple(r.theirs / r.needed for r in rounds)
    damaged = tuple(float(truth - r.ours_names) for r in rounds)
    theirs_damaged = tuple(float(truth - r.theirs_names) for r in rounds)
    return Part(
        row="P5",
        title="Reading AMI, beside panoramisk's protocol class",
        method=(
            f"{rounds[0].events:,} events of {mean_size:.0f} bytes captured from Asterisk, cut every 1-1460 bytes; "
            f"CPU time, in turn; {rounds[0].kept:,} of them are needed by the service"
        ),
        figures=(
            Figure("every header parsed / panoramisk", "x", all_headers, "higher", 2.0),
            Figure("only needed events / panoramisk", "x", needed, "higher", 6.0),
            Figure("names damaged by us", "names", damaged, "lower", 0.0),
            Figure("names damaged by panoramisk", "names", theirs_damaged),
            Figure("panoramisk", "ev/CPU-s", rate("theirs"), "higher"),
            Figure("ours, every header", "ev/CPU-s", rate("ours"), "higher"),
            Figure("ours, needed events", "ev/CPU-s", rate("needed"), "higher"),
        ),
        notes=(f"{truth:,} names in UTF-8 stood in the corpus",),
        seconds=seconds,
    )
