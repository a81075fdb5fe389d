"""The fake Asterisk's contexts of a house's own: a Local channel between a caller and a phone, which stays there.

Its halves are two channels that end together; each is bridged with one side.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.fakes.asterisk_channels import FakeChannel, Place
from tests.fakes.asterisk_dialplan import AFTER, CONTEXTS, WAIT, dial, record, talk, user_event

if TYPE_CHECKING:
    from tests.fakes.asterisk import FakeAsterisk

_RING_S = 10


async def hop(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``house``: ``Dial(Local/<phone>@house-phone/n)``."""
    variables, phone = channel.variables, channel.exten
    variables["RD_REF"] = variables["RD_CALL"]
    to = {"Kind": "agent", "To": phone}
    user_event(pbx, channel, "RdXfer", From="", Number="", How="blind", **to)
    variables["RD_STATE"] = "dialing"
    record(pbx, channel)
    name, _ = pbx.next_names(f"Local/{phone}@house-phone")
    place = ("house-phone", phone)
    near, far = (
        FakeChannel(pbx, name, place=place, linkedid=channel.linkedid, name=f"{name};{half}")
        for half in (1, 2)
    )
    near.far, far.far = far, near
    far.variables["RD_REF"] = variables["RD_REF"]
    pbx.tell("DialBegin", [*channel.shown(), *near.shown("Dest"), ("DialString", phone)])
    far.start()
    try:
        status = await asyncio.shield(near.outcome)
    finally:
        if not near.outcome.done():
            near.hang_up()
    pbx.tell("DialEnd", [*channel.shown(), *near.shown("Dest"), ("DialStatus", status)])
    variables["DIALSTATUS"] = status
    if status != "ANSWER":
        near.hang_up()
        user_event(pbx, channel, "RdXferFail", Agent=phone, Status=status, Cause="0", **to)
        return WAIT
    await talk(pbx, channel, near)
    return AFTER


async def ring(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """``house-phone``: ``Dial(PJSIP/<phone>)`` on the second half."""
    await dial(pbx, channel, channel.exten, _RING_S)
    if channel.far is not None and not channel.far.outcome.done():
        channel.far.outcome.set_result(channel.variables["DIALSTATUS"])
    return None


CONTEXTS |= {"house": hop, "house-phone": ring}
