"""What a route is, and how a handler reads its request and refuses it.

A route can't be declared without a rule that says who may use it, and the application serves
nothing that isn't a ``Route``: what has no rule doesn't exist. Errors leave as
``{"error": {"id": …, "message": …}}``; the id is stable and for programs, the message for people.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cti.domain.people import Permission, User
from cti.ports import Session

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ModelT = TypeVar("ModelT", bound=BaseModel)

CommandKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
"""By which a command sent again is known: it does nothing and gets the same answer."""

MAX_BODY = 64 * 1024
"""Bytes of a request body; more is answered with 413."""

BODY_SECONDS = 20.0
"""Until a body must be whole; then 408."""


class Access(enum.Enum):
    """Who may use a route, where no single permission says it."""

    PUBLIC = "public"  # anybody who reaches us
    SIGNED_IN = "signed_in"  # every person with a session
    PROGRAM = "program"  # a program with a person's token; no session stands in its place
    METRICS = "metrics"  # who has the token; by setting, programs on this machine
    SOCKET = (
        "socket"  # a WebSocket: the route itself checks Origin and session, and closes with a code
    )


Rule = Access | Permission


@dataclass(frozen=True, slots=True)
class Route:
    """One address of the application. ``summary`` and the models go into the API's description.

    ``query`` is the model of what may stand behind the question mark; read it with ``read_query``.
    """

    method: str
    path: str
    handler: Handler
    rule: Rule
    summary: str
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    success: int = 200
    query: type[BaseModel] | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who asks, and by which session."""

    user: User
    session: Session

    @classmethod
    def by_token(cls, user: User) -> SignedIn:
        """Who came in without a browser: nothing stands in place of the session."""
        long_ago = datetime.fromtimestamp(0, UTC)
        return cls(user, Session("", user.user_id, "", long_ago, long_ago, long_ago))


class Body(BaseModel):
    """Base of request bodies: unknown keys are refused, values are what they say they are."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Query(BaseModel):
    """Base of query parameters: unknown ones are refused; values are read from text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiError(Exception):
    """A request that is refused. ``error_id`` is stable; don't rename one, programs compare it."""

    def __init__(
        self, status: int, error_id: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.error_id = error_id
        self.message = message
        self.headers = headers or {}
        super().__init__(message)


SIGNED_IN = web.RequestKey("signed_in", SignedIn)
"""Set by the access middleware on routes that need a session."""


def signed_in(request: web.Request) -> SignedIn:
    """Who asks; only on routes whose rule asks for a session."""
    return request[SIGNED_IN]


def error_answer(error: ApiError) -> web.Response:
    """The answer of a refused request."""
    return web.json_response(
        {"error": {"id": error.error_id, "message": error.message}},
        status=error.status,
        headers=error.headers,
    )


def json_answer(answer: BaseModel) -> web.Response:
    """The answer of a request that succeeded."""
    return web.Response(text=answer.model_dump_json(), content_type="application/json")


async def read_body(request: web.Request, model: type[ModelT]) -> ModelT:
    """Read a JSON body.

    Raises:
        ApiError: not JSON (415, 400), not of the model's shape (400), too slow (408).
    """
    if request.content_type != "application/json":
        # Also what keeps a form of a foreign page out: browsers ask before they send JSON abroad.
        raise ApiError(415, "not_json", "Send the body as application/json.")
    async with in_time():
        raw = await request.read()
    return parse_model(raw, model)


@contextlib.asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """For reading a body: who sends it byte by byte holds up himself, not for ever.

    Raises:
        ApiError: 408, it wasn't whole in time.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            yield
    except TimeoutError as exc:
        raise ApiError(408, "too_slow", "The body did not come in time.") from exc


def read_query(request: web.Request, model: type[ModelT]) -> ModelT:
    """Read the query parameters.

    Raises:
        ApiError: 400; one is unknown, given twice or not of its type. The message names it, never the value.
    """
    given = request.query
    if len(set(given)) != len(given):
        raise ApiError(400, "wrong_query", "A parameter is given twice.")
    try:
        return model.model_validate(dict(given))
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:100] or "query"
        raise ApiError(400, "wrong_query", f"{place}: {first['msg']}") from exc


def parse_model(raw: bytes | str, model: type[ModelT]) -> ModelT:
    """Read JSON text into a model.

    Raises:
        ApiError: 400; the message names the place, never the value.
    """
    try:
        document: Any = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise ApiError(400, "not_json", "The body is not JSON.") from exc
    try:
        return model.model_validate(document)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:100] or "body"
        raise ApiError(400, "wrong_shape", f"{place}: {first['msg']}") from exc
