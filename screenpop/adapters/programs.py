"""What a program asks for is the same command as its owner's page gives, with the same checks; only the answer is HTTP's."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from cti.ports import Clock
from cti.web.routing import ApiError, signed_in
from screenpop.commands import CommandDesk
from screenpop.service import ScreenPop

_STATUS = {
    "not_allowed": 403,
    "no_such_agent": 404,
    "no_such_team": 404,
    "invalid_value": 422,
    "wrong_shape": 422,
    "too_many": 429,
    "switch_unavailable": 503,
    "not_journalled": 503,
    "timed_out": 504,
}
"""Of refusals; any other is a conflict with how things are (409)."""


class ProgramDesk:
    """Commands for the owner of the token."""

    def __init__(self, pop: ScreenPop, commands: CommandDesk, clock: Clock) -> None:
        self._pop = pop
        self._commands = commands
        self._clock = clock

    async def execute(
        self, request: web.Request, command_id: str, name: str, args: dict[str, Any]
    ) -> None:
        """Carry a command out; the same id again is answered as before.

        Raises:
            ApiError: it was refused.
        """
        desk = self._pop.desks.take(signed_in(request).user, self._clock.now())
        answer = await self._commands.execute(desk, command_id, name, args)
        if not answer["ok"]:
            error = answer["error"]
            raise ApiError(_STATUS.get(error["id"], 409), error["id"], error["message"])
