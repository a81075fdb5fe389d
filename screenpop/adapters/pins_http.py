"""``PUT /api/v1/customers/<id>/pin``: supervisors set a customer's PIN, which also lifts its lock, or take it away.

Nobody can read one: the page and this address only ever send it in. The agent who has it checked in a menu never sees it.
"""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from cti.domain.errors import CommandRefused
from cti.domain.ids import CustomerId
from cti.domain.people import Permission
from cti.web.routing import ApiError, Body, Route, json_answer, read_body, signed_in
from screenpop.ports import PinDesk


class PinBody(Body):
    """The new PIN."""

    pin: Annotated[str, Field(max_length=8)] = Field(
        description="4 to 8 digits; empty: none any more.", repr=False
    )


class PinAnswer(BaseModel):
    """It is set."""

    customer_id: int
    has_pin: bool


class PinsSite:
    """The route, and what it needs."""

    def __init__(self, pins: PinDesk) -> None:
        self._pins = pins

    def routes(self) -> list[Route]:
        """The one route."""
        return [
            Route(
                "PUT",
                r"/api/v1/customers/{customer_id:[0-9]{1,15}}/pin",
                self._set,
                Permission.SET_PINS,
                "Set a customer's PIN, or take it away",
                PinBody,
                PinAnswer,
            )
        ]

    async def _set(self, request: web.Request) -> web.StreamResponse:
        body, customer_id = (
            await read_body(request, PinBody),
            CustomerId(int(request.match_info["customer_id"])),
        )
        try:
            await self._pins.set(customer_id, body.pin, signed_in(request).user.user_id)
        except CommandRefused as refusal:
            status = 404 if refusal.reason == "no_such_customer" else 422
            raise ApiError(status, refusal.reason, str(refusal)) from refusal
        return json_answer(PinAnswer(customer_id=customer_id, has_pin=bool(body.pin)))
