"""SIPp as callers and phones for dialplan tests; each process is ended by its own id.

A caller is hung up by a nudge: the test sends SIPp a MESSAGE with the call's Call-ID, at which the
scenario says BYE (SIPp's own signals end no call that waits for a message).
A phone registers first and then answers on the same port, since Asterisk takes the address of the
REGISTER as the phone's.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sip_sim.sipp import free_media_ports
from tests.asterisk.pbx import OUTSIDE_PORT, Pbx, free_port
from tests.until import until

_RING_MS = 1500  # how long a slow phone rings
_HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="test">\n'
_SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio [media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=sendrecv"""
_SAME = "[last_Via:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n[last_CSeq:]\nContact: <sip:[local_ip]:[local_port]>\n"
_FROM = "<sip:{ani}@[local_ip]:[local_port]>;tag=[pid]c[call_number]"


def _send(text: str) -> str:
    return f"<send><![CDATA[\n\n{text}\n\n]]></send>\n"


def _reply(line: str, *, body: bool = False) -> str:
    head = f"SIP/2.0 {line}\n" + _SAME.format(tag=";tag=[pid]s[call_number]")
    if body:
        return _send(f"{head}Content-Type: application/sdp\nContent-Length: [len]\n\n{_SDP}")
    return _send(f"{head}Content-Length: 0")


def _request(
    method: str, *, user: str, ani: str, cseq: int, peer: str = "", body: bool = False
) -> str:
    branch = "" if method == "ACK" else "-1"
    head = (
        f"{method} sip:{user}@[remote_ip]:[remote_port] SIP/2.0\n"
        f"Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch{branch}]\n"
        f"From: {_FROM.format(ani=ani)}\nTo: <sip:{user}@[remote_ip]:[remote_port]>{peer}\n"
        f"Call-ID: [call_id]\nCSeq: {cseq} {method}\nMax-Forwards: 70\n"
        "Contact: <sip:[local_ip]:[local_port]>\n"
    ).replace("branch=[branch-1]", "branch=[branch]")
    if body:
        return f"{head}Content-Type: application/sdp\nContent-Length: [len]\n\n{_SDP}"
    return f"{head}Content-Length: 0"


def _register(name: str, expires: int) -> str:
    first = _request("REGISTER", user=name, ani=name, cseq=1).replace(
        f"sip:{name}@[remote_ip]:[remote_port] SIP", "sip:[remote_ip]:[remote_port] SIP"
    )
    first = first.replace("Max-Forwards", f"Expires: {expires}\nMax-Forwards")
    second = first.replace("CSeq: 1", "CSeq: 2").replace(
        "Max-Forwards", "[authentication]\nMax-Forwards"
    )
    return (
        f'{_HEAD}{_send(first)}<recv response="401" auth="true"/>\n'
        f'{_send(second)}<recv response="200"/>\n</scenario>\n'
    )


def _caller(dnis: str, ani: str, keys: str) -> str:
    def info(key: str, number: int) -> str:
        request = _request("INFO", user=dnis, ani=ani, cseq=number, peer="[peer_tag_param]")
        body = f"Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal={key}\nDuration=100"
        return (
            '<pause milliseconds="300"/>\n'
            + _send(request.replace("Content-Length: 0", body))
            + '<recv response="200"/>\n'
        )

    return (
        f"{_HEAD}{_send(_request('INVITE', user=dnis, ani=ani, cseq=1, body=True))}"
        '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
        '<recv response="183" optional="true"/>\n<recv response="200"/>\n'
        f"{_send(_request('ACK', user=dnis, ani=ani, cseq=1, peer='[peer_tag_param]'))}"
        + "".join(info(key, number) for number, key in enumerate(keys, start=2))
        + '<recv request="MESSAGE" optional="true" next="bye"/>\n<recv request="BYE"/>\n'
        + _send(f"SIP/2.0 200 OK\n{_SAME.format(tag='')}Content-Length: 0")
        + '<nop next="end"/>\n<label id="bye"/>\n'
        + _send(_request("BYE", user=dnis, ani=ani, cseq=90, peer="[peer_tag_param]"))
        + '<recv response="200"/>\n<label id="end"/>\n</scenario>\n'
    )


