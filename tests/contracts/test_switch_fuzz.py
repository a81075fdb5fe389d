"""A seeded fuzzer for the two parsers that read what comes over sockets.

``RINGDESK_FUZZ_SECONDS`` is the budget of each parser (default 20), ``RINGDESK_FUZZ_SEED`` repeats a run.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest

from cti.domain.errors import RemoteProtocolError
from cti.wire.agi import MAX_ENVIRONMENT, AgiDecoder
from cti.wire.ami import MAX_MESSAGE, AmiDecoder, Message

pytestmark = pytest.mark.contract

BUDGET = float(os.environ.get("RINGDESK_FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("RINGDESK_FUZZ_SEED", str(random.SystemRandom().randrange(2**32))))
AMI = (
    "Asterisk Call Manager/11.0.0\r\nResponse: Success\r\nActionID: 1\r\nMessage: ok\r\n\r\n"
    "Event: UserEvent\r\nTimestamp: 1795303765.5\r\nCallerIDName: José 王小明\r\n"
    "ChanVariable: RD_CALL=x\r\nChanVariable: RD_T0=\r\nUserEvent: RdWait\r\nCall: a: b\r\n\r\n"
    "Event: TestEvent\r\n\r\n\r\nEvent: Hangup\r\nCause: 16\r\n\r\n"
).encode()
AGI = (
    "agi_network: yes\nagi_network_script: ivr\nagi_calleridname: José 王\n\n200 result=1 (a (b))\n"
    "200 result=49 endpos=80\n520-Usage\nmore\n520 End\n511 dead\n100 Trying\n200 result=0\nHANGUP\n"
).encode()
SPICES = (
    b"\r\n", b"\n", b"\r", b"\0", b": ", b":", b"Event: ", b"\xff", b"\xe7\x8e", b"520-", b"520 ",
    b"200 ", b"result=", b"(", b")", b"agi_", b"\r\n\r\n", b"x" * 700, b"A: b\r\n" * 200,
)  # fmt: skip


class Decoder(Protocol):
    """What both parsers are."""

    _pending: Any

    def feed(self, data: bytes) -> Sequence[Any]:
        """Take bytes."""


def spoil(stream: bytes, chance: random.Random) -> bytes:
    """Change a valid stream in a few places."""
    data = bytearray(stream * chance.choice((1, 1, 1, 3)))
    for _ in range(chance.randrange(6)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[at:at] = chance.choice(SPICES)
            case 1:
                del data[at : at + chance.randrange(30)]
            case 2:
                data[at:at] = chance.randbytes(chance.randrange(20))
            case _:
                data = data[:at]
                data = data or bytearray(b"\r")
    return bytes(data)


def read(item: Any) -> Any:
    """What an item says; reading it is part of the trial, since headers are parsed late."""
    if isinstance(item, Message):
        return sorted((name, item.get_all(name)) for name in item.headers)
    return repr(item)


def outcome(make: Callable[[], Decoder], data: bytes, cuts: Callable[[], int]) -> tuple[Any, ...]:
    """What a decoder makes of data cut in pieces; checks the bounds after each."""
    decoder, at = make(), 0
    seen: list[Any] = []
    limit = MAX_MESSAGE + MAX_ENVIRONMENT
    try:
        while at < len(data):
            size = cuts()
            seen += map(read, decoder.feed(data[at : at + size]))
            assert len(decoder._pending) <= limit
            at += size
    except RemoteProtocolError:
        return ("refused", *seen)
    return ("read", *seen)


@pytest.mark.timeout(BUDGET * 3 + 60)
@pytest.mark.parametrize(
    ("name", "make", "stream"),
    [("AMI", AmiDecoder, AMI), ("AGI", AgiDecoder, AGI)],
    ids=["ami", "agi"],
)
def test_no_input_breaks_a_parser(name: str, make: Callable[[], Decoder], stream: bytes) -> None:
    for end in range(len(stream) + 1):  # cut off at each byte
        outcome(make, stream[:end], lambda: 7)
    chance = random.Random(SEED)
    runs, slowest, end_at = 0, 0.0, time.monotonic() + BUDGET
    while time.monotonic() < end_at:
        data = spoil(stream, chance)
        began = time.process_time()
        whole = outcome(make, data, lambda: 1 << 20)
        slowest = max(slowest, time.process_time() - began)
        cut = outcome(make, data, lambda: chance.randrange(1, 60))
        # Refused is refused wherever the cuts are; read is read the same.
        assert whole[0] == cut[0], f"seed {SEED}, run {runs}: {data!r}"
        if whole[0] == "read":
            assert whole == cut, f"seed {SEED}, run {runs}: {data!r}"
        runs += 1
    print(f"{name}: {runs} inputs, slowest {slowest * 1000:.1f} ms, seed {SEED}")  # noqa: T201 - read
    assert runs > 100 * BUDGET
    assert slowest < 0.05
