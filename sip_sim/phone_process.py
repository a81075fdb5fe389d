"""A phone with ears and a mouth: pjsua2 in a process of its own, driven by lines of JSON.

pjsua2 is GPL and wants the main thread, so it never enters our processes: ``sip_sim.phone`` starts
this file with the interpreter for which pjsua2 was built, writes one command a line and reads
events. No sound card: the null device is the clock, files are microphone and loudspeaker.
No import from this project, so that it can run anywhere.

Commands: ``{"id", "do": <a public method of Desk>, …its arguments}``; each gets ``{"id", "ok", "value"|"error"}``.
Events: ``{"event": "ready"|"registered"|"incoming"|"state"|"media"|"heard"|"transfer"|"ended", …}``.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import pjsua2 as pj  # built apart, see tools/build_pjsua2

_CALL_GONE = 6  # PJSIP_INV_STATE_DISCONNECTED
_ANSWER_NOW = ";answer-after=0"
"""In a Call-Info header, by which most makes of phones answer at once."""
_WAV_SIZE_AT = 40  # where a WAV file's header says how long the samples are


class Phone(pj.Account):  # type: ignore[misc]
    """One line: registered as an extension, or a caller from outside."""

    def __init__(self, tell: Callable[..., None]) -> None:
        super().__init__()
        self.tell = tell
        self.calls: dict[int, Conversation] = {}
        self.answer_with = 180
        self.obeys = False
        self.forward_to = ""
        self.mouth: str | None = None

    def onRegState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """Registered, or not."""
        self.tell(event="registered", status=prm.code)

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """Somebody calls."""
        call = Conversation(self, prm.callId)
        self.calls[prm.callId] = call
        self.tell(event="incoming", call=prm.callId, caller=call.getInfo().remoteUri)
        answer = pj.CallOpParam()
        answer.statusCode = self.answer_with
        if self.obeys and _ANSWER_NOW in prm.rdata.wholeMsg:
            answer.statusCode = 200
        if self.forward_to:
            contact = pj.SipHeader()
            contact.hName, contact.hValue = "Contact", f"<{self.forward_to}>"
            answer.txOption.headers.append(contact)
        call.answer(answer)


class Conversation(pj.Call):  # type: ignore[misc]
    """One call of the phone: plays its file to the other side, records what it hears."""

    def __init__(self, phone: Phone, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone, call_id)
        self.phone = phone
        self.player: Any = None
        self.recorder: Any = None

    def onCallState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name and signature
        """Ringing, connected, gone."""
        info = self.getInfo()
        self.phone.tell(
            event="state", call=info.id, state=info.stateText, status=info.lastStatusCode
        )
        if info.state == _CALL_GONE:
            self.player = self.recorder = None  # a recorder closes its file when it is deleted
            self.phone.calls.pop(info.id, None)
            self.phone.tell(event="ended", call=info.id, status=info.lastStatusCode)

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name and signature
        """Sound flows, or flows anew: join the files to it."""
        if self.phone.mouth and self.player is None:
            self.player = pj.AudioMediaPlayer()
            self.player.createPlayer(self.phone.mouth)
        for sound in self.sounds():
            if self.player is not None:
                self.player.startTransmit(sound)
            if self.recorder is not None:
                sound.startTransmit(self.recorder)
        info = self.getInfo()
        active = any(media.status == pj.PJSUA_CALL_MEDIA_ACTIVE for media in info.media)
        codec = self.getStreamInfo(0).codecName if active else ""
        self.phone.tell(event="media", call=info.id, active=active, codec=codec)

    def onCallTransferStatus(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """What became of a transfer that this phone asked for; a phone that succeeded hangs up."""
        self.phone.tell(event="transfer", status=prm.statusCode, final=bool(prm.finalNotify))
        if prm.finalNotify and prm.statusCode // 100 == 2:
            self.hangup(pj.CallOpParam())

    def onDtmfDigit(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name and signature
        """The other side pressed a key."""
        self.phone.tell(event="digit", call=self.getInfo().id, digit=prm.digit)

    def sounds(self) -> list[Any]:
        """The other side's voice, as often as there are streams: once, or not at all."""
        info = self.getInfo()  # kept: its list of media dies with it
        return [
            pj.AudioMedia.typecastFromMedia(self.getMedia(media.index))
            for media in info.media
            if media.type == pj.PJMEDIA_TYPE_AUDIO and self.getMedia(media.index)
        ]

    def record(self, path: str) -> None:
        """Write what is heard from now on to a WAV file."""
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(path)
        for sound in self.sounds():
            sound.startTransmit(self.recorder)


