"""The fake Asterisk's ``rd-over``: a rule takes a waiting caller out of his queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.asterisk_channels import Place
from tests.fakes.asterisk_dialplan import AFTER, CONTEXTS, FALLBACK, WAIT, user_event
from tests.fakes.asterisk_transfers import dial_out, menu

if TYPE_CHECKING:
    from tests.fakes.asterisk import FakeAsterisk
    from tests.fakes.asterisk_channels import FakeChannel


async def leave_queue(pbx: FakeAsterisk, channel: FakeChannel) -> Place | None:
    """Only from where he waits; a queue that isn't there leaves him there."""
    variables = channel.variables
    channel.set_lease(0)
    if channel.exten == "T":  # the service hung while he was in a flow
        return None if variables["RD_STATE"] == "voicemail" else FALLBACK
    mark, _, target = channel.exten.partition("-")
    if mark == "q" and target not in pbx.queues:
        return WAIT
    if variables["RD_STATE"] not in ("waiting", "visiting"):
        return WAIT
    variables["RD_STATE"] = "transferring"
    why, kind, place, credit = variables["RD_OVER"].split("/")
    told = {"T0": variables["RD_T0"], "Queue": variables["RD_QUEUE"], "Reason": why, "Kind": kind}
    user_event(pbx, channel, "RdOverflow", **told, To="" if mark == "o" else target)
    if place == "new":
        variables.pop("RD_QUEUED", None)
        variables["RD_CREDIT"] = credit
    if mark == "q":
        variables |= {"RD_QUEUE": target, "RD_TRY": "0"}
        return WAIT
    if mark == "f":
        variables["RD_WAY"] = f"?flow={target}" + ("&place=keep" if place == "keep" else "")
        return await menu(pbx, channel, "0")
    variables |= {"RD_STATE": "dialing", "RD_AGENT": "", "RD_REF": variables["RD_CALL"]}
    variables |= {"DIALSTATUS": "CHANUNAVAIL", "HANGUPCAUSE": "3"}
    await dial_out(pbx, channel, target, is_begun=False)
    if variables["DIALSTATUS"] == "ANSWER":
        return AFTER
    status, cause = variables["DIALSTATUS"], variables["HANGUPCAUSE"]
    user_event(
        pbx, channel, "RdXferFail", Agent="", Status=status, Cause=cause, Kind="outside", To=""
    )
    return WAIT


CONTEXTS["rd-over"] = leave_queue
