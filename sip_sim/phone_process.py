"""A phone with ears and a mouth: pjsua2 in a process of its own, driven by lines of JSON.

pjsua2 is GPL and wants the main thread, so it never enters our processes: ``sip_sim.phone`` starts
this file with the interpreter for which pjsua2 was built, writes one command a line and reads
events. Without sound card: the null device is the clock, files are microphone and
loudspeaker. No import from this project, so that it can run anywhere.

Commands: ``{"id", "do": "register"|"call"|"answer"|"hang_up"|"play"|"digits"|"hold"|"retrieve"|"transfer"|"quit", …}``.
Each gets ``{"id", "ok": true|false, "error"}``. Events: ``{"event": "registered"|"incoming"|"state"|"media", …}``.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any

import pjsua2 as pj  # built apart, see tools/build_pjsua2

_CALL_GONE = 6  # PJSIP_INV_STATE_DISCONNECTED


def tell(**message: Any) -> None:
    """Write one line to whoever drives us."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class Phone(pj.Account):  # type: ignore[misc]
    """One registered line."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[int, Conversation] = {}
        self.auto_answer = False
        self.play: str | None = None
        self.record: str | None = None

    def onRegState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """Registered, or not."""
        tell(event="registered", status=prm.code)

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """Somebody calls."""
        call = Conversation(self, prm.callId)
        self.calls[prm.callId] = call
        answer = pj.CallOpParam()
        answer.statusCode = 200 if self.auto_answer else 180
        tell(event="incoming", call=prm.callId, caller=call.getInfo().remoteUri)
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
        tell(event="state", call=info.id, state=info.stateText, status=info.lastStatusCode)
        if info.state == _CALL_GONE:
            # The recorder closes its file when it is deleted.
            self.player = self.recorder = None
            self.phone.calls.pop(info.id, None)
            tell(event="ended", call=info.id)

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name and signature
        """Sound flows: join the files to it."""
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and self.getMedia(index):
                sound = pj.AudioMedia.typecastFromMedia(self.getMedia(index))
                active = media.status == pj.PJSUA_CALL_MEDIA_ACTIVE
                if self.phone.play and self.player is None:
                    self.player = pj.AudioMediaPlayer()
                    self.player.createPlayer(self.phone.play)
                if self.phone.record and self.recorder is None:
                    self.recorder = pj.AudioMediaRecorder()
                    self.recorder.createRecorder(self.phone.record)
                if active and self.player is not None:
                    self.player.startTransmit(sound)
                if active and self.recorder is not None:
                    sound.startTransmit(self.recorder)
                tell(event="media", call=info.id, active=active)


class Desk:
    """Carries out the commands."""

    def __init__(self, endpoint: Any) -> None:
        self.endpoint = endpoint
        self.phone = Phone()
        self.is_running = True

    def register(self, server: str, user: str, password: str, **_: Any) -> None:
        """Register a line."""
        config = pj.AccountConfig()
        config.idUri = f"sip:{user}@{server}"
        config.regConfig.registrarUri = f"sip:{server}"
        config.regConfig.timeoutSec = 300
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
        config.natConfig.contactRewriteUse = 0
        self.phone.create(config)

    def files(self, play: str | None = None, record: str | None = None, **_: Any) -> None:
        """Which file is the mouth (looped) and which the ear, from the next call on."""
        self.phone.play, self.phone.record = play, record

    def answering(self, automatic: bool, **_: Any) -> None:
        """Answer by itself or ring."""
        self.phone.auto_answer = automatic

    def call(self, uri: str, **_: Any) -> int:
        """Dial."""
        conversation = Conversation(self.phone)
        conversation.makeCall(uri, pj.CallOpParam(True))
        number: int = conversation.getInfo().id
        self.phone.calls[number] = conversation
        return number

    def _of(self, call: int | None) -> Conversation:
        if call is None:
            return next(iter(self.phone.calls.values()))
        return self.phone.calls[call]

    def answer(self, call: int | None = None, status: int = 200, **_: Any) -> None:
        """Take the call, or refuse it with a status."""
        parameter = pj.CallOpParam()
        parameter.statusCode = status
        self._of(call).answer(parameter)

    def hang_up(self, call: int | None = None, **_: Any) -> None:
        """End it."""
        self._of(call).hangup(pj.CallOpParam())

    def digits(self, digits: str, call: int | None = None, **_: Any) -> None:
        """Press keys (RFC 4733)."""
        self._of(call).dialDtmf(digits)

    def hold(self, call: int | None = None, **_: Any) -> None:
        """The phone's own hold key."""
        self._of(call).setHold(pj.CallOpParam())

    def retrieve(self, call: int | None = None, **_: Any) -> None:
        """The phone's own retrieve key."""
        parameter = pj.CallOpParam(True)
        parameter.opt.flag = pj.PJSUA_CALL_UNHOLD
        self._of(call).reinvite(parameter)

    def transfer(self, uri: str, call: int | None = None, **_: Any) -> None:
        """Blind transfer by REFER."""
        self._of(call).xfer(uri, pj.CallOpParam())

    def quit(self, **_: Any) -> None:
        """Hang up everything and go."""
        self.is_running = False

    def take(self, line: str) -> None:
        """Carry out one line."""
        command = json.loads(line)
        verb = getattr(self, command.pop("do"))
        number = command.pop("id")
        try:
            tell(id=number, ok=True, value=verb(**command))
        except pj.Error as error:
            tell(id=number, ok=False, error=error.info())
        except (KeyError, StopIteration):
            tell(id=number, ok=False, error="no such call")


def main() -> None:
    """Run until ``quit`` or the end of the input."""
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
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    desk = Desk(endpoint)
    tell(event="ready")
    pending = b""
    while desk.is_running:
        endpoint.libHandleEvents(10)
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
    desk.phone.calls.clear()
    desk.phone.shutdown()
    endpoint.libDestroy()


if __name__ == "__main__":
    main()
