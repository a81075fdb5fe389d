"""``POST /api/v1/messages``: a program writes to people's desktops, for the supervisor whose token it has.

The same command as the page's ``message.send``, with the same rights: one's own team, administrators everybody.
"""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from cti.ports import Clock
from cti.web.routing import (
    Access,
    ApiError,
    Body,
    CommandKey,
    Route,
    json_answer,
    read_body,
    signed_in,
)
from screenpop.commands import CommandDesk
from screenpop.notices import MAX_TEXT
from screenpop.service import ScreenPop

_STATUS = {
    "not_allowed": 403,
    "no_such_agent": 404,
    "no_such_team": 404,
    "invalid_value": 422,
    "wrong_shape": 422,
    "too_many": 429,
    "not_journalled": 503,
    "timed_out": 504,
}


class MessageBody(Body):
    """To whom, and what: plain text in one line. The same ``command_id`` again sends nothing twice."""

    command_id: CommandKey
    audience: Literal["agent", "team", "all"] = Field(description="all: who is signed in.")
    target: Annotated[str, Field(max_length=64)] = Field(
        default="", description="An extension, or a team's name."
    )
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class MessageAnswer(BaseModel):
    """It was sent."""

    command_id: str


class MessagesSite:
    """The route, and what it needs."""

    def __init__(self, pop: ScreenPop, commands: CommandDesk, clock: Clock) -> None:
        self._pop = pop
        self._commands = commands
        self._clock = clock

    def routes(self) -> list[Route]:
        """The one route."""
        path, summary = "/api/v1/messages", "Write to agents' desktops, for the owner of the token"
        return [
            Route("POST", path, self._send, Access.PROGRAM, summary, MessageBody, MessageAnswer)
        ]

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await read_body(request, MessageBody)
        desk = self._pop.desks.take(signed_in(request).user, self._clock.now())
        args = {"audience": body.audience, "target": body.target, "text": body.text}
        answer = await self._commands.execute(desk, body.command_id, "message.send", args)
        if not answer["ok"]:
            error = answer["error"]
            raise ApiError(_STATUS.get(error["id"], 409), error["id"], error["message"])
        return json_answer(MessageAnswer(command_id=body.command_id))
