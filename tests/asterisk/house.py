"""Calls in a house without the service: its part is played over AMI, step by step.

A ``Talk`` is a customer and a phone of ours who hear each other, whoever began; its verbs are the service's commands
as docs/dialplan.md writes them. Everything that is looked at is an event of Asterisk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.asterisk.agi_peer import agi_peer
from tests.asterisk.ami_probe import AmiProbe, Message
from tests.asterisk.pbx import Pbx
from tests.asterisk.sipp import Sipp, calling, phone

WAIT = {"RD_QUEUE": "sales", "RD_CREDIT": "0", "RD_NEXT": "wait"}


class Talk:
    """A customer and an agent who speak with each other."""

    def __init__(
        self,
        ami: AmiProbe,
        call: str,
        customer: str,
        agent: str,
        *,
        t0: str = "",
        other: Sipp | None = None,
    ) -> None:
        self.ami, self.call, self.t0 = ami, call, t0
        self.caller_channel, self.agent_channel = customer, agent
        self._other = other

    # ---- the service's commands ----------------------------------------------------------------

    async def know_each_other(self) -> None:
        """Tell each channel who is at the other end."""
        await self.ami.setvar("RD_PEER", self.agent_channel, self.caller_channel)
        await self.ami.setvar("RD_PEER", self.caller_channel, self.agent_channel)

    async def hold(self, *, knowing: bool = True) -> None:
        """Send both into their rooms; wait until they are there."""
        if knowing:
            await self.know_each_other()
        seen = len(self.ami.events)
        await self._part("rd-hold", "agent")
        await self._both_enter("holding_bridge", seen)

    async def retrieve(self) -> None:
        """Bring the two together again."""
        seen = len(self.ami.events)
        await self.ami.send("Bridge", Channel1=self.caller_channel, Channel2=self.agent_channel)
        await self._both_enter("simple_bridge", seen)

    async def consult(self, target: str) -> None:
        """Hold the customer and let the agent call somebody."""
        await self.know_each_other()
        await self._part("rd-consult", target)

    async def consulted(self, target: str) -> str:
        """As ``consult``, until the one consulted has answered; returns his channel."""
        seen = len(self.ami.events)
        await self.consult(target)
        leg = await answered(self.ami, self.agent_channel, seen)
        # Everybody is where he belongs before the next command.
        await self.ami.event(
            "BridgeEnter", after=seen, Channel=self.caller_channel,
            BridgeTechnology="holding_bridge",
        )  # fmt: skip
        return leg

    async def transfer(self, target: str, sender: str = "") -> None:
        """Send the customer on."""
        await self.ami.setvar("RD_FROM", sender, self.caller_channel)
        await self.ami.redirect(self.caller_channel, "rd-xfer", target)

    async def park(self, slot: str, sender: str = "") -> None:
        """Let the customer wait in a place."""
        await self.ami.setvar("RD_FROM", sender, self.caller_channel)
        await self.ami.redirect(self.caller_channel, "rd-park", slot)

    async def join(self) -> None:
        """Bring the customer into the agent's consultation; wait until all three are in it."""
        seen = len(self.ami.events)
        await self.ami.setvar("RD_JOIN", self.agent_channel, self.caller_channel)
        await self.ami.redirect(self.caller_channel, "rd-join")
        await self.ami.event("BridgeEnter", after=seen, BridgeNumChannels="3")

    async def hang_up(self, channel: str) -> None:
        """End one channel, and see it end."""
        await self.ami.send("Hangup", Channel=channel)
        await self.ami.event("Hangup", Channel=channel)

    @property
    def caller(self) -> Sipp:
        """The SIPp at the customer's end."""
        assert self._other is not None
        return self._other

    # ---- what is looked at ---------------------------------------------------------------------

    def ends(self) -> int:
        """How often the end of this call was told."""
        return sum(
            e.get("UserEvent") == "RdEnd" and e["Call"] == self.call for e in self.ami.events
        )

    async def over(self) -> Message:
        """Wait for the end of the call."""
        return await self.ami.event("RdEnd", Call=self.call, within=15)

    async def _part(self, context: str, exten: str) -> None:
        answer = await self.ami.send(
            "Redirect",
            Channel=self.caller_channel, Context="rd-hold", Exten="caller", Priority="1",
            ExtraChannel=self.agent_channel, ExtraContext=context, ExtraExten=exten,
            ExtraPriority="1",
        )  # fmt: skip
        assert answer["Response"] == "Success", answer

    async def _both_enter(self, technology: str, after: int) -> None:
        for channel in (self.caller_channel, self.agent_channel):
            await self.ami.event(
                "BridgeEnter", after=after, Channel=channel, BridgeTechnology=technology
            )


