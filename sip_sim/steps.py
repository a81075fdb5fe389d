"""The step vocabulary of a simulated party, and its rendering as a SIPp scenario. Pure.

A party is a list of steps in the order in which a person would do them: ``Invite``, ``Speak``, ``SendDigits``,
``Wait``, ``WaitForHangup``, ``HangUp`` on the calling side; ``Ring``, ``Answer``, ``Decline`` on the called side. The steps
know SIP only as far as a phone's user does; the XML below knows the rest (RFC 3261, RFC 4028 is not offered).

Digits go as SIP INFO (``application/dtmf-relay``), since SIPp's RFC 4733 digits need root. A stream must have been
started before the first of them: Asterisk otherwise mutes the call for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from xml.sax.saxutils import quoteattr

USER_AGENT = "ringdesk-sim"
_DIGIT_GAP_MS = 250


@dataclass(frozen=True, slots=True)
class Register:
    """Register a phone (digest); fields: see ``registration``."""

    expires: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Invite:
    """Call a number and wait until it is answered; field 0: calling number, field 1: name."""

    number: str
    answer_timeout: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Speak:
    """Play a raw µ-law file in a loop from here on; returns at once."""

    file: str


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Press keys, one SIP INFO each."""

    digits: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for a while; with ``most`` for a time drawn evenly from ``time`` to ``most``."""

    time: timedelta
    most: timedelta | None = None


@dataclass(frozen=True, slots=True)
class WaitForHangup:
    """Wait until the other side hangs up; after ``patience`` hang up oneself."""

    patience: timedelta


@dataclass(frozen=True, slots=True)
class WaitForWord:
    """Wait until the other side hangs up; hang up oneself on a word of the simulator (``Party.tell``), or at ``limit``.

    The line tells a caller nothing of who is at its other end, so that somebody else must know when he has had enough.
    """

    limit: timedelta


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call (BYE)."""


@dataclass(frozen=True, slots=True)
class Ring:
    """As the called side: take an INVITE, say 180, let it ring for ``time``."""

    time: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Answer:
    """As the called side: 200 with our address for sound."""


@dataclass(frozen=True, slots=True)
class Decline:
    """As the called side: refuse with a SIP status such as 486."""

    status: int = 486
    reason: str = "Busy Here"


@dataclass(frozen=True, slots=True)
class LetRing:
    """As the called side: never answer; the caller's side cancels."""


Step = (
    Register
    | Invite
    | Speak
    | SendDigits
    | Wait
    | WaitForHangup
    | WaitForWord
    | HangUp
    | Ring
    | Answer
    | Decline
    | LetRing
)

# One port for all calls: SIPp's automatic one grows by four with each call and passes 65535 in a long run. Who speaks
# sends from a port of his own, and that is where Asterisk sends (rtp_symmetric).
_SDP = """v=0
o=sim 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 96
a=rtpmap:0 PCMU/8000
a=rtpmap:96 telephone-event/8000
a=fmtp:96 0-15
a=ptime:20"""


def render(name: str, steps: Sequence[Step]) -> str:
    """Write a party's steps as a SIPp scenario (XML)."""
    body = _Scenario()
    for step in steps:
        body.add(step)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
        f"<scenario name={quoteattr(name)}>\n" + "\n".join(body.finish()) + "\n</scenario>\n"
    )


def registration(user: str, secret: str, contact_port: int) -> tuple[str, str, str]:
    """The fields for ``Register``: SIPp takes the digest's credentials as a keyword in a field."""
    return user, f"[authentication username={user} password={secret}]", str(contact_port)


