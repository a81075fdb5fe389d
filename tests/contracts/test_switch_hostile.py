"""Hostile values in every field that reaches AMI or AGI: nothing but our own actions gets onto the wire.

The same corpus goes through panoramisk and pyst2, which let it through; the figures are printed (``-rP``).
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import panoramisk.ami_protocol
import pytest
from asterisk.agi import AGI

from cti.asterisk.session import AgiSession
from cti.domain import events as ev
from cti.domain.errors import LocalProtocolError, RingdeskError
from cti.domain.ids import CallId, Endpoint, QueueName
from cti.domain.targets import Target
from cti.ports import QueueMirror
from cti.wire.agi import AgiEnvironment, AgiReply, encode_command
from tests.contracts.switch_rig import FakeRig, running
from tests.fakes.asterisk_agi import split_arguments

pytestmark = pytest.mark.contract

TOKENS = (
    "\r\n", "\n", "\r", "\0", "\r\n\r\n", "\r\n\r\nAction: Command\r\nCommand: core stop now\r\n\r\n",
    "\nHANGUP\n", '"\nEXEC System "touch /tmp/x"\n', "\r\nVariable: A=B", "\n\n", "\v", "\f",
    "\x1c", "\x85", "\u2028", "\u2029", ":", ": ", ",", '"', "\\", '\\"', "${SHELL(id)}", "`id`",
    "\ud800", "\udcff", "\x7f", "\x1b[2J", "🙂", "\u202e", "../../", "x" * 65_536, "é" * 40_000,
)  # fmt: skip
CARRIERS = ("", "1001", "sales", "pbx1-1795303765.1-77", "王小明", "PJSIP/1001-00000001", "a b")
CORPUS = sorted(
    {
        value
        for token in TOKENS
        for carrier in CARRIERS
        for value in (token + carrier, carrier + token, carrier[:2] + token + carrier[2:])
    }
)
BOB = Target("agent", "1002")
FORBIDDEN = ("\r", "\n", "\0")


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    rig = FakeRig()
    rig.pbx.variables["RD_STALE"] = "100000"
    try:
        async with running(rig):
            yield rig
    finally:
        await rig.pbx.close()


async def test_every_field_that_reaches_the_ami(rig: FakeRig) -> None:
    rig.pbx.call("4000")
    enqueued = await rig.event(ev.CallEnqueued)
    call_id, control, link = enqueued.call_id, rig.switch.control, rig.switch.link
    nothing = timedelta(0)
    fields: dict[str, tuple[str, Callable[[str], Awaitable[Any]]]] = {
        "offer call": ("", lambda v: control.offer(CallId(v), Endpoint("1001"), nothing)),
        "offer endpoint": ("", lambda v: control.offer(call_id, Endpoint(v), nothing)),
        "rejoin endpoint": ("", lambda v: control.rejoin(call_id, Endpoint(v))),
        "withdraw": ("", lambda v: control.withdraw_offer(CallId(v))),
        "requeue": ("", lambda v: control.requeue(CallId(v))),
        "announce": ("", lambda v: control.announce(CallId(v))),
        "hang up": ("", lambda v: control.hang_up(CallId(v))),
        "hold": ("", lambda v: control.hold(CallId(v))),
        "retrieve": ("", lambda v: control.retrieve(CallId(v))),
        "mute": ("", lambda v: control.mute(CallId(v), is_muted=True)),
        "pause": ("", lambda v: control.pause_recording(CallId(v), is_paused=True)),
        "take back": ("", lambda v: control.take_back(CallId(v))),
        "mirror phone": (
            "",
            lambda v: control.mirror(QueueMirror(Endpoint(v), (), False, nothing)),
        ),
        "mirror queue": (
            "queueadd",
            lambda v: control.mirror(
                QueueMirror(Endpoint("1001"), (QueueName(v),), False, nothing)
            ),
        ),
        "transfer sender": ("", lambda v: control.transfer(call_id, BOB, Endpoint(v))),
        "transfer agent": ("", lambda v: control.transfer(call_id, Target("agent", v))),
        "transfer queue": ("", lambda v: control.transfer(call_id, Target("queue", v))),
        "transfer menu": ("", lambda v: control.transfer(call_id, Target("menu", v))),
        "transfer outside": ("", lambda v: control.transfer(call_id, Target("outside", v))),
        "park": ("", lambda v: control.park(call_id, v)),
        "fetch": ("", lambda v: control.fetch(call_id, Endpoint(v))),
        "dial phone": ("", lambda v: control.originate(Endpoint(v), BOB, "c")),
        "dial command": ("originate", lambda v: control.originate(Endpoint("1001"), BOB, v)),
        "digits": ("", lambda v: control.send_digits(call_id, Endpoint("1001"), v)),
        "action": ("*", lambda v: link.action(v, {})),
        "header": ("setvar", lambda v: link.action("Setvar", {v: "x"})),
        "value": ("setvar", lambda v: link.action("Setvar", {"Variable": "A", "Value": v})),
        "variable": ("originate", lambda v: link.action("Originate", {}, variables={"A": v})),
    }
    cases = extra = 0
    for wanted, command in fields.values():
        for value in CORPUS:
            before = len(rig.pbx.actions)
            with suppress(RingdeskError):
                await command(value)
            cases += 1
            sent = [name for name, _ in rig.pbx.actions[before:]]
            if wanted == "*":  # any one, since its name is the value
                extra += max(0, len(sent) - 1)
                continue
            # A queue's name may be well-formed by chance; then it is added and paused.
            extra += sum(name not in (wanted, "ping", "queuepause", "queueremove") for name in sent)
            extra += max(0, len(sent) - 3)
    print(f"AMI: {cases} cases, {extra} extra actions")  # noqa: T201 - a figure to be read
    assert cases >= 10_000
    assert extra == 0


async def test_every_argument_that_reaches_the_agi() -> None:
    wire: list[bytes] = []

    async def exchange(command: str, arguments: tuple[str, ...], _: timedelta) -> AgiReply:
        wire.append(encode_command(command, *arguments))
        return AgiReply(200, "0")

    session = AgiSession(AgiEnvironment({}), exchange)
    brief = timedelta(seconds=1)
    fields: list[Callable[[str], Awaitable[Any]]] = [
        lambda v: session.stream_file(v),
        lambda v: session.stream_file("beep", v),
        lambda v: session.get_data(v, wait_time=brief, max_digits=1),
        lambda v: session.say_digits(v),
        lambda v: session.say_number(1, v),
        lambda v: session.set_variable(v, "x"),
        lambda v: session.set_variable("RD_X", v),
        lambda v: session.get_variable(v),
        lambda v: session.execute(v, "x"),
        lambda v: session.execute("NoOp", v),
    ]
    refused = 0
    for command in fields:
        for value in CORPUS:
            wire.clear()
            try:
                await command(value)
            except LocalProtocolError:
                refused += 1
                assert not any(value in line.decode() for line in wire if len(value) > 30)
            for line in wire:
                assert line.count(b"\n") == 1
                assert not set(line[:-1]) & set(b"\r\0")
                assert len(line) <= 2000
                words = split_arguments(line.decode()[:-1])
                assert words[0] in {"STREAM", "GET", "SAY", "SET", "EXEC"}
                assert len(words) <= 6
    assert refused > 1000


async def test_hostile_names_from_asterisk_change_nothing_but_the_name(rig: FakeRig) -> None:
    for number, value in enumerate(v for v in CORPUS if not set(v) & set(FORBIDDEN)):
        if len(value.encode("utf-8", "surrogateescape" if "\udcff" in value else "replace")) > 900:
            continue  # SIP's own limit is far below
        if "\ud800" in value:
            continue  # no bytes on any wire are this
        start = len(rig.bus.seen)
        caller = rig.pbx.call("4000", ani=value[:40], name=value)
        offered = await rig.event(ev.CallOffered, after=start)
        shown = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        assert offered.ani_name == shown, number
        assert rig.bus.names(start)[0] == "CallOffered"
        caller.hang_up()
        await rig.event(ev.CallEnded, after=start)


class _Wire:
    """A transport, socket or file that remembers."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes | str) -> None:
        self.data += data.encode("utf-8", "replace") if isinstance(data, str) else data

    def flush(self) -> None:
        pass


