"""What only Asterisk's control socket can ask of a phone.

The AMI account may not send NOTIFY (that right would come with the one to run programs), so the one message that
we need goes the way on which configuration is loaded, too.
"""

from __future__ import annotations

import asyncio

from asterisk_conf.errors import PbxError
from asterisk_conf.process import AsteriskProcess
from cti.domain.errors import CommandRefused
from cti.domain.ids import Endpoint, parse_endpoint


async def ask_to_answer(pbx: AsteriskProcess, endpoint: Endpoint) -> None:
    """Ask a desk phone that rings to go off the hook (``Event: talk``; most makes understand it).

    Raises:
        CommandRefused: Asterisk doesn't run, or knows no such phone.
    """
    command = f"pjsip send notify rd-answer endpoint {parse_endpoint(endpoint)}"
    try:
        said = await asyncio.to_thread(pbx.rx, command)
    except PbxError as exc:
        raise CommandRefused("lift_receiver", "Lift the receiver of your desk phone.") from exc
    if "Sending NOTIFY" not in said:
        raise CommandRefused("lift_receiver", "Lift the receiver of your desk phone.")
