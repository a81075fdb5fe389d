"""Puts the web application together, and runs it.

``build_app`` takes everything by argument; tests give it fakes. ``WebServer`` listens on a port until it is stopped.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry

from cti.web.access import (
    RULES,
    Tokens,
    access_middleware,
    errors_middleware,
    headers_middleware,
)
from cti.web.door import Door
from cti.web.pages import page_routes
from cti.web.routing import MAX_BODY, Route, Rule
from cti.web.security import OriginRule, security_headers
from cti.web.session_routes import session_routes
from cti.web.signin import SignInDesk
from cti.web.system_routes import Alarms, Health, system_routes
from cti.web.token_routes import token_routes
from cti.web.tokens import TokenDesk

STATIC_DIR = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class WebParts:
    """What the application is made of."""

    desk: SignInDesk
    origins: OriginRule
    health: Health
    alarms: Alarms = dict
    routes: Sequence[Route] = ()  # of the departments
    connect: Sequence[str] = ()  # the browser phones' WebSocket: ws://host:port
    frames: Callable[[], Sequence[str]] = tuple  # whose pages may stand in a frame, as it is now
    static_dir: Path = STATIC_DIR
    registry: CollectorRegistry = REGISTRY
    tokens: Tokens = field(default_factory=Tokens)
    programs: TokenDesk | None = None  # None: nobody's program comes in
    on_stop: Sequence[Callable[[], Awaitable[None]]] = ()  # ends what keeps connections open


def own_origins(allowed: Iterable[str]) -> OriginRule:
    """The origins of this machine and those of the settings."""
    names = {"localhost", socket.gethostname().lower()}
    return OriginRule(frozenset(origin.rstrip("/") for origin in allowed), frozenset(names))


def build_app(parts: WebParts) -> web.Application:
    """Make the application. Every address in it is a ``Route`` with a rule."""
    app = web.Application(
        middlewares=[
            headers_middleware(_headers(parts)),
            errors_middleware,
            access_middleware(parts.desk, parts.origins, parts.tokens, parts.programs),
        ],
        client_max_size=MAX_BODY,
    )
    routes = [*session_routes(parts.desk), *parts.routes, *page_routes(parts.static_dir)]
    if parts.programs is not None:
        routes += token_routes(parts.programs)
    routes += system_routes(parts.health, parts.alarms, parts.registry, routes, _version())
    rules: dict[web.AbstractRoute, Rule] = {}
    for route in routes:
        rules[app.router.add_route(route.method, route.path, route.handler)] = route.rule
    app[RULES] = rules
    for stop in parts.on_stop:
        app.on_shutdown.append(_ignoring_app(stop))
    return app


def _headers(parts: WebParts) -> Callable[[], Mapping[str, str]]:
    """The headers, made anew only when the hosts of the frames have changed."""

    @functools.lru_cache(maxsize=1)
    def made(frames: tuple[str, ...]) -> Mapping[str, str]:
        return security_headers(parts.connect, frames)

    return lambda: made(tuple(parts.frames()))


def _ignoring_app(
    stop: Callable[[], Awaitable[None]],
) -> Callable[[web.Application], Awaitable[None]]:
    async def on_shutdown(_app: web.Application) -> None:
        await stop()

    return on_shutdown


def _version() -> str:
    try:
        return version("ringdesk")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"


class WebServer:
    """The application on a port, behind a door that counts."""

    def __init__(self, app: web.Application, host: str, port: int, door: Door) -> None:
        self._host = host
        self._port = port
        self._door = door
        self._runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=30, shutdown_timeout=2.0
        )

    async def start(self) -> int:
        """Listen; returns the port (the one the system chose where 0 was asked for).

        Raises:
            OSError: the port is in use or the address isn't ours.
        """
        await self._runner.setup()
        server = cast("web.Server", self._runner.server)  # there is one from now on
        return await self._door.open(server, self._host, self._port)

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        self._door.close()
        await self._runner.cleanup()
