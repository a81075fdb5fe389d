"""The AGI scripts of docs/dialplan.md, as the FastAGI server wants them.

``/ivr`` leads a new caller through the menu of the number he dialled, or with ``?flow=`` one who is sent there through
that flow; ``/menu?name=`` leads one who is to come back to his agent through a menu during a call; ``/announce`` tells a
waiting one his position. The dialplan names the call (``RD_CALL``); the number dialled is the extension that called the
script.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog

from cti.asterisk.session import AgiSession
from cti.domain.errors import InvalidValue
from cti.domain.ids import CallId, parse_call_id
from ivr.adapters.agi import AgiCallerSession
from ivr.call_menus import CallMenus
from ivr.ports import CallerSession, Prompts
from ivr.service import IvrService

log = structlog.get_logger(__name__)

Script = Callable[[AgiSession], Awaitable[None]]


def agi_scripts(service: IvrService, menus: CallMenus, prompts: Prompts) -> Mapping[str, Script]:
    """AGI path → script."""

    async def ivr(channel: AgiSession) -> None:
        query = channel.environment.query
        session, call_id = await _enter(channel, prompts)
        last = menus.last(query.get("flow", ""))
        if last is not None:
            await menus.run(session, call_id, last)
            return
        await service.run(
            session,
            call_id,
            channel.environment.get("extension"),
            query.get("flow", ""),
            keeps_place=query.get("place") == "keep",
        )

    async def announce(channel: AgiSession) -> None:
        await service.announce(*await _enter(channel, prompts))

    async def menu(channel: AgiSession) -> None:
        name = channel.environment.query.get("name", "")
        await menus.run(*await _enter(channel, prompts), name)

    return {"/ivr": ivr, "/announce": announce, "/menu": menu}


async def _enter(channel: AgiSession, prompts: Prompts) -> tuple[CallerSession, CallId]:
    # A call without our id isn't from our dialplan: the error ends the session, RD_NEXT stays
    # empty, and the dialplan takes the caller to its fallback.
    # The dialplan says it with the call; asking would be a round trip.
    call_id = channel.environment.get("arg_1") or await channel.get_variable("RD_CALL")
    try:
        known = parse_call_id(call_id or "")
    except InvalidValue:
        log.error("agi_without_call_id", path=channel.path)
        raise
    language = channel.environment.get("language")
    return AgiCallerSession(channel, prompts, language), known