def _refused(dnis: str, ani: str) -> str:
    return (
        f"{_HEAD}{_send(_request('INVITE', user=dnis, ani=ani, cseq=1, body=True))}"
        '<recv response="100" optional="true"/>\n<recv response="401"/>\n'
        f"{_send(_request('ACK', user=dnis, ani=ani, cseq=1, peer='[peer_tag_param]'))}</scenario>\n"
    )


def _phone(behaviour: str, talk_ms: int) -> str:
    """``answer`` (BYE after ``talk_ms``; 0: waits for BYE), ``slow``, ``busy``, ``full`` (503), ``ring``, ``move`` (302).

    ``told`` takes no call but a NOTIFY.
    """
    if behaviour == "told":
        return f'{_HEAD}<recv request="NOTIFY"/>\n{_reply("200 OK")}</scenario>\n'
    start = f'{_HEAD}<recv request="INVITE"/>\n{_reply("100 Trying")}'
    if behaviour == "busy":
        return f'{start}{_reply("486 Busy Here")}<recv request="ACK"/>\n</scenario>\n'
    if behaviour == "full":
        return f'{start}{_reply("503 Service Unavailable")}<recv request="ACK"/>\n</scenario>\n'
    if behaviour == "move":
        moved = _reply("302 Moved Temporarily").replace(
            "Contact: <sip:[local_ip]:[local_port]>",
            "Contact: <sip:1003@[remote_ip]:[remote_port]>",
        )
        return f'{start}{moved}<recv request="ACK"/>\n</scenario>\n'
    start += _reply("180 Ringing")
    if behaviour == "ring":
        cancelled = _send(
            "SIP/2.0 487 Request Terminated\n"
            + _SAME.format(tag=";tag=[pid]s[call_number]").replace(
                "[last_CSeq:]", "CSeq: [$1] INVITE"
            )
            + "Content-Length: 0"
        )
        start = start.replace(
            '<recv request="INVITE"/>',
            '<recv request="INVITE"><action><ereg regexp="[0-9]+" search_in="hdr" header="CSeq:"'
            ' assign_to="1"/></action></recv>',
        )
        return f'{start}<recv request="CANCEL"/>\n{_reply("200 OK")}{cancelled}<recv request="ACK"/>\n</scenario>\n'
    if behaviour == "slow":
        start += f'<pause milliseconds="{_RING_MS}"/>\n'
    start += f'{_reply("200 OK", body=True)}<recv request="ACK"/>\n'
    if not talk_ms:
        return f'{start}<recv request="BYE"/>\n{_reply("200 OK")}</scenario>\n'
    bye = (
        "BYE [next_url] SIP/2.0\nVia: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n"
        "From: [$me];tag=[pid]s[call_number]\nTo: [$you]\nCall-ID: [call_id]\nCSeq: 9 BYE\n"
        "Max-Forwards: 70\nContent-Length: 0"
    )
    start = start.replace(
        '<recv request="INVITE"/>',
        '<recv request="INVITE" rrs="true"><action>'
        '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="you"/>'
        '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="me"/></action></recv>',
    )
    return f'{start}<pause milliseconds="{talk_ms}"/>\n{_send(bye)}<recv response="200"/>\n</scenario>\n'


