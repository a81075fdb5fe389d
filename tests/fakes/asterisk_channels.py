"""The fake Asterisk's channels, bridges and phones: what they are, and what they tell when they change."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cti.ports import Timer
    from tests.fakes.asterisk import FakeAsterisk

Place = tuple[str, str]
"""Context and exten."""
SHOWN = ("RD_REF",)
"""``channelvars``."""


class FakeBridge:
    """A room; ``technology`` as Asterisk names it."""

    def __init__(self, pbx: FakeAsterisk, technology: str) -> None:
        self._pbx = pbx
        self.bridge_id = pbx.next_bridge_id()
        self.technology = technology
        self.members: list[FakeChannel] = []
        pbx.bridges[self.bridge_id] = self

    def enter(self, channel: FakeChannel) -> None:
        channel.leave_bridge()
        self.members.append(channel)
        channel.bridge = self
        self._pbx.tell("BridgeEnter", [*self._shown(), *channel.shown()])

    def leave(self, channel: FakeChannel) -> None:
        self.members.remove(channel)
        channel.bridge = None
        self._pbx.tell("BridgeLeave", [*self._shown(), *channel.shown()])
        if not self.members:
            self._pbx.bridges.pop(self.bridge_id, None)
        elif self.technology != "holding_bridge" and len(self.members) == 1:
            # Who is left alone leaves too; a leg whose Dial is over has nowhere to go.
            other = self.members[0]
            other.left_alone.set()
            if other.is_adopted and other.task is None:
                other.hang_up(16)

    def _shown(self) -> list[tuple[str, str]]:
        return [
            ("BridgeUniqueid", self.bridge_id),
            ("BridgeTechnology", self.technology),
            ("BridgeNumChannels", str(len(self.members))),
        ]


class FakeChannel:
    """One channel; a caller's runs the dialplan, a dialled one is held by who dialled it."""

    def __init__(
        self,
        pbx: FakeAsterisk,
        resource: str,
        *,
        place: Place,
        number: str = "",
        caller_name: str = "",
        dnis: str = "",
        linkedid: str = "",
        name: str = "",
    ) -> None:
        self.pbx = pbx
        self.resource = resource
        made, self.uniqueid = pbx.next_names(resource)
        self.name = name or made
        self.far: FakeChannel | None = None  # the other half of a Local channel
        self.linkedid = linkedid or self.uniqueid
        self.number, self.caller_name, self.dnis = number, caller_name, dnis
        self.context, self.exten = place
        self.application = ""
        self.language = "en"
        self.state = "Down"
        self.variables: dict[str, str] = {}
        self.bridge: FakeBridge | None = None
        self.left_alone = asyncio.Event()
        self.ended = asyncio.Event()
        self.outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.withdrawn = asyncio.Event()
        self.cause = 16
        self.is_hung_up = False
        self.dialled = ""  # the phone that answered last
        self.is_adopted = False  # a dialled leg whose Dial is over, while it talks on
        self._keys: list[str] = []
        self._key_came = asyncio.Event()
        self._redirected: Place | None = None
        self._step: asyncio.Task[Place | None] | None = None
        self._absolute: Timer | None = None
        self.task: asyncio.Task[None] | None = None
        pbx.channels[self.name] = self

    # ---- what it is ----------------------------------------------------------------------------

    def shown(self, prefix: str = "") -> list[tuple[str, str]]:
        """The snapshot of it that comes with each event."""
        plain = [
            ("Channel", self.name),
            ("ChannelState", {"Down": "0", "Ring": "4", "Ringing": "5", "Up": "6"}[self.state]),
            ("ChannelStateDesc", self.state),
            ("CallerIDNum", self.number or "<unknown>"),
            ("CallerIDName", _as_c(self.caller_name) or "<unknown>"),
            ("ConnectedLineNum", "<unknown>"),
            ("ConnectedLineName", "<unknown>"),
            ("Language", self.language),
            ("AccountCode", ""),
            ("Context", self.context),
            ("Exten", self.exten),
            ("Priority", "1"),
            ("Uniqueid", self.uniqueid),
            ("Linkedid", self.linkedid),
        ]
        variables = [
            (prefix + "ChanVariable", f"{name}={self.variables.get(name, '')}") for name in SHOWN
        ]
        return [*((prefix + name, value) for name, value in plain), *variables]

    def set_variable(self, name: str, value: str) -> None:
        """``Set``, with the functions that the dialplan uses."""
        if name == "TIMEOUT(absolute)":
            self.set_lease(float(value))
        elif name == "CHANNEL(language)":
            self.language = value
        else:
            self.variables[name] = value

    def set_lease(self, seconds: float) -> None:
        """``TIMEOUT(absolute)``: then on to exten ``T``; 0: never."""
        if self._absolute is not None:
            self._absolute.cancel()
            self._absolute = None
        if seconds > 0:
            self._absolute = self.pbx.clock.call_later(
                timedelta(seconds=seconds), lambda: self.redirect((self.context, "T"))
            )

    # ---- keys ----------------------------------------------------------------------------------

    def press(self, keys: str) -> None:
        """The caller presses keys."""
        self._keys += keys
        self._key_came.set()

    async def wait_for_key(self, patience: timedelta, wanted: str) -> str:
        """A key out of ``wanted``; empty when none came in time."""
        end = self.pbx.clock.monotonic() + patience.total_seconds()
        while True:
            while self._keys:
                key = self._keys.pop(0)
                if key in wanted:
                    return key
            left = end - self.pbx.clock.monotonic()
            if left <= 1e-6:
                return ""
            self._key_came.clear()
            timer = self.pbx.clock.call_later(timedelta(seconds=left), self._key_came.set)
            try:
                await self._key_came.wait()
            finally:
                timer.cancel()

    # ---- its way through the dialplan ----------------------------------------------------------

    def start(self) -> None:
        """Run the dialplan from its place on."""
        self.task = asyncio.create_task(self._run(), name=self.name)

    def redirect(self, place: Place) -> None:
        """Break off what it does and go on there."""
        self._redirected = place
        if self.task is None:
            self.start()
        elif self._step is not None:
            self._step.cancel()

    @property
    def is_redirected(self) -> bool:
        """Whether it is on its way to another place (and must not be torn down)."""
        return self._redirected is not None

    def hang_up(self, cause: int = 16) -> None:
        """End it, from wherever it is."""
        if self.is_hung_up:
            return
        self.is_hung_up, self.cause = True, cause
        if self.task is None:
            self.destroy()
        elif self._step is not None:
            self._step.cancel()

    async def _run(self) -> None:
        place: Place | None = (self.context, self.exten)
        if self._redirected is not None:
            place, self._redirected = self._redirected, None
        try:
            while place is not None and not self.is_hung_up:
                self.context, self.exten = place
                self._step = asyncio.create_task(self.pbx.step(self))
                await asyncio.wait([self._step])
                if self._step.cancelled():
                    place, self._redirected = self._redirected, None
                else:
                    place = self._step.result()
        finally:
            if self._step is not None and not self._step.done():
                self._step.cancel()
            self.set_lease(0)
            self.is_hung_up = True
            if self.variables.get("RD_CALL"):
                self.pbx.end_call(self)
            self.destroy()

    def leave_bridge(self) -> None:
        """Leave the bridge, if it is in one."""
        if self.bridge is not None:
            self.bridge.leave(self)

    def destroy(self) -> None:
        """Be gone."""
        if self.ended.is_set():
            return
        self.is_hung_up = True
        self.leave_bridge()
        self.ended.set()
        self.pbx.channels.pop(self.name, None)
        cause = [("Cause", str(self.cause)), ("Cause-txt", "Normal Clearing")]
        self.pbx.tell("Hangup", [*self.shown(), *cause])
        for phone in self.pbx.phones.values():
            phone.forget(self)
        if self.far is not None:
            self.far.hang_up()


