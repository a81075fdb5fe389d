"""``POST /api/v1/messages``: a program writes to people's desktops, for the supervisor whose token it has.

The same command as the page's ``message.send``, with the same rights: one's own team, administrators everybody.
"""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from cti.web.routing import Access, Body, CommandKey, Route, json_answer, read_body
from screenpop.adapters.programs import ProgramDesk
from screenpop.notices import MAX_TEXT


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
    """The route."""

    def __init__(self, desk: ProgramDesk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """The one route."""
        path, summary = "/api/v1/messages", "Write to agents' desktops, for the owner of the token"
        return [
            Route("POST", path, self._send, Access.PROGRAM, summary, MessageBody, MessageAnswer)
        ]

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await read_body(request, MessageBody)
        args = {"audience": body.audience, "target": body.target, "text": body.text}
        await self._desk.execute(request, body.command_id, "message.send", args)
        return json_answer(MessageAnswer(command_id=body.command_id))
