"""``POST /api/v1/calls``: a program begins a call on the phone of the person whose token it has.

The same command as the page's ``call.dial``, with the same checks: his phone rings, and when he has lifted it the number
is called. Nothing is called on a page's own word; a page somewhere else opens ``/dial?number=``, which asks.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from aiohttp import web
from pydantic import BaseModel, Field

from cti.web.routing import Access, Body, CommandKey, Route, json_answer, read_body
from screenpop.adapters.programs import ProgramDesk

_LONGEST_LINK = 200


class CallBody(Body):
    """Whom to call: a number as people write it, an extension, or a ``tel:`` link.

    The same ``command_id`` again begins no second call and gets the same answer.
    """

    command_id: CommandKey
    number: Annotated[str, Field(min_length=1, max_length=_LONGEST_LINK)]
    caller_id: Annotated[str, Field(pattern=r"^\+?[0-9]{2,20}$")] | None = Field(
        default=None, description="What the other side is to see: one of the person's own."
    )


class CallAnswer(BaseModel):
    """It was begun: the person has lifted his phone."""

    command_id: str


class CallsSite:
    """The route."""

    def __init__(self, desk: ProgramDesk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """The one route."""
        summary = "Call somebody, for the owner of the token"
        return [
            Route(
                "POST", "/api/v1/calls", self._call, Access.PROGRAM, summary, CallBody, CallAnswer
            )
        ]

    async def _call(self, request: web.Request) -> web.StreamResponse:
        body = await read_body(request, CallBody)
        target = {"kind": "outside", "value": number_of(body.number), "caller_id": body.caller_id}
        await self._desk.execute(request, body.command_id, "call.dial", {"target": target})
        return json_answer(CallAnswer(command_id=body.command_id))


def number_of(text: str) -> str:
    """The number in what was given: of a ``tel:`` link (RFC 3966) what stands before its parameters."""
    scheme, colon, rest = text.strip().partition(":")
    if colon and scheme.lower() == "tel":
        return unquote(rest).partition(";")[0].strip()
    return text.strip()