class Sipp:
    """One SIPp process."""

    def __init__(
        self, process: asyncio.subprocess.Process, folder: Path, address: tuple[str, int]
    ) -> None:
        self._process = process
        self._folder = folder
        self.address, self.port = address

    async def hang_up(self) -> None:
        """Make this caller send BYE, and wait for his end; does nothing if he is gone already."""
        nudge = (
            "MESSAGE sip:test@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-n\r\n"
            "From: <sip:n@127.0.0.1>;tag=n\r\nTo: <sip:t@127.0.0.1>\r\nCSeq: 1 MESSAGE\r\n"
            f"Call-ID: 1-{self._process.pid}@{self.address}\r\nContent-Length: 0\r\n\r\n"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

            def is_gone() -> bool:
                # Repeated: SIPp drops it while it waits for the answer to something else.
                if self._process.returncode is None:
                    sender.sendto(nudge.encode(), (self.address, self.port))
                return self._process.returncode is not None

            await until(is_gone, 8)

    async def finished(self, within: float = 10.0) -> int:
        """Wait for the end; return the exit status: 0 when all went as the scenario says."""
        async with asyncio.timeout(within):
            return await self._process.wait()

    def messages(self) -> str:
        """Return all SIP messages so far; only where they were asked for."""
        return "".join(path.read_text() for path in self._folder.glob("*messages.log"))

    def complaint(self) -> str:
        """Return what SIPp printed last and its error files."""
        files = [*self._folder.glob("*errors.log"), self._folder / "output"]
        return "\n".join(path.read_text(errors="replace")[:2000] for path in files)


@asynccontextmanager
async def _running(
    pbx: Pbx, scenario: str, port: int, *options: str, source: str = "127.0.0.1"
) -> AsyncIterator[Sipp]:
    with tempfile.TemporaryDirectory(prefix="sipp-") as name:
        folder = Path(name)
        (folder / "scenario.xml").write_text(scenario, encoding="utf-8")
        with (folder / "output").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                "sipp", f"127.0.0.1:{pbx.settings.pbx.sip_port}", "-sf", "scenario.xml",
                "-i", source, "-p", str(port), "-nostdin", "-default_behaviors", "all,-abortunexp", "-trace_err",
                "-mp", str(free_media_ports()), *options,
                cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        try:
            yield Sipp(process, folder, (source, port))
        finally:
            if process.returncode is None:
                process.kill()
            with contextlib.suppress(ProcessLookupError):
                await process.wait()


@asynccontextmanager
async def calling(
    pbx: Pbx,
    dnis: str = "4000",
    *,
    ani: str = "13800138000",
    keys: str = "",
    display: str = "",
) -> AsyncIterator[Sipp]:
    """Run callers who stay until they are hung up or `Sipp.hang_up`; BYE at the end if they still are.

    ``keys`` are sent by SIP INFO, 0.3 s apart, from the answer on; ``display`` is the caller's name.
    """
    port = free_port(socket.SOCK_DGRAM)
    scenario = _caller(dnis, ani, keys)
    if display:
        scenario = scenario.replace("From: <", f'From: "{display}" <')
    async with _running(pbx, scenario, port, "-m", "1") as sipp:
        try:
            yield sipp
        finally:
            await sipp.hang_up()


async def is_refused(
    pbx: Pbx, *, source: str, dnis: str = "4000", ani: str = "13800138000"
) -> bool:
    """Call once from the address ``source``; tell whether the answer was 401."""
    scenario, port = _refused(dnis, ani), free_port(socket.SOCK_DGRAM)
    async with _running(pbx, scenario, port, "-m", "1", source=source) as sipp:
        return await sipp.finished() == 0


@asynccontextmanager
async def phone(
    pbx: Pbx, name: str, behaviour: str = "answer", *, talk_ms: int = 0
) -> AsyncIterator[Sipp]:
    """Register phone ``name`` and let it behave as ``_phone`` says; ``talk_ms``: then BYE."""
    port = free_port(socket.SOCK_DGRAM)
    await _registering(pbx, name, port, 120)
    try:
        async with _running(pbx, _phone(behaviour, talk_ms), port, "-trace_msg") as sipp:
            yield sipp
    finally:
        await _registering(pbx, name, port, 0)


@asynccontextmanager
async def carrier(pbx: Pbx, behaviour: str = "answer", *, talk_ms: int = 0) -> AsyncIterator[Sipp]:
    """The other end of the outbound trunk; behaves like a phone."""
    async with _running(pbx, _phone(behaviour, talk_ms), OUTSIDE_PORT, "-trace_msg") as sipp:
        yield sipp


async def _registering(pbx: Pbx, name: str, port: int, expires: int) -> None:
    secret = ("-au", name, "-ap", pbx.secrets.endpoint(name))
    async with _running(pbx, _register(name, expires), port, "-m", "1", *secret) as sipp:
        assert await sipp.finished() == 0, sipp.complaint()
