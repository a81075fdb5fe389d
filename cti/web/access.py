"""The middlewares: who may use a route, and what every answer looks like.

Order, from the outside: headers on everything; errors into our JSON form; the rule of the route. A
route that isn't in the table of rules is refused, whatever it is.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from cti.domain.errors import CommandRefused, InvalidValue, SwitchUnavailable
from cti.domain.ids import AgentId
from cti.domain.people import Permission, Role, User
from cti.web.routing import SIGNED_IN, Access, ApiError, Handler, Rule, SignedIn, error_answer
from cti.web.security import SAFE_METHODS, OriginRule, is_loopback
from cti.web.signin import SignInDesk
from cti.web.tokens import TokenDesk

log = structlog.get_logger(__name__)

COOKIE = "rd_session"
CSRF_HEADER = "X-CSRF-Token"

COMMAND = User(AgentId("-command-"), "command", "ringdesk apply", "", "", Role.ADMINISTRATOR)
"""Who acts where somebody who may read the installation's secrets does, by one of our commands."""

RULES = web.AppKey("rules", dict[web.AbstractRoute, Rule])

_STATUS_IDS = {
    404: ("not_found", "There is nothing at this address."),
    405: ("wrong_method", "This address doesn't take that method."),
    413: ("too_large", "The body is too large."),
}


def headers_middleware(current: Callable[[], Mapping[str, str]]) -> Middleware:
    """Put the security headers, as they are now, on every answer."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = current()
        try:
            response = await handler(request)
        except web.HTTPException as exc:
            exc.headers.update(headers)
            raise
        if not response.prepared:
            for name, value in headers.items():
                response.headers.setdefault(name, value)  # a route may say otherwise
            if request.path.startswith("/api/"):
                response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware


@web.middleware
async def errors_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal into ``{"error": {"id", "message"}}``."""
    try:
        return await handler(request)
    except ApiError as exc:
        return error_answer(exc)
    except CommandRefused as exc:
        return error_answer(ApiError(409, exc.reason, str(exc)))
    except InvalidValue as exc:
        return error_answer(ApiError(400, "invalid_value", str(exc)))
    except SwitchUnavailable as exc:
        return error_answer(ApiError(503, "switch_unavailable", str(exc)))
    except web.HTTPException as exc:
        if exc.status < 400:
            raise
        error_id, message = _STATUS_IDS.get(exc.status, ("refused", exc.reason))
        keep = {k: v for k, v in exc.headers.items() if k in {"Allow", "Retry-After"}}
        return error_answer(ApiError(exc.status, error_id, message, keep))
    except ConnectionError:
        raise
    except OSError as exc:
        log.error("request failed", route=_route_name(request), error=str(exc))
        return error_answer(
            ApiError(503, "storage_unavailable", "The database does not answer. Try again soon.")
        )
    except Exception:  # the outermost frame of a request
        log.exception("request failed", route=_route_name(request))
        return error_answer(ApiError(500, "internal", "Something went wrong on our side."))


@dataclass(frozen=True, slots=True)
class Tokens:
    """Secrets by which programs come in; empty: nobody does."""

    command: str = ""  # our own commands, as an administrator, on this machine alone
    metrics: str = ""
    is_metrics_open: bool = False  # on this machine, without the token


def access_middleware(
    desk: SignInDesk, origins: OriginRule, tokens: Tokens, programs: TokenDesk | None
) -> Middleware:
    """Let through whoever the route's rule allows."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is not None:
            return await handler(request)  # 404 and 405 need no rule
        rule = request.app[RULES].get(request.match_info.route)
        if rule is None:
            raise ApiError(403, "no_rule", "This address has no rule of access; it is closed.")
        if rule is Access.SOCKET:
            return await handler(request)
        if rule is Access.METRICS:
            _check_metrics(request, desk, tokens)
            return await handler(request)
        _check_origin(request, desk, origins)
        if rule is Access.PROGRAM:
            if programs is None:
                raise ApiError(403, "no_programs", "No program may come in here.")
            request[SIGNED_IN] = await programs.find(_bearer(request))
        elif rule is not Access.PUBLIC:
            command = _command(request, desk, tokens) if rule is Permission.CONFIGURE else None
            request[SIGNED_IN] = command or await _check_session(request, desk, rule)
        return await handler(request)

    return middleware


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _is_same(given: str, token: str) -> bool:
    return bool(token) and hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _is_here(request: web.Request) -> bool:
    return is_loopback(request.remote) and "X-Forwarded-For" not in request.headers


def _check_metrics(request: web.Request, desk: SignInDesk, tokens: Tokens) -> None:
    given = _bearer(request)
    if given is not None and _is_same(given, tokens.metrics):
        return
    if given is None and tokens.is_metrics_open and _is_here(request):
        return
    desk.note("metrics_refused")
    challenge = {"WWW-Authenticate": "Bearer"}
    raise ApiError(401, "token_needed", "Send the token for figures as a bearer token.", challenge)


def _command(request: web.Request, desk: SignInDesk, tokens: Tokens) -> SignedIn | None:
    """Our own command, if it is one; None: a session decides."""
    given = _bearer(request)
    if given is None:
        return None
    if not _is_here(request) or not _is_same(given, tokens.command):
        desk.note("token_refused", detail=_route_name(request))
        raise ApiError(401, "token_refused", "This token isn't ours.")
    return SignedIn.by_token(COMMAND)


async def _check_session(request: web.Request, desk: SignInDesk, rule: Rule) -> SignedIn:
    who = await desk.find(request.cookies.get(COOKIE, ""))
    if who is None:
        raise ApiError(401, "not_signed_in", "Sign in first; the session may have expired.")
    if request.method not in SAFE_METHODS and not hmac.compare_digest(
        request.headers.get(CSRF_HEADER, "").encode("utf-8", "replace"),
        who.session.csrf_token.encode(),
    ):
        desk.note("csrf_refused", by=who.user.user_id)
        raise ApiError(403, "csrf", f"The header {CSRF_HEADER} is missing or wrong.")
    if isinstance(rule, Permission) and not who.user.may(rule):
        desk.note("permission_refused", by=who.user.user_id, detail=rule.value)
        raise ApiError(403, "not_allowed", "Your role doesn't allow this.")
    return who


def _check_origin(request: web.Request, desk: SignInDesk, origins: OriginRule) -> None:
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    is_foreign = (
        not origins.allows(origin, request.host)
        if origin is not None
        else request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
    )
    if is_foreign:
        desk.note("foreign_origin", detail=request.path[:100])
        raise ApiError(403, "foreign_origin", "This page may not talk to us.")


def _route_name(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""
