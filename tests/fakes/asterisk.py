"""A fake Asterisk: the other end of AMI and FastAGI, with callers, phones and the dialplan of docs/dialplan.md.

For tests that want the whole service without a PBX. Time comes from the clock given, so a test owns it.
In memory::

    pbx = FakeAsterisk(clock)
    pbx.agi = fastagi_server.make_connection
    switch = Switch(pbx.address, clock, bus, calls, …, connect=pbx.connect)
    phone = pbx.phone("1001", answers_after=timedelta(seconds=2))
    caller = pbx.call("4000", ani="13800138000")

Over TCP: ``port = await pbx.listen()`` and ``pbx.agi = ("127.0.0.1", port_of_fastagi)``. It is coarse (one dial
at a time, no transfers, no sound), but what it tells, and in which order, is what Asterisk 22 told in the
traces; ``tests/contracts/test_switch.py`` runs one suite against both. ``misbehaviour`` lets its AMI go wrong.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from cti.asterisk.channel_rows import UNSET
from cti.asterisk.link import AmiAddress
from cti.ports import Clock
from tests.fakes import (  # noqa: F401 - they add contexts
    asterisk_house,
    asterisk_menus,
    asterisk_overflow,
    asterisk_transfers,
)
from tests.fakes.asterisk_agi import AgiLine
from tests.fakes.asterisk_ami import AmiDoor, Headers, Misbehaviour
from tests.fakes.asterisk_channels import FakeBridge, FakeCaller, FakeChannel, FakePhone, Place
from tests.fakes.asterisk_dialplan import CONTEXTS, user_event
from tests.fakes.memory_transport import as_protocol, join

SECRET = "fake-secret"


@dataclass
class FakeQueue:
    """A fallback queue: members with their pause, callers with their time."""

    members: dict[str, bool] = field(default_factory=dict)
    callers: dict[FakeChannel, int] = field(default_factory=dict)


class FakeAsterisk:
    """The PBX. ``close`` it at the end."""

    def __init__(
        self,
        clock: Clock,
        *,
        system_name: str = "pbx1",
        username: str = "ringdesk",
        secret: str = SECRET,
        queues: Iterable[str] = ("sales", "help"),
    ) -> None:
        self.clock = clock
        self.username, self.secret = username, secret
        self.misbehaviour = Misbehaviour()
        self.started = "08:00:00"
        self.is_full = False  # authlimit reached: new AMI connections are closed at once
        self.is_reachable = True  # False: connections are refused
        self.agi: Callable[[], asyncio.BaseProtocol] | tuple[str, int] | None = None
        self.variables = {
            "RD_DOWN": "never", "RD_STALE": "5", "RD_RING": "15", "RD_LOST_TIME": "20",
            "RD_LEASE": "8", "RD_HOLD_LOOK": "30", "RD_FALLBACK_TIME": "120",
        }  # fmt: skip
        self.channels: dict[str, FakeChannel] = {}
        self.bridges: dict[str, FakeBridge] = {}
        self.rooms: dict[str, FakeBridge] = {}
        self.phones: dict[str, FakePhone] = {}
        self.queues = {name: FakeQueue() for name in queues}
        self.lines: dict[str, str] = {}  # rd-lines: the queue in which who dialled a number falls
        self.prompts: dict[str, timedelta] = {}
        self.missing_prompts: set[str] = set()
        self.message_time = timedelta(seconds=3)
        """For so long callers speak who leave a message; then they are silent."""
        self.outside: dict[str, str] = {}  # numbers outside and the DIALSTATUS that they give
        self.digits: list[tuple[str, str]] = []  # PlayDTMF: channel and digit
        # What a test may look at:
        self.doors: list[AmiDoor] = []
        self.actions: list[tuple[str, dict[str, str]]] = []
        self.action_bytes: list[bytes] = []
        self.events: list[tuple[str, dict[str, str]]] = []
        self.agi_lines: set[AgiLine] = set()
        self.agi_commands: list[str] = []
        self.played: list[tuple[str, str]] = []
        self.recorded: list[tuple[str, str]] = []  # Uniqueid and file
        self._system_name = system_name
        self._numbers = itertools.count(1)
        self._began = int(clock.now().timestamp())
        self._server: asyncio.Server | None = None
        self._originating: set[asyncio.Task[None]] = set()

    # ---- doors ---------------------------------------------------------------------------------

    @property
    def address(self) -> AmiAddress:
        """Where the service finds it; the port counts only after ``listen``."""
        port = self._server.sockets[0].getsockname()[1] if self._server else 5038
        return AmiAddress("127.0.0.1", port, self.username, self.secret)

    async def connect(self, factory: Callable[[], asyncio.BaseProtocol]) -> Any:
        """Open an AMI connection in memory; for ``Switch(connect=…)``."""
        await asyncio.sleep(0)
        if not self.is_reachable:
            raise ConnectionRefusedError
        protocol = as_protocol(factory())
        return join(protocol, AmiDoor(self)), protocol

    async def listen(self, port: int = 0) -> int:
        """Open the AMI over TCP; returns the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: AmiDoor(self), "127.0.0.1", port)
        return self.address.port

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        self.drop_links()
        tasks = [c.task for c in self.channels.values() if c.task is not None]
        for task in self._originating:
            task.cancel()
        for channel in list(self.channels.values()):
            channel.hang_up()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def drop_links(self) -> None:
        """Break all AMI connections."""
        for door in list(self.doors):
            door.abort()

    def freeze(self) -> None:
        """The AMI neither reads nor writes any more; what comes is kept."""
        self.misbehaviour.is_frozen = True

    def thaw(self) -> None:
        """It goes on where it stood."""
        self.misbehaviour.is_frozen = False
        for door in list(self.doors):
            door.thaw()

    # ---- people --------------------------------------------------------------------------------

    def call(self, dnis: str, ani: str = "13800138000", name: str = "") -> FakeCaller:
        """Somebody calls in over the trunk."""
        channel = FakeChannel(
            self, "PJSIP/trunk_demo", place=("rd-in", dnis), number=ani, caller_name=name
        )
        channel.state = "Ring"
        channel.start()
        return FakeCaller(channel)

    def phone(
        self,
        endpoint: str,
        *,
        answers_after: timedelta | None = None,
        declines_after: timedelta | None = None,
        is_registered: bool = True,
        is_silent: bool = False,
    ) -> FakePhone:
        """A phone; as given it rings until the test says ``answer`` or ``decline``."""
        phone = self.phones.get(endpoint) or FakePhone(self, endpoint)
        self.phones[endpoint] = phone
        phone.answers_after, phone.declines_after = answers_after, declines_after
        phone.is_silent = is_silent
        phone.register() if is_registered else phone.unregister()
        return phone

    # ---- what channels and the dialplan use ----------------------------------------------------

    @property
    def is_down(self) -> bool:
        """Whether a caller found the service gone, and nothing has changed since."""
        return self.variables.get("RD_HB", "") == self.variables["RD_DOWN"]

    def start_anew(self) -> None:
        """As after a restart in the same second: another start time, and Uniqueids are given again."""
        self.started = "09:00:07"
        self._numbers = itertools.count(1)

    def next_names(self, resource: str) -> tuple[str, str]:
        """The name and Uniqueid of a new channel."""
        number = next(self._numbers)
        return f"{resource}-{number:08x}", f"{self._system_name}-{self._began}.{number}"

    def next_bridge_id(self) -> str:
        return f"bridge-{next(self._numbers)}"

    def new_leg(self, caller: FakeChannel, endpoint: str) -> FakeChannel:
        """A channel towards a phone."""
        leg = FakeChannel(
            self, f"PJSIP/{endpoint}", place=("rd-agents", "s"), linkedid=caller.linkedid
        )
        if "RD_REF" in caller.variables:
            leg.variables["RD_REF"] = caller.variables["RD_REF"]
        return leg

    def prompt_time(self, name: str) -> timedelta:
        """How long a prompt plays."""
        return self.prompts.get(name, timedelta(seconds=1))

    def free_members(self, queue: str) -> list[str]:
        """Phones that Queue() may ring."""
        members = self.queues[queue].members
        return [
            endpoint
            for endpoint, is_paused in members.items()
            if not is_paused and endpoint in self.phones and self.phones[endpoint].leg is None
            and self.phones[endpoint].is_registered
        ]  # fmt: skip

    async def step(self, channel: FakeChannel) -> Place | None:
        """Run the context that a channel is in."""
        channel.application = channel.context
        return await CONTEXTS[channel.context](self, channel)

    def end_call(self, channel: FakeChannel) -> None:
        """``rd-end``, the hangup handler."""
        variables = channel.variables
        asterisk_transfers.ask_over(self, channel)
        if not variables["RD_CALL"]:
            return  # a leg that was a caller for a while
        if variables.get("RD_REC"):
            self.tell("MixMonitorStop", channel.shown())
        user_event(
            self,
            channel,
            "RdEnd",
            Agent=variables.get("RD_AGENT", ""),
            Status=variables.get("DIALSTATUS", ""),
            Cause=variables.get("HANGUPCAUSE", "0"),
        )

    def tell(self, name: str, headers: Headers) -> None:
        """Write an event to whoever signed in."""
        stamp = f"{self.clock.now().timestamp():.6f}"
        whole = [("Privilege", "call,all"), ("Timestamp", stamp), *headers]
        self.events.append((name, dict(whole)))
        for door in list(self.doors):
            door.event(name, whole)

    # ---- actions -------------------------------------------------------------------------------

    def do_action(self, door: AmiDoor, name: str, headers: dict[str, str], action_id: str) -> None:
        """Take one action and answer it."""
        lists: dict[str, tuple[Callable[[], Iterable[tuple[str, Headers]]], str]] = {
            "status": (partial(self._channel_rows, headers), "StatusComplete"),
            "bridgelist": (self._bridge_rows, "BridgeListComplete"),
            "devicestatelist": (self._device_rows, "DeviceStateListComplete"),
            "queuestatus": (self._queue_rows, "QueueStatusComplete"),
        }
        if name in lists:
            rows, complete = lists[name]
            door.answer_list(action_id, rows(), complete)
            return
        if name == "corestatus":
            when = [("CoreStartupDate", "2026-03-02"), ("CoreStartupTime", self.started)]
            door.answer("Success", "", action_id, *when)
            return
        if name == "getvar":
            asked = self.channels.get(headers["channel"])
            value = asked.variables.get(headers["variable"], "") if asked is not None else ""
            answer = "Success" if asked is not None else "Error"
            door.answer(answer, "", action_id, ("Variable", headers["variable"]), ("Value", value))
            return
        method = getattr(self, f"_do_{name}", None)
        if method is None:
            door.answer("Error", "Invalid/unknown command", action_id)
            return
        if name.startswith("queue") and headers["queue"].removeprefix("rd_") not in self.queues:
            door.answer("Error", "No such queue", action_id)
            return
        error = method(headers)
        door.answer("Error" if error else "Success", error or "Done", action_id)

    def _channel_rows(self, asked: Mapping[str, str]) -> Iterable[tuple[str, Headers]]:
        names = [name for name in asked.get("variables", "").split(",") if name]
        for channel in self.channels.values():
            bridge = channel.bridge.bridge_id if channel.bridge else ""
            more = [("BridgeID", bridge), ("Application", channel.application)]
            more += [("Variable", f"{name}={channel.variables.get(name, UNSET)}") for name in names]
            yield "Status", [*channel.shown(), *more]

    def _bridge_rows(self) -> Iterable[tuple[str, Headers]]:
        for bridge in self.bridges.values():
            yield (
                "BridgeListItem",
                [
                    ("BridgeUniqueid", bridge.bridge_id),
                    ("BridgeTechnology", bridge.technology),
                    ("BridgeNumChannels", str(len(bridge.members))),
                ],
            )

    def _device_rows(self) -> Iterable[tuple[str, Headers]]:
        for phone in self.phones.values():
            device = ("Device", f"PJSIP/{phone.endpoint}")
            yield "DeviceStateChange", [device, ("State", phone.state)]

    def _queue_rows(self) -> Iterable[tuple[str, Headers]]:
        for name, queue in self.queues.items():
            yield "QueueParams", [("Queue", f"rd_{name}"), ("Strategy", "rrmemory")]
            for endpoint, is_paused in queue.members.items():
                location = ("Location", f"PJSIP/{endpoint}")
                paused = ("Paused", str(int(is_paused)))
                yield "QueueMember", [("Queue", f"rd_{name}"), location, paused]

    def _do_ping(self, headers: dict[str, str]) -> str:
        return ""

    def _do_setvar(self, headers: dict[str, str]) -> str:
        if "channel" not in headers:
            self.variables[headers["variable"]] = headers["value"]
            return ""
        channel = self.channels.get(headers["channel"])
        if channel is None:
            return "No such channel"
        channel.set_variable(headers["variable"], headers["value"])
        return ""

    def _do_redirect(self, headers: dict[str, str]) -> str:
        channel = self.channels.get(headers["channel"])
        if channel is None or channel.is_hung_up:
            return "Channel does not exist: " + headers["channel"]
        extra = None
        if headers.get("extrachannel"):
            extra = self.channels.get(headers["extrachannel"])
            if extra is None:
                return "ExtraChannel does not exist: " + headers["extrachannel"]
            extra.redirect((headers["extracontext"], headers["extraexten"]))
        channel.redirect((headers["context"], headers["exten"]))
        return ""

    def _do_hangup(self, headers: dict[str, str]) -> str:
        channel = self.channels.get(headers["channel"])
        if channel is None or channel.is_hung_up:
            return "No such channel"
        channel.hang_up(int(headers.get("cause", "16")))
        return ""

    def _do_bridge(self, headers: dict[str, str]) -> str:
        pair = [self.channels.get(headers[f"channel{n}"]) for n in (1, 2)]
        if pair[0] is None or pair[1] is None:
            return "Channel1 does not exist" if pair[0] is None else "Channel2 does not exist"
        bridge = FakeBridge(self, "simple_bridge")
        for channel in pair:
            if channel is not None:
                channel.left_alone.clear()
                bridge.enter(channel)
        return ""

    def _do_originate(self, headers: dict[str, str]) -> str:
        if "channel" not in headers:
            return "Channel not specified"
        resource = headers["channel"].removeprefix("PJSIP/")
        phone = self.phones.get(resource)
        if phone is None or not phone.is_registered or phone.leg is not None:
            return ""  # Asterisk says Success, and then nothing comes
        leg = FakeChannel(self, f"PJSIP/{resource}", place=(headers["context"], headers["exten"]))
        for pair in headers.get("variable", "").split(","):
            name, mark, value = pair.partition("=")
            if mark:
                leg.variables[name] = value
        self.tell("DialBegin", [*leg.shown("Dest"), ("DialString", resource)])
        phone.ring(leg)
        leg.state = "Ringing"
        phone.show("RINGING")
        self.tell("DialState", [*leg.shown("Dest"), ("DialStatus", "RINGING")])
        self._originating.add(task := asyncio.create_task(self._answered(phone, leg)))
        task.add_done_callback(self._originating.discard)
        return ""

    async def _answered(self, phone: FakePhone, leg: FakeChannel) -> None:
        status = await leg.outcome
        self.tell("DialEnd", [*leg.shown("Dest"), ("DialStatus", status)])
        if status != "ANSWER":
            leg.hang_up(17)
            return
        leg.state = "Up"
        phone.show("INUSE")
        leg.start()

    def _do_stopmixmonitor(self, headers: dict[str, str]) -> str:
        channel = self.channels.get(headers["channel"])
        if channel is None:
            return "No such channel"
        if channel.variables.pop("RD_REC", ""):
            self.tell("MixMonitorStop", channel.shown())
        return ""

    def _do_playdtmf(self, headers: dict[str, str]) -> str:
        if headers["channel"] not in self.channels:
            return "Channel not existent"
        self.digits.append((headers["channel"], headers["digit"]))
        return ""

    def _do_mixmonitormute(self, headers: dict[str, str]) -> str:
        channel = self.channels.get(headers["channel"])
        if channel is None:
            return "No such channel"
        if not channel.variables.get("RD_REC"):
            return "Cannot set mute flag"
        more = [("Direction", headers["direction"]), ("State", headers["state"])]
        self.tell("MixMonitorMute", [*channel.shown(), *more])
        return ""

    def _do_queueadd(self, headers: dict[str, str]) -> str:
        members = self.queues[headers["queue"].removeprefix("rd_")].members
        endpoint = headers["interface"].removeprefix("PJSIP/")
        if endpoint in members:
            return "Unable to add interface: Already there"
        members[endpoint] = headers.get("paused") == "true"
        return ""

    def _do_queueremove(self, headers: dict[str, str]) -> str:
        members = self.queues[headers["queue"].removeprefix("rd_")].members
        found = members.pop(headers["interface"].removeprefix("PJSIP/"), None)
        return "Unable to remove interface: Not there" if found is None else ""

    def _do_queuepause(self, headers: dict[str, str]) -> str:
        members = self.queues[headers["queue"].removeprefix("rd_")].members
        endpoint = headers["interface"].removeprefix("PJSIP/")
        if endpoint not in members:
            return "Interface not found"
        members[endpoint] = headers["paused"] == "true"
        return ""

    def _do_queuewithdrawcaller(self, headers: dict[str, str]) -> str:
        queue = self.queues[headers["queue"].removeprefix("rd_")]
        channel = self.channels.get(headers["caller"])
        if channel is None or channel not in queue.callers:
            return "Unable to withdraw caller: not in queue"
        channel.withdrawn.set()
        return ""