class FakePhone:
    """An agent's phone. As made it is registered and rings until somebody does something."""

    def __init__(self, pbx: FakeAsterisk, endpoint: str) -> None:
        self._pbx = pbx
        self.endpoint = endpoint
        self.is_registered = True
        self.is_silent = False  # no reply to SIP at all
        self.answers_after: timedelta | None = None
        self.declines_after: timedelta | None = None
        self.leaves_after: timedelta | None = None  # BYE, so long after it answered
        self.leg: FakeChannel | None = None
        self.state = ""
        self.rings = 0
        self.show("NOT_INUSE")

    def show(self, state: str) -> None:
        """Tell the device state."""
        if state != self.state:
            self.state = state
            headers = [("Device", f"PJSIP/{self.endpoint}"), ("State", state)]
            self._pbx.tell("DeviceStateChange", headers)

    def register(self) -> None:
        self.is_registered = True
        self.show("NOT_INUSE" if self.leg is None else self.state)

    def unregister(self) -> None:
        self.is_registered = False
        self.show("UNAVAILABLE")

    def ring(self, leg: FakeChannel) -> None:
        """An INVITE arrived."""
        self.leg = leg
        self.rings += 1
        if self.answers_after is not None:
            self._pbx.clock.call_later(self.answers_after, lambda: self.answer(leg))
        if self.declines_after is not None:
            self._pbx.clock.call_later(self.declines_after, lambda: self.decline(leg))

    def answer(self, leg: FakeChannel | None = None) -> None:
        """Take the call that rings."""
        leg = leg or self.leg
        if leg is not None and not leg.outcome.done() and not leg.is_hung_up:
            leg.outcome.set_result("ANSWER")
            if self.leaves_after is not None:
                self._pbx.clock.call_later(self.leaves_after, self.hang_up)

    def decline(self, leg: FakeChannel | None = None) -> None:
        """Say 486."""
        leg = leg or self.leg
        if leg is not None and not leg.outcome.done() and not leg.is_hung_up:
            leg.cause = 17
            self._pbx.tell("HangupRequest", [*leg.shown(), ("Cause", "17")])
            leg.outcome.set_result("BUSY")

    def dial(self, exten: str) -> FakeChannel:
        """Somebody lifts the receiver and dials."""
        channel = FakeChannel(
            self._pbx, f"PJSIP/{self.endpoint}", place=("rd-agents", exten), number=self.endpoint
        )
        channel.state = "Ring"
        self.leg = channel
        self.show("INUSE")
        channel.start()
        return channel

    def hang_up(self) -> None:
        """Send BYE."""
        if self.leg is not None:
            self._pbx.tell("HangupRequest", [*self.leg.shown(), ("Cause", "16")])
            self.leg.hang_up(16)

    def lose(self) -> None:
        """Vanish: the registration and the leg go without a word (a closed browser)."""
        self.unregister()
        if self.leg is not None:
            self.leg.hang_up(44)

    def hold(self) -> None:
        """Its own hold key."""
        if self.leg is not None:
            self._pbx.tell("Hold", self.leg.shown())

    def unhold(self) -> None:
        if self.leg is not None:
            self._pbx.tell("Unhold", self.leg.shown())

    def forget(self, leg: FakeChannel) -> None:
        """Its leg is gone."""
        if self.leg is leg:
            self.leg = None
            self.show("NOT_INUSE" if self.is_registered else "UNAVAILABLE")