class _Scenario:
    """Collects XML; knows whether we called or were called, for the dialog's headers."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._is_called = False
        self._cseq = 1
        self._labels = 0

    def finish(self) -> list[str]:
        """The XML elements, with the label at which every party may end early."""
        return [*self._parts, '<label id="end"/>', '<pause milliseconds="1"/>']

    def add(self, step: Step) -> None:
        """Render one step."""
        match step:
            case Register():
                self._register(step)
            case Invite():
                self._invite(step)
            case Speak():
                self._nop(f'rtp_stream="{step.file},-1,0"')
            case SendDigits():
                for digit in step.digits:
                    self._info(digit)
            case Wait():
                self._pause(step.time, step.most)
            case WaitForHangup():
                self._wait_for_hangup(step.patience)
            case WaitForWord():
                self._wait_for_hangup(step.limit, hears_words=True)
            case HangUp():
                self._bye()
            case Ring():
                self._ring(step)
            case Answer():
                self._respond(200, "OK", _SDP, 'retrans="500"')
                self._recv_request("ACK")
            case Decline():
                self._respond(step.status, step.reason)
                self._recv_request("ACK")
            case LetRing():
                self._recv_request("CANCEL", timeout=timedelta(minutes=5))
                self._cancelled()

    # ---- pieces ----

    def _send(self, message: str, attributes: str = "") -> None:
        self._parts.append(f"<send {attributes}><![CDATA[\n\n{message}\n\n]]></send>")

    def _nop(self, action: str) -> None:
        self._parts.append(f"<nop><action><exec {action}/></action></nop>")

    def _pause(self, time: timedelta, most: timedelta | None = None) -> None:
        if most is None:
            self._parts.append(f'<pause milliseconds="{_ms(time)}"/>')
        else:
            drawn = f'distribution="uniform" min="{_ms(time)}" max="{_ms(most)}"'
            self._parts.append(f"<pause {drawn}/>")

    def _recv_request(self, method: str, timeout: timedelta = timedelta(seconds=5)) -> None:
        self._parts.append(f'<recv request="{method}" timeout="{_ms(timeout)}"/>')

    def _new_label(self) -> str:
        self._labels += 1
        return f"label{self._labels}"

    # ---- the calling side ----

    def _register(self, step: Register) -> None:
        head = (
            "REGISTER sip:[remote_ip]:[remote_port] SIP/2.0\n"
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
            "From: <sip:[field0]@[remote_ip]>;tag=[pid]SIM[call_number]\n"
            "To: <sip:[field0]@[remote_ip]>\n"
            "Call-ID: [call_id]\nCSeq: {cseq} REGISTER\n"
            "Contact: <sip:[field0]@[local_ip]:[field2]>\nMax-Forwards: 70\n"
            f"Expires: {_ms(step.expires) // 1000}\nUser-Agent: {USER_AGENT}\n"
        )
        self._send(head.format(cseq=1) + "Content-Length: 0", 'retrans="500"')
        self._parts.append('<recv response="401" auth="true"/>')
        self._send(head.format(cseq=2) + "[field1]\nContent-Length: 0", 'retrans="500"')
        self._parts.append('<recv response="200"/>')

    def _invite(self, step: Invite) -> None:
        number = step.number
        self._send(
            f"INVITE sip:{number}@[remote_ip]:[remote_port] SIP/2.0\n"
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
            f"{_CALLING}\nTo: <sip:{number}@[remote_ip]:[remote_port]>\n"
            "Call-ID: [call_id]\nCSeq: 1 INVITE\n"
            "Contact: <sip:sim@[local_ip]:[local_port]>\nMax-Forwards: 70\n"
            f"User-Agent: {USER_AGENT}\nContent-Type: application/sdp\n"
            f"Content-Length: [len]\n\n{_SDP}",
            'retrans="500"',
        )
        for status in (100, 180, 183):
            self._parts.append(f'<recv response="{status}" optional="true"/>')
        timeout = _ms(step.answer_timeout)
        # Kept for every later request: the last message may be one of the simulator's own (``word``).
        self._parts.append(
            f'<recv response="200" rrs="true" rtd="true" timeout="{timeout}"><action>'
            '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="peer"/></action></recv>'
            '<Reference variables="peer"/>'
        )
        self._send(f"ACK [next_url] SIP/2.0\n{self._dialog('ACK', 1)}Content-Length: 0")

    # ---- the called side ----

    def _ring(self, step: Ring) -> None:
        self._is_called = True
        kept = "".join(
            f'<ereg regexp=".*" search_in="hdr" header="{header}:" assign_to="{name}"/>'
            for header, name in (("From", "from"), ("To", "to"), ("CSeq", "cseq"))
        )
        # The keyword Reference keeps SIPp from refusing variables that this party doesn't use.
        self._parts.append(
            f'<recv request="INVITE" rrs="true"><action>{kept}</action></recv>'
            '<Reference variables="from,to,cseq"/>'
        )
        self._respond(180, "Ringing")
        if step.time:
            answer = self._new_label()
            self._parts.append(
                f'<recv request="CANCEL" timeout="{_ms(step.time)}" ontimeout="{answer}"/>'
            )
            self._cancelled()
            self._parts.append(f'<label id="{answer}"/>')

    def _cancelled(self) -> None:
        """CANCEL was received: confirm it and end the INVITE (RFC 3261, 9.2), then leave."""
        self._send(_RESPONSE.format(status="200 OK", to="[last_To:]", cseq="[last_CSeq:]"))
        self._send(_RESPONSE.format(status="487 Request Terminated", to=_TO, cseq="CSeq:[$cseq]"))
        self._parts.append('<recv request="ACK" timeout="5000" next="end"/>')

    def _respond(self, status: int, reason: str, sdp: str = "", attributes: str = "") -> None:
        head = _RESPONSE.format(status=f"{status} {reason}", to=_TO, cseq="CSeq:[$cseq]")
        if sdp:
            head = head.replace(
                "Content-Length: 0",
                f"Content-Type: application/sdp\nContent-Length: [len]\n\n{sdp}",
            )
        self._send(head, attributes)

    # ---- inside the dialog, from either side ----

    def _dialog(self, method: str, cseq: int) -> str:
        ends = (
            f"{_TO.replace('To:', 'From:', 1)}\nTo:[$from]"
            if self._is_called
            else f"{_CALLING}\nTo:[$peer]"
        )
        return (
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
            f"[routes]\n{ends}\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n"
            "Contact: <sip:sim@[local_ip]:[local_port]>\nMax-Forwards: 70\n"
            f"User-Agent: {USER_AGENT}\n"
        )

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _info(self, digit: str) -> None:
        self._send(
            f"INFO [next_url] SIP/2.0\n{self._dialog('INFO', self._next_cseq())}"
            "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\n"
            f"Signal={digit}\nDuration=100",
            'retrans="500"',
        )
        self._parts.append('<recv response="200"/>')
        self._parts.append(f'<pause milliseconds="{_DIGIT_GAP_MS}"/>')

    def _bye(self) -> None:
        request = f"BYE [next_url] SIP/2.0\n{self._dialog('BYE', self._next_cseq())}"
        self._send(request + "Content-Length: 0", 'retrans="500"')
        # 481, or the other side's own BYE: both hung up in the same moment, an end like any other.
        self._parts.append('<recv request="MESSAGE" optional="true"/>')  # told as he hung up
        self._parts.append('<recv response="481" optional="true" next="end"/>')
        self._parts.append('<recv request="BYE" optional="true" next="end"/>')
        self._parts.append('<recv response="200"/>')

    def _wait_for_hangup(self, limit: timedelta, *, hears_words: bool = False) -> None:
        impatient = self._new_label()
        timeout = f'timeout="{_ms(limit)}" ontimeout="{impatient}"'
        if hears_words:
            self._parts.append(
                f'<recv request="MESSAGE" optional="true" next="{impatient}" {timeout}/>'
            )
        self._parts.append(f'<recv request="BYE" {timeout}/>')
        answer = _RESPONSE.format(status="200 OK", to="[last_To:]", cseq="[last_CSeq:]")
        self._send(answer, 'next="end"')
        self._parts.append(f'<label id="{impatient}"/>')
        self._bye()


def word(call: int, process: int, host: str) -> bytes:
    """What tells the call of that number (from 1) of a SIPp process to hang up: see ``WaitForWord``.

    SIPp finds a call by its Call-ID alone, which it makes of these three.
    """
    here = f"<sip:{USER_AGENT}@{host}>"
    lines = (
        f"MESSAGE sip:sim@{host} SIP/2.0", f"Via: SIP/2.0/UDP {host}:9;branch=z9hG4bK-word-{call}",
        f"From: {here};tag=word", f"To: {here}", f"Call-ID: {call}-{process}@{host}",
        "CSeq: 1 MESSAGE", "Max-Forwards: 1", "Content-Length: 0", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


_CALLING = 'From: "[field1]" <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]SIM[call_number]'
_TO = "To:[$to];tag=[pid]SIM[call_number]"
_RESPONSE = (
    "SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n{to}\n[last_Call-ID:]\n{cseq}\n"
    "Contact: <sip:sim@[local_ip]:[local_port]>\n"
    f"User-Agent: {USER_AGENT}\nContent-Length: 0"
)


def _ms(time: timedelta) -> int:
    return int(time.total_seconds() * 1000)