async def test_panoramisk_and_pyst2_let_the_same_corpus_through() -> None:
    values = [v for v in CORPUS if "\ud800" not in v and "\udcff" not in v]
    bad_actions = bad_lines = 0
    for value in values:
        wire = _Wire()
        protocol = panoramisk.ami_protocol.AMIProtocol()
        protocol.connection_made(wire)
        protocol.encoding = "utf8"
        future = protocol.send({"Action": "Setvar", "Variable": "A", "Value": value})
        blocks = [b for b in wire.data.split(b"\r\n\r\n") if b.strip()]
        headers = wire.data.count(b"\r\n")
        bad_actions += len(blocks) > 1 or headers > 5
        future.cancel()
        agi = AGI.__new__(AGI)
        line = _Wire()
        agi.stdin = io.StringIO("200 result=1\n" * 3)
        agi.stdout, agi.stderr, agi._got_sighup = line, io.StringIO(), False
        with suppress(Exception):  # what it raises doesn't matter: what it wrote does
            agi.set_variable("RD_X", value)
        bad_lines += line.data.count(b"\n") != 1
    print(  # noqa: T201 - figures to be read
        f"{len(values)} values: panoramisk sends {bad_actions} broken actions, "
        f"pyst2 {bad_lines} broken AGI commands, ringdesk 0 and 0"
    )
    assert bad_actions > 50
    assert bad_lines > 50
