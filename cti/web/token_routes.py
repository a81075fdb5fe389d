"""``/api/v1/tokens``: one's own tokens for programs; made, listed, revoked by the page, never by a token."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from cti.domain.people import Permission
from cti.ports import ApiToken
from cti.web.routing import Body, Route, json_answer, read_body, signed_in
from cti.web.tokens import TokenDesk


class TokenBody(Body):
    """What it is for, as its owner calls it."""

    label: Annotated[str, Field(min_length=1, max_length=80)]


class TokenAnswer(BaseModel):
    """A token, without what it takes to use it."""

    token_id: str
    label: str
    created_at: datetime
    last_used_at: datetime | None = Field(description="Within ten minutes; null: never.")

    @classmethod
    def of(cls, token: ApiToken) -> TokenAnswer:
        """As it is shown."""
        return cls(
            token_id=token.token_id,
            label=token.label,
            created_at=token.created_at,
            last_used_at=token.last_used_at,
        )


class NewTokenAnswer(TokenAnswer):
    """A fresh token. ``token`` is shown this once."""

    token: str


class TokensAnswer(BaseModel):
    """All of one's own, oldest first."""

    tokens: list[TokenAnswer]


def token_routes(desk: TokenDesk) -> list[Route]:
    """The three routes."""

    async def make(request: web.Request) -> web.StreamResponse:
        body = await read_body(request, TokenBody)
        token, text = await desk.make(signed_in(request).user, body.label)
        return json_answer(NewTokenAnswer(**TokenAnswer.of(token).model_dump(), token=text))

    async def mine(request: web.Request) -> web.StreamResponse:
        found = await desk.of(signed_in(request).user)
        return json_answer(TokensAnswer(tokens=[TokenAnswer.of(token) for token in found]))

    async def revoke(request: web.Request) -> web.StreamResponse:
        await desk.revoke(signed_in(request).user, request.match_info["token_id"])
        return web.Response(status=204)

    path, rule = "/api/v1/tokens", Permission.TAKE_CALLS
    return [
        Route("POST", path, make, rule, "Make a token for a program", TokenBody, NewTokenAnswer),
        Route("GET", path, mine, rule, "One's own tokens", None, TokensAnswer),
        Route("DELETE", path + "/{token_id}", revoke, rule, "Revoke a token", success=204),
    ]