async def answered(ami: AmiProbe, channel: str, after: int) -> str:
    """Wait until whoever ``channel`` dials has answered and they talk; returns his channel."""
    end = await ami.event("DialEnd", after=after, Channel=channel, DialStatus="ANSWER", within=15)
    for name in (end["DestChannel"], channel):
        await ami.event("BridgeEnter", after=after, Channel=name)
    return end["DestChannel"]


def rung(ami: AmiProbe, after: int = 0) -> list[str]:
    """Which endpoints were dialled, in order."""
    return [
        e["DestChannel"].removeprefix("PJSIP/").rpartition("-")[0]
        for e in ami.events[after:]
        if e["Event"] == "DialBegin"
    ]


@asynccontextmanager
async def waiting_caller(
    pbx: Pbx, *, stale: int = 9999, keys: str = ""
) -> AsyncIterator[tuple[AmiProbe, Message, Sipp]]:
    """A caller in [rd-wait]; ``stale``: loops until he takes the service for gone."""
    await pbx.set_global("RD_STALE", str(stale))
    async with (
        agi_peer(pbx.settings.pbx.agi_port, WAIT),
        AmiProbe.connected(pbx) as ami,
        calling(pbx, keys=keys) as caller,
    ):
        try:
            waiting = await ami.event("RdWait", within=15)
        except AssertionError as exc:
            raise AssertionError(f"{exc}; the caller says: {caller.complaint()}") from None
        yield ami, waiting, caller


@asynccontextmanager
async def talking(pbx: Pbx, name: str = "1001", *, talk_ms: int = 0) -> AsyncIterator[Talk]:
    """A caller who speaks with phone ``name``, which hangs up after ``talk_ms`` (0: never)."""
    async with (
        phone(pbx, name, talk_ms=talk_ms),
        waiting_caller(pbx) as (ami, waiting, caller),
    ):
        await ami.redirect(waiting["Channel"], "rd-dial", name)
        agent = await answered(ami, waiting["Channel"], 0)
        yield Talk(ami, waiting["Call"], waiting["Channel"], agent, t0=waiting["T0"], other=caller)


async def originate(ami: AmiProbe, endpoint: str, target: str, command: str = "c-1") -> Message:
    """Let a phone of ours begin a call, as the page does; returns Asterisk's answer."""
    return await ami.send(
        "Originate",
        Channel=f"PJSIP/{endpoint}", Context="rd-agents", Exten=target, Priority="1",
        Async="true", Timeout="10000", Variable=f"RD_CMD={command}",
    )  # fmt: skip


@asynccontextmanager
async def local_hop(pbx: Pbx, *, is_kept: bool = True) -> AsyncIterator[None]:
    """A context of the house's own, as docs/dialplan.md wants it: `house`,<phone> rings through a Local channel.

    ``is_kept``: Asterisk may not optimise it away.
    """
    kept = "/n" if is_kept else ""
    to = "Kind: agent,To: ${EXTEN}"
    steps = (
        f"UserEvent(RdXfer,Call: ${{RD_CALL}},From: ,{to},Number: ,How: blind)",
        "Set(RD_STATE=dialing)",
        "Set(__RD_REF=${RD_CALL})",
        "Set(__RD_CALLER=${CHANNEL})",
        "Set(__TRANSFER_CONTEXT=rd-xfer)",
        "Gosub(rd-record,s,1)",
        f"Dial(Local/${{EXTEN}}@house-phone{kept},15,g)",
        "GotoIf($[${DIALSTATUS}=ANSWER]?rd-after,s,1)",
        f"UserEvent(RdXferFail,Call: ${{RD_CALL}},Agent: ${{EXTEN}},Status: ${{DIALSTATUS}},Cause: 0,{to})",
        "Goto(rd-queue,s,1)",
    )
    for number, step in enumerate(steps, start=1):
        await pbx.rx(f'dialplan add extension "_X!,{number},{step}" into house')
    await pbx.rx("dialplan add extension _X!,1,Dial(PJSIP/${EXTEN},10) into house-phone")
    try:
        yield
    finally:
        await pbx.rx("dialplan remove context house")
        await pbx.rx("dialplan remove context house-phone")


async def hop_to(pbx: Pbx, channel: str, phone_name: str) -> None:
    """Send a caller to a phone through the house's Local channel."""
    async with AmiProbe.connected(pbx) as ami:
        await ami.redirect(channel, "house", phone_name)
