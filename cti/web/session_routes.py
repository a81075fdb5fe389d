"""``/api/v1/session``: sign in, who am I, sign out."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from cti.domain.people import PERMISSIONS
from cti.web.access import COOKIE
from cti.web.routing import Access, Body, Route, SignedIn, read_body, signed_in
from cti.web.signin import SignInDesk


class SignInBody(Body):
    """Login and password."""

    login: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=256)]


class SessionAnswer(BaseModel):
    """Who is signed in. ``csrf`` goes into the header ``X-CSRF-Token`` of every change."""

    csrf: str
    user_id: str
    login: str
    name: str
    staff_number: str
    extension: str
    role: Literal["agent", "supervisor", "administrator"]
    language: str
    permissions: list[str]


def _answer(who: SignedIn) -> web.Response:
    user = who.user
    answer = SessionAnswer(
        csrf=who.session.csrf_token,
        user_id=user.user_id,
        login=user.login,
        name=user.name,
        staff_number=user.staff_number,
        extension=user.extension,
        role=user.role.value,
        language=user.language,
        permissions=sorted(p.value for p in PERMISSIONS[user.role]),
    )
    return web.json_response(answer.model_dump())


def session_routes(desk: SignInDesk) -> list[Route]:
    """The three routes of the session."""

    async def sign_in(request: web.Request) -> web.StreamResponse:
        body = await read_body(request, SignInBody)
        old_token = request.cookies.get(COOKIE, "")
        new = await desk.sign_in(body.login, body.password, request.remote or "", old_token)
        response = _answer(new.who)
        # https by ourselves, or by a proxy in front: then the page's Origin (checked before) says so.
        is_secure = request.secure or request.headers.get("Origin", "").startswith("https://")
        response.set_cookie(
            COOKIE, new.token, httponly=True, samesite="Strict", secure=is_secure, path="/"
        )
        return response

    async def who(request: web.Request) -> web.StreamResponse:
        return _answer(signed_in(request))

    async def sign_out(request: web.Request) -> web.StreamResponse:
        await desk.sign_out(signed_in(request).session.token_hash)
        response = web.Response(status=204)
        response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
        return response

    path = "/api/v1/session"
    return [
        Route("POST", path, sign_in, Access.PUBLIC, "Sign in", SignInBody, SessionAnswer),
        Route("GET", path, who, Access.SIGNED_IN, "Who is signed in", None, SessionAnswer),
        Route("DELETE", path, sign_out, Access.SIGNED_IN, "Sign out", success=204),
    ]
