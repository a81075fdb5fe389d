"""Commands to the switch, as AMI actions; the table is that of docs/dialplan.md.

An action's Success proves nothing, so nothing is believed here: what became of a command is told by the
events that follow. Two things are done on purpose: actions that belong together are written in one go,
since Asterisk takes them in order and a round trip saved is a phone that rings earlier; and all
actions of one command carry the epoch in which it was given, so that none is sent after the world was read anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from cti.asterisk import ami_actions as act
from cti.asterisk.callback_control import CallbackControl
from cti.asterisk.channels import ChannelRegistry, TrackedCall, TrackedLeg
from cti.asterisk.link import AmiLink
from cti.asterisk.transfer_control import Notify, OutsideLine
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import (
    CallId,
    Endpoint,
    QueueName,
    is_outside_phone,
    parse_endpoint,
    parse_queue_name,
)
from cti.domain.manners import PLAIN, Manner
from cti.domain.menu_events import parse_menu_name
from cti.domain.targets import Target
from cti.domain.ways_out import OverflowWay
from cti.ports import Clock, QueueMirror

_ROOM_TIME = timedelta(seconds=2)  # until who was sent to his room is there


def _seconds(ring_timeout: timedelta) -> str:
    """As RD_RING is written."""
    return str(max(1, round(ring_timeout.total_seconds())))


class AmiCallControl(CallbackControl):
    """``cti.ports.CallControl`` over the AMI link."""

    def __init__(
        self,
        link: AmiLink,
        registry: ChannelRegistry,
        clock: Clock,
        publish: Callable[[ev.Event], None],
        boot_id: str,
        *,
        outside: OutsideLine | None = None,
        notify: Notify | None = None,
    ) -> None:
        super().__init__(link, registry, clock, outside=outside, notify=notify)
        self._publish = publish
        self._boot_id = boot_id  # one for each start of the service: heartbeats never repeat
        self.members: dict[Endpoint, frozenset[QueueName]] = {}
        """Phones in the fallback queues, as far as we know."""

    def note_members(self, members: Mapping[Endpoint, frozenset[QueueName]]) -> None:
        """What a snapshot showed of the fallback queues."""
        self.members = dict(members)

    # ---- callers -------------------------------------------------------------------------------

    async def offer(
        self, call_id: CallId, endpoint: Endpoint, ring_timeout: timedelta, manner: Manner = PLAIN
    ) -> None:
        """See ``CallControl``."""
        channel = self._call(call_id).channel
        await self._do(
            *self._number_of(endpoint),
            act.set_variable(channel, "RD_RING", _seconds(ring_timeout)),
            act.redirect(channel, *act.place_of_offer(parse_endpoint(endpoint), manner)),
        )

    async def offer_all(
        self, call_id: CallId, endpoints: Sequence[Endpoint], ring_timeout: timedelta
    ) -> None:
        """See ``CallControl``."""
        channel = self._call(call_id).channel
        phones = "-".join(parse_endpoint(endpoint) for endpoint in endpoints)
        await self._do(
            act.set_variable(channel, "RD_RING", _seconds(ring_timeout)),
            act.set_variable(channel, "RD_GROUP", phones),
            act.redirect(channel, "rd-group", "s"),
        )

    async def withdraw_offer(self, call_id: CallId) -> None:
        """See ``CallControl``."""
        await self._do(act.redirect(self._call(call_id).channel, "rd-wait", "s"))

    async def requeue(self, call_id: CallId) -> None:
        """See ``CallControl``."""
        await self._do(act.redirect(self._call(call_id).channel, "rd-wait", "s"))

    async def rejoin(self, call_id: CallId, endpoint: Endpoint) -> None:
        """See ``CallControl``."""
        channel = self._call(call_id).channel
        await self._do(act.redirect(channel, "rd-back", parse_endpoint(endpoint)))

    async def overflow(self, call_id: CallId, way: OverflowWay) -> None:
        """See ``CallControl``."""
        channel = self._call(call_id).channel
        await self._do(
            act.set_variable(channel, "RD_OVER", act.told_of(way)),
            act.redirect(channel, "rd-over", act.exten_out(way)),
        )

    async def announce(self, call_id: CallId) -> None:
        """See ``CallControl``."""
        await self._do(act.redirect(self._call(call_id).channel, "rd-visit", "s"))

    async def send_away(self, call_id: CallId, target: Target) -> None:
        """See ``CallControl``."""
        channel = self._call(call_id).channel
        await self._do(act.redirect(channel, "rd-leave", act.exten_of(target)))

    async def hang_up(self, call_id: CallId) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        before, call.ended_by = call.ended_by, "agent" if call.connected else "system"
        # Whoever is consulted or in a conference would talk on with the others.
        others = [leg.channel for leg in call.legs.values()] if call.consult or call.parties else []
        if call.asks is not None:  # an agent asks a queue: he goes back to his own caller
            await self._do(act.redirect(call.channel, "rd-asked", "s"))
            return
        try:
            await self._do(
                act.set_variable(call.channel, "RD_HUNGUP", "1"), act.hang_up(call.channel)
            )
        except BaseException:
            call.ended_by = before
            raise
        for channel in others:
            await self._try(act.hang_up(channel))

    async def hang_up_orphan(self, orphan: TrackedLeg | TrackedCall) -> None:
        """End a phone's leg or a caller's: the other side hung up while on hold.

        Raises:
            CommandRefused: it is gone already.
            SwitchUnavailable: no link.
        """
        await self._do(act.hang_up(orphan.channel))

    async def name_agent(self, call_id: CallId, endpoint: Endpoint) -> None:
        """Tell the dialplan which phone the caller talks with, where it didn't dial that one itself.

        Raises:
            CommandRefused: the call is over.
            SwitchUnavailable: no link.
        """
        await self._do(act.set_variable(self._call(call_id).channel, "RD_AGENT", endpoint))

    async def renew_sound(self, call: TrackedCall) -> None:
        """Let caller and phone begin to hear each other anew, where a phone's own transfer brought them together.

        Asterisk goes on with the translator of whom the phone heard before, and that one takes the new voice's packets
        for late ones, by their numbers: half of the phones would hear nothing (docs/decisions/0035). On
        their way through the rooms of a held call both get new ones. Where nothing is translated, nothing is done.

        Raises:
            CommandRefused: somebody hung up meanwhile.
            SwitchUnavailable: no link.
        """
        leg = self._agent_leg(call)
        if call.parties or call.held_by or call.consult is not None:
            return
        if await self._format_of(call.channel) == await self._format_of(leg.channel):
            return
        rooms = self._registry.bridge_of
        before, call.is_renewed = rooms(call.leg_id), True
        try:
            await self._do(
                *self._peers(call.channel, leg.channel),
                act.redirect_two(
                    call.channel, ("rd-hold", "caller"), leg.channel, ("rd-hold", "agent")
                ),
            )
            await self._until(lambda: rooms(call.leg_id) not in ("", before), _ROOM_TIME)
            await self._in_room(call, leg)
            await self._do(act.bridge(call.channel, leg.channel))
        except CommandRefused:
            if leg.leg_id not in call.legs:
                # He hung up meanwhile, and nobody else would look for the caller in his room.
                await self._try(act.redirect(call.channel, "rd-after", "s"))
            raise
        finally:
            call.is_renewed = False

    async def _format_of(self, channel: str) -> str:
        headers = {"Channel": channel, "Variable": "CHANNEL(audionativeformat)"}
        answer = await self._link.action("Getvar", headers, epoch=self._link.epoch)
        return answer.get("Value")

    # ---- talking -------------------------------------------------------------------------------

    async def hold(self, call_id: CallId, endpoint: Endpoint | None = None) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        self._agent_leg(call)
        if call.parties:
            raise CommandRefused("wrong_state", "a conference can't be put on hold")
        customer, agent = self._sides(call, endpoint)
        await self._do(
            *self._peers(customer, agent),
            act.redirect_two(customer, ("rd-hold", "caller"), agent, ("rd-hold", "agent")),
        )

    async def retrieve(self, call_id: CallId) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        await self._do(act.bridge(call.channel, self._agent_leg(call).channel))

    async def send_to_menu(self, call_id: CallId, endpoint: Endpoint, menu: str) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        self._agent_leg(call)
        if call.parties or call.consult is not None or call.is_in_menu:
            raise CommandRefused("wrong_state", "the caller speaks with others, or is in a menu")
        if call.held_by == "phone":
            raise CommandRefused("held_by_phone", "the caller is on hold by the phone's own key")
        customer, agent = self._sides(call, endpoint)
        there, names = ("rd-menu", parse_menu_name(menu)), self._peers(customer, agent)
        if call.held_by == "agent":  # both are in their rooms
            await self._do(*names, act.redirect(customer, *there))
        else:
            await self._do(*names, act.redirect_two(customer, there, agent, ("rd-hold", "agent")))

    async def fetch_back(self, call_id: CallId) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        if not call.is_in_menu:
            raise CommandRefused("wrong_state", "the caller is in no menu (any more)")
        await self._do(act.redirect(call.channel, "rd-menu-back", "s"))

    async def mute(self, call_id: CallId, is_muted: bool) -> None:
        """See ``CallControl``. No event of Asterisk tells of it: its Success is all there is."""
        leg = self._agent_leg(self._call(call_id))
        await self._do(act.set_variable(leg.channel, "MUTEAUDIO(in)", "on" if is_muted else "off"))
        self._publish(
            ev.LegMuted(at=self._clock.now(), call_id=call_id, leg_id=leg.leg_id, is_muted=is_muted)
        )

    async def pause_recording(
        self, call_id: CallId, is_paused: bool, reason: str = "agent"
    ) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        call.pause_reason = reason
        headers = {
            "Channel": call.channel,
            "Direction": "both",
            "State": "1" if is_paused else "0",
        }
        await self._do(("MixMonitorMute", headers))

    # ---- the fallback queue --------------------------------------------------------------------

    async def take_back(self, call_id: CallId) -> None:
        """See ``CallControl``."""
        call = self._call(call_id)
        if not call.is_fallback or call.queue is None:
            raise CommandRefused("wrong_state", "the caller is not in the fallback queue")
        headers = {"Queue": f"rd_{parse_queue_name(call.queue)}", "Caller": call.channel}
        await self._do(("QueueWithdrawCaller", headers))

    async def mirror(self, mirror: QueueMirror) -> None:
        """See ``CallControl``."""
        endpoint = parse_endpoint(mirror.endpoint)
        wanted = frozenset(parse_queue_name(queue) for queue in mirror.queues)
        known = self.members.get(endpoint, frozenset())
        interface, epoch = act.member_of(endpoint), self._link.epoch
        if is_outside_phone(endpoint):
            self.outside_numbers[endpoint] = mirror.outside_number
            await self._do(act.outside_number(endpoint, mirror.outside_number))
        for queue in sorted(known - wanted):
            headers = {"Queue": f"rd_{queue}", "Interface": interface}
            answer = await self._link.action("QueueRemove", headers, epoch=epoch)
            if "no such queue" not in answer.get("Message").lower():  # removed from the company
                act.check(answer, "not there")
        for queue in sorted(wanted):
            headers = {"Queue": f"rd_{queue}", "Interface": interface}
            paused = "true" if mirror.is_paused else "false"
            if queue not in known:
                added = {**headers, "Penalty": "0", "Paused": paused}
                if is_outside_phone(endpoint):
                    added["StateInterface"] = f"PJSIP/{endpoint}"
                act.check(await self._link.action("QueueAdd", added, epoch=epoch), "already there")
            pause = {**headers, "Paused": paused}
            act.check(await self._link.action("QueuePause", pause, epoch=epoch))
        self.members[endpoint] = wanted
        if mirror.guest:
            guest = f"&{interface}" if mirror.is_seated else ""
            host = mirror.guest if mirror.is_seated else ""
            await self._do(
                act.set_global(f"RD_SEAT_{parse_endpoint(mirror.guest)}", guest),
                act.set_global(f"RD_GUEST_{endpoint}", host),
            )

    async def beat(self, count: int) -> None:
        """See ``CallControl``."""
        await self._do(("Setvar", {"Variable": "RD_HB", "Value": f"{self._boot_id}.{count}"}))
