"""The fake Asterisk's ``rd-menu``: a caller in a menu while his agent waits for him in the room of a held call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.asterisk_agi import run_agi
from tests.fakes.asterisk_channels import FakeBridge, Place
from tests.fakes.asterisk_dialplan import AFTER, CONTEXTS, LOST, WAIT, anchor, user_event

if TYPE_CHECKING:
    from tests.fakes.asterisk import FakeAsterisk
    from tests.fakes.asterisk_channels import FakeChannel

_BACK: Place = ("rd-menu-back", "s")


async def ask(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-menu``."""
    if channel.exten == "T":
        return _BACK
    anchor(pbx, channel)
    variables = channel.variables
    variables |= {"RD_STATE": "asking", "RD_HUNGUP": "", "DIALSTATUS": "ANSWER", "RD_NEXT": ""}
    if variables.pop("RD_GROUP", ""):
        variables["RD_AGENT"] = channel.dialled
    user_event(pbx, channel, "RdMenu", Menu=channel.exten)
    if not pbx.is_down:
        channel.set_lease(float(pbx.variables["RD_LEASE"]))
        await run_agi(pbx, channel, f"menu?name={channel.exten}")
        channel.set_lease(0)
    return _BACK


async def back(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``rd-menu-back``: ``Bridge`` with the agent, if he is there yet."""
    variables = channel.variables
    channel.set_lease(0)
    peer = pbx.channels.get(variables.get("RD_PEER", ""))
    if peer is not None and not peer.is_hung_up and peer.variables.get("RD_STATE") == "holding":
        variables["RD_STATE"] = "holding"
        bridge = FakeBridge(pbx, "simple_bridge")
        channel.left_alone.clear()
        peer.left_alone.clear()
        bridge.enter(channel)
        bridge.enter(peer)
        try:
            await channel.left_alone.wait()
        finally:
            channel.leave_bridge()
        return AFTER
    if variables.get("RD_HUNGUP") != "1" and variables["RD_AGENT"].endswith("w"):
        return LOST
    if variables.get("RD_DIR") == "internal" and not variables.get("RD_QUEUE"):
        return None
    variables["RD_HUNGUP"] = ""
    variables.setdefault("RD_QUEUE", next(iter(pbx.queues)))
    return WAIT


CONTEXTS |= {"rd-menu": ask, "rd-menu-back": back}