class Desk:
    """Carries out the commands: every public method but ``take`` and ``look``."""

    def __init__(self, endpoint: Any, tell: Callable[..., None]) -> None:
        self._endpoint = endpoint
        self._tell = tell
        self._phone = Phone(tell)
        self._ears: list[tuple[float, str, Conversation]] = []
        self._closing: list[str] = []
        self.is_running = True

    # ---- commands ------------------------------------------------------------------------------

    def register(self, server: str, user: str, password: str) -> None:
        """Register a line; ``registered`` tells with which status."""
        config = pj.AccountConfig()
        config.idUri = f"sip:{user}@{server}"
        config.regConfig.registrarUri = f"sip:{server}"
        config.regConfig.timeoutSec = 300
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
        config.natConfig.contactRewriteUse = 0
        self._phone.create(config)

    def outside(self, server: str, number: str, name: str = "") -> None:
        """Be a caller from outside: no registration, just a number."""
        config = pj.AccountConfig()
        config.idUri = f'"{name}" <sip:{number}@{server}>' if name else f"sip:{number}@{server}"
        self._phone.create(config)

    def codecs(self, names: Sequence[str]) -> None:
        """Offer and accept these only, the first one preferred (``G722``, ``opus``, ``PCMA``)."""
        for codec in self._endpoint.codecEnum2():
            rank = next((i for i, n in enumerate(names) if codec.codecId.startswith(f"{n}/")), None)
            self._endpoint.codecSetPriority(codec.codecId, 0 if rank is None else 200 - rank)

    def speak(self, path: str | None = None) -> None:
        """Which WAV file is the mouth, looped, from the next call on."""
        self._phone.mouth = path

    def answering(self, status: int, forward_to: str = "", *, obeys: bool = False) -> None:
        """What an incoming call gets by itself: 180 rings, 200 answers, 486 declines, 302 forwards to a URI.

        ``obeys``: 200 whatever the status, if the call asks for it (Call-Info with answer-after).
        """
        self._phone.answer_with = status
        self._phone.obeys = obeys
        self._phone.forward_to = forward_to

    def call(self, uri: str) -> int:
        """Dial; returns the call's number."""
        conversation = Conversation(self._phone)
        conversation.makeCall(uri, pj.CallOpParam(True))
        number: int = conversation.getInfo().id
        self._phone.calls[number] = conversation
        return number

    def answer(self, call: int | None = None, status: int = 200) -> None:
        """Take the call, or refuse it with a status."""
        parameter = pj.CallOpParam()
        parameter.statusCode = status
        self._of(call).answer(parameter)

    def hang_up(self, call: int | None = None) -> None:
        """End it."""
        self._of(call).hangup(pj.CallOpParam())

    def digits(self, digits: str, call: int | None = None) -> None:
        """Press keys, one after the other without a pause (RFC 4733)."""
        self._of(call).dialDtmf(digits)

    def hold(self, call: int | None = None) -> None:
        """The phone's own hold key."""
        self._of(call).setHold(pj.CallOpParam())

    def retrieve(self, call: int | None = None) -> None:
        """The phone's own retrieve key."""
        parameter = pj.CallOpParam(True)
        parameter.opt.flag = pj.PJSUA_CALL_UNHOLD
        self._of(call).reinvite(parameter)

    def transfer(self, uri: str, call: int | None = None) -> None:
        """Blind transfer by REFER."""
        self._of(call).xfer(uri, pj.CallOpParam())

    def hand_over(self, call: int, to: int) -> None:
        """Attended transfer: join the other sides of two calls by REFER with Replaces."""
        self._of(call).xferReplaces(self._of(to), pj.CallOpParam())

    def mix(self, call: int, to: int) -> None:
        """A conference that the phone makes by itself: the other sides of two calls hear each other through it."""
        for one in self._of(call).sounds():
            for other in self._of(to).sounds():
                one.startTransmit(other)
                other.startTransmit(one)

    def listen(self, path: str, seconds: float, call: int | None = None) -> None:
        """Record what is heard for so long; ``heard`` tells when the file is complete."""
        conversation = self._of(call)
        conversation.record(path)
        self._ears.append((time.monotonic() + seconds, path, conversation))

    def quit(self) -> None:
        """Hang up everything and go."""
        self.is_running = False

    # ---- the loop ------------------------------------------------------------------------------

    def take(self, line: str) -> None:
        """Carry out one line."""
        command = json.loads(line)
        verb, number = command.pop("do"), command.pop("id")
        try:
            self._tell(id=number, ok=True, value=getattr(self, verb)(**command))
        except pj.Error as error:
            self._tell(id=number, ok=False, error=error.info())
        except (AttributeError, KeyError, StopIteration, TypeError) as error:
            self._tell(id=number, ok=False, error=f"{type(error).__name__}: {error}")

    def look(self) -> None:
        """Close the ears whose time is over; tell of files that are complete."""
        now = time.monotonic()
        for due in [ear for ear in self._ears if ear[0] <= now]:
            self._ears.remove(due)
            due[2].recorder = None
            self._closing.append(due[1])
        # The library closes a file in its own time: the header tells when that is done.
        for path in [path for path in self._closing if _is_complete(path)]:
            self._closing.remove(path)
            self._tell(event="heard", path=path)

    def close(self) -> None:
        """Let go of what the library must not find at its end."""
        self._ears.clear()
        self._phone.calls.clear()
        self._phone.shutdown()

    def _of(self, call: int | None) -> Conversation:
        calls = self._phone.calls
        return next(iter(calls.values())) if call is None else calls[call]


def _is_complete(path: str) -> bool:
    with open(path, "rb") as file:  # noqa: PTH123 - this file stands alone
        file.seek(_WAV_SIZE_AT)
        return int.from_bytes(file.read(4), "little") > 0


def _protocol() -> Callable[..., None]:
    """Keep standard output for our lines: the library's own chatter goes nowhere."""
    lines = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)

    def tell(**message: Any) -> None:
        lines.write(json.dumps(message) + "\n")
        lines.flush()

    return tell


def _library(port: int) -> Any:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.userAgent = "ringdesk-sim"
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    transport.port = port
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    return endpoint


def main() -> None:
    """Run until ``quit`` or the end of the input. The argument is the SIP port, 0: any."""
    tell = _protocol()
    endpoint = _library(int(sys.argv[1]))
    desk = Desk(endpoint, tell)
    tell(event="ready")
    pending = b""
    while desk.is_running:
        endpoint.libHandleEvents(10)
        desk.look()
        if select.select([0], [], [], 0)[0]:
            chunk = os.read(0, 65536)
            if not chunk:
                break
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                desk.take(line.decode())
    endpoint.hangupAllCalls()
    for _ in range(20):
        endpoint.libHandleEvents(10)
    desk.close()
    endpoint.libDestroy()


if __name__ == "__main__":
    main()
