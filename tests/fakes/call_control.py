"""A ``CallControl`` that writes down what it is told; nothing happens by itself, the test publishes the events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from cti.domain.errors import CommandRefused, SwitchUnavailable
from cti.domain.ids import CallId, Endpoint
from cti.domain.manners import PLAIN, Manner
from cti.domain.targets import Target
from cti.domain.ways_out import OverflowWay
from cti.ports import QueueMirror


@dataclass(frozen=True, slots=True)
class Given:
    """One command as it was given; fields that it doesn't have are None."""

    name: str
    call_id: CallId | None = None
    endpoint: Endpoint | None = None
    ring_timeout: timedelta | None = None
    flag: bool | None = None
    mirror: QueueMirror | None = None
    count: int | None = None
    target: Target | None = None
    other: Endpoint | None = None
    word: str | None = None
    """A command's id, a parking place, digits, the phones of a group."""
    way: OverflowWay | None = None


class RecordingCallControl:
    """Takes every command, unless told to refuse; ``given`` holds them in order."""

    def __init__(self) -> None:
        self.given: list[Given] = []
        self.manners: list[Manner] = []
        self.is_linked = True
        self.on_command: Callable[[Given], None] = lambda _: None
        """Called with each command that was taken; a test lets the switch answer here."""
        self._refusals: dict[str, list[str]] = {}

    def refuse(self, name: str, reason: str, times: int = 1) -> None:
        """Refuse the next commands of this name."""
        self._refusals.setdefault(name, []).extend([reason] * times)

    def named(self, name: str) -> list[Given]:
        """The commands of this name that were taken."""
        return [given for given in self.given if given.name == name]

    def names(self) -> list[str]:
        """The names of all commands taken, in order, without the heartbeat."""
        return [given.name for given in self.given if given.name != "beat"]

    def _take(self, given: Given) -> None:
        if not self.is_linked:
            raise SwitchUnavailable("no link to Asterisk")
        if self._refusals.get(given.name):
            raise CommandRefused(self._refusals[given.name].pop(0), "refused by the test")
        self.given.append(given)
        self.on_command(given)

    async def offer(
        self, call_id: CallId, endpoint: Endpoint, ring_timeout: timedelta, manner: Manner = PLAIN
    ) -> None:
        self.manners.append(manner)
        self._take(Given("offer", call_id, endpoint, ring_timeout))

    async def offer_all(
        self, call_id: CallId, endpoints: Sequence[Endpoint], ring_timeout: timedelta
    ) -> None:
        word = " ".join(endpoints)
        self._take(Given("offer_all", call_id, ring_timeout=ring_timeout, word=word))

    async def withdraw_offer(self, call_id: CallId) -> None:
        self._take(Given("withdraw_offer", call_id))

    async def requeue(self, call_id: CallId) -> None:
        self._take(Given("requeue", call_id))

    async def rejoin(self, call_id: CallId, endpoint: Endpoint) -> None:
        self._take(Given("rejoin", call_id, endpoint))

    async def overflow(self, call_id: CallId, way: OverflowWay) -> None:
        self._take(Given("overflow", call_id, way=way))

    async def announce(self, call_id: CallId) -> None:
        self._take(Given("announce", call_id))

    async def send_away(self, call_id: CallId, target: Target) -> None:
        self._take(Given("send_away", call_id, target=target))

    async def hang_up(self, call_id: CallId) -> None:
        self._take(Given("hang_up", call_id))

    async def leave(self, call_id: CallId, endpoint: Endpoint) -> None:
        self._take(Given("leave", call_id, endpoint))

    async def originate(self, endpoint: Endpoint, target: Target, command_id: str) -> None:
        self._take(Given("originate", endpoint=endpoint, target=target, word=command_id))

    async def transfer(
        self, call_id: CallId, target: Target, sender: Endpoint | None = None
    ) -> None:
        self._take(Given("transfer", call_id, sender, target=target))

    async def consult(self, call_id: CallId, endpoint: Endpoint, target: Target) -> None:
        self._take(Given("consult", call_id, endpoint, target=target))

    async def complete_consult(self, call_id: CallId) -> None:
        self._take(Given("complete_consult", call_id))

    async def cancel_consult(self, call_id: CallId) -> None:
        self._take(Given("cancel_consult", call_id))

    async def join_consult(self, call_id: CallId) -> None:
        self._take(Given("join_consult", call_id))

    async def add_party(self, call_id: CallId, target: Target) -> None:
        self._take(Given("add_party", call_id, target=target))

    async def decline(self, call_id: CallId, endpoint: Endpoint) -> None:
        self._take(Given("decline", call_id, endpoint))

    async def drop_party(self, call_id: CallId, endpoint: Endpoint) -> None:
        self._take(Given("drop_party", call_id, endpoint))

    async def park(self, call_id: CallId, slot: str, sender: Endpoint | None = None) -> None:
        self._take(Given("park", call_id, sender, word=slot))

    async def fetch(self, call_id: CallId, endpoint: Endpoint) -> None:
        self._take(Given("fetch", call_id, endpoint))

    async def move(self, call_id: CallId, endpoint: Endpoint, to_endpoint: Endpoint) -> None:
        self._take(Given("move", call_id, endpoint, other=to_endpoint))

    async def send_digits(self, call_id: CallId, endpoint: Endpoint, digits: str) -> None:
        self._take(Given("send_digits", call_id, endpoint, word=digits))

    async def answer(self, endpoint: Endpoint) -> None:
        self._take(Given("answer", endpoint=endpoint))

    async def hold(self, call_id: CallId, endpoint: Endpoint | None = None) -> None:
        self._take(Given("hold", call_id, endpoint))

    async def retrieve(self, call_id: CallId) -> None:
        self._take(Given("retrieve", call_id))

    async def send_to_menu(self, call_id: CallId, endpoint: Endpoint, menu: str) -> None:
        self._take(Given("send_to_menu", call_id, endpoint, word=menu))

    async def fetch_back(self, call_id: CallId) -> None:
        self._take(Given("fetch_back", call_id))

    async def mute(self, call_id: CallId, is_muted: bool) -> None:
        self._take(Given("mute", call_id, flag=is_muted))

    async def pause_recording(
        self, call_id: CallId, is_paused: bool, reason: str = "agent"
    ) -> None:
        self._take(Given("pause_recording", call_id, flag=is_paused))

    async def take_back(self, call_id: CallId) -> None:
        self._take(Given("take_back", call_id))

    async def mirror(self, mirror: QueueMirror) -> None:
        self._take(Given("mirror", endpoint=mirror.endpoint, mirror=mirror))

    async def beat(self, count: int) -> None:
        self._take(Given("beat", count=count))