class FakeCaller:
    """A person on the line: what a test does with him."""

    def __init__(self, channel: FakeChannel) -> None:
        self.channel = channel

    @property
    def is_up(self) -> bool:
        return not self.channel.is_hung_up

    @property
    def call_id(self) -> str:
        return self.channel.variables.get("RD_CALL", "")

    @property
    def state(self) -> str:
        """RD_STATE: where the dialplan has him."""
        return self.channel.variables.get("RD_STATE", "")

    @property
    def talks_with(self) -> str:
        """The phone that he is in a talking bridge with; empty: none."""
        bridge = self.channel.bridge
        if bridge is None or bridge.technology == "holding_bridge":
            return ""
        others = [m.name for m in bridge.members if m is not self.channel]
        return others[0].removeprefix("PJSIP/").rpartition("-")[0] if others else ""

    def press(self, keys: str) -> None:
        self.channel.press(keys)

    def hang_up(self) -> None:
        """Send BYE."""
        if self.is_up:
            pbx = self.channel.pbx
            pbx.tell("HangupRequest", [*self.channel.shown(), ("Cause", "16")])
            self.channel.hang_up(16)


_C_ESCAPES = str.maketrans(
    {
        "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
        "\\": "\\\\", "'": "\\'", '"': '\\"', "?": "\\?",
    }
)  # fmt: skip


def _as_c(name: str) -> str:
    """A caller's name as Asterisk writes it into an event (ast_escape_c)."""
    return name.translate(_C_ESCAPES)
